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
leads from the state before to the state afterwards, each RECORD holds by hash, nothing
lies about, and every file of the cache matches its digest. Exit status 1 otherwise.
What cannot run here is SKIPPED, with the reason, which is a failure with ``CI=true``.

Errors: none.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from integration.faults import crowd, figures, report
from integration.faults.answers import KILLED, judge
from integration.faults.contests import CONTESTS, SLOWED, VENV
from integration.faults.runner import provisions
from integration.faults.sandbox import Sandbox
from integration.faults.scenario import Command, Scenario
from integration.faults.scenarios import RECOVER, run
from integration.faults.serial import explained
from integration.faults.soundness import everything, installed, litter, unsound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from integration.faults.contests import Contender, Contest
    from integration.faults.serial import Event

SECONDS = 240.0
"""A round that takes longer is a deadlock; on two processors one takes about a second. Below
``limits.LOCK_WAIT``, after which those that wait for each other would end by themselves."""
ROUNDS = 100
UV_CACHE = {"UV_CACHE_DIR": "{venv}/../uv-cache"}


@dataclass(frozen=True)
class Round:
    """One contest, once.

    :param seed: draws the same commands and the same victims again
    :param problems: what is wrong; nothing in a sound round
    :param ends: how the commands ended, counted
    :param seconds: how long they took
    """

    contest: Contest
    seed: int
    problems: tuple[str, ...]
    ends: Counter[str]
    seconds: float


class Arena:
    """One contest in a sandbox of its own.

    :param folder: an absolute path
    :param paths: see ``runner.provisions``
    """

    def __init__(self, contest: Contest, folder: str, paths: dict[str, str]) -> None:
        self.contest = contest
        self.folder = folder
        self.sandbox = Sandbox(os.path.join(folder, "sandbox"), paths)
        # The state before, without what the contest starts from.
        self.sandbox.build(_world(contest, ()))
        self._bare = everything(self.sandbox.area("venv"))
        if contest.prepare:
            self.sandbox.build(_world(contest, contest.prepare))
        self._outside = everything(self.sandbox.area("temp")) | everything(
            self.sandbox.area("home")
        )
        self._base = _in_base()

    def round(self, seed: int) -> Round:
        """Let all commands loose at once, and judge."""
        self.sandbox.reset()
        contenders = self.contest.draw(random.Random(seed))  # noqa: S311 - not a secret
        begun = time.monotonic()
        answers, problems = self._crowd(contenders, seed)
        seconds = time.monotonic() - begun
        problems += self._recover(contenders, answers)
        events: dict[str, list[Event]] = {}
        ends: Counter[str] = Counter()
        for contender, answer in zip(contenders, answers, strict=True):
            end, event, wrong = judge(contender, answer, self.contest.losers | contender.losers)
            ends[end] += 1
            problems += [f"{' '.join(contender.command.arguments[-6:])}: {one}" for one in wrong]
            if event is not None and contender.where:
                events.setdefault(contender.where, []).append(event)
        problems += self._places(events)
        problems += litter(self.sandbox, self._outside)
        if self._base != _in_base():
            problems.append(f"{_base_library()}, which no command names, was changed")
        return Round(self.contest, seed, tuple(problems), ends, seconds)

    def _crowd(
        self, contenders: list[Contender], seed: int
    ) -> tuple[list[dict[str, Any]], list[str]]:
        rule = self.contest.kill
        lock = self.sandbox.area("venv", ".lock")
        job = {
            "folder": os.path.join(self.folder, "streams"),
            "seconds": SECONDS,
            "seed": seed,
            "commands": [self._words(one) for one in contenders],
            "kill": {"what": rule[0], "times": rule[1], "lock": lock} if rule else None,
        }
        asked, answer = (os.path.join(self.folder, name) for name in ("job", "answer"))
        Path(asked).write_text(json.dumps(job), encoding="utf-8")
        program = ("{harness}", "-P", "-s", "-B", crowd.__file__, asked, answer)
        variables: dict[str, str] = {}
        for one in contenders:
            variables |= one.command.variables
        if any(not one.ours for one in contenders):
            variables |= UV_CACHE
        completed = self.sandbox.run(Command(program, variables))
        if completed.status:
            raise RuntimeError(completed.output)
        problems = ["processes were left behind that did not end"] if completed.timed_out else []
        return json.loads(Path(answer).read_text(encoding="utf-8")), problems

    def _words(self, contender: Contender) -> list[str]:
        words = self.sandbox.expand(contender.command)
        return words[words.index("linkinstall") + 1 :] if contender.ours else words

    def _recover(self, contenders: list[Contender], answers: list[dict[str, Any]]) -> list[str]:
        """Run what the next person would, where somebody was killed."""
        places = {
            contender.where or VENV
            for contender, answer in zip(contenders, answers, strict=True)
            if answer["status"] == KILLED
        }
        problems = []
        for place in sorted(places):
            target = run("recover", "--target", f"{{venv}}/../{place}")
            completed = self.sandbox.run(RECOVER if place == VENV else target)
            if completed.status or "Traceback" in completed.output:
                problems.append(f"recover of {place} ends with {completed.status}")
        return problems

    def _places(self, events: dict[str, list[Event]]) -> list[str]:
        problems = []
        for place, told in events.items():
            root = self.sandbox.area(place)
            library = self.sandbox.library if place == VENV else root
            end = installed(library)
            bare = self._bare if place == VENV else ()
            start = dict(self.contest.start) if place == VENV else {}
            if place == VENV:
                start |= {name: end[name] for name in ("iniconfig",) if name in end}
            wrong = [f"{name}: no serial order" for name in explained(start, end, told)]
            problems += [f"{place}: {one}" for one in (*wrong, *unsound(root, library, bare))]
        return problems


@cache
def _base_library() -> str:
    """Return where the installation that the environments are made from installs to."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    command = [os.path.realpath(sys.executable), "-I", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _in_base() -> set[str]:
    """Return the names there; none where, as on a bare Debian, there is no such folder yet."""
    return set(os.listdir(_base_library())) if os.path.isdir(_base_library()) else set()


def unavailable(contest: Contest) -> str:
    """Return why a contest cannot be run here, or nothing."""
    if not os.path.exists(crowd.LOCKS):
        return f"{crowd.LOCKS}, which tells who holds a lock, is missing: it takes Linux"
    try:
        contest.draw(random.Random(0))  # noqa: S311 - not a secret
    except FileNotFoundError as missing:
        return str(missing)
    return ""


def _world(contest: Contest, prepare: tuple[Command, ...]) -> Scenario:
    return Scenario(
        tool="linkinstall",
        verb="race",
        subject=contest.name,
        mode="any",
        prepare=prepare,
        act=RECOVER,
        next_runs={},
        probe="",
        works_in=(),
    )


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
        arena = Arena(contest, root, provisions(os.path.join(root, "source"), changes))
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
