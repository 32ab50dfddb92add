"""What a flush that failed may have lost, and must not be linked again.

Purpose: the system tells an error of the disk once, and takes what it could not write for
clean from then on. So a run whose flush met one gives up every entry of the cache, and every
set of compiled files, that is marked as not flushed yet, whoever made it. What was not given
up reads well, so that neither the oracle nor a digest finds it.

Calling sequence, right after the run and before any other::

    if is_owed(scenario.verb, point, injected):
        left = still_linked(cache)      # nothing where all was given up

Guarantees: reads only. The names are written down here once more, so that a build that looks
for others does not pass.

Errors: none; a cache that is not there holds nothing.
"""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integration.faults.injection import ErrorPoint, Injected

STATUSES = (0, 1, 3)
"""The statuses of docs/reference/exit-status.md that an error can lead to."""
GIVING_UP = frozenset(
    ("install", "reinstall", "upgrade", "downgrade", "repair", "uninstall", "cache-add")
)
"""The verbs that change packages, each of which is one transaction, which flushes before it
changes; and what fills the cache, which flushes before it ends."""
MARK, LINKED_BY = "unflushed", "manifest"
"""What says that an entry may not be on the disk yet, and what an entry is not linked without."""


def is_owed(verb: str, point: ErrorPoint, injected: Injected) -> bool:
    """Return whether a run that met an error has to have given up all that is marked.

    It is owed where ``syncfs`` met EIO, once or from then on, whichever flush it was: before the
    change (all is put back then), of putting back (unsettled), or of cleaning up behind a change
    that is made (success, with a warning). It is owed also where the cache stands on another
    volume than the one that could not be flushed. An error from then on is one of ``syncfs``
    alone: the renames that giving up takes succeed.

    It is not asked for where docs/explanation/promises.md does not promise it: after another
    error, which says nothing of what was written before; of a run that was killed; of the verbs
    of virtual environments. The others of the cache flush nothing.
    """
    return (
        verb in GIVING_UP
        and (point.call, point.error) == ("syncfs", "EIO")
        and injected.fired
        and injected.completed.status in STATUSES
    )


def still_linked(cache: str) -> list[str]:
    """Return the folders that are marked as not flushed and would be linked all the same."""
    folders = glob.glob(f"{cache}/v*/entries/*") + glob.glob(f"{cache}/v*/bytecode/*/*")
    return sorted(
        os.path.relpath(folder, cache)
        for folder in folders
        if all(os.path.lexists(f"{folder}/{name}") for name in (MARK, LINKED_BY))
    )
