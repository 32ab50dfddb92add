"""Making a plan: requests and removals against the world as it is.

Purpose: decide where every file goes, what has to leave first, and everything that
stands in the way, before anything is written.

Calling sequence::

    planner = Planner(world, removal, overwrite=False)
    planner.install(request)
    plan = planner.finish()          # or ConflictError with all problems

Guarantees: reads only. The *planned world* is asked, not the disk alone: what a
removal of the same plan takes is no conflict. The top-most folder that is absent is
one group and will be one rename; names for folders that stay are placed one by one.

Errors: :class:`~linkinstall.errors.ConflictError`.
"""

from __future__ import annotations

import os
from itertools import compress

from linkinstall.claims import Claims, is_compiled_file
from linkinstall.manifest import column
from linkinstall.outcome import Warn
from linkinstall.paths import normal
from linkinstall.places import Places
from linkinstall.plan import (
    DIST_INFO,
    LATE,
    LOOSE,
    PAYLOAD,
    WHOLE,
    Fresh,
    Group,
    Placement,
    Plan,
    PlanChange,
    StashItem,
    Tree,
)
from linkinstall.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linkinstall.cache import Entry
    from linkinstall.errors import Problem
    from linkinstall.removal import Removal
    from linkinstall.requests import Generated, Request
    from linkinstall.sharing import Sharing
    from linkinstall.world import World

__all__ = ["Planner"]

_ALIKE = "differs from another only by case or Unicode form"


