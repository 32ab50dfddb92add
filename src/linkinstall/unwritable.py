"""Where the shared cache cannot be written: what is said, and whether another may do.

Purpose: tell a refusal that is the cache's own from all others, and put it into words.

Calling sequence: ``warning = stand_in(cache, error, symlinks=False)``, then go on with a
temporary cache.

Guarantees: reads only.

Errors: the error itself, where it is about something else;
:class:`~linkinstall.errors.CacheError` where a cache that goes would not do.
"""

from __future__ import annotations

import os

from linkinstall.errors import CacheError, LinkInstallError
from linkinstall.fs.named import UNWRITABLE
from linkinstall.outcome import Warn
from linkinstall.paths import forward
from linkinstall.trust import NO_HOME, refuse_distrusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.cache import Cache

__all__ = ["passed_over", "stand_in"]


def stand_in(cache: Cache, error: OSError, *, symlinks: bool) -> Warn:
    """Return the one warning with which a temporary cache takes over.

    :param symlinks: whether what is installed would lead into the cache
    """
    refused = isinstance(error, LinkInstallError) or error.errno not in UNWRITABLE
    if refused or not _is_of(cache, error):
        raise error
    reason = error.strerror or str(error)
    if symlinks:
        refuse_distrusted(cache)
        raise CacheError(
            f"The cache {cache.path} cannot be used: {os.fsdecode(error.filename)}: {reason}.",
            next_step="Nothing was changed. Link mode symlink needs a cache that stays: make "
            "it writable, name another one (--cache-dir), or take another --link-mode.",
        ) from error
    code = "cache-untrusted" if cache.distrust else "cache-unwritable"
    what = f"the cache {cache.path} cannot be used"
    if cache.distrust == NO_HOME:  # its path is that of no folder
        what = "there is no default cache"
    return Warn(code, f"{what} ({reason}); going on as with --no-cache")


def passed_over(cache: Cache) -> list[Warn]:
    """Return a warning for each tier that is not to be used."""
    return [
        Warn("cache-untrusted", f"the tier {tier} of the cache is not used: {reason}")
        for tier, reason in cache.passed_over.items()
    ]


def _is_of(cache: Cache, error: OSError) -> bool:
    """Return whether an error is about a path in the cache, or on the way to it.

    The wheel, the interpreter that compiles and others can be refused just the same.
    """
    if error.filename is None:
        return False
    path, folder = forward(os.fsdecode(error.filename)), forward(cache.path)
    return f"{path}/".startswith(f"{folder}/") or folder.startswith(f"{path}/")
