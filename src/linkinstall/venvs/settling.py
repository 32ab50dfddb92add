"""Settling what an earlier run began at the place of a virtual environment.

Purpose: after a kill or a power cut, before the commit point everything is put back, after it
the change is finished; trash is swept.

Calling sequence, with the place locked::

    settled = settle(files, place, sync="normal")

Guarantees: it can be repeated, and killed at any moment. With ``full``, what is told as rolled
back or finished is on the disk before its journal goes.

Errors: ``OSError`` with its path, after which the next call goes on;
:class:`~linkinstall.errors.JournalError` for a state folder that is not ours.
"""

from __future__ import annotations

from linkinstall.outcome import Kept, Outcome, Pending, Recovered
from linkinstall.values import replace, value
from linkinstall.venvs.aside import Aside
from linkinstall.venvs.guards import refuse_mounts, refuse_strange_state
from linkinstall.venvs.sight import KEPT, state_folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from linkinstall.fs.lock import FolderLock
    from linkinstall.fs.port import FileSystem

__all__ = ["Settled", "settle"]


@value
class Settled:
    """What :func:`settle` found and did.

    :param recovered: rolled back or finished
    :param pending: what is still busy
    :param kept: what was left alone, because somebody else has put it there
    """

    recovered: tuple[Recovered, ...] = ()
    pending: tuple[Pending, ...] = ()
    kept: tuple[Kept, ...] = ()

    def before(self, outcome: Outcome) -> Outcome:
        """Return the outcome of what came after this."""
        return replace(
            outcome,
            status="done" if self.recovered else outcome.status,
            recovered=(*self.recovered, *outcome.recovered),
            pending=(*self.pending, *outcome.pending),
            kept=(*self.kept, *outcome.kept),
        )

    def and_then(
        self,
        recovered: Iterable[Recovered] = (),
        pending: Iterable[Pending] = (),
        kept: Iterable[Kept] = (),
    ) -> Settled:
        """Return this with what came of something later."""
        return Settled(
            (*self.recovered, *recovered), (*self.pending, *pending), (*self.kept, *kept)
        )


def settle(
    files: FileSystem,
    place: str,
    *,
    sync: str = "normal",
    held: Mapping[str, FolderLock | None] | None = None,
) -> Settled:
    """Put back or finish what an earlier run began at ``place``, and sweep its trash.

    :param held: the state folders, where not all of them, each with its lock
    """
    settled = Settled()
    for state in state_folders(place) if held is None else held:
        if files.status(state) is None:
            continue
        refuse_strange_state(files, place, state)
        names = {name for name, _ in files.scan(state)}
        begun = "journal" in names and "committed" not in names
        refuse_mounts(files, place, state, begun=begun)
        aside = Aside(files, place, sync=sync, state=state)
        aside.lock = held[state] if held is not None else None
        actions: list[str] = []
        pending: list[Pending] = []
        if "committed" in names:
            aside.volumes.make_durable(state)
            pending += aside.finish()
            actions.append("finished")
        elif begun:
            aside.put_back(reported=True)
            actions.append("rolled-back")
        pending += aside.sweep()
        recovered = [Recovered(aside.change.id, action) for action in actions]
        settled = settled.and_then(recovered, pending, (*aside.kept, *_waiting(files, state)))
    return settled


def _waiting(files: FileSystem, state: str) -> Iterator[Kept]:
    """Yield what could not be put back, by this run or an earlier one."""
    if files.status(state) is None:
        return
    for name, _ in files.scan(state):
        if name.startswith(KEPT):
            reason = "stood here, and could not be put back or stay; remove it if nobody needs it"
            yield Kept(f"{state}/{name}", reason)
