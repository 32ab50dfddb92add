"""Filling the cache with several wheels at once.

Purpose: unpack, verify and compile on every processor; what comes of it is found in the
cache afterwards, as if another process had been faster.

Calling sequence: ``made = fill(cache, ["a.whl", "b.whl"], compile_for=...)``.

Guarantees: what one process does is what :meth:`linkinstall.cache.Cache.add` and
:func:`linkinstall.bytecode.compiled_sets` do. A wheel that fails is left out: whoever asks
for it then, one by one, meets the reason. A child ends when its parent is gone.

Errors: none of its own.
"""

from __future__ import annotations

import marshal
import os
from functools import partial

from linkinstall import limits
from linkinstall.bytecode import compiled_sets
from linkinstall.compilers import Compilers
from linkinstall.entry_check import inspect
from linkinstall.fs.forks import forked, workers
from linkinstall.outcome import BytecodeCount, Warn
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linkinstall.cache import Cache

__all__ = ["CompileFor", "Filled", "fill"]


@value
class CompileFor:
    """What the compiled files are for; see :func:`~linkinstall.bytecode.compiled_sets`."""

    compiler: str
    tag: str
    levels: tuple[int, ...]
    embedded: dict[str, str] | None = None


@value
class Filled:
    """What unpacking a wheel has told.

    :param bytecode: the compiled files that were made; None where none were
    """

    warnings: tuple[Warn, ...] = ()
    bytecode: BytecodeCount | None = None


def fill(cache: Cache, wheels: Iterable[str], compile_for: CompileFor | None) -> dict[str, Filled]:
    """Unpack wheels that are not in the cache; return what was told of each that is now.

    Small ones are left to whoever asks for them.
    """
    sizes = {path: _size(cache, path) for path in wheels}
    if sum(sizes.values()) < limits.FORK_FROM_BYTES:
        return {}
    shares = _shares(sizes, min(workers(), len(sizes)))
    parent = os.getpid()
    works = [partial(_work, cache, share, compile_for, parent) for share in shares]
    made: dict[str, Filled] = {}
    for answer in forked(works):
        for path, warnings, counts in marshal.loads(answer) if answer else ():  # noqa: S302 - written by our own child
            bytecode = BytecodeCount(*counts) if counts is not None else None
            made[path] = Filled(tuple(Warn(*one) for one in warnings), bytecode)
    return made


def _size(cache: Cache, path: str) -> int:
    status = cache.file_system.status(cache.file_system.real_path(path))
    return status.st_size if status is not None else 0


def _shares(sizes: dict[str, int], count: int) -> list[list[str]]:
    """Return the wheels in shares of about the same size, the largest of each first."""
    shares: list[list[str]] = [[] for _ in range(count)]
    loads = [0] * count
    for path in sorted(sizes, key=lambda one: (-sizes[one], one)):
        least = loads.index(min(loads))
        shares[least].append(path)
        loads[least] += sizes[path] + 1
    return shares


def _work(
    cache: Cache, wheels: Sequence[str], compile_for: CompileFor | None, parent: int
) -> bytes:
    compilers = Compilers(compile_for.compiler, 1) if compile_for is not None else None
    done = []
    try:
        for path in wheels:
            if parent not in (os.getpid(), os.getppid()):
                break  # nobody is left to use it
            try:
                done.append(_make(cache, path, compile_for, compilers))
            except Exception:  # noqa: BLE001, S112 - met again by whoever asks for this wheel
                continue
    finally:
        if compilers is not None:
            compilers.close()
    return marshal.dumps(done)


def _make(
    cache: Cache, path: str, compile_for: CompileFor | None, compilers: Compilers | None
) -> tuple[str, list[tuple[str, str]], tuple[int, int, int] | None]:
    added = cache.add(path)
    warnings = [(one.code, one.message) for one in added.warnings]
    if compile_for is None or compilers is None:
        return path, warnings, None
    try:
        count = compiled_sets(
            cache,
            added.entry,
            compilers=compilers,
            tag=compile_for.tag,
            levels=compile_for.levels,
            embedded=compile_for.embedded,
            look=partial(inspect, cache.file_system, level="stat"),
        ).count
    except Exception:  # noqa: BLE001 - met again; what unpacking has told must not be lost
        return path, warnings, None
    return path, warnings, (count.linked, count.compiled, count.failed)
