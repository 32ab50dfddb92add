"""Holding an environment for one change: lock it, settle what was left, let it go.

Purpose: everything around a change that is not the change: the lock and its folder,
recovery, the folders made on the way, and leaving no trace.

Calling sequence::

    session = Session(files, environment, volumes)
    world = session.begin(timeout=300.0, notify=print)
    ...
    session.end()

Guarantees: nothing is begun before the lock is held and every unfinished transaction
is settled, and nothing in a venv that was removed since it was found, nor in one that a
``venv`` command is changing, or was, when it was killed: what settles that may take away what
was installed in between. An interruption waits until what was found is settled. Afterwards folders
that were made for the lock and the state folder are gone where nothing came into them.

Errors: :class:`~linkinstall.errors.LockTimeoutError`,
:class:`~linkinstall.errors.EnvironmentNotFoundError` for a venv that is not there any more,
:class:`~linkinstall.errors.UnsettledError` for one that a ``venv`` command has left unfinished,
and those of recovery.
"""

from __future__ import annotations

import os

from linkinstall.fs.trees import make_folders, remove_folder_if_empty, remove_tree
from linkinstall.interrupts import deferred
from linkinstall.paths import forward
from linkinstall.recovery import Report, recover_environment
from linkinstall.world import World, unsettled_venvs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from linkinstall.environment import Environment
    from linkinstall.fs.lock import FolderLock
    from linkinstall.fs.port import FileSystem
    from linkinstall.fs.volumes import Volumes

__all__ = ["Session"]


class Session:
    """See the module docstring.

    :param volumes: to flush them by where something is recovered
    """

    def __init__(self, files: FileSystem, environment: Environment, volumes: Volumes) -> None:
        self.files = files
        self.environment = environment
        self.report = Report()
        self.made: list[str] = []
        self.home = ""
        self._volumes = volumes
        self._lock: FolderLock | None = None

    def begin(self, *, timeout: float, notify: Callable[[str], None] | None) -> World:
        """Lock the environment, settle what an earlier run left, and return its world."""
        lock = self.environment.lock()
        folder = forward(os.path.dirname(lock.path))
        self.made = []

        def make_folder() -> None:
            self.made += make_folders(self.files, folder)

        self._lock = lock  # before it is held: who interrupts that lets it go at the end
        # A venv is never made by its lock: it is there, or was removed by who had the lock.
        is_venv = self.environment.keeps_lock
        try:
            lock.acquire(
                timeout=timeout, notify=notify, make_folder=None if is_venv else make_folder
            )
        except FileNotFoundError as error:
            if not is_venv:
                raise
            raise self._gone() from error
        if is_venv and not self._has_settings():
            lock.release(remove=True)
            raise self._gone()
        self._refuse_unsettled()
        world = World(self.files, self.environment)
        self.home = world.home
        with deferred():
            self.report = recover_environment(self.files, world.bounds, self._volumes)
        self.made += make_folders(self.files, world.libraries[0])
        return World(self.files, self.environment)

    def _has_settings(self) -> bool:
        """Return whether the venv's settings stand above its interpreter, or beside (PEP 405)."""
        places = (self.environment.root, os.path.dirname(self.environment.python or ""))
        return any(self.files.status(f"{one}/pyvenv.cfg") is not None for one in places)

    def _refuse_unsettled(self) -> None:
        """Refuse what is, or lies in, a venv that is being made, emptied or removed as a whole.

        :raises EnvironmentNotFoundError: that is still under way
        :raises UnsettledError: a journal says so, and nobody is at it
        """
        # A folder in it (--target, another venv) goes with it.
        for root, state in unsettled_venvs(self.files, self.files.real_path(self.environment.root)):
            from linkinstall.venvs.guards import unsettled_venv

            raise unsettled_venv(self.files, root, state)

    def _gone(self) -> Exception:
        from linkinstall.venvs.guards import gone

        return gone(self.environment.root)

    def end(self) -> None:
        """Let the environment go.

        What came of the change is known by now: an error here is none of it, and what
        cannot be swept is the next run's to sweep.
        """
        if self._lock is not None and self._lock.held:
            try:
                self._leave_no_trace()
            except OSError:
                pass
            # The next one who has the lock may be about to use an empty folder, so only
            # those that hold the lock itself go afterwards.
            self._remove_made()
            place = forward(os.path.dirname(self._lock.path)) + "/"
            self.made = [one for one in self.made if place.startswith(f"{one}/")]
            self._lock.release(remove=not self.environment.keeps_lock)
        self._remove_made()
        self.made = []

    def _remove_made(self) -> None:
        for folder in reversed(self.made):
            remove_folder_if_empty(self.files, folder)

    def _leave_no_trace(self) -> None:
        """Remove a temporary cache, and the state folder where nothing is unfinished."""
        journals = (f"{self.home}/{name}" for name in ("journal", "committed"))
        if self.home and not any(self.files.status(path) for path in journals):
            remove_tree(self.files, f"{self.home}/cache")
            remove_folder_if_empty(self.files, self.home)
