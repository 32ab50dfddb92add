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
kill is settled by the next run.

Errors: everything in :mod:`linkinstall.errors`.
"""

from __future__ import annotations

from linkinstall import limits
from linkinstall.asking import NEW, Asking
from linkinstall.cache import Cache
from linkinstall.fs import local
from linkinstall.fs.volumes import Volumes
from linkinstall.interrupts import deferred
from linkinstall.outcome import Outcome, Warn
from linkinstall.preparation import Preparation
from linkinstall.recovery import not_durable, not_put_back
from linkinstall.refusals import refuse_odd_options, refuse_texts
from linkinstall.results import outcome_of, put_aside, typed
from linkinstall.session import Session
from linkinstall.values import replace
from linkinstall.wishes import Options
from linkinstall.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from linkinstall.application import Application, Origin
    from linkinstall.environment import Environment
    from linkinstall.filling import Progress
    from linkinstall.fs.port import FileSystem
    from linkinstall.settle import Settlement

__all__ = ["Transaction"]

_PREPARED, _ENDED = "prepared", "ended"


class Transaction(Asking):
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
    :param sync: off (safe against kills), normal (power cuts, too), full (success means new)
    :param lock_timeout: seconds to wait for the environment
    :param notify: told what is waited for
    :param progress: told file name, number, of how many, and what part (0 to 1) is unpacked
    :param processes: whether this process may be forked to work on several processors:
        it has no threads but this one
    :param command: the name of the verb, for the outcome
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
        progress: Progress | None = None,
        processes: bool = False,
        files: FileSystem | None = None,
        command: str = "transaction",
    ) -> None:
        refuse_texts(environment=environment, cache=cache)
        if environment is None:
            from linkinstall.environment import Environment

            environment = Environment.current()
        levels = tuple(compile_levels)
        refuse_odd_options(
            levels, sync=sync, validate_record=validate_record, verify_cache=verify_cache
        )
        super().__init__(environment, files or local())
        self.link_mode = link_mode
        self.outcome: Outcome | None = None
        self._not_durable: BaseException | None = None
        self._timeout = limits.LOCK_WAIT if lock_timeout is None else lock_timeout
        self._notify = notify
        self._command = command
        options = Options(
            link_mode, copy_binaries, levels, overwrite_existing, reinstall,
            validate_record, verify_cache, processes, sync,
        )  # fmt: skip
        self._preparation = Preparation(
            environment, cache or Cache(), self.files, options, self._wishes, progress
        )
        self._volumes = Volumes(self.files, sync)
        self._session = Session(self.files, environment, self._volumes)
        self._application: Application | None = None

    @property
    def cache(self) -> Cache:
        """The cache that it takes entries from."""
        return self._preparation.cache

    # ---------------------------------------------------------------- the two phases

    def dry_run(self) -> Outcome:
        """Return what would be done; nothing is written, locked or recovered.

        :raises ConflictError: all that stands in the way
        :raises JournalError: there is a state folder that would be refused
        """
        from linkinstall.dry_run import plan_dry, planned_changes

        self._require_new()
        try:
            world = World(self.files, self.environment)
            plan, self._preparation, warnings = plan_dry(self._preparation, world)
        except BaseException as error:
            raise self._typed(error) from error
        made = self._preparation
        planned = planned_changes(plan, made.preferences(plan), temporary=made.temporary)
        return replace(
            self._result(None, ()),
            changes=(),
            plan=planned,
            kept=plan.kept,
            status="done" if planned else "unchanged",
            warnings=(*warnings, *made.warnings, *plan.warnings),
        )

    def prepare(self) -> None:
        """Do everything that can fail. The environment is changed, and can be put back.

        :raises LinkInstallError: with everything put back, but for ``UnsettledError``
        """
        self._require_new()
        try:
            world = self._begin()
            plan = self._preparation.plan(world)
            if not plan.empty:
                from linkinstall.application import Application  # mostly half of all imports

                preferences = self._preparation.preferences(plan)
                self._application = Application(self.files, plan, preferences, self._origin())
                self._application.prepare()
            self._preparation.let_go()
            self._phase = _PREPARED
        except BaseException as error:
            self._abort(error)
            raise self._typed(error) from error

    def _begin(self) -> World:
        world = self._session.begin(timeout=self._timeout, notify=self._notify)
        self._preparation.cache.sweep()
        self._preparation.settle_cache(world.home, self._timeout, self._notify)
        cache = self._preparation.cache
        if self._wishes.may_bring and not cache.distrust:
            for folder in (world.home, cache.root):  # home first: errors are told of it
                self._volumes.hold(folder)
        return world

    def _origin(self) -> Origin:
        from linkinstall.application import Origin

        preparation = self._preparation
        return Origin(
            self.files.real_path(self.environment.root),
            tuple(self._session.made),
            preparation.intent(),
            preparation.cache,
            tuple(preparation.unflushed()),
            preparation.refresh,
            self._volumes,
        )

    def commit(self) -> Outcome:
        """Make the prepared change final: one rename, then the cleaning up.

        :raises TransactionError: there is nothing prepared
        :raises UnsettledError: it is, but with ``sync="full"`` did not get to the disk
        """
        if self._phase != _PREPARED:
            from linkinstall.errors import TransactionError

            raise TransactionError("There is no prepared transaction to commit.")
        if (application := self._application) is None:
            self.outcome = self._result(None, ())
            self._end()
            return self.outcome
        with deferred():
            try:
                application.commit()
            except BaseException as error:
                self._abort(error)
                raise self._typed(error) from error
            try:
                self._volumes.make_durable(application.home)
            except OSError as error:
                self._not_durable = self._typed(not_durable(application.home, error))
            else:
                self.outcome = self._clean_up(application)
            self._end()
        for call in self._on_commit:
            call()
        return self._done()

    def _done(self) -> Outcome:
        """Return what was done, or raise why that cannot be relied on."""
        if self._not_durable is not None:
            raise self._not_durable
        if self.outcome is None:
            from linkinstall.errors import TransactionError

            raise TransactionError("The transaction was rolled back.")
        return self.outcome

    def _clean_up(self, application: Application) -> Outcome:
        try:
            return self._result(application.clean_up(), ())
        except OSError as error:
            # The change is made; what is left over is the next run's to sweep.
            message = f"cleaning up after the change is left to the next run: {error}"
            return self._result(None, (Warn("cleanup", message),))

    def roll_back(self) -> None:
        """Put everything back and let the environment go.

        :raises TransactionError: it was committed already: that is final
        """
        if self.outcome is not None or self._not_durable is not None:
            from linkinstall.errors import TransactionError

            raise TransactionError("The transaction is committed; it cannot be rolled back.")
        self._abort(None)

    def run(self) -> Outcome:
        """Prepare and commit in one go; interrupted after the commit, it says what is done."""
        try:
            with self:
                pass
            return self._done()
        except KeyboardInterrupt:
            if self.outcome is None and self._not_durable is None:
                raise
        return self._done()

    # ---------------------------------------------------------------- the block

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or roll back where the block raised; a forked process leaves it to its parent."""
        if not self._is_ours():
            return
        if error is not None:
            self._abort(error)
            for one in put_aside(self._application.kept if self._application else ()):
                error.add_note(one.message)
            return
        try:
            if self._phase == NEW:
                self.prepare()
            if self._phase == _PREPARED:
                self.commit()
        except BaseException as interruption:  # it may come between any two steps
            self._abort(interruption)
            raise

    # ---------------------------------------------------------------- ends

    def _abort(self, error: BaseException | None) -> None:
        """Undo whatever was begun and release the lock, where that has not been done.

        :raises UnsettledError: it could not be put back; the next run will
        """
        if self._phase == _ENDED:
            return
        with deferred():
            self._give_up_lost()  # before anybody else takes the mark off
            try:
                if self._application is not None:
                    self._application.undo()
            except BaseException as cause:
                self._end()
                if not isinstance(cause, OSError):
                    raise
                failure = not_put_back(self._session.home, cause, error)
                raise self._typed(failure) from (error or cause)
            self._end()

    def _give_up_lost(self) -> None:
        """Keep cached files from being linked again that may never reach the disk."""
        if self._volumes.lost:
            from linkinstall.upkeep.quarantine import give_up_unflushed

            give_up_unflushed(self._preparation.cache)

    def _end(self) -> None:
        self._phase = _ENDED
        self._give_up_lost()
        self._preparation.let_go()
        self._session.end()
        self._volumes.close()
        for call in self._on_end:
            call()

    def _typed(self, error: BaseException) -> BaseException:
        return typed(error, self.environment.root, self._result(None, ()), self.files)

    def _result(self, settlement: Settlement | None, warnings: tuple[Warn, ...]) -> Outcome:
        return outcome_of(
            self._command,
            self.environment,
            self._session.report,
            self._preparation,
            self._application,
            settlement,
            warnings,
        )
