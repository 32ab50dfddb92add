"""Writing a new entry: files in, measured on the way, published by one rename.

Purpose: what both cold paths share: unpacking a wheel file, and a destination that
is handed streams.

Calling sequence::

    writer = EntryWriter(cache)
    writer.add("purelib", "pkg/__init__.py", stream, executable=False)
    manifest = writer.manifest("pkg", "1.0", "pkg-1.0.dist-info", "purelib")
    entry = writer.publish(manifest, cache.entry_folder(manifest.id))

Guarantees: a file is read once and digested while it is written. Whatever ends the
writing, nothing of an unpublished entry is ever used (:mod:`linkinstall.temporary`).
A sound entry that stands is never moved or replaced, however many writers there are.
A damaged one goes back where the new one cannot be published: links may lead into it.

Errors: ``FileExistsError`` for a path that comes twice, ``OSError`` where the cache
cannot be written, :class:`~linkinstall.errors.LockTimeoutError` where another process
does not end replacing a damaged entry.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time

from linkinstall import limits
from linkinstall.cache import UNFLUSHED, Entry
from linkinstall.digest import encode as encode_digest
from linkinstall.entry_check import is_whole
from linkinstall.fs.lock import FolderLock
from linkinstall.fs.trees import CLOSED, make_folders
from linkinstall.manifest import EntryPoint, Folder, Manifest, encode, entry_id
from linkinstall.paths import folded
from linkinstall.policy import is_binary
from linkinstall.record import row, seal
from linkinstall.scripts import is_rewritten, launcher_body
from linkinstall.temporary import LOCK_SUFFIX, TemporaryFolder, sweep
from linkinstall.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO, Protocol

    from linkinstall.cache import Cache
    from linkinstall.fs.port import FileSystem

    class Readable(Protocol):
        """What contents are read from."""

        def read(self, size: int, /) -> bytes: ...


__all__ = ["EntryWriter", "Written", "collisions", "is_same", "renew"]


class Written:
    """One file of a new entry: what was measured while it was written."""

    __slots__ = ("digest", "executable", "hashes", "order", "path", "scheme", "size")

    def __init__(self, scheme: str, path: str, order: int, *, executable: bool) -> None:
        self.scheme, self.path, self.order, self.executable = scheme, path, order, executable
        self.size = 0
        self.digest = ""
        self.hashes: dict[str, str] = {}


class EntryWriter:
    """Writes one new entry: begin, add files, then publish or discard.

    :param cache: the cache it goes to
    """

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.files = cache.file_system
        self.mtime = time.time_ns()
        self.written: dict[tuple[str, str], Written] = {}
        self.entry_points: list[EntryPoint] = []
        self._binaries: set[str] = set()
        self._rewritten: set[str] = set()
        self._folders: set[str] = set()
        self._temporary: TemporaryFolder | None = None
        self.folder = ""

    def begin(self) -> None:
        """Make the locked temporary folder. Called by itself at the first file."""
        if self.cache.distrust:
            raise OSError(errno.EPERM, self.cache.distrust, self.cache.path)
        parent = self.cache.temporary_folder
        make_folders(self.files, parent, CLOSED)
        sweep(self.files, parent)
        self._temporary = TemporaryFolder.claim(self.files, parent)
        self.folder = self._temporary.path + "/entry"
        try:
            self.files.make_folder(self.folder, CLOSED)
        except BaseException:
            self.discard()
            raise
        self._folders.add(self.folder)

    def add(
        self,
        scheme: str,
        path: str,
        stream: Readable,
        *,
        executable: bool,
        algorithms: Iterable[str] = (),
    ) -> Written:
        """Write one file and measure it.

        :param algorithms: digests to make besides SHA-256
        :raises FileExistsError: the entry has this path already
        """
        if not self.folder:
            self.begin()
        if (scheme, path) in self.written:
            message = f"File already exists: {path}"
            raise FileExistsError(message)
        result = Written(scheme, path, len(self.written), executable=executable)
        target = f"{self.folder}/files/{scheme}/{path}"
        self._make_parents(target.rpartition("/")[0])
        state = hashlib.sha256()
        others = {name: hashlib.new(name) for name in algorithms if name != "sha256"}
        output = self.files.create(target, executable=executable)
        try:
            with output:
                first = chunk = stream.read(limits.COPY_CHUNK)
                while chunk:
                    state.update(chunk)
                    for other in others.values():
                        other.update(chunk)
                    result.size += write_all(output, chunk)
                    chunk = stream.read(limits.COPY_CHUNK)
        except BaseException:
            # A part of a file is none of the entry's, and the caller may try again.
            self.files.unlink_all(os.path.dirname(target), [os.path.basename(target)])
            raise
        self.files.set_time(target, self.mtime)
        result.digest = encode_digest(state.digest())
        result.hashes = {name: encode_digest(other.digest()) for name, other in others.items()}
        self._note(result, first)
        self.written[scheme, path] = result
        return result

    def forget(self, scheme: str, path: str) -> Written | None:
        """Drop a file that was added, and return what it was."""
        written = self.written.pop((scheme, path), None)
        if written is not None:
            self.files.unlink(f"{self.folder}/files/{scheme}/{path}")
            self._binaries.discard(f"{scheme}/{path}")
            self._rewritten.discard(f"{scheme}/{path}")
        return written

    def add_entry_point(self, name: str, module: str, attr: str, section: str) -> None:
        """Note one script to generate."""
        body = launcher_body(name, module, attr, section)
        self.entry_points.append(EntryPoint(name, module, attr, section, body))

    def _note(self, one: Written, first: bytes) -> None:
        key = f"{one.scheme}/{one.path}"
        if is_binary(one.path, first):
            self._binaries.add(key)
        if is_rewritten(one.scheme, first, executable=one.executable):
            self._rewritten.add(key)

    def _make_parents(self, folder: str) -> None:
        if folder not in self._folders:
            self._make_parents(folder.rpartition("/")[0])
            self.files.make_folder(folder, CLOSED)
            self._folders.add(folder)

    def manifest(self, distribution: str, version: str, dist_info: str, root: str) -> Manifest:
        """Return the manifest of what was written so far."""
        manifest = Manifest(
            "", distribution, version, dist_info, root, self.mtime, self.files.umask(),
            group(self.written.values()), tuple(self.entry_points),
            frozenset("/".join(key) for key, one in self.written.items() if one.executable),
            frozenset(self._binaries), frozenset(self._rewritten),
            collisions(self.written),
        )  # fmt: skip
        return replace(manifest, id=entry_id(manifest))

    def publish(self, manifest: Manifest, target: str, *, damaged: Entry | None = None) -> Entry:
        """Give the entry its name by one rename; where it has it already, take that one.

        :param damaged: the entry that stands there and is to be replaced
        """
        if not self.folder:
            self.begin()
        self.files.write_new(self.folder + "/manifest", text := encode(manifest))
        self.files.write_new(self.folder + "/record", seal(self._record(manifest), manifest.id))
        mark = _new_mark()
        self.files.write_new(f"{self.folder}/{UNFLUSHED}", mark)
        make_folders(self.files, os.path.dirname(target), CLOSED)
        try:
            for _ in range(limits.RETRIES):
                standing = self._sound(target, damaged)
                if standing is not None:
                    return standing  # another process was faster
                if self.files.status(target) is not None:
                    self._set_aside(target, damaged)
                if self._put(target):
                    return Entry(target, manifest, flushed=False, mark=mark, text=text)
            message = "other processes keep replacing this entry of the cache"
            raise FileExistsError(errno.EEXIST, message, target)
        finally:
            self.discard()

    def _sound(self, target: str, damaged: Entry | None) -> Entry | None:
        standing = self.cache.open_folder(target)
        if standing is None or is_same(standing, damaged):
            return None
        # Of another process that is at it now, or of one that a power cut has ended.
        return standing if is_whole(self.files, standing) else None

    def _set_aside(self, target: str, damaged: Entry | None) -> None:
        """Move what stands at the entry's place, and is no sound entry, to where it is deleted.

        Looked at again under a lock: in between another process may have put a sound
        entry there, from which somebody links by now. Only who holds the lock moves
        anything away, and nothing is put onto what stands, so what was looked at is
        what is moved.
        """
        name = target.removeprefix(f"{self.cache.root}/").replace("/", "-")
        # Among the temporary folders, where a sweep finds what a killed process left.
        lock = FolderLock(
            f"{self.cache.temporary_folder}/{name}{LOCK_SUFFIX}", what=f"the cache entry {target}"
        )
        lock.acquire()
        try:
            if self._sound(target, damaged) is None and self._temporary is not None:
                self._temporary.set_aside(target)
        except FileNotFoundError:  # somebody else has cleaned up
            pass
        finally:
            lock.release(remove=True)

    def _put(self, target: str) -> bool:
        try:
            self.files.rename_new(self.folder, target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            return False
        return True

    def discard(self) -> None:
        """Remove the temporary folder and let it go."""
        if self._temporary is not None:
            self._temporary.remove()
            self._temporary = None
            self.folder = ""

    def _record(self, manifest: Manifest) -> bytes:
        # Rows in the order installer gives them: by path within the scheme, then
        # by order of arrival. Rows of other schemes carry a mark, since their
        # prefix depends on the environment.
        lines = []
        for one in sorted(self.written.values(), key=lambda one: (one.path, one.order)):
            if f"{one.scheme}/{one.path}" in manifest.rewritten:
                continue
            line = row(one.path, f"sha256={one.digest}", one.size)
            lines.append(line if one.scheme == manifest.root else f"\t{one.scheme}\t{line}")
        return "\n".join(lines).encode("utf-8", "surrogateescape")


def group(written: Iterable[Written]) -> tuple[Folder, ...]:
    """Group files by scheme and directory, sorted."""
    folders: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for one in written:
        path, _, name = one.path.rpartition("/")
        folders.setdefault((one.scheme, path), []).append((name, str(one.size), one.digest))
    return tuple(Folder.of(scheme, path, rows) for (scheme, path), rows in sorted(folders.items()))


def collisions(paths: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return ``scheme/path`` of what differs from another only by case or Unicode form."""
    seen: dict[str, str] = {}
    known: set[str] = set()
    found = set()
    for scheme, path in paths:
        full = f"{scheme}/{path}"
        while "/" in full and full not in known:
            known.add(full)
            other = seen.setdefault(folded(full), full)
            if other != full:
                found |= {other, full}
            full = full.rpartition("/")[0]
    return frozenset(found)


