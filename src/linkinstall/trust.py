"""Whose cache is it: a cache that others can write to is not linked from.

Purpose: what is in the cache is run by everybody who installs from it, and a warm install
believes its manifests. So who can write to it must be somebody who is trusted anyway.

Calling sequence::

    reason = distrust(files, "/cache", named=True)     # "" where it may be used
    refuse_distrusted(cache)                           # where nothing else would do

Guarantees: reads only. A folder that is not there yet is trusted. Where the system has
no owners and modes as POSIX has them, every folder is.

Errors: ``OSError`` where a folder cannot be looked at;
:class:`~linkinstall.errors.CacheError` from :func:`refuse_distrusted`.
"""

from __future__ import annotations

import os
from stat import S_ISLNK, S_IWOTH, S_IXOTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.cache import Cache
    from linkinstall.fs.port import FileSystem

__all__ = ["distrust", "refuse_distrusted"]


def distrust(files: FileSystem, path: str, *, named: bool) -> str:
    """Return why the cache in a folder is not to be used, "" where it may be.

    :param named: whether somebody named the folder (an option, a variable): then it may
        belong to anybody. The default one lies in a home folder, and ``sudo`` may leave
        root with the home folder of a user, who could have root run anything.
    """
    if not hasattr(os, "geteuid"):
        return ""
    status = files.status(path)
    if status is not None and S_ISLNK(status.st_mode):
        path = files.real_path(path)
        status = files.status(path)
    if status is None:
        return ""
    if status.st_mode & S_IWOTH and _others_reach(files, path):
        return "every user can write to it"
    if not named and status.st_uid not in (0, os.geteuid()):
        return f"it belongs to user {status.st_uid}"
    return ""


def refuse_distrusted(cache: Cache) -> None:
    """Refuse a cache that is not to be used.

    :raises CacheError: it is one
    """
    if not cache.distrust:
        return
    from linkinstall.errors import CacheError, Problem

    reason = cache.distrust
    raise CacheError(
        f"The cache {cache.path} is not used: {reason}.",
        problems=[Problem("cache-untrusted", cache.path, None, f"{cache.path}: {reason}")],
        next_step="Nothing was changed. Name another one (--cache-dir), or let nobody else "
        "write to it: chmod o-w, or chown.",
    )


def _others_reach(files: FileSystem, path: str) -> bool:
    """Return whether every folder above lets every user through."""
    folder = files.real_path(path)
    while (parent := os.path.dirname(folder)) != folder:
        status = files.status(parent)
        if status is not None and not status.st_mode & S_IXOTH:
            return False
        folder = parent
    return True
