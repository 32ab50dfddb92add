"""An environment to be spoilt, and the verbs that are put to it then.

Purpose: what somebody has put onto the disk leads no verb out, and lets none wait for ever.
Beside the environment stands a folder that everything spoilt leads to; it has to stay as
it is.

Calling sequence::

    with to_be_spoilt(command, venv, sample, outside) as spoilt:    # the fixture ``spoilt``
        ...                                                         # spoil something
        spoilt.is_led_nowhere(verbs)

Guarantees: verbs run in this process, with the environment variables of ``command``, and end
after ``SECONDS`` at the latest.

Errors: ``AssertionError`` where a verb does what it must not.
"""

from __future__ import annotations

import io
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from integration.support.command import Result
from integration.support.trees import differences, snapshot
from linkinstall.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.environments import Venv

SECONDS = 120
"""After so long a verb is taken to wait for ever; each takes less than one."""


class Spoilt:
    """An environment with the sample wheel in it, its cache, and the folder beside both."""

    def __init__(self, command: Command, venv: Venv, sample: Path, outside: Path) -> None:
        self.command, self.venv, self.sample, self.outside = command, venv, sample, outside
        self.state = venv.library / ".linkinstall"
        self.cache = command.cache / "v1"
        self.record = venv.library / "sample-1.0.dist-info" / "RECORD"

    def run(self, *words: object) -> Result:
        """Run the command line in this process, but not for ever."""
        out, err = io.StringIO(), io.StringIO()
        given = tuple(str(word) for word in words)
        environ = self.command.environ()
        signal.alarm(SECONDS)
        try:
            status = main(given, environ=environ, stdout=out, stderr=err)
        finally:
            signal.alarm(0)
        result = Result(given, status, out.getvalue(), err.getvalue())
        assert "mistake in linkinstall" not in result.err, str(result)
        text = (result.out + result.err).replace("\n", "")
        assert text.isprintable() or not text, str(result)
        return result

    def is_led_nowhere(self, verbs: Iterable[Iterable[object]]) -> None:
        """Run each verb: its answer is a typed one, and what lies outside stays as it is."""
        before = snapshot(self.outside, inodes=True)
        for words in verbs:
            result = self.run(*words)
            assert result.status in {0, 1, 3}, str(result)
            left = differences(before, snapshot(self.outside, inodes=True))
            assert [] == left, str(result)

    def one_entry(self) -> Path:
        """Return the folder of a cached wheel."""
        found = sorted(self.cache.glob("entries/**/manifest"))
        return found[0].parent


@contextmanager
def to_be_spoilt(command: Command, venv: Venv, sample: Path, outside: Path) -> Iterator[Spoilt]:
    """Install the sample wheel, and give what is to be spoilt."""
    (outside / "folder").mkdir(parents=True)
    for name in ("x", "folder/y", "journal", "__init__.py", "data.txt"):
        (outside / name).write_text("a canary")
    made = Spoilt(command, venv, sample, outside)
    before = signal.signal(signal.SIGALRM, _too_long)
    try:
        first = made.run("install", "--python", venv.root, "--no-compile-bytecode", sample)
        assert 0 == first.status, str(first)
        yield made
    finally:
        signal.signal(signal.SIGALRM, before)


def _too_long(_number: int, _frame: object) -> None:
    message = "a verb waits for ever"
    raise AssertionError(message)
