"""What a table is made of: runs on the same wheels, and what they are called.

Purpose: the words that the catalogue of groups, the goals and the tables share.

Calling sequence: ``Group("warm", "app", (Run(UV, commands), Run(OURS, others)))``.

Guarantees: nothing is run here.

Errors: none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integration.bench.tools import Commands

SECONDS, MEMORY, PHASES, NOTED = "seconds", "memory", "phases", "noted"
MEMORY_PHASES = "memory phases"
PLAIN, COMPILED, EMPTY, GONE = "plain", "compiled", "empty", "gone"

UV = "uv"
OURS = "linkinstall"
OURS_COMPILED = "linkinstall, bytecode"
OFF = "linkinstall, --sync off"
FAST = "linkinstall, isal"
FAST_OFF = "linkinstall, isal, --sync off"
FAST_COMPILED = "linkinstall, isal, bytecode"
UV_COMPILED = "uv, bytecode"
PIP = "pip"
PIP_COMPILED = "pip, bytecode"
INSTALLER = "installer, a process for each wheel"
INSTALLER_COMPILED = "installer, a process for each wheel, bytecode"
INSTALLER_API = "installer, one process"
INSTALLER_API_COMPILED = "installer, one process, bytecode"
RM = "rm -rf"
LINKS = "links alone, in Python"
LINKS_BY_US = "links alone, by linkinstall's code"
LINKS_COMPILED = "links alone, in Python, bytecode"

SLOW = 1 / 3
"""The weight of what takes many seconds a round."""
NO_FLUSH = ("--sync", "off")


@dataclass(frozen=True)
class Run:
    """One row of a table.

    :param name: how the row is called; its first word is the tool, and its cache's name
    :param cold: whether the cache is emptied before
    :param before: what brings the environment into the state it is about; nothing for an
        empty one
    :param left: what must be in the environment afterwards
    """

    name: str
    commands: Commands
    cold: bool = False
    before: Commands | None = None
    left: str = PLAIN

    @property
    def tool(self) -> str:
        """The program."""
        return self.name.split()[0].strip(",")


@dataclass(frozen=True)
class Group:
    """Runs on the same wheels that are compared with the first of them.

    :param corpus: the name of the wheels
    :param weight: so many times the number of rounds: more for what is quick, less for slow
    :param dropped: rounds at the beginning that do not count, since they fill caches
    :param new_path: each environment at a path where there has never been one
    """

    name: str
    corpus: str
    runs: tuple[Run, ...]
    weight: float = 1.0
    dropped: int = 1
    new_path: bool = False
    gauge: str = SECONDS

    def rounds(self, asked: int) -> int:
        """Return how many rounds count."""
        return max(1, round(asked * self.weight))
