"""Whatever others do between a kill and the recovery, nothing of theirs is lost, nor of old.

A part of gate R2: stories are told by chance, a sample here, and thousands by ``make sweeps``
(``LINKINSTALL_SWEEP=full``). The broken builds below are tests of these tests.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from linkinstall.identity import Identity
from linkinstall.removal import Removal
from linkinstall.settle import Settlement
from tests.support.neighbours import Story
from tests.support.sweep import quick_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

FULL = os.environ.get("LINKINSTALL_SWEEP") == "full"
PARTS = 40 if FULL else 4
STORIES = 150 if FULL else 30
"""In each part."""


def told(seeds: Iterable[int]) -> Iterator[Story]:
    """Tell stories, and yield those in which others acted beside something unfinished."""
    for seed in seeds:
        with quick_folder() as folder:
            story = Story(folder, seed)
            if story.tell() or story.problems:
                story.told.insert(0, f"seed {seed}")
                yield story


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_and_nothing_is_left(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    """Each file is as it was, or as the last who had a right to it has left it."""
    met = 0
    for story in told(range(part * STORIES, (part + 1) * STORIES)):
        assert [] == story.problems, "\n".join(story.told)
        met += 1

    record_property("swept", ("stories in which others act", met, 0))
    assert STORIES / 10 < met


def listed_by_anyone(self: Identity, path: str, index: int | None = None) -> bool:
    """Take our own RECORD for that of another tool."""
    del self, path, index
    return True


def told_by_path(self: Settlement, path: str, *_asked: object) -> bool:
    """Take whatever stands at a planned path for ours."""
    return self.files.status(path) is not None


@pytest.mark.parametrize(
    ("broken", "name", "how", "found"),
    [
        (Identity, "listed", listed_by_anyone, "left of ours"),
        (Settlement, "_is_ours", told_by_path, "lost of others"),
    ],
)
def test_a_broken_build_is_caught(
    monkeypatch: pytest.MonkeyPatch, broken: type, name: str, how: object, found: str
) -> None:
    """Stories show what a build loses, or leaves."""
    monkeypatch.setattr(broken, name, how)

    problems = (problem for story in told(range(60)) for problem in story.problems)
    assert any(problem.startswith(found) for problem in problems)


def test_a_build_that_keeps_no_account_of_others_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a change has overwritten becomes trash where another tool has the project."""
    kept = Removal.take_files

    def own(self: Removal, folder: str, names: Iterable[str], change: int, **_how: bool) -> None:
        kept(self, folder, names, change)

    monkeypatch.setattr(Removal, "take_files", own)

    problems = (problem for story in told(range(300)) for problem in story.problems)
    assert any(problem.startswith("lost of") for problem in problems)
