"""The wheels that the state machine installs, and what each brings, read independently.

``ModelWheel.rows`` says which file a wheel puts where in an environment, as the
documentation has it; the wheel is read with ``zipfile`` and scripts are made by
``installer``, so nothing of the engine is asked.
"""

from __future__ import annotations

import posixpath
import sys
import zipfile
from configparser import ConfigParser
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from installer.scripts import Script

from tests.support.scenarios import app, app_2, other, third
from tests.support.simple_model import LIBRARY, File

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.sites import Site

DATA_ROOTS = {
    "purelib": LIBRARY,
    "platlib": LIBRARY,
    "scripts": "bin",
    "headers": "include/site/python3.11",
    "data": "",
}
EXECUTABLE = 0o111
TAG = sys.implementation.cache_tag


@dataclass(frozen=True)
class Asked:
    """The options of a transaction that decide what it leaves.

    :param foreign: another tool does it: ``installer`` with its own destination
    """

    overwrite: bool = False
    reinstall: bool = False
    levels: tuple[int, ...] = ()
    python: str = "python"
    foreign: bool = False

    def of(self, python: str) -> Asked:
        """Return the same, asked of the environment of an interpreter."""
        return replace(self, python=python)


@dataclass(frozen=True)
class ModelWheel:
    """One wheel: where it lies, and its files, ``(path, contents, executable)``."""

    path: Path
    members: tuple[tuple[str, bytes, bool], ...]

    @property
    def name(self) -> str:
        """The project."""
        return self.path.name.split("-")[0]

    @property
    def version(self) -> str:
        """The version."""
        return self.path.name.split("-")[1]

    @property
    def info(self) -> str:
        """The dist-info folder."""
        return f"{self.name}-{self.version}.dist-info"

    def __repr__(self) -> str:
        """Return name and version, for the steps of a failing run."""
        return f"{self.name}-{self.version}"

    def rows(self, asked: Asked) -> dict[str, File]:
        """Return every file that is listed in RECORD when it is installed."""
        rows = {}
        for path, data, executable in self.members:
            scheme, place = self._place(path)
            content, mode = data, executable
            if scheme == "scripts":
                mode = executable or not asked.foreign
                if data.startswith(b"#!python"):
                    content = b"#!" + asked.python.encode() + data.removeprefix(b"#!python")
            rows[place] = File(content, mode)
        for name, data in self._launchers(asked.python):
            rows[f"bin/{name}"] = File(data, executable=True)
        sources = [path for path in rows if path.startswith(LIBRARY) and path.endswith(".py")]
        for path in sources:
            for level in asked.levels:
                rows[compiled(path, level)] = File(None)
        info = f"{LIBRARY}/{self.info}"
        own = {"INSTALLER": b"another\n"}
        if not asked.foreign:
            own = {"INSTALLER": b"linkinstall\n", "REQUESTED": b""}
            rows[f"{info}/direct_url.json"] = File(None)
        rows |= {f"{info}/{name}": File(data) for name, data in own.items()}
        rows[f"{info}/RECORD"] = File(None)
        return rows

    def _place(self, path: str) -> tuple[str, str]:
        """Return the scheme of a member, and where it goes."""
        top, _, rest = path.partition("/")
        if not top.endswith(".data"):
            return "purelib", f"{LIBRARY}/{path}"
        scheme, _, inner = rest.partition("/")
        own = self.name if scheme == "headers" else ""
        return scheme, posixpath.join(DATA_ROOTS[scheme], own, inner)

    def _launchers(self, python: str) -> Iterator[tuple[str, bytes]]:
        text = {path: data for path, data, _ in self.members}.get(f"{self.info}/entry_points.txt")
        parser = ConfigParser(delimiters=("=",))
        parser.read_string((text or b"").decode())
        for section in parser.sections():
            for name, target in parser[section].items():
                module, _, attribute = target.partition(":")
                # Without a launcher for Windows the two kinds are one.
                yield Script(name, module, attribute, "console").generate(python, "posix")


def compiled(path: str, level: int) -> str:
    """Return where the compiled file of a source goes (:pep:`3147`, :pep:`488`)."""
    folder, name = posixpath.split(path)
    more = f".opt-{level}" if level else ""
    return f"{folder}/__pycache__/{name[:-3]}.{TAG}{more}.pyc"


def rival(site: Site) -> Path:
    """Make the wheel of ``rival``, which brings a file of ``app`` and one of ``third`` too."""
    files = {
        "app/core.py": "rival = True\n",
        "third.py": "value = 'rival'\n",
        "family/__init__.py": "",
        "rival data/a, b.txt": "quoted\n",
        "rival data/run.sh": "#!/bin/sh\n",
    }
    return site.wheel("rival", "1.0", files, executable=["rival data/run.sh"])


def blunt(site: Site) -> Path:
    """Make the wheel of ``blunt``, whose file stands where ``app`` 2.0 has a folder."""
    files = {"app/turned": "blunt\n", "blunt.py": ""}
    return site.wheel("blunt", "1.0", files)


def third_2(site: Site) -> Path:
    """Make the wheel of ``third`` 2.0."""
    return site.wheel("third", "2.0", {"third.py": "value = 32\n", "third_more.py": "more = 1\n"})


def read(path: Path) -> ModelWheel:
    """Read a wheel."""
    members = []
    with zipfile.ZipFile(path) as archive:
        for one in archive.infolist():
            if not one.filename.endswith("/RECORD"):
                executable = bool(one.external_attr >> 16 & EXECUTABLE)
                members.append((one.filename, archive.read(one), executable))
    return ModelWheel(path, tuple(members))


def all_wheels(site: Site) -> list[ModelWheel]:
    """Make and read every wheel."""
    makers = (app, app_2, other, third, third_2, rival, blunt)
    return [read(make(site)) for make in makers]
