"""What a destination was told: contents that come or are there, and the entry they become."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall.cache import Cache
from linkinstall.errors import UsageError
from linkinstall.recorded import Recorded
from linkinstall.requests import Generated
from linkinstall.source import CachedStream
from tests.support.sites import snapshot
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.cache import Entry

INIT, DATA = ("purelib", "app/__init__.py"), ("purelib", "app/data.txt")
DIST_INFO = "app-1.0.dist-info"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Return a cache of its own."""
    return Cache(tmp_path / "cache")


@pytest.fixture
def recorded(cache: Cache) -> Iterator[Recorded]:
    """Return a recording into the cache, with nothing in it yet."""
    recorded = Recorded(cache, symlinks=False)
    yield recorded
    recorded.let_go()


@pytest.fixture
def entry(tmp_path: Path, cache: Cache) -> Entry:
    """Return the entry of a wheel: a package of two files, one of them executable."""
    files = {"app/__init__.py": "", "app/data.txt": "data\n"}
    wheel = make_wheel(tmp_path / "wheels", "app", "1.0", files, executable=["app/data.txt"])
    return cache.add(wheel).entry


def streams(entry: Entry) -> dict[tuple[str, str], CachedStream]:
    """Return the streams of an entry's files."""
    return {
        (scheme, path): CachedStream(entry, scheme, path, digest, int(size))
        for scheme, path, size, digest in entry.manifest.files()
    }


def take_all(recorded: Recorded, entry: Entry) -> None:
    """Note every file of an entry as it is there."""
    for key, stream in streams(entry).items():
        recorded.take(key, stream, executable="/".join(key) in entry.manifest.executables)


def write(
    recorded: Recorded, key: tuple[str, str], data: bytes, *, executable: bool = False
) -> None:
    """Write contents as a destination does."""
    recorded.write(key, io.BytesIO(data), executable=executable, algorithms=())


def contents_of(entry: Entry) -> dict[str, bytes]:
    """Return scheme/path -> contents of an entry's files on disk."""
    read = {}
    for (scheme, path), stream in streams(entry).items():
        with stream:
            read[f"{scheme}/{path}"] = stream.read()
    return read


def test_what_is_written_becomes_an_entry(cache: Cache, recorded: Recorded) -> None:
    """Contents from anywhere are an entry of the cache, known by what they are."""
    write(recorded, INIT, b"code\n")
    write(recorded, ("scripts", "run"), b"#!/bin/sh\n", executable=True)
    recorded.entry_points.append((("scripts", "app"), ("app", "app.cli", "main", "console")))
    made, skipped = recorded.entry("purelib", DIST_INFO)

    assert {"purelib/app/__init__.py": b"code\n", "scripts/run": b"#!/bin/sh\n"} == contents_of(
        made
    )
    manifest = made.manifest
    assert ("app", "1.0", DIST_INFO, "purelib") == (
        manifest.distribution,
        manifest.version,
        manifest.dist_info,
        manifest.root,
    )
    assert frozenset({"scripts/run"}) == manifest.executables
    assert ["app"] == [point.name for point in manifest.entry_points]
    assert frozenset() == skipped
    assert made.manifest == getattr(cache.open(manifest.id), "manifest", None)


def test_what_is_generated_stays_out_of_the_cache(recorded: Recorded) -> None:
    """Contents made for one environment are noted, and are no part of the entry."""
    key = ("purelib", f"{DIST_INFO}/INSTALLER")
    write(recorded, INIT, b"")
    recorded.generate(key, b"pip\n", executable=False)
    made, _ = recorded.entry("purelib", DIST_INFO)

    assert {key: Generated(*key, b"pip\n")} == recorded.generated
    assert ["purelib/app/__init__.py"] == list(contents_of(made))


def test_what_was_noted_before_a_wheel_is_dropped(recorded: Recorded, entry: Entry) -> None:
    """Of what is not listed the earlier goes, script and contents; the later stays."""
    recorded.generate(("scripts", "old"), b"", executable=True)
    recorded.entry_points.append((("scripts", "old"), ("old", "old", "main", "console")))
    write(recorded, ("purelib", "old.py"), b"old\n")
    take_all(recorded, entry)
    recorded.generate(("purelib", "unlisted"), b"", executable=False)
    recorded.begin_with(set(streams(entry)))

    assert [("purelib", "unlisted")] == list(recorded.generated)
    assert (entry, frozenset()) == recorded.entry("purelib", DIST_INFO)
    assert [] == recorded.entry_points


def test_nothing_is_dropped_where_nothing_listed_was_noted(recorded: Recorded) -> None:
    """A list that names nothing of what was noted does not say where a wheel begins."""
    write(recorded, INIT, b"")
    recorded.begin_with({DATA})

    assert recorded.knows(INIT)


def test_every_noted_path_is_known(recorded: Recorded, entry: Entry) -> None:
    """Written, taken and generated paths are known; those in the cache are its contents."""
    assert not recorded.knows(INIT)
    write(recorded, INIT, b"")
    recorded.take(DATA, streams(entry)[DATA], executable=False)
    recorded.generate(("scripts", "run"), b"", executable=True)

    assert [True] * 3 == [recorded.knows(key) for key in (INIT, DATA, ("scripts", "run"))]
    assert {INIT, DATA} == set(recorded.contents())


