"""What a repaired distribution keeps of what its installer wrote beside the wheel's files.

Purpose: INSTALLER, REQUESTED, ``direct_url.json``, uv's ``uv_cache.json`` and whatever
else an installer was told to write; and what somebody has put into dist-info since.

Calling sequence::

    metadata = inherited(files, examined)      # name in dist-info -> contents
    metadata = beside(manifest, metadata)      # without what the wheel brings itself
    paths = staying(world, distribution, step, new)     # what stays where it is

Guarantees: reads only. What stands is kept with its contents, edited or not, for it can
be had from nowhere else: what is written is listed as it is then. An INSTALLER that was
lost or edited is told by the digest in RECORD, as far as it is that of a known tool; else
what stands is kept, and where nothing does this tool takes over. REQUESTED is kept where
RECORD lists it. What else was lost is not written again. What RECORD does not list is
left where it is, whatever its size; so is what is too large to be written again.

Errors: ``OSError`` where something cannot be read.
"""

from __future__ import annotations

from linkinstall import limits
from linkinstall.digest import hash_data
from linkinstall.distribution import WRITTEN, library_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from linkinstall.distribution import Distribution
    from linkinstall.fs.port import FileSystem
    from linkinstall.health import Examined
    from linkinstall.manifest import Manifest
    from linkinstall.record import Row
    from linkinstall.wishes import Step
    from linkinstall.world import World

__all__ = ["beside", "inherited", "staying"]

_TOOLS = ("pip", "uv", "linkinstall", "poetry", "pdm", "installer", "conda", "hatch", "debian")
_OTHERS = ("direct_url.json", "uv_cache.json", "uv_build.json")
_WHEELS = frozenset(("METADATA", "WHEEL", "entry_points.txt", "RECORD", "RECORD.jws", "RECORD.p7s"))
"""What comes of a wheel alone, and what says something of one RECORD alone."""


def inherited(files: FileSystem, examined: Examined, *, staged: bool = False) -> dict[str, bytes]:
    """Return the files to write into dist-info besides the wheel's own.

    Also some of the wheel's own: which those are, its manifest tells (:func:`beside`).

    :param staged: nothing is written that was not there: of a stage a packager says who installed
    """
    kept = {name: data for name in _OTHERS if (data := _read(files, examined, name))}
    requested = _read(files, examined, "REQUESTED")
    if requested is None and _listed(examined, "REQUESTED") is not None:
        there = files.status(f"{examined.distribution.path}/REQUESTED") is not None
        requested = None if there else b""
    if requested is not None:
        kept["REQUESTED"] = requested
    installer = _installer(files, examined, default=b"" if staged else b"linkinstall\n")
    result = {"INSTALLER": installer, **kept} if installer else kept
    inner, left = f"{examined.distribution.folder}/", limits.INHERITED_SIZE
    for row in examined.rows or ():
        name = row.path.removeprefix("./").removeprefix(inner)
        plain = not {"", ".", ".."} & {*name.split("/")} and "\\" not in name and ":" not in name
        known = name in _WHEELS or name in _OTHERS or name in result or name == "REQUESTED"
        if f"{inner}{name}" != row.path.removeprefix("./") or known or not plain:
            continue
        data = _read(files, examined, name, left) if row.size is not None else None
        if data is not None:
            result[name] = data
            left -= len(data)
    return result


def beside(manifest: Manifest, metadata: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return what is inherited without what the wheel brings itself."""
    brought = _brought(manifest)
    return {name: data for name, data in metadata.items() if name not in brought}


def staying(world: World, one: Distribution, step: Step, new: str) -> frozenset[str]:
    """Return the paths in a dist-info that stay where they are: no installer has put them there.

    :param step: the repair that renews the dist-info, or takes it away
    :param new: the path of the dist-info that comes, "" for none
    """
    if step.wanted is not None and one.path == new:
        return _added(world, one, step.wanted.entry.manifest, step.wanted.metadata)
    return _strange(world, one, step.part.rows if step.part is not None else None)


def _added(
    world: World, one: Distribution, manifest: Manifest, metadata: Mapping[str, bytes]
) -> frozenset[str]:
    """Return what stays of one that is renewed.

    :param metadata: what is written there besides the wheel's own
    """
    brought = _WHEELS | _brought(manifest) | metadata.keys()
    folders = {name[:end] for name in brought for end, char in enumerate(name) if char == "/"}

    def walk(inner: str) -> Iterator[str]:
        for name, kind in world.entries(f"{one.path}/{inner}".rstrip("/")).items():
            path = f"{one.path}/{inner}{name}"
            if kind == "folder":
                yield from walk(f"{inner}{name}/")
            elif f"{inner}{name}" in brought or (f"{inner}{name}" in folders and kind == "link"):
                continue  # a link in the place of a folder holds nothing
            elif not (f"{inner}{name}" in _OTHERS and world.is_empty(path)):  # after a power cut
                yield path

    return frozenset(walk(""))


def _strange(world: World, one: Distribution, rows: Iterable[Row] | None) -> frozenset[str]:
    """Return what stays of one that goes.

    :param rows: what is proven to be its own; None: what its RECORD says
    """
    listed = (world.rows(one) if rows is None else rows) or ()
    own = {_inner(one, row) for row in listed}

    def walk(inner: str) -> Iterator[str]:
        for name, kind in world.entries(f"{one.path}/{inner}".rstrip("/")).items():
            if kind == "folder":
                yield from walk(f"{inner}{name}/")
            elif f"{inner}{name}" not in own and f"{inner}{name}" not in WRITTEN:
                yield f"{one.path}/{inner}{name}"

    return frozenset(walk(""))


def _inner(one: Distribution, row: Row) -> str:
    """Return what a row names below the dist-info, the whole path where it names another place."""
    path = library_path(one.base, row.path)
    return path.removeprefix(f"{one.base}/{one.folder}/").removeprefix(f"{one.path}/")


def _brought(manifest: Manifest) -> set[str]:
    """Return the names in dist-info that a wheel brings."""
    inner = f"{manifest.dist_info}/"
    return {
        folder.join(name).removeprefix(inner)
        for folder in manifest.folders
        if folder.scheme == manifest.root and f"{folder.path}/".startswith(inner)
        for name in folder.names
    }


def _installer(files: FileSystem, examined: Examined, *, default: bytes) -> bytes:
    there = _read(files, examined, "INSTALLER")
    expected = _listed(examined, "INSTALLER")
    if there and expected in (None, "", f"sha256={hash_data(there)}"):
        return there
    for tool in _TOOLS:
        for data in (f"{tool}\n".encode(), tool.encode()):
            if f"sha256={hash_data(data)}" == expected:
                return data
    return there or default


def _listed(examined: Examined, name: str) -> str | None:
    """Return the digest that RECORD has for a file of dist-info, None where it lists none."""
    path = f"{examined.distribution.folder}/{name}"
    for row in examined.rows or ():
        if row.path.removeprefix("./") == path:
            return row.hash
    return None


def _read(
    files: FileSystem, examined: Examined, name: str, limit: int = limits.INHERITED_SIZE
) -> bytes | None:
    try:
        return files.read(f"{examined.distribution.path}/{name}", limit)
    except OSError:
        return None
