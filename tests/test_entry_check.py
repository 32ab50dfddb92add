"""Whether an entry is still what was verified: what each level notices."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from stat import S_IFDIR, S_IFMT
from typing import TYPE_CHECKING

import pytest

from linkinstall.cache import Cache
from linkinstall.entry_check import LEVELS, Inspection, inspect, is_whole
from linkinstall.fs import local
from linkinstall.record import seal, unsealed
from linkinstall.values import replace
from tests.support.entries import FILES, file_of, made_entry
from tests.support.faulty import Closed, LowLinks, Recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader

    from linkinstall.cache import Entry

DATA = "purelib/pkg/data.bin"
TOOL = "scripts/tool"
INNER = "purelib/tools/run"


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    """Return a sound entry with two executables, one of them in a folder of its own."""
    files = {**FILES, INNER: b"#!/bin/sh\n"}
    return made_entry(Cache(tmp_path / "cache"), files, executable=[TOOL, INNER])


def edit_and_forge(path: Path) -> None:
    """Change a file's contents, and put its time back."""
    before = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def edit(path: Path) -> None:
    """Change a file's contents through whatever link."""
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(1, 1))


def truncate(path: Path) -> None:
    """Cut a file off, its time put back."""
    before = path.stat()
    path.write_bytes(b"")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_folder(path: Path) -> None:
    """Put a folder in the place of a file."""
    path.unlink()
    path.mkdir()


