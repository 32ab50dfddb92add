"""Where the cache is, where nobody says.

Purpose: the folder of the shared cache: an environment variable, else the platform's.

Calling sequence: ``default_folder()``.

Guarantees: reads environment variables only. Where no home folder is known, the path
begins with a tilde still, and nothing is to be made of it.

Errors: none.
"""

from __future__ import annotations

import os
import sys

__all__ = ["default_folder"]


def default_folder() -> str:
    """Return ``LINKINSTALL_CACHE_DIR``, else the user's cache folder of the platform.

    On Linux by the XDG rule itself, since ``platformdirs``, which is asked
    elsewhere, costs as much to import as a whole warm install.
    """
    chosen = os.environ.get("LINKINSTALL_CACHE_DIR")
    if chosen:
        return chosen
    platform: str = sys.platform  # mypy would take the rest for unreachable
    if platform == "linux":
        base = os.environ.get("XDG_CACHE_HOME", "").strip()
        if not os.path.isabs(base):  # it does not count then, says the rule
            base = os.path.expanduser("~/.cache")
        return os.path.join(base, "linkinstall")
    import platformdirs

    return platformdirs.user_cache_dir("linkinstall", appauthor=False)
