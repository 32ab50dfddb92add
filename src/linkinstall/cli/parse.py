"""Read the words of a call by the table of options.

Purpose: a small exact parser. ``argparse`` costs nearly as much to import as a
whole warm install takes.

Calling sequence::

    arguments = parse(["--compile-bytecode=0", "-d", "stage", "a.whl"], os.environ)
    arguments.command                # "install"
    arguments.words                  # ("a.whl",)
    arguments.value("--destdir")     # "stage"

Guarantees: options stand before or after the command; ``--option VALUE``,
``--option=VALUE``, ``-oVALUE``, ``-o VALUE`` and ``-o=VALUE`` mean the same, as they
do with ``python -m installer``; flags of one letter may be joined (``-qv``); after
``--`` nothing is an option. Options are not abbreviated. Of an option given twice
the last value counts, unless it is repeatable. A value that starts with a dash must
be joined to its option, so that a forgotten value is noticed.

Errors: ``UsageError``.
"""

from __future__ import annotations

from linkinstall.cli.command_table import COMMANDS, COMMANDS_BY_NAME, GROUPS_OF_COMMANDS
from linkinstall.cli.options import OPTIONS, OPTIONS_BY_WORD
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

    from linkinstall.cli.options import Option
    from linkinstall.errors import UsageError

__all__ = ["Arguments", "flag_stands_in", "named_command", "parse"]

WHEEL_SUFFIX = ".whl"


@value
class Arguments:
    """What a call asks for.

    :param command: a name of ``COMMANDS``; "" where only help or the version is asked for
    :param words: the positional arguments after the command
    :param given: value by option, for the options of the call
    :param ambient: value by option, for those that environment variables give
    """

    command: str
    words: tuple[str, ...]
    given: dict[str, Any]
    ambient: dict[str, Any]

    def value(self, option: str) -> Any:
        """Return what was given, else what the environment variable says, else the default."""
        if option in self.given:
            return self.given[option]
        if option in self.ambient:
            return self.ambient[option]
        return OPTIONS_BY_WORD[option].default

    def flag(self, option: str) -> bool:
        """Return whether a flag was given."""
        return option in self.given


def parse(words: Sequence[str], environ: Mapping[str, str]) -> Arguments:
    """Return what ``words`` (without the program's name) ask for.

    :param environ: environment variables, where some options have their value from
    :raises UsageError: for anything that has no meaning here
    """
    given, positionals = _split(words)
    asks_about_itself = "--help" in given or "--version" in given
    command, rest = _dispatch(positionals, asks_about_itself=asks_about_itself)
    if asks_about_itself:
        return Arguments(command, rest, given, {})
    for name in given:
        _require_belonging(OPTIONS_BY_WORD[name], command)
    _require_words(command, rest)
    ambient = _from_environ(environ, command)
    return Arguments(command, rest, given, ambient)


def flag_stands_in(words: Sequence[str], flag: str) -> bool:
    """Return whether a flag is among the options, for a call that cannot be parsed."""
    end = words.index("--") if "--" in words else len(words)
    return flag in words[:end]


def named_command(words: Sequence[str]) -> str:
    """Return the command that ``words`` seem to name, for a call that cannot be parsed."""
    for index, word in enumerate(words):
        if word in GROUPS_OF_COMMANDS:
            both = " ".join(words[index : index + 2])
            return both if both in COMMANDS_BY_NAME else word
        if word in COMMANDS_BY_NAME:
            return word
    return "install"


