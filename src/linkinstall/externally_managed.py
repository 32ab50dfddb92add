"""Installations that somebody else manages (:pep:`668`).

Purpose: keep out of an interpreter's own library where its distributor says so.

Calling sequence: ``refuse_if_managed("/usr/lib/python3.11", "/usr/bin/python3")``.

Guarantees: the message is the distributor's, in the person's language where the file
has it (Externally Managed Environments specification, "Marking an interpreter").

Errors: :class:`~linkinstall.errors.ExternallyManagedError`.
"""

from __future__ import annotations

import os

from linkinstall import limits
from linkinstall.fs import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MARKER", "refuse_if_managed"]

MARKER = "EXTERNALLY-MANAGED"
"""Name of the file, in the folder of the standard library."""


def refuse_if_managed(stdlib: str, python: str) -> None:
    """Refuse an interpreter whose standard library has the marker.

    :param stdlib: the folder of its standard library
    :param python: the interpreter, for the message
    :raises ExternallyManagedError: it is managed by somebody else
    """
    path = os.path.join(stdlib, MARKER)
    if local().status(path) is None:
        return
    from linkinstall.errors import ExternallyManagedError

    said = _message(path) or f"(The file {path} says so without a reason.)"
    raise ExternallyManagedError(
        f"The environment of {python} is externally managed:\n{said}",
        next_step=f"Nothing was changed. Make a virtual environment ({python} -m venv .venv) and "
        "name it with --python .venv; or, at the risk of breaking this installation of Python, "
        "give --break-system-packages.",
    )


def _message(path: str) -> str:
    """Return the marker's message, "" where the file has none that can be read."""
    import configparser
    import re

    parser = configparser.ConfigParser(interpolation=None)
    try:
        text = local().read(path, limits.MARKER_SIZE).decode("utf-8")
        # configparser takes quadratic time over a gap.
        if re.search(rf"[^\S\n]{{{limits.MARKER_GAP}}}", text):
            return ""
        parser.read_string(text)
        section = parser["externally-managed"]
    except (OSError, ValueError, KeyError, configparser.Error):
        return ""
    return next((said for key in _keys() if (said := section.get(key, "").strip())), "")


def _keys() -> Iterator[str]:
    """Yield the keys of the message, the person's language first."""
    language = _language()
    if language:
        yield f"Error-{language}"
        for separator in "-_":
            yield f"Error-{language.partition(separator)[0]}"
    yield "Error"


def _language() -> str | None:
    """Return the language of messages, such as ``de_DE``."""
    import locale

    category = getattr(locale, "LC_MESSAGES", locale.LC_CTYPE)  # Windows has no LC_MESSAGES
    try:
        language = locale.getlocale(category)[0]
    except ValueError:  # a locale that Python does not know
        language = None
    if language:
        return language
    # A library does not call setlocale for its host; these are what it would read.
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if chosen := os.environ.get(name):
            language = chosen.partition(".")[0].partition("@")[0]
            return None if language in {"C", "POSIX"} else language
    return None
