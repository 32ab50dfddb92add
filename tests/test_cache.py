"""The cache: found without reading the payload, one entry for all, never a damaged one."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.cache import Cache
from linkinstall.entry_writer import renew
from linkinstall.errors import InvalidWheelError
from linkinstall.fs import local, trees
from linkinstall.fs.port import FileSystem
from linkinstall.unpack import rebuild
from tests.support.entries import (
    begun,
    contents,
    file_of,
    is_sound,
    lose,
    made_entry,
    published,
)
from tests.support.faulty import Denying, Faulty, Killed, Recording
from tests.support.platforms import needs_symlinks
from tests.support.wheels import make_record, make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.cache import Added, Entry

# Says when it is ready, and goes on when it is told to, so that two go on at once.
UNPACKER = """
import sys
from linkinstall.cache import Cache
from linkinstall.unpack import rebuild
folder, wheel, verb = sys.argv[1:]
cache = Cache(folder)
damaged = cache.find(wheel)
print("ready", flush=True)
sys.stdin.readline()
added = cache.add(wheel) if verb == "add" else rebuild(cache, wheel, damaged=damaged.entry)
print(added.entry.folder)
"""
MODULES = {f"sample/module_{number}.py": f"value = {number}\n" for number in range(60)}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Return an empty cache."""
    return Cache(tmp_path / "cache")


@pytest.fixture
def wheel(tmp_path: Path) -> str:
    """Return a sound wheel."""
    return str(make_wheel(tmp_path / "wheels"))


def alias_of(cache: Cache) -> str:
    """Return the path of the one alias that a cache has."""
    (name,) = os.listdir(f"{cache.root}/aliases")
    return f"{cache.root}/aliases/{name}"


def identity(cache: Cache, added: Added) -> tuple[str, bool]:
    """Return what was added, and that it is sound."""
    return added.entry.manifest.id, is_sound(cache, added.entry)


# -------------------------------------------------------------------- finding


def test_a_wheel_is_unpacked_once(cache: Cache, wheel: str) -> None:
    """The first time it is unpacked, then it is found, with the hash of the wheel file."""
    first, second = cache.add(wheel), cache.add(wheel)

    with open(wheel, "rb") as stream:
        expected = hashlib.file_digest(stream, "sha256").hexdigest()
    assert (True, False) == (first.unpacked, second.unpacked)
    assert expected == first.hash == second.hash
    assert first.entry == second.entry == cache.open(first.entry.manifest.id)
    assert is_sound(cache, first.entry)


@needs_symlinks
def test_a_parent_after_a_link_is_that_of_its_target(tmp_path: Path) -> None:
    """A cache and its tiers are where every other program finds them by the same path."""
    (tmp_path / "far/sub").mkdir(parents=True)
    (tmp_path / "s").symlink_to("far/sub")
    cache = Cache(tmp_path / "s/../cache", tiers=[f"{tmp_path}/s/../tier"])

    far = (tmp_path / "far").resolve().as_posix()
    assert (f"{far}/cache", (f"{far}/tier",)) == (cache.path, cache.tiers)


def test_a_warm_hit_reads_no_payload(tmp_path: Path) -> None:
    """Found is found: the central directory and RECORD are read, and none of the files."""
    payload = os.urandom(1 << 20)
    wheel = make_wheel(tmp_path, files={"sample/big.bin": payload})
    Cache(tmp_path / "cache").add(wheel)
    opened: list[Counted] = []

    class Counted(io.FileIO):
        total = 0

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            count = super().readinto(buffer) or 0
            self.total += count
            return count

    def open_read(path: str) -> io.BufferedReader:
        opened.append(Counted(path))
        return io.BufferedReader(opened[-1])  # type: ignore[arg-type]

    files = Recording(local())
    vars(files)["open_read"] = open_read
    found = Cache(tmp_path / "cache", files=files).find(str(wheel))

    assert found is not None
    assert [str(wheel)] == [one.name for one in opened]
    assert 0 < opened[0].total < 64 << 10
    assert [] == files.changes


