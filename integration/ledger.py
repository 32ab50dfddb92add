"""What ``make proof`` has run, on which content, and what came of it.

Purpose: a proof that is stopped loses the pieces under way and no others, and one that takes
more hours than a machine is at hand goes on with another one.

Calling sequence::

    enter("integration.faults.kill --scenario ...", Ended(...))
    holds(read().get(name), content)
    publish([one.name for one in pieces()])     # and commit it

Guarantees: what was run here is in a file outside of the history, so that a run leaves a clean
checkout; it is replaced whole, by one thread at a time. What is in the history besides, one line
for each piece, was run on this or another machine, which it names. The last end of a piece counts.

Errors: ``OSError`` where it cannot be written.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integration.faults import figures
from integration.faults.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Iterable

PATH = figures.FOLDER.parents[1] / "proof.json"
KEPT = Path(__file__).with_name("proved.jsonl")
_alone = threading.Lock()


@dataclass(frozen=True)
class Ended:
    """How a piece ended the last time.

    :param content: what it put to the test, see ``pieces.content``
    :param source: the same of the package alone
    :param commit: what was checked out, see ``figures.commit``
    :param status: 0 where it passed
    :param seconds: how long it took
    :param processor: how many seconds of one processor it took, whatever else went on
    :param at: when, UTC
    :param figures: what it noted
    :param machine: on what, see ``report.machine``
    """

    content: str
    source: str
    commit: str
    status: int
    seconds: float
    processor: float
    at: str
    figures: tuple[Figure, ...]
    machine: str = ""


def holds(ended: Ended | None, content: str) -> bool:
    """Whether it has passed on exactly this content."""
    return ended is not None and not ended.status and ended.content == content


def read() -> dict[str, Ended]:
    """Return how each piece ended the last time, by name."""
    kept, here = _published(), _own()
    later = {name: one for name, one in here.items() if _is_later(one, kept.get(name))}
    return {**kept, **later}


def publish(names: Iterable[str]) -> None:
    """Write what is known of these pieces into the file that is kept in the history."""
    known = read()
    rows = [{"piece": name, **asdict(known[name])} for name in sorted(names) if name in known]
    _replace(KEPT, "".join(json.dumps(row) + "\n" for row in rows))


def _own() -> dict[str, Ended]:
    try:
        rows = json.loads(PATH.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {name: _ended(row) for name, row in rows.items()}


def _published() -> dict[str, Ended]:
    try:
        lines = KEPT.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    rows = [json.loads(line) for line in lines]
    return {row.pop("piece"): _ended(row) for row in rows}


def _ended(row: dict[str, Any]) -> Ended:
    return Ended(**{**row, "figures": tuple(Figure(**one) for one in row["figures"])})


def _is_later(one: Ended, other: Ended | None) -> bool:
    return other is None or one.at >= other.at


def enter(name: str, ended: Ended) -> None:
    """Write down here how a piece ended, whole or not at all."""
    with _alone:
        rows = {known: asdict(one) for known, one in {**_own(), name: ended}.items()}
        PATH.parent.mkdir(parents=True, exist_ok=True)
        _replace(PATH, json.dumps(rows, indent=1) + "\n")


def _replace(path: Path, text: str) -> None:
    aside = path.with_suffix(".new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
