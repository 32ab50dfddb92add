"""What ``make proof`` has run, on which content, and what came of it.

Purpose: a proof that is stopped loses the pieces under way and no others.

Calling sequence::

    enter("integration.faults.kill --scenario ...", Ended(...))
    holds(read().get(name), content)

Guarantees: the file is replaced whole, by one thread at a time.

Errors: ``OSError`` where it cannot be written.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass

from integration.faults import figures
from integration.faults.figures import Figure

PATH = figures.FOLDER.parents[1] / "proof.json"
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
    :param at: when, local time
    :param figures: what it noted
    """

    content: str
    source: str
    commit: str
    status: int
    seconds: float
    processor: float
    at: str
    figures: tuple[Figure, ...]


def holds(ended: Ended | None, content: str) -> bool:
    """Whether it has passed on exactly this content."""
    return ended is not None and not ended.status and ended.content == content


def read() -> dict[str, Ended]:
    """Return how each piece ended the last time, by name."""
    try:
        rows = json.loads(PATH.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {
        name: Ended(**{**row, "figures": tuple(Figure(**one) for one in row["figures"])})
        for name, row in rows.items()
    }


def enter(name: str, ended: Ended) -> None:
    """Write down how a piece ended, whole or not at all."""
    with _alone:
        rows = {known: asdict(one) for known, one in {**read(), name: ended}.items()}
        PATH.parent.mkdir(parents=True, exist_ok=True)
        aside = PATH.with_suffix(".new")
        aside.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        aside.replace(PATH)
