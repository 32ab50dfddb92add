"""Whose cache is it: a cache that others can write to is not linked from.

Purpose: what is in the cache is run by everybody who installs from it, and a warm install
believes its manifests. So who can write to it must be somebody who is trusted anyway.

Calling sequence::

    reason = distrust(files, "/cache", ["v1"], named=True)     # "" where it may be used
    refuse_distrusted(cache)                           # where nothing else would do

Guarantees: reads only. What this user may not look into is not to be used. A folder that is
not there yet is trusted where those above it are. Where the system has no owners and modes
as POSIX has them, every folder is.

Errors: ``OSError`` where a folder cannot be looked at;
:class:`~linkinstall.errors.CacheError` from :func:`refuse_distrusted` and
:func:`refuse_homeless`.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISLNK, S_IWOTH, S_IXOTH

from linkinstall.fs.trees import keeps_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from linkinstall.cache import Cache
    from linkinstall.errors import CacheError
    from linkinstall.fs.port import FileSystem

__all__ = ["NO_HOME", "distrust", "refuse_distrusted", "refuse_homeless"]

NO_HOME = "no home folder is known, HOME is not set"
NO_FOLDER = "it is no folder"
NO_ENTRY = "this user may not look into it"


def distrust(files: FileSystem, path: str, inner: Iterable[str] = (), *, named: bool) -> str:
    """Return why the cache in a folder is not to be used, "" where it may be.

    :param inner: folders in it that count as much
    :param named: whether somebody named the folder (an option, a variable): then it may
        belong to anybody. The default one lies in a home folder, and ``sudo`` may leave
        root with the home folder of a user, who could have root run anything.
    """
    if not hasattr(os, "geteuid"):
        return ""
    try:
        return _distrust(files, path, inner, named=named)
    except PermissionError:
        return NO_ENTRY


def _distrust(files: FileSystem, path: str, inner: Iterable[str], *, named: bool) -> str:
    if not named:
        from linkinstall.cache_folder import default_folder

        if not os.path.isabs(default_folder()):
            return NO_HOME
    real = files.real_path(path)
    status = files.status(real)
    if status is not None and not S_ISDIR(status.st_mode):
        return NO_FOLDER
    opened = _opened(files, path, real, inner)
    if opened or named:
        return opened
    if status is None:
        return _other_home(files, real)
    return "" if status.st_uid in (0, os.geteuid()) else f"it belongs to user {status.st_uid}"


def _other_home(files: FileSystem, path: str) -> str:
    """Return why root is not to make a cache: what it makes there, its user cannot change.

    Others may where the system lets them: in some containers the home folder is the group's.
    """
    found = (files.status(parent) for parent in _above(path))
    nearest = next((status for status in found if status is not None), None)
    if os.geteuid() or nearest is None or nearest.st_uid == 0:
        return ""
    return f"it would be made in a folder of user {nearest.st_uid}"


def _opened(files: FileSystem, path: str, real: str, inner: Iterable[str]) -> str:
    """Return how every user can change a cache, "" where none but its own can."""
    for place in (real, *(f"{real}/{name}" for name in inner)):
        status = files.status(place)
        if status is not None and S_ISLNK(status.st_mode):
            return f"{place} is a symbolic link"  # and its mode says nothing
        if status is not None and status.st_mode & S_IWOTH and _others_reach(files, place):
            return "every user can write to " + ("it" if place == real else place)
    # Where a link is on the way, somebody could put another in its place.
    for place in (*_above(real), *_above(path)):
        status = files.status(place)
        plain = status is None or S_ISLNK(status.st_mode) or keeps_names(status.st_mode)
        if not plain and _others_reach(files, place):
            return f"every user can replace it, by way of {place}"
    return ""


def _above(path: str) -> Iterator[str]:
    """Yield the folders above a path, the nearest first."""
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent


def refuse_distrusted(cache: Cache) -> None:
    """Refuse a cache that is not to be used.

    :raises CacheError: it is one
    """
    if not cache.distrust:
        return
    from linkinstall.errors import CacheError, Problem

    reason = cache.distrust
    if reason == NO_HOME:
        raise _homeless()
    closing = (
        ", or let nobody else write to it: chmod o-w (or chmod +t for a folder above), or chown"
    )
    raise CacheError(
        f"The cache {cache.path} is not used: {reason}.",
        problems=[Problem("cache-untrusted", cache.path, None, f"{cache.path}: {reason}")],
        next_step="Nothing was changed. Name another one (--cache-dir)"
        f"{'' if reason in (NO_FOLDER, NO_ENTRY) else closing}.",
    )


def refuse_homeless() -> None:
    """Refuse to take the default cache where there is none.

    :raises CacheError: no home folder is known, and no variable names a cache
    """
    from linkinstall.cache_folder import default_folder

    if not (os.environ.get("LINKINSTALL_CACHE_DIR") or os.path.isabs(default_folder())):
        raise _homeless()


def _homeless() -> CacheError:
    from linkinstall.errors import CacheError, Problem

    return CacheError(
        f"There is no default cache: {NO_HOME}.",
        problems=[Problem("cache-untrusted", message=NO_HOME)],
        next_step="Nothing was changed. Name a cache (--cache-dir, or LINKINSTALL_CACHE_DIR).",
    )


def _others_reach(files: FileSystem, path: str) -> bool:
    """Return whether every folder above lets every user through."""
    statuses = (files.status(parent) for parent in _above(files.real_path(path)))
    return all(status is None or bool(status.st_mode & S_IXOTH) for status in statuses)
