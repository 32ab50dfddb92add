"""Is this wheel installed already, exactly.

Purpose: the test behind ``unchanged`` (forms.md, "Same, newer, damaged").

Guarantees: reads RECORD and looks at sizes, never at contents.

Errors: ``OSError`` where the entry cannot be read.
"""

from __future__ import annotations

from linkinstall.distribution import library_path, read_rows, same_size
from linkinstall.record import is_compiled, path_of
from linkinstall.requests import prefix_of, template

TYPE_CHECKING = False
if TYPE_CHECKING:
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
    manifest = entry.manifest
    rows = read_rows(files, installed) if installed.folder == manifest.dist_info else None
    if not rows:
        return OTHER
    listed = {(row.path.removeprefix("./"), row.hash, row.size) for row in rows}
    wanted = _rows_of(files, entry, environment)
    if not wanted <= listed:
        return OTHER
    info = manifest.dist_info + "/"
    more = [
        path
        for path, _, _ in listed - wanted
        if not path.startswith(info) and not is_compiled(path)
    ]
    if len(more) > len(manifest.entry_points) + len(manifest.rewritten):
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


def _stands(files: FileSystem, installed: Distribution, row: Row) -> bool:
    path = library_path(installed.base, row.path)
    status = files.status(path)
    if status is None:
        return is_compiled(row.path)
    return same_size(files, path, row, status)
