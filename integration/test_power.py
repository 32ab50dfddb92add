"""A sample of ``make power``: after a power cut, the next run makes it old or new."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from integration.faults import bad_builds, report, scenarios
from integration.faults.mounted import LAYOUTS, MountedSandbox
from integration.faults.oracle import Judgement
from integration.faults.power import (
    SYNCED,
    Case,
    cases,
    fully_synced,
    interrupted,
    unpacked_just_before,
)
from integration.faults.power_cut import FULL, PowerCut, PowerSweep
from integration.faults.runner import provisions, run_all
from integration.faults.sandbox import Completed
from integration.faults.strace import Point, Strike
from integration.faults.strace import unavailable as no_strace
from integration.faults.sweep import Result
from integration.faults.volumes import CUTS, QUICK_VARIABLE, quick_folder, unavailable
from linkinstall.cli.options import OPTIONS_BY_WORD
from tests.support.gates import require

if TYPE_CHECKING:
    from pathlib import Path

    from integration.faults.scenario import Scenario

EVERY = 18
"""Each how many-th point is struck here; ``make power`` strikes all of them."""
INSTALL = scenarios.scenario("linkinstall-install-pluggy-hardlink")
UPGRADE = scenarios.scenario("linkinstall-upgrade-parts-hardlink")
REINSTALL = scenarios.scenario("linkinstall-reinstall-pluggy-hardlink")
CLEAR = scenarios.scenario("linkinstall-venv-clear-parts-pluggy-copy")
REMOVE = scenarios.scenario("linkinstall-venv-remove-parts-pluggy-hardlink")
MENDED = scenarios.scenario("linkinstall-cache-verify-mended-hardlink")
UNDONE = interrupted("undone")
COLD = unpacked_just_before("hardlink")
SYMLINKED = unpacked_just_before("symlink")
SAMPLE = (
    Case(UPGRADE, "one volume", "ext4", CUTS["ext4"], EVERY),
    Case(UPGRADE, "data apart", "ext4", CUTS["ext4"], EVERY, turn=1),
    Case(COLD, "cache apart", "ext4", CUTS["ext4"], 3 * EVERY, turn=2),
    Case(fully_synced(INSTALL), "one volume", "ext4", CUTS["ext4"], EVERY, turn=3),
    Case(INSTALL, "one volume", "xfs", CUTS["xfs"], EVERY, turn=4),
    Case(INSTALL, "one volume", "btrfs", CUTS["btrfs"], 2 * EVERY, turn=5),
    Case(MENDED, "one volume", "xfs", CUTS["xfs"][:1], 2 * EVERY, turn=6),
)


def can_run(*kinds: str) -> None:
    """Go on where power cuts can be made on these file systems."""
    reason = no_strace() or unavailable(kinds)
    require(not reason, reason)


@pytest.mark.parametrize("case", SAMPLE, ids=lambda one: f"{one.kind}-{one.layout}")
def test_power_cut_leaves_old_or_new(case: Case) -> None:
    """A run whose power goes before any call is undone or finished by the next."""
    can_run(case.kind)

    found = run_all([case], folder=quick_folder(), workers=1)

    assert [""] * len(case.cuts) == [one.error for one in found]
    assert [] == [str(result.point) for one in found for result in one.unfired]
    complaints = [
        f"{report.explain(result)}\n{report.reproduce(result, one.program)}"
        for one in found
        for result in one.broken
    ]
    assert [] == complaints
    assert all(one.passed for one in found)


@pytest.mark.parametrize(
    ("build", "scenario", "layout", "how", "point", "next_run"),
    [
        ("never flushed", UPGRADE, "one volume", "log-flushed", "end:1", ""),
        ("journal not flushed", UPGRADE, "one volume", "log-flushed", "rename:13", ""),
        ("flushed after the changes", UPGRADE, "one volume", "log-flushed", "syncfs:1", ""),
        ("pointer not flushed", UPGRADE, "data apart", "log-flushed", "syncfs:1", ""),
        ("cache not flushed", SYMLINKED, "cache apart", "log-flushed", "end:1", ""),
        ("venv not flushed", CLEAR, "one volume", "log-flushed", "end:1", ""),
        ("full not flushed", fully_synced(UPGRADE), "one volume", "log-lost", "end:1", ""),
        ("full not flushed", fully_synced(REMOVE), "one volume", "log-lost", "end:1", ""),
        ("full not flushed", fully_synced(UNDONE), "one volume", "log-lost", "end:1", ""),
        ("full not flushed", fully_synced(UPGRADE), "one volume", "log-lost", "end:1", "again"),
        ("full not flushed", fully_synced(REINSTALL), "one volume", "log-lost", "end:1", "again"),
        ("entry lost by the recovery", UPGRADE, "one volume", "log-flushed", "rename:13", ""),
    ],
)
def test_bad_build_is_found_out(
    tmp_path: Path, build: str, scenario: Scenario, layout: str, how: str, point: str, next_run: str
) -> None:
    """Without what a promise hangs on, a power cut breaks it; with it, it holds.

    Where the same command followed, it made up for success that was lost, and nobody saw that.
    And whatever a recovery took from the cache was forgiven, if an installation anew brought it
    back.
    """
    can_run("ext4")
    sound = []
    followed = next_run or next(iter(scenario.next_runs))

    for number, spoil in enumerate((bad_builds.BAD[build], ())):
        paths = provisions(str(tmp_path / f"source-{number}"), spoil)
        folder = str(tmp_path / f"made-{number}")
        with MountedSandbox(folder, paths, "ext4", LAYOUTS[layout]) as sandbox:
            sweep = PowerSweep(scenario, PowerCut(how), sandbox)
            result = sweep.result(Point.parse(point), followed)
        assert result.strike.fired
        sound.append(result.sound)

    assert [False, True] == sound


def test_what_is_the_same_is_judged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A world that another cut has led to, on the same devices, is not put to a next run again."""
    can_run("ext4")
    paths = provisions(str(tmp_path / "source"))
    with MountedSandbox(str(tmp_path / "made"), paths, "ext4") as sandbox:
        # Other tests take loop devices, too.
        monkeypatch.setattr(sandbox, "devices", lambda: ("one",))
        sweep = PowerSweep(UPGRADE, PowerCut("log-lost"), sandbox)
        names = tuple(UPGRADE.next_runs)
        first, second = sweep.points()[:2]

        found = [sweep.result(first, names[0]), sweep.result(second, names[0])]
        assert 1 == sweep.same
        other = sweep.result(second, names[1])
        assert 1 == sweep.same
        monkeypatch.setattr(sandbox, "devices", lambda: ("two",))
        sweep.result(second, names[0])
        assert 1 == sweep.same

    assert [first, second] == [one.point for one in found]
    assert found[0].strike.call != found[1].strike.call
    assert found[0].judgement == found[1].judgement
    assert names[1] == other.next_run
    assert all(one.strike.fired and one.sound for one in (*found, other))


