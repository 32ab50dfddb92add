"""What ``make proof`` consists of: pieces that are run, and kept, each by itself.

Purpose: the whole takes hours. A piece is one scenario of a gate, on one file system and in
one mode where there is a choice; so little is lost where a run is stopped, and each processor
takes the next one.

Calling sequence::

    for piece in pieces():
        piece.name, piece.command(), piece.content()

Guarantees: pieces stand in the order in which they are taken up. ``content`` names what is put
to the test by the bytes that are there, committed or not: those of the package, and of the files
that its module is made of (``closure``), or of the tests. A commit of anything else leaves it as
it is: what is put to one gate counts on, where another gate's runner is changed.

Errors: ``subprocess.CalledProcessError`` where this is no checkout of git.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from integration import closure
from integration.faults import (
    closed,
    compound,
    errors,
    images,
    interference,
    power,
    scenarios,
    untidy,
)
from integration.faults.contests import CONTESTS

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
SOURCE = "src/linkinstall"
_TESTS = (SOURCE, "tests", "integration/faults")
_TARGETS = {
    "fuzz": "integration.faults.fuzz",
    "real": "integration.real",
    "rivals": "integration.faults.rivals",
}
"""Target of the Makefile -> the module that it starts."""
IMAGES = 1000
"""Images of each file system."""
CASES = 1_000_000
"""Spoilt files, in so many parts."""
_PARTS = 4
_SEEDS = 40
"""Untidy environments of one piece: some minutes."""
FORKED = (
    "install-pluggy",
    "install-set",
    "install-set-cold",
    "upgrade-parts",
    "venv-remove-parts-pluggy",
)
"""The changes of which one process of several is killed, in hard links."""
SET = ("install-set",)
UNPACKING_AGAIN = ("cache-add",)
"""The verbs whose faults are settled by a command that unpacks a wheel."""
MADE = ("venv-clear-parts-pluggy", "venv-create-parts-pluggy")
GATES = ("kill", "forks", "faults", "faults-forks", "closed", "power", "lying", "compound",
         "images", "race", "race-slowed", "interference", "untidy", "sweeps", "model", "fuzz",
         "real", "mutants", "rivals")  # fmt: skip
"""What ``--only`` takes, each of them one gate or a part of one."""


@dataclass(frozen=True)
class Piece:
    """One of them.

    :param gate: one of ``GATES``
    :param words: a module and its arguments, or ``make`` and a target
    :param tested: the paths of what it puts to the test, where that is more than the package and
        the files that its module is made of
    """

    gate: str
    words: tuple[str, ...]
    tested: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called in the ledger: what can be typed to run it."""
        return " ".join(f"'{word}'" if " " in word else word for word in self.words)

    def command(self) -> list[str]:
        """Return the command line."""
        return list(self.words) if self.words[0] == "make" else [sys.executable, "-m", *self.words]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all that it puts to the test."""
        if self.tested:
            return self.tested
        module = _TARGETS[self.words[1]] if self.words[0] == "make" else self.words[0]
        return (SOURCE, *closure.files(module, ROOT))

    def content(self) -> str:
        """Return the name of what it puts to the test, as it is now."""
        return content(self.paths)


def pieces() -> list[Piece]:
    """Return all of them, each gate's in its order."""
    return [
        *(_of("kill", "kill", one.name) for one in scenarios.scenarios(scenarios.ALL_MODES)),
        *(_of("forks", "kill", f"linkinstall-{one}-hardlink", "--forks") for one in FORKED),
        *(_of("faults", "errors", one, *_thinned(one, SET)) for one in errors.names()),
        *(
            _of("faults-forks", "errors", one, "--forks", *_thinned(one, errors.WITH_WORKERS))
            for one in errors.names(forks=True)
        ),
        *(_of("closed", "closed", one) for one in closed.names()),
        *_of_power(),
        *_of_compound(),
        *_of_images(),
        *(Piece("race", (*_module("race"), "--contest", one.name)) for one in CONTESTS),
        *(
            Piece(
                "race-slowed",
                (*_module("race"), "--slowed", "--rounds", "20", "--contest", one.name),
            )
            for one in CONTESTS
        ),
        *(
            _of("interference", "interference", name, "--act", act.name)
            for act in interference.acts()
            for name in interference.SCENARIOS
        ),
        *_of_untidy(),
        Piece("sweeps", ("make", "sweeps", "WORKERS=1"), _TESTS),
        Piece("model", ("make", "model"), _TESTS),
        *(
            Piece("fuzz", ("make", "fuzz", f"CASES={CASES // _PARTS}", f"SEED={seed}"))
            for seed in range(_PARTS)
        ),
        Piece("real", ("make", "real")),
        Piece("mutants", ("make", "mutants"), _TESTS),
        Piece("rivals", ("make", "rivals")),
    ]