def link_away(path: Path) -> None:
    """Put a link in the place of a file."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


links = pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
modes = pytest.mark.posix("whether a file can be read, and run, is no mode there")

DAMAGES = [
    pytest.param("is missing", lambda path: path.unlink(), DATA, id="missing"),
    pytest.param("is no plain file", replace_by_folder, DATA, id="folder"),
    pytest.param("is no plain file", link_away, DATA, id="link", marks=links),
    pytest.param("has another size", truncate, DATA, id="truncated"),
    pytest.param("was written to", edit, DATA, id="edited"),
    pytest.param("has another mode", lambda path: path.chmod(0o644), TOOL, id="mode", marks=modes),
    pytest.param("has another mode", lambda path: path.chmod(0o666), DATA, id="open", marks=modes),
    pytest.param("has another mode", lambda path: path.chmod(0o600), DATA, id="mine", marks=modes),
    pytest.param("has another mode", lambda path: path.chmod(0o4755), TOOL, id="suid", marks=modes),
    pytest.param("has another mode", lambda path: path.chmod(0o2644), DATA, id="sgid", marks=modes),
    pytest.param("has another mode", lambda path: path.chmod(0o644), INNER, id="deep", marks=modes),
]


@pytest.mark.parametrize("level", LEVELS)
def test_a_sound_entry_has_no_findings(entry: Entry, level: str) -> None:
    """At every level what was just written is what was verified."""
    assert Inspection() == inspect(local(), entry, level)


@pytest.mark.parametrize("level", ["stat", "full"])
@pytest.mark.parametrize(("reason", "damage", "key"), DAMAGES)
def test_damage_is_noticed(
    entry: Entry, reason: str, damage: Callable[[Path], object], key: str, level: str
) -> None:
    """An edited, truncated, removed, replaced or chmodded file is named with what it is."""
    damage(file_of(entry, key))

    found = inspect(local(), entry, level)

    assert ((str(file_of(entry, key)), reason),) == found.damaged


@pytest.mark.parametrize("level", ["stat", "full"])
@pytest.mark.parametrize("unit", [100, 1_000, 10_000_000, 1_000_000_000, 2_000_000_000])
def test_a_time_that_was_cut_down_is_no_damage(entry: Entry, unit: int, level: str) -> None:
    """Volumes and archives that keep coarser times leave an entry sound, and an edit is noticed.

    Story: in a cache that GNU tar had copied, as the how-to says, or on ext4 with inodes of
    128 bytes, every file "was written to": each install made every entry anew, and
    ``LinkDestination`` could install nothing at all.
    """
    mtime = entry.manifest.mtime
    for key in (*FILES, INNER):
        os.utime(file_of(entry, key), ns=(mtime, mtime - mtime % unit))

    assert Inspection() == inspect(local(), entry, level)

    later = mtime - mtime % unit + unit
    os.utime(file_of(entry, DATA), ns=(later, later))
    assert ((str(file_of(entry, DATA)), "was written to"),) == inspect(
        local(), entry, level
    ).damaged


def test_no_mode_is_expected_where_files_have_none(entry: Entry) -> None:
    """What a wheel marks as executable is no damage on Windows, which marks nothing.

    Story: each such entry was called damaged there, and made anew by each install from the
    wheel file; through ``LinkDestination``, which has no file to make it from, the wheel
    could not be installed at all.
    """
    file_of(entry, TOOL).chmod(0o644)
    file_of(entry, DATA).chmod(0o666)  # as Windows shows every file
    files = Recording(local())
    files.marks_executables = False

    assert Inspection() == inspect(files, entry, "full")


@pytest.mark.parametrize("level", ["stat", "full"])
def test_a_folder_that_looks_like_a_file_is_noticed(entry: Entry, level: str) -> None:
    """What is no plain file is damage, though its size, time and mode were the file's.

    On Windows a folder has the size 0, and so may a file.
    """

    class Posing(Recording):
        def __init__(self) -> None:
            super().__init__(local())
            vars(self)["statuses"] = self._statuses

        def _statuses(self, folder: str, names: list[str]) -> list[os.stat_result | None]:
            found = self.inner.statuses(folder, names)
            return [
                with_mode(one, S_IFDIR) if one is not None and name == "data.bin" else one
                for name, one in zip(names, found, strict=True)
            ]

    assert ((str(file_of(entry, DATA)), "is no plain file"),) == inspect(
        Posing(), entry, level
    ).damaged


def with_mode(status: os.stat_result, kind: int) -> os.stat_result:
    """Return a status that tells another kind of file, and is the same in all else."""
    mode = status.st_mode & ~S_IFMT(status.st_mode) | kind
    return os.stat_result((mode, *status[1:]), {"st_mtime_ns": status.st_mtime_ns})


@modes
def test_an_entry_of_a_free_umask_may_be_written_by_all(entry: Entry) -> None:
    """A file that everybody may write to is no damage where it was made so."""
    file_of(entry, DATA).chmod(0o666)
    free = replace(entry, manifest=replace(entry.manifest, umask=0))

    assert 1 == len(inspect(local(), entry, "stat").damaged)
    assert Inspection() == inspect(local(), free, "stat")


@modes
def test_a_volume_without_modes_is_no_damage(entry: Entry) -> None:
    """On a volume such as FAT everything has one mode, folders too: that tells nothing."""
    for folder, _, names in os.walk(entry.folder):
        for name in names:
            os.chmod(f"{folder}/{name}", 0o777)  # noqa: S103 - as such volumes show it
        os.chmod(folder, 0o777)  # noqa: S103

    assert Inspection() == inspect(local(), entry, "full")

    file_of(entry, DATA).unlink()
    for level in ("stat", "full"):
        assert ((str(file_of(entry, DATA)), "is missing"),) == inspect(
            local(), entry, level
        ).damaged


@modes
def test_an_unreadable_file_is_noticed(entry: Entry) -> None:
    """A file that its owner may not read any more cannot be linked for others."""
    file_of(entry, DATA).chmod(0o000)

    assert ((str(file_of(entry, DATA)), "has another mode"),) == inspect(
        local(), entry, "stat"
    ).damaged


def test_an_entry_that_is_gone_has_lost_every_file(entry: Entry) -> None:
    """An entry that another process has just set aside, to make it anew, is damaged: no error.

    Of 12 installs that found the same entry damaged, one in twelve rounds ended with "No such
    file or directory": the volume's limit of links was asked of the folder.
    """
    os.rename(entry.folder, f"{entry.folder}.aside")

    found = inspect(local(), entry, "stat").damaged

    files = [path for path, _ in found if path != f"{entry.folder}/record"]
    assert entry.manifest.count == len(files)
    assert {"is missing"} == {reason for _, reason in found}


def test_a_file_that_goes_while_it_is_read_is_missing(entry: Entry) -> None:
    """Another process may set the entry aside between the look at a file and its reading.

    Five installs that found an entry which a power cut had spoilt: one in fifty ended with "No
    such file or directory".
    """

    def open_read(path: str) -> BufferedReader:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    files = Recording(local())
    vars(files)["open_read"] = open_read

    found = inspect(files, entry, "full").damaged

    assert {"is missing"} == {reason for _, reason in found}
    assert not is_whole(files, entry)


def test_an_entry_that_is_back_already_is_sound(entry: Entry) -> None:
    """An entry that was set aside, and stands again when its files are looked at, has no fault."""

    def link_limit(path: str) -> int:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    files = Recording(local())
    vars(files)["link_limit"] = link_limit

    assert Inspection() == inspect(files, entry, "full")


def test_a_careful_edit_is_found_by_reading_alone(entry: Entry) -> None:
    """Size and time can be put back: then only ``full`` tells."""
    edit_and_forge(file_of(entry, DATA))

    assert () == inspect(local(), entry, "stat").damaged
    assert ((str(file_of(entry, DATA)), "has other contents"),) == inspect(
        local(), entry, "full"
    ).damaged


@pytest.mark.parametrize("damage", [edit, truncate])
def test_off_looks_at_nothing_that_has_reached_the_disk(
    entry: Entry, damage: Callable[[Path], None]
) -> None:
    """With ``off`` a flushed entry is trusted, and one that may not have been written is not."""
    damage(file_of(entry, DATA))

    assert Inspection() == inspect(local(), replace(entry, flushed=True), "off")
    assert 1 == len(inspect(local(), replace(entry, flushed=False), "off").damaged)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("lost", ["emptied", "removed"])
def test_the_rows_of_an_entry_that_may_not_have_reached_the_disk_are_looked_at(
    entry: Entry, level: str, lost: str
) -> None:
    """Before its flush a power cut can take what an entry keeps for RECORD, and nothing else.

    On xfs, cloning files flushes them alone: the entry was taken for sound then, and what was
    installed from it had a RECORD without its files (found by ``make power --mode clone``).
    """
    unflushed = replace(entry, flushed=False)
    assert Inspection() == inspect(local(), unflushed, level)

    record = f"{entry.folder}/record"
    os.unlink(record)
    if lost == "emptied":
        open(record, "xb").close()

    reason = {"emptied": "has other rows", "removed": "is missing"}[lost]
    assert ((record, reason),) == inspect(local(), unflushed, level).damaged


def test_every_damaged_file_is_named(entry: Entry) -> None:
    """All findings come together."""
    for key in (DATA, TOOL, "purelib/pkg/__init__.py"):
        file_of(entry, key).unlink()

    assert 3 == len(inspect(local(), entry, "stat").damaged)


@pytest.mark.parametrize("linked", [False, pytest.param(True, marks=links)])
def test_a_removed_folder_is_damage(entry: Entry, *, linked: bool) -> None:
    """A folder that is gone, or a link now, has lost all of its files."""
    folder = file_of(entry, "purelib/pkg")
    folder.rename(folder.with_name("elsewhere"))
    if linked:
        folder.symlink_to("elsewhere")

    found = inspect(local(), entry, "full")

    assert {"is missing"} == {reason for _, reason in found.damaged}
    assert 2 == len(found.damaged)


def test_crowded_files_are_told(entry: Entry, tmp_path: Path) -> None:
    """A file with as many links as its volume allows is told, and is not damaged."""
    for number in range(2):
        os.link(file_of(entry, DATA), tmp_path / f"{number}")

    assert Inspection(crowded=(str(file_of(entry, DATA)),)) == inspect(
        LowLinks(local(), 3), entry, "stat"
    )
    assert () == inspect(LowLinks(local(), 4), entry, "stat").crowded


def test_a_damaged_file_is_not_crowded(entry: Entry, tmp_path: Path) -> None:
    """What is damaged is made anew: a fresh inode for it would spread the damage."""
    os.link(file_of(entry, DATA), tmp_path / "link")
    edit(file_of(entry, DATA))

    found = inspect(LowLinks(local(), 2), entry, "stat")

    assert Inspection(damaged=((str(file_of(entry, DATA)), "was written to"),)) == found


def test_looking_changes_nothing(entry: Entry) -> None:
    """An inspection makes no changing call."""
    files = Recording(local())
    file_of(entry, DATA).unlink()

    inspect(files, entry, "full")

    assert [] == files.changes


@pytest.mark.parametrize("level", ["stat", "full"])
@pytest.mark.parametrize("lost", ["emptied", "removed", "cut off"])
def test_rows_that_were_lost_later_are_noticed(entry: Entry, level: str, lost: str) -> None:
    """Of a flushed entry, too, the rows for RECORD have to be there.

    They are no file that is linked, and were not looked at once the entry had been flushed:
    what was installed from it then had a RECORD without its files, and left them behind when
    it was removed.
    """
    flushed, record = replace(entry, flushed=True), f"{entry.folder}/record"
    with open(record, "rb") as stream:
        rows = stream.read()
    assert Inspection() == inspect(local(), flushed, level)

    os.unlink(record)
    if lost != "removed":
        with open(record, "xb") as stream:
            stream.write(b"" if lost == "emptied" else rows[: rows.rindex(b"\n")])

    reason = "is missing" if lost == "removed" else "has other rows"
    assert ((record, reason),) == inspect(local(), flushed, level).damaged


@pytest.mark.parametrize("level", ["stat", "full"])
@pytest.mark.parametrize("sealed", [True, False])
def test_an_edit_of_the_rows_is_found(entry: Entry, level: str, *, sealed: bool) -> None:
    """Rows of the same number are told from those that were written, with a seal or without.

    Only their number was compared unless all was read: an install gave a RECORD with another
    digest, which ``check`` called half-removed then, or with another path, and its removal
    left the file behind.
    """
    flushed, record = replace(entry, flushed=True), Path(entry.folder, "record")
    if not sealed:
        record.write_bytes(unsealed(record.read_bytes()))
    assert Inspection() == inspect(local(), flushed, level)

    record.write_bytes(record.read_bytes().replace(b"sha256=", b"sha256=x", 1))

    found = ((record.as_posix(), "has other rows"),)
    assert found == inspect(local(), flushed, level).damaged
    assert found == inspect(local(), replace(entry, flushed=False), level).damaged


def test_rows_of_a_sound_entry_are_not_compared_one_by_one(entry: Entry) -> None:
    """What a warm install looks at takes no time for each row: one checksum tells."""
    flushed, record = replace(entry, flushed=True), Path(entry.folder, "record")
    record.write_bytes(seal(b"other rows", entry.manifest.id))

    assert Inspection() == inspect(local(), flushed, "stat")
    assert 1 == len(inspect(local(), flushed, "full").damaged)


@pytest.mark.parametrize("level", ["stat", "full"])
@pytest.mark.parametrize("kind", ["folder", pytest.param("pipe", marks=links)])
def test_rows_that_are_no_file_are_damage(entry: Entry, level: str, kind: str) -> None:
    """Where a folder, or a pipe, stands for the rows, the entry is made anew.

    It was an error of the system, at each install of the wheel.
    """
    record = f"{entry.folder}/record"
    os.unlink(record)
    os.mkdir(record) if kind == "folder" else os.mkfifo(record)

    assert ((record, "cannot be read"),) == inspect(local(), entry, level).damaged


@pytest.mark.parametrize("level", ["stat", "full"])
def test_files_in_a_closed_folder_are_damage(entry: Entry, level: str) -> None:
    """Files that this user cannot look at cannot be linked; a disk's error stays one.

    A folder of an entry that was closed stopped each install of the wheel.
    """
    place = file_of(entry, "purelib/pkg").as_posix()

    found = inspect(Closed(place), entry, level).damaged

    assert [(f"{place}/{name}", "cannot be read") for name in ("__init__.py", "data.bin")] == [
        *found
    ]
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        inspect(Closed(place, errno.EIO), entry, level)


def test_an_error_of_the_disk_is_no_damage(entry: Entry) -> None:
    """Rows that the disk cannot read may be sound."""

    def read(path: str) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    files = Recording(local())
    vars(files)["read"] = read

    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        inspect(files, entry, "stat")
