"""Reading the words of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkinstall.cli.options import OPTIONS
from linkinstall.cli.parse import Arguments, flag_stands_in, named_command, parse
from linkinstall.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


def read(*words: str, environ: Mapping[str, str] | None = None) -> Arguments:
    """Parse words without environment variables, unless some are given."""
    return parse(words, environ or {})


def refusal(*words: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the text of the usage error that these words lead to."""
    with pytest.raises(UsageError) as caught:
        read(*words, environ=environ)
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "command", "rest"),
    [
        (["a.whl"], "install", ("a.whl",)),
        (["a.whl", "b.WHL"], "install", ("a.whl", "b.WHL")),
        (["install", "a.whl"], "install", ("a.whl",)),
        (["./install.whl"], "install", ("./install.whl",)),
        (["uninstall", "install"], "uninstall", ("install",)),
        (["uninstall", "a", "b"], "uninstall", ("a", "b")),
        (["recover"], "recover", ()),
        (["list"], "list", ()),
        (["check"], "check", ()),
        (["check", "a"], "check", ("a",)),
        (["cache", "dir"], "cache dir", ()),
        (["cache", "info"], "cache info", ()),
        (["cache", "add", "a.whl"], "cache add", ("a.whl",)),
    ],
)
def test_the_first_positional_decides(words: list[str], command: str, rest: tuple[str]) -> None:
    """The first positional is a command, or everything positional is a wheel to install."""
    arguments = read(*words)

    assert (command, rest) == (arguments.command, arguments.words)


@pytest.mark.parametrize(
    "words",
    [
        ["--sync", "off", "--json", "uninstall", "a"],
        ["uninstall", "--sync=off", "--json", "a"],
        ["--json", "uninstall", "a", "--sync=off"],
    ],
)
def test_options_stand_anywhere(words: list[str]) -> None:
    """Options before, between and after the positionals mean the same."""
    arguments = read(*words)

    assert ("uninstall", ("a",)) == (arguments.command, arguments.words)
    assert {"--sync": "off", "--json": True} == arguments.given


def test_the_call_of_a_packager_works() -> None:
    """What works with ``python -m installer`` works here."""
    arguments = read("--compile-bytecode=0", "--destdir=d", "a.whl")

    assert "install" == arguments.command
    assert {"--compile-bytecode": (0,), "--destdir": "d"} == arguments.given


@pytest.mark.parametrize(
    "words", [["-dstage"], ["-d", "stage"], ["-d=stage"], ["--destdir", "stage"], ["-vdstage"]]
)
def test_values_stand_in_each_usual_place(words: list[str]) -> None:
    """A value follows its option, joined or apart."""
    assert "stage" == read(*words, "a.whl").value("--destdir")


def test_flags_of_one_letter_may_be_joined() -> None:
    """``-qv`` is ``-q -v``, and repetition is counted."""
    assert {"--quiet": 1, "--verbose": 2} == read("-qvv", "list").given


def test_after_two_dashes_nothing_is_an_option() -> None:
    """``--`` ends the options."""
    assert ("--sync.whl", "-d.whl") == read("--", "--sync.whl", "-d.whl").words


def test_repeatable_options_add_up_and_others_give_way() -> None:
    """Levels add up; of two folders the last one counts, as with ``installer``."""
    arguments = read("--compile-bytecode=1", "--compile-bytecode", "0", "-da", "-db", "a.whl")

    assert (1, 0) == arguments.value("--compile-bytecode")
    assert "b" == arguments.value("--destdir")


def test_a_default_stands_where_nothing_is_given() -> None:
    """An option that was not given has its default, a flag is down."""
    arguments = read("a.whl")

    assert ("all", "auto", None) == tuple(
        arguments.value(name) for name in ("--validate-record", "--link-mode", "--destdir")
    )
    assert not arguments.flag("--json")


def test_environment_variables_stand_behind_options() -> None:
    """A variable gives the value where the option does not, and is no given option."""
    environ = {
        "LINKINSTALL_LINK_MODE": "copy",
        "LINKINSTALL_SYNC": "",
        "LINKINSTALL_CACHE_DIR": "c",
    }
    plain = read("a.whl", environ=environ)
    given_too = read("a.whl", "--link-mode=symlink", environ=environ)

    assert ("copy", "normal", "c") == tuple(
        plain.value(name) for name in ("--link-mode", "--sync", "--cache-dir")
    )
    assert not plain.flag("--cache-dir")
    assert "symlink" == given_too.value("--link-mode")


def test_a_bad_variable_is_named() -> None:
    """A wrong value from outside is refused under the variable's name."""
    message = refusal("a.whl", environ={"LINKINSTALL_LINK_MODE": "hardlnk"})

    assert message.startswith("LINKINSTALL_LINK_MODE takes auto, clone, hardlink, symlink or copy")
    assert "Did you mean hardlink?" in message


