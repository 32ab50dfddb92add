"""The figures for readers: a table for each group, what they depend on, and the pages.

Purpose: what ``make bench`` prints, and what it writes between the markers of two pages.

Calling sequence: ``groups_table(results)``, ``conditions(...)``, ``write(page, text)``.

Guarantees: Markdown with one sentence on a line.

Errors: ``ValueError`` where a page has no markers.
"""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from integration.bench import interpreters
from integration.bench.groups import TITLES
from integration.bench.plot import Panel, svg
from integration.bench.results import ratio
from integration.bench.rows import MEMORY, MEMORY_PHASES, PHASES
from integration.faults import report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from integration.bench.results import Result

DOCS = Path(__file__).parents[2] / "docs"
GOALS_PAGE = DOCS / "explanation" / "performance.md"
FIGURES_PAGE = DOCS / "reference" / "measurements.md"
PLOT = DOCS / "reference" / "measurements.svg"
MARKERS = ("<!-- written by make bench -->\n", "<!-- end of what make bench writes -->\n")
SHOWN = {PHASES: 0.0001, MEMORY_PHASES: 0.05}
"""Phases that take fewer seconds, or MB, are left out."""
ORDER = ("small", "app", "big")


def group_tables(results: Mapping[tuple[str, str], Result]) -> str:
    """Return a heading and a table for each group that has figures."""
    return "\n".join(_group(name, results) for name in TITLES if _of(name, results))


def _of(name: str, results: Mapping[tuple[str, str], Result]) -> list[Result]:
    found = [one for (group, _), one in results.items() if group == name]
    return sorted(found, key=_size)


def _size(result: Result) -> int:
    """Return where the wheels of a result stand in its table."""
    if result.corpus in ORDER:
        return ORDER.index(result.corpus)
    return int(result.corpus.split()[0].replace(",", ""))


def _group(name: str, results: Mapping[tuple[str, str], Result]) -> str:
    found = _of(name, results)
    unit = "MB" if found[0].gauge in {MEMORY, MEMORY_PHASES} else "seconds"
    heads = ("wheels", "what", unit, "ratio", "rounds")
    rows = [row for result in found for row in _rows(result)]
    return f"## {TITLES[name]}\n\n{report.table(heads, rows)}\n"


def _rows(result: Result) -> Iterator[tuple[str, ...]]:
    if result.gauge in SHOWN:
        yield from _phase_rows(result)
        return
    for name, own in result.series.items():
        base = result.series[_base(name, result)]
        figure = f"{statistics.median(own):.{1 if result.gauge == MEMORY else 3}f}"
        yield result.corpus, name, figure, ratio(own, base), str(len(own))


def _phase_rows(result: Result) -> Iterator[tuple[str, ...]]:
    """Yield a row for each phase that takes any, with its share in place of a ratio."""
    medians = {name: statistics.median(own) for name, own in result.series.items()}
    whole = sum(medians.values())
    rounds = str(len(next(iter(result.series.values()))))
    medians[f"{result.base.partition(':')[0]}: **all of it**"] = whole
    for name, median in medians.items():
        if median >= SHOWN[result.gauge]:
            figure = f"{median:.{4 if result.gauge == PHASES else 1}f}"
            yield result.corpus, name, figure, f"{median / whole:.0%}", rounds


def _base(name: str, result: Result) -> str:
    """Return what a row is compared with: of memory, the first of the same kind."""
    if result.gauge != MEMORY:
        return result.base
    kind = name.rpartition(",")[2]
    return next(one for one in result.series if one.endswith(kind))


def growth(results: Mapping[tuple[str, str], Result]) -> str:
    """Return the plot of the groups about growth; nothing where one has no figures."""
    panels = []
    for name in ("files", "wheels"):
        found = _of(name, results)
        lines: dict[str, list[tuple[float, float]]] = {}
        for result in found:
            for run, own in result.series.items():
                lines.setdefault(run, []).append((_size(result), statistics.median(own)))
        if lines:
            panels.append(Panel(TITLES[name], lines))
    return svg(panels) if panels else ""


def conditions(place: str, sizes: Iterable[str], results: Iterable[Result]) -> str:
    """Return what the figures depend on, as a Markdown list."""
    found = list(results)
    versions = ", ".join(_versions(found))
    commits = ", ".join(sorted({one.commit for one in found}))
    loads = [one.load for one in found]
    realtime = {one.realtime for one in found}
    before = {
        frozenset({True}): "before all ordinary ones (`--realtime`)",
        frozenset({False}): "as ordinary ones",
    }.get(frozenset(realtime), "some groups before ordinary ones (`--realtime`), some not")
    isal = "`isal`, its extra `fast`, where a row names it only"
    lines = (
        "Command: `python -m integration.bench`, with the rounds that the tables tell.",
        f"Days: {', '.join(sorted({one.day for one in found}))}.",
        f"Tools: linkinstall {version('linkinstall')} (commits {commits}), {versions}.",
        f"Beside linkinstall stands what it needs at run time, all compiled; {isal}.",
        f"Machine: {processor()}, {os.cpu_count()} cores, {report.machine()}.",
        f"Load of the machine, this bench in it: {min(loads):.1f} to {max(loads):.1f}.",
        f"Processes were scheduled {before}, those of all tools alike.",
        f"Volume of caches, wheels and environments: {place}.",
        *sizes,
    )
    return "".join(f"- {line}\n" for line in lines)


def _versions(results: Iterable[Result]) -> Iterator[str]:
    """Yield the tools besides ours with their versions, as far as there are figures of them."""
    yield from (f"{name} {version(name)}" for name in ("uv", "pip"))
    named = " ".join(name.lower() for result in results for name in result.series)
    for place, name in (("ours", "installer"), ("fast", "isal"), ("pdm", "pdm")):
        found = interpreters.version_in(place, name)
        if found is not None and name in named:
            yield f"{'PDM' if name == 'pdm' else name} {found}"


def processor() -> str:
    """Return the name of the processor."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def write(page: Path, text: str) -> None:
    """Put a text between the markers of a page.

    :raises ValueError: the page has no markers
    """
    old = page.read_text(encoding="utf-8")
    before, begin, rest = old.partition(MARKERS[0])
    _, end, after = rest.partition(MARKERS[1])
    if not end:
        raise ValueError(f"{page} has no markers")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
