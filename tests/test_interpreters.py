"""Which interpreter is meant and what it says: the running one, others, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

import linkinstall
from linkinstall import interpreter_report, interpreters, limits
from linkinstall.errors import EnvironmentNotFoundError, UnsettledError
from linkinstall.fs import local
from linkinstall.interpreter_report import SCHEMES
from linkinstall.interpreters import _STARTER, answer_of, ask, report_of, running
from linkinstall.shell import joined
from linkinstall.venvs.aside import Aside
from linkinstall.venvs.holding import hold_for_change
from linkinstall.venvs.settling import settle
from linkinstall.venvs.sight import MAKING
from tests.support.gates import require, suited
from tests.support.interpreters import VERSIONS, interpreter, make_venv, say
from tests.support.zips import zipped

SOURCE = Path(linkinstall.__file__).parents[1]
OURS = [version for version in VERSIONS if version >= (3, 11)]
# Speaks the protocol of interpreters.ask: answers between the two marks it is given.
FAKE = """#!{python} -IS
import sys
begin, end = sys.argv[-2:]
sys.stderr.write({complaint!r})
sys.stdout.write({noise!r} + begin + {body!r} + end + {noise!r})
raise SystemExit({status})
"""


def fake(path: Path, body: str, *, noise: str = "", complaint: str = "", status: int = 0) -> Path:
    """Make a program that answers what it is told to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    python = sys._base_executable  # type: ignore[attr-defined]
    text = FAKE.format(python=python, body=body, noise=noise, complaint=complaint, status=status)
    path.write_text(text)
    path.chmod(0o755)
    return path


def shell(path: Path, line: str) -> Path:
    """Make a program of one line of shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


def encoded(**changes: str) -> str:
    """Return a report as an interpreter would send it."""
    answer = interpreter_report.report() | changes
    return interpreter_report.encode(answer).decode()


def refusal(spec: str | Path, cache_dir: str = "") -> str:
    """Return the message with which ``spec`` is refused."""
    with pytest.raises(EnvironmentNotFoundError) as caught:
        report_of(str(spec), cache_dir)
    assert caught.value.next_step
    return caught.value.message


# ------------------------------------------------------------------ the running interpreter


def test_what_any_program_answers_is_told_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a program says of itself is told, though it is refused as an environment.

    It is asked once: what was learnt is in the cache.
    """
    program, silent = os.path.realpath(sys.executable), tmp_path / "silent"
    silent.write_text("")
    monkeypatch.setattr(sys, "executable", "")  # whose answer costs nothing

    first = answer_of(program, str(tmp_path / "cache"))
    monkeypatch.setattr(interpreters, "ask", pytest.fail)

    assert first == answer_of(program, str(tmp_path / "cache"))
    assert "cpython" == first["implementation"]
    monkeypatch.undo()
    assert ["silence"] == list(answer_of(str(silent), ""))


def test_the_running_report_is_that_of_sysconfig() -> None:
    """However the report comes about, it says what sysconfig says."""
    assert interpreter_report.report() == running()


COMPARE = """
import sys
sys.path.insert(0, {source!r})
before = set(sys.modules)
from linkinstall.interpreters import running
report = running()
imported = set(sys.modules) - before
from linkinstall.interpreter_report import report as ask_sysconfig
import json
print(json.dumps([report, ask_sysconfig(), sorted(imported)]))
"""


