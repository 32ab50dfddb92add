"""What is left to virtualenv when it meets an error, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integration.faults.injection import Injected
from integration.faults.sandbox import Completed
from integration.faults.scenario import Command
from integration.faults.virtualenvs import copying, is_probe, is_told, without_finalizer

FINALIZER = """\
Exception ignored in: <function ReentrantFileLock.__del__ at 0x7fa115a8d8a0>
Traceback (most recent call last):
  File "/lib/virtualenv/util/lock.py", line 94, in __del__
    self._del_lock(self._lock)
                   ^^^^^^^^^^
AttributeError: 'ReentrantFileLock' object has no attribute '_lock'
"""


def met(call: str, *paths: str) -> Injected:
    """Return an error that was met."""
    return Injected(fired=True, calls=(call,), paths=paths, completed=Completed(0, ""))


def test_the_finalizer_of_its_lock_is_no_traceback_of_ours() -> None:
    """What is printed before and behind it stays; any other traceback stays whole."""
    other = FINALIZER.replace("ReentrantFileLock.__del__", "Volumes.__del__")

    assert "before\ncleared /venv\n" == without_finalizer(f"before\n{FINALIZER}cleared /venv\n")
    assert other == without_finalizer(other)
    assert FINALIZER[80:] == without_finalizer(FINALIZER[80:])


def test_its_errors_are_told_with_the_place() -> None:
    """Ours says that it was virtualenv, and where; of any other place it is not told."""
    said = "error: virtualenv could not make /world/venv: [Errno 122] Disk quota exceeded"

    assert is_told(said, "/world/venv")
    assert not is_told(said, "/world/ven")
    assert not is_told("error: /world/venv: Disk quota exceeded", "/world/venv")


@pytest.mark.parametrize(
    ("call", "path", "probe"),
    [
        ('symlink("/temp/TmPabcdefgh", "/temp/TmPabcdefgh-b")', "/temp/TmPabcdefgh", True),
        ('7 symlink("/temp/TmPabcdefgh", "/temp/TmPabcdefgh-b")', "/temp/TmPabcdefgh", True),
        ('symlink("/usr/bin/python", "/world/venv/bin/python")', "/world/venv/bin/python", False),
        ('unlink("/temp/TmPabcdefgh-b")', "/temp/TmPabcdefgh-b", False),
    ],
)
def test_its_probe_is_a_link_in_the_temporary_folder(call: str, path: str, *, probe: bool) -> None:
    """No other call, and no link of the environment itself, is taken for it."""
    assert probe == is_probe(met(call, path), "/temp")
    assert not is_probe(replace(met(call), calls=()), "/temp")


def test_it_can_be_told_to_copy() -> None:
    """The command is the same but for what virtualenv is told."""
    command = Command(("linkinstall",), {"HOME": "/home"})

    assert {"HOME": "/home", "VIRTUALENV_COPIES": "1"} == copying(command).variables
    assert command.arguments == copying(command).arguments
