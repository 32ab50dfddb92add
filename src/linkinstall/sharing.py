"""What a wheel may share with another project that is installed.

Purpose: decide about a file that a wheel brings, which stands already and is another one's.
What two wheels of one plan may share, :mod:`linkinstall.claims` decides from their sizes.

Guarantees: reads at most the one file, and changes nothing.

Errors: those of the file system that is read.
"""

from __future__ import annotations

from linkinstall.claims import is_compiled_file
from linkinstall.manifest import column
from linkinstall.paths import normal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.requests import Request
    from linkinstall.world import World

__all__ = ["may_share"]


def may_share(world: World, request: Request, path: str, owner: str) -> bool:
    """Return whether a file that ``owner`` has may stay, and a wheel that brings it may come.

    A repair shares what is as the wheel has it: there is nothing to mend, and nothing to fight
    over. An install does not: which of the two is edited next would be an accident.
    """
    folder, _, name = path.rpartition("/")
    if is_compiled_file(folder, name):
        return True
    if not request.mends or owner == request.name:
        return False
    return any(
        world.has_digest(path, column(one.digests)[one.names.index(name)])
        for entry in request.entries
        for one in entry.manifest.folders
        if name in one.names
        and world.real_folder(normal(f"{request.schemes[one.scheme]}/{one.path}")) == folder
    )
