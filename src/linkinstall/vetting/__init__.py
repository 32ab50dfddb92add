"""Vetting: everything a wheel can be refused for, found before anything is unpacked.

Purpose: the cold path's gate. A wheel that passes is read by every tool in the same
way, names only paths inside its schemes, has the metadata the specifications ask for,
and goes through ``installer.install`` without an error of its making.

Calling sequence::

    with open_archive(stream, size, basename) as archive:
        wheel = vet(archive, stream, basename, validate_record="all", windows=False)
        with reading(basename):
            installer.install(source_of(archive, wheel), destination, {})

Guarantees: nothing is written, and of the contents only four metadata files are read,
each up to a bound. All problems come together in one error. What a hostile archive can
make this spend is bounded (``limits.WHEEL_*``). ``docs/reference/refused-wheels.md``
has the decision on each kind of wheel.

Errors: :class:`~linkinstall.errors.InvalidWheelError`; nothing of ``zipfile`` or
``zlib`` gets out. ``OSError`` from the stream passes through.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from contextlib import contextmanager
from struct import error as StructError  # noqa: N812 - a class, whatever its name

from linkinstall import limits
from linkinstall.archive import read_directory, unusable
from linkinstall.errors import InvalidWheelError
from linkinstall.outcome import Warn
from linkinstall.values import value
from linkinstall.vetting import entry_points, layout, members, metadata, rows
from linkinstall.vetting.layout import VettedFile
from linkinstall.vetting.names import path_problems
from linkinstall.vetting.problems import Problems, shown
from linkinstall.vetting.rows import RecordRow
from linkinstall.wheel import identify, parse_filename

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from linkinstall.vetting.layout import Skipped
    from linkinstall.vetting.members import Member
    from linkinstall.wheel import WheelName

__all__ = [
    "RecordRow",
    "VettedFile",
    "VettedWheel",
    "open_archive",
    "reading",
    "vet",
]

_TOP_PTH = re.compile(r"[^/]+\.pth")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError)
_UNREADABLE = (*_DAMAGED, StructError, NotImplementedError, RuntimeError, ValueError, OverflowError)


@value
class VettedWheel:
    """A wheel that may be unpacked.

    :param distribution: the project, as the file name writes it
    :param version: as the file name writes it
    :param dist_info: name of the dist-info folder, as the archive writes it
    :param data_dir: name of the ``.data`` folder: hand it, like ``dist_info``, to the
        ``WheelSource``, which would otherwise derive it from the file name
    :param root: the scheme of the archive's root, ``purelib`` or ``platlib``
    :param record: member -> its row in ``RECORD``: (algorithm, digest, size); only rows
        with a hash that can be compared
    :param files: what is installed, and nothing else is, in the order of the archive;
        ``RECORD`` is not among them
    :param entry_points: (name, module, attr, ``console`` or ``gui``)
    :param skipped: members that are left out: in ``__pycache__`` folders, and scripts that
        setuptools made for an entry point
    :param case_collisions: groups of ``scheme/path`` that differ only by case or Unicode
        form; the plan refuses them where the file system does not tell them apart
    :param covered: whether ``RECORD`` has a hash of sha256 or better for every file
    :param alias: the wheel's identity (:mod:`linkinstall.wheel`), or None where ``RECORD``
        does not cover it. It may be remembered once every hash was compared
    :param members: everything in the archive, in its order
    :param directory: where in the file its central directory begins, in bytes
    """

    distribution: str
    version: str
    dist_info: str
    data_dir: str
    root: str
    record: Mapping[str, RecordRow]
    files: tuple[VettedFile, ...]
    entry_points: tuple[tuple[str, str, str, str], ...] = ()
    skipped: tuple[str, ...] = ()
    warnings: tuple[Warn, ...] = ()
    case_collisions: tuple[tuple[str, ...], ...] = ()
    covered: bool = False
    alias: str | None = None
    members: tuple[Member, ...] = ()
    directory: int = 0


def open_archive(stream: BinaryIO, basename: str) -> zipfile.ZipFile:
    """Open an archive whose directory was looked at first, so that its size is bounded.

    :raises InvalidWheelError: if it cannot be opened
    """
    with _naming(basename):
        read_directory(stream, stream.seek(0, 2))
        try:
            return zipfile.ZipFile(stream)
        except _UNREADABLE as error:
            raise unusable(f"its central directory cannot be read: {error}") from error


@contextmanager
def reading(basename: str) -> Iterator[None]:
    """Turn what ``zipfile`` raises over damaged contents into ``InvalidWheelError``."""
    with _naming(basename):
        try:
            yield
        except _DAMAGED as error:
            raise unusable(f"its contents are damaged: {error}") from error


def vet(
    archive: zipfile.ZipFile,
    stream: BinaryIO,
    basename: str,
    *,
    validate_record: str = "all",
    windows: bool = False,
) -> VettedWheel:
    """Refuse a wheel, or say what is in it.

    :param archive: opened on ``stream`` by :func:`open_archive`
    :param stream: seekable; its position is moved
    :param basename: the wheel's file name
    :param validate_record: ``all``: ``RECORD`` lists every file and nothing else, with hash
        and size, and the sizes are right; ``entries``: the same but for the sizes;
        ``none``: it can be read
    :param windows: whether names that Windows cannot have are refused
    :raises InvalidWheelError: with all problems
    """
    name = parse_filename(basename)
    vetting = _Vetting(archive, stream, validate_record, windows=windows)
    with _naming(basename):
        vetting.read_members()
    if vetting.problems.left_out:  # nothing that comes after would be told
        raise vetting.problems.error(basename)
    dist_info = metadata.find_dist_info(vetting.names, name, vetting.problems)
    wheel = None if dist_info is None else vetting.vet_contents(name, dist_info)
    if wheel is None or vetting.problems.found:
        raise vetting.problems.error(basename)
    return wheel


class _Vetting:
    """One wheel while it is vetted: what is known of it, and what was found."""

    def __init__(
        self,
        archive: zipfile.ZipFile,
        stream: BinaryIO,
        level: str,
        *,
        windows: bool,
    ) -> None:
        self.archive = archive
        self.stream = stream
        self.level = level
        self.windows = windows
        self.problems = Problems()
        self.warnings: list[Warn] = []
        self.members: list[Member] = []
        self.unsound: set[str] = set()
        self.directory = self.directory_size = 0

    def read_members(self) -> None:
        """Check the archive and the names of its members."""
        directory = read_directory(self.stream, self.stream.seek(0, 2))
        self.directory, self.directory_size = directory.offset, len(directory.data)
        listed = members.read_members(directory, self.problems)
        members.check_contents(self.stream, directory, listed, self.problems)
        if len(listed) != len(self.archive.infolist()):
            raise unusable("zipfile finds another number of members in it")
        folders = {member.name.removesuffix("/") for member in listed if member.is_folder}
        seen: set[str] = set()
        for member, info in zip(listed, self.archive.infolist(), strict=True):
            name, before = member.name, len(self.problems.found)
            for code, reason in path_problems(name, windows=self.windows):
                self.problems.add(code, name, reason)
            if info.filename != name and before == len(self.problems.found):
                reason = f"zipfile would read its name as {shown(info.filename)}"
                self.problems.add("member-name", name, reason)
            if name in folders:
                self.problems.add("member-collision", name, "it is a file and a folder")
            if len(self.problems.found) > before:
                self.unsound.add(name)
            if name in seen and not member.is_folder:
                self.problems.add("member-duplicate", name, "there are two members of this name")
            else:
                self.members.append(member)
            seen.add(name)

    @property
    def names(self) -> list[str]:
        """The paths of all members."""
        return [member.name for member in self.members]

    def vet_contents(self, name: WheelName, dist_info: str) -> VettedWheel | None:
        """Check the metadata, the rows of ``RECORD`` and where the files go.

        :return: None where there are more problems already than are told
        """
        problems, warnings = self.problems, self.warnings
        metadata.check_own_files(self.names, dist_info, problems)
        wheel_file = self._read(f"{dist_info}/WHEEL", limits.WHEEL_TEXT_SIZE)
        root_scheme = metadata.check_wheel_file(wheel_file, problems, warnings)
        head = self._read(f"{dist_info}/METADATA", limits.WHEEL_TEXT_SIZE, whole=False)
        metadata.check_metadata(head, name, problems, warnings)
        record = f"{dist_info}/RECORD"
        table = self._read_record(record)
        if problems.left_out:
            return None
        points = entry_points.read_entry_points(
            self._read(f"{dist_info}/entry_points.txt", limits.WHEEL_TEXT_SIZE),
            problems,
            windows=self.windows,
        )
        scripts = {point[0] for point in points}
        data_dir = layout.find_data_dir(self.names, name, problems)
        places = layout.Places(root_scheme, data_dir, record)
        sound = [member for member in self.members if member.name not in self.unsound]
        files, skipped = layout.lay_out(sound, places, scripts, problems)
        installed = {file.member for file in files}
        record_rows = rows.comparable(table, installed)
        covered = record_rows.keys() == installed
        alias = self._identify(dist_info)
        alike = layout.case_collisions(files, scripts)
        for group in alike if self.windows else ():
            self.problems.add("member-case", group[0], f"Windows takes it for {group[1]}")
        self._warn_of(files, skipped)
        return VettedWheel(
            name.distribution,
            name.version,
            dist_info,
            data_dir,
            root_scheme,
            record_rows,
            tuple(files),
            points,
            tuple(one.member for one in skipped),
            tuple(warnings),
            alike,
            covered,
            alias if covered else None,
            tuple(self.members),
            self.directory,
        )

    def _read_record(self, record: str) -> dict[str, RecordRow]:
        # What rows can take up, so that a small archive cannot hold a RECORD that fills memory.
        bound = limits.WHEEL_TEXT_SIZE + 2 * self.directory_size
        bound += limits.RECORD_ROW_SIZE * len(self.members)
        data = self._read(record, min(bound, limits.METADATA_SIZE))
        table = rows.read_rows(data, self.problems, strict=self.level != "none")
        if data is not None and self.level != "none":
            sizes = {member.name: member.size for member in self.members if not member.is_folder}
            rows.check_rows(
                table,
                sizes,
                record,
                self.problems,
                self.warnings,
                compare_sizes=self.level == "all",
            )
        return table

    def _read(self, path: str, limit: int, *, whole: bool = True) -> bytes | None:
        """Return the contents of a metadata file; None if it has none that can be read."""
        info = self.archive.NameToInfo.get(path)
        if info is None or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return None  # what is wrong with it is noted already
        if whole and info.file_size > limit:
            self.problems.add("archive-size", path, f"it is larger than {limit} bytes")
            return None
        try:
            with self.archive.open(info) as stream:
                return stream.read(limit)
        except _UNREADABLE as error:
            self.problems.add("member-damaged", path, f"it cannot be unpacked: {shown(str(error))}")
            return None

    def _identify(self, dist_info: str) -> str | None:
        """Return the alias, having checked that it is made of the RECORD that was vetted."""
        try:
            identity = identify(self.stream, self.stream.seek(0, 2))
        except InvalidWheelError as error:
            self.problems.take(error)
            return None
        headers = {member.header: member.name for member in self.members}
        if headers.get(identity.record_header) != f"{dist_info}/RECORD":
            self.problems.add("archive", dist_info, "a second RECORD is hidden in the archive")
            return None
        return identity.alias

    def _warn_of(self, files: list[VettedFile], skipped: list[Skipped]) -> None:
        compiled = [one.member for one in skipped if one.reason == "pycache"]
        if compiled:
            sentence = (
                f"{len(compiled)} files in __pycache__ folders are left out: compiled files of a "
                f"wheel could run other code than its sources show ({shown(compiled[0])})."
            )
            self.warnings.append(Warn("pycache", sentence))
        for file in files:
            if file.scheme in ("purelib", "platlib") and _TOP_PTH.fullmatch(file.path):
                sentence = f"{shown(file.path)} is run at each start of Python (a .pth file)."
                self.warnings.append(Warn("pth", sentence))


@contextmanager
def _naming(basename: str) -> Iterator[None]:
    """Say which wheel it was that could not be read."""
    try:
        yield
    except InvalidWheelError as error:
        if error.path:
            raise
        message = f"The wheel {shown(basename)} cannot be used: {error.problems[0].message}."
        raise InvalidWheelError(
            message, path=basename, problems=error.problems, next_step=error.next_step
        ) from error
