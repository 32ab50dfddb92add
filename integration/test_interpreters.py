"""Environments of other interpreters, managed ones, and those of tools."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from typing import TYPE_CHECKING

import pytest

from integration.support.environments import Venv, make_installation
from integration.support.records import dist_info_of, record_problems
from integration.support.trees import differences
from tests.support.gates import require, suited
from tests.support.interpreters import interpreter as find_interpreter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.trees import Tree

VERSIONS = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]
FINDS = "its interpreter finds its library in a folder of links"
MESSAGE = "This environment belongs to somebody else. Use their tools."


def interpreter(version: str) -> str:
    """Return an interpreter of CPython ``version`` that can make a venv, or skip the test."""
    major, minor = version.split(".")
    base = find_interpreter((int(major), int(minor)))
    done = subprocess.run([base, "-c", "import ensurepip"], check=False, capture_output=True)
    suited(done.returncode == 0, f"{base} can make a venv")
    return base


@pytest.mark.parametrize("version", VERSIONS)
def test_environments_of_each_interpreter(
    version: str, linkinstall: Command, make_environment: Callable[..., Venv], sample: Path
) -> None:
    """--python takes a venv of any CPython from 3.8 up: installed, run, compiled and removed."""
    python = interpreter(version)
    venv = make_environment(f"venv-{version}", python=python)
    bare = venv.snapshot()
    form = linkinstall.json("install", "--python", venv.root, sample)

    assert str(venv.library) == form["environment"]["library"]
    assert version in str(venv.library)
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))
    assert [] == venv.strays(bare)
    done = subprocess.run([venv.scripts / "sample"], check=True, capture_output=True, text=True)
    assert "hello\n" == done.stdout
    tag = f"cpython-{version.replace('.', '')}"
    compiled = [path.name for path in venv.library.rglob("*.pyc")]
    assert sorted([f"__init__.{tag}.pyc", f"module.{tag}.pyc"]) == sorted(compiled)
    told = subprocess.run(
        [venv.python, "-v", "-c", "import sample"], check=True, capture_output=True, text=True
    )
    assert "wrote" not in told.stderr

    linkinstall.run("check", "--python", venv.python)
    linkinstall.run("uninstall", "--python", venv.python, "sample")
    assert [] == differences(bare, venv.snapshot())


def test_an_interpreter_is_asked_once_and_remembered(
    linkinstall: Command, make_environment: Callable[..., Venv], sample: Path, tmp_path: Path
) -> None:
    """The second install into a venv does not start its interpreter again."""
    venv = make_environment("venv")
    linkinstall.run("install", "--python", venv.root, sample)
    require(shutil.which("strace") is not None, "strace is installed")
    trace = tmp_path / "trace"
    given = ("install", "--reinstall", "--python", venv.root, sample)
    command = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", str(trace)]
    done = subprocess.run(
        [*command, *linkinstall.arguments(given)],
        env=linkinstall.environ(),
        check=False,
        capture_output=True,
    )
    assert 0 == done.returncode, done.stderr

    started = [line for line in trace.read_text().splitlines() if "execve(" in line]
    assert 1 == len(started), "\n".join(started)


@pytest.fixture
def managed(tmp_path: Path) -> Venv:
    """Give an installation of Python that somebody else manages (PEP 668)."""
    installation = make_installation(tmp_path / "managed")
    suited(installation is not None, FINDS)
    assert installation is not None
    done = subprocess.run(
        [installation.python, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    marker = os.path.join(done.stdout.strip(), "EXTERNALLY-MANAGED")
    with open(marker, "w", encoding="utf-8") as stream:
        stream.write(f"[externally-managed]\nError={MESSAGE}\n")
    return installation


def test_pep_668_is_refused_with_the_managers_message(
    linkinstall: Command, managed: Venv, sample: Path
) -> None:
    """PEP 668: a managed installation is refused with its message, for install and uninstall."""
    before = managed.snapshot()
    for given in (["install", sample], ["uninstall", "sample"]):
        told = linkinstall.run(*given, "--python", managed.python, status=1)
        assert MESSAGE in told.err
        assert "--break-system-packages" in told.err
    form = linkinstall.json("install", "--python", managed.python, sample, status=1)
    assert "refused" == form["status"]

    assert [] == differences(before, managed.snapshot())


def test_pep_668_can_be_overridden(linkinstall: Command, managed: Venv, sample: Path) -> None:
    """PEP 668: --break-system-packages installs and uninstalls; no lock is left in the root."""
    before = managed.snapshot()
    given = ["--break-system-packages", "--python", managed.python]
    linkinstall.run("install", *given, sample)
    assert [] == record_problems(managed.library, dist_info_of(managed.library, "sample"))
    linkinstall.run("uninstall", *given, "sample")

    assert [] == differences(before, managed.snapshot())
    assert not (managed.root / ".lock").exists()


def test_pep_668_does_not_hold_for_other_targets(
    linkinstall: Command, managed: Venv, sample: Path, tmp_path: Path
) -> None:
    """PEP 668: --destdir, --prefix and --target of a managed installation are free."""
    before = managed.snapshot()
    python = ("--python", managed.python)
    linkinstall.run(*python, "--destdir", tmp_path / "d", sample)
    linkinstall.run(*python, "--prefix", tmp_path / "p", sample)
    linkinstall.run(*python, "--target", tmp_path / "t", sample)

    assert (tmp_path / "t/sample/data.txt").exists()
    assert [] == differences(before, managed.snapshot())


def test_pep_668_does_not_hold_for_a_venv_of_a_managed_installation(
    linkinstall: Command, managed: Venv, sample: Path, tmp_path: Path
) -> None:
    """PEP 668: a venv is free, whatever its base is."""
    folder = tmp_path / "free"
    subprocess.run(
        [managed.python, "-m", "venv", "--without-pip", "--symlinks", str(folder)], check=True
    )
    linkinstall.run("--python", folder, sample)

    assert 1 == len(list(folder.rglob("sample/__init__.py")))


def test_the_root_of_an_installation_can_be_given(
    linkinstall: Command, tmp_path: Path, sample: Path
) -> None:
    """--python takes the root of an installation, which is not a venv."""
    installation = make_installation(tmp_path / "installation")
    suited(installation is not None, FINDS)
    assert installation is not None
    linkinstall.run("--python", installation.root, sample)

    assert (installation.library / "sample/data.txt").exists()


@pytest.fixture(params=["uv-receipt.toml", "pipx_metadata.json"])
def tool(request: pytest.FixtureRequest, make_environment: Callable[..., Venv]) -> Venv:
    """Give a venv that looks like that of ``uv tool`` or pipx."""
    kind = "uv/tools" if request.param == "uv-receipt.toml" else "pipx/venvs"
    venv = make_environment(f"{kind}/linkinstall")
    text = "[tool]\nrequirements = []\n" if "uv" in kind else json.dumps({"main_package": {}})
    (venv.root / request.param).write_text(text)
    return venv


def borrowed_modules() -> dict[str, str | None]:
    """Return the variables that let another interpreter use the modules of this one."""
    folders = [path for path in sys.path if path and os.path.isdir(path)]
    mine = [os.path.abspath(path) for path in folders if "lib-dynload" not in path]
    standard = sysconfig.get_path("stdlib")
    return {"PYTHONPATH": os.pathsep.join(path for path in mine if path != standard)}


def test_a_tool_environment_means_the_active_one(
    linkinstall: Command, tool: Venv, venv: Venv, bare: Tree, sample: Path, tmp_path: Path
) -> None:
    """Run out of a tool environment, the target is VIRTUAL_ENV, else ./.venv, else an error."""
    before = tool.snapshot()
    (tmp_path / "project").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "project" / ".venv").symlink_to(venv.root)
    env = borrowed_modules()
    active = {**env, "VIRTUAL_ENV": str(venv.root)}
    runs = [(active, "elsewhere"), (env, "project")]
    for variables, folder in runs:
        for given in (["install", sample], ["uninstall", "sample"]):
            linkinstall.run(*given, python=tool.python, env=variables, folder=tmp_path / folder)
            assert (given[0] == "install") == (venv.library / "sample").exists(), folder
        assert [] == differences(bare, venv.snapshot())

    told = linkinstall.run(
        sample, python=tool.python, env=env, folder=tmp_path / "elsewhere", status=2
    )
    assert "--python" in told.err
    assert [] == differences(before, tool.snapshot())


def test_outside_a_tool_environment_the_active_one_is_not_meant(
    linkinstall: Command, make_environment: Callable[..., Venv], sample: Path
) -> None:
    """Run out of an ordinary environment, that one is meant, whatever VIRTUAL_ENV says."""
    mine, other = make_environment("mine"), make_environment("other")
    env = {**borrowed_modules(), "VIRTUAL_ENV": str(other.root)}
    linkinstall.run(sample, python=mine.python, env=env)

    assert (mine.library / "sample/data.txt").exists()
    assert not (other.library / "sample").exists()
