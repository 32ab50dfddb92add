"""What the bench measures by: its gauges, its programs, and the environments that it makes."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from functools import reduce
from pathlib import Path

import pytest

from integration.bench import corpora, gauges, groups, interpreters, rows, tools, workplace
from integration.bench.programs import traced
from integration.bench.tools import Job


def test_memory_of_a_process_is_its_own(tmp_path: Path) -> None:
    """A process that takes 60 MB more than another is 60 MB larger, whoever started it."""
    job = Job(tmp_path, tmp_path, (), (), (), tmp_path)
    sizes = [
        gauges.memory([[sys.executable, "-S", "-c", f"b'1' * {size}"]], job)[gauges.LARGEST]
        for size in (1, 60_000_000)
    ]

    assert 50 < sizes[1] - sizes[0] < 70


def test_each_phase_is_made_of_functions_that_there_are() -> None:
    """A function that was renamed does not drop out of the figures unnoticed."""
    for place in traced.PHASES:
        module, _, path = place.partition(":")

        found = reduce(getattr, path.split("."), importlib.import_module(module))

        assert callable(found)


@pytest.fixture
def _our_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands be run by the interpreter of these tests, not by one made for the bench."""
    monkeypatch.setattr(interpreters, "ours", lambda: Path(sys.executable))


@pytest.mark.usefixtures("_our_tools")
def test_time_inside_another_phase_is_counted_once(tmp_path: Path) -> None:
    """The phases of an install add up to its time, and those that it must have take some."""
    corpus = corpora.of_wheels(2, tmp_path)
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    job = Job(environment, tmp_path / "cache", corpus.wheels, (), corpus.names, tmp_path)

    started = time.monotonic()
    found = gauges.phases(tools.traced(tools.linkinstall(tools.NO_BYTECODE))(job), job)
    taken = time.monotonic() - started

    assert "" == workplace.problem(environment, corpus, rows.PLAIN)
    assert 0.8 * taken < sum(found.values()) <= taken
    needed = ("start of Python", "imports", "finding the entries", "the flush")
    assert [] == [name for name in needed if found[f": {name}"] <= 0]
    assert [] == [name for name, figure in found.items() if figure < 0]


def inodes(environment: Path) -> dict[str, int]:
    """Return path and inode of each file of an environment's library."""
    (library,) = environment.glob("lib/python*/site-packages")
    return {str(path): path.stat().st_ino for path in library.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("_our_tools")
@pytest.mark.parametrize("kind", [rows.PLAIN, rows.COMPILED])
@pytest.mark.parametrize("how", ["alone", "threads", "processes"])
@pytest.mark.parametrize("by_us", [False, True], ids=["anybody", "us"])
def test_the_links_alone_are_those_of_an_install(
    tmp_path: Path, kind: str, how: str, *, by_us: bool
) -> None:
    """Every folder and every file comes that an install brings, each as a further link."""
    corpus = corpora.of_wheels(2, tmp_path)
    environment, template = tmp_path / "environment", tmp_path / "template"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", template], check=True)
    job = Job(environment, tmp_path / "cache", corpus.wheels, (), corpus.names, tmp_path)
    subprocess.run(["cp", "-a", template, environment], check=True)
    for words in tools.noted_links()(job):
        subprocess.run(words, check=True)
    brought = inodes(environment)
    workplace.remove(environment)
    subprocess.run(["cp", "-a", template, environment], check=True)

    taken = gauges.own_seconds(tools.links_alone(kind, how, by_us=by_us)(job), job)

    assert 0 < taken[""] < 10
    assert "" == workplace.problem(environment, corpus, kind)
    assert inodes(environment) == {
        path: inode
        for path, inode in brought.items()
        if kind == rows.COMPILED or not path.endswith(".pyc")
    }


def test_failed_command_is_no_measurement(tmp_path: Path) -> None:
    """A command that fails ends the bench with what it said."""
    job = Job(tmp_path, tmp_path, (), (), (), tmp_path)

    with pytest.raises(SystemExit, match="ended with 3: no"):
        gauges.seconds([[sys.executable, "-c", "print('no'); raise SystemExit(3)"]], job)


@pytest.mark.usefixtures("_our_tools")
@pytest.mark.parametrize("name", ["phases", "phases-uninstall", "phases-unchanged", "phases-copy"])
def test_each_verb_has_its_phases(tmp_path: Path, name: str) -> None:
    """A profile of each verb is made by the groups themselves, and leaves what it should."""
    corpus = corpora.of_wheels(2, tmp_path)
    group = next(iter(groups.chosen((name,), ("app",))))
    place = workplace.Workplace(tmp_path, realtime=False)

    series = place.measure(group, corpus, 1)

    assert {1} == {len(figures) for figures in series.values()}
    assert series[f"{rows.OURS}: imports"][0] > 0


@pytest.mark.usefixtures("_our_tools")
def test_phases_of_memory_add_up_to_a_process(tmp_path: Path) -> None:
    """A profile of the peak begins with what Python takes, and has the imports in it."""
    corpus = corpora.of_wheels(2, tmp_path)
    group = next(iter(groups.chosen(("phases-memory",), ("app",))))

    series = workplace.Workplace(tmp_path, realtime=False).measure(group, corpus, 1)

    assert 5 < series[f"{rows.OURS}: start of Python"][0] < 30
    assert 1 < series[f"{rows.OURS}: imports"][0] < 30
    assert 10 < sum(figures[0] for figures in series.values()) < 60


@pytest.mark.usefixtures("_our_tools")
def test_bounds_of_forking_can_be_others(tmp_path: Path) -> None:
    """The groups about the second process install with any bound of it."""
    corpus = corpora.of_wheels(2, tmp_path)
    group = next(iter(groups.chosen(("forks",), ())))

    series = workplace.Workplace(tmp_path, realtime=False).measure(group, corpus, 1)

    assert [run.name for run in group.runs] == list(series)


@pytest.mark.slow
@pytest.mark.network
def test_environment_of_the_bench_is_that_of_a_user() -> None:
    """It has what linkinstall needs at run time, compiled, and nothing that runs at its start."""
    interpreters.ours()

    (library,) = interpreters.folder_of("ours").glob("lib/python*/site-packages")
    assert [] == [*library.glob("*.pth"), *library.glob("isal*"), *library.glob("coverage*")]
    assert list((library / "linkinstall" / "__pycache__").glob("application.*.pyc"))
    assert interpreters.version_in("ours", "linkinstall") is not None
    assert interpreters.version_in("ours", "isal") is None