def test_one_content_is_one_entry(cache: Cache, tmp_path: Path) -> None:
    """Two archives with the same files become one entry, each found by its own alias."""
    packed = make_wheel(tmp_path / "packed")
    stored = make_wheel(tmp_path / "stored", compression=zipfile.ZIP_STORED)

    first, second = cache.add(packed), cache.add(stored)

    assert first.entry == second.entry
    assert (True, True) == (first.unpacked, second.unpacked)
    assert 2 == len(os.listdir(f"{cache.root}/aliases"))
    assert not cache.add(packed).unpacked
    assert not cache.add(stored).unpacked
    assert first.hash != second.hash


def test_a_copy_of_the_file_is_the_same_wheel(cache: Cache, wheel: str, tmp_path: Path) -> None:
    """Neither place nor time of the file counts, and its build tag does not either."""
    added = cache.add(wheel)
    copy = tmp_path / "sample-1.0-1-py3-none-any.whl"
    shutil.copyfile(wheel, copy)

    found = cache.add(copy)

    assert (added.entry, False, "1") == (found.entry, found.unpacked, found.name.build)


def test_a_renamed_file_is_not_found_as_another_project(
    cache: Cache, wheel: str, tmp_path: Path
) -> None:
    """The alias knows the contents only; a file name of another project is refused."""
    cache.add(wheel)
    other = tmp_path / "other-1.0-py3-none-any.whl"
    os.link(wheel, other)

    assert cache.find(str(other)) is None
    with pytest.raises(InvalidWheelError):
        cache.add(other)


def test_another_spelling_of_the_file_name_is_found(cache: Cache, tmp_path: Path) -> None:
    """A file that writes its project and version in another way is the same wheel.

    The names were compared letter by letter: such a file was unpacked at every install.
    """
    added = cache.add(make_wheel(tmp_path, name="Sample_Pkg"))
    other = tmp_path / "sample.pkg-1.0.0-py3-none-any.whl"
    os.link(tmp_path / "Sample_Pkg-1.0-py3-none-any.whl", other)

    found = cache.find(str(other))

    assert found is not None
    assert (added.entry, "sample-pkg") == (found.entry, found.name.name)


def test_an_alias_that_leads_elsewhere_finds_nothing(cache: Cache, wheel: str) -> None:
    """An alias names an entry by its id; one that was edited into a path is not followed."""
    added = cache.add(wheel)
    elsewhere = f"{cache.path}/{'e' * 58}"
    os.rename(added.entry.folder, elsewhere)
    inner = f"../../{os.path.basename(elsewhere)}"
    with open(alias_of(cache), "wb") as stream:
        stream.write(f"{inner}\n{added.hash}\n".encode())

    assert cache.open_folder(cache.entry_folder(inner)) is not None
    assert cache.find(wheel) is None


@pytest.mark.parametrize("option", ["entries", "none"])
def test_a_wheel_that_record_does_not_cover_has_no_alias(
    cache: Cache, tmp_path: Path, option: str
) -> None:
    """Where RECORD says nothing of a file, equal RECORDs do not stand for equal files."""
    members = {"sample/__init__.py": b"", "sample/more.py": b"more\n"}
    record = make_record({"sample/__init__.py": b""}, "sample-1.0.dist-info")
    wheel = make_wheel(tmp_path, files=members, record=record)

    added = cache.add(wheel, validate_record="none")

    assert not os.path.exists(f"{cache.root}/aliases")
    assert cache.find(str(wheel)) is None
    assert cache.add(wheel, validate_record="none").unpacked
    assert is_sound(cache, added.entry)
    if option == "entries":
        with pytest.raises(InvalidWheelError):
            cache.add(wheel, validate_record="entries")


@pytest.mark.parametrize("option", ["entries", "none"])
def test_what_was_not_compared_has_no_alias(cache: Cache, wheel: str, option: str) -> None:
    """An alias vouches for a complete comparison: with less than ``all`` there is none."""
    cache.add(wheel, validate_record=option)

    assert cache.find(wheel) is None
    assert cache.add(wheel).unpacked
    assert cache.find(wheel) is not None


