"""Making a virtual environment, with virtualenv.

Purpose: the only place that calls virtualenv.

Calling sequence: ``make(path, Wanted(python="3.12"))``; :func:`wanted_again` tells what
the environment that stands at a place was made with, and :func:`lasting` what is meant once that
is out of its place.

Guarantees: virtualenv writes below ``path`` and into its own application data alone, and after
an error or Ctrl-C it does not go on: its threads have come to an end.

Errors: :class:`~linkinstall.errors.VenvError` with what virtualenv said; something may
have been made at ``path`` by then. :class:`~linkinstall.errors.UnsettledError` where it does go
on, so that nothing can be put back yet.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stderr
from errno import EBUSY
from io import StringIO

from linkinstall import limits
from linkinstall.interrupts import deferred
from linkinstall.paths import forward
from linkinstall.recovery import not_put_back
from linkinstall.values import replace, value
from linkinstall.venvs.sight import SETTINGS, look
from linkinstall.venvs.undoing import NEXT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Thread

    from linkinstall.fs.port import FileSystem

__all__ = ["Wanted", "gone_base", "lasting", "make", "wanted_again"]

_SETTINGS = {"VIRTUALENV_CLEAR": "false"}
"""What its environment and its configuration file say otherwise is not heeded: it would empty the
place, in which there may be what a killed change is settled by."""

_NOT_FOUND = ("failed to find interpreter", "No virtualenv implementation")
"""How it begins to say that an interpreter is none, or none that it can use."""


@value
class Wanted:
    """What an environment is made with.

    :param python: an interpreter's path, name or version; "" for the running one
    :param prompt: what shells show while it is active; "" for the default
    :param system_site_packages: whether it sees the distributions of its base
    """

    python: str = ""
    prompt: str = ""
    system_site_packages: bool = False


def make(path: str, wanted: Wanted) -> None:
    """Make an environment at ``path``.

    :raises VenvError: virtualenv could not
    :raises UnsettledError: it was to stop, and does not
    """
    from threading import enumerate as running

    from virtualenv import cli_run

    arguments = [path]
    if wanted.python:
        arguments += ["--python", wanted.python]
    if wanted.prompt:
        arguments.append(f"--prompt={wanted.prompt}")  # one that begins with a hyphen, too
    if wanted.system_site_packages:
        arguments.append("--system-site-packages")
    said = StringIO()  # how it is used, where its parser refuses the path
    before = frozenset(running())
    try:
        with redirect_stderr(said):
            cli_run(arguments, setup_logging=False, env={**os.environ, **_SETTINGS})
    except BaseException as error:
        _await_threads(path, before, error)
        if not isinstance(error, (Exception, SystemExit)):
            raise
        from linkinstall.errors import VenvError

        text = said.getvalue() if isinstance(error, SystemExit) else str(error)
        # What a process of its own says on a full disk is a traceback, and the last line tells.
        reason = (text.strip() or str(error).strip() or type(error).__name__).splitlines()[-1]
        not_found = wanted.python and text.startswith(_NOT_FOUND)
        raise VenvError(
            f"virtualenv could not make {path}: {reason}",
            next_step="--python names another interpreter." if not_found else "",
        ) from error


def _await_threads(path: str, before: frozenset[Thread], error: BaseException) -> None:
    """Wait until the threads that virtualenv has started have ended, whatever signals come.

    It puts pip into place by threads, and Ctrl-C stops the main one alone: the others would write
    into what is put back meanwhile. Before 3.13 a ``Thread.join`` that is interrupted takes its
    thread for ended, so neither that nor ``is_alive`` is asked. (A program that starts threads of
    its own at the same time has these waited for, too.)

    :param before: the threads that were there already
    :param error: what has ended the main one
    :raises UnsettledError: they have not come to an end in time
    """
    from threading import enumerate as running
    from time import monotonic, sleep

    with deferred(threads=True) as held:
        end = monotonic() + limits.SEEDING_WAIT
        while any(not one.daemon for one in running() if one not in before):
            if monotonic() > end:
                held.too_late = True  # Ctrl-C would put things back
                reason = "virtualenv does not stop writing here"
                raise not_put_back(path, OSError(EBUSY, reason, path), error, NEXT) from error
            sleep(limits.SEEDING_POLL)


def wanted_again(files: FileSystem, place: str, wanted: Wanted) -> Wanted:
    """Return ``wanted``, filled in with what the environment at ``place`` was made with.

    What its ``pyvenv.cfg`` does not tell, or an interpreter that is gone, is left open.
    """
    known = _settings(files, place)
    return Wanted(
        wanted.python or _base_of(files, known),
        wanted.prompt or known.get("prompt", "").strip("'\""),
        wanted.system_site_packages
        or known.get("include-system-site-packages", "").lower() == "true",
    )


def gone_base(files: FileSystem, place: str) -> str:
    """Return the folder of the interpreter that a place was made with, where that is gone."""
    known = _settings(files, place)
    return "" if _base_of(files, known) else known.get("home", "")


def lasting(files: FileSystem, place: str, wanted: Wanted) -> Wanted:
    """Return ``wanted`` with an interpreter that is there once ``place`` is taken aside.

    One in the place, named by its path or found first on ``PATH``, or the running one, stands for
    the one that the environment was made from. What cannot be found is left to virtualenv.
    """
    from linkinstall.errors import EnvironmentNotFoundError
    from linkinstall.interpreter_search import is_name, locate

    try:
        found = locate(wanted.python or sys.executable or "python")
    except EnvironmentNotFoundError:
        return wanted
    if found is None:
        return wanted
    sight = look(files, found)
    if any(one.startswith(f"{place}/") for one in (*sight.links, sight.place)):
        return replace(wanted, python=_base_of(files, _settings(files, place)) or wanted.python)
    if not wanted.python or is_name(wanted.python):
        return wanted  # virtualenv looks at more than ``PATH`` for it
    return replace(wanted, python=found)  # a relative path may lead through the place


def _settings(files: FileSystem, place: str) -> dict[str, str]:
    try:
        text = files.read(os.path.join(place, SETTINGS), limits.SETTINGS_SIZE).decode("utf-8")
    except (OSError, ValueError):
        return {}
    # A file that lost its blocks in a power cut has NULs, and no path has one.
    pairs = (line.partition("=") for line in text.splitlines() if "\0" not in line)
    return {key.strip().lower(): found.strip() for key, _, found in pairs}


def _base_of(files: FileSystem, known: dict[str, str]) -> str:
    """Return the interpreter that a ``pyvenv.cfg`` names, "" where it is gone.

    virtualenv writes ``base-executable``, the standard library's ``venv`` since 3.11
    ``executable``, and all of them ``home``, the folder it is in.
    """
    version = known.get("version_info", known.get("version", "")).split(".")[:2]
    home = known.get("home", "")
    named = ["python" + ".".join(version), "python3", "python", "python.exe"] if home else []
    candidates = [known.get("base-executable", ""), known.get("executable", "")]
    candidates += [forward(os.path.join(home, name)) for name in named]
    return next((one for one in candidates if one and files.status(one) is not None), "")
