"""``python -m linkinstall``: the same as the console script ``linkinstall``.

Purpose: run the command line and leave the process at once.

Calling sequence: ``python -m linkinstall a.whl``; nothing is meant to import this.

Guarantees: everything printed is flushed before the process ends.

Errors: none.
"""

from __future__ import annotations

from linkinstall.cli import script

if __name__ == "__main__":
    script()
