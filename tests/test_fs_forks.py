"""Tests of ``linkinstall.fs.forks``."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any

import pytest

from linkinstall import limits
from linkinstall.fs.forks import Child, workers

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX has fork")


def test_the_result_comes_back_whole() -> None:
    """However large it is, what the work returns is what the parent gets."""
    large = b"x" * 300_000
    children = [Child(lambda: large), Child(lambda: b"")]

    assert [large, b""] == [child.result() for child in children]


def test_it_is_another_process() -> None:
    """The work is done elsewhere, under the number that is told."""
    child = Child(lambda: str(os.getpid()).encode())

    assert os.getpid() != child.pid
    assert str(child.pid).encode() == child.result()


def test_a_child_that_fails_gives_nothing() -> None:
    """A work that raises, and one that is killed, give None."""

    def fail() -> bytes:
        raise ValueError

    def die() -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        return b"never"

    assert [None, None] == [Child(work).result() for work in (fail, die)]


def reap(*_: object) -> None:
    """Take the exit status of every child that has ended, as some programs do."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


@pytest.mark.parametrize("reaper", [signal.SIG_IGN, reap])
def test_a_result_counts_without_an_exit_status(reaper: Any) -> None:
    """Where somebody else has taken the exit status, results come, and failures give None.

    Story: a program that ignores SIGCHLD, as daemons do, hands that on to what it starts. There
    waiting ended with an error, and each install of more than a thousand files with "Bad file
    descriptor".
    """
    before = signal.signal(signal.SIGCHLD, reaper)
    try:
        works = (lambda: b"x" * 300_000, lambda: b"", lambda: b"%d" % (1 // 0))
        children = [Child(work) for work in works]

        assert [b"x" * 300_000, b"", None] == [child.result() for child in children]
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_child_runs_nothing_of_its_parents(capfd: pytest.CaptureFixture[str]) -> None:
    """A child leaves at once: no handler, and nothing that its parent had still to write."""
    read, write = os.pipe()
    stream = os.fdopen(write, "w")
    stream.write("once")

    Child(lambda: b"").result()

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
