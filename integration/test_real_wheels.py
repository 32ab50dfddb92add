"""Real wheels in each link mode, beside what pip and uv make of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from integration.support.command import Command
from integration.support.peers import pip, pip_install, uv, uv_install
from integration.support.real_wheels import wheel, wheels
from integration.support.records import canonical, dist_info_of, dist_infos, record_problems
from integration.support.trees import differences, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from integration.support.environments import Venv
    from integration.support.trees import Node, Tree

MODES = ["clone", "hardlink", "symlink", "copy"]
RICH = ["rich==13.9.4", "markdown-it-py==3.0.0", "mdurl==0.1.2", "pygments==2.19.1"]
DJANGO = ["django==5.1.4", "asgiref==3.8.1", "sqlparse==0.5.3"]
ZOPE = ["zope.event==5.0", "zope.interface==7.2"]
GOOGLE = ["google-auth==2.38.0", "googleapis-common-protos==1.70.0"]
SETS = {
    "rich": (RICH, "import rich.console, pygments; rich.console.Console().print('hi')"),
    "small-binary": (
        ["pydantic-core==2.41.5", "typing-extensions==4.15.0"],
        "import pydantic_core as p; print(p.from_json('[1]'))",
    ),
    "data": (["jupyterlab-widgets==3.0.15"], "import jupyterlab_widgets"),
    "zope": (ZOPE, "import zope.event, zope.interface; zope.interface.Interface"),
    "google": (GOOGLE, "import importlib.util as u; assert u.find_spec('google.auth')"),
    "gui": (["pyzo==4.22.0"], "import pyzo"),
}
LARGE = {
    "django": (DJANGO, "import django; print(django.get_version())"),
    "numpy": (["numpy==2.3.5"], "import numpy; assert numpy.arange(9).reshape(3, 3).trace() == 12"),
    "ruff": (["ruff==0.11.0"], "import ruff"),
}
ALL = SETS | LARGE
GROUPS = {"small": list(SETS), "large": list(LARGE)}
# Written by each tool in its own way: ``docs/reference/command-line.md``, Metadata.
OWN = re.compile(r"\.dist-info/(INSTALLER|REQUESTED|direct_url\.json|RECORD|uv_cache\.json)$")


@pytest.fixture(scope="session")
def real_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a cache that the tests of one process share: unpacking is not the point here."""
    return tmp_path_factory.mktemp("real") / "cache"


@pytest.fixture
def command(tmp_path: Path, real_cache: Path) -> Command:
    """Give the command line with the shared cache."""
    return Command(tmp_path, real_cache)


def is_written_by_the_tool(path: str) -> bool:
    """Whether tools differ in this file by right: their own metadata, and compiled files."""
    return path.endswith(".pyc") or OWN.search(path) is not None


def payload_of(venv: Venv) -> dict[str, tuple[str, bool]]:
    """Return path -> contents and executable bit, links followed, of what any tool places alike."""
    return {
        path: (_contents(venv.root / path), os.access(venv.root / path, os.X_OK))
        for path, node in venv.snapshot().items()
        if node.kind != "folder" and not is_written_by_the_tool(path) and path != "lib64"
    }


def files_left(venv: Venv, bare: Tree) -> list[str]:
    """Return the files by which the venv differs from a bare one; tools leave emptied folders."""
    tree = venv.snapshot()
    return [line for line in differences(bare, tree) if _node(line, bare, tree).kind != "folder"]


def _node(line: str, bare: Tree, tree: Tree) -> Node:
    """Return what a line of differences is about."""
    path = line[2:].split(": ", maxsplit=1)[0]
    return tree.get(path) or bare[path]


def _contents(path: Path) -> str:
    """Return the digest of a file; of a generated launcher only the interpreter it names."""
    start = path.read_bytes()[:4000]
    if path.parent.name == "bin" and start.startswith(b"#!") and b"sys.exit(" in start:
        return start.decode("utf-8").splitlines()[0]
    return digest_of(path)


def marked(names: Collection[str], slow: Collection[str]) -> list[object]:
    """Return the parameters, some of them marked as slow."""
    return [pytest.param(name, marks=pytest.mark.slow if name in slow else []) for name in names]


def requirements_of(names: Collection[str]) -> list[str]:
    """Return the requirements of several sets."""
    return [one for name in names for one in ALL[name][0]]


