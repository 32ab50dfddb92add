"""A transaction: wheels in and distributions out, all of it or none of it.

Purpose: the engine's public face. Every verb and ``LinkDestination`` is thin on it.

Calling sequence::

    with Transaction(environment) as transaction:
        transaction.uninstall("ruff")
        transaction.install("b.whl")
        transaction.prepare()       # everything is in place but can be put back
        write_lockfile()            # the caller's own step
    # leaving the block commits; an exception rolls everything back

``prepare`` is called on leaving the block where the caller did not.

Guarantees: until :meth:`Transaction.prepare` nothing is touched. It takes the
environment's lock, settles what an earlier run left, makes the whole plan, refuses
it whole, stages, writes the journal, flushes, and puts everything into place. What
is left for the commit is one rename. Any exception on the way rolls back at once; a
kill is settled by the next run. See ``docs/explanation/how-a-change-is-made.md``.

Errors: everything in :mod:`linkinstall.errors`.
"""

from __future__ import annotations

import os

from linkinstall import limits
from linkinstall.cache import Cache
from linkinstall.fs import local
from linkinstall.fs.port import FOLDER_RENAME_REFUSALS
from linkinstall.fs.trees import make_folders, remove_folder_if_empty, remove_tree
from linkinstall.interrupts import deferred
from linkinstall.journal import (
    ABSENT,
    COMMITTED,
    OPEN,
    STAGING,
    Journal,
    encode,
    next_state,
)
from linkinstall.outcome import FileCount, Outcome, Warn
from linkinstall.preparation import Preparation
from linkinstall.recovery import Report, recover_environment, unsettled
from linkinstall.settle import Settlement
from linkinstall.staging import Staging
from linkinstall.values import replace
from linkinstall.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from linkinstall.cache import Entry
    from linkinstall.environment import Environment
    from linkinstall.fs.lock import FolderLock
    from linkinstall.fs.port import FileSystem
    from linkinstall.plan import Plan
    from linkinstall.planner import Generated

__all__ = ["Transaction"]

SYNC = ("off", "normal", "full")


