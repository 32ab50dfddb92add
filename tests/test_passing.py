"""A cache that passes: it goes with its maker, whatever becomes of that."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from linkinstall.passing import PassingCache
from tests.support.wheels import make_wheel

DIES = """\
import os, sys
from linkinstall.passing import PassingCache
cache = PassingCache()
print(cache.path, flush=True)
cache.add(sys.argv[1])
if sys.argv[2] == "killed":
    os._exit(9)
raise SystemExit(1)
"""


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for temporary files of the test's own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("TMP", str(folder))
    return folder


def died(wheel: Path, how: str) -> str:
    """Return the path of a cache whose process has ended."""
    command = [sys.executable, "-c", DIES, str(wheel), how]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True, timeout=60)
    return told.stdout.strip()


def test_it_goes_when_it_is_removed(parent: Path, tmp_path: Path) -> None:
    """It is used as any cache, is ours alone, and leaves nothing behind; twice is once."""
    cache = PassingCache()
    assert cache.temporary
    assert cache.add(make_wheel(tmp_path, "pkg")).unpacked
    cache.remove()
    cache.remove()

    assert not list(parent.iterdir())


def test_it_goes_with_the_object(parent: Path) -> None:
    """One that was given up is removed when nobody can use it any more.

    It stayed for ever, as did that of an install that ended with an error.
    """
    cache = PassingCache()
    assert list(parent.iterdir())
    del cache
    gc.collect()

    assert not list(parent.iterdir())


def test_it_goes_at_the_end_of_its_process(parent: Path, tmp_path: Path) -> None:
    """A process that ends by an error leaves nothing."""
    assert died(make_wheel(tmp_path, "pkg"), "failed")
    assert not list(parent.iterdir())


def test_what_a_killed_process_left_goes_with_the_next(parent: Path, tmp_path: Path) -> None:
    """Whoever makes such a cache removes those that nobody holds, and no others."""
    used = PassingCache()
    left = died(make_wheel(tmp_path, "pkg"), "killed")
    assert Path(left).is_dir()
    other = parent / "linkinstall-other"
    other.mkdir()
    mine = PassingCache()

    assert not Path(left).parent.exists()
    assert {str(other), os.path.dirname(used.path), os.path.dirname(mine.path)} == {
        str(path) for path in parent.iterdir()
    }
    used.remove()
    mine.remove()


@pytest.mark.posix("modes of folders")
def test_a_folder_that_others_can_open_is_not_swept(parent: Path) -> None:
    """A folder of such a name that is not as we make them is somebody else's."""
    theirs = parent / "linkinstall-cache-theirs"
    (theirs / "0123456789abcdef").mkdir(parents=True)
    PassingCache().remove()

    assert (theirs / "0123456789abcdef").is_dir()


def test_a_forked_process_removes_nothing(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child of the maker that lets go of its copy does not take the maker's away."""
    cache = PassingCache()
    path = Path(cache.path)
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: -1)
        cache.remove()

    assert path.is_dir()
    assert [path.parent] == list(parent.iterdir())
