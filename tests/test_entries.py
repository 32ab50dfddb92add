"""Entries for a transaction: found, made, looked at, and made anew."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall import Cache
from linkinstall.entries import Entries
from linkinstall.errors import CacheError, InvalidWheelError, UsageError
from linkinstall.fs import local
from linkinstall.wishes import Options
from tests.support.entries import lose
from tests.support.faulty import Denying, LocalFileSystem
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site, snapshot

if TYPE_CHECKING:
    from io import BufferedReader

    from linkinstall.fs.port import FileSystem
    from tests.support.faulty import Change


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment that can compile."""
    return Site(tmp_path, compiler=True)


def entries(
    site: Site,
    cache: Cache | None = None,
    *,
    verify: str = "stat",
    symlinks: bool = False,
    sync: str = "normal",
) -> Entries:
    """Return entries of a cache, by default the site's."""
    mode = "symlink" if symlinks else "auto"
    options = Options(mode, verify_cache=verify, sync=sync)
    return Entries(cache or site.cache, site.environment, options)


def cached_file(entry_folder: str) -> Path:
    """Return the package's only module in an entry."""
    return Path(entry_folder) / "files" / "purelib" / "app" / "__init__.py"


class OnlyOutside(Denying):
    """A file system on which one folder cannot be written."""

    def __init__(self, inner: FileSystem, folder: str) -> None:
        super().__init__(inner, "", errno.EROFS)
        self.folder = folder

    def denies(self, change: Change) -> bool:
        """Return whether a change is below the folder."""
        return f"{change.path}/".startswith(f"{self.folder}/")


def test_a_wheel_is_unpacked_once(site: Site) -> None:
    """The second time a wheel is brought, its entry is the one that was made first."""
    wheel = str(site.wheel())
    first = entries(site).bring(wheel)
    made = cached_file(first.entry.folder).stat().st_ino
    again = entries(site).bring(wheel)

    assert first.entry.folder == again.entry.folder
    assert made == cached_file(again.entry.folder).stat().st_ino


@pytest.mark.parametrize("before", [0, 1])
def test_one_wheel_alone_says_how_far_it_is(site: Site, before: int) -> None:
    """A wheel is told of again and again while it is unpacked.

    It was told of once, before: one alone, however large, was never drawn, since nothing is
    drawn in the first half second.
    """
    others = [str(site.wheel(f"other{number}")) for number in range(before)]
    wheel = str(site.wheel(files={f"app/m{number}.py": "" for number in range(20)}))
    seen: list[tuple[str, int, int, float]] = []
    brought = Entries(site.cache, site.environment, Options("auto"), lambda *one: seen.append(one))
    brought.fill([*others, wheel], ())

    for path in (*others, wheel):
        brought.bring(path)

    parts = [one[3] for one in seen if one[0] == os.path.basename(wheel)]
    count = before + 1
    # Where processes may not be forked, nothing is counted beforehand but their number.
    assert {(os.path.basename(wheel), count, count)} == {
        one[:3] for one in seen if one[0] == os.path.basename(wheel)
    }
    assert sorted(parts) == parts
    assert len(parts) > 20
    seen.clear()
    entries(site).bring(wheel)
    brought.bring(wheel)
    assert [] == seen


def test_no_compiled_files_unless_asked(site: Site) -> None:
    """Without a level there is the entry alone; with one, a set of compiled files."""
    wheel = str(site.wheel())
    plain = entries(site)
    compiled = entries(site)
    entry = plain.bring(wheel).entry

    assert (entry,) == plain.use(entry, wheel, ())
    assert (0, 0, 0) == (
        plain.bytecode.linked,
        plain.bytecode.compiled,
        plain.bytecode.failed,
    )
    found, pyc = compiled.use(entry, wheel, (0,))
    compiled.close()
    tag = sys.implementation.cache_tag
    names = [path.rpartition("/")[2] for _, path, _, _ in pyc.manifest.files()]
    assert (entry, [f"__init__.{tag}.pyc"], 1) == (found, names, compiled.bytecode.compiled)


@pytest.mark.parametrize("verify", ["stat", "full"])
def test_a_damaged_entry_is_made_anew_from_its_wheel(site: Site, verify: str) -> None:
    """A cache file that was edited is replaced from the wheel, with one warning."""
    wheel = str(site.wheel())
    asked = entries(site, verify=verify)
    entry = asked.bring(wheel).entry
    sound = cached_file(entry.folder).read_text()
    cached_file(entry.folder).write_text("edited = True\n")
    (renewed,) = asked.use(entry, wheel, ())

    assert sound == cached_file(renewed.folder).read_text()
    assert ["cache-damaged"] == [warning.code for warning in asked.warnings]