class Transaction:
    """See the module docstring.

    :param environment: the target; default the running interpreter's
    :param cache: the shared cache; default the user's, ``Cache.none()`` for none
    :param link_mode: auto, clone, hardlink, symlink or copy
    :param copy_binaries: auto, always or never
    :param compile_levels: optimisation levels to compile at, () for none
    :param overwrite_existing: take files in the way instead of refusing
    :param reinstall: install again what is there unchanged
    :param validate_record: all, entries or none, of wheels that are unpacked
    :param verify_cache: off, stat or full, of entries that are linked
    :param sync: off (safe against kills), normal (and power cuts, old or new), full
        (and success means new)
    :param lock_timeout: seconds to wait for the environment
    :param notify: told what is waited for
    """

    def __init__(
        self,
        environment: Environment | None = None,
        *,
        cache: Cache | None = None,
        link_mode: str = "auto",
        copy_binaries: str = "auto",
        compile_levels: Iterable[int] = (0,),
        overwrite_existing: bool = False,
        reinstall: bool = False,
        validate_record: str = "all",
        verify_cache: str = "stat",
        sync: str = "normal",
        lock_timeout: float | None = None,
        notify: Callable[[str], None] | None = None,
        files: FileSystem | None = None,
        command: str = "transaction",
    ) -> None:
        if environment is None:
            from linkinstall.environment import Environment

            environment = Environment.current()
        if sync not in SYNC:
            from linkinstall.errors import UsageError

            raise UsageError(f"unknown sync {sync!r}: one of {', '.join(SYNC)}")
        self.environment = environment
        self.files = files or local()
        self.sync = sync
        self.state = ABSENT
        self.outcome: Outcome | None = None
        self._timeout = limits.LOCK_WAIT if lock_timeout is None else lock_timeout
        self._notify = notify
        self._preparation = Preparation(
            environment,
            cache or Cache(),
            self.files,
            link_mode=link_mode,
            copy_binaries=copy_binaries,
            compile_levels=tuple(compile_levels),
            overwrite=overwrite_existing,
            reinstall=reinstall,
            validate_record=validate_record,
            verify_cache=verify_cache,
        )
        self._lock: FolderLock | None = None
        self._made: list[str] = []
        self._report = Report()
        self._journal: Journal | None = None
        self._staging: Staging | None = None
        self._finished = False
        self._command = command
        self._on_commit: list[Callable[[], None]] = []
        self._on_end: list[Callable[[], None]] = []

    # ---------------------------------------------------------------- what is asked

    def install(
        self,
        wheel: str | os.PathLike[str],
        *,
        metadata: Mapping[str, bytes] | None = None,
        requested: bool = True,
        direct_url: str | None = None,
    ) -> None:
        """Ask for a wheel file to be installed.

        :param metadata: files for its dist-info; INSTALLER is ``linkinstall`` by default
        :param requested: whether to write REQUESTED
        :param direct_url: None for the wheel's file URL, ``"none"`` for no
            ``direct_url.json``, else the URL it came from
        """
        self._require_new()
        self._preparation.want_wheel(
            os.fspath(wheel), metadata=metadata, requested=requested, direct_url=direct_url
        )

    def install_entry(self, entry: Entry, *, metadata: Mapping[str, bytes]) -> None:
        """Ask for a cache entry to be installed, as if its wheel were given."""
        self._require_new()
        self._preparation.want_entry(entry, metadata=metadata)

    def install_generated(
        self,
        entry: Entry,
        *,
        generated: tuple[Generated, ...],
        skipped: frozenset[str],
        compile_levels: tuple[int, ...],
        sources: frozenset[str],
        schemes: Environment,
        overwrite: bool,
    ) -> None:
        """Ask for exactly these files: an entry's, and what a destination generated.

        Nothing that is installed is taken for an earlier version: what stands in the
        way is refused, or replaced where ``overwrite`` says so.

        :param skipped: ``scheme/path`` of the entry's files that are left out
        :param sources: ``scheme/path`` of the files that may be compiled
        :raises TransactionError: the folders are not those of the transaction
        """
        self._require_new()
        folders = {one.scheme for one in generated} | {
            folder.scheme for folder in entry.manifest.folders
        }
        own = self.environment.scheme_for(entry.manifest.distribution)
        if any(self._real(own.get(name)) != self._real(schemes.schemes.get(name))
               for name in folders):
            from linkinstall.errors import TransactionError

            raise TransactionError(
                "The destination's folders are not those of the transaction it joins.",
                next_step="Give both the same environment.",
            )
        self._preparation.want_generated(
            entry, generated=generated, skipped=skipped, levels=compile_levels,
            sources=sources, overwrite=overwrite,
        )  # fmt: skip

    def _real(self, path: str | None) -> str | None:
        return None if path is None else self.files.real_path(path)

    def on_commit(self, call: Callable[[], None]) -> None:
        """Have ``call`` called once after the commit."""
        self._on_commit.append(call)

    def on_end(self, call: Callable[[], None]) -> None:
        """Have ``call`` called once when the transaction has ended, either way."""
        self._on_end.append(call)

    @property
    def cache(self) -> Cache:
        """The cache that it takes entries from."""
        return self._preparation.cache

    def uninstall(self, name: str) -> None:
        """Ask for a distribution to be removed, by any spelling of its name."""
        self._require_new()
        self._preparation.want_removal(name)

    def _require_new(self) -> None:
        if self.state != ABSENT or self._finished:
            from linkinstall.errors import TransactionError

            raise TransactionError(
                "This transaction is prepared already; nothing can be added to it.",
                next_step="Begin another one.",
            )

    # ---------------------------------------------------------------- the two phases

    def dry_run(self) -> Outcome:
        """Return what would be done; nothing is written, locked or recovered.

        :raises ConflictError: all that stands in the way
        """
        from linkinstall.dry_run import planned_changes

        self._require_new()
        try:
            plan = self._preparation.plan(World(self.files, self.environment), dry=True)
        except BaseException as error:
            raise self._typed(error) from error
        preferences = self._preparation.preferences(plan)
        planned = planned_changes(self.files, plan, preferences)
        return replace(
            self._result(None, ()),
            changes=(), plan=planned, status="done" if planned else "unchanged",
            warnings=(*self._preparation.warnings, *plan.warnings),
        )  # fmt: skip

    def prepare(self) -> None:
        """Do everything that can fail. The environment is changed, and can be put back.

        :raises LinkInstallError: with everything put back, but for ``UnsettledError``
        """
        self._require_new()
        try:
            self._begin()
            world = World(self.files, self.environment)
            plan = self._preparation.plan(world)
            if not plan.empty:
                self._apply(plan)
        except BaseException as error:
            self._abort(error)
            raise self._typed(error) from error
        if plan.empty:
            self._end_without_change()

    def _begin(self) -> None:
        """Lock the environment and settle what an earlier run left."""
        environment = self.environment
        lock = environment.lock()
        self._made = make_folders(self.files, os.path.dirname(lock.path))
        lock.acquire(timeout=self._timeout, notify=self._notify)
        self._lock = lock
        world = World(self.files, environment)
        roots = [*world.libraries, *world.roots.values()]
        self._report = recover_environment(self.files, roots, flush=self.sync != "off")
        self._preparation.cache.sweep()
        self._made += make_folders(self.files, world.libraries[0])
        self._preparation.settle_cache(world.home)

    def _apply(self, plan: Plan) -> None:
        staging = self._staging = Staging(self.files, plan, self._preparation.preferences(plan))
        for _ in range(limits.RETRIES):
            self._move("stage")
            staging.write()
            self._journal = self._write_journal(plan, staging)
            self._flush(plan)
            if staging.link():
                break
            self._preparation.refresh(staging.crowded())
            self.files.unlink(f"{plan.states[0]}/journal")
            staging.discard()
            self._journal = None
            self.state = ABSENT
        else:
            raise staging.last_refusal()
        self._stash(plan)
        staging.switch()
        if self.sync != "off":
            for state in plan.states[1:]:
                self.files.flush_volume(state)

    def _write_journal(self, plan: Plan, staging: Staging) -> Journal:
        status = self.files.status(plan.states[0])
        journal = Journal(
            id=os.urandom(6).hex(),
            home=plan.states[0],
            device=status.st_dev if status else 0,
            inode=status.st_ino if status else 0,
            root=self.files.real_path(self.environment.root),
            made=tuple(self._made + staging.made),
            states=plan.states,
            changes=plan.changes,
            stash=plan.stash,
            groups=plan.groups,
            folders=plan.folders,
            trees=plan.trees,
            placements=plan.placements,
            staged=tuple(staging.staged),
            emptied=plan.emptied,
            intent=self._preparation.intent(),
        )
        self.files.write_new(f"{journal.home}/journal", encode(journal))
        self._move("record")
        return journal

    def _flush(self, plan: Plan) -> None:
        """Bring everything that was written to the disk, once, before the first change."""
        if self.sync == "off":
            return
        devices = set()
        unflushed = self._preparation.unflushed()
        for path in (*plan.states, *(entry.folder for entry in unflushed)):
            status = self.files.status(path)
            if status is not None and status.st_dev not in devices:
                devices.add(status.st_dev)
                self.files.flush_volume(path)
        for entry in unflushed:
            self._preparation.cache.mark_flushed(entry)

    def _stash(self, plan: Plan) -> None:
        for item in plan.stash:
            stashed = f"{plan.states[item.state]}/stash/{item.number}"
            if item.kind == "whole":
                try:
                    self.files.rename_new(item.path, stashed)
                except OSError as error:
                    if error.errno not in FOLDER_RENAME_REFUSALS:
                        raise
                    self._stash_files(item.path, item.names, stashed)
            else:
                self._stash_files(item.path, item.names, stashed)

    def _stash_files(
        self, path: str, names: Iterable[tuple[str, tuple[str, ...]]], stashed: str
    ) -> None:
        """Stash name by name; the folders that are empty then go as well."""
        folders = []
        for sub, members in names:
            source, target = (f"{base}/{sub}" if sub else base for base in (path, stashed))
            self.files.make_folder(target)
            for name in members:
                self.files.rename_new(f"{source}/{name}", f"{target}/{name}")
            folders.append(source)
        for folder in reversed(folders):
            if len(folders) > 1 or folder != path:
                remove_folder_if_empty(self.files, folder)

    def commit(self) -> Outcome:
        """Make the prepared change final: one rename, then the cleaning up.

        :raises TransactionError: there is nothing prepared
        """
        if self.outcome is not None and self._finished:
            return self.outcome
        if self.state != OPEN or self._journal is None:
            from linkinstall.errors import TransactionError

            raise TransactionError("There is no prepared transaction to commit.")
        journal, home = self._journal, self._journal.home
        with deferred():
            try:
                self.files.rename(f"{home}/journal", f"{home}/committed")
            except BaseException as error:
                self._abort(error)
                raise self._typed(error) from error
            self._move("commit")
            outcome = self._clean_up(journal)
        for call in self._on_commit:
            call()
        return outcome

    def _clean_up(self, journal: Journal) -> Outcome:
        settlement = Settlement(self.files, journal, flush=self.sync != "off")
        warnings: tuple[Warn, ...] = ()
        try:
            if self.sync == "full":
                self.files.flush_volume(journal.home)
            settlement.finish()
            self._move("clean up")
        except OSError as error:
            # The change is made; what is left over is the next run's to sweep.
            message = f"cleaning up after the change is left to the next run: {error}"
            warnings = (Warn("cleanup", message),)
        self.outcome = self._result(settlement, warnings)
        self._finish()
        return self.outcome

    def roll_back(self) -> None:
        """Put everything back and let the environment go.

        :raises TransactionError: it was committed already: that is final
        """
        if self.state == COMMITTED or (self._finished and self.outcome is not None):
            from linkinstall.errors import TransactionError

            raise TransactionError("The transaction is committed; it cannot be rolled back.")
        self._abort(None)

    # ---------------------------------------------------------------- the block

    def __enter__(self) -> Transaction:
        """Begin the block; nothing is touched yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or roll back where the block raised."""
        if error is not None:
            if not self._finished:
                self._abort(error)
            return
        if self._finished:
            return
        if self.state == ABSENT:
            self.prepare()
        if not self._finished:
            self.commit()

    # ---------------------------------------------------------------- ends

    def _abort(self, error: BaseException | None) -> None:
        """Undo whatever was begun and release the lock.

        :raises UnsettledError: it could not be put back; the next run will
        """
        with deferred():
            try:
                self._undo()
            except OSError as cause:
                journal = self._journal
                self._finish()
                raise unsettled(journal.home if journal else "", cause) from (error or cause)
            self.state = ABSENT
            self._finish()

    def _undo(self) -> None:
        if self._journal is not None:
            Settlement(self.files, self._journal, flush=self.sync != "off").roll_back()
        elif self._staging is not None:
            self.files.unlink_all(self._staging.plan.states[0], ["journal"])
            self._staging.discard()
        if self._lock is not None and self._lock.held:
            home = World(self.files, self.environment).home
            if self.files.status(home) is not None and self._journal is None:
                remove_tree(self.files, f"{home}/cache")
                remove_folder_if_empty(self.files, home)

    def _end_without_change(self) -> None:
        self.outcome = self._result(None, ())
        home = World(self.files, self.environment).home
        remove_tree(self.files, f"{home}/cache")
        remove_folder_if_empty(self.files, home)
        self._finish()

    def _finish(self) -> None:
        self._finished = True
        if self._lock is not None:
            self._lock.release(remove=not self.environment.keeps_lock)
        # Folders made for the state folder and the lock may have served nothing else.
        for folder in reversed(self._made):
            remove_folder_if_empty(self.files, folder)
        for call in self._on_end:
            call()

    def _move(self, event: str) -> None:
        if event == "stage" and self.state == STAGING:
            return
        self.state = next_state(self.state, event)

    def _typed(self, error: BaseException) -> BaseException:
        """Return the error to raise, with what is known of the outcome."""
        from linkinstall.errors import FileSystemError, LinkInstallError

        if isinstance(error, OSError) and not isinstance(error, LinkInstallError):
            path = os.fsdecode(error.filename) if error.filename else self.environment.root
            reason = error.strerror or str(error)
            error = FileSystemError(
                f"{path}: {reason}. The environment is as it was.",
                path=path,
                cause=error,
                next_step="Mend the cause and run the same command again.",
            )
        if isinstance(error, LinkInstallError) and error.outcome is None:
            error.outcome = replace(
                self._result(None, ()),
                status=error.status, exit=error.exit_status, changes=(), error=error,
                files=FileCount(),
            )  # fmt: skip
        return error

    def _result(self, settlement: Settlement | None, warnings: tuple[Warn, ...]) -> Outcome:
        done = self._preparation
        counts = self._staging.counts if self._staging is not None else {}
        plan = self._staging.plan if self._staging is not None else None
        refusals = self._staging.refusals if self._staging is not None else []
        changes = done.changes
        return Outcome(
            self._command,
            status="done" if plan is not None or not changes else "unchanged",
            environment_root=self.environment.root,
            environment_python=self.environment.python,
            environment_library=self.environment.library,
            recovered=self._report.recovered,
            changes=changes,
            files=FileCount(**counts),
            bytecode=done.bytecode,
            pending=(*self._report.pending, *(settlement.pending if settlement else ())),
            kept=(
                *self._report.kept,
                *(plan.kept if plan else ()),
                *(settlement.kept if settlement else ()),
            ),
            warnings=(
                *done.warnings,
                *(plan.warnings if plan else ()),
                *done.link_warnings(counts, refusals),
                *warnings,
            ),
        )
