"""The command line as its reference page has it: dispatch, exit status, JSON, lines, dry runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration.support.samples import make_broken, make_sample
from integration.support.trees import differences
from tests.support.forms import KEYS, assert_form
from tests.support.gates import require
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.environments import Venv


def test_the_first_word_that_is_no_command_is_a_wheel(
    linkinstall: Command, venv: Venv, python: tuple[str, str], wheelhouse: Path
) -> None:
    """Dispatch: without a command all words are wheels; options stand anywhere."""
    one, two = make_wheel(wheelhouse, "one"), make_wheel(wheelhouse, "two")
    linkinstall.run(one, *python, two)
    assert (venv.library / "one").exists()
    assert (venv.library / "two").exists()

    assert ["one 1.0 whole", "two 1.0 whole"] == linkinstall.run(*python, "list").lines
    assert ["one 1.0 whole", "two 1.0 whole"] == linkinstall.run("list", *python).lines
    linkinstall.run("-q", *python, "uninstall", "one", "two")
    assert [] == linkinstall.run("list", *python).lines


def test_a_wheel_with_the_name_of_a_command_can_be_given(
    linkinstall: Command, venv: Venv, python: tuple[str, str], wheelhouse: Path
) -> None:
    """Dispatch: after ``install`` every word is a wheel, also one after ``--``."""
    wheel = make_wheel(wheelhouse, "list")
    linkinstall.run("install", *python, "--", wheel)

    assert (venv.library / "list").exists()


def test_the_flags_of_installer_work_as_with_installer(
    linkinstall: Command, tmp_path: Path, sample: Path
) -> None:
    """Dispatch: installer's flags, also with ``=``, stand before the wheel as with installer."""
    destdir = tmp_path / "d"
    given = ["--compile-bytecode=0", f"--destdir={destdir}", "--validate-record=entries"]
    linkinstall.run(*given, "--overwrite-existing", sample)
    assert 1 == len(list(destdir.rglob("sample/__init__.py")))

    linkinstall.run("-d", tmp_path / "short", "-p", "/opt/thing", "--no-compile-bytecode", sample)
    assert (tmp_path / "short/opt/thing/bin/sample").exists()


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["install"],
        ["uninstall"],
        ["--no-such-flag"],
        ["install", "--link-mode", "teleport", "a.whl"],
        ["install", "--prefix", "one", "--target", "two", "a.whl"],
        ["install", "--validate-record", "perhaps", "a.whl"],
        ["install", "--lock-timeout", "soon", "a.whl"],
        ["install", "--compile-bytecode", "9", "a.whl"],
        ["cache"],
        ["cache", "melt"],
        ["cache", "add"],
        ["recover", "--rollback", "--finish"],
        ["install", "--purelib"],
    ],
    ids=lambda given: " ".join(given) or "nothing",
)
def test_usage_errors_exit_with_2(linkinstall: Command, given: list[str]) -> None:
    """Exit status 2 and ``error.code`` ``usage`` for words that are off; nothing on stdout."""
    told = linkinstall.run(*given, status=2)
    assert "" == told.out
    assert told.err

    form = linkinstall.json(*given, status=2)
    command = given[0] if given and not given[0].startswith("-") else "install"
    assert form["command"].split()[0] == command
    assert_form(form, form["command"], 2)
    assert "usage" == form["error"]["code"]
    assert not linkinstall.cache.exists()


def test_help_and_version_are_results(linkinstall: Command) -> None:
    """``--help`` and ``--version`` go to standard output with exit status 0."""
    assert "usage" in linkinstall.run("--help").out.lower()
    for command in ("install", "uninstall", "recover", "list", "check", "cache"):
        assert command in linkinstall.run(command, "--help").out
    assert re.search(r"\d+\.\d+", linkinstall.run("--version").out)


def test_json_of_every_command_has_every_key(
    linkinstall: Command, python: tuple[str, str], sample: Path
) -> None:
    """--json: one object with all keys, for each command, on success."""
    assert_form(linkinstall.json("install", *python, sample), "install", 0)
    assert_form(linkinstall.json("install", *python, sample), "install", 0)
    assert_form(linkinstall.json("recover", *python), "recover", 0)
    assert_form(linkinstall.json("list", *python), "list", 0, "distributions")
    assert_form(linkinstall.json("check", *python), "check", 0, "findings")
    for word, more in (("dir", ()), ("info", ("cache",))):
        form = linkinstall.json("cache", word)
        assert {*KEYS, *more} <= form.keys()
    assert {*KEYS} <= linkinstall.json("cache", "add", sample).keys()
    assert_form(linkinstall.json("uninstall", *python, "sample"), "uninstall", 0)


