"""``python -m linkinstall``: the same as the console script ``linkinstall``.

Purpose: run the command line and leave the process at once.

Calling sequence: ``python -m linkinstall a.whl``; nothing is meant to import this.

Guarantees: everything printed is flushed before the process ends. Taking the
interpreter down in order costs as much as some hundred links, and by then there
is nothing left to do, so ``os._exit`` is called.

Errors: none.
"""

from __future__ import annotations

import os
import sys

from linkinstall.cli import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def leave(status: int) -> NoReturn:
    """Flush what was printed and end the process with ``status``."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            # Nobody listens any more; cli.main has already dealt with lost results.
            pass
    os._exit(status)


if __name__ == "__main__":
    leave(run())
