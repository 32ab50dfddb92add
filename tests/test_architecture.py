"""The shape of the source, held by tests.

ARCHITECTURE.md tells the rules; here each is checked against the syntax tree of
every module, so that a change that breaks one fails with the line and the reason.
Each rule is also shown a few lines that break it: a rule that finds nothing
anywhere would pass for ever.
"""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.source_rules import (
    code_free,
    disk_uses,
    long_functions,
    prints,
    undocumented,
)

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "src" / "linkinstall"
MODULES = sorted(PACKAGE.rglob("*.py"))
TEST_MODULES = sorted((REPOSITORY / "tests").rglob("test_*.py"))

MODULE_LINES = 350
FUNCTION_LINES = 60

# Exceptions, each with its reason: few, best none.
_CACHE_LOCKS = "the cache's temporary folders are locked by filelock; the rest goes through fs"
DISK_ALLOWED: dict[tuple[str, str], str] = {
    ("temporary", "filelock.FileLock"): _CACHE_LOCKS,
    ("temporary", "filelock.Timeout"): _CACHE_LOCKS,
}
PRINT_ALLOWED = {"fs.compile_worker": "a worker process that answers its parent through a pipe"}
TESTS_OF_THE_REPOSITORY = {
    "test_architecture.py": "the rules of every module",
    "test_core_parity.py": "what installer.install asks of a destination and a source",
    "test_docs.py": "the examples of README and docs",
}


def module_name(path: Path) -> str:
    """Return the dotted name below the package: ``fs.posix``, or ``fs`` for its init."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree_of(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def names_of_test(module: str) -> tuple[str, str]:
    """Return what a module's test may be called: ``test_fs_posix.py``, ``fs/test_posix.py``."""
    *folders, last = [part.strip("_") for part in (module or "linkinstall").split(".")]
    return "/".join([*folders, f"test_{last}.py"]), f"test_{'_'.join([*folders, last])}.py"


def name_below_tests(path: Path) -> str:
    """Return a test module's path relative to ``tests/``."""
    return path.relative_to(REPOSITORY / "tests").as_posix()


def machine_words() -> dict[str, str]:
    """Return patterns of what belongs to one machine or one index, with the reason."""
    # Asked for, or put together, so that this file does not hold them itself.
    folders = {REPOSITORY: "a folder of this machine", Path.home(): "a folder of this machine"}
    patterns = {
        rf"(?<![\w.~/-]){re.escape(str(folder))}(?![\w.-])[\w./+-]*": reason
        for folder, reason in folders.items()
        if len(folder.parts) > 1
    }
    for host in ("pypi" + r"\." + "org", "python" + r"hosted\." + "org", "py" + r"pi\.python"):
        patterns[host] = "the host of a package index: let pip and uv choose theirs"
    return patterns


def tracked_files() -> list[Path]:
    """Return what git tracks, or would: the files of the project, not what was made from them."""
    if not (REPOSITORY / ".git").exists():
        return [
            path for path in REPOSITORY.rglob("*") if path.is_file() and ".venv" not in path.parts
        ]
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return [path for name in listing.split("\0") if name and (path := REPOSITORY / name).is_file()]


def words_found(text: str) -> list[tuple[int, str, str]]:
    """Return (line, match, reason) of everything in a text that belongs to one machine."""
    return [
        (text.count("\n", 0, match.start()) + 1, match.group(), reason)
        for pattern, reason in machine_words().items()
        for match in re.finditer(pattern, text)
        # A made-up path may well begin like a real one.
        if not match.group().startswith("/") or Path(match.group()).exists()
    ]


each_module = pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: module_name(path) or "linkinstall"
)