def write_all(output: BinaryIO, data: bytes) -> int:
    """Write all of ``data`` to an unbuffered stream and return its length."""
    view = memoryview(data)
    while view:
        view = view[output.write(view) :]
    return len(data)


def is_same(one: Entry, other: Entry | None) -> bool:
    """Tell whether two looks at an entry's place have found the same one there."""
    return other is not None and one.manifest.mtime == other.manifest.mtime


def renew(cache: Cache, path: str) -> None:
    """Give a cache file a fresh inode, for when the old one takes no more links.

    Under another umask than the entry's the file would get another mode: it stays.
    """
    files = cache.file_system
    if not path.startswith(f"{cache.root}/"):
        return  # a tier's: it will be copied
    writer = EntryWriter(cache)
    writer.begin()
    try:
        folder, name = os.path.split(path)
        fresh = f"{writer.folder}/{name}"
        for _, error in files.place("copy", folder, writer.folder, [name]):
            raise error
        if _mode(files, fresh) == _mode(files, path):
            # Until its contents have reached the disk, the entry is looked at.
            entry = path[: path.index("/files/", len(cache.root))]
            # A mark that stands may be removed at any moment, by who has flushed before this.
            files.write_new(f"{writer.folder}/{UNFLUSHED}", _new_mark())
            files.rename(f"{writer.folder}/{UNFLUSHED}", f"{entry}/{UNFLUSHED}")
            files.rename(fresh, path)
    finally:
        writer.discard()


def _new_mark() -> bytes:
    return os.urandom(8).hex().encode("ascii")


def _mode(files: FileSystem, path: str) -> int | None:
    status = files.status(path)
    return None if status is None else status.st_mode