@pytest.mark.parametrize("maker", ["venv", "venv --copies", "virtualenv"])
@pytest.mark.parametrize("version", OURS)
def test_a_running_venv_is_known_without_sysconfig(
    version: tuple[int, int], maker: str, tmp_path: Path
) -> None:
    """In a venv the schemes cost no import, and are sysconfig's to the letter."""
    folder, python = tmp_path / "env", interpreter(version)
    if maker == "virtualenv":
        command = [sys.executable, "-m", "virtualenv", "-q", "--no-seed", "-p", python, str(folder)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    else:
        make_venv(folder, python, *maker.split()[1:])

    code = COMPARE.format(source=str(SOURCE))
    quick, sysconfigs, imported = json.loads(say(folder / "bin" / "python", code))

    assert sysconfigs == quick
    assert [] == [name for name in ("sysconfig", "threading", "subprocess") if name in imported]


@pytest.mark.parametrize("version", OURS)
def test_a_running_installation_asks_sysconfig(version: tuple[int, int]) -> None:
    """Outside of venvs distributors change the schemes, so sysconfig is asked."""
    code = COMPARE.format(source=str(SOURCE))
    quick, sysconfigs, _ = json.loads(say(interpreter(version), code))

    assert sysconfigs == quick
    assert quick["prefix"] == quick["base_prefix"]


def test_a_venv_with_an_unknown_layout_asks_sysconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library is not where venvs have it, nothing is taken for granted."""
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "site-packages" not in path])
    monkeypatch.setattr(sys, "platlibdir", "lib-of-a-distributor")

    assert interpreter_report.report() == running()


def test_the_running_interpreter_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Naming the interpreter that runs is free."""
    monkeypatch.setattr(subprocess, "run", None)

    assert running() == report_of(sys.executable, "")


# ------------------------------------------------------------------ other interpreters


def expected_schemes(python: str | Path) -> dict[str, str]:
    """Return what an interpreter's sysconfig says, headers by ``installer``'s rule."""
    code = (
        "import json, sysconfig; p = sysconfig.get_paths();"
        "b = {'installed_base': sysconfig.get_config_var('base')};"
        "p['headers'] = sysconfig.get_path('include', vars=b); print(json.dumps(p))"
    )
    paths: dict[str, str] = json.loads(say(python, code))
    return {name: paths[name] for name in SCHEMES}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_cpython_from_3_8_answers(version: tuple[int, int], tmp_path: Path) -> None:
    """Interpreters as old as 3.8 are asked once, and then remembered."""
    python = interpreter(version)
    cache_dir = str(tmp_path / "cache")

    first = report_of(python, cache_dir)
    with pytest.MonkeyPatch.context() as patch:
        if python != sys.executable:
            patch.setattr(subprocess, "run", None)
        second = report_of(python, cache_dir)

    assert first == second
    assert expected_schemes(python) == {name: first[name] for name in SCHEMES}


@pytest.mark.parametrize("maker", ["venv", "venv --copies", "virtualenv", "uv"])
@pytest.mark.parametrize("version", VERSIONS)
def test_venvs_of_every_cpython_answer(
    version: tuple[int, int], maker: str, tmp_path: Path
) -> None:
    """Venvs by whatever maker give their own folders, asked, remembered or worked out."""
    folder, python, cache_dir = tmp_path / "env", interpreter(version), str(tmp_path / "cache")
    if maker == "virtualenv":
        command = [sys.executable, "-m", "virtualenv", "-q", "--no-seed", "-p", python, str(folder)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        # Each virtualenv ends its support of old versions at some time.
        suited(done.returncode == 0, f"virtualenv can use {python}: {done.stderr.strip()[-80:]}")
    elif maker == "uv":
        require(find_spec("uv") is not None, "uv is installed")
        from uv import find_uv_bin

        uv = find_uv_bin()
        command = [uv, "venv", "--offline", "--no-config", "-q", "-p", python, str(folder)]
        environ = os.environ | {"UV_CACHE_DIR": str(tmp_path / "uv")}
        subprocess.run(command, check=True, capture_output=True, timeout=120, env=environ)
    else:
        make_venv(folder, python, *maker.split()[1:])

    asked = report_of(str(folder), "")
    report_of(python, cache_dir)
    worked_out = report_of(str(folder), cache_dir)
    remembered = report_of(str(folder), cache_dir)

    assert expected_schemes(folder / "bin" / "python") == {name: asked[name] for name in SCHEMES}
    assert str(folder) == asked["prefix"] != asked["base_prefix"]
    assert [asked] * 2 == [worked_out, remembered]


def test_a_venv_behind_a_link_keeps_the_links_path(tmp_path: Path) -> None:
    """A symbolic link to a venv names the environment, as it does for its interpreter."""
    make_venv(tmp_path / "env", sys.executable)
    (tmp_path / "link").symlink_to("env")

    report = report_of(str(tmp_path / "link"), "")

    assert str(tmp_path / "link" / "bin" / "python") == report["executable"]
    assert str(tmp_path / "link") == report["prefix"] == report["data"]


@pytest.mark.parametrize("spec", ["", "bin", "bin/python", "bin/python3"])
def test_what_is_left_of_a_venv_is_not_its_base(tmp_path: Path, spec: str) -> None:
    """A venv without its ``pyvenv.cfg`` names nothing, by folder or by interpreter.

    Its interpreter is that of the installation it was made from, and says so. While one
    process made a venv anew, others that were told to change it changed that installation:
    one lost its pluggy.
    """
    venv = make_venv(tmp_path / "env", sys.executable)
    (venv / "pyvenv.cfg").unlink()

    message = refusal(venv / spec)

    assert str(venv) in message
    assert ("no valid pyvenv.cfg" in message) == (spec != "bin")  # a folder without an interpreter


@pytest.mark.parametrize("spec", ["", "bin/python"])
def test_what_is_becoming_a_venv_is_not_its_base(tmp_path: Path, spec: str) -> None:
    """Where ``venv create`` is at work the settings come after the interpreter."""
    base = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "bin" / "python").symlink_to(base)
    (tmp_path / "env" / MAKING).touch()

    assert "no valid pyvenv.cfg" in refusal(tmp_path / "env" / spec)


def test_a_shim_beside_scripts_of_activation_is_the_interpreter_it_starts(tmp_path: Path) -> None:
    """Shims of pyenv lie beside one of conda's ``activate``, and are no venv."""
    base = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    shim = shell(tmp_path / "shims" / "python3", f'exec {base} "$@"')
    shell(tmp_path / "shims" / "activate", "true")

    assert str(base) == report_of(str(shim), "")["executable"]


def test_a_link_among_programs_is_the_interpreter_it_leads_to(tmp_path: Path) -> None:
    """``~/.local/bin/python3`` names the installation it is a link to, as in a shell."""
    base = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(base)
    (tmp_path / "bin" / "activate-global-python-argcomplete").touch()  # as in Debian's /bin

    assert os.path.realpath(sys.base_prefix) == os.path.realpath(
        report_of(str(tmp_path / "bin" / "python3"), "")["prefix"]
    )
    assert str(tmp_path) in refusal(tmp_path)


def test_a_moved_link_names_the_new_venv(tmp_path: Path) -> None:
    """What was remembered of a link does not hold when it leads elsewhere."""
    cache_dir = str(tmp_path / "cache")
    link = tmp_path / "current"
    versions = []
    for version in OURS[:2]:
        link.unlink(missing_ok=True)
        link.symlink_to(make_venv(tmp_path / "{}.{}".format(*version), interpreter(version)))
        versions.append(report_of(str(link), cache_dir)["cache_tag"])

    assert ["cpython-{}{}".format(*version) for version in OURS[:2]] == versions


def test_the_callers_variables_do_not_reach_the_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither PYTHONPATH and the like nor a module in the folder one stands in matter."""
    (tmp_path / "sysconfig.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    base = sys._base_executable  # type: ignore[attr-defined]

    assert os.path.samefile(base, ask(base)["executable"])


def test_what_a_site_module_prints_does_not_matter(tmp_path: Path) -> None:
    """A start-up file that greets does not spoil the answer."""
    path = fake(tmp_path / "python", encoded(prefix="/noisy"), noise="hello\n", complaint="bye\n")

    assert "/noisy" == report_of(str(path), "")["prefix"]


def test_an_interpreter_that_fails_after_its_answer_has_answered(tmp_path: Path) -> None:
    """Only the answer counts, not how the interpreter ends."""
    path = fake(tmp_path / "python", encoded(prefix="/late"), status=1)

    assert "/late" == report_of(str(path), "")["prefix"]


# ------------------------------------------------------------------ names


def test_a_name_is_what_a_shell_would_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an active venv ``python`` is the venv's."""
    venv = make_venv(tmp_path / "env", sys.executable)
    monkeypatch.setenv("PATH", f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}")

    assert str(venv) == report_of("python", "")["prefix"]


@pytest.mark.parametrize("spec", ["{}.{}", "python{}.{}", "=={}.{}.*", "cpython{}.{}"])
def test_a_version_is_found(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not on PATH may be a version that python-discovery finds."""
    monkeypatch.setenv("PATH", str(tmp_path))

    report = report_of(spec.format(*sys.version_info), "")

    assert sys.implementation.cache_tag == report["cache_tag"]


def test_a_shim_without_an_interpreter_does_not_end_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version manager's shim may have nothing to start; the version may be there all the same."""
    name = "python{}.{}".format(*sys.version_info)
    shell(tmp_path / name, "echo 'shim: no such version' >&2; exit 127")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert sys.implementation.cache_tag == report_of(name, "")["cache_tag"]


def test_a_shims_complaint_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the version is nowhere else, the shim's own words say what to do."""
    shim = shell(tmp_path / "python3.99", "echo 'shim: install 3.99 first' >&2; exit 127")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert refusal("python3.99") == (
        f"{shim} does not answer as a Python interpreter does: shim: install 3.99 first."
    )


@pytest.mark.parametrize("spec", ["no-such-program", "3.99", "pypy3.10"])
def test_a_name_that_is_nowhere_is_refused(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says in which ways the name was looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path))

    assert refusal(spec) == (
        f"No interpreter {spec!r} was found: no such path, nothing of that name on PATH, "
        "and no installed version that python-discovery knows."
    )


# ------------------------------------------------------------------ refusals


def test_another_implementation_is_refused(tmp_path: Path) -> None:
    """PyPy is told from CPython, and the refusal says which it is."""
    path = fake(tmp_path / "pypy3", encoded(implementation="pypy", version="3.10.13"))

    assert refusal(path) == (
        f"{path} is pypy 3.10.13; linkinstall installs into CPython 3.8 and later."
    )


def test_an_old_python_is_refused(tmp_path: Path) -> None:
    """A Python before 3.8 answers with its version alone."""
    path = fake(tmp_path / "python2.7", "version\0" + "2.7.18")

    assert refusal(path) == (
        f"{path} is Python 2.7.18; linkinstall installs into CPython 3.8 and later."
    )


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 7)])
def test_a_real_old_python_is_refused(version: tuple[int, int]) -> None:
    """What asks for the version runs in Pythons that are refused for it."""
    python = interpreter(version)

    assert f"{python} is Python {version[0]}.{version[1]}." in refusal(python)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("exit 3", "exit status 3"),
        ("echo 'usage: x' >&2; echo more >&2; exit 1", "usage: x"),
        ("echo 'Traceback (most recent' >&2; echo 'ImportError: x' >&2; exit 1", "ImportError: x"),
        ("echo hello", "exit status 0"),
    ],
)
def test_a_program_that_is_no_interpreter_is_refused(
    line: str, reason: str, tmp_path: Path
) -> None:
    """Some other program, or a broken interpreter, is told by what it says instead."""
    path = shell(tmp_path / "program", line)

    assert f"{path} does not answer as a Python interpreter does: {reason}." == refusal(path)