@each_module
def test_only_fs_touches_the_disk(path: Path) -> None:
    """Outside ``linkinstall.fs`` nothing opens, lists, asks for or changes a file."""
    module = module_name(path)
    if module.split(".")[0] == "fs":
        return

    found = [use for use in disk_uses(tree_of(path)) if (module, use[1]) not in DISK_ALLOWED]

    assert [] == found, (
        f"{path.relative_to(REPOSITORY)} touches the disk; let a verb of linkinstall.fs do it, or, "
        f"if the name is harmless, add it to PURE_OS: {found}"
    )


@each_module
def test_only_the_command_line_prints(path: Path) -> None:
    """Nothing but the command line writes to the terminal; others return or notify."""
    module = module_name(path)
    if module.split(".")[0] in {"cli", "__main__"} or module in PRINT_ALLOWED:
        return

    found = prints(tree_of(path))

    assert [] == found, f"{path.relative_to(REPOSITORY)} prints; return it, or call notify: {found}"


@each_module
def test_modules_stay_small(path: Path) -> None:
    """No module has more lines than a reader takes in at one sitting."""
    lines = path.read_text(encoding="utf-8").count("\n")

    assert lines <= MODULE_LINES, (
        f"{path.relative_to(REPOSITORY)} has {lines} lines; split it by noun"
    )


@each_module
def test_functions_stay_small(path: Path) -> None:
    """No function is longer than a screen."""
    found = long_functions(tree_of(path), FUNCTION_LINES)

    assert [] == found, f"{path.relative_to(REPOSITORY)} (line, name, lines): {found}"


@each_module
def test_every_public_name_has_a_docstring(path: Path) -> None:
    """Modules, and their public classes, functions and methods, say what they are for."""
    found = undocumented(tree_of(path))

    assert [] == found, f"{path.relative_to(REPOSITORY)} has no docstring at (line, name): {found}"


@each_module
def test_every_module_has_its_test(path: Path) -> None:
    """A module with code in it has a test module of its own name."""
    module = module_name(path)
    if code_free(tree_of(path)):
        return
    names = names_of_test(module)

    assert set(names) & {name_below_tests(test) for test in TEST_MODULES}, (
        f"{path.relative_to(REPOSITORY)} has no test: write tests/{names[0]}"
    )


@pytest.mark.parametrize("path", TEST_MODULES, ids=lambda path: path.name)
def test_every_test_module_mirrors_a_module(path: Path) -> None:
    """A test module is named after the module it tests."""
    name = name_below_tests(path)
    mirrors = {name for module in MODULES for name in names_of_test(module_name(module))}
    # test_destination_errors.py: one of several about destination.py.
    aspects = tuple(
        f"{name.removesuffix('.py')}_"
        for module in MODULES
        if module.name != "__init__.py"
        for name in names_of_test(module_name(module))
    )

    assert name in mirrors | set(TESTS_OF_THE_REPOSITORY) or name.startswith(aspects), (
        f"tests/{name} mirrors no module of src/linkinstall; tests of real processes and "
        f"whole commands live in integration/"
    )


def skips(tree: ast.Module) -> list[int]:
    """Return the lines that skip a test by themselves."""
    ways = {"pytest.skip", "pytest.importorskip"}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ways
    ]


def test_what_is_not_run_on_windows_has_a_reason() -> None:
    """A test module is run by ``make wine`` unless it is named with the reason why not."""
    tools = REPOSITORY / "tools"
    named = (tools / "wine-exceptions.txt").read_text(encoding="utf-8").splitlines()
    exceptions = dict(line.split(": ", 1) for line in named if not line.startswith("#"))
    quick = (tools / "wine-modules.txt").read_text(encoding="utf-8").splitlines()

    gone = [
        name
        for name in (*exceptions, *(line for line in quick if not line.startswith("#")))
        if not (REPOSITORY / name).exists()
    ]
    assert [] == gone
    assert all(exceptions.values())
    assert [] == sorted(exceptions.keys() & quick)
    assert len(TEST_MODULES) / 4 > len(exceptions)


