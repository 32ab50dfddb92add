"""Outcomes and typed errors of a transaction, put together from its parts.

Guarantees: pure. A failure's outcome says what was recovered before it, and what
state things are in.

Errors: none.
"""

from __future__ import annotations

import os
import sys
from errno import EBUSY, EILSEQ, ETXTBSY

from linkinstall.outcome import FileCount, Outcome, Warn
from linkinstall.paths import forward
from linkinstall.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from linkinstall.application import Application
    from linkinstall.environment import Environment
    from linkinstall.fs.port import FileSystem
    from linkinstall.outcome import Kept
    from linkinstall.preparation import Preparation
    from linkinstall.recovery import Report
    from linkinstall.settle import Settlement

_SHARING = (32, 33)  # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION
_OF_A_CHANGE = ("damaged-replaced", "leftover-replaced")
"""Warnings that tell what was done: where all is put back, nothing was."""
_NAMED = 5
"""So many of what could not go back are told to people."""
_BUSY = (EBUSY, ETXTBSY)
_STAGED = ("/.linkinstall", "/v1/tmp/")
"""Of a path of ours that people know nothing of: in a state folder, or unpacked in the cache."""

AS_IT_WAS = "The environment is as it was."
SETTLED = "What an earlier run had left unfinished is settled; nothing else was changed."
"""What a message says instead where that was settled before."""

__all__ = [
    "AS_IT_WAS",
    "SETTLED",
    "is_busy",
    "of_the_system",
    "outcome_of",
    "put_aside",
    "told",
    "typed",
    "unshared",
    "with_outcome",
]


def outcome_of(
    command: str,
    environment: Environment,
    report: Report,
    preparation: Preparation,
    application: Application | None,
    settlement: Settlement | None,
    warnings: tuple[Warn, ...],
) -> Outcome:
    """Return the outcome of a transaction that went well."""
    plan = application.plan if application is not None else None
    staging = application.staging if application is not None else None
    counts = staging.placements.counts if staging is not None else {}
    placed = unshared(counts) if preparation.temporary else counts
    refusals = staging.placements.refusals if staging is not None else []
    aside = (*report.kept, *(application.kept if application is not None else ()))
    changes = preparation.changes
    return Outcome(
        command,
        status="done" if plan is not None or not changes or report.recovered else "unchanged",
        environment_root=forward(environment.root),
        environment_python=forward(environment.python),
        environment_library=forward(environment.library),
        recovered=report.recovered,
        changes=changes,
        files=FileCount(**placed),
        bytecode=preparation.bytecode,
        pending=(*report.pending, *(settlement.pending if settlement else ())),
        kept=(
            *aside,
            *(plan.kept if plan else ()),
            *(settlement.kept if settlement else ()),
        ),
        warnings=(
            *preparation.warnings,
            *(plan.warnings if plan else ()),
            *preparation.link_warnings(counts, refusals),
            *warnings,
            *put_aside(aside),
        ),
    )


def put_aside(kept: Sequence[Kept]) -> Iterator[Warn]:
    """Yield what a person has to know of what a rollback could not put back."""
    for one in kept[:_NAMED]:
        yield Warn("put-aside", f"{one.path}: {one.reason}, and the next command deletes them")
    if (more := len(kept) - _NAMED) > 0:
        yield Warn("put-aside", f"{more} more could not go back (-v names them)")


def unshared(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts in which hard links to a cache that goes with the run are copies.

    A file of a temporary cache has one name in the end: nothing is shared.
    """
    copies = counts.get("copy", 0) + counts.get("hardlink", 0)
    return {**counts, "hardlink": 0, "copy": copies}


def typed(
    error: BaseException, root: str, outcome: Outcome, files: FileSystem | None = None
) -> BaseException:
    """Return the error to raise: one of ours, with what is known of the outcome.

    :param files: asked who holds the file, where that is why it failed
    """
    from linkinstall.errors import FileSystemError, LinkInstallError

    error = of_the_system(error)
    if isinstance(error, OSError) and not isinstance(error, LinkInstallError):
        path, reason, next_step = told(error, root, files)
        error = FileSystemError(
            f"{path}: {reason}. {AS_IT_WAS}",
            path=path,
            cause=error,
            next_step=next_step,
        )
    with_outcome(error, outcome)
    return error


def of_the_system(error: BaseException) -> BaseException:
    """Return an error as the system's where Python was first to refuse the name of a file.

    In a locale that is not UTF-8 there are names that cannot be written. Whatever is changed
    is looked at before, by its name, and so nothing has been changed by then.
    """
    encoding = sys.getfilesystemencoding()
    if not isinstance(error, UnicodeEncodeError) or encoding == "utf-8":
        return error
    reason = f"the name cannot be written in the encoding of this locale ({encoding})"
    return OSError(EILSEQ, reason, error.object)


def told(error: OSError, root: str, files: FileSystem | None) -> tuple[str, str, str]:
    """Return what an error is about: the path, the reason, and what to do next.

    :param root: the path to name where the error names none
    :param files: asked who holds the file, where that is why it failed
    """
    path = os.fsdecode(error.filename) if error.filename else root
    if error.filename2 and any(one in path for one in _STAGED):
        # What was staged cannot get to its place: that is what can be mended.
        path = os.fsdecode(error.filename2)
    reason = (error.strerror or str(error)).rstrip(".")
    if isinstance(error, FileNotFoundError) and not error.filename:
        # getcwd(2) names no path: a relative one has nowhere to begin in.
        reason = f"{reason}: the current folder has been deleted"
        return path, reason, "Go to another folder and run the same command again."
    if error.errno == EILSEQ:
        locale = "Set a UTF-8 locale (LC_ALL=C.UTF-8) or PYTHONUTF8=1"
        return path, reason, f"{locale}, and run the same command again."
    if not is_busy(error):
        return path, reason, "Mend the cause and run the same command again."
    found = files.holders(path) if files is not None else ()
    held = ", ".join(f"{name} (process {pid})" for pid, name in found)
    reason = f"{reason}; {held or 'another program'} has it open"
    return path, reason, "Close the program and run the same command again."


def is_busy(error: OSError) -> bool:
    """Return whether an error says that somebody else is using the file."""
    return getattr(error, "winerror", None) in _SHARING or error.errno in _BUSY


def with_outcome(error: BaseException, outcome: Outcome) -> None:
    """Tell an error of ours what is known of the outcome, unless it knows that already.

    An interruption, too, and one of the system: what was recovered before it is told.
    """
    from linkinstall.errors import LinkInstallError

    if getattr(error, "outcome", None) is not None:
        return
    if getattr(error, "state", "unchanged") == "unchanged":
        warnings = tuple(one for one in outcome.warnings if one.code not in _OF_A_CHANGE)
        outcome = replace(outcome, warnings=warnings)
    if isinstance(error, LinkInstallError):
        if outcome.recovered and error.message.endswith(AS_IT_WAS):
            error.message = error.message.removesuffix(AS_IT_WAS) + SETTLED
        error.outcome = replace(
            outcome,
            status=error.status,
            exit=error.exit_status,
            changes=(),
            files=FileCount(),
            error=error,
        )
    elif isinstance(error, (KeyboardInterrupt, OSError)):
        error.outcome = replace(outcome, changes=(), files=FileCount())  # type: ignore[union-attr]
