"""What mends a finding is a command that can be typed as it stands, and works."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from linkinstall.cache import Cache
from linkinstall.cli.cache_commands import perform_on_cache
from linkinstall.cli.commands import Told, Verbs
from linkinstall.cli.parse import parse
from linkinstall.upkeep.advice import Advice
from linkinstall.upkeep.inventory import take_stock
from linkinstall.upkeep.verification import verify
from tests.support.sites import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment with a wheel in its cache, whose path has to be quoted."""
    site = Site(tmp_path / "a folder")
    site.cache.add(site.wheel())
    return site


def follow(command: str, wheel: Path) -> None:
    """Do what a command says, with the wheel in its place."""
    words = shlex.split(command, comments=True)
    assert "linkinstall" == words.pop(0)
    arguments = parse([str(wheel) if word == "WHEEL" else word for word in words], {})
    perform_on_cache(arguments, Verbs(), Told())


def module_of(site: Site) -> Path:
    """Return the module of the only entry."""
    (name,) = os.listdir(f"{site.cache.root}/entries")
    return Path(f"{site.cache.root}/entries/{name}/files/purelib/app/__init__.py")


def edited(site: Site) -> None:
    """Edit a file of the cache."""
    module_of(site).write_text("edited = True\n")


def forged(site: Site) -> None:
    """Edit a file of the cache and put its time back."""
    status = module_of(site).stat()
    module_of(site).write_bytes(b"x" * status.st_size)
    os.utime(module_of(site), ns=(status.st_atime_ns, status.st_mtime_ns))


def littered(site: Site) -> None:
    """Put a file among those of an entry."""
    module_of(site).with_name("stray.py").touch()


def quarantined(site: Site) -> None:
    """Have an entry quarantined."""
    edited(site)
    verify(site.cache, repair=True)


def quarantined_in_use(site: Site) -> None:
    """Have an entry quarantined that symbolic links lead to."""
    site.install(site.wheel(), link_mode="symlink")
    quarantined(site)


def spoilt(site: Site) -> None:
    """Spoil a manifest."""
    Path(take_stock(site.cache).entries[0].tree.folder, "manifest").write_text("spoilt")


def spoilt_in_use(site: Site) -> None:
    """Spoil the manifest of an entry that symbolic links lead to."""
    site.install(site.wheel(), link_mode="symlink")
    spoilt(site)


DAMAGES = (edited, forged, littered, quarantined, quarantined_in_use, spoilt, spoilt_in_use)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_what_is_told_mends_it(site: Site, damage: object) -> None:
    """After the command that a finding names, there is none."""
    assert callable(damage)
    damage(site)
    found = verify(site.cache, full=True).findings
    assert found

    for fix in {one.fix for one in found}:
        assert fix
        follow(fix, site.wheel())

    assert () == verify(site.cache, full=True).findings
    assert [] == site.check(full=True)


def test_the_wheel_is_named(site: Site) -> None:
    """Which wheel it has to be is told behind the command."""
    edited(site)
    (finding,) = verify(site.cache).findings

    assert str(finding.fix).endswith("WHEEL  # WHEEL: the wheel file of app 1.0")


def test_the_default_cache_needs_no_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The commands name a cache only where it is another one."""
    monkeypatch.setenv("LINKINSTALL_CACHE_DIR", str(tmp_path))

    assert "linkinstall cache verify --repair" == Advice(Cache(), full=False).repair()
    assert "--cache-dir" in Advice(Cache(tmp_path / "other"), full=False).repair()
