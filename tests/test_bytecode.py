"""Compiled files: made once, valid for the sources they lie beside, made anew with them."""

from __future__ import annotations

import importlib.util
import marshal
import os
import struct
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall import compilers, limits
from linkinstall.bytecode import Compiled, compiled_sets, normal_level
from linkinstall.cache import Cache
from linkinstall.compilers import Compilers
from linkinstall.entry_check import inspect
from linkinstall.errors import CacheError
from linkinstall.outcome import BytecodeCount
from linkinstall.paths import forward
from tests.support.entries import begun, contents, file_of, is_sound, made_entry, published
from tests.support.platforms import WINDOWS

if TYPE_CHECKING:
    from types import CodeType

    from linkinstall.cache import Entry

TAG = sys.implementation.cache_tag
SOURCES = {
    "purelib/pkg/__init__.py": b"",
    "purelib/pkg/mod.py": b"def f():\n    'doc'\n    assert False\n",
    "platlib/top.py": b"x = 1\n",
    "purelib/pkg/data.txt": b"not a source",
    "scripts/tool.py": b"no module\n",
}
COMPILED = [
    f"platlib/__pycache__/top.{TAG}.pyc",
    f"purelib/pkg/__pycache__/__init__.{TAG}.pyc",
    f"purelib/pkg/__pycache__/mod.{TAG}.pyc",
]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Return an empty cache."""
    return Cache(tmp_path / "cache")


@pytest.fixture
def entry(cache: Cache) -> Entry:
    """Return an entry with three sources."""
    return made_entry(cache, SOURCES)


@pytest.fixture(autouse=True)
def no_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the form of compiled files to the tests."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


def compiled(cache: Cache, entry: Entry, *levels: int, **options: Any) -> Compiled:
    """Return the sets of an entry for the running interpreter, by default level 0."""
    level = options.pop("verify_cache", "stat")
    look = partial(inspect, cache.file_system, level=level)
    chosen: dict[str, Any] = {"tag": TAG, "look": look, **options}
    pool = Compilers(chosen.pop("compiler", sys.executable))
    try:
        return compiled_sets(cache, entry, compilers=pool, levels=levels or (0,), **chosen)
    finally:
        pool.close()


def paths(entry: Entry) -> list[str]:
    """Return ``scheme/path`` of every file of an entry or a set."""
    return sorted(f"{scheme}/{path}" for scheme, path, _, _ in entry.manifest.files())


def header(path: Path) -> tuple[int, int, int]:
    """Return flags, time and size of a compiled file (PEP 552)."""
    data = path.read_bytes()
    assert importlib.util.MAGIC_NUMBER == data[:4]
    flags, time, size = struct.unpack("<III", data[4:16])
    return flags, time, size


def named_in(path: Path) -> str:
    """Return the source file that a compiled file names."""
    return forward(code_of(path).co_filename)


def code_of(path: Path) -> CodeType:
    """Return the code of a compiled file."""
    code = marshal.loads(path.read_bytes()[16:])  # noqa: S302 - made by this test
    assert hasattr(code, "co_filename")
    return code  # type: ignore[no-any-return]


# -------------------------------------------------------------------- making


def test_every_source_of_a_library_is_compiled(cache: Cache, entry: Entry) -> None:
    """Modules of purelib and platlib are, beside their sources; scripts and data are not."""
    found = compiled(cache, entry)

    assert BytecodeCount(linked=0, compiled=3, failed=0) == found.count
    assert COMPILED == paths(found.entries[0])
    assert is_sound(cache, found.entries[0])
    assert "tmp/" in contents(cache)


def test_a_set_is_made_once(cache: Cache, entry: Entry) -> None:
    """The second time the files are linked as they are, without starting an interpreter."""
    first = compiled(cache, entry)
    second = compiled(cache, entry, compiler="/no/such/interpreter")

    assert first.entries == second.entries
    assert BytecodeCount(linked=3, compiled=0, failed=0) == second.count
    # Of a set that was found nobody can say that it was written by this run.
    (made,) = first.entries
    assert (((made.folder, made.mark),), ()) == (first.marks, second.marks)


def test_another_magic_number_has_a_set_of_its_own(cache: Cache, entry: Entry) -> None:
    """Two interpreters of one tag, as 3.15's betas are, do not get each other's compiled files.

    They passed for each other's: no interpreter takes such files, so each compiled its own at
    each import, and every install linked the useless ones again.
    """
    first = compiled(cache, entry, magic="3600")
    second = compiled(cache, entry, magic="3601")
    again = compiled(cache, entry, magic="3600")

    assert first.entries[0].folder != second.entries[0].folder
    assert (3, 3) == (second.count.compiled, again.count.linked)
    assert first.entries == again.entries


def test_compiled_files_validate(cache: Cache, entry: Entry) -> None:
    """Each tells time and size of the cache's source, which a link to it has as well."""
    (made,) = compiled(cache, entry).entries

    source = file_of(entry, "purelib/pkg/mod.py").stat()
    expected = (0, int(source.st_mtime) & 0xFFFFFFFF, source.st_size)
    assert expected == header(file_of(made, f"purelib/pkg/__pycache__/mod.{TAG}.pyc"))


