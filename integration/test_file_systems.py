"""Real file systems at their limits: what cannot be done is put back, told, and done later.

Full, out of inodes, over quota, read-only, immutable, out of links, somebody else's, or on
another device: each with the real thing, on a small volume that is mounted for the test.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from integration.support.command import Command
from integration.support.mounts import call, fill, mounted
from integration.support.samples import make_sample
from integration.support.trees import differences, snapshot
from integration.support.users import NOBODY, json_as_nobody, require_protected_hardlinks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from integration.support.command import Result
    from integration.support.environments import Venv

NEXT = "Mend the cause and run the same command again."
LARGE = 1 << 20
"""Bytes of the file that the new version of the sample has and the old one has not."""
EXT4_LINKS = 65_000


@pytest.fixture
def versions(wheelhouse: Path) -> tuple[Path, Path]:
    """Make the old and the new wheel of the sample; the new one is much larger."""
    return make_sample(wheelhouse), make_sample(
        wheelhouse, "2.0", {"sample/large.bin": os.urandom(LARGE)}
    )


class Upgrade:
    """An installed sample, and the new version that shall replace it."""

    def __init__(self, command: Command, venv: Venv, versions: tuple[Path, Path]) -> None:
        self.command, self.venv, self.folder = command, venv, venv.root.parent
        self.old, self.new = versions
        self.act = ("install", "--python", venv.root, self.new)
        command.run("install", "--python", venv.root, self.old)
        self.before = venv.snapshot()

    def is_refused(self, *named: Path | str) -> Result:
        """Let it fail: put back at once, with status 1, the path and what to do next."""
        result = self.command.run(*self.act, status=1)
        assert [] == differences(self.before, self.venv.snapshot()), str(result)
        assert [] == [str(path) for path in named if str(path) not in result.err], str(result)
        assert NEXT in result.err
        return result

    def succeeds(self) -> Result:
        """Let it succeed: everything is new and nothing lies about."""
        result = self.command.run(*self.act)
        self.is_new()
        return result

    def is_new(self) -> None:
        """Look whether the new version is there, whole, and nothing else."""
        assert "2.0" == self.venv.run("import sample; print(sample.__version__)")
        self.command.run("check", "--python", self.venv.root)
        assert not (self.venv.library / ".linkinstall").exists()
        assert [] == list((self.command.cache / "v1" / "tmp").glob("*"))


@pytest.fixture
def upgrade(
    tmp_path: Path,
    linkinstall: Command,
    make_environment: Callable[..., Venv],
    versions: tuple[Path, Path],
) -> Iterator[Upgrade]:
    """Give an installed sample on a volume of its own, an ext4."""
    with mounted(tmp_path, "ext4", 16) as volume:
        yield Upgrade(linkinstall, make_environment("venv", folder=volume), versions)


@pytest.mark.parametrize("free", [0, 40, 200, 800], ids=lambda kibibytes: f"{kibibytes}-KiB-free")
def test_full_volume_of_the_environment(upgrade: Upgrade, free: int) -> None:
    """Wherever the space ends, the old version is there at once; with space, the new one."""
    filling = fill(upgrade.folder, free << 10)

    upgrade.is_refused(upgrade.folder, "No space left")

    filling.unlink()
    upgrade.succeeds()


@pytest.mark.parametrize("free", [0, 40, 200, 800], ids=lambda kibibytes: f"{kibibytes}-KiB-free")
def test_full_volume_of_the_cache(
    tmp_path: Path, venv: Venv, versions: tuple[Path, Path], free: int
) -> None:
    """Where the cache is full nothing is installed and nothing stays in it half unpacked."""
    with mounted(tmp_path, "ext4", 16) as volume:
        upgrade = Upgrade(Command(tmp_path, volume / "cache"), venv, versions)
        filling = fill(volume, free << 10)
        entries = set((volume / "cache" / "v1" / "entries").iterdir())

        upgrade.is_refused(volume, "No space left")
        assert entries == set((volume / "cache" / "v1" / "entries").iterdir())

        filling.unlink()
        upgrade.succeeds()


@pytest.mark.parametrize("free", [0, 3, 9])
def test_no_inodes_left(
    tmp_path: Path,
    linkinstall: Command,
    make_environment: Callable[..., Venv],
    versions: tuple[Path, Path],
    free: int,
) -> None:
    """A volume that has space, and no inodes for more files, is answered like a full one."""
    with mounted(tmp_path, "tmpfs", 16, "nr_inodes=400") as volume:
        upgrade = Upgrade(linkinstall, make_environment("venv", folder=volume), versions)
        crowd = volume / "crowd"
        crowd.mkdir()
        for number in range(os.statvfs(volume).f_favail - free):
            (crowd / str(number)).touch()

        upgrade.is_refused(volume, "No space left")

        shutil.rmtree(crowd)
        upgrade.succeeds()


def test_quota_is_used_up(
    tmp_path: Path,
    linkinstall: Command,
    make_environment: Callable[..., Venv],
    wheelhouse: Path,
) -> None:
    """Beyond a quota the old version stays; with more quota the new one comes."""
    large = {"sample/large.bin": os.urandom(6 * LARGE)}
    versions = make_sample(wheelhouse), make_sample(wheelhouse, "2.0", large)
    with mounted(tmp_path, "btrfs", 160) as volume:
        place = volume / "limited"
        call("btrfs", "quota", "enable", str(volume))
        call("btrfs", "subvolume", "create", str(place))
        upgrade = Upgrade(linkinstall, make_environment("venv", folder=place), versions)
        call("btrfs", "qgroup", "limit", "3M", str(place))

        upgrade.is_refused(place, "Disk quota exceeded")

        call("btrfs", "qgroup", "limit", "none", str(place))
        upgrade.succeeds()


def test_environment_is_read_only(upgrade: Upgrade) -> None:
    """A volume that was remounted read-only is left as it is, and changed once it can be."""
    call("mount", "-o", "remount,ro", str(upgrade.folder))

    upgrade.is_refused(upgrade.venv.root, "Read-only file system")

    call("mount", "-o", "remount,rw", str(upgrade.folder))
    upgrade.succeeds()


def test_cache_is_read_only(tmp_path: Path, venv: Venv, versions: tuple[Path, Path]) -> None:
    """A cache that cannot be written is done without, which is said once; later it is used."""
    with mounted(tmp_path, "ext4", 16) as volume:
        command = Command(tmp_path, volume / "cache")
        upgrade = Upgrade(command, venv, versions)
        call("mount", "-o", "remount,ro", str(volume))
        before = snapshot(volume)

        told = command.json(*upgrade.act)

        upgrade.is_new()
        assert ["cache-unwritable"] == [one["code"] for one in told["warnings"]]
        assert str(command.cache) in told["warnings"][0]["message"]
        assert [] == differences(before, snapshot(volume))
        call("mount", "-o", "remount,rw", str(volume))
        command.run("cache", "add", upgrade.new)
        assert [] != differences(before, snapshot(volume))


@contextmanager
def immutable(path: Path) -> Iterator[None]:
    """Make a file or a folder immutable; nobody can change, link, rename or remove it."""
    call("chattr", "+i", str(path))
    try:
        yield
    finally:
        # Wherever it is by now: a folder above it can be moved.
        found = path if path.exists() else next(iter(_same_name(path)))
        call("chattr", "-i", str(found))


def _same_name(path: Path) -> Iterator[Path]:
    root = next(parent for parent in path.parents if (parent / "pyvenv.cfg").exists())
    for folder, _folders, names in os.walk(root):
        if path.name in names:
            yield root / folder / path.name
    state = root / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    yield from (state / ".linkinstall" / "trash").iterdir()


@pytest.mark.parametrize("what", ["sample", "sample-1.0.dist-info"])
def test_immutable_folder_in_the_environment(upgrade: Upgrade, what: str) -> None:
    """What cannot be taken out of place stops the change, and all of it is put back."""
    folder = upgrade.venv.library / what
    with immutable(folder):
        upgrade.is_refused(folder, "Operation not permitted")

    upgrade.succeeds()


def test_immutable_script_in_the_environment(upgrade: Upgrade) -> None:
    """A single file that cannot be moved, after others were, brings all of them back."""
    script = upgrade.venv.scripts / "sample-run"
    with immutable(script):
        upgrade.is_refused(script, "Operation not permitted")

    upgrade.succeeds()


def test_immutable_file_inside_a_folder_that_goes(upgrade: Upgrade) -> None:
    """What can be moved but not deleted waits in the trash, named, until a later run."""
    path = upgrade.venv.library / "sample" / "data.txt"
    call("chattr", "+i", str(path))

    told = upgrade.command.json(*upgrade.act)

    trash = upgrade.venv.library / ".linkinstall" / "trash"
    call("chattr", "-R", "-i", str(trash))
    assert 0 == told["exit"]
    assert str(path) in [one["path"] for one in told["pending"]]
    assert all(one["moved_to"].startswith(str(trash)) for one in told["pending"])
    upgrade.command.run("recover", "--python", upgrade.venv.root)
    upgrade.is_new()


def test_immutable_file_in_the_cache(
    tmp_path: Path, make_environment: Callable[..., Venv], versions: tuple[Path, Path]
) -> None:
    """A cached file that takes no link is copied; the others are linked as ever."""
    with mounted(tmp_path, "ext4", 16) as volume:
        command = Command(tmp_path, volume / "cache")
        upgrade = Upgrade(command, make_environment("venv", folder=volume), versions)
        command.run("cache", "add", upgrade.new)
        (path,) = (volume / "cache" / "v1" / "entries").rglob("sample/large.bin")
        call("chattr", "+i", str(path))

        told = command.json(*upgrade.act)

        call("chattr", "-i", str(path))
        upgrade.is_new()
        assert 1 == told["files"]["copy"]
        assert told["files"]["hardlink"] > 1
        assert 1 == path.stat().st_nlink


def test_a_cached_file_has_all_the_links_it_can_have(
    tmp_path: Path, make_environment: Callable[..., Venv], versions: tuple[Path, Path]
) -> None:
    """At 65,000 links (ext4) a cached file gets a fresh inode, which is linked."""
    with mounted(tmp_path, "ext4", 64) as volume:
        command = Command(tmp_path, volume / "cache")
        upgrade = Upgrade(command, make_environment("venv", folder=volume), versions)
        command.run("cache", "add", upgrade.new)
        found = (volume / "cache" / "v1" / "entries").rglob("sample/deep/er/module.py")
        (path,) = (one for one in found if "2.0" in one.read_text())
        crowd = volume / "crowd"
        crowd.mkdir()
        for number in range(EXT4_LINKS - path.stat().st_nlink):
            os.link(path, crowd / str(number))
        crowded = path.stat()
        with pytest.raises(OSError, match="Too many links"):
            os.link(path, crowd / "more")

        told = command.json(*upgrade.act)

        upgrade.is_new()
        assert 0 == told["files"]["copy"]
        assert (crowded.st_nlink, path.stat().st_nlink) == (EXT4_LINKS, 2)
        assert path.samefile(upgrade.venv.library / "sample" / "deep" / "er" / "module.py")


def test_a_cache_of_another_user(
    tmp_path: Path, make_environment: Callable[..., Venv], versions: tuple[Path, Path]
) -> None:
    """Files of another user's cache may not be linked (protected_hardlinks): they are copied."""
    require_protected_hardlinks()
    with mounted(tmp_path, "ext4", 16) as volume:
        command = Command(tmp_path, volume / "cache")
        upgrade = Upgrade(command, make_environment("venv", folder=volume), versions)
        # With its compiled files, so that nothing has to be written to the cache.
        command.run("install", "--python", make_environment("other").root, upgrade.new)
        cached = snapshot(command.cache)
        call("chown", "-R", f"{NOBODY}:{NOBODY}", str(upgrade.venv.root))
        counts = json_as_nobody(command, *upgrade.act)["files"]

        upgrade.is_new()
        assert (0, True) == (counts["hardlink"], counts["copy"] > 1)
        assert [] == differences(cached, snapshot(command.cache))


def test_a_cache_on_another_device(tmp_path: Path, venv: Venv, versions: tuple[Path, Path]) -> None:
    """Between devices everything is copied, which one warning says, with what helps."""
    with mounted(tmp_path, "ext4", 16) as volume:
        command = Command(tmp_path, volume / "cache")
        upgrade = Upgrade(command, venv, versions)

        told = command.json(*upgrade.act)

        upgrade.is_new()
        assert (0, True) == (told["files"]["hardlink"], told["files"]["copy"] > 1)
        (warning,) = told["warnings"]
        assert "link-mode" == warning["code"]
        assert str(command.cache) in warning["message"]
        assert "LINKINSTALL_CACHE_DIR" in warning["message"]
