"""Run the command line in a process of its own, away from the settings of the caller.

Purpose: what a person or a build tool does: ``python -m linkinstall …``.

Calling sequence: ``Command(home)``, then ``run(*arguments)`` for the streams and the
exit status, ``json(*arguments)`` for the object that ``--json`` prints.

Guarantees: the child sees none of the caller's ``LINKINSTALL_*``, ``VIRTUAL_ENV`` or
cache settings, and writes its cache below ``home`` unless told otherwise.

Errors: ``AssertionError`` with both streams where the exit status is not the expected one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_SECONDS = 300
FAULTY_RUN = Path(__file__).with_name("faulty_run.py")


@dataclass(frozen=True)
class Result:
    """What one run of the command line left: its exit status and both streams."""

    arguments: tuple[str, ...]
    status: int
    out: str
    err: str

    @property
    def form(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        form = json.loads(self.out)
        assert isinstance(form, dict), self.out
        return form

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.splitlines()

    def __str__(self) -> str:
        """Return all that a failing test needs to show."""
        return (
            f"linkinstall {' '.join(self.arguments)}\n"
            f"exit status {self.status}\n--- out\n{self.out}--- err\n{self.err}"
        )


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong at one mutating call of the command (``faulty_run.py``).

    :param point: the ordinal of the call, from 1; 0 = every call that the filters match
    :param action: ``kill``, a signal's name, ``pause:FIFO`` or the name of an errno
    :param event: only calls of this audit event (``os.link``)
    :param name: only calls one of whose paths has this last part
    :param inside: only calls one of whose paths contains this text
    :param lasting: not only this call but each one that follows
    """

    point: int = 0
    action: str = "none"
    event: str = ""
    name: str = ""
    inside: str = ""
    lasting: bool = False

    def to_text(self) -> str:
        """Return the form that ``faulty_run.py`` reads."""
        return json.dumps(self.__dict__)


class Command:
    """``python -m linkinstall`` with a home, a cache and an environment of its own."""

    def __init__(self, home: Path, cache: Path | None = None) -> None:
        self.home = home
        self.cache = cache or home / "cache"
        self.folder = home / "here"
        self.folder.mkdir(parents=True, exist_ok=True)

    def environ(self, extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Return the child's environment variables; a value of None in ``extra`` drops one."""
        dropped = ("LINKINSTALL_", "UV_", "PYTEST_", "XDG_", "COV_")
        names = {
            "VIRTUAL_ENV",
            "PYTHONDONTWRITEBYTECODE",
            "SOURCE_DATE_EPOCH",
            "__PYVENV_LAUNCHER__",
        }
        environ: dict[str, str | None] = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(dropped) and name not in names
        }
        environ["HOME"] = str(self.home)
        environ["LINKINSTALL_CACHE_DIR"] = str(self.cache)
        if "PYTHONPATH" in os.environ:
            parts = os.environ["PYTHONPATH"].split(os.pathsep)
            environ["PYTHONPATH"] = os.pathsep.join(os.path.abspath(part) for part in parts if part)
        environ.update(extra or {})
        return {name: text for name, text in environ.items() if text is not None}

    def arguments(
        self,
        given: tuple[object, ...],
        *,
        python: object | None = None,
        faults: tuple[Fault, ...] = (),
        log: Path | None = None,
    ) -> list[str]:
        """Return the whole command line of the child."""
        start = [str(python or sys.executable)]
        if faults or log:
            start += ["-B", str(FAULTY_RUN), str(log or os.devnull)]
            start += [json.dumps([json.loads(fault.to_text()) for fault in faults])]
        else:
            start += ["-m", "linkinstall"]
        return start + [str(one) for one in given]

    def start(
        self,
        *given: object,
        env: Mapping[str, str | None] | None = None,
        folder: Path | None = None,
        faults: tuple[Fault, ...] = (),
        log: Path | None = None,
    ) -> subprocess.Popen[str]:
        """Start the command and return its process, both streams piped as text."""
        return subprocess.Popen(
            self.arguments(given, faults=faults, log=log),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=self.environ(env),
            cwd=folder or self.folder,
            # A test runner in the background ignores SIGINT, and children would inherit that.
            preexec_fn=_in_child,  # noqa: PLW1509 no threads here
        )

    def run(
        self,
        *given: object,
        status: int | tuple[int, ...] | None = 0,
        env: Mapping[str, str | None] | None = None,
        folder: Path | None = None,
        python: object | None = None,
        faults: tuple[Fault, ...] = (),
        log: Path | None = None,
        umask: int = -1,
    ) -> Result:
        """Run the command to its end.

        :param status: the exit status, or several, that the test expects; None = any
        :param faults: what goes wrong on the way
        :param log: where the mutating calls are written down, one a line
        """
        done = subprocess.run(
            self.arguments(given, python=python, faults=faults, log=log),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=self.environ(env),
            cwd=folder or self.folder,
            timeout=TIMEOUT_SECONDS,
            check=False,
            umask=umask,
            preexec_fn=_in_child,
        )
        result = Result(tuple(str(one) for one in given), done.returncode, done.stdout, done.stderr)
        expected = (status,) if isinstance(status, int) else status
        assert expected is None or result.status in expected, f"expected {expected}\n{result}"
        assert "Traceback (most recent call last)" not in result.err, str(result)
        return result

    def json(self, *given: object, **options: Any) -> dict[str, Any]:
        """Run the command with ``--json`` and return the object."""
        return self.run("--json", *given, **options).form


def read_log(log: Path) -> list[list[str]]:
    """Return the mutating calls that ``faulty_run.py`` wrote down: event and paths."""
    return [line.split("\t") for line in log.read_text(encoding="utf-8").splitlines()]


def _default_signals() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


_in_child = _default_signals if os.name == "posix" else None
