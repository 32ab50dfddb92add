"""Whatever is done to a cache file is noticed, mended where it can be, and told whom it reaches."""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.cache import Cache
from linkinstall.upkeep.verification import sharing, verify
from tests.support.entries import is_sound, lose
from tests.support.faulty import Closed, LocalFileSystem
from tests.support.platforms import needs_modes, needs_symlinks
from tests.support.sites import Site, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from linkinstall.cache import Entry

FORGED = ("times forged", "replaced, times forged")


def forge(path: Path) -> None:
    """Edit a file without changing its size, and put its times back."""
    status = path.stat()
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(path: Path) -> None:
    """Put another file of the same size and times in the place of one."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.chmod(path.stat().st_mode)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    forge(path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "edited in place": lambda path: path.write_text("edited = True\n"),
    "truncated": lambda path: os.truncate(path, 0),
    "unreadable": lambda path: path.chmod(0),
    "removed": Path.unlink,
    "times forged": forge,
    "replaced, times forged": replace,
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment."""
    return Site(tmp_path)


def module_of(entry: Entry) -> Path:
    """Return the cache's file of the module."""
    return Path(entry.folder, "files", "purelib", "app", "__init__.py")


@pytest.mark.parametrize(
    "damage",
    [pytest.param(one, marks=needs_modes) if one == "unreadable" else one for one in DAMAGES],
)
def test_damage_is_noticed_and_mended(site: Site, damage: str) -> None:
    """Each is found by hash, all but forged times also without; the wheel makes it anew."""
    wheel = str(site.wheel())
    entry = site.cache.add(wheel).entry
    site.cache.mark_flushed(entry)
    DAMAGES[damage](module_of(entry))

    assert (damage in FORGED) == (not verify(site.cache).findings)
    found = verify(site.cache, full=damage != "unreadable").findings
    assert [module_of(entry).as_posix()] == [one.path for one in found]
    assert ["missing" if damage == "removed" else "changed"] == [one.code for one in found]
    again = verify(site.cache, full=damage != "unreadable", repair=True, wheels=[wheel])
    assert ((), found) == (again.findings, again.mended)
    renewed = site.cache.find(wheel)
    assert renewed is not None
    assert is_sound(site.cache, renewed.entry)


def test_what_may_not_have_reached_the_disk_is_read_whole(site: Site) -> None:
    """An entry that is marked as not flushed is compared by hash, whatever was asked for."""
    entry = site.cache.add(str(site.wheel())).entry
    lose(module_of(entry))

    found = verify(site.cache).findings

    assert [module_of(entry).as_posix()] == [one.path for one in found]


@pytest.mark.parametrize("mode", ["hardlink", pytest.param("symlink", marks=needs_symlinks)])
def test_an_edit_through_a_link_names_who_shares_it(site: Site, mode: str) -> None:
    """The environment through which it came is named, whichever link it is."""
    site.install(site.wheel(), link_mode=mode)
    (site.library / "app" / "__init__.py").write_text("edited = True\n")
    (finding,) = verify(site.cache).findings

    assert f"shared with {site.root}" in (finding.actual or "")


def test_links_that_nobody_has_noted_are_counted(site: Site, tmp_path: Path) -> None:
    """Of hard links that belong to no known environment the number is told."""
    entry = site.cache.add(site.wheel()).entry
    path = module_of(entry)
    os.link(path, tmp_path / "first")
    os.link(path, tmp_path / "second")

    assert "2 links that nobody has noted" == sharing(site.cache, entry, [str(path)])


@needs_symlinks
def test_a_quarantined_entry_is_not_linked_and_its_files_stay(site: Site) -> None:
    """Symbolic links lead there still; the next install makes it anew at the same place."""
    wheel = site.wheel()
    site.install(wheel, link_mode="symlink")
    found = site.cache.find(str(wheel))
    assert found is not None
    module_of(found.entry).write_text("edited = True\n")
    verified = verify(site.cache, repair=True)

    assert (found.entry.folder,) == verified.quarantined
    assert site.cache.find(str(wheel)) is None
    assert "edited = True\n" == (site.library / "app" / "__init__.py").read_text()
    assert [] == [
        one for one in verify(site.cache).findings if "quarantined" not in str(one.actual)
    ]
    site.install(wheel, link_mode="symlink", reinstall=True)
    assert () == verify(site.cache, full=True).findings


def test_what_lies_beside_is_found_and_goes(site: Site) -> None:
    """A file that no manifest names is never linked; a repair takes it away."""
    entry = site.cache.add(site.wheel()).entry
    module_of(entry).with_name("stray.py").touch()

    assert ["foreign-leftover"] == [one.code for one in verify(site.cache).findings]
    assert () == verify(site.cache, repair=True).findings


class Unreadable(LocalFileSystem):
    """A disk that cannot read some files at some of the times that it is asked to.

    :ivar fails: told path and number of each reading
    """

    def __init__(self, fails: Callable[[str, int], bool]) -> None:
        super().__init__()
        self.fails = fails
        self.readings: Counter[str] = Counter()

    def read(self, path: str, limit: int = limits.METADATA_SIZE) -> bytes:
        """Return the contents of a file, or fail."""
        self.readings[path] += 1
        if self.fails(path, self.readings[path]):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return super().read(path, limit)