def test_json_of_failures_has_every_key(
    linkinstall: Command, venv: Venv, python: tuple[str, str], wheelhouse: Path
) -> None:
    """--json: a refusal is the same object, with the error and the environment in it."""
    wheel = make_wheel(wheelhouse, "lonely", "1.0", {"lonely.py": ""})
    (venv.library / "lonely.py").write_text("of the user")
    form = linkinstall.json("install", *python, wheel, status=1)
    assert_form(form, "install", 1)
    assert str(venv.root) == form["environment"]["root"]
    assert [str(venv.library / "lonely.py")] == [one["path"] for one in form["error"]["problems"]]
    assert form["error"]["next"]

    assert_form(linkinstall.json(*python, make_broken(wheelhouse), status=1), "install", 1)
    absent = linkinstall.json("list", "--python", wheelhouse / "absent", status=(1, 2))
    assert {*KEYS} <= absent.keys()


def test_json_tells_what_was_done(
    linkinstall: Command, venv: Venv, python: tuple[str, str], wheelhouse: Path
) -> None:
    """--json: changes, counts of files and compiled files, and the environment's paths."""
    form = linkinstall.json("install", *python, "--link-mode", "hardlink", make_sample(wheelhouse))

    change = {"name": "sample", "version": "1.0", "previous": None, "action": "installed"}
    assert [change] == form["changes"]
    assert str(venv.root) == form["environment"]["root"]
    assert str(venv.library) == form["environment"]["library"]
    assert 2 == form["bytecode"]["linked"] + form["bytecode"]["compiled"]
    # RECORD, INSTALLER, REQUESTED, direct_url.json, two scripts.
    assert 6 == form["files"]["written"]
    assert None is form["error"]
    assert None is form["plan"]


def test_quiet_leaves_errors_only(
    linkinstall: Command, venv: Venv, python: tuple[str, str], wheelhouse: Path
) -> None:
    """-q: a success prints nothing, warnings included; an error is printed all the same."""
    told = linkinstall.run("-q", "install", *python, make_sample(wheelhouse))
    assert ("", "") == (told.out, told.err)
    told = linkinstall.run("-q", "uninstall", *python, "sample", "nothing")
    assert ("", "") == (told.out, told.err)

    (venv.library / "lonely.py").write_text("of the user")
    wheel = make_wheel(wheelhouse, "lonely", "1.0", {"lonely.py": ""})
    assert "lonely.py" in linkinstall.run("-q", "install", *python, wheel, status=1).err


def test_messages_go_to_standard_error(
    linkinstall: Command, python: tuple[str, str], sample: Path
) -> None:
    """An install says what it did on standard error; standard output stays empty."""
    told = linkinstall.run("install", *python, sample)
    assert "" == told.out
    assert "sample" in told.err
    assert "unchanged" in linkinstall.run("install", *python, sample).err.lower()
    told = linkinstall.run("uninstall", *python, "sample")
    assert ("", True) == (told.out, "sample" in told.err)


def test_paths_may_be_relative_and_odd(linkinstall: Command, venv: Venv, sample: Path) -> None:
    """Wheels and targets may be given relative to the current folder; the outcome is absolute."""
    folder = sample.parent
    root = os.path.relpath(venv.root, folder)
    form = linkinstall.json("install", "--python", root, sample.name, folder=folder)

    assert os.path.isabs(form["environment"]["root"])
    assert (venv.library / "sample").exists()
    told = linkinstall.json("--target", "deep/target ü", sample.name, folder=folder)
    assert str(folder / "deep/target ü") == told["environment"]["root"]


def test_a_closed_standard_output_is_no_traceback(
    linkinstall: Command, python: tuple[str, str], sample: Path
) -> None:
    """A reader that goes away (``| head``) is no crash with a traceback."""
    linkinstall.run("install", *python, sample)
    process = linkinstall.start("list", *python)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _out, err = process.communicate(timeout=120)

    assert "Traceback" not in err


def test_the_console_script_is_the_same_program(
    linkinstall: Command, python: tuple[str, str], sample: Path
) -> None:
    """``linkinstall`` and ``python -m linkinstall`` are the same."""
    script = os.path.join(os.path.dirname(sys.executable), "linkinstall")
    require(os.path.exists(script), "the package is installed, not only imported")
    linkinstall.run("install", *python, sample)
    done = subprocess.run(
        [script, "list", *python],
        env=linkinstall.environ(),
        check=True,
        capture_output=True,
        text=True,
    )

    assert linkinstall.run("list", *python).out == done.stdout


@pytest.mark.parametrize("word", ["off", "normal", "full"])
def test_sync_is_accepted_by_flag_and_variable(
    word: str, linkinstall: Command, venv: Venv, python: tuple[str, str], sample: Path
) -> None:
    """--sync and LINKINSTALL_SYNC take off, normal and full, with the same result."""
    before = venv.snapshot()
    linkinstall.run("install", "--sync", word, *python, sample)
    linkinstall.run("uninstall", *python, "sample", env={"LINKINSTALL_SYNC": word})

    assert [] == differences(before, venv.snapshot())
