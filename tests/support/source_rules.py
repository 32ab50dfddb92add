"""What the architecture test looks for, as functions over a module's syntax tree.

Each returns the findings with their lines, so that a rule can be tried on a few
lines of source as well as on every module of the package.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# What of ``os`` and ``os.path`` reads no disk. A list of what is allowed: a name that
# is missing here is met and judged, one missing from a list of what is forbidden is not.
PURE_OS = frozenset(
    """
    DirEntry PathLike __file__ _exit altsep cpu_count curdir defpath devnull environ error
    extsep fsdecode fsencode fspath get_terminal_size getcwd getenv getpid getppid getuid geteuid
    kill killpg linesep
    name pardir path pathsep sep stat_result strerror times uname urandom
    """.split()
)
PURE_OS_PATH = frozenset(
    """
    abspath altsep basename commonpath commonprefix curdir dirname expanduser extsep isabs join
    normcase normpath pardir pathsep relpath sep split splitdrive splitext splitroot
    """.split()
)
# Modules whose business is the disk.
DISK_MODULES = frozenset(
    """
    compileall fcntl filecmp fileinput filelock glob linecache mmap msvcrt pathlib py_compile
    shutil tempfile
    """.split()
)
PURE_OF_DISK_MODULES = frozenset({"pathlib.PurePath", "pathlib.PurePosixPath"})


def _nodes_run(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node but those that only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from _nodes_run(other)
            continue
        yield node
        yield from _nodes_run(node)


def _dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` for a chain of names, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (head := _dotted(node.value)):
        return f"{head}.{node.attr}"
    return ""


def _imported(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield (line, local name, full name) of everything imported at run time."""
    for node in _nodes_run(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.asname or alias.name.split(".")[0], alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, alias.asname or alias.name, f"{node.module}.{alias.name}"


def _touches_disk(full_name: str) -> bool:
    """Return whether using this name means input or output on the disk."""
    if full_name in PURE_OF_DISK_MODULES:
        return False
    head, _, rest = full_name.partition(".")
    if head in DISK_MODULES:
        return True
    if full_name in {"io.open", "io.open_code", "io.FileIO"}:
        return True
    for prefix in ("os.path.", "posixpath.", "ntpath."):
        if full_name.startswith(prefix):
            return full_name.removeprefix(prefix).split(".")[0] not in PURE_OS_PATH
    if head == "os" and rest:
        name = rest.split(".")[0]
        return name not in PURE_OS and not re.match(r"[A-Z_]+$", name)
    return False


def disk_uses(tree: ast.Module) -> list[tuple[int, str]]:
    """Return (line, what) of every use of the disk in a module."""
    found: set[tuple[int, str]] = set()
    aliases = {}
    for line, local, full_name in _imported(tree):
        aliases[local] = local if local == full_name.split(".")[0] else full_name
        if _touches_disk(full_name):
            found.add((line, full_name))
    for node in _nodes_run(tree):
        if isinstance(node, ast.Call) and _dotted(node.func) == "open":
            found.add((node.lineno, "open"))
        if isinstance(node, ast.Attribute) and (name := _dotted(node)):
            head, _, rest = name.partition(".")
            full_name = f"{aliases.get(head, '')}.{rest}"
            if full_name != "os.path" and _touches_disk(full_name):
                found.add((node.lineno, full_name))
    return sorted(found)


def prints(tree: ast.Module) -> list[tuple[int, str]]:
    """Return (line, what) of everything that writes to the terminal."""
    terminal = {"sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"}
    found = []
    for node in _nodes_run(tree):
        if isinstance(node, ast.Attribute) and (name := _dotted(node)) in terminal:
            found.append((node.lineno, name))
        if isinstance(node, ast.Call) and (name := _dotted(node.func)) in {"print", "input"}:
            found.append((node.lineno, name))
    return sorted(found)


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def long_functions(tree: ast.Module, limit: int) -> list[tuple[int, str, int]]:
    """Return (line, name, lines) of every function longer than ``limit``."""
    return [
        (node.lineno, node.name, lines)
        for node in _functions(tree)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > limit
    ]


def undocumented(tree: ast.Module) -> list[tuple[int, str]]:
    """Return (line, name) of every public module, class, function and method without one."""
    found = [] if ast.get_docstring(tree) else [(1, "the module")]
    return found + _undocumented_in(tree, "")


def _undocumented_in(owner: ast.Module | ast.ClassDef, prefix: str) -> list[tuple[int, str]]:
    found = []
    for node in owner.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_"):
            continue
        if not ast.get_docstring(node) and not _documented_elsewhere(node):
            found.append((node.lineno, prefix + node.name))
        if isinstance(node, ast.ClassDef):
            found += _undocumented_in(node, f"{prefix}{node.name}.")
    return found


def _documented_elsewhere(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Return whether this is one of several signatures, or sets a documented property."""
    names = {_dotted(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    return bool(names & {"overload", "setter", "deleter"})


def code_free(tree: ast.Module) -> bool:
    """Return whether a module holds constants and names only, so that nothing can be tested."""
    return not any(isinstance(node, ast.If | ast.For | ast.While) for node in tree.body) and all(
        isinstance(node, ast.Expr | ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign)
        for node in tree.body
    )
