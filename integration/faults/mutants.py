"""``make mutants``: the pure core with one small error each, put to its unit tests.

Purpose: do the tests notice when a comparison is turned round, a condition denied, a
constant changed, a call left out? A mutant that no test fails on shows what nothing holds.

Calling sequence::

    python -m integration.faults.mutants                     # 20 of each module
    python -m integration.faults.mutants --each 100000       # all of them (hours)
    python -m integration.faults.mutants --only removal --seed 1

Guarantees: no file is changed; a mutant lives in a forked process alone. Which mutants are
taken depends on the seed and the sources. One that runs for too long counts as noticed.
Those of ``EQUIVALENT`` do what the original does; they are neither run nor counted.

Errors: exit status 1 where fewer than 95 of 100 are noticed, or the tests fail without any.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import signal
import sys
import time
import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import installer
import pytest

from integration.faults import figures
from integration.faults.report import machine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType

ROOT = Path(__file__).parents[2]
OWN = ("journal", "settle", "restoration", "identity", "planner", "policy", "removal")
NEIGHBOURS = ("plan", "recovery", "application", "transaction")
"""Tests that are asked, too, where those of the module itself notice nothing."""
LIMIT_SECONDS = 120
WANTED_PERCENT = 95
OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


_NUMBERED = "the numbers of items are given by Removal.ordered, whatever they were"
_AT_ONCE = "the line that opens one list opens the other: both are of one length"
_REFUSED = 'self._refuse("folder-in-the-way", path, None, "is a folder where a file must go")'
_BROUGHT_TOO = 'self._refuse(code, path, owner, f"{reason}, and {request.name} brings it too")'
EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "removal", "constant changed",
        "items.append(StashItem(0, LOOSE, folder, files, change, overwritten=overwritten))",
    ): _NUMBERED,
    (
        "removal", "constant changed",
        "items.append(StashItem(0, WHOLE, top, tuple(names), change))",
    ): _NUMBERED,
    (
        "removal", "comparison turned round",
        "if plain and not any(token in data for token in encoded):",
    ): "no other RECORD names the dist-info too, so all rows are compared, more slowly",
    (
        "removal", "condition denied",
        'if inner == folder + "/" or not inner:',
    ): "a RECORD that lists a file holds both tokens: all rows are compared then, more slowly",
    (
        "planner", "constant changed",
        f"{_REFUSED} return False",
    ): "what was refused once is never planned, whatever else is said of it",
    (
        "planner", "constant changed",
        f"{_BROUGHT_TOO} return False",
    ): "what was refused once is never planned, whatever else is said of it",
    (
        "planner", "constant changed",
        "measured = dict(zip(names, column(sizes), strict=True))",
    ): "a manifest of other numbers of names and sizes is refused where it is read",
    (
        "settle", "call left out",
        "stuck.add(busy)",
    ): "the folder that it is in cannot go then, and for that all its names are added",
    (
        "journal", "constant changed",
        'end = body.index(b"\\nblobs") + 1',
    ): "the b goes to the lines before, as a kind that nobody asks for; the sizes come after a tab",
    (
        "journal", "constant changed",
        'for f, olds in zip(many("change"), self.olds, strict=True)',
    ): _AT_ONCE,
    (
        "journal", "constant changed",
        'for f, names in zip(many("stash"), self.names, strict=True)',
    ): _AT_ONCE,
}  # fmt: skip
"""(module, what, the line, after the one before it where it says too little by itself) ->
why nobody can tell such a mutant from the original."""


@dataclass(frozen=True)
class Mutant:
    """One error: which node, and which of the errors that can be made there.

    :param text: the line as it stands
    """

    module: str
    node: int
    what: str
    line: int
    text: str = ""

    def __str__(self) -> str:
        """Return where it is, and what was done."""
        return f"{self.module}.py:{self.line}: {self.what}: {self.text}"


class _Mutated(SourceFileLoader):
    """Loads a module with an error in it."""

    tree: ast.Module

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code of the tree in place of the file's."""
        assert fullname
        return compile(self.tree, self.path, "exec")


class _Finder:
    """Finds one module, the mutated one."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self.name, self.path, self.tree = name, path, tree

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Return the spec of the one module."""
        if name != self.name:
            return None
        loader = _Mutated(name, str(self.path))
        loader.tree = self.tree
        return spec_from_file_location(name, self.path, loader=loader)


def source_of(module: str) -> Path:
    """Return the file of a module of the package."""
    return ROOT / "src" / "linkinstall" / f"{module}.py"


