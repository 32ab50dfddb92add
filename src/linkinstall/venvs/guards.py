"""What is refused before anything is done to the place of a virtual environment.

Purpose: a slip in a path must never cost more than a virtual environment.

Calling sequence: ``refuse_removal(files, sight, force=...)``; ``refuse_creation(...)``;
``refuse_decoupling(...)``;
``refuse_strange_state(files, place, state)`` and ``refuse_mounts(...)`` before a state folder is
believed.

Guarantees: reads only. Some places are refused whatever is forced: a file system's
root, a home folder or one above it, an installation of Python, what users installed for
themselves, a place with mount points in it, and the environment that the running program's
own code lies in.

Errors: :class:`~linkinstall.errors.NotAVenvError`, with every reason,
:class:`~linkinstall.errors.JournalError` for a state folder that is not ours, and
:class:`~linkinstall.errors.UnsettledError` for a place in what is unfinished.
"""

from __future__ import annotations

import errno
import os
import site
import sys
from stat import S_ISDIR, S_ISREG

from linkinstall.fs.port import FILE, FOLDER
from linkinstall.paths import device_in
from linkinstall.venvs.sight import ABSENT, BROKEN, DANGLING, EMPTY, KEPT, VENV
from linkinstall.world import unsettled_venvs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.fs.port import FileSystem
    from linkinstall.venvs.sight import Sight

__all__ = [
    "gone",
    "refuse_creation",
    "refuse_decoupling",
    "refuse_mounts",
    "refuse_removal",
    "refuse_strange_state",
    "refuse_unusable_path",
    "refuse_within_unsettled",
    "unsettled_venv",
]

_LIBRARIES = ("lib", "Lib", "lib64", "lib-python")
"""Where a standard library lies: Fedora's in ``lib64``, that of older PyPys in ``lib-python``."""
_INSTEAD = {"running": "Run linkinstall from another environment."}
_FOR_EVER = "--force does not change that."
FORCE = "Look at what is in it; --force removes it all the same."


def refuse_unusable_path(path: str) -> None:
    """Refuse an empty path, which is an unset variable of a shell and never the current folder.

    :raises NotAVenvError: the path is empty, or on Windows the name of a device is in it
    """
    if not path:
        raise _error("An empty path names no virtual environment.", "", "empty-path")
    if os.sep != "/" and (device := device_in(path)):
        message = f"{path} cannot be a folder: Windows takes {device} for a device."
        raise _error(message, path, "reserved-name", "Name another folder.")


def refuse_removal(files: FileSystem, sight: Sight, *, force: bool) -> None:
    """Refuse to empty or remove what may be worth more than a virtual environment.

    :param force: take what is left of a virtual environment, and one with a project in it
    :raises NotAVenvError: it is refused; the error says whether force would help
    """
    _refuse_for_ever(files, sight)
    place = sight.place
    if sight.kind == DANGLING:
        raise _dangling(sight)
    if sight.own and not force:
        what = ", ".join(sight.own)
        message = f"{place} holds more than a virtual environment: {what}."
        raise _error(message, place, "project", FORCE)
    if sight.kind == VENV or (force and sight.kind in {BROKEN, EMPTY}):
        return
    if sight.kind == BROKEN:
        message = f"{place} looks like a virtual environment that is not whole."
        raise _error(message, place, "broken-venv", FORCE)
    if sight.kind == EMPTY:
        raise _error(f"{place} is an empty folder.", place, "empty-folder", "--force removes it.")
    message = f"{place} is no virtual environment: it has no pyvenv.cfg and does not look like one."
    raise _error(message, place, "no-venv", "If it can go, remove it with the system's own tools.")


