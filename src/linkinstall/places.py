"""Where folders are in the planned world: after what goes, before what comes.

Purpose: resolve the folder of a planned file to its real path, and tell the top-most
folder that has to be made for it.

Calling sequence: ``begin`` for each request, then ``resolve`` and ``top_absent``.

Guarantees: reads only. Below a scheme root a link is followed only where it stays
inside the environment, and below a library none is, save for data where that is the data
folder as well: distributions alone have packages there, and where one's folder is a link,
somebody has put it there since. What a removal of the same plan
takes does not stand any more.

Errors: none; what is refused is told to the planner.
"""

from __future__ import annotations

import os
from stat import S_ISREG

from linkinstall.paths import normal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linkinstall.removal import Removal
    from linkinstall.world import World

__all__ = ["Places"]


class Places:
    """See the module docstring.

    :param refuse: told code, path and reason of what is in the way
    """

    def __init__(
        self, world: World, removal: Removal, refuse: Callable[[str, str, str], None]
    ) -> None:
        self.world = world
        self.removal = removal
        self._refuse = refuse
        self._absent: dict[str, str | None] = {}
        self._resolved: dict[tuple[str, bool], str | None] = {}
        self._roots: set[str] = set()
        self._gives_way: Callable[[str, str], bool] = lambda _folder, _name: False

    def begin(self, roots: Iterable[str], gives_way: Callable[[str, str], bool]) -> None:
        """Say whose folders are asked for next.

        :param roots: the scheme folders as they are named
        :param gives_way: takes a file in the way, of this folder and name, if that was asked for
        """
        self._roots.update(normal(root) for root in roots)
        self._gives_way = gives_way

    def resolve(self, folder: str, *, data: bool = False) -> str | None:
        """Return the folder's real path in the planned world, None where it is refused.

        :param data: whether it is wanted for data, and not for a package
        """
        key = folder, data
        if key not in self._resolved:
            parent = os.path.dirname(folder)
            if folder in self._roots or parent == folder:
                # Where a root leads is the user's choice; links below it are not.
                self._resolved[key] = self._root(self.world.real_folder(folder))
            else:
                above = self.resolve(parent, data=data)
                name = os.path.basename(folder)
                self._resolved[key] = above and self._step(above, name, data=data)
        return self._resolved[key]

    def _root(self, folder: str) -> str | None:
        """Return a scheme's folder, None where a file stands at its place or above it."""
        path = folder
        while (kind := self.world.kind(path)) is None and path != os.path.dirname(path):
            path = os.path.dirname(path)
        if kind in (None, "folder"):
            return folder
        self._refuse("no-folder", path, "is a file where a folder of the environment must be")
        return None

    def _step(self, parent: str, name: str, *, data: bool) -> str | None:
        """Return the real path of ``name`` in a real folder, None where it is refused."""
        path = f"{parent}/{name}"
        if self.top_absent(parent) is not None or path in self.removal.gone_folders:
            return path
        kind = self.world.kind(path)
        if kind in (None, "folder") or name in self.removal.gone.get(parent, ()):
            return path
        if kind == "link":
            real = self.world.real_folder(path)
            if self.world.inside(real + "/") and self.world.kind(real) == "folder":
                # With --target one folder is the library and the data folder at once.
                one_folder = self.world.roots.get("data") in self.world.libraries
                if (data and one_folder) or not self.world.in_library(path):
                    return real
                self._refuse("link-in-the-way", path, f"is a link to {real}: it is not followed")
                return None
            status = self.world.files.status(real)
            if status is None or not S_ISREG(status.st_mode):
                self._refuse("leads-out", path, "is a link that leads out of the environment")
                return None
        if self._gives_way(parent, name):
            return path
        self._refuse("file-in-the-way", path, "is a file where a folder must go")
        return None

    def top_absent(self, folder: str) -> str | None:
        """Return the top-most folder that has to be made for ``folder``, or None."""
        if folder not in self._absent:
            parent = os.path.dirname(folder)
            top = None
            # The home library is made before anything else, for the state folder.
            if parent != folder and not f"{self.world.libraries[0]}/".startswith(f"{folder}/"):
                top = self.top_absent(parent)
                gone = folder in self.removal.gone_folders
                if top is None and (gone or self.world.kind(folder) != "folder"):
                    top = folder
            self._absent[folder] = top
        return self._absent[folder]
