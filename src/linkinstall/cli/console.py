"""Write results, messages, warnings and errors to where each belongs.

Purpose: standard output takes results, standard error everything else; nothing that
comes from a wheel or a disk can steer the terminal.

Calling sequence::

    console = Console(sys.stdout, sys.stderr)
    console.message("unpacking a.whl")
    console.result("rich 14.0.0 whole")
    lost = console.close()          # writes the results

Guarantees: control characters, direction marks and lone surrogates are escaped;
characters that the stream's encoding lacks are, too. Results are written at once at
the end. A reader that has gone is not an error.

Errors: none raised; ``close`` returns the error that kept results from being written.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO

    from linkinstall.cli.progress import Progress

__all__ = ["Console", "escaped"]

# What Windows says of a pipe without a reader, Python's files tell as "invalid argument".
_READER_GONE = (errno.EPIPE, errno.EINVAL) if os.name == "nt" else (errno.EPIPE,)


class Console:
    """The two streams of a call.

    :param stdout: takes results; None is a closed descriptor
    :param stderr: takes messages, warnings and errors; None swallows them
    """

    def __init__(self, stdout: TextIO | None, stderr: TextIO | None) -> None:
        self.quiet = False
        self.verbose = False
        self._stdout = stdout
        self._stderr = stderr
        self._results: list[str] = []
        self._progress: Progress | None = None

    def result(self, lines: Iterable[str]) -> None:
        """Keep lines for standard output."""
        self._results.extend(escaped(line) for line in lines)

    def raw_result(self, text: str) -> None:
        """Keep a text for standard output that needs no escaping (JSON)."""
        self._results.append(text)

    def message(self, *lines: str) -> None:
        """Write lines to standard error, unless only errors are wanted."""
        if lines and not self.quiet:
            self._tell(lines)

    def error(self, *lines: str) -> None:
        """Write lines to standard error."""
        self._tell(lines)

    def is_watched(self, environ: Mapping[str, str]) -> bool:
        """Return whether messages go to a terminal that a person reads."""
        try:
            seen = self._stderr is not None and self._stderr.isatty()
        except ValueError:  # closed
            return False
        return seen and not self.quiet and (environ.get("TERM") or "dumb") != "dumb"

    def progress(self, wheel: str, number: int, total: int, part: float) -> None:
        """Draw how far unpacking is; see :mod:`linkinstall.cli.progress`.

        Only where :meth:`is_watched`.
        """
        if self._progress is None and self._stderr is not None:
            from linkinstall.cli.progress import Progress

            self._progress = Progress(self._stderr)
        if self._progress is not None:
            self._progress(wheel, number, total, part)

    def _end_progress(self) -> None:
        if self._progress is not None:
            self._progress.close()

    def close(self) -> OSError | None:
        """Write the results; return what prevented it, unless the reader has gone."""
        self._end_progress()
        if not self._results:
            return None
        if self._stdout is None:
            return _closed()
        text = "".join(f"{line}\n" for line in self._results)
        self._results.clear()
        try:
            self._stdout.write(_encodable(text, self._stdout))
            self._stdout.flush()
        except ValueError:  # closed by the caller
            return _closed()
        except OSError as error:
            _discard(self._stdout)
            return None if error.errno in _READER_GONE else error
        return None

    def _tell(self, lines: Iterable[str]) -> None:
        self._end_progress()
        if self._stderr is None:
            return
        text = "".join(f"{escaped(line)}\n" for line in lines)
        try:
            self._stderr.write(_encodable(text, self._stderr))
            self._stderr.flush()
        except (OSError, ValueError):
            pass  # nobody listens; the exit status still tells


def escaped(text: str) -> str:
    """Return ``text`` with everything that could steer a terminal written as an escape."""
    if text.isprintable():
        return text
    return "".join(character if _harmless(character) else _escape(character) for character in text)


def _harmless(character: str) -> bool:
    # isprintable() is false for spaces other than " ", which names in Japanese hold.
    return character.isprintable() or _category(character) == "Zs"


def _category(character: str) -> str:
    from unicodedata import category

    return category(character)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _encodable(text: str, stream: TextIO) -> str:
    """Return ``text`` with escapes for what the stream's encoding lacks."""
    encoding = getattr(stream, "encoding", None)
    if text.isascii() or not encoding:
        return text
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _closed() -> OSError:
    return OSError(errno.EBADF, "standard output is closed")


def _discard(stream: TextIO) -> None:
    """Close a stream that cannot be written, or the interpreter tries again at its end."""
    try:
        stream.close()
    except OSError:
        pass