@pytest.mark.parametrize("verify", ["off", "stat"])
@pytest.mark.parametrize("compiled", [False, True])
def test_what_a_power_cut_may_have_lost_is_read_whole(
    site: Site, verify: str, *, compiled: bool
) -> None:
    """A file that has its size and its time, and zeros for contents, is not linked.

    A cut that came while an image of ext4 was written left such a file in an entry (its blocks
    were allocated, and not written yet). The entry was marked as not flushed, and the look at
    sizes and times took it for sound: an install linked it.
    """
    wheel = str(site.wheel())
    before = entries(site)
    entry, pyc = before.use(before.bring(wheel).entry, wheel, (0,))
    before.close()
    ((scheme, path, _, _),) = pyc.manifest.files()
    lost = Path(pyc.files(scheme, path)) if compiled else cached_file(entry.folder)
    sound = lost.read_bytes()
    lose(lost)

    asked = entries(site, verify=verify)
    asked.use(asked.bring(wheel).entry, wheel, (0,))
    asked.close()

    assert sound == lost.read_bytes()
    assert asked.warnings[0].message.startswith("compiled files" if compiled else "a cache entry")
    site.cache.mark_flushed(asked.bring(wheel).entry)


def test_power_cuts_do_not_count_with_sync_off(site: Site) -> None:
    """Where nothing is ever flushed, what is marked so is not read whole each time."""
    wheel = str(site.wheel())
    entry = entries(site).bring(wheel).entry
    lose(cached_file(entry.folder))

    asked = entries(site, sync="off")
    found = site.cache.find(wheel)
    assert found is not None
    asked.use(found.entry, wheel, ())

    assert [] == asked.warnings


@pytest.mark.parametrize("flushed", [False, True])
def test_what_this_run_has_written_is_not_read_again(site: Site, *, flushed: bool) -> None:
    """It was compared when it was written; nor is what was flushed."""
    asked = entries(site)
    wheel = str(site.wheel())
    entry = asked.bring(wheel).entry
    if flushed:
        site.cache.mark_flushed(entry)
        asked = entries(site)
        entry = asked.bring(wheel).entry
    lose(cached_file(entry.folder))

    asked.use(entry, wheel, ())

    assert [] == asked.warnings


def test_a_damaged_entry_without_a_wheel_is_refused(site: Site) -> None:
    """Where there is no wheel file to make it anew, a damaged entry is a CacheError."""
    asked = entries(site)
    entry = asked.bring(str(site.wheel())).entry
    cached_file(entry.folder).unlink()

    with pytest.raises(CacheError, match="is missing"):
        asked.use(entry, None, ())


def test_no_cache_means_one_in_the_state_folder(site: Site) -> None:
    """Without a cache, entries go below the home folder that was named."""
    home = site.folder / "home"
    home.mkdir()
    asked = entries(site, Cache.none())
    asked.settle(str(home))
    added = asked.bring(str(site.wheel()))

    assert added.entry.folder.startswith(f"{home}/cache/")
    assert asked.temporary


def test_a_cache_that_cannot_be_written_is_replaced_with_a_warning(site: Site) -> None:
    """Where the cache is no folder, a temporary one stands in, told once."""
    (site.folder / "blocked").write_text("no folder\n")
    home = site.folder / "home"
    home.mkdir()
    asked = entries(site, Cache(site.folder / "blocked" / "cache"))
    asked.settle(str(home))
    added = asked.bring(str(site.wheel()))

    assert added.entry.folder.startswith(f"{home}/cache/")
    assert ["cache-unwritable"] == [warning.code for warning in asked.warnings]


def test_a_temporary_cache_has_its_place_for_what_is_in_the_cache_already(site: Site) -> None:
    """Where nothing is brought, a cache that cannot be written is stood in for as well.

    For a destination that takes all from the cache, nobody had said where a temporary cache
    would go: it went to ``/cache``.
    """
    wheel = str(site.wheel())
    entry = entries(site).bring(wheel).entry
    cached_file(entry.folder).unlink()
    files = OnlyOutside(local(), site.cache.path)
    home = site.folder / "home"
    home.mkdir()
    asked = entries(site, Cache(site.cache.path, files=files))
    asked.settle(str(home), brings=False)

    found, *_ = asked.use(entry, wheel, (), same=True)

    assert found.folder.startswith(f"{home}/cache/")


def test_links_into_a_cache_that_goes_are_refused(site: Site) -> None:
    """Symbolic links need a cache that stays: none, and none but a temporary one, will do."""
    asked = entries(site, Cache.none(), symlinks=True)

    with pytest.raises(UsageError, match="cache that stays"):
        asked.settle(str(site.home))


