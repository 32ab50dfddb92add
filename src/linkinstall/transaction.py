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

import os

from linkinstall import limits
from linkinstall.application import SYNC, Application, Origin
from linkinstall.cache import Cache
from linkinstall.fs import local
from linkinstall.interrupts import deferred
from linkinstall.outcome import Outcome, Warn
from linkinstall.preparation import Options, Preparation
from linkinstall.recovery import unsettled
from linkinstall.results import outcome_of, typed
from linkinstall.session import Session
from linkinstall.values import replace
from linkinstall.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from linkinstall.cache import Entry
    from linkinstall.environment import Environment
    from linkinstall.fs.port import FileSystem
    from linkinstall.preparation import Exactly
    from linkinstall.settle import Settlement

__all__ = ["Transaction"]

_NEW, _PREPARED, _ENDED = "new", "prepared", "ended"


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
        self.link_mode = link_mode
        self.outcome: Outcome | None = None
        self._timeout = limits.LOCK_WAIT if lock_timeout is None else lock_timeout
        self._notify = notify
        self._command = command
        options = Options(
            link_mode, copy_binaries, tuple(compile_levels), overwrite_existing, reinstall,
            validate_record, verify_cache,
        )  # fmt: skip
        self._preparation = Preparation(environment, cache or Cache(), self.files, options)
        self._phase = _NEW
        self._session = Session(self.files, environment, flush=sync != "off")
        self._application: Application | None = None
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
        self._preparation.want_entry(entry, metadata)

    def install_exactly(self, entry: Entry, exactly: Exactly, schemes: Mapping[str, str]) -> None:
        """Ask for exactly these files: an entry's, and what a destination generated.

        Nothing that is installed is taken for an earlier version: what stands in the
        way is refused, or replaced where ``exactly.overwrite`` says so.

        :param schemes: the destination's folders
        :raises TransactionError: they are not those of the transaction
        """
        self._require_new()
        used = {one.scheme for one in exactly.generated}
        used |= {folder.scheme for folder in entry.manifest.folders}
        own = self.environment.scheme_for(entry.manifest.distribution)
        if any(self._real(own.get(name)) != self._real(schemes.get(name)) for name in used):
            from linkinstall.errors import TransactionError

            raise TransactionError(
                "The destination's folders are not those of the transaction it joins.",
                next_step="Give both the same environment.",
            )
        self._preparation.want_exactly(entry, exactly)

    def _real(self, path: str | None) -> str | None:
        return None if path is None else self.files.real_path(path)

    def uninstall(self, name: str) -> None:
        """Ask for a distribution to be removed, by any spelling of its name."""
        self._require_new()
        self._preparation.want_removal(name)

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

    def _require_new(self) -> None:
        if self._phase != _NEW:
            from linkinstall.errors import TransactionError

            raise TransactionError(
                "This transaction is prepared already, or has ended; nothing can be added to it.",
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
        planned = planned_changes(plan, self._preparation.preferences(plan))
        return replace(
            self._result(None, ()),
            changes=(),
            plan=planned,
            status="done" if planned else "unchanged",
            warnings=(*self._preparation.warnings, *plan.warnings),
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
                self._application = Application(
                    self.files,
                    plan,
                    self._preparation.preferences(plan),
                    self._origin(),
                    sync=self.sync,
                )
                self._application.prepare()
        except BaseException as error:
            self._abort(error)
            raise self._typed(error) from error
        self._phase = _PREPARED

    def _begin(self) -> World:
        world = self._session.begin(timeout=self._timeout, notify=self._notify)
        self._preparation.cache.sweep()
        self._preparation.settle_cache(world.home)
        return world

    def _origin(self) -> Origin:
        preparation = self._preparation
        return Origin(
            self.files.real_path(self.environment.root),
            tuple(self._session.made),
            preparation.intent(),
            preparation.cache,
            tuple(preparation.unflushed()),
            preparation.refresh,
        )

    def commit(self) -> Outcome:
        """Make the prepared change final: one rename, then the cleaning up.

        :raises TransactionError: there is nothing prepared
        """
        if self._phase != _PREPARED:
            from linkinstall.errors import TransactionError

            raise TransactionError("There is no prepared transaction to commit.")
        application = self._application
        if application is None:
            self.outcome = self._result(None, ())
            self._end()
            return self.outcome
        with deferred():
            try:
                application.commit()
            except BaseException as error:
                self._abort(error)
                raise self._typed(error) from error
            self.outcome = self._clean_up(application)
            self._end()
        for call in self._on_commit:
            call()
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
        if self.outcome is not None:
            from linkinstall.errors import TransactionError

            raise TransactionError("The transaction is committed; it cannot be rolled back.")
        if self._phase != _ENDED:
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
        if self._phase == _ENDED:
            return
        if error is not None:
            self._abort(error)
            return
        if self._phase == _NEW:
            self.prepare()
        self.commit()

    # ---------------------------------------------------------------- ends

    def _abort(self, error: BaseException | None) -> None:
        """Undo whatever was begun and release the lock.

        :raises UnsettledError: it could not be put back; the next run will
        """
        with deferred():
            try:
                if self._application is not None:
                    self._application.undo()
            except OSError as cause:
                self._end()
                failure = unsettled(self._session.home, cause)
                raise self._typed(failure) from (error or cause)
            self._end()

    def _end(self) -> None:
        self._phase = _ENDED
        self._session.end()
        for call in self._on_end:
            call()

    def _typed(self, error: BaseException) -> BaseException:
        return typed(error, self.environment.root, self._result(None, ()))

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
