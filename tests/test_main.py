"""``python -m linkinstall`` as a process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SEARCH_PATH = os.pathsep.join(path for path in sys.path if path)


def run_module(*words: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m linkinstall`` with these words."""
    return subprocess.run(
        [sys.executable, "-m", "linkinstall", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": SEARCH_PATH},
    )


def test_the_status_and_the_output_reach_the_caller() -> None:
    """Everything printed arrives although the interpreter is not taken down in order."""
    done = run_module("--help")

    assert 0 == done.returncode
    assert done.stdout.startswith("usage: python -m linkinstall [OPTION...] WHEEL...\n")
    assert "" == done.stderr


def test_usage_errors_end_with_two() -> None:
    """A call without a meaning ends with status 2, its message on standard error."""
    done = run_module("--bogus")

    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("error: There is no option --bogus.\n")


def test_a_closed_output_is_no_traceback() -> None:
    """A reader that has gone (``| head``) changes neither the status nor the messages.

    Story: Windows tells it as "invalid argument", which was reported, with status 1.
    """
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [sys.executable, "-m", "linkinstall", "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": SEARCH_PATH},
    ) as process:
        os.close(writing)
        _, errors = process.communicate()

    assert (0, b"") == (process.returncode, errors)


@pytest.mark.posix("a process is not started without its streams there")
def test_closed_streams_are_no_traceback() -> None:
    """Without any output (``>&- 2>&-``) the status still tells."""

    def close() -> None:
        os.close(1)
        os.close(2)

    done = subprocess.run(
        [sys.executable, "-m", "linkinstall", "--bogus", "--json"],
        check=False,
        env={**os.environ, "PYTHONPATH": SEARCH_PATH},
        preexec_fn=close,
    )

    assert 2 == done.returncode
