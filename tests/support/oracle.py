"""Does an environment equal a model, and what the machine needs of the disk besides.

Calling sequence::

    actual = Actual.of(site)
    assert [] == actual.unlike(model)        # files, modes, folders, RECORD by hash
    assert [] == cache_faults(site, spoilt, given_up)
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from linkinstall.cache import QUARANTINED
from linkinstall.entry_check import inspect
from linkinstall.fs import local
from tests.support.simple_model import LIBRARY, Dist, File, Model

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from tests.support.sites import Site, Snapshot

EXECUTABLE, PLAIN, FOLDER = "0o755", "0o644", "0o755"


@dataclass
class Actual:
    """What is on the disk.

    :param through: link -> the cache's file that it leads to, relative to the site
    """

    files: dict[str, File]
    folders: set[str]
    odd: dict[str, str]
    through: dict[str, str]

    @classmethod
    def of_nodes(cls, nodes: Snapshot, base: Container[str], store: str) -> Actual:
        """Take a snapshot apart."""
        actual = cls({}, set(), {}, {})
        for path, node in nodes.items():
            kind, mode, content = node[0], node[1], node[-1]
            if path in base and kind != "folder":
                continue
            if kind == "link" and str(mode).startswith(store):
                actual.through[path] = str(mode)
                kind, mode, content = _led_to(str(mode))
            if kind == "folder" and mode == FOLDER:
                actual.folders.add(path)
            elif kind == "file" and mode in {EXECUTABLE, PLAIN} and isinstance(content, bytes):
                actual.files[path] = File(content, mode == EXECUTABLE)
            else:
                actual.odd[path] = f"{kind} {mode}"
        return actual

    def unlike(self, model: Model) -> list[str]:
        """Return a line for everything in which they differ."""
        found = [f"{path} is a {what}" for path, what in self.odd.items()]
        found += [f"{path}/ should not stand" for path in self.folders - model.folders]
        found += [f"{path}/ is missing" for path in model.folders - self.folders]
        for path in sorted({*self.files, *model.files}):
            there, expected = self.files.get(path), model.files.get(path)
            if there is None or expected is None:
                found.append(f"{path} {'should not stand' if expected is None else 'is missing'}")
            elif expected.executable != there.executable:
                found.append(f"{path} has another mode")
            elif expected.content not in {None, there.content}:
                found.append(f"{path} holds {there.content!r:.60}, not {expected.content!r:.60}")
        if not found:
            for dist in model.dists.values():
                found += self._record_unlike(dist)
        return found

    def _record_unlike(self, dist: Dist) -> Iterator[str]:
        if not dist.record:
            return
        own = f"{dist.info}/RECORD"
        rows = rows_of(self.files[own].content or b"")
        if set(rows) != set(dist.rows):
            yield f"{own} lists {sorted(set(rows) ^ set(dist.rows))} or does not"
            return
        for path, hash_ in rows.items():
            expected = dist.rows[path].content
            if path == own or path.endswith(".pyc"):
                wanted = ""
            elif expected is None:
                wanted = digest(self.files[path].content or b"") if path in self.files else hash_
            else:
                wanted = digest(expected)
            if wanted != hash_:
                yield f"{own} gives {path} the hash {hash_!r}, not {wanted!r}"


def _led_to(path: str) -> tuple[str, str, bytes]:
    try:
        with open(path, "rb") as stream:
            mode = oct(os.fstat(stream.fileno()).st_mode & 0o7777)
            return "file", mode, stream.read()
    except OSError as error:
        return "dangling link", str(error), b""


def rows_of(record: bytes) -> dict[str, str]:
    """Return path -> hash of a RECORD; paths are relative to the environment."""
    rows = csv.reader(record.decode().splitlines())
    return {posixpath.normpath(f"{LIBRARY}/{row[0]}"): row[1] for row in rows}


def digest(data: bytes) -> str:
    """Return the hash column for contents."""
    encoded = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return "sha256=" + encoded.decode().rstrip("=")


def findings_of(model: Model) -> set[tuple[str, str, str]]:
    """Return what ``check`` has to find: distribution, code and path."""
    found = set()
    for dist in model.dists.values():
        info = dist.info
        if not model.below(info):
            found.add((dist.name, "empty-dist-info", info))
            continue
        metadata, record = f"{info}/METADATA", f"{info}/RECORD"
        if metadata not in model.files:
            found.add((dist.name, "metadata-missing", metadata))
        if record not in model.files:
            found.add((dist.name, "record-missing", record))
        for path, listed in dist.listed.items():
            if path == record or path.endswith(".pyc") or path == metadata not in model.files:
                continue
            there = model.files.get(path)
            if there is None and path not in model.folders:
                found.add((dist.name, "missing", path))
            elif there is None or listed.content not in {None, there.content}:
                found.add((dist.name, "changed", path))
    return found | {("", "foreign-leftover", path) for path in leftovers_of(model)}


def leftovers_of(model: Model) -> set[str]:
    """Return the compiled files of no source and of nobody; a folder that has no others."""
    dists = [one for one in model.dists.values() if f"{one.info}/RECORD" in model.files]
    owned = {path for one in dists for path in one.listed}
    inside: dict[str, set[str]] = {}
    orphans: dict[str, set[str]] = {}
    for path in (*model.files, *model.folders):
        folder, _, name = path.rpartition("/")
        package, _, cache = folder.rpartition("/")
        if cache != "__pycache__" or not folder.startswith(f"{LIBRARY}/"):
            continue
        inside.setdefault(folder, set()).add(path)
        source = f"{package}/{name.partition('.')[0]}.py"
        known = source in model.files or source in owned or path in owned
        if name.endswith(".pyc") and path in model.files and not known:
            orphans.setdefault(folder, set()).add(path)
    whole = {folder for folder, paths in orphans.items() if paths == inside[folder]}
    single = (paths for folder, paths in orphans.items() if folder not in whole)
    return whole.union(*single)


def quarantined_entries(site: Site) -> set[str]:
    """Return the names of the entries that are not linked until an install makes them anew."""
    return {path.parent.name for path in Path(site.cache.root).glob(f"entries/*/{QUARANTINED}")}


def cache_faults(site: Site, spoilt: Container[str], given_up: Container[str]) -> list[str]:
    """Return what is wrong with the cache, but for files that were edited in place.

    :param spoilt: paths of those
    :param given_up: names of entries that a failed flush may have lost: an install makes them
        anew
    """
    found = []
    entries = os.path.join(site.cache.root, "entries")
    for name in os.listdir(entries) if os.path.isdir(entries) else ():
        entry = site.cache.open(name)
        if entry is None:
            if name not in given_up:
                found.append(f"the cache entry {name} cannot be opened")
            continue
        damaged = inspect(local(), entry, "full").damaged
        found += [f"{path} {why}" for path, why in damaged if path not in spoilt]
    temporary = site.cache.temporary_folder
    if os.path.isdir(temporary) and os.listdir(temporary):
        found.append(f"temporary folders are left: {os.listdir(temporary)}")
    return found


def same_file(site: Site, path: str) -> tuple[list[str], list[str]]:
    """Return the environment's names and the cache's that share the file at ``path``."""
    status = os.stat(path)
    key = (status.st_dev, status.st_ino)
    inside = [one for one in _files_below(str(site.root)) if _key(one) == key]
    store = [one for one in _files_below(str(site.cache.path)) if _key(one) == key]
    return [os.path.relpath(one, site.root) for one in inside], store


def _files_below(folder: str) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        yield from (f"{place}/{name}" for name in names)


def _key(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def nearest(actual: Actual, models: list[Model]) -> str:
    """Return how the disk differs from the model that it is most like."""
    unlike: Mapping[int, list[str]] = {i: actual.unlike(one) for i, one in enumerate(models)}
    best = min(unlike.values(), key=len)
    return "; ".join(best[:8]) or "nothing"
