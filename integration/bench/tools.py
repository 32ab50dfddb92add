"""The commands that ``make bench`` measures: ours, uv's, pip's, ``installer``'s and PDM's.

Purpose: the same change of an environment by each tool, as alike as their options allow: no
index, no dependencies, hard links where a tool links, nothing of the machine's configuration.

Calling sequence: ``uv("--compile-bytecode")(job)`` are the processes of one run, one after
the other, each a list of words.

Guarantees: uv and pip are those of this repository's tools. What Python programs are run by is
told in ``interpreters``, and is made when the first such command is asked for.

Errors: ``ModuleNotFoundError`` where pip is missing; those of ``interpreters``.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from integration.bench import interpreters

PROGRAMS = Path(__file__).with_name("programs")
NO_BYTECODE, BYTECODE = "--no-compile-bytecode", "--compile-bytecode"


@dataclass(frozen=True)
class Job:
    """What one run is about.

    :param environment: the folder of the virtual environment
    :param cache: the folder of the tool's cache
    :param wheels: what is installed
    :param earlier: what was there before an upgrade
    :param names: the distributions of ``wheels``
    :param scratch: a folder for what a measurement leaves
    """

    environment: Path
    cache: Path
    wheels: tuple[Path, ...]
    earlier: tuple[Path, ...]
    names: tuple[str, ...]
    scratch: Path

    @property
    def python(self) -> str:
        """The environment's interpreter."""
        return f"{self.environment}/bin/python"


Commands = Callable[[Job], list[list[str]]]
"""Returns the processes of one run."""


# ------------------------------------------------------------------ uv


def uv(*options: str, mode: str = "hardlink") -> Commands:
    """Return an install by uv."""
    fixed = [*_UV, "install", "-q", "--no-config", "--no-deps", "--offline", "--no-index"]
    fixed += ["--link-mode", mode, *options]
    return lambda job: [[*fixed, "--cache-dir", str(job.cache), "-p", job.python, *_wheels(job)]]


def uv_uninstall() -> Commands:
    """Return the removal of all distributions by uv."""
    fixed = [*_UV, "uninstall", "-q", "--no-config", "--offline"]
    return lambda job: [[*fixed, "--cache-dir", str(job.cache), "-p", job.python, *job.names]]


_UV = (str(Path(sys.executable).with_name("uv")), "pip")


# ------------------------------------------------------------------ ours


def linkinstall(*options: str, mode: str = "hardlink", fast: bool = False) -> Commands:
    """Return an install by our command line.

    :param fast: with the extra of this name
    """
    fixed = ["install", "-q", "--link-mode", mode, *options]
    return lambda job: [
        [*_ours(fast=fast), *fixed, "--cache-dir", str(job.cache), "--python", job.python,
         *_wheels(job)]
    ]  # fmt: skip


def uninstall(*options: str) -> Commands:
    """Return the removal of all distributions by our command line."""
    fixed = ["uninstall", "-q", *options]
    return lambda job: [
        [*_ours(), *fixed, "--cache-dir", str(job.cache), "--python", job.python, *job.names]
    ]


def remove_venv() -> Commands:
    """Return the removal of the environment by our command line."""
    fixed = ["venv", "remove", "-q"]
    return lambda job: [[*_ours(), *fixed, "--cache-dir", str(job.cache), str(job.environment)]]


def by_script(commands: Commands) -> Commands:
    """Return the same calls of our command line, by the console script."""
    return lambda job: [
        [str(Path(python).with_name("linkinstall")), *words]
        for python, _, _, *words in commands(job)
    ]


def by_forks(commands: Commands, *, links: int, looks: int) -> Commands:
    """Return the same calls of our command line, with other bounds for a second process.

    :param links: from so many links on
    :param looks: from so many cached files on that are looked at
    """
    fixed = [str(PROGRAMS / "by_forks.py"), str(links), str(looks)]
    return lambda job: [[python, *fixed, *words] for python, _, _, *words in commands(job)]


