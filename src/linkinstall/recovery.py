"""Recovery: what the next run does with what an earlier one left unfinished.

Purpose: find the state folder of an environment, tell what state it is in, and
settle it: before the commit point roll back, after it finish.

Calling sequence: :func:`recover_environment` first thing under the environment's
lock, in every verb that changes something.

Guarantees: nothing is touched where there is no state folder. Anything in a state
folder that is not ours is refused, not swept: unknown names, links where folders must
be, a journal that names other folders than the environment's (:mod:`linkinstall.boundary`).
Trash of earlier runs is swept where it is free.

Errors: :class:`~linkinstall.errors.JournalError` for a state folder of unknown
origin, :class:`~linkinstall.errors.UnsettledError` where settling fails: nothing is
started then.
"""

from __future__ import annotations

import os
from errno import EBUSY
from stat import S_ISDIR

from linkinstall import limits
from linkinstall.fs.port import FILE, FOLDER
from linkinstall.outcome import Recovered
from linkinstall.trash import (
    holds_stash,
    loose_ends,
    sides_of,
    sweep_side,
    sweep_state,
    sweep_trash,
)
from linkinstall.values import value
from linkinstall.world import STATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from linkinstall.fs.port import FileSystem
    from linkinstall.fs.volumes import Volumes
    from linkinstall.journal import Journal
    from linkinstall.outcome import Kept, Pending

__all__ = [
    "OTHER_FOLDERS",
    "Report",
    "not_durable",
    "not_put_back",
    "read_journal",
    "recover_environment",
    "unsettled",
]


_FOLDERS = frozenset(("new", "stash", "trash", "cache"))
_KINDS = {
    **dict.fromkeys(_FOLDERS, FOLDER),
    **dict.fromkeys(("journal", "committed", "pointer"), FILE),
}
"""What a state folder holds, and of which kind: a link in its place would lead outside."""
_RECOVER = "the next run (or `linkinstall recover`)"
OTHER_FOLDERS = "other-folders"
"""The problem of a journal that is whole, and of a change with other schemes than these."""
_NAMED = 10
"""So many strange names are told."""


@value
class Report:
    """What recovery found and did.

    :param journal: the transaction that was settled, where it still says something
    """

    recovered: tuple[Recovered, ...] = ()
    pending: tuple[Pending, ...] = ()
    kept: tuple[Kept, ...] = ()
    journal: Journal | None = None


def recover_environment(files: FileSystem, roots: Iterable[str], volumes: Volumes) -> Report:
    """Settle whatever the state folders in ``roots`` hold; the first root is home.

    :param roots: the folders of all schemes, resolved
    :param volumes: to flush them by, in between
    """
    folders = list(dict.fromkeys(roots))
    homes = [f"{root}/{STATE}" for root in folders]
    report = _settle_home(files, homes[0], folders, volumes)
    # What was settled just now may have put something into the trash of another volume,
    # and says so: it stays there until the next run, as at home.
    settled = report.journal.states if report.journal is not None else ()
    for state in homes[1:]:
        if state not in settled:
            try:
                sweep_side(files, state)
            except OSError:  # nothing there is needed: it is the next run's to sweep
                continue
    return report


def read_journal(files: FileSystem, home: str, roots: Iterable[str]) -> tuple[str, Journal | None]:
    """Return the state of a home folder, and its journal where it has a valid one.

    :param roots: the folders of all schemes, resolved: a valid journal names no others
    """
    from linkinstall.boundary import OutsideError, check_journal
    from linkinstall.journal import (
        ABSENT,
        COMMITTED,
        OPEN,
        STAGING,
        TornJournalError,
        decode,
        is_of_other_version,
        relocate,
    )

    status = files.status(home)
    if status is None:
        return ABSENT, None
    names = _names(files, home, status)
    for name, state in (("committed", COMMITTED), ("journal", OPEN)):
        if name in names:
            data = files.read(f"{home}/{name}", limits.JOURNAL_SIZE)
            try:
                journal = decode(data)
            except ValueError as error:
                torn = isinstance(error, TornJournalError) and not is_of_other_version(data)
                torn = torn and state == OPEN
                if torn and not holds_stash(files, home):
                    return STAGING, None  # nothing had begun: it is flushed before
                raise _unreadable(f"{home}/{name}", error) from error
            try:
                journal = relocate(journal, home)
                check_journal(journal, roots)
            except OutsideError as error:
                raise _of_other_folders(f"{home}/{name}", error.path) from error
            except ValueError as error:
                raise _unreadable(f"{home}/{name}", error) from error
            for other in journal.states[1:]:
                _require_known(files, other)
            return state, journal
    if holds_stash(files, home):
        raise _unreadable(f"{home}/stash", "there is a stash without a journal")
    return STAGING, None


def _names(files: FileSystem, state: str, status: os.stat_result) -> set[str]:
    """Return the names in a state folder.

    :raises JournalError: anything in it is of another name or kind than ours
    """
    if not S_ISDIR(status.st_mode):
        raise _unknown(state, ["it is no folder"])
    found = dict(files.scan(state))
    strange = [name for name, kind in found.items() if _KINDS.get(name) != kind]
    if "stash" in found and not strange:
        inner = files.scan(f"{state}/stash")
        strange = [f"stash/{name}" for name, kind in inner if kind != FOLDER]
    if strange:
        raise _unknown(state, strange)
    return set(found)