def refuse_creation(sight: Sight) -> None:
    """Refuse to make a virtual environment where something stands.

    :raises NotAVenvError: something is in the way, or a link leads nowhere
    """
    place = sight.place
    if sight.kind in {ABSENT, EMPTY}:
        return
    if sight.kind == DANGLING:
        raise _dangling(sight)
    if sight.kind == VENV:
        message = f"{place} is a virtual environment already."
        raise _error(message, place, "exists", "--clear makes it anew.")
    if sight.kind == BROKEN:
        message = f"{place} looks like a virtual environment that is not whole."
        raise _error(message, place, "broken-venv", "--clear --force makes it anew.")
    message = f"{place} is in the way, and no virtual environment."
    raise _error(message, place, "exists", "Name a place where nothing is, or an empty folder.")


def refuse_decoupling(sight: Sight) -> None:
    """Refuse to look for files in what is no whole virtual environment.

    :raises NotAVenvError: there is none
    """
    if sight.kind == VENV:
        return
    if sight.kind == DANGLING:
        raise _dangling(sight)
    code, what = {
        ABSENT: ("absent", "nothing is there"),
        BROKEN: ("broken-venv", "it looks like a virtual environment that is not whole"),
    }.get(sight.kind, ("no-venv", "it is no virtual environment"))
    raise _error(f"{sight.place}: {what}.", sight.place, code, "Name a virtual environment.")


def refuse_strange_state(files: FileSystem, place: str, state: str) -> None:
    """Refuse a state folder that somebody else may have put there, or changed.

    What it says is believed: entries of it are moved to the place, or deleted.

    :raises JournalError: it is a link, holds links, or belongs to somebody who owns
        neither the place nor the folder it stands in
    """
    status = files.status(state)
    if status is None:
        return
    if not S_ISDIR(status.st_mode):
        raise _strange(state, "it is no folder")
    owners = {0, os.geteuid()} if hasattr(os, "geteuid") else set()
    for near in (place, os.path.dirname(place)):
        other = files.status(near)
        owners |= {other.st_uid} if other is not None else set()
    if owners and status.st_uid not in owners:
        raise _strange(state, "it belongs to another user")
    for name, kind in files.scan(state):
        if kind != (FOLDER if name.isdecimal() or name.startswith(KEPT) else FILE):
            raise _strange(state, f"{name} in it is of another kind than linkinstall makes")


def gone(place: str) -> Exception:
    """Return the error for a venv that somebody is changing as a whole, or has removed."""
    from linkinstall.errors import EnvironmentNotFoundError

    return EnvironmentNotFoundError(
        f"The virtual environment {place} is not there any more: another process is removing it "
        "or making it anew, or has done so.",
        next_step="Nothing was changed. Run the command again once it is there.",
    )


def unsettled_venv(files: FileSystem, place: str, state: str) -> Exception:
    """Return the error for a venv that ``unsettled_venvs`` tells of.

    :return: another one where the command that changes it is still at work
    """
    from linkinstall.errors import UnsettledError
    from linkinstall.venvs.holding import is_at_work

    if is_at_work(files, state):
        return gone(place)
    return UnsettledError(
        f"The virtual environment {place} is being made, emptied or removed, or a command that "
        f"did so was killed: {state} has its journal.",
        next_step=_settles(place),
    )


def refuse_within_unsettled(files: FileSystem, place: str) -> None:
    """Refuse a place in an environment that is being changed as a whole, or was by a killed run.

    What settles that takes away what stands there.

    :raises UnsettledError: a journal of a folder above says so
    """
    for above, state in unsettled_venvs(files, os.path.dirname(place)):
        from linkinstall.errors import UnsettledError

        raise UnsettledError(
            f"{place} lies in {above}, which a `venv` command is changing as a whole, or did so "
            f"when it was killed: {state} has its journal.",
            next_step=_settles(above),
        )


def refuse_mounts(files: FileSystem, place: str, state: str, *, begun: bool) -> None:
    """Refuse to settle what a volume has been mounted in since: its contents would go, too.

    :param begun: what is to be put back was begun and not committed: the place counts as well
    :raises OSError: one is mounted; the place itself may always have been a mount point
    """
    for one in sorted(files.mount_points()):
        in_place = begun and one != place and _is_within(one, place)
        if in_place or _is_within(one, state):
            raise OSError(errno.EBUSY, "A volume is mounted here; unmount it first", one)


