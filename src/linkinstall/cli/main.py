"""Run one call from its words to its exit status.

Purpose: parse, perform, report. Every way to fail ends here, as a message, a JSON
object where asked for, and a status.

Calling sequence::

    status = main(["install", "a.whl"])

Tests pass ``verbs``, ``environ`` and the two streams.

Guarantees: exit status 0, 1, 2, 3, 130 or 143; one JSON object under ``--json``, also
on failure; a traceback only under ``-v`` and only for a mistake in linkinstall; once
a verb has returned, its status is the status, whatever interrupts the report.

Errors: none.
"""

from __future__ import annotations

import os
import sys

from linkinstall.cli.commands import Verbs, blank_outcome, perform
from linkinstall.cli.console import Console
from linkinstall.cli.parse import flag_stands_in, named_command, parse
from linkinstall.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TextIO

    from linkinstall.cli.parse import Arguments
    from linkinstall.errors import LinkInstallError
    from linkinstall.outcome import Outcome

__all__ = ["main"]

INTERRUPTED = 130
REPORT_THE_BUG = (
    "This is a mistake in linkinstall. Please report it with what the same command "
    "prints with -v; `linkinstall check` tells what state the environment is in."
)


def main(
    words: Sequence[str],
    *,
    program: str = "linkinstall",
    verbs: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> int:
    """Run the call that ``words`` make and return its exit status.

    :param words: the arguments without the program's name
    :param program: what the usage messages call the program
    :param verbs: what is called, by name (``commands.LOCATIONS``); the real ones by default
    :param environ: the environment variables; those of the process by default
    :param stdout: takes results; that of the process by default
    :param stderr: takes everything else; that of the process by default
    """
    console = Console(stdout or sys.stdout, stderr or sys.stderr)
    arguments = None
    try:
        arguments = parse(words, os.environ if environ is None else environ)
        _set_tone(console, arguments)
        watched = console.is_watched(os.environ if environ is None else environ)
        if arguments.flag("--help") or arguments.flag("--version"):
            console.result(_about_itself(arguments, program))
            return _close(console, 0)
        outcome = perform(
            arguments,
            Verbs() if verbs is None else verbs,
            notify=None if console.quiet else console.message,
            progress=console.progress if watched else None,
        )
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last resort of the program
        command = arguments.command if arguments else named_command(words)
        outcome = _failure(error, command, program)
        if console.verbose and outcome.error is not None and outcome.error.code == "bug":
            console.error(*_traceback(error))
    as_json = flag_stands_in(words, "--json")
    try:
        return _report(console, outcome, as_json=as_json)
    except KeyboardInterrupt:
        return outcome.exit


def _set_tone(console: Console, arguments: Arguments) -> None:
    tone = arguments.given.get("--verbose", 0) - arguments.given.get("--quiet", 0)
    console.verbose = tone > 0
    console.quiet = tone < 0


def _about_itself(arguments: Arguments, program: str) -> list[str]:
    """Return the help text or the version."""
    if arguments.flag("--help"):
        from linkinstall.cli.help import help_lines

        return list(help_lines(program, arguments.command))
    from linkinstall import __version__

    return [f"linkinstall {__version__}"]


def _report(console: Console, outcome: Outcome, *, as_json: bool) -> int:
    """Print an outcome and return the exit status."""
    from linkinstall.cli import render

    console.message(*render.message_lines(outcome, verbose=console.verbose))
    if outcome.error is not None:
        settled = bool(outcome.recovered)
        console.error(*render.error_lines(outcome.error, outcome.command, settled=settled))
    if as_json:
        console.raw_result(render.json_text(outcome))
    else:
        console.result(render.result_lines(outcome, verbose=console.verbose))
    return _close(console, outcome.exit)


def _close(console: Console, status: int) -> int:
    """Write the results; return ``status``, or 1 where it was 0 and they are lost."""
    lost = console.close()
    if lost is None:
        return status
    console.error(f"error: the result could not be written: {lost.strerror or lost}")
    return status or 1


def _failure(error: BaseException, command: str, program: str) -> Outcome:
    """Return the outcome of a call that ended with ``error``."""
    typed = _typed(error)
    if typed.code == "usage" and not typed.next_step:
        from linkinstall.cli.command_table import COMMANDS_BY_NAME

        words = [program, command, "--help"] if command in COMMANDS_BY_NAME else [program, "--help"]
        typed.next_step = f"`{' '.join(words)}` tells what there is."
    status = typed.exit_status
    if isinstance(error, KeyboardInterrupt):
        status = getattr(error, "exit_status", INTERRUPTED)
    outcome = getattr(error, "outcome", None) or blank_outcome(command)
    if outcome.error is not None:
        return outcome
    return replace(outcome, status=typed.status, exit=status, error=typed)


def _typed(error: BaseException) -> LinkInstallError:
    """Return ``error`` as one of ours, with its code, message and next step."""
    from installer.exceptions import InstallerError

    from linkinstall.errors import LinkInstallError

    if isinstance(error, LinkInstallError):
        return error
    if isinstance(error, UnicodeEncodeError):
        from linkinstall.results import of_the_system

        error = of_the_system(error)
    if isinstance(error, KeyboardInterrupt):
        ended = getattr(error, "exit_status", INTERRUPTED) != INTERRUPTED
        typed = LinkInstallError("Terminated." if ended else "Interrupted.")
        typed.code = "terminated" if ended else "interrupted"
    elif isinstance(error, OSError):
        from linkinstall.results import told

        path, reason, next_step = told(error, "", None)
        where = f"{path}: " if path else ""
        typed = LinkInstallError(f"{where}{reason}", next_step=next_step)
        typed.code = "file-system"
    elif isinstance(error, MemoryError):
        typed = LinkInstallError("There is not enough memory.")
        typed.code = "memory"
    elif isinstance(error, InstallerError):
        typed = LinkInstallError(str(error) or type(error).__name__)
    else:
        summary = f"{type(error).__name__}: {error}"
        typed = LinkInstallError(f"Unexpected {summary}", next_step=REPORT_THE_BUG)
        typed.code = "bug"
    return typed


def _traceback(error: BaseException) -> list[str]:
    from traceback import format_exception

    return "".join(format_exception(error)).splitlines()
