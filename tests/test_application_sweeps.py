"""Every moment of a change at which a process can die or an error can come (gate R2).

Each scenario is run once for each changing call of the port: killed there and recovered,
and with errors there. Whatever happens, the environment is exactly old or exactly new
afterwards. Here every kill is struck and a sample of the rest; ``make sweeps``
(``LINKINSTALL_SWEEP=full``) strikes everything. How many moments that were is told at the
end of the run.

The broken builds below are tests of these tests: each is a fault that once was made, or
could be, and a sweep that does not find it is worth nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

import pytest

from linkinstall import application, restoration
from linkinstall.application import Application
from linkinstall.fs.trees import remove_tree
from linkinstall.identity import Identity
from linkinstall.restoration import Restoration
from linkinstall.staging import Staging
from linkinstall.values import replace
from tests.support.scenarios import SCENARIOS
from tests.support.sweep import Sweep, quick_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from linkinstall.journal import Journal
    from linkinstall.plan import StashItem

    Hold: TypeAlias = Callable[[str, Sweep, Iterator[str]], None]

FULL = os.environ.get("LINKINSTALL_SWEEP") == "full"
# Where a later kill meets most kinds of work: folders and files put back, beside what stays.
MANIFOLD = [
    scenario
    for scenario in SCENARIOS
    if scenario.name
    in "reinstall exchange upgrade-beside-notes overwrite install-over-remains "
    "upgrade-stubborn-folders upgrade-no-hard-links install-volume-of-data".split()
]
# What was staged on another volume is not found from a new place; the next change there clears it.
MOVABLE = [scenario for scenario in SCENARIOS if "volume-of" not in scenario.name]

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
most_scenarios = pytest.mark.parametrize("scenario", SCENARIOS if FULL else MANIFOLD, ids=str)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder in memory, where thousands of runs cost no disk."""
    with quick_folder() as path:
        yield path


@pytest.fixture
def sweep(request: pytest.FixtureRequest, folder: Path) -> Sweep:
    """Prepare the scenario that the test is about."""
    return Sweep(request.getfixturevalue("scenario"), folder)


@pytest.fixture
def hold(record_property: Callable[[str, object], None]) -> Hold:
    """Return a check that finds no problem, and notes how many moments were struck."""

    def check(kind: str, sweep: Sweep, problems: Iterator[str]) -> None:
        found = list(problems)
        record_property("swept", (kind, sweep.points, sweep.broken))
        assert [] == found
        assert 0 < sweep.points

    return check


@each_scenario
@pytest.mark.usefixtures("scenario")
def test_a_kill_leaves_old_or_new(sweep: Sweep, hold: Hold) -> None:
    """Killed before any of its changing calls, a change is old or new after the next run.

    Until then another tool finds no RECORD without its files, and none of its files
    without RECORD.
    """
    hold("killed", sweep, sweep.kills())


@each_scenario
@pytest.mark.usefixtures("scenario")
def test_an_error_leaves_old_at_once_or_new(sweep: Sweep, hold: Hold) -> None:
    """An error at any call is undone at once, or the change is made, or the next run settles it."""
    hold("failed, once and from then on", sweep, sweep.errors(every=1 if FULL else 29))


@each_scenario
@pytest.mark.usefixtures("scenario")
def test_somebody_elses_file_stays(sweep: Sweep, hold: Hold) -> None:
    """A file that another tool puts in a gap before the next run stays, and so does the rest."""
    hold("killed, and a foreign file", sweep, sweep.kills_and_intrusions(1 if FULL else 5))


@pytest.mark.parametrize("scenario", MOVABLE, ids=str)
@pytest.mark.usefixtures("scenario")
@pytest.mark.parametrize("turn", range(3) if FULL else [0])
def test_an_unfinished_environment_that_was_moved_or_copied_is_recovered(
    sweep: Sweep, hold: Hold, turn: int
) -> None:
    """It is old or new after the next run in the place where it is then, whatever its times.

    Killed between the old package's way into the stash and that of its dist-info, a reinstall
    whose environment was copied since, or lay on a device of another number after a reboot,
    took the old dist-info for its own new one, and so the old package for somebody else's
    affair: it went to the trash.
    """
    hold("killed, and moved or copied", sweep, sweep.kills_and_moves(1 if FULL else 2, turn=turn))


@most_scenarios
@pytest.mark.usefixtures("scenario")
def test_a_killed_recovery_is_recovered(sweep: Sweep, hold: Hold) -> None:
    """A recovery that is killed too is taken up by the next one."""
    every, step = (1, 1) if FULL else (8, 7)
    hold("killed, and in recovery", sweep, sweep.kills_in_recovery(every, step))


@most_scenarios
@pytest.mark.usefixtures("scenario")
def test_a_recovery_killed_twice_is_recovered(sweep: Sweep, hold: Hold) -> None:
    """Of two recoveries that are killed, the third makes good what both left."""
    every, step = (8, 8) if FULL else (29, 11)
    hold("killed, and in two recoveries", sweep, sweep.kills_in_recovery(every, step, depth=3))


