"""Making an entry: the cold path.

Purpose: an ``installer`` destination that writes files into a new entry and
records what it was told, the verification against RECORD, and the publication.

Calling sequence: :func:`unpack` for a wheel file; :class:`EntryWriter` for anybody
who has streams (``LinkDestination``).

Guarantees: a member is read once; its digest, made while it is written, must be
the one RECORD gives, or nothing is published. A temporary folder is locked while
it is in use, and whoever finds one unlocked may sweep it.

Errors: :class:`~linkinstall.errors.InvalidWheelError`; ``OSError`` where the cache
cannot be written.
"""

from __future__ import annotations

import hashlib
import os
import time
import warnings
import zipfile

from installer import install
from installer.destinations import WheelDestination
from installer.records import Hash, RecordEntry
from installer.sources import WheelFile

from linkinstall import limits
from linkinstall.cache import Added, Cache, Entry, unreadable
from linkinstall.digest import encode as encode_digest
from linkinstall.errors import InvalidWheelError, Problem
from linkinstall.fs.lock import FolderLock
from linkinstall.fs.trees import make_folders, remove_tree
from linkinstall.manifest import EntryPoint, Folder, Manifest, encode, entry_id
from linkinstall.outcome import Warn
from linkinstall.policy import is_binary_name
from linkinstall.record import row
from linkinstall.scripts import MARK, launcher_body
from linkinstall.values import replace
from linkinstall.vetting import vet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import BinaryIO

    from installer.scripts import ScriptSection
    from installer.utils import Scheme

    from linkinstall.fs.port import FileSystem
    from linkinstall.vetting import VettedWheel