@pytest.mark.parametrize("repair", [False, True])
@pytest.mark.parametrize(("of", "reading"), [("entries", 2), ("bytecode", 1)])
def test_what_the_disk_cannot_read_is_not_damaged(
    tmp_path: Path, of: str, reading: int, *, repair: bool
) -> None:
    """An error of the disk is an error of the command, and nothing is set aside for it.

    A sound set of compiled files, whose manifest could not be read once, was quarantined; an
    entry with the same misfortune passed for one that was gone, and was not verified.
    """
    site = Site(tmp_path, compiler=True)
    site.install(site.wheel(), link_mode="hardlink", compile_levels=(0,))
    (manifest,) = (path.as_posix() for path in Path(site.cache.root, of).rglob("manifest"))
    before = snapshot(Path(site.cache.root))

    once = Unreadable(lambda path, number: path == manifest and number == reading)
    found = verify(Cache(Path(site.cache.root).parent, files=once), repair=repair)
    lasting = Unreadable(lambda path, number: path == manifest and number >= reading)
    with pytest.raises(OSError, match="Input/output error") as raised:
        verify(Cache(Path(site.cache.root).parent, files=lasting), repair=repair)

    assert (2, ()) == (found.entries, found.findings)
    assert once.readings[manifest] > reading
    assert manifest == raised.value.filename
    assert before == snapshot(Path(site.cache.root))


def test_compiled_files_are_verified_too(tmp_path: Path) -> None:
    """A compiled file that was edited would run; it is found, and made anew when needed."""
    site = Site(tmp_path, compiler=True)
    site.install(site.wheel(), link_mode="hardlink", compile_levels=(0,))
    (path,) = Path(site.cache.root, "bytecode").rglob("*.pyc")
    forge(path)

    assert [path.as_posix()] == [one.path for one in verify(site.cache, full=True).findings]
    assert () == verify(site.cache, full=True, repair=True).findings


def test_the_rows_of_record_are_verified(site: Site) -> None:
    """What becomes RECORD in an environment is compared with the manifest."""
    entry = site.cache.add(site.wheel()).entry
    with open(f"{entry.folder}/record", "a", encoding="utf-8") as stream:
        stream.write("\n../../x,,")

    assert [f"{entry.folder}/record"] == [one.path for one in verify(site.cache).findings]


@pytest.mark.parametrize("full", [False, True])
def test_an_entry_is_mended_by_a_wheel_that_it_is_not_known_to_be_of(
    site: Site, *, full: bool
) -> None:
    """A wheel mends the entry that it unpacks to, also where no alias says so.

    The damaged entry that stood there was taken for the one that was made: it was neither
    mended nor quarantined.
    """
    wheel = str(site.wheel())
    entry = site.cache.add(wheel).entry
    site.cache.mark_flushed(entry)
    shutil.rmtree(f"{site.cache.root}/aliases")
    forge(module_of(entry)) if full else module_of(entry).write_text("edited = True\n")

    verified = verify(site.cache, full=full, repair=True, wheels=[wheel])

    assert ([module_of(entry).as_posix()], ()) == (
        [one.path for one in verified.mended],
        verified.findings,
    )
    made = site.cache.open(entry.manifest.id)
    assert made is not None
    assert is_sound(site.cache, made)


def test_a_manifest_that_is_a_folder_is_mended(site: Site) -> None:
    """It is told, and the wheel makes the entry anew.

    ``cache verify`` ended with "Is a directory", also with ``--repair``.
    """
    wheel = str(site.wheel())
    manifest = f"{site.cache.add(wheel).entry.folder}/manifest"
    os.unlink(manifest)
    os.mkdir(manifest)

    assert [manifest] == [one.path for one in verify(site.cache).findings]
    assert () == verify(site.cache, repair=True, wheels=[wheel]).findings


def test_who_shares_files_of_a_closed_folder_is_not_known(site: Site) -> None:
    """A file that this user cannot look at is shared with nobody who could be named."""
    site.install(site.wheel(), link_mode="hardlink")
    entry = site.cache.add(site.wheel()).entry
    module = module_of(entry)
    cache = Cache(site.cache.path, files=Closed(module.parent.as_posix()))

    assert "" == sharing(cache, entry, [module.as_posix()])


def test_who_shares_files_in_a_closed_environment_may_be_told(site: Site) -> None:
    """An environment that this user may not look into is named as one that may have the link.

    Looking for whom to name, an install that met a damaged entry ended with an error, and so
    did each later one, where another user's environment that was noted was in a closed folder.
    """
    site.install(site.wheel(), link_mode="hardlink")
    entry = site.cache.add(site.wheel()).entry
    cache = Cache(site.cache.path, files=Closed(site.root.as_posix()))

    told = sharing(cache, entry, [module_of(entry).as_posix()])

    assert f"1 link in {site.root}, or that nobody has noted" == told