@most_scenarios
@pytest.mark.usefixtures("scenario")
def test_a_rollback_killed_after_an_error_is_recovered(sweep: Sweep, hold: Hold) -> None:
    """A process that dies while it undoes an error leaves no more than any killed one."""
    every, step = (1, 4) if FULL else (16, 9)
    hold("failed, and killed in the rollback", sweep, sweep.kills_in_undo(every, step))


# ------------------------------------------------------------------ tests of the test


def sweep_of(name: str, folder: Path) -> Sweep:
    """Prepare a scenario by its name."""
    return Sweep(next(one for one in SCENARIOS if one.name == name), folder)


def first(problems: Iterator[str]) -> str:
    """Return the first thing that a sweep finds, "" for nothing."""
    return next(problems, "")


def test_a_build_without_a_journal_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the journal says nothing, what was stashed is lost: the sweep of kills sees it."""
    sweep = sweep_of("upgrade", folder)
    monkeypatch.setattr(application, "encode", lambda *_: b"")

    assert "the recovery fails: JournalError" in first(sweep.kills())


def test_a_build_that_trusts_the_inode_alone_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planned path called ours without its stash entry: a second rollback takes what is old."""
    sweep = sweep_of("reinstall", folder)
    monkeypatch.setattr(Identity, "counts", lambda _identity, _path: True)

    assert "neither old" in first(sweep.kills_in_recovery(every=3, step=3))


def test_a_build_that_places_dist_info_first_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A RECORD placed before its files misleads other tools: the look after each kill sees it."""
    sweep = sweep_of("install-hardlink", folder)
    switch = Staging.switch

    def backwards(staging: Staging) -> None:
        groups = tuple(sorted(staging.plan.groups, key=lambda group: -group.phase))
        staging.plan = replace(staging.plan, groups=groups)
        switch(staging)

    monkeypatch.setattr(Staging, "switch", backwards)

    assert "has come before its files" in first(sweep.kills())


def test_a_build_that_stashes_dist_info_first_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A RECORD stashed before its files leaves them to nobody: the look after each kill sees it."""
    sweep = sweep_of("uninstall", folder)
    stash = Application._stash

    def backwards(application: Application) -> None:
        application.plan = replace(application.plan, stash=application.plan.stash[::-1])
        stash(application)

    monkeypatch.setattr(Application, "_stash", backwards)

    assert "has gone before its files" in first(sweep.kills())


def test_a_build_that_drops_the_stash_too_early_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stash deleted before the commit point cannot be put back: the sweep of kills sees it."""
    sweep = sweep_of("upgrade", folder)
    commit = Application.commit

    def early(application: Application) -> None:
        remove_tree(application.files, f"{application.home}/stash")
        commit(application)

    monkeypatch.setattr(Application, "commit", early)

    assert "neither old" in first(sweep.kills())


def test_a_build_that_overwrites_a_foreign_file_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback that puts old files over somebody else's is seen by the sweep with such files."""
    sweep = sweep_of("uninstall", folder)

    def over(files: FileSystem, source: str, target: str) -> bool:
        if files.status(target) is not None:
            files.unlink(target)
        files.link_new(source, target)
        return True

    monkeypatch.setattr(restoration, "put_back", over)

    assert "is not what they wrote any more" in first(sweep.kills_and_intrusions())


def test_a_build_that_trusts_the_times_of_a_copy_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was placed and then copied is still ours: the sweep of moves sees who leaves it."""
    sweep = sweep_of("upgrade", folder)
    begin = Identity.__init__

    def never_copied(
        self: Identity, files: FileSystem, journal: Journal, roots: Iterable[str] = ()
    ) -> None:
        begin(self, files, journal, roots)
        self.copied = False

    monkeypatch.setattr(Identity, "__init__", never_copied)

    assert "copied with new times: neither old" in first(sweep.kills_and_moves(turn=2))


def test_a_build_that_drops_what_gave_way_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old file that cannot be put back has to be kept: the sweep with foreign files sees it."""
    sweep = sweep_of("uninstall", folder)

    def drop(restoration: Restoration, item: StashItem, _reason: str) -> None:
        remove_tree(restoration.files, restoration._identity.stashed(item))

    monkeypatch.setattr(Restoration, "to_trash", drop)

    assert "is kept nowhere" in first(sweep.kills_and_intrusions())


def test_a_build_that_leaves_errors_to_the_next_run_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is not undone in the same process is seen by the sweep of errors."""
    sweep = sweep_of("install-copy", folder)
    monkeypatch.setattr(Application, "undo", lambda _application: None)

    assert "refused, but not old at once" in first(sweep.errors(every=5))


def test_a_build_that_puts_nothing_back_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback that removes what is new and restores nothing is seen by the sweep of kills."""
    sweep = sweep_of("uninstall", folder)
    monkeypatch.setattr(Restoration, "restore", lambda _restoration, _item: None)

    assert "neither old" in first(sweep.kills())
