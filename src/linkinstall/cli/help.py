"""Render the help texts from the tables of commands and options.

Purpose: ``--help`` of the program and of each command.

Calling sequence: ``help_lines("linkinstall", "install")``; "" is the program itself,
``cache`` the group of that name.

Guarantees: plain ASCII lines of at most 80 columns; everything said about an option
comes from its row in ``options``.

Errors: none.
"""

from __future__ import annotations

from linkinstall.cli.command_table import COMMANDS, COMMANDS_BY_NAME
from linkinstall.cli.options import GROUPS, OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.cli.options import Option

__all__ = ["help_lines"]

WIDTH = 80
COLUMN = 28
DESCRIPTION = (
    "Installs wheels by linking their files out of a shared cache. Each change to an "
    "environment is one transaction: after a crash the next run undoes or finishes it."
)


def help_lines(program: str, command: str) -> Iterator[str]:
    """Yield the lines of a help text."""
    if command in COMMANDS_BY_NAME:
        yield from _command_help(program, command)
    else:
        yield from _overview(program, command)


def _overview(program: str, group: str) -> Iterator[str]:
    """Yield the help of the program, or of a group of commands such as ``cache``."""
    chosen = [one for one in COMMANDS if not group or one.name.startswith(f"{group} ")]
    if group:
        yield f"usage: {program} [OPTION...] {group} COMMAND"
    else:
        yield f"usage: {program} [OPTION...] WHEEL..."
        yield f"       {program} [OPTION...] COMMAND ..."
        yield ""
        yield from wrapped(DESCRIPTION, "")
    yield ""
    yield "commands:"
    for one in chosen:
        name = f"{one.name} {_arguments(one.name)}".rstrip()
        yield from _entry(name, one.summary)
    yield ""
    yield "options of every command:"
    for option in OPTIONS:
        if not option.commands:
            yield from _option_entry(option)
    yield ""
    if not group:
        yield "options of install, which is the default command:"
        for option in OPTIONS:
            if "install" in (option.commands or ()):
                yield from _option_entry(option)
        yield ""
    yield from wrapped(f"`{program} COMMAND --help` lists the options of a command.", "")


def _command_help(program: str, command: str) -> Iterator[str]:
    """Yield the help of one command, options under their headings."""
    yield f"usage: {program} [OPTION...] {command} {_arguments(command)}".rstrip()
    if command == "install":
        yield f"       {program} [OPTION...] {_arguments(command)}"
    yield ""
    yield from wrapped(COMMANDS_BY_NAME[command].summary, "")
    mine = [one for one in OPTIONS if not one.commands or command in one.commands]
    for group in GROUPS:
        rows = [one for one in mine if one.group == group]
        if rows:
            yield ""
            yield f"{group}:"
        for option in rows:
            yield from _option_entry(option)


def _arguments(command: str) -> str:
    row = COMMANDS_BY_NAME[command]
    if not row.arguments:
        return ""
    if row.single:
        return row.arguments
    return f"{row.arguments}..." if row.required else f"[{row.arguments}...]"


def _option_entry(option: Option) -> Iterator[str]:
    words = ", ".join(word for word in (option.short, option.name) if word)
    if option.metavar:
        words = f"{words} {option.metavar}"
    return _entry(words, "; ".join(_meaning(option)))


def _meaning(option: Option) -> Iterator[str]:
    yield option.summary
    if option.choices:
        yield "one of " + ", ".join(str(choice) for choice in option.choices)
    if option.default is not None:
        yield f"default {option.default}"
    if option.variable:
        yield f"environment variable {option.variable}"


def _entry(name: str, text: str) -> Iterator[str]:
    """Yield a name and its explanation, side by side where the name is short enough."""
    indent = " " * COLUMN
    lines = list(wrapped(text, indent))
    head = f"  {name}"
    if len(head) < COLUMN - 1:
        lines[0] = head.ljust(COLUMN) + lines[0][COLUMN:]
    else:
        yield head
    yield from lines


def wrapped(text: str, indent: str) -> Iterator[str]:
    """Yield ``text`` in lines of at most 80 columns, each after ``indent``."""
    line = ""
    for word in text.split():
        if line and len(indent) + len(line) + 1 + len(word) > WIDTH:
            yield indent + line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield indent + line
