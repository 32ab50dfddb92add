"""The help texts."""

from __future__ import annotations

import pytest

from linkinstall.cli.command_table import COMMANDS, COMMANDS_BY_NAME
from linkinstall.cli.help import help_lines, wrapped
from linkinstall.cli.options import OPTIONS

EVERY_TEXT = ["", "cache", "venv", *COMMANDS_BY_NAME]


def text_of(command: str, program: str = "linkinstall") -> str:
    """Return a help text."""
    return "\n".join(help_lines(program, command))


@pytest.mark.parametrize("command", EVERY_TEXT)
def test_lines_fit_a_terminal(command: str) -> None:
    """Help is plain ASCII of at most 80 columns, without trailing blanks."""
    lines = list(help_lines("python -m linkinstall", command))

    assert [] == [line for line in lines if len(line) > 80 or line != line.rstrip()]
    assert "\n".join(lines).isascii()


@pytest.mark.parametrize("command", COMMANDS_BY_NAME)
def test_a_command_tells_its_options_and_no_others(command: str) -> None:
    """The help of a command names each of its options, with values, choices and variables."""
    text = text_of(command)
    words = set(text.replace(",", " ").split())

    for option in OPTIONS:
        mine = not option.commands or command in option.commands
        heads = [line for line in text.splitlines() if line[:2] == "  " and line[2:3] != " "]
        listed = any(option.name in line.replace(",", " ").split()[:2] for line in heads)
        assert mine == listed, option.name
        if mine and option.variable:
            assert option.variable in words
        if mine:
            assert {str(choice) for choice in option.choices} <= {word.strip(";") for word in words}


def test_the_overview_names_every_command() -> None:
    """The program's help lists the commands with what they do."""
    text = " ".join(text_of("").split())

    for command in COMMANDS:
        assert command.name in text
        assert command.summary in text


def test_a_group_names_its_commands_only() -> None:
    """``cache --help`` lists the commands of the cache."""
    text = text_of("cache")

    assert "cache add WHEEL..." in text
    assert "uninstall" not in text


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("", "usage: prog [OPTION...] WHEEL..."),
        ("install", "usage: prog [OPTION...] install WHEEL..."),
        ("check", "usage: prog [OPTION...] check [NAME...]"),
        ("list", "usage: prog [OPTION...] list"),
        ("cache", "usage: prog [OPTION...] cache COMMAND"),
    ],
)
def test_usage_uses_the_programs_name(command: str, usage: str) -> None:
    """The first line shows how to call it, as it was called."""
    assert usage == text_of(command, "prog").splitlines()[0]


def test_a_word_that_is_too_long_stands_alone() -> None:
    """Wrapping never breaks a word."""
    assert ["  a", "  " + "b" * 90, "  c"] == list(wrapped(f"a {'b' * 90} c", "  "))
