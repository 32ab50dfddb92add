"""The file-system port as callers get it: which one, how quickly, and what it never does."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from linkinstall import fs
from linkinstall.fs import local
from linkinstall.fs.port import FileSystem
from linkinstall.fs.posix import PosixFileSystem
from linkinstall.fs.windows import WindowsFileSystem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Verb = Callable[[FileSystem, str, str], object]


def test_everybody_gets_the_same_one() -> None:
    """The file system is chosen once."""
    assert local() is local()


@pytest.mark.parametrize(("name", "kind"), [("posix", PosixFileSystem), ("nt", WindowsFileSystem)])
def test_the_platform_chooses(
    name: str, kind: type[FileSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    """POSIX gets directory handles and flushes by volume, any other platform the plain verbs."""
    monkeypatch.setattr(fs, "_chosen", [])
    monkeypatch.setattr(fs, "os", SimpleNamespace(name=name))

    assert kind is type(local())


def test_choosing_costs_no_heavy_import() -> None:
    """What a warm install asks first loads nothing that costs more than its links."""
    code = (
        "import sys; from linkinstall.fs import local; local();"
        "print(*sorted({'pathlib', 'typing', 'dataclasses', 'shutil', 'ctypes', '_ctypes', 'fcntl',"
        " 'tempfile', 'subprocess'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert "" == done.stdout.strip()


# ------------------------------------------------------------------ the guarantees of the package


def _place(mode: str, files: FileSystem, source: str, target: str) -> None:
    folders = os.path.dirname(source), os.path.dirname(target)
    files.place(mode, *folders, [os.path.basename(target)])


MAKERS: dict[str, Verb] = {
    "make_folder": lambda files, _source, target: files.make_folder(target),
    "create": lambda files, _source, target: files.create(target).close(),
    "write_new": lambda files, _source, target: files.write_new(target, b"new"),
    "link_new": lambda files, source, target: files.link_new(source, target),
    "rename_new": lambda files, source, target: files.rename_new(source, target),
    "place hardlink": partial(_place, "hardlink"),
    "place symlink": partial(_place, "symlink"),
    "place copy": partial(_place, "copy"),
}


@pytest.fixture
def source(tmp_path: Path) -> str:
    """Make a file to place, under the name that it gets."""
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "name").write_text("new\n")
    return str(tmp_path / "from" / "name")


def a_file(path: Path) -> None:
    """Put a file there."""
    path.write_text("theirs\n")


def a_folder(path: Path) -> None:
    """Put an empty folder there, which a rename of a folder would replace."""
    path.mkdir()


def a_link(path: Path) -> None:
    """Put a link there that leads to a file."""
    (path.parent / "real").write_text("theirs\n")
    path.symlink_to(path.parent / "real")


def a_dangling_link(path: Path) -> None:
    """Put a link there that leads nowhere: writing through it would make a file elsewhere."""
    path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize("files", [local(), FileSystem()], ids=["local", "plain"])
@pytest.mark.parametrize("taken", [a_file, a_folder, a_link, a_dangling_link])
@pytest.mark.parametrize("verb", MAKERS)
def test_no_verb_takes_a_name_that_is_taken(
    files: FileSystem, taken: Callable[[Path], None], verb: str, source: str, tmp_path: Path
) -> None:
    """What makes or places something fails where anything stands, and leaves it as it is."""
    (tmp_path / "to").mkdir()
    target = tmp_path / "to" / "name"
    taken(target)
    before = [(path.name, path.lstat()[:9]) for path in sorted((tmp_path / "to").iterdir())]
    with pytest.raises(FileExistsError) as caught:
        MAKERS[verb](files, source, str(target))

    after = [(path.name, path.lstat()[:9]) for path in sorted((tmp_path / "to").iterdir())]
    assert before == after
    # Of link(2) and rename(2) it is the second name that is taken.
    assert str(target) in {caught.value.filename, caught.value.filename2}
    assert "new\n" == (tmp_path / "from" / "name").read_text()


@pytest.mark.parametrize("files", [local(), FileSystem()], ids=["local", "plain"])
def test_a_link_is_dropped_and_not_followed(files: FileSystem, tmp_path: Path) -> None:
    """Dropping a link to a file or a folder leaves what it points to."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("kept\n")
    for name, target in (("one", "folder"), ("two", "folder/file")):
        (tmp_path / name).symlink_to(tmp_path / target)
    files.unlink(f"{tmp_path}/one")
    refused = files.unlink_all(str(tmp_path), ["two"])

    assert [] == refused
    assert ["folder"] == os.listdir(tmp_path)
    assert "kept\n" == (tmp_path / "folder" / "file").read_text()


@pytest.mark.parametrize("files", [local(), FileSystem()], ids=["local", "plain"])
def test_errors_name_the_path(files: FileSystem, tmp_path: Path) -> None:
    """An error of the operating system says what it is about."""
    missing = f"{tmp_path}/missing/name"
    for verb in ("make_folder", "create", "unlink", "remove_folder", "read", "read_link"):
        with pytest.raises(FileNotFoundError) as caught:
            getattr(files, verb)(missing)
        assert missing == caught.value.filename, verb
