"""One distribution against its RECORD: what differs, and how healthy that leaves it.

Purpose: the comparison that ``check`` tells about and ``repair`` acts on.

Calling sequence::

    seen = examine(files, distribution)                # by status: presence, kind, size, time
    seen = examine(files, distribution, full=True)     # every file is read
    seen = examine(files, distribution, scripts=ScriptsFolder.of(world))
    seen.health, seen.findings

Guarantees: reads only. Without ``full`` a file is read where its status does not clear
it: another size, or written to no earlier than RECORD, which is written last. An edit
that puts size and time back is found with ``full`` alone. With ``scripts`` a script that
lost its executable bits has changed: one for an entry point, or one that names this
environment's interpreter, which tools write into nothing but scripts. The findings name no remedy
yet: :mod:`linkinstall.remedies` knows it.

Errors: ``OSError`` where a folder cannot be read.
"""

from __future__ import annotations

import os
from stat import S_IRUSR, S_ISDIR, S_ISLNK, S_ISREG, S_IXUSR

from linkinstall import limits
from linkinstall.digest import hash_by
from linkinstall.distribution import (
    HALF_INSTALLED,
    HALF_REMOVED,
    MODIFIED,
    WHOLE,
    holds_written,
    is_cut,
    library_path,
    read_installer,
    read_rows,
)
from linkinstall.outcome import Finding
from linkinstall.record import is_compiled
from linkinstall.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.distribution import Distribution
    from linkinstall.fs.port import FileSystem
    from linkinstall.record import Row
    from linkinstall.world import World

__all__ = ["Examined", "ScriptsFolder", "digest_at", "examine"]

_MAKE_SCRIPTS_EXECUTABLE = frozenset(("linkinstall", "uv"))
"""What INSTALLER says of tools that see to the bits of every script.

``installer`` and pip keep the wheel's modes for those that are no entry point's.
"""
_FIRST_LINES = 2
"""A long interpreter's path stands in the second line, behind ``/bin/sh``."""


@value
class Examined:
    """What an examination found.

    :param rows: what RECORD says, None where it is gone or says nothing
    """

    distribution: Distribution
    health: str
    findings: tuple[Finding, ...]
    rows: tuple[Row, ...] | None

    @property
    def stray(self) -> bool:
        """Whether nothing is in its dist-info but what no installer writes."""
        return any(finding.code == "foreign-dist-info" for finding in self.findings)


@value
class ScriptsFolder:
    """Where an environment's scripts lie, and what their first lines name.

    :param path: resolved; "" where no bit tells what is executable
    :param interpreters: the names that the interpreter may have there
    """

    path: str
    interpreters: tuple[bytes, ...]

    @classmethod
    def of(cls, world: World) -> ScriptsFolder:
        """Return that of an environment."""
        path = world.roots.get("scripts", "")
        if os.name == "nt" or not path:
            return cls("", ())
        names = (world.environment.schemes["scripts"], path)
        folders = tuple(os.fsencode(f"{name}/python") for name in names)
        return cls(path, (os.fsencode(world.environment.python), *folders))


_NO_SCRIPTS = ScriptsFolder("", ())


def examine(
    files: FileSystem,
    distribution: Distribution,
    *,
    full: bool = False,
    unfinished: str | None = None,
    scripts: ScriptsFolder = _NO_SCRIPTS,
) -> Examined:
    """Compare a distribution with its RECORD.

    :param full: read every file
    :param scripts: where a missing executable bit is a difference
    :param unfinished: the health that an unfinished transaction gives it
    """
    one = distribution
    entries = files.scan(one.path)
    names = {name for name, _ in entries}
    if not holds_written(entries):
        health = unfinished or HALF_REMOVED
        code = "foreign-dist-info" if names else "empty-dist-info"
        finding = Finding(one.name, health, code, one.path)
        return Examined(one, health, (finding,), None)
    rows = read_rows(files, one)
    findings = []
    if "METADATA" not in names:
        path = f"{one.path}/METADATA"
        findings.append(Finding(one.name, HALF_REMOVED, "metadata-missing", path))
    if rows is None:
        path = f"{one.path}/RECORD"
        findings.append(Finding(one.name, HALF_INSTALLED, "record-missing", path))
    else:
        findings += _unlisted(one, rows, names)
        told = {finding.path for finding in findings}
        found = _Comparison(files, one, scripts, full=full).differences(rows)
        findings += [finding for finding in found if finding.path not in told]
    health = unfinished or _judge(one, rows, findings)
    return Examined(
        one,
        health,
        tuple(replace(finding, health=health) for finding in findings),
        None if rows is None else tuple(rows),
    )


def digest_at(files: FileSystem, path: str, algorithm: str = "sha256") -> str:
    """Return the digest of a file as RECORD writes it, ``sha256=…``; a link is followed.

    :raises ValueError: the algorithm is unknown
    """
    with files.open_read(path) as stream:
        return f"{algorithm}={hash_by(algorithm, stream)}"


