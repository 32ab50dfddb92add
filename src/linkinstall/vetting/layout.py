"""Where the members of a wheel go: schemes, paths within them, and collisions.

Purpose: spread the members as ``installer.install`` does, and refuse those that have
no place, share one, or would stand where an environment has its own files.

Calling sequence::

    data_dir = find_data_dir(names, wheel_name, problems)
    files, skipped = lay_out(members, places, scripts, problems)
    case_collisions(files, scripts)

Guarantees: schemes and paths are those that ``installer`` passes to the destination;
no two files of one scheme have the same path, and none stands where another needs a
folder. What ``installer`` skips is skipped: members in a ``__pycache__`` folder. A
script that setuptools made for an entry point is skipped as well (``installer`` fails
on it, pip skips it).

Errors: none; what is found is noted.

Specification: PyPA, "Binary distribution format", the ``.data`` directory.
"""

from __future__ import annotations

import stat
from itertools import pairwise
from unicodedata import normalize

from linkinstall.values import value
from linkinstall.vetting.names import is_reserved_script
from linkinstall.vetting.problems import shown
from linkinstall.wheel import belongs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from linkinstall.vetting.members import Member
    from linkinstall.vetting.problems import Problems
    from linkinstall.wheel import WheelName

__all__ = ["Skipped", "VettedFile", "case_collisions", "find_data_dir", "lay_out"]

_SCHEMES = ("purelib", "platlib", "headers", "scripts", "data")
_SETUPTOOLS_ENDINGS = ("", ".exe", ".exe.manifest", "-script.py", "-script.pyw", ".pya")
_SCRIPT_FOLDERS = ("bin", "scripts")
_LIBRARY_FOLDERS = ("site-packages", "dist-packages")
_STATE = ".linkinstall"
_LOCK = ".lock"


@value
class VettedFile:
    """One file to install.

    :param member: its path in the archive
    :param scheme: purelib, platlib, headers, scripts or data
    :param path: relative to the scheme's folder, forward slashes
    :param executable: whether it gets the executable bit
    :param size: bytes, unpacked
    """

    member: str
    scheme: str
    path: str
    executable: bool
    size: int


@value
class Skipped:
    """A member that is not installed: its path in the archive, and why.

    :param reason: ``pycache``, or ``entry-point`` for a script that an entry point replaces
    """

    member: str
    reason: str


@value
class Places:
    """What decides where members go.

    :param root_scheme: the scheme of the archive's root
    :param data_dir: the folder whose subfolders are schemes
    :param record: the path of ``RECORD``, which is written anew
    """

    root_scheme: str
    data_dir: str
    record: str


def find_data_dir(names: Iterable[str], wheel: WheelName, problems: Problems) -> str:
    """Return the name of the ``.data`` folder: the one there is, or could have been.

    It may be written otherwise than the file name, as the dist-info folder may.
    """
    own = f"{wheel.distribution}-{wheel.version}.data"
    found = set()
    for top in {name.split("/", 1)[0] for name in names}:
        stem, suffix = top[: -len(".data")], top[-len(".data") :]
        if suffix.casefold() != ".data" or "-" not in stem:
            continue
        if suffix == ".data" and belongs(stem, wheel):
            found.add(top)
        else:
            problems.add("data-folder", top, "it is the .data folder of another wheel")
    if len(found) > 1:
        problems.add("data-folder", "", f"it has two .data folders: {', '.join(sorted(found))}")
    return min(found, default=own)


def lay_out(
    members: Iterable[Member], places: Places, scripts: Collection[str], problems: Problems
) -> tuple[list[VettedFile], list[Skipped]]:
    """Return the files to install, in the order of the archive, and those left out.

    :param scripts: names of the entry points' scripts
    """
    files: list[VettedFile] = []
    skipped: list[Skipped] = []
    for member in members:
        if member.is_folder or member.name == places.record:
            continue
        if "/__pycache__/" in f"/{member.name}":
            skipped.append(Skipped(member.name, "pycache"))
            continue
        scheme, path = _place(member.name, places)
        if not path:
            reason = f"{shown(places.data_dir)} has no such scheme, or this is not in it"
            problems.add("data-scheme", member.name, reason)
            continue
        for code, reason in _reserved(scheme, path, in_data=member.name != path):
            problems.add(code, member.name, reason)
        if scheme == "scripts" and _is_wrapper(path, scripts):
            skipped.append(Skipped(member.name, "entry-point"))
            continue
        executable = stat.S_ISREG(member.mode) and bool(member.mode & 0o111)
        files.append(VettedFile(member.name, scheme, path, executable, member.size))
    _check_collisions(files, places, scripts, problems)
    return files, skipped


