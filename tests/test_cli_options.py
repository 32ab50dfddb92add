"""The table of options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from installer.__main__ import _get_main_parser

from linkinstall.cli import options
from linkinstall.cli.command_table import COMMANDS_BY_NAME
from linkinstall.cli.options import OPTIONS, OPTIONS_BY_WORD

if TYPE_CHECKING:
    from argparse import ArgumentParser

OF_THE_BRIEF = """
    --python --target --interpreter -i --script-kind --purelib --platlib --headers --scripts
    --data --break-system-packages --sync --verify-cache --link-mode --copy-binaries --cache-dir
    --no-cache --reinstall --no-requested --direct-url --lock-timeout --dry-run --json -q -v
    --version --help
""".split()


def flags_of_installer() -> list[str]:
    """Return every flag of ``python -m installer``, as its own parser knows them."""
    parser: ArgumentParser = _get_main_parser()
    return sorted(parser._option_string_actions)


@pytest.mark.parametrize("word", [*flags_of_installer(), *OF_THE_BRIEF])
def test_every_flag_is_known_to_install(word: str) -> None:
    """Install takes every flag of ``python -m installer`` and of the brief."""
    option = OPTIONS_BY_WORD[word]

    assert not option.commands or "install" in option.commands


@pytest.mark.parametrize("word", flags_of_installer())
def test_flags_of_installer_keep_their_shape(word: str) -> None:
    """Choices, repetition and whether there is a value are those of ``installer``."""
    theirs = _get_main_parser()._option_string_actions[word]
    ours = OPTIONS_BY_WORD[word]

    assert list(theirs.choices or ()) == list(ours.choices)
    assert (theirs.nargs == 0) == (not ours.metavar)
    assert (type(theirs).__name__ == "_AppendAction") == ours.repeatable


def test_no_word_means_two_options() -> None:
    """Each long and each short form stands for one option."""
    words = [word for option in OPTIONS for word in (option.name, option.short) if word]

    assert sorted(words) == sorted(OPTIONS_BY_WORD)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_rows_are_consistent(option: options.Option) -> None:
    """Each row names known commands and a known group, and its default is one of its choices."""
    assert set() == set(option.commands) - set(COMMANDS_BY_NAME)
    assert option.group in options.GROUPS
    assert option.summary
    assert option.default is None or option.default in option.choices
    assert option.metavar or not (option.choices or option.variable)


def test_empty_paths_are_refused() -> None:
    """An unset shell variable must not become the working directory."""
    assert "stage" == options.filled("stage")
    with pytest.raises(ValueError, match="not empty"):
        options.filled("")
