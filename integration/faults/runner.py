"""Many scenarios at once, each in a sandbox of its own.

Purpose: what ``make kill`` and ``make rivals`` share: workers, progress, and a
sandbox folder that is gone afterwards.

Calling sequence: ``sweep_all(scenarios, Kill(), every=1)``.

Guarantees: the answers are in the order of the scenarios. A scenario that does not
even work without a fault is an answer too, with ``error`` filled in.

Errors: ``OSError`` if the folder cannot be written.
"""

from __future__ import annotations

import compileall
import importlib.util
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from integration.faults.mounted import MountedSandbox
from integration.faults.sandbox import Sandbox, SetupError
from integration.faults.sweep import Fault, Result, Sweep
from integration.faults.volumes import CLONING, QUICK, Volume, quick_folder, unavailable
from integration.faults.wheels import wheels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from integration.faults.scenario import Scenario

    Job = Callable[[str, Mapping[str, str]], list["Swept"]]


RECOVERING = "recover"
"""The verb whose old state has a journal."""


@dataclass(frozen=True)
class Swept:
    """A scenario and what came of it.

    :param scenario: what was struck
    :param results: one for each point and next run
    :param error: why the sweep could not begin, or nothing
    :param seconds: how long it took
    :param where: on which file system and how it was struck, where there is a choice
    :param program: the module and the options that strike a point of it again
    :param same: how many more led to what was there before, and were left out
    """

    scenario: Scenario
    results: tuple[Result, ...]
    error: str
    seconds: float
    where: str = ""
    program: str = "integration.faults.kill"
    same: int = 0

    @property
    def unfired(self) -> list[Result]:
        """The results of points that did not fire."""
        return [result for result in self.results if not result.strike.fired]

    @property
    def broken(self) -> list[Result]:
        """The results in which something was wrong in the end, fired or not."""
        return [result for result in self.results if not result.sound]

    @property
    def passed(self) -> bool:
        """Whether something was struck, and each point fired and was survived."""
        return bool(self.results or self.same) and not self.unfired and not self.broken


def sweep_all(
    scenarios: Sequence[Scenario],
    fault: Fault,
    *,
    every: int = 1,
    folder: str | None = None,
    workers: int | None = None,
    changes: Sequence[tuple[str, str, str]] = (),
) -> list[Swept]:
    """Sweep all scenarios and return what came of each.

    :param every: strike only each ``every``-th point
    :param folder: where the sandboxes are made; default an ext4 in memory where one can be
        mounted, else the temporary folder. Its file system is part of the test: ext4 reuses
        inode numbers at once, tmpfs does not
    :param workers: sweeps at once; default one for each processor
    :param changes: to the program that is swept; see ``provisions``
    """
    return run_all(
        [partial(_sweep, scenario, fault, every, quick=not folder) for scenario in scenarios],
        folder=folder,
        workers=workers,
        spoil=changes,
    )


@contextmanager
def sandbox_of(
    scenario: Scenario, folder: str, paths: Mapping[str, str], *, quick: bool = False
) -> Iterator[Sandbox]:
    """Give a sandbox in a folder; what is to be cloned gets a volume that can, mounted there.

    What is to be recovered gets one that is brought back with its inodes, which journals name.

    :param quick: mount a volume in memory there where that can be done: what a sweep waits for
        otherwise is the disk, which nothing is read from again
    """
    if scenario.verb == RECOVERING:
        with (
            tempfile.TemporaryDirectory(dir=quick_folder()) as made,
            MountedSandbox(os.path.join(made, "made"), paths, QUICK) as mounted,
        ):
            yield mounted
        return
    clones = scenario.mode == "clone"
    if not clones and not (quick and can_mount()):
        yield Sandbox(folder, paths)
        return
    with (
        tempfile.TemporaryDirectory(dir=quick_folder()) as images,
        Volume(CLONING if clones else QUICK, os.path.join(images, "image"), folder),
    ):
        yield Sandbox(os.path.join(folder, "sandbox"), paths)


