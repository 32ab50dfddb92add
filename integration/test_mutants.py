"""The mutants themselves: each is another program, and the tests are asked about it."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from integration.faults import mutants
from integration.faults.mutants import OWN, ROOT, mutants_of, mutated, source_of


@pytest.mark.parametrize("module", OWN)
def test_each_mutant_is_another_program_that_compiles(module: str) -> None:
    """A mutant differs from its module and from every other one."""
    original = ast.unparse(ast.parse(source_of(module).read_bytes()))
    made = mutants_of(module)[:40]
    texts = []
    for mutant in made:
        tree = mutated(mutant)
        compile(tree, str(mutant), "exec")
        texts.append(ast.unparse(tree))

    assert len(made) > 10
    assert len(made) == len({*texts, original}) - 1


def test_what_only_checkers_see_is_left_alone() -> None:
    """No mutant is one of ``TYPE_CHECKING``, whose errors nothing at run time can show."""
    lines = source_of("removal").read_text(encoding="utf-8").splitlines()
    touched = {lines[one.line - 1].strip() for one in mutants_of("removal")}

    assert set() == {line for line in touched if "TYPE_CHECKING" in line}


def test_every_equivalent_mutant_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out, with its reason, stands in the sources; the others of its line are made."""
    left_out = dict(mutants.EQUIVALENT)
    assert all(left_out.values())
    found = {module: set(mutants_of(module)) for module in OWN}
    monkeypatch.setattr(mutants, "EQUIVALENT", {})

    for module, what, text in left_out:
        gone = set(mutants_of(module)) - found[module]
        assert any(one.what == what and text.endswith(one.text) for one in gone), text
    assert len(left_out) == sum(len(mutants_of(module)) - len(found[module]) for module in OWN)


@pytest.mark.slow
def test_mutants_of_the_policy_are_noticed() -> None:
    """The tests pass on the module as it is, and fail on the mutants."""
    command = [sys.executable, "-m", "integration.faults.mutants", "--only", "policy"]
    done = subprocess.run(
        [*command, "--each", "4"], check=False, capture_output=True, text=True, cwd=ROOT
    )

    assert "4 of 4 mutants noticed" in done.stdout, done.stdout + done.stderr