def _unlisted(one: Distribution, rows: list[Row], names: set[str]) -> Iterator[Finding]:
    # A RECORD that was cut between two rows parses. It lists every file, itself too.
    if "METADATA" in names and is_cut(one, rows):
        row = f"rows for METADATA and RECORD in {one.folder}"
        yield Finding(one.name, MODIFIED, "changed", f"{one.path}/RECORD", row, "a row is missing")


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


class _Comparison:
    """Compares the rows of one distribution with the disk."""

    def __init__(
        self, files: FileSystem, one: Distribution, scripts: ScriptsFolder, *, full: bool
    ) -> None:
        self.files = files
        self.one = one
        self.scripts = scripts
        self.full = full
        record = files.status(f"{one.path}/RECORD")
        self.recorded = record.st_mtime_ns if record is not None else 0

    def differences(self, rows: list[Row]) -> Iterator[Finding]:
        """Yield a finding for each row that differs, folder by folder."""
        folders: dict[str, dict[str, Row]] = {}
        for row in rows:
            folder, _, name = library_path(self.one.base, row.path).rpartition("/")
            folders.setdefault(folder, {})[name] = row
        for folder, members in folders.items():
            statuses = self.files.statuses(folder, members)
            if not any(statuses):  # a link, as ``share/man`` or the dist-info folder itself may be
                statuses = self.files.statuses(self.files.real_path(folder), members)
            for (name, row), status in zip(members.items(), statuses, strict=True):
                finding = self._difference(f"{folder}/{name}", row, status)
                if finding is not None:
                    yield finding

    def _difference(self, path: str, row: Row, status: os.stat_result | None) -> Finding | None:
        if status is None:
            return None if is_compiled(row.path) else self._finding("missing", path, row, None)
        if S_ISDIR(status.st_mode):
            # Some tools list folders, too: such a row says nothing of what is in them.
            return (
                None
                if is_compiled(row.path) or not row.hash
                else self._changed(path, row, "a folder")
            )
        if S_ISREG(status.st_mode) and not status.st_mode & S_IRUSR:
            return self._changed(path, row, f"its mode is {status.st_mode & 0o777:o}")
        if self.scripts.path and not status.st_mode & S_IXUSR and self._is_script(path, status):
            return self._changed(path, row, f"its mode is {status.st_mode & 0o777:o}")
        if not row.hash or (not self.full and self._clears(path, status, row)):
            return None
        return self._read(path, row, status)

    def _is_script(self, path: str, status: os.stat_result) -> bool:
        """Return whether a tool wrote a plain file as a script of this environment."""
        folder = os.path.dirname(path)
        outside = not folder.startswith(self.one.base + "/")  # but with --target
        named_so = os.path.basename(folder) == os.path.basename(self.scripts.path)
        if not S_ISREG(status.st_mode) or not (outside or named_so):
            return False
        if self.files.real_path(folder) != self.scripts.path:
            return False
        if os.path.basename(path) in self._entry_points():
            return True
        if read_installer(self.files, self.one) not in _MAKE_SCRIPTS_EXECUTABLE:
            return False
        with self.files.open_read(path) as stream:
            head = stream.read(limits.PATH_LENGTH)
        named = b"\n".join(head.split(b"\n", _FIRST_LINES)[:_FIRST_LINES])
        return head.startswith(b"#!") and any(one in named for one in self.scripts.interpreters)

    def _entry_points(self) -> set[str]:
        """Return the names of the scripts that entry points ask for."""
        from linkinstall.vetting.entry_points import read_entry_points
        from linkinstall.vetting.problems import Problems

        try:
            data = self.files.read(f"{self.one.path}/entry_points.txt", limits.WHEEL_TEXT_SIZE)
        except OSError:
            return set()
        return {name for name, *_ in read_entry_points(data, Problems(), windows=False)}

    def _clears(self, path: str, status: os.stat_result, row: Row) -> bool:
        """Return whether a status says enough: a plain file of its size, older than RECORD."""
        seen: os.stat_result | None = status
        if S_ISLNK(status.st_mode):
            seen = self.files.status(self.files.real_path(path))
        return (
            seen is not None
            and S_ISREG(seen.st_mode)
            and row.size == seen.st_size
            and seen.st_mtime_ns < self.recorded
        )

    def _read(self, path: str, row: Row, status: os.stat_result) -> Finding | None:
        algorithm, _, expected = row.hash.partition("=")
        try:
            actual = digest_at(self.files, path, algorithm)
        except FileNotFoundError:
            target = self.files.read_link(path) if S_ISLNK(status.st_mode) else None
            return self._finding("dangling-link", path, row, target)
        except (OSError, ValueError) as error:
            return self._changed(path, row, str(error))
        if actual == f"{algorithm}={expected.rstrip('=')}":
            return None
        return self._changed(path, row, actual)

    def _changed(self, path: str, row: Row, actual: str) -> Finding:
        return self._finding("changed", path, row, actual)

    def _finding(self, code: str, path: str, row: Row, actual: str | None) -> Finding:
        return Finding(self.one.name, MODIFIED, code, path, row.hash or None, actual)
