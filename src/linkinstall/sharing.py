"""Whose the files are that stand where a wheel's must go, and what two projects may share.

Purpose: decide about a file that a wheel brings, and that another project has as well. A repair
shares what both have alike: there is nothing to fight over. An install does not, for which of
the two is edited next would be an accident; of one plan's wheels that brings together,
:mod:`linkinstall.claims` shares what is empty.

Calling sequence::

    sharing = Sharing(world, own)
    owner = sharing.owner(path, request.name)
    sharing.may_stay(request, path, owner) or sharing.may_replace(request, path)

Guarantees: reads RECORDs, and the one file that is asked about; changes nothing.

Errors: ``OSError`` where a RECORD cannot be read.
"""

from __future__ import annotations

from linkinstall.claims import is_compiled_file
from linkinstall.digest import hash_data
from linkinstall.distribution import find_distributions, library_path, other_owner, owners_of
from linkinstall.manifest import column
from linkinstall.paths import normal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from linkinstall.distribution import Distribution
    from linkinstall.requests import Request
    from linkinstall.world import World

__all__ = ["Sharing"]


class Sharing:
    """See the module docstring.

    :param own: the projects whose old versions go
    """

    def __init__(self, world: World, own: Container[str]) -> None:
        self.world = world
        self._own = own
        self._found: list[Distribution] = []
        self._owners: dict[str, str | tuple[str, ...]] | None = None

    def owner(self, path: str, name: str) -> str | None:
        """Return whose a path is: another project's than ``name`` where one lists it."""
        return other_owner(self._owners_of(path), name)

    def _owners_of(self, path: str) -> str | tuple[str, ...] | None:
        if self._owners is None:  # not before somebody asks, when all that goes is known
            world = self.world
            found = find_distributions(world.files, world.libraries, world.bases)
            # What goes, with a RECORD that cannot be read, owns nothing: its files are left over.
            lost = [one for one in found if one.name in self._own and world.rows(one) is None]
            self._found = [one for one in found if one not in lost]
            self._owners = owners_of(world.files, self._found)
        return self._owners.get(path)

    def may_stay(self, request: Request, path: str, owner: str) -> bool:
        """Return whether a file that ``owner`` has may stay, and a wheel that brings it may come.

        In a repair, what is as the wheel has it; always, compiled files: they follow their source.
        """
        folder, _, name = path.rpartition("/")
        if is_compiled_file(folder, name):
            return True
        if not request.mends or owner == request.name:
            return False
        return any(self.world.has_digest(path, one) for one in _brought(self.world, request, path))

    def may_replace(self, request: Request, path: str) -> bool:
        """Return whether all others who list a file want what a repair brings there."""
        brought = _brought(self.world, request, path) if request.mends else set()
        wanted = {f"sha256={digest}" for digest in brought}
        owners = self._owners_of(path) or ()
        others = [
            one
            for one in self._found
            if one.name != request.name
            and one.name in ((owners,) if isinstance(owners, str) else owners)
        ]
        return bool(wanted and others) and all(
            row.hash in wanted
            for one in others
            for row in self.world.rows(one) or ()
            if self._place(library_path(one.base, row.path)) == path
        )

    def brings_alike(self, one: Request, other: Request, path: str) -> bool:
        """Return whether two repairs bring the same file, so that the one's is the other's too."""
        if one is other or not (one.mends and other.mends):
            return False
        brought = _brought(self.world, one, path)
        return not brought.isdisjoint(_brought(self.world, other, path))

    def _place(self, path: str) -> str:
        folder, _, name = path.rpartition("/")
        return f"{self.world.files.real_path(folder)}/{name}"


def _brought(world: World, request: Request, path: str) -> set[str]:
    """Return the digests of what a wheel brings at a path, from its manifest or generated."""
    folder, _, name = path.rpartition("/")
    found = {
        column(one.digests)[one.names.index(name)]
        for entry in request.entries
        for one in entry.manifest.folders
        if name in one.names
        and f"{one.scheme}/{one.join(name)}" not in request.skipped
        and _folder(world, request, one.scheme, one.path) == folder
    }
    return found | {
        hash_data(one.data)
        for one in request.generated
        if one.path.rpartition("/")[2] == name
        and _folder(world, request, one.scheme, one.path.rpartition("/")[0]) == folder
    }


def _folder(world: World, request: Request, scheme: str, path: str) -> str:
    return world.real_folder(normal(f"{request.schemes[scheme]}/{path}"))
