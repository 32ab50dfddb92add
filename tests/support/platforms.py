"""Which platform runs the tests, and which tests are for which.

Three markers, each skipping where its tests would show nothing:

- ``windows_real``: needs a Windows CPython; Wine's will do (``make wine``).
- ``not_wine``: needs what Wine 8 does not reproduce (docs/reference/windows.md).
- ``posix(reason)``: is about something that Windows does not have.

:func:`slashed` gives a path that reads as linkinstall writes it, so that a test compares
the same text everywhere; ``tmp_path`` and all that is made of it are such paths.
"""

from __future__ import annotations

import ctypes
import ntpath
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOWS = os.name == "nt"

needs_symlinks = pytest.mark.posix(
    "symbolic links take a privilege on Windows, and Wine makes none"
)
needs_modes = pytest.mark.posix("files have no such modes there")
needs_names = pytest.mark.posix("no file can have such a name there")


class _Slashed(type(Path())):  # type: ignore[misc]
    """A path whose text has ``/`` between its parts; see ``linkinstall.paths``."""

    def __str__(self) -> str:
        return str(self.as_posix())

    def as_posix(self) -> str:
        """Return the text with slashes."""
        return str(super().__str__()).replace("\\", "/")

    __fspath__ = __str__

    # From Python 3.13 on paths are compared by their texts, which differ by these slashes.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and _compared(self) == _compared(other)

    def __hash__(self) -> int:
        return hash(_compared(self))


def _compared(path: Path) -> str:
    return ntpath.normcase(str(path))


def slashed(path: Path) -> Path:
    """Return ``path`` with ``/`` between the parts of its text; on POSIX as it is."""
    return _Slashed(path) if WINDOWS else path


def listen_to_interrupts() -> None:
    """Undo that a shell's ``&`` lets the tests, and all they start, ignore Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def on_wine() -> bool:
    """Return whether this Windows is Wine: it says so itself."""
    return WINDOWS and hasattr(
        getattr(ctypes, "windll").ntdll,  # noqa: B009 - there is none elsewhere
        "wine_get_version",
    )


def skip_foreign(items: Iterable[pytest.Item]) -> None:
    """Skip the tests that are for another platform than this one."""
    wine = on_wine()
    for item in items:
        posix = item.get_closest_marker("posix")
        if posix is not None and WINDOWS:
            item.add_marker(pytest.mark.skip(reason=f"POSIX only: {posix.args[0]}"))
        if item.get_closest_marker("windows_real") is not None and not WINDOWS:
            item.add_marker(pytest.mark.skip(reason="needs a Windows CPython: make wine"))
        if item.get_closest_marker("not_wine") is not None and wine:
            item.add_marker(pytest.mark.skip(reason="Wine does not reproduce it"))