def test_a_program_of_another_machine_is_refused(tmp_path: Path) -> None:
    """What the system cannot start is told with the system's reason."""
    path = tmp_path / "python"
    path.write_bytes(b"\x7fELF of another machine")
    path.chmod(0o755)

    assert "Exec format error" in refusal(path)


def test_an_answer_that_breaks_off_is_none(tmp_path: Path) -> None:
    """Half an answer is not acted upon."""
    path = shell(tmp_path / "python", "printf '%s' \"$7\"; printf 'executable'; exit 1")

    assert "exit status 1" in refusal(path)


def test_the_wait_for_an_answer_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that never answers is given up."""
    monkeypatch.setattr(limits, "INTERPRETER_WAIT", 0.05)
    path = shell(tmp_path / "python", "exec sleep 60")

    assert "nothing came within 0.05 s" in refusal(path)


def test_refusals_are_not_remembered(tmp_path: Path) -> None:
    """What was refused may be mended, and is asked again."""
    path = shell(tmp_path / "python", "exit 1")
    cache_dir = str(tmp_path / "cache")
    refusal(path, cache_dir)

    fake(path, encoded(prefix="/mended"))

    assert "/mended" == report_of(str(path), cache_dir)["prefix"]


def test_an_interpreter_is_asked_from_a_zip_file(tmp_path: Path) -> None:
    """Where linkinstall itself is in a zip file, an interpreter answers all the same.

    Story: in a zipapp each interpreter was told not to answer as Python does, for it could not
    open the file of the questions.
    """
    code = (
        f"import sys; sys.path[:] = [{zipped(tmp_path)!r}, *{sys.path!r}]; "
        "from linkinstall import interpreters; assert '.zip' in interpreters.__file__; "
        "print(interpreters.ask(sys.executable)['version'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ("{}.{}.{}\n".format(*sys.version_info), "") == (done.stdout, done.stderr)


def test_only_the_working_folder_leaves_the_path() -> None:
    """Where no working folder is on the path, as in an embeddable Python, nothing leaves it.

    Story: the first folder was taken away, whichever it was. There it is the standard library.
    """
    program = "import sys; report = lambda: sys.path; encode = lambda path: repr(path).encode()"
    show = "import sys; print(repr(sys.path), end='')"
    plain = subprocess.check_output([sys.executable, "-P", "-c", show])

    for options in ([], ["-P"]):
        command = [sys.executable, *options, "-c", _STARTER, program, "<", ">"]
        assert b"<" + plain + b">" == subprocess.check_output(command)


@pytest.mark.parametrize("what", ["clear", "remove"])
def test_what_a_killed_venv_command_has_left_is_told_as_that(tmp_path: Path, what: str) -> None:
    """Where no interpreter stands because it lies in the stash, that is said, and how to settle it.

    Story: right after a killed ``venv clear`` or ``venv remove`` every command said that the folder
    holds no interpreter, or is not there, with status 1, and none said how to get it back.
    """
    place = tmp_path / "my env"
    make_venv(place, sys.executable)
    aside = Aside(local(), str(place), sync="off", hold=partial(hold_for_change, local()))
    aside.begin(what)
    aside.take()

    with pytest.raises(EnvironmentNotFoundError, match="another process is removing it"):
        report_of(str(place))
    assert aside.lock is not None
    aside.lock.release()
    for spec in (place, place / "bin" / "python"):
        with pytest.raises(UnsettledError, match="was killed") as caught:
            report_of(str(spec))
        command = joined(["linkinstall", "venv", "create", str(place)])
        assert f"`{command}` settles that" in caught.value.next_step
    settle(local(), str(place))
    assert "executable" in report_of(str(place))
