"""``linkinstall.vetting.names``: which paths and script names are refused."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkinstall import limits
from linkinstall.vetting.names import is_reserved_script, path_problems, script_name_problems


def codes(path: str, *, windows: bool = False) -> list[str]:
    """Return the codes of a path's problems."""
    return [code for code, _ in path_problems(path, windows=windows)]


@pytest.mark.parametrize(
    "path",
    [
        "pkg/__init__.py",
        "pkg/",
        "a",
        ".hidden",
        "pkg/..data",
        "pkg/...",
        "pkg/a..b",
        "dir with space/na\u00efve \u5305.txt",
        "pkg/100%.txt",
        "pkg/~x",
        "pkg/aux.py",
        "ab:c",
        "pkg/a:b",
        "x/" * (limits.PATH_DEPTH - 1) + "y",
        "n" * limits.NAME_LENGTH,
    ],
)
def test_paths_that_are_fine(path: str) -> None:
    """Odd names are accepted as long as they mean one thing."""
    assert [] == codes(path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("../x", "member-path"),
        ("pkg/../../x", "member-path"),
        ("pkg/..", "member-path"),
        ("..", "member-path"),
        ("../", "member-path"),
        ("./x", "member-path"),
        ("pkg/./x", "member-path"),
        ("pkg//x", "member-path"),
        ("pkg//", "member-path"),
        ("", "member-path"),
        ("/", "member-path"),
        ("/etc/passwd", "member-path"),
        ("//server/share", "member-path"),
        ("C:/x", "member-path"),
        ("c:x", "member-path"),
        ("pkg\\x", "member-path"),
        ("..\\x", "member-path"),
        ("pkg/a\0b", "member-characters"),
        ("pkg/a\nb", "member-characters"),
        ("pkg/\x1b[2J", "member-characters"),
        ("pkg/\x7f", "member-characters"),
        ("pkg/\x85", "member-characters"),
        ("pkg/\u202egpj.py", "member-characters"),
        ("pkg/\u2066x", "member-characters"),
        ("pkg/\u2028x", "member-characters"),
        ("\ufeffpkg", "member-characters"),
        ("n" * (limits.NAME_LENGTH + 1), "member-length"),
        ("\u00e9" * 128, "member-length"),
        ("x/" * (limits.PATH_LENGTH // 2 + 1), "member-length"),
    ],
)
def test_paths_that_are_refused(path: str, expected: str) -> None:
    """A path that leaves its folder, hides something or fits nowhere is a problem."""
    assert expected in codes(path)


@pytest.mark.parametrize(
    "path",
    [
        "con.py",
        "pkg/AUX",
        "aux.tar.gz",
        "nul .txt",
        "prn",
        "COM1",
        "lpt9.x",
        "com\u00b9",
        "CONIN$",
        "conout$.txt",
        "a:b/c",
        "pkg/file:stream",
        "pkg/what?",
        "pkg/a*",
        'pkg/"x"',
        "pkg/<x>",
        "pkg/a|b",
        "pkg/dot.",
        "pkg/space ",
        "folder./x",
    ],
)
def test_what_windows_cannot_have(path: str) -> None:
    """Devices, streams, wildcards and a dot or space at the end are refused on Windows."""
    assert "member-windows" in codes(path, windows=True)
    assert "member-windows" not in codes(path)


@pytest.mark.parametrize("path", ["console.py", "auxiliary", "com10", "lpt", "null.txt", "a.b/c"])
def test_what_windows_can_have(path: str) -> None:
    """Names that only begin like a device are fine."""
    assert [] == codes(path, windows=True)


@given(st.text(st.sampled_from("ab./\\:C \u00e9\n\0"), max_size=12))
def test_a_path_without_problems_stays_inside(path: str) -> None:
    """A path without problems is normal already, and below any folder it is joined to."""
    if codes(path):
        return
    joined = posixpath.normpath(posixpath.join("/root/folder", path))

    assert joined == f"/root/folder/{path.removesuffix('/')}"


@pytest.mark.parametrize(
    "name",
    [
        "python",
        "Python.EXE",
        "python3",
        "python3.11",
        "python3.13t",
        "python3.13td",
        "pythonw",
        "pythonw.exe",
        "python3w",
        "python_d",
        "pypy",
        "pypy3.11",
        "PyPy3w.exe",
        "graalpy",
        "graalpy24.1",
        "activate",
        "ACTIVATE",
        "activate.bat",
        "Activate.ps1",
        "activate.fish",
        "activate_this.py",
        "deactivate",
        "deactivate.bat",
        "activate.exe",
        "python.",
        "python ",
    ],
)
def test_reserved_scripts(name: str) -> None:
    """Interpreters and activation scripts of an environment are reserved."""
    assert is_reserved_script(name)
    assert ["reserved-name"] == [code for code, _ in script_name_problems(name, windows=False)]


@pytest.mark.parametrize(
    "name",
    [
        "python-argcomplete-check-easy-install-script",
        "activate-global-python-argcomplete",
        "python-config",
        "python3-config",
        "pythonium",
        "ipython",
        "ipython3",
        "bpython",
        "pythonic",
        "pypyr",
        "pypi",
        "deactivated",
        "reactivate",
        "pip",
        "pydoc",
        "foo:bar",
        "foo.bar",
        "F\u00f6\u00f6",
        "two words",
        ".dot",
        "n" * 251,
    ],
)
def test_scripts_that_are_fine(name: str) -> None:
    """Names that resemble a reserved one, or are only odd, are accepted."""
    assert not is_reserved_script(name)
    assert [] == list(script_name_problems(name, windows=False))


@pytest.mark.parametrize(
    "name", ["", "  ", "a/b", "../x", "/x", "a\\b", ".", "..", "a\x1bb", "\u202ex", "n" * 252]
)
def test_scripts_that_are_refused(name: str) -> None:
    """A script's name is one plain segment of a path."""
    assert "entry-point-name" in [code for code, _ in script_name_problems(name, windows=False)]


@pytest.mark.parametrize("name", ["foo:bar", "nul", "con.x", "what?", "dot."])
def test_scripts_that_windows_cannot_have(name: str) -> None:
    """On Windows a script's name follows the rules of Windows as well."""
    assert [] == list(script_name_problems(name, windows=False))
    assert ["entry-point-name"] == [code for code, _ in script_name_problems(name, windows=True)]
