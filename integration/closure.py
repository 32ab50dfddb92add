"""Which files of the repository a module is made of: what it imports, directly or not.

Purpose: the content of a piece of ``make proof`` is that of the files that it runs, those and no
others: a change of one gate's runner takes nothing away from what the other gates have shown.

Calling sequence: ``files("integration.faults.kill", root)`` gives paths below the root.

Guarantees: found in the sources alone, nothing is imported. Imports anywhere count, in functions
too; but not what only type checkers see, which changes no run, nor a package's ``__init__`` that
has nothing but a docstring. The package under test is not among them: all of it always counts.
What is started or read by a name in a string is no import: ``NAMED`` tells all of these,
``named`` finds what it may lack, and ``integration/test_closure.py`` compares the two. Each file
is read once for a run.

Errors: ``FileNotFoundError`` where there is no such module, ``SyntaxError`` where it is no Python.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOPS = ("integration", "tests", "tools")
"""The folders that modules of ours are imported from, besides the package."""
NAMED = {
    "integration/faults/ready.py": ("integration/faults/ready_server.py",),
    "integration/real/__main__.py": ("integration/real/wheels.lock",),
    "integration/support/command.py": ("integration/support/faulty_run.py",),
    "integration/support/real_wheels.py": ("integration/wheels.lock",),
}
"""File -> what it reads, or starts as a program of its own, by a path. What starts itself by
``-m``, or a module that it imports by ``__file__``, needs no line here."""
ONLY_TOLD = {
    "integration/faults/report.py": ("integration/faults/kill.py",),
    "integration/faults/runner.py": ("integration/faults/kill.py",),
}
"""File -> what it only tells a person to start."""
_MODULE = re.compile(rf"\b(?:{'|'.join(TOPS)})(?:\.\w+)+")
_FILE = re.compile(r"[\w-]+\.\w+")


def files(module: str, root: Path) -> tuple[str, ...]:
    """Return the files that a module is made of, in the order of their names."""
    begin = _file_of(module, root) or _file_of(f"{module}.__main__", root)
    if begin is None:
        raise FileNotFoundError(f"{module} is no module below {root}")
    return _files(begin, root)


@cache
def _files(begin: str, root: Path) -> tuple[str, ...]:
    found, waiting = {begin}, [begin]
    while waiting:
        path = waiting.pop()
        more = {*_imported(path, root), *NAMED.get(path, ())} - found
        found |= more
        waiting += more
    return tuple(sorted(found))


def named(path: str, root: Path) -> set[str]:
    """Return the files that strings in a file name, by a module's name or as its neighbours.

    Docstrings are for people, and what the file is made of anyway is left out.
    """
    tree = _tree(path, root)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in docstrings
    ]
    folder = path.rpartition("/")[0]
    modules = {_file_of(name, root) for text in texts for name in _MODULE.findall(text)}
    beside = {f"{folder}/{name}" for text in texts for name in _FILE.findall(text)}
    found = {one for one in modules if one} | {one for one in beside if (root / one).is_file()}
    # A package's own file is in each wheel that is made here.
    return found - {path, f"{folder}/__init__.py", *_imported(path, root)}


@cache
def _tree(path: str, root: Path) -> ast.Module:
    return ast.parse((root / path).read_bytes(), path)


@cache
def _imported(path: str, root: Path) -> frozenset[str]:
    """Return the files that a file imports itself, and the packages on the way to them."""
    if not path.endswith(".py"):
        return frozenset()
    names: set[str] = set()
    for node in _run(_tree(path, root)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            above = path.split("/")[: -node.level] if node.level else []
            base = ".".join((*above, *filter(None, [node.module])))
            # What is imported from a package may be a module of it, or a name in it.
            names.update({base, *(f"{base}.{alias.name}" for alias in node.names)})
    for name in tuple(names):
        names.update(".".join(name.split(".")[:end]) for end in range(1, name.count(".") + 1))
    return frozenset(filter(None, (_file_of(name, root) for name in names)))


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node but those that only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield other
                yield from _run(other)
            continue
        yield node
        yield from _run(node)


def _file_of(module: str, root: Path) -> str | None:
    """Return the file of a module of ours; nothing where it has none, or one without code."""
    if module.partition(".")[0] not in TOPS:
        return None
    path = module.replace(".", "/")
    if (root / f"{path}.py").is_file():
        return f"{path}.py"
    package = f"{path}/__init__.py"
    return package if (root / package).is_file() and _has_code(package, root) else None


@cache
def _has_code(path: str, root: Path) -> bool:
    return any(not isinstance(node, ast.Expr) for node in _tree(path, root).body)
