"""What is read from a run: seconds, what it has noted itself, memory, or what each phase takes.

Purpose: the processes of a run, started one after the other, and one figure or several.

Calling sequence: ``GAUGES["seconds"](commands, job)`` returns figures by what they are, to be
added to the run's name; a time has no such addition.

Guarantees: seconds are from before the first process is started to after the last has ended.
So are those of all phases together: what comes before a program's first statement, and after
its last, are phases of their own.
Memory is in MB: the largest resident size of any single process of the run, as the kernel
counted it, and the largest sum over all its processes at one time, shared pages counted once
(PSS), looked at every few milliseconds, so that a short peak can be missed.

Errors: ``SystemExit`` with the output of a command that failed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from integration.bench.tools import PROGRAMS, noted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from integration.bench.tools import Job

LARGEST, TOGETHER = ", largest process", ", all processes"
PAUSE = 0.003
# The kernel counts what a process was before it became another program: a small one between
# keeps the size of the bench out of the figure.
LAUNCHER = """
import os, resource, sys
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
status = os.waitpid(child, 0)[1]
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def bare_variables() -> dict[str, str]:
    """Return environment variables without the settings of the tools that are measured."""
    dropped = ("LINKINSTALL_", "UV_", "PIP_", "PDM_", "PYTHON", "VIRTUAL_ENV", "SOURCE_DATE_EPOCH")
    return {name: text for name, text in os.environ.items() if not name.startswith(dropped)}


def seconds(commands: list[list[str]], job: Job, folder: Path | None = None) -> dict[str, float]:
    """Return the seconds that the processes took together.

    :param folder: where they are started, if not in the job's
    """
    variables = bare_variables()
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        for words in commands:
            done = subprocess.run(
                words,
                stdout=output,
                stderr=output,
                env=variables,
                cwd=folder or job.scratch,
                check=False,
            )
            if done.returncode:
                output.seek(0)
                told = output.read().decode("utf-8", "replace")
                raise SystemExit(f"{' '.join(words[:8])} ended with {done.returncode}: {told}")
        return {"": time.perf_counter() - started}


def memory(commands: list[list[str]], job: Job) -> dict[str, float]:
    """Return the MB of the largest process, and of all processes together."""
    (words,) = commands
    noted = job.scratch / "largest"
    start = [sys.executable, "-I", "-S", "-c", LAUNCHER, str(noted)]
    with subprocess.Popen(
        [*start, *words], env=bare_variables(), cwd=job.scratch, stdout=subprocess.DEVNULL
    ) as launcher:
        together = 0
        while launcher.poll() is None:
            together = max(together, sum(map(shared_fairly, descendants(launcher.pid))))
            time.sleep(PAUSE)
    if launcher.returncode:
        raise SystemExit(f"{' '.join(words[:8])} ended with {launcher.returncode}")
    largest = int(noted.read_text(encoding="ascii"))
    return {LARGEST: largest / 1000, TOGETHER: max(together, largest) / 1000}


def own_seconds(commands: list[list[str]], job: Job) -> dict[str, float]:
    """Return the seconds that a program has noted of the part that it is about."""
    noted(job).unlink(missing_ok=True)
    seconds(commands, job)
    return {"": float(noted(job).read_text(encoding="ascii"))}


def phases(commands: list[list[str]], job: Job) -> dict[str, float]:
    """Return the seconds of each phase, of a run of ``programs/traced.py``."""
    started = time.monotonic()
    told = _traced(commands, job)
    ended = time.monotonic()
    start, end = told["begun"] - started, ended - told["ended"]
    return {
        f": {what}": taken
        for what, taken in [("start of Python", start), *told["own"].items(), ("its end", end)]
    }


def memory_phases(commands: list[list[str]], job: Job) -> dict[str, float]:
    """Return by how many MB each phase has raised the peak of the first process."""
    told = _traced(commands, job)
    return {
        f": {what}": size
        for what, size in [("start of Python", told["begun"]), *told["own"].items()]
    }


def _traced(commands: list[list[str]], job: Job) -> dict[str, Any]:
    # ``-m`` finds the program there, as it finds linkinstall where that is installed.
    seconds(commands, job, PROGRAMS)
    told: dict[str, Any] = json.loads((job.scratch / "phases.json").read_text(encoding="utf-8"))
    return told


def descendants(process: int) -> list[int]:
    """Return the processes below one, at any depth."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            children = (task / "children").read_text(encoding="ascii").split()
            for child in map(int, children):
                found += [child, *descendants(child)]
    return found


def shared_fairly(process: int) -> int:
    """Return the KiB of a process, of shared pages its share; 0 if it has gone meanwhile."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


GAUGES: dict[str, Callable[[list[list[str]], Job], dict[str, float]]] = {
    "seconds": seconds,
    "noted": own_seconds,
    "memory": memory,
    "phases": phases,
    "memory phases": memory_phases,
}
