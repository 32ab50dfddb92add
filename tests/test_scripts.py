"""Scripts: byte for byte what ``installer`` generates, and what starts them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from installer.scripts import InvalidScript, Script
from installer.utils import fix_shebang

from linkinstall import limits
from linkinstall.errors import UsageError
from linkinstall.manifest import EntryPoint
from linkinstall.scripts import MARK, launcher, launcher_body, rewrite, shebang

if TYPE_CHECKING:
    from pathlib import Path

WINDOWS_KINDS = ("win-ia32", "win-amd64", "win-arm", "win-arm64")
INTERPRETERS = (
    "/usr/bin/python3",
    "/with a space/bin/python3",
    "/with'quote and space/python3",
    "/ünï/python3",
    "/" + "d" * (limits.SHEBANG_LENGTH - 5) + "/p",
    "/" + "d" * (limits.SHEBANG_LENGTH - 4) + "/p",
    "/" + "d" * 300 + "/python3",
)
ATTRIBUTES = ("main", "App.main", "a.b.c")


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock: a Windows launcher holds an archive with the time of its making."""
    now = time.localtime(1_600_000_000)
    monkeypatch.setattr(time, "localtime", lambda _seconds=None: now)


def point(section: str = "console", attr: str = "main") -> EntryPoint:
    """Return an entry point as a manifest has it."""
    body = launcher_body("run", "pkg.cli", attr, section)
    return EntryPoint("run", "pkg.cli", attr, section, body)


