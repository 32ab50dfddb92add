"""One environment on two drives: RECORD, links, rollback and removal across them."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration.windows.held import opened
from tests.support.gates import require
from tests.support.platforms import slashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integration.support.command import Command


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Path]:
    """Make a folder on another drive than the tests': Wine's ``Z:`` is all of this machine."""
    drives = (f"{letter}:\\" for letter in "ZDEFGH" if letter != tmp_path.drive[:1].upper())
    places = [Path(drive, "tmp") for drive in drives]
    require(any(map(Path.is_dir, places)), "needs a second drive with a folder tmp")
    place = tempfile.mkdtemp(dir=next(filter(Path.is_dir, places)))
    yield slashed(Path(place))
    shutil.rmtree(place)


class Spread:
    """An environment whose library is on one drive, and its scripts and data on another.

    :param near: the folder of the library; the cache is on its drive
    """

    def __init__(self, near: Path, far: Path, command: Command) -> None:
        self.near, self.far, self.command = near, far, command
        self.words = [
            "--purelib", near / "lib", "--platlib", near / "lib", "--headers", far / "include",
            "--scripts", far / "Scripts", "--data", far / "data",
        ]  # fmt: skip

    def do(self, verb: str, *words: str | Path, status: int = 0) -> dict[str, Any]:
        """Run a command on the environment and return what it tells."""
        return self.command.run("--json", verb, *self.words, *words, status=status).form

    def files(self) -> dict[str, bytes]:
        """Return all that is there, but for the state of linkinstall."""
        return {
            path.as_posix(): path.read_bytes()
            for folder in (self.near, self.far)
            for path in folder.rglob("*")
            if path.is_file() and not path.name.endswith(".lock")
        }


@pytest.fixture
def spread(tmp_path: Path, far: Path, linkinstall: Command) -> Spread:
    """Give an environment on two drives."""
    return Spread(tmp_path / "env", far, linkinstall)


def test_a_record_leads_to_another_drive(spread: Spread, tool: Callable[[str], Path]) -> None:
    """No relative path leads there: the rows are whole paths, and each command follows them."""
    spread.do("install", tool("1.0"))

    record = spread.near / "lib" / "tool-1.0.dist-info" / "RECORD"
    with record.open(newline="", encoding="utf-8") as stream:
        paths = {row[0] for row in csv.reader(stream)}
    scripts = {path.as_posix() for path in (spread.far / "Scripts").iterdir()}
    assert 2 == len(scripts)
    assert scripts == {path for path in paths if os.path.isabs(path)}
    assert [] == spread.do("check")["findings"]
    done = subprocess.run(
        [spread.far / "Scripts" / "tool.exe"],
        env={**os.environ, "PYTHONPATH": str(spread.near / "lib")},
        input="\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("ready", 0) == (done.stdout.strip(), done.returncode), done.stderr

    assert "unchanged" == spread.do("install", tool("1.0"))["status"]
    outcome = spread.do("install", tool("2.0"))
    assert ["replaced"] == [one["action"] for one in outcome["changes"]]
    spread.do("uninstall", "tool")
    assert {} == spread.files()


def test_what_is_open_on_one_drive_keeps_both_as_they_were(
    spread: Spread, tool: Callable[[str], Path]
) -> None:
    """An upgrade that one of the drives refuses is put back on both."""
    spread.do("install", tool("1.0"))
    before = spread.files()

    for path in (spread.far / "Scripts" / "server.exe", spread.near / "lib" / "tool" / "data.txt"):
        with opened(path):
            outcome = spread.do("install", tool("2.0"), status=1)
            assert path.name in outcome["error"]["message"]
            assert before == spread.files()

    spread.do("install", tool("2.0"))
    assert before.keys() - spread.files().keys() == {
        name for name in before if "tool-1.0.dist-info" in name
    }


def test_files_on_the_other_drive_are_copied(spread: Spread, tool: Callable[[str], Path]) -> None:
    """No link leads there; the library beside the cache is linked, and one warning tells why."""
    outcome = spread.do("install", tool("1.0"))

    (warning,) = outcome["warnings"]
    assert warning["message"].startswith("what lies on another volume had to be copied")
    assert 1 == (spread.far / "Scripts" / "server.exe").stat().st_nlink
    assert 2 == (spread.near / "lib" / "tool" / "data.txt").stat().st_nlink
