"""A wheel through the cache gives what installer's own source gives, from cache files."""

from __future__ import annotations

import io
import os
import tempfile
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.records import parse_record_file
from installer.sources import WheelFile

from linkinstall.cache import Cache
from linkinstall.destination import LinkDestination
from linkinstall.errors import CacheError, InvalidWheelError
from linkinstall.paths import forward
from linkinstall.source import CachedStream, CachedWheel
from tests.support.entries import file_of, made_entry
from tests.support.platforms import WINDOWS
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from installer.sources import WheelSource

DATA = b"0123456789"
FILES = {
    "pkg/__init__.py": b"value = 1\n",
    "pkg/odd, name.txt" if WINDOWS else 'pkg/odd, "name".txt': b"odd\n",
    "pkg-1.0.data/scripts/tool": b"#!python\nprint(1)\n",
    "pkg-1.0.data/data/share/pkg/x": b"x",
    "pkg-1.0.dist-info/licenses/LICENSE": b"free\n",
}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Return a wheel with files in several schemes."""
    return make_wheel(
        tmp_path,
        "pkg",
        files=FILES,
        entry_points="[console_scripts]\nrun = pkg:main\n",
        executable=["pkg-1.0.data/scripts/tool"],
    )


@pytest.fixture
def cached(wheel: Path, tmp_path: Path) -> Iterator[CachedWheel]:
    """Return the wheel through a cache."""
    with CachedWheel.open(wheel, Cache(tmp_path / "cache")) as source:
        yield source


def elements(source: WheelSource) -> dict[str, tuple[str, int, bytes, bool]]:
    """Return path -> digest, size, contents and executable bit of every file but RECORD."""
    found = {}
    for (path, digest, size), stream, executable in source.get_contents():
        if not path.endswith("/RECORD"):
            found[path] = (digest, int(size), stream.read(), executable)
    return found


@pytest.fixture
def stream(tmp_path: Path) -> CachedStream:
    """Return an unread stream of ten bytes."""
    entry = made_entry(Cache(tmp_path / "cache"), {"purelib/pkg/ten": DATA})
    _, path, size, digest = next(entry.manifest.files())
    return CachedStream(entry, "purelib", path, digest, int(size))


# -------------------------------------------------------------------- the stream


def test_an_unread_stream_opens_nothing(stream: CachedStream) -> None:
    """Rewinding, asking for the position and closing do without the file."""
    os.unlink(stream.name)

    assert 0 == stream.seek(0)
    assert 0 == stream.tell()
    assert stream.readable()
    assert stream.seekable()
    assert not stream.writable()
    stream.close()


def test_a_stream_opens_its_file_when_it_is_read(stream: CachedStream) -> None:
    """The first read opens the cache's file, and a missing one is noticed then."""
    assert DATA == stream.read()
    stream.close()

    os.unlink(stream.name)
    late = CachedStream(stream.entry, "purelib", stream.path, stream.digest, stream.size)
    with pytest.raises(FileNotFoundError):
        late.read()


def test_a_stream_reads_as_a_file_does(stream: CachedStream) -> None:
    """Reading in parts, seeking and the position are those of a file."""
    steps: list[tuple[str, tuple[object, ...]]] = [
        ("read", (3,)),
        ("tell", ()),
        ("seek", (-2, os.SEEK_END)),
        ("read", ()),
        ("read", (1,)),
        ("seek", (1,)),
        ("readinto", (bytearray(4),)),
        ("tell", ()),
    ]
    plain = io.BytesIO(DATA)

    with stream:
        for verb, arguments in steps:
            assert getattr(plain, verb)(*arguments) == getattr(stream, verb)(*arguments)


def test_a_stream_is_the_caches_file(stream: CachedStream) -> None:
    """Its descriptor is that of the file that will be linked."""
    with stream:
        there = file_of(stream.entry, "purelib/pkg/ten").stat()
        assert os.path.samestat(there, os.fstat(stream.fileno()))


@pytest.mark.parametrize("read_before", [True, False])
def test_a_closed_stream_is_closed(stream: CachedStream, *, read_before: bool) -> None:
    """After closing nothing is read, and no file is opened again."""
    if read_before:
        stream.read(1)
    stream.close()

    with pytest.raises(ValueError, match="closed file"):
        stream.read()
    with pytest.raises(ValueError, match="closed file"):
        stream.fileno()


# -------------------------------------------------------------------- the source


def test_it_gives_what_installers_source_gives(wheel: Path, cached: CachedWheel) -> None:
    """The files have the same rows, contents and bits, whichever class reads the wheel."""
    with WheelFile.open(wheel) as plain:
        expected = elements(plain)

        assert expected == elements(cached)
        assert sorted(plain.dist_info_filenames) == sorted(cached.dist_info_filenames)
        assert plain.dist_info_dir == cached.dist_info_dir
        assert plain.data_dir == cached.data_dir
        assert (plain.distribution, plain.version) == (cached.distribution, cached.version)
        for name in ("METADATA", "WHEEL", "entry_points.txt", "licenses/LICENSE"):
            assert plain.read_dist_info(name) == cached.read_dist_info(name)


def test_its_record_is_that_of_the_wheel(wheel: Path, cached: CachedWheel) -> None:
    """RECORD has a row for each file and one for itself, in whatever order."""
    with WheelFile.open(wheel) as plain:
        expected = sorted(parse_record_file(plain.read_dist_info("RECORD").splitlines()))

    assert expected == sorted(parse_record_file(cached.read_dist_info("RECORD").splitlines()))
    cached.validate_record()


