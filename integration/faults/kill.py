"""``make kill``: SIGKILL before every call that changes the disk, all verbs and modes.

Purpose: the gate R1. Each point of each scenario, once for each next run; one table
at the end, and the details of what broke in a file.

Calling sequence::

    python -m integration.faults.kill                        # everything
    python -m integration.faults.kill --every 5 --mode copy  # a part
    python -m integration.faults.kill --mode clone           # on a volume made for it
    python -m integration.faults.kill --forks                # one process of several, see forking
    python -m integration.faults.kill --scenario NAME --point rename:2 --next recover --keep DIR

The last form strikes one point and leaves what is there afterwards in DIR/sandbox/world
(with ``--next none``, what is there before any next run). Clones are swept on a volume on a
loop device; what is there afterwards is copied to DIR/world.

Guarantees: exit status 1 if anything was broken, or a point did not fire, or where
``CI=true`` the sweep cannot run.

Errors: none.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from integration.faults import figures, peers, report, scenarios
from integration.faults.forking import FORKED, KillOne
from integration.faults.forking import unavailable as no_forks
from integration.faults.runner import possible, provisions, sandbox_of, sweep_all
from integration.faults.strace import Kill, Point, unavailable
from integration.faults.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from integration.faults.runner import Swept
    from integration.faults.scenario import Scenario
    from integration.faults.sweep import Fault

DETAILS = report.details("kill")


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep, print the table, return the exit status."""
    options = _parser().parse_args(arguments)
    reason = no_forks() if options.forks else unavailable()
    if reason:
        print(f"SKIPPED kill: {reason}")
        return int(os.environ.get("CI") == "true")
    chosen = _chosen(options)
    if options.list:
        print(*(one.name for one in chosen), sep="\n")
        return 0
    chosen, skipped = possible("kill", chosen)
    if options.point and chosen:
        return _one(chosen[0], options)
    began = time.monotonic()
    swept = sweep_all(
        chosen,
        _fault(options),
        every=options.every,
        folder=options.folder,
        workers=options.workers,
        changes=_changes(options),
    )
    if options.forks:
        swept = [replace(one, program=f"{one.program} --forks") for one in swept]
    if swept:
        figure = _figure(swept, options, time.monotonic() - began)
        figures.note(figure, whole=not options.scenario)
    status = report.conclude(swept, report.kill_table(swept), DETAILS)
    return status or int(skipped and os.environ.get("CI") == "true")


def _fault(options: argparse.Namespace) -> Fault:
    return KillOne() if options.forks else Kill()


def _changes(options: argparse.Namespace) -> Sequence[tuple[str, str, str]]:
    return FORKED if options.forks else ()


def _figure(swept: Sequence[Swept], options: argparse.Namespace, seconds: float) -> figures.Figure:
    modes = ", ".join(dict.fromkeys(one.scenario.mode for one in swept))
    verbs = f"{len({one.scenario.verb for one in swept})} verbs"
    parts = [f"each {options.every}. point"] if options.every > 1 else []
    only = [*(options.mode or ()), *(options.verb or ())]
    parts += [f"only {', '.join(only)}"] if only else []
    what = "SIGKILL before each call that changes the disk"
    what = "SIGKILL of one process of several, before each of its calls" if options.forks else what
    gate = "R1 forks" if options.forks else "R1"
    return report.figure(gate, f"{what}: {verbs}; {modes}", swept, seconds, parts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="integration.faults.kill", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--mode", action="append", help="only this link mode (repeatable)")
    parser.add_argument("--verb", action="append", help="only this verb (repeatable)")
    parser.add_argument("--scenario", action="append", help="only this one (repeatable)")
    parser.add_argument("--every", type=int, default=1, help="only each n-th point")
    parser.add_argument("--forks", action="store_true", help="kill one process of several")
    parser.add_argument("--workers", type=int, help="sweeps at once; default one per processor")
    parser.add_argument("--folder", help="where sandboxes are made; default in memory, on ext4")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument("--point", help="strike this point only")
    parser.add_argument("--next", action="append", help="only this next run (repeatable)")
    parser.add_argument("--keep", default="kept", help="the folder --point leaves the world in")
    return parser


def _chosen(options: argparse.Namespace) -> list[Scenario]:
    if options.scenario:
        rivals = {one.name: one for one in peers.scenarios()}
        found = [rivals.get(name) or scenarios.scenario(name) for name in options.scenario]
    else:
        known = scenarios.scenarios(tuple(options.mode or scenarios.ALL_MODES))
        found = [one for one in known if not options.verb or one.verb in options.verb]
    return [_followed_by(options.next, one) for one in found]


def _followed_by(names: list[str] | None, scenario: Scenario) -> Scenario:
    runs = {name: run for name, run in scenario.next_runs.items() if not names or name in names}
    return replace(scenario, next_runs=runs)


def _one(scenario: Scenario, options: argparse.Namespace) -> int:
    keep = os.path.abspath(options.keep)
    shutil.rmtree(keep, ignore_errors=True)
    paths = provisions(os.path.join(keep, "source"), _changes(options))
    world = os.path.join(keep, "world")
    with sandbox_of(scenario, os.path.join(keep, "sandbox"), paths, quick=True) as sandbox:
        fault, point = _fault(options), Point.parse(options.point)
        struck = _strike(Sweep(scenario, fault, sandbox), point)
        subprocess.run(["cp", "-a", sandbox.world, world], check=True)
    print(f"the world is in {world}")
    return int(not struck)


def _strike(sweep: Sweep, point: Point) -> bool:
    """Strike one point, say what came of it, and return whether all is well."""
    scenario, sandbox = sweep.scenario, sweep.sandbox
    if not scenario.next_runs:
        sandbox.reset()
        strike = sweep.fault.strike(sandbox, scenario.act, point)
        print(f"fired: {strike.fired}, killed before {strike.call}\n{strike.completed.output}")
        return strike.fired
    result = sweep.result(point, next(iter(scenario.next_runs)))
    print(f"killed before {result.strike.call}\n{result.completed.output}")
    print(report.explain(result))
    return result.sound and result.strike.fired


if __name__ == "__main__":
    sys.exit(main())
