"""The bench's arithmetic and tables, without measuring anything."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from functools import reduce
from typing import TYPE_CHECKING

import pytest

from integration.bench import corpora, gauges, goals, groups, results, tables, tools, workplace
from integration.bench.__main__ import main, parsed
from integration.bench.goals import Goal
from integration.bench.programs import traced
from integration.bench.results import Result
from integration.bench.tools import Job
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path


def result(
    group: str = "warm", corpus: str = "app", gauge: str = "seconds", **series: list[float]
) -> Result:
    """Return made-up figures, those of ``uv`` first."""
    return Result(group, corpus, gauge, series, "abc", "2026-01-01", 1.0, realtime=False)


def kept(*found: Result) -> dict[tuple[str, str], Result]:
    """Return results as they are kept."""
    return {(one.group, one.corpus): one for one in found}


def test_ratio_is_the_median_of_the_rounds() -> None:
    """A ratio is taken within each round; a slow round of both tools does not change it."""
    ours, uvs = [1.0, 50.0, 1.0, 2.0, 50.0], [2.0, 100.0, 4.0, 1.0, 100.0]

    assert "**0.5** (0.25 to 2)" == results.ratio(ours, uvs)


def test_without_figures_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no bench ever ran ``--figures`` ends with a sentence; it ended with a traceback."""
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")

    assert 1 == main(["--figures", "--write"])
    assert f"no figures are kept in {tmp_path / 'results'} yet: run make bench\n" == (
        capsys.readouterr().err
    )


def test_ratio_of_the_base_is_one() -> None:
    """What the others are compared with has no range."""
    base = [1.0, 2.0]

    assert "1" == results.ratio(base, base)


def test_kept_figures_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was kept is read as it was, and a later result replaces the earlier one."""
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    later = result(uv=[3.0], linkinstall=[4.0])

    for one in (result(uv=[1.0], linkinstall=[2.0]), later, result("cold", uv=[9.0])):
        results.keep(one)

    assert kept(later, result("cold", uv=[9.0])) == results.kept()


@pytest.mark.parametrize(
    ("ours", "met"), [([0.5, 0.6, 9.0], "yes"), ([0.7, 0.7, 0.1], "**no**")], ids=["met", "missed"]
)
def test_goal_is_met_by_the_median(ours: list[float], met: str) -> None:
    """A goal holds for the median of the ratios, at most as large as the limit."""
    goal = Goal("a warm install", "warm", "app", "linkinstall", "uv", 0.6)

    line = goals.table(kept(result(uv=[1.0, 1.0, 1.0], linkinstall=ours)), [goal]).splitlines()[-1]

    assert f"| {met} |" == line[-len(met) - 4 :]


def test_goal_that_was_not_measured_says_so() -> None:
    """A goal without figures does not pass for one that is met."""
    goal = Goal("a warm install", "warm", "app", "linkinstall", "uv", 0.6)

    tabled = goals.table(kept(result(uv=[1.0])), [goal])

    assert "| a warm install | app | 0.6 | not measured | ? |" == tabled.splitlines()[-1]


def test_each_goal_is_about_something_that_is_measured() -> None:
    """No goal names a group, a set of wheels or a run that there is not."""
    there_are = {
        (group.name, group.corpus): {run.name for run in group.runs}
        for group in groups.chosen(groups.TITLES, corpora.REAL)
    }
    together = gauges.TOGETHER

    wrong = [
        goal
        for goal in goals.GOALS
        if not {goal.run.removesuffix(together), goal.base.removesuffix(together)}
        <= there_are.get((goal.group, goal.corpus), set())
    ]

    assert [] == wrong


def test_group_is_chosen_by_name_and_wheels() -> None:
    """Only what was asked for is measured; synthetic wheels belong to their groups."""
    found = groups.chosen(("warm", "wheels"), ("small",))

    assert ["small", *groups.WHEELS] == [group.corpus for group in found]


def test_names_of_runs_are_unique_in_a_group() -> None:
    """No two rows of a table are called alike: the figures are kept by these names."""
    double = [
        group.name
        for group in groups.chosen(groups.TITLES, corpora.REAL)
        if len({run.name for run in group.runs}) < len(group.runs)
    ]

    assert [] == double


def test_unknown_rows_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is none ends with the names that there are."""
    with pytest.raises(SystemExit):
        parsed(["--rows", "warm,hot"])

    assert "hot: there are warm, new" in capsys.readouterr().err


def test_table_sorts_wheels_by_size() -> None:
    """Small sets stand before large ones, whatever order they were measured in."""
    found = kept(*(result(corpus=one, uv=[1.0]) for one in ("big", "small", "app")))

    lines = tables.group_tables(found).splitlines()[4:]

    assert ["small", "app", "big"] == [line.split(" | ")[0].strip("| ") for line in lines]


