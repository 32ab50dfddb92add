"""What the last run of each gate has come to, promise by promise.

Purpose: ``docs/explanation/promises.md`` has a table with a row for each promise: what is
promised, which gates put it to the test, which tests prove it. Its last column is written here.

Calling sequence::

    report.put(PAGE, MARKS, filled(between(PAGE), pieces(), ledger.read()))

Guarantees: of a row nothing but the last cell is changed. What is summed is the last end of each
piece of a gate, on whatever content it was: the table of all gates tells that.

Errors: ``ValueError`` where the page lacks the marks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from integration.faults import report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from integration.faults.figures import Figure
    from integration.ledger import Ended
    from integration.pieces import Piece

MARKS = report.marks("make proof for each promise")
NAMES = {
    "kill": "R1",
    "forks": "R1 forks",
    "interference": "R1 others",
    "sweeps": "R2",
    "faults": "R3",
    "faults-forks": "R3 forks",
    "closed": "R3 closed",
    "power": "R4",
    "compound": "R5",
    "images": "R6",
    "lying": "R7",
    "race": "R8",
    "race-slowed": "R8 slowed",
    "fuzz": "R11 fuzz",
    "real": "R13",
    "model": "R14",
    "mutants": "R15",
    "rivals": "R16",
    "untidy": "R17",
}
"""What is chosen by ``integration.proof --only`` -> how the figure of it is named, everywhere."""
_NAMED = re.compile(r"R\d+(?: [a-z]+)*")


def gates(row: str) -> list[str]:
    """Return the names of the figures that a row of the page is about."""
    return _NAMED.findall(_cells(row)[1])


def filled(table: str, every: Iterable[Piece], kept: Mapping[str, Ended]) -> str:
    """Return the table of promises with the figures in its last column.

    :param every: all pieces, so that it can be told how many of them have been run
    :param kept: how each ended the last time
    """
    of_gates: dict[str, list[Ended | None]] = {}
    for one in every:
        of_gates.setdefault(NAMES[one.gate], []).append(kept.get(one.name))
    heads, line, *rows = table.strip().splitlines()
    return "\n".join((heads, line, *(_with_figures(row, of_gates) for row in rows)))


def between(page: Path) -> str:
    """Return the table that stands on a page."""
    begin, end = MARKS
    _, _, rest = page.read_text(encoding="utf-8").partition(begin)
    found, ended, _ = rest.partition(end)
    if not ended:
        raise ValueError(f"{page} lacks the marks {begin} and {end}")
    return found.strip()


def _with_figures(row: str, of_gates: Mapping[str, Sequence[Ended | None]]) -> str:
    names = gates(row)
    if not names:
        return row
    told = "; ".join(f"{name}: {_told(of_gates.get(name, ()))}" for name in names)
    return "| " + " | ".join((*_cells(row)[:-1], told)) + " |"


def _told(ended: Sequence[Ended | None]) -> str:
    """Return the sum of a gate's pieces in some words."""
    run = [one for one in ended if one is not None and one.figures]
    found: list[Figure] = [figure for one in run for figure in one.figures]
    if not found:
        return "not run yet"
    wrong = sum(one.broken for one in found)
    missed = sum(one.missed for one in found)
    words = [
        f"{sum(one.count for one in found):,} {found[0].unit}",
        f"{wrong:,} went wrong" if wrong else "none went wrong",
    ]
    words += [f"{missed:,} did not come about"] if missed else []
    words += [f"{len(run)} of {len(ended)} pieces"] if len(run) < len(ended) else []
    return ", ".join(words)


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]