def _split(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return value by option, and the positional arguments."""
    given: dict[str, Any] = {}
    positionals: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            positionals.extend(rest)
        elif word.startswith("--"):
            name, equals, text = word.partition("=")
            option = _known(name)
            if option.metavar:
                _store(given, option, text if equals else _next_value(rest, option, name))
            elif equals:
                _refuse(f"{name} takes no value, not {text!r}.")
            else:
                _count(given, option)
        elif word.startswith("-") and word != "-":
            _read_cluster(given, word, rest)
        else:
            positionals.append(word)
    return given, positionals


def _read_cluster(given: dict[str, Any], word: str, rest: Any) -> None:
    """Read ``-qv``, ``-dVALUE``, ``-qd=VALUE`` or ``-d VALUE``."""
    for position in range(1, len(word)):
        option = _known("-" + word[position], word)
        if option.metavar:
            text = word[position + 1 :]
            if not text:
                text = _next_value(rest, option, option.short)
            _store(given, option, text.removeprefix("="))
            return
        _count(given, option)


def _next_value(rest: Any, option: Option, name: str) -> str:
    text: str | None = next(rest, None)
    if text is None:
        _refuse(f"{name} needs a value: {name} {option.metavar}.")
    if text.startswith("-") and text != "-":
        _refuse(
            f"{name} needs a value: {name} {option.metavar}.",
            f"If {text!r} is meant as the value, write {option.name}={text}.",
        )
    return text


def _count(given: dict[str, Any], option: Option) -> None:
    given[option.name] = given.get(option.name, 0) + 1 if option.repeatable else True


def _store(given: dict[str, Any], option: Option, text: str) -> None:
    converted = _convert(option, text, option.name)
    if option.repeatable:
        converted = (*given.get(option.name, ()), converted)
    given[option.name] = converted


def _convert(option: Option, text: str, source: str) -> Any:
    """Return the value that ``text`` means.

    :param source: where the text comes from, an option or an environment variable
    :raises UsageError: where it means none
    """
    try:
        converted = option.convert(text)
        if not option.choices or converted in option.choices:
            return converted
        wanted = ""
    except ValueError as error:
        wanted = str(error)
    suggestion = ""
    if option.choices:
        allowed = [str(choice) for choice in option.choices]
        wanted = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
        suggestion = _did_you_mean(text, allowed)
    raise _error(f"{source} takes {wanted}, not {text!r}.", suggestion)


def _known(name: str, word: str = "") -> Option:
    option = OPTIONS_BY_WORD.get(name)
    if option is None:
        shown = f"{name} (in {word})" if word and word != name else name
        suggestion = _did_you_mean(word or name, [option.name for option in OPTIONS])
        _refuse(f"There is no option {shown}.", suggestion)
    return option


def _dispatch(positionals: list[str], *, asks_about_itself: bool) -> tuple[str, tuple[str, ...]]:
    """Return the command and its arguments (``docs/reference/command-line.md``)."""
    if not positionals:
        if asks_about_itself:
            return "", ()
        _refuse("There is nothing to do: no wheel and no command was given.", _command_list())
    first, rest = positionals[0], tuple(positionals[1:])
    if first in COMMANDS_BY_NAME:
        return first, rest
    if first in GROUPS_OF_COMMANDS:
        if asks_about_itself and not rest:
            return first, ()
        return _dispatch_group(first, rest)
    if not _is_wheel(first):
        suggestion = _did_you_mean(first, _first_words())
        listing = f"{suggestion} {_command_list()}" if suggestion else _command_list()
        _refuse(f"{first!r} is neither a command nor a wheel file ({WHEEL_SUFFIX}).", listing)
    return "install", tuple(positionals)


def _dispatch_group(group: str, rest: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the command of two words, ``cache dir``."""
    verbs = [name.split()[1] for name in COMMANDS_BY_NAME if name.startswith(f"{group} ")]
    if not rest or rest[0] not in verbs:
        problem = f"{rest[0]!r} is none of its commands" if rest else "a command is missing"
        suggestion = _did_you_mean(rest[0], verbs) if rest else ""
        listing = f"{group} has {', '.join(verbs[:-1])} and {verbs[-1]}."
        _refuse(f"{group}: {problem}.", f"{suggestion} {listing}".lstrip())
    return f"{group} {rest[0]}", rest[1:]


def _require_belonging(option: Option, command: str) -> None:
    if option.commands and command not in option.commands:
        takers = ", ".join(option.commands)
        _refuse(f"{option.name} is no option of {command}; it belongs to {takers}.")


def _require_words(command: str, words: tuple[str, ...]) -> None:
    row = COMMANDS_BY_NAME[command]
    if words and not row.arguments:
        _refuse(f"{command} takes no arguments, not {words[0]!r}.")
    if row.required and not words:
        _refuse(f"{command} needs {'a' if row.single else 'at least one'} {row.arguments}.")
    if row.single and len(words) > 1:
        _refuse(f"{command} takes one {row.arguments}, not {len(words)}.")
    if row.arguments == "WHEEL":
        wrong = [word for word in words if not _is_wheel(word)]
        if wrong:
            _refuse(
                f"No wheel file ({WHEEL_SUFFIX}): {', '.join(map(repr, wrong))}.",
                f"{command} takes wheel files; it looks no names up on an index.",
            )
    if row.arguments == "NAME":
        wrong = [word for word in words if not _is_name(word)]
        if wrong:
            _refuse(f"No name of a distribution: {', '.join(map(repr, wrong))}.")


def _is_wheel(word: str) -> bool:
    return word.lower().endswith(WHEEL_SUFFIX)


def _is_name(word: str) -> bool:
    # Laxer than the specification of names: what another tool installed under an
    # odd name must still be removable. What this catches is paths and versions.
    return bool(word) and not set(word) & set("/\\<>=!;,[]() ") and word.isprintable()


def _from_environ(environ: Mapping[str, str], command: str) -> dict[str, Any]:
    ambient = {}
    for option in OPTIONS:
        if not option.variable or (option.commands and command not in option.commands):
            continue
        text = environ.get(option.variable)
        if text:
            ambient[option.name] = _convert(option, text, option.variable)
    return ambient


def _first_words() -> list[str]:
    return list(dict.fromkeys(command.name.split()[0] for command in COMMANDS))


def _command_list() -> str:
    return f"The commands are {', '.join(_first_words())}."


_NEAR = 0.7
"""How alike a word has to be to be suggested: a typo is, another word of that length is not."""


def _did_you_mean(word: str, known: list[str]) -> str:
    """Return a sentence that suggests the nearest known word, or ""."""
    from difflib import get_close_matches

    near = [one for one in known if len(word) > len("--a") and one.startswith(word)]
    near = near or get_close_matches(word, known, 1, _NEAR)
    return f"Did you mean {near[0]}?" if near else ""


def _refuse(message: str, next_step: str = "") -> NoReturn:
    raise _error(message, next_step)


def _error(message: str, next_step: str) -> UsageError:
    from linkinstall.errors import UsageError

    return UsageError(message, next_step=next_step)
