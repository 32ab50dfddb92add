"""A cache that lies in a virtual environment, and is to go with it.

Purpose: what ``cache clean`` refuses, no ``venv`` command does unasked: other environments may
have symbolic links into the cache.

Calling sequence::

    lock = hold_unused(files, place, None, timeout=300.0, notify=print)

Guarantees: reads only. Nobody links anything out of that cache while its lock is held. Only the
cache in use is known: another one that lies in the place, or a tier, is not looked for.

Errors: :class:`~linkinstall.errors.CacheError` where environments depend on it, or that cannot be
told; :class:`~linkinstall.errors.LockTimeoutError`; ``OSError`` where it cannot be read.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from linkinstall.cache import Cache
    from linkinstall.errors import Problem
    from linkinstall.fs.lock import FolderLock
    from linkinstall.fs.port import FileSystem

__all__ = ["hold_unused"]


def hold_unused(
    files: FileSystem,
    place: str,
    cache_dir: str | None,
    *,
    timeout: float,
    notify: Callable[[str], None] | None,
) -> FolderLock | None:
    """Lock the cache in use alone, where it lies in ``place`` and no other place depends on it.

    :param place: the folder of an environment, free of links
    :param cache_dir: the cache's folder; None means the default one, "" means none
    :return: the lock; None where no cache lies there
    :raises CacheError: it goes with the place, and other environments need it
    """
    from linkinstall.cache import Cache

    if cache_dir == "":
        return None
    cache = Cache(cache_dir, files=files)
    if not _is_within(files.real_path(cache.path), place):
        return None
    held = cache.hold(alone=True, timeout=timeout, notify=notify)
    if held is None:  # nothing is there
        return None
    problems: list[Problem] | None = None
    try:
        problems = _reasons(cache, place)
    finally:
        if problems != []:
            held.release()
    if problems:
        raise _in_use(cache, place, problems)
    return held


def _reasons(cache: Cache, place: str) -> list[Problem]:
    """Return what would stop working without a cache, but for what goes with the place itself."""
    from linkinstall.errors import CacheError
    from linkinstall.upkeep.inventory import take_stock
    from linkinstall.upkeep.pruning import dependents, uses

    try:
        roots = dependents(take_stock(cache))
    except CacheError as error:  # its folders are links, and nobody can tell
        return list(error.problems)
    # A note that is damaged stands for whomever it was about: it lies in the cache.
    notes = f"{cache.root}/dependents"
    return uses(one for one in roots if _is_within(one, notes) or not _is_within(one, place))


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _in_use(cache: Cache, place: str, problems: list[Problem]) -> Exception:
    from linkinstall.errors import CacheError

    error = CacheError(
        f"{place} has the cache {cache.path} in it, and environments would stop working without "
        "that.",
        problems=problems,
        next_step="Nothing was changed. Install what they have with another --link-mode first, "
        "or go on all the same with --force.",
    )
    error.status = "refused"
    return error
