"""Tests of naming who holds a file."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs.holders import holders

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.posix("Windows has the Restart Manager instead of /proc")

MAP = "import mmap, sys; f = open(sys.argv[1]); m = mmap.mmap(f.fileno(), 0, prot=1); f.close()"
OPEN = "import sys; f = open(sys.argv[1])"


@pytest.mark.parametrize("how", [OPEN, MAP])
def test_a_process_that_has_a_file_is_named(how: str, tmp_path: Path) -> None:
    """Whoever has a file open, or mapped and closed, is named by pid and name."""
    (tmp_path / "file").write_bytes(b"contents")
    code = f"{how}; print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "file")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()

        found = holders(str(tmp_path / "file"))

        process.communicate()
    assert [process.pid] == [pid for pid, _ in found]
    assert found[0][1].startswith("python")


def test_nobody_holds_a_file_that_is_free_or_gone(tmp_path: Path) -> None:
    """A file that nobody has open, and one that is not there, are held by nobody."""
    (tmp_path / "free").write_bytes(b"")

    assert () == holders(str(tmp_path / "free"))
    assert () == holders(str(tmp_path / "gone"))


def test_a_running_program_holds_its_file() -> None:
    """A process holds the program that it runs."""
    assert os.getpid() in [pid for pid, _ in holders(os.path.realpath(sys.executable))]
