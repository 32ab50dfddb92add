"""Progress for people: what takes long says what it is at, on a terminal.

Purpose: one line on standard error, from half a second on, which is gone when the call
ends. ``rich`` draws a bar where it is installed (the extra ``progress``), else it is plain
text.

Calling sequence: ``Console.progress`` has one where standard error is a terminal::

    progress = Progress(stderr)
    progress("numpy-2.4.0-….whl", 3, 75, 0.5) # again and again
    progress.close()                          # before anything else is written there

Guarantees: nothing is written to what is no terminal, and nothing before
``limits.PROGRESS_AFTER``. What comes from a wheel's name cannot steer the terminal. It has
no thread: the process may still be forked.

Errors: none; a terminal that cannot be written is left alone.
"""

from __future__ import annotations

import os
from time import monotonic

from linkinstall import limits
from linkinstall.cli.console import escaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    _Drawing = tuple[Callable[[str, int, int, float], None], Callable[[], None]]
    """How it is drawn, and how it is taken away."""

__all__ = ["Progress"]

_ERASE = "\r\x1b[K"


class Progress:
    """See the module docstring.

    :param stream: a terminal
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._began = monotonic()
        self._last = float("-inf")
        self._drawn: _Drawing | None = None

    def __call__(self, wheel: str, number: int, total: int, part: float) -> None:
        """Say that a wheel is being unpacked.

        :param wheel: its file name
        :param number: which one it is, from 1 on, of ``total``
        :param part: how much of it is unpacked, 0 to 1
        """
        now = monotonic()
        if now - self._began < limits.PROGRESS_AFTER or now - self._last < limits.PROGRESS_EVERY:
            return
        self._last = now
        try:
            if self._drawn is None:
                self._drawn = _bar(self._stream) or _line(self._stream)
            self._drawn[0](escaped(wheel), number, total, part)
        except (OSError, ValueError):
            self.close()

    def close(self) -> None:
        """Take away what is drawn; it is drawn anew when there is more to tell."""
        drawn, self._drawn = self._drawn, None
        try:
            if drawn is not None:
                drawn[1]()
        except (OSError, ValueError):
            pass  # nobody looks on any more


def _line(stream: TextIO) -> _Drawing:
    """Return how a plain line is drawn and taken away."""

    def draw(wheel: str, number: int, total: int, part: float) -> None:
        text = f"unpacking {number} of {total}: {part:4.0%} of {wheel}"
        try:
            width = os.get_terminal_size(stream.fileno()).columns
        except (OSError, ValueError):
            width = 80
        encoding = stream.encoding or "utf-8"
        shown = text.encode(encoding, "replace").decode(encoding)
        stream.write(_ERASE + shown[: width - 1])
        stream.flush()

    def erase() -> None:
        stream.write(_ERASE)
        stream.flush()

    return draw, erase


def _bar(stream: TextIO) -> _Drawing | None:
    """Return how ``rich`` draws a bar and takes it away, None where it is not installed."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar
    except ImportError:
        return None
    # No refreshing thread: this process is forked while the bar is up.
    bar = Bar(
        TextColumn("unpacking"),
        BarColumn(),
        TextColumn("{task.fields[number]}/{task.total:.0f}"),
        TextColumn("{task.description}", markup=False),
        console=Console(file=stream),
        auto_refresh=False,
        transient=True,
    )
    task = bar.add_task("", total=1, number=0)
    bar.start()

    def draw(wheel: str, number: int, total: int, part: float) -> None:
        # The bar moves within a wheel, too: often there is but one.
        done = number - 1 + part
        bar.update(task, description=wheel, completed=done, total=total, number=number)
        bar.refresh()

    return draw, bar.stop
