"""A half-made environment: whether all in it is ours, and deleting it or keeping it.

Purpose: what a killed run was making is deleted by the next one. Between the two, the half of an
environment may have been taken for a whole one: a person has put files there, pip has installed.

Calling sequence::

    half = HalfMade(files, place, state, change)
    if half.is_there():                     # the mark of this very change is
        path = first_foreign(files, place)  # None: whatever is there comes from virtualenv
        half.drop(stashed=...)              # or half.keep(...)

Guarantees: each step can be repeated. What is not known to come from virtualenv is somebody's; a
link is not followed. Not looked into are the seeds (pip and the like) and folders of compiled
files.

Errors: ``OSError`` with its path.
"""

from __future__ import annotations

import re
from itertools import count

from linkinstall import limits
from linkinstall.fs.port import FILE, FOLDER, LINK
from linkinstall.fs.trees import (
    make_folders,
    remove_folder_if_empty,
    remove_named,
    remove_tree,
    rename_folder,
)
from linkinstall.values import value
from linkinstall.venvs.change import is_made_by_others
from linkinstall.venvs.moving import RENAME_REFUSALS, take_entries
from linkinstall.venvs.sight import INNER, KEPT, MAKING, SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem
    from linkinstall.venvs.change import Change

__all__ = ["HalfMade", "first_foreign", "free_name"]

_FILES = (FILE, LINK)
_ANY = (FILE, LINK, FOLDER)


@value
class Known:
    """Names that virtualenv makes in one folder.

    :param names: a pattern of them, in any case
    :param kinds: what kinds of entries they may be
    :param inner: what may be in a folder; None: it is not looked into
    """

    names: str
    kinds: tuple[str, ...]
    inner: tuple[Known, ...] | None = None


_PYTHON = r"(python|pypy)[\d.]*t?"
_CACHE = Known("__pycache__", _ANY)
_LIBRARY = Known(r"lib(python|pypy)\d[-\w.]*", _FILES)  # of PyPy, and beside copied interpreters
_MODULES = Known(
    "site-packages",
    (FOLDER,),
    (
        _CACHE,
        Known(r"(pip|setuptools|wheel)(-\d.*)?|pkg_resources|_distutils_hack", _ANY),
        Known(r"_virtualenv\.(py|pth)|distutils-precedence\.pth", _FILES),
    ),
)
_SCRIPTS = (
    _CACHE,
    _LIBRARY,
    Known(r"(de)?activate(_this)?(\.\w+)?|pydoc\.bat", _FILES),
    Known(r"(python|pypy)w?[\d.]*t?(\.exe|\.zip|\._pth)?|.*\.(dll|pyd)", _FILES),
    Known(r"(pip|wheel|easy_install)(-?[\d.]+)?(\.exe)?", _FILES),
)
_ENVIRONMENT = (
    Known(re.escape(INNER), _ANY),
    Known(rf"{re.escape(MAKING)}|pyvenv\.cfg|\.gitignore|\.lock|cachedir\.tag", _FILES),
    Known("bin|scripts", (FOLDER,), _SCRIPTS),
    Known("lib64", (LINK,)),
    Known("lib|lib64", (FOLDER,), (_LIBRARY, _MODULES, Known(_PYTHON, (FOLDER,), (_MODULES,)))),
    Known(r"\.python", _FILES),  # the library of a framework of macOS
    Known("include", (FOLDER,), (Known(_PYTHON, (LINK, FOLDER), ()),)),
)


def first_foreign(
    files: FileSystem, folder: str, known: tuple[Known, ...] = _ENVIRONMENT
) -> str | None:
    """Return the path of something that virtualenv has not put there; None where all is its."""
    for name, kind in files.scan(folder):
        for one in known:
            if kind in one.kinds and re.fullmatch(one.names, name, re.IGNORECASE):
                break
        else:
            return f"{folder}/{name}"
        if kind == FOLDER and one.inner is not None:
            found = first_foreign(files, f"{folder}/{name}", one.inner)
            if found is not None:
                return found
    return None


class HalfMade:
    """What stands at a place while a change makes it.

    :param state: the state folder, on the same volume
    """

    def __init__(self, files: FileSystem, place: str, state: str, change: Change) -> None:
        self.files = files
        self.place = place
        self.state = state
        self.change = change

    def is_there(self) -> bool:
        """Return whether this very change has begun to make what stands at the place."""
        try:
            mark = self.files.read(f"{self.place}/{MAKING}", limits.VENV_JOURNAL_SIZE)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return False
        return self.change.has_made(mark)

    def is_taken_over(self) -> bool:
        """Return whether another tool has made an environment of what we have begun to make."""
        path = f"{self.place}/{SETTINGS}"
        try:
            return is_made_by_others(self.files.read(path, limits.SETTINGS_SIZE))
        except OSError:  # none, or none that anybody could use
            return False

    def drop(self, *, stashed: bool) -> None:
        """Delete it, the file that says so last; what is busy goes to the trash.

        :param stashed: what stood there before is aside; else the folder itself may have
        """
        for name, _ in self.files.scan(self.place):
            if name not in {INNER, MAKING}:
                for path, _error in remove_tree(self.files, f"{self.place}/{name}"):
                    self._to_trash(path)
                remove_tree(self.files, f"{self.place}/{name}")  # the folders above them
        remove_named(self.files, self.place, [MAKING])
        # Where the whole folder is aside, it comes back in one rename.
        if stashed or not self.change.stood:
            remove_folder_if_empty(self.files, self.place)

    def keep(self, *, stashed: bool) -> None:
        """Set it aside for good: somebody else has put something into it since."""
        kept = free_name(self.files, self.state, self.change)
        inside = self.state.startswith(f"{self.place}/")
        as_one = not inside and (stashed or not self.change.stood)
        if not as_one or not rename_folder(self.files, self.place, kept, RENAME_REFUSALS):
            take_entries(self.files, self.place, kept)  # the mark last
            if as_one:
                remove_folder_if_empty(self.files, self.place)
        remove_named(self.files, kept, [MAKING])

    def _to_trash(self, path: str) -> None:
        trash = f"{self.state}/{self.change.number + 1}"
        make_folders(self.files, trash)
        number = 0
        while self.files.status(target := f"{trash}/{number}") is not None:
            number += 1
        self.files.rename_new(path, target)


def free_name(files: FileSystem, state: str, change: Change) -> str:
    """Return a path in the state folder for what is to be kept there."""
    name = f"{state}/{KEPT}{change.id or '0'}"
    ways = (f"{name}-{number}" if number else name for number in count())
    return next(path for path in ways if files.status(path) is None)