def test_memory_is_compared_with_the_same_kind() -> None:
    """The largest process is compared with the largest process, the sum with the sum."""
    series = {
        "uv, largest process": [10.0], "uv, all processes": [20.0],
        "linkinstall, largest process": [5.0], "linkinstall, all processes": [30.0],
    }  # fmt: skip

    text = tables.group_tables(kept(result("memory", "app", groups.MEMORY, **series)))

    assert "| linkinstall, largest process | 5.0 | **0.5** (0.5 to 0.5) |" in text
    assert "| linkinstall, all processes | 30.0 | **1.5** (1.5 to 1.5) |" in text


def test_page_keeps_what_is_around_the_figures(tmp_path: Path) -> None:
    """Only what stands between the markers is replaced."""
    begin, end = tables.MARKERS
    page = tmp_path / "page.md"
    page.write_text(f"before\n{begin}old\n{end}after\n", encoding="utf-8")

    tables.write(page, "new\n")

    assert f"before\n{begin}\nnew\n\n{end}after\n" == page.read_text(encoding="utf-8")


def test_page_without_markers_is_refused(tmp_path: Path) -> None:
    """A page that has no place for figures is left as it is."""
    page = tmp_path / "page.md"
    page.write_text("text\n", encoding="utf-8")

    with pytest.raises(ValueError, match="no markers"):
        tables.write(page, "new\n")


def test_upgrade_starts_with_the_older_wheels(tmp_path: Path) -> None:
    """Where there is an older version it stands in, and all others stay."""
    new, same = tmp_path / "a-2-py3-none-any.whl", tmp_path / "b-1-py3-none-any.whl"
    old = tmp_path / "a-1-py3-none-any.whl"

    assert (old, same) == corpora.upgraded_from((new, same), (old,))


def test_synthetic_wheel_has_so_many_files(tmp_path: Path) -> None:
    """A wheel of 40 files has these and the three of its dist-info folder."""
    corpus = corpora.of_files(40, tmp_path)

    assert (43, frozenset({"files40-1.0.dist-info"})) == (corpus.size[0], corpus.dist_infos)


def test_dist_info_of_a_wheel_is_its_own(tmp_path: Path) -> None:
    """A wheel that brings others along, as setuptools does, is one distribution.

    setuptools has whole distributions below ``_vendor``, and the bench took each of their
    dist-info folders for one that the install should leave.
    """
    files = {"a/__init__.py": "", "a/_vendor/b-1.dist-info/RECORD": ""}

    corpus = corpora.Corpus("one", (make_wheel(tmp_path, "a", files=files),))

    assert frozenset({"a-1.0.dist-info"}) == corpus.dist_infos


def test_incomplete_install_is_found(tmp_path: Path) -> None:
    """A tool that leaves a wheel out, or compiles where it should not, is not measured."""
    corpus = corpora.of_wheels(2, tmp_path)
    library = tmp_path / "env" / "lib" / "python3" / "site-packages"
    for name in corpus.dist_infos:
        (library / name).mkdir(parents=True)
        (library / name / "RECORD").touch()
    (library / "a.py").touch()
    assert "" == workplace.problem(tmp_path / "env", corpus, groups.PLAIN)

    (library / "a.pyc").touch()
    assert "1 compiled" in workplace.problem(tmp_path / "env", corpus, groups.PLAIN)

    (library / "wheel0-1.0.dist-info" / "RECORD").unlink()
    assert "wheel0" in workplace.problem(tmp_path / "env", corpus, groups.COMPILED)


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


def test_time_inside_another_phase_is_counted_once(tmp_path: Path) -> None:
    """The phases of an install add up to its time, and those that it must have take some."""
    corpus = corpora.of_wheels(2, tmp_path)
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    job = Job(environment, tmp_path / "cache", corpus.wheels, (), corpus.names, tmp_path)

    started = time.monotonic()
    found = gauges.phases(tools.traced(tools.NO_BYTECODE)(job), job)
    taken = time.monotonic() - started

    assert "" == workplace.problem(environment, corpus, groups.PLAIN)
    assert 0.8 * taken < sum(found.values()) <= taken
    needed = ("start of Python", "imports", "finding or making the entries", "the flush")
    assert [] == [name for name in needed if found[f": {name}"] <= 0]
    assert [] == [name for name, figure in found.items() if figure < 0]


def inodes(environment: Path) -> dict[str, int]:
    """Return path and inode of each file of an environment's library."""
    (library,) = environment.glob("lib/python*/site-packages")
    return {str(path): path.stat().st_ino for path in library.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", [groups.PLAIN, groups.COMPILED])
def test_the_links_alone_are_those_of_an_install(tmp_path: Path, kind: str) -> None:
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

    for words in tools.links_alone(kind)(job):
        subprocess.run(words, check=True)

    assert "" == workplace.problem(environment, corpus, kind)
    assert inodes(environment) == {
        path: inode
        for path, inode in brought.items()
        if kind == groups.COMPILED or not path.endswith(".pyc")
    }


def test_failed_command_is_no_measurement(tmp_path: Path) -> None:
    """A command that fails ends the bench with what it said."""
    job = Job(tmp_path, tmp_path, (), (), (), tmp_path)

    with pytest.raises(SystemExit, match="ended with 3: no"):
        gauges.seconds([[sys.executable, "-c", "print('no'); raise SystemExit(3)"]], job)
