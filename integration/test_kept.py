"""What is brought back is what was kept, whatever was done to it meanwhile."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from integration.faults.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    Verb = Callable[[Path, Path], object]

PATHS = (*"abc", "link", "new", "sub", "sub/a", "sub/d", "sub/link", "sub/deep", "sub/deep/e")
MOMENT = 1_600_000_000_123_456_789


def rewrite(one: Path, _two: Path) -> None:
    """Write into a file, with the same size, and the same time afterwards."""
    before = one.stat()
    with one.open("r+b") as stream:
        stream.write(b"C")
    os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(one: Path, _two: Path) -> None:
    """Give a file another inode, and change nothing else."""
    shutil.copy2(one, f"{one}-aside")
    Path(f"{one}-aside").replace(one)


def append(one: Path, _two: Path) -> None:
    """Make a file longer."""
    with one.open("ab") as stream:
        stream.write(b"more")


def remove(one: Path, _two: Path) -> None:
    """Remove a file, a link, or a folder with all that is in it."""
    if one.is_dir() and not one.is_symlink():
        shutil.rmtree(one)
    else:
        one.unlink()


def link(one: Path, two: Path) -> None:
    """Let another name have the inode."""
    two.unlink(missing_ok=True)
    os.link(one, two, follow_symlinks=False)


def symlink(one: Path, two: Path) -> None:
    """Put a link in the place of a file."""
    one.unlink(missing_ok=True)
    one.symlink_to(two.name)


VERBS: dict[str, Verb] = {
    "rewrite": rewrite,
    "replace": replace,
    "append": append,
    "remove": remove,
    "link": link,
    "symlink": symlink,
    "rename": lambda one, two: one.rename(two),
    "copy": shutil.copy2,
    "chmod": lambda one, _two: one.chmod(0o700),
    "touch": lambda one, _two: os.utime(one),
    "make a folder": lambda one, _two: one.mkdir(),
    "make a file": lambda one, _two: one.touch(exist_ok=False),
}
paths = st.sampled_from(PATHS)
changes = st.lists(st.tuples(st.sampled_from(sorted(VERBS)), paths, paths), max_size=8)


def make(world: Path) -> None:
    """Make a world: files, some of which share an inode, folders, links."""
    (world / "sub" / "deep").mkdir(parents=True)
    for path in ("a", "b", "sub/a", "sub/deep/e"):
        (world / path).write_text(f"content of {path}")
    (world / "b").write_text("content of a")
    os.link(world / "a", world / "c")
    os.link(world / "a", world / "sub/d")
    (world / "link").symlink_to("a")
    (world / "sub/link").symlink_to("nowhere")
    (world / "sub/a").chmod(0o755)
    for folder, names, files in os.walk(world):
        for name in (*names, *files):
            os.utime(os.path.join(folder, name), ns=(MOMENT, MOMENT), follow_symlinks=False)


def described(world: Path) -> dict[str, tuple[object, ...]]:
    """Return all that there is to know of a world, but for inode numbers."""
    first: dict[int, str] = {}
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted([world, *world.rglob("*")]):
        status = path.lstat()
        content: object = None
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = path.read_bytes()
        name = path.relative_to(world).as_posix()
        nlink = 0 if stat.S_ISDIR(status.st_mode) else status.st_nlink
        owner = (status.st_uid, status.st_gid, status.st_mode)
        inode = first.setdefault(status.st_ino, name)
        found[name] = (owner, status.st_mtime_ns, nlink, inode, content)
    return found


@settings(max_examples=150, deadline=None)
@example([[("link", "a", "b")], [("rewrite", "a", "a")]])  # filecmp knew these two from before
@given(st.lists(changes, min_size=1, max_size=3))
def test_whatever_was_done_is_undone(rounds: list[list[tuple[str, str, str]]]) -> None:
    """Types, contents, modes, times, links, and who shares an inode with whom, each time."""
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder, "world")
        make(world)
        kept = Kept(str(world), str(Path(folder, "saved")))
        before = described(world)
        kept.keep()
        kept.bring_back()
        assert before == described(world)
        for done in rounds:
            for verb, path, other in done:
                with suppress(OSError):  # not everything can be done to everything
                    VERBS[verb](world / path, world / other)
            kept.bring_back()
            assert before == described(world), done


@pytest.fixture(name="kept_world")
def _kept_world(tmp_path: Path) -> tuple[Path, Kept]:
    """Return a world that is kept, and was brought back once."""
    world = tmp_path / "world"
    make(world)
    kept = Kept(str(world), str(tmp_path / "saved"))
    kept.keep()
    kept.bring_back()
    return world, kept


def test_what_has_not_changed_stays(kept_world: tuple[Path, Kept]) -> None:
    """Only what was changed is made anew, and a world that is gone is, whole."""
    world, kept = kept_world
    before = {path: (world / path).lstat().st_ino for path in ("a", "sub/a", "sub/deep", "link")}
    (world / "sub/a").write_text("changed")

    kept.bring_back()

    after = {path: (world / path).lstat().st_ino for path in before}
    # What is made anew may get the inode that it had.
    assert {"sub/a"} >= {path for path in before if before[path] != after[path]}
    assert "content of sub/a" == (world / "sub/a").read_text()
    shutil.rmtree(world)
    kept.bring_back()
    assert "content of a" == (world / "sub/d").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="an owner can be given away by root alone")
def test_owners_come_back(kept_world: tuple[Path, Kept]) -> None:
    """A file or a folder that was given away belongs to whom it belonged to."""
    world, kept = kept_world
    before = described(world)
    for path in ("a", "sub", "sub/deep/e"):
        os.chown(world / path, 12, 34)

    kept.bring_back()

    assert before == described(world)