def test_a_linked_module_is_imported_without_compiling(
    cache: Cache, entry: Entry, tmp_path: Path
) -> None:
    """The interpreter takes the linked compiled file, and puts the right file name in."""
    (made,) = compiled(cache, entry).entries
    (tmp_path / "lib" / "__pycache__").mkdir(parents=True)
    os.link(file_of(entry, "platlib/top.py"), tmp_path / "lib" / "top.py")
    os.link(file_of(made, COMPILED[0]), tmp_path / "lib" / "__pycache__" / f"top.{TAG}.pyc")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import importlib.machinery as machinery; "
        "machinery.SourceFileLoader.source_to_code = None; import top; print(top.x, top.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, tmp_path / "lib"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (f"1 {tmp_path}/lib/top.py\n", "") == (done.stdout.replace("\\", "/"), done.stderr)


@pytest.mark.parametrize(
    ("level", "suffix", "documented", "asserted"),
    [(0, "", True, True), (1, ".opt-1", True, False), (2, ".opt-2", False, False)],
)
def test_each_level_has_its_own_set(
    cache: Cache, entry: Entry, level: int, suffix: str, *, documented: bool, asserted: bool
) -> None:
    """Files are named after their level, and are optimised as it says."""
    compiled(cache, entry, 0)
    (made,) = compiled(cache, entry, level).entries

    code = code_of(file_of(made, f"purelib/pkg/__pycache__/mod.{TAG}{suffix}.pyc"))
    (function,) = (constant for constant in code.co_consts if hasattr(constant, "co_code"))
    assert documented == ("doc" in function.co_consts)
    assert asserted == ("AssertionError" in str(function.co_names) or _raises(function))


def _raises(function: CodeType) -> bool:
    import dis

    return any("ASSERTION" in line.opname for line in dis.get_instructions(function))


def test_levels_are_made_together(cache: Cache, entry: Entry) -> None:
    """Each level once, in their order; -1 is that of the running interpreter."""
    found = compiled(cache, entry, 2, 0, 2, -1)

    assert sys.flags.optimize == normal_level(-1) == 0
    assert 1 == normal_level(1)
    assert [f"{TAG}-0", f"{TAG}-2"] == [os.path.basename(one.folder) for one in found.entries]
    assert BytecodeCount(linked=0, compiled=6, failed=0) == found.count


STALLED = """#!/bin/sh
echo "$$" > {told}
read line < {gate}
exec {python} "$@"
"""

PARENT = """
import sys
from linkinstall.bytecode import compiled_sets
from linkinstall.cache import Cache
from linkinstall.compilers import Compilers
cache = Cache(sys.argv[1])
entry = cache.open(sys.argv[2])
compiled_sets(cache, entry, compilers=Compilers(sys.argv[3]), tag="tag", levels=(0,), look=print)
"""


