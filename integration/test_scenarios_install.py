"""The scenarios I1, I2, I6, I7, U5 and U18: an install that is stopped, and one over another."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from integration.support.records import dist_info_of, dist_infos, record_problems
from integration.support.samples import make_broken, make_sample
from integration.support.small_volume import run_on_small_volume
from integration.support.stages import Stage
from integration.support.trees import differences
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.environments import Venv
    from integration.support.trees import Tree

POINTS = 6
CHANGES = ["install", "reinstall", "upgrade"]
NEXT_RUNS = ["recover", "same", "other"]


def is_whole(venv: Venv, project: str = "sample") -> bool:
    """Whether a project stands in the environment as its RECORD says."""
    return [] == record_problems(venv.library, dist_info_of(venv.library, project))


def make_stage(change: str, linkinstall: Command, venv: Venv, wheelhouse: Path) -> Stage:
    """Return a first install, a reinstall or an upgrade of ``sample``, beside another project."""
    old, new = make_sample(wheelhouse), make_sample(wheelhouse, "2.0")
    beside = make_wheel(wheelhouse, "beside")
    linkinstall.run("install", "--python", venv.root, beside)
    if change != "install":
        linkinstall.run("install", "--python", venv.root, "--link-mode", "copy", old)
    if change == "reinstall":
        (venv.library / "sample/data.txt").write_text("changed by somebody")
    linkinstall.run("cache", "add", old, new)
    wheel = old if change == "reinstall" else new
    return Stage(linkinstall, venv, "install", "--reinstall", wheel)


@pytest.fixture(params=CHANGES)
def stage(
    request: pytest.FixtureRequest, linkinstall: Command, venv: Venv, wheelhouse: Path
) -> Stage:
    """Give each of the changes in turn."""
    return make_stage(request.param, linkinstall, venv, wheelhouse)


def test_i1_after_a_kill_recover_leaves_old_or_new(stage: Stage) -> None:
    """I1: killed at any call, ``recover`` brings the tree to exactly old or exactly new."""
    states = set()
    for point in stage.points(POINTS):
        stage.run(stage.fault(point, "kill"), status=-9)
        form = stage.command.json("recover", "--python", stage.venv.root)
        states.add(stage.state())
        assert stage.state() in {"before", "after"}, f"point {point}"
        actions = [one["action"] for one in form["recovered"]]
        assert ("rolled-back" not in actions) or stage.state() == "before", f"point {point}"
        assert ("finished" not in actions) or stage.state() == "after", f"point {point}"
        again = stage.command.json("recover", "--python", stage.venv.root)
        assert [] == again["recovered"], f"point {point}"
    assert "before" in states


@pytest.mark.parametrize("change", CHANGES)
def test_i1_after_a_kill_the_same_command_ends_with_new(
    change: str, linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """I1: killed at any call, the same command run again ends with exactly the new tree."""
    stage = make_stage(change, linkinstall, venv, wheelhouse)
    for point in stage.points(POINTS):
        stage.run(stage.fault(point, "kill"), status=-9)
        linkinstall.run(*stage.arguments)
        assert "after" == stage.state(), f"point {point}"


def test_i1_after_a_kill_another_verb_recovers_first_and_says_so(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """I1: the next changing verb settles what a kill left, reports it, and does its own work."""
    stage = make_stage("upgrade", linkinstall, venv, wheelhouse)
    reported = 0
    for point in stage.points(POINTS):
        stage.run(stage.fault(point, "kill"), status=-9)
        form = linkinstall.json("uninstall", "--python", venv.root, "beside")
        reported += len(form["recovered"])
        assert is_whole(venv), f"point {point}"
        assert [] == dist_infos(venv.library, "beside"), f"point {point}"
    assert reported > 0


def test_i1_a_kill_is_seen_by_check_and_list_which_change_nothing(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """I1: between the kill and the next run, ``check`` names it and the readers change nothing."""
    stage = make_stage("upgrade", linkinstall, venv, wheelhouse)
    middle = stage.points_before_commit(3)[1]
    stage.run(stage.fault(middle, "kill"), status=-9)
    left = venv.snapshot()
    found = linkinstall.json("check", "--python", venv.root, status=1)["findings"]
    linkinstall.run("list", "--python", venv.root)

    assert "unfinished-transaction" in {one["code"] for one in found}
    assert [] == differences(left, venv.snapshot())


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("name", ["ENOSPC", "EACCES", "EIO"])
def test_i2_an_error_on_the_way_restores_the_old_version(
    name: str,
    lasting: bool,  # noqa: FBT001 a parameter of the test
    linkinstall: Command,
    venv: Venv,
    wheelhouse: Path,
) -> None:
    """I2: an error at any call leaves the old version whole, or is got over completely.

    A disk that stays broken may keep us from putting things back: then the exit status is 3
    and the next run does it.
    """
    stage = make_stage("upgrade", linkinstall, venv, wheelhouse)
    for point in stage.points(POINTS):
        told = stage.run(stage.fault(point, name, lasting=lasting), status=(0, 1, 3))
        form = told.form
        if told.status == 3:
            assert lasting, str(told)
            assert ("unsettled", "unsettled") == (form["status"], form["error"]["state"])
            assert form["error"]["next"]
            linkinstall.run("recover", "--python", venv.root)
            assert stage.state() in {"before", "after"}, f"point {point}"
        elif told.status == 1:
            assert ("failed", "unchanged") == (form["status"], form["error"]["state"])
            if lasting:
                # What was made before the journal stands in the way of nobody, but is swept.
                linkinstall.run("recover", "--python", venv.root)
            assert "before" == stage.state(), f"point {point}: {told}"
        else:
            linkinstall.run("recover", "--python", venv.root)
            assert "after" == stage.state(), f"point {point}: {told}"


def test_i2_a_disk_that_is_really_full_leaves_the_old_version(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """I2: an upgrade for which the volume has no room is undone at once, in the same process."""
    old = make_sample(wheelhouse)
    large = {f"sample/large{number}.bin": os.urandom(40_000) for number in range(20)}
    told = run_on_small_volume(
        linkinstall, venv.root, old, make_sample(wheelhouse, "2.0", dict(large))
    )

    assert 1 == told["status"]
    assert ("failed", "unchanged") == (told["form"]["status"], told["form"]["error"]["state"])
    assert [] == told["right_after"]
    assert [] == told["after_recover"]


def test_i2_the_error_names_the_path(linkinstall: Command, venv: Venv, wheelhouse: Path) -> None:
    """I2: a failure names the path it happened at and what state the environment is in."""
    stage = make_stage("upgrade", linkinstall, venv, wheelhouse)
    links = [place for place, call in enumerate(stage.calls, 1) if call[0] == "os.link"]
    told = stage.run(stage.fault(links[len(links) // 2], "EIO", lasting=False), status=1)
    error = told.form["error"]

    # A link has two ends, and the system does not say which of them it is about.
    assert str(venv.root) in json.dumps(error) or "/cache/" in error["message"]
    assert "unchanged" == error["state"]


@pytest.mark.parametrize(("signal", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("change", CHANGES)
def test_u5_a_signal_on_the_way_rolls_back(
    change: str, signal: str, status: int, linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """U5: Ctrl-C and SIGTERM before the commit point give 130 and 143 and the old tree."""
    stage = make_stage(change, linkinstall, venv, wheelhouse)
    statuses = []
    points = stage.points_before_commit(3)
    for point in [*points, len(stage.calls)]:
        told = stage.run(stage.fault(point, signal), status=(0, status))
        statuses.append(told.status)
        expected = "after" if told.status == 0 else "before"
        assert expected == stage.state(), f"point {point}: {told}"
    assert [status] * 2 == statuses[:2]


def test_i6_reinstalling_the_same_version_works(
    linkinstall: Command, venv: Venv, bare: Tree, sample: Path
) -> None:
    """I6: the same wheel over itself is nothing to do; --reinstall puts it there anew."""
    given = ["install", "--python", venv.root, sample]
    linkinstall.run(*given)
    before = venv.snapshot(inodes=True)
    same = linkinstall.json(*given)
    assert ("unchanged", "unchanged") == (same["status"], same["changes"][0]["action"])
    assert [] == differences(before, venv.snapshot(inodes=True))

    again = linkinstall.json(*given, "--reinstall")
    assert ("done", "reinstalled") == (again["status"], again["changes"][0]["action"])
    assert is_whole(venv)
    assert [] == venv.strays(bare)


def test_i6_reinstall_mends_what_was_changed(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """I6: --reinstall brings a changed file back, and leaves the user's edit nowhere."""
    given = ["install", "--python", venv.root, "--link-mode", "copy", sample]
    linkinstall.run(*given)
    (venv.library / "sample/__init__.py").write_text("broken(")
    linkinstall.run(*given, "--reinstall")

    assert is_whole(venv)