__all__ = ["EntryWriter", "RecordingDestination", "Written", "sweep", "unpack"]


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
        self._lock: FolderLock | None = None
        self.folder = ""

    def begin(self) -> None:
        """Make the locked temporary folder. Called by itself at the first file."""
        temporary = os.path.join(self.cache.root, "tmp")
        make_folders(self.files, temporary)
        sweep(self.files, temporary)
        while True:
            path = os.path.join(temporary, os.urandom(8).hex())
            lock = FolderLock(path + ".lock", what="a temporary folder of the cache")
            if lock.try_acquire():
                break
        self._lock = lock
        self.files.make_folder(path)
        self.folder = path + "/entry"
        self.files.make_folder(self.folder)
        self._folders.add(self.folder)

    def add(
        self,
        scheme: str,
        path: str,
        stream: BinaryIO,
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
        self._make_parents(os.path.dirname(target))
        state = hashlib.sha256()
        others = {name: hashlib.new(name) for name in algorithms if name != "sha256"}
        with self.files.create(target, executable=executable) as output:
            first = chunk = stream.read(limits.COPY_CHUNK)
            while chunk:
                state.update(chunk)
                for other in others.values():
                    other.update(chunk)
                result.size += write_all(output, chunk)
                chunk = stream.read(limits.COPY_CHUNK)
        self.files.set_time(target, self.mtime)
        result.digest = encode_digest(state.digest())
        result.hashes = {name: encode_digest(other.digest()) for name, other in others.items()}
        self._note(scheme, path, first)
        self.written[scheme, path] = result
        return result

    def adopt(self, scheme: str, path: str) -> Written:
        """Take in a file that another process wrote into the new entry."""
        result = Written(scheme, path, len(self.written), executable=False)
        target = f"{self.folder}/files/{scheme}/{path}"
        with self.files.open_read(target) as stream:
            result.digest = encode_digest(hashlib.file_digest(stream, "sha256").digest())
            result.size = stream.tell()
        self.files.set_time(target, self.mtime)
        self.written[scheme, path] = result
        return result

    def add_linked(self, scheme: str, path: str, origin: Entry, *, executable: bool) -> Written:
        """Take one file over from another entry of the same cache, by a link."""
        with self.files.open_read(origin.files(scheme, path)) as stream:
            return self.add(scheme, path, stream, executable=executable)

    def add_entry_point(self, name: str, module: str, attr: str, section: str) -> None:
        """Note one script to generate."""
        body = launcher_body(name, module, attr, section)
        self.entry_points.append(EntryPoint(name, module, attr, section, body))

    def _note(self, scheme: str, path: str, first: bytes) -> None:
        if first.startswith(b"MZ") or is_binary_name(path):
            self._binaries.add(f"{scheme}/{path}")
        if scheme == "scripts" and first.startswith(MARK):
            self._rewritten.add(f"{scheme}/{path}")

    def _make_parents(self, folder: str) -> None:
        if folder not in self._folders:
            self._make_parents(os.path.dirname(folder))
            self.files.make_folder(folder)
            self._folders.add(folder)

    def manifest(self, distribution: str, version: str, dist_info: str, root: str) -> Manifest:
        """Return the manifest of what was written so far."""
        manifest = Manifest(
            "", distribution, version, dist_info, root, self.mtime, self.files.umask(),
            group(self.written.values()), tuple(self.entry_points),
            frozenset(f"{one.scheme}/{one.path}" for one in self.written.values() if one.executable),
            frozenset(self._binaries), frozenset(self._rewritten),
            collisions(self.written),
        )  # fmt: skip
        return replace(manifest, id=entry_id(manifest))

    def publish(self, manifest: Manifest, target: str, *, damaged: Entry | None = None) -> Entry:
        """Give the entry its name by one rename; where it has it already, take that one."""
        if not self.folder:
            self.begin()
        self.files.write_new(self.folder + "/manifest", encode(manifest))
        self.files.write_new(self.folder + "/record", self._record(manifest))
        self.files.write_new(self.folder + "/unflushed", b"")
        make_folders(self.files, os.path.dirname(target))
        try:
            if damaged is not None:
                self.files.rename(target, self.folder + ".old")
            self.files.rename_new(self.folder, target)
        except (FileExistsError, FileNotFoundError, OSError) as error:
            existing = self.cache._open(target)
            if existing is None:
                if not isinstance(error, FileExistsError):
                    raise
                self.files.rename(target, self.folder + ".old")
                self.files.rename_new(self.folder, target)
            else:
                return existing
        finally:
            self.discard()
        return Entry(target, manifest, flushed=False)

    def discard(self) -> None:
        """Remove the temporary folder and let it go."""
        if self._lock is None:
            return
        remove_tree(self.files, os.path.dirname(self.folder))
        self._lock.made = True
        self._lock.release(remove=True)
        self._lock = None
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


class RecordingDestination(WheelDestination):
    """Writes what ``installer.install`` hands over into an entry and checks it.

    :param vetted: what the wheel's RECORD says
    """

    def __init__(self, writer: EntryWriter, vetted: VettedWheel) -> None:
        self.writer = writer
        self.problems: list[Problem] = []
        self._record: Mapping[str, tuple[str, str, int | None]] = vetted.record
        self._members = {(file.scheme, file.path): file.member for file in vetted.files}
        self._skipped = set(vetted.skipped)

    def write_script(
        self, name: str, module: str, attr: str, section: ScriptSection
    ) -> RecordEntry:
        """Note an entry point; its script is generated for each environment."""
        self.writer.add_entry_point(name, module, attr, section)
        return RecordEntry(name, None, None)

    def write_file(
        self,
        scheme: Scheme,
        path: str | os.PathLike[str],
        stream: BinaryIO,
        is_executable: bool,  # noqa: FBT001 - installer's signature
    ) -> RecordEntry:
        """Write one file of the wheel into the entry and compare it with RECORD."""
        name = os.fspath(path)
        member = self._members.get((scheme, name), name)
        if member in self._skipped:
            return RecordEntry(name, None, None)
        expected = self._record.get(member)
        algorithms = [expected[0]] if expected else []
        try:
            one = self.writer.add(
                scheme, name, stream, executable=is_executable, algorithms=algorithms
            )
        except (zipfile.BadZipFile, EOFError, ValueError) as error:
            self.problems.append(Problem("corrupt", member, None, f"{member!r}: {error}"))
            return RecordEntry(name, None, None)
        if expected:
            self._compare(member, one, expected)
        return RecordEntry(name, Hash("sha256", one.digest), one.size)

    def _compare(
        self, member: str, one: Written, expected: tuple[str, str, int | None]
    ) -> None:
        algorithm, value, size = expected
        digest = one.digest if algorithm == "sha256" else one.hashes[algorithm]
        if digest == value.rstrip("=") and size in (None, one.size):
            return
        reason = f"{member!r} is not what RECORD says it is (damaged download, or altered wheel)"
        self.problems.append(Problem("record-mismatch", member, None, reason))

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        """Do nothing: RECORD is made for each environment."""


def unpack(
    cache: Cache, path: str, *, validate_record: str = "all", damaged: Entry | None = None
) -> Added:
    """Unpack and verify a wheel file, and publish its entry.

    :param validate_record: all, entries or none, as ``installer``'s command line has it
    :param damaged: the entry to replace
    :raises InvalidWheelError: the wheel is refused, all reasons together
    """
    name, identity = cache.identify(path)
    try:
        with cache.file_system.open_read(path) as stream:
            archive = open_archive(stream, path)
            hash_ = hashlib.file_digest(stream, "sha256").hexdigest()
            vetted = vet(
                archive, stream, os.path.basename(path),
                validate_record=validate_record, windows=os.name == "nt",
            )  # fmt: skip
            entry, notes = _write_entry(cache, archive, vetted, path, damaged, validate_record)
    except zipfile.BadZipFile as error:
        raise InvalidWheelError(f"{path} is no sound zip archive: {error}.", path=path) from error
    if vetted.covered and validate_record == "all":
        cache.remember(identity.alias, entry.manifest.id, hash_)
    return Added(entry, name, hash_, unpacked=True, warnings=(*vetted.warnings, *notes))


def _write_entry(
    cache: Cache,
    archive: zipfile.ZipFile,
    vetted: VettedWheel,
    path: str,
    damaged: Entry | None,
    validate_record: str,
) -> tuple[Entry, list[Warn]]:
    writer = EntryWriter(cache)
    destination = RecordingDestination(writer, vetted)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            install(WheelFile(archive), destination, {})
        if destination.problems and validate_record != "entries" or any(
            problem.code == "corrupt" for problem in destination.problems
        ):
            if validate_record != "none" or any(p.code == "corrupt" for p in destination.problems):
                raise InvalidWheelError(
                    f"{path} does not hold what its RECORD says.",
                    path=path,
                    problems=destination.problems,
                    next_step="Nothing was installed. Fetch the wheel again, or build it again.",
                )
        manifest = writer.manifest(
            vetted.distribution, vetted.version, vetted.dist_info, vetted.root
        )
        target = os.path.join(cache.root, "entries", manifest.id)
        known = {warn.message for warn in vetted.warnings}
        notes = [
            Warn("wheel", str(one.message))
            for one in caught
            if str(one.message) not in known and "__pycache__" not in str(one.message)
        ]
        return writer.publish(manifest, target, damaged=damaged), notes
    finally:
        writer.discard()


def open_archive(stream: BinaryIO, path: str) -> zipfile.ZipFile:
    """Open a wheel's archive; the name is kept for messages.

    :raises InvalidWheelError: it is no zip archive
    """
    try:
        archive = zipfile.ZipFile(stream)
    except OSError as error:
        raise unreadable(path, error) from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        message = f"{path} is no sound zip archive: {error}."
        raise InvalidWheelError(message, path=path) from error
    archive.filename = path  # WheelFile reads the project's name from it
    return archive


def group(written: Iterable[Written]) -> tuple[Folder, ...]:
    """Group files by scheme and directory, sorted."""
    folders: dict[tuple[str, str], list[Written]] = {}
    for one in written:
        folders.setdefault((one.scheme, one.path.rpartition("/")[0]), []).append(one)
    result = []
    for (scheme, path), members in sorted(folders.items()):
        members.sort(key=lambda one: one.path)
        result.append(
            Folder(
                scheme,
                path,
                tuple(one.path.rpartition("/")[2] for one in members),
                tuple(str(one.size) for one in members),
                tuple(one.digest for one in members),
            )
        )
    return tuple(result)


def collisions(paths: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return ``scheme/path`` of files and folders that differ from another only by case."""
    seen: dict[str, str] = {}
    found = set()
    for scheme, path in paths:
        full = f"{scheme}/{path}"
        while "/" in full:
            other = seen.setdefault(full.lower(), full)
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


def sweep(files: FileSystem, folder: str) -> None:
    """Remove the temporary folders in ``folder`` that nobody holds a lock on."""
    for name, kind in files.scan(folder):
        if kind == "folder" or not name.endswith(".lock"):
            continue
        lock = FolderLock(os.path.join(folder, name), what="a temporary folder of the cache")
        try:
            if not lock.try_acquire():
                continue
        except OSError:
            continue
        remove_tree(files, os.path.join(folder, name[: -len(".lock")]))
        lock.made = True
        lock.release(remove=True)


def renew(cache: Cache, path: str) -> None:
    """Give a cache file a fresh inode, for when the old one takes no more links."""
    writer = EntryWriter(cache)
    writer.begin()
    try:
        folder, name = os.path.split(path)
        for _, error in cache.file_system.place("copy", folder, writer.folder, [name]):
            raise error
        cache.file_system.rename(f"{writer.folder}/{name}", path)
    finally:
        writer.discard()
