"""Removing large folders on several processors."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.fs import clearing, crew, local
from linkinstall.fs.clearing import remove_large_tree
from linkinstall.fs.port import FileSystem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from linkinstall.fs.port import Refusal

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX has fork")


@pytest.fixture(autouse=True)
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three processes work where there can be more than one, from four folders on."""
    if hasattr(os, "fork"):
        monkeypatch.setattr(crew, "workers", lambda: 3)
    monkeypatch.setattr(limits, "FORK_FROM_BRANCHES", 4)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with files on every level, and ten folders on the third."""
    top = tmp_path / "tree"
    for number in range(10):
        inner = top / "lib" / "site" / f"pkg{number}" / "deep"
        inner.mkdir(parents=True)
        for folder in (inner, inner.parent):
            (folder / "a.py").write_text("a\n")
    (top / "pyvenv.cfg").write_text("")
    (top / "lib" / "site" / "loose.py").write_text("")
    return top


@pytest.mark.parametrize("processes", [False, True])
def test_everything_goes(tree: Path, *, processes: bool) -> None:
    """However many work at it, nothing is left and nothing is told."""
    assert [] == remove_large_tree(local(), str(tree), processes=processes)
    assert not tree.exists()


@forks
def test_others_take_branches(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders of the first level that has many are shared out, and only where there is one."""
    shared: list[int] = []

    class Counted(crew.Crew):
        def __init__(self, do: object, count: int) -> None:
            shared.append(count)
            super().__init__(do, count)  # type: ignore[arg-type]

    monkeypatch.setattr(crew, "Crew", Counted)
    remove_large_tree(local(), str(tree), processes=True)
    (tree / "a" / "b").mkdir(parents=True)
    remove_large_tree(local(), str(tree), processes=True)

    assert [10] == shared


@pytest.mark.parametrize("processes", [False, True])
@pytest.mark.posix("symbolic links without privilege")
def test_links_are_removed_and_not_followed(tree: Path, tmp_path: Path, *, processes: bool) -> None:
    """A link among the branches goes; what it leads to stays."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.txt").write_text("mine\n")
    (tree / "lib" / "site" / "link").symlink_to(outside)
    remove_large_tree(local(), str(tree), processes=processes)

    assert not tree.exists()
    assert ["mine.txt"] == os.listdir(outside)


@pytest.mark.parametrize("processes", [False, True])
@pytest.mark.posix("symbolic links without privilege")
def test_a_link_in_the_place_of_the_folder_is_removed_alone(
    tree: Path, tmp_path: Path, *, processes: bool
) -> None:
    """A link that stands where the folder was goes; nothing behind it does.

    The branches were looked for before anybody had asked what stands there, so with
    several processes the folders that a link led to were emptied.
    """
    before = sorted(tree.rglob("*"))
    link = tmp_path / "link"
    link.symlink_to(tree)

    assert [] == remove_large_tree(local(), str(link), processes=processes)
    assert not link.is_symlink()
    assert before == sorted(tree.rglob("*"))


class Busy(FileSystem):
    """One name cannot be removed."""

    def unlink_all(self, folder: str, names: Iterable[str]) -> list[Refusal]:
        """Refuse the file of one folder."""
        if folder.endswith("/pkg3/deep"):
            return [(name, OSError(errno.EBUSY, "Busy", f"{folder}/{name}")) for name in names]
        return super().unlink_all(folder, names)


@forks
@pytest.mark.parametrize("processes", [False, True])
def test_what_refuses_is_told_once(tree: Path, *, processes: bool) -> None:
    """A busy file is named, whichever process met it; everything else is gone."""
    refused = remove_large_tree(Busy(), str(tree), processes=processes)

    assert [f"{tree}/lib/site/pkg3/deep/a.py"] == [path for path, _ in refused]
    left = [path for path in tree.rglob("*") if not path.is_dir()]
    assert [tree / "lib" / "site" / "pkg3" / "deep" / "a.py"] == left


def test_nothing_there_is_nothing_to_do(tmp_path: Path) -> None:
    """A folder that is gone already is no error."""
    assert [] == remove_large_tree(local(), str(tmp_path / "none"), processes=True)
    assert [] == clearing._branches(local(), str(tmp_path / "none"))