def test_i6_other_contents_under_the_same_version_are_installed(
    linkinstall: Command, venv: Venv, bare: Tree, wheelhouse: Path
) -> None:
    """I6: a rebuilt wheel of the same version replaces the first one without a flag."""
    linkinstall.run("install", "--python", venv.root, make_sample(wheelhouse))
    rebuilt = make_sample(wheelhouse, more={"sample/data.txt": "rebuilt\n"})
    form = linkinstall.json("install", "--python", venv.root, rebuilt)

    assert "replaced" == form["changes"][0]["action"]
    assert "rebuilt\n" == (venv.library / "sample/data.txt").read_text()
    assert is_whole(venv)
    assert [] == venv.strays(bare)


def test_i6_an_upgrade_and_a_downgrade_leave_nothing_of_the_other_version(
    linkinstall: Command, venv: Venv, bare: Tree, wheelhouse: Path
) -> None:
    """I6: upgrade and downgrade replace the whole project; its own new files are no conflict."""
    old = make_sample(wheelhouse, more={"sample/only_old.py": "", "shared/one.py": "1"})
    new = make_sample(wheelhouse, "2.0", more={"sample/only_new.py": "", "shared/two.py": "2"})
    linkinstall.run("install", "--python", venv.root, old)
    before = venv.snapshot()
    form = linkinstall.json("install", "--python", venv.root, new)

    change = {"name": "sample", "version": "2.0", "previous": "1.0", "action": "replaced"}
    assert [change] == form["changes"]
    assert not (venv.library / "sample/only_old.py").exists()
    assert not (venv.library / "shared/one.py").exists()
    assert ["sample-2.0.dist-info"] == [one.name for one in dist_infos(venv.library)]
    assert is_whole(venv)
    assert [] == venv.strays(bare)

    linkinstall.run("install", "--python", venv.root, old)
    assert [] == differences(before, venv.snapshot())


