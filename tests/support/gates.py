"""What a test needs of the machine, and what happens where that is missing.

A gate that cannot run is SKIPPED with its reason on a person's machine, and a
failure in continuous integration (``CI=true``), where a silent gap would pass for
proof.

Calling sequence::

    require(shutil.which("strace") is not None, "strace is installed")
"""

from __future__ import annotations

import os

import pytest


def require(available: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Go on if ``available``; else skip the calling test, or fail it in CI.

    :param what: what has to hold, as a sentence
    """
    if available:
        return
    message = f"cannot run here, needed: {what}"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
