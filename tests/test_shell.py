"""Commands are typed as they stand."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from linkinstall.shell import joined, moved

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("word", "posix", "windows"),
    [
        ("six", "six", "six"),
        (r"C:\env", r"'C:\env'", r"C:\env"),
        (r"C:\my env", r"'C:\my env'", r'"C:\my env"'),
        ("/my env", "'/my env'", '"/my env"'),
        ("a&b", "'a&b'", '"a&b"'),
        ("(x86)", "'(x86)'", '"(x86)"'),
        ("naïve", "'naïve'", "naïve"),
        ("a b\\", "'a b\\'", '"a b\\\\"'),
        ("", "''", '""'),
    ],
)
def test_a_word_is_quoted_where_it_has_to_be(word: str, posix: str, windows: str) -> None:
    """Single quotes are no quotes in ``cmd``, and a backslash needs none there."""
    assert f"linkinstall {posix}" == joined(["linkinstall", word], windows=False)
    assert f"linkinstall {windows}" == joined(["linkinstall", word], windows=True)


def test_a_move_is_that_of_the_system() -> None:
    """``move`` wants backslashes: a slash begins an option."""
    assert "mv '/a b/c' '/a b/d'" == moved("/a b/c", "/a b/d", windows=False)
    assert r'move "C:\a b\c" "C:\a b\d"' == moved("C:/a b/c", "C:/a b/d", windows=True)
    assert r"move C:\a\c C:\a\d" == moved("C:/a/c", "C:/a/d", windows=True)


WORDS = ["six", "/my env", "a&b", "(x86)", "a,b;c=d", "C:\\my env", "a b\\", "x^y", "naïve"]


def shell(command: str, folder: Path) -> str:
    """Run a command line in the shell of this system and return what it prints."""
    done = subprocess.run(  # noqa: S602 - a person types it into one
        command,
        shell=True,
        cwd=folder,
        capture_output=True,
        check=True,
        timeout=120,
    )
    return done.stdout.decode("utf-8")


def test_a_shell_gives_a_program_its_words(tmp_path: Path) -> None:
    """What a person copies is what the program is given, in the shell of the system."""
    program = tmp_path / "a program.py"
    program.write_text("import json, sys; print(json.dumps(sys.argv[1:]))\n")

    told = shell(joined([sys.executable, program.name, *WORDS]), tmp_path)

    assert WORDS == json.loads(told)


def test_a_shell_moves(tmp_path: Path) -> None:
    """Folders and files with blanks in their paths get the new name."""
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder" / "a file").touch()

    shell(moved(f"{tmp_path}/a folder/a file", f"{tmp_path}/a folder/b"), tmp_path)
    shell(moved(f"{tmp_path}/a folder", f"{tmp_path}/b"), tmp_path)

    assert ["b"] == [path.name for path in tmp_path.iterdir()]
    assert ["b"] == [path.name for path in (tmp_path / "b").iterdir()]


def test_quotes_of_posix_are_those_of_shlex() -> None:
    """On POSIX any word is one word again, whatever is in it."""
    words = ["a'b", 'c"d', "$HOME", "`e`", "f\ng", "%TEMP%"]

    assert words == shlex.split(joined(words, windows=False))
