"""Writing an entry: what is measured, how it is published, and what becomes of the rest."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import stat
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.cache import Cache, Entry
from linkinstall.digest import encode, hash_data
from linkinstall.entry_writer import EntryWriter, collisions, renew
from linkinstall.errors import LockTimeoutError
from linkinstall.fs import local
from linkinstall.fs.lock import FolderLock
from linkinstall.manifest import decode
from linkinstall.record import is_sealed, unsealed
from tests.support.entries import (
    FILES,
    begun,
    contents,
    file_of,
    is_sound,
    lose,
    made_entry,
    published,
)
from tests.support.faulty import Faulty, Killed, LocalFileSystem, LowLinks, Recording
from tests.support.platforms import needs_modes
from tests.support.watched import process

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from tests.support.faulty import Change


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Return an empty cache."""
    return Cache(tmp_path / "cache")


# -------------------------------------------------------------------- measuring


@pytest.mark.parametrize("size", [0, 5, limits.COPY_CHUNK, limits.COPY_CHUNK + 1])
def test_a_file_is_measured_while_it_is_written(cache: Cache, size: int) -> None:
    """Size and digests are those of the contents, however many reads they take."""
    data = b"x" * size
    writer = EntryWriter(cache)

    one = writer.add("purelib", "a/b", io.BytesIO(data), executable=False, algorithms=["sha512"])

    assert (size, hash_data(data)) == (one.size, one.digest)
    assert {"sha512": encode(hashlib.sha512(data).digest())} == one.hashes
    written = os.path.join(writer.folder, "files/purelib/a/b")
    with open(written, "rb") as stream:
        assert data == stream.read()
    writer.discard()


def test_every_file_carries_the_time_of_the_unpacking(cache: Cache) -> None:
    """The time is one for all of an entry, and never the archive's: compiled files trust it."""
    entry = made_entry(cache)

    times = {file_of(entry, key).stat().st_mtime_ns for key in FILES}

    assert {entry.manifest.mtime} == times


@needs_modes
def test_modes_follow_the_executable_bit(cache: Cache) -> None:
    """What the wheel marks is executable for everybody, the rest is not."""
    entry = made_entry(cache, executable=["scripts/tool"])

    assert frozenset({"scripts/tool"}) == entry.manifest.executables
    assert 0o111 == file_of(entry, "scripts/tool").stat().st_mode & 0o111
    assert 0 == file_of(entry, "purelib/pkg/data.bin").stat().st_mode & 0o111
    assert local().umask() == entry.manifest.umask


@pytest.mark.parametrize(
    ("path", "data", "binary"),
    [
        ("a.PYD", b"", True),
        ("a.dll", b"text", True),
        ("sub/tool.ExE", b"", True),
        ("no_suffix", b"MZ\x90\x00", True),
        ("a.so", b"\x7fELF", False),
        ("text", b"ZM", False),
        ("late", b" MZ", False),
    ],
)
def test_what_windows_locks_is_noted(cache: Cache, path: str, data: bytes, *, binary: bool) -> None:
    """exe, dll and pyd in any case are binaries, and anything that starts with a PE header."""
    entry = made_entry(cache, {f"purelib/{path}": data})

    assert binary == (f"purelib/{path}" in entry.manifest.binaries)


@pytest.mark.parametrize(
    ("key", "data", "executable", "rewritten"),
    [
        ("scripts/a", b"#!python\n", True, True),
        ("scripts/a", b"#!pythonw\n", True, True),
        ("scripts/a", b"#!/bin/sh\n", True, False),
        ("scripts/a", b"#!/bin/sh\n", False, True),
        ("scripts/a", b"\x7fELF", False, False),
        ("purelib/a", b"#!python\n", True, False),
    ],
)
def test_what_is_written_per_environment_is_noted(
    cache: Cache, key: str, data: bytes, *, executable: bool, rewritten: bool
) -> None:
    """Scripts that want the interpreter, and those that are not executable yet, and no others."""
    entry = made_entry(cache, {key: data}, [key] if executable else [])

    assert rewritten == (key in entry.manifest.rewritten)


def test_a_path_can_come_once(cache: Cache) -> None:
    """A second file of one path is refused, and one of another scheme is not."""
    writer = begun(cache, {"purelib/a": b"1", "data/a": b"2"})

    with pytest.raises(FileExistsError, match="already exists: a"):
        writer.add("purelib", "a", io.BytesIO(b"3"), executable=False)
    writer.discard()


class Torn(io.BytesIO):
    """A stream that fails after its first three bytes."""

    def read(self, _size: int | None = -1, /) -> bytes:
        """Return three bytes once."""
        if self.tell():
            raise ConnectionError("the source is lost")
        return super().read(3)


