"""Some real wheels, put through all that is done with wheels.

Purpose: vetted, unpacked, installed, compared with what pip makes of them, removed by each
tool, and what pip installed removed by ours.

Calling sequence: ``trial(wheels, folder)`` with an empty folder; ``problems`` of the result is
empty where all went well. ``batches(wheels)`` groups wheels that can stand in one environment:
the start of a tool costs more than what it does.

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
    from collections.abc import Sequence
    from pathlib import Path

    from integration.support.environments import Venv
    from integration.support.trees import Tree

MODULES_TO_COMPILE = 40
"""Wheels with more modules than this are installed without compiled files: pip takes minutes."""
WHEELS_AT_ONCE, FILES_AT_ONCE = 16, 3000
SHOWN = 5


@dataclass(frozen=True)
class Trial:
    """What became of some wheels.

    :param problems: what went wrong, a line each
    """

    wheels: tuple[Path, ...]
    problems: tuple[str, ...] = ()


def members_of(wheel: Path) -> list[str]:
    """Return the files of a wheel."""
    with ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if not name.endswith("/")]


def is_compiled(members: Sequence[str]) -> bool:
    """Whether the modules of a wheel with these files are compiled."""
    return sum(name.endswith(".py") for name in members) <= MODULES_TO_COMPILE


def batches(wheels: Sequence[Path]) -> list[tuple[Path, ...]]:
    """Return the wheels in groups that have no file in common.

    Scripts for entry points are not looked at: a batch that fails is tried wheel by wheel.
    """
    made: list[tuple[list[Path], set[str], bool]] = []
    for wheel in wheels:
        members = members_of(wheel)
        files, compiled = {_placed(name) for name in members}, is_compiled(members)
        for group, taken, alike in made:
            small = len(group) < WHEELS_AT_ONCE and len(taken) + len(files) <= FILES_AT_ONCE
            if small and alike == compiled and taken.isdisjoint(files):
                group.append(wheel)
                taken.update(files)
                break
        else:
            made.append(([wheel], files, compiled))
    return [tuple(group) for group, _, _ in made]


def _placed(name: str) -> str:
    """Return a member's path below its scheme, which is enough to tell two apart."""
    first, _, rest = name.partition("/")
    return rest.partition("/")[2] if first.endswith(".data") else name


def trial(wheels: Sequence[Path], folder: Path) -> Trial:
    """Put wheels that go into one environment through every step."""
    work = folder / "work"
    try:
        problems = _Steps(wheels, work).run()
    except (AssertionError, OSError, ValueError) as error:
        problems = [f"{type(error).__name__}: {str(error).strip()[-2000:]}"]
    shutil.rmtree(work, ignore_errors=True)
    if len(problems) > SHOWN:
        problems = [*problems[:SHOWN], f"and {len(problems) - SHOWN} more"]
    return Trial(tuple(wheels), tuple(problems))


class _Steps:
    """The steps; each adds its problems."""

    def __init__(self, wheels: Sequence[Path], work: Path) -> None:
        self.wheels = wheels
        self.names = [wheel.name.partition("-")[0] for wheel in wheels]
        self.compiled = all(is_compiled(members_of(wheel)) for wheel in wheels)
        self.root, self.aside = work / "venv", work / "theirs"
        self.templates = work.parent
        self.command = Command(work / "home", work / "cache")
        self.problems: list[str] = []

    def run(self) -> list[str]:
        """Take all steps and return the problems."""
        venv, bare = self._fresh()
        pip_install(venv, self.wheels, *([] if self.compiled else ["--no-compile"]))
        self._no(record_problems_of(venv), "RECORD of pip")
        # Scripts name the path of their environment: ours takes the place of pip's.
        self.root.rename(self.aside)
        theirs = describe(self.aside)

        venv, bare = self._fresh()
        self._install()
        self._no(unlike(theirs, venv, bare), "unlike pip's")
        assert len(self.wheels) == len(dist_infos(venv.library))
        self._no(record_problems_of(venv), "RECORD")
        self._no(venv_strays(venv, bare, compiled=self.compiled), "stray")
        checked = self.command.run("check", "--python", self.root, "--full", status=None)
        self._no(checked.lines, "check")
        first = venv.snapshot()
        self._uninstall()
        self._no(differences(bare, venv.snapshot()), "after our uninstall")

        self._install()
        self._no(differences(first, venv.snapshot()), "warm, unlike cold")
        uv(venv, "uninstall", "--quiet", *self.names)
        self._no(files_left(venv, bare), "after uninstall by uv")

        venv, bare = self._again()
        self._install()
        pip(venv, "uninstall", "--quiet", "--yes", *self.names)
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
        self.command.run("install", "--python", self.root, *options, *self.wheels)

    def _uninstall(self) -> None:
        self.command.run("uninstall", "--python", self.root, *self.names)

    def _no(self, found: list[str], what: str) -> None:
        self.problems += [f"{what}: {one}" for one in found]


def record_problems_of(venv: Venv) -> list[str]:
    """Return what is wrong with the distributions of a venv by their RECORDs."""
    found = dist_infos(venv.library)
    return [line for one in found for line in record_problems(venv.library, one)]


def venv_strays(venv: Venv, bare: Tree, *, compiled: bool) -> list[str]:
    """Return the files that no RECORD accounts for; linked compiled files are none."""
    return [path for path in venv.strays(bare) if not (compiled and path.endswith(".pyc"))]


def files_left(venv: Venv, bare: Tree) -> list[str]:
    """Return the files by which a venv differs from a bare one; tools leave emptied folders."""
    return sorted(files_of(venv.root) - bare.keys() - {".lock"})
