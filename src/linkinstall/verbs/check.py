"""Look at an environment: what is installed, how healthy it is, what lies about.

Calling sequence::

    for finding in check(environment=Environment.of(".venv")):
        ...

Guarantees: reads only, takes no lock. ``check`` reads every file that RECORD lists;
:func:`list_distributions` looks at presence and size alone.

Errors: :class:`~linkinstall.errors.DistributionError` for a name that is not
installed.
"""

from __future__ import annotations

import hashlib
import os
from stat import S_ISLNK

from linkinstall.digest import encode
from linkinstall.distribution import (
    HALF_INSTALLED,
    HALF_REMOVED,
    MODIFIED,
    WHOLE,
    find_distributions,
    leftovers,
    library_path,
    quick_health,
    read_rows,
)
from linkinstall.fs import local
from linkinstall.outcome import DistributionState, Finding
from linkinstall.record import is_compiled
from linkinstall.values import replace
from linkinstall.wheel import canonicalize
from linkinstall.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from linkinstall.distribution import Distribution
    from linkinstall.environment import Environment
    from linkinstall.fs.port import FileSystem
    from linkinstall.record import Row

__all__ = ["check", "list_distributions"]


def list_distributions(environment: Environment | None = None) -> list[DistributionState]:
    """Return every distribution with its health, sorted by canonical name."""
    world = _world(environment)
    unfinished = _unfinished(world)
    return [
        DistributionState(
            one.name,
            one.version,
            unfinished.get(one.name) or quick_health(world.files, one),
            one.path,
        )
        for one in find_distributions(world.files, world.libraries, world.bases)
    ]


def check(names: Iterable[str] = (), *, environment: Environment | None = None) -> list[Finding]:
    """Compare distributions with their RECORD, byte by byte, and look for leftovers.

    :param names: only these projects; default all, and what belongs to none
    :raises DistributionError: one of them is not installed
    """
    world = _world(environment)
    wanted = {canonicalize(name) for name in names}
    found = find_distributions(world.files, world.libraries, world.bases)
    _require_installed(wanted, found)
    findings: list[Finding] = []
    unfinished = _unfinished(world)
    for one in found:
        if not wanted or one.name in wanted:
            findings += _check_one(world.files, one, unfinished.get(one.name))
            findings += _duplicates(one, found)
    if not wanted:
        findings += _state(world)
        for library in world.libraries:
            findings += _foreign(world.files, library)
    return sorted(findings, key=lambda one: (one.distribution, one.path, one.code))


def _world(environment: Environment | None) -> World:
    if environment is None:
        from linkinstall.environment import Environment

        environment = Environment.current()
    return World(local(), environment)


def _require_installed(wanted: set[str], found: list[Distribution]) -> None:
    missing = sorted(wanted - {one.name for one in found})
    if missing:
        from linkinstall.errors import DistributionError, Problem

        raise DistributionError(
            f"Not installed: {', '.join(missing)}.",
            problems=[
                Problem("not-installed", "", name, f"{name} is not there") for name in missing
            ],
            next_step="`linkinstall list` shows what is installed.",
        )


def _unfinished(world: World) -> dict[str, str]:
    """Return name -> health of the projects of an unfinished transaction."""
    if world.files.status(world.home) is None:
        return {}
    from linkinstall.errors import JournalError
    from linkinstall.recovery import read_journal

    try:
        journal = read_journal(world.files, world.home)[1]
    except JournalError:
        return {}
    if journal is None:
        return {}
    return {
        canonicalize(change.name): HALF_REMOVED if change.action == "removed" else HALF_INSTALLED
        for change in journal.changes
    }


