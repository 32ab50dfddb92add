"""Tests of ``linkinstall.compilers``."""

from __future__ import annotations

import errno
import marshal
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall import compilers, limits
from linkinstall.compilers import _STARTER, Compilers
from linkinstall.environment import Environment
from linkinstall.errors import CacheError
from tests.support.interpreters import VERSIONS, interpreter, make_venv
from tests.support.zips import zipped

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Compilers]:
    """Return three interpreters that start at once."""
    monkeypatch.setattr(compilers, "PARALLEL_FROM", 1)
    made = Compilers(sys.executable, 3)
    yield made
    made.close()


def job(folder: Path, number: int, text: str = "") -> tuple[str, str, str, str]:
    """Write a source and return the job of compiling it."""
    source = folder / f"m{number}.py"
    source.write_text(text or f"x = {number}\n")
    return str(source), source.name, "0", "timestamp"


def values(results: Iterator[bytes | None]) -> list[int | None]:
    """Return the value of ``x`` that each compiled file sets, None where there is none."""
    found = []
    for data in results:
        names: dict[str, int] = {}
        if data is not None:
            exec(marshal.loads(data[16:]), names)  # noqa: S102, S302 - compiled of this test's source
        found.append(names.get("x"))
    return found


def test_answers_come_in_the_order_of_the_jobs(tmp_path: Path, pool: Compilers) -> None:
    """Whatever process compiles a source, its answer stands where its job did."""
    jobs = [job(tmp_path, number, "no python" if number == 4 else "") for number in range(11)]

    assert [None if n == 4 else n for n in range(11)] == values(pool.compile(jobs))


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: ".".join(map(str, version)))
def test_what_is_compiled_is_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int]
) -> None:
    """Two runs compile to the same bytes, whatever the caller's variables are.

    Story: before CPython 3.11 a compiled file has the members of a set in the order of their
    hashes, which chance decided in each run: packages were not reproducible, even with
    PYTHONHASHSEED, which was not handed on.
    """
    words = ", ".join(repr(f"word{number}") for number in range(40))
    jobs = [job(tmp_path, 0, f"x = 'a' in {{{words}}}\n")]
    seen: set[bytes | None] = set()
    for seed in ("1", "2", "3"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        pool = Compilers(interpreter(version))
        try:
            seen.update(pool.compile(jobs))
        finally:
            pool.close()

    assert 1 == len(seen)
    assert None not in seen


def test_it_compiles_from_a_zip_file(tmp_path: Path) -> None:
    """Where linkinstall itself is in a zip file, its worker runs all the same.

    Story: in a zipapp each install that compiled something ended with "can't find '__main__'".
    """
    archive = zipped(tmp_path)
    (tmp_path / "m.py").write_text("x = 1\n")
    code = (
        f"import sys; sys.path[:] = [{archive!r}, *{sys.path!r}]; "
        "from linkinstall import compilers; assert '.zip' in compilers.__file__; "
        f"pool = compilers.Compilers(sys.executable); jobs = [({str(tmp_path / 'm.py')!r}, 'm.py', "
        "'0', 'timestamp')]; print([bool(data) for data in pool.compile(jobs)]); pool.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ("[True]\n", "") == (done.stdout, done.stderr)


def test_nothing_of_the_environment_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources are compiled, not run, and no module or ``.pth`` file of the environment is."""
    environment = Environment.of(make_venv(tmp_path / "env", sys.executable))
    library, mark = Path(environment.schemes["purelib"]), tmp_path / "mark"
    hostile = f"open({str(mark)!r}, 'w').close()"
    (library / "hostile.pth").write_text(f"import os; {hostile}\n")
    for name in ("sitecustomize", "marshal", "importlib"):
        (library / f"{name}.py").write_text(f"{hostile}\n")
        (tmp_path / f"{name}.py").write_text(f"{hostile}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pool = Compilers(environment.python)
    try:
        compiled = list(pool.compile([job(tmp_path, 0, f"{hostile}\n")]))
    finally:
        pool.close()

    assert all(compiled)
    assert len(compiled) == 1
    assert not mark.exists()


def test_processes_serve_again(tmp_path: Path, pool: Compilers) -> None:
    """A further batch starts no further process."""
    jobs = [job(tmp_path, number) for number in range(3)]
    values(pool.compile(jobs))
    running = [one.pid for one in pool._running]

    assert [0, 1, 2] == values(pool.compile(jobs))
    assert running == [one.pid for one in pool._running]


def test_large_answers_do_not_stall(tmp_path: Path, pool: Compilers) -> None:
    """More than a pipe holds goes each way."""
    text = "x = 1\n" + "".join(f"name_{number} = {number!r}\n" for number in range(9_000))
    jobs = [job(tmp_path, number, text) for number in range(6)]

    assert [1] * 6 == values(pool.compile(jobs))


def test_a_batch_that_was_given_up_spoils_no_further_one(tmp_path: Path, pool: Compilers) -> None:
    """Answers that nobody has read are not taken for those of the next batch."""
    results = pool.compile([job(tmp_path, number) for number in range(9)])
    next(results)
    results.close()  # type: ignore[attr-defined]

    assert [20] == values(pool.compile([job(tmp_path, 20)]))


def test_a_batch_whose_reader_is_forgotten_spoils_no_further_one(
    tmp_path: Path, pool: Compilers
) -> None:
    """Answers that are still to come are nobody's, also while the error's trace holds their reader.

    A cache that could not be written while compiled files were unpacked was gone on without:
    the sources were compiled again while the first reader was not closed yet, and each module
    got the compiled file of another one (found by ``make faults``).
    """
    results = pool.compile([job(tmp_path, number) for number in range(9)])
    assert next(results) is not None

    again = pool.compile([job(tmp_path, number) for number in range(20, 29)])
    first = next(again)
    results.close()  # type: ignore[attr-defined]

    assert list(range(20, 29)) == values(iter([first, *again]))


def test_nothing_to_compile_starts_nothing() -> None:
    """Without a job there is no need of an interpreter."""
    assert [] == list(Compilers("/no/such/interpreter").compile([]))


def test_few_sources_take_one_process(tmp_path: Path) -> None:
    """A further interpreter is started only where its start pays."""
    pool = Compilers(sys.executable, 8)
    list(pool.compile([job(tmp_path, number) for number in range(5)]))

    assert 1 == len(pool._running)
    pool.close()


@pytest.mark.skipif(os.name != "posix", reason="the stand-ins are shell scripts")
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo broken >&2; exit 3", "failed to compile bytecode: broken"),
        ("printf 0000; exit 0", "failed to compile bytecode"),
        ("exec sleep 60", "took longer than 0.2 seconds"),
        ("sleep 60", "took longer than 0.2 seconds"),
    ],
    ids=["broken", "cut off", "hanging", "hanging in what it started"],
)
def test_an_interpreter_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    """An interpreter that ends or hangs is an error that says what it said."""
    monkeypatch.setattr(limits, "COMPILE_WAIT", 0.2)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    pool = Compilers(str(python))

    with pytest.raises(CacheError, match=message):
        list(pool.compile([job(tmp_path, 1)]))
    assert [] == pool._running


ODD_WORKER = """
import builtins, os, runpy, sys
def odd(text, *more, real=compile, **options):
    if text.startswith(b"# noisy"):
        sys.stderr.write("noise " * 20_000)
    if text.startswith(b"# crash"):
        os.abort()
    return real(text, *more, **options)
builtins.compile = odd
runpy.run_path({worker!r}, run_name="__main__")
"""


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: Compilers) -> Compilers:
    """Return interpreters that some sources crash, and others let complain."""
    worker = tmp_path / "worker.py"
    worker.write_text(ODD_WORKER.format(worker=compilers.WORKER))
    monkeypatch.setattr(compilers, "WORKER", str(worker))
    return pool


@pytest.mark.posix("there a process that is aborted ends with a status like any other")
def test_a_source_that_crashes_the_interpreter_is_one_failure(
    tmp_path: Path, odd: Compilers
) -> None:
    """It counts as one that does not compile, and all others are compiled, in this batch and next.

    Story: CPython 3.8 and 3.9 crash over a long chain of attributes; the whole install was
    an error then, and said that compiling had taken longer than an hour.
    """
    crashes = {0, 4, 5, 7, 10}
    jobs = [job(tmp_path, n, "# crash\n" if n in crashes else "") for n in range(11)]
    expected = [None if n in crashes else n for n in range(11)]

    assert expected == values(odd.compile(jobs))
    assert expected == values(odd.compile(jobs))


@pytest.mark.posix("there a process that is aborted ends with a status like any other")
def test_crashes_are_bounded(
    tmp_path: Path, odd: Compilers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interpreter that crashes over source after source is an error that says so."""
    monkeypatch.setattr(limits, "COMPILE_CRASHES", 2)
    jobs = [job(tmp_path, number, "# crash\n") for number in range(3)]

    assert [None, None] == values(odd.compile(jobs[:2]))
    with pytest.raises(CacheError, match="crashed over more than 2 sources"):
        list(odd.compile(jobs))
    assert [] == odd._running


def test_complaints_do_not_stall(tmp_path: Path, odd: Compilers) -> None:
    """Whatever a process says to standard error, more than a pipe holds, it goes on.

    Story: CPython 3.8 prints why it cannot parse some sources. With some 2,000 of them an
    install waited until the bound on compiling, an hour.
    """
    jobs = [job(tmp_path, number, f"# noisy\nx = {number}\n") for number in range(7)]

    assert list(range(7)) == values(odd.compile(jobs))


def test_an_interpreter_that_is_not_there_is_told(tmp_path: Path) -> None:
    """What cannot be run is a typed error with a way out."""
    with pytest.raises(CacheError, match="cannot be run") as caught:
        list(Compilers("/no/such/interpreter").compile([job(tmp_path, 1)]))

    assert "--no-compile-bytecode" in caught.value.next_step


def test_where_no_further_process_can_be_started_those_that_run_compile(
    tmp_path: Path, pool: Compilers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on processes costs time alone, as long as one interpreter can be started."""
    start, left = Compilers._start, [None]

    def limited(self: Compilers) -> subprocess.Popen[bytes]:
        if not left:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        left.pop()
        return start(self)

    monkeypatch.setattr(Compilers, "_start", limited)

    assert [0, 1, 2, 3] == values(pool.compile([job(tmp_path, number) for number in range(4)]))


def test_where_no_thread_can_be_started_the_error_says_so(
    tmp_path: Path, pool: Compilers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiling is watched by a thread: without one it is refused, by our error.

    Story: under a limit on processes, which counts threads, the install ended with "Unexpected
    RuntimeError" and the request to report a mistake.
    """

    def refuse(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    with pytest.raises(CacheError, match="can't start new thread") as caught:
        list(pool.compile([job(tmp_path, 1)]))
    assert "--no-compile-bytecode" in caught.value.next_step
    assert [] == pool._running


def test_only_the_working_folder_leaves_the_path() -> None:
    """Where no working folder is on the path, as in an embeddable Python, nothing leaves it.

    Story: the first folder was taken away, whichever it was. There it is the standard library.
    """
    show = "import sys; print(sys.path)"
    plain = subprocess.check_output([sys.executable, "-P", "-c", show])

    for options in ([], ["-P"]):
        command = [sys.executable, *options, "-c", _STARTER, show]
        assert plain == subprocess.check_output(command)
