"""The page of promises: each names a test that is there, and has its figure."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from integration import pieces, promises
from integration.faults.figures import Figure
from integration.faults.report import PAGE
from integration.ledger import Ended
from integration.pieces import Piece

if TYPE_CHECKING:
    from pathlib import Path

ROWS = promises.between(PAGE).splitlines()[2:]
ID = re.compile(r"`([\w/]+\.py)::(\w+)`")
TABLE = """\
| promise | gate | proved by | figure |
| --- | --- | --- | --- |
| A process that is killed. | R1 `make kill`, R1 forks `make kill`, R2 `make sweeps` | this | old |
| A full disk. | `make integration` | that | in each run |"""


def ended(count: int, broken: int = 0, missed: int = 0) -> Ended:
    """Return the end of a piece."""
    figure = Figure("R1", "kills", count, "runs", broken, missed, 1.0)
    return Ended("content", "source", "1234567", 0, 1.0, 1.0, "2026-11-21 10:00", (figure,))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:40])
def test_each_promise_names_tests_that_are_there(row: str) -> None:
    """An id is a file and a function in it that pytest takes for a test."""
    named = ID.findall(row)

    assert named
    assert [] == [
        f"{path}::{name}"
        for path, name in named
        if not (pieces.ROOT / path).is_file() or name not in functions(pieces.ROOT / path)
    ]
    # What looks like an id and is not read as one would not be looked for.
    assert row.count("::") == len(named)


def functions(path: Path) -> set[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse(path.read_bytes())
    found = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {name for name in found if name.startswith("test_")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:40])
def test_each_gate_of_a_promise_is_one(row: str) -> None:
    """What is named as a gate has pieces, and a figure under this name."""
    assert set() == set(promises.gates(row)) - set(promises.NAMES.values())


def test_each_gate_has_a_name() -> None:
    """A gate of ``make proof`` is named once, so that its figure is found."""
    assert set(pieces.GATES) == set(promises.NAMES)
    assert len(promises.NAMES) == len(set(promises.NAMES.values()))


def test_the_figures_of_a_promise_are_sums() -> None:
    """Over all pieces of its gates; what is missing is told, and nothing else is changed."""
    every = [
        Piece(gate, ("make", target))
        for gate, target in (("kill", "one"), ("kill", "two"), ("forks", "x"), ("sweeps", "y"))
    ]
    kept = {"make one": ended(1000), "make two": ended(500, 1, 2), "make x": ended(7)}

    found = promises.filled(TABLE, every, kept).splitlines()

    assert TABLE.splitlines()[:2] == found[:2]
    assert TABLE.splitlines()[3] == found[3]
    assert found[2].endswith(
        "| this | R1: 1,500 runs, 1 went wrong, 2 did not come about; "
        "R1 forks: 7 runs, none went wrong; R2: not run yet |"
    )
    del kept["make two"]
    assert "R1: 1,000 runs, none went wrong, 1 of 2 pieces;" in promises.filled(TABLE, every, kept)


def test_what_is_filled_in_is_filled_in_again_the_same_way() -> None:
    """A table that has figures gets the new ones in their place."""
    once = promises.filled(TABLE, [], {})

    assert once == promises.filled(once, [], {})


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    """Nothing is written where nobody has said that it may."""
    page = tmp_path / "page.md"
    page.write_text("no marks\n", encoding="utf-8")

    with pytest.raises(ValueError, match="lacks the marks"):
        promises.between(page)
