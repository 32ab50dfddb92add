"""The groups that are about ourselves: the phases of each verb, and what links cost by whom.

Purpose: a profile for every goal that is missed, and the figures behind the bounds from which
a second process is used.

Calling sequence: ``groups`` has :data:`TITLES` and :data:`MAKERS` in its catalogue.

Guarantees: nothing is run and nothing is fetched here.

Errors: none.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from integration.bench import tools
from integration.bench.rows import (
    COMPILED,
    EMPTY,
    LINKS,
    LINKS_BY_US,
    MEMORY_PHASES,
    NOTED,
    OURS,
    OURS_COMPILED,
    PHASES,
    PLAIN,
    SLOW,
    Group,
    Run,
)
from integration.bench.tools import NO_BYTECODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integration.bench.tools import Commands

TITLES = {
    "script": "The console script beside `python -m`, warm",
    "threads": "The links alone: by one thread, by two, by two processes",
    "forks": "When a second process is used, warm",
    "phases": "Where our time goes, warm",
    "phases-new": "Where our time goes, warm, at a path where there has never been one",
    "phases-bytecode": "Where our time goes, warm, with bytecode",
    "phases-copy": "Where our time goes, warm, copies",
    "phases-cold": "Where our time goes, cold",
    "phases-cold-bytecode": "Where our time goes, cold, with bytecode",
    "phases-upgrade": "Where our time goes, upgrade of 20 of 75 wheels",
    "phases-unchanged": "Where our time goes, all wheels are there already",
    "phases-uninstall": "Where our time goes, uninstall everything",
    "phases-memory": "By what the peak of our first process grows, warm",
    "phases-memory-cold": "By what the peak of our first process grows, cold",
}
SIZES = tuple(f"{count:,} files" for count in (500, 1_000, 2_000, 5_000))
"""Around the bounds of ``limits``, each in one wheel."""
NEVER = sys.maxsize


def _script(name: str) -> Iterator[Group]:
    ours = tools.linkinstall(NO_BYTECODE)
    runs = (Run(OURS, ours), Run(f"{OURS}, console script", tools.by_script(ours)))
    yield Group(name, "small", runs, weight=6)


def _threads(name: str) -> Iterator[Group]:
    hows = ("alone", "by one thread"), ("threads", "by two threads"), ("processes", "by two forks")
    runs = tuple(
        Run(f"{links}, {what}", tools.links_alone("plain", how, by_us=links == LINKS_BY_US))
        for links in (LINKS, LINKS_BY_US)
        for how, what in hows
    )
    for corpus in ("app", "big", *SIZES):
        yield Group(name, corpus, runs, weight=1 if corpus == "big" else 2, gauge=NOTED)


def _forks(name: str) -> Iterator[Group]:
    ours = tools.linkinstall(NO_BYTECODE)
    kinds = (
        ("one process", NEVER, NEVER),
        ("two link", 0, NEVER),
        ("two look", NEVER, 0),
        ("two look and link", 0, 0),
    )
    runs = tuple(
        Run(f"{OURS}, {what}", tools.by_forks(ours, links=links, looks=looks))
        for what, links, looks in kinds
    )
    for corpus in SIZES:
        yield Group(name, corpus, runs, weight=2)


def _phases(
    corpora: tuple[str, ...],
    commands: Commands,
    *,
    run: str = OURS,
    left: str = PLAIN,
    before: Commands | None = None,
    cold: bool = False,
    new_path: bool = False,
    gauge: str = PHASES,
) -> Callable[[str], Iterator[Group]]:
    """Return what makes the groups about the phases of a command, for some sets of wheels."""
    what = "memory" if gauge == MEMORY_PHASES else "seconds"
    runs = (Run(run, tools.traced(commands, what), cold=cold, before=before, left=left),)

    def groups(name: str) -> Iterator[Group]:
        slow = gauge == MEMORY_PHASES or (cold and left == COMPILED)
        for corpus in corpora:
            weight = SLOW if slow else 1
            yield Group(name, corpus, runs, weight, gauge=gauge, new_path=new_path)

    return groups


_ALL = ("small", "app", "big")
_INSTALL = tools.linkinstall(NO_BYTECODE)
_INSTALL_COMPILED = tools.linkinstall()
MAKERS: dict[str, Callable[[str], Iterator[Group]]] = {
    "script": _script,
    "threads": _threads,
    "forks": _forks,
    "phases": _phases(_ALL, _INSTALL),
    "phases-new": _phases(("small",), _INSTALL, new_path=True),
    "phases-bytecode": _phases(_ALL, _INSTALL_COMPILED, run=OURS_COMPILED, left=COMPILED),
    "phases-copy": _phases(("app",), tools.linkinstall(NO_BYTECODE, mode="copy")),
    "phases-cold": _phases(_ALL, _INSTALL, cold=True),
    "phases-cold-bytecode": _phases(
        ("app", "big"), _INSTALL_COMPILED, run=OURS_COMPILED, left=COMPILED, cold=True
    ),
    "phases-upgrade": _phases(("app",), _INSTALL, before=tools.of_earlier(_INSTALL)),
    "phases-unchanged": _phases(_ALL, _INSTALL, before=_INSTALL),
    "phases-uninstall": _phases(_ALL, tools.uninstall(), before=_INSTALL, left=EMPTY),
    "phases-memory": _phases(("app", "big"), _INSTALL, gauge=MEMORY_PHASES),
    "phases-memory-cold": _phases(("app", "big"), _INSTALL, cold=True, gauge=MEMORY_PHASES),
}
"""What makes the groups of each name."""
