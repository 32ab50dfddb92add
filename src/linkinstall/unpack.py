"""Unpacking a wheel file into an entry: the cold path.

Purpose: vet the wheel, let ``installer.install`` hand its files to a destination that
writes an entry, and compare every file with RECORD before the entry is published.

Calling sequence: :func:`unpack`; :meth:`linkinstall.cache.Cache.add` calls it.

Guarantees: the wheel is read once, and its own digest comes of the same reads. Nothing
is published unless it is what RECORD says (or the caller asked for less).

Errors: :class:`~linkinstall.errors.InvalidWheelError`; ``OSError`` where the cache
cannot be written.
"""

from __future__ import annotations

import os
import warnings
from stat import S_ISREG
from typing import cast

from installer import install
from installer.destinations import WheelDestination
from installer.records import Hash, RecordEntry
from installer.sources import WheelFile

from linkinstall.cache import Added
from linkinstall.contents import Contents
from linkinstall.entry_writer import EntryWriter
from linkinstall.errors import InvalidWheelError, Problem
from linkinstall.vetting import open_archive, reading, vet

TYPE_CHECKING = False
if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import BinaryIO

    from installer.scripts import ScriptSection
    from installer.sources import WheelContentElement
    from installer.utils import Scheme

    from linkinstall.cache import Cache, Entry
    from linkinstall.vetting import RecordRow, VettedWheel

__all__ = ["RecordingDestination", "altered", "mismatch", "rebuild", "unpack"]


class RecordingDestination(WheelDestination):
    """Writes what ``installer.install`` hands over into an entry and compares it.

    :param vetted: what is installed of the wheel, and what its RECORD says
    :param compare: whether the digests have to be those of RECORD
    """

    def __init__(self, writer: EntryWriter, vetted: VettedWheel, *, compare: bool) -> None:
        self.writer = writer
        self.problems: list[Problem] = []
        self._record = vetted.record if compare else {}
        self._members: dict[tuple[str, str], str] = {
            (file.scheme, file.path): file.member for file in vetted.files
        }

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
        member = self._members.get((scheme, name))
        if member is None:  # vetting left it out: a script that an entry point replaces
            return RecordEntry(name, None, None)
        expected = self._record.get(member)
        algorithms = [expected.algorithm] if expected else []
        one = self.writer.add(scheme, name, stream, executable=is_executable, algorithms=algorithms)
        digests = {"sha256": one.digest, **one.hashes}
        if expected and (problem := mismatch(expected, member, one.size, digests)):
            self.problems.append(problem)
        return RecordEntry(name, Hash("sha256", one.digest), one.size)

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        """Do nothing: RECORD is made for each environment."""


class _VettedSource(WheelFile):
    """The wheel as it was vetted: its folders are those in the archive."""

    def __init__(self, archive: zipfile.ZipFile, vetted: VettedWheel, contents: Contents) -> None:
        super().__init__(archive)
        self._vetted = vetted
        self._contents = contents

    @property
    def dist_info_dir(self) -> str:
        """Name of the dist-info folder, as the archive writes it."""
        return self._vetted.dist_info

    @property
    def data_dir(self) -> str:
        """Name of the data folder, as the archive writes it."""
        return self._vetted.data_dir

    def get_contents(self) -> Iterator[WheelContentElement]:
        """Yield each file, opened, and whether it gets the executable bit, in their order."""
        record = f"{self._vetted.dist_info}/RECORD"
        for member in self._vetted.members:
            # RECORD was read whole while the wheel was vetted, and is written anew.
            if not member.is_folder and member.name != record:
                # Which modes count is installer's decision: its WheelFile has the same line.
                executable = S_ISREG(member.mode) and bool(member.mode & 0o111)
                stream = cast("BinaryIO", self._contents.open(member))
                yield (member.name, "", ""), stream, executable