def damaged_aliases(good: bytes) -> dict[str, bytes]:
    """Return contents that an alias must not be believed with."""
    return {
        "empty": b"",
        "zeros": b"\0" * len(good),
        "id only": good[:64],
        "no hash": good[:65],
        "cut off hash": good[:-10],
        "cut off end": good[:-1],
        "another id": b"0" * 64 + good[64:],
        "not ascii": b"\xff" + good[1:],
        "more": good + b"x\n",
    }


@pytest.mark.parametrize("damage", sorted(damaged_aliases(b"")))
def test_a_damaged_alias_finds_nothing(cache: Cache, wheel: str, damage: str) -> None:
    """A truncated or altered alias costs an unpacking, and is right again afterwards."""
    added = cache.add(wheel)
    path = alias_of(cache)
    with open(path, "rb") as stream:
        good = stream.read()
    with open(path, "wb") as stream:
        stream.write(damaged_aliases(good)[damage])

    assert cache.find(wheel) is None
    again = cache.add(wheel)

    assert (True, added.entry, added.hash) == (again.unpacked, again.entry, again.hash)
    with open(path, "rb") as stream:
        assert good == stream.read()


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_a_truncated_entry_is_never_used(cache: Cache, wheel: str, cut: int) -> None:
    """An entry whose manifest is damaged counts as none, and is made anew."""
    added = cache.add(wheel)
    path = f"{added.entry.folder}/manifest"
    with open(path, "rb") as stream:
        data = stream.read()
    with open(path, "wb") as stream:
        stream.write(data[:cut])

    assert cache.open(added.entry.manifest.id) is None
    assert 1 == cache.info()["damaged"]
    again = cache.add(wheel)

    assert again.unpacked
    assert (added.entry.manifest.id, True) == identity(cache, again)
    assert 0 == cache.info()["damaged"]


def test_an_entry_without_its_manifest_is_made_anew(cache: Cache, wheel: str) -> None:
    """A folder that has lost its manifest does not stand in the way."""
    added = cache.add(wheel)
    os.unlink(f"{added.entry.folder}/manifest")

    again = cache.add(wheel)

    assert (added.entry.manifest.id, True) == identity(cache, again)


def test_a_damaged_entry_is_made_anew_when_it_is_added(cache: Cache, wheel: str) -> None:
    """What :meth:`Cache.add` returns is what was verified, as far as size and time tell.

    An entry with a missing file was found and returned once it was flushed: ``cache add`` said
    that nothing had to be done.
    """
    added = cache.add(wheel)
    cache.mark_flushed(added.entry)
    assert not cache.add(wheel).unpacked
    file_of(added.entry, "purelib/sample/data.txt").unlink()

    again = cache.add(wheel)

    assert again.unpacked
    assert is_sound(cache, again.entry)


def test_a_folder_in_the_place_of_an_alias_goes(cache: Cache, wheel: str) -> None:
    """The wheel is unpacked once more, and found from then on; see ``write_whole``."""
    cache.add(wheel)
    (name,) = os.listdir(f"{cache.root}/aliases")
    os.unlink(f"{cache.root}/aliases/{name}")
    os.mkdir(f"{cache.root}/aliases/{name}")

    assert cache.add(wheel).unpacked
    assert not cache.add(wheel).unpacked


def test_a_damaged_entry_is_made_anew_on_request(cache: Cache, wheel: str) -> None:
    """What an inspection has found is mended by unpacking the wheel again."""
    added = cache.add(wheel)
    file_of(added.entry, "purelib/sample/data.txt").write_text("edited")

    again = rebuild(cache, wheel, damaged=added.entry)

    assert (added.entry.manifest.id, True) == identity(cache, again)
    assert added.entry.manifest.mtime < again.entry.manifest.mtime
    assert cache.find(wheel) is not None


