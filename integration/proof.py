"""``make proof``: every gate in full, one after the other, and one table at the end.

Purpose: what ``docs/explanation/promises.md`` promises, put to the test on this machine;
with ``--write`` the figures go into that page.

Calling sequence::

    python -m integration.proof                     # hours; what has passed is not repeated
    python -m integration.proof --anew              # everything again
    python -m integration.proof --only kill --only race
    python -m integration.proof --list              # how long each took last time
    python -m integration.proof --figures --write   # those of the last runs, nothing is run

Guarantees: exit status 1 if any gate failed. A gate that cannot run here says so itself:
SKIPPED and why, which counts as a failure with ``CI=true``. How each gate ended is written
down as soon as it has, so a run that is stopped goes on where it was: a gate that has passed
on the commit that is checked out, with nothing edited, is not run again. The table comes
whatever happens, and names the commit of each row.

Errors: none.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from integration.faults import figures, report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from integration.faults.figures import Figure

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "promises.md"
LEDGER = figures.FOLDER.parent / "proof.json"
BEGIN, END = "<!-- written by make proof -->", "<!-- end of what make proof writes -->"
TARGETS = (
    "sweeps", "kill", "faults", "power", "compound", "images", "race", "interference", "model",
    "rivals", "fuzz", "real", "mutants",
)  # fmt: skip
"""Targets of the Makefile, each of them one gate or several."""


@dataclass(frozen=True)
class Ended:
    """How a target ended the last time.

    :param commit: what was put to the test, see ``figures.commit``
    :param status: the exit status of make
    :param at: when, local time
    """

    commit: str
    status: int
    seconds: float
    at: str

    def holds(self, commit: str) -> bool:
        """Whether it has passed on exactly this commit."""
        return not self.status and self.commit == commit and not commit.endswith("+")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the gates, print the table, return the exit status."""
    options = _parser().parse_args(arguments)
    targets = options.only or TARGETS
    commit = figures.commit()
    print(plan(targets, ledger(), "" if options.anew else commit), flush=True)
    if options.list:
        return 0
    failed = []
    try:
        if not options.figures:
            failed = _run(targets, commit, options)
    finally:
        found = figures.read()
        print(f"{table(found)}\n\n{report.machine()}")
        if options.write:
            write(PAGE, found)
    failed += [one.gate for one in found if not one.passed]
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    return int(bool(failed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="integration.proof", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", action="append", choices=TARGETS, help="only this one")
    parser.add_argument("--anew", action="store_true", help="repeat what has passed already")
    parser.add_argument("--list", action="store_true", help="run nothing, tell what would be run")
    parser.add_argument("--figures", action="store_true", help="run nothing, show the last figures")
    parser.add_argument("--write", action="store_true", help="write the table into the docs")
    return parser


def _run(targets: Sequence[str], commit: str, options: argparse.Namespace) -> list[str]:
    failed = []
    for target in targets:
        known = ledger().get(target)
        if known and known.holds(commit) and not options.anew:
            continue
        began = time.monotonic()
        print(f"== make {target}", flush=True)
        status = subprocess.run(["make", target], check=False, cwd=PAGE.parents[2]).returncode
        seconds = time.monotonic() - began
        enter(target, Ended(commit, status, seconds, time.strftime("%Y-%m-%d %H:%M")))
        if status:
            failed.append(target)
        if options.write:
            write(PAGE, figures.read())
        print(f"== make {target}: {_how(status)} after {seconds / 60:.0f} min", flush=True)
    return failed


def _how(status: int) -> str:
    return "FAILED" if status else "passed"


# ---------------------------------------------------------------- how they ended last time


def ledger() -> dict[str, Ended]:
    """Return how each target ended the last time."""
    try:
        rows = json.loads(LEDGER.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {target: Ended(**row) for target, row in rows.items()}


def enter(target: str, ended: Ended) -> None:
    """Write down how a target ended, whole or not at all."""
    rows = {name: asdict(one) for name, one in {**ledger(), target: ended}.items()}
    LEDGER.parent.mkdir(parents=True, exist_ok=True)
    aside = LEDGER.with_suffix(".new")
    aside.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    aside.replace(LEDGER)


def plan(targets: Iterable[str], known: Mapping[str, Ended], commit: str) -> str:
    """Return what is going to be run and how long each took the last time.

    :param commit: what has passed on it is not run again; "" to run all
    """
    rows: list[tuple[object, ...]] = []
    minutes, unknown = 0.0, 0
    for target in targets:
        last = known.get(target)
        again = not (last and last.holds(commit))
        if last is None:
            unknown += 1
            rows.append((target, "yes", "not known", "", "", ""))
            continue
        minutes += last.seconds / 60 * again
        took = f"{last.seconds / 60:.0f}"
        rows.append((target, _yes(again), took, _how(last.status), last.commit, last.at))
    heads = ("target", "is run", "minutes last time", "ended", "commit", "at")
    more = f", and {unknown} that never ran here" if unknown else ""
    return f"{report.table(heads, rows)}\n\nIn all {minutes:.0f} minutes{more}.\n"


def _yes(is_run: bool) -> str:  # noqa: FBT001 - a word for it
    return "yes" if is_run else "no, has passed"


# ---------------------------------------------------------------- the figures


def table(found: Sequence[Figure]) -> str:
    """Return the Markdown table of all gates."""
    heads = (
        "gate", "what", "commit", "put to the test", "went wrong", "did not come about", "minutes",
    )  # fmt: skip
    rows = (
        (
            one.gate,
            one.what + (f" ({one.part})" if one.part else ""),
            one.commit,
            f"{one.count:,} {one.unit}",
            one.broken,
            one.missed,
            f"{one.seconds / 60:.1f}",
        )
        for one in found
    )
    return report.table(heads, rows)


def write(page: Path, found: Sequence[Figure]) -> None:
    """Replace the table of a page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = f"{table(found)}\n\n{report.machine()}, {os.cpu_count()} processors."
    page.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
