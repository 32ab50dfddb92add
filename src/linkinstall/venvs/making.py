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
    from collections.abc import Callable, Iterator
    from threading import Thread

    from linkinstall.fs.port import FileSystem
    from linkinstall.interpreter_report import Report

__all__ = ["Wanted", "lasting", "make", "version_of", "wanted_again"]

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


def wanted_again(
    files: FileSystem, place: str, wanted: Wanted, ask: Callable[[str], Report]
) -> tuple[Wanted, str]:
    """Return ``wanted``, filled in with what the environment at ``place`` was made with.

    What its ``pyvenv.cfg`` does not tell, or an interpreter that is gone, is left open.

    :param ask: returns what a program says of itself; called where its name does not tell
    :return: that, and why the interpreter is gone, "" where it is not
    """
    known = _settings(files, place)
    python, gone = (wanted.python, "") if wanted.python else _same_base(files, known, ask)
    return Wanted(
        python,
        wanted.prompt or known.get("prompt", "").strip("'\""),
        wanted.system_site_packages
        or known.get("include-system-site-packages", "").lower() == "true",
    ), gone


def version_of(files: FileSystem, place: str) -> str:
    """Return the version of Python that an environment was made with, "" where none is told."""
    return _version(_settings(files, place))


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
        # Whatever its version is by now: it is what would have run.
        base = next(_bases(files, _settings(files, place)), "")
        return replace(wanted, python=base or wanted.python)
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


def _bases(files: FileSystem, known: dict[str, str]) -> Iterator[str]:
    """Yield the interpreters that a ``pyvenv.cfg`` may mean, as far as they are there.

    virtualenv writes ``base-executable``, the standard library's ``venv`` since 3.11
    ``executable``, and all of them ``home``, the folder it is in.
    """
    home = known.get("home", "")
    named = [f"python{_minor(known)}", "python3", "python", "python.exe"] if home else []
    candidates = [known.get("base-executable", ""), known.get("executable", "")]
    candidates += [forward(os.path.join(home, name)) for name in named]
    for one in filter(None, candidates):
        if files.status(one) is not None and files.status(files.real_path(one)) is not None:
            yield one


def _same_base(
    files: FileSystem, known: dict[str, str], ask: Callable[[str], Report]
) -> tuple[str, str]:
    """Return the interpreter that a ``pyvenv.cfg`` means, "" where it is gone, and why it is.

    At its place there may be another by now: an installation that was upgraded in place has a
    ``python3`` still. So its version and its implementation count, as far as they are told.
    """
    asked: dict[str, str] = {}
    for one in _bases(files, known):
        real = files.real_path(one)
        if real not in asked:  # python3 and python are one
            other = "" if _is_told_by_name(one, real, known) else _other(known, ask, one)
            if not other:
                return one, ""
            asked[real] = f"{one} {other}"
    if asked:
        made_with = " ".join(
            filter(None, (known.get("implementation") or "Python", _version(known)))
        )
        return "", f"it was {made_with}, and {next(iter(asked.values()))}"
    home = known.get("home", "")
    return "", f"there is none in {home}" if home else ""


def _is_told_by_name(path: str, real: str, known: dict[str, str]) -> bool:
    """Return whether the name of an interpreter tells that it is the one that is meant."""
    wanted = f"python{_minor(known)}"
    names = {os.path.basename(one).lower().removesuffix(".exe") for one in (path, real)}
    return bool(_minor(known)) and names == {wanted} and _implementation(known) in {"", "cpython"}


def _other(known: dict[str, str], ask: Callable[[str], Report], path: str) -> str:
    """Return what an interpreter is, where it is not the one that is meant; "" where it is."""
    minor, implementation = _minor(known), _implementation(known)
    if not minor and not implementation:
        return ""
    report = ask(path)
    if "silence" in report:
        return f"does not answer as a Python interpreter does: {report['silence']}"
    version, name = report["version"], report.get("implementation", implementation)
    if minor in {"", ".".join(version.split(".")[:2])} and implementation in {"", name}:
        return ""
    return f"is {name.replace('cpython', 'CPython') or 'Python'} {version} by now"


def _version(known: dict[str, str]) -> str:
    """Return the version that is told, as in ``3.12.1``; "" for none."""
    parts = known.get("version_info", known.get("version", "")).split(".")[:3]
    return ".".join(parts) if len(parts) > 1 and all(map(str.isdecimal, parts[:2])) else ""


def _minor(known: dict[str, str]) -> str:
    return ".".join(_version(known).split(".")[:2])


def _implementation(known: dict[str, str]) -> str:
    """Return the name of the implementation as interpreters tell it; "" where none is told."""
    name = known.get("implementation", "").lower()
    return {"graalvm": "graalpy"}.get(name, name)  # what ``platform`` calls it
