"""The figures of the last run of each gate, written down for ``make proof``.

Purpose: each gate prints its own table; what the sum of it was goes here, so that one
table can be made of all of them.

Calling sequence: a gate calls ``note(Figure("R1", ...))`` at its end; ``read()`` returns
what was noted. ``make proof`` runs a gate in many pieces: it names a file in the variable
``VARIABLE``, which gets the figures instead, and ``noted(path)`` returns them.

Guarantees: one file for each gate, replaced whole.

Errors: ``OSError`` where the folder cannot be written.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict, dataclass, replace
from pathlib import Path

_ROOT = Path(__file__).parents[2]
FOLDER = _ROOT / ".cache" / "faults" / "figures"
VARIABLE = "PROOF_FIGURES"


@dataclass(frozen=True)
class Figure:
    """What came of one run of a gate.

    :param gate: its id and part, such as ``R4 warm``
    :param what: what was done, in some words
    :param count: how many times it was put to the test
    :param unit: what was counted: points, runs, rounds, steps
    :param broken: how many of these went wrong
    :param missed: how many were planned and did not come about
    :param seconds: how long it took
    :param part: "" for a full run, else what was left out
    :param commit: what was put to the test; ``note`` fills it in
    :param same: how many more led to what another had led to; they are none of ``count``
    """

    gate: str
    what: str
    count: int
    unit: str
    broken: int
    missed: int
    seconds: float
    part: str = ""
    commit: str = ""
    same: int = 0

    @property
    def passed(self) -> bool:
        """Whether it was put to the test at all, and nothing went wrong or was missed."""
        return self.count > 0 and not self.broken and not self.missed


def commit() -> str:
    """Return which commit is checked out, with ``+`` where files differ from it; "" without git."""
    words = ["git", "describe", "--always", "--exclude=*", "--abbrev=7", "--dirty=+"]
    try:
        told = subprocess.run(words, check=True, capture_output=True, text=True, cwd=_ROOT)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return told.stdout.strip()


def note(figure: Figure, folder: Path = FOLDER, *, whole: bool = True) -> None:
    """Write a figure down in place of the last one of the same gate.

    :param whole: it is of all scenarios; of some, only ``make proof`` is told
    """
    if os.environ.get(VARIABLE):
        with open(os.environ[VARIABLE], "a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(figure)) + "\n")
        return
    if not whole:
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{figure.gate.replace(' ', '-')}.json"
    at = replace(figure, commit=figure.commit or commit())
    path.write_text(json.dumps(asdict(at), indent=1) + "\n", encoding="utf-8")


def read(folder: Path = FOLDER) -> list[Figure]:
    """Return the figures that are written down, by gate."""
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    found = [Figure(**json.loads(path.read_text(encoding="utf-8"))) for path in paths]
    return sorted(found, key=lambda one: (int(one.gate.split()[0][1:]), one.gate))


def noted(path: str) -> tuple[Figure, ...]:
    """Return the figures that were noted in the file that ``VARIABLE`` named."""
    if not os.path.exists(path):
        return ()
    with open(path, encoding="utf-8") as stream:
        return tuple(Figure(**json.loads(line)) for line in stream)