def test_gaps_are_told_by_the_gates() -> None:
    """No test is skipped for what a machine lacks but through ``tests.support.gates``."""
    found = {
        path.relative_to(REPOSITORY).as_posix(): lines
        for folder in ("tests", "integration")
        for path in (REPOSITORY / folder).rglob("*.py")
        if path.name != "gates.py" and (lines := skips(tree_of(path)))
    }

    assert {} == found, "call require, or suited"


def test_the_rule_of_gaps_finds() -> None:
    """A skip and a skipping import are seen, an exception that is caught is none."""
    source = "pytest.skip('a')\nx = pytest.importorskip('uv')\npytest.skip.Exception\n"

    assert [1, 2] == skips(ast.parse(source))


def test_nothing_names_this_machine() -> None:
    """No file of the project names a folder of one machine or the host of a package index."""
    found = [
        (str(path.relative_to(REPOSITORY)), *word)
        for path in tracked_files()
        if b"\0" not in (data := path.read_bytes())
        for word in words_found(data.decode("utf-8", "replace"))
    ]

    assert [] == found


def test_exceptions_are_still_needed() -> None:
    """An entry of the allow-lists that allows nothing is removed."""
    uses = {(module_name(path), what) for path in MODULES for _, what in disk_uses(tree_of(path))}

    assert set() == set(DISK_ALLOWED) - uses
    assert set() == set(PRINT_ALLOWED) - {
        module_name(path) for path in MODULES if prints(tree_of(path))
    }
    assert all([*DISK_ALLOWED.values(), *PRINT_ALLOWED.values()]), "each entry says why"


@pytest.mark.parametrize(
    "source",
    [
        "open('a')",
        "import os\nos.stat('a')",
        "import os\nos.path.exists('a')",
        "import os.path\nos.path.islink('a')",
        "import os as system\nsystem.link('a', 'b')",
        "from os import scandir\nscandir('a')",
        "from os.path import realpath\nrealpath('a')",
        "def late():\n    import shutil",
        "from pathlib import Path",
        "import io\nio.open('a')",
        "import os\nremove = os.unlink",
    ],
)
def test_the_disk_rule_finds(source: str) -> None:
    """The rule sees the disk behind each way of naming it."""
    assert disk_uses(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.path.join('a', os.sep)",
        "import os\nos.environ.get('a')",
        "import os\nprint(os.O_RDONLY | os.R_OK)",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pathlib import Path",
        "from pathlib import PurePosixPath\nPurePosixPath('a')",
        "files.open('a')\nfiles.stat('b')",
    ],
)
def test_the_disk_rule_leaves_alone(source: str) -> None:
    """The rule does not mind what only computes paths, or calls the port."""
    assert [] == disk_uses(ast.parse(source))


@pytest.mark.parametrize("source", ["print('a')", "import sys\nsys.stderr.write('a')", "input()"])
def test_the_printing_rule_finds(source: str) -> None:
    """The rule sees each way to the terminal."""
    assert prints(ast.parse(source))


def test_the_size_rule_finds() -> None:
    """A function one line too long is seen, one of the limit's size is not."""
    tree = ast.parse("def long():\n" + "    pass\n" * 3 + "def short():\n" + "    pass\n" * 2)

    assert [(1, "long", 4)] == long_functions(tree, 3)


def test_the_docstring_rule_finds() -> None:
    """Missing docstrings of public names are seen, private names may do without."""
    source = "class A:\n    def b(self): ...\n    def _c(self): ...\ndef _d(): ...\n"

    assert [(1, "the module"), (1, "A"), (2, "A.b")] == undocumented(ast.parse(source))


def test_the_machine_rule_finds() -> None:
    """A path of this checkout and an index's host are seen, with their line."""
    text = f"first\ncd {REPOSITORY}/src\nhttps://" + "pypi" + ".org/simple\n"

    assert [2, 3] == sorted(line for line, _, _ in words_found(text))
