"""A sample of ``make compound``: the recovery is struck too, and the next run settles it."""

from __future__ import annotations

import os
from binascii import crc32
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import pytest

from integration.faults import bad_builds, compound, figures, report, scenarios
from integration.faults.compound import ONE, Compound, able, cases
from integration.faults.oracle import Judgement
from integration.faults.power import DIVIDED
from integration.faults.runner import Swept, run_all, sweep_all
from integration.faults.sandbox import Completed, Sandbox
from integration.faults.scenario import Command, Scenario
from integration.faults.snapshot import take
from integration.faults.states import STEADY, Worlds
from integration.faults.steps import steps
from integration.faults.strace import Kill, Point, Strike
from integration.faults.strace import unavailable as no_strace
from integration.faults.sweep import Result
from integration.faults.volumes import quick_folder, unavailable
from tests.support.gates import require

if TYPE_CHECKING:
    from pathlib import Path

UPGRADE = scenarios.scenario("linkinstall-upgrade-pluggy-hardlink")
PARTS = scenarios.scenario("linkinstall-upgrade-parts-hardlink")
REMOVE = scenarios.scenario("linkinstall-venv-remove-parts-pluggy-hardlink")
ADD = scenarios.scenario("linkinstall-cache-add-pluggy-hardlink")
CHANGES = """
import os, sys
folder = sys.argv[1]
os.mkdir(folder + "/made")
with open(folder + "/made/file", "x") as stream:
    stream.write("text")
os.rename(folder + "/made/file", folder + "/file")
os.rmdir(folder + "/made")
"""
JOURNAL = "linkinstall journal 1\n{checksum:08x} {length}\n{body}"


def sample(
    depth: float,
    cut: str,
    scenario: Scenario = UPGRADE,
    layout: str = ONE,
    every: int = 30,
    second: int = 5,
) -> Compound:
    """Return some pairs of points, or longer chains."""
    return Compound(scenario, layout, "ext4", (cut,), every, 25, second=second, depth=depth)


@pytest.mark.parametrize(
    "case",
    [
        sample(2, ""),
        sample(2, "log-flushed"),
        sample(inf, "log-lost"),
        sample(2, "log-flushed", PARTS, "data apart"),
        sample(2, "log-lost", PARTS, "library apart"),
        sample(2, "", REMOVE, second=17),
        sample(2, "log-flushed", ADD, every=60, second=17),
    ],
    ids=lambda one: "-".join((one.scenario.verb, one.layout, *one.cuts)),
)
def test_struck_recovery_leaves_old_or_new(case: Compound) -> None:
    """A recovery that is killed, or loses its power, is taken up by the next run."""
    reason = no_strace() or unavailable(("ext4",))
    require(not reason, reason)

    (swept,) = run_all([case], folder=quick_folder(), workers=1, spoil=STEADY)

    assert "" == swept.error
    assert [] == [str(result.point) for result in swept.unfired]
    assert [] == [f"{one.point}: {report.explain(one)}" for one in swept.broken]
    assert swept.passed
    faults = {1 + str(result.point).count(" then ") for result in swept.results}
    assert 2 == min(faults)
    assert max(faults) <= case.depth


def test_recovery_is_what_settles_the_scenario() -> None:
    """Each scenario is struck, and so is the command that puts right what it leaves."""
    found = {one.verb: one.settling.arguments[6:] for one in able(("hardlink",))[ONE]}

    assert scenarios.RECOVER.arguments[6:] == found["upgrade"] == found["venv-decouple"]
    assert ("venv", "remove", "{venv}") == found["venv-remove"]
    assert ("venv", "create", "{venv}") == found["venv-clear"] == found["venv-create"]
    assert ("cache", "add", "{pluggy-1.5.0}") == found["cache-add"]
    assert {one.verb for one in scenarios.scenarios(("hardlink",))} == set(found)


def test_changes_over_several_volumes_are_struck_twice() -> None:
    """A recovery that flushes several volumes in an order is struck; no third fault follows."""
    apart = [one for one in cases() if one.layout != ONE]

    assert set(DIVIDED) == {one.layout for one in apart}
    assert {"install", "upgrade", "uninstall"} == {one.scenario.verb for one in apart}
    assert {2} == {one.depth for one in apart if isinstance(one, Compound)}


