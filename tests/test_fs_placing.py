"""Placing in one process: nothing happens before somebody waits for it."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs import local
from linkinstall.fs.placing import Placing, make_below
from tests.support.faulty import Denying, LocalFileSystem, NoHardLinks, Recording

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
        made.append(("hardlink", str(source), str(target), ["a", "b"], str(target)))
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


def test_folders_are_made_below_the_root(tmp_path: Path, batches: list[Batch]) -> None:
    """A batch brings its folder with it and what is missing above, as deep as it lies."""
    (mode, source, _, names, _), other = batches[0], tmp_path / "to1"
    deep = other / "x" / "y"
    (other / "z").mkdir()
    targets = [deep, other / "x", other / "z", other]

    placing = Placing(local(), [(mode, source, str(one), names, str(other)) for one in targets])

    assert [[]] * 4 == placing.finish()
    assert all(
        ["a", "b"] == sorted(x.name for x in one.iterdir() if x.is_file()) for one in targets
    )


def test_the_root_itself_is_not_made(tmp_path: Path, batches: list[Batch]) -> None:
    """An environment that somebody deletes meanwhile does not come back as folders of ours."""
    mode, source, _, names, _ = batches[0]
    gone = tmp_path / "gone"

    with pytest.raises(FileNotFoundError):
        Placing(local(), [(mode, source, f"{gone}/x/y", names, str(gone))]).finish()

    assert not gone.exists()


def test_each_folder_is_made_once(tmp_path: Path) -> None:
    """What is known to stand is not tried again; what others have made meanwhile is no error."""
    calls: list[str] = []

    class Noting(LocalFileSystem):
        def make_folder(self, path: str, mode: int = 0o777) -> None:
            calls.append(path)
            super().make_folder(path, mode)

    root, made = str(tmp_path), set[str]()
    (tmp_path / "a").mkdir()
    for folder in ("a/b", "a/c", "a/b", "a"):
        make_below(Noting(), f"{root}/{folder}", root, made)

    assert [f"{root}/{one}" for one in ("a", "a/b", "a/c")] == calls
    assert {"b", "c"} == {one.name for one in (tmp_path / "a").iterdir()}


def test_batches_share_the_folders_that_were_made(tmp_path: Path, batches: list[Batch]) -> None:
    """A folder that several batches go below is made by the first, and not tried by the others."""
    files, root = Recording(local()), str(tmp_path / "to0")
    deep = [f"{root}/a/b", f"{root}/a/c", f"{root}/a"]

    Placing(files, [(*batches[0][:2], one, ["a"], root) for one in deep]).finish()

    made = [one.path for one in files.changes if one.verb == "make_folder"]
    assert [f"{root}/a", f"{root}/a/b", f"{root}/a/c"] == made


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(batches: list[Batch]) -> None:
    """Only that it stands already is no reason to end; nothing is placed where it does not."""
    mode, source, root, names, _ = batches[0]
    files = Denying(local(), "make_folder", errno.ENOSPC)

    with pytest.raises(OSError, match="No space") as caught:
        Placing(files, [(mode, source, f"{root}/a/b", names, root)]).finish()

    assert f"{root}/a" == caught.value.filename


def test_an_error_that_nothing_mends_is_raised(batches: list[Batch]) -> None:
    """A full disk ends it at once, and names the path."""
    files = Denying(local(), "hardlink", errno.ENOSPC)

    with pytest.raises(OSError, match="No space") as caught:
        Placing(files, batches).finish()

    assert batches[0][2] in str(caught.value.filename)
