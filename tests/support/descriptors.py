"""What this process has open.

Calling sequence::

    before = open_descriptors()
    ...
    assert before == open_descriptors()

Errors: ``OSError`` where the system does not list them (Windows).
"""

from __future__ import annotations

import os

__all__ = ["open_descriptors"]


def open_descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"))
