"""``make untidy``: commands by chance, in environments to which others do what they like.

Purpose: the gate R17. Each gate that strikes a fault begins in an environment that nobody else
has touched. Here our commands take turns with pip, uv, people, editors and whoever has the cache
(``untidy_acts``, ``untidy_records``), with wheels that clash (``untidy_wheels``), in environments
of five kinds (``untidy_places``), and some commands are killed and recovered. After each command
it is asked path by path whose that was, what had to go and what had to stay (``untidy_judge``).

Calling sequence::

    python -m integration.faults.untidy                         # seeds 0 to 279
    python -m integration.faults.untidy --seeds 1000 1100 --steps 50
    python -m integration.faults.untidy --seed 17 --only 0,4,9  # one of them, some steps of it

Guarantees: the same seed and steps do the same. What went wrong is made as short as it gets by
leaving out steps, and told with the command that repeats it, which tells each step. Exit status
1 if anything went wrong, or nothing was done.

Errors: ``SetupError`` where no environment can be made.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integration.faults import figures, report
from integration.faults.runner import built, can_mount
from integration.faults.sandbox import Sandbox
from integration.faults.untidy_places import Bench
from integration.faults.untidy_session import Tally
from integration.faults.untidy_steps import Ended, execute, plan, shrink
from integration.faults.untidy_wheels import clashing
from integration.faults.volumes import QUICK, Volume, quick_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from integration.faults.untidy_steps import Step
    from integration.faults.untidy_wheels import Wheel

SEEDS = 280
"""Some ten minutes of two processors."""
STEPS = 30
_WAYS = 3
"""So many of one kind of fault are made short: more of them tell nothing more."""


@dataclass(frozen=True)
class Found:
    """What came of a seed, and what is left of it where it went wrong."""

    ended: Ended
    short: Ended | None = None


@contextmanager
def benches(
    folder: str | None = None, spoil: Sequence[tuple[str, str, str]] = ()
) -> Iterator[tuple[Bench, tuple[Wheel, ...]]]:
    """Give a bench and the wheels; it is for the thread that asks.

    :param folder: where it is made; default in memory, on ext4, where that can be done
    :param spoil: see ``runner.built``: a build that is known to be bad
    """
    with tempfile.TemporaryDirectory(prefix="untidy-", dir=folder) as made:
        root = os.path.realpath(made)
        wheels = clashing(f"{root}/wheels")
        source = built(f"{root}/source", spoil)
        if folder or not can_mount():
            yield Bench(Sandbox(f"{root}/sandbox", {"source": source})), wheels
            return
        with (
            tempfile.TemporaryDirectory(dir=quick_folder()) as images,
            Volume(QUICK, f"{images}/image", f"{root}/volume"),
        ):
            yield Bench(Sandbox(f"{root}/volume/sandbox", {"source": source})), wheels


def run_all(
    seeds: Sequence[int], steps: int, *, workers: int | None = None, folder: str | None = None
) -> list[Found]:
    """Return what came of each seed, in their order."""
    count = workers or os.cpu_count() or 1
    shares = [share for share in (seeds[number::count] for number in range(count)) if share]
    with ThreadPoolExecutor(len(shares) or 1) as pool:
        jobs = [pool.submit(_share, share, steps, folder) for share in shares]
        found = [one for job in jobs for one in job.result()]
    return sorted(found, key=lambda one: one.ended.seed)


def _share(seeds: Sequence[int], steps: int, folder: str | None) -> list[Found]:
    found: list[Found] = []
    kinds: list[str] = []
    with benches(folder) as (bench, wheels):
        for seed in seeds:
            ended = execute(bench, wheels, seed, plan(seed, steps))
            short = None
            if ended.problem:
                print(f"seed {seed}, {ended.kind}: {ended.problem}", file=sys.stderr, flush=True)
                kinds.append(ended.problem.kind)
                if kinds.count(ended.problem.kind) <= _WAYS:
                    short = shrink(bench, wheels, ended)
            found.append(Found(ended, short))
    return found


# ---------------------------------------------------------------- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the seeds, print the table, return the exit status."""
    options = _parser().parse_args(arguments)
    if options.seed is not None:
        return _replay(options)
    began = time.monotonic()
    seeds = range(*options.seeds)
    found = run_all(seeds, options.steps, workers=options.workers, folder=options.folder)
    taken = time.monotonic() - began
    steps = sum(len(one.ended.steps) for one in found)
    wrong = [one for one in found if one.ended.problem]
    what = f"commands by chance, in environments that others change: {len(seeds)} seeds"
    figure = figures.Figure("R17", what, steps, "steps", len(wrong), 0, taken)
    figures.note(figure, whole=not seeds[0] and len(seeds) >= SEEDS)
    print(table([one.ended for one in found]))
    print(f"\nseeds {seeds[0]} to {seeds[-1]}, {steps:,} steps in {taken:.0f} s, "
          f"{len(wrong)} seeds went wrong\n{report.machine()}")  # fmt: skip
    for one in wrong:
        print(f"\n{_described(one.short or one.ended, options.steps)}")
    return int(bool(wrong) or not steps)


def table(every: Sequence[Ended]) -> str:
    """Return a row for each kind of step: how often it was done, refused and killed."""
    tally = Tally()
    for one in every:
        tally.add(one.tally)
    heads = ("what", "done", "refused", "killed")
    names = dict.fromkeys((*sorted(tally.done), *sorted(tally.refused)))
    counts = (tally.done, tally.refused, tally.killed)
    rows = [(name, *(one[name] for one in counts)) for name in names]
    return report.table(heads, [*rows, ("**all**", *(one.total() for one in counts))])


def _described(one: Ended, steps: int) -> str:
    numbers = ",".join(str(step.number) for step in one.steps)
    told = "\n".join(f"  {line}" for line in one.told)
    again = f"--seed {one.seed} --steps {steps} --only {numbers}"
    return (
        f"seed {one.seed}, {one.kind}: {one.problem}\n{told}\n"
        f"  again: python -m integration.faults.untidy {again}"
    )


def _replay(options: argparse.Namespace) -> int:
    """Do one seed again, and tell each step."""
    steps: list[Step] = plan(options.seed, options.steps)
    if options.only:
        wanted = {int(number) for number in options.only.split(",")}
        steps = [step for step in steps if step.number in wanted]
    with benches(options.folder) as (bench, wheels):
        ended = execute(bench, wheels, options.seed, steps)
    print(_described(ended, options.steps))
    return int(ended.problem is not None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="integration.faults.untidy", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--seeds", type=int, nargs=2, default=(0, SEEDS), metavar=("FROM", "TO"),
        help="from the first to the one before the last",
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=STEPS, help="of each seed")
    parser.add_argument("--workers", type=int, help="seeds at once; default one per processor")
    parser.add_argument("--folder", help="where environments are made; default in memory, on ext4")
    parser.add_argument("--seed", type=int, help="do this one again, and tell each step")
    parser.add_argument("--only", help="with --seed, only the steps of these numbers: 0,4,9")
    return parser


if __name__ == "__main__":
    sys.exit(main())
