"""Several dist-infos of one project: which of them is what is installed.

Purpose: a repair brings one of them again, and none of another version by mistake.

Calling sequence::

    lead = foremost(files, [examined, *twins])     # the one that a repair renews
    if proves_nothing(world, distribution): ...    # its twin's files are all that agrees

Guarantees: reads only. That one is foremost whose RECORD the files bear out, then one
with METADATA, then the one that most files speak for. The times of RECORD and METADATA,
which installers write, decide between equals alone; those of folders tell nothing.

Errors: ``OSError`` where a folder cannot be read.
"""

from __future__ import annotations

from linkinstall.distribution import find_distributions, library_path
from linkinstall.health import digest_at
from linkinstall.record import is_compiled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from linkinstall.distribution import Distribution
    from linkinstall.fs.port import FileSystem
    from linkinstall.health import Examined
    from linkinstall.world import World

__all__ = ["foremost", "proves_nothing"]

_TELLING = ("METADATA", "WHEEL", "RECORD")


def foremost(files: FileSystem, seen: Iterable[Examined]) -> Examined:
    """Return the one that is what is installed, as far as can be told; the others are in its way.

    :param seen: all dist-infos of one project
    """
    first, *others = seen
    return max((first, *others), key=lambda one: _standing(files, one)) if others else first


def proves_nothing(world: World, one: Distribution) -> bool:
    """Return whether files tell nothing of a dist-info: they may be all its twin's.

    It has a twin, and neither METADATA nor WHEEL nor RECORD, which are its own alone.
    """
    if any(_size(world.files, one, name) for name in _TELLING):
        return False
    found = find_distributions(world.files, world.libraries, world.bases)
    return any(other.name == one.name and other.path != one.path for other in found)


def _standing(files: FileSystem, one: Examined) -> tuple[bool, bool, int, int]:
    """Return what makes one dist-info come before another, the weightiest first."""
    agree, differ = _compared(files, one)
    borne_out = one.rows is not None and (agree > differ or not differ)
    stands = bool(_size(files, one.distribution, "METADATA"))
    return borne_out, stands, agree - differ, _written(files, one.distribution)


def _compared(files: FileSystem, one: Examined) -> tuple[int, int]:
    """Return how many files are as RECORD has them, and how many are others.

    Those in dist-info are each twin's own; what is gone speaks against none.
    """
    agree = differ = 0
    inner = f"{one.distribution.folder}/"
    for row in one.rows or ():
        if row.hash and not (row.path.startswith(inner) or is_compiled(row.path)):
            try:
                path = library_path(one.distribution.base, row.path)
                actual = digest_at(files, path, row.hash.partition("=")[0])
            except (OSError, ValueError):
                continue
            agree += actual == row.hash
            differ += actual != row.hash
    return agree, differ


def _size(files: FileSystem, one: Distribution, name: str) -> int:
    # An empty file says nothing: a power cut leaves such.
    status = files.status(f"{one.path}/{name}")
    return status.st_size if status is not None else 0


def _written(files: FileSystem, one: Distribution) -> int:
    for name in ("RECORD", "METADATA"):
        status = files.status(f"{one.path}/{name}")
        if status is not None:
            return status.st_mtime_ns
    return 0
