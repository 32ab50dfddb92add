"""Where an installed distribution can be had from again."""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall import Cache
from linkinstall.distribution import find_distributions
from linkinstall.evidence import Evidence, Source, claims_of
from linkinstall.health import examine
from linkinstall.paths import forward
from tests.support.faulty import LocalFileSystem
from tests.support.sites import Site

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linkinstall.cache import Entry
    from linkinstall.fs.port import FileSystem

FILES = {"app/__init__.py": "one = 1\n", "app/data.txt": "data\n", "app/more.txt": "more\n"}
BUILT_ANEW = {**FILES, "app/__init__.py": "one = 2\n"}
LARGER = {**FILES, "app/extra.txt": "extra\n"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment with one distribution, of which nothing else is known."""
    site = Site(tmp_path)
    site.install(site.wheel("app", files=FILES), link_mode="copy", direct_url="none")
    return site


def evidence(site: Site, cache: Cache | None = None) -> Source:
    """Return what the only distribution can be installed from."""
    world = site.world()
    (one,) = find_distributions(world.files, world.libraries, world.bases)
    seen = examine(world.files, one, full=True)
    return Evidence(world, cache or site.cache).source(seen)


def manifest(site: Site) -> Entry | None:
    """Return what is known of the files of the only distribution."""
    world = site.world()
    (one,) = find_distributions(world.files, world.libraries, world.bases)
    return Evidence(world, site.cache).manifest(examine(world.files, one, full=True))


def info(site: Site) -> Path:
    """Return the dist-info folder."""
    return site.library / "app-1.0.dist-info"


def first_entry(site: Site) -> Path:
    """Return the folder of an entry of the cache."""
    (one,) = (site.folder / "cache" / "v1" / "entries").iterdir()
    return one


def add_rebuilt(site: Site, files: dict[str, str] = BUILT_ANEW) -> None:
    """Put another wheel of the same name and version into the cache."""
    wheel = site.wheel("app", files=files, filename="app-1.0-2-py3-none-any.whl")
    site.cache.add(wheel)


def lose_record(site: Site) -> None:
    """Delete RECORD."""
    (info(site) / "RECORD").unlink()


def empty(site: Site) -> None:
    """Empty the dist-info folder."""
    for path in info(site).iterdir():
        path.unlink()


def lose_everything(site: Site) -> None:
    """Leave an empty dist-info folder alone."""
    empty(site)
    for path in (site.library / "app").iterdir():
        path.unlink()


def leave_empty_files(site: Site) -> None:
    """Leave METADATA and RECORD with nothing in them, as a power cut does."""
    for name in ("METADATA", "RECORD"):
        (info(site) / name).unlink()
        (info(site) / name).touch()


def edit_record(site: Site) -> None:
    """Give a file that is as it was another digest in RECORD."""
    record = info(site) / "RECORD"
    lines = record.read_text().splitlines()
    wrong = [line.replace("sha256=", "sha256=X") if "more.txt" in line else line for line in lines]
    record.write_text("\n".join(wrong) + "\n")


def cut_record(site: Site) -> None:
    """Cut RECORD behind two rows; a file is lost besides."""
    record = info(site) / "RECORD"
    record.write_text("".join(record.read_text().splitlines(keepends=True)[:2]))
    (site.library / "app/more.txt").unlink()


def cut_record_alone(site: Site) -> None:
    """Cut RECORD behind its first row."""
    record = info(site) / "RECORD"
    record.write_text(record.read_text().splitlines(keepends=True)[0])


def lose_pth(site: Site) -> None:
    """Delete the file that makes an install editable."""
    (site.library / "_app.pth").unlink()


def edit_payload(site: Site) -> None:
    """Edit a file."""
    (site.library / "app/data.txt").write_text("mine\n")


DAMAGES = [
    edit_payload, lose_record, empty, lose_everything, leave_empty_files, edit_record, cut_record,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_entry_is_found_by_what_is_left(site: Site, damage: Callable[[Site], None]) -> None:
    """Name and version and whatever else is left lead to the entry."""
    damage(site)
    source = evidence(site)

    assert source.entry is not None
    assert ("app", "1.0") == (source.entry.manifest.distribution, source.entry.manifest.version)


@pytest.mark.parametrize("damage", [one for one in DAMAGES if one is not lose_everything])
def test_another_build_of_the_version_is_told_apart(
    site: Site, damage: Callable[[Site], None]
) -> None:
    """Of two wheels of one version the one is taken that what is left speaks for."""
    installed = first_entry(site).name
    add_rebuilt(site)
    damage(site)
    source = evidence(site)

    assert source.entry is not None
    assert installed == source.entry.manifest.id


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_build_with_more_files_may_have_lost_some(
    site: Site, damage: Callable[[Site], None]
) -> None:
    """Where no RECORD says so, a file that is not there does not speak against a wheel."""
    installed = first_entry(site).name
    add_rebuilt(site, LARGER)
    damage(site)
    source = evidence(site)

    if damage in (edit_payload, edit_record):
        assert source.entry is not None
        assert installed == source.entry.manifest.id
    else:
        assert "several wheels" in source.reason


@pytest.mark.parametrize("files", [BUILT_ANEW, LARGER])
def test_another_build_alone_is_not_taken(
    tmp_path: Path, site: Site, files: dict[str, str]
) -> None:
    """A wheel that a row of RECORD and the file both speak against is another one."""
    other = Site(tmp_path / "other")
    add_rebuilt(other, files)
    edit_payload(site)
    source = evidence(site, other.cache)

    assert not source.usable
    assert "no wheel of app 1.0 that matches" in source.reason


def test_where_nothing_tells_them_apart_none_is_taken(site: Site) -> None:
    """Of two wheels that fit alike neither is guessed."""
    add_rebuilt(site)
    lose_everything(site)

    assert not evidence(site).usable
    assert "several wheels" in evidence(site).reason


@pytest.mark.parametrize("stray", [False, True])
def test_the_files_of_a_twin_prove_nothing(site: Site, *, stray: bool) -> None:
    """Beside another version, a dist-info with nothing of its own is told by no file.

    Story: the files that two versions share spoke for the old one's wheel, of which nothing
    but an empty folder was left.
    """
    site.install(site.wheel("app", "2.0", {**FILES, "app/__init__.py": "two\n"}), link_mode="copy")
    info(site).mkdir()
    if stray:
        (info(site) / "NOTES").write_text("mine\n")
    world = site.world()
    old, _ = find_distributions(world.files, world.libraries, world.bases)
    source = Evidence(world, site.cache).source(examine(world.files, old))

    assert not source.usable
    assert "no wheel of app 1.0 that matches" in source.reason


def test_what_cannot_be_read_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system refuses to read what would tell, the reason names it; once is no harm.

    It was said that the cache has no such wheel (found by ``make faults``).
    """
    told = forward(str(first_entry(site) / "manifest"))
    read, left = LocalFileSystem.read, [1]

    def refusing(files: FileSystem, path: str, *rest: Any) -> bytes:
        if forward(path) == told and left and left.pop():
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return read(files, path, *rest)

    monkeypatch.setattr(LocalFileSystem, "read", refusing)
    assert evidence(site).usable
    left += [1] * 3

    source = evidence(site)

    assert [] == left
    assert not source.usable
    assert f"no wheel of app 1.0 that matches what is left; {told}: {os.strerror(errno.EIO)}" in (
        source.reason
    )


def test_a_damaged_entry_is_no_source(site: Site) -> None:
    """What is in the cache is read before it is handed out; its manifest still tells the files."""
    edit_payload(site)
    cached = first_entry(site) / "files/purelib/app/data.txt"
    cached.write_text("mine\n")

    assert not evidence(site).usable
    assert "damaged, too" in evidence(site).reason
    found = manifest(site)
    assert found is not None
    assert "app/data.txt" in claims_of(site.world(), found.manifest)


class TestEditable:
    """An editable install, whose files are none of a wheel that one can have."""

    @pytest.fixture
    def editable(self, tmp_path: Path) -> Site:
        """Make an environment with one; the cache has a regular wheel of the version."""
        site = Site(tmp_path)
        told = {"url": (tmp_path / "src/app").as_uri(), "dir_info": {"editable": True}}
        site.install(
            site.wheel(
                "app", files={"_app.pth": "/src/app\n"}, filename="app-1.0-1-py3-none-any.whl"
            ),
            cache=Cache(tmp_path / "other"),
            metadata={"direct_url.json": json.dumps(told).encode()},
            link_mode="copy",
        )
        site.cache.add(site.wheel("app", files=FILES))
        return site

    @pytest.mark.parametrize("damage", [lose_record, cut_record_alone, lose_pth])
    def test_a_regular_wheel_is_not_taken(
        self, editable: Site, tmp_path: Path, damage: Callable[[Site], None]
    ) -> None:
        """Name, version, METADATA and WHEEL are those of the regular wheel, too.

        Story: an editable install that had lost its RECORD was replaced by the regular wheel,
        which is a frozen copy: what its author edited was not what was imported any more.
        """
        damage(editable)
        source = evidence(editable)

        assert not source.usable
        place = forward(str(tmp_path / "src/app"))
        assert f"app 1.0 is an editable install of {place}" in forward(source.reason)
        assert "install it anew from there" in source.reason
        assert None is manifest(editable)

    @pytest.mark.parametrize("damage", [lose_pth, lose_record])
    def test_the_wheel_that_a_whole_record_lists_is_taken(
        self, editable: Site, tmp_path: Path, damage: Callable[[Site], None]
    ) -> None:
        """Where the cache has the very wheel, it is a source as long as RECORD says so."""
        damage(editable)
        source = evidence(editable, Cache(tmp_path / "other"))

        assert (damage is lose_pth) == source.usable

    @pytest.mark.parametrize(
        ("url", "place"), [("https://host/app.git", "https://host/app.git"), (None, "a folder")]
    )
    def test_what_is_not_told_is_not_made_up(
        self, editable: Site, url: str | None, place: str
    ) -> None:
        """The place is the path, or the URL as it stands; a file that names none is no harm."""
        told = {"dir_info": {"editable": True}, **({"url": url} if url else {})}
        (info(editable) / "direct_url.json").unlink()
        (info(editable) / "direct_url.json").write_text(json.dumps(told))
        lose_record(editable)

        assert f"is an editable install of {place}" in evidence(editable).reason


class TestDirectUrl:
    """What ``direct_url.json`` says where the cache has nothing."""

    @pytest.fixture
    def wheel(self, site: Site) -> Path:
        """Return the wheel that the distribution says it was installed from."""
        wheel = site.wheel("app", files=FILES)
        site.install(wheel, link_mode="copy", reinstall=True)
        edit_payload(site)
        return wheel

    def test_the_file_is_found(self, site: Site, wheel: Path) -> None:
        """A local wheel with the digest that was noted is a source."""
        source = evidence(site, Cache(site.folder / "empty"))

        assert (None, str(wheel)) == (source.entry, forward(source.wheel or ""))

    def test_another_file_is_not_taken(self, site: Site, wheel: Path) -> None:
        """A wheel that was built anew at the same place is not the one that was installed."""
        wheel.unlink()
        site.wheel("app", files=BUILT_ANEW)

        assert not evidence(site, Cache(site.folder / "empty")).usable

    @pytest.mark.parametrize(("files", "usable"), [(FILES, True), (BUILT_ANEW, False)])
    def test_without_a_digest_its_record_is_compared(
        self, site: Site, wheel: Path, files: dict[str, str], *, usable: bool
    ) -> None:
        """Where no digest was noted, what is left has to speak for the wheel."""
        wheel.unlink()
        site.wheel("app", files=files)
        url = info(site) / "direct_url.json"
        url.unlink()
        url.write_text(json.dumps({"url": wheel.as_uri(), "archive_info": {}}))

        assert usable == evidence(site, Cache(site.folder / "empty")).usable

    def test_the_digest_leads_to_the_entry(self, site: Site, wheel: Path) -> None:
        """Where nothing else is left, the digest of the wheel file tells the entry."""
        add_rebuilt(site)
        kept = (info(site) / "direct_url.json").read_bytes()
        lose_everything(site)
        (info(site) / "direct_url.json").write_bytes(kept)
        wheel.unlink()
        source = evidence(site)

        assert source.entry is not None
        files = claims_of(site.world(), source.entry.manifest)
        one = site.folder / "one"
        original = Site(one)
        original.install(original.wheel("app", files=FILES), link_mode="copy")
        assert manifest(original) is not None
        expected = manifest(original)
        assert expected is not None
        assert claims_of(original.world(), expected.manifest) == files

    @pytest.mark.parametrize(
        "text",
        [
            "", "[]", '{"url": 3}', '{"url": "https://x/app-1.0-py3-none-any.whl"}', "\xff",
            '{"url": "https://[::x]/"}', "[" * 30_000, '{"dir_info": 1}',
            '{"dir_info": {"editable": true}, "url": "file://[::x]/"}',
        ],
        ids=["empty", "a list", "a number", "remote", "no text", "no URL", "deep", "one", "odd"],
    )  # fmt: skip
    def test_nonsense_is_nothing(self, site: Site, wheel: Path, text: str) -> None:
        """A ``direct_url.json`` of any contents does no harm.

        A URL with a bad address, and lists in lists, once ended in a traceback (``make fuzz``).
        """
        assert wheel.exists()
        (info(site) / "direct_url.json").unlink()
        (info(site) / "direct_url.json").write_bytes(text.encode("latin-1"))

        assert not evidence(site, Cache(site.folder / "empty")).usable
