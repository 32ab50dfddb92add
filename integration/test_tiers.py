"""Shared caches that are only read (``LINKINSTALL_CACHE_TIERS``): a fleet's, or an image's."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from integration.support.command import Command
from integration.support.mounts import call, mounted
from integration.support.records import dist_info_of, record_problems
from integration.support.samples import make_sample
from integration.support.trees import differences, snapshot
from integration.support.users import NOBODY, json_as_nobody, require_protected_hardlinks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from integration.support.environments import Venv

DATA = "sample/data.txt"


class Tiered(Command):
    """The command line with a cache of its own, and tiers."""

    def __init__(self, home: Path, *tiers: Path) -> None:
        super().__init__(home)
        self.tiers = os.pathsep.join(map(str, tiers))

    def environ(self, extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Return the child's environment variables."""
        return super().environ({"LINKINSTALL_CACHE_TIERS": self.tiers, **(extra or {})})

    def install(self, venv: Venv, *words: object) -> dict[str, Any]:
        """Install into an environment, and return what was told."""
        return self.json("install", "--python", venv.root, *words)


def tier_of(folder: Path, *wheels: Path) -> Path:
    """Make a cache that has wheels, with what is compiled of them; return its folder."""
    made = Command(folder)
    made.run("cache", "add", *wheels)
    return made.cache


def is_whole(venv: Venv) -> bool:
    """Whether the sample stands in the environment as its RECORD says."""
    return [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))


def entries_of(cache: Path) -> int:
    """Return how many entries a cache has."""
    return len(list(cache.glob("v1/entries/*")))


def test_what_a_tier_has_is_linked_from_there(
    tmp_path: Path, venv: Venv, sample: Path, wheelhouse: Path
) -> None:
    """Files are those of the tier, which stays as it is; what it lacks goes to the own cache."""
    tier = tier_of(tmp_path / "fleet", sample)
    before = snapshot(tier)
    command = Tiered(tmp_path, tmp_path / "absent", tier)
    told = command.install(venv, sample)

    assert told["files"]["hardlink"]
    (cached,) = tier.glob(f"v1/entries/*/files/purelib/{DATA}")
    assert cached.samefile(venv.library / DATA)
    assert 0 == entries_of(command.cache)
    newer = make_sample(wheelhouse, "2.0")
    command.install(venv, newer)
    assert 1 == entries_of(command.cache)
    assert [] == differences(before, snapshot(tier))
    assert [str(tmp_path / "absent"), str(tier)] == command.json("cache", "info")["cache"]["tiers"]


@pytest.mark.parametrize(("mode", "kind"), [("auto", "copy"), ("symlink", "symlink")])
def test_a_tier_on_another_volume_that_is_mounted_to_be_read(
    tmp_path: Path, venv: Venv, sample: Path, mode: str, kind: str
) -> None:
    """It is copied from, which one warning says, or linked symbolically."""
    with mounted(tmp_path, "ext4", 16) as volume:
        tier = tier_of(volume, sample)
        call("mount", "-o", "remount,ro", str(volume))
        command = Tiered(tmp_path, tier)
        told = command.install(venv, "--link-mode", mode, sample)

        assert told["files"][kind] > 1
        assert ["link-mode"] * (kind == "copy") == [one["code"] for one in told["warnings"]]
        assert is_whole(venv)
        assert 0 == entries_of(command.cache)
        command.run("check", "--full", "--python", venv.root)
        command.run("uninstall", "--python", venv.root, "sample")


def test_a_tier_of_another_user(
    tmp_path: Path, make_environment: Callable[..., Venv], sample: Path
) -> None:
    """Files that may not be linked (protected_hardlinks) are copied, one by one."""
    require_protected_hardlinks()
    with mounted(tmp_path, "ext4", 16) as volume:
        tier = tier_of(volume / "fleet", sample)
        venv = make_environment("venv", folder=volume)
        home = volume / "home"
        command = Tiered(home, tier)
        call("chown", "-R", f"{NOBODY}:{NOBODY}", str(venv.root), str(home))
        before = snapshot(tier)
        words = ("install", "--python", venv.root, "--no-compile-bytecode", sample)
        counts = json_as_nobody(command, *words)["files"]

        assert (0, True) == (counts["hardlink"], counts["copy"] > 1)
        assert is_whole(venv)
        assert (NOBODY, 0) == ((venv.library / DATA).stat().st_uid, entries_of(command.cache))
        assert [] == differences(before, snapshot(tier))


def test_a_damaged_file_of_a_tier_is_not_linked(tmp_path: Path, venv: Venv, sample: Path) -> None:
    """The wheel is unpacked into the own cache instead, from which it comes ever after."""
    tier = tier_of(tmp_path / "fleet", sample)
    (cached,) = tier.glob(f"v1/entries/*/files/purelib/{DATA}")
    cached.write_text("edited\n")
    command = Tiered(tmp_path, tier)
    told = command.install(venv, sample)

    assert ["cache-damaged"] == [one["code"] for one in told["warnings"]]
    assert is_whole(venv)
    assert 1 == entries_of(command.cache)
    assert [] == command.install(venv, "--reinstall", sample)["warnings"]
    assert "edited\n" == cached.read_text()


def test_a_repair_takes_from_a_tier(tmp_path: Path, venv: Venv, sample: Path) -> None:
    """Where only a tier still has the wheel, what check tells to type makes it whole."""
    tier = tier_of(tmp_path / "fleet", sample)
    command = Tiered(tmp_path, tier)
    command.install(venv, sample)
    sample.unlink()
    (venv.library / DATA).unlink()
    (finding,) = command.json("check", "--python", venv.root, status=1)["findings"]
    words = finding["fix"].split()

    assert ["linkinstall", "repair"] == words[:2]
    command.run(*words[1:])
    assert is_whole(venv)
    command.run("check", "--full", "--python", venv.root)


def test_without_a_cache_there_are_no_tiers(tmp_path: Path, venv: Venv, sample: Path) -> None:
    """``--no-cache`` takes nothing from a tier either."""
    command = Tiered(tmp_path, tier_of(tmp_path / "fleet", sample))
    counts = command.install(venv, "--no-cache", sample)["files"]

    assert (0, True) == (counts["hardlink"], is_whole(venv))
    assert not command.cache.exists()


def test_a_cache_that_is_baked_into_an_image(
    tmp_path: Path, make_environment: Callable[..., Venv], sample: Path
) -> None:
    """What is copied with its times, and then made read-only, is linked as it lies."""
    made = tier_of(tmp_path / "built", sample)
    tier = tmp_path / "image" / "cache"
    shutil.copytree(made, tier)
    call("chmod", "-R", "a-w", str(tier))
    command = Tiered(tmp_path, tier)
    told = command.install(make_environment("venv"), sample)

    assert told["files"]["hardlink"]
    assert [] == told["warnings"]
    assert 0 == entries_of(command.cache)