def test_a_file_whose_stream_fails_may_come_again(cache: Cache) -> None:
    """What was written of it goes at once, and the error is the stream's own.

    The half file stayed: a second try ended with "File exists", and without one the entry was
    published with a file that no manifest names.
    """
    writer = EntryWriter(cache)
    with pytest.raises(ConnectionError):
        writer.add("purelib", "a/b", Torn(b"abcdef"), executable=False)
    assert [] == os.listdir(os.path.join(writer.folder, "files/purelib/a"))

    one = writer.add("purelib", "a/b", io.BytesIO(b"abcdef"), executable=False)
    assert (6, 0) == (one.size, one.order)
    writer.discard()


def test_what_is_forgotten_may_come_again(cache: Cache) -> None:
    """A forgotten file leaves no trace in the manifest."""
    writer = begun(cache, {"scripts/a.exe": b"#!python\n"})

    forgotten = writer.forget("scripts", "a.exe")
    assert forgotten is not None
    assert hash_data(b"#!python\n") == forgotten.digest
    assert writer.forget("scripts", "a.exe") is None
    writer.add("scripts", "a.exe", io.BytesIO(b"plain"), executable=True)
    manifest = published(cache, writer).manifest

    assert [("scripts", "a.exe", "5", hash_data(b"plain"))] == list(manifest.files())
    assert frozenset() == manifest.rewritten


def test_an_entry_point_is_noted_with_its_body(cache: Cache) -> None:
    """A launcher's text is made once, when the entry is."""
    writer = begun(cache, {})
    writer.add_entry_point("run", "pkg.cli", "main", "console")

    point = published(cache, writer).manifest.entry_points[0]

    assert ("run", "pkg.cli", "main", "console") == (
        point.name,
        point.module,
        point.attr,
        point.section,
    )
    assert "from pkg.cli import main" in point.body


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["a.py", "b.py"], set()),
        (["a.py", "A.py"], {"purelib/a.py", "purelib/A.py"}),
        (["pkg/x", "PKG/y"], {"purelib/pkg", "purelib/PKG"}),
        (["a/X", "a/x", "b/x"], {"purelib/a/X", "purelib/a/x"}),
        (["straße", "STRASSE"], set()),
        (["é.py", "e\u0301.py"], {"purelib/é.py", "purelib/e\u0301.py"}),
        (["É/x", "e\u0301/y"], {"purelib/É", "purelib/e\u0301"}),
    ],
)
def test_names_that_differ_by_case_or_form_are_noted(paths: list[str], found: set[str]) -> None:
    """Files and folders that a volume may take for one are known beforehand."""
    assert found == collisions([("purelib", path) for path in paths])


def test_rows_are_rendered_once(cache: Cache) -> None:
    """RECORD's rows are kept in installer's order; other schemes and scripts wait."""
    entry = made_entry(
        cache,
        {"purelib/b": b"1", "data/c": b"3", "purelib/a,b": b"22", "scripts/s": b"#!python"},
        ["scripts/s"],
    )

    with open(entry.folder + "/record", "rb") as stream:
        data = stream.read()
    rows = unsealed(data).decode().split("\n")

    assert is_sealed(data, entry.manifest.id)
    assert [
        f'"a,b",sha256={hash_data(b"22")},2',
        f"b,sha256={hash_data(b'1')},1",
        f"\tdata\tc,sha256={hash_data(b'3')},1",
    ] == rows


# -------------------------------------------------------------------- publishing


def test_an_entry_appears_whole(cache: Cache) -> None:
    """What is published has its manifest, and is marked as not flushed yet."""
    entry = made_entry(cache)

    assert is_sound(cache, entry)
    with open(entry.folder + "/manifest", "rb") as stream:
        assert entry.manifest == decode(stream.read())
    assert not entry.flushed
    found = cache.open(entry.manifest.id)
    assert entry == found
    assert "tmp/" in contents(cache)


def test_an_entry_without_files_is_an_entry(cache: Cache) -> None:
    """A wheel may bring entry points alone."""
    entry = made_entry(cache, {})

    assert 0 == entry.manifest.count
    assert entry == cache.open(entry.manifest.id)


def test_it_appears_by_one_rename(tmp_path: Path) -> None:
    """Before the rename nothing of the entry is in its place, and after it nothing is added."""
    files = Recording(local())
    cache = Cache(tmp_path, files=files)
    states: list[bool] = []

    def before(change: Change) -> None:
        there = os.path.isdir(f"{cache.root}/entries") and os.listdir(f"{cache.root}/entries")
        if not states or states[-1] != (bool(there)):
            states.append(bool(there))
            files.changes.append(change)

    files.before = before  # type: ignore[method-assign]
    made_entry(cache)

    assert [False, True] == states
    assert not any(f"{cache.root}/entries/" in change.path for change in files.changes[1:])


