"""One real wheel, put through all that is done with a wheel.

Purpose: vetted, unpacked, installed, compared with what pip makes of it, removed by each
tool, and what pip installed removed by ours.

Calling sequence: ``trial(wheel, folder)`` with an empty folder; ``problems`` of the result is
empty where all went well.

Guarantees: one process of each tool for each step, as a person would start it. Nothing is
fetched. The folder is emptied again.

Errors: none; whatever fails is one of the problems.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zipfile import ZipFile

from integration.real.likeness import unlike
from integration.support.command import Command
from integration.support.environments import describe, make_venv
from integration.support.peers import pip, pip_install, uv
from integration.support.records import dist_infos, record_problems
from integration.support.trees import differences, files_of

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.environments import Venv
    from integration.support.trees import Tree

MODULES_TO_COMPILE = 60
"""Wheels with more modules than this are installed without compiled files: pip takes minutes."""
SHOWN = 5


@dataclass(frozen=True)
class Trial:
    """What became of one wheel.

    :param files: how many files the wheel has
    :param compiled: whether its modules were compiled
    :param problems: what went wrong, a line each
    """

    wheel: str
    files: int
    compiled: bool
    problems: tuple[str, ...] = ()


def trial(wheel: Path, folder: Path) -> Trial:
    """Put one wheel through every step."""
    with ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    compiled = sum(name.endswith(".py") for name in names) <= MODULES_TO_COMPILE
    work = folder / "work"
    try:
        problems = _Steps(wheel, work, compiled=compiled).run()
    except (AssertionError, OSError, ValueError) as error:
        problems = [f"{type(error).__name__}: {str(error).strip()[-2000:]}"]
    shutil.rmtree(work, ignore_errors=True)
    if len(problems) > SHOWN:
        problems = [*problems[:SHOWN], f"and {len(problems) - SHOWN} more"]
    return Trial(wheel.name, len(names), compiled, tuple(problems))


class _Steps:
    """The steps; each adds its problems."""

    def __init__(self, wheel: Path, work: Path, *, compiled: bool) -> None:
        self.wheel = wheel
        self.name = wheel.name.partition("-")[0]
        self.compiled = compiled
        self.root, self.aside = work / "venv", work / "theirs"
        self.templates = work.parent
        self.command = Command(work / "home", work / "cache")
        self.problems: list[str] = []

    def run(self) -> list[str]:
        """Take all steps and return the problems."""
        venv, bare = self._fresh()
        pip_install(venv, [self.wheel], *([] if self.compiled else ["--no-compile"]))
        self._no(record_problems_of(venv), "RECORD of pip")
        # Scripts name the path of their environment: ours takes the place of pip's.
        self.root.rename(self.aside)
        theirs = describe(self.aside)

        venv, bare = self._fresh()
        self._install()
        self._no(unlike(theirs, venv, bare), "unlike pip's")
        self._no(record_problems_of(venv), "RECORD")
        self._no(venv_strays(venv, bare, compiled=self.compiled), "stray")
        checked = self.command.run("check", "--python", self.root, "--full", status=None)
        self._no(checked.lines, "check")
        first = venv.snapshot()
        self._uninstall()
        self._no(differences(bare, venv.snapshot()), "after our uninstall")

        self._install()
        self._no(differences(first, venv.snapshot()), "warm, unlike cold")
        uv(venv, "uninstall", "--quiet", self.name)
        self._no(files_left(venv, bare), "after uninstall by uv")

        venv, bare = self._again()
        self._install()
        pip(venv, "uninstall", "--quiet", "--yes", self.name)
        self._no(files_left(venv, bare), "after uninstall by pip")

        shutil.rmtree(self.root)
        self.aside.rename(self.root)
        self._uninstall()
        self._no(differences(bare, venv.snapshot()), "after our uninstall of pip's")
        return self.problems

    def _fresh(self) -> tuple[Venv, Tree]:
        venv = make_venv(self.root, self.templates)
        return venv, venv.snapshot()

    def _again(self) -> tuple[Venv, Tree]:
        shutil.rmtree(self.root)
        return self._fresh()

    def _install(self) -> None:
        options = [] if self.compiled else ["--no-compile-bytecode"]
        self.command.run("install", "--python", self.root, *options, self.wheel)

    def _uninstall(self) -> None:
        self.command.run("uninstall", "--python", self.root, self.name)

    def _no(self, found: list[str], what: str) -> None:
        self.problems += [f"{what}: {one}" for one in found]


def record_problems_of(venv: Venv) -> list[str]:
    """Return what is wrong with the distributions of a venv by their RECORDs."""
    found = dist_infos(venv.library)
    if len(found) != 1:
        return [f"{len(found)} dist-info folders"]
    return record_problems(venv.library, found[0])


def venv_strays(venv: Venv, bare: Tree, *, compiled: bool) -> list[str]:
    """Return the files that no RECORD accounts for; linked compiled files are none."""
    return [path for path in venv.strays(bare) if not (compiled and path.endswith(".pyc"))]


def files_left(venv: Venv, bare: Tree) -> list[str]:
    """Return the files by which a venv differs from a bare one; tools leave emptied folders."""
    return sorted(files_of(venv.root) - bare.keys() - {".lock"})
