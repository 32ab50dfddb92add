"""Figures that were measured: kept in files, and as ratios.

Purpose: a long measurement is not lost when a later one fails, and one group can be measured
again without the others.

Calling sequence: ``keep(result)``; ``kept()`` returns all, the last of each group and set.

Guarantees: one file for each group and set of wheels, replaced whole.

Errors: ``OSError`` where the folder cannot be written.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass

from integration.bench.corpora import KEPT

FOLDER = KEPT / "results"


@dataclass(frozen=True)
class Result:
    """The figures of one group on one set of wheels.

    :param series: by the name of the run, one figure for each round; the first is the base
    :param commit: what was measured
    :param day: when
    :param load: the machine's load in the minute before the end
    :param realtime: whether the processes were scheduled before ordinary ones
    """

    group: str
    corpus: str
    gauge: str
    series: dict[str, list[float]]
    commit: str
    day: str
    load: float
    realtime: bool

    @property
    def base(self) -> str:
        """The run that the others are compared with."""
        return next(iter(self.series))


def ratios(own: list[float], base: list[float]) -> list[float]:
    """Return the ratio of each round."""
    return [mine / other for mine, other in zip(own, base, strict=True)]


def ratio(own: list[float], base: list[float]) -> str:
    """Return the median of the ratios of each round, with the lowest and the highest."""
    if own is base:
        return "1"
    found = ratios(own, base)
    low, middle, high = (f"{f(found):.3g}" for f in (min, statistics.median, max))
    return f"**{middle}** ({low} to {high})"


def keep(result: Result) -> None:
    """Write a result down in place of the last one of the same group and wheels."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{result.group}-{result.corpus.replace(' ', '-')}.json"
    path.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")


def kept() -> dict[tuple[str, str], Result]:
    """Return what is written down, by group and wheels."""
    paths = sorted(FOLDER.glob("*.json")) if FOLDER.is_dir() else []
    found = (Result(**json.loads(path.read_text(encoding="utf-8"))) for path in paths)
    return {(one.group, one.corpus): one for one in found}