def test_a_wheel_whose_entry_a_power_cut_has_spoilt_is_unpacked_again(
    cache: Cache, wheel: str
) -> None:
    """What may never have reached the disk is read whole before it is said to be there."""
    added = cache.add(wheel)
    lost = file_of(added.entry, "purelib/sample/data.txt")
    lose(lost)

    again = cache.add(wheel)

    assert (added.entry.manifest.id, True) == identity(cache, again)
    assert is_sound(cache, again.entry)
    assert not cache.add(wheel).unpacked
    cache.mark_flushed(again.entry)
    lose(lost)
    assert not cache.add(wheel).unpacked


# -------------------------------------------------------------------- refusals


@pytest.mark.parametrize("kind", ["absent", "folder", "empty", "text"])
def test_what_is_no_wheel_is_refused_by_name(cache: Cache, tmp_path: Path, kind: str) -> None:
    """The error is typed, names the path, and nothing is made."""
    path = tmp_path / "sample-1.0-py3-none-any.whl"
    if kind == "folder":
        path.mkdir()
    elif kind != "absent":
        path.write_text("" if kind == "empty" else "no archive\n" * 100)

    with pytest.raises(InvalidWheelError) as caught:
        cache.add(path)

    assert str(path) in str(caught.value)
    assert {str(path)} == {problem.path for problem in caught.value.problems}
    assert not os.path.exists(cache.path)


def test_a_refused_wheel_leaves_nothing(cache: Cache, tmp_path: Path) -> None:
    """A wheel that does not hold what its RECORD says is not kept, not even in part."""
    record = make_record(
        {
            "sample/__init__.py": b"other",
            "sample-1.0.dist-info/METADATA": b"",
            "sample-1.0.dist-info/WHEEL": b"",
        },
        "sample-1.0.dist-info",
    )
    wheel = make_wheel(tmp_path, files={"sample/__init__.py": b"these"}, record=record)

    with pytest.raises(InvalidWheelError):
        cache.add(wheel)

    assert contents(cache) in ([], ["tmp/"])


# -------------------------------------------------------------------- at once


