"""Is this wheel installed already, exactly.

Purpose: the test behind ``unchanged`` (docs/reference/command-line.md, "Same, newer, damaged").

Guarantees: reads RECORD and looks at sizes, never at contents.

Errors: ``OSError`` where the entry cannot be read.
"""

from __future__ import annotations

from stat import S_ISREG

from linkinstall.distribution import library_path, read_rows, same_size
from linkinstall.manifest import column
from linkinstall.record import is_compiled, parse, path_of
from linkinstall.requests import prefix_of, template, with_prefixes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from linkinstall.cache import Entry
    from linkinstall.distribution import Distribution
    from linkinstall.environment import Environment
    from linkinstall.fs.port import FileSystem
    from linkinstall.record import Row

__all__ = ["DAMAGED", "OTHER", "SAME", "compare"]

SAME, DAMAGED, OTHER = "same", "damaged", "other"
"""The wheel's rows and files; its rows, but not all files; or other rows."""


def compare(
    files: FileSystem, installed: Distribution, entry: Entry, environment: Environment
) -> str:
    """Compare what is installed with an entry: SAME, DAMAGED or OTHER.

    Scripts, compiled files and what an installer adds to dist-info are not the
    wheel's rows; they only have to be there.
    """
    if installed.folder != entry.manifest.dist_info:
        return OTHER
    more = _beside(files, installed, entry, environment)
    if more is None:
        return _compare_rows(files, installed, entry, environment)
    if not _could_be(entry, more):
        return OTHER
    stands = _all_stand(files, entry, environment) and all(
        _stands(files, installed, row) for row in more
    )
    return SAME if stands else DAMAGED


# ---------------------------------------------------------------- line by line


def _beside(
    files: FileSystem, installed: Distribution, entry: Entry, environment: Environment
) -> list[Row] | None:
    """Return the rows of RECORD beside the wheel's own.

    None where that takes a closer look: a row of the wheel is missing, or written in another
    way than we, pip, uv and ``installer`` write it.
    """
    manifest = entry.manifest
    schemes = environment.scheme_for(manifest.distribution)
    wanted = with_prefixes(template(files, entry), manifest.root, schemes)
    try:
        record = files.read(f"{installed.path}/RECORD").replace(b"\r\n", b"\n")
        if b'"' in record:  # a row can go over several lines
            return None
        lines, own = set(record.split(b"\n")), set(wanted.split(b"\n"))
        return parse(b"\n".join(lines - own)) if own <= lines else None
    except (OSError, ValueError):
        return None


def _all_stand(files: FileSystem, entry: Entry, environment: Environment) -> bool:
    """Return whether each of the wheel's files stands there with its size."""
    manifest = entry.manifest
    schemes = environment.scheme_for(manifest.distribution)
    for folder in manifest.folders:
        place = schemes[folder.scheme] + (f"/{folder.path}" if folder.path else "")
        wanted = list(map(int, column(folder.sizes)))
        found = [
            status.st_size if status is not None and S_ISREG(status.st_mode) else -1
            for status in files.statuses(place, folder.names)
        ]
        if found == wanted:
            continue
        for name, size, there in zip(folder.names, wanted, found, strict=True):
            # What is rewritten has a row and a size of its own: it is looked at beside these.
            generated = f"{folder.scheme}/{folder.join(name)}" in manifest.rewritten
            if size != there and not generated and not _has_size(files, f"{place}/{name}", size):
                return False
    return True


# ---------------------------------------------------------------- row by row


def _compare_rows(
    files: FileSystem, installed: Distribution, entry: Entry, environment: Environment
) -> str:
    rows = read_rows(files, installed)
    if not rows:
        return OTHER
    listed = {(row.path.removeprefix("./"), row.hash, row.size): row for row in rows}
    wanted = _rows_of(files, entry, environment)
    more = [listed[one] for one in listed.keys() - wanted]
    if not wanted <= listed.keys() or not _could_be(entry, more):
        return OTHER
    return SAME if all(_stands(files, installed, row) for row in rows) else DAMAGED


def _rows_of(
    files: FileSystem, entry: Entry, environment: Environment
) -> set[tuple[str, str, int | None]]:
    """Return the wheel's rows as RECORD has them in this environment."""
    root = entry.manifest.root
    schemes = environment.scheme_for(entry.manifest.distribution)
    prefixes = {scheme: prefix_of(path, schemes[root]) for scheme, path in schemes.items()}
    found: set[tuple[str, str, int | None]] = set()
    for line in template(files, entry):
        scheme, marked, plain = line.rpartition("\t") if line.startswith("\t") else ("", "", line)
        prefix = prefixes[scheme[1:]] if marked else ""
        hash_, size = plain.rsplit(",", 2)[1:]
        found.add((prefix.removeprefix("./") + path_of(plain), hash_, int(size)))
    return found


# ---------------------------------------------------------------- both


def _could_be(entry: Entry, more: Iterable[Row]) -> bool:
    """Return whether the rows beside the wheel's can be what an installer adds to them."""
    manifest = entry.manifest
    info = manifest.dist_info + "/"
    paths = {row.path.removeprefix("./") for row in more}
    added = [path for path in paths if not path.startswith(info) and not is_compiled(path)]
    return len(added) <= len(manifest.entry_points) + len(manifest.rewritten)


def _stands(files: FileSystem, installed: Distribution, row: Row) -> bool:
    return _has_size(files, library_path(installed.base, row.path), row.size)


def _has_size(files: FileSystem, path: str, size: int | None) -> bool:
    """Return whether something of this size stands there, if any is known.

    The interpreter makes compiled files again.
    """
    status = files.status(path)
    if status is None:
        return is_compiled(path)
    return same_size(files, path, size, status)