def _runs(process: int) -> bool:
    # Whoever adopts orphans here may not reap them at once: a zombie has ended.
    asked = ["ps", "-o", "stat=", "-p", str(process)]
    state = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
def test_a_worker_that_outlives_its_parent_leaves_nothing(
    cache: Cache, entry: Entry, tmp_path: Path
) -> None:
    """A worker whose parent was killed writes nothing any more.

    Workers wrote into the temporary folder themselves. After a kill of their parent the
    next run swept it, a worker made it anew, and what is there without a lock is never
    swept.
    """
    told, gate, compiler = tmp_path / "told", tmp_path / "gate", tmp_path / "compiler"
    os.mkfifo(told)
    os.mkfifo(gate)
    compiler.write_text(STALLED.format(told=told, gate=gate, python=sys.executable))
    compiler.chmod(0o755)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, cache.path, entry.manifest.id, str(compiler)]
    )
    worker = int(told.read_text())
    parent.kill()
    parent.wait()

    cache.sweep()
    before = contents(cache)
    gate.write_text("go\n")
    while _runs(worker):
        time.sleep(0.01)

    assert before == contents(cache)
    assert "tmp/" in before


def test_another_interpreter_has_its_own_set(cache: Cache, entry: Entry) -> None:
    """Sets are kept by tag."""
    (made,) = compiled(cache, entry, tag="cpython-39").entries

    assert "purelib/pkg/__pycache__/mod.cpython-39.pyc" in paths(made)
    assert 3 == compiled(cache, entry).count.compiled


def test_a_module_whose_compiled_file_would_have_too_long_a_name_is_a_failure(
    cache: Cache,
) -> None:
    """What no volume can have a compiled file of is counted, and the others are compiled.

    Story: a module with a name of 248 bytes, which is imported as any other, ended the whole
    install with "File name too long".
    """
    longest = "m" * (limits.NAME_LENGTH - len(f".{TAG}.pyc"))
    sources = {f"purelib/{name}.py": b"x = 1\n" for name in ("a", longest, longest + "m")}
    made = compiled(cache, made_entry(cache, sources))

    assert [f"purelib/__pycache__/{name}.{TAG}.pyc" for name in ("a", longest)] == paths(
        *made.entries
    )
    assert BytecodeCount(compiled=2, failed=1) == made.count


def test_an_entry_without_sources_starts_nothing(cache: Cache) -> None:
    """Where there is nothing to compile no interpreter is needed."""
    entry = made_entry(cache, {"purelib/data.txt": b""})

    found = compiled(cache, entry, compiler="/no/such/interpreter")

    assert BytecodeCount() == found.count
    assert 0 == found.entries[0].manifest.count


ODD_NAMES = ["a b.py", "a'b.py", "ü.py", "x.y.py"]
if not WINDOWS:  # where a name can have any byte
    ODD_NAMES += ["a\tb.py", 'a"b.py', os.fsdecode(b"\xff.py"), "a\\n.py"]


def test_any_name_is_compiled(cache: Cache) -> None:
    """Blanks, tabs, quotes and names that are no UTF-8 are names like others."""
    entry = made_entry(cache, {f"purelib/odd folder/{name}": b"" for name in ODD_NAMES})

    found = compiled(cache, entry)

    assert BytecodeCount(linked=0, compiled=len(ODD_NAMES), failed=0) == found.count
    assert sorted(
        f"purelib/odd folder/__pycache__/{name[:-3]}.{TAG}.pyc" for name in ODD_NAMES
    ) == paths(found.entries[0])


FAILING = {2, 3, 7}


