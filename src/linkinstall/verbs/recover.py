"""Settle what an interrupted run left behind.

Calling sequence::

    outcome = recover(Environment.of(".venv"))

Guarantees: ``auto`` rolls back before the commit point and finishes after it.
``rollback`` and ``finish`` ask for one of the two; where that way is no longer open,
the other is taken and the error says so.

Errors: :class:`~linkinstall.errors.RecoveryRefusedError` for a way that is not open,
and those of recovery itself.
"""

from __future__ import annotations

from linkinstall.cache import Cache
from linkinstall.distribution import find_distributions
from linkinstall.journal import COMMITTED
from linkinstall.recovery import read_journal
from linkinstall.transaction import Transaction
from linkinstall.values import replace
from linkinstall.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from linkinstall.environment import Environment
    from linkinstall.journal import Journal
    from linkinstall.outcome import Outcome

__all__ = ["POLICIES", "recover"]

POLICIES = ("auto", "rollback", "finish")


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
    redo = None
    if policy == "finish" and journal is not None and state != COMMITTED:
        redo = _redo(transaction.environment, journal, options)
    outcome = transaction.run()
    if transaction.environment.keeps_lock:
        from linkinstall.venvs.holding import drop_lock_of_place

        # After a killed `venv decouple` no other `venv` command may ever come.
        place = transaction.files.real_path(transaction.environment.root)
        drop_lock_of_place(transaction.files, place)
    if redo is not None and journal is not None:
        in_the_way = "something stood in the way of what was put back" if outcome.kept else ""
        return _finish(outcome, _changed_since(transaction, journal) or in_the_way or redo)
    if policy == "rollback" and state == COMMITTED:
        raise _refused(outcome, "The transaction was already committed; finished.")
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


def _changed_since(transaction: Transaction, journal: Journal) -> str:
    """Return why the same cannot be asked for again: somebody has changed a project since."""
    world = World(transaction.files, transaction.environment)
    present: dict[str, set[str | None]] = {}
    for one in find_distributions(world.files, world.libraries, world.bases):
        present.setdefault(one.name, set()).add(one.version)
    for change in journal.changes:
        if change.previous not in present.get(change.name, {None}):
            return f"another tool has changed {change.name} since"
    return ""


def _finish(outcome: Outcome, redo: Transaction | str) -> Outcome:
    from linkinstall.errors import LinkInstallError, UnsettledError
    from linkinstall.outcome import Recovered

    if isinstance(redo, str):
        message = f"The transaction cannot be finished ({redo}); it was rolled back."
        raise _refused(outcome, message)
    try:
        done = redo.run()
    except UnsettledError:
        raise
    except LinkInstallError as error:
        message = f"The transaction cannot be finished ({error.message}); it was rolled back."
        raise _refused(outcome, message) from error
    finished = tuple(Recovered(one.id, "finished") for one in outcome.recovered)
    return replace(done, command="recover", recovered=finished)


def _refused(outcome: Outcome, message: str) -> Exception:
    from linkinstall.errors import RecoveryRefusedError

    error = RecoveryRefusedError(message, next_step="Run `linkinstall check` to see the state.")
    error.outcome = replace(outcome, status="failed", exit=1, changes=(), error=error)
    return error