def test_one_whole_entry_is_that_entry(cache: Cache, recorded: Recorded, entry: Entry) -> None:
    """Where everything comes from one entry as it is, nothing is read or written."""
    before = snapshot(Path(cache.path), exact=True)
    take_all(recorded, entry)

    assert (entry, frozenset()) == recorded.entry("purelib", DIST_INFO)
    assert before == snapshot(Path(cache.path), exact=True)


def test_what_is_left_out_of_an_entry_is_told(recorded: Recorded, entry: Entry) -> None:
    """Files of the one entry that were not asked for are named, so that they are not placed."""
    take_all(recorded, entry)
    recorded.forget(INIT)

    assert (entry, frozenset({"purelib/app/__init__.py"})) == recorded.entry("purelib", DIST_INFO)


def test_a_file_elsewhere_makes_another_entry(recorded: Recorded, entry: Entry) -> None:
    """A file of an entry that goes to another path is copied into an entry of its own."""
    moved = ("data", "share/data.txt")
    recorded.take(moved, streams(entry)[DATA], executable=False)
    made, _ = recorded.entry("purelib", DIST_INFO)

    assert {"data/share/data.txt": b"data\n"} == contents_of(made)
    assert entry.manifest.id != made.manifest.id


def test_another_mode_makes_another_entry(recorded: Recorded, entry: Entry) -> None:
    """A file that is to lose its executable bit is not the entry's file."""
    for key, stream in streams(entry).items():
        recorded.take(key, stream, executable=False)
    made, _ = recorded.entry("purelib", DIST_INFO)

    assert frozenset() == made.manifest.executables
    assert contents_of(entry) == contents_of(made)


def test_the_last_contents_of_a_path_count(recorded: Recorded, entry: Entry) -> None:
    """A path that comes again has what came last, however it came before."""
    write(recorded, INIT, b"first\n")
    recorded.forget(INIT)
    write(recorded, INIT, b"second\n")
    recorded.take(DATA, streams(entry)[DATA], executable=False)
    recorded.forget(DATA)
    write(recorded, DATA, b"other\n")
    made, _ = recorded.entry("purelib", DIST_INFO)

    assert {
        "purelib/app/__init__.py": b"second\n",
        "purelib/app/data.txt": b"other\n",
    } == contents_of(made)


@pytest.mark.parametrize("first", ["written", "taken", "generated"])
def test_a_file_that_is_written_over_stays_executable(
    recorded: Recorded, entry: Entry, first: str
) -> None:
    """As on disk, where the mode of a file stays when its contents change."""
    if first == "written":
        write(recorded, DATA, b"", executable=True)
    elif first == "taken":
        recorded.take(DATA, streams(entry)[DATA], executable=True)
    else:
        recorded.generate(DATA, b"", executable=True)
    recorded.forget(DATA)
    write(recorded, DATA, b"plain\n")
    made, _ = recorded.entry("purelib", DIST_INFO)

    assert frozenset({"purelib/app/data.txt"}) == made.manifest.executables
    assert {} == recorded.generated


def test_without_a_cache_a_temporary_one_is_used() -> None:
    """Without a cache contents go into a temporary one, which goes in the end."""
    recorded = Recorded(None, symlinks=False)
    write(recorded, INIT, b"code\n")
    made, _ = recorded.entry("purelib", DIST_INFO)
    temporary = recorded.store
    recorded.let_go()

    assert temporary.temporary
    assert {"purelib/app/__init__.py": b"code\n"} == contents_of(made)
    assert made.folder.startswith(temporary.path)
    recorded.end()
    assert temporary.file_system.status(temporary.path) is None


def test_a_cache_that_cannot_be_written_is_replaced(tmp_path: Path) -> None:
    """A cache whose folder cannot be made does not stop an installation."""
    (tmp_path / "file").touch()
    recorded = Recorded(Cache(tmp_path / "file" / "cache"), symlinks=False)
    write(recorded, INIT, b"code\n")
    made, _ = recorded.entry("purelib", DIST_INFO)
    recorded.let_go()

    assert recorded.store.temporary
    assert made.folder.startswith(recorded.store.path)
    recorded.end()


def test_symbolic_links_need_a_cache_that_stays(tmp_path: Path) -> None:
    """Links into a cache that goes would dangle: without a lasting cache they are refused."""
    (tmp_path / "file").touch()
    for cache in (None, Cache.none(), Cache(tmp_path / "file" / "cache")):
        recorded = Recorded(cache, symlinks=True)
        with pytest.raises(UsageError, match="Link mode symlink needs a cache that stays"):
            write(recorded, INIT, b"code\n")
        recorded.let_go()
        recorded.end()


def test_what_was_not_published_is_dropped(cache: Cache, recorded: Recorded) -> None:
    """Let go before its entry was made, a recording leaves nothing in the cache."""
    write(recorded, INIT, b"code\n")

    recorded.let_go()
    recorded.end()
    kinds = {path: node[0] for path, node in snapshot(Path(cache.path)).items()}
    assert {"v1": "folder", "v1/tmp": "folder", "v1/lock": "file"} == kinds