def installers(section: str, attr: str, interpreter: str, kind: str) -> tuple[str, bytes]:
    """Return what ``installer`` generates."""
    script = Script("run", "pkg.cli", attr, section)  # type: ignore[arg-type]
    return script.generate(interpreter, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("interpreter", INTERPRETERS, ids=len)
@pytest.mark.parametrize("attr", ATTRIBUTES)
@pytest.mark.parametrize("section", ["console", "gui"])
def test_posix_launchers_are_installers(section: str, attr: str, interpreter: str) -> None:
    """Whatever the interpreter's path is, the launcher is the one that installer writes."""
    expected = installers(section, attr, interpreter, "posix")

    assert expected == launcher(point(section, attr), interpreter, "posix")


@pytest.mark.parametrize("kind", WINDOWS_KINDS)
@pytest.mark.parametrize("section", ["console", "gui"])
@pytest.mark.parametrize("interpreter", [r"C:\Py thon\python.exe", "/usr/bin/python3"])
def test_windows_launchers_are_installers(section: str, kind: str, interpreter: str) -> None:
    """Every launcher that installer ships is written as it writes it."""
    expected = installers(section, "main", interpreter, kind)

    assert expected == launcher(point(section), interpreter, kind)
    assert "run.exe" == expected[0]


def test_an_unknown_kind_is_refused() -> None:
    """A launcher that installer does not ship is its error, a ValueError."""
    with pytest.raises(InvalidScript):
        launcher(point(), "/usr/bin/python3", "win-mips")


def test_the_body_does_not_depend_on_the_name() -> None:
    """A body that was made once serves every name and every section."""
    assert launcher_body("a", "m", "x", "console") == launcher_body("b", "m", "x", "gui")
    assert launcher_body("a", "m", "x", "console").startswith("# -*- coding: utf-8 -*-\n")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\0"), min_size=1))
def test_a_shebang_is_installers(interpreter: str) -> None:
    """Spaces, length and letters are judged as installer judges them, in bytes."""
    _, expected = Script("x", "x", "x", "console").generate(interpreter, "posix")
    body = launcher_body("x", "x", "x", "console").encode()

    assert expected == shebang(interpreter) + b"\n" + body


@pytest.mark.parametrize("start", ["/venv", "/a venv", "/" + "long/" * 30])
def test_a_path_is_the_same_in_every_locale(start: str) -> None:
    """A path that the locale could not decode is written with the bytes that it has.

    In a C locale without UTF-8 mode the letters beyond ASCII of a path with a blank ended
    the install in an UnicodeEncodeError, and in the advice to report it.
    """
    path = f"{start}/ä/bin/python"
    undecoded = path.encode("utf-8").decode("ascii", "surrogateescape")

    assert shebang(path) == shebang(undecoded)


@pytest.mark.parametrize("path", ["/venv\udcff/bin/python", "/a venv\udcff/bin/python"])
def test_a_path_that_no_script_can_name_is_refused(path: str) -> None:
    """Python reads no script with bytes that are no UTF-8, in its first line either.

    Such scripts were made all the same, and ended in a SyntaxError.
    """
    with pytest.raises(UsageError, match="its path is no UTF-8"):
        shebang(path)


def test_a_verbatim_interpreter_is_not_quoted() -> None:
    """``/usr/bin/env python3`` is written as it is, in launchers and in scripts."""
    wanted = "/usr/bin/env python3"

    assert b"#!/usr/bin/env python3" == shebang(wanted, verbatim=True)
    _, data = launcher(point(), wanted, "posix", verbatim=True)
    assert data.startswith(b"#!/usr/bin/env python3\n# -*-")
    rewritten = rewrite(b"#!python\nx\n", wanted, "posix", verbatim=True)
    assert b"#!/usr/bin/env python3\nx\n" == rewritten


@pytest.mark.posix("it has no kernel that reads the first line")
@pytest.mark.parametrize("folder", ["short", "with a space", "d" * 150])
def test_a_launcher_starts(tmp_path: Path, folder: str) -> None:
    """The kernel starts the interpreter, whether its path is long or has a space."""
    place = tmp_path / folder
    place.mkdir()
    (place / "python").symlink_to(sys.executable)
    (place / "greet.py").write_text("def main(): print('hello')\n")
    body = launcher_body("greet", "greet", "main", "console")
    name, data = launcher(
        EntryPoint("greet", "greet", "main", "console", body), str(place / "python"), "posix"
    )
    (place / name).write_bytes(data)
    (place / name).chmod(0o755)

    done = subprocess.run(
        [place / name],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(place)},
    )

    assert ("hello\n", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize(
    "data",
    [
        b"#!python\nprint(1)\n",
        b"#!pythonw\nprint(1)\n",
        b"#!python3 -E\r\nprint(1)\r\n",
        b"#!python\n",
        b"#!python",
        b"#!python\n\xff\x00binary\n#!python\n",
    ],
)
def test_a_script_is_rewritten_as_by_installer(data: bytes) -> None:
    """The first line is replaced, whatever else stands in it, and the rest stays."""
    with fix_shebang(io.BytesIO(data), "/usr/bin/python3") as stream:
        expected = stream.read()

    assert data.startswith(MARK)
    assert expected == rewrite(data, "/usr/bin/python3", "posix")
    if not data.startswith(b"#!pythonw"):
        assert expected == rewrite(data, "/usr/bin/python3", "win-amd64")


def test_a_script_of_a_spaced_interpreter_starts_it() -> None:
    """Where installer would write a line that no kernel can follow, ours goes through a shell."""
    line = rewrite(b"#!python\nx\n", "/a b/python", "posix")

    assert shebang("/a b/python") + b"\nx\n" == line
    assert line.startswith(b"#!/bin/sh\n")


@pytest.mark.parametrize(
    ("interpreter", "expected"),
    [
        (r"C:\python\python.exe", rb"C:\python\pythonw.exe"),
        ("C:/python/python.exe", b"C:/python/pythonw.exe"),
        ("python.exe", b"pythonw.exe"),
        (r"C:\py\pypy3.exe", rb"C:\py\pypy3.exe"),
    ],
)
def test_a_windowed_script_gets_the_windowed_interpreter(interpreter: str, expected: bytes) -> None:
    """``#!pythonw`` means pythonw.exe on Windows; only the file's name changes."""
    data = rewrite(b"#!pythonw\nx\n", interpreter, "win-amd64")

    assert b"#!" + expected + b"\nx\n" == data


def test_a_plain_launcher_needs_no_import() -> None:
    """A warm install writes its launchers without importing ``installer``."""
    code = (
        "import sys\n"
        "from linkinstall.manifest import EntryPoint\n"
        "from linkinstall.scripts import launcher, rewrite\n"
        "launcher(EntryPoint('a', 'm', 'x', 'console', 'body'), '/usr/bin/python3', 'posix')\n"
        "rewrite(b'#!python\\n', '/usr/bin/python3', 'posix')\n"
        "print('installer' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False" == done.stdout.strip()