def _thinned(scenario: str, changes: Sequence[str]) -> tuple[str, ...]:
    """Return the options that strike each fifth point of some changes, but for hard links.

    Each of them takes half an hour in each mode. What a mode does otherwise is the one call that
    links, whose errors are struck in full where fewer files are changed.

    So it is, in the one mode, for what virtualenv makes: nearly all calls are its own, and each
    run imports it.
    """
    change, _, mode = scenario.removeprefix("linkinstall-").rpartition("-")
    thinned = change in MADE or (change in changes and mode != errors.MODES[0])
    return ("--every", "5") if thinned else ()


def _of_power() -> list[Piece]:
    found = [
        _of("power", "power", one.scenario.name, "--file-system", one.kind, "--layout", one.layout)
        for one in power.cases()
    ]
    # All file systems at once: on btrfs, where a change comes whole or not at all, nothing is
    # ever damaged, and a run in which nothing is proves nothing.
    return [*found, Piece("lying", (*_module("lying"), "--workers", "1"))]


def _of_compound() -> list[Piece]:
    """Two faults in a row at each point; as many as there can be in each third scenario.

    Where an environment is on several volumes, two in each. Where what settles it unpacks again,
    two, the second at each fifth point: nearly each chain leads to a world of its own.
    """
    return [
        _of("compound", "compound", one.name, "--file-system", kind, "--layout", layout, *words)
        for turn, kind in enumerate(compound.KINDS)
        for layout, able in compound.able(("hardlink",)).items()
        for number, one in enumerate(able)
        for words in [_depth(one.verb, layout, deep=not (number + turn) % 3)]
    ]


def _depth(verb: str, layout: str, *, deep: bool) -> tuple[str, ...]:
    """Return the options that bound how much follows a fault."""
    if verb in UNPACKING_AGAIN:
        return ("--depth", "2", "--every-second", "5")
    # Elsewhere than on one volume that is so by itself.
    return () if deep or layout != compound.ONE else ("--depth", "2")


def _of_images() -> list[Piece]:
    able = scenarios.scenarios(("hardlink",))
    share = -(-IMAGES // len(able))
    return [
        _of("images", "images", one.name, "--images", str(share), "--file-system", kind)
        for kind in images.KINDS
        for one in able
    ]


def _of_untidy() -> list[Piece]:
    return [
        Piece("untidy", (*_module("untidy"), "--workers", "1", "--seeds", str(first), str(end)))
        for first in range(0, untidy.SEEDS, _SEEDS)
        for end in [min(first + _SEEDS, untidy.SEEDS)]
    ]


def _module(name: str) -> tuple[str, ...]:
    return (f"integration.faults.{name}",)


def _of(gate: str, module: str, scenario: str, *words: str) -> Piece:
    return Piece(gate, (*_module(module), "--workers", "1", "--scenario", scenario, *words))


def content(paths: tuple[str, ...], root: Path | None = None) -> str:
    """Return the name of what is in these paths of a checkout, committed or not."""
    root = root or ROOT
    with tempfile.TemporaryDirectory() as folder:
        # An index of its own: nothing is staged for whoever works here.
        index = os.path.join(folder, "index")
        told = _git(root, "rev-parse", "--path-format=absolute", "--git-path", "index").strip()
        shutil.copy(told, index)
        _git(root, "add", "--all", "--", *paths, index=index)
        staged = _git(root, "ls-files", "--stage", "--", *paths, index=index)
    return hashlib.sha256(staged.encode()).hexdigest()[:10]


def _git(root: Path, *words: str, index: str = "") -> str:
    variables = {**os.environ, "GIT_INDEX_FILE": index} if index else None
    done = subprocess.run(
        ("git", *words), check=True, capture_output=True, text=True, cwd=root, env=variables
    )
    return done.stdout
