"""``make bench``: what an install costs, beside uv, pip and ``installer``, as ratios.

Purpose: one Markdown table in ``docs/explanation/performance.md``, with the versions, the
machine and the command. A small wheel and the set of ``bench-wheels.lock``, warm (the cache
has them) and cold (it does not), without and with bytecode.

Calling sequence: ``python -m integration.bench [--rounds N] [--print]``. As root on Linux the
work is done on a fresh ext4 with a journal, in a file below ``.cache/bench``; elsewhere in a
folder there, and the table says so.

Guarantees: a time is that of a whole process, started after a flush, in an environment made
before. A round runs every tool once, and rounds begin at different tools; a ratio is taken
within a round; the first round is dropped; the median of the ratios is told with the lowest
and the highest. After each run it is checked that every wheel is there, with bytecode or
without. pip and ``installer`` keep no unpacked wheels, so their one time stands for both.

Errors: ``SystemExit`` with the output of a command that failed or left something else.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

from integration.faults import report
from integration.support import measured_tools as tools
from integration.support.measured_tools import COLD, EITHER, WARM, Compiling, Tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPOSITORY = Path(__file__).resolve().parents[1]
KEPT = REPOSITORY / ".cache" / "bench"
LOCK = Path(__file__).with_name("bench-wheels.lock")
PAGE = REPOSITORY / "docs" / "explanation" / "performance.md"
MARKERS = ("<!-- written by make bench -->\n", "<!-- end of what make bench writes -->\n")
SMALL = "six"
VOLUME_BYTES = 8 << 30
DROPPED = 1  # rounds at the beginning: they fill the caches
HEAD = (
    "| wheels | tool | warm, s | warm, ratio to uv | cold, s | cold, ratio to uv |\n"
    "| --- | --- | ---: | ---: | ---: | ---: |\n"
)


@dataclass(frozen=True)
class Group:
    """Tools that are compared with the first of them, on the same wheels."""

    title: str
    wheels: tuple[Path, ...]
    tools: tuple[Tool, ...]
    rounds: int
    new_path: bool = False  # each environment at a path where there has never been one


def groups(wheels: tuple[Path, ...], rounds: int) -> list[Group]:
    """Return everything that is measured."""
    small = tuple(wheel for wheel in wheels if wheel.name.startswith(f"{SMALL}-"))
    many = f"{len(wheels)} wheels"
    plain, compiled, either = "--no-compile-bytecode", "--compile-bytecode", (EITHER,)
    uv = Tool("uv", tools.uv())
    ours = Tool("linkinstall, no bytecode", tools.linkinstall(plain))
    off = Tool("linkinstall, no bytecode, --sync off", tools.linkinstall(plain, "--sync", "off"))
    pip = Tool("pip, no bytecode", tools.pip("--no-compile"), either)
    command = Tool("installer, no bytecode", tools.installer(plain), either)
    api = Tool("installer, API, no bytecode", tools.installer_api(""), either)
    uv_pyc = Compiling("uv, bytecode", tools.uv(compiled))
    ours_pyc = Compiling("linkinstall (default), bytecode", tools.linkinstall())
    ours_warm = Compiling("linkinstall (default), bytecode", tools.linkinstall(), (WARM,))
    pip_pyc = Compiling("pip (default), bytecode", tools.pip(), either)
    command_pyc = Compiling("installer, bytecode", tools.installer(f"{compiled}=0"), either)
    api_pyc = Compiling("installer, API, bytecode", tools.installer_api("0"), either)
    return [
        Group("small", small, (uv, ours, off, pip, command), 2 * rounds),
        Group("small, bytecode", small, (uv_pyc, ours_pyc, pip_pyc, command_pyc), 2 * rounds),
        Group("small, new environment", small, (uv, ours), 2 * rounds, new_path=True),
        Group(many, wheels, (uv, ours, ours_warm, off, pip, api), rounds),
        Group(f"{many}, bytecode", wheels, (uv_pyc, ours_pyc, pip_pyc, api_pyc), -(-rounds // 3)),
    ]


Seconds = dict[tuple[Tool, str], list[float]]


class Bench:
    """The folder everything is measured in, and what is made there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template"
        self.made = 0
        make = [sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(self.template)]
        subprocess.run(make, check=True)

    def measure(self, group: Group) -> Seconds:
        """Return the seconds of each tool and state, one for each round that counts."""
        runs = [(tool, state) for tool in group.tools for state in tool.states]
        seconds: Seconds = {run: [] for run in runs}
        for turn in range(DROPPED + group.rounds):
            start = turn % len(runs)
            for tool, state in runs[start:] + runs[:start]:
                taken = self.run(group, tool, state)
                if turn >= DROPPED:
                    seconds[tool, state].append(taken)
            print(f"{group.title}: round {turn} of {group.rounds}", file=sys.stderr)
        return seconds

    def run(self, group: Group, tool: Tool, state: str) -> float:
        """Make the environment and the cache ready, run one install, return its seconds."""
        self.made += group.new_path
        environment = self.folder / (f"new{self.made}" if group.new_path else "environment")
        cache = self.folder / f"cache-{tool.cache}-{state}"
        if state == COLD:
            forget_wheels(cache)
        remove(environment)
        subprocess.run(["cp", "-a", str(self.template), str(environment)], check=True)
        words = [*tool.command(environment, cache), *map(str, group.wheels)]
        with tempfile.TemporaryFile() as output:
            os.sync()
            started = time.perf_counter()
            done = subprocess.run(
                words, stdout=output, stderr=output, env=bare(), cwd=self.folder, check=False
            )
            taken = time.perf_counter() - started
            output.seek(0)
            told = output.read().decode("utf-8", "replace")
        if done.returncode:
            raise SystemExit(f"{tool.name} ended with {done.returncode}: {told}")
        check(environment, len(group.wheels), tool)
        if group.new_path:
            remove(environment)
        return taken


