"""Tests of ``linkinstall.filling``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall import Cache, limits
from linkinstall.cache import UNFLUSHED
from linkinstall.entry_check import inspect
from linkinstall.filling import CompileFor, Filled, fill
from linkinstall.fs import crew
from linkinstall.looking import Looking
from linkinstall.outcome import BytecodeCount
from tests.support.sites import Site

if TYPE_CHECKING:
    from linkinstall.cache import Added
    from linkinstall.entry_check import Inspection

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX has fork")
COMPILE = CompileFor(sys.executable, "tag", "", (0,))


@pytest.fixture(autouse=True)
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two processes work, however little there is to do."""
    monkeypatch.setattr(crew, "workers", lambda: 2)
    monkeypatch.setattr(limits, "FORK_FROM_BYTES", 0)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment that can compile."""
    return Site(tmp_path, compiler=True)


def wheels(site: Site, count: int) -> list[str]:
    """Make wheels of a module each; one has a ``.pth`` file, which is worth a warning."""
    made = []
    for number in range(count):
        files = {f"m{number}.py": f"x = {number}\n"}
        if number == 1:
            files["one.pth"] = "import m1\n"
        made.append(str(site.wheel(f"p{number}", "1.0", files)))
    return made


def test_what_is_compiled_is_what_the_environment_runs(site: Site) -> None:
    """Its interpreter compiles, if any level is asked for; a stage's files name their place."""
    plain, stage = site.environment, site.environment.with_destdir(site.folder / "stage")
    mute = Site(site.folder / "mute").environment

    compiler = plain.compiler or ""
    assert CompileFor.of(plain, (0, 1)) == CompileFor(
        compiler, plain.cache_tag, plain.magic, (0, 1)
    )
    assert CompileFor.of(plain, ()) is None
    assert CompileFor.of(mute, (0,)) is None
    assert CompileFor.of(stage, (0,)) == CompileFor(
        compiler, plain.cache_tag, plain.magic, (0,), stage.runtime
    )


def test_every_wheel_is_in_the_cache_afterwards(site: Site) -> None:
    """Whichever process unpacked it, a wheel is found, and what was told of it comes back."""
    made = wheels(site, 5)

    filled = fill(site.cache, made, None)

    assert all(site.cache.find(path) for path in made)
    assert sorted(made) == sorted(filled)
    alone = Cache(site.folder / "other")
    assert {path: alone.add(path).warnings for path in made} == {
        path: one.warnings for path, one in filled.items()
    }
    assert any(one.warnings for one in filled.values())


def test_modules_are_compiled_at_once(site: Site) -> None:
    """Compiled files are made along with the entries, and counted as made."""
    made = wheels(site, 3)

    filled = fill(site.cache, made, COMPILE)

    assert [BytecodeCount(0, 1, 0)] * 3 == [filled[path].bytecode for path in made]
    marks = dict(mark for one in filled.values() for mark in one.marks)
    written = {
        path.parent.as_posix(): path.read_bytes() for path in Path(site.cache.root).rglob(UNFLUSHED)
    }
    assert 6 == len(written)
    assert written == marks


