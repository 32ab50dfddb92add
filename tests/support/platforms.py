"""Which platform runs the tests, and which tests are for which.

Three markers, each skipping where its tests would show nothing:

- ``windows_real``: needs a Windows CPython; Wine's will do (``make wine``).
- ``not_wine``: needs what Wine 8 does not reproduce (docs/reference/testing-windows.md).
- ``posix(reason)``: is about something that Windows does not have.
"""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOWS = os.name == "nt"


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
