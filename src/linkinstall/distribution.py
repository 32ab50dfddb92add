"""Installed distributions: finding them, reading their RECORD, judging their health.

Purpose: what is in an environment's library folders, whoever put it there.

Calling sequence::

    for one in find_distributions(files, ["/env/lib/python3.12/site-packages"]):
        rows = read_rows(files, one)

Guarantees: reads only. Names are canonical (:pep:`503`). A damaged dist-info is a
distribution too: its health says so.

Errors: ``OSError`` where a folder cannot be read.
"""

from __future__ import annotations

import os
from errno import EFBIG, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR
from stat import S_ISDIR, S_ISLNK, S_ISREG

from linkinstall.fs.port import FOLDER
from linkinstall.paths import normal
from linkinstall.record import is_compiled, parse, paths_in
from linkinstall.values import value
from linkinstall.wheel import canonicalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from linkinstall.fs.port import FileSystem
    from linkinstall.record import Row

__all__ = [
    "HALF_INSTALLED",
    "HALF_REMOVED",
    "MODIFIED",
    "WHOLE",
    "WRITTEN",
    "Distribution",
    "by_folder",
    "find_distributions",
    "holds_written",
    "is_cut",
    "leftovers",
    "library_path",
    "listed_paths",
    "no_file",
    "other_owner",
    "owners_of",
    "quick_health",
    "read_installer",
    "read_record",
    "read_rows",
    "same_size",
]

WHOLE, HALF_INSTALLED, HALF_REMOVED, MODIFIED = (
    "whole",
    "half-installed",
    "half-removed",
    "modified",
)
"""Health of a distribution (docs/reference/json.md)."""
WRITTEN = frozenset(
    (
        *("METADATA", "RECORD", "RECORD.jws", "RECORD.p7s", "WHEEL", "entry_points.txt"),
        *("top_level.txt", "namespace_packages.txt", "zip-safe"),
        *("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"),
    )
)
"""What builders and installers write into a dist-info under names that are theirs alone."""
_NO_FILE = frozenset((EFBIG, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR))


@value
class Distribution:
    """One installed project, known by its dist-info folder, or a link to one.

    :param name: canonical name
    :param version: as the folder's name gives it
    :param library: the library folder it lies in, resolved
    :param folder: the name of its dist-info folder
    :param base: the library folder as it is named: rows of RECORD are relative to it
    """

    name: str
    version: str
    library: str
    folder: str
    base: str

    @property
    def path(self) -> str:
        """The dist-info folder."""
        return f"{self.library}/{self.folder}"


def find_distributions(
    files: FileSystem, libraries: Iterable[str], bases: Mapping[str, str] | None = None
) -> list[Distribution]:
    """Return every distribution of the library folders, sorted by name.

    :param libraries: folders, resolved
    :param bases: the name of each folder, where it is another
    """
    found = []
    for library in libraries:
        status = files.status(library)
        if status is None or not S_ISDIR(status.st_mode):
            continue
        for name, kind in files.scan(library):
            if not name.endswith(".dist-info") or name.startswith("~"):
                continue
            # A link leads to it where a person has moved it, or a tool keeps it in a store.
            if kind == "folder" or (kind == "link" and _leads_to_folder(files, library, name)):
                project, _, version = name.removesuffix(".dist-info").rpartition("-")
                if project:
                    base = (bases or {}).get(library, library)
                    found.append(Distribution(canonicalize(project), version, library, name, base))
    return sorted(found, key=lambda one: (one.name, one.version))


def _leads_to_folder(files: FileSystem, library: str, name: str) -> bool:
    status = files.status(files.real_path(f"{library}/{name}"))
    return status is not None and S_ISDIR(status.st_mode)


def leftovers(files: FileSystem, library: str) -> list[str]:
    """Return the names that pip leaves in a library folder when it is killed (``~…``)."""
    if files.status(library) is None:
        return []
    return [name for name, _ in files.scan(library) if name.startswith("~")]


def read_rows(files: FileSystem, distribution: Distribution) -> list[Row] | None:
    """Return the rows of RECORD, or None where there is none that says anything."""
    try:
        return parse(files.read(distribution.path + "/RECORD")) or None
    except (OSError, ValueError):
        return None


def listed_paths(files: FileSystem, distribution: Distribution) -> list[str]:
    """Return what RECORD lists, as paths: also where some of its rows cannot be read."""
    try:
        names = paths_in(files.read(distribution.path + "/RECORD"))
    except OSError:
        return []
    return [library_path(distribution.base, name) for name in names]


def read_record(files: FileSystem, distribution: Distribution) -> bytes:
    """Return what RECORD holds, nothing where there is none.

    :raises OSError: the disk does not tell; whoever removes files must not take that for none
    """
    try:
        return files.read(distribution.path + "/RECORD")
    except OSError as error:
        if no_file(error):
            return b""
        raise


