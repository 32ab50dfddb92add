"""Run the command line as somebody else.

Purpose: what another user's files allow, where root may do everything.

Calling sequence: ``form = json_as_nobody(command, "install", wheel)``.

Guarantees: the other user may read what only root may (the interpreter, this project), and
change nothing of it.

Errors: the test is skipped (with ``CI=true`` it fails) where this is not root;
``AssertionError`` where the exit status is not the expected one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from tests.support.gates import require

if TYPE_CHECKING:
    from integration.support.command import Command

NOBODY = 65_534


def json_as_nobody(command: Command, *given: object, status: int = 0) -> dict[str, Any]:
    """Run the command with ``--json`` as a user who owns nothing, and return the object."""
    require(os.geteuid() == 0, "root, to be another user")
    require(shutil.which("setpriv") is not None, "setpriv (util-linux)")
    capability = "+dac_read_search"
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    user += [f"--inh-caps={capability}", f"--ambient-caps={capability}"]
    done = subprocess.run(
        [*user, *command.arguments(("--json", *given))],
        check=False,
        capture_output=True,
        text=True,
        env=command.environ(),
        cwd="/",
    )
    assert done.returncode == status, done.stdout + done.stderr
    form = json.loads(done.stdout)
    assert isinstance(form, dict)
    return form


def require_protected_hardlinks() -> None:
    """Need a kernel that refuses hard links to files of others."""
    with open("/proc/sys/fs/protected_hardlinks", encoding="ascii") as stream:
        require(stream.read().strip() == "1", "fs.protected_hardlinks = 1")