def test_who_comes_second_takes_the_first_entry(cache: Cache) -> None:
    """Two writers of one wheel end with one entry, that of the faster."""
    first, second = begun(cache), begun(cache)

    one = published(cache, first)
    other = published(cache, second)

    assert one == other
    assert [one.manifest.id] == os.listdir(f"{cache.root}/entries")
    assert "tmp/" in contents(cache)


@pytest.mark.parametrize("unreadable", [False, True])
def test_what_a_power_cut_has_left_is_replaced(tmp_path: Path, *, unreadable: bool) -> None:
    """An entry that stands there and was never flushed is taken only if it is whole.

    After a power cut the alias of a wheel was lost, and a file of its entry had zeros for
    contents: ``cache add`` unpacked the wheel again, took what stood there, and said "added".
    """
    plain = Cache(tmp_path)
    standing = made_entry(plain)
    lost = file_of(standing, "purelib/pkg/data.bin")

    class Unreadable(LocalFileSystem):
        def open_read(self, path: str) -> BufferedReader:
            if path == lost.as_posix() and os.stat(path).st_ino == inode:
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
            return super().open_read(path)

    inode = lost.stat().st_ino
    if not unreadable:
        lose(lost)
    entry = made_entry(Cache(tmp_path, files=Unreadable() if unreadable else local()))

    assert standing.mark != entry.mark
    assert is_sound(plain, entry)
    assert "tmp/" in contents(plain)


def test_what_was_flushed_is_taken_as_it_is(cache: Cache) -> None:
    """What edits do to an entry is found where it is used."""
    standing = made_entry(cache)
    cache.mark_flushed(standing)
    lose(file_of(standing, "purelib/pkg/data.bin"))

    assert standing.folder == made_entry(cache).folder
    assert not is_sound(cache, standing)


def test_who_comes_second_in_the_last_moment_does_too(tmp_path: Path) -> None:
    """An entry that appears between the look and the rename is taken as well."""
    plain = Cache(tmp_path)
    late: list[Entry] = []

    class Racing(Recording):
        def before(self, change: Change) -> None:
            if change.verb == "rename_new" and not late:
                late.append(made_entry(plain))
                # What rename(2) says of a folder that is not empty.
                raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))

    assert late == [made_entry(Cache(tmp_path, files=Racing(local())))]


def test_a_sound_entry_that_appears_after_the_look_is_left_in_place(tmp_path: Path) -> None:
    """Who finds nothing, and then something, looks again before moving it away.

    Of six threads that installed one wheel some ended with "the cache entry is damaged"
    or "no such file": another writer, which had looked before the entry was there, moved
    the sound entry away under them and put its own in the place.
    """
    plain = Cache(tmp_path)
    late: list[Entry] = []

    class Late(LocalFileSystem):
        def read(self, path: str, limit: int = limits.METADATA_SIZE) -> bytes:
            try:
                return super().read(path, limit)
            finally:
                if path.startswith(f"{plain.root}/entries/") and not late:
                    late.append(made_entry(plain))

    entry = made_entry(Cache(tmp_path, files=Late()))

    assert late == [entry]
    assert is_sound(plain, entry)
    assert "tmp/" in contents(plain)


