"""What a repaired distribution keeps of its installer's files."""

from __future__ import annotations

import pytest

from linkinstall import limits
from linkinstall.distribution import find_distributions
from linkinstall.health import examine
from linkinstall.inheritance import inherited
from tests.support.sites import Site
from tests.support.wheels import record_hash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment with a distribution that pip has installed, as far as one can tell."""
    site = Site(tmp_path)
    site.install(site.wheel("app"), metadata={"INSTALLER": b"pip\n"}, link_mode="copy")
    return site


def kept(site: Site) -> dict[str, bytes]:
    """Return what is inherited."""
    world = site.world()
    (one,) = find_distributions(world.files, world.libraries, world.bases)
    return inherited(world.files, examine(world.files, one, full=True))


def info(site: Site, name: str) -> Path:
    """Return a file of the dist-info folder."""
    return site.library / "app-1.0.dist-info" / name


def test_everything_stays_where_nothing_is_lost(site: Site) -> None:
    """INSTALLER, REQUESTED and ``direct_url.json`` stay as they are."""
    url = info(site, "direct_url.json").read_bytes()

    assert {"INSTALLER": b"pip\n", "REQUESTED": b"", "direct_url.json": url} == kept(site)


def test_what_stands_stays_without_record(site: Site) -> None:
    """Where RECORD is gone, what stands is all there is, and is kept."""
    info(site, "RECORD").unlink()
    info(site, "REQUESTED").unlink()
    url = info(site, "direct_url.json").read_bytes()

    assert {"INSTALLER": b"pip\n", "direct_url.json": url} == kept(site)


@pytest.mark.parametrize("edit", [None, b"nonsense\n"])
def test_a_lost_installer_is_told_by_its_digest(site: Site, edit: bytes | None) -> None:
    """RECORD's digest tells a tool that is known; REQUESTED needs no more than its row."""
    info(site, "INSTALLER").unlink()
    info(site, "REQUESTED").unlink()
    if edit:
        info(site, "INSTALLER").write_bytes(edit)
    found = kept(site)

    assert (b"pip\n", b"") == (found["INSTALLER"], found["REQUESTED"])


def test_an_unknown_installer_is_replaced(site: Site) -> None:
    """Where nothing tells who installed it, this tool has."""
    record = info(site, "RECORD")
    text = record.read_text().replace(record_hash(b"pip\n"), record_hash(b"some tool\n"))
    record.write_text(text)
    info(site, "INSTALLER").unlink()

    assert b"linkinstall\n" == kept(site)["INSTALLER"]


def test_a_stage_gets_no_installer_that_was_not_there(tmp_path: Path) -> None:
    """A repair of a stage adds no INSTALLER: who packages it says who installed it.

    Story: ``repair --destdir`` wrote this tool's name into stages that an install leaves alone.
    """
    site = Site(tmp_path)
    site.install(site.wheel("app"), link_mode="copy")
    world = site.world()
    for name in ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD"):
        info(site, name).unlink()
    (one,) = find_distributions(world.files, world.libraries, world.bases)

    assert {} == inherited(world.files, examine(world.files, one), staged=True)


@pytest.mark.parametrize("name", ["direct_url.json", "uv_cache.json", "REQUESTED", "INSTALLER"])
def test_what_was_edited_is_kept(site: Site, name: str) -> None:
    """What no wheel brings stays as somebody has left it, though RECORD has other contents.

    Story: a ``direct_url.json`` that a tool had written anew was deleted by a repair, for RECORD
    had the digest of the one before, and that was told nowhere.
    """
    record = info(site, "RECORD")
    text = record.read_text().replace(record_hash(b"pip\n"), record_hash(b"some tool\n"))
    record.write_text(f"{text}app-1.0.dist-info/uv_cache.json,{record_hash(b'x')},1\n")
    info(site, name).unlink(missing_ok=True)
    info(site, name).write_bytes(b"edited\n")

    assert b"edited\n" == kept(site)[name]


@pytest.mark.parametrize("name", ["direct_url.json", "REQUESTED", "other"])
def test_what_is_too_large_is_not_written_again(site: Site, name: str) -> None:
    """It is neither read as a whole nor replaced by something else; it stays where it is."""
    record = info(site, "RECORD")
    record.write_text(f"{record.read_text()}app-1.0.dist-info/other,{record_hash(b'x')},1\n")
    info(site, name).unlink(missing_ok=True)
    info(site, name).write_bytes(b"x" * (limits.INHERITED_SIZE + 1))

    assert name not in kept(site)


def test_an_empty_url_is_not_kept(site: Site) -> None:
    """A power cut leaves such a file, and it says nothing."""
    info(site, "direct_url.json").unlink()
    info(site, "direct_url.json").touch()

    assert "direct_url.json" not in kept(site)
