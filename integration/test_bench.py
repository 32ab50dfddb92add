"""The bench's arithmetic and tables, without measuring anything."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from integration.bench import (
    best,
    corpora,
    gauges,
    goals,
    groups,
    interpreters,
    results,
    rows,
    tables,
    workplace,
)
from integration.bench.__main__ import main, parsed
from integration.bench.best import Best
from integration.bench.goals import Goal
from integration.bench.results import Result
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

    found = kept(result(uv=[1.0, 1.0, 1.0], linkinstall=ours))
    line = goals.table(found, {}, [goal]).splitlines()[-1]

    assert line.endswith(f" | {met} | ? |")


def test_goal_that_was_not_measured_says_so() -> None:
    """A goal without figures does not pass for one that is met."""
    goal = Goal("a warm install", "warm", "app", "linkinstall", "uv", 0.6)

    tabled = goals.table(kept(result(uv=[1.0])), {}, [goal])

    assert "| a warm install | app | 0.6 | not measured | ? | ? |" == tabled.splitlines()[-1]


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


def test_each_goal_has_a_name_of_its_own() -> None:
    """What is the best of one goal is not taken for another's; no best is of a goal that went."""
    keys = [goal.key for goal in goals.GOALS]

    assert len(keys) == len(set(keys))
    assert [] == [key for key in best.known() if key not in keys]


def test_best_is_replaced_by_what_is_better() -> None:
    """A lower median takes its place with commit and day; what is worse changes nothing."""
    goal = Goal("a warm install", "warm", "app", "linkinstall", "uv", 0.6)
    old = {goal.key: Best(1.0, "old", "2025-01-01")}
    better, worse = (
        kept(result(uv=[1.0, 1.0, 1.0], linkinstall=ours))
        for ours in ([0.9, 0.8, 1.2], [1.1, 0.9, 1.2])
    )

    assert {goal.key: Best(0.9, "abc", "2026-01-01")} == best.improved(old, better, [goal])
    assert old == best.improved(old, worse, [goal])
    assert {} == best.improved({}, kept(result(uv=[1.0])), [goal])


def test_best_is_of_a_quiet_machine() -> None:
    """Rounds that are wide apart tell nothing, however low their median is.

    On a machine with a load of ten an environment never seen took 0.602 (0.213 to 0.95) of uv's
    time, and was the best of all for it.
    """
    goal = Goal("a warm install", "warm", "app", "linkinstall", "uv", 0.6)
    busy = kept(result(uv=[1.0, 1.0, 1.0], linkinstall=[0.213, 0.602, 0.95]))

    assert {} == best.improved({}, busy, [goal])


def test_best_is_of_a_commit() -> None:
    """What was measured of sources that nobody can get again is not the best of anything."""
    goal = Goal("a warm install", "warm", "app", "linkinstall", "uv", 0.6)
    dirty = replace(result(uv=[1.0], linkinstall=[0.1]), commit="abc-dirty")

    assert {} == best.improved({}, kept(dirty), [goal])


def test_best_is_written_a_line_for_each_goal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written comes back, and stands in the table of goals."""
    monkeypatch.setattr(best, "FILE", tmp_path / "best.json")
    found = kept(result(uv=[2.0], linkinstall=[3.0]))

    best.improve(found)

    assert {"warm install: app": Best(1.5, "abc", "2026-01-01")} == best.known()
    assert 3 == len(best.FILE.read_text(encoding="utf-8").splitlines())
    line = next(one for one in goals.table(found, best.known()).splitlines() if "1.5 (abc" in one)
    assert line.startswith("| warm install | app | 0.65 | **1.5**")


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

    text = tables.group_tables(kept(result("memory", "app", rows.MEMORY, **series)))

    assert "| linkinstall, largest process | 5.0 | **0.5** (0.5 to 0.5) |" in text
    assert "| linkinstall, all processes | 30.0 | **1.5** (1.5 to 1.5) |" in text


def test_phases_end_with_their_sum() -> None:
    """The phases that take no time are left out, and the last row is the whole run."""
    series = {"linkinstall: imports": [0.25], "linkinstall: a": [0.75], "linkinstall: b": [0.0]}

    text = tables.group_tables(kept(result("phases", "app", rows.PHASES, **series)))

    assert [
        "| app | linkinstall: imports | 0.2500 | 25% | 1 |",
        "| app | linkinstall: a | 0.7500 | 75% | 1 |",
        "| app | linkinstall: **all of it** | 1.0000 | 100% | 1 |",
    ] == text.splitlines()[4:]


def test_conditions_name_the_tools_that_there_are_figures_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """installer, isal and PDM are named with the versions that were run, where they were."""
    versions = {"installer": "1.5", "isal": "1.6", "pdm": "1.7"}
    monkeypatch.setattr(interpreters, "version_in", lambda _, name: versions[name])
    few = result("peers", "app", rows.SECONDS, **{"installer, one process": [1.0]})
    more = result("cold", "app", rows.SECONDS, **{"linkinstall, isal": [1.0], "pdm": [1.0]})

    assert "installer 1.5." in tables.conditions("ext4", (), [few])
    assert "installer 1.5, isal 1.6, PDM 1.7." in tables.conditions("ext4", (), [few, more])


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
    assert "" == workplace.problem(tmp_path / "env", corpus, rows.PLAIN)

    (library / "a.pyc").touch()
    assert "1 compiled" in workplace.problem(tmp_path / "env", corpus, rows.PLAIN)

    (library / "wheel0-1.0.dist-info" / "RECORD").unlink()
    assert "wheel0" in workplace.problem(tmp_path / "env", corpus, rows.COMPILED)


def test_environments_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    """Other sources, or the same under another name, are installed again."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("a", encoding="ascii")
    before = interpreters.digest([one])
    one.rename(other)
    renamed = interpreters.digest([other])
    other.write_text("b", encoding="ascii")

    assert 3 == len({before, renamed, interpreters.digest([other])})


def test_lock_files_pin_what_is_asked_for() -> None:
    """What linkinstall depends on is pinned for the environment that it is measured in."""
    project = tomllib.loads((interpreters.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = {
        "ours.lock": project["project"]["dependencies"],
        "fast.lock": project["project"]["optional-dependencies"]["fast"],
    }
    for lock, requirements in asked.items():
        text = (corpora.HERE / lock).read_text(encoding="utf-8")
        pinned = dict(line.split()[0].split("==") for line in text.splitlines() if "==" in line)
        wanted = [Requirement(one) for one in requirements]

        assert [] == [str(one) for one in wanted if pinned.get(one.name, "0") not in one.specifier]
