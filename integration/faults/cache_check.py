"""Each file of linkinstall's cache against its digest.

Purpose: what the manifests of all entries promise must be there, byte for byte. The
form of a manifest is taken from the package itself; the digests are computed here.

Calling sequence: ``problems(folder)`` with a cache folder.

Guarantees: reads only.

Errors: none; whatever is wrong is in the answer.
"""

from __future__ import annotations

import base64
import glob
import hashlib
import os

from linkinstall.manifest import decode


def problems(folder: str) -> list[str]:
    """Return what is wrong with the entries and the compiled files of a cache."""
    entries = glob.glob(f"{folder}/v*/entries/*") + glob.glob(f"{folder}/v*/bytecode/*/*")
    return [line for entry in sorted(entries) for line in _entry(folder, entry)]


def _entry(cache: str, entry: str) -> list[str]:
    name = os.path.relpath(entry, cache)
    try:
        with open(os.path.join(entry, "manifest"), "rb") as stream:
            manifest = decode(stream.read())
    except (OSError, ValueError) as error:
        return [f"{name}: {error}"]
    expected = {
        f"{folder.scheme}/{folder.path}/{file}".replace("//", "/"): digest
        for folder in manifest.folders
        for file, _, digest in folder.rows()
    }
    actual = dict(_digests(os.path.join(entry, "files")))
    return [
        f"{name}: {path} has {actual.get(path)} instead of {expected.get(path)}"
        for path in sorted({*expected, *actual})
        if actual.get(path) != expected.get(path)
    ]


def _digests(folder: str) -> list[tuple[str, str]]:
    found = []
    for root, _folders, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            with open(path, "rb") as stream:
                digest = hashlib.sha256(stream.read()).digest()
            text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            found.append((os.path.relpath(path, folder), text))
    return found
