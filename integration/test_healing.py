"""An environment that was damaged is whole again after what ``check`` says was typed.

Each test damages an environment in one way, runs ``check --full``, types the commands that
it names, in a shell, and runs ``check`` again until there is nothing to find. Nothing else
is done, so each ``fix`` has to be a command that works.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from integration.support.command import Command, Fault
from integration.support.peers import pip_install, uv_install
from integration.support.records import dist_info_of, record_problems
from integration.support.samples import make_sample
from integration.support.turns import INSTALLERS, in_turn
from integration.test_damage import DAMAGES, kill_uv_at, name_of, pip_killed_in_uninstall
from tests.support.gates import require
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.environments import Venv

ROUNDS = 4
"""So many times what is named is typed; the last check has to find nothing."""
SHELL = 'linkinstall() { "$PYTHON_OF_TEST" -m linkinstall "$@"; }\n'


def replace(path: Path, data: bytes) -> None:
    """Put other contents at a path under a new inode: the cache is not touched."""
    path.unlink()
    path.write_bytes(data)


def edited(venv: Venv) -> None:
    """Replace a module by an editor that writes a new file."""
    replace(venv.library / "sample/__init__.py", b"edited = True\n")


def edited_in_place(venv: Venv) -> None:
    """Append to a module in place: through a hard link the cache's file changes, too."""
    with (venv.library / "sample/data.txt").open("a") as stream:
        stream.write("edited\n")


def swapped(venv: Venv) -> None:
    """Exchange two files."""
    one, two = venv.library / "sample/data.txt", venv.library / "sample/__init__.py"
    one_data, two_data = one.read_bytes(), two.read_bytes()
    replace(one, two_data)
    replace(two, one_data)


def truncated(venv: Venv) -> None:
    """Leave a file with nothing in it."""
    replace(venv.library / "sample/deep/er/module.py", b"")


def folder_deleted(venv: Venv) -> None:
    """Delete a folder of the package."""
    shutil.rmtree(venv.library / "sample/deep")


def package_deleted(venv: Venv) -> None:
    """Delete the package, and leave the metadata."""
    shutil.rmtree(venv.library / "sample")


def script_deleted(venv: Venv) -> None:
    """Delete the launcher of the entry point."""
    (venv.scripts / "sample").unlink()


def script_edited(venv: Venv) -> None:
    """Edit a script."""
    replace(venv.scripts / "sample-run", b"#!/bin/sh\nexit 1\n")


def data_edited(venv: Venv) -> None:
    """Edit a file that lies below the data folder alone."""
    replace(venv.root / "share/sample/readme.txt", b"edited\n")


def link_to_nothing(venv: Venv) -> None:
    """Put a link to nothing in the place of a module."""
    path = venv.library / "sample/__init__.py"
    path.unlink()
    path.symlink_to("nowhere.py")


def file_became_folder(venv: Venv) -> None:
    """Put a folder with a file in the place of a module."""
    path = venv.library / "sample/__init__.py"
    path.unlink()
    path.mkdir()
    (path / "notes.txt").write_text("mine\n")


def folder_became_file(venv: Venv) -> None:
    """Put a file in the place of the package."""
    shutil.rmtree(venv.library / "sample")
    (venv.library / "sample").write_text("mine\n")


def mode_taken_away(venv: Venv) -> None:
    """Make a module unreadable: of a copy, so that the cache keeps its mode."""
    path = venv.library / "sample/__init__.py"
    replace(path, path.read_bytes())
    path.chmod(0)


def scripts_not_executable(venv: Venv) -> None:
    """Take the executable bits of all scripts, as a copy without modes does."""
    for name in ("sample", "sample-run"):
        (venv.scripts / name).chmod(0o644)


def record_cut_between_rows(venv: Venv) -> None:
    """Leave only the first row of RECORD."""
    path = dist_info_of(venv.library, "sample") / "RECORD"
    replace(path, path.read_bytes().splitlines(keepends=True)[0])


def second_dist_info(venv: Venv) -> None:
    """Leave a second dist-info, as a killed upgrade does."""
    twin = venv.library / "sample-0.9.dist-info"
    twin.mkdir()
    (twin / "METADATA").write_text("Metadata-Version: 2.1\nName: sample\nVersion: 0.9\n")


def other_leftovers(venv: Venv) -> None:
    """Leave compiled files without source, an empty dist-info, and a temporary name of uv."""
    orphans = venv.library / "lost" / "__pycache__"
    orphans.mkdir(parents=True)
    (orphans / "a.cpython-311.pyc").write_bytes(b"left")
    (venv.library / "lost-2.0.dist-info").mkdir()
    (venv.library / ".tmpAb12Cd").mkdir()


def whole_metadata_gone(venv: Venv) -> None:
    """Delete METADATA, WHEEL and RECORD."""
    for name in ("METADATA", "WHEEL", "RECORD"):
        (dist_info_of(venv.library, "sample") / name).unlink()


MORE = [
    edited, edited_in_place, swapped, truncated, folder_deleted, package_deleted, script_deleted,
    script_edited, data_edited, link_to_nothing, file_became_folder, folder_became_file,
    mode_taken_away, scripts_not_executable, record_cut_between_rows, second_dist_info,
    other_leftovers, whole_metadata_gone,
]  # fmt: skip
ALL = [*(damage for damage, _code, _health in DAMAGES), *MORE]


