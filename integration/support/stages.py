"""One change to one environment, to be stopped at any of its calls, again and again.

Purpose: kill, interrupt or refuse a command at chosen points and compare the tree with
the one before and the one after.

Calling sequence: bring a venv into its old state, ``Stage(command, venv, "install", …)``,
then for each of ``points``: ``reset()``, run with a fault, compare.

Guarantees: every round starts from the same inodes at the same path (kept as hard links),
so scripts and links into the cache are what they were.

Errors: ``AssertionError`` where the change itself fails.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from integration.support.command import Fault, read_log
from integration.support.trees import differences

if TYPE_CHECKING:
    from integration.support.command import Command, Result
    from integration.support.environments import Venv


class Stage:
    """A change from a tree ``before`` to a tree ``after``.

    :param command: the command line, its cache filled as the test wants it
    :param venv: the environment in its old state
    :param arguments: the change; ``--python`` is added
    """

    def __init__(self, command: Command, venv: Venv, *arguments: object) -> None:
        self.command = command
        self.venv = venv
        self.arguments = (*arguments, "--python", venv.root)
        self.before = venv.snapshot()
        self.kept = venv.root.with_name(f"{venv.root.name}.kept")
        subprocess.run(["cp", "-al", str(venv.root), str(self.kept)], check=True)
        log = venv.root.with_name(f"{venv.root.name}.log")
        command.run(*self.arguments, log=log)
        self.after = venv.snapshot()
        assert [] != differences(self.before, self.after)
        root = f"{venv.root}/"
        self.calls = [one for one in read_log(log) if any(root in path for path in one[1:])]
        assert self.calls, log.read_text(encoding="utf-8")

    def points(self, count: int) -> list[int]:
        """Return some ordinals of the calls, spread evenly, the last one among them."""
        last = len(self.calls) - 1
        return sorted({1 + last * number // max(1, count - 1) for number in range(count)})

    @property
    def commit(self) -> int:
        """The ordinal of the commit point: the last rename within the state folder."""
        return max(
            number
            for number, (event, *paths) in enumerate(self.calls, 1)
            if event == "os.rename" and all("/.linkinstall/" in path for path in paths)
        )

    def points_before_commit(self, count: int) -> list[int]:
        """Return some ordinals of the calls up to the commit point, that one included."""
        last = self.commit - 1
        return sorted({1 + last * number // max(1, count - 1) for number in range(count)})

    def reset(self) -> None:
        """Put the old state back."""
        shutil.rmtree(self.venv.root)
        subprocess.run(["cp", "-al", str(self.kept), str(self.venv.root)], check=True)

    def fault(self, point: int, action: str, *, lasting: bool = False) -> Fault:
        """Return a fault at one of the calls of this change."""
        return Fault(point, action, inside=f"{self.venv.root}/", lasting=lasting)

    def run(self, *faults: Fault, status: int | tuple[int, ...] | None) -> Result:
        """Reset, then run the change with faults."""
        self.reset()
        return self.command.run("--json", *self.arguments, status=status, faults=faults)

    def state(self) -> str:
        """Return ``before``, ``after``, or what differs from both."""
        tree = self.venv.snapshot()
        from_before, from_after = differences(self.before, tree), differences(self.after, tree)
        if not from_before:
            return "before"
        if not from_after:
            return "after"
        return f"neither: from before {from_before}, from after {from_after}"
