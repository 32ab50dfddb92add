"""Placing in one process: nothing happens before somebody waits for it."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs import local
from linkinstall.fs.placing import Placing
from tests.support.faulty import Denying, NoHardLinks

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.fs.port import Batch


@pytest.fixture
def batches(tmp_path: Path) -> list[Batch]:
    """Return two batches of two files each."""
    made: list[Batch] = []
    for number in "01":
        source, target = tmp_path / f"from{number}", tmp_path / f"to{number}"
        source.mkdir()
        target.mkdir()
        for name in ("a", "b"):
            (source / name).write_text(name)
        made.append(("hardlink", str(source), str(target), ["a", "b"]))
    return made


def placed(tmp_path: Path) -> list[str]:
    """Return what has been placed."""
    return sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("to*/*"))


def test_everything_is_placed_when_it_is_waited_for(tmp_path: Path, batches: list[Batch]) -> None:
    """Not before; and each batch has its refusals, here none."""
    placing = Placing(local(), batches)
    assert [] == placed(tmp_path)

    assert [[], []] == placing.finish()
    assert ["to0/a", "to0/b", "to1/a", "to1/b"] == placed(tmp_path)


def test_what_is_abandoned_is_never_placed(tmp_path: Path, batches: list[Batch]) -> None:
    """Nothing was begun, so nothing is left to be done."""
    Placing(local(), batches).abandon()

    assert [] == placed(tmp_path)


def test_refusals_come_with_their_batch(tmp_path: Path, batches: list[Batch]) -> None:
    """Each name that another link mode may help is told, with its reason."""
    (tmp_path / "to1" / "a").touch()
    with pytest.raises(FileExistsError):
        Placing(local(), batches[1:]).finish()
    refused = Placing(NoHardLinks(local()), batches[:1]).finish()

    assert [[("a", errno.EPERM), ("b", errno.EPERM)]] == [
        [(name, error.errno) for name, error in one] for one in refused
    ]


def test_an_error_that_nothing_mends_is_raised(batches: list[Batch]) -> None:
    """A full disk ends it at once, and names the path."""
    files = Denying(local(), "hardlink", errno.ENOSPC)

    with pytest.raises(OSError, match="No space") as caught:
        Placing(files, batches).finish()

    assert batches[0][2] in str(caught.value.filename)