def run_at_once(folder: str, wheel: str, verb: str) -> list[str]:
    """Let two processes do the same at the same time; return the folders they end with."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", UNPACKER, folder, wheel, verb],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in running:
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=120) for process in running]
    assert [""] * 2 == [err for _, err in answers]
    return [out.strip() for out, _ in answers]


def test_two_processes_that_unpack_one_wheel_end_with_one_entry(
    cache: Cache, tmp_path: Path
) -> None:
    """Both succeed, both have the same entry, it is sound, and nothing else is left."""
    wheel = str(make_wheel(tmp_path, files=MODULES))

    folders = run_at_once(cache.path, wheel, "add")

    found = cache.find(wheel)
    assert found is not None
    assert [found.entry.folder] * 2 == folders
    assert is_sound(cache, found.entry)
    assert [found.entry.manifest.id] == os.listdir(f"{cache.root}/entries")
    assert [] == os.listdir(cache.temporary_folder)
    assert 1 == len(os.listdir(f"{cache.root}/aliases"))


def test_two_processes_that_mend_one_entry_end_with_one(cache: Cache, tmp_path: Path) -> None:
    """Both succeed, and the entry is sound and newer than the damaged one."""
    wheel = str(make_wheel(tmp_path, files=MODULES))
    damaged = cache.add(wheel).entry
    file_of(damaged, "purelib/sample/module_7.py").write_text("edited")

    run_at_once(cache.path, wheel, "rebuild")

    found = cache.find(wheel)
    assert found is not None
    assert is_sound(cache, found.entry)
    assert damaged.manifest.mtime < found.entry.manifest.mtime
    assert [] == os.listdir(cache.temporary_folder)


def test_threads_that_unpack_one_wheel_end_with_one_entry(cache: Cache, wheel: str) -> None:
    """In one process it is the same as between two."""
    added: list[Added] = []
    start = threading.Barrier(4)

    def unpack() -> None:
        start.wait()
        added.append(cache.add(wheel))

    threads = [threading.Thread(target=unpack) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 4 == len(added)
    assert 1 == len({one.entry.manifest.mtime for one in added})
    assert is_sound(cache, added[0].entry)
    assert [] == os.listdir(cache.temporary_folder)


# -------------------------------------------------------------------- crashes


def test_a_kill_at_any_call_costs_an_unpacking_at_most(wheel: str, tmp_path: Path) -> None:
    """Whatever a killed run leaves is never used unless it is whole, and swept by the next."""
    recording = Recording(local())
    cache = Cache(tmp_path / "recorded", files=recording)
    cache.add(wheel)
    expected = [path.partition("/")[2] for path in contents(cache)]

    for at in range(len(recording.changes)):
        folder = tmp_path / str(at)
        files = Faulty(local(), at)
        with pytest.raises(Killed):
            Cache(folder, files=files).add(wheel)
        plain = Cache(folder)
        found = plain.find(wheel)
        assert found is None or is_sound(plain, found.entry)
        plain.add(wheel)
        plain.sweep()
        assert expected == [path.partition("/")[2] for path in contents(plain)]


@pytest.mark.parametrize("lasting", [True, False])
def test_an_error_at_any_call_is_told_or_overcome(
    wheel: str, tmp_path: Path, *, lasting: bool
) -> None:
    """A full disk is an OSError with a path, or the wheel is there; the next run mends all."""
    recording = Recording(local())
    Cache(tmp_path / "recorded", files=recording).add(wheel)

    for at in range(len(recording.changes)):
        folder = tmp_path / str(at)
        files = Faulty(local(), at, errno.ENOSPC, lasting=lasting)
        try:
            added = Cache(folder, files=files).add(wheel)
        except OSError as error:
            told = (error.errno, bool(error.filename))
        else:
            told = (errno.ENOSPC, is_sound(Cache(folder), added.entry))
        assert (errno.ENOSPC, True) == told
        assert files.fired
        plain = Cache(folder)
        assert is_sound(plain, plain.add(wheel).entry)
        plain.sweep()
        assert [] == os.listdir(plain.temporary_folder)


def test_a_sweep_of_a_clean_cache_costs_no_import(cache: Cache, wheel: str) -> None:
    """A warm install looks for leftovers without loading what would remove them."""
    cache.add(wheel)
    code = (
        "import sys; from linkinstall.cache import Cache; Cache(sys.argv[1]).sweep(); "
        "print(sorted({'filelock', 'linkinstall.temporary'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, cache.path], capture_output=True, text=True, check=True
    )

    assert "[]" == done.stdout.strip()


def test_a_sweep_of_no_cache_makes_none(cache: Cache) -> None:
    """Where there is no cache yet there is nothing to do."""
    cache.sweep()

    assert not os.path.exists(cache.path)


class Emptied(FileSystem):
    """A file system on which another process takes the cache away, the moment it is listed."""

    def scan(self, folder: str) -> list[tuple[str, str]]:
        """List what is there no more."""
        trees.remove_tree(local(), os.path.dirname(folder))
        return super().scan(folder)


def test_a_sweep_while_the_cache_is_taken_away_does_nothing(tmp_path: Path) -> None:
    """Who installs while another process cleans the cache up does not fail for that.

    The folder was seen, and gone when it was listed: the install ended with an error. A race
    in which every call was slowed down by chance found it.
    """
    cache = Cache(tmp_path / "cache", files=Emptied())
    os.makedirs(f"{cache.temporary_folder}/left-behind")

    cache.sweep()

    assert not os.path.exists(cache.root)


# -------------------------------------------------------------------- notes


def test_a_flushed_entry_is_known_as_such(cache: Cache) -> None:
    """The note that an entry has not reached the disk goes once, whoever removes it."""
    entry = made_entry(cache)
    assert not entry.flushed

    cache.mark_flushed(entry)
    cache.mark_flushed(entry)

    found = cache.open(entry.manifest.id)
    assert found is not None
    assert found.flushed


@pytest.mark.parametrize("by", ["renewing", "replacing"])
def test_a_mark_that_is_not_ours_stays(cache: Cache, by: str) -> None:
    """Who has flushed an entry removes the mark that it had before, and no later one.

    Between the flush of one process and its removal of the mark another process may put a
    fresh file into the entry. Its mark went too, and after a power cut nobody looked at
    the file.
    """
    flushed = made_entry(cache)
    if by == "renewing":
        renew(cache, str(file_of(flushed, "purelib/pkg/data.bin")))
    else:
        published(cache, begun(cache), flushed)
    cache.mark_flushed(flushed)

    found = cache.open(flushed.manifest.id)
    assert found is not None
    assert not found.flushed
    cache.mark_flushed(found)
    again = cache.open(flushed.manifest.id)
    assert again is not None
    assert again.flushed


def test_a_mark_that_cannot_be_read_stays(tmp_path: Path) -> None:
    """An entry with such a mark is no worse than unflushed."""
    entry = made_entry(Cache(tmp_path))

    class Closed(FileSystem):
        def read(self, path: str, limit: int = limits.METADATA_SIZE) -> bytes:
            if path.endswith("/unflushed"):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return super().read(path, limit)

    cache = Cache(tmp_path, files=Closed())
    found = cache.open(entry.manifest.id)
    assert found is not None
    assert not found.flushed
    cache.mark_flushed(found)
    assert os.path.exists(f"{entry.folder}/unflushed")


def test_a_cache_that_cannot_be_written_is_not_marked(tmp_path: Path) -> None:
    """The note of a cache that is another's stays, and that is no error."""
    entry = made_entry(Cache(tmp_path))

    Cache(tmp_path, files=Denying(local(), "unlink", errno.EROFS)).mark_flushed(entry)

    assert os.path.exists(f"{entry.folder}/unflushed")


