"""One place of a virtual environment while a verb works there.

Purpose: what the verbs of virtual environments share: the lock of the place, settling
what an earlier run left there, and doing one change in two phases.

Calling sequence::

    with Place(".venv", "venv remove", files, "normal", None, None) as place:
        return place.remove(force=False)

Guarantees: in the block the place is locked, settled and looked at (``place.sight``). A
change that fails is put back before the error is raised, which carries the outcome.

Errors: those of :mod:`linkinstall.verbs.venv`.
"""

from __future__ import annotations

import os
from errno import ELOOP
from stat import S_ISLNK

from linkinstall import limits
from linkinstall.fs import local
from linkinstall.fs.volumes import Volumes
from linkinstall.interrupts import deferred
from linkinstall.outcome import Outcome, Warn
from linkinstall.recovery import not_durable, unsettled
from linkinstall.refusals import refuse_odd_options
from linkinstall.results import with_outcome
from linkinstall.values import replace
from linkinstall.venvs.aside import Aside
from linkinstall.venvs.guards import refuse_removal, refuse_unusable_path, refuse_within_unsettled
from linkinstall.venvs.holding import hold_for_change, hold_states
from linkinstall.venvs.making import Wanted, lasting, make
from linkinstall.venvs.settling import Settled, settle
from linkinstall.venvs.sight import ABSENT, DANGLING, EMPTY, LOCK, VENV, look, state_folders
from linkinstall.venvs.undoing import NEXT, Undoing, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from linkinstall.fs.lock import FolderLock
    from linkinstall.fs.port import FileSystem
    from linkinstall.outcome import Pending

    Path = str | os.PathLike[str]

__all__ = ["Place"]

_AGAIN = "should a link be back, the same command"
"""What finishes a change of links alone."""