def possible(gate: str, chosen: Sequence[Scenario]) -> tuple[list[Scenario], bool]:
    """Return what can be swept here, and whether anything cannot; say why.

    :param gate: what is said to be skipped
    """
    left, refused = list(chosen), False
    for what, kind, needs in (
        ("clones", CLONING, [one for one in chosen if one.mode == "clone"]),
        ("recoveries", QUICK, [one for one in chosen if one.verb == RECOVERING]),
    ):
        reason = unavailable((kind,)) if needs else ""
        if reason:
            print(f"SKIPPED {gate} of {what}: {reason}")
            left, refused = [one for one in left if one not in needs], True
    return left, refused


@cache
def can_mount() -> bool:
    """Return whether the volume can be made that any sandbox may lie on."""
    return not unavailable((QUICK,))


def run_all(
    jobs: Sequence[Job],
    *,
    folder: str | None = None,
    workers: int | None = None,
    spoil: Sequence[tuple[str, str, str]] = (),
) -> list[Swept]:
    """Run jobs, each with a folder of its own, and return what came of each.

    :param spoil: makes a build that is known to be bad; see ``provisions``
    """
    with (
        tempfile.TemporaryDirectory(prefix="faults-", dir=folder) as root,
        ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool,
    ):
        paths = provisions(os.path.join(root, "source"), spoil)
        waiting = [
            pool.submit(_told, job, os.path.join(root, str(number)), paths)
            for number, job in enumerate(jobs)
        ]
        return [swept for job in waiting for swept in job.result()]


def provisions(folder: str, spoil: Sequence[tuple[str, str, str]] = ()) -> dict[str, str]:
    """Return what scenarios are made of: name -> path of each wheel, and of our source.

    :param folder: gets a compiled copy of the source; see ``built``
    :param spoil: see ``built``
    """
    return {"source": built(folder, spoil), **wheels()}


def built(folder: str, spoil: Sequence[tuple[str, str, str]] = ()) -> str:
    """Return a folder with a compiled copy of our source.

    What is edited or compiled during a sweep would shift the ordinals of its calls.

    :param folder: the folder
    :param spoil: module, text and other text: changes to that copy, which make a build
        that is known to be bad
    """
    found = importlib.util.find_spec("linkinstall")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("linkinstall cannot be imported")
    package = os.path.join(folder, "linkinstall")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(os.path.dirname(found.origin), package, ignore=ignored)
    for module, good, bad in spoil:
        path = Path(package, module)
        text = path.read_text(encoding="utf-8")
        if text.count(good) != 1:
            raise ValueError(f"{module} does not hold {good!r} once: this bad build is outdated")
        path.write_text(text.replace(good, bad), encoding="utf-8")
    if not compileall.compile_dir(package, quiet=2):
        raise ValueError(f"what was made in {folder} is no Python: {spoil}")
    return folder


def _sweep(
    scenario: Scenario,
    fault: Fault,
    every: int,
    folder: str,
    paths: Mapping[str, str],
    *,
    quick: bool,
) -> list[Swept]:
    start = time.monotonic()
    results: tuple[Result, ...] = ()
    error = ""
    try:
        with sandbox_of(scenario, folder, paths, quick=quick) as sandbox:
            results = tuple(Sweep(scenario, fault, sandbox).results(every=every))
    except SetupError as refused:
        error = str(refused)
    return [Swept(scenario, results, error, time.monotonic() - start)]


def _told(job: Job, folder: str, paths: Mapping[str, str]) -> list[Swept]:
    found = job(folder, paths)
    for swept in found:
        broken = f"{len(swept.broken)} of {len(swept.results)} broken"
        same = f", {swept.same} more led to the same" if swept.same else ""
        figures = swept.error.partition("\n")[0] or broken + same
        name = " ".join(filter(None, (swept.scenario.name, swept.where)))
        print(f"{swept.seconds:6.1f} s  {name}: {figures}", file=sys.stderr, flush=True)
    return found