class Planner:
    """See the module docstring.

    :param overwrite: take files in the way into the stash instead of refusing
    """

    def __init__(self, world: World, removal: Removal, *, overwrite: bool) -> None:
        self.world = world
        self.removal = removal
        self.overwrite = overwrite
        self.problems: list[Problem] = []
        self.warnings: list[Warn] = []
        self.trees: list[Tree] = []
        self._texts: list[bytes] = []
        self.placements: list[Placement] = []
        self.fresh: list[Fresh] = []
        self._groups: dict[tuple[str, int], Group] = {}
        self._folders: dict[tuple[int, str], None] = {}
        self._places = Places(world, removal, self._refuse_path)
        # Not before somebody asks is it loaded.
        self._claims = Claims(self._refuse, lambda *two: self._shared.brings_alike(*two))  # noqa: PLW0108
        self._new: dict[tuple[str, str], tuple[int, str, str]] = {}
        self._states = {world.device(world.libraries[0]): world.home}
        self._sharing: Sharing | None = None
        self._overwrite = overwrite
        self._own: set[str] = set()  # the projects whose old versions go
        self._mends = False
        self._name = ""

    # ---------------------------------------------------------------- requests

    def install(self, request: Request) -> None:
        """Plan one wheel."""
        self._overwrite, self._name = self.overwrite or request.overwrite, request.name
        self._mends = self._mends or request.mends
        if not request.exact:
            self._own.add(request.name)
        self._places.begin(
            request.schemes.values(), lambda folder, name: self._gives_way(request, folder, name)
        )
        for entry in request.entries:
            self._install_entry(request, entry)
        for one in request.generated:
            self._generate(request, one)

    def _install_entry(self, request: Request, entry: Entry) -> None:
        manifest, tree = entry.manifest, len(self.trees)
        self.trees.append(Tree(manifest, entry.folder, request.change))
        self._texts.append(entry.text)
        # A destination leaves what installer's leaves; elsewhere a wheel that
        # half of all machines cannot unpack is refused unless one insists.
        exact = self._overwrite or request.exact
        if self.world.ignores_case or not exact:
            for path in sorted(manifest.collisions):
                self._refuse("case-collision", path, None, _ALIKE)
        place, skipped = self.placements.append, request.skipped
        for index, folder in enumerate(manifest.folders):
            names, sizes = folder.names, folder.sizes
            if skipped:
                kept = [f"{folder.scheme}/{folder.join(name)}" not in skipped for name in names]
                names = tuple(compress(names, kept))
                sizes = " ".join(compress(column(sizes), kept))
            for group, sub, here in self._locate(request, folder.scheme, folder.path, names, sizes):
                place(Placement(group, sub, tree, index, here))

    def _generate(self, request: Request, one: Generated) -> None:
        folder, _, name = one.path.rpartition("/")
        size = str(len(one.data))
        for group, sub, names in self._locate(request, one.scheme, folder, (name,), size):
            if names:
                self.fresh.append(Fresh(group, sub, name, one.data, one.executable, request.change))

    # ---------------------------------------------------------------- places

    def _locate(
        self,
        request: Request,
        scheme: str,
        path: str,
        names: tuple[str, ...],
        sizes: str,
    ) -> Iterable[tuple[int, str, tuple[str, ...]]]:
        """Return (group, folder below its target, names) for names of one folder."""
        if not names:
            return ()
        base = request.schemes[scheme]
        first, _, inner = path.partition("/")
        found = self._new.get((base, first)) or self._new_folder(base, first, data=scheme == "data")
        if found is None:
            return self._locate_among(request, scheme, path, names, sizes)
        # Mostly a package is new from its top-most folder on, and then nothing below
        # that has to be looked at.
        group, sub, folder = found
        if inner:
            sub, folder = (f"{sub}/{inner}" if sub else inner), f"{folder}/{inner}"
        names, _ = self._claims.free(request, folder, names, sizes)
        self._note_folders(group, sub)
        return ((group, sub, names),)

    def _new_folder(self, base: str, first: str, *, data: bool) -> tuple[int, str, str] | None:
        """Return group, folder below its target, and path of a folder that is not there yet."""
        if not first:
            return None
        folder = self._places.resolve(normal(f"{base}/{first}"), data=data)
        top = folder and self._places.top_absent(folder)
        if not folder or not top:
            return None
        group = self._group(WHOLE, top, _phase(top))
        found = (group.number, folder[len(top) + 1 :], folder)
        self._new[base, first] = found
        return found

    def _locate_among(
        self,
        request: Request,
        scheme: str,
        path: str,
        names: tuple[str, ...],
        sizes: str,
    ) -> Iterable[tuple[int, str, tuple[str, ...]]]:
        """Yield the same for a folder that may stand, or whose top-most folder does."""
        base = request.schemes[scheme]
        named = normal(f"{base}/{path}" if path else base)
        folder = self._places.resolve(named, data=scheme == "data")
        if folder is None:
            return
        top = self._places.top_absent(folder)
        names, sizes = self._claims.free(request, folder, names, sizes)
        if top is not None:
            group = self._group(WHOLE, top, _phase(top))
            sub = folder[len(top) + 1 :]
            self._note_folders(group.number, sub)
            yield group.number, sub, names
            return
        measured = dict(zip(names, column(sizes), strict=True))
        free = self._without_present(request, folder, measured)
        late = [name for name in free if name.endswith(".pth") and folder in self.world.libraries]
        for phase, part in (
            (_phase(folder), [name for name in free if name not in late]),
            (LATE, late),
        ):
            if part:
                yield self._group(LOOSE, folder, phase).number, "", tuple(part)

    def _group(self, kind: str, target: str, phase: int) -> Group:
        key = (target, phase)
        group = self._groups.get(key)
        if group is None:
            state = self._state(os.path.dirname(target) if kind == WHOLE else target)
            group = Group(len(self._groups), kind, target, phase, state)
            self._groups[key] = group
        return group

    def _state(self, folder: str) -> int:
        device = self.world.device(folder)
        if device not in self._states:
            while self._takes_no_state(folder, device):  # one that goes cannot go into itself
                folder = os.path.dirname(folder)
            self._states[device] = f"{folder}/.linkinstall"
        return list(self._states).index(device)

    def _takes_no_state(self, folder: str, device: int) -> bool:
        above = os.path.dirname(folder)
        if above == folder or self.world.files.status(folder) is None:
            return above != folder
        return folder in self.removal.gone_folders and self.world.device(above) == device

    def _note_folders(self, group: int, sub: str) -> None:
        while sub and (group, sub) not in self._folders:
            self._folders[group, sub] = None
            sub = sub.rpartition("/")[0]

    def _without_present(self, request: Request, folder: str, sizes: dict[str, str]) -> list[str]:
        """Return the names that are free in a folder that stays; refuse or take the others."""
        names = list(sizes)
        gone = self.removal.gone.get(folder, ())
        entries = self.world.entries(folder)
        present = [name for name in names if name in entries and name not in gone]
        if self.world.ignores_case:
            lower = {name.lower(): name for name in entries if name not in gone}
            present += [n for n in names if n not in entries and n.lower() in lower]
        taken = {name for name in present if not self._settle(request, folder, name, sizes[name])}
        free = [name for name in names if name not in taken]
        self.removal.take_compiled(folder, free, request.change)
        return free

    def _settle(self, request: Request, folder: str, name: str, size: str) -> bool:
        """Decide about one name that is taken; return whether ours is placed."""
        path = f"{folder}/{name}"
        kind = self.world.entries(folder).get(name)
        if kind == "folder":
            if path in self.removal.gone_folders:
                return True
            self._refuse("folder-in-the-way", path, None, "is a folder where a file must go")
            return False
        if size == "0" and name == "__init__.py" and self.world.is_empty(path):
            return False  # the same empty file: shared, not fought over
        owner = self._owner(path)
        if owner is not None and self._shared.may_stay(request, path, owner):
            return False
        if owner is None and self._is_leftover(request, folder, name):
            self.removal.take_files(folder, [name], request.change)
            if not request.mends:
                message = f"replaced {path}, left behind by {request.name}"
                self.warnings.append(Warn("leftover-replaced", message))
            return True
        if self._gives_way(request, folder, name):
            return True
        code, reason = ("owned", f"belongs to {owner}") if owner else ("unowned", "exists already")
        if owner == request.name and not request.exact:
            reason += " but is not as it was installed"
        self._refuse(code, path, owner, f"{reason}, and {request.name} brings it too")
        return False

    def _gives_way(self, request: Request, folder: str, name: str) -> bool:
        """Take a file into the stash if that was asked for; return whether it was."""
        path, change = f"{folder}/{name}", request.change
        owner = self._owner(path)
        others = owner != request.name
        # A repair replaces what was edited, but nothing that another one wants to be otherwise.
        agreed = owner is not None and self._shared.may_replace(request, path)
        asked = self._overwrite or agreed or (request.mends and (owner is None or not others))
        if asked and self.removal.take_edited(folder, name, change, overwritten=others):
            return True
        taken = (self._overwrite or agreed) and self.world.may_remove(path)
        if taken:
            self.removal.take_files(folder, [name], change, overwritten=others)
        return taken

    def _is_leftover(self, request: Request, folder: str, name: str) -> bool:
        # Compiled files of a source that comes belong to it, whoever wrote them.
        ours = is_compiled_file(folder, name) or request.replaces_leftovers(folder)
        return ours and self.world.may_remove(f"{folder}/{name}")

    @property
    def _shared(self) -> Sharing:
        from linkinstall.sharing import Sharing

        self._sharing = self._sharing or Sharing(self.world, self._own)
        return self._sharing

    def _owner(self, path: str) -> str | None:
        return self._shared.owner(path, self._name)

    def _refuse_path(self, code: str, path: str, reason: str) -> None:
        self._refuse(code, path, self._owner(path), reason)

    def _refuse(self, code: str, path: str, owner: str | None, reason: str) -> None:
        from linkinstall.errors import Problem

        self.problems.append(Problem(code, path, owner, f"{path} {reason}"))

    # ---------------------------------------------------------------- the end

    def finish(self, changes: Sequence[PlanChange]) -> Plan:
        """Check what only the whole plan shows, and return it.

        :raises ConflictError: all problems together
        """
        self._claims.check_files_against_folders()
        if self.world.ignores_case and not self.problems:
            self._claims.check_spellings(lambda path: self.world.files.status(path) is not None)
        if self.problems:
            from linkinstall.conflicts import conflict

            raise conflict(self.problems, self._own, mends=self._mends)
        stash = tuple(self._with_state(item) for item in self.removal.ordered())
        return Plan(
            changes=tuple(changes),
            stash=stash,
            groups=tuple(sorted(self._groups.values(), key=lambda one: (one.phase, one.number))),
            folders=tuple(sorted(self._folders)),
            trees=tuple(self.trees),
            placements=tuple(self.placements),
            fresh=tuple(self.fresh),
            states=tuple(self._states.values()),
            emptied=self.removal.emptied(),
            warnings=tuple(self.warnings),
            kept=tuple(self.removal.staying()),
            texts=tuple(self._texts),
        )

    def _with_state(self, item: StashItem) -> StashItem:
        state = self._state(os.path.dirname(item.path) if item.kind == WHOLE else item.path)
        return replace(item, state=state) if state else item


def _phase(target: str) -> int:
    return DIST_INFO if target.endswith(".dist-info") else PAYLOAD
