"""Commands as a person types them, quoted for the shells of the system.

Purpose: what a message or a finding tells to do can be copied and run as it stands.

Calling sequence::

    joined(["linkinstall", "repair", "--python", "/my env", "six"])
    moved("/env/lib/app", "/env/lib/app.aside")

Guarantees: pure. On POSIX any word is one word again. On Windows it is so in ``cmd`` and in
PowerShell, but for what these two put in place of ``%NAME%`` and ``$NAME`` even in quotes.

Errors: none.
"""

from __future__ import annotations

import ntpath
import os
import shlex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["joined", "moved"]

_PLAIN = frozenset("/\\:._-+")
"""What besides letters and digits needs no quotes in ``cmd`` and in PowerShell."""


def joined(words: Iterable[str], *, windows: bool = os.name == "nt") -> str:
    """Return words as one command line."""
    return " ".join(map(_quoted, words)) if windows else shlex.join(words)


def moved(path: str, target: str, *, windows: bool = os.name == "nt") -> str:
    """Return the command line that renames a file or a folder."""
    if not windows:
        return joined(["mv", path, target], windows=False)
    # A shell's own command takes a slash for the beginning of an option.
    words = ["move", ntpath.normpath(path), ntpath.normpath(target)]
    return joined(words, windows=True)


def _quoted(word: str) -> str:
    if word and all(one.isalnum() or one in _PLAIN for one in word):
        return word
    # A program takes a backslash before a quotation mark for an escape.
    escaped = f"{word}\\" if word.endswith("\\") else word
    return f'"{escaped}"'
