"""The table of options: what the command line takes, in one place.

Purpose: the parser, the help texts and the documentation all read this table, so
a flag is described once. ``docs/reference/command-line.md`` is the contract.

Calling sequence: ``OPTIONS_BY_WORD["--destdir"]``.

Guarantees: a word means the same option for every command; the table is not
changed at run time; importing this module imports nothing outside linkinstall.

Errors: of ``convert``, ``ValueError`` that completes "--option takes ...".
"""

from __future__ import annotations

from linkinstall.limits import LOCK_WAIT
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["GROUPS", "OPTIONS", "OPTIONS_BY_WORD", "Option"]


@value
class Option:
    """One option.

    :param name: the long form, with its dashes
    :param summary: what it means, for the help texts
    :param group: the heading of the help text under which it stands
    :param commands: the commands that take it; empty: every command
    :param metavar: what its value is called; "" for a flag that takes none
    :param short: the short form with its dash, or ""
    :param convert: turns the text of a value into what it means
    :param choices: the only values allowed, after conversion; empty: any
    :param default: the value where none was given
    :param repeatable: values add up to a list; a flag is counted; else the last one counts
    :param variable: the environment variable that gives the value where the option does not
    """

    name: str
    summary: str
    group: str
    commands: tuple[str, ...] = ()
    metavar: str = ""
    short: str = ""
    convert: Callable[[str], Any] = str
    choices: tuple[Any, ...] = ()
    default: Any = None
    repeatable: bool = False
    variable: str = ""


def filled(text: str) -> str:
    """Return a value that must not be empty, such as a path."""
    # An unset shell variable is the usual cause: --destdir="$pkgdir" must not become
    # the working directory, as it does with `installer`.
    if not text:
        raise ValueError("a value that is not empty")
    return text


def late(name: str) -> Callable[[str], Any]:
    """Return a conversion of ``quantities``, imported when it is needed."""

    def convert(text: str) -> Any:
        module = __import__("linkinstall.cli.quantities", fromlist=[name])
        return getattr(module, name)(text)

    return convert


TARGET = "target"
SCRIPTS = "scripts"
HOW = "behaviour"
BYTECODE = "bytecode"
METADATA = "metadata"
CACHE = "cache"
OUTPUT = "output"
GROUPS = (TARGET, HOW, CACHE, BYTECODE, SCRIPTS, METADATA, OUTPUT)

_INSTALL = ("install",)
_PLACING = ("install", "repair")
_MAKING = ("venv create", "venv clear")
_VENV = (*_MAKING, "venv remove", "venv decouple")
_CHANGING = ("install", "uninstall", "repair")
_SETTLING = ("install", "uninstall", "recover", "repair", *_VENV)
_TARGETED = ("install", "uninstall", "recover", "list", "check", "repair")
_TAKING = ("cache prune", "cache clean")

