"""What virtualenv makes of an error, where a verb of ours has it make an environment.

Purpose: between two steps of ours another library works, with calls of its own. What it does
about an error there is its own affair, as long as ours put everything back, or what it made is a
whole environment. What is allowed is written down here, each with its reason, and nothing else.

Calling sequence::

    if verb in MAKING:
        output = without_finalizer(output)
        is_told(output, place)                # a message of its own names the place for it
        copies = copying(command)             # what it makes where no link can be made
        is_probe(injected, temporary)         # this error tells it that none can be made

Guarantees: data and text only; nothing is run.

Errors: none.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integration.faults.injection import Injected
    from integration.faults.scenario import Command

MAKING = ("venv-clear", "venv-create")
"""The verbs that have it make an environment."""
_FINALIZER = re.compile(
    r"Exception ignored in: <function ReentrantFileLock\.__del__ at 0x[0-9a-f]+>\n"
    r"Traceback \(most recent call last\):\n(?: .*\n)+"
    r"AttributeError: 'ReentrantFileLock' object has no attribute '_lock'\n"
)
_LINKING = {"symlink", "symlinkat"}


def without_finalizer(output: str) -> str:
    """Return what was printed without what Python says of a lock of virtualenv's.

    Where that cannot make the file of a lock, it goes on without it. The object that was not
    made whole is finalized nevertheless, and Python prints that its finalizer failed.
    """
    return _FINALIZER.sub("", output)


def is_told(output: str, place: str) -> bool:
    """Return whether an error is told as one of virtualenv's, with the place that it works at.

    What is written through Python's own files names no path, and what it looks for in the folders
    for temporary files names these folders. Ours adds what it knows: where this was.
    """
    return f"error: virtualenv could not make {place}: " in output


def is_probe(injected: Injected, temporary: str) -> bool:
    """Return whether an error met the link by which virtualenv finds out whether it can make any.

    It makes one in the folder for temporary files, once for each process, before all others.
    """
    first = injected.calls[0].partition("(")[0].rpartition(" ")[2] if injected.calls else ""
    return first in _LINKING and any(
        os.path.dirname(path) == temporary for path in injected.paths[:2]
    )


def copying(command: Command) -> Command:
    """Return a command whose virtualenv copies the interpreter, as it does where it cannot link."""
    return replace(command, variables={**command.variables, "VIRTUALENV_COPIES": "1"})