def no_file(error: OSError) -> bool:
    """Return whether no plain file of a sane size stands there: the disk has told as much."""
    return error.errno in _NO_FILE


def read_installer(files: FileSystem, distribution: Distribution) -> str:
    """Return what INSTALLER says, or ""."""
    try:
        text = files.read(distribution.path + "/INSTALLER", 4096)
    except OSError:
        return ""
    return text.decode("utf-8", "replace").strip()


def library_path(library: str, path: str) -> str:
    """Return the absolute, normalised path that a RECORD row means.

    A row is relative to the folder that holds the dist-info, or absolute.
    """
    odd = "./" in path or "//" in path or path.endswith((".", "/"))
    # From Python 3.13 on "/usr" is no absolute path on Windows: it lacks a drive.
    if odd or path.startswith("/") or os.path.isabs(path):
        return normal(os.path.join(library, path))
    return f"{library}/{path}"


def quick_health(
    files: FileSystem, distribution: Distribution, rows: list[Row] | None = None
) -> str:
    """Judge by presence and size, without reading any payload."""
    names = {name for name, _ in files.scan(distribution.path)}
    if "METADATA" not in names:
        return HALF_REMOVED
    rows = rows if rows is not None else read_rows(files, distribution)
    if not rows:
        return HALF_INSTALLED
    inner = distribution.folder + "/"
    payload = {
        row.path for row in rows if not (row.path.startswith(inner) or is_compiled(row.path))
    }
    present = differing = 0
    for row in rows:
        path = library_path(distribution.base, row.path)
        status = files.status(path)
        if status is not None and row.path in payload:
            present += 1
        if status is None or not same_size(files, path, row.size, status):
            differing += not is_compiled(row.path)
    if payload and not present:
        return HALF_REMOVED
    return MODIFIED if differing or is_cut(distribution, rows) else WHOLE


def is_cut(distribution: Distribution, rows: Iterable[Row]) -> bool:
    """Return whether a RECORD has lost rows: those of METADATA and of itself are always there."""
    wanted = {"METADATA", "RECORD"}
    folders = {distribution.path, f"{distribution.base}/{distribution.folder}"}
    for row in rows:
        # Rows may be absolute, or take a way round: their text alone says nothing.
        if row.path.endswith(("/METADATA", "/RECORD")):
            folder, _, name = library_path(distribution.base, row.path).rpartition("/")
            if folder in folders:
                wanted.discard(name)
    return bool(wanted)


def same_size(files: FileSystem, path: str, size: int | None, status: os.stat_result) -> bool:
    """Return whether what stands at ``path`` has the size that its row gives, if any.

    A symbolic link stands for its target.
    """
    if size is None:
        return True
    if S_ISREG(status.st_mode):
        return size == status.st_size
    if not S_ISLNK(status.st_mode):
        return False
    try:
        with files.open_read(path) as stream:
            return stream.seek(0, os.SEEK_END) == size
    except OSError:
        return False


def holds_written(entries: Iterable[tuple[str, str]]) -> bool:
    """Return whether a dist-info has a file that a builder or an installer writes.

    :param entries: name and kind of each; a folder of such a name is somebody's
    """
    return any(name in WRITTEN and kind != FOLDER for name, kind in entries)


def owners_of(
    files: FileSystem, installed: Iterable[Distribution]
) -> dict[str, str | tuple[str, ...]]:
    """Return real path -> canonical name for every file that some RECORD lists.

    Where several list it, all their names: rare, and this is for every row there is.
    """
    owners: dict[str, str | tuple[str, ...]] = {}
    folders: dict[str, str] = {}
    for one in installed:
        for nominal in listed_paths(files, one):
            folder, _, name = nominal.rpartition("/")
            if folder not in folders:
                folders[folder] = files.real_path(folder)
            path = f"{folders[folder]}/{name}"
            first = owners.setdefault(path, one.name)
            if first != one.name:
                names = (first,) if isinstance(first, str) else first
                owners[path] = names if one.name in names else (*names, one.name)
    return owners


def by_folder(base: str, rows: Iterable[Row]) -> dict[str, dict[str, Row]]:
    """Return the rows of each folder, by name.

    :param base: the folder that rows are relative to
    """
    folders: dict[str, dict[str, Row]] = {}
    written: dict[str, dict[str, Row]] = {}  # by the folder as RECORD has it: mostly one text
    for row in rows:
        inner, _, name = row.path.rpartition("/")
        members = written.get(inner)
        if members is None or name in ("", ".", ".."):
            folder, _, name = library_path(base, row.path).rpartition("/")
            members = folders.setdefault(folder, {})
            if name == row.path.rpartition("/")[2]:
                written[inner] = members
        members[name] = row
    return folders


def other_owner(owners: str | tuple[str, ...] | None, name: str) -> str | None:
    """Return an owner of a path, another one than ``name`` where there is one."""
    if owners is None or isinstance(owners, str):
        return owners
    return next((one for one in owners if one != name), owners[0])