def test_a_cache_tells_what_it_holds(cache: Cache, tmp_path: Path) -> None:
    """Entries, their files and their bytes are counted; an empty cache has none."""
    nothing = {"entries": 0, "files": 0, "bytes": 0, "damaged": 0}
    assert nothing.items() <= cache.info().items()

    made_entry(cache, {"purelib/a": b"12345", "data/b": b""})
    made_entry(cache, {"purelib/c": b"123"})

    some = {"path": cache.path, "entries": 2, "files": 3, "bytes": 8, "damaged": 0}
    assert some.items() <= cache.info().items()
    assert f"Cache('{tmp_path}/cache')" == repr(cache)


# -------------------------------------------------------------------- places


def test_the_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The argument comes first, then the environment variable."""
    monkeypatch.setenv("LINKINSTALL_CACHE_DIR", str(tmp_path / "variable"))

    assert f"{tmp_path}/argument" == Cache(tmp_path / "argument").path
    assert f"{tmp_path}/variable" == Cache().path


def test_a_path_may_be_bytes(tmp_path: Path) -> None:
    """Paths are taken as the system gives them; bytes ended with a ``TypeError``."""
    cache = Cache(os.fsencode(tmp_path), tiers=[os.fsencode(tmp_path / "tier")])  # type: ignore[arg-type, list-item]

    assert (str(tmp_path), (f"{tmp_path}/tier",)) == (cache.path, cache.tiers)


def test_the_path_of_an_entry_has_a_version(cache: Cache) -> None:
    """Another layout gets another folder: both can be used side by side."""
    entry: Entry = made_entry(cache)

    assert f"{cache.path}/v1/entries/{entry.manifest.id}" == entry.folder
    assert f"{entry.folder}/files/purelib/pkg" == entry.files("purelib", "pkg")
    assert f"{entry.folder}/files/data" == entry.files("data", "")


def test_a_lasting_cache_stays(cache: Cache, wheel: str) -> None:
    """Only a temporary cache can be removed in this way; ``none`` is only a sign."""
    cache.add(wheel)
    cache.remove()

    assert cache.find(wheel) is not None
    assert Cache.none().temporary
    assert os.path.exists(os.devnull)