def test_figure_counts_what_was_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Chains that were not judged, as another one has led to the same, are told beside.

    They were added to the count of what was put to the test.
    """
    result = Result(
        UPGRADE, Point("rename", 1), Strike(fired=True, call="", completed=Completed(0, "")),
        None, "recover", Completed(0, ""), Judgement("old"),
    )  # fmt: skip
    swept = Swept(UPGRADE, (result,) * 2, "", 1.0, "ext4, kill, one volume, warm", same=5)
    monkeypatch.setattr(compound, "run_all", lambda *_words, **_options: [swept] * 3)
    monkeypatch.setattr(compound, "DETAILS", tmp_path / "details")
    monkeypatch.setattr(compound, "unavailable", lambda _kinds: "")
    monkeypatch.setattr(compound, "no_strace", lambda: "")
    monkeypatch.setenv(figures.VARIABLE, str(tmp_path / "figures"))

    assert 0 == compound.main([])
    (figure,) = figures.noted(str(tmp_path / "figures"))
    assert (6, "chains", 15) == (figure.count, figure.unit, figure.same)
    assert "| **all** |" in capsys.readouterr().out


def test_build_that_never_recovers_is_found_out() -> None:
    """A recovery that does nothing leaves states that are neither old nor new."""
    reason = no_strace() or unavailable(("ext4",))
    require(not reason, reason)
    build = bad_builds.BAD["no recovery"]

    (swept,) = run_all([sample(2, "")], folder=quick_folder(), workers=1, spoil=build)

    assert [] != swept.broken


def test_recovery_that_cannot_be_repeated_is_found_out_by_striking_it() -> None:
    """A recovery that drops its journal too early puts all back, unless it is struck itself.

    Only a build that never recovers was put to the gate, which R1 finds out, too.
    """
    reason = no_strace() or unavailable(("ext4",))
    require(not reason, reason)
    build = bad_builds.BAD["journal dropped before all is back"]
    last = 46  # the point before the commit: everything is in its new place

    (killed,) = sweep_all([UPGRADE], Kill(), every=last, changes=build)
    case = replace(sample(2, "", every=99), turn=last)
    (struck,) = run_all([case], folder=quick_folder(), workers=1, spoil=build)

    assert ["", ""] == [killed.error, struck.error]
    assert [] == killed.broken
    assert "rename:5" in {str(one.point) for one in killed.results}
    assert [] != struck.broken
    assert all(str(one.point).startswith("rename:5 then ") for one in struck.broken)


def test_what_a_kill_leaves_is_seen_without_it(tmp_path: Path) -> None:
    """What one run shows before each call is what a kill before that call leaves."""
    reason = no_strace()
    require(not reason, reason)
    sandbox = Sandbox(str(tmp_path / "sandbox"), {})
    os.makedirs(sandbox.area("temp"))
    command = Command(("{harness}", "-I", "-S", "-c", CHANGES, "{temp}"))

    def look() -> str:
        return " ".join(sorted(take(sandbox.area("temp")))[1:])

    found = steps(sandbox, command, look)

    assert found is not None
    seen = [(str(step.point).partition(":")[0], step.seen, step.written) for step in found.before]
    assert [
        ("mkdir", "", False),
        ("openat", "made", False),
        ("write", "made made/file", False),
        ("rename", "made made/file", True),
        ("rmdir", "file made", True),
        ("exit_group", "file", True),
    ] == seen
    assert "file" == found.end
    os.unlink(sandbox.area("temp", "file"))
    assert [step.point for step in found.before] == Kill().points(sandbox, command)


FORKED = "import os, sys; os.fork() and os.wait(); os.mkdir(sys.argv[1] + '/' + str(os.getpid()))"


@pytest.mark.parametrize(("text", "alone"), [(FORKED, False), (CHANGES, True)], ids=["two", "one"])
def test_what_moves_while_it_is_looked_at_is_told_where_one_thread_runs_alone(
    tmp_path: Path, text: str, *, alone: bool
) -> None:
    """Beside a process that stands still, another one may remove what is being looked at.

    This ended the sweep of a recovery that clears temporary folders by several processes.
    """
    reason = no_strace()
    require(not reason, reason)
    sandbox = Sandbox(str(tmp_path / "sandbox"), {})
    os.makedirs(sandbox.area("temp"))
    looks = iter(range(1000))

    def look() -> str:
        if next(looks) == 1:
            raise FileNotFoundError(sandbox.area("temp"))
        return "seen"

    def run() -> object:
        return steps(sandbox, Command(("{harness}", "-I", "-S", "-c", text, "{temp}")), look)

    if alone:
        with pytest.raises(FileNotFoundError):
            run()
    else:
        assert run() is None


def test_worlds_are_told_by_what_a_recovery_meets(tmp_path: Path) -> None:
    """Times and ids that no two runs share do not tell worlds apart; all else does."""
    names = []
    chance = tmp_path / "world" / f"{0:016x}"
    chance.mkdir(parents=True)
    for number in range(4):
        chance = chance.rename(chance.with_name(f"{number:016x}"))
        journal(tmp_path / "world" / "journal", number)
        names.append(Worlds().name_of(str(tmp_path / "world")))

    # Another time and another id; then a time that is not the file's; then a torn journal.
    assert names[0] == names[1]
    assert 3 == len(set(names))


def test_worlds_of_environments_are_told_by_what_the_next_run_meets(tmp_path: Path) -> None:
    """Nobody reads the id of what was begun; what it was, and how it stood, tells worlds apart.

    Each of them was another world, so that nothing was ever known, and long chains had no end.
    """
    names = []
    for number, what in enumerate(("clear", "clear", "remove")):
        (tmp_path / "journal").write_text(f"linkinstall venv 1\n{number:012x}\n1\n{what}\nstood\n")
        (tmp_path / ".linkinstall-making").write_text(f"{number:012x}")
        names.append(Worlds().name_of(str(tmp_path)))

    assert names[0] == names[1] != names[2]


def journal(path: Path, number: int) -> None:
    """Write what stands for a journal."""
    time = 1_700_000_000_000_000_000 + number
    told = time + (number == 2)
    body = f"id\t{number:012x}\nstaged\t{told}\n"
    checksum = crc32(body.encode()) + (number == 3)
    with path.open("a+", encoding="ascii") as stream:
        stream.truncate(0)
        stream.write(JOURNAL.format(checksum=checksum, length=len(body), body=body))
    os.utime(path, ns=(time, time))