def errors_of(node: ast.AST) -> Iterator[str]:
    """Yield the errors that can be made at a node."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OPPOSITE:
        yield "comparison turned round"
    if isinstance(node, ast.BoolOp):
        yield "and for or, or for and"
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield "condition denied"
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int)):
        yield "constant changed"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "call left out"
    if isinstance(node, (ast.Continue, ast.Break)):
        yield "goes on"


def made(node: ast.AST, what: str) -> ast.AST:
    """Return a node with an error made in it."""
    node = copy.deepcopy(node)
    if isinstance(node, ast.Compare) and what == "comparison turned round":
        node.ops = [OPPOSITE[type(node.ops[0])]()]
    elif isinstance(node, ast.BoolOp):
        node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        node.test = ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.Constant):
        node.value = not node.value if isinstance(node.value, bool) else int(str(node.value)) + 1
    else:
        return ast.Pass()
    return node


def mutants_of(module: str) -> list[Mutant]:
    """Return every error that can be made in a module, outside what only checkers see."""
    source = source_of(module).read_bytes()
    lines = source.decode("utf-8").splitlines()
    tree = ast.parse(source)
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        for left_out in _not_run(node)
        for inner in ast.walk(left_out)
    }
    found = (
        Mutant(module, number, what, line, lines[line - 1].strip())
        for number, node in enumerate(ast.walk(tree))
        if id(node) not in skipped
        for line in [getattr(node, "lineno", 1)]
        for what in errors_of(node)
    )
    return [one for one in found if not _is_equivalent(one, lines)]


def _is_equivalent(one: Mutant, lines: Sequence[str]) -> bool:
    both = f"{lines[one.line - 2].strip()} {one.text}"
    return any((one.module, one.what, text) in EQUIVALENT for text in (one.text, both))


def _not_run(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that mean nothing at run time, or words alone."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        yield node
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TYPE_CHECKING":
        yield node
    if isinstance(node, ast.AnnAssign):
        yield node.annotation
    if isinstance(node, (ast.FunctionDef, ast.arg)):
        yield from filter(None, [getattr(node, "returns", None), getattr(node, "annotation", None)])


def mutated(mutant: Mutant) -> ast.Module:
    """Return the tree of a module with one error."""
    tree = ast.parse(source_of(mutant.module).read_bytes())
    wanted = list(ast.walk(tree))[mutant.node]

    class _Exchange(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return made(node, mutant.what) if node is wanted else self.generic_visit(node)

    changed = ast.fix_missing_locations(_Exchange().visit(tree))
    assert isinstance(changed, ast.Module)
    return changed


def is_noticed(mutant: Mutant | str) -> bool:
    """Return whether a test fails on a mutant, or on a module (its name) as it is."""
    child = os.fork()
    if child == 0:
        _ask(mutant)
    ends = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def _ask(mutant: Mutant | str) -> None:
    """Run the tests in this process and end it: 0 if none fails."""
    module = mutant if isinstance(mutant, str) else mutant.module
    if isinstance(mutant, Mutant):
        name = f"linkinstall.{module}"
        sys.meta_path.insert(0, _Finder(name, source_of(module), mutated(mutant)))
    os.chdir(ROOT)
    tests = [f"tests/test_{name}.py" for name in dict.fromkeys((module, *NEIGHBOURS))]
    # What is loaded here once, for all mutants, pytest cannot rewrite any more.
    warnings.simplefilter("ignore", pytest.PytestAssertRewriteWarning)
    options = [
        "-x",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--no-header",
    ]
    code = 1
    try:
        with open(os.devnull, "w") as nothing, redirect_stdout(nothing), redirect_stderr(nothing):
            code = int(pytest.main([*options, *tests]))
    finally:
        os._exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Put mutants to the tests, tell which live on, return the exit status."""
    parser = argparse.ArgumentParser(prog="integration.faults.mutants", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", action="append", choices=OWN, help="only this module")
    parser.add_argument("--each", type=int, default=20, help="so many of each module")
    parser.add_argument("--seed", type=int, default=0, help="another seed takes others")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at once")
    options = parser.parse_args(arguments)
    assert "linkinstall" not in sys.modules, "a mutant would come too late"
    assert all((hypothesis, installer)), "loaded once for all mutants"
    modules = options.only or OWN
    began, every, taken = time.monotonic(), 0, []
    for module in modules:
        found = mutants_of(module)
        every += len(found)
        chance = random.Random(f"{options.seed} {module}")  # noqa: S311 - has to be repeatable
        taken += chance.sample(found, min(options.each, len(found)))
    alive: list[Mutant] = []
    with get_context("fork").Pool(options.processes) as pool:
        if any(pool.map(is_noticed, modules)):
            print("FAILED: the tests fail without any mutant")
            return 1
        for mutant, noticed in zip(taken, pool.imap(is_noticed, taken), strict=True):
            if not noticed:
                alive.append(mutant)
                print(f"lives on: {mutant}", flush=True)
    noticed_ones = len(taken) - len(alive)
    print(f"{noticed_ones} of {len(taken)} mutants noticed. {machine()}")
    enough = noticed_ones * 100 >= WANTED_PERCENT * len(taken)
    part = "" if len(taken) == every else f"{len(taken)} of {every} mutants"
    what = f"mutants of {', '.join(modules)}, {WANTED_PERCENT} in 100 have to be noticed"
    figures.note(
        figures.Figure(
            "R15", what, len(taken), "mutants", 0 if enough else len(alive), 0,
            time.monotonic() - began, part,
        )
    )  # fmt: skip
    return int(not enough)


if __name__ == "__main__":
    sys.exit(main())