@pytest.mark.parametrize("name", marked(ALL, LARGE))
def test_a_real_set_in_each_link_mode_works_and_is_that_of_pip(
    name: str, command: Command, make_environment: Callable[..., Venv]
) -> None:
    """In each link mode imports work, tools agree, the tree is pip's, and all of it goes again."""
    requirements, code = ALL[name]
    files, names = wheels(*requirements), [one.split("==")[0] for one in requirements]
    venv = make_environment("venv")
    pip_install(venv, files, "--no-compile")
    theirs = payload_of(venv)
    # Scripts contain the path of their environment: ours takes the place of pip's.
    venv.root.rename(venv.root.with_name("theirs"))
    venv = make_environment("venv")
    bare = venv.snapshot()

    for mode in MODES:
        command.run("install", "--python", venv.root, "--link-mode", mode, *files)
        assert theirs == payload_of(venv), mode
        for dist_info in dist_infos(venv.library):
            assert [] == record_problems(venv.library, dist_info), mode
        assert [] == venv.strays(bare), mode
        venv.run(code)
        _metadata_agrees(venv, requirements)
        assert [] == command.run("check", "--python", venv.root).lines, mode
        if mode == "hardlink":
            _tools_agree(venv, requirements)
        command.run("uninstall", "--python", venv.root, *names)
        assert [] == differences(bare, venv.snapshot()), mode


def _metadata_agrees(venv: Venv, requirements: list[str]) -> None:
    """Say that importlib.metadata sees these distributions, their files, and no others."""
    seen = venv.run(
        "import importlib.metadata as m, json; print(json.dumps("
        "[[d.metadata['Name'], d.version, len(d.files)] for d in m.distributions()]))"
    )
    rows = json.loads(seen)
    named = [_named({"name": name, "version": version}) for name, version, _count in rows]
    assert _expected(requirements) == sorted(named)
    assert all(count > 3 for _name, _version, count in rows)


def _tools_agree(venv: Venv, requirements: list[str]) -> None:
    """Say that pip and uv see these distributions and no others."""
    for text in (pip(venv, "list", "--format", "json"), uv(venv, "list", "--format=json")):
        assert _expected(requirements) == sorted(_named(one) for one in json.loads(text))


def _expected(requirements: list[str]) -> list[str]:
    pairs = [one.split("==") for one in requirements]
    return sorted(_named({"name": name, "version": version}) for name, version in pairs)


def _named(row: dict[str, str]) -> str:
    return f"{canonical(row['name'])}=={row['version']}"


def test_pip_check_says_of_ours_what_it_says_of_its_own(
    command: Command, venv: Venv, make_environment: Callable[..., Venv]
) -> None:
    """``pip check`` finds nothing in a complete set, and the same gap in an incomplete one."""
    command.run("install", "--python", venv.root, *wheels(*RICH))
    assert "No broken requirements found." in pip(venv, "check")
    uv(venv, "check")

    theirs = make_environment("theirs")
    pip_install(theirs, wheels(*RICH[:2]))
    command.run("uninstall", "--python", venv.root, "mdurl", "pygments")
    assert pip(theirs, "check", status=1) == pip(venv, "check", status=1)


@pytest.mark.parametrize("mode", ["hardlink", "copy"])
@pytest.mark.parametrize("group", marked(GROUPS, ["large"]))
def test_pip_uninstalls_what_we_installed(
    group: str, mode: str, command: Command, venv: Venv, bare: Tree
) -> None:
    """``pip uninstall`` removes our installations to the last file."""
    requirements = requirements_of(GROUPS[group])
    command.run("install", "--python", venv.root, "--link-mode", mode, *wheels(*requirements))
    pip(venv, "uninstall", "--yes", *[one.split("==")[0] for one in requirements])

    assert [] == files_left(venv, bare)


@pytest.mark.parametrize("group", marked(GROUPS, ["large"]))
def test_uv_uninstalls_what_we_installed(
    group: str, command: Command, venv: Venv, bare: Tree
) -> None:
    """``uv pip uninstall`` removes our installations to the last file."""
    requirements = requirements_of(GROUPS[group])
    command.run("install", "--python", venv.root, *wheels(*requirements))
    uv(venv, "uninstall", *[one.split("==")[0] for one in requirements])

    assert [] == files_left(venv, bare)


@pytest.mark.parametrize("tool", ["pip", "uv"])
@pytest.mark.parametrize("group", marked(GROUPS, ["large"]))
def test_we_uninstall_what_pip_and_uv_installed(
    group: str, tool: str, command: Command, venv: Venv, bare: Tree
) -> None:
    """An installation by pip or uv, used since, goes to the last file and folder."""
    requirements = requirements_of(GROUPS[group])
    install = pip_install if tool == "pip" else uv_install
    install(venv, wheels(*requirements))
    for name in GROUPS[group]:
        code = ALL[name][1]
        subprocess.run([venv.python, "-I", "-c", code], check=True, capture_output=True)
    command.run("uninstall", "--python", venv.root, *[one.split("==")[0] for one in requirements])

    assert [] == differences(bare, venv.snapshot())