def traced(commands: Commands, what: str = "seconds") -> Commands:
    """Return the same calls of our command line, which note what each phase takes.

    For the gauges of phases, which start them where the program is found.

    :param what: seconds or memory
    """
    return lambda job: [
        [python, "-m", "traced", what, str(job.scratch / "phases.json"), *words]
        for python, _, _, *words in commands(job)
    ]


def our_library(program: str) -> Commands:
    """Return a program that installs all wheels through our Python API: see ``programs/``."""
    fixed = [str(PROGRAMS / f"{program}.py")]
    return lambda job: [[_python(), *fixed, str(job.environment), str(job.cache), *_wheels(job)]]


def _ours(*, fast: bool = False) -> list[str]:
    return [_python(fast=fast), "-m", "linkinstall"]


def _python(*, fast: bool = False) -> str:
    return str(interpreters.fast() if fast else interpreters.ours())


# ------------------------------------------------------------------ the links alone


def noted_links() -> Commands:
    """Return what :func:`links_alone` needs: an install by us, and the list of what it brought."""
    install = linkinstall()
    program = [sys.executable, str(PROGRAMS / "note_links.py")]
    return lambda job: [
        *install(job),
        [*program, str(job.environment), str(job.scratch / "template"), str(_store(job))],
    ]


def links_alone(kind: str, how: str = "processes", *, by_us: bool = False) -> Commands:
    """Return a program that makes the folders and links of an install and nothing else.

    It notes how long they took, for the gauge of what is noted.

    :param kind: plain, or compiled
    :param how: by two ``processes``, by two ``threads``, or ``alone``
    :param by_us: by the code that an install by us makes them with
    """
    start = [str(PROGRAMS / "links_by_us.py")] if by_us else ["-I", "-S", _LINKS_ALONE]
    program = [*start, how]
    return lambda job: [
        [_python(), *program, str(_store(job)), str(job.environment), str(_store(job) / kind),
         str(noted(job))]
    ]  # fmt: skip


_LINKS_ALONE = str(PROGRAMS / "links_alone.py")


def noted(job: Job) -> Path:
    """Return where a program notes the seconds of what it is about."""
    return job.scratch / "noted"


def _store(job: Job) -> Path:
    """Return where files are kept: for each set of wheels, since each is filled once."""
    names = "\0".join(wheel.name for wheel in job.wheels)
    return job.cache / f"store-{hashlib.sha256(names.encode()).hexdigest()[:16]}"


# ------------------------------------------------------------------ others


def pip(*options: str) -> Commands:
    """Return an install by pip, run by the environment's interpreter as if it stood there."""
    import pip as package

    # What `pip --python` starts, without the process before it.
    runner = Path(package.__file__ or "").with_name("__pip-runner__.py")
    fixed = [str(runner), "install", "-q", "--isolated", "--disable-pip-version-check"]
    fixed += ["--no-index", "--no-deps", "--no-cache-dir", *options]
    return lambda job: [[job.python, *fixed, *_wheels(job)]]


def installer(*options: str) -> Commands:
    """Return a call of ``installer``'s command line for each wheel: it takes one."""
    fixed = ["-m", "installer", *options, "--prefix"]
    return lambda job: [[_python(), *fixed, str(job.environment), wheel] for wheel in _wheels(job)]


def installer_api(levels: str = "") -> Commands:
    """Return a program that gives all wheels to ``installer.install``."""
    fixed = [str(PROGRAMS / "by_installer.py"), levels]
    return lambda job: [[_python(), *fixed, str(job.environment), *_wheels(job)]]


def pdm(mode: str) -> Commands:
    """Return a program that links all wheels out of PDM's cache, as ``pdm sync`` does."""
    fixed = [str(PROGRAMS / "by_pdm.py"), mode]
    return lambda job: [
        [str(interpreters.pdm()), *fixed, str(job.cache), job.python, *_wheels(job)]
    ]


def rm() -> Commands:
    """Return the removal of the environment by ``rm``."""
    return lambda job: [["rm", "-rf", str(job.environment)]]


def of_earlier(commands: Commands) -> Commands:
    """Return the same with the wheels that were there before an upgrade."""
    return lambda job: commands(replace(job, wheels=job.earlier))


def _wheels(job: Job) -> list[str]:
    return [str(wheel) for wheel in job.wheels]