def typed(command: Command, text: str) -> str:
    """Type a command in a shell, with ``linkinstall`` on its path, and return what it prints."""
    done = subprocess.run(
        ["bash", "-c", SHELL + text],
        env={**command.environ(), "PYTHON_OF_TEST": sys.executable},
        cwd=command.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def heal(command: Command, venv: Venv) -> None:
    """Check, type what is named, and check again, until there is nothing to find."""
    form: dict[str, Any] = {}
    for turn in range(ROUNDS):
        form = command.json("check", "--full", "--python", venv.root, status=(0, 1))
        fixes = list(dict.fromkeys(one["fix"] for one in form["findings"]))
        if not fixes:
            assert turn > 0, "the damage was not found"
            return
        assert all(fixes), form["findings"]
        # What the first one mends may have been found by several codes, with other fixes.
        typed(command, fixes[0])
    raise AssertionError(form["findings"])


def payload(venv: Venv) -> dict[str, bytes]:
    """Return the contents of what any installer places alike: the package and its data."""
    places = [venv.library / "sample", venv.root / "share"]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files if path.suffix != ".pyc"}


def test_there_are_twenty_ways() -> None:
    """The issue asks for at least twenty."""
    assert 20 <= len(set(ALL))


@pytest.mark.parametrize(
    ("damage", "installed"),
    in_turn([(damage,) for damage in ALL], INSTALLERS, name=name_of),
    indirect=["installed"],
)
def test_what_check_names_mends_it(
    damage: Callable[[Venv], None], linkinstall: Command, installed: Venv, sample: Path
) -> None:
    """Whoever installed it, and whatever was done to it, it is whole in the end."""
    linkinstall.run("cache", "add", sample)
    before = payload(installed)
    damage(installed)
    heal(linkinstall, installed)

    listed = linkinstall.run("list", "--python", installed.root).lines
    if damage is pip_killed_in_uninstall:  # nothing tells any more that it was to be there
        assert [] == listed
        return
    assert ["sample 1.0 whole"] == listed
    assert [] == record_problems(installed.library, dist_info_of(installed.library, "sample"))
    assert before.items() <= payload(installed).items()  # what was moved aside is there, too
    done = subprocess.run([installed.scripts / "sample"], check=True, capture_output=True)
    assert b"hello\n" == done.stdout


@pytest.mark.parametrize("point", [5, 9, 14])
@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_ours_killed(
    verb: str, point: int, linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """After a kill of ours ``check`` names ``recover``, and that is all it takes."""
    wheel = make_sample(wheelhouse)
    linkinstall.run("install", "--python", venv.root, wheel)
    newer = make_sample(wheelhouse, "2.0")
    linkinstall.run("cache", "add", newer)
    subject = newer if verb == "install" else "sample"
    fault = Fault(point=point, action="kill", inside="site-packages")
    linkinstall.run(verb, "--python", venv.root, subject, faults=(fault,), status=-9)
    form = linkinstall.json("check", "--python", venv.root, status=1)
    assert {f"linkinstall recover --python {venv.root}"} == {
        one["fix"] for one in form["findings"] if one["code"] == "unfinished-transaction"
    }
    heal(linkinstall, venv)


@pytest.mark.parametrize("point", [3, 6, 9, 12])
def test_uv_killed(point: int, linkinstall: Command, venv: Venv, sample: Path) -> None:
    """A real uninstall by uv that is killed is undone by what ``check`` names."""
    linkinstall.run("cache", "add", sample)
    uv_install(venv, [sample])
    before = payload(venv)
    kill_uv_at(venv, point)
    heal(linkinstall, venv)

    assert before == payload(venv)


@pytest.mark.parametrize("point", [2, 3])
def test_pip_killed(point: int, linkinstall: Command, venv: Venv, sample: Path) -> None:
    """After a real uninstall by pip that is killed, nothing is left to find."""
    require(shutil.which("strace") is not None, "strace is installed")
    linkinstall.run("cache", "add", sample)
    pip_install(venv, [sample])
    inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=rename"]
    inject += ["-e", f"inject=rename:signal=KILL:when={point}"]
    remove = [sys.executable, "-m", "pip", "--isolated", "--python", str(venv.python)]
    remove += ["uninstall", "--yes", "sample"]
    done = subprocess.run([*inject, *remove], check=False, capture_output=True)
    assert done.returncode != 0, "pip ends before that"
    heal(linkinstall, venv)


def test_a_file_that_two_distributions_list(
    linkinstall: Command, venv: Venv, sample: Path, wheelhouse: Path
) -> None:
    """Where one has overwritten another's file, the commands leave the one that is asked about."""
    rival = make_wheel(wheelhouse, "rival", files={"sample/data.txt": "theirs\n"})
    linkinstall.run("install", "--python", venv.root, sample)
    linkinstall.run("install", "--python", venv.root, "--overwrite-existing", rival)
    heal(linkinstall, venv)

    assert ["sample 1.0 whole"] == linkinstall.run("list", "--python", venv.root).lines


def test_without_a_cache_the_fix_says_which_wheel(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """Where nothing is at hand, the command works with the wheel that it asks for."""
    wheel = make_sample(wheelhouse)
    linkinstall.run("install", "--python", venv.root, "--direct-url", "none", wheel)
    shutil.rmtree(linkinstall.cache)
    package_deleted(venv)
    (fix,) = {
        one["fix"] for one in linkinstall.json("check", "--python", venv.root, status=1)["findings"]
    }
    assert fix.endswith("--from WHEEL  # WHEEL: the wheel file of sample 1.0")
    typed(linkinstall, fix.replace("WHEEL ", f"{wheel} ", 1))

    assert [] == linkinstall.json("check", "--full", "--python", venv.root)["findings"]