@pytest.mark.parametrize("processes", [1, 3])
def test_what_does_not_compile_is_left_out(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    """A bad source is counted and has no file; the others have theirs, however many work."""
    monkeypatch.setattr(compilers, "PARALLEL_FROM", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: processes)
    entry = made_entry(
        cache,
        {
            f"purelib/m{number}.py": b"no python\n" if number in FAILING else b"x = 1\n"
            for number in range(10)
        },
    )

    first, second = compiled(cache, entry), compiled(cache, entry)

    assert BytecodeCount(linked=0, compiled=7, failed=3) == first.count
    assert BytecodeCount(linked=7, compiled=0, failed=3) == second.count
    expected = [
        f"purelib/__pycache__/m{number}.{TAG}.pyc" for number in range(10) if number not in FAILING
    ]
    assert expected == paths(first.entries[0])


# -------------------------------------------------------------------- making anew


def test_sets_are_made_anew_with_their_entry(cache: Cache, entry: Entry) -> None:
    """The sources got another time when they were unpacked again: old files would not validate."""
    (before,) = compiled(cache, entry).entries
    file_of(entry, "purelib/pkg/mod.py").write_text("edited")
    again = published(cache, begun(cache, SOURCES), entry)

    found = compiled(cache, again)

    assert BytecodeCount(linked=0, compiled=3, failed=0) == found.count
    assert () == found.damaged
    assert before.folder == found.entries[0].folder
    name = f"purelib/pkg/__pycache__/mod.{TAG}.pyc"
    time = int(file_of(again, "purelib/pkg/mod.py").stat().st_mtime)
    assert time == header(file_of(found.entries[0], name))[1]
    assert 3 == compiled(cache, again).count.linked


class Overtaken(Cache):
    """A cache into which another process puts a set right after it was looked for."""

    faster: Entry | None = None

    def open_folder(self, folder: str) -> Entry | None:
        """Return what was there; another set is there afterwards."""
        found = super().open_folder(folder)
        if self.faster is None and "/bytecode/" in folder:
            others = Cache(self.path)
            entry_id = folder.split("/")[-2]
            (self.faster,) = compiled(others, others.open(entry_id)).entries  # type: ignore[arg-type]
        return found


@pytest.mark.parametrize("edited", [False, True])
def test_a_set_that_came_since_it_was_looked_for_stays(
    cache: Cache, entry: Entry, *, edited: bool
) -> None:
    """What another process has made meanwhile is taken, and not made anew.

    Of two installs that compiled the same wheel at once the second put its own set into the
    place of the first one's, which was being linked from: the first ended with a file that
    was not there any more. One round of 245 of a race met that.
    """
    if edited:
        append(file_of(compiled(cache, entry).entries[0], COMPILED[2]))
    overtaken = Overtaken(cache.path)

    found = compiled(overtaken, entry)

    assert overtaken.faster is not None
    assert [overtaken.faster.manifest] == [one.manifest for one in found.entries]
    assert BytecodeCount(linked=3, compiled=0, failed=0) == found.count
    assert is_sound(cache, overtaken.faster)


def truncate(path: Path) -> None:
    """Cut a file off."""
    path.write_bytes(b"")


def append(path: Path) -> None:
    """Add to a file."""
    with path.open("ab") as stream:
        stream.write(b"\0")


def remove(path: Path) -> None:
    """Remove a file."""
    path.unlink()


@pytest.mark.parametrize("damage", [truncate, append, remove])
def test_a_damaged_set_is_made_anew_and_told(cache: Cache, entry: Entry, damage: Any) -> None:
    """What was edited through a link is noticed before it is linked again."""
    (made,) = compiled(cache, entry).entries
    path = file_of(made, COMPILED[2])
    damage(path)

    found = compiled(cache, entry)

    assert [str(path)] == [where for where, _ in found.damaged]
    assert BytecodeCount(linked=0, compiled=3, failed=0) == found.count
    assert is_sound(cache, found.entries[0])
    assert () == compiled(cache, entry).damaged


def test_a_careful_edit_of_a_set_is_found_by_reading(cache: Cache, entry: Entry) -> None:
    """``full`` reads compiled files too, ``stat`` and ``off`` do not."""
    (made,) = compiled(cache, entry).entries
    cache.mark_flushed(made)
    path = file_of(made, COMPILED[2])
    before = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert () == compiled(cache, entry, verify_cache="stat").damaged
    path.touch()
    assert () == compiled(cache, entry, verify_cache="off").damaged
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [(str(path), "has other contents")] == list(
        compiled(cache, entry, verify_cache="full").damaged
    )


def test_a_truncated_set_is_made_anew(cache: Cache, entry: Entry) -> None:
    """A set whose manifest is damaged is none."""
    (made,) = compiled(cache, entry).entries
    Path(made.folder, "manifest").write_bytes(b"linkinstall manifest 1\n")

    assert 3 == compiled(cache, entry).count.compiled
    assert 3 == compiled(cache, entry).count.linked


# -------------------------------------------------------------------- for one place


def test_a_staged_set_has_the_run_time_path(cache: Cache, entry: Entry) -> None:
    """Below --destdir the compiled files name the files of the finished system."""
    embedded = {"purelib": "/usr/lib/python3", "platlib": "/usr/lib64/python3"}

    (made,) = compiled(cache, entry, embedded=embedded).entries

    assert "/usr/lib/python3/pkg/mod.py" == named_in(file_of(made, COMPILED[2]))
    assert "/usr/lib64/python3/top.py" == named_in(file_of(made, COMPILED[0]))


def test_sets_for_one_place_are_not_mixed_up(cache: Cache, entry: Entry) -> None:
    """Neither an environment nor another stage gets files that were made for one place."""
    one, other = {"purelib": "/one", "platlib": "/one"}, {"purelib": "/two", "platlib": "/two"}
    names = set()

    for embedded in (None, one, other, one, None):
        (made,) = compiled(cache, entry, embedded=embedded).entries
        name = named_in(file_of(made, COMPILED[2]))
        assert ("pkg/mod.py" if embedded is None else f"{embedded['purelib']}/pkg/mod.py") == name
        names.add(made.folder)

    assert 3 == len(names)


def test_only_a_stage_heeds_the_epoch(
    cache: Cache, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SOURCE_DATE_EPOCH asks for files that are checked by hash: in packages, not elsewhere."""
    embedded = {"purelib": "/usr/lib/python3", "platlib": "/usr/lib/python3"}
    plain = compiled(cache, entry, embedded=embedded).entries[0]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")

    staged = compiled(cache, entry, embedded=embedded).entries[0]
    linked = compiled(cache, entry).entries[0]

    flags = [header(file_of(one, COMPILED[2]))[0] for one in (plain, staged, linked)]
    assert [0, 0b11, 0] == flags


# -------------------------------------------------------------------- failing


def test_an_interpreter_that_is_missing_is_told(cache: Cache, entry: Entry) -> None:
    """The error says which one and what to do; nothing is published."""
    with pytest.raises(CacheError, match="/no/such/interpreter cannot be run") as caught:
        compiled(cache, entry, compiler="/no/such/interpreter")

    assert "--no-compile-bytecode" in str(caught.value.next_step)
    assert not any(path.startswith("bytecode") for path in contents(cache))
    assert "tmp/" in contents(cache)


needs_scripts = pytest.mark.posix("the interpreter in its place is a shell script")


def script(folder: Path, text: str) -> str:
    """Write a shell script that stands for an interpreter."""
    path = folder / "interpreter"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@needs_scripts
def test_an_interpreter_that_fails_is_told(cache: Cache, entry: Entry, tmp_path: Path) -> None:
    """What it complained of is in the error; nothing is published."""
    broken = script(tmp_path, "head -c 8 >/dev/null; echo no encodings >&2; exit 3")

    with pytest.raises(CacheError, match="no encodings"):
        compiled(cache, entry, compiler=broken)
    assert not any(path.startswith("bytecode") for path in contents(cache))
    assert "tmp/" in contents(cache)


@needs_scripts
def test_an_interpreter_that_hangs_is_ended(
    cache: Cache, entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait has a bound, and nothing is left running."""
    monkeypatch.setattr(limits, "COMPILE_WAIT", 0.1)
    hanging = script(tmp_path, f"echo $$ >{tmp_path}/pid; exec sleep 60")

    with pytest.raises(CacheError, match=r"longer than 0\.1 seconds"):
        compiled(cache, entry, compiler=hanging)

    if (tmp_path / "pid").exists():
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)