def check(environment: Path, wheels: int, tool: Tool) -> None:
    """Stop unless every wheel is installed, with compiled files exactly where they belong."""
    (library,) = environment.glob("lib/python*/site-packages")
    records = len(list(library.glob("*.dist-info/RECORD")))
    compiled = len(list(library.rglob("*.pyc"))) / len(list(library.rglob("*.py")))
    # A few files of real wheels are templates or tests that do not compile.
    if records != wheels or not (compiled > 0.95 if tool.bytecode else compiled == 0):
        found = f"{records} of {wheels} wheels, {compiled:.0%} of their sources compiled"
        raise SystemExit(f"{tool.name} left {found}")


def bare() -> dict[str, str]:
    """Return environment variables without the settings of the tools that are measured."""
    dropped = ("LINKINSTALL_", "UV_", "PIP_", "PYTHON", "VIRTUAL_ENV", "SOURCE_DATE_EPOCH")
    return {name: text for name, text in os.environ.items() if not name.startswith(dropped)}


def remove(folder: Path) -> None:
    """Remove a folder, if it is there."""
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def forget_wheels(cache: Path) -> None:
    """Remove all of a cache but what it knows about interpreters (uv's, then ours)."""
    for entry in [*cache.glob("*"), *cache.glob("v1/*")]:
        if not entry.name.startswith(("interpreter", "v1")):
            remove(entry)


def fetch() -> tuple[Path, ...]:
    """Return the wheels of the lock file, asking the index for those that are not here yet."""
    # A folder for each interpreter: some wheels are made for one only.
    folder = KEPT / f"wheels-{sys.implementation.cache_tag}"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check"]
    command += ["--dest", str(folder), "--requirement", str(LOCK)]
    if len(pinned(folder)) != LOCK.read_text(encoding="utf-8").count("=="):
        subprocess.run(command, check=True)
    return pinned(folder)


def pinned(folder: Path) -> tuple[Path, ...]:
    """Return the wheels in a folder whose digest is in the lock file."""
    digests = LOCK.read_text(encoding="utf-8")
    found = sorted(folder.glob("*.whl"))
    return tuple(one for one in found if hashlib.sha256(one.read_bytes()).hexdigest() in digests)


@contextlib.contextmanager
def workplace() -> Iterator[tuple[Path, str]]:
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


def rows(group: Group, seconds: Seconds) -> Iterator[str]:
    """Yield the table's lines for one group."""
    for tool in group.tools:
        cells = [group.title, tool.name]
        for state in (WARM, COLD):
            own = seconds.get((tool, state)) or seconds.get((tool, EITHER))
            base = seconds[group.tools[0], state]
            cells += [f"{statistics.median(own):.3f}", ratio(own, base)] if own else ["", ""]
        yield f"| {' | '.join(cells)} |\n"


def ratio(own: Sequence[float], base: Sequence[float]) -> str:
    """Return the median of the ratios of each round, with the lowest and the highest."""
    if own is base:
        return "1"
    ratios = [mine / other for mine, other in zip(own, base, strict=True)]
    low, middle, high = (f"{f(ratios):.3g}" for f in (min, statistics.median, max))
    return f"**{middle}** ({low} to {high})"


def conditions(place: str, wheels: Sequence[Path], words: Sequence[str]) -> str:
    """Return what the figures depend on, as a Markdown list."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("uv", "pip", "installer"))
    commit = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
    state = subprocess.run(commit, capture_output=True, text=True, check=False).stdout.strip()
    sizes = [entry.file_size for wheel in wheels for entry in ZipFile(wheel).infolist()]
    size = sum(sizes) / 1e6
    lines = (
        f"Command: `make bench`, which runs `{' '.join(('python -m integration.bench', *words))}`.",
        f"Day: {time.strftime('%Y-%m-%d', time.gmtime())}.",
        f"Tools: linkinstall {version('linkinstall')} ({state or 'no commit'}), {versions}.",
        f"Machine: {processor()}, {os.cpu_count()} cores, {report.machine()}.",
        f"Load of the machine in the last 15 minutes, this bench in it: {os.getloadavg()[2]:.1f}.",
        f"Volume of caches, wheels and environments: {place}.",
        f"Small wheel: {SMALL}; set: {len(wheels)} wheels, {len(sizes):,} files, {size:,.0f} MB.",
    )
    return "".join(f"- {line}\n" for line in lines)


def processor() -> str:
    """Return the name of the processor."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def write(text: str) -> None:
    """Put the table between the markers of the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, begin, rest = page.partition(MARKERS[0])
    _, end, after = rest.partition(MARKERS[1])
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write the table or print it."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="integration.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="rounds of the set that count")
    parser.add_argument("--print", action="store_true", help="leave the page as it is")
    options = parser.parse_args(words)
    fetched = fetch()
    with workplace() as (folder, place):
        wheels = tuple(Path(shutil.copy(wheel, folder)) for wheel in fetched)
        bench = Bench(folder)
        measured = [(one, bench.measure(one)) for one in groups(wheels, options.rounds)]
        table = HEAD + "".join(line for one in measured for line in rows(*one))
        text = f"{conditions(place, wheels, words)}\n{table}"
    print(text)
    if not options.print:
        write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
