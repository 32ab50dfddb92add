"""Drive the bench: which groups, how many rounds, where the figures go.

Calling sequence::

    python -m integration.bench --write                      # all of it, and the pages
    python -m integration.bench --rows warm,cold --corpora small,app --rounds 2
    python -m integration.bench --figures --write            # nothing is run

Guarantees: what was measured is printed and kept in ``.cache/bench/results``; the pages are
written with ``--write`` only, from everything that is kept.

Errors: those of the package; a name that is none ends with the list of those there are.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from integration.bench import best, corpora, goals, groups, results, tables
from integration.bench.workplace import Workplace, volume

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from integration.bench.corpora import Corpus
    from integration.bench.rows import Group

PLACE = corpora.KEPT / "place"
SIZES = corpora.KEPT / "sizes"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the pages where asked to."""
    options = parsed(arguments)
    if not options.figures:
        # Terminated, it takes its volume down as well.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        measure(options)
    found = results.kept()
    if not found:
        print(f"no figures are kept in {results.FOLDER} yet: run make bench", file=sys.stderr)
        return 1
    if options.figures or options.write:
        if options.write:
            best.improve(found)
        text, reached = conditions(found), goals.table(found, best.known())
        tables_text = tables.group_tables(found)
        print(f"{text}\n{reached}\n{tables_text}")
        if options.write:
            picture = tables.growth(found)
            if picture:
                tables.PLOT.write_text(picture, encoding="utf-8")
                tables_text += f"\n![How cost grows]({tables.PLOT.name})\n"
            tables.write(tables.GOALS_PAGE, f"{text}\n{reached}")
            tables.write(tables.FIGURES_PAGE, f"{text}\n{tables_text}")
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of a call."""
    parser = argparse.ArgumentParser(prog="integration.bench", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    named = ",".join(groups.TITLES)
    parser.add_argument("--rows", type=names_of(groups.TITLES), default=named, help=named)
    wheels = ",".join(corpora.REAL)
    parser.add_argument("--corpora", type=names_of(corpora.REAL), default=wheels, help=wheels)
    parser.add_argument("--rounds", type=int, default=6, help="rounds that count, about")
    parser.add_argument("--realtime", action="store_true", help="run before ordinary processes")
    parser.add_argument("--figures", action="store_true", help="run nothing, show what is kept")
    parser.add_argument("--write", action="store_true", help="write what is kept into the docs")
    return parser.parse_args(arguments)


def names_of(known: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    """Return what turns ``a,b`` into names, each of which must be known."""

    def names(text: str) -> tuple[str, ...]:
        found = tuple(filter(None, text.split(",")))
        if unknown := [name for name in found if name not in known]:
            there_are = ", ".join(known)
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {there_are}")
        return found

    return names


def measure(options: argparse.Namespace) -> None:
    """Measure every group that is asked for, and keep and print its figures."""
    wanted = list(groups.chosen(options.rows, options.corpora))
    with volume() as (folder, what):
        real = corpora.real(tuple(options.corpora), folder)
        PLACE.write_text(what, encoding="utf-8")
        note_sizes(real)
        place = Workplace(folder, realtime=options.realtime)
        for group in wanted:
            corpus = real.get(group.corpus) or synthetic(group, folder)
            series = place.measure(group, corpus, group.rounds(options.rounds))
            result = results.Result(
                group.name, group.corpus, group.gauge, series, commit(),
                time.strftime("%Y-%m-%d", time.gmtime()), os.getloadavg()[0], options.realtime,
            )  # fmt: skip
            results.keep(result)
            print(tables.group_tables({(group.name, group.corpus): result}), flush=True)


def synthetic(group: Group, folder: Path) -> Corpus:
    """Return the wheels made for a group: ``1,000 files`` or ``60 wheels``."""
    count, _, what = group.corpus.partition(" ")
    make = {"files": corpora.of_files, "wheels": corpora.of_wheels}[what]
    return make(int(count.replace(",", "")), folder)


def note_sizes(real: dict[str, Corpus]) -> None:
    """Write down how large the sets are, each in its own file."""
    SIZES.mkdir(exist_ok=True)
    for name, corpus in real.items():
        files, size = corpus.size
        text = f"{len(corpus.wheels)} wheels, {files:,} files, {size / 1e6:,.0f} MB"
        (SIZES / name).write_text(text, encoding="utf-8")


def conditions(found: dict[tuple[str, str], results.Result]) -> str:
    """Return what the kept figures depend on."""
    sizes = [
        f"Set *{name}*: {(SIZES / name).read_text(encoding='utf-8')}."
        for name in corpora.REAL
        if (SIZES / name).exists()
    ]
    return tables.conditions(PLACE.read_text(encoding="utf-8"), sizes, found.values())


def commit() -> str:
    """Return the commit that last changed what is measured."""
    told = [
        subprocess.run(
            ["git", "-C", str(corpora.HERE.parents[1]), *words, "--", "src"],
            capture_output=True, text=True, check=False,
        ).stdout.strip()
        for words in (("log", "-1", "--format=%h"), ("status", "--porcelain"))
    ]  # fmt: skip
    return (told[0] or "none") + ("-dirty" if told[1] else "")


if __name__ == "__main__":
    sys.exit(main())
