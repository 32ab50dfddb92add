"""What a piece of ``make proof`` is made of: all that it imports and starts, and nothing else."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from integration import closure, pieces
from integration.pieces import Piece

if TYPE_CHECKING:
    from pathlib import Path

OF_TESTS = {
    "integration/faults/__init__.py",  # nothing but a docstring
    "integration/faults/bad_builds.py",
    "integration/faults/toys.py",
    "integration/faults/mutants.py",  # of a piece for which the whole folder counts
}
"""What no piece with a module of its own is made of: parts of the tests of the harness."""
SOURCES = {
    "integration/gate.py": "from integration.parts import one, NAME\nimport os\n",
    "integration/parts/__init__.py": '"""Nothing but words."""\n',
    "integration/parts/one.py": "def later():\n    import tests.support.two\n",
    "integration/parts/never.py": "",
    "tests/support/two.py": "import typing\nif typing.TYPE_CHECKING:\n    import tests.types\n"
    "else:\n    from . import three\n",
    "tests/support/three.py": "import linkinstall.limits, json\n",
    "tests/types.py": "",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a repository of some modules."""
    for name, text in SOURCES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def of_pieces() -> set[str]:
    """Return the files that the pieces with modules of their own are made of."""
    return {path for one in pieces.pieces() if not one.tested for path in one.paths}


def test_what_is_imported_anywhere_counts(checkout: Path) -> None:
    """In functions and packages, too; but not what only type checkers see, nor what is not ours."""
    expected = (
        "integration/gate.py", "integration/parts/one.py", "tests/support/three.py",
        "tests/support/two.py",
    )  # fmt: skip

    assert expected == closure.files("integration.gate", checkout)


def test_a_package_with_code_counts(checkout: Path) -> None:
    """The ``__init__`` of a package is run by whoever imports a module of it."""
    package = checkout / "integration" / "parts" / "__init__.py"
    package.write_text('"""Words."""\nNAME = 1\n', encoding="utf-8")

    assert "integration/parts/__init__.py" in closure.files("integration.gate", checkout)


def test_a_module_that_is_not_there_is_no_piece(checkout: Path) -> None:
    """A name that was changed in one place only does not pass for a module made of nothing."""
    with pytest.raises(FileNotFoundError, match=r"integration\.nothing"):
        closure.files("integration.nothing", checkout)


def test_names_in_strings_are_found(checkout: Path) -> None:
    """A program that is started by its name counts as named, by a path or as a module."""
    gate = checkout / "integration" / "gate.py"
    gate.write_text(
        '"""Not integration.parts.never."""\nRUN = ("-m", "tests.support.two", "beside.lock")\n',
        encoding="utf-8",
    )
    (checkout / "integration" / "beside.lock").touch()

    found = closure.named("integration/gate.py", checkout)

    assert {"tests/support/two.py", "integration/beside.lock"} == found


def test_each_program_of_the_harness_is_told() -> None:
    """What a file of a piece names in a string is in ``NAMED``, or only told to people."""
    told = {
        path: set(closure.NAMED.get(path, ())) | set(closure.ONLY_TOLD.get(path, ()))
        for path in of_pieces()
    }

    missing = {
        path: closure.named(path, pieces.ROOT) - names
        for path, names in told.items()
        if path.endswith(".py")
    }

    assert {} == {path: names for path, names in missing.items() if names}
    named = {name for names in told.values() for name in names}
    assert [] == [name for name in sorted(named) if not (pieces.ROOT / name).is_file()]


def test_each_file_of_the_harness_is_of_some_piece() -> None:
    """A file that no piece is made of is one of the tests of the harness, and said to be."""
    words = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "integration/faults")
    done = subprocess.run(words, check=True, capture_output=True, text=True, cwd=pieces.ROOT)
    there = {name for name in done.stdout.split() if (pieces.ROOT / name).exists()}

    assert there == (of_pieces() & there) | OF_TESTS
    assert set() == of_pieces() & OF_TESTS


@pytest.mark.parametrize("gate", ["kill", "faults", "power", "compound", "images", "race"])
def test_a_gate_is_made_of_its_own_runner(gate: str) -> None:
    """The package and the wheels count for each, the runner of another gate does not."""
    piece = next(one for one in pieces.pieces() if one.gate == gate)
    others = {f"integration/faults/{name}.py" for name in ("images", "interference", "rivals")}

    assert {pieces.SOURCE, "integration/wheels.lock", "tests/support/wheels.py",
            piece.words[0].replace(".", "/") + ".py"} <= set(piece.paths)  # fmt: skip
    assert set() == (others & set(piece.paths)) - {f"integration/faults/{gate}.py"}


def test_the_content_is_that_of_the_files(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of a file that is imported makes another content, one of any other file none."""
    monkeypatch.setattr(pieces, "ROOT", checkout)
    monkeypatch.setattr(pieces, "SOURCE", "integration/parts/one.py")
    for words in (("init", "-q", "."), ("add", "integration")):
        subprocess.run(("git", *words), check=True, cwd=checkout)
    piece = Piece("kill", ("integration.gate", "--all"))
    first = piece.content()
    (checkout / "integration" / "parts" / "never.py").write_text("x = 1\n", encoding="utf-8")
    second = piece.content()
    (checkout / "tests" / "support" / "three.py").write_text("x = 1\n", encoding="utf-8")

    assert first == second
    assert first != piece.content()
