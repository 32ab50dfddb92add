"""The table of commands: what the first words of a call can be, in one place.

Purpose: the parser, the help texts and the documentation all read this table.
``docs/reference/command-line.md`` is the contract.

Calling sequence: ``COMMANDS_BY_NAME["cache dir"]``.

Guarantees: the table is not changed at run time; importing this module imports nothing
outside linkinstall.

Errors: none.
"""

from __future__ import annotations

from linkinstall.values import value

__all__ = ["COMMANDS", "COMMANDS_BY_NAME", "GROUPS_OF_COMMANDS", "Command"]


@value
class Command:
    """One command.

    :param name: its words, ``install`` or ``cache dir``
    :param summary: what it does, one sentence
    :param arguments: what its positional arguments are called, "" where it takes none
    :param required: whether at least one argument is needed
    :param single: whether it takes no more than one
    """

    name: str
    summary: str
    arguments: str = ""
    required: bool = False
    single: bool = False


COMMANDS = (
    Command("install", "Install wheel files, all of them or none.", "WHEEL", required=True),
    Command("uninstall", "Remove distributions, all of them or none.", "NAME", required=True),
    Command("recover", "Settle unfinished transactions and empty the trash."),
    Command("list", "List the distributions with their health."),
    Command("check", "Compare what is installed with RECORD and look for leftovers.", "NAME"),
    Command("repair", "Make damaged distributions whole again, all of them or none.", "NAME"),
    Command("venv create", "Create a virtual environment.", "PATH", required=True, single=True),
    Command(
        "venv clear",
        "Empty a virtual environment: recreate it at the same place.",
        "PATH",
        required=True,
        single=True,
    ),
    Command(
        "venv remove",
        "Remove a virtual environment; of a link, the link alone.",
        "PATH",
        required=True,
        single=True,
    ),
    Command(
        "venv decouple",
        "Give binaries that are hard-linked from elsewhere private copies.",
        "PATH",
        required=True,
        single=True,
    ),
    Command("cache dir", "Print the folder of the cache."),
    Command("cache info", "Show what the cache holds."),
    Command("cache add", "Unpack and verify wheel files into the cache.", "WHEEL", required=True),
    Command("cache verify", "Compare the cache with what was unpacked into it.", "WHEEL"),
    Command("cache prune", "Remove from the cache what no environment is known to use."),
    Command("cache clean", "Remove everything from the cache."),
)

COMMANDS_BY_NAME = {command.name: command for command in COMMANDS}
GROUPS_OF_COMMANDS = frozenset(one.name.split()[0] for one in COMMANDS if " " in one.name)
"""First words of the commands that have two."""
