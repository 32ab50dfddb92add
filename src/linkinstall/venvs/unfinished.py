"""What a folder holds in which an environment was being made: ours alone, or somebody's, too.

Purpose: what a killed run was making is deleted by the next one. Between the two, the half of an
environment may have been taken for a whole one: a person has put files there, pip has installed.

Calling sequence::

    path = first_foreign(files, place)      # None: whatever is there comes from virtualenv

Guarantees: reads only. What is not known to come from virtualenv is somebody's; a link is not
followed. Not looked into are the seeds (pip and the like) and folders of compiled files.

Errors: ``OSError`` where a folder cannot be read.
"""

from __future__ import annotations

import re

from linkinstall.fs.port import FILE, FOLDER, LINK
from linkinstall.values import value
from linkinstall.venvs.sight import INNER, MAKING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem

__all__ = ["first_foreign"]

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
    Known(r"(de)?activate(_this)?(\.\w+)?|pydoc\.bat", _FILES),
    Known(r"(python|pypy)w?[\d.]*t?(\.exe|\.zip|\._pth)?|.*\.(dll|pyd)", _FILES),
    Known(r"(pip|wheel|easy_install)(-?[\d.]+)?(\.exe)?", _FILES),
)
_ENVIRONMENT = (
    Known(re.escape(INNER), _ANY),
    Known(rf"{re.escape(MAKING)}|pyvenv\.cfg|\.gitignore|\.lock|cachedir\.tag", _FILES),
    Known("bin|scripts", (FOLDER,), _SCRIPTS),
    Known("lib64", (LINK,)),
    Known("lib|lib64", (FOLDER,), (_MODULES, Known(_PYTHON, (FOLDER,), (_MODULES,)))),
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
