"""Wait for what happens, however long the machine takes for it.

Purpose: a test that gives another process or thread so and so many seconds fails on a busy
machine. It waits for the event instead; the bound only ends a test that would hang.

Calling sequence::

    until(lambda: os.path.exists(path))

Guarantees: returns as soon as the condition holds.

Errors: ``AssertionError`` after ``BOUND`` seconds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BOUND = 120.0
"""Seconds after which something counts as hanging."""
_PAUSE = 0.005


def until(holds: Callable[[], object]) -> None:
    """Return once a condition holds."""
    end = time.monotonic() + BOUND
    while not holds():
        assert time.monotonic() < end, f"nothing happened for {BOUND:g} s"
        time.sleep(_PAUSE)
