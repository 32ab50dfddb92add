"""What stands at the path of a virtual environment, before anything is done there.

Purpose: tell a virtual environment from what another tool left of one, from links and
from folders that are somebody's own.

Calling sequence::

    sight = look(files, ".venv")
    if sight.kind == VENV: ...

Guarantees: reads only. The links that a path names are followed here, and nowhere
later: what is done is done at ``sight.place``, and each link is known by its own path.

A virtual environment is known by its ``pyvenv.cfg`` and an interpreter (:pep:`405`); a
link to an interpreter that is gone counts, since the system's Python may have been
upgraded. What is left of one is known by the folders that environments have.

Errors: ``OSError`` where something cannot be read.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISLNK

from linkinstall import limits
from linkinstall.fs.trees import absolute
from linkinstall.paths import INNER, normal, state_folders
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem

__all__ = [
    "ABSENT",
    "BROKEN",
    "DANGLING",
    "EMPTY",
    "INNER",
    "KEPT",
    "LOCK",
    "MAKING",
    "OTHER",
    "VENV",
    "Sight",
    "look",
    "state_folders",
]

ABSENT, DANGLING, EMPTY, VENV, BROKEN, OTHER = (
    "absent",
    "dangling",
    "empty",
    "venv",
    "broken",
    "other",
)
"""Nothing; a link to nothing; an empty folder; a virtual environment; what is left of
one; anything else."""

SETTINGS = "pyvenv.cfg"
LOCK = ".lock"
"""Name of the lock of an environment, in it: whoever comes for it makes it."""
MAKING = ".linkinstall-making"
"""Name of the file that says that what stands at a place is being made by us."""
KEPT = "kept-"
"""How the name of a folder in the state folder begins that has what could not be put back."""
FOLDERS_OF_SCRIPTS = ("bin", "Scripts")
_LIBRARIES = ("lib", "Lib", "lib64")
_KNOWN = {
    *FOLDERS_OF_SCRIPTS, *_LIBRARIES, "include", "Include", "share", "etc", "man", "src",
    SETTINGS, ".gitignore", ".lock", "CACHEDIR.TAG",
}  # fmt: skip
_PROJECT = (".git", ".hg", ".svn", "pyproject.toml", "setup.py", "setup.cfg")
"""What stands at the root of a project and of no virtual environment."""


@value
class Sight:
    """What stands at a path.

    :param path: the path as it was named, absolute
    :param links: the links it leads through, the one at ``path`` first
    :param place: where it leads to, free of links
    :param kind: one of the kinds above
    :param own: names at the top that no virtual environment has
    """

    path: str
    links: tuple[str, ...]
    place: str
    kind: str
    own: tuple[str, ...] = ()


def look(files: FileSystem, path: str) -> Sight:
    """Return what stands at ``path``, which is not empty."""
    named = normal(absolute(files, path))
    place, links = _resolve(files, named)
    status = files.status(place)
    if status is None or S_ISLNK(status.st_mode):
        return Sight(named, links, place, DANGLING if links else ABSENT)
    if not S_ISDIR(status.st_mode):
        return Sight(named, links, place, OTHER)
    try:
        names = {name for name, _ in files.scan(place)}
    except FileNotFoundError:  # another process has removed it since
        return Sight(named, links, place, DANGLING if links else ABSENT)
    own = tuple(name for name in _PROJECT if name in names)
    return Sight(named, links, place, _kind(files, place, names), own)


def _resolve(files: FileSystem, path: str) -> tuple[str, tuple[str, ...]]:
    """Follow the links that stand at ``path`` itself; return where they end, and them."""
    links: list[str] = []
    for _ in range(limits.SYMLINK_DEPTH):
        folder, name = os.path.split(path)
        real = files.real_path(folder)
        path = normal(os.path.join(real, name)) if name else files.real_path(path)
        status = files.status(path)
        if status is None or not S_ISLNK(status.st_mode):
            # Windows takes a name in any case; as it is written it is compared.
            return (path if status is None else files.real_path(path)), tuple(links)
        links.append(path)
        path = normal(absolute(files, os.path.join(real, files.read_link(path))))
    return path, tuple(links)


def _kind(files: FileSystem, place: str, names: set[str]) -> str:
    names = names - {INNER, MAKING}  # our own, which say nothing of what else is there
    if not names:
        return EMPTY
    if SETTINGS in names and _has_interpreter(files, place, names):
        return VENV
    # An interpreter, scripts of activation or a library folder, and nothing that is not
    # at home in an environment.
    if SETTINGS in names or (not names - _KNOWN and _has_parts(files, place, names)):
        return BROKEN
    return OTHER


def _has_interpreter(files: FileSystem, place: str, names: set[str]) -> bool:
    return any(
        name.lower().startswith(("python", "pypy"))
        for folder in FOLDERS_OF_SCRIPTS
        if folder in names
        for name in _names(files, f"{place}/{folder}")
    )


def _has_parts(files: FileSystem, place: str, names: set[str]) -> bool:
    for folder in FOLDERS_OF_SCRIPTS:
        if folder in names:
            inside = _names(files, f"{place}/{folder}")
            if any(name.lower().startswith(("activate", "python")) for name in inside):
                return True
    for folder in _LIBRARIES:
        inside = _names(files, f"{place}/{folder}") if folder in names else []
        if any(name.startswith(("site-packages", "python", "pypy")) for name in inside):
            return True
    return False


def _names(files: FileSystem, folder: str) -> list[str]:
    try:
        return [name for name, _ in files.scan(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []  # a file; or another process has removed it since
