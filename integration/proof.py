"""``make proof``: every gate in full, piece by piece, and one table at the end.

Purpose: what ``docs/explanation/promises.md`` promises, put to the test on this machine;
with ``--write`` the figures go into that page, those of each promise beside it (``promises``),
and how each piece ended goes into the history.

Calling sequence::

    python -m integration.proof                     # hours; what has passed is not repeated
    python -m integration.proof --minutes 90        # begin no piece after that
    python -m integration.proof --anew              # everything again
    python -m integration.proof --only kill --only race
    python -m integration.proof --only power --like 'xfs.*apart'
    python -m integration.proof --list              # what is left, and how long it took last time
    python -m integration.proof --figures --write   # of what has been run, nothing is run

Guarantees: each processor takes the next piece (``pieces``: a scenario of a gate). How a piece
ended is written down as soon as it has (``ledger``), with the content of what it put to the test:
what has passed on the same content is not run again, so that a run that is stopped goes on where
it was, on another machine, too, once that is in the history. A piece during which that content
changed counts for nothing. What a piece printed, and what broke in it, is kept in
``.cache/proof``. The table comes whatever happens; it has a row for each gate and each content of
the package, and says how many of the pieces that stands for. Below it stands how many have passed
on what is there now, the runners of the gates included: where these are all, the package is one,
and it is named. Exit status 1 if any piece failed, or some have not been run. Who stops it by
Ctrl-C or SIGTERM loses the pieces under way, which are stopped too. A gate that cannot run here
says so itself: SKIPPED and why, which counts as a failure with ``CI=true``.

Errors: none.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from integration import ledger, promises
from integration.faults import figures, report
from integration.faults.volumes import QUICK_VARIABLE, quick_folder
from integration.ledger import Ended
from integration.pieces import GATES, SOURCE, content, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from integration.faults.figures import Figure
    from integration.pieces import Piece

PAGE = report.PAGE
STOPPED = {-signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGTERM}
"""The statuses of what somebody has stopped."""
_under_way: dict[str, subprocess.Popen[bytes]] = {}
OUTPUT = figures.FOLDER.parents[1] / "proof"
MARKS = report.marks("make proof")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pieces, print the table, return the exit status."""
    options = _parser().parse_args(arguments)
    chosen = [
        one
        for one in pieces()
        if one.gate in (options.only or GATES) and re.search(options.like, one.name)
    ]
    contents = {paths: content(paths) for paths in {one.paths for one in chosen}}
    kept = ledger.read()
    left = [
        one
        for one in chosen
        if options.anew or not ledger.holds(kept.get(one.name), contents[one.paths])
    ]
    print(plan(chosen, left, kept), flush=True)
    if options.list:
        return 0
    # So that what is under way ends as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if not options.figures:
            _run(left, options)
    finally:
        kept = ledger.read()
        found = f"{table(chosen, kept)}\n\n{share(chosen, kept, contents)}"
        machines = dict.fromkeys(kept[one.name].machine for one in chosen if one.name in kept)
        known = "; ".join(filter(None, machines))
        found += f"\n\n{known}." if known else ""
        print(found)
        if options.write:
            report.put(PAGE, MARKS, found)
            told = promises.filled(promises.between(PAGE), pieces(), kept)
            report.put(PAGE, promises.MARKS, told)
            ledger.publish(one.name for one in pieces())
    ended = [kept.get(one.name) for one in chosen]
    failed = [one.name for one, end in zip(chosen, ended, strict=True) if end and end.status]
    print(*(f"FAILED: {name}" for name in failed), sep="\n")
    wanted = (contents[one.paths] for one in chosen)
    return int(not all(map(ledger.holds, ended, wanted)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="integration.proof", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", action="append", choices=GATES, help="only this gate")
    parser.add_argument("--like", default="", help="only pieces whose name fits this expression")
    parser.add_argument("--anew", action="store_true", help="repeat what has passed already")
    parser.add_argument("--list", action="store_true", help="run nothing, tell what would be run")
    parser.add_argument("--figures", action="store_true", help="run nothing, show the last figures")
    parser.add_argument("--write", action="store_true", help="write the table into the docs")
    parser.add_argument("--workers", type=int, help="pieces at once; default one per processor")
    parser.add_argument("--minutes", type=float, help="begin no piece after that")
    return parser


def _run(left: Sequence[Piece], options: argparse.Namespace) -> None:
    """Run pieces, each processor the next one."""
    workers = options.workers or os.cpu_count() or 1
    ends = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(workers) as pool:
        try:
            list(pool.map(lambda one: time.monotonic() < ends and run_piece(one), left))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in _under_way.values():
                process.terminate()
            raise


def run_piece(piece: Piece) -> Ended | None:
    """Run one piece and enter how it ended.

    :return: nothing if what it puts to the test changed, or it was stopped
    """
    before, began = piece.content(), time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="proof-") as folder,
        tempfile.TemporaryDirectory(prefix="proof-", dir=quick_folder()) as quick,
    ):
        noted = os.path.join(folder, "figures")
        variables = {figures.VARIABLE: noted, QUICK_VARIABLE: quick, "TMPDIR": folder}
        output = OUTPUT / (re.sub(r"[^\w.=-]+", "_", piece.name)[-200:] + ".txt")
        variables[report.DETAILS_VARIABLE] = str(output.with_suffix(".md"))
        with output.open("w", encoding="utf-8") as stream:
            process = _under_way[piece.name] = subprocess.Popen(
                piece.command(),
                cwd=PAGE.parents[2],
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )
            _, told, usage = os.wait4(process.pid, 0)
            status = process.returncode = os.waitstatus_to_exitcode(told)
        del _under_way[piece.name]
        found = figures.noted(noted)
    if status in STOPPED:
        print(f"stopped  {piece.name}", flush=True)
        return None
    seconds = time.monotonic() - began
    ended = Ended(
        piece.content(),
        content((SOURCE,)),
        figures.commit(),
        status or int(not all_tested(found)),
        seconds,
        usage.ru_utime + usage.ru_stime,
        time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        found,
        machine(),
    )
    how = _how(ended.status) if ended.content == before else "DOES NOT COUNT, the source changed"
    print(f"{seconds:7.1f} s  {how}  {piece.name}", flush=True)
    if ended.content != before:
        return None
    ledger.enter(piece.name, ended)
    return ended


