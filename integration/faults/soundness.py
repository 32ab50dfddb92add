"""Finds whether an environment is sound, whichever state it is in.

Purpose: where several outcomes are right, what all of them have in common: each RECORD
holds by hash, each project is there once, and nothing lies about that no RECORD lists.

Calling sequence::

    bare = everything(root)                       # before anything is installed
    problems = unsound(root, library, bare)
    problems += litter(sandbox, before)

Guarantees: reads only.

Errors: ``OSError`` if something cannot be read.
"""

from __future__ import annotations

import csv
import os
import re
from typing import TYPE_CHECKING

from integration.faults import cache_check, records
from integration.faults.oracle import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integration.faults.sandbox import Sandbox


def everything(root: str) -> set[str]:
    """Return every path below a folder."""
    return {
        os.path.join(folder, name)
        for folder, folders, files in os.walk(root)
        for name in (*folders, *files)
    }


def installed(library: str) -> dict[str, str]:
    """Return project -> version of the distributions in a library folder."""
    names = os.listdir(library) if os.path.isdir(library) else []
    found = [re.fullmatch(r"(.+)-([^-]+)\.dist-info", name) for name in names]
    return {re.sub(r"[-_.]+", "-", one[1]).lower(): one[2] for one in found if one}


def unsound(root: str, library: str, bare: Iterable[str]) -> list[str]:
    """Return what is wrong with an environment.

    :param bare: what was there before anything was installed
    """
    if not os.path.isdir(library):
        return [f"stray {path}" for path in sorted(everything(root) - set(bare))]
    allowed = {*bare, *_listed(library), *(os.path.join(root, name) for name in LOCK)}
    found = records.problems(library)
    for path in sorted(everything(root)):
        # A folder is there for what is in it.
        inside = os.path.isdir(path) and not os.path.islink(path)
        if path not in allowed and not (inside and os.listdir(path)):
            found.append(f"stray {os.path.relpath(path, root)}")
    return found


def litter(sandbox: Sandbox, before: Iterable[str]) -> list[str]:
    """Return what is wrong with the cache, and what lies about outside of environments.

    :param before: what was in the temporary folder and the home before
    """
    found = [f"cache: {line}" for line in cache_check.problems(sandbox.area("cache"))]
    temporary = sandbox.area("cache", "v1", "tmp")
    found += [f"cache: stray {path}" for path in sorted(everything(temporary))]
    outside = everything(sandbox.area("temp")) | everything(sandbox.area("home"))
    return found + [f"stray {path}" for path in sorted(outside - set(before))]


def _listed(library: str) -> set[str]:
    found = set()
    for folder in os.listdir(library):
        record = os.path.join(library, folder, "RECORD")
        if folder.endswith(".dist-info") and os.path.isfile(record):
            with open(record, newline="", encoding="utf-8") as stream:
                rows = [row for row in csv.reader(stream) if row]
            found |= {os.path.normpath(os.path.join(library, row[0])) for row in rows}
    return found
