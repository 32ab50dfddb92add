"""Each file of an environment held open in turn, with a Windows CPython (gate R9).

The rules are those of the system itself; tests/test_application_sharing.py and
tests/test_verbs_venv_sharing.py put the same to rules that Wine does not keep.
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from linkinstall import Cache, Environment, check, install, uninstall
from linkinstall.errors import FileSystemError
from linkinstall.verbs.venv import remove_venv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from integration.support.command import Command
    from integration.windows.conftest import WindowsVenv

GENERIC_READ, SHARE_ALL, OPEN_EXISTING = 0x8000_0000, 7, 3


def files_of(env: WindowsVenv) -> dict[str, bytes]:
    """Return path -> contents of every file of an environment but the lock's."""
    return {
        path.relative_to(env.root).as_posix(): path.read_bytes()
        for path in env.root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@contextmanager
def sharing(path: Path) -> Iterator[None]:
    """Hold a file open and share its deletion, as a scanner may."""
    kernel = getattr(ctypes, "WinDLL")("kernel32")  # noqa: B009 - there is none elsewhere
    kernel.CreateFileW.restype = ctypes.c_void_p
    kernel.CloseHandle.argtypes = [ctypes.c_void_p]
    handle = kernel.CreateFileW(
        ctypes.c_wchar_p(str(path)), ctypes.c_ulong(GENERIC_READ), SHARE_ALL, None,
        OPEN_EXISTING, 0, None,
    )  # fmt: skip
    assert handle not in {None, ctypes.c_void_p(-1).value}
    try:
        yield
    finally:
        kernel.CloseHandle(handle)


def test_no_removal_while_a_file_is_open(env: WindowsVenv, fill: Callable[..., None]) -> None:
    """Whichever file is open: refused, the file named, every file as it was; then it goes."""
    fill(env)
    before = files_of(env)
    assert len(before) > 25

    for name in before:
        with (
            open(env.root / name, "rb"),
            pytest.raises(FileSystemError) as caught,
        ):
            remove_venv(env.root, sync="off")
        assert name in caught.value.path.replace("\\", "/")
        assert before == files_of(env), name
        assert ["env"] == [path.name for path in env.root.parent.glob("*env")], name

    assert () == remove_venv(env.root, sync="off").pending
    assert not env.root.exists()


def test_no_uninstall_while_a_file_of_the_project_is_open(
    env: WindowsVenv, fill: Callable[..., None]
) -> None:
    """Refused whole for each file of it; the files of another project are in nobody's way."""
    fill(env)
    before = files_of(env)
    environment = Environment.of(str(env.root))
    own = [name for name in before if "tool" in name or "server.exe" in name]
    assert len(own) > 6

    for name in own:
        with open(env.root / name, "rb"), pytest.raises(FileSystemError) as caught:
            uninstall(["tool"], environment=environment, sync="off")
        assert name in caught.value.path.replace("\\", "/")
        assert before == files_of(env), name

    with open(env.library / "markupsafe" / "__init__.py", "rb"):
        assert () == uninstall(["tool"], environment=environment, sync="off").pending
    assert {name for name in before if name not in own} == set(files_of(env))


def test_no_upgrade_while_a_file_of_the_project_is_open(
    env: WindowsVenv, tmp_path: Path, tool: Callable[[str], Path]
) -> None:
    """Refused whole for each file of the old version, whose every file stays; then it is done."""
    environment, cache = Environment.of(str(env.root)), Cache(tmp_path / "cache")
    old, new = tool("1.0"), tool("2.0")
    bare = files_of(env)
    install([old], environment=environment, cache=cache, sync="off")
    before = files_of(env)
    own = sorted(before.keys() - bare.keys())
    assert len(own) > 8

    for name in own:
        with open(env.root / name, "rb"), pytest.raises(FileSystemError) as caught:
            install([new], environment=environment, cache=cache, sync="off")
        assert name in caught.value.path.replace("\\", "/")
        assert before == files_of(env), name
        assert [] == check(environment=environment), name

    outcome = install([new], environment=environment, cache=cache, sync="off")
    assert ("replaced", ()) == (outcome.changes[0].action, outcome.pending)
    assert "2.0" == env.run("import tool; print(tool.VERSION)")


@pytest.mark.parametrize("inside", ["tool/data.txt", "tool-1.0.dist-info/RECORD"])
def test_a_file_whose_deletion_is_shared(
    env: WindowsVenv, linkinstall: Command, tool: Callable[[str], Path], inside: str
) -> None:
    """It keeps nothing from being uninstalled, and nothing is left once it is closed."""
    before = set(files_of(env))
    linkinstall.run("install", "--python", env.root, tool("1.0"))
    with sharing(env.library / inside):
        linkinstall.run("uninstall", "--python", env.root, "tool")
        assert before == set(files_of(env)) - {
            name for name in files_of(env) if ".linkinstall" in name
        }

    linkinstall.run("recover", "--python", env.root)
    assert before == set(files_of(env))
    assert not (env.library / ".linkinstall").exists()
