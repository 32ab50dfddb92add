"""The command line: the only part of linkinstall that prints.

Purpose: ``linkinstall`` and ``python -m linkinstall``. ``options`` is the one table
of commands and options, ``parse`` reads the words of a call by it, ``help`` renders
it, ``target`` chooses the environment, ``commands`` calls the verbs, ``render``
turns outcomes into text and JSON, ``console`` writes, ``signals`` listens, and
``main`` holds it together.

Calling sequence: the console script calls :func:`script`. Programs use the Python API
(``linkinstall.install`` and so on) rather than this package.

Guarantees: exit statuses 0, 1, 2, 3, 130 and 143 as ``docs/reference/exit-status.md`` lists
them; a traceback is shown only under ``-v``, and only for a mistake in linkinstall.

Errors: none; each becomes a message and an exit status.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["leave", "run", "script"]

INTERRUPTED = 130


def run() -> int:
    """Run the command line of this process and return its exit status."""
    try:
        from linkinstall.cli.main import main
        from linkinstall.cli.signals import listen

        listen()
        return main(sys.argv[1:], program=program_name(sys.argv[0]))
    except KeyboardInterrupt as interruption:
        # Before the first verb, or after the last: there is nothing to put back.
        return getattr(interruption, "exit_status", INTERRUPTED)


def program_name(path: str) -> str:
    """Return how the command line was called, for usage messages.

    :param path: ``sys.argv[0]``, which ends in ``__main__.py`` under ``python -m``
    """
    return "python -m linkinstall" if path.endswith("__main__.py") else "linkinstall"


def script() -> NoReturn:
    """Run the command line of this process and leave it: the console script."""
    leave(run())


def leave(status: int) -> NoReturn:
    """Flush what was printed and end the process at once.

    Taking the interpreter down in order costs as much as some hundred links, and by
    now there is nothing left to do.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            # Nobody listens any more; cli.main has already dealt with lost results.
            pass
    os._exit(status)
