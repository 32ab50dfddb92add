"""Is this wheel installed already, exactly.

Purpose: the test behind ``unchanged`` (forms.md, "Same, newer, damaged").

Guarantees: reads RECORD and looks at sizes, never at contents.

Errors: ``OSError`` where the entry cannot be read.
"""

from __future__ import annotations

from linkinstall.distribution import library_path, read_rows, same_size
from linkinstall.record import path_of
from linkinstall.requests import prefix_of, template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.cache import Entry
    from linkinstall.distribution import Distribution
    from linkinstall.environment import Environment
    from linkinstall.fs.port import FileSystem
    from linkinstall.record import Row

__all__ = ["is_same"]


def is_same(
    files: FileSystem, installed: Distribution, entry: Entry, environment: Environment
) -> bool:
    """Return whether the wheel's rows are those of RECORD and every file is there.

    Scripts, compiled files and what an installer adds to dist-info are not the
    wheel's rows; they only have to be there.
    """
    manifest = entry.manifest
    if installed.folder != manifest.dist_info:
        return False
    rows = read_rows(files, installed)
    if not rows:
        return False
    listed = {(row.path, row.hash, row.size) for row in rows}
    schemes = environment.scheme_for(manifest.distribution)
    wanted = set()
    for line in template(files, entry):
        scheme, prefix = manifest.root, ""
        if line.startswith("\t"):
            scheme, _, line = line[1:].partition("\t")
            prefix = prefix_of(schemes[scheme], schemes[manifest.root])
        path = path_of(line)
        hash_, size = line.rsplit(",", 2)[1:]
        wanted.add((prefix.removeprefix("./") + path, hash_, int(size)))
    plain = {(path.removeprefix("./"), hash_, size) for path, hash_, size in listed}
    if not wanted <= plain:
        return False
    extra = plain - wanted
    info = manifest.dist_info + "/"
    scripts = len(manifest.entry_points) + len(manifest.rewritten)
    payload = [p for p, _, _ in extra if not p.startswith(info) and not p.endswith(".pyc")]
    if len(payload) > scripts:
        return False
    return all(_stands(files, installed, row) for row in rows)


def _stands(files: FileSystem, installed: Distribution, row: Row) -> bool:
    path = library_path(installed.base, row.path)
    status = files.status(path)
    if status is None:
        return row.path.endswith(".pyc")
    return same_size(files, path, row, status)
