"""R12: a cache file that is not what was verified is noticed before it is linked again.

Each thing that can happen to one - edited in place, truncated, opened to everybody,
replaced, and edited with its size and times put back - in each link mode: the next install
makes the entry anew from its wheel, or it is quarantined with a typed error, and whoever
shares the edit is named.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from integration.support.command import Command
from integration.support.records import dist_info_of, record_problems
from integration.support.samples import sample_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.environments import Venv

INNER = "sample/data.txt"
DATA = str(sample_files()[INNER]).encode()
MODES = ("hardlink", "symlink", "clone", "copy")
SHARING = ("hardlink", "symlink")


def edit(path: Path) -> None:
    """Write other text into a file, as an editor that keeps the inode does."""
    path.write_text("edited in place\n")


def truncate(path: Path) -> None:
    """Cut a file off."""
    os.truncate(path, 1)


def open_up(path: Path) -> None:
    """Let everybody write to a file."""
    path.chmod(0o666)


def replace(path: Path) -> None:
    """Put another file into the place of one, as an editor that renames does."""
    real = path.resolve()
    other = real.with_name("other")
    other.write_text("another file\n")
    other.replace(real)


def forge(path: Path) -> None:
    """Edit a file and put its size and its times back."""
    status = path.stat()
    path.write_bytes(DATA[::-1])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


SEEN: dict[str, Callable[[Path], None]] = {
    "edited": edit,
    "truncated": truncate,
    "opened": open_up,
    "replaced": replace,
}


class Poisoned:
    """An environment that has the sample from a cache of which one file is damaged.

    Where the link mode shares files, the damage is done through the environment; where it
    does not, in the cache itself. A replacement through a hard link stays in the
    environment, so that is done in the cache, too.
    """

    def __init__(self, folder: Path, make: Callable[..., Venv], sample: Path, mode: str) -> None:
        self.command = Command(folder)
        self.mode = mode
        self.sample = sample
        self.first, self.second = (make(name, folder=folder) for name in ("first", "second"))
        counts = self.install(self.first)["files"]
        assert counts[mode]

    def install(self, venv: Venv, *more: str, status: int = 0) -> dict[str, Any]:
        """Install the sample and return what was told."""
        given = ("install", "--python", venv.root, "--link-mode", self.mode, self.sample, *more)
        return self.command.json(*given, status=status)

    @property
    def cached(self) -> Path:
        """The file of the cache."""
        (path,) = self.command.cache.glob(f"v1/entries/*/files/purelib/{INNER}")
        return path

    def damage(self, how: Callable[[Path], None]) -> bool:
        """Damage the file; return whether the environment shares that."""
        shared = self.mode == "symlink" or (self.mode == "hardlink" and how is not replace)
        how(self.first.library / INNER if shared else self.cached)
        assert self.first.library.joinpath(INNER).samefile(self.cached) == shared
        return shared

    def mended(self, told: dict[str, Any], *, shared: bool) -> None:
        """Look whether an install has noticed, told whom it reaches, and mended."""
        (message,) = (one["message"] for one in told["warnings"] if one["code"] == "cache-damaged")
        assert str(self.cached) in message
        assert shared == (str(self.first.root) in message)
        assert DATA == (self.second.library / INNER).read_bytes()
        library = self.second.library
        assert [] == record_problems(library, dist_info_of(library, "sample"))
        assert [] == self.command.json("cache", "verify", "--full")["findings"]


@pytest.fixture(params=MODES)
def poisoned(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    make_environment: Callable[..., Venv],
    sample: Path,
) -> Poisoned:
    """Give an environment in each link mode; clones on a volume that can."""
    mode = str(request.param)
    folder = request.getfixturevalue("clone_folder") if mode == "clone" else tmp_path
    return Poisoned(folder, make_environment, sample, mode)


@pytest.mark.parametrize("how", SEEN)
def test_it_is_noticed_before_it_is_linked_again(poisoned: Poisoned, how: str) -> None:
    """The next install, as it is by default, makes the entry anew and names who shares it."""
    shared = poisoned.damage(SEEN[how])

    poisoned.mended(poisoned.install(poisoned.second), shared=shared)


@pytest.mark.parametrize("how", SEEN)
def test_cache_verify_finds_it_and_mends_it(poisoned: Poisoned, how: str) -> None:
    """The finding names the file and who shares it; with the wheel the entry is made anew."""
    shared = poisoned.damage(SEEN[how])
    (finding,) = poisoned.command.json("cache", "verify", status=1)["findings"]

    assert (str(poisoned.cached), "sample") == (finding["path"], finding["distribution"])
    assert shared == (str(poisoned.first.root) in finding["actual"])
    poisoned.command.run("cache", "verify", "--repair", poisoned.sample)
    assert DATA == poisoned.cached.read_bytes()
    assert [] == poisoned.command.json("cache", "verify", "--full")["findings"]


def test_forged_times_are_noticed_by_reading(poisoned: Poisoned) -> None:
    """An edit that puts size and times back passes the look at both, and no reading."""
    shared = poisoned.damage(forge)

    assert [] == poisoned.command.json("cache", "verify")["findings"]
    (finding,) = poisoned.command.json("cache", "verify", "--full", status=1)["findings"]
    assert shared == (str(poisoned.first.root) in finding["actual"])
    told = poisoned.install(poisoned.second, "--verify-cache", "full")
    poisoned.mended(told, shared=shared)


@pytest.mark.parametrize("how", SEEN)
def test_without_the_wheel_it_is_quarantined(poisoned: Poisoned, how: str) -> None:
    """Nothing links the entry any more: a repair from the cache ends with a typed error."""
    poisoned.damage(SEEN[how])
    (poisoned.first.library / "sample" / "__init__.py").unlink()
    # Where it was installed from is noted in the environment.
    wheel = poisoned.sample.rename(poisoned.sample.with_name("elsewhere"))
    words = ("repair", "--python", poisoned.first.root, "sample")
    refusals = [poisoned.command.json(*words, status=1)]
    told = poisoned.command.json("cache", "verify", "--repair", status=1)
    refusals.append(poisoned.command.json(*words, status=1))

    (folder,) = told["cache"]["quarantined"]
    assert str(poisoned.cached).startswith(folder)
    assert ["refused"] * 2 == [one["status"] for one in refusals]
    assert all("--from" in one["error"]["next"] for one in refusals)
    wheel.rename(poisoned.sample)
    poisoned.command.run(*words, "--from", poisoned.sample, "--link-mode", poisoned.mode)
    poisoned.command.run("check", "--full", "--python", poisoned.first.root)
    poisoned.command.run("cache", "verify", "--full")


@pytest.mark.parametrize("mode", SHARING)
def test_everybody_who_shares_it_is_named(
    tmp_path: Path, make_environment: Callable[..., Venv], sample: Path, mode: str
) -> None:
    """An edit in one environment is an edit in each that links to the same file."""
    poisoned = Poisoned(tmp_path, make_environment, sample, mode)
    poisoned.install(poisoned.second)
    poisoned.damage(edit)
    (finding,) = poisoned.command.json("cache", "verify", status=1)["findings"]

    named = [str(one.root) in finding["actual"] for one in (poisoned.first, poisoned.second)]
    assert [True, True] == named


@pytest.mark.parametrize("mode", ["clone", "copy"])
def test_an_edit_does_not_reach_the_cache(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    make_environment: Callable[..., Venv],
    sample: Path,
    mode: str,
) -> None:
    """What was cloned or copied is the environment's own: an edit there stays there."""
    folder = request.getfixturevalue("clone_folder") if mode == "clone" else tmp_path
    poisoned = Poisoned(folder, make_environment, sample, mode)
    for how in (*SEEN.values(), forge):
        how(poisoned.first.library / INNER)

    assert DATA == poisoned.cached.read_bytes()
    assert [] == poisoned.command.json("cache", "verify", "--full")["findings"]
