"""What is linked and what is copied on Windows, shown with a real wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linkinstall import Cache, Environment, install
from linkinstall.fs.windows_calls import Calls
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.command import Command
    from integration.windows.conftest import WindowsVenv


@pytest.mark.parametrize("mode", ["auto", "hardlink"])
def test_binaries_are_copied_and_the_rest_is_linked(
    mode: str, env: WindowsVenv, linkinstall: Command, markupsafe: Path
) -> None:
    """A ``.pyd`` is a file of its own; everything else that the wheel brings is a hard link."""
    linkinstall.run("install", "--python", env.root, "--link-mode", mode, markupsafe)

    package = env.library / "markupsafe"
    links = {path.suffix: path.stat().st_nlink for path in package.iterdir() if path.is_file()}
    assert 1 == links.pop(".pyd")
    assert {2} == set(links.values())
    assert "True" == env.run("import markupsafe._speedups as s; print(s.__file__.endswith('.pyd'))")


@pytest.mark.parametrize("mode", ["auto", "hardlink"])
def test_a_binary_is_known_by_its_header_too(
    mode: str, env: WindowsVenv, linkinstall: Command, tmp_path: Path
) -> None:
    """A Windows program without a suffix of one is copied; a text beside it is linked."""
    wheel = make_wheel(
        tmp_path / "wheels",
        "odd",
        "1.0",
        {"odd/engine": env.python.read_bytes(), "odd/engine.txt": "a text\n"},
    )
    linkinstall.run("install", "--python", env.root, "--link-mode", mode, wheel)

    links = {path.name: path.stat().st_nlink for path in (env.library / "odd").iterdir()}
    assert {"engine": 1, "engine.txt": 2} == links


@pytest.mark.parametrize("mode", ["auto", "clone"])
def test_where_a_volume_shares_blocks_everything_is_cloned(
    mode: str, env: WindowsVenv, tmp_path: Path, markupsafe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On ReFS the system's own copy is a clone: binaries too, and no file shares its inode.

    No volume here is one, so what the system answers is put in its place; the copies are real.
    """
    monkeypatch.setattr(Calls, "shares_blocks", lambda _calls, _folder: True)

    outcome = install(
        [markupsafe], environment=Environment.of(str(env.root)), cache=Cache(tmp_path / "cache"),
        link_mode=mode,
    )  # fmt: skip

    assert (True, 0, 0) == (outcome.files.clone > 0, outcome.files.hardlink, outcome.files.copy)
    assert {1} == {path.stat().st_nlink for path in (env.library / "markupsafe").iterdir()}
    assert "ok" == env.run("import markupsafe._speedups; print('ok')")


def test_launchers_are_made_for_each_environment(
    env: WindowsVenv, other: WindowsVenv, linkinstall: Command, tool: object
) -> None:
    """A script's launcher names the interpreter of its environment and shares no file."""
    made = tool("1.0")  # type: ignore[operator]
    for venv in (env, other):
        linkinstall.run("install", "--python", venv.root, made)

        launcher = venv.scripts / "tool.exe"
        assert str(venv.python).encode() in launcher.read_bytes()
        assert 1 == launcher.stat().st_nlink
        assert 1 == (venv.scripts / "server.exe").stat().st_nlink
