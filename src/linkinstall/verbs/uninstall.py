"""Uninstall distributions: one transaction for all of them.

Calling sequence::

    outcome = uninstall(["ruff"], environment=Environment.of(".venv"))

Guarantees: all or none. What another distribution owns and what was added by hand
stays. A name that is not installed is skipped with a warning.

Errors: everything in :mod:`linkinstall.errors`; ``error.outcome`` is the failure's.
"""

from __future__ import annotations

from linkinstall.refusals import refuse_one_text
from linkinstall.transaction import Transaction
from linkinstall.verbs.install import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linkinstall.cache import Cache
    from linkinstall.environment import Environment
    from linkinstall.outcome import Outcome

__all__ = ["uninstall"]


def uninstall(
    names: Iterable[str],
    *,
    environment: Environment | None = None,
    cache: Cache | None = None,
    sync: str = "normal",
    lock_timeout: float | None = None,
    dry_run: bool = False,
    notify: Callable[[str], None] | None = None,
    processes: bool = False,
) -> Outcome:
    """Remove distributions by name, all of them or none.

    :param cache: whose leftovers are swept on the way
    :param dry_run: only say what would be done
    :param processes: whether this process may be forked: it has no threads
    """
    refuse_one_text(names, "names")
    transaction = Transaction(
        environment,
        cache=cache,
        sync=sync,
        lock_timeout=lock_timeout,
        notify=notify,
        processes=processes,
        command="uninstall",
    )
    for name in names:
        transaction.uninstall(name)
    return run(transaction, dry_run=dry_run)
