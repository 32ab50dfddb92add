"""What an error has left right after it, and what is wrong with that.

Purpose: one part of the verdict of ``make faults``: whether what a command says of itself, by its
exit status and in words, is what is there before any next run.

Calling sequence::

    wrong = wrong_right_after(point, injected, there)      # kind -> what is wrong, in words
    end = end_of(completed, there)                         # where nothing is

Guarantees: pure but for links, which are followed where a message names one.

Errors: none.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integration.faults.meanings import LOOKING, OPENING, READING, UNDOING
from integration.faults.sweep import BUG, TRACEBACK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from integration.faults.injection import ErrorPoint, Injected
    from integration.faults.sandbox import Completed

DONE, FAILED, UNSETTLED = 0, 1, 3
"""The statuses of docs/reference/exit-status.md that an error can lead to."""
PENDING = re.compile(r"left to the next run|waits for its removal")
"""What a command says that made its change and could not clean up behind it."""
HELD = re.compile(r"kept [1-9]\d* entr|has symbolic links into it")
"""What a command of the cache says of an entry that an environment may need."""
_PATH = re.compile(r"/[^\s:,]+")
CLEARING = READING | OPENING | {"unlink", "unlinkat", "rmdir"}
"""The calls that removing what was staged takes: without them it stays."""
SETTLED_BEFORE = "What an earlier run had left unfinished is settled; nothing else was changed."
"""What a command says that failed after it had settled what was left."""
LOCKING = "flock"
"""The call without which the file of a new lock is left to whoever can lock it."""

NOT_DELIVERED = "not delivered"
CRASHED = "traceback"
MIXED = "mixed"
STATUS = "wrong status"
UNNAMED = "path unnamed"
LOST = "lost not given up"
LITTER = "litter"
KINDS = (NOT_DELIVERED, CRASHED, MIXED, STATUS, UNNAMED, LOST, LITTER)
"""What can be wrong, in the order of the table's columns."""
ROLLED_BACK = "rolled back at once"
SUCCESS = "new with success"
SETTLED = "settled by the next run"
ENDS = (ROLLED_BACK, SUCCESS, SETTLED)
"""How it can end well."""


@dataclass(frozen=True)
class Aftermath:
    """The world before any next run.

    :param old: the environment is exactly the old one
    :param new: it is exactly the new one
    :param unfinished: there is something that the next run settles or sweeps
    :param only_staged: it is the old one but for what was staged, which a lasting error
        of what clearing away takes keeps from being swept
    :param only_trash: it is the new one but for what waits in the state folder to go, and no
        journal there would have the next run roll it back
    :param litter: folder in which nothing may be left by now -> how it differs from before
    """

    old: bool
    new: bool
    unfinished: bool
    only_staged: bool
    only_trash: bool
    litter: Mapping[str, str]


def wrong_right_after(
    point: ErrorPoint, injected: Injected, there: Aftermath, *, settles: bool = False
) -> dict[str, str]:
    """Return kind -> what is wrong right after an error.

    :param settles: one error is enough for it to end unsettled, as that of a recovery
    """
    completed = injected.completed
    wrong = {} if injected.fired else {NOT_DELIVERED: "no call of the command met the error"}
    if TRACEBACK in completed.output or BUG in completed.output:
        wrong[CRASHED] = "a traceback, or a message that takes it for a mistake in the program"
    wrong.update(_wrong_status(point, completed, there, settles=settles))
    named = _named(completed.output, injected.paths)
    named = named or _holds(point, completed.output)
    if completed.status in {FAILED, UNSETTLED} and injected.fired and not named:
        wrong[UNNAMED] = f"none of {', '.join(injected.paths)}"
    left = [
        f"{folder}: {line}"
        for folder, line in there.litter.items()
        if not (point.lasting or _keeps(point, injected, folder))
    ]
    return {**wrong, LITTER: "\n".join(left)} if left else wrong


def _named(output: str, paths: Sequence[str]) -> bool:
    """Return whether a message names one of these paths, or a link that leads to it."""
    told = (os.path.realpath(one) for one in _PATH.findall(output))
    return any(path in output for path in paths) or any(one in paths for one in told)


def _wrong_status(
    point: ErrorPoint, completed: Completed, there: Aftermath, *, settles: bool
) -> dict[str, str]:
    """Return what is wrong with an exit status, seeing what is there."""
    if completed.timed_out or completed.status not in (DONE, FAILED, UNSETTLED):
        return {STATUS: f"status {completed.status} is not one that an error leads to"}
    swept = there.only_staged and point.lasting and point.call in CLEARING
    settled = settles and there.new and SETTLED_BEFORE in completed.output
    if completed.status == FAILED and not (there.old or swept or settled):
        return {MIXED: "it says that nothing was changed, and the environment is not old"}
    if completed.status == UNSETTLED and not there.unfinished:
        return {STATUS: "it says unsettled, and there is nothing to settle"}
    if completed.status == UNSETTLED and not (point.lasting or settles):
        return {MIXED: "one error, and it was not put back at once"}
    if completed.status == UNSETTLED and point.call not in UNDOING:
        return {MIXED: f"putting back takes no {point.call}, and it was not put back at once"}
    pending = there.only_trash and PENDING.search(completed.output) is not None
    pending = pending or _holds(point, completed.output)
    if completed.status == DONE and not (there.new or pending):
        return {STATUS: "it reports success, and the environment is not new"}
    return {}


def _holds(point: ErrorPoint, output: str) -> bool:
    """Return whether an entry stays because it cannot be told who needs it."""
    return point.call in LOOKING and HELD.search(output) is not None


def _keeps(point: ErrorPoint, injected: Injected, folder: str) -> bool:
    """Return whether an error is one of clearing a folder, so that what is in it stays.

    A folder that was closed, and has been moved there, was closed to clearing, too.
    """
    clears = point.call in {*CLEARING, LOCKING} and not any("O_CREAT" in c for c in injected.calls)
    met = (*(injected.paths if clears else ()), *injected.moved)
    return any(f"{path}/".startswith(f"{folder}/") for path in met)


def end_of(completed: Completed, there: Aftermath) -> str:
    """Return how it ended, of ``ENDS``."""
    if completed.status == DONE and there.new:
        return SUCCESS
    return ROLLED_BACK if completed.status == FAILED else SETTLED
