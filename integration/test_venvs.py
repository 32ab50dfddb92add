"""Symbolic links to virtual environments, with the real virtualenv (uv issue 14933)."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

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
            capture_output=True, text=True, check=True, timeout=60,
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
