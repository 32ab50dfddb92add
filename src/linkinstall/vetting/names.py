"""Which names of members and scripts are refused.

Purpose: the rules on paths inside a wheel and on names of scripts, each with its
reason. They are pure functions of the name.

Calling sequence::

    for code, reason in path_problems("pkg/../../x", windows=False): ...
    is_reserved_script("Python3.exe")      # True

Guarantees: a path without problems is relative, has no ``.``, ``..`` or empty
segment, and stays inside of whatever folder it is joined to, on every platform. With
``windows`` it is also a path that Windows takes as it is written.

Errors: none.

References: ZIP APPNOTE 4.4.17 (forward slashes, no drive); Microsoft, "Naming Files,
Paths, and Namespaces"; Unicode TR36 (direction controls); CVE-2026-8643 and
GHSA-4gg8-gxpx-9rph (entry points that leave the folder of scripts).
"""

from __future__ import annotations

import re

from linkinstall import limits
from linkinstall.paths import device_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_reserved_script", "path_problems", "script_name_problems"]

# C0 and C1 controls, DEL, direction controls, and the two line ends that str.splitlines
# sees: any of them makes RECORD or a terminal say something else than is there.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_DRIVE = re.compile("[A-Za-z]:")
_WINDOWS_CHARACTERS = re.compile('[<>:"|?*]')
# Interpreters as they are named in bin and Scripts: python, python3.13t, pythonw, python_d,
# pypy3.11, graalpy. Not python-argcomplete-check-easy-install-script, python-config, pythonium.
_INTERPRETER = re.compile(r"(python|pypy|graalpy)w?(\d+(\.\d+)*[tdm]*)?w?(_d)?")
# activate, activate.fish, Activate.ps1, activate_this.py, deactivate.bat. Not
# activate-global-python-argcomplete.
_ACTIVATION = re.compile(r"(activate|deactivate|activate_this)(\.[a-z0-9]+)?")
_PLAIN = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_+.-]*(/[A-Za-z0-9_+-][A-Za-z0-9_+.-]*)*/?")
_PLAIN_LENGTH = 200


def path_problems(path: str, *, windows: bool) -> Iterator[tuple[str, str]]:
    """Yield (code, reason) for everything that is wrong with the path of a member.

    :param path: as the archive has it; a folder's ends in a slash
    :param windows: whether names that only Windows cannot have are problems
    """
    if len(path) < _PLAIN_LENGTH and not windows and _PLAIN.fullmatch(path):
        return  # nearly all of them
    yield from _shape_problems(path)
    segments = path.removesuffix("/").split("/")
    if len(path) > limits.PATH_LENGTH:
        yield "member-length", f"the path is longer than {limits.PATH_LENGTH} characters"
    if len(segments) > limits.PATH_DEPTH:
        yield "member-length", f"the path has more than {limits.PATH_DEPTH} parts"
    if any(len(segment.encode("utf-8", "replace")) > limits.NAME_LENGTH for segment in segments):
        yield "member-length", f"a name in the path is longer than {limits.NAME_LENGTH} bytes"
    for segment in segments if windows else ():
        for reason in _windows_problems(segment):
            yield "member-windows", reason


def _shape_problems(path: str) -> Iterator[tuple[str, str]]:
    if _HIDDEN.search(path):
        yield "member-characters", "the name has control characters or reverses its direction"
    if "\\" in path:
        yield "member-path", "the name has a backslash, which is a separator for Windows only"
    if path.startswith("/"):
        yield "member-path", "the path is absolute"
    elif _DRIVE.match(path):
        yield "member-path", "the path begins with a drive"
    segments = path.removesuffix("/").removeprefix("/").split("/")
    if ".." in segments:
        yield "member-path", "the path leads out of its folder"
    if "." in segments or "" in segments:
        yield "member-path", "the path has an empty segment or a dot for one"


def script_name_problems(name: str, *, windows: bool) -> Iterator[tuple[str, str]]:
    """Yield (code, reason) for everything that is wrong with the name of an entry point."""
    if not name.strip():
        yield "entry-point-name", "it has no name"
        return
    if "/" in name or "\\" in name or name in (".", ".."):
        yield "entry-point-name", "its name leads out of the folder of scripts"
    if _HIDDEN.search(name):
        yield "entry-point-name", "its name has control characters or reverses its direction"
    if len(name.encode("utf-8", "replace")) > limits.NAME_LENGTH - len(".exe"):
        yield "entry-point-name", f"its name is longer than {limits.NAME_LENGTH - 4} bytes"
    if is_reserved_script(name):
        yield "reserved-name", "the name belongs to the environment itself; a script cannot take it"
    if windows:
        for reason in _windows_problems(name):
            yield "entry-point-name", reason


def is_reserved_script(name: str) -> bool:
    """Tell whether a script of this name would stand where the environment has its own.

    In any case, with or without ``.exe``: interpreters (``python``, ``pythonw``,
    ``python3.13t``, ``pypy3``, ``graalpy``) and activation scripts.
    """
    name = name.casefold().rstrip(". ").removesuffix(".exe")
    return bool(_INTERPRETER.fullmatch(name) or _ACTIVATION.fullmatch(name))


def _windows_problems(segment: str) -> Iterator[str]:
    if _WINDOWS_CHARACTERS.search(segment):
        yield 'Windows takes no < > : " | ? * in names'
    if device_in(segment):
        yield "the name is a device on Windows"
    if segment not in (".", "..") and segment.endswith((".", " ")):
        yield "Windows drops a dot or a space at the end of a name"