def test_what_was_unpacked_is_looked_at_beside_the_planning(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wheels that are new are looked at when those are that were there: not one by one before."""
    monkeypatch.setattr(limits, "FORK_FROM_LOOKS", 1)
    before: list[bool] = []
    looked = site.folder / "looked"
    start = Looking.start

    def noting(*arguments: Any) -> Inspection:
        with looked.open("a") as stream:
            stream.write("x")
        return inspect(*arguments)

    def starting(self: Looking) -> None:
        before.append(looked.exists())
        start(self)

    monkeypatch.setattr("linkinstall.looking.inspect", noting)
    monkeypatch.setattr(Looking, "start", starting)

    site.install(*map(site.folder.joinpath, wheels(site, 4)), compile_levels=(), processes=True)

    assert [False] == before
    assert looked.read_text() == "xxxx"
    assert [] == site.check()


@pytest.mark.parametrize("known", [0, 2, 3, 4])
def test_looks_are_put_off_for_all_files_that_are_at_hand(
    site: Site, monkeypatch: pytest.MonkeyPatch, known: int
) -> None:
    """Entries that were there count, and those that were filled just now; one that is missing not.

    It is brought later, by itself.
    """
    counts: list[int] = []
    monkeypatch.setattr(Looking, "put_off", lambda _self, count: counts.append(count))
    made = wheels(site, 4)
    entries = [site.cache.add(path).entry.manifest.count for path in made[:known]]

    site.install(*map(site.folder.joinpath, made), compile_levels=(), processes=True)

    if known < 3:
        entries += [site.cache.add(path).entry.manifest.count for path in made[known:]]
    assert [sum(entries)] == counts


def test_what_unpacking_tells_outlives_a_compiler_that_fails(site: Site) -> None:
    """Where the interpreter cannot be run the warnings come back, and no count."""
    made = wheels(site, 3)

    filled = fill(site.cache, made, CompileFor("/no/such/interpreter", "tag", "", (0,)))

    assert sorted(made) == sorted(filled)
    assert filled[made[1]].warnings
    assert {None} == {one.bytecode for one in filled.values()}


def test_a_wheel_that_fails_is_left_to_whoever_asks_for_it(site: Site) -> None:
    """A damaged wheel hinders no other, and is not said to be there."""
    made = wheels(site, 4)
    with open(made[2], "r+b") as stream:
        stream.truncate(100)

    filled = fill(site.cache, made, None)

    assert sorted({*made} - {made[2]}) == sorted(filled)


def test_little_is_left_alone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a fork costs more than it gains nothing is done."""
    monkeypatch.setattr(limits, "FORK_FROM_BYTES", 1 << 30)
    made = wheels(site, 2)

    assert {} == fill(site.cache, made, None)
    assert site.cache.find(made[0]) is None


def test_an_install_tells_the_same_however_many_work(site: Site, tmp_path: Path) -> None:
    """Warnings, counts and files of an install are those of one process."""
    made = wheels(site, 4)
    other = Site(tmp_path / "other", compiler=True)

    outcome = site.install(*map(site.folder.joinpath, made), compile_levels=(0,), processes=True)
    alone = other.install(*map(site.folder.joinpath, made), compile_levels=(0,))

    assert BytecodeCount(0, 4, 0) == outcome.bytecode == alone.bytecode
    assert alone.warnings == outcome.warnings
    assert other.tree().keys() == site.tree().keys()
    assert [] == site.check()


def test_the_same_wheel_twice_is_unpacked_once(site: Site) -> None:
    """Two processes with one wheel end with one entry."""
    made = wheels(site, 1)

    filled = fill(site.cache, [*made, *made], None)

    added = site.cache.find(made[0])
    assert added is not None
    entry = added.entry
    marks = ((entry.folder, entry.mark),)
    told = Filled(entry.manifest.id, added.hash, entry.manifest.count, marks=marks)
    assert {made[0]: told} == filled


def test_what_was_unpacked_is_not_looked_for_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An install reads the directory of a new wheel to find it missing, and to unpack it."""
    made = wheels(site, 4)
    looked: list[str] = []
    find = Cache.find

    def noting(cache: Cache, path: str) -> Added | None:
        looked.append(path)
        return find(cache, path)

    monkeypatch.setattr(Cache, "find", noting)
    # Whoever is a helper notes into a list of its own.
    monkeypatch.setattr(crew, "workers", lambda: 1)

    site.install(*map(site.folder.joinpath, made), processes=True)

    assert sorted([*made, *made]) == sorted(looked)
    assert [] == site.check()


def test_progress_counts_what_was_begun(site: Site) -> None:
    """This process tells each wheel that it takes, by its file name, and the number rises."""
    made = wheels(site, 6)
    told: list[tuple[str, int, int, float]] = []

    fill(site.cache, made, None, lambda *one: told.append(one))

    names = {os.path.basename(path) for path in made}
    numbers = [number for _, number, _, _ in told]
    assert names >= {name for name, _, _, _ in told}
    assert sorted(numbers) == numbers
    assert {6} >= {total for _, _, total, _ in told}
