"""What a test needs of the machine, and what happens where that is missing.

Purpose: two kinds of gaps. What a machine can be given (a program, root, a volume) is
*required*: without it a gate is SKIPPED with its reason on a person's machine, and a
failure in continuous integration (``CI=true``), where a silent gap would pass for proof.
What a machine simply is (its file system tells names by case, it is no Debian, it has no
CPython 3.8) makes it *unsuited* for a test: that is SKIPPED in continuous integration as
well, and no gate may hang on it alone.

Calling sequence::

    require(shutil.which("strace") is not None, "strace is installed")
    suited(not clones(folder), "the volume cannot clone")
    pytestmark = pytest.mark.usefixtures("root")       # the fixture of tests/conftest.py
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
    # A Windows under Wine cannot be given more: what it lacks is held elsewhere.
    if os.environ.get("CI") == "true" and os.name == "posix":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def suited(suits: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Go on if the machine is one that the test is about; else skip it, in CI too.

    For what no set-up can change, where other tests hold what is promised meanwhile.

    :param what: what a machine has to be, as a sentence
    """
    if not suits:
        pytest.skip(f"only for a machine of this kind: {what}")