def unpack(
    cache: Cache,
    path: str,
    *,
    validate_record: str = "all",
    damaged: Entry | None = None,
    progress: Callable[[float], None] | None = None,
) -> Added:
    """Unpack and verify a wheel file, and publish its entry.

    :param validate_record: all, entries or none, as ``installer``'s command line has it
    :param damaged: the entry to replace
    :param progress: called again and again with the part that is unpacked, 0 to 1
    :raises InvalidWheelError: the wheel is refused, all reasons together
    """
    name, _ = cache.identify(path)
    with cache.file_system.open_read(path) as stream:
        vetted, archive = vet_file(stream, path, validate_record)
        contents = Contents(stream, vetted.members, vetted.directory, progress)
        source = _VettedSource(archive, vetted, contents)
        entry = _write_entry(cache, source, vetted, path, damaged, validate_record)
        hash_ = contents.sha256()
    if vetted.alias is not None and validate_record == "all":
        cache.remember(vetted.alias, entry.manifest.id, hash_)
    return Added(entry, name, hash_, unpacked=True, warnings=vetted.warnings)


def rebuild(
    cache: Cache,
    path: str,
    validate_record: str = "all",
    damaged: Entry | None = None,
    *,
    timeout: float | None = None,
    notify: Callable[[str], None] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Added:
    """Unpack a wheel file while nobody takes anything out of the cache.

    :param damaged: the entry to replace
    :param timeout: and ``notify``: as :meth:`linkinstall.cache.Cache.hold` takes them
    :param progress: as :func:`unpack` takes it
    :raises InvalidWheelError: the wheel is refused, all reasons together
    :raises LockTimeoutError: something was being taken away for too long
    """
    cache.identify(path)  # what is no wheel leaves nothing in the cache
    held = cache.hold(timeout=timeout, notify=notify)
    try:
        return unpack(
            cache, path, validate_record=validate_record, damaged=damaged, progress=progress
        )
    finally:
        if held is not None:
            held.release()


def vet_file(
    stream: BinaryIO, path: str, validate_record: str
) -> tuple[VettedWheel, zipfile.ZipFile]:
    """Open and vet the wheel in a stream; nothing of it is unpacked yet.

    :raises InvalidWheelError: the wheel is refused
    """
    basename = os.path.basename(path)
    archive = open_archive(stream, basename)
    archive.filename = path  # WheelFile reads the project's name from it
    windows = os.name == "nt"
    vetted = vet(archive, stream, basename, validate_record=validate_record, windows=windows)
    return vetted, archive


def mismatch(
    expected: RecordRow, member: str, size: int, digests: Mapping[str, str]
) -> Problem | None:
    """Return the problem of a member that is not what its row of RECORD says, if it has one.

    :param digests: encoded digests of its contents, by algorithm
    """
    same = digests[expected.algorithm or "sha256"] == expected.digest
    if same and expected.size in (None, size):
        return None
    reason = f"{member!r} is not what RECORD says it is: a damaged or an altered wheel"
    return Problem("record-mismatch", member, None, reason)


def altered(path: str, problems: list[Problem]) -> InvalidWheelError:
    """Return the error for a wheel whose members are not what its RECORD says."""
    return InvalidWheelError(
        f"{path} does not hold what its RECORD says.",
        path=path,
        problems=problems,
        next_step="Nothing was installed. Fetch the wheel again, or build it again.",
    )


def _write_entry(
    cache: Cache,
    source: _VettedSource,
    vetted: VettedWheel,
    path: str,
    damaged: Entry | None,
    validate_record: str,
) -> Entry:
    writer = EntryWriter(cache)
    destination = RecordingDestination(writer, vetted, compare=validate_record == "all")
    try:
        with warnings.catch_warnings(), reading(os.path.basename(path)):
            warnings.simplefilter("ignore")  # what installer warns of, vetting has said
            install(source, destination, {})
        if destination.problems:
            raise altered(path, destination.problems)
        manifest = writer.manifest(
            vetted.distribution, vetted.version, vetted.dist_info, vetted.root
        )
        return writer.publish(manifest, cache.entry_folder(manifest.id), damaged=damaged)
    finally:
        writer.discard()