# ------------------------------------------------------------------ whatever is forced


def _refuse_for_ever(files: FileSystem, sight: Sight) -> None:
    place = sight.place
    if sight.kind in {BROKEN, VENV} and (landmark := _landmark(files, place)):
        # Of what a venv has, an installation lacks the settings alone, and ``python -m venv``
        # puts these into any folder that it is told.
        message = f"{place} is an installation of Python: {landmark} is of its standard library."
        raise _error(message, place, "installation", _FOR_EVER)
    for inner, message, code in _never(files, place):
        if _is_within(inner, place):
            raise _error(message, place, code, _INSTEAD.get(code, _FOR_EVER))
    mounts = sorted(one for one in files.mount_points() if _is_within(one, place) and one != place)
    if mounts:
        message = f"{place} has mount points in it: {', '.join(mounts)}."
        raise _error(message, mounts[0], "mount-point", "Unmount them first.")


def _never(files: FileSystem, place: str) -> Iterator[tuple[str, str, str]]:
    """Yield what must not lie in ``place``, with the sentence and the code that say so."""
    yield os.path.dirname(place), f"{place} is the root of a file system.", "root-folder"
    home = files.real_path(os.path.expanduser("~"))
    yield home, f"{place} is a home folder, or has one in it.", "home-folder"
    base = files.real_path(sys.base_prefix)
    yield base, f"{place} is an installation of Python, or has one in it.", "installation"
    own = files.real_path(site.getuserbase())
    yield own, f"{place} holds what users installed for themselves (pip --user).", "user-base"
    for folder in _own_code():
        message = f"linkinstall runs from {place} itself, and cannot go on once that is gone."
        yield files.real_path(folder), message, "running"


def _landmark(files: FileSystem, place: str) -> str:
    """Return the landmark that Python finds its ``sys.prefix`` by below a folder, "" for none.

    No venv has it: virtualenv before 20 put a link in its place. Where that copied it, the
    environment cannot be told from an installation, and counts as one.
    """
    for library in (f"{place}/{name}" for name in _LIBRARIES):
        status = files.status(library)
        if status is None or not S_ISDIR(status.st_mode):
            continue
        try:
            entries = files.scan(library)
        except FileNotFoundError:  # another process has removed it since
            continue
        inner = [f"{library}/{name}" for name, kind in entries if kind == FOLDER]
        for folder in (library, *inner):
            if os.path.basename(folder) == "site-packages":  # Windows: what anybody installs
                continue
            landmark = files.status(f"{folder}/os.py")
            if landmark is not None and S_ISREG(landmark.st_mode):
                return f"{folder}/os.py"
    return ""


def _own_code() -> Iterator[str]:
    """Yield the folders of the code that this program still has to load."""
    from importlib.util import find_spec

    for name in ("linkinstall", "installer", "packaging", "filelock", "virtualenv"):
        spec = find_spec(name)
        if spec is not None and spec.origin:
            yield os.path.dirname(spec.origin)


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _settles(place: str) -> str:
    from linkinstall.shell import joined

    command = joined(["linkinstall", "venv", "create", place])
    return (
        f"Nothing was changed. Unless such a command still runs, `{command}` settles that, and "
        "keeps what is there then."
    )


def _strange(state: str, reason: str) -> Exception:
    from linkinstall.errors import JournalError, Problem

    return JournalError(
        f"The state folder {state} cannot be trusted: {reason}.",
        problems=[Problem("unknown-state", state)],
        next_step="Nothing was changed. Look at what is in it; move it away if it is nobody's, "
        "and run again.",
    )


def _dangling(sight: Sight) -> Exception:
    message = f"{sight.path} is a link to {sight.place}, where nothing is."
    return _error(message, sight.path, "dangling-link", "Remove the link, or make what it names.")


def _error(message: str, path: str, code: str, next_step: str = "") -> Exception:
    from linkinstall.errors import NotAVenvError, Problem

    return NotAVenvError(
        message, problems=[Problem(code, path, None, message)], next_step=next_step
    )
