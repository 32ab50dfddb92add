"""Compiled files: made once per interpreter tag and level, kept beside the entry.

Purpose: find or make the set of ``.pyc`` files of an entry. They are placed by links
beside their sources; since a link keeps the source's time, they validate, and the
import system puts the right file name in (:pep:`3147`).

Calling sequence::

    found = compiled_sets(cache, entry, compiler="/usr/bin/python3", tag="cpython-312",
                          levels=(0,))

Guarantees: a set belongs to the entry's sources as they were unpacked: it is made
again when the entry was. It is published by one rename, like an entry. A source that
does not compile is left out and counted.

Errors: :class:`~linkinstall.errors.CacheError` where the compiling interpreter
cannot be run.
"""

from __future__ import annotations

import os
import sys

from linkinstall import limits
from linkinstall.outcome import BytecodeCount
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from linkinstall.cache import Cache, Entry

__all__ = ["Compiled", "compiled_sets", "normal_level"]

_SCHEMES = ("purelib", "platlib")
_PARALLEL_FROM = 64


@value
class Compiled:
    """The sets that were found or made, and how many files of each kind."""

    entries: tuple[Entry, ...] = ()
    count: BytecodeCount = BytecodeCount()


def normal_level(level: int) -> int:
    """Return the level that -1, the running interpreter's own, stands for."""
    return sys.flags.optimize if level < 0 else level


def compiled_sets(
    cache: Cache,
    entry: Entry,
    *,
    compiler: str,
    tag: str,
    levels: Iterable[int],
    embedded: Mapping[str, str] | None = None,
) -> Compiled:
    """Return the compiled files of an entry, one set for each level.

    :param embedded: scheme -> folder whose paths are written into the files; then
        they are made for one place only, in the form SOURCE_DATE_EPOCH asks for
    :raises CacheError: the interpreter cannot be run
    """
    sources = sum(1 for _ in _sources(entry))
    entries = []
    linked = compiled = failed = 0
    for level in sorted({normal_level(level) for level in levels}):
        found = None if embedded else cache.open_bytecode(entry.manifest.id, tag, level)
        if found is not None and found.manifest.version == str(entry.manifest.mtime):
            linked += found.manifest.count
        else:
            found = _compile(cache, entry, compiler, tag, level, embedded, found)
            compiled += found.manifest.count
        failed += sources - found.manifest.count
        entries.append(found)
    return Compiled(tuple(entries), BytecodeCount(linked, compiled, failed))


def _sources(entry: Entry) -> Iterator[tuple[str, str, str]]:
    """Yield (scheme, folder, name) of every source."""
    for folder in entry.manifest.folders:
        if folder.scheme in _SCHEMES:
            for name in folder.names:
                if name.endswith(".py"):
                    yield folder.scheme, folder.path, name


def _compile(
    cache: Cache,
    entry: Entry,
    compiler: str,
    tag: str,
    level: int,
    embedded: Mapping[str, str] | None,
    damaged: Entry | None,
) -> Entry:
    from linkinstall.entry_writer import EntryWriter

    suffix = f".{tag}.opt-{level}.pyc" if level else f".{tag}.pyc"
    writer = EntryWriter(cache)
    writer.begin()
    try:
        jobs, targets = [], []
        for scheme, path, name in _sources(entry):
            inner = f"{path}/__pycache__" if path else "__pycache__"
            target = f"{inner}/{name[:-3]}{suffix}"
            shown = os.path.join(embedded[scheme], path, name) if embedded else f"{path}/{name}"
            jobs.append(
                "\t".join((f"{entry.files(scheme, path)}/{name}",
                           f"{writer.folder}/files/{scheme}/{target}",
                           shown, str(level), "default" if embedded else "timestamp"))
            )  # fmt: skip
            targets.append((scheme, target))
        failed = _run(compiler, jobs)
        for index, (scheme, target) in enumerate(targets):
            if index not in failed:
                writer.adopt(scheme, target)
        manifest = writer.manifest(tag, str(entry.manifest.mtime), "", entry.manifest.root)
        folder = cache.bytecode_folder(entry.manifest.id, tag, level)
        return writer.publish(manifest, folder, damaged=damaged)
    finally:
        writer.discard()


def _run(compiler: str, jobs: list[str]) -> set[int]:
    """Compile all jobs, on all processors; return the numbers of those that failed."""
    import subprocess

    from linkinstall.errors import CacheError

    count = (os.cpu_count() or 1) if len(jobs) >= _PARALLEL_FROM else 1
    worker = os.path.join(os.path.dirname(__file__), "fs", "compile_worker.py")
    failed: set[int] = set()
    try:
        running = [
            subprocess.Popen(
                [compiler, "-I", "-S", "-B", "-W", "ignore", worker],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            for _ in range(count if jobs else 0)
        ]  # fmt: skip
    except OSError as error:
        message = f"The interpreter {compiler} cannot be run to compile bytecode: {error}."
        raise CacheError(message, next_step="Pass --no-compile-bytecode to do without.") from error
    try:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(max(count, 1)) as pool:
            # Read all at once: a pipe that fills up while another is read would stall.
            answers = list(
                pool.map(
                    lambda part: _answer(running[part], jobs[part::count]), range(len(running))
                )
            )
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.wait()
    for part, (numbers, code, complaint) in enumerate(answers):
        if code:
            message = f"The interpreter {compiler} failed to compile bytecode: {complaint}"
            raise CacheError(message, next_step="Pass --no-compile-bytecode to do without.")
        failed |= {part + number * count for number in numbers}
    return failed


def _answer(process: object, jobs: list[str]) -> tuple[list[int], int, str]:
    data = "\n".join(jobs).encode("utf-8", "surrogateescape")
    out, err = process.communicate(data, timeout=limits.COMPILE_WAIT)  # type: ignore[attr-defined]
    numbers = [int(number) for number in out.split()]
    return numbers, process.returncode, err.decode("utf-8", "replace").strip()[-500:]  # type: ignore[attr-defined]
