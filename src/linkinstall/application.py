"""Applying a plan under a journal: stage, record, flush, link, stash, switch, commit.

Purpose: the protocol itself, step by step. Which lines there are, and why in this
order, is told in ``docs/explanation/how-a-change-is-made.md``.

Calling sequence::

    application = Application(files, plan, preferences, origin)
    application.prepare()
    application.commit()             # or application.undo()
    application.volumes.make_durable(application.home)
    application.clean_up()

Guarantees: before the journal is on the disk nothing of the environment is touched.
After :meth:`Application.prepare` the commit is one rename. :meth:`Application.undo`
can be called at any point before it. Every change of state is in
:data:`linkinstall.journal.TRANSITIONS`.

Errors: ``OSError``; the caller undoes.
"""

from __future__ import annotations

import os

from linkinstall import limits
from linkinstall.flushing import flush
from linkinstall.fs.trees import remove_unused_folder, rename_folder
from linkinstall.journal import ABSENT, OPEN, STAGING, Journal, encode, next_state
from linkinstall.plan import WHOLE
from linkinstall.settle import Settlement
from linkinstall.staging import Staging
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linkinstall.cache import Cache, Entry
    from linkinstall.fs.port import FileSystem
    from linkinstall.fs.volumes import Volumes
    from linkinstall.linking import Preferences, Refused
    from linkinstall.outcome import Kept
    from linkinstall.plan import Plan

__all__ = ["Application", "Origin"]


@value
class Origin:
    """Where a plan comes from, as far as applying needs to know.

    :param root: the environment's root folder, resolved
    :param made: folders made for the lock and the state folder
    :param intent: how it was asked for, for ``recover --finish``
    :param unflushed: entries whose files may not have reached the disk
    :param refresh: gives cache files that take no more links fresh inodes
    :param volumes: those held since before the first write, and whether they are flushed
    """

    root: str
    made: tuple[str, ...]
    intent: tuple[tuple[str, str], ...]
    cache: Cache
    unflushed: tuple[Entry, ...]
    refresh: Callable[[Iterable[Refused]], None]
    volumes: Volumes


class Application:
    """See the module docstring."""

    def __init__(
        self,
        files: FileSystem,
        plan: Plan,
        preferences: Preferences,
        origin: Origin,
    ) -> None:
        self.files = files
        self.plan = plan
        self.origin = origin
        self.volumes = origin.volumes
        self.processes = preferences.processes
        self.state = ABSENT
        self.staging = Staging(files, plan, preferences, self.volumes)
        self.journal: Journal | None = None
        self.kept: tuple[Kept, ...] = ()  # what could not be put back, by `undo`
        self.home = plan.states[0]

    # ---------------------------------------------------------------- before the commit point

    def prepare(self) -> None:
        """Put everything into place, in a way that can be undone."""
        for state in self.plan.states:
            self.volumes.hold(state)
        self._stage()
        self._stash()
        self.staging.switch()
        for state in self.plan.states[1:]:
            self.volumes.flush(state)

    def _stage(self) -> None:
        """Stage until every file has found a link mode."""
        placements = self.staging.placements
        for _ in range(limits.RETRIES):
            self._move("stage")
            self.staging.write()
            self._record()
            self._flush()
            if placements.link():
                return
            self.origin.refresh(placements.crowded())
            self.files.unlink(f"{self.home}/journal")
            self.journal = None
            self.state = STAGING
            self.staging.discard()
            self._move("abandon")
        raise placements.last_refusal()

    def _record(self) -> None:
        status = self.files.status(self.home)
        plan = self.plan
        journal = Journal(
            id=os.urandom(6).hex(),
            home=self.home,
            inode=status.st_ino if status else 0,
            root=self.origin.root,
            made=(*self.origin.made, *self.staging.made),
            states=plan.states,
            changes=plan.changes,
            stash=plan.stash,
            groups=plan.groups,
            folders=plan.folders,
            trees=plan.trees,
            placements=plan.placements,
            staged=tuple(self.staging.staged),
            emptied=plan.emptied,
            intent=self.origin.intent,
        )
        self.journal = journal  # before it stands: who interrupts what follows is put back by it
        self.files.write_new(f"{self.home}/journal", encode(journal, plan.texts))
        self._move("record")

    def _flush(self) -> None:
        """Bring everything that was written to the disk, once, before the first change."""
        origin = self.origin
        flush(self.files, origin.cache, self.volumes, self.plan.states, origin.unflushed)

    def _stash(self) -> None:
        for item in self.plan.stash:
            stashed = f"{self.plan.states[item.state]}/stash/{item.number}"
            if item.kind == WHOLE and rename_folder(self.files, item.path, stashed):
                self._refuse_busy(item.path, item.names, stashed)
                continue
            self._stash_files(item.path, item.names, stashed, whole=item.kind == WHOLE)

    def _refuse_busy(
        self, path: str, names: Iterable[tuple[str, tuple[str, ...]]], stashed: str
    ) -> None:
        """Refuse while it can be undone what could not be deleted after the commit.

        :raises OSError: somebody has a file open without sharing its deletion (Windows)
        """
        for sub, members in names:
            inner = f"/{sub}" if sub else ""
            for name, error in self.files.busy(stashed + inner, members):
                error.filename = f"{path}{inner}/{name}"
                raise error

    def _stash_files(
        self,
        path: str,
        names: Iterable[tuple[str, tuple[str, ...]]],
        stashed: str,
        *,
        whole: bool,
    ) -> None:
        """Stash name by name; folders that are to go as a whole go when they are empty.

        A RECORD goes last: as long as anything else stands, other tools find it.

        :raises OSError: a folder refuses, the current one of a process on Windows: it would stand
            in the way of what comes, and after the commit nobody would come for it
        """
        folders, last = [], []
        for sub, members in names:
            source, target = (f"{base}/{sub}" if sub else base for base in (path, stashed))
            self.files.make_folder(target)
            for name in members:
                if name == "RECORD":
                    last.append((f"{source}/{name}", f"{target}/{name}"))
                else:
                    self.files.rename_new(f"{source}/{name}", f"{target}/{name}")
            folders.append(source)
        for source, target in last:
            self.files.rename_new(source, target)
        for folder in reversed(folders if whole else []):
            remove_unused_folder(self.files, folder)

    # ---------------------------------------------------------------- the commit point

    def commit(self) -> None:
        """Make the change final: one rename."""
        self.files.rename(f"{self.home}/journal", f"{self.home}/committed")
        self._move("commit")

    def clean_up(self) -> Settlement:
        """Drop what is not needed any more after the commit point."""
        settlement = self._settlement()
        settlement.finish()
        self._move("clean up")
        return settlement

    def undo(self) -> None:
        """Bring everything back to what it was, from any point before the commit."""
        try:
            self.staging.placements.abandon()
        finally:  # who interrupts that is told when everything is back
            self._put_back()

    def _put_back(self) -> None:
        if self.state == OPEN:
            settlement = self._settlement()
            settlement.roll_back()
            self.kept = tuple(settlement.kept)
            self._move("roll back")
        elif self.state in (STAGING, OPEN):
            self.files.unlink_all(self.home, ["journal"])
            self.staging.discard()
            self.journal = None
            self.state = ABSENT

    def _settlement(self) -> Settlement:
        if self.journal is None:
            message = "there is a journal from the moment it is recorded"
            raise RuntimeError(message)
        return Settlement(self.files, self.journal, self.volumes, processes=self.processes)

    def _move(self, event: str) -> None:
        self.state = next_state(self.state, event)
