"""Every error this package raises on purpose.

Purpose: one tree of typed errors. Each carries its data as attributes and says
three things: what happened, what state things are in now, what to do next.

Calling sequence: raise the most specific class with a sentence on what happened
and, where there is one, ``next_step``. This module imports ``installer``, which
costs as much as some thousands of links, so the modules of a warm install import
it only where they raise.

Guarantees: each class derives from :class:`LinkInstallError`, which is itself an
``installer.exceptions.InstallerError``. Where ``installer``'s own destination
raises ``FileExistsError`` or ``ValueError``, the matching class here is one too. Errors can
be copied and pickled, as pools of processes do it.

Errors: none of its own.
"""

from __future__ import annotations

from installer.exceptions import InstallerError

from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from linkinstall.outcome import Outcome

__all__ = [
    "CacheError",
    "ConflictError",
    "DistributionError",
    "EnvironmentNotFoundError",
    "ExternallyManagedError",
    "FileSystemError",
    "InvalidWheelError",
    "JournalError",
    "LinkInstallError",
    "LockTimeoutError",
    "NotAVenvError",
    "PathError",
    "Problem",
    "RecoveryRefusedError",
    "TransactionError",
    "UnsettledError",
    "UsageError",
    "VenvError",
]


@value
class Problem:
    """One reason for a refusal.

    :param code: stable name of the reason, for programs
    :param path: what it is about: an absolute path, or a member of a wheel
    :param owner: the distribution that owns the path, where there is one
    :param message: the reason in words, for people
    """

    code: str
    path: str = ""
    owner: str | None = None
    message: str = ""

    def to_dict(self) -> dict[str, str | None]:
        """Return the JSON form of ``docs/reference/json.md``: code, path and owner."""
        return {"code": self.code, "path": self.path, "owner": self.owner}


class LinkInstallError(InstallerError):
    """The base of all errors.

    :param message: what happened, one sentence
    :param problems: the single reasons, all of them together
    :param next_step: what the reader can do now
    """

    code = "failed"
    """Stable name for programs (``error.code`` in the JSON output)."""
    exit_status = 1
    """Exit status of the command line (``docs/reference/exit-status.md``)."""
    status = "failed"
    """``refused`` where nothing was begun, ``failed`` where it was undone, ``unsettled``."""
    state = "unchanged"
    """``unchanged`` or ``unsettled``: what the environment is like now."""

    def __init__(
        self, message: str, *, problems: Iterable[Problem] = (), next_step: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)
        self.next_step = next_step
        self.outcome: Outcome | None = None

    def __str__(self) -> str:
        """Return the message, each problem on a line, the state and the next step."""
        lines = [self.message]
        reasons = [problem.message or problem.code for problem in self.problems]
        lines += [f"  {reason}" for reason in reasons if reason not in self.message]
        if self.next_step:
            lines.append(self.next_step)
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make a copy, or the same in another process: by its attributes."""
        # The default one passes the message to the class, and some take more than that.
        return _blank, (type(self), self.args), {**vars(self)}


def _blank(error: type[LinkInstallError], arguments: tuple[Any, ...]) -> LinkInstallError:
    """Return an error without its attributes."""
    made = error.__new__(error)
    made.args = arguments
    return made


class UsageError(LinkInstallError, ValueError):
    """The call's words are off: an unknown flag, two targets, a bad value."""

    code = "usage"
    exit_status = 2
    status = "refused"


class InvalidWheelError(LinkInstallError, ValueError):
    """A wheel that is damaged, hostile, or of a version this package does not know.

    Raised before anything is written to an environment. ``path`` is the wheel.
    """

    code = "invalid-wheel"
    status = "refused"

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        problems: Iterable[Problem] = (),
        next_step: str = "",
    ) -> None:
        super().__init__(message, problems=problems, next_step=next_step)
        self.path = path


class PathError(LinkInstallError, ValueError):
    """A path that leads out of its scheme, or that cannot be kept in a cache.

    ``path`` is the path as it was given.
    """

    code = "unsafe-path"
    status = "refused"

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message, problems=[Problem("unsafe-path", path, None, message)])
        self.path = path


class ConflictError(LinkInstallError, FileExistsError):
    """The plan meets files that are not its own; ``problems`` names all of them."""

    code = "conflict"
    status = "refused"


class EnvironmentNotFoundError(LinkInstallError):
    """What was named as the target is no interpreter, venv or installation."""

    code = "environment-not-found"
    status = "refused"


class ExternallyManagedError(LinkInstallError):
    """The environment is managed by somebody else (:pep:`668`)."""

    code = "externally-managed"
    status = "refused"


class LockTimeoutError(LinkInstallError):
    """Another process held a lock for longer than the wait allowed.

    :param path: the lock file
    :param seconds: how long was waited
    """

    code = "lock-timeout"
    status = "refused"

    def __init__(self, path: str, seconds: float, *, what: str) -> None:
        super().__init__(
            f"Could not lock {what} within {seconds:g} s: another process holds {path}.",
            next_step="Nothing was changed. Wait for the other process to end, "
            "or allow more time with --lock-timeout.",
        )
        self.path = path
        self.seconds = seconds


class DistributionError(LinkInstallError):
    """An installed distribution cannot be changed as asked (its RECORD is gone, say)."""

    code = "distribution"
    status = "refused"


class CacheError(LinkInstallError):
    """The cache cannot give or take what was asked of it."""

    code = "cache"


class FileSystemError(LinkInstallError, OSError):
    """The operating system refused a step; everything done before it was put back.

    An ``OSError`` too, with its ``errno``, ``strerror`` and ``filename``. Not one of the
    subclasses that Python chooses by number (``PermissionError``): this is one class.

    :param path: the path it was about
    :param cause: the operating system's error
    """

    code = "file-system"

    def __init__(self, message: str, *, path: str, cause: OSError, next_step: str = "") -> None:
        problem = Problem("file-system", path, None, f"{path}: {cause.strerror or cause}")
        super().__init__(message, problems=[problem], next_step=next_step)
        self.path = path
        self.cause = cause
        self.errno, self.strerror = cause.errno, cause.strerror
        self.filename = path

    def __reduce__(self) -> tuple[Any, ...]:
        """Add what an ``OSError`` does not keep among its attributes."""
        make, arguments, fields = super().__reduce__()
        own = {name: getattr(self, name) for name in ("errno", "strerror", "filename")}
        return make, arguments, {**fields, **own}


class NotAVenvError(LinkInstallError):
    """A path that is no virtual environment, or must not be treated as one. Nothing was done."""

    code = "not-a-venv"
    status = "refused"


class VenvError(LinkInstallError):
    """A virtual environment could not be made; what was there before is there again."""

    code = "venv"


class TransactionError(LinkInstallError):
    """A transaction was used out of order (committed twice, prepared after a rollback)."""

    code = "transaction"


class JournalError(LinkInstallError):
    """A state folder that this version cannot read: damaged, or of unknown origin."""

    code = "journal"
    exit_status = 3
    status = "unsettled"
    state = "unsettled"


class RecoveryRefusedError(LinkInstallError):
    """``recover`` was asked for the way that is no longer open; it took the other."""

    code = "recovery-refused"


class UnsettledError(LinkInstallError):
    """A transaction is unfinished on disk: not put back, or not made durable, yet."""

    code = "unsettled"
    exit_status = 3
    status = "unsettled"
    state = "unsettled"