def test_a_new_note_of_links_counts_as_unflushed(site: Site) -> None:
    """With the note of its links an entry is brought to the disk; a note that stands is there.

    With the cache on a volume of its own only the environment's was flushed: a power cut
    left links in place and an empty note, and a clean-up would have taken what they lead to.
    """
    wheel = str(site.wheel())
    made = entries(site).bring(wheel).entry
    site.cache.mark_flushed(made)
    flushed = []

    for _ in range(2):
        asked = entries(site, symlinks=True)
        asked.use(asked.bring(wheel).entry, wheel, ())
        flushed.append([entry.flushed for entry in asked.used])

    assert [[False], [True]] == flushed


def test_a_folder_on_the_way_to_the_cache_that_cannot_be_made_is_the_caches(site: Site) -> None:
    """A home that cannot be written stands in the way of the cache, and of nothing else."""

    class Closed(Denying):
        def denies(self, change: Change) -> bool:
            return change.path == f"{site.folder}/home"

    files = Closed(local(), "make_folder", errno.EACCES)
    asked = entries(site, Cache(site.folder / "home" / "cache", files=files))
    asked.settle(str(site.home))
    added = asked.bring(str(site.wheel()))

    assert added.entry.folder.startswith(f"{site.home}/cache/")
    assert ["cache-unwritable"] == [warning.code for warning in asked.warnings]


def test_links_need_the_cache_that_cannot_be_written(site: Site) -> None:
    """Where no temporary cache will do, the error is about the cache, not about the call.

    With --link-mode symlink a cache on a read-only volume ended as a usage error, status 2,
    that advised to leave out --no-cache, which nobody had given.
    """
    cache = Cache(site.folder / "other", files=Denying(local(), "make_folder", errno.EROFS))
    asked = entries(site, cache, symlinks=True)
    asked.settle(str(site.home))
    with pytest.raises(CacheError, match=os.strerror(errno.EROFS)) as caught:
        asked.bring(str(site.wheel()))

    assert 1 == caught.value.exit_status
    assert cache.path in caught.value.message
    assert "--link-mode" in caught.value.next_step
    assert cache is asked.cache


def test_a_wheel_that_cannot_be_read_is_no_reason_for_another_cache(site: Site) -> None:
    """Only what is refused in the cache, or on the way to it, is the cache's.

    Any "permission denied" was taken for the cache's, also that of the wheel: a warning
    told of a cache that could be written, and the install went on without it.
    """
    wheel = str(site.wheel())

    class Closing(LocalFileSystem):
        opened = 0

        def open_read(self, path: str) -> BufferedReader:
            self.opened += path == wheel
            if self.opened > 3:  # it was identified, and is unpacked now
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return super().open_read(path)

    cache = Cache(site.cache.path, files=Closing())
    asked = entries(site, cache)
    asked.settle(str(site.home))
    with pytest.raises(PermissionError, match=r"app-1\.0"):
        asked.bring(wheel)

    assert (cache, []) == (asked.cache, asked.warnings)


def test_a_bad_wheel_is_no_reason_for_another_cache(site: Site) -> None:
    """A wheel that is refused is refused as such; the cache stays the one chosen."""
    wheel = site.wheel(record="")
    asked = entries(site)
    asked.settle(str(site.home))
    with pytest.raises(InvalidWheelError):
        asked.bring(str(wheel))

    assert (site.cache, []) == (asked.cache, asked.warnings)


@pytest.mark.parametrize("lost", [b"", bytes(60), b"x" * 60])
def test_a_note_of_a_dependent_that_was_lost_is_written_anew(site: Site, lost: bytes) -> None:
    """What stands in the note counts, not that it is there.

    A power cut emptied the note of an install that was not committed; the next install
    found the file and left it so, and then nobody knew of the environment's links.
    """
    asked = entries(site, symlinks=True)
    entry = asked.bring(str(site.wheel())).entry
    asked.use(entry, None, ())
    (note,) = Path(site.cache.root, "dependents").iterdir()
    sound = note.read_bytes()
    note.write_bytes(lost)

    asked.use(entry, None, ())

    assert sound == note.read_bytes()


@pytest.mark.parametrize("lost", [b"", bytes(60)])
def test_a_note_of_an_environment_that_was_lost_is_written_anew(site: Site, lost: bytes) -> None:
    """A power cut may empty the note of an environment; the next install notes it again.

    It was left so, and an edit through one of its hard links named nobody.
    """
    entries(site, symlinks=False).use(site.cache.add(site.wheel()).entry, None, ())
    (note,) = Path(site.cache.root, "environments").iterdir()
    sound = note.read_bytes()
    note.write_bytes(lost)

    entries(site, symlinks=False).use(site.cache.add(site.wheel()).entry, None, ())

    assert sound == note.read_bytes()


