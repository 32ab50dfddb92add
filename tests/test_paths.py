"""Tests of paths in the form of this package."""

from __future__ import annotations

import pytest

from linkinstall.paths import INNER, device_in, forward, normal, plain, state_folders


@pytest.mark.posix("a backslash is a character of a name")
def test_a_backslash_is_kept_where_it_is_part_of_a_name() -> None:
    """On POSIX a path is not rewritten, only normalised."""
    assert r"/env/a\b" == forward(r"/env/a\b")
    assert r"/env/a\b" == normal(r"/env//x/../a\b")


@pytest.mark.windows_real
def test_windows_paths_get_one_separator() -> None:
    """On Windows both separators become a slash, so that paths compare as text."""
    assert "C:/env/Scripts" == normal(r"C:\env\Lib\..\Scripts")
    assert "C:/env/a" == normal("C:/env//a")
    assert "C:/env/Lib" == forward(r"C:\env\Lib")
    assert "C:/env/Scripts" == normal(r"\\?\C:\env\Lib\..\Scripts")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("\\\\?\\C:\\env\\a", "C:/env/a"),
        ("//?/C:/env/a", "C:/env/a"),
        ("\\\\?\\UNC\\server\\share\\a", "//server/share/a"),
        ("\\\\server\\share\\a", "//server/share/a"),
        ("C:\\env", "C:/env"),
    ],
)
def test_the_extended_prefix_is_left_out(told: str, expected: str) -> None:
    """What a system tells, or a person names, by an extended path is the same place without it."""
    assert expected == plain(told)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("con", "con"),
        ("C:\\work\\aux", "aux"),
        ("sub/NUL/x", "NUL"),
        ("a/lpt1.txt", "lpt1.txt"),
        ("com\xb2", "com\xb2"),
        ("prn .log", "prn .log"),
        ("\\\\.\\con", "con"),
        ("conin$", "conin$"),
        ("nul:", "nul:"),
        ("console", ""),
        ("com0", ""),
        ("com10", ""),
        ("a.con", ""),
        ("C:/work/auxiliary", ""),
        ("", ""),
    ],
)
def test_names_of_devices_are_known(path: str, expected: str) -> None:
    """Windows has devices of these names in every folder, with any ending."""
    assert expected == device_in(path)


@pytest.mark.parametrize("name", ["venv", ".venv", "v", INNER])
def test_the_states_of_two_environments_have_two_names(name: str) -> None:
    """No name makes the state beside an environment that inside the folder above it.

    For one that was called ``venv`` it was: ``venv remove work`` put what a killed ``venv clear
    work/venv`` had left into ``work``, took that for an environment, and removed it.
    """
    beside, inside = state_folders(f"/work/{name}")

    assert inside == f"/work/{name}/{INNER}"
    assert beside not in state_folders("/work")
