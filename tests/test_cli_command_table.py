"""The table of commands."""

from __future__ import annotations

from linkinstall.cli.command_table import COMMANDS, COMMANDS_BY_NAME, GROUPS_OF_COMMANDS


def test_the_commands_are_those_of_the_brief() -> None:
    """There is a command for each verb that exists, and no other."""
    expected = (
        "install uninstall recover list check repair "
        "venv-create venv-clear venv-remove venv-decouple cache-dir cache-info cache-add "
        "cache-verify cache-prune cache-clean"
    ).split()

    assert expected == [name.replace(" ", "-") for name in COMMANDS_BY_NAME]


def test_groups_are_the_first_words_of_commands_of_two() -> None:
    """A group's name alone is no command."""
    assert {"venv", "cache"} == GROUPS_OF_COMMANDS
    assert not GROUPS_OF_COMMANDS & set(COMMANDS_BY_NAME)


def test_a_command_of_one_argument_needs_it() -> None:
    """What takes one argument at most takes it by name, and cannot do without."""
    assert all(one.required and one.arguments for one in COMMANDS if one.single)
