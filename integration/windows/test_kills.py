"""Changes that are killed on Windows, and recovered: old or new, nothing in between.

In one process with a fault at the port, at a sample of the changing calls; and with real
processes, which end as ``TerminateProcess`` ends them, in the middle of their work.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from linkinstall.fs import local
from tests.support.faulty import Faulty, Killed, Recording
from tests.support.sites import Site, differences
from tests.support.watched import process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.command import Command
    from integration.windows.conftest import WindowsVenv
    from linkinstall.fs.port import FileSystem
    from tests.support.sites import Snapshot

POINTS = 12
"""Moments of a change that are struck; each costs Wine more than a second."""


def made_site(folder: Path) -> Site:
    """Make an environment with a project of some folders, a binary and a script; anew, too.

    Scripts name their environment's path, so all that is compared is made at one path.
    """
    if (folder / "env").exists():
        shutil.rmtree(folder / "env")
    site = Site(folder)
    site.install(wheel(site, "1.0"), compile_levels=())
    return site


def wheel(site: Site, version: str) -> Path:
    """Return a version of the project."""
    files: dict[str, bytes | str] = {
        "app/__init__.py": f"version = {version!r}\n",
        "app/sub/data.txt": version,
        "app/fast.pyd": b"MZ" + version.encode(),
        f"app/only_{version[0]}.py": "",
        f"app-{version}.data/data/share/app.txt": version,
    }
    return site.wheel("app", version, files, entry_points="[console_scripts]\napp = app:main\n")


def change(site: Site, what: str, files: FileSystem) -> None:
    """Upgrade or uninstall the project through a file system."""
    transaction = site.transaction(files, compile_levels=())
    if what == "upgrade":
        transaction.install(str(wheel(site, "2.0")))
    else:
        transaction.uninstall("app")
    transaction.run()


def same(expected: Snapshot, site: Site) -> bool:
    """Return whether an environment is as it was told."""
    return [] == differences(expected, site.tree())


@pytest.mark.parametrize("what", ["upgrade", "uninstall"])
def test_a_killed_change_is_old_or_new(tmp_path: Path, what: str) -> None:
    """Killed at any call and recovered, an environment is exactly old or exactly new."""
    site = made_site(tmp_path)
    old, recording = site.tree(), Recording(local())
    change(site, what, recording)
    new = site.tree()
    assert old != new
    total = len(recording.changes)
    seen = set()

    for at in sorted({round(number * (total - 1) / (POINTS - 1)) for number in range(POINTS)}):
        struck = made_site(tmp_path)
        with process(), pytest.raises(Killed):
            change(struck, what, Faulty(local(), at))
        with process():
            struck.recover()
        is_old, is_new = same(old, struck), same(new, struck)
        assert is_old or is_new, (at, recording.changes[at])
        assert not struck.home.exists(), at
        seen.add(is_new)

    assert {False, True} == seen


VICTIM = """
import os, signal, sys
from linkinstall import Cache, Environment
from linkinstall.fs import local
from linkinstall.transaction import Transaction
from tests.support.faulty import Wrapper

root, cache, wheel, at = sys.argv[1:]

class Mortal(Wrapper):
    left = int(at)

    def before(self, change):
        if not self.left:
            os.kill(os.getpid(), signal.SIGTERM)  # TerminateProcess: nothing is cleaned up
        self.left -= 1

files = Mortal(local())
transaction = Transaction(
    Environment.of(root), cache=Cache(cache), files=files, sync="off", compile_levels=()
)
transaction.install(wheel) if wheel else transaction.uninstall("tool")
transaction.run()
print(int(at) - files.left)
"""


def strike(command: Command, env: WindowsVenv, what: Path | str, at: int) -> str:
    """Run a change in a process that is ended before one call; return what it has printed."""
    done = subprocess.run(
        [sys.executable, "-c", VICTIM, str(env.root), str(command.cache), str(what), str(at)],
        env=command.environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode == 0) == bool(done.stdout), done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("what", ["upgrade", "uninstall"])
def test_a_process_that_is_terminated_is_recovered_from(
    env: WindowsVenv,
    other: WindowsVenv,
    linkinstall: Command,
    tool: Callable[[str], Path],
    what: str,
) -> None:
    """A terminated process leaves a journal and no lock; the next run makes it old or new."""
    wanted = tool("2.0") if what == "upgrade" else ""
    for venv in (env, other):
        linkinstall.run("install", "--python", venv.root, "--no-compile-bytecode", tool("1.0"))
    old = env.names()
    total = int(strike(linkinstall, other, wanted, 100_000))
    new = other.names()
    assert old != new
    actions = []

    for at in (total // 4, total // 2, 3 * total // 4, total - 2):
        assert not strike(linkinstall, env, wanted, at)
        outcome = linkinstall.json("recover", "--python", env.root)
        actions += [one["action"] for one in outcome["recovered"]]
        assert env.names() in (old, new), at
        assert [] == linkinstall.json("check", "--python", env.root)["findings"]
        if env.names() == new:
            linkinstall.run("install", "--python", env.root, "--no-compile-bytecode", tool("1.0"))

    assert {"rolled-back", "finished"} == set(actions)
