"""Tests of ``linkinstall.fs.parallel``."""

from __future__ import annotations

import errno
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.fs import crew, local
from linkinstall.fs.parallel import SharedPlacing
from tests.support.batches import Odd, batches
from tests.support.events import until
from tests.support.faulty import LocalFileSystem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from linkinstall.fs.port import Refusal

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX has fork")


@pytest.fixture(autouse=True)
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three processes work, on parts that are no larger than a folder."""
    monkeypatch.setattr(crew, "workers", lambda: 3)
    monkeypatch.setattr(limits, "PART_OF_LINKS", 1)


@pytest.mark.parametrize("counts", [(1,), (1, 1), (5, 1, 9, 2, 2, 7), (0, 4), (3, 3, 3)])
def test_everything_is_placed_once(tmp_path: Path, counts: tuple[int, ...]) -> None:
    """However the batches are shared out, each file is placed, and nothing is refused."""
    made = batches(tmp_path, *counts)

    assert [[]] * len(counts) == SharedPlacing(local(), made).finish()
    for _, _, target, names, _ in made:
        assert sorted(names) == sorted(os.listdir(target))


def test_folders_are_made_by_whoever_comes_first(tmp_path: Path) -> None:
    """Parts of several processes need the same folders, and all are there in the end."""
    made = []
    for number, (mode, source, target, names, root) in enumerate(batches(tmp_path, *[2] * 60)):
        folder = f"{root.rpartition('/')[0]}/deep"
        os.makedirs(folder, exist_ok=True)
        made.append((mode, source, f"{folder}/{number % 3}/{number % 7}/{number}", names, folder))
        assert target == root

    assert [[]] * 60 == SharedPlacing(local(), made).finish()
    for _, _, target, names, _ in made:
        assert sorted(names) == sorted(os.listdir(target))


def test_refusals_come_back_with_their_batch(tmp_path: Path) -> None:
    """A refusal of a child has its name, number and path, where it belongs."""
    made = batches(tmp_path, 2, 1, 6, 5)

    refused = SharedPlacing(Odd(), made).finish()

    assert [["f1"], [], ["f1", "f4"], ["f1", "f4"]] == [[n for n, _ in one] for one in refused]
    error = refused[3][1][1]
    assert (errno.EMLINK, f"{made[3][2]}/f4") == (error.errno, error.filename)


def test_an_error_of_any_part_is_raised_with_its_path(tmp_path: Path) -> None:
    """What ends a child's part ends the whole, as it would have in one process."""
    made = batches(tmp_path, 4, 4, 6)

    with pytest.raises(OSError, match="No space") as caught:
        SharedPlacing(Odd("f5"), made).finish()

    assert (errno.ENOSPC, f"{made[2][2]}/f5") == (caught.value.errno, caught.value.filename)


class Dying(LocalFileSystem):
    """Dies in whatever process is not this one, which waits for that."""

    def __init__(self, sign: Path) -> None:
        self.here = os.getpid()
        self.sign = sign

    def place(self, mode: str, source: str, target: str, names: Sequence[str]) -> list[Refusal]:
        """Place, once another process has come to its turn."""
        if os.getpid() != self.here:
            self.sign.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        until(self.sign.exists)
        return super().place(mode, source, target, names)


def test_a_child_that_dies_is_an_error(tmp_path: Path) -> None:
    """Nothing passes for placed because nobody has said otherwise; a folder of it is named."""
    whole = batches(tmp_path, 4, 4, 4, 4)
    made = [(mode, source, f"{to}/in", names, root) for mode, source, to, names, root in whole]

    with pytest.raises(OSError, match="has died") as caught:
        SharedPlacing(Dying(tmp_path / "sign"), made).finish()

    assert caught.value.filename in {target for _, _, target, _, _ in made}


def test_what_is_abandoned_is_placed_no_further(tmp_path: Path) -> None:
    """After it nothing changes any more, and a part that had begun is whole."""
    made = batches(tmp_path, *[3] * 200)
    placing = SharedPlacing(local(), made)

    placing.abandon()

    seen = [len(os.listdir(target)) for _, _, target, _, _ in made]
    assert {0, 3} >= set(seen)
    time.sleep(0.05)
    assert seen == [len(os.listdir(target)) for _, _, target, _, _ in made]


@pytest.mark.parametrize(
    ("processes", "mode", "shared"),
    [(True, "hardlink", True), (True, "copy", True), (False, "copy", False)],
)
def test_it_is_taken_where_there_is_enough_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, processes: bool, mode: str, shared: bool
) -> None:
    """The port shares from some thousand links on, a copy counting for several, where it may."""
    monkeypatch.setattr(limits, "FORK_FROM_LINKS", 9 if mode == "hardlink" else 72)
    made = [(mode, *one[1:]) for one in batches(tmp_path, 3, 3, 3)]

    placing = local().placing(made, processes=processes)

    assert shared == isinstance(placing, SharedPlacing)
    assert [[], [], []] == placing.finish()
    assert not isinstance(local().placing(made[:2], processes=processes), SharedPlacing)
