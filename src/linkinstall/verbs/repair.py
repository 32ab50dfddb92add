"""Make damaged distributions whole again, or take them away: one transaction for all.

Calling sequence::

    outcome = repair(["app"], environment=Environment.of(".venv"))
    outcome = repair([], every=True, leftovers=True)

Guarantees: all or none. What is whole stays as it is. What comes is what was installed:
the same version, the same contents as far as RECORD or what is left tells, from the
cache or a wheel file. With ``remove`` nothing goes that RECORD or the wheel's manifest
cannot prove to be the distribution's own.

Errors: everything in :mod:`linkinstall.errors`; ``error.outcome`` is the failure's.
"""

from __future__ import annotations

from linkinstall.mending import Mending
from linkinstall.refusals import refuse_one_text
from linkinstall.transaction import Transaction
from linkinstall.verbs.install import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from linkinstall.cache import Cache
    from linkinstall.environment import Environment
    from linkinstall.outcome import Outcome

__all__ = ["repair"]


def repair(
    names: Iterable[str],
    *,
    environment: Environment | None = None,
    cache: Cache | None = None,
    wheels: Iterable[str | os.PathLike[str]] = (),
    remove: bool = False,
    every: bool = False,
    leftovers: bool = False,
    full: bool = False,
    link_mode: str = "auto",
    copy_binaries: str = "auto",
    compile_levels: Iterable[int] = (0,),
    sync: str = "normal",
    lock_timeout: float | None = None,
    dry_run: bool = False,
    notify: Callable[[str], None] | None = None,
    processes: bool = False,
) -> Outcome:
    """Repair distributions by name, all of them or none.

    The parameters not named here are those of
    :class:`~linkinstall.transaction.Transaction`.

    :param names: projects; may be empty where ``wheels``, ``every`` or ``leftovers`` say it
    :param wheels: wheel files to repair them from, where the cache has none
    :param remove: take them away instead
    :param every: everything that is not whole
    :param leftovers: also take away what other tools left behind and nobody owns
    :param full: with ``every``, read every file to tell what is whole
    :param dry_run: only say what would be done
    :raises DistributionError: one is not installed, or there is nothing to repair it from
    """
    refuse_one_text(names, "names")
    refuse_one_text(wheels, "wheels")
    mending = Mending(
        names, wheels=wheels, remove=remove, every=every, leftovers=leftovers, full=full
    )
    transaction = Transaction(
        environment,
        cache=cache,
        link_mode=link_mode,
        copy_binaries=copy_binaries,
        compile_levels=compile_levels,
        verify_cache="full",
        sync=sync,
        lock_timeout=lock_timeout,
        notify=notify,
        processes=processes,
        command="repair",
    )
    transaction.look(mending)
    return run(transaction, dry_run=dry_run)
