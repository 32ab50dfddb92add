"""Actors that are known to be good or bad: tests of the tests.

Purpose: a harness that finds nothing may be one that cannot find anything. These
small programs install one made-up distribution, ``toy``, and are wrong in one known
way each; ``integration/test_faults_harness.py`` expects the harness to say so.

==============  ================================================================
``renaming``    sound: everything in one folder, staged and renamed into place
``copying``     files one by one in place, as most installers do
``littering``   as ``renaming``, but what a killed run staged is never swept
``outside``     the same, and staged in the temporary folder
``meddling``    as ``renaming``, but its recovery touches another distribution
``failing``     as ``renaming``, but its recovery ends with a traceback
``caching``     as ``renaming``, but writes a cache entry in place
==============  ================================================================

Calling sequence: as a program, ``toys.py ACTOR VERB LIBRARY`` with the verb
``install``, ``uninstall`` or ``recover``.

Guarantees: no import of this project, as it is run by the harness in a fresh
interpreter.

Errors: whatever the system says; that is part of the exercise.
"""

from __future__ import annotations

import os
import sys

NAME = "toy-1.0.dist-info"
STAGE = ".toy-stage"
FILES = {
    "toy.py": "answer = 42\n",
    "METADATA": "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n",
    "RECORD": "".join(f"{NAME}/{file},,\n" for file in ("toy.py", "METADATA", "RECORD")),
}


def install(actor: str, library: str) -> None:
    """Put the toy into a library folder."""
    recover(actor, library)
    place, stage = os.path.join(library, NAME), _stage(actor, library)
    if actor == "copying":
        _write(place)
        return
    if actor == "caching":
        _write_cache()
    if not os.path.isdir(place):
        _write(stage)
        os.rename(stage, place)


def uninstall(actor: str, library: str) -> None:
    """Take the toy out of a library folder."""
    recover(actor, library)
    place, stage = os.path.join(library, NAME), _stage(actor, library)
    if not os.path.isdir(place):
        return
    if actor == "copying":
        # Only what RECORD lists is known to be the toy's; and RECORD may be gone by now.
        with open(os.path.join(place, "RECORD"), encoding="utf-8") as stream:
            paths = [line.split(",")[0] for line in stream]
        for path in reversed(paths):
            os.unlink(os.path.join(library, path))
        os.rmdir(place)
    else:
        os.rename(place, stage)
        _remove(stage)


def recover(actor: str, library: str) -> None:
    """Sweep what a killed run left, each actor in its own way."""
    stage = _stage(actor, library)
    if actor in {"littering", "outside"} or not os.path.isdir(stage):
        return
    _remove(stage)
    if actor == "meddling":
        os.chmod(os.path.join(library, "iniconfig", "__init__.py"), 0o600)
    if actor == "failing":
        raise RuntimeError("swept, but in a bad mood")


def _stage(actor: str, library: str) -> str:
    return os.path.join(os.environ["TMPDIR"] if actor == "outside" else library, STAGE)


def _write(folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    for name, text in FILES.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
            stream.write(text)


def _remove(folder: str) -> None:
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    os.rmdir(folder)


def _write_cache() -> None:
    entry = os.path.join(os.environ["TMPDIR"], "..", "cache", "entry")
    if not os.path.isdir(entry):
        os.mkdir(entry)
        with open(os.path.join(entry, "data"), "w", encoding="utf-8") as stream:
            stream.write("data")


if __name__ == "__main__":
    _program, chosen, verb, folder = sys.argv
    {"install": install, "uninstall": uninstall, "recover": recover}[verb](chosen, folder)
