"""An unfinished transaction as those see it who change nothing: dry runs, ``check``, ``list``.

Calling sequence::

    unfinished = look(world)            # None where there is none
    unfinished.health                   # by project

Guarantees: reads only, takes no lock. A transaction that ends meanwhile is none.

Errors: :class:`~linkinstall.errors.JournalError` for a state folder that cannot be
understood, as a run has it.
"""

from __future__ import annotations

from linkinstall.distribution import HALF_INSTALLED, HALF_REMOVED
from linkinstall.journal import COMMITTED, Journal
from linkinstall.outcome import Warn
from linkinstall.plan import WHOLE
from linkinstall.recovery import read_journal
from linkinstall.values import value
from linkinstall.wheel import canonicalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.world import World

__all__ = ["Unfinished", "look"]


@value
class Unfinished:
    """What a journal tells.

    :param state: of the transaction: open or committed
    """

    state: str
    journal: Journal

    @property
    def health(self) -> dict[str, str]:
        """The health of each project that it changes, by canonical name."""
        return {
            canonicalize(change.name): HALF_REMOVED
            if change.action == "removed"
            else HALF_INSTALLED
            for change in self.journal.changes
            if change.name
        }

    def places(self) -> dict[str, tuple[str, str]]:
        """Return version and dist-info folder of each project, as they will be once it is settled.

        Where one will be gone by then, what it was.
        """
        found = {}
        for change in self.journal.changes:
            if not change.name:
                continue
            old = (change.previous, change.olds[0].path if change.olds else "")
            new = (change.version, change.new)
            first, second = (new, old) if self.state == COMMITTED else (old, new)
            version, path = first if first[1] else second
            found[canonicalize(change.name)] = version or "", path or self.journal.home
        return found

    def covers(self, path: str) -> bool:
        """Return whether the transaction moves what stands at a path, or what is above it."""
        return path in self._loose or any(path.startswith(f"{one}/") for one in self._whole)

    @property
    def _whole(self) -> list[str]:
        groups = [group.target for group in self.journal.groups if group.kind == WHOLE]
        return groups + [item.path for item in self.journal.stash if item.kind == WHOLE]

    @property
    def _loose(self) -> set[str]:
        targets = {group.number: group.target for group in self.journal.groups}
        paths = {path for item in self.journal.stash for path, _ in item.paths()} | {*self._whole}
        placed = [(one.group, one.sub, one.names) for one in self.journal.placements]
        placed += [(one.group, one.sub, (one.name,)) for one in self.journal.staged]
        for group, sub, names in placed:
            folder = f"{targets[group]}/{sub}" if sub else targets[group]
            paths |= {f"{folder}/{name}" for name in names}
        return paths

    def warning(self) -> Warn:
        """Return what a dry run says of it."""
        done = "finished" if self.state == COMMITTED else "rolled back"
        message = (
            f"the unfinished transaction {self.journal.id} in {self.journal.home} will be {done} "
            "first; what is done then may differ from this plan"
        )
        return Warn("unfinished-transaction", message)


def look(world: World) -> Unfinished | None:
    """Return the unfinished transaction of an environment, None where there is none.

    :raises JournalError: nobody can tell
    """
    try:
        state, journal = read_journal(world.files, world.home, world.bounds)
    except FileNotFoundError:  # whoever it was of has ended it just now
        return None
    return None if journal is None else Unfinished(state, journal)
