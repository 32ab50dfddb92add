"""Environments that a tool keeps for itself, and which one is changed instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import UsageError
from linkinstall.paths import forward
from linkinstall.tool_environment import environment_instead, tool_of
from tests.support.platforms import needs_symlinks

if TYPE_CHECKING:
    from pathlib import Path


def venv(folder: Path) -> Path:
    """Make what looks like a venv."""
    folder.mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n")
    return folder


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    """Make an environment as ``uv tool`` leaves it."""
    folder = venv(tmp_path / "tools" / "linkinstall")
    (folder / "uv-receipt.toml").write_text("[tool]\n")
    return folder


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


@pytest.mark.parametrize(
    ("tool", "receipt"), [("pipx", "pipx_metadata.json"), ("uv tool", "uv-receipt.toml")]
)
def test_tools_are_known_by_their_receipts(tool: str, receipt: str, tmp_path: Path) -> None:
    """Both pipx and uv leave a file in each environment that they keep."""
    folder = venv(tmp_path / "env")
    assert tool_of(str(folder)) is None

    (folder / receipt).touch()

    assert tool == tool_of(str(folder))


@pytest.mark.parametrize("bucket", ["archive-v0", "builds-v0", "environments-v2"])
def test_environments_in_uvs_cache_are_known(bucket: str, tmp_path: Path) -> None:
    """What uvx and ``uv run --with`` run lives inside uv's cache."""
    folder = venv(tmp_path / "cache" / bucket / "x1y2z3")
    assert tool_of(str(folder)) is None

    (tmp_path / "cache" / "CACHEDIR.TAG").touch()

    assert "uvx" == tool_of(str(folder))


def test_a_project_in_a_marked_folder_is_no_tool(tmp_path: Path) -> None:
    """A venv below some other folder that is marked as a cache is a person's own."""
    (tmp_path / "CACHEDIR.TAG").touch()

    assert tool_of(str(venv(tmp_path / "work" / "env"))) is None


def test_a_persons_environment_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no tool is at work, nothing else is looked for."""
    monkeypatch.setenv("VIRTUAL_ENV", str(venv(tmp_path / "active")))

    assert environment_instead(str(venv(tmp_path / "env"))) is None


def test_the_active_venv_is_taken_instead(
    tmp_path: Path, tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run by a tool, the active venv is what the person means, before one that lies here."""
    monkeypatch.setenv("VIRTUAL_ENV", str(venv(tmp_path / "active")))
    venv(tmp_path / "project" / ".venv")

    assert f"{tmp_path}/active" == forward(environment_instead(str(tool)) or "")


def test_the_venv_of_the_project_is_taken_instead(tmp_path: Path, tool: Path) -> None:
    """Without an active venv it is the ``.venv`` of the folder one stands in."""
    venv(tmp_path / "project" / ".venv")

    assert f"{tmp_path}/project/.venv" == forward(environment_instead(str(tool)) or "")


@needs_symlinks
def test_the_venv_of_the_project_may_be_a_link(tmp_path: Path, tool: Path) -> None:
    """A ``.venv`` that is a link to a venv elsewhere counts, under its own path."""
    (tmp_path / "project" / ".venv").symlink_to(venv(tmp_path / "elsewhere"))

    assert str(tmp_path / "project" / ".venv") == environment_instead(str(tool))


@needs_symlinks
def test_the_tool_itself_is_not_the_active_venv(
    tmp_path: Path, tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment that ``uv run --with`` makes and puts into VIRTUAL_ENV is not meant."""
    (tmp_path / "link").symlink_to(tool)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "link"))

    with pytest.raises(UsageError):
        environment_instead(str(tool))


def test_where_folders_are_named_the_tool_s_interpreter_will_do(tmp_path: Path, tool: Path) -> None:
    """Asked for an interpreter only, there is no need for another environment; a venv comes first.

    Story: run by pipx or uv, ``--target`` and ``--destdir`` were usage errors that asked for
    ``--python``, though nobody's environment was to be changed.
    """
    assert environment_instead(str(tool), or_own=True) is None

    venv(tmp_path / "project" / ".venv")
    instead = environment_instead(str(tool), or_own=True)
    assert f"{tmp_path}/project/.venv" == forward(instead or "")


def test_where_nothing_is_meant_the_person_is_asked(tool: Path) -> None:
    """Without either, the refusal names the tool and asks for --python."""
    with pytest.raises(UsageError) as caught:
        environment_instead(str(tool))

    assert caught.value.message == (
        f"linkinstall runs in an environment that uv tool keeps for itself ({tool}); "
        "no venv is active, and there is no .venv here."
    )
    assert "--python" in caught.value.next_step
