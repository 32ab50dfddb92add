"""Folders that look like virtual environments, made without an interpreter.

Calling sequence::

    place = make_venv(tmp_path / ".venv")
    before = contents(place)
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from linkinstall.paths import forward
from tests.support.faulty import Wrapper
from tests.support.platforms import WINDOWS

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from tests.support.faulty import Change

LIBRARY = "lib/python3.11/site-packages"


def make_venv(place: Path, *, settings: bool = True) -> Path:
    """Make what looks like a virtual environment with a package, a link and a binary.

    Its layout is that of POSIX on every platform.
    """
    for folder in ("bin", "include", f"{LIBRARY}/pkg"):
        (place / folder).mkdir(parents=True)
    if WINDOWS:  # no environment has a link there
        (place / "bin" / "python").write_text("an interpreter\n")
    else:
        (place / "bin" / "python").symlink_to("/opt/python/bin/python3.11")
        (place / "lib64").symlink_to("lib")
    (place / "bin" / "activate").write_text("# activate\n")
    (place / "bin" / "tool.exe").write_bytes(b"MZ tool")
    (place / LIBRARY / "pkg" / "__init__.py").write_text("value = 1\n")
    (place / LIBRARY / "pkg" / "fast.pyd").write_bytes(b"MZ fast")
    if settings:
        (place / "pyvenv.cfg").write_text("home = /opt/python/bin\nversion = 3.11.9\n")
    return place


def contents(folder: Path) -> dict[str, str]:
    """Return what is below a folder: path -> contents or target; folders end with a slash."""
    found: dict[str, str] = {}
    for base, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = os.path.join(base, name)
            key = forward(os.path.relpath(path, folder))
            if os.path.islink(path):
                found[key] = f"-> {os.readlink(path)}"
            elif os.path.isdir(path):
                found[f"{key}/"] = ""
            else:
                with open(path, encoding="utf-8") as stream:
                    found[key] = stream.read()
    return found


class Held(Wrapper):
    """As Windows is where a file is open: neither it nor a folder above it can be renamed.

    :param paths: the files that are open
    :param running: a running image: it can be renamed, though not deleted
    """

    def __init__(self, inner: FileSystem, *paths: Path, running: bool = False) -> None:
        super().__init__(inner)
        self.held = [str(path) for path in paths]
        self.running = running

    def before(self, change: Change) -> None:
        """Refuse what Windows refuses, and follow an image that is moved."""
        if change.verb in {"rename", "rename_new"}:
            for number, path in enumerate(self.held):
                above = path.startswith(f"{change.source}/")
                if above or (path == change.source and not self.running):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), change.source)
                if path == change.source:
                    self.held[number] = change.path
        elif change.verb == "unlink" and change.path in self.held:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), change.path)
