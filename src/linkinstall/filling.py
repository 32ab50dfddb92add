"""Filling the cache with several wheels at once.

Purpose: unpack, verify and compile on every processor; what comes of it is found in the
cache afterwards, as if another process had been faster.

Calling sequence: ``made = fill(cache, ["a.whl", "b.whl"], compile_for=...)``.

Guarantees: what one process does is what :meth:`linkinstall.cache.Cache.add` and
:func:`linkinstall.bytecode.compiled_sets` do. A wheel that fails is left out: whoever asks
for it then, one by one, meets the reason. A child ends when its parent is gone.

Errors: ``OSError`` where no further process can be forked.
"""

from __future__ import annotations

import os
from functools import partial
from itertools import chain

from linkinstall import limits
from linkinstall.bytecode import compiled_sets
from linkinstall.cache import Added
from linkinstall.compilers import Compilers
from linkinstall.entry_check import inspect
from linkinstall.fs.crew import Crew, parts_of
from linkinstall.outcome import BytecodeCount, Warn
from linkinstall.values import value
from linkinstall.wheel import parse_filename

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linkinstall.cache import Cache
    from linkinstall.environment import Environment

    Progress = Callable[[str, int, int, float], None]
    """File name of a wheel, its number from 1 on, of how many, and what part of it is unpacked."""
    _Counts = tuple[int, int, int]
    _Marks = tuple[tuple[str, bytes], ...]
    _Told = tuple[str, str, str | None, int, list[tuple[str, str]], _Counts | None, _Marks]

__all__ = ["CompileFor", "Filled", "fill", "progress_of"]


@value
class CompileFor:
    """What the compiled files are for; see :func:`~linkinstall.bytecode.compiled_sets`."""

    compiler: str
    tag: str
    magic: str
    levels: tuple[int, ...]
    embedded: dict[str, str] | None = None

    @classmethod
    def of(cls, environment: Environment, levels: tuple[int, ...]) -> CompileFor | None:
        """Return what is made for an environment; None where nothing is compiled for it."""
        if not levels or not environment.compiler:
            return None
        embedded = environment.runtime if environment.destdir else None
        tag, magic = environment.cache_tag, environment.magic
        return cls(environment.compiler, tag, magic, levels, embedded)


@value
class Filled:
    """What unpacking a wheel has told.

    :param entry: the id of its entry
    :param hash: SHA-256 of the wheel file, in hexadecimal
    :param count: how many files it has
    :param bytecode: the compiled files that were made; None where none were
    :param marks: folder and mark of what was written: it need not be read again
    """

    entry: str
    hash: str | None
    count: int
    warnings: tuple[Warn, ...] = ()
    bytecode: BytecodeCount | None = None
    marks: tuple[tuple[str, bytes], ...] = ()

    def added(self, cache: Cache, path: str) -> Added | None:
        """Return what :meth:`Cache.add` would, without looking for the wheel again.

        None where the entry is gone by now.
        """
        entry = cache.open(self.entry)
        if entry is None:
            return None
        return Added(entry, parse_filename(os.path.basename(path)), self.hash, unpacked=True)


def fill(
    cache: Cache,
    wheels: Iterable[str],
    compile_for: CompileFor | None,
    progress: Progress | None = None,
) -> dict[str, Filled]:
    """Unpack wheels that are not in the cache; return what was told of each that is now.

    Small ones are left to whoever asks for them.

    :param progress: told what this process unpacks, how far it is, and how many all have begun
    """
    sizes = {path: _size(cache, path) for path in wheels}
    if sum(sizes.values()) < limits.FORK_FROM_BYTES:
        return {}
    # The largest first: whoever comes to the heap last has little left to do.
    order = sorted(sizes, key=lambda one: (-sizes[one], one))
    work = _Work(cache, order, compile_for, progress)
    try:
        answers = Crew(work.do, len(work.parts)).finish()
    finally:
        work.close()
    made: dict[str, Filled] = {}
    told = chain.from_iterable(one or () for one in answers)
    for path, entry, hash_, count, warnings, counts, marks in told:
        bytecode = BytecodeCount(*counts) if counts is not None else None
        warned = tuple(Warn(*one) for one in warnings)
        made[path] = Filled(entry, hash_, count, warned, bytecode, marks)
    return made


def progress_of(
    progress: Progress | None, path: str, number: int, total: int
) -> Callable[[float], None] | None:
    """Return what the unpacking of one wheel is told to: see :meth:`Cache.add`."""
    return None if progress is None else partial(progress, os.path.basename(path), number, total)


def _size(cache: Cache, path: str) -> int:
    status = cache.file_system.status(cache.file_system.real_path(path))
    return status.st_size if status is not None else 0


class _Work:
    """What each process does with the wheels that it takes."""

    def __init__(
        self,
        cache: Cache,
        wheels: list[str],
        compile_for: CompileFor | None,
        progress: Progress | None,
    ) -> None:
        self.parts = parts_of([1] * len(wheels), 1)
        self._cache = cache
        self._wheels = wheels
        self._compile_for = compile_for
        self._progress = progress
        self._process = os.getpid()
        self._compilers: tuple[int, Compilers] | None = None

    def do(self, number: int) -> list[_Told]:
        """Unpack and compile the wheels of one part; return what was told of each."""
        told = []
        begin, end = self.parts[number]
        for index in range(begin, end):
            path = self._wheels[index]
            heard = self._progress if os.getpid() == self._process else None
            seen = progress_of(heard, path, index + 1, len(self._wheels))
            compilers = self._own_compilers()
            try:
                told.append(_make(self._cache, path, self._compile_for, compilers, seen))
            except Exception:  # noqa: BLE001, S112 - met again by whoever asks for this wheel
                continue
        return told

    def _own_compilers(self) -> Compilers | None:
        # A helper's end when its pipes are closed, that is with the helper.
        process = os.getpid()
        if self._compile_for is None:
            return None
        if self._compilers is None or self._compilers[0] != process:
            self._compilers = process, Compilers(self._compile_for.compiler, 1)
        return self._compilers[1]

    def close(self) -> None:
        """End the interpreters that compiled for this process."""
        if self._compilers is not None:
            self._compilers[1].close()


def _make(
    cache: Cache,
    path: str,
    compile_for: CompileFor | None,
    compilers: Compilers | None,
    progress: Callable[[float], None] | None,
) -> _Told:
    added = cache.add(path, progress=progress)
    warnings = [(one.code, one.message) for one in added.warnings]
    manifest = added.entry.manifest
    told = path, manifest.id, added.hash, manifest.count, warnings
    marks = ((added.entry.folder, added.entry.mark),)
    if compile_for is None or compilers is None:
        return *told, None, marks
    try:
        compiled = compiled_sets(
            cache,
            added.entry,
            compilers=compilers,
            tag=compile_for.tag,
            magic=compile_for.magic,
            levels=compile_for.levels,
            embedded=compile_for.embedded,
            look=partial(inspect, cache.file_system, level="stat"),
        )
    except Exception:  # noqa: BLE001 - met again; what unpacking has told must not be lost
        return *told, None, marks
    count = compiled.count
    return *told, (count.linked, count.compiled, count.failed), marks + compiled.marks