def test_what_led_to_the_same_is_counted_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A point that led to what another one had led to is none of what was put to the test.

    It was counted as a run, and so were six of ten images of R6.
    """
    once = Result(
        UPGRADE, Point("rename", 1), Strike(fired=True, call="", completed=Completed(0, "")),
        None, "recover", Completed(0, ""), Judgement("old"),
    )  # fmt: skip
    again = replace(once, same=True)
    unfired = replace(again, strike=replace(once.strike, fired=False))
    broken = replace(again, judgement=Judgement(None))
    monkeypatch.setattr(Case, "sandbox", lambda *_words: nullcontext())
    monkeypatch.setattr(Case, "sweep", lambda *_words: SimpleNamespace())
    found = (once, again, unfired, broken)

    def results(_case: Case, sweep: PowerSweep, _turn: int) -> tuple[Result, ...]:
        sweep.same = 3
        return found

    monkeypatch.setattr(Case, "results", results)

    (swept,) = Case(UPGRADE, "one volume", "ext4", ("log-lost",))(str(tmp_path), {})

    assert (once, unfired, broken) == swept.results
    assert 3 == swept.same == report.figure("R4", "", [swept], 1.0, ()).same


def test_what_is_the_same_in_each_mode_is_swept_in_one() -> None:
    """What is done to a whole cache or environment makes no links; one mode is enough.

    ``cache clean`` was to be swept with symbolic links too, where it refuses, which ended the
    sweep as a scenario that does not work.
    """
    modes: dict[str, set[str]] = {}
    for case in cases():
        modes.setdefault(case.scenario.verb, set()).add(case.scenario.mode)

    whole = {verb for verb in modes if verb.startswith(("cache-", "venv-"))}
    assert {"cache-clean", "venv-remove"} <= whole
    assert all(modes[verb] == {"hardlink"} for verb in whole)
    assert modes["install"] == {"hardlink", "copy", "symlink", "clone"}


def test_success_is_relied_on_after_each_command_that_takes_the_setting() -> None:
    """Each command that takes ``--sync`` is struck with ``full``, on one volume at least.

    ``recover``, ``repair`` and those of whole environments took it, and were not.
    """
    commands = set(OPTIONS_BY_WORD["--sync"].commands)
    known = {one.verb for one in scenarios.scenarios(("hardlink",)) if command_of(one) in commands}
    swept = [one.scenario for one in cases() if FULL[1] in one.scenario.act.arguments]

    assert commands == {command_of(one) for one in swept}
    assert known | {"recover"} == set(SYNCED) == {one.verb for one in swept}


def command_of(scenario: Scenario) -> str:
    """Return the command that acts in a scenario, as the table of options names it."""
    words = scenario.act.arguments[6:]
    return " ".join(words[: 2 if words[0] in {"cache", "venv"} else 1])


def test_images_are_made_where_it_is_wished(monkeypatch: pytest.MonkeyPatch) -> None:
    """``make proof`` names a folder that is removed with all that is in it."""
    monkeypatch.setenv(QUICK_VARIABLE, "/named")

    assert "/named" == quick_folder()
    monkeypatch.delenv(QUICK_VARIABLE)
    assert "/named" != quick_folder()
