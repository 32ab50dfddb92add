"""Settle what an interrupted run left behind.

Calling sequence::

    outcome = recover(Environment.of(".venv"))

Guarantees: ``auto`` rolls back before the commit point and finishes after it.
``rollback`` and ``finish`` ask for one of the two; where that way is no longer open,
the other is taken and the error says so. What is finished is done again after it was rolled
back, and takes away nothing that has come, or was changed, since it was begun.

Errors: :class:`~linkinstall.errors.RecoveryRefusedError` for a way that is not open,
and those of recovery itself.
"""

from __future__ import annotations

from linkinstall import limits
from linkinstall.cache import Cache
from linkinstall.claims import is_compiled_file
from linkinstall.distribution import find_distributions
from linkinstall.identity import Identity
from linkinstall.journal import COMMITTED
from linkinstall.recovery import read_journal
from linkinstall.removal import Removal
from linkinstall.transaction import Transaction
from linkinstall.values import replace
from linkinstall.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linkinstall.environment import Environment
    from linkinstall.errors import Problem
    from linkinstall.fs.port import FileSystem
    from linkinstall.journal import Journal
    from linkinstall.outcome import Outcome
    from linkinstall.plan import OldDistInfo, Plan

__all__ = ["POLICIES", "recover"]

POLICIES = ("auto", "rollback", "finish")

_LOOK = "Run `linkinstall check` to see the state."
_AGAIN = (
    "If the change is still wanted, move elsewhere what it is not to replace, "
    "and run the command that began it again."
)


def recover(
    environment: Environment | None = None,
    *,
    policy: str = "auto",
    cache: Cache | None = None,
    sync: str = "normal",
    lock_timeout: float | None = None,
    notify: Callable[[str], None] | None = None,
) -> Outcome:
    """Settle an unfinished transaction, and sweep the trash.

    :param policy: auto, rollback or finish
    :param cache: whose leftovers are swept on the way
    :raises RecoveryRefusedError: the way asked for is closed; the other was taken
    """
    if policy not in POLICIES:
        from linkinstall.errors import UsageError

        raise UsageError(f"unknown policy {policy!r}: one of {', '.join(POLICIES)}")
    options: dict[str, object] = {
        "cache": cache,
        "sync": sync,
        "lock_timeout": lock_timeout,
        "notify": notify,
    }
    transaction = Transaction(environment, **options, command="recover")  # type: ignore[arg-type]
    state, journal = _look(transaction) if policy != "auto" else ("", None)
    redo = since = None
    if policy == "finish" and journal is not None and state != COMMITTED:
        since = _Since(transaction.files, transaction.environment, journal)
        redo = _redo(transaction.environment, journal, options)
    outcome = transaction.run()
    if transaction.environment.keeps_lock:
        from linkinstall.venvs.holding import drop_lock_of_place

        # After a killed `venv decouple` no other `venv` command may ever come.
        place = transaction.files.real_path(transaction.environment.root)
        drop_lock_of_place(transaction.files, place)
    if redo is not None and since is not None and since.is_ours(outcome):
        in_the_way = "something stood in the way of what was put back" if outcome.kept else ""
        redo = since.changed() or in_the_way or redo
        if not isinstance(redo, str):
            redo.review(since.review)
        return _finish(outcome, redo)
    if policy == "rollback" and state == COMMITTED:
        raise _refused(outcome, "The transaction was already committed; finished.", _LOOK)
    return replace(outcome, changes=())


def _look(transaction: Transaction) -> tuple[str, Journal | None]:
    """Return state and journal before anything is settled."""
    world = World(transaction.files, transaction.environment)
    return read_journal(transaction.files, world.home, world.bounds)


def _redo(
    environment: Environment, journal: Journal, options: dict[str, object]
) -> Transaction | str:
    """Return the transaction that asks for the same again, or why that cannot be."""
    asked: dict[str, list[str]] = {}
    for key, text in journal.intent:
        asked.setdefault(key, []).append(text)
    if "part" in asked or not asked:  # `venv decouple` looks at inodes
        return "what it was to do has to be found anew by the command that began it"
    path = asked.get("cache", [""])[0]
    if not path and "install" in asked:
        return "it was unpacked without a cache"
    cache = Cache(path) if path else None
    kind, verbatim, python = [*asked.get("interpreter", [""])[0].split(" ", 2), "", ""][:3]
    if kind:
        environment = replace(
            environment, script_kind=kind, verbatim=verbatim == "1", python=python
        )
    levels = tuple(int(level) for level in asked.get("levels", [""])[0].split())
    again = Transaction(
        environment,
        **{**options, "cache": cache},  # type: ignore[arg-type]
        link_mode=asked.get("link-mode", ["auto"])[0],
        copy_binaries=asked.get("copy-binaries", ["auto"])[0],
        compile_levels=levels,
        overwrite_existing="overwrite" in asked,
        reinstall=True,
        verify_cache="full",
        command="recover",
    )
    for name in asked.get("uninstall", []):
        again.uninstall(name)
    metadata: dict[str, dict[str, bytes]] = {}
    for text in asked.get("metadata", []):
        name, _, named = text.partition(" ")
        file, _, data = named.rpartition(" ")  # it may have spaces in it
        metadata.setdefault(name, {})[file] = bytes.fromhex(data)
    for text in asked.get("install", []):
        name, entry_id = text.split(" ", 1)
        entry = cache.open(entry_id) if cache is not None else None
        if entry is None:
            return f"the cache entry of {name} is gone"
        mends = name in asked.get("mends", ())
        again.install_entry(entry, metadata=metadata.get(name, {}), mends=mends)
    return again


