"""Where the interpreter is that a word names.

Purpose: from the path of an interpreter, of a venv (or a symbolic link to one) or of an
installation's root, or from a name on ``PATH``, to the path of a program.

Calling sequence: ``locate(".venv")``.

Guarantees: looks only, starts nothing. Links are not resolved: a venv's interpreter is a
link, and what it leads to is not the venv (:pep:`405`). What is left of a venv without its
``pyvenv.cfg`` is refused (:func:`refuse_remains`): the interpreter in it is that of the
installation it was made from, and would install there.

Errors: :class:`~linkinstall.errors.EnvironmentNotFoundError` says what was looked for.
"""

from __future__ import annotations

import os
import stat

from linkinstall.fs import local
from linkinstall.fs.trees import absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.errors import EnvironmentNotFoundError
    from linkinstall.interpreter_report import Report

__all__ = ["is_name", "locate", "not_found", "refuse_remains", "refuse_unsettled"]


_ACTIVATION = frozenset(("activate", "activate.bat", "activate_this.py"))
"""Scripts of venvs. Debian's ``/bin`` has others whose names begin alike."""


def locate(spec: str) -> str | None:
    """Return the path of the interpreter that ``spec`` names as a path or on ``PATH``.

    :return: None for a name that is neither, such as a version
    :raises EnvironmentNotFoundError: the path is there, or must be meant, and is none
    """
    if not spec:
        raise not_found("An empty text names no interpreter.")
    path = absolute(local(), spec)
    if local().status(path) is not None:
        found = _interpreter_at(path)
        if found is not None:
            return found
        if not is_name(spec):
            raise _no_interpreter_in(path)
    if not is_name(spec):
        raise not_found(f"There is no interpreter, venv or installation at {path}.")
    for folder in filter(None, os.environ.get("PATH", os.defpath).split(os.pathsep)):
        for name in (spec, spec + ".exe") if os.name == "nt" else (spec,):
            found = os.path.abspath(os.path.join(folder, name))
            try:
                if _is_program(found):
                    return found
            except PermissionError:
                continue  # a folder that may not be looked into is passed over, as by shells
    return None


def is_name(spec: str) -> bool:
    """Whether ``spec`` may be a name rather than a path."""
    return not os.path.dirname(spec) and spec not in (os.curdir, os.pardir)


def refuse_remains(spec: str, executable: str, report: Report) -> None:
    """Refuse an interpreter that installs elsewhere than ``spec`` says.

    A folder stands for the environment whose root it is. An interpreter in a folder that
    was a venv's, or is becoming one, is not taken for the installation's that it links to.

    :param executable: where :func:`locate` has found it
    :param report: what it says of itself
    :raises EnvironmentNotFoundError: it does
    """
    root, prefix = absolute(local(), spec), report["prefix"]
    if not executable.startswith(root + os.sep):
        # Its own word for where it is: a shim, as pyenv's, lies elsewhere.
        scripts = os.path.dirname(report["executable"])
        root = os.path.dirname(scripts)
        if prefix != report["base_prefix"] or _is_same(root, prefix):
            return
        if not _was_venv(root, scripts):
            return
    elif _is_same(root, prefix):
        return
    raise not_found(
        f"{root} is no environment of its own: it has no valid pyvenv.cfg, and its interpreter "
        f"installs into {prefix}.",
        f"If it was a virtual environment, make it anew: `linkinstall venv create --clear "
        f"--force PATH`. If {prefix} is meant, name that with --python.",
    )


def refuse_unsettled(spec: str) -> None:
    """Refuse what no interpreter was found in as what a ``venv`` command has left, if it is that.

    :raises UnsettledError: such a command was killed: what was there is in its stash
    :raises EnvironmentNotFoundError: it is still at work
    """
    from linkinstall.world import unsettled_venvs

    files = local()
    for root, state in unsettled_venvs(files, files.real_path(absolute(files, spec))):
        from linkinstall.venvs.guards import unsettled_venv

        raise unsettled_venv(files, root, state)


def _is_same(one: str, other: str) -> bool:
    if one == other:
        return True
    real = local().real_path
    return os.path.normcase(real(one)) == os.path.normcase(real(other))


def _was_venv(root: str, scripts: str) -> bool:
    """Tell whether a venv was here, or is being made, by what only venvs have."""
    from linkinstall.venvs.sight import MAKING

    files = local()
    if files.status(os.path.join(root, MAKING)) is not None:
        return True
    return any(name in _ACTIVATION for name, _ in files.scan(scripts))


def _interpreter_at(path: str) -> str | None:
    """Return the interpreter that ``path`` is or holds; None for a folder without one."""
    files = local()
    real = files.real_path(path)
    if files.status(real) is None:
        raise _dangling(path)
    if not _is_folder(real):
        if not _is_program(path):
            raise not_found(f"{path} is no program that can be run, nor a folder.")
        return path
    dangling = None
    for name in _names_in(path):
        found = os.path.join(path, name)
        if _is_program(found):
            return found
        dangling = dangling or (found if files.status(found) is not None else None)
    if dangling is not None and files.status(files.real_path(dangling)) is None:
        raise _dangling(dangling)
    return None


def _names_in(folder: str) -> tuple[str, ...]:
    """Return the places of an interpreter below the root of a venv or an installation."""
    if os.name == "nt":
        # In the extended form of a path (\\?\) a slash is no separator.
        return ("Scripts\\python.exe", "python.exe", "bin\\python.exe")
    if local().status(os.path.join(folder, "pyvenv.cfg")) is not None:
        return ("bin/python", "bin/python3")
    # In an installation, a plain "python" may still be Python 2.
    return ("bin/python3", "bin/python")


def _is_folder(path: str) -> bool:
    status = local().status(local().real_path(path))
    return status is not None and stat.S_ISDIR(status.st_mode)


def _is_program(path: str) -> bool:
    status = local().status(local().real_path(path))
    if status is None or not stat.S_ISREG(status.st_mode):
        return False
    return os.name == "nt" or bool(status.st_mode & 0o111)


def _dangling(path: str) -> EnvironmentNotFoundError:
    try:
        target = local().read_link(path)
    except OSError:  # another process has removed it, or put something else there, since
        return not_found(f"{path} is not there any more.")
    return not_found(
        f"{path} is a dangling link to {target}.",
        "The interpreter that it led to is gone: make the environment anew, or name another.",
    )


def _no_interpreter_in(path: str) -> EnvironmentNotFoundError:
    looked = " nor ".join(_names_in(path))
    return not_found(f"The folder {path} holds no interpreter: neither {looked} is a program.")


def not_found(message: str, next_step: str = "") -> EnvironmentNotFoundError:
    """Return the error for what is no place to install into."""
    from linkinstall.errors import EnvironmentNotFoundError

    return EnvironmentNotFoundError(
        message,
        next_step=next_step
        or "Name an interpreter, a venv or the root of an installation with --python.",
    )
