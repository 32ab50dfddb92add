r"""Paths as linkinstall writes them: absolute, normalised, ``/`` between the parts.

Purpose: plans, journals and rules compare paths as text, on Windows too. There every
path that comes from outside (a scheme, an interpreter's answer, a ``RECORD``) passes
through here once; the system takes both separators, and :mod:`linkinstall.fs.windows`
turns them where it must.

Calling sequence::

    normal("C:\env\Lib\..\Scripts")     # "C:/env/Scripts"
    forward("C:\env")                      # "C:/env"
    plain("\\?\C:\env")                    # "C:/env"
    device_in("C:/env/aux.py")                 # "aux.py"

Guarantees: pure. On POSIX :func:`forward` returns what it is given: a backslash is a
character of a name there.

Errors: none.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "INNER",
    "device_in",
    "folded",
    "forward",
    "normal",
    "plain",
    "state_folders",
    "states_around",
]

INNER = ".linkinstall.venv"
"""Name of the state of a virtual environment inside it: none that :func:`state_folders` gives to
the state beside another one, whatever that is called."""

_PORTS = [f"{kind}{number}" for kind in ("COM", "LPT") for number in "123456789\xb9\xb2\xb3"]
_DEVICES = frozenset(("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", *_PORTS))


def forward(path: str) -> str:
    """Return ``path`` with ``/`` between its parts."""
    return path if os.sep == "/" else path.replace(os.sep, "/")


def state_folders(place: str) -> tuple[str, str]:
    """Return where the state of a virtual environment may be: beside it, and inside it."""
    parent, name = os.path.split(place)
    return forward(os.path.join(parent, f".linkinstall-{name}")), f"{place}/{INNER}"


def states_around(place: str) -> Iterator[tuple[str, str]]:
    """Yield a folder and each one above it, with each place where its state may be."""
    while True:
        for state in state_folders(place):
            yield place, state
        parent = os.path.dirname(place)
        if parent == place:
            return
        place = parent


def plain(path: str) -> str:
    """Return a path of Windows without its extended prefix, ``/`` between its parts."""
    path = path.replace("\\", "/")
    for prefix, instead in (("//?/UNC/", "//"), ("//?/", "")):
        if path.startswith(prefix):
            return instead + path.removeprefix(prefix)
    return path


def folded(path: str) -> str:
    """Return what paths share that a volume may take for one, as NTFS, HFS+ and APFS do."""
    if path.isascii():
        return path.lower()
    from unicodedata import normalize

    return normalize("NFC", path.lower())


def device_in(path: str) -> str:
    """Return the part of a path that Windows takes for a device, "" where none is.

    With whatever ending behind a dot: ``aux.py`` is ``aux``
    (https://learn.microsoft.com/windows/win32/fileio/naming-a-file).
    """
    for part in path.replace("\\", "/").split("/"):
        if part.partition(".")[0].partition(":")[0].rstrip(" ").upper() in _DEVICES:
            return part
    return ""


def _normal(path: str) -> str:
    return os.path.normpath(plain(path)).replace(os.sep, "/")


normal: Callable[[str], str] = os.path.normpath if os.sep == "/" else _normal
"""Return a path normalised, with ``/`` between its parts."""