class _Since:
    """Tells what others have done since a journal was written.

    To be made while the journal still stands, and asked once it is rolled back: what it
    says of the old state is so again then, unless somebody else has changed that.
    """

    def __init__(self, files: FileSystem, environment: Environment, journal: Journal) -> None:
        self.files = files
        self.environment = environment
        self.journal = journal
        self._copied = Identity(files, journal).copied  # times tell nothing then
        status = files.status(f"{journal.home}/journal")
        self._written = limits.CLOCK_STEP + (status.st_mtime_ns if status is not None else 0)

    def is_ours(self, outcome: Outcome) -> bool:
        """Return whether this run has settled it: whoever held the lock may have, or was it."""
        return any(one.id == self.journal.id for one in outcome.recovered)

    def changed(self) -> str:
        """Return why the same cannot be asked for again: somebody has changed a project."""
        world = World(self.files, self.environment)
        removal = Removal(world, ())
        standing: dict[str, list[OldDistInfo]] = {}
        for one in find_distributions(world.files, world.libraries, world.bases):
            standing.setdefault(one.name, []).append(removal.old_dist_info(one))
        for change in self.journal.changes:
            if self._marks(change.olds) != self._marks(standing.get(change.name, ())):
                return f"another tool has changed {change.name} since"
        return ""

    def _marks(self, olds: Iterable[OldDistInfo]) -> set[OldDistInfo]:
        return {replace(old, mtime=0) if self._copied else old for old in olds}

    def review(self, plan: Plan) -> None:
        """Refuse a plan that would take what was not there, or was another, at the first time.

        Compiled files are nobody's own: an interpreter writes them whenever it likes.

        :raises RecoveryRefusedError: a project was changed
        :raises ConflictError: files have come, or were changed
        """
        from linkinstall.errors import ConflictError, Problem, RecoveryRefusedError

        if changed := self.changed():
            raise RecoveryRefusedError(changed)
        known = {path for item in self.journal.stash for path, _ in item.paths()}
        problems = []
        for item in plan.stash:
            for path, _ in item.paths():
                folder, _, name = path.rpartition("/")
                if is_compiled_file(folder, name):
                    continue
                if path not in known:
                    message = f"{path} has come since"
                elif self._is_edited(path):
                    message = f"{path} was changed since"
                else:
                    continue
                problems.append(Problem("changed-since", path, None, message))
        if problems:
            many = f"{len(problems)} paths are" if len(problems) > 1 else "One path is"
            raise ConflictError(f"{many} in the way", problems=problems)

    def _is_edited(self, path: str) -> bool:
        # The journal does not have the times of single files, but it is a file itself.
        status = None if self._copied else self.files.status(path)
        return status is not None and status.st_mtime_ns > self._written


def _finish(outcome: Outcome, redo: Transaction | str) -> Outcome:
    from linkinstall.errors import LinkInstallError, UnsettledError
    from linkinstall.outcome import Recovered

    if isinstance(redo, str):
        raise _rolled_back(outcome, redo)
    try:
        done = redo.run()
    except UnsettledError:
        raise
    except LinkInstallError as error:
        raise _rolled_back(outcome, error.message, error.problems) from error
    finished = tuple(Recovered(one.id, "finished") for one in outcome.recovered)
    return replace(done, command="recover", recovered=finished)


def _rolled_back(outcome: Outcome, reason: str, problems: Iterable[Problem] = ()) -> Exception:
    message = f"The transaction cannot be finished ({reason.rstrip('.')}); it was rolled back."
    return _refused(outcome, message, f"{_LOOK} {_AGAIN}", problems)


def _refused(
    outcome: Outcome, message: str, next_step: str, problems: Iterable[Problem] = ()
) -> Exception:
    from linkinstall.errors import RecoveryRefusedError

    error = RecoveryRefusedError(message, problems=problems, next_step=next_step)
    error.outcome = replace(outcome, status="failed", exit=1, changes=(), error=error)
    return error