class Place:
    """See the module docstring.

    :param command: the verb's name, for the outcome
    :param files: the file system; None for this machine's
    :param sync: off, normal or full
    :param lock_timeout: seconds to wait for the place and for the environment
    :param notify: told what is waited for
    :param processes: whether this process may be forked: it has no threads
    :param cache_dir: the cache in use; None is the default one, "" is none
    :raises NotAVenvError: the path is empty
    """

    def __init__(
        self,
        path: Path,
        command: str,
        files: FileSystem | None,
        sync: str,
        lock_timeout: float | None,
        notify: Callable[[str], None] | None,
        *,
        processes: bool = False,
        cache_dir: str | None = None,
    ) -> None:
        refuse_odd_options((), sync=sync)
        refuse_unusable_path(os.fspath(path))
        self.files = files or local()
        self.command = command
        self.sync = sync
        self.sight = look(self.files, os.fspath(path))
        self.settled = Settled()
        self._wait = limits.LOCK_WAIT if lock_timeout is None else lock_timeout
        self._notify = notify
        self._processes = processes
        self._cache_dir = cache_dir
        self._locks: list[FolderLock] = []

    # ---------------------------------------------------------------- the block

    def __enter__(self) -> Self:
        """Lock the place, settle what an earlier run left there, and look again.

        A link may have been set elsewhere while its old place was waited for.
        """
        for _ in range(limits.SYMLINK_DEPTH):
            place = self.sight.place
            try:
                self._enter(place)
            except BaseException as error:
                self._release()
                with_outcome(error, self._outcome(()))
                raise
            if place == self.sight.place:
                return self
            self._release()
        raise OSError(ELOOP, os.strerror(ELOOP), self.sight.path)

    def _enter(self, place: str) -> None:
        from linkinstall.fs.lock import FolderLock, private_path

        lock = private_path(f"venv {place}")
        self._lock(FolderLock(lock, what=f"the place {place}", private=True))
        self._settle()
        self.sight = look(self.files, self.sight.path)

    def _settle(self) -> None:
        place = self.sight.place
        status = self.files.status(place)
        if status is not None and S_ISLNK(status.st_mode):
            return  # links that lead round in a circle: nothing can be below them
        refuse_within_unsettled(self.files, place)
        held: dict[str, FolderLock | None] = {}
        try:
            # Another user, or one with another folder for temporary files, has another lock of it.
            held = hold_states(self.files, place, timeout=self._wait, notify=self._notify)
            with deferred():  # half put back it would not be "as it was"
                found = settle(self.files, place, sync=self.sync, held=held)
                self.settled = self.settled.and_then(found.recovered, found.pending, found.kept)
        except OSError as error:
            state = _state(self.files, place)
            if state == place:
                raise  # nothing is there to be settled: it could not be looked for
            raise unsettled(state, error, NEXT) from error
        finally:
            for lock in filter(None, held.values()):
                lock.release()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Let the place go; an error gets what is known of the outcome."""
        self._release()
        if error is not None:
            with_outcome(error, self._outcome(()))

    def _lock(self, lock: FolderLock) -> None:
        lock.acquire(timeout=self._wait, notify=self._notify)
        self._locks.append(lock)

    def _release(self) -> None:
        for lock in reversed(self._locks):
            lock.release(remove=lock.private)
        self._locks = []

    def _release_environment(self) -> None:
        """Let the locks in the environment go: where open files hold a folder, ours do too."""
        for lock in self._locks[2:]:
            lock.release()
        del self._locks[2:]  # but not those of the state and of the place

    # ---------------------------------------------------------------- what is done

    def nothing_there(self) -> Outcome:
        """Return that nothing was to be done, but for what was settled."""
        if self.settled.recovered:
            return self._outcome(())
        message = f"{self.sight.path}: nothing is there."
        return replace(self._outcome((), Warn("absent", message)), status="unchanged")

    def has_settled_venv(self) -> bool:
        """Return whether this run has put an environment back, or ended what had made one."""
        return bool(self.settled.recovered) and self.sight.kind == VENV

    def unchanged(self) -> Outcome:
        """Return that what was settled is kept."""
        message = f"{self.sight.place} is kept as it is now; --clear makes it anew."
        return self._outcome((), Warn("exists", message))

    def drop_links(self, links: tuple[str, ...]) -> Outcome:
        """Remove links, and nothing of what they lead to.

        :raises UnsettledError: with ``full`` it did not get to the disk
        """
        lead = f"{self.sight.path} was a link to {self.sight.place}"
        if self.sight.kind == DANGLING:
            warning = Warn("dangling-link", f"{lead}, where nothing is.")
        elif self.sight.kind != VENV:
            warning = Warn("link", f"{lead}, which stays.")
        else:
            from linkinstall.shell import joined

            command = joined(["linkinstall", "venv", "remove", self.sight.place])
            warning = Warn("link", f"{lead}, which stays; `{command}` removes it too.")
        with deferred() as held:
            for link in links:
                try:
                    self.files.unlink(link)
                except OSError as error:
                    raise refused(error, link, self.files) from error
            held.too_late = True
            outcome = self._outcome((), warning, action="unlinked")
            self._keep_unlinked(links, outcome)
            return outcome

    def remove(self, *, force: bool) -> Outcome:
        """Remove what stands at the place, and the links that lead to it."""
        refuse_removal(self.files, self.sight, force=force)
        aside = self._begin("remove", force=force)
        with self._undoing(aside):
            self._take(aside)
        return self._end(aside, "removed", self.sight.links)

    def make_anew(self, wanted: Wanted, *, force: bool = False) -> Outcome:
        """Take away what stands at the place, and make an environment there."""
        fresh = self.sight.kind in {ABSENT, EMPTY}
        if not fresh:
            refuse_removal(self.files, self.sight, force=force)
            wanted = lasting(self.files, self.sight.place, wanted)
        aside = self._begin("create" if fresh else "clear", force=force)
        with self._undoing(aside):
            if not fresh:
                self._take(aside)
            aside.mark()
            make(self.sight.place, wanted)
        return self._end(aside, "created" if fresh else "cleared")

    def _take(self, aside: Aside) -> None:
        if self.files.open_files_refuse:  # the file of the lock is one
            self._release_environment()
        aside.take(self._release_environment)

    def _begin(self, what: str, *, force: bool) -> Aside:
        if self.sight.kind == VENV:
            from linkinstall.fs.lock import FolderLock

            place = self.sight.place
            self._lock(FolderLock(f"{place}/{LOCK}", what=f"the environment {place}"))
            if not force:
                self._hold_cache()
        aside = Aside(self.files, self.sight.place, sync=self.sync, hold=self._hold)
        with self._undoing(aside):
            aside.begin(what)
        return aside

    def _hold_cache(self) -> None:
        """Lock the cache where it goes, too; after the environment, as an installation does."""
        from linkinstall.venvs.inner_cache import hold_unused

        place, wait = self.sight.place, self._wait
        lock = hold_unused(self.files, place, self._cache_dir, timeout=wait, notify=self._notify)
        self._locks += [lock] if lock is not None else []

    def _undoing(self, aside: Aside) -> Undoing:
        return Undoing(self, aside)

    def _hold(self, state: str) -> FolderLock:
        lock = hold_for_change(self.files, state)
        self._locks.insert(0, lock)  # let go last
        return lock

    def _end(self, aside: Aside, action: str, links: tuple[str, ...] = ()) -> Outcome:
        """Commit and clean up; Ctrl-C does not hide what is done by then.

        :param links: those that go with it
        """
        with deferred() as held:
            with self._undoing(aside):
                aside.commit()
            held.too_late = True
            try:
                return self._committed(aside, action, links)
            finally:
                self._release()

    def _committed(self, aside: Aside, action: str, links: tuple[str, ...]) -> Outcome:
        try:
            aside.volumes.make_durable(aside.state)
        except OSError as error:
            failure = not_durable(aside.state, error, NEXT)
            with_outcome(failure, self._outcome((), action=action))
            raise failure from error
        pending, warnings = self._finish(aside)
        warnings += [*self._left(action), *self._unlinked(links)]
        outcome = self._outcome(tuple(pending), *warnings, action=action)
        self._keep_unlinked(links, outcome)
        return outcome

    def _finish(self, aside: Aside) -> tuple[list[Pending], list[Warn]]:
        pending: list[Pending] = []
        left: OSError | None = None
        try:
            pending = aside.finish(processes=self._processes)
        except OSError as error:
            left = error
        left = left or aside.stays
        message = f"cleaning up after the change is left to the next run: {left}"
        return pending, [Warn("cleanup", message)] if left else []

    def _outcome(self, pending: tuple[Pending, ...], *warnings: Warn, action: str = "") -> Outcome:
        place = self.sight.place
        return Outcome(
            self.command,
            environment_root=place,
            recovered=self.settled.recovered,
            pending=(*self.settled.pending, *pending),
            kept=self.settled.kept,
            warnings=warnings,
            venv={"path": self.sight.path, "place": place, "action": action or "unchanged"},
        )

    def _left(self, action: str) -> Iterator[Warn]:
        """Yield a warning where the folder itself could not go."""
        try:
            standing = self.files.status(self.sight.place) is not None
        except OSError:  # whoever needs it will be told
            standing = False
        if action == "removed" and standing:
            message = f"{self.sight.place} was emptied, but the folder itself cannot be removed."
            yield Warn("folder-stays", message)

    def _unlinked(self, links: tuple[str, ...]) -> Iterator[Warn]:
        """Remove the links that led to what is gone; yield a warning for each that stays."""
        for link in links:
            try:
                self.files.unlink(link)
            except OSError as error:
                message = f"{link}: {error.strerror}. The link stays, and leads nowhere now."
                yield Warn("link-stays", message)

    def _keep_unlinked(self, links: tuple[str, ...], outcome: Outcome) -> None:
        """Bring to the disk that links are gone (``full``)."""
        volumes = Volumes(self.files, self.sync)
        for folder in dict.fromkeys(map(os.path.dirname, links)):
            try:
                volumes.make_durable(folder)
            except OSError as error:
                failure = not_durable(folder, error, _AGAIN)
                with_outcome(failure, outcome)
                raise failure from error


def _state(files: FileSystem, place: str) -> str:
    return next((one for one in state_folders(place) if files.status(one) is not None), place)