@pytest.mark.parametrize("mode", ["hardlink", "symlink", "copy"])
def test_i7_a_file_becomes_a_folder_and_back(
    mode: str, linkinstall: Command, venv: Venv, bare: Tree, wheelhouse: Path
) -> None:
    """I7: an upgrade turns a module into a package and another package into a module."""
    old = make_wheel(wheelhouse, "turn", "1.0", {"turn.py": "A = 1", "back/deep/__init__.py": ""})
    new = make_wheel(wheelhouse, "turn", "2.0", {"turn.py/__init__.py": "A = 2", "back": "now"})
    given = ["install", "--python", venv.root, "--link-mode", mode]
    linkinstall.run(*given, old)
    before = venv.snapshot()
    linkinstall.run(*given, new)
    assert "A = 2" == (venv.library / "turn.py/__init__.py").read_text()
    assert "now" == (venv.library / "back").read_text()
    assert is_whole(venv, "turn")
    assert [] == venv.strays(bare)

    linkinstall.run(*given, old)
    assert [] == differences(before, venv.snapshot())


def test_u18_an_upgrade_to_an_invalid_wheel_keeps_the_old_version(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """U18: when the new wheel turns out to be damaged, the old version is untouched."""
    linkinstall.run("install", "--python", venv.root, make_wheel(wheelhouse, "broken", "0.9"))
    before = venv.snapshot(inodes=True)
    form = linkinstall.json("install", "--python", venv.root, make_broken(wheelhouse), status=1)

    assert ("refused", "unchanged") == (form["status"], form["error"]["state"])
    assert [] == differences(before, venv.snapshot(inodes=True))


def test_u18_one_invalid_wheel_of_a_set_stops_all(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """U18: of ten wheels the last of which is damaged, none is installed."""
    linkinstall.run("install", "--python", venv.root, make_wheel(wheelhouse, "one0", "0.9"))
    before = venv.snapshot(inodes=True)
    wheels = [make_wheel(wheelhouse, f"one{number}") for number in range(9)]
    linkinstall.run("install", "--python", venv.root, *wheels, make_broken(wheelhouse), status=1)

    assert [] == differences(before, venv.snapshot(inodes=True))


def test_u18_a_wheel_that_is_not_there_or_no_wheel_changes_nothing(
    linkinstall: Command, make_environment: Callable[..., Venv], wheelhouse: Path
) -> None:
    """U18: a path without a file, a folder, and a file that is no archive are refused."""
    venv = make_environment("venv")
    before = venv.snapshot()
    wheelhouse.mkdir()
    empty = wheelhouse / "empty-1.0-py3-none-any.whl"
    empty.write_bytes(b"")
    text = wheelhouse / "text-1.0-py3-none-any.whl"
    text.write_text("not a zip archive")
    absent = wheelhouse / "absent-1.0-py3-none-any.whl"
    for path in (empty, text, absent, wheelhouse):
        told = linkinstall.run("install", "--python", venv.root, path, status=(1, 2))
        assert path.name in told.err

    assert [] == differences(before, venv.snapshot())