def _check_one(files: FileSystem, one: Distribution, unfinished: str | None) -> list[Finding]:
    names = {name for name, _ in files.scan(one.path)}
    fix = f"linkinstall install a wheel of {one.name} over it"
    if not names:
        health = unfinished or HALF_REMOVED
        return [Finding(one.name, health, "empty-dist-info", one.path, fix=fix)]
    rows = read_rows(files, one)
    findings = []
    if "METADATA" not in names:
        path = f"{one.path}/METADATA"
        findings.append(Finding(one.name, HALF_REMOVED, "metadata-missing", path, fix=fix))
    if rows is None:
        path = f"{one.path}/RECORD"
        findings.append(Finding(one.name, HALF_INSTALLED, "record-missing", path, fix=fix))
    told = {f"{one.folder}/{os.path.basename(finding.path)}" for finding in findings}
    for row in rows or ():
        if row.path in told:
            continue
        finding = _check_row(files, one, row, fix)
        if finding is not None:
            findings.append(finding)
    health = unfinished or _judge(one, rows, findings)
    return [replace(finding, health=health) for finding in findings]


def _judge(one: Distribution, rows: list[Row] | None, findings: list[Finding]) -> str:
    codes = {finding.code for finding in findings}
    inner = one.folder + "/"
    payload = [
        row for row in rows or () if not (row.path.startswith(inner) or is_compiled(row.path))
    ]
    lost = [f for f in findings if f.code == "missing" and not f.path.startswith(one.path + "/")]
    if "metadata-missing" in codes or (payload and len(lost) == len(payload)):
        return HALF_REMOVED
    if "record-missing" in codes:
        return HALF_INSTALLED
    return MODIFIED if findings else WHOLE


def _check_row(files: FileSystem, one: Distribution, row: Row, fix: str) -> Finding | None:
    path = library_path(one.base, row.path)
    status = files.status(path)
    if status is None:
        if is_compiled(row.path):
            return None
        return Finding(one.name, MODIFIED, "missing", path, row.hash or None, None, fix)
    if not row.hash:
        return None
    algorithm, _, expected = row.hash.partition("=")
    try:
        with files.open_read(path) as stream:
            digest = hashlib.file_digest(stream, algorithm).digest()
    except FileNotFoundError:
        target = files.read_link(path) if S_ISLNK(status.st_mode) else None
        return Finding(one.name, MODIFIED, "dangling-link", path, row.hash, target, fix)
    except (OSError, ValueError) as error:
        return Finding(one.name, MODIFIED, "changed", path, row.hash, str(error), fix)
    actual = f"{algorithm}={encode(digest)}"
    if encode(digest) == expected.rstrip("="):
        return None
    return Finding(one.name, MODIFIED, "changed", path, row.hash, actual, fix)


def _duplicates(one: Distribution, found: list[Distribution]) -> list[Finding]:
    others = [other for other in found if other.name == one.name and other.path != one.path]
    if not others:
        return []
    fix = f"linkinstall uninstall {one.name}, then install it again"
    versions = ", ".join(sorted(other.version for other in others))
    return [Finding(one.name, MODIFIED, "duplicate", one.path, None, f"also {versions}", fix)]


def _state(world: World) -> list[Finding]:
    """Return what the state folder holds: an unfinished transaction, trash."""
    files, home = world.files, world.home
    if files.status(home) is None:
        return []
    findings = []
    names = {name for name, _ in files.scan(home)}
    if names - {"trash"}:
        findings.append(
            Finding("", WHOLE, "unfinished-transaction", home, fix="linkinstall recover")
        )
    if "trash" in names:
        findings += [
            Finding("", WHOLE, "trash", f"{home}/trash/{name}", fix="linkinstall recover")
            for name, _ in files.scan(f"{home}/trash")
        ]
    return findings


def _foreign(files: FileSystem, library: str) -> list[Finding]:
    """Return what a killed pip leaves behind: folders that begin with ``~``."""
    return [
        Finding(
            "", HALF_REMOVED, "foreign-leftover", f"{library}/{name}",
            fix="install or uninstall the project it belongs to with linkinstall, or delete it",
        )
        for name in leftovers(files, library)
    ]  # fmt: skip
