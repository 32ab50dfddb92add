"""Progress: what takes long says what it is at, to a person at a terminal."""

from __future__ import annotations

import io
import sys
from importlib.util import find_spec

import pytest

from linkinstall import limits
from linkinstall.cli import progress
from linkinstall.cli.progress import Progress
from tests.support.gates import require

ERASE = "\r\x1b[K"


class Terminal(io.StringIO):
    """A terminal that is only written to."""

    encoding = "ascii"

    def isatty(self) -> bool:
        """Say that somebody looks on."""
        return True


class Gone(Terminal):
    """A terminal whose window has been closed."""

    def write(self, _text: str) -> int:
        """Fail as one does."""
        raise OSError(5, "Input/output error")


class Clock:
    """Goes on by what it is told to."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let the test say what time it is."""
    clock = Clock()
    monkeypatch.setattr(progress, "monotonic", clock)
    return clock


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``rich`` not be installed."""
    for name in ("rich", "rich.console", "rich.progress"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("plain")
def test_nothing_is_drawn_before_it_takes_long(clock: Clock) -> None:
    """What is over within half a second leaves a terminal alone."""
    terminal = Terminal()
    shown = Progress(terminal)
    clock.now += limits.PROGRESS_AFTER - 0.01
    shown("a-1.0-py3-none-any.whl", 1, 3, 0.5)
    shown.close()

    assert "" == terminal.getvalue()


@pytest.mark.usefixtures("plain")
def test_a_line_tells_which_wheel_and_how_far(clock: Clock) -> None:
    """One line, drawn over itself, which is gone at the end; anew if there is more to tell."""
    terminal = Terminal()
    shown = Progress(terminal)
    for number in (1, 2):
        clock.now += 1
        shown(f"p{number}.whl", number, 3, number / 4)
    shown.close()
    shown.close()
    clock.now += 1
    shown("p3.whl", 3, 3, 1)

    assert (
        f"{ERASE}unpacking 1 of 3:  25% of p1.whl{ERASE}unpacking 2 of 3:  50% of p2.whl{ERASE}"
        f"{ERASE}unpacking 3 of 3: 100% of p3.whl"
    ) == terminal.getvalue()


@pytest.mark.usefixtures("plain")
def test_it_is_drawn_no_oftener_than_eyes_can_follow(clock: Clock) -> None:
    """A thousand small wheels cost a few drawings."""
    terminal = Terminal()
    shown = Progress(terminal)
    clock.now += 1
    for number in range(1_000):
        shown("a.whl", number, 1_000, 0)

    assert 1 == terminal.getvalue().count(ERASE)


@pytest.mark.usefixtures("plain")
def test_a_name_cannot_steer_the_terminal(clock: Clock) -> None:
    """Escapes are shown as such, long names are cut, what cannot be encoded is replaced."""
    terminal = Terminal()
    shown = Progress(terminal)
    clock.now += 1
    shown("\x1b]0;owned\x07\u202eevil\n-\u00e9" + "x" * 300, 1, 2, 0)
    drawn = terminal.getvalue().removeprefix(ERASE)

    assert drawn.isprintable()
    assert drawn.isascii()
    assert len(drawn) < 80


def test_a_terminal_that_has_gone_is_left_alone(clock: Clock) -> None:
    """An install goes on when the window is closed."""
    shown = Progress(Gone())
    clock.now += 1
    shown("a.whl", 1, 2, 0)
    clock.now += 1
    shown("b.whl", 2, 2, 0)
    shown.close()


def test_rich_draws_where_it_is_installed(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar with numbers and the name, no thread of its own, and no mark-up from a name."""
    require(find_spec("rich") is not None, "rich, the extra `progress`")
    monkeypatch.setenv("TERM", "xterm")
    import threading

    terminal = Terminal()
    shown = Progress(terminal)
    clock.now += 1
    before = threading.active_count()
    shown("[red]a-1.0-py3-none-any.whl", 3, 75, 0.5)

    assert before == threading.active_count()
    assert "3/75" in terminal.getvalue()
    assert "[red]a-1.0-py3-none-any.whl" in terminal.getvalue()
    shown.close()
    assert terminal.getvalue().endswith(("\x1b[2K", "\x1b[?25h", "\x1b[1A\x1b[2K"))