def test_a_variable_concerns_only_commands_that_read_it() -> None:
    """A link mode that is wrong does not keep a person from listing."""
    assert {} == read("list", environ={"LINKINSTALL_LINK_MODE": "bogus"}).ambient


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "There is nothing to do: no wheel and no command was given."),
        (["--dest=d", "a.whl"], "There is no option --dest.\nDid you mean --destdir?"),
        (["--overwrite", "a.whl"], "Did you mean --overwrite-existing?"),
        (["--fource", "a.whl"], "Did you mean --force?"),
        (["--compile-bytcode=1", "a.whl"], "Did you mean --compile-bytecode?"),
        (["-x", "a.whl"], "There is no option -x."),
        (["-qx", "a.whl"], "There is no option -x (in -qx)."),
        (["a.whl", "--destdir"], "--destdir needs a value: --destdir DIR."),
        (["a.whl", "-d"], "-d needs a value: -d DIR."),
        (["--destdir", "--json", "a.whl"], "write --destdir=--json."),
        (["--destdir=", "a.whl"], "--destdir takes a value that is not empty, not ''."),
        (["--json=1", "list"], "--json takes no value, not '1'."),
        (["--sync=of", "a.whl"], "--sync takes off, normal or full, not 'of'.\nDid you mean off?"),
        (["--compile-bytecode=3", "a.whl"], "--compile-bytecode takes 0, 1 or 2, not '3'."),
        (["--compile-bytecode=x", "a.whl"], "--compile-bytecode takes 0, 1 or 2, not 'x'."),
        (["--lock-timeout=-1", "a.whl"], "--lock-timeout takes a number of seconds, 0 or more"),
        (["--direct-url=x", "a.whl"], "--direct-url takes a URL or none, not 'x'."),
        (["install"], "install needs at least one WHEEL."),
        (["uninstall"], "uninstall needs at least one NAME."),
        (["list", "rich"], "list takes no arguments, not 'rich'."),
        (["recover", "rich"], "recover takes no arguments, not 'rich'."),
        (["install", "rich"], "No wheel file (.whl): 'rich'."),
        (["a.whl", "list"], "No wheel file (.whl): 'list'."),
        (["uninstall", "rich==14"], "No name of a distribution: 'rich==14'."),
        (["uninstall", "../rich"], "No name of a distribution: '../rich'."),
        (["check", ""], "No name of a distribution: ''."),
        (["check", "a\x1b[2J"], r"No name of a distribution: 'a\x1b[2J'."),
        (["list", "--destdir=d", "--reinstall"], "--reinstall is no option of list; it belongs to"),
        (["--rollback", "a.whl"], "--rollback is no option of install; it belongs to recover."),
        (
            ["cache"],
            "cache: a command is missing.\ncache has dir, info, add, verify, prune and clean.",
        ),
        (["cache", "ad"], "Did you mean add?"),
        (["unistall", "a"], "Did you mean uninstall? The commands are install, uninstall,"),
        (["-", "a.whl"], "'-' is neither a command nor a wheel file (.whl)."),
    ],
)
def test_a_call_without_a_meaning_is_refused(words: list[str], expected: str) -> None:
    """A usage error says what is wrong and what is known instead."""
    assert expected in refusal(*words)


@pytest.mark.parametrize("word", ["mend", "help", "rich", "a.zip", "dist"])
def test_other_words_are_no_commands(word: str) -> None:
    """A word that is neither a command nor a wheel is refused with the list of commands."""
    message = refusal(word, "x")

    assert message.startswith(f"'{word}' is neither a command nor a wheel file (.whl).")
    commands = "install, uninstall, recover, list, check, repair, venv, cache"
    assert f"The commands are {commands}." in message


def test_the_cache_has_no_other_commands() -> None:
    """A word that is no command of the cache is refused with the list of those that exist."""
    assert "cache has dir, info, add, verify, prune and clean." in refusal("cache", "purge")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["--help"], ""),
        (["-h", "install"], "install"),
        (["cache", "--help"], "cache"),
        (["cache", "add", "--help"], "cache add"),
        (["--version"], ""),
        (["a.whl", "-h"], "install"),
    ],
)
def test_questions_need_no_complete_call(words: list[str], command: str) -> None:
    """Help and version are answered without the arguments a command needs."""
    assert command == read(*words).command


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["--bogus", "uninstall", "a"], "uninstall"),
        (["cache", "add"], "cache add"),
        (["cache", "bogus"], "cache"),
        (["--bogus"], "install"),
    ],
)
def test_a_broken_call_still_names_its_command(words: list[str], command: str) -> None:
    """The outcome of a usage error says which command was meant."""
    assert command == named_command(words)


def test_a_broken_call_still_asks_for_json() -> None:
    """``--json`` counts wherever it stands, but not after ``--``."""
    assert flag_stands_in(["--bogus", "--json"], "--json")
    assert not flag_stands_in(["--", "--json"], "--json")


WORDS = st.lists(
    st.one_of(
        st.sampled_from([option.name for option in OPTIONS] + ["-q", "-d", "-vd", "--", "-", "="]),
        st.sampled_from(["install", "uninstall", "list", "cache", "dir", "a.whl", "0", "off"]),
        st.text(max_size=8),
        st.text(max_size=8).map(lambda text: f"--{text}"),
        st.text(max_size=8).map(lambda text: f"-{text}"),
    ),
    max_size=8,
)


@given(WORDS)
def test_any_words_have_a_meaning_or_are_refused(words: list[str]) -> None:
    """Whatever is typed is understood or a usage error, never another exception."""
    result: Any = None
    try:
        result = parse(words, {})
    except UsageError as error:
        result = error.message

    assert result


def test_a_word_that_is_no_typo_has_no_suggestion() -> None:
    """``--frobnicate`` is not ``--force`` misspelt: to suggest that is worse than nothing."""
    with pytest.raises(UsageError) as caught:
        read("--frobnicate", "a.whl")

    assert "Did you mean" not in str(caught.value)
