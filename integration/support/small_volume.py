"""Run a change on a volume that is too small for it, and tell what it left.

Purpose: a disk that is really full, in a mount namespace of its own: nothing has to be
cleaned up, and no rights are needed where user namespaces are allowed.

Calling sequence: ``run_on_small_volume(…)`` starts this module as a program under
``unshare``; the program mounts, copies the environment, runs, and prints a JSON object.

Guarantees: the mount ends with the process.

Errors: the test is skipped where ``unshare`` or ``mount`` is not allowed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integration.support.trees import differences, snapshot
from tests.support.gates import require

if TYPE_CHECKING:
    from integration.support.command import Command

KIBIBYTES = 512


def run_on_small_volume(
    command: Command, environment: Path, first: Path, second: Path
) -> dict[str, Any]:
    """Install ``first``, then ``second`` for which there is no room, and tell what happened.

    Returns the exit status, the outcome of the second install, and the differences that it
    and a ``recover`` after it left.
    """
    volume = environment.with_name("volume")
    volume.mkdir()
    arguments = [str(one) for one in (volume, environment, first, second)]
    program = ["unshare", "--user", "--map-root-user", "--mount", sys.executable]
    done = subprocess.run(
        [*program, "-m", "integration.support.small_volume", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=command.environ() | {"PYTHONPATH": _module_path(command)},
    )
    reason = done.stderr.strip()[-200:]
    require(done.returncode == 0, f"a small volume can be mounted: {reason}")
    told = json.loads(done.stdout)
    assert isinstance(told, dict)
    return told


def _module_path(command: Command) -> str:
    root = str(Path(__file__).resolve().parents[2])
    given = command.environ().get("PYTHONPATH", "")
    return f"{root}:{given}" if given else root


def main() -> None:
    """Mount, install, fill up, and print what is left as JSON."""
    volume, environment, first, second = (Path(one) for one in sys.argv[1:])
    size = f"size={KIBIBYTES}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(volume)], check=True)
    root = volume / "venv"
    subprocess.run(["cp", "-a", str(environment), str(root)], check=True)
    run = [sys.executable, "-m", "linkinstall", "--json"]
    install = [*run, "install", "--python", str(root)]
    subprocess.run([*install, str(first)], check=True, capture_output=True)
    before = snapshot(root)
    done = subprocess.run([*install, str(second)], check=False, capture_output=True, text=True)
    right_after = differences(before, snapshot(root))
    subprocess.run([*run, "recover", "--python", str(root)], check=True, capture_output=True)
    told = {
        "status": done.returncode,
        "form": json.loads(done.stdout),
        "right_after": right_after,
        "after_recover": differences(before, snapshot(root)),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