def test_a_file_that_is_not_there_is_a_key_error(cached: CachedWheel) -> None:
    """As with installer's source."""
    with pytest.raises(KeyError, match="ABSENT"):
        cached.read_dist_info("ABSENT")


def test_streams_are_closed_when_the_next_one_comes(cached: CachedWheel) -> None:
    """A caller that keeps no stream keeps no descriptor."""
    streams = [stream for _, stream, _ in cached.get_contents()]

    assert all(stream.closed for stream in streams)


def test_installers_destination_takes_it(wheel: Path, cached: CachedWheel, tmp_path: Path) -> None:
    """Any destination can be filled from the cache, with the result of the wheel file."""
    trees = []
    for name, source in (("plain", None), ("cached", cached)):
        schemes = {
            scheme: str(tmp_path / "env" / scheme)
            for scheme in ("purelib", "platlib", "headers", "scripts", "data")
        }
        destination = SchemeDictionaryDestination(
            schemes, interpreter="/usr/bin/python3", script_kind="posix"
        )
        if source is None:
            with WheelFile.open(wheel) as opened:
                install(opened, destination, {"INSTALLER": b"test"})
        else:
            install(source, destination, {"INSTALLER": b"test"})
        # Both were made at one path: on Windows RECORD names scripts by their whole paths.
        root = (tmp_path / "env").rename(tmp_path / name)
        trees.append(
            {
                path.relative_to(root).as_posix(): (path.stat().st_mode, path.read_bytes())
                for path in root.rglob("*")
                if path.is_file()
            }
        )

    assert trees[0] == trees[1]
    assert len(trees[0]) > len(FILES)


def test_a_refused_wheel_is_not_opened(tmp_path: Path) -> None:
    """The error is the one that the cache gives."""
    bad = make_wheel(tmp_path, record="pkg/__init__.py,,\n")

    with pytest.raises(InvalidWheelError), CachedWheel.open(bad, Cache(tmp_path / "cache")):
        pytest.fail("it was opened")


def test_without_a_cache_nothing_stays(wheel: Path) -> None:
    """Through ``Cache.none()`` the wheel is unpacked for as long as it is open."""
    with CachedWheel.open(wheel, Cache.none()) as source:
        folder = source.entry.folder
        assert os.path.isdir(folder)
        assert b"value = 1\n" == elements(source)["pkg/__init__.py"][2]

    assert not os.path.exists(folder)


def edit(path: Path) -> None:
    """Write to a cache file in place, as through a link."""
    with path.open("ab") as stream:
        stream.write(b"# edited\n")


def test_an_entry_that_was_edited_is_made_anew(wheel: Path, tmp_path: Path) -> None:
    """A wheel is opened as it is, whatever was written to its cached files before.

    Any flushed entry was handed out as it stood: ``installer``'s own destination installed the
    edited file, and RECORD had the digest of the edit.
    """
    cache = Cache(tmp_path / "cache")
    entry = cache.add(wheel).entry
    cache.mark_flushed(entry)
    edit(file_of(entry, "purelib/pkg/__init__.py"))

    with CachedWheel.open(wheel, cache) as source:
        assert FILES["pkg/__init__.py"] == elements(source)["pkg/__init__.py"][2]


@pytest.mark.parametrize("replaced", [False, True])
def test_an_entry_that_is_edited_while_it_is_open_is_made_anew(
    wheel: Path, tmp_path: Path, *, replaced: bool
) -> None:
    """``LinkDestination`` makes the entry anew from the wheel, unless that is another by now.

    It was not told where the wheel is: the first call ended with an error and quarantined the
    entry, the second one worked.
    """
    cache, root = Cache(tmp_path / "cache"), tmp_path / "env"
    cache.mark_flushed(cache.add(wheel).entry)
    schemes = {name: str(root / name) for name in ("purelib", "platlib", "scripts", "data")}
    destination = LinkDestination(schemes, "/usr/bin/python3", "posix", cache=cache)
    wrong = pytest.raises(CacheError, match="is damaged") if replaced else nullcontext()
    with CachedWheel.open(wheel, cache) as source:
        edit(file_of(source.entry, "purelib/pkg/__init__.py"))
        if replaced:
            make_wheel(tmp_path, "pkg", files={"pkg/other.py": b""})
        with wrong:
            install(source, destination, {})

    placed = root / "purelib/pkg/__init__.py"
    assert replaced is not placed.exists()
    assert replaced or FILES["pkg/__init__.py"] == placed.read_bytes()


def test_a_forked_process_leaves_the_wheel_open(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a child of the caller leaves the block, the parent's temporary cache stays.

    It was removed by a child that ended by ``sys.exit``, while the parent was reading from it.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    opened = CachedWheel.open(wheel, Cache.none())
    source = opened.__enter__()
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: -1)
        opened.__exit__(None, None, None)

    assert FILES["pkg/__init__.py"] == elements(source)["pkg/__init__.py"][2]


def test_a_path_may_be_bytes(wheel: Path, tmp_path: Path) -> None:
    """A wheel's path is taken as the system gives it; bytes ended with a ``TypeError``."""
    cache = Cache(tmp_path / "cache")
    with CachedWheel.open(os.fsencode(wheel), cache) as source:  # type: ignore[arg-type]
        assert str(wheel) == forward(source.path)