def test_a_tier_is_taken_from_where_it_lies(site: Site) -> None:
    """An entry of a tier is found there, and nothing is written into its cache."""
    wheel = str(site.wheel())
    made = site.cache.add(wheel).entry
    tiered = Cache(site.folder / "own", tiers=[site.cache.path])
    asked = entries(site, tiered)
    (used,) = asked.use(asked.bring(wheel).entry, wheel, ())

    assert made.folder == used.folder
    assert not (site.folder / "own" / "v1" / "entries").exists()


def test_a_damaged_entry_of_a_tier_is_made_anew_in_the_own_cache(site: Site) -> None:
    """A tier is never written: what is damaged there is unpacked into the cache of one's own."""
    wheel = str(site.wheel())
    made = site.cache.add(wheel).entry
    cached_file(made.folder).write_text("edited = True\n")
    tiered = Cache(site.folder / "own", tiers=[site.cache.path])
    asked = entries(site, tiered)
    (used,) = asked.use(asked.bring(wheel).entry, wheel, ())

    assert used.folder.startswith(f"{tiered.root}/entries/")
    assert "edited = True\n" == cached_file(made.folder).read_text()


def test_a_tier_is_never_written(site: Site) -> None:
    """Not its marks, nor the time of use, nor the manifest of what is damaged there."""
    made = site.cache.add(site.wheel()).entry
    os.utime(f"{made.folder}/manifest", (0, 0))
    before = snapshot(Path(site.cache.path), exact=True)
    tiered = Cache(site.folder / "own", tiers=[site.cache.path])
    found = tiered.open(made.manifest.id)
    assert found is not None
    entries(site, tiered).use(found, None, ())
    tiered.mark_flushed(found)

    assert found.flushed
    assert before == snapshot(Path(site.cache.path), exact=True)
    os.truncate(cached_file(made.folder), 0)
    before = snapshot(Path(site.cache.path), exact=True)
    with pytest.raises(CacheError):
        entries(site, tiered).use(found, None, ())
    assert before == snapshot(Path(site.cache.path), exact=True)


def test_a_damaged_entry_of_a_cache_that_cannot_be_written(site: Site) -> None:
    """It is made anew in a temporary cache, with the one warning; without a wheel, an error.

    The install ended with the error of the file system, though it goes on where the cache
    lacks the entry. Then the warning said that the entry, which is damaged still, had been
    made anew.
    """
    wheel = str(site.wheel())
    made = site.cache.add(wheel).entry
    os.truncate(cached_file(made.folder), 0)
    closed = Cache(site.cache.path, files=OnlyOutside(local(), site.cache.path))
    asked = entries(site, closed)
    asked.settle(str(site.folder / "home"))
    with pytest.raises(CacheError):
        asked.use(made, None, ())
    (used,) = asked.use(made, wheel, ())

    assert not used.folder.startswith(site.cache.path)
    assert ["cache-unwritable", "cache-damaged"] == [one.code for one in asked.warnings]
    assert asked.warnings[1].message.startswith("a cache entry is damaged and is not used: ")


def test_a_temporary_cache_has_the_same_tiers(site: Site) -> None:
    """Where the own cache cannot be written, what lies in a tier is linked all the same."""
    wheel, other = str(site.wheel()), str(site.wheel("other"))
    made = site.cache.add(wheel).entry
    files = OnlyOutside(local(), str(site.folder / "own"))
    asked = entries(site, Cache(site.folder / "own", tiers=[site.cache.path], files=files))
    asked.settle(str(site.folder / "home"))
    asked.bring(other)

    assert ["cache-unwritable"] == [one.code for one in asked.warnings]
    assert made.folder == asked.bring(wheel).entry.folder


@needs_symlinks
@pytest.mark.parametrize("mode", ["symlink", "hardlink"])
def test_what_is_unchanged_is_noted_where_it_is(site: Site, mode: str) -> None:
    """An install that finds its links in place notes that the environment depends on the entry.

    Nothing was noted then: an environment that had been moved stayed unknown at its new place,
    and the next prune took away what its links lead to.
    """
    wheel = site.wheel()
    site.install(wheel, link_mode=mode, compile_levels=())
    notes = Path(site.cache.root, "dependents")
    before = {note.name for note in notes.glob("*")}
    for name in before:
        (notes / name).unlink()
    outcome = site.install(wheel, link_mode=mode, compile_levels=())

    assert "unchanged" == outcome.status
    assert before == {note.name for note in notes.glob("*")}
    assert (mode == "symlink") == bool(before)


@needs_symlinks
def test_a_cache_that_cannot_be_noted_in_changes_nothing(site: Site) -> None:
    """What is unchanged stays so where the cache cannot be written."""
    wheel = site.wheel()
    site.install(wheel, link_mode="symlink", compile_levels=())
    notes = Path(site.cache.root, "dependents")
    for note in notes.iterdir():
        note.unlink()
    notes.rmdir()
    notes.touch()

    assert "unchanged" == site.install(wheel, link_mode="symlink", compile_levels=()).status
