"""``make race``: many processes at once leave what some order of them would have left.

Purpose: the gate R8. Each round of each contest starts from the same world, lets all
commands loose at the same moment, and asks what is wrong afterwards.

Calling sequence::

    python -m integration.faults.race                          # 100 rounds of each
    python -m integration.faults.race --rounds 5 --contest cache
    python -m integration.faults.race --slowed --rounds 10     # calls wait by chance
    python -m integration.faults.race --contest uv --seed 31 --rounds 1 --keep DIR

Unslowed, a process does most of its work in one time slice, and the others hardly ever see it
half done. The last form runs one round, with the seed that a report names, and leaves the world
in DIR/sandbox/world.

Guarantees: a round is sound if no command hung, each one that did not succeed ended
with a typed error and its documented status, some serial order of those that took effect
leads from the state before to the state afterwards, each distribution is what its installation
alone brings, all that was there before is as it was, nothing lies about, and every file of the
cache matches its digest. Exit status 1 otherwise.
What cannot run here is SKIPPED, with the reason, which is a failure with ``CI=true``.

Errors: none.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from typing import TYPE_CHECKING, TextIO

from integration.faults import crowd, figures, report
from integration.faults.arena import Arena, Round
from integration.faults.contests import CONTESTS, SLOWED
from integration.faults.runner import built, provisions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from integration.faults.contests import Contest

ROUNDS = 100


def unavailable(contest: Contest) -> str:
    """Return why a contest cannot be run here, or nothing."""
    if not os.path.exists(crowd.LOCKS):
        return f"{crowd.LOCKS}, which tells who holds a lock, is missing: it takes Linux"
    try:
        contest.draw(random.Random(0))  # noqa: S311 - not a secret
    except FileNotFoundError as missing:
        return str(missing)
    return ""


def rounds(
    contest: Contest,
    seeds: Sequence[int],
    *,
    folder: str | None = None,
    spoil: Sequence[tuple[str, str, str]] = (),
    until_broken: bool = False,
    slowed: bool = False,
    told: TextIO | None = None,
) -> list[Round]:
    """Run rounds of one contest in a folder that is gone afterwards.

    :param spoil: see ``runner.provisions``: a build that is known to be bad
    :param until_broken: the first round with a problem is the last one
    :param slowed: let calls of the file system wait by chance
    :param told: gets each problem at once: a long run may be interrupted
    """
    found: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="race-", dir=folder) as root:
        changes = (*contest.changes, *(SLOWED if slowed else ()), *spoil)
        paths = provisions(os.path.join(root, "source"), changes)
        # What a bad build does alone is no measure.
        right = built(os.path.join(root, "right")) if spoil else ""
        arena = Arena(contest, root, paths, right)
        for seed in seeds:
            found.append(arena.round(seed))
            if told:
                told.writelines(_problems(found[-1]))
                told.flush()
            if until_broken and found[-1].problems:
                break
    return found


def _problems(one: Round) -> list[str]:
    return [f"{one.contest.name}, seed {one.seed}: {problem}\n" for problem in one.problems]


def table(found: Sequence[Round]) -> str:
    """Return one row for each contest."""
    heads = ("contest", "rounds", "commands", "how they ended", "longest round", "broken rounds")
    rows = []
    for contest in CONTESTS:
        mine = [one for one in found if one.contest is contest]
        if not mine:
            continue
        ends = sum((one.ends for one in mine), Counter())
        told = ", ".join(f"{count} {end}" for end, count in ends.most_common())
        longest = f"{max(one.seconds for one in mine):.1f} s"
        broken = sum(bool(one.problems) for one in mine)
        rows.append((contest.title, len(mine), ends.total(), told, longest, broken))
    return report.table(heads, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Race, print the table, return the exit status."""
    options = _parser().parse_args(arguments)
    chosen = [one for one in CONTESTS if not options.contest or one.name in options.contest]
    seeds = range(options.seed, options.seed + options.rounds)
    asked, chosen = chosen, _possible(chosen)
    skipped = int(len(chosen) < len(asked) and os.environ.get("CI") == "true")
    if not chosen:
        return skipped
    if options.keep:
        return _one(chosen[0], options)
    found: list[Round] = []
    for contest in chosen:
        found += rounds(
            contest, seeds, folder=options.folder, slowed=options.slowed, told=sys.stderr
        )
        broken = sum(bool(one.problems) for one in found if one.contest is contest)
        print(f"{contest.name}: {broken} of {len(seeds)} broken", file=sys.stderr, flush=True)
    sys.stdout.writelines(line for one in found for line in _problems(one))
    print(table(found))
    what = f"{len(CONTESTS)} contests of many processes at once"
    gate = "R8"
    if options.slowed:
        gate, what = "R8 slowed", f"{what}, whose calls wait by chance"
    broken, taken = sum(bool(one.problems) for one in found), sum(one.seconds for one in found)
    figure = figures.Figure(gate, what, len(found), "rounds", broken, 0, taken)
    figures.note(figure, whole=len(chosen) == len(CONTESTS))
    print(f"\n{report.machine()}, {os.cpu_count()} processors")
    return skipped or int(any(one.problems for one in found))


def _possible(chosen: Sequence[Contest]) -> list[Contest]:
    """Return what can be run here, after saying why the others cannot."""
    reasons = {one.name: unavailable(one) for one in chosen}
    for name, reason in reasons.items():
        if reason:
            print(f"SKIPPED race, {name}: {reason}")
    return [one for one in chosen if not reasons[one.name]]


def _one(contest: Contest, options: argparse.Namespace) -> int:
    keep = os.path.abspath(options.keep)
    shutil.rmtree(keep, ignore_errors=True)
    changes = (*contest.changes, *(SLOWED if options.slowed else ()))
    arena = Arena(contest, keep, provisions(os.path.join(keep, "source"), changes))
    found = arena.round(options.seed)
    print(*found.problems, dict(found.ends), sep="\n")
    print(f"the world is in {arena.sandbox.world}, the streams are in {keep}/streams")
    return int(bool(found.problems))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="integration.faults.race", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    names = [one.name for one in CONTESTS]
    parser.add_argument("--contest", action="append", choices=names, help="repeatable")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument("--slowed", action="store_true", help="calls wait by chance")
    parser.add_argument("--folder", help="where sandboxes are made; default the temporary folder")
    parser.add_argument("--keep", help="run one round and leave its world in this folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
