"""What it takes to refuse a wheel that claims, or is, more than anybody wants to unpack.

Each wheel of ``CLAIMS`` is put to a process of its own, whose peak memory and time the
kernel tells when it ends; the bound of time is stretched where the machine is slow just now
(``tests/support/pace.py``). The figures of a quiet machine stand in
``docs/explanation/threat-model.md``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from integration.support.command import TIMEOUT_SECONDS, Command
from integration.support.trees import differences, snapshot
from tests.support.hostile_wheels import BASENAME, CLAIMS
from tests.support.pace import keeps

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.environments import Venv

MEMORY = 256 << 20
"""Bytes of memory at the most that a refusal may take."""
PROCESSOR_SECONDS = 2.0
"""What is promised of a quiet machine, where the worst takes half of it."""


class Cost(NamedTuple):
    """What a process took."""

    status: int
    seconds: float
    memory: int
    out: str


# The peak of a process counts what it was begun with: here that of a small one, not of pytest.
MEASURE = """
import json, os, sys
nowhere = [(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=nowhere)
status, usage = os.wait4(pid, 0)[1:]
took = os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss
print(json.dumps(took))
"""


def cost_of(command: Command, *words: object) -> Cost:
    """Run the command line in a process of its own, and return what it took."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", MEASURE, *command.arguments(words)],
        capture_output=True,
        text=True,
        env=command.environ(),
        cwd=command.folder,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    out, _, measured = done.stdout.rstrip("\n").rpartition("\n")
    status, seconds, memory = json.loads(measured)
    return Cost(status, seconds, memory * (1 if sys.platform == "darwin" else 1024), out)


@pytest.mark.parametrize("name", CLAIMS)
def test_what_it_takes_to_refuse_is_bounded(
    linkinstall: Command, venv: Venv, wheelhouse: Path, name: str
) -> None:
    """Whatever a wheel claims, it is refused within 256 MiB and 2 s, and nothing is written."""
    wheelhouse.mkdir()
    wheel = wheelhouse / BASENAME
    wheel.write_bytes(CLAIMS[name].wheel())
    linkinstall.run("list", "--python", venv.root)
    before = venv.snapshot(inodes=True), snapshot(linkinstall.cache, ignore=_is_lock)

    costs: list[Cost] = []

    def refuse() -> float:
        costs.append(cost_of(linkinstall, "install", "--json", "--python", venv.root, wheel))
        return costs[-1].seconds

    kept = keeps(PROCESSOR_SECONDS, refuse)

    cost = min(costs, key=lambda one: one.seconds)
    form = json.loads(cost.out)
    assert (1, "invalid-wheel") == (cost.status, form["error"]["code"])
    assert set(CLAIMS[name].codes) == {one["code"] for one in form["error"]["problems"]}
    assert cost.memory < MEMORY, f"{cost.memory >> 20} MiB"
    assert kept, f"{cost.seconds:.2f} s of processor time"
    after = venv.snapshot(inodes=True), snapshot(linkinstall.cache, ignore=_is_lock)
    assert [[], []] == [differences(*pair) for pair in zip(before, after, strict=True)]
    print(f"{name}: {cost.memory >> 20} MiB, {cost.seconds:.2f} s")


def _is_lock(path: str) -> bool:
    return path == "v1/lock"


def test_the_measure_sees_what_a_process_takes(linkinstall: Command, tmp_path: Path) -> None:
    """A process that fills 300 MiB is beyond the bound."""
    greedy = tmp_path / "greedy"
    greedy.mkdir()
    (greedy / "linkinstall.py").write_text("x = bytearray(b'x') * (300 << 20)\nprint(len(x))\n")
    environ = linkinstall.environ() | {"PYTHONPATH": str(greedy)}

    class Greedy(Command):
        def environ(self, extra: object = None) -> dict[str, str]:  # noqa: ARG002 - the parent's
            return environ

    assert MEMORY < cost_of(Greedy(tmp_path)).memory
