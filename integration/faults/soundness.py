"""Finds whether an environment is sound, whichever state it is in.

Purpose: where several outcomes are right, what all of them have in common: what the environment
came with is as it was, each distribution is there once and is what its installation alone brings,
to the modes and the compiled files, and nothing else lies about, inside or outside.

Calling sequence::

    bare = Bare.of(root, library)                 # before anything is installed
    known = brought(root, library)                # after an installation that nothing disturbed
    before = around(sandbox)
    ...
    problems = unsound(root, library, bare, known)
    problems += litter(sandbox, before)

Guarantees: reads only. A distribution of another tool, by its ``INSTALLER``, is held to its own
``RECORD`` alone.

Errors: ``OSError`` if something cannot be read.
"""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from integration.faults import cache_check, records
from integration.faults.oracle import LOCK
from integration.faults.snapshot import difference, take

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from integration.faults.sandbox import Sandbox
    from integration.faults.snapshot import Node, Snapshot

PEERS = ("pip", "uv")
"""The other tools that act in a gate."""
SUFFIX = ".dist-info"
_CACHE = re.compile(
    r"""\. | v1 | v1/lock | v1/tmp | v1/bytecode
    | v1/(?:aliases|dependents|environments|interpreters)(?:/[\w.]+)?
    | v1/(?:entries|bytecode/\w+)(?:/[\w.-]+)?
    | v1/(?:entries|bytecode/\w+)/[\w.-]+
        /(?:manifest | manifest\.damaged | record | unflushed | files(?:/.*)?)""",
    re.VERBOSE,
)
"""The paths that a cache has, as ARCHITECTURE.md lists them; none of them in ``tmp``."""


@dataclass(frozen=True)
class Bare:
    """An environment in which nothing that is put to the test was installed yet.

    :param there: what was there
    :param projects: project -> version of the distributions that it came with
    :param records: what is wrong with these: virtualenv makes none of the compiled files that
        its ``RECORD`` files list
    """

    there: Snapshot = field(default_factory=dict)
    projects: Mapping[str, str] = field(default_factory=dict)
    records: tuple[str, ...] = ()

    @classmethod
    def of(cls, root: str, library: str) -> Bare:
        """Look at one; nothing is there where there is none."""
        there = take(root, ignore=LOCK)
        return cls(there, installed(library), tuple(records.problems(library)))


def installed(library: str) -> dict[str, str]:
    """Return project -> version of the distributions in a library folder."""
    names = os.listdir(library) if os.path.isdir(library) else []
    found = [re.fullmatch(r"(.+)-([^-]+)\.dist-info", name) for name in names]
    return {re.sub(r"[-_.]+", "-", one[1]).lower(): one[2] for one in found if one}


def installer(library: str, name: str) -> str:
    """Return which tool says that it has installed a distribution; "" if none does.

    :param name: ``name-version``, as its dist-info folder has it
    """
    try:
        with open(os.path.join(library, name + SUFFIX, "INSTALLER"), encoding="utf-8") as stream:
            return stream.read().strip()
    except FileNotFoundError:
        return ""


def brought(root: str, library: str) -> dict[str, dict[str, Node]]:
    """Return name-version -> all that a distribution brings, and the folders that this lies in."""
    there = take(root, ignore=LOCK)
    names = os.listdir(library) if os.path.isdir(library) else []
    return {
        name.removesuffix(SUFFIX): {
            path: there[path] for path in _listed(root, library, name) if path in there
        }
        for name in sorted(names)
        if name.endswith(SUFFIX)
    }


def unsound(
    root: str,
    library: str,
    bare: Bare,
    known: Mapping[str, Snapshot],
    allowed: Collection[str] = (),
) -> list[str]:
    """Return what is wrong with an environment.

    :param bare: what was there before, and has to be there still
    :param known: what ``brought`` told of each distribution that may be there
    :param allowed: paths relative to ``root`` at which anything may stand, or nothing; where
        nothing was there before, this goes for the root itself
    """
    found = [one for one in records.problems(library) if one not in bare.records]
    there = take(root, ignore=LOCK)
    expected: dict[str, Node] = {}
    for name, paths in brought(root, library).items():
        theirs = installer(library, name) in PEERS
        if not theirs and name not in known:
            found.append(f"{name}: no command installs it")
        expected |= paths if theirs else known.get(name, paths)
    expected |= bare.there
    loose = {
        one: there[one] for path in (".", *allowed) for one in _with_folders(path) if one in there
    }
    fixed = {path: node for path, node in expected.items() if path not in allowed}
    return found + difference(loose | fixed, there)


def around(sandbox: Sandbox, *apart: str) -> Snapshot:
    """Return all that stands in a world beside its environment and its cache.

    :param apart: names in the world that are left out, too
    """
    names = set(os.listdir(sandbox.world)) - {"venv", "cache", *apart}
    return {
        f"{name}/{path}": node for name in names for path, node in take(sandbox.area(name)).items()
    }


def litter(sandbox: Sandbox, before: Snapshot, *apart: str) -> list[str]:
    """Return what is wrong with the cache, and with what stands beside it and its environment.

    :param before: what ``around`` told, with the same names left out
    """
    cache = sandbox.area("cache")
    found = [f"cache: {line}" for line in cache_check.problems(cache)]
    found += [f"cache: stray {path}" for path in take(cache) if not _CACHE.fullmatch(path)]
    return found + [f"beside: {line}" for line in difference(before, around(sandbox, *apart))]


def _listed(root: str, library: str, name: str) -> Iterator[str]:
    """Yield what a RECORD lists, relative to ``root``, each path after the folders above it."""
    record = os.path.join(library, name, "RECORD")
    if not os.path.isfile(record):
        return
    with open(record, newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.reader(stream) if row]
    for row in rows:
        path = os.path.relpath(os.path.normpath(os.path.join(library, row[0])), root)
        yield from _with_folders(path)


def _with_folders(path: str) -> Iterator[str]:
    parts = path.split("/")
    yield "."
    yield from ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
