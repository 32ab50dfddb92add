"""The worker that compiles, as it is run: by path, in the interpreter that will import."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from linkinstall.fs import compile_worker
from tests.support.interpreters import VERSIONS, interpreter

WORKER = Path(compile_worker.__file__)


def work(jobs: list[tuple[str, ...]], python: str = sys.executable) -> tuple[int, str, str]:
    """Run the worker on jobs as ``bytecode`` does; return exit status and output."""
    data = "\0".join(field for job in jobs for field in job).encode("utf-8", "surrogateescape")
    done = subprocess.run(
        [python, "-I", "-S", "-B", "-W", "ignore", WORKER],
        input=data,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def job(folder: Path, name: str, text: str, level: int = 0) -> tuple[str, ...]:
    """Write a source and return the job of compiling it."""
    (folder / name).write_text(text)
    return f"{folder}/{name}", f"{folder}/out/{name}c", f"shown/{name}", str(level), "timestamp"


def test_it_compiles_and_tells_what_failed(tmp_path: Path) -> None:
    """Folders are made, good sources compiled, and the numbers of the others printed."""
    jobs = [
        job(tmp_path, "good.py", "x = 1\n"),
        job(tmp_path, "bad.py", "no python\n"),
        job(tmp_path, "fine.py", "'\\d'\n"),
        ("absent.py", f"{tmp_path}/out/absent.pyc", "absent.py", "0", "timestamp"),
        job(tmp_path, "null.py", "x = '\0'\n"),
    ]

    assert (0, "1\n3\n4", "") == work(jobs)
    assert ["fine.pyc", "good.pyc"] == sorted(os.listdir(tmp_path / "out"))


def test_nothing_to_do_is_done() -> None:
    """Without a job there is neither output nor complaint."""
    assert (0, "", "") == work([])


def test_deep_sources_fail_alone(tmp_path: Path) -> None:
    """A source that exhausts the compiler does not take the others with it."""
    jobs = [
        job(tmp_path, "deep.py", "(" * 5000 + ")" * 5000),
        job(tmp_path, "nested.py", "x = " + "-" * 50_000 + "1\n"),
        job(tmp_path, "good.py", "x = 1\n"),
    ]

    status, out, err = work(jobs)

    assert (0, "") == (status, err)
    assert "2" not in out.split()
    assert "0" in out.split()


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: ".".join(map(str, version)))
def test_every_supported_interpreter_runs_it(tmp_path: Path, version: tuple[int, int]) -> None:
    """From CPython 3.8 on the worker runs, and its result is imported from."""
    python = interpreter(version)
    (tmp_path / "mod.py").write_text("value = 42\n")
    tag = subprocess.run(
        [python, "-I", "-c", "import sys; print(sys.implementation.cache_tag)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    target = f"{tmp_path}/__pycache__/mod.{tag}.pyc"

    assert (0, "", "") == work([(f"{tmp_path}/mod.py", target, "mod.py", "0", "timestamp")], python)

    code = "import sys; sys.path.insert(0, sys.argv[1]); import mod; print(mod.__cached__)"
    done = subprocess.run(
        [python, "-I", "-v", "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    assert f"{target} matches" in done.stderr


def test_it_stands_alone() -> None:
    """It is written for the oldest interpreter, and imports nothing of this package."""
    tree = ast.parse(WORKER.read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    ]

    assert ["os", "py_compile", "sys"] == sorted(imported)
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