def all_tested(found: Sequence[Figure]) -> bool:
    """Return whether there are figures, each of something: what is skipped ends with 0 as well."""
    return bool(found) and all(one.count + one.same for one in found)


def machine() -> str:
    """Return what a piece was run on."""
    return f"{report.machine()}, {os.cpu_count()} processors"


def _how(status: int) -> str:
    return "FAILED" if status else "passed"


# ---------------------------------------------------------------- what is told


def plan(chosen: Sequence[Piece], left: Iterable[Piece], kept: Mapping[str, Ended]) -> str:
    """Return how much of each gate is left, and how long that took the last time."""
    all_of = Counter(one.gate for one in chosen)
    left_of: Counter[str] = Counter()
    seconds: dict[str, list[float]] = {}
    for one in left:
        left_of[one.gate] += 1
        if one.name in kept:
            seconds.setdefault(one.gate, []).append(kept[one.name].seconds)
    rows = [
        (
            gate,
            f"{left_of[gate]} of {count}",
            f"{sum(seconds.get(gate, ())) / 60:.0f}",
            left_of[gate] - len(seconds.get(gate, ())),
        )
        for gate, count in all_of.items()
    ]
    return report.table(("gate", "pieces left", "minutes last time", "never ran here"), rows) + "\n"


def table(chosen: Sequence[Piece], kept: Mapping[str, Ended]) -> str:
    """Return the Markdown table of all gates: a row for each content of the package."""
    all_of = Counter(one.gate for one in chosen)
    groups: dict[tuple[str, str, str], list[tuple[Ended, Figure]]] = {}
    for one in chosen:
        if one.name not in kept:
            continue
        ended = kept[one.name]
        for figure in ended.figures:
            groups.setdefault((one.gate, figure.gate, ended.source), []).append((ended, figure))
    heads = (
        "gate", "what", "source", "commits", "pieces", "put to the test", "went wrong",
        "did not come about", "hours of one processor",
    )  # fmt: skip
    rows = [
        _row(name, source, f"{len(ended)} of {all_of[gate]}", ended)
        for (gate, name, source), ended in groups.items()
    ]
    return report.table(heads, rows)


def share(
    chosen: Sequence[Piece], kept: Mapping[str, Ended], contents: Mapping[tuple[str, ...], str]
) -> str:
    """Return how much has passed on what is there now: all of it is of one content, or is not."""
    passed = [one for one in chosen if ledger.holds(kept.get(one.name), contents[one.paths])]
    here = content((SOURCE,))
    if len(passed) == len(chosen):
        return f"All {len(chosen)} pieces have passed on one content of the package, {here}."
    return (
        f"{len(passed)} of {len(chosen)} pieces have passed on what is there now, {here} of the "
        "package and the runners of the gates as they are; the others on an older one, or never."
    )


def _row(
    name: str, source: str, share: str, ended: Sequence[tuple[Ended, Figure]]
) -> tuple[object, ...]:
    found = [figure for _, figure in ended]
    # Behind a colon or a semicolon stands what is so in one of them only.
    what = re.split("[:;]", found[0].what)[0]
    same = sum(one.same for one in found)
    if same:
        what += f"; {same:,} more {found[0].unit} led to what another had led to"
    commits = dict.fromkeys(one.commit for one, _ in ended)
    return (
        name,
        what,
        source,
        ", ".join(commits),
        share,
        f"{sum(one.count for one in found):,} {found[0].unit}",
        sum(one.broken for one in found),
        sum(one.missed for one in found),
        f"{sum(one.processor for one, _ in ended) / 3600:.2f}",
    )


if __name__ == "__main__":
    sys.exit(main())