def _require_known(files: FileSystem, state: str) -> None:
    status = files.status(state)
    if status is not None:
        _names(files, state, status)
        if files.real_path(state) != state:
            raise _unknown(state, ["a link leads to it"])


def _settle_home(files: FileSystem, home: str, roots: list[str], volumes: Volumes) -> Report:
    if files.status(home) is None:
        return Report()
    from linkinstall.journal import COMMITTED
    from linkinstall.settle import Settlement

    state, journal = read_journal(files, home, roots)
    try:
        # What was moved there by earlier runs goes first: what this recovery puts
        # there stays until the next. What an attempt at it put there was not told of yet.
        attempt = f"{journal.id}-" if journal is not None and state != COMMITTED else ""
        pending = sweep_trash(files, home, attempt)
        if journal is None:
            files.unlink_all(home, ["journal"])  # a torn one
            for side in sides_of(files, home, roots):
                pending += sweep_side(files, side)
                volumes.flush(os.path.dirname(side))
            sweep_state(files, home, loose_ends(files, home))
            return Report(pending=tuple(pending))
        settlement = Settlement(files, journal, volumes, roots)
        if state == COMMITTED:
            volumes.make_durable(home)
            settlement.finish()
            done = Recovered(journal.id, "finished")
        else:
            settlement.roll_back(reported=True)
            _require_gone(files, journal.home, settlement.pending)
            done = Recovered(journal.id, "rolled-back")
    except OSError as error:
        raise unsettled(home, error) from error
    pending += settlement.pending
    return Report((done,), tuple(pending), tuple(settlement.kept), journal)


def _require_gone(files: FileSystem, home: str, pending: list[Pending]) -> None:
    """Make sure that nothing is begun while the journal of what was put back stands.

    It stays where it cannot be removed, or something of the stash, and two have no room there.

    :raises OSError: it stands
    """
    journal = f"{home}/journal"
    if files.status(journal) is not None:
        path = pending[0].moved_to if pending else journal
        raise OSError(EBUSY, "all is put back, but this cannot be removed", path)


def unsettled(home: str, error: OSError, by: str = _RECOVER) -> Exception:
    """Return the error that says a transaction could not be settled now.

    :param by: what settles it later
    """
    what = f"An unfinished transaction in {home} could not be settled"
    return _unfinished(
        what, home, error, f"Nothing new was begun. Mend the cause; {by} settles it."
    )


def not_put_back(
    home: str, error: OSError, cause: BaseException | None, by: str = _RECOVER
) -> Exception:
    """Return the error that says a change has failed, and its rollback as well.

    :param error: why it could not be put back
    :param cause: why it failed
    :param by: what puts it back later
    """
    what = "The change failed, and could not be put back yet"
    if isinstance(cause, OSError) and cause.filename:
        path = os.fsdecode(cause.filename2 or cause.filename)
        what = f"The change failed ({path}: {cause.strerror}), and could not be put back yet"
    return _unfinished(what, home, error, f"Mend the cause; {by} puts it back.")


def not_durable(state: str, error: OSError, by: str = _RECOVER) -> Exception:
    """Return the error that says a change is made, and could not be brought to the disk.

    :param by: what finishes it later
    """
    what = "The change is made, but a power cut could take it back"
    return _unfinished(what, state, error, f"Mend the cause; {by} finishes it.")


def _unfinished(what: str, state: str, error: OSError, next_step: str) -> Exception:
    from linkinstall.errors import Problem, UnsettledError

    path = os.fsdecode(error.filename) if error.filename else state
    reason = error.strerror or str(error)
    problem = Problem("file-system", path, None, f"{path}: {reason}")
    return UnsettledError(f"{what}: {path}: {reason}.", problems=[problem], next_step=next_step)


def _unknown(home: str, what: list[str]) -> Exception:
    from linkinstall.errors import JournalError, Problem

    named = ", ".join(sorted(what)[:_NAMED])
    more = f" and {len(what) - _NAMED} more" if len(what) > _NAMED else ""
    return JournalError(
        f"The state folder {home} holds what linkinstall did not put there: {named}{more}.",
        problems=[Problem("unknown-state", home)],
        next_step="Nothing was changed. Move it away if it is nobody's, and run again.",
    )


def _of_other_folders(path: str, other: str) -> Exception:
    from linkinstall.errors import JournalError, Problem

    return JournalError(
        f"{path} is of a change that was begun with other folders: {other} is in none of those "
        "that were given now.",
        problems=[Problem(OTHER_FOLDERS, other)],
        next_step="Nothing was changed. Run `linkinstall recover` with the options that it was "
        "begun with: the same --python, --prefix or --target, or the same folder for each scheme."
        "\nMove nothing away: what had been taken out of place can then be put back.",
    )


def _unreadable(path: str, error: object) -> Exception:
    from linkinstall.errors import JournalError, Problem

    home = os.path.dirname(path)
    return JournalError(
        f"{path} cannot be understood: {error}.",
        problems=[Problem("journal", path)],
        next_step="Nothing was changed, and every command that changes this environment will "
        "refuse until this is settled.\nIf another version of linkinstall wrote it, run "
        f"`recover` with that one. Otherwise move {home} away and keep it (its folder `stash` "
        "holds what had been taken out of place), run `linkinstall check`, and install again the "
        "projects that it names and those whose .dist-info folders lie in `stash`.",
    )
