"""What a verb did: typed results and their JSON form.

Purpose: one :class:`Outcome` for every verb, equal to the object that ``--json``
prints (the contract is written down in ``docs/reference/json.md``).

Calling sequence: a verb builds an :class:`Outcome`; a program reads its fields or
``to_dict()``; the command line renders it.

Guarantees: immutable; every key of the JSON form is always present; paths are
absolute.

Errors: none.
"""

from __future__ import annotations

from linkinstall.values import as_dict, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from linkinstall.errors import LinkInstallError

__all__ = [
    "BytecodeCount",
    "Change",
    "DistributionState",
    "FileCount",
    "Finding",
    "Holder",
    "Kept",
    "Outcome",
    "Pending",
    "PlannedChange",
    "Recovered",
    "Warn",
]

SCHEMA = 1


@value
class Recovered:
    """An unfinished transaction that was settled on the way.

    :param id: the transaction's id
    :param action: ``rolled-back`` or ``finished``
    """

    id: str
    action: str


@value
class Change:
    """What happened to one project.

    :param name: canonical name
    :param version: the version asked for; the one removed, for ``removed``
    :param previous: the version that was there before, or None
    :param action: installed, replaced, reinstalled, removed, unchanged or skipped
    """

    name: str
    version: str | None
    previous: str | None
    action: str


@value
class PlannedChange:
    """One line of a dry run: a change, and the paths it would make and drop.

    :param action: install, replace or remove
    :param files: how many files would go which way, as in :class:`FileCount`
    :param added: absolute paths that would be made
    :param removed: absolute paths that would go
    """

    name: str
    version: str | None
    previous: str | None
    action: str
    files: dict[str, int]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@value
class FileCount:
    """How many files were placed which way; ``written`` ones were generated."""

    clone: int = 0
    hardlink: int = 0
    symlink: int = 0
    copy: int = 0
    written: int = 0


@value
class BytecodeCount:
    """Compiled files: taken from the cache, compiled now, and sources that do not compile."""

    linked: int = 0
    compiled: int = 0
    failed: int = 0


@value
class Holder:
    """A process that keeps a file busy."""

    pid: int
    name: str


@value
class Pending:
    """A file that could not be deleted yet and waits in the trash."""

    path: str
    moved_to: str
    holders: tuple[Holder, ...] = ()


@value
class Kept:
    """A path that was left alone on purpose, and why."""

    path: str
    reason: str


@value
class Warn:
    """A warning: a stable code for programs, a sentence for people."""

    code: str
    message: str


@value
class Finding:
    """One thing that ``check`` or ``cache verify`` found (``docs/reference/json.md``).

    :param distribution: canonical name of the project, "" where it belongs to none
    :param health: whole, half-installed, half-removed or modified
    :param code: missing, changed, metadata-missing, record-missing, empty-dist-info,
        foreign-dist-info, duplicate, unfinished-transaction, trash, foreign-leftover or
        dangling-link
    :param path: absolute path
    :param expected: what RECORD says, where that is the point
    :param actual: what is there
    :param fix: the command that mends it
    """

    distribution: str
    health: str
    code: str
    path: str
    expected: str | None = None
    actual: str | None = None
    fix: str = ""


@value
class DistributionState:
    """One line of ``list``: canonical name, version, health, and the dist-info folder."""

    name: str
    version: str
    health: str
    path: str


@value
class Outcome:
    """The typed result of a verb.

    :param status: done, unchanged, refused, failed or unsettled
    :param exit: the command line's exit status
    """

    command: str
    status: str = "done"
    exit: int = 0
    environment_root: str | None = None
    environment_python: str | None = None
    environment_library: str | None = None
    recovered: tuple[Recovered, ...] = ()
    changes: tuple[Change, ...] = ()
    files: FileCount = FileCount()
    bytecode: BytecodeCount = BytecodeCount()
    pending: tuple[Pending, ...] = ()
    kept: tuple[Kept, ...] = ()
    warnings: tuple[Warn, ...] = ()
    error: LinkInstallError | None = None
    plan: tuple[PlannedChange, ...] | None = None
    distributions: tuple[DistributionState, ...] | None = None
    findings: tuple[Finding, ...] | None = None
    cache: dict[str, Any] | None = None
    venv: dict[str, str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: plain dicts, lists, strings and numbers."""
        form: dict[str, Any] = {
            "schema": SCHEMA,
            "command": self.command,
            "status": self.status,
            "exit": self.exit,
            "environment": {
                "root": self.environment_root,
                "python": self.environment_python,
                "library": self.environment_library,
            },
            "recovered": [as_dict(one) for one in self.recovered],
            "changes": [as_dict(one) for one in self.changes],
            "files": as_dict(self.files),
            "bytecode": as_dict(self.bytecode),
            "pending": [
                {**as_dict(one), "holders": [as_dict(holder) for holder in one.holders]}
                for one in self.pending
            ],
            "kept": [as_dict(one) for one in self.kept],
            "warnings": [as_dict(one) for one in self.warnings],
            "error": _error_form(self.error),
            "plan": None if self.plan is None else [_planned_form(one) for one in self.plan],
        }
        # Keys that only some verbs have (docs/reference/json.md).
        if self.distributions is not None:
            form["distributions"] = [as_dict(one) for one in self.distributions]
        if self.findings is not None:
            form["findings"] = [as_dict(one) for one in self.findings]
        if self.cache is not None:
            form["cache"] = self.cache
        if self.venv is not None:
            form["venv"] = self.venv
        return form


def _error_form(error: LinkInstallError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {
        "code": error.code,
        "message": error.message,
        "problems": [problem.to_dict() for problem in error.problems],
        "state": error.state,
        "next": error.next_step,
    }


def _planned_form(planned: PlannedChange) -> dict[str, Any]:
    return {**as_dict(planned), "added": list(planned.added), "removed": list(planned.removed)}
