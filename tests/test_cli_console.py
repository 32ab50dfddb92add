"""Writing to the two streams."""

from __future__ import annotations

import errno
import io
import sys

import pytest

from linkinstall import limits
from linkinstall.cli import progress
from linkinstall.cli.console import Console, escaped


class Refusing(io.StringIO):
    """A stream whose every write fails."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, _text: str) -> int:
        """Fail as the operating system would."""
        raise self.error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rich 14.0.0", "rich 14.0.0"),
        ("naïve 日本\u3000語", "naïve 日本\u3000語"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[2J\x07\x7f\x9b", r"\x1b[2J\x07\x7f\x9b"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("\udcff", r"\udcff"),
        ("\u2028", r"\u2028"),
    ],
)
def test_nothing_steers_the_terminal(text: str, expected: str) -> None:
    """Control characters, direction marks and lone surrogates are escaped; letters are not."""
    assert expected == escaped(text)


def test_each_kind_has_its_stream() -> None:
    """Results go to standard output when the call ends, the rest to standard error at once."""
    stdout, stderr = io.StringIO(), io.StringIO()
    console = Console(stdout, stderr)
    console.result(["one\x1b", "two"])
    console.raw_result("{}")
    console.message("hello", "there\x1b")
    console.error("oh")

    assert "" == stdout.getvalue()
    assert "hello\nthere\\x1b\noh\n" == stderr.getvalue()
    assert console.close() is None
    assert "one\\x1b\ntwo\n{}\n" == stdout.getvalue()


def test_quiet_leaves_errors_and_results() -> None:
    """``-q`` silences messages and nothing else."""
    stdout, stderr = io.StringIO(), io.StringIO()
    console = Console(stdout, stderr)
    console.quiet = True
    console.message("hello")
    console.error("oh")
    console.result(["one"])
    console.close()

    assert ("one\n", "oh\n") == (stdout.getvalue(), stderr.getvalue())


def test_what_an_encoding_lacks_is_escaped() -> None:
    """A terminal that knows only ASCII gets escapes, not an exception."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    console = Console(stream, stream)
    console.error("naïve")
    console.result(["日"])
    console.close()

    assert b"na\\xefve\n\\u65e5\n" == stream.detach().getvalue()


def test_without_descriptors_only_a_result_is_missed() -> None:
    """Without the streams (``2>&-``) messages are swallowed."""
    console = Console(None, None)
    console.message("hello")
    console.error("oh")

    assert console.close() is None


def test_a_result_without_a_stream_is_lost() -> None:
    """A closed standard output (``>&-``) is reported as a full disk is.

    Story: `list --json >&-` ended with status 0, and nobody had its result.
    """
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed):
        console = Console(stream, io.StringIO())
        console.result(["one"])
        lost = console.close()

        assert lost is not None
        assert "closed" in str(lost.strerror)


def test_a_reader_that_has_gone_is_no_error() -> None:
    """A broken pipe is accepted, and the stream is closed so that nobody tries again."""
    stream = Refusing(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    console = Console(stream, io.StringIO())
    console.result(["one"])

    assert console.close() is None
    assert stream.closed


def test_a_full_disk_is_reported() -> None:
    """Results that could not be written are the caller's to report."""
    error = OSError(errno.ENOSPC, "No space left on device")
    console = Console(Refusing(error), io.StringIO())
    console.result(["one"])

    assert error is console.close()


def test_lost_messages_are_no_error() -> None:
    """Nothing fails because nobody can be told."""
    stdout = io.StringIO()
    console = Console(stdout, Refusing(OSError(errno.EIO, "Input/output error")))
    console.error("oh")
    console.result(["one"])
    console.close()

    assert "one\n" == stdout.getvalue()


class Terminal(io.StringIO):
    """A terminal that is only written to."""

    def isatty(self) -> bool:
        """Say that somebody looks on, unless it is closed."""
        super().isatty()
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "quiet", "expected"),
    [
        (Terminal(), {"TERM": "xterm"}, False, True),
        (Terminal(), {"TERM": "xterm"}, True, False),
        (Terminal(), {"TERM": "dumb"}, False, False),
        (Terminal(), {}, False, False),
        (Terminal(), {"TERM": ""}, False, False),
        (io.StringIO(), {"TERM": "xterm"}, False, False),
        (None, {"TERM": "xterm"}, False, False),
    ],
)
def test_progress_is_for_people(
    stream: io.StringIO | None, environ: dict[str, str], *, quiet: bool, expected: bool
) -> None:
    """Only a terminal that can be drawn on is, and not where only errors are wanted."""
    console = Console(io.StringIO(), stream)
    console.quiet = quiet

    assert expected == console.is_watched(environ)


def test_a_stream_that_is_closed_is_not_watched() -> None:
    """What has been closed cannot be drawn on."""
    stream = Terminal()
    stream.close()

    assert not Console(None, stream).is_watched({"TERM": "xterm"})


@pytest.mark.parametrize("how", ["message", "error", "close"])
def test_progress_gives_way_to_what_is_said(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """What is drawn is taken away before a message, an error or a result is written.

    Where a clock had not gone on since the console was made, as one of 15 ms on Windows, it hung
    on the rounding of the time whether as much as ``PROGRESS_EVERY`` was over: under Wine nothing
    was drawn from 8,192 s after the start of the machine on, nor between 1,024 and 2,048 s.
    """
    monkeypatch.setattr(progress, "monotonic", lambda: 8192.0625)
    monkeypatch.setattr(limits, "PROGRESS_AFTER", 0)
    for name in ("rich", "rich.console", "rich.progress"):
        monkeypatch.setitem(sys.modules, name, None)
    terminal = Terminal()
    console = Console(terminal, terminal)
    console.progress("a.whl", 1, 2, 0.5)
    if how == "close":
        console.result(["said"])
        console.close()
    else:
        getattr(console, how)("said")

    assert terminal.getvalue().endswith("a.whl\r\x1b[Ksaid\n")
