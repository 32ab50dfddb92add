"""Turn the first request to stop into an exception, so that changes are put back.

Purpose: SIGINT and SIGTERM raise in the main thread; a verb rolls back on any
exception and lets it pass, and ``main`` turns it into exit status 130 or 143.

Calling sequence: ``listen()`` once, at the start of the process.

Guarantees: a second signal, while things are being put back, is answered with a message
only; from the third one on each raises again, so that nothing can keep the process for
ever (``linkinstall.interrupts`` holds them back where that would do harm). A signal
that was ignored when the process began stays ignored, as under ``nohup``.

Errors: none.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as signal_module
else:
    # The C module below `signal`, which wraps it in enumerations: importing `enum`
    # takes 6 ms, half of what a warm install may take.
    import _signal as signal_module

__all__ = ["Termination", "listen"]

SECOND = 2


_ANSWERED = [signal_module.SIGINT, signal_module.SIGTERM]
if hasattr(signal_module, "SIGBREAK"):  # Ctrl-Break, and how Windows ends a process group
    _ANSWERED.append(signal_module.SIGBREAK)


class Termination(KeyboardInterrupt):
    """The process was asked to end (SIGTERM)."""

    exit_status = 143


class Listener:
    """Counts the signals of this process and answers each."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, number: int, _frame: object) -> None:
        """Answer signal ``number``.

        :raises KeyboardInterrupt: but for the second signal; ``Termination`` for SIGTERM
        """
        self.count += 1
        if self.count == SECOND:
            _say("still putting things back")
            return
        raise KeyboardInterrupt if number == signal_module.SIGINT else Termination


def listen() -> None:
    """Answer SIGINT and SIGTERM from now on, where they are not ignored."""
    listener = Listener()
    for number in _ANSWERED:
        if signal_module.getsignal(number) != signal_module.SIG_IGN:
            signal_module.signal(number, listener)


def _say(message: str) -> None:
    try:
        sys.stderr.write(f"{message}\n")
        sys.stderr.flush()
    except (AttributeError, OSError, RuntimeError, ValueError):
        # No terminal, a closed one, or one that was being written to just now.
        pass