@pytest.mark.parametrize(
    "pair",
    [
        ("rich==13.9.4", "rich==14.0.0"),
        ("attrs==24.3.0", "attrs==25.3.0"),
        ("packaging==24.2", "packaging==25.0"),
        pytest.param(("django==5.1.4", "django==5.2"), marks=pytest.mark.slow),
    ],
    ids=lambda pair: pair[0].split("==")[0],
)
@pytest.mark.parametrize("mode", ["hardlink", "symlink", "copy"])
def test_an_upgrade_and_back_gives_the_identical_tree(
    pair: tuple[str, str], mode: str, command: Command, venv: Venv, bare: Tree
) -> None:
    """1 -> 2 -> 1 of a real project gives the tree of 1, byte for byte and mode for mode."""
    one, two = wheels(*pair)
    given = ["install", "--python", venv.root, "--link-mode", mode]
    command.run(*given, one)
    before = venv.snapshot()
    form = command.json(*given, two)
    assert ["replaced"] == [change["action"] for change in form["changes"]]
    (dist_info,) = dist_infos(venv.library)
    assert [] == record_problems(venv.library, dist_info)
    assert [] == venv.strays(bare)
    command.run(*given, one)

    assert [] == differences(before, venv.snapshot())


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_we_upgrade_what_pip_and_uv_installed(
    tool: str, command: Command, venv: Venv, bare: Tree
) -> None:
    """An installation of another tool is upgraded as one of ours."""
    (pip_install if tool == "pip" else uv_install)(venv, [wheel("rich==13.9.4")])
    form = command.json("install", "--python", venv.root, wheel("rich==14.0.0"))

    change = {"name": "rich", "version": "14.0.0", "previous": "13.9.4", "action": "replaced"}
    assert [change] == form["changes"]
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "rich"))
    assert [] == venv.strays(bare)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_of_ten_real_wheels_the_last_is_damaged_and_nothing_changed(
    damage: str, command: Command, venv: Venv, tmp_path: Path
) -> None:
    """Nine sound wheels, one of them an upgrade, and one damaged: the tree is as it was."""
    command.run("install", "--python", venv.root, wheel("rich==13.9.4"))
    before = venv.snapshot(inodes=True)
    names = ["rich==14.0.0", "attrs==25.3.0", "packaging==25.0", "click==8.1.8", "idna==3.10"]
    names += ["six==1.17.0", "mdurl==0.1.2", "asgiref==3.8.1", "sqlparse==0.5.3"]
    source = wheel("certifi==2025.1.31")
    damaged = tmp_path / source.name
    data = bytearray(source.read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    else:
        # Inside the compressed data of the largest member: its digest is wrong then.
        with zipfile.ZipFile(source) as archive:
            largest = max(archive.infolist(), key=lambda info: info.compress_size)
        data[largest.header_offset + largest.compress_size // 2] ^= 0xFF
    damaged.write_bytes(data)
    form = command.json("install", "--python", venv.root, *wheels(*names), damaged, status=1)

    assert "certifi" in str(form["error"])
    assert [] == differences(before, venv.snapshot(inodes=True))


@pytest.mark.slow
def test_every_set_together_is_one_transaction(command: Command, venv: Venv, bare: Tree) -> None:
    """All real wheels in one command, then all removed in one command."""
    requirements = [one for names, _code in ALL.values() for one in names]
    command.run("install", "--python", venv.root, *wheels(*requirements))
    for dist_info in dist_infos(venv.library):
        assert [] == record_problems(venv.library, dist_info)
    for _names, code in ALL.values():
        venv.run(code)

    command.run("uninstall", "--python", venv.root, *[one.split("==")[0] for one in requirements])
    assert [] == [line for line in differences(bare, venv.snapshot()) if "__pycache__" not in line]


def test_a_gui_script_and_console_scripts_run(command: Command, venv: Venv) -> None:
    """Console scripts of real wheels run; a gui script is made as pip makes it."""
    files = wheels("pyzo==4.22.0", "pygments==2.19.1")
    command.run("install", "--python", venv.root, *files)
    done = subprocess.run(
        [venv.scripts / "pygmentize", "-V"], capture_output=True, text=True, check=True
    )

    assert "Pygments version 2.19.1" in done.stdout
    assert os.access(venv.scripts / "pyzo", os.X_OK)
    assert f"#!{venv.python}" == (venv.scripts / "pyzo").read_text().splitlines()[0]


@pytest.mark.slow
def test_a_large_script_shares_its_inode_and_runs(command: Command, venv: Venv) -> None:
    """Ruff's program of 30 MB is linked, not copied, and runs."""
    form = command.json(
        "install", "--python", venv.root, "--link-mode", "hardlink", wheel("ruff==0.11.0")
    )
    done = subprocess.run([venv.scripts / "ruff", "--version"], capture_output=True, check=True)

    assert b"ruff 0.11.0" == done.stdout.strip()
    assert (venv.scripts / "ruff").stat().st_nlink > 1
    assert 0 == form["files"]["copy"]
