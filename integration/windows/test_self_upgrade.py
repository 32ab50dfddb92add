"""linkinstall.exe replaces itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.support.command import Command
    from integration.windows.conftest import WindowsVenv

SOURCE = Path(__file__).resolve().parents[2] / "src" / "linkinstall"


def own_wheel(folder: Path, version: str) -> Path:
    """Make a wheel of this package, as some version."""
    files: dict[str, bytes | str] = {
        path.relative_to(SOURCE.parent).as_posix(): path.read_bytes()
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    files["linkinstall/mark.txt"] = version
    return make_wheel(
        folder,
        "linkinstall",
        version,
        files,
        entry_points="[console_scripts]\nlinkinstall = linkinstall.cli:script\n",
    )


def test_the_program_replaces_itself(
    make_windows_venv: Callable[..., WindowsVenv], linkinstall: Command, tmp_path: Path
) -> None:
    """The running launcher goes to the trash, the new one works, the next run sweeps."""
    env = make_windows_venv("env", "--system-site-packages")
    first, second = (own_wheel(tmp_path / "wheels", version) for version in ("1.0", "2.0"))
    linkinstall.run("install", "--python", env.root, first)
    program = env.scripts / "linkinstall.exe"
    environ = linkinstall.environ({"PYTHONPATH": None})

    def run(*arguments: object) -> str:
        done = subprocess.run(
            [str(program), *map(str, arguments)],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    said = run("install", "--python", env.root, second)

    # Wine does not tell who holds it, as Windows does.
    assert re.search(
        r"linkinstall\.exe (is busy|cannot be deleted yet).*waits for its removal", said
    )
    assert "2.0" == (env.library / "linkinstall" / "mark.txt").read_text()
    run("recover", "--python", env.root)
    assert not (env.library / ".linkinstall").exists()