def test_who_replaces_a_damaged_entry_is_waited_for(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One at a time moves an entry away, and the wait for the other has an end."""
    damaged = made_entry(cache)
    writer = begun(cache)
    name = f"entries-{os.path.basename(damaged.folder)}.lock"
    other = FolderLock(f"{cache.temporary_folder}/{name}", what="the entry")
    other.acquire()
    bounds = {**(FolderLock.acquire.__kwdefaults__ or {}), "timeout": 0.0}
    monkeypatch.setattr(FolderLock.acquire, "__kwdefaults__", bounds)

    with pytest.raises(LockTimeoutError):
        published(cache, writer, damaged)
    assert damaged == cache.open(damaged.manifest.id)

    other.release(remove=True)
    assert damaged != published(cache, begun(cache), damaged)
    assert "tmp/" in contents(cache)


@pytest.mark.parametrize("standing", ["folder", "file", "damaged"])
def test_what_is_no_entry_is_replaced(cache: Cache, standing: str) -> None:
    """A folder without a manifest that can be read, or a file, does not stand in the way."""
    entry = made_entry(cache)
    os.rename(entry.folder, f"{cache.path}/aside")
    if standing == "file":
        open(entry.folder, "w").close()
    else:
        os.mkdir(entry.folder)
        if standing == "damaged":
            with open(f"{entry.folder}/manifest", "wb") as stream:
                stream.write(b"linkinstall manifest 1\n")

    again = made_entry(cache)

    assert entry.folder == again.folder
    assert is_sound(cache, again)
    assert "tmp/" in contents(cache)


def test_a_damaged_entry_is_replaced(cache: Cache) -> None:
    """The entry that was found damaged makes room for the new one."""
    damaged = made_entry(cache)
    file_of(damaged, "purelib/pkg/data.bin").write_bytes(b"edited")

    again = published(cache, begun(cache), damaged)

    assert is_sound(cache, again)
    assert damaged.manifest.mtime != again.manifest.mtime
    assert "tmp/" in contents(cache)


def test_a_damaged_entry_stands_where_the_new_one_cannot_be_published(tmp_path: Path) -> None:
    """After an error at any call, or a kill and a sweep, an entry stands in the place.

    An environment with symbolic links into an entry was installed again after the entry had
    been edited. The rename that publishes the new entry was refused; the old one had been
    moved away and was deleted: "the environment is as it was", but its links dangled.
    """
    recording = Recording(local())
    again_after_damage(tmp_path / "recorded", recording)

    for at in range(len(recording.changes)):
        for error in (errno.EPERM, None):
            folder = tmp_path / f"{at}-{error}"
            entry = again_after_damage(folder, Faulty(local(), at, error))
            cache = Cache(folder)
            cache.sweep()
            assert os.path.exists(file_of(entry, "purelib/pkg/data.bin")), (at, error)
            assert "tmp/" in contents(cache)


def again_after_damage(folder: Path, files: FileSystem) -> Entry:
    """Make an entry, damage it, and let ``files`` publish another; return the first."""
    entry = made_entry(Cache(folder))
    file_of(entry, "purelib/pkg/data.bin").write_bytes(b"edited")
    with process(), contextlib.suppress(OSError, Killed):
        writer = EntryWriter(Cache(folder, files=files))
        try:
            published(writer.cache, begun(writer.cache, writer=writer), entry)
        finally:
            writer.discard()
    return entry


def test_two_that_replace_a_damaged_entry_end_with_one(cache: Cache) -> None:
    """Who comes second takes the entry that was mended meanwhile; somebody may link from it."""
    damaged = made_entry(cache)
    first, second = begun(cache), begun(cache)

    one = published(cache, first, damaged)
    other = published(cache, second, damaged)

    assert one == other
    assert one.manifest.mtime == first.mtime


def test_who_finds_the_damaged_entry_moved_away_goes_on(tmp_path: Path) -> None:
    """Another process may just have put the damaged entry aside and not be done."""
    plain = Cache(tmp_path)
    damaged = made_entry(plain)

    class Racing(Recording):
        def before(self, change: Change) -> None:
            if change.verb == "rename" and change.source == damaged.folder:
                os.rename(damaged.folder, f"{tmp_path}/moved")

    cache = Cache(tmp_path, files=Racing(local()))
    entry = published(cache, begun(cache), damaged)

    assert is_sound(cache, entry)
    assert damaged.manifest.mtime != entry.manifest.mtime


def test_a_race_without_end_is_given_up(tmp_path: Path) -> None:
    """Somebody who puts something there again and again is an error after some tries."""
    tries = []

    class Busy(Recording):
        def before(self, change: Change) -> None:
            if change.verb == "rename_new":
                tries.append(change.path)
                raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))

    cache = Cache(tmp_path, files=Busy(local()))

    with pytest.raises(FileExistsError):
        made_entry(cache)
    assert limits.RETRIES == len(tries)
    assert "tmp/" in contents(cache)


def test_an_error_while_publishing_leaves_nothing(tmp_path: Path) -> None:
    """Whatever call fails, the error comes out and the temporary folder is gone."""
    recording = Recording(local())
    made_entry(Cache(tmp_path / "recorded", files=recording))
    count = len(recording.changes)

    for at in range(count):
        files = Faulty(local(), at, errno.ENOSPC)
        plain = Cache(tmp_path / str(at))
        if failure_of(Cache(plain.path, files=files)) is not None:
            assert [] == entries_of(plain)
        assert files.fired
        entry = made_entry(plain)
        assert is_sound(plain, entry)
        assert "tmp/" in contents(plain)


def test_a_kill_at_any_call_leaves_nothing_that_is_used(tmp_path: Path) -> None:
    """After a kill the next writer ends with a sound entry, and sweeps what was left."""
    recording = Recording(local())
    made_entry(Cache(tmp_path / "recorded", files=recording))

    for at in range(len(recording.changes)):
        folder = tmp_path / str(at)
        with pytest.raises(Killed):
            made_entry(Cache(folder, files=Faulty(local(), at)))
        plain = Cache(folder)
        for name in entries_of(plain):
            found = plain.open(name)
            assert found is not None
            assert is_sound(plain, found)
        entry = made_entry(plain)
        assert is_sound(plain, entry)
        others = [path for path in contents(plain) if not path.startswith("entries/")]
        assert ["tmp/"] == others


def failure_of(cache: Cache) -> OSError | None:
    """Return the error with which making an entry fails, if it does."""
    try:
        made_entry(cache)
    except OSError as error:
        return error
    return None


def entries_of(cache: Cache) -> list[str]:
    """Return the names of the entries that a cache has."""
    folder = f"{cache.root}/entries"
    return os.listdir(folder) if os.path.isdir(folder) else []


def test_discarding_before_the_beginning_is_nothing(cache: Cache) -> None:
    """A writer that has written nothing has made nothing."""
    EntryWriter(cache).discard()

    assert not os.path.exists(cache.path)


def test_discarding_where_the_folder_could_not_be_made_touches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed beginning removes its own lock at most, whatever the working folder holds."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".lock").touch()
    os.makedirs(f"{tmp_path}/cache/v1/tmp")
    writer = EntryWriter(Cache(tmp_path / "cache", files=Faulty(local(), 0, errno.ENOSPC)))

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        writer.begin()
    writer.discard()

    assert (tmp_path / ".lock").exists()


# -------------------------------------------------------------------- renewing


def test_a_crowded_file_gets_a_fresh_inode(cache: Cache, tmp_path: Path) -> None:
    """The links that exist keep the old inode; the entry has the contents, time and mode."""
    entry = made_entry(cache, executable=["scripts/tool"])
    file = file_of(entry, "scripts/tool")
    os.link(file, tmp_path / "placed")
    before = file.stat()

    renew(cache, str(file))

    after = file.stat()
    assert (tmp_path / "placed").stat().st_ino == before.st_ino != after.st_ino
    assert (1, before.st_mode, before.st_mtime_ns) == (
        after.st_nlink,
        after.st_mode,
        after.st_mtime_ns,
    )
    assert is_sound(cache, entry)
    assert "tmp/" in contents(cache)


def test_a_renewed_file_takes_links_again(tmp_path: Path) -> None:
    """EMLINK is over once the file was renewed."""
    files = LowLinks(local(), 2)
    cache = Cache(tmp_path / "cache", files=files)
    entry = made_entry(cache)
    place = entry.files("purelib", "pkg")

    def link(number: int) -> list[str]:
        target = tmp_path / str(number)
        target.mkdir()
        return [name for name, _ in files.place("hardlink", place, str(target), ["data.bin"])]

    assert [] == link(1)
    assert ["data.bin"] == link(2)
    renew(cache, f"{place}/data.bin")
    assert [] == link(3)


def test_a_renewed_file_has_not_reached_the_disk(cache: Cache) -> None:
    """The entry counts as unflushed again, so that it is looked at after a power cut."""
    entry = made_entry(cache)
    cache.mark_flushed(entry)

    renew(cache, str(file_of(entry, "purelib/pkg/data.bin")))

    found = cache.open(entry.manifest.id)
    assert found is not None
    assert not found.flushed


@needs_modes
def test_another_umask_renews_nothing(cache: Cache) -> None:
    """Under another umask the fresh file would have another mode for everybody: it stays."""
    entry = made_entry(cache)
    file = file_of(entry, "purelib/pkg/data.bin")
    before = file.stat()
    mask = os.umask(0o077)
    try:
        renew(cache, str(file))
    finally:
        os.umask(mask)

    assert (before.st_ino, stat.S_IMODE(before.st_mode)) == (
        file.stat().st_ino,
        stat.S_IMODE(file.stat().st_mode),
    )
    assert "tmp/" in contents(cache)


def test_a_writer_that_cannot_begin_lets_its_folder_go(tmp_path: Path) -> None:
    """Where the entry's folder is refused, the temporary folder around it goes at once.

    A process that lived on held it locked, and no sweep could remove it.
    """
    cache = Cache(tmp_path / "cache")
    begun(cache).discard()
    cache = Cache(tmp_path / "cache", files=Faulty(local(), at=1, error=errno.ENOSPC))
    with pytest.raises(OSError, match="space"):
        EntryWriter(cache).begin()

    assert [] == os.listdir(cache.temporary_folder)
