"""Damage as other tools leave it: check names it, install mends it, uninstall leaves nothing."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from integration.support.peers import pip_install, uv_install, uv_program
from integration.support.records import (
    dist_info_of,
    dist_infos,
    read_record,
    record_problems,
)
from integration.support.samples import make_sample
from integration.support.trees import differences
from integration.support.turns import INSTALLERS, in_turn
from tests.support.gates import require

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.environments import Venv
    from integration.support.trees import Tree

HALF_REMOVED, HALF_INSTALLED, MODIFIED = "half-removed", "half-installed", "modified"


def delete_as_uv_does(venv: Venv, count: int) -> None:
    """Delete the first files that uv deletes: in the order of RECORD's sorted rows."""
    dist_info = dist_info_of(venv.library, "sample")
    rows = sorted(path for path, _digest, _size in read_record(dist_info))
    for path in rows[:count]:
        (venv.library / path).unlink()


def uv_killed_early(venv: Venv) -> None:
    """Leave what an uninstall of uv leaves that is killed after METADATA, before RECORD."""
    dist_info = dist_info_of(venv.library, "sample")
    rows = sorted(path for path, _digest, _size in read_record(dist_info))
    delete_as_uv_does(venv, rows.index(f"{dist_info.name}/METADATA") + 1)


def uv_killed_after_metadata(venv: Venv) -> None:
    """Leave an empty dist-info with all of the payload: uv deletes metadata first."""
    dist_info = dist_info_of(venv.library, "sample")
    rows = sorted(path for path, _digest, _size in read_record(dist_info))
    delete_as_uv_does(venv, 1 + max(n for n, row in enumerate(rows) if dist_info.name in row))