def case_collisions(
    files: Iterable[VettedFile], scripts: Iterable[str]
) -> tuple[tuple[str, ...], ...]:
    """Return groups of ``scheme/path`` that are one path where case or form do not count.

    A folder stands in its group with a slash behind it.
    """
    groups: dict[str, set[str]] = {}
    folders: dict[str, str] = {}
    for path in [f"{file.scheme}/{file.path}" for file in files] + [
        f"scripts/{name}" for name in scripts
    ]:
        groups.setdefault(_folded(path), set()).add(path)
        for folder in _folders(path):
            folders.setdefault(folder, path)
    for folder in folders:
        if (key := _folded(folder)) in groups:
            groups[key].add(f"{folder}/")
    return tuple(tuple(sorted(group)) for group in groups.values() if len(group) > 1)


def _place(name: str, places: Places) -> tuple[str, str]:
    """Return scheme and path of a member; the path is empty where it has no place."""
    if name == places.data_dir:
        return "", ""
    if not name.startswith(f"{places.data_dir}/"):
        return places.root_scheme, name
    scheme, _, path = name[len(places.data_dir) + 1 :].partition("/")
    return (scheme, path) if scheme in _SCHEMES else ("", "")


def _reserved(scheme: str, path: str, *, in_data: bool) -> Iterator[tuple[str, str]]:
    """Yield (code, reason) where a file would stand where an environment has its own."""
    segments = path.casefold().split("/")
    if _STATE in segments:
        yield "reserved-path", f"{_STATE} is where unfinished transactions are kept"
    script = segments[0] if scheme == "scripts" else ""
    if scheme == "data":
        if segments in (["pyvenv.cfg"], [_LOCK]):
            yield "reserved-path", "the environment itself has a file of this name"
        if segments[0] in _SCRIPT_FOLDERS and len(segments) > 1:
            script = segments[1]
    if script and is_reserved_script(script):
        yield "reserved-name", "the name belongs to the environment itself; a script cannot take it"
    if in_data and _is_hidden_dist_info(scheme, segments):
        yield "dist-info", "it would be metadata of a distribution, hidden in the .data folder"


def _is_hidden_dist_info(scheme: str, segments: list[str]) -> bool:
    if scheme in ("purelib", "platlib"):
        return segments[0].endswith(".dist-info")
    return scheme == "data" and any(
        folder in _LIBRARY_FOLDERS and name.endswith(".dist-info")
        for folder, name in pairwise(segments)
    )


def _is_wrapper(path: str, scripts: Collection[str]) -> bool:
    """Tell whether setuptools made this script for an entry point, on any platform."""
    return any(
        path.endswith(ending) and path.removesuffix(ending) in scripts
        for ending in _SETUPTOOLS_ENDINGS
    )


def _check_collisions(
    files: Iterable[VettedFile], places: Places, scripts: Iterable[str], problems: Problems
) -> None:
    taken = {f"scripts/{name}": "an entry point" for name in scripts}
    taken[f"{places.root_scheme}/{places.record}"] = places.record
    for file in files:
        other = taken.setdefault(f"{file.scheme}/{file.path}", file.member)
        if other is not file.member:
            problems.add("member-collision", file.member, f"{shown(other)} goes to the same place")
    for file in files:
        for folder in _folders(f"{file.scheme}/{file.path}"):
            if folder in taken:
                reason = f"{shown(taken[folder])} stands where its folder must be"
                problems.add("member-collision", file.member, reason)


def _folders(path: str) -> Iterator[str]:
    """Yield the folders above ``scheme/path``, without the scheme itself."""
    at = path.rfind("/")
    first = path.find("/")
    while at > first:
        yield path[:at]
        at = path.rfind("/", 0, at)


def _folded(path: str) -> str:
    return normalize("NFC", path.casefold())
