"""Which commands are compared with which, on which wheels.

Purpose: the catalogue of everything ``make bench`` measures. A group is one table's worth of
runs on one set of wheels; its first run is what the others are compared with.

Calling sequence: ``chosen(titles, corpora)`` yields the groups that were asked for, each with
the name of its wheels; :data:`TITLES` names them all.

Guarantees: nothing is run and nothing is fetched here.

Errors: none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration.bench import corpora, profiles, tools
from integration.bench.rows import (
    COMPILED,
    EMPTY,
    FAST,
    FAST_COMPILED,
    FAST_OFF,
    GONE,
    INSTALLER,
    INSTALLER_API,
    INSTALLER_API_COMPILED,
    INSTALLER_COMPILED,
    LINKS,
    LINKS_COMPILED,
    MEMORY,
    NO_FLUSH,
    OFF,
    OURS,
    OURS_COMPILED,
    PIP,
    PIP_COMPILED,
    PLAIN,
    RM,
    SLOW,
    UV,
    UV_COMPILED,
    Group,
    Run,
)
from integration.bench.tools import BYTECODE, NO_BYTECODE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

FILES = tuple(f"{count:,} files" for count in corpora.FILE_COUNTS)
WHEELS = tuple(f"{count:,} wheels" for count in corpora.WHEEL_COUNTS)

TITLES = {
    "warm": "Warm: the cache has the wheels already",
    "new": "Warm, each environment at a path where there has never been one",
    "floor": "Warm, beside the links alone: no lock, no plan, no journal, no look at files",
    "bytecode": "Warm, both with bytecode",
    "cold": "Cold: the cache is empty, as uv leaves and fills it",
    "cold-bytecode": "Cold, both with bytecode",
    "copy": "Warm, copies",
    "symlink": "Warm, symbolic links",
    "upgrade": "Upgrade of 20 of 75 wheels, the other 55 as they are",
    "unchanged": "All wheels are there already",
    "uninstall": "Uninstall everything",
    "remove": "Remove a virtual environment",
    "memory": "Peak memory of a warm install",
    "memory-cold": "Peak memory of a cold install",
    "peers": "pip, installer and PDM",
    "library": "Our Python API, all wheels in one process",
    "verify": "What looking at cached files costs",
    "flush": "What flushing costs, warm",
    "flush-cold": "What flushing costs, cold",
    "files": "One wheel of so many files, warm",
    "wheels": "So many wheels of 30 files each, warm",
    **profiles.TITLES,
}
"""Every group with the heading of its table, in the order of the page."""


def chosen(names: Collection[str], wheels: Collection[str]) -> Iterator[Group]:
    """Yield the groups of these names, on these real wheels or on synthetic ones."""
    for name, maker in _MAKERS.items():
        if name in names:
            for group in maker(name):
                if group.corpus in wheels or group.corpus not in corpora.REAL:
                    yield group


# ------------------------------------------------------------------ installs


def _uv(name: str = UV, *options: str, mode: str = "hardlink", cold: bool = False) -> Run:
    left = COMPILED if BYTECODE in options else PLAIN
    return Run(name, tools.uv(*options, mode=mode), cold=cold, left=left)


def _ours(name: str = OURS, *options: str, mode: str = "hardlink", cold: bool = False) -> Run:
    commands = tools.linkinstall(NO_BYTECODE, *options, mode=mode)
    return Run(name, commands, cold=cold)


def _ours_compiled(*, cold: bool = False) -> Run:
    return Run(OURS_COMPILED, tools.linkinstall(), cold=cold, left=COMPILED)


def _fast(name: str, *options: str) -> Run:
    """Return a cold install with the extra of this name; without it is the default."""
    return Run(name, tools.linkinstall(NO_BYTECODE, *options, fast=True), cold=True)


def _warm(name: str) -> Iterator[Group]:
    runs = (_uv(), _ours(), _ours_compiled(), _ours(OFF, *NO_FLUSH))
    yield Group(name, "small", runs, weight=3)
    yield Group(name, "app", runs, weight=2)
    yield Group(name, "big", runs)


def _floor(name: str) -> Iterator[Group]:
    runs = (
        Run(LINKS, tools.links_alone("plain")),
        _ours(),
        _uv(),
        Run(LINKS_COMPILED, tools.links_alone("compiled"), left=COMPILED),
        _ours_compiled(),
    )
    yield Group(name, "app", runs, weight=2)
    yield Group(name, "big", runs)


def _new(name: str) -> Iterator[Group]:
    yield Group(name, "small", (_uv(), _ours(), _ours_compiled()), weight=3, new_path=True)


def _bytecode(name: str) -> Iterator[Group]:
    runs = (_uv(UV_COMPILED, BYTECODE), _ours_compiled())
    yield Group(name, "small", runs, weight=3)
    yield Group(name, "app", runs, weight=SLOW, dropped=0)
    yield Group(name, "big", runs, weight=SLOW, dropped=0)


def _cold(name: str) -> Iterator[Group]:
    runs = (_uv(cold=True), _ours(cold=True), _ours(OFF, *NO_FLUSH, cold=True))
    both = (*runs, _fast(FAST), _fast(FAST_OFF, *NO_FLUSH))
    yield Group(name, "small", runs, weight=3)
    yield Group(name, "app", both)
    yield Group(name, "big", both)


def _cold_bytecode(name: str) -> Iterator[Group]:
    runs = (_uv(UV_COMPILED, BYTECODE, cold=True), _ours_compiled(cold=True))
    fast = Run(FAST_COMPILED, tools.linkinstall(fast=True), cold=True, left=COMPILED)
    yield Group(name, "app", (*runs, fast), weight=SLOW, dropped=0)
    yield Group(name, "big", runs, weight=SLOW, dropped=0)


def _mode(mode: str) -> Callable[[str], Iterator[Group]]:
    def groups(name: str) -> Iterator[Group]:
        runs = (_uv(f"{UV}, {mode}", mode=mode), _ours(f"{OURS}, {mode}", mode=mode))
        yield Group(name, "app", runs)
        yield Group(name, "big", runs)

    return groups


def _memory(name: str) -> Iterator[Group]:
    cold = name.endswith("-cold")
    runs = (_uv(cold=cold), _ours(cold=cold), _ours_compiled(cold=cold))
    for corpus in ("small", "app", "big"):
        yield Group(name, corpus, runs, weight=SLOW, gauge=MEMORY, dropped=not cold)


# ------------------------------------------------------------------ other changes


def _upgrade(name: str) -> Iterator[Group]:
    uv, ours = tools.uv(), tools.linkinstall(NO_BYTECODE)
    runs = (
        Run(UV, uv, before=tools.of_earlier(uv)),
        Run(OURS, ours, before=tools.of_earlier(ours)),
    )
    yield Group(name, "app", runs)


def _unchanged(name: str) -> Iterator[Group]:
    uv, ours = tools.uv(), tools.linkinstall(NO_BYTECODE)
    runs = (Run(UV, uv, before=uv), Run(OURS, ours, before=ours))
    yield Group(name, "small", runs, weight=2)
    yield Group(name, "app", runs)
    yield Group(name, "big", runs)


def _uninstall(name: str) -> Iterator[Group]:
    ours = tools.linkinstall(NO_BYTECODE)
    runs = (
        Run(UV, tools.uv_uninstall(), before=tools.uv(), left=EMPTY),
        Run(OURS, tools.uninstall(), before=ours, left=EMPTY),
        Run(OFF, tools.uninstall(*NO_FLUSH), before=ours, left=EMPTY),
    )
    yield Group(name, "small", runs, weight=2)
    yield Group(name, "app", runs)
    yield Group(name, "big", runs)


def _remove(name: str) -> Iterator[Group]:
    before = tools.linkinstall(NO_BYTECODE)
    runs = (
        Run(RM, tools.rm(), before=before, left=GONE),
        Run(OURS, tools.remove_venv(), before=before, left=GONE),
    )
    yield Group(name, "app", runs)
    yield Group(name, "big", runs)


# ------------------------------------------------------------------ others, options, the API


def _peers(name: str) -> Iterator[Group]:
    quick = (
        _uv(),
        _ours(),
        _ours_compiled(),
        Run(PIP, tools.pip("--no-compile")),
        Run(INSTALLER_API, tools.installer_api()),
        Run("pdm, hard links out of its cache", tools.pdm("hardlink")),
        Run("pdm, symbolic links into its cache", tools.pdm("symlink")),
    )
    slow = (
        Run(PIP_COMPILED, tools.pip(), left=COMPILED),
        Run(INSTALLER_API_COMPILED, tools.installer_api("01"), left=COMPILED),
        Run(INSTALLER, tools.installer(NO_BYTECODE)),
        Run(INSTALLER_COMPILED, tools.installer(), left=COMPILED),
    )
    yield Group(name, "small", (*quick, *slow), weight=1)
    yield Group(name, "app", (*quick, *slow), weight=SLOW, dropped=0)
    # Of this set PDM leaves one source compiled, for a reason that was not looked into.
    big = tuple(one for one in quick if not one.name.startswith("pdm"))
    yield Group(name, "big", big, weight=SLOW, dropped=0)


def _library(name: str) -> Iterator[Group]:
    runs = (
        _uv(),
        _ours(),
        Run(f"{OURS}.install()", tools.our_library("by_library")),
        Run(f"{OURS}, LinkDestination, one transaction", tools.our_library("by_joined")),
        Run(f"{OURS}, LinkDestination for each wheel", tools.our_library("by_destination")),
        Run(INSTALLER_API, tools.installer_api()),
    )
    yield Group(name, "app", runs, weight=0.5)


def _verify(name: str) -> Iterator[Group]:
    levels = ("off", "stat", "full")
    runs = (_ours(f"{OURS}, --verify-cache {one}", "--verify-cache", one) for one in levels)
    both = (_uv(), *runs)
    yield Group(name, "app", both)
    yield Group(name, "big", both, weight=0.5)


def _flush(name: str) -> Iterator[Group]:
    cold = name.endswith("-cold")
    levels = ("off", "normal", "full")
    runs = tuple(_ours(f"{OURS}, --sync {one}", "--sync", one, cold=cold) for one in levels)
    yield Group(name, "app", runs)
    yield Group(name, "big", runs, weight=0.5)


# ------------------------------------------------------------------ growth


def _growth(labels: tuple[str, ...]) -> Callable[[str], Iterator[Group]]:
    def groups(name: str) -> Iterator[Group]:
        for label in labels:
            yield Group(name, label, (_uv(), _ours(), _ours_compiled()))

    return groups


_MAKERS: dict[str, Callable[[str], Iterator[Group]]] = {
    "warm": _warm,
    "new": _new,
    "floor": _floor,
    "bytecode": _bytecode,
    "cold": _cold,
    "cold-bytecode": _cold_bytecode,
    "copy": _mode("copy"),
    "symlink": _mode("symlink"),
    "upgrade": _upgrade,
    "unchanged": _unchanged,
    "uninstall": _uninstall,
    "remove": _remove,
    "memory": _memory,
    "memory-cold": _memory,
    "peers": _peers,
    "library": _library,
    "verify": _verify,
    "flush": _flush,
    "flush-cold": _flush,
    "files": _growth(FILES),
    "wheels": _growth(WHEELS),
    **profiles.MAKERS,
}
