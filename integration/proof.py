"""``make proof``: every gate in full, one after the other, and one table at the end.

Purpose: what ``docs/explanation/promises.md`` promises, put to the test on this machine;
with ``--write`` the figures go into that page.

Calling sequence::

    python -m integration.proof                     # hours
    python -m integration.proof --only kill --only race
    python -m integration.proof --figures --write   # those of the last runs, nothing is run

Guarantees: exit status 1 if any gate failed. A gate that cannot run here says so itself:
SKIPPED and why, which counts as a failure with ``CI=true``.

Errors: none.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from integration.faults import figures, report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from integration.faults.figures import Figure

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "promises.md"
BEGIN, END = "<!-- written by make proof -->", "<!-- end of what make proof writes -->"
TARGETS = (
    "sweeps", "kill", "faults", "power", "compound", "images", "race", "interference", "model",
    "rivals", "fuzz", "real", "mutants",
)  # fmt: skip
"""Targets of the Makefile, each of them one gate or several, in the order of their length."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the gates, print the table, return the exit status."""
    parser = argparse.ArgumentParser(prog="integration.proof", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", action="append", choices=TARGETS, help="only this one")
    parser.add_argument("--figures", action="store_true", help="run nothing, show the last figures")
    parser.add_argument("--write", action="store_true", help="write the table into the docs")
    options = parser.parse_args(arguments)
    failed = [] if options.figures else _run(options.only or TARGETS)
    found = figures.read()
    print(table(found))
    print(f"\n{report.machine()}")
    if options.write:
        write(PAGE, found)
    failed += [one.gate for one in found if not one.passed]
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    return int(bool(failed))


def _run(targets: Sequence[str]) -> list[str]:
    failed = []
    for target in targets:
        began = time.monotonic()
        print(f"== make {target}", flush=True)
        if subprocess.run(["make", target], check=False, cwd=PAGE.parents[2]).returncode:
            failed.append(target)
        print(f"== make {target}: {time.monotonic() - began:.0f} s", flush=True)
    return failed


def table(found: Sequence[Figure]) -> str:
    """Return the Markdown table of all gates."""
    heads = ("gate", "what", "put to the test", "went wrong", "did not come about", "minutes")
    rows = (
        (
            one.gate,
            one.what + (f" ({one.part})" if one.part else ""),
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
