"""Where runs are measured: a volume of its own, and what has to be there before each run.

Purpose: bring an environment and a cache into the state that a run is about, run it, and see
that it left what it should.

Calling sequence::

    with volume() as (folder, what):
        place = Workplace(folder, realtime=False)
        series = place.measure(group, corpus, rounds=3)

Guarantees: see the package. With ``realtime`` the processes of a run, and this one while it
waits, are scheduled before all ordinary ones (SCHED_FIFO), all tools alike, so that other
work on the machine disturbs them less.

Errors: ``SystemExit`` with the output of a command that failed or left something else.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from integration.bench import tools
from integration.bench.corpora import KEPT
from integration.bench.gauges import GAUGES, bare_variables
from integration.bench.rows import COMPILED, EMPTY, GONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.bench.corpora import Corpus
    from integration.bench.rows import Group, Run
    from integration.bench.tools import Job

    Series = dict[str, list[float]]

VOLUME_BYTES = 24 << 30
FILLS = {
    "uv": tools.uv(),
    "linkinstall": tools.linkinstall(),
    "pdm": tools.pdm("hardlink"),
    "links": tools.noted_links(),
}
"""What brings the wheels into a tool's cache, ours with bytecode."""


class Workplace:
    """The folder everything is measured in, and what is made there."""

    def __init__(self, folder: Path, *, realtime: bool) -> None:
        self.folder = folder
        self.realtime = realtime
        self.template = folder / "template"
        self._made = 0
        self._filled: set[tuple[str, str]] = set()
        make = [sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(self.template)]
        subprocess.run(make, check=True)

    def measure(self, group: Group, corpus: Corpus, rounds: int) -> Series:
        """Return the figures of each run, one for each round that counts."""
        series: Series = {}
        runs = list(group.runs)
        for turn in range(group.dropped + rounds):
            start = turn % len(runs)
            found = {run: self._run(group, run, corpus) for run in runs[start:] + runs[:start]}
            if turn < group.dropped:
                continue
            for run in runs:
                for what, figure in found[run].items():
                    series.setdefault(run.name + what, []).append(figure)
        return series

    def _run(self, group: Group, run: Run, corpus: Corpus) -> dict[str, float]:
        self._made += group.new_path
        environment = self.folder / (f"new{self._made}" if group.new_path else "environment")
        cache = self.folder / f"cache-{run.tool}{'-cold' if run.cold else ''}"
        job = tools.Job(
            environment, cache, corpus.wheels, corpus.earlier, corpus.names, self.folder
        )
        if run.cold:
            forget_wheels(cache)
        else:
            self._fill(run, job, corpus)
        self._bare(environment)
        for words in run.before(job) if run.before else []:
            called(words, self.folder)
        commands = run.commands(job)  # makes the environment that they are run in, once
        os.sync()
        with scheduled_first(wanted=self.realtime):
            found = GAUGES[group.gauge](commands, job)
        if wrong := problem(environment, corpus, run.left):
            raise SystemExit(f"{run.name} left {wrong}")
        if group.new_path:
            remove(environment)
        return found

    def _fill(self, run: Run, job: Job, corpus: Corpus) -> None:
        """Bring the wheels into the tool's cache, once for each set of them."""
        if run.tool not in FILLS or (run.tool, corpus.name) in self._filled:
            return
        self._filled.add((run.tool, corpus.name))
        self._bare(job.environment)
        for wheels in filter(None, (corpus.earlier, corpus.wheels)):
            for words in FILLS[run.tool](replace(job, wheels=wheels)):
                called(words, self.folder)
            self._bare(job.environment)

    def _bare(self, environment: Path) -> None:
        remove(environment)
        subprocess.run(["cp", "-a", str(self.template), str(environment)], check=True)


def problem(environment: Path, corpus: Corpus, left: str) -> str:
    """Return what is not as a run should leave it; nothing where all is well."""
    if left == GONE:
        return f"{environment}" if environment.exists() else ""
    (library,) = environment.glob("lib/python*/site-packages")
    records = {path.parent.name for path in library.glob("*.dist-info/RECORD")}
    wanted = frozenset() if left == EMPTY else corpus.dist_infos
    if records != wanted:
        return f"other distributions: {sorted(records ^ wanted)[:5]}"
    if left == EMPTY:
        return ""
    names = [name for _, _, files in os.walk(library) for name in files]
    sources, compiled = (sum(name.endswith(end) for name in names) for end in (".py", ".pyc"))
    # A few files of real wheels are templates or tests that do not compile.
    sound = compiled > 0.95 * sources if left == COMPILED else compiled == 0
    return "" if sound else f"{compiled} compiled files of {sources} sources"


def called(words: list[str], folder: Path) -> None:
    """Run a command that is not measured."""
    done = subprocess.run(
        words, env=bare_variables(), cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words[:6])}: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def scheduled_first(*, wanted: bool) -> Iterator[None]:
    """Let this process, and those that it starts meanwhile, run before ordinary ones."""
    if not wanted:
        yield
        return
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def remove(folder: Path) -> None:
    """Remove a folder, if it is there."""
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def forget_wheels(cache: Path) -> None:
    """Remove all of a cache but what it knows about interpreters (uv's, then ours)."""
    for entry in [*cache.glob("*"), *cache.glob("v1/*")]:
        if not entry.name.startswith(("interpreter", "v1")):
            remove(entry)


@contextlib.contextmanager
def volume() -> Iterator[tuple[Path, str]]:
    """Give an empty folder and what to call its file system: an own ext4 where that can be."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT) as name:
        image, mounted = Path(name) / "volume", Path(name) / "mounted"
        mounted.mkdir()
        with image.open("wb") as file:
            file.truncate(VOLUME_BYTES)
        commands = (
            ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image)],
            ["mount", "-o", "loop", str(image), str(mounted)],
        )
        try:
            for command in commands:
                subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            yield mounted, "an ordinary folder (no loop device could be mounted)"
            return
        try:
            yield mounted, "ext4 with a journal, on a loop device"
        finally:
            subprocess.run(["umount", str(mounted)], check=True)
