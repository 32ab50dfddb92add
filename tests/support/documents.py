"""Read the Markdown pages of this project and run what they show.

The convention, which CONTRIBUTING.md tells writers: a page is a session in an empty
folder. Its fenced blocks are taken in their order:

``console``
    Lines that begin with ``$ `` are run by bash, one after the other. The lines below
    a command are what it prints, standard error included; ``…`` stands for anything
    within a line, and alone on a line for any number of lines. A command must succeed,
    unless ``echo $?`` follows it.
``python``
    Run as a script of its own, in the same folder.
``json``
    Must be JSON.
``text``, ``toml``, ``make``
    Shown, not run.

Above a block, ``<!-- not run: reason -->`` excepts it, and ``<!-- fetches -->`` says
that it asks the package index: the unit tests put look-alikes in its place, the
integration tests run it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.wheels import make_wheel

REPOSITORY = Path(__file__).resolve().parents[2]
RUN = frozenset({"console", "python", "json"})
SHOWN = frozenset({"text", "toml", "make", "mermaid"})
FENCE = re.compile(r"^```(.*)$")
COMMENT = re.compile(r"^<!-- (not run|fetches)(?:: (.+))? -->$")
# A page is short; one that hangs waits for something that nobody will give it.
TIME_LIMIT = 300
MARK = "=== end of command, status"


@dataclass(frozen=True)
class Block:
    """One fenced block of a page.

    :param line: the number of its first line inside the fence
    :param exception: ``not run``, ``fetches`` or ""
    :param reason: why it is excepted
    """

    page: Path
    line: int
    language: str
    text: str
    exception: str = ""
    reason: str = ""

    def __str__(self) -> str:
        """Return where the block stands."""
        inside = self.page.is_relative_to(REPOSITORY)
        return f"{self.page.relative_to(REPOSITORY) if inside else self.page}:{self.line}"


def pages() -> list[Path]:
    """Return every page of documentation."""
    return [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in their order."""
    found = []
    comment: re.Match[str] | None = None
    opened: tuple[int, str] | None = None
    body: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = FENCE.match(line)
        if opened is None:
            if fence:
                opened, body = (number + 1, fence[1].strip()), []
            elif line.strip():
                comment = COMMENT.match(line)
        elif fence:
            exception, reason = comment.groups("") if comment else ("", "")
            found.append(Block(page, *opened, "\n".join(body), exception, reason))
            opened = comment = None
        else:
            body.append(line)
    return found


def prose(page: Path) -> list[tuple[int, str]]:
    """Return the numbered lines of a page outside fenced blocks."""
    found, inside = [], False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if FENCE.match(line):
            inside = not inside
        elif not inside:
            found.append((number, line))
    return found


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """Return (command, lines it prints) for each command of a console block."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
        elif found:
            found[-1][1].append(line)
        else:
            raise ValueError(f"{block}: output before the first command: {line}")
    return found


def furnish(folder: Path) -> None:
    """Put into a page's folder what its readers have, or have fetched."""
    library = folder / "wheels"
    for version in ("2.0.0", "2.1.0"):
        source = f'"""Read INI files."""\n\n__version__ = {version!r}\n'
        files = {"iniconfig/__init__.py": source, "iniconfig/py.typed": ""}
        make_wheel(library, "iniconfig", version, files)
    source = 'def main() -> None:\n    """Greet."""\n    print("hello")\n'
    points = "[console_scripts]\nhello = hello:main\n"
    make_wheel(folder / "dist", "hello", "1.0", {"hello.py": source}, entry_points=points)


def run_page(page: Path, folder: Path, *, online: bool = False) -> None:
    """Run every block of a page in ``folder``; raise ``AssertionError`` at the first that is off.

    :param online: also run the blocks that fetch; else their results are put there
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not online:
        furnish(folder)
    for block in blocks(page):
        if block.exception == "not run" or (block.exception == "fetches" and not online):
            continue
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "python":
            run_python(block, folder)
        elif block.language == "console":
            run_console(block, folder)


def surroundings(folder: Path) -> dict[str, str]:
    """Return the environment variables of a page: its own cache, this interpreter first."""
    programs = os.path.dirname(sys.executable)
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LINKINSTALL_", "PYTEST_", "VIRTUAL_ENV"))
    }
    return {
        **variables,
        "PATH": os.pathsep.join([programs, os.environ["PATH"]]),
        "LINKINSTALL_CACHE_DIR": str(folder.with_name(folder.name + "-cache")),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "COLUMNS": "100",
    }


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=surroundings(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )


def run_python(block: Block, folder: Path) -> None:
    """Run a Python block as a script."""
    done = _run([sys.executable, "-B", "-c", block.text], folder)
    assert done.returncode == 0, f"{block}: {done.stdout}{done.stderr}"


def run_console(block: Block, folder: Path) -> None:
    """Run a console block and compare what each command prints."""
    told = commands(block)
    script = "exec 2>&1\n" + "".join(
        f"{command}\nstatus=$?\nprintf '\\n{MARK} %s\\n' $status\n(exit $status)\n"
        for command, _ in told
    )
    done = _run(["bash", "-c", script], folder)
    pieces = re.split(rf"\n{MARK} (\d+)\n", done.stdout)
    results = list(zip(pieces[::2], pieces[1::2], strict=False))
    assert len(results) == len(told), f"{block}: the session ended early:\n{done.stdout}"
    following = [command for command, _ in told[1:]] + [""]
    for (command, lines), (output, status), after in zip(told, results, following, strict=True):
        where = f"{block}\n$ {command}\n{output}"
        assert status == "0" or after.startswith("echo $?"), f"{where}\nexit status {status}"
        if any(lines):
            expected = "\n".join(lines)
            assert matches(expected, output), f"{where}\nthe page says:\n{expected}"


def matches(expected: str, output: str) -> bool:
    """Return whether what was printed is what the page says, with ``…`` for anything."""
    return _lines_match(expected.strip("\n").splitlines(), output.strip("\n").splitlines())


def _lines_match(expected: list[str], printed: list[str]) -> bool:
    if not expected:
        return not printed
    first, *rest = expected
    if first.strip() == "…":
        return any(_lines_match(rest, printed[skipped:]) for skipped in range(len(printed) + 1))
    if not printed or not re.fullmatch(".*".join(map(re.escape, first.split("…"))), printed[0]):
        return False
    return _lines_match(rest, printed[1:])
