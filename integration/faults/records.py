"""Each RECORD of an environment against the files it lists.

Purpose: an independent check, written from the specification of recording
installed projects and sharing no code with the package under test.

Calling sequence: ``problems(library)`` with the library folder of an environment;
``of_distribution(library, folder)`` for one dist-info folder in it.

Guarantees: reads only. Every distribution must have METADATA and RECORD, every
row's file must exist, every hash and size that is given must match, and no two
distributions may have the same normalised name.

Errors: none; whatever is wrong is in the answer.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re


def problems(library: str) -> list[str]:
    """Return what is wrong with the distributions in ``library``, sorted."""
    found: list[str] = []
    seen: dict[str, str] = {}
    if not os.path.isdir(library):  # the environment itself was removed
        return found
    for folder in sorted(os.listdir(library)):
        if not folder.endswith(".dist-info"):
            continue
        project = re.sub(r"[-_.]+", "-", folder.split("-")[0]).lower()
        if project in seen:
            found.append(f"{folder}: {seen[project]} is there as well")
        seen[project] = folder
        found += of_distribution(library, folder)
    return found


def of_distribution(library: str, folder: str) -> list[str]:
    """Return what is wrong with one distribution, by the name of its dist-info folder."""
    missing = [
        f"{folder}: no {name}"
        for name in ("METADATA", "RECORD")
        if not os.path.isfile(os.path.join(library, folder, name))
    ]
    if missing:
        return missing
    with open(os.path.join(library, folder, "RECORD"), newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    if not rows:
        return [f"{folder}: RECORD is empty"]
    found = []
    for row in rows:
        wrong = _row(library, row)
        if wrong:
            found.append(f"{folder}: {wrong}")
    return found


def _row(library: str, row: list[str]) -> str:
    if len(row) != 3:
        return f"a row of {len(row)} columns"
    path, digest, size = row
    try:
        # As all tools read it: a library that is a link lies where its name says.
        with open(os.path.normpath(os.path.join(library, path)), "rb") as stream:
            data = stream.read()
    except OSError as error:
        return f"{path}: {error.strerror}"
    if size and int(size) != len(data):
        return f"{path}: {len(data)} bytes instead of {size}"
    if not digest:
        return ""
    algorithm, _, expected = digest.partition("=")
    actual = base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).decode().rstrip("=")
    return "" if actual == expected else f"{path}: contents do not match the hash"
