"""The same for other tools: the scenarios of ``make rivals``.

Purpose: the bar today. Each tool installs and removes one small wheel with its own
usual options, is killed, and is then asked to do the same again, which is what a
person does.

Calling sequence: ``scenarios()``; ``versions()[tool]``.

Guarantees: every tool gets the same wheel, the same environment and the same oracle;
its own cache is not judged. Nothing is asked of the network.

Errors: ``FileNotFoundError`` if uv is missing; ``ModuleNotFoundError`` for the others.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import tomllib
from pathlib import Path

from integration.faults import scenarios as own
from integration.faults.projects import PROJECT_TOOLS, ProjectTool, uv_program
from integration.faults.scenario import CacheRule, Command, Scenario, State

REPOSITORY = Path(__file__).parents[2]
WHEEL = "pluggy-1.5.0"
OVERWRITING = "install (again with --overwrite-existing)"
"""The verb of installer that refuses nothing the second time."""
PROBE = "import pluggy; print(pluggy.__version__)"


def versions() -> dict[str, str]:
    """Return the version of each tool."""
    found = {tool: importlib.metadata.version(tool) for tool in ("pip", "uv", "installer")}
    found |= {tool.name: tool.version for tool in PROJECT_TOOLS}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return {"linkinstall": project["project"]["version"], **found}


def scenarios() -> list[Scenario]:
    """Return install and uninstall of each tool, ours first."""
    pip, uv = pip_commands(), uv_commands()
    install, uninstall = own.install("hardlink", WHEEL), own.uninstall("pluggy")
    installer, overwriting = _installer(), _installer("--overwrite-existing")
    return [
        _scenario("linkinstall", "uninstall", uninstall, uninstall, install),
        _scenario("linkinstall", "install", install, install, install, uninstall),
        _scenario("pip", "uninstall", pip["uninstall"], pip["uninstall"], pip["install"]),
        _scenario("pip", "install", pip["install"], pip["install"]),
        _scenario("uv", "uninstall", uv["uninstall"], uv["uninstall"], uv["install"]),
        _scenario("uv", "install", uv["install"], uv["install"], uv["install"], uv["uninstall"]),
        _scenario("installer", "install", installer, installer),
        _scenario("installer", OVERWRITING, installer, overwriting),
        *(one for tool in PROJECT_TOOLS for one in _of_projects(tool)),
    ]


def _of_projects(tool: ProjectTool) -> list[Scenario]:
    install, uninstall = tool.commands().values()
    projects = tool.projects(WHEEL)
    return [
        _scenario(tool.name, "uninstall", uninstall, uninstall, *projects, install),
        _scenario(tool.name, "install", install, install, *projects),
    ]


def _scenario(tool: str, verb: str, act: Command, again: Command, *prepare: Command) -> Scenario:
    works_in: tuple[State, ...] = ("old",) if verb == "uninstall" else ("new",)
    return Scenario(
        tool=tool,
        verb=verb,
        subject=WHEEL,
        mode="hardlink" if tool in {"linkinstall", "uv"} else "copy",
        prepare=prepare,
        act=act,
        next_runs={"again": again},
        probe=PROBE,
        works_in=works_in,
        cache=own.CACHE if tool == "linkinstall" else CacheRule(ignore=True),
    )


def pip_commands(wheel: str = WHEEL, *more: str) -> dict[str, Command]:
    """Return what pip does, by verb.

    :param more: options of its install
    """
    # As ``pip --python`` does it, without the process in between.
    runner = os.path.join(_folder("pip"), "__pip-runner__.py")
    program = ("{python}", "-I", "-B", runner)
    variables = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_CONFIG_FILE": os.devnull}
    options = ("--no-index", "--no-deps", "--no-cache-dir")
    return {
        # Not compiled, as uv and installer do not compile either: the same files for all.
        "install": Command(
            (*program, "install", "--no-compile", *options, *more, f"{{{wheel}}}"), variables
        ),
        "uninstall": Command((*program, "uninstall", "--yes", "pluggy"), variables),
    }


def uv_commands(wheel: str = WHEEL, *more: str) -> dict[str, Command]:
    """Return what uv does, by verb.

    :param more: options of its install
    :raises FileNotFoundError: uv is missing
    """
    program = (uv_program(), "pip")
    variables = {
        "UV_CACHE_DIR": "{cache}",
        "UV_OFFLINE": "1",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        # One thread of each kind, so that calls come in the same order each time.
        "UV_CONCURRENT_INSTALLS": "1",
        "UV_CONCURRENT_BUILDS": "1",
        "UV_CONCURRENT_DOWNLOADS": "1",
        "RAYON_NUM_THREADS": "1",
        "TOKIO_WORKER_THREADS": "1",
    }
    where, linking = ("--python", "{venv}"), ("--link-mode", "hardlink")
    return {
        "install": Command(
            (*program, "install", "--no-deps", *linking, *where, *more, f"{{{wheel}}}"),
            variables,
        ),
        "uninstall": Command((*program, "uninstall", *where, "pluggy"), variables),
    }


def _installer(*more: str) -> Command:
    program = ("{harness}", "-I", "-B", "-m", "installer")
    options = ("--no-compile-bytecode", "--prefix", "{venv}", *more)
    # It refuses, with status 1, what is already there.
    return Command((*program, *options, f"{{{WHEEL}}}"), statuses=(0, 1))


def _folder(package: str) -> str:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{package} is missing: it is in the test group")
    return os.path.dirname(found.origin)
