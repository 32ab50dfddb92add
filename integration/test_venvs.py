"""Virtual environments with real links, mount points and processes in them.

What uv issue 14933 is about, with the real virtualenv; and volumes that are mounted where
an environment is, or in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration.support.mounts import mounted

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.command import Command


@pytest.fixture
def linked(tmp_path: Path, linkinstall: Command) -> Path:
    """Make an environment that a link to a link leads to."""
    linkinstall.run("venv", "create", tmp_path / "real")
    (tmp_path / "current").symlink_to("real")
    (tmp_path / ".venv").symlink_to("current")
    return tmp_path / ".venv"


def test_links_stay_however_often_it_is_made_anew(linked: Path, linkinstall: Command) -> None:
    """Cleared and recreated five times over, both links are links and the environment runs."""
    for _ in range(5):
        linkinstall.run("venv", "clear", linked)
        linkinstall.run("venv", "create", "--clear", linked)

        assert "current" == os.readlink(linked)
        assert "real" == os.readlink(linked.parent / "current")
        done = subprocess.run(
            [linked / "bin" / "python", "-c", "print('ok')"],
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        assert "ok\n" == done.stdout


@pytest.mark.parametrize("tool", ["virtualenv --clear --no-seed", "venv --clear --without-pip"])
def test_the_tools_of_today_refuse_a_link(linked: Path, tool: str) -> None:
    """Neither virtualenv nor the standard library's venv clears what a link leads to."""
    done = subprocess.run(
        [sys.executable, "-m", *tool.split(), str(linked)],
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode != 0


def test_what_is_mounted_inside_keeps_an_environment(tmp_path: Path, linkinstall: Command) -> None:
    """Neither removing nor emptying goes through a mount point, whatever is forced."""
    venv = tmp_path / "v"
    linkinstall.run("venv", "create", venv)
    with mounted(venv / "data", "tmpfs", 1) as volume:
        (volume / "thesis").write_text("chapter 1\n")
        for words in (["remove"], ["remove", "--force"], ["clear"], ["create", "--clear"]):
            result = linkinstall.run("--json", "venv", *words, venv, status=1)
            problems = result.form["error"]["problems"]
            assert [("mount-point", str(volume))] == [
                (one["code"], one["path"]) for one in problems
            ]
        assert "chapter 1\n" == (volume / "thesis").read_text()
        assert (venv / "pyvenv.cfg").exists()

    linkinstall.run("venv", "remove", venv)
    assert not venv.exists()


def test_an_environment_may_be_a_volume(tmp_path: Path, linkinstall: Command) -> None:
    """A container's ``.venv`` is a volume: it is emptied and made anew, and itself it stays."""
    with mounted(tmp_path, "tmpfs", 200) as volume:
        linkinstall.run("venv", "create", volume)
        for _ in range(2):
            (volume / "mine").touch()
            assert [] == linkinstall.json("venv", "clear", volume)["pending"]
            assert {"mine", ".linkinstall.venv"}.isdisjoint(os.listdir(volume))
            assert (volume / "pyvenv.cfg").exists()

        outcome = linkinstall.json("venv", "remove", volume)

        assert ["folder-stays"] == [one["code"] for one in outcome["warnings"]]
        assert [] == os.listdir(volume)
        assert [] == [name for name in os.listdir(tmp_path) if name.startswith(".linkinstall")]


def test_a_process_that_stands_inside_holds_nothing(tmp_path: Path, linkinstall: Command) -> None:
    """The current folder of a process, our own or another's, keeps no environment here."""
    venv = tmp_path / "v"
    linkinstall.run("venv", "create", venv)
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], cwd=venv / "lib", stdin=subprocess.PIPE
    ) as process:
        outcome = linkinstall.json("venv", "remove", venv)

        assert ([], False) == (outcome["pending"], venv.exists())
        process.communicate(b"\n", timeout=120)