OPTIONS = (
    Option(
        "--python",
        "the environment of this interpreter (a path, a name or a version), virtual environment "
        "or installation; with venv, the interpreter of the new environment",
        TARGET,
        (*_TARGETED, *_MAKING),
        "PATH",
        convert=filled,
    ),
    Option(
        "--target",
        "one folder that holds everything: modules, data, and scripts in its bin",
        TARGET,
        _TARGETED,
        "DIR",
        convert=filled,
    ),
    Option(
        "--prefix",
        "the folders below this prefix instead of the interpreter's own",
        TARGET,
        _TARGETED,
        "DIR",
        "-p",
        convert=filled,
    ),
    Option(
        "--destdir",
        "stage below this folder for a package: implies --no-cache unless --cache-dir is given, "
        "writes no INSTALLER, REQUESTED or direct_url.json",
        TARGET,
        _TARGETED,
        "DIR",
        "-d",
        convert=filled,
    ),
    Option(
        "--purelib",
        "the folder for modules of pure wheels (the five folders stand for an environment; "
        "--purelib or --platlib is needed)",
        TARGET,
        _TARGETED,
        "DIR",
        convert=filled,
    ),
    Option(
        "--platlib",
        "the folder for modules of platform wheels",
        TARGET,
        _TARGETED,
        "DIR",
        convert=filled,
    ),
    Option("--headers", "the folder for headers", TARGET, _TARGETED, "DIR", convert=filled),
    Option("--scripts", "the folder for scripts", TARGET, _TARGETED, "DIR", convert=filled),
    Option("--data", "the folder for data files", TARGET, _TARGETED, "DIR", convert=filled),
    Option(
        "--break-system-packages",
        "change an environment that the system manages (PEP 668)",
        TARGET,
        _CHANGING,
    ),
    Option(
        "--link-mode",
        "how files get from the cache into the environment",
        HOW,
        _PLACING,
        "MODE",
        choices=("auto", "clone", "hardlink", "symlink", "copy"),
        default="auto",
        variable="LINKINSTALL_LINK_MODE",
    ),
    Option(
        "--copy-binaries",
        "never hard-link Windows programs and libraries; auto: on Windows",
        HOW,
        _PLACING,
        "WHEN",
        choices=("auto", "always", "never"),
        default="auto",
    ),
    Option(
        "--sync",
        "what is flushed: off protects against kills, normal also against power cuts, "
        "full also keeps a change that was reported as done",
        HOW,
        (*_SETTLING, "cache add"),
        "LEVEL",
        choices=("off", "normal", "full"),
        default="normal",
        variable="LINKINSTALL_SYNC",
    ),
    Option(
        "--validate-record",
        "validate the wheel against this part of its RECORD",
        HOW,
        _INSTALL,
        "PART",
        choices=("all", "entries", "none"),
        default="all",
    ),
    Option(
        "--overwrite-existing",
        "take over files that belong to another distribution or to nobody",
        HOW,
        _INSTALL,
    ),
    Option("--reinstall", "install even where the same is already there", HOW, _INSTALL),
    Option("--rollback", "undo unfinished transactions", HOW, ("recover",)),
    Option("--finish", "finish unfinished transactions", HOW, ("recover",)),
    Option("--clear", "replace an existing environment", HOW, ("venv create",)),
    Option(
        "--follow",
        "remove the environment that a link leads to, and the links to it",
        HOW,
        ("venv remove",),
    ),
    Option(
        "--force",
        "also remove what is left of an environment, or one with a project in it (venv create: "
        "with --clear); also a cache, in it or with cache clean, that symbolic links lead into",
        HOW,
        (*_MAKING, "venv remove", "cache clean"),
    ),
    Option(
        "--all",
        "with repair, everything that is not whole; with decouple, every hard-linked file, not "
        "only binaries",
        HOW,
        ("repair", "venv decouple"),
    ),
    Option(
        "--full",
        "read every file; otherwise only what looks changed or is named to be repaired",
        HOW,
        ("check", "repair", "cache verify"),
    ),
    Option(
        "--from",
        "a wheel file to repair from, where the cache has none; repeatable",
        HOW,
        ("repair",),
        "WHEEL",
        convert=filled,
        repeatable=True,
    ),
    Option(
        "--remove",
        "remove what is named, or with --all is damaged: what RECORD or a manifest proves its own",
        HOW,
        ("repair",),
    ),
    Option("--leftovers", "remove what other tools left behind and nobody owns", HOW, ("repair",)),
    Option("--prompt", "the prompt shown while the environment is active", HOW, _MAKING, "TEXT"),
    Option(
        "--system-site-packages", "let it use the distributions of its interpreter", HOW, _MAKING
    ),
    Option(
        "--lock-timeout",
        f"how long to wait for another process; default {LOCK_WAIT:g}",
        HOW,
        (*_SETTLING, *_TAKING, "cache add", "cache verify"),
        "SECONDS",
        convert=late("seconds"),
    ),
    # Every command takes --cache-dir, so that a script can set it once for all its calls.
    Option(
        "--cache-dir",
        "the folder of the cache",
        CACHE,
        (),
        "DIR",
        convert=filled,
        variable="LINKINSTALL_CACHE_DIR",
    ),
    Option("--no-cache", "keep nothing in the cache, take nothing from it", CACHE, _INSTALL),
    Option(
        "--verify-cache",
        "how cached files are checked before they are linked",
        CACHE,
        _INSTALL,
        "HOW",
        choices=("off", "stat", "full"),
        default="stat",
    ),
    Option(
        "--repair",
        "recreate damaged entries from the wheels that are named, quarantine the others",
        CACHE,
        ("cache verify",),
    ),
    Option(
        "--older-than",
        "remove only what was not used for so long, such as 30d, 12h or 90m; days without a unit",
        CACHE,
        ("cache prune",),
        "TIME",
        convert=late("duration"),
    ),
    Option(
        "--max-size",
        "remove only what exceeds this size, the longest unused first, such as 500M or 2G",
        CACHE,
        ("cache prune",),
        "SIZE",
        convert=late("size"),
    ),
    Option(
        "--compile-bytecode",
        "compile modules at this optimization level; repeatable; 0 by default, "
        "0 and 1 with --destdir",
        BYTECODE,
        _PLACING,
        "LEVEL",
        convert=late("whole_number"),
        choices=(0, 1, 2),
        repeatable=True,
    ),
    Option("--no-compile-bytecode", "do not compile modules", BYTECODE, _PLACING),
    Option(
        "--interpreter",
        "the interpreter in the first line of scripts",
        SCRIPTS,
        _PLACING,
        "PATH",
        "-i",
        convert=filled,
    ),
    Option(
        "--script-kind",
        "the kind of launcher that is made for entry points",
        SCRIPTS,
        _PLACING,
        "KIND",
        choices=("posix", "win-ia32", "win-amd64", "win-arm", "win-arm64"),
    ),
    Option("--no-requested", "do not mark the distributions as requested", METADATA, _INSTALL),
    Option(
        "--direct-url",
        "what direct_url.json says, or none for no such file; by default the wheel's file URL",
        METADATA,
        _INSTALL,
        "URL",
        convert=late("url"),
    ),
    Option("--dry-run", "only show what would be done", OUTPUT, (*_CHANGING, *_TAKING)),
    Option("--json", "print the outcome as one JSON object", OUTPUT),
    Option("--quiet", "print only results and errors", OUTPUT, short="-q", repeatable=True),
    Option("--verbose", "print more", OUTPUT, short="-v", repeatable=True),
    Option("--version", "print the version", OUTPUT),
    Option("--help", "print this text", OUTPUT, short="-h"),
)

OPTIONS_BY_WORD = {option.name: option for option in OPTIONS}
OPTIONS_BY_WORD |= {option.short: option for option in OPTIONS if option.short}
