"""Tests of ``linkinstall.fs.forks``."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.fs.forks import forked, workers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX has fork")


def saying(text: bytes) -> Callable[[], bytes]:
    """Return a work whose result is ``text``."""
    return lambda: text


def test_results_come_in_their_order() -> None:
    """The first work is done here, the others in children, and each result is where it belongs."""
    large = b"x" * 300_000

    assert [b"a", large, b"", b"d"] == forked([saying(one) for one in (b"a", large, b"", b"d")])


def test_children_are_other_processes() -> None:
    """Only the first work runs in this process."""
    ids = forked([lambda: str(os.getpid()).encode()] * 3)

    assert str(os.getpid()).encode() == ids[0]
    assert 3 == len(set(ids))


def test_a_child_that_fails_gives_nothing() -> None:
    """A work that raises, and one that is killed, give None; the others are not lost."""

    def fail() -> bytes:
        raise ValueError

    def die() -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        return b"never"

    assert [b"a", None, None, b"d"] == forked([saying(b"a"), fail, die, saying(b"d")])


def test_an_error_of_ones_own_ends_the_children(tmp_path: Path) -> None:
    """Whatever ends the first work ends the others, and they are waited for."""

    def slow() -> bytes:
        (tmp_path / "pid").write_text(str(os.getpid()))
        time.sleep(60)
        return b""

    def fail() -> bytes:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.001)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        forked([fail, slow])
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_child_runs_nothing_of_its_parents(capfd: pytest.CaptureFixture[str]) -> None:
    """A child leaves at once: no handler, and nothing that its parent had still to write."""
    read, write = os.pipe()
    stream = os.fdopen(write, "w")
    stream.write("once")

    forked([saying(b""), saying(b"")])

    stream.close()
    with os.fdopen(read) as reader:
        assert "once" == reader.read()
    assert ("", "") == capfd.readouterr()


def test_there_are_as_many_as_processors_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many work at once as there are processors for this process, and not too many."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(64)))
    assert limits.WORKERS == workers()

    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {3})
    assert 1 == workers()
