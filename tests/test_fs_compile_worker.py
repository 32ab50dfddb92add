"""The worker that compiles, as it is run: by path, in the interpreter that will import."""

from __future__ import annotations

import ast
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from linkinstall.fs import compile_worker
from tests.support.interpreters import VERSIONS, interpreter

WORKER = Path(compile_worker.__file__)


Result = tuple[int, list[bytes], str]


def work(jobs: list[tuple[str, ...]], python: str = sys.executable, batches: int = 1) -> Result:
    """Run the worker on jobs; return exit status, what each was compiled to, and complaints."""
    data = b""
    for number in range(batches):
        fields = (field for job in jobs[number::batches] for field in job)
        batch = "\0".join(fields).encode("utf-8", "surrogateescape")
        data += b"%08x" % len(batch) + batch
    done = subprocess.run(
        [python, "-I", "-S", "-B", "-W", "ignore", WORKER],
        input=data,
        capture_output=True,
        check=False,
        timeout=120,
    )
    results, rest = [], done.stdout
    while rest:
        length = int(rest[:8], 16)
        results.append(rest[8 : 8 + length])
        rest = rest[8 + length :]
    return done.returncode, results, done.stderr.decode()


def job(folder: Path, name: str, text: str, level: int = 0) -> tuple[str, ...]:
    """Write a source and return the job of compiling it."""
    (folder / name).write_text(text)
    return f"{folder}/{name}", f"shown/{name}", str(level), "timestamp"


def test_it_compiles_and_tells_what_failed(tmp_path: Path) -> None:
    """Good sources come back compiled, in their order, and of the others nothing does."""
    jobs = [
        job(tmp_path, "good.py", "x = 1\n"),
        job(tmp_path, "bad.py", "no python\n"),
        job(tmp_path, "fine.py", "'\\d'\n"),
        ("absent.py", "absent.py", "0", "timestamp"),
        job(tmp_path, "null.py", "x = '\0'\n"),
    ]

    status, results, complaint = work(jobs)

    assert (0, "") == (status, complaint)
    assert [True, False, True, False, False] == [bool(one) for one in results]


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("epoch", ["", "1700000000"])
def test_what_it_makes_is_what_py_compile_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: int, epoch: str
) -> None:
    """The bytes are those of ``py_compile``, in the form with a time and in that with a digest."""
    if epoch:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    else:
        monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    source, shown, *_ = job(tmp_path, "mod.py", "def f():\n    'doc'\n    assert f\n")
    target = tmp_path / "mod.pyc"
    py_compile.compile(source, str(target), shown, doraise=True, optimize=level)

    _, results, _ = work([(source, shown, str(level), "default")])

    assert [target.read_bytes()] == results


def test_one_worker_serves_many_batches(tmp_path: Path) -> None:
    """A further batch is answered as the first one was, an empty one too."""
    jobs = [job(tmp_path, f"m{number}.py", f"x = {number}\n") for number in range(5)]

    together, apart = work(jobs), work(jobs, batches=7)

    assert sorted(together[1]) == sorted(apart[1])
    assert 5 == len(together[1])


def test_nothing_to_do_is_done() -> None:
    """Without a job there is neither output nor complaint."""
    assert (0, [], "") == work([])
    assert (0, [], "") == work([], batches=0)


def test_deep_sources_fail_alone(tmp_path: Path) -> None:
    """A source that exhausts the compiler does not take the others with it."""
    jobs = [
        job(tmp_path, "deep.py", "(" * 5000 + ")" * 5000),
        job(tmp_path, "nested.py", "x = " + "-" * 50_000 + "1\n"),
        job(tmp_path, "good.py", "x = 1\n"),
    ]

    status, results, complaint = work(jobs)

    assert (0, "") == (status, complaint)
    assert results[2]
    assert not results[0]


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

    status, (result,), _ = work([(f"{tmp_path}/mod.py", "mod.py", "0", "timestamp")], python)
    assert 0 == status
    Path(target).parent.mkdir()
    Path(target).write_bytes(result)

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

    assert ["gc", "importlib.util", "marshal", "os", "sys"] == sorted(imported)
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
