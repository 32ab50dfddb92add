"""Names that Windows does not have, or takes for others: refused before anything is unpacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.command import Command
    from integration.windows.conftest import WindowsVenv

NAMES = (
    "odd/aux.py", "odd/NUL", "odd/con.txt", "odd/com1.tar.gz", "odd/lpt9 .txt", "prn/mod.py",
    "odd/dot.", "odd/space ", "dotted./mod.py", "spaced /mod.py",
    "odd/a:stream.py", "odd/what?.py", "odd/a*b.py", 'odd/a"b.py', "odd/a|b.py", "odd/a<b>.py",
)  # fmt: skip


def files_below(folder: Path) -> set[str]:
    """Return every file below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("dry", [False, True], ids=["install", "dry run"])
def test_all_such_names_are_refused_together(
    env: WindowsVenv, linkinstall: Command, tmp_path: Path, *, dry: bool
) -> None:
    """Devices, trailing dots and blanks, streams and wildcards: each is named, nothing is written.

    Written, ``dot.`` would be ``dot``, ``a:stream.py`` a stream of ``a``, and ``NUL`` nothing.
    """
    files = dict.fromkeys(("odd/__init__.py", "odd/auxiliary.py", "odd/com10.py", *NAMES), b"")
    wheel = make_wheel(tmp_path, "odd", files=files)
    before = files_below(env.root)
    options = ["--dry-run"] if dry else []

    result = linkinstall.run("--json", "install", *options, "--python", env.root, wheel, status=1)

    problems = result.form["error"]["problems"]
    assert sorted(NAMES) == sorted({one["path"] for one in problems})
    assert {"member-windows"} == {one["code"] for one in problems}
    assert before == files_below(env.root) - {".lock"}
    assert [] == [name for name in files_below(tmp_path / "cache") if "/files/" in name]


@pytest.mark.parametrize("name", ["con", "tool.", "a?b"])
def test_scripts_of_such_names_are_refused(
    env: WindowsVenv, linkinstall: Command, tmp_path: Path, name: str
) -> None:
    """An entry point makes a file, so its name has to be one that Windows has."""
    wheel = make_wheel(tmp_path, "odd", entry_points=f"[console_scripts]\n{name} = odd:main\n")
    before = files_below(env.root)

    result = linkinstall.run("--json", "install", "--python", env.root, wheel, status=1)

    assert {"entry-point-name"} == {one["code"] for one in result.form["error"]["problems"]}
    assert before == files_below(env.root) - {".lock"}


@pytest.mark.parametrize(
    ("option", "folder"),
    [
        ("--target", "aux"),
        ("--prefix", "sub\\con"),
        ("--destdir", "lpt1"),
        ("--purelib", "sub/nul.d"),
    ],
)
def test_a_device_is_no_folder_to_install_into(
    linkinstall: Command, tmp_path: Path, option: str, folder: str
) -> None:
    """It ended with what the system says of it, which names another path and no reason."""
    wheel = make_wheel(tmp_path, "sound")

    result = linkinstall.run("install", option, folder, wheel, status=2)

    assert "for a device." in result.err
