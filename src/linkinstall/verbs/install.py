"""Install wheels: one transaction for all of them.

Calling sequence::

    outcome = install(["a.whl", "b.whl"], environment=Environment.of(".venv"))

Guarantees: all wheels or none. With ``dry_run`` nothing is written, the cache
included.

Errors: everything in :mod:`linkinstall.errors`; ``error.outcome`` is the failure's.
"""

from __future__ import annotations

import os

from linkinstall.refusals import refuse_one_text, refused_together
from linkinstall.transaction import Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from linkinstall.cache import Cache
    from linkinstall.environment import Environment
    from linkinstall.outcome import Outcome

__all__ = ["install"]


def install(
    wheels: Iterable[str | os.PathLike[str]],
    *,
    environment: Environment | None = None,
    cache: Cache | None = None,
    link_mode: str = "auto",
    copy_binaries: str = "auto",
    compile_levels: Iterable[int] = (0,),
    overwrite_existing: bool = False,
    reinstall: bool = False,
    requested: bool = True,
    metadata: Mapping[str, bytes] | None = None,
    direct_url: str | None = None,
    validate_record: str = "all",
    verify_cache: str = "stat",
    sync: str = "normal",
    lock_timeout: float | None = None,
    dry_run: bool = False,
    notify: Callable[[str], None] | None = None,
    progress: Callable[[str, int, int, float], None] | None = None,
    processes: bool = False,
) -> Outcome:
    """Install wheel files, all of them or none.

    The parameters are those of :class:`~linkinstall.transaction.Transaction` and of its
    ``install``.

    :param dry_run: only say what would be done
    """
    refuse_one_text(wheels, "wheels")
    transaction = Transaction(
        environment,
        cache=cache,
        link_mode=link_mode,
        copy_binaries=copy_binaries,
        compile_levels=compile_levels,
        overwrite_existing=overwrite_existing,
        reinstall=reinstall,
        validate_record=validate_record,
        verify_cache=verify_cache,
        sync=sync,
        lock_timeout=lock_timeout,
        notify=notify,
        progress=progress,
        processes=processes,
        command="install",
    )
    given = [os.fsdecode(wheel) for wheel in wheels]
    for wheel in given:
        transaction.install(wheel, metadata=metadata, requested=requested, direct_url=direct_url)
    try:
        return run(transaction, dry_run=dry_run)
    except ValueError as error:  # as a wheel that is refused
        together = refused_together(error, transaction.cache, given, validate_record)
        if together is error:
            raise
        raise together from error


def run(transaction: Transaction, *, dry_run: bool) -> Outcome:
    """Carry a transaction out, or only tell its plan."""
    return transaction.dry_run() if dry_run else transaction.run()
