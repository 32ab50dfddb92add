"""Tests of ``linkinstall.fs.crew``."""

from __future__ import annotations

import errno
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.fs import crew
from linkinstall.fs.crew import Crew, parts_of
from tests.support.events import until

if TYPE_CHECKING:
    from pathlib import Path

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX has fork")


@pytest.fixture(autouse=True)
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three processes work."""
    monkeypatch.setattr(crew, "workers", lambda: 3)


@forks
@pytest.mark.parametrize("count", [0, 1, 2, 7, limits.CREW_PARTS])
def test_each_part_is_done_once(tmp_path: Path, count: int) -> None:
    """Whoever does it, each part is done once, and its answer stands in its place."""
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def do(number: int) -> tuple[int, str]:
        os.write(log, b"%d\n" % number)
        return number, "x" * 100

    assert [(number, "x" * 100) for number in range(count)] == Crew(do, count).finish()
    done = sorted(int(line) for line in (tmp_path / "log").read_text().split())
    assert list(range(count)) == done
    os.close(log)


@forks
@pytest.mark.parametrize("helpers", [0, 1])
def test_where_no_further_process_can_be_forked_the_others_do_it(
    monkeypatch: pytest.MonkeyPatch, helpers: int
) -> None:
    """A limit on processes costs time alone: each part is done, and nothing stays open.

    Story: in a container that had as many processes as it may have, what an uninstallation had
    taken out was not deleted, by this run and by each further one.
    """
    fork, left, before = os.fork, [None] * helpers, os.listdir("/dev/fd")

    def limited() -> int:
        if not left:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        left.pop()
        return fork()

    monkeypatch.setattr(os, "fork", limited)

    assert list(range(9)) == Crew(lambda number: number, 9).finish()
    assert len(before) == len(os.listdir("/dev/fd"))


@forks
def test_others_begin_at_once(tmp_path: Path) -> None:
    """What this process does meanwhile holds nobody up."""

    def do(number: int) -> int:
        (tmp_path / str(number)).write_text("")
        return os.getpid()

    team = Crew(do, 5)
    until(lambda: len(os.listdir(tmp_path)) == 5)

    assert os.getpid() not in team.finish()


@forks
def test_the_part_of_one_who_dies_has_no_answer(tmp_path: Path) -> None:
    """The others' answers are there; a helper's that was killed are None."""
    here = os.getpid()

    def do(number: int) -> int:
        if os.getpid() != here:
            (tmp_path / str(number)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    team = Crew(do, 9)
    until(lambda: os.listdir(tmp_path))  # or all is done here before a helper has begun
    answers = team.finish()

    assert {None, *range(9)} >= set(answers)
    assert 1 <= answers.count(None) <= 2


@forks
def test_an_error_of_ones_own_ends_it(tmp_path: Path) -> None:
    """What a part raises in this process comes out, and no helper is left."""
    here = os.getpid()

    def do(number: int) -> int:
        if os.getpid() == here:
            (tmp_path / "raised").touch()
            raise ValueError(number)
        until((tmp_path / "raised").exists)
        return number

    team = Crew(do, 50)
    with pytest.raises(ValueError, match=r"\d+"):
        team.finish()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@forks
def test_abandoning_leaves_what_nobody_has_begun(tmp_path: Path) -> None:
    """Each helper ends what it is at and takes no more; abandoning again does nothing."""

    def do(number: int) -> None:
        (tmp_path / str(number)).touch()
        time.sleep(0.2)

    team = Crew(do, 500)
    until(lambda: os.listdir(tmp_path))
    team.abandon()
    team.abandon()

    assert len(os.listdir(tmp_path)) < 500
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@forks
def test_helpers_end_with_their_parent(tmp_path: Path) -> None:
    """Once the parent is gone, a helper takes no further part."""
    ended, running = os.pipe()
    parent = os.fork()
    if not parent:

        def do(number: int) -> None:
            (tmp_path / f"{number}-{os.getpid()}").write_text("")
            time.sleep(0.1)

        Crew(do, 500)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    then = len(os.listdir(tmp_path))
    os.close(running)
    os.read(ended, 1)  # nothing more to read once nobody runs who has inherited the pipe
    os.close(ended)

    # Each of the two may have looked for its parent just before.
    seen = len(os.listdir(tmp_path))
    assert seen <= then + 2
    assert seen < 500


@pytest.mark.parametrize(
    ("weights", "least", "parts"),
    [
        ([], 5, []),
        ([1], 5, [(0, 1)]),
        ([5, 5, 5], 5, [(0, 1), (1, 2), (2, 3)]),
        ([1, 1, 9, 0, 2], 3, [(0, 3), (3, 5)]),
        ([0, 0], 3, [(0, 2)]),
    ],
)
def test_parts_are_worth_being_taken(
    weights: list[int], least: int, parts: list[tuple[int, int]]
) -> None:
    """Parts follow each other without a gap, and each but the last weighs something."""
    assert parts == parts_of(weights, least)


@pytest.mark.parametrize("weights", [[1] * 100_000, [0, 7] * 5_000, [10**6] * 3_000])
def test_there_are_never_more_parts_than_a_pipe_takes(weights: list[int]) -> None:
    """Whatever the weights are, the bound of the parts holds."""
    parts = parts_of(weights, 1)

    assert len(parts) <= limits.CREW_PARTS
    assert [0, *(end for _, end in parts)] == [*(begin for begin, _ in parts), len(weights)]
