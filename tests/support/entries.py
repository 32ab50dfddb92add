"""Entries of a cache for tests, and everything that is in a cache's folder.

Calling sequence::

    cache = Cache(tmp_path / "cache")
    entry = made_entry(cache, {"purelib/pkg/__init__.py": b"x = 1"})
    assert ["entries", ...] == contents(cache)
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from linkinstall.entry_check import inspect
from linkinstall.entry_writer import EntryWriter
from tests.support.platforms import slashed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linkinstall.cache import Cache, Entry

FILES = {
    "purelib/pkg/__init__.py": b"value = 1\n",
    "purelib/pkg/data.bin": b"\x00\x01",
    "purelib/pkg-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n",
    "scripts/tool": b"#!python\n",
}


def begun(
    cache: Cache,
    files: Mapping[str, bytes] | None = None,
    executable: Sequence[str] = (),
    writer: EntryWriter | None = None,
) -> EntryWriter:
    """Return a writer that has written ``files``, ``scheme/path`` -> contents."""
    writer = writer or EntryWriter(cache)
    for key, data in (FILES if files is None else files).items():
        scheme, _, path = key.partition("/")
        writer.add(scheme, path, io.BytesIO(data), executable=key in executable)
    return writer


def published(cache: Cache, writer: EntryWriter, damaged: Entry | None = None) -> Entry:
    """Publish what a writer has written as the entry of ``pkg`` 1.0."""
    manifest = writer.manifest("pkg", "1.0", "pkg-1.0.dist-info", "purelib")
    return writer.publish(manifest, cache.entry_folder(manifest.id), damaged=damaged)


def made_entry(
    cache: Cache, files: Mapping[str, bytes] | None = None, executable: Sequence[str] = ()
) -> Entry:
    """Write and publish an entry; whatever happens, the writer is done with."""
    writer = EntryWriter(cache)
    try:
        return published(cache, begun(cache, files, executable, writer))
    finally:
        writer.discard()


def file_of(entry: Entry, key: str) -> Path:
    """Return the cache's file for ``scheme/path``."""
    return slashed(Path(entry.folder, "files", key))


def is_sound(cache: Cache, entry: Entry) -> bool:
    """Return whether every file of an entry is what the manifest says, read whole."""
    return not inspect(cache.file_system, entry, "full").damaged


def lose(path: Path) -> None:
    """Leave a file as a power cut may on ext4: with its size and its times, and only zeros."""
    status = path.stat()
    with path.open("r+b") as stream:
        stream.write(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def contents(cache: Cache) -> list[str]:
    """Return every file and every empty folder below a cache's root, sorted, but for its lock."""
    found = []
    for folder, folders, files in os.walk(cache.root):
        inner = os.path.relpath(folder, cache.root)
        found += [os.path.join(inner, name) for name in files]
        if not folders and not files:
            found.append(inner + "/")
    return sorted({path.replace(os.sep, "/") for path in found} - {"./lock"})