def uv_killed_late(venv: Venv) -> None:
    """Leave an empty dist-info with half of the payload."""
    dist_info = dist_info_of(venv.library, "sample")
    rows = sorted(path for path, _digest, _size in read_record(dist_info))
    last = max(number for number, row in enumerate(rows) if dist_info.name in row)
    delete_as_uv_does(venv, (last + len(rows)) // 2 + 1)


def metadata_gone(venv: Venv) -> None:
    """Remove METADATA."""
    (dist_info_of(venv.library, "sample") / "METADATA").unlink()


def record_gone(venv: Venv) -> None:
    """Remove RECORD, as an install of pip that is killed before the end leaves it."""
    (dist_info_of(venv.library, "sample") / "RECORD").unlink()


def dist_info_emptied(venv: Venv) -> None:
    """Remove all files of the dist-info folder but not the folder."""
    for path in dist_info_of(venv.library, "sample").iterdir():
        path.unlink()


def payload_gone(venv: Venv) -> None:
    """Remove everything but the metadata, as a hasty hand does."""
    dist_info = dist_info_of(venv.library, "sample")
    for path, _digest, _size in read_record(dist_info):
        if not path.startswith(dist_info.name):
            (venv.library / path).unlink()


def record_truncated(venv: Venv) -> None:
    """Cut RECORD in the middle of a row, as a full disk leaves it."""
    path = dist_info_of(venv.library, "sample") / "RECORD"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[: len(data) // 2])


def record_emptied(venv: Venv) -> None:
    """Leave RECORD with nothing in it, as a power cut does."""
    path = dist_info_of(venv.library, "sample") / "RECORD"
    path.unlink()
    path.write_bytes(b"")


def pip_killed_in_uninstall(venv: Venv) -> None:
    """Leave the folders that pip moves aside (``~ample``) and nothing in their place."""
    dist_info = dist_info_of(venv.library, "sample")
    dist_info.rename(venv.library / f"~{dist_info.name[1:]}")
    (venv.library / "sample").rename(venv.library / "~ample")


def pip_killed_in_upgrade(venv: Venv) -> None:
    """Leave what pip moved aside beside a whole new installation."""
    dist_info = dist_info_of(venv.library, "sample")
    subprocess.run(["cp", "-a", dist_info, venv.library / f"~{dist_info.name[1:]}"], check=True)
    subprocess.run(["cp", "-a", venv.library / "sample", venv.library / "~ample"], check=True)


def is_beside(damage: Callable[[Venv], None], version: str) -> bool:
    """Whether the damage left the installation of 1.0 itself whole."""
    return damage is pip_killed_in_upgrade and version == "1.0"


DAMAGES: list[tuple[Callable[[Venv], None], str, str | None]] = [
    (uv_killed_early, "metadata-missing", HALF_REMOVED),
    (uv_killed_after_metadata, "empty-dist-info", HALF_REMOVED),
    (uv_killed_late, "empty-dist-info", HALF_REMOVED),
    (metadata_gone, "metadata-missing", HALF_REMOVED),
    (record_gone, "record-missing", HALF_INSTALLED),
    (dist_info_emptied, "empty-dist-info", HALF_REMOVED),
    (payload_gone, "missing", HALF_REMOVED),
    (record_truncated, "", None),
    (record_emptied, "", None),
    (pip_killed_in_uninstall, "foreign-leftover", None),
    (pip_killed_in_upgrade, "foreign-leftover", None),
]


def name_of(damage: Callable[[Venv], None], *more: object) -> str:
    """Return the name of a damage, and of a version that comes with it."""
    return "-".join([damage.__name__, *(str(one) for one in more[:1])])


@pytest.mark.parametrize(
    ("damage", "code", "health", "installed"),
    in_turn(DAMAGES, INSTALLERS, name=name_of),
    indirect=["installed"],
)
def test_check_names_the_damage_and_list_the_health(
    damage: Callable[[Venv], None],
    code: str,
    health: str | None,
    linkinstall: Command,
    installed: Venv,
) -> None:
    """``check`` finds what is damaged by its code, with a way to mend it; nothing is written."""
    damage(installed)
    before = installed.snapshot()
    form = linkinstall.json("check", "--python", installed.root, status=1)

    codes = {one["code"] for one in form["findings"]}
    assert code in codes if code else codes
    assert all(one["fix"] for one in form["findings"])
    if health:
        found = {one["health"] for one in form["findings"] if one["distribution"] == "sample"}
        assert {health} == found
        listed = linkinstall.json("list", "--python", installed.root)["distributions"]
        assert {"sample": health} == {one["name"]: one["health"] for one in listed}
    assert [] == differences(before, installed.snapshot())


@pytest.mark.parametrize(
    ("damage", "version", "installed"),
    in_turn(
        [(damage, version) for damage, _code, _health in DAMAGES for version in ("1.0", "2.0")],
        INSTALLERS,
        name=name_of,
    ),
    indirect=["installed"],
)
def test_install_over_the_damage_works_and_uninstall_leaves_nothing(
    damage: Callable[[Venv], None],
    version: str,
    linkinstall: Command,
    installed: Venv,
    bare: Tree,
    wheelhouse: Path,
) -> None:
    """U6: installing over damage needs no flag, ends whole, and all of it can be removed after."""
    damage(installed)
    form = linkinstall.json("install", "--python", installed.root, make_sample(wheelhouse, version))
    # Where only leftovers lie beside a whole installation, there is nothing to do.
    assert form["status"] in ({"done", "unchanged"} if is_beside(damage, version) else {"done"})

    dist_info = dist_info_of(installed.library, "sample")
    assert f"sample-{version}.dist-info" == dist_info.name
    assert [] == record_problems(installed.library, dist_info)
    listed = linkinstall.run("list", "--python", installed.root).lines
    assert [f"sample {version} whole"] == listed
    linkinstall.run("uninstall", "--python", installed.root, "sample")
    assert [] == differences(bare, installed.snapshot())


@pytest.mark.parametrize(
    ("damage", "installed"),
    in_turn([(damage,) for damage, _code, _health in DAMAGES], INSTALLERS, name=name_of),
    indirect=["installed"],
)
def test_other_projects_work_on_beside_the_damage(
    damage: Callable[[Venv], None], linkinstall: Command, installed: Venv, wheelhouse: Path
) -> None:
    """A damaged project keeps no other one from being installed or removed, and stays as it is."""
    from tests.support.wheels import make_wheel

    damage(installed)
    before = installed.snapshot()
    linkinstall.run("install", "--python", installed.root, make_wheel(wheelhouse, "other"))
    assert [] == record_problems(installed.library, dist_info_of(installed.library, "other"))
    linkinstall.run("uninstall", "--python", installed.root, "other")

    assert [] == differences(before, installed.snapshot())


def test_the_leftovers_are_reported_when_they_are_replaced(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """What a damaged project left and was replaced is told as a warning."""
    pip_install(venv, [sample])
    uv_killed_after_metadata(venv)
    form = linkinstall.json("install", "--python", venv.root, sample)

    assert form["warnings"]
    assert "sample" in str(form["warnings"])


def test_a_file_of_the_user_among_the_leftovers_is_kept(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """Only the new wheel's paths are taken from the leftovers; the user's own file stays."""
    pip_install(venv, [sample])
    added = venv.library / "sample" / "settings.ini"
    added.write_text("of the user")
    dist_info_emptied(venv)
    linkinstall.run("install", "--python", venv.root, sample)

    assert "of the user" == added.read_text()


def test_a_payload_without_any_dist_info_can_be_taken(
    linkinstall: Command, venv: Venv, bare: Tree, sample: Path
) -> None:
    """What pip leaves when it is killed before the metadata is mended, at most with the flag."""
    pip_install(venv, [sample])
    subprocess.run(["rm", "-r", dist_info_of(venv.library, "sample")], check=True)
    told = linkinstall.run("install", "--python", venv.root, sample, status=(0, 1))
    if told.status == 1:
        assert "--overwrite-existing" in told.err
        linkinstall.run("install", "--overwrite-existing", "--python", venv.root, sample)

    assert [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))
    linkinstall.run("uninstall", "--python", venv.root, "sample")
    assert [] == differences(bare, venv.snapshot())


def kill_uv_at(venv: Venv, point: int) -> None:
    """Kill a real uninstall by uv before its n-th unlink, and skip where that cannot be done."""
    inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=unlink,unlinkat"]
    inject += ["-e", f"inject=unlink,unlinkat:signal=KILL:when={point}"]
    uninstall = [uv_program(), "pip", "uninstall", "--no-config", "--python", str(venv.python)]
    require(shutil.which("strace") is not None, "strace is installed")
    done = subprocess.run([*inject, *uninstall, "sample"], check=False, capture_output=True)
    assert done.returncode != 0, f"uv ends before call {point}"


@pytest.mark.parametrize("point", [3, 6, 9, 12])
def test_a_real_uv_that_is_killed_leaves_nothing_that_we_cannot_mend(
    point: int, linkinstall: Command, venv: Venv, bare: Tree, sample: Path
) -> None:
    """uv, killed for real in an uninstall: check names it, install mends it, uninstall empties."""
    uv_install(venv, [sample])
    before = venv.snapshot()
    kill_uv_at(venv, point)
    assert [] != differences(before, venv.snapshot())
    linkinstall.run("check", "--python", venv.root, status=1)
    linkinstall.run("install", "--python", venv.root, sample)
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))
    assert 1 == len(dist_infos(venv.library))

    linkinstall.run("uninstall", "--python", venv.root, "sample")
    assert [] == differences(bare, venv.snapshot())
