"""What a scenario is: data only, so that every fault can be put to it.

Purpose: one value says how the old state comes about, what acts on it, and which
commands may be the next run after a fault. What *old* and *new* are is not
written down anywhere: the sweep runs the scenario once without a fault and takes
snapshots.

Calling sequence: arguments may hold the names of a sandbox's folders and of the
wheels, which ``Sandbox.expand`` fills in::

    Command(("{python}", "-m", "tool", "install", "{pluggy-1.6.0}"))

Guarantees: immutable; nothing here touches the disk.

Errors: none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

State = Literal["old", "new"]


@dataclass(frozen=True)
class Command:
    """One command line.

    :param arguments: the program and its arguments, with ``{names}`` to fill in
    :param variables: environment variables beside those of the sandbox
    :param statuses: the exit statuses that mean success
    """

    arguments: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    statuses: tuple[int, ...] = (0,)


def no_problems(_folder: str) -> list[str]:
    """Return that nothing is wrong with a cache."""
    return []


@dataclass(frozen=True)
class CacheRule:
    """How the cache of a tool may differ from one run to the next.

    :param unit: regular expression for the beginning of a path that names one entry;
        an entry must be there as a whole or not at all
    :param optional: regular expression for the paths that may be there or not
    :param volatile: regular expression for the files that hold times, so that two
        sound ones differ
    :param temporary: regular expression for the names that a library of somebody else's
        leaves in the temporary folder where it is killed
    :param check: looks at a cache by itself and returns what is wrong
    :param ignore: the cache is not judged at all (other tools' caches)
    """

    unit: str = r"[^/]+"
    optional: str = r"(?!)"
    volatile: str = r"(?!)"
    temporary: str = r"(?!)"
    check: Callable[[str], list[str]] = no_problems
    ignore: bool = False


@dataclass(frozen=True)
class Scenario:
    """One change to an environment, and all that may follow it.

    :param tool: whose command acts
    :param verb: what it does
    :param subject: what it does it to, in a word or two
    :param mode: the link mode
    :param prepare: the commands that make the old state of an empty environment
    :param act: the command a fault strikes
    :param next_runs: name -> the command that follows a fault
    :param probe: Python code the environment's interpreter runs
    :param works_in: the states in which ``probe`` must succeed
    :param extra_files: files a person has put into the environment, path below
        the library folder -> text
    :param cache: how the cache is compared
    :param just_before: commands that run right before the fault, after the old state was
        saved; what they write has not reached the disk when the fault comes
    """

    tool: str
    verb: str
    subject: str
    mode: str
    prepare: tuple[Command, ...]
    act: Command
    next_runs: Mapping[str, Command]
    probe: str
    works_in: tuple[State, ...]
    extra_files: Mapping[str, str] = field(default_factory=dict)
    cache: CacheRule = field(default_factory=CacheRule)
    just_before: tuple[Command, ...] = ()

    @property
    def name(self) -> str:
        """A unique name, usable on a command line."""
        words = f"{self.tool} {self.verb} {self.subject} {self.mode}"
        return "-".join(re.findall(r"[\w.]+", words))

    @property
    def settling(self) -> Command:
        """The recovery: which of the next runs settles what a fault has left.

        What ``cache add`` has begun is put right by doing it again; ``recover`` sweeps what any
        command has left in a cache, and makes nothing. Where a whole environment was taken away
        there is nothing yet that it could be told: the first of the next runs settles the place.
        """
        names = tuple(self.next_runs)
        wanted = "again" if self.verb == "cache-add" else "recover"
        return self.next_runs[wanted if wanted in names else names[0]]
