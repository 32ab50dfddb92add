"""The scenarios U3, U4, U6, U8, U17 and U20: an uninstall that is stopped, and what follows."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from integration.support.command import Fault
from integration.support.records import dist_info_of, dist_infos, record_problems
from integration.support.samples import make_sample
from integration.support.stages import Stage
from integration.support.trees import differences
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.environments import Venv
    from integration.support.trees import Tree

POINTS = 6
STATE = "/.linkinstall/"


@pytest.fixture(params=["hardlink", "copy"])
def removal(
    request: pytest.FixtureRequest, linkinstall: Command, venv: Venv, wheelhouse: Path
) -> Stage:
    """Give the uninstall of two of three projects, to be stopped at chosen calls."""
    wheels = [make_sample(wheelhouse), *(make_wheel(wheelhouse, name) for name in ("one", "two"))]
    linkinstall.run("install", "--python", venv.root, "--link-mode", request.param, *wheels)
    (venv.library / "sample" / "settings.ini").write_text("of the user")
    return Stage(linkinstall, venv, "uninstall", "sample", "one")


def test_u3_after_a_kill_recover_leaves_old_or_new(removal: Stage) -> None:
    """U3: an uninstall killed at any call ends, after recovery, exactly old or exactly new."""
    for point in removal.points(POINTS):
        removal.run(removal.fault(point, "kill"), status=-9)
        removal.command.run("recover", "--python", removal.venv.root)
        assert removal.state() in {"before", "after"}, f"point {point}"


def test_u3_after_a_kill_the_same_command_ends_with_new(removal: Stage) -> None:
    """U3: an uninstall killed at any call can be repeated, and ends exactly new."""
    for point in removal.points(POINTS):
        removal.run(removal.fault(point, "kill"), status=-9)
        removal.command.run(*removal.arguments)
        assert "after" == removal.state(), f"point {point}"


def test_u3_other_tools_have_a_sane_view_after_a_kill(removal: Stage) -> None:
    """U3: at no point is there a dist-info without METADATA, or with METADATA and no RECORD."""
    for point in removal.points(POINTS):
        removal.run(removal.fault(point, "kill"), status=-9)
        for dist_info in dist_infos(removal.venv.library):
            names = {path.name for path in dist_info.iterdir()}
            assert {"METADATA", "RECORD"} <= names, f"point {point}: {dist_info.name}"


def test_u3_recovery_that_is_killed_itself_can_be_repeated(removal: Stage) -> None:
    """U3: recovery survives being killed, and the run after it ends exactly old or new."""
    python = ("--python", removal.venv.root)
    middle = removal.points_before_commit(3)[1]
    for point in (1, 2, 4, 8):
        removal.run(removal.fault(middle, "kill"), status=-9)
        fault = removal.fault(point, "kill")
        removal.command.run("recover", *python, status=(0, -9), faults=(fault,))
        removal.command.run("recover", *python)
        assert removal.state() in {"before", "after"}, f"point {point}"


def test_u3_recover_finish_finishes_a_removal(removal: Stage) -> None:
    """U3: ``recover --finish`` before the commit point finishes a removal."""
    finished = 0
    for point in removal.points(POINTS):
        removal.run(removal.fault(point, "kill"), status=-9)
        form = removal.command.json("recover", "--finish", "--python", removal.venv.root)
        if form["recovered"]:
            finished += 1
            assert ["finished"] == [one["action"] for one in form["recovered"]]
            assert "after" == removal.state(), f"point {point}"
        else:
            assert removal.state() in {"before", "after"}, f"point {point}"
    assert finished > 0


def test_u3_recover_finish_finishes_an_install_whose_entry_is_good(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """U3: ``recover --finish`` finishes an install while its entry is good, else rolls back."""
    linkinstall.run("cache", "add", sample)
    stage = Stage(linkinstall, venv, "install", sample)
    python = ("--python", venv.root)
    late = stage.points_before_commit(8)[-3:]
    for point in late:
        stage.run(stage.fault(point, "kill"), status=-9)
        form = linkinstall.json("recover", "--finish", *python)
        assert ["finished"] == [one["action"] for one in form["recovered"]], f"point {point}"
        assert "after" == stage.state(), f"point {point}"

    stage.run(stage.fault(late[0], "kill"), status=-9)
    subprocess.run(["rm", "-rf", linkinstall.cache], check=True)
    form = linkinstall.json("recover", "--finish", *python, status=1)
    assert ["rolled-back"] == [one["action"] for one in form["recovered"]]
    assert "before" == stage.state()


def test_u4_an_error_while_restoring_is_reported_and_the_next_run_restores(
    removal: Stage,
) -> None:
    """U4: an error while restoring does not stop the rest, is told with status 3, and mended."""
    unsettled = 0
    middle = removal.points_before_commit(4)[2]
    for later in (1, 2, 3):
        faults = (removal.fault(middle, "EIO"), removal.fault(middle + later, "EIO", lasting=True))
        told = removal.run(*faults, status=(1, 3))
        if told.status == 1:
            assert "before" == removal.state(), str(told)
            continue
        unsettled += 1
        error = told.form["error"]
        assert ("unsettled", "unsettled") == (told.form["status"], error["state"])
        assert error["next"]
        left = removal.command.run("check", "--python", removal.venv.root, status=1)
        assert "unfinished-transaction" in left.out
        removal.command.run("recover", "--python", removal.venv.root)
        assert "before" == removal.state()
    assert unsettled > 0


def test_u4_a_verb_whose_recovery_fails_does_not_start(removal: Stage, wheelhouse: Path) -> None:
    """U4: where recovery fails, the verb does not begin its own work and exits with 3."""
    middle = removal.points_before_commit(3)[1]
    removal.run(removal.fault(middle, "kill"), status=-9)
    wheel = make_wheel(wheelhouse, "newcomer")
    fault = Fault(1, "EIO", inside="/.linkinstall", lasting=True)
    given = ["install", "--python", removal.venv.root, wheel]
    form = removal.command.json(*given, status=3, faults=(fault,))

    assert "unsettled" == form["status"]
    assert not (removal.venv.library / "newcomer").exists()
    removal.command.run("recover", "--python", removal.venv.root)
    assert "before" == removal.state()


@pytest.mark.parametrize(("signal", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_u5_a_signal_rolls_an_uninstall_back(removal: Stage, signal: str, status: int) -> None:
    """U5: Ctrl-C and SIGTERM in an uninstall give 130 and 143 and the old tree."""
    statuses = []
    for point in [*removal.points_before_commit(3), len(removal.calls)]:
        told = removal.run(removal.fault(point, signal), status=(0, status))
        statuses.append(told.status)
        assert removal.state() == ("after" if told.status == 0 else "before"), f"{point}: {told}"
    assert [status] * 2 == statuses[:2]


def test_u6_what_cannot_be_deleted_yet_waits_in_the_trash(removal: Stage) -> None:
    """U6: a busy file is a warning; it is named, listed by check, and swept by a later run."""
    deleted = [one[1] for one in removal.calls if one[0] == "os.remove" and STATE in one[1]]
    name = os.path.basename(deleted[0])
    told = removal.run(Fault(0, "EBUSY", event="os.remove", inside=STATE, name=name), status=0)
    form = told.form
    assert form["pending"], str(told)
    assert {"path", "moved_to", "holders"} == form["pending"][0].keys()
    assert form["pending"][0]["moved_to"] in told.err
    found = removal.command.json("check", "--python", removal.venv.root, status=1)["findings"]
    assert "trash" in {one["code"] for one in found}

    removal.command.run("recover", "--python", removal.venv.root)
    assert "after" == removal.state()


def test_u8_two_dist_infos_of_one_project(
    linkinstall: Command, venv: Venv, bare: Tree, wheelhouse: Path
) -> None:
    """U8: a second dist-info of a project is found by check, and uninstall removes both."""
    old, new = make_sample(wheelhouse), make_sample(wheelhouse, "2.0")
    for wheel in (old, new):
        # What uv leaves when it is killed between the new files and the old metadata.
        linkinstall.run("install", "--python", venv.root, wheel)
        if wheel is old:
            kept = dist_info_of(venv.library, "sample")
            subprocess.run(["cp", "-a", kept, venv.root / "kept"], check=True)
    (venv.root / "kept").rename(venv.library / "sample-1.0.dist-info")
    found = linkinstall.json("check", "--python", venv.root, status=1)["findings"]
    assert "duplicate" in {one["code"] for one in found if one["distribution"] == "sample"}

    linkinstall.run("uninstall", "--python", venv.root, "sample")
    assert [] == differences(bare, venv.snapshot())


def test_u8_an_install_over_two_dist_infos_leaves_one(
    linkinstall: Command, venv: Venv, bare: Tree, wheelhouse: Path
) -> None:
    """U8: installing over a duplicate leaves one whole distribution."""
    old, new = make_sample(wheelhouse), make_sample(wheelhouse, "2.0")
    linkinstall.run("install", "--python", venv.root, old)
    subprocess.run(
        ["cp", "-a", dist_info_of(venv.library, "sample"), venv.root / "kept"], check=True
    )
    linkinstall.run("install", "--python", venv.root, new)
    (venv.root / "kept").rename(venv.library / "sample-1.0.dist-info")
    linkinstall.run("install", "--python", venv.root, new)

    assert ["sample-2.0.dist-info"] == [path.name for path in dist_infos(venv.library)]
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))
    assert [] == venv.strays(bare)


def test_u17_a_rollback_after_the_commit_is_an_error_and_no_damage(removal: Stage) -> None:
    """U17: ``recover --rollback`` after the commit point exits 1, says so, and finishes."""
    python = ("--python", removal.venv.root)
    for point in (removal.commit + 1, (removal.commit + len(removal.calls)) // 2):
        removal.run(removal.fault(point, "kill"), status=-9)
        told = removal.command.run("recover", "--rollback", *python, status=1)
        assert "already committed; finished" in told.err
        assert "after" == removal.state(), f"point {point}"
        again = removal.command.json("recover", *python)
        assert [] == again["recovered"]


def test_u17_a_rollback_before_the_commit_puts_the_old_tree_back(removal: Stage) -> None:
    """U17: ``recover --rollback`` up to the commit point exits 0 and says what it did."""
    removal.run(removal.fault(removal.commit, "kill"), status=-9)
    form = removal.command.json("recover", "--rollback", "--python", removal.venv.root)

    assert ["rolled-back"] == [one["action"] for one in form["recovered"]]
    assert "before" == removal.state()


def test_nothing_to_recover_is_no_error(linkinstall: Command, venv: Venv) -> None:
    """``recover`` with nothing to do exits 0 and writes nothing but the lock."""
    before = venv.snapshot()
    form = linkinstall.json("recover", "--python", venv.root)

    assert ([], 0) == (form["recovered"], form["exit"])
    assert [] == differences(before, venv.snapshot())
