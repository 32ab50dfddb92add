"""The lock of the state folder of a virtual environment, for as long as it is in use.

Purpose: the lock of a place lies in the folder for temporary files, and so another user, or one
with another ``TMPDIR``, has another. The state folder is the same for all: who settles waits here
for the command that still works, which would be undone under its feet else.

Calling sequence::

    held = hold_states(files, place, timeout=300.0, notify=print)     # before they are settled
    lock = hold_for_change(files, state)                              # before a journal is written
    is_at_work(files, state)                                          # asked by whoever comes by

Guarantees: what is locked is the ``.gitignore`` that each state folder has, so nothing is made and
nothing stays for it. On Windows, where nothing that is open can be removed, it has to be let go
before the state folder goes.

Errors: :class:`~linkinstall.errors.LockTimeoutError`; ``OSError`` with its path.
"""

from __future__ import annotations

from errno import EEXIST

from linkinstall.fs.lock import FolderLock, private_path
from linkinstall.venvs.guards import refuse_strange_state
from linkinstall.venvs.sight import state_folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from linkinstall.fs.port import FileSystem

__all__ = ["drop_lock_of_place", "hold_for_change", "hold_states", "is_at_work"]


def hold_states(
    files: FileSystem, place: str, *, timeout: float, notify: Callable[[str], None] | None
) -> dict[str, FolderLock | None]:
    """Lock the state folders of a place that are there; return them with their locks.

    Where one was being made or removed when a run was killed there is nothing to lock.

    :raises JournalError: one is not ours
    """
    held: dict[str, FolderLock | None] = {}
    for state in state_folders(place):
        refuse_strange_state(files, place, state)
        if files.status(f"{state}/.gitignore") is None:
            if files.status(state) is not None:
                held[state] = None
            continue
        lock = _lock_of(state)
        try:
            lock.acquire(timeout=timeout, notify=notify)
        except FileNotFoundError:  # who had it has come to an end, and left nothing
            continue
        held[state] = lock
    return held


def hold_for_change(files: FileSystem, state: str) -> FolderLock:
    """Lock a state folder, without waiting: what was looked at before would not be true any more.

    :raises FileExistsError: another command has begun a change since this one settled the place
    """
    lock = _lock_of(state)
    lock.acquire(timeout=0)
    for name in ("journal", "committed"):
        if files.status(f"{state}/{name}") is not None:
            lock.release()
            raise FileExistsError(EEXIST, "Another command has begun a change here", state)
    return lock


def is_at_work(files: FileSystem, state: str) -> bool:
    """Return whether a command works with a state folder, or has ended since its journal was seen.

    Nothing is made where it has.
    """
    journal = f"{state}/journal"
    if files.status(f"{state}/.gitignore") is not None:
        lock = _lock_of(state)
        try:
            if not lock.try_acquire():
                return True
            lock.release()
        except (FileNotFoundError, PermissionError):  # gone by now, or somebody else's
            pass
    return files.status(journal) is None


def drop_lock_of_place(files: FileSystem, place: str) -> None:
    """Remove the lock of a place that a killed run has left, where nobody holds it."""
    try:
        path = private_path(f"venv {place}")
        if files.status(path) is None:
            return
        lock = FolderLock(path, what=f"the place {place}", private=True)
        if lock.try_acquire():
            lock.release(remove=True)
    except OSError:  # it is in nobody's way
        pass


def _lock_of(state: str) -> FolderLock:
    return FolderLock(f"{state}/.gitignore", what=f"the virtual environment whose state is {state}")
