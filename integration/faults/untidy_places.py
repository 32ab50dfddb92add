"""The environments that are made untidy: one of each kind that commands may be told of.

Purpose: a virtual environment, one whose library is a link to elsewhere, folders given scheme by
scheme, a target folder, and a prefix. Beside it lies what belongs to nobody's project, and must
never be touched.

Calling sequence::

    bench = Bench(sandbox)                  # once: a bare environment, kept
    place = bench.place("venv")             # as often as wanted: as it was, of this kind
    place.options, place.libraries(), place.nodes()

Guarantees: all paths are absolute, and without links above them, so that they can be compared
with those that commands tell. ``nodes`` leaves out the cache, the temporary folder and the home.

Errors: ``SetupError`` where no environment can be made.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from integration.faults.kept import Kept
from integration.faults.sandbox import AREAS, SetupError
from integration.faults.scenario import Command
from integration.faults.snapshot import take

if TYPE_CHECKING:
    from integration.faults.sandbox import Sandbox
    from integration.faults.snapshot import Snapshot

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
SITE = f"{VERSION}/site-packages"
KINDS = {"venv": 6, "linked library": 1, "schemes": 2, "target": 1, "prefix": 1}
"""Kind -> how often one comes: most environments are virtual ones."""
OUTSIDE, ELSEWHERE = "outside", "elsewhere"
"""The folders beside the environment: of a person; of a library that is a link."""
LINKED = "linked library"
_WITH_INTERPRETER = {"venv", LINKED}


class Place:
    """An environment of one kind, and what lies beside it.

    :param sandbox: where it is
    :param kind: one of ``KINDS``
    """

    def __init__(self, sandbox: Sandbox, kind: str) -> None:
        self.sandbox = sandbox
        self.kind = kind
        self.environment = sandbox.area("venv")
        self.outside = sandbox.area(OUTSIDE)
        self.cache = sandbox.area("cache")

    @property
    def has_interpreter(self) -> bool:
        """Whether it is an environment with an interpreter of its own."""
        return self.kind in _WITH_INTERPRETER

    @property
    def stands(self) -> bool:
        """Whether it is an environment still: other tools remove whatever a RECORD lists."""
        parts = ("pyvenv.cfg", "bin/python") if self.has_interpreter else ("",)
        return all(os.path.exists(os.path.join(self.environment, part)) for part in parts)

    @property
    def options(self) -> tuple[str, ...]:
        """The options that tell a command of it."""
        at = self.environment
        if self.has_interpreter:
            return ("--python", at)
        if self.kind != "schemes":
            return (f"--{self.kind}", at)
        pure, platform = f"{at}/lib/{SITE}", f"{at}/lib64/{SITE}"
        headers = f"{at}/include/site"
        return ("--purelib", pure, "--platlib", platform, "--scripts", f"{at}/bin",
                "--data", at, "--headers", headers)  # fmt: skip

    def libraries(self) -> list[str]:
        """Return the folders that distributions are in, each once."""
        at = self.environment
        names = [at] if self.kind == "target" else [f"{at}/lib/{SITE}", f"{at}/lib64/{SITE}"]
        found: dict[str, str] = {}
        for name in names:
            if os.path.isdir(name):
                found.setdefault(os.path.realpath(name), name)
        return list(found.values())

    def nodes(self) -> Snapshot:
        """Return all that is there: path -> what it is."""
        return {
            path if inner == "." else f"{path}/{inner}": node
            for path in (self.environment, self.outside, self.sandbox.area(ELSEWHERE))
            for inner, node in take(path).items()
        }

    def own_files(self) -> set[str]:
        """Return the paths of its settings and its interpreter."""
        names = ("pyvenv.cfg", "bin/python", "bin/python3", f"bin/{VERSION}")
        return {f"{self.environment}/{name}" for name in names}

    def own_folders(self) -> set[str]:
        """Return the folders that are the environment's own, whatever is installed."""
        at = self.environment
        inner = ("bin", "include", f"include/{VERSION}", "include/site")
        libraries = (f"{lib}{end}" for lib in ("lib", "lib64") for end in _ABOVE_SITE)
        elsewhere = self.sandbox.area(ELSEWHERE)
        return {at, self.outside, elsewhere, f"{elsewhere}/library"}.union(
            f"{at}/{name}" for name in (*inner, *libraries)
        )


_ABOVE_SITE = ("", f"/{VERSION}", f"/{SITE}")


class Bench:
    """Makes places, each out of the same bare environment.

    :param sandbox: all places are made in it, one after the other
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        sandbox.clear()
        for area in AREAS[1:]:
            os.makedirs(sandbox.area(area))
        words = ("{harness}", "-I", "-m", "venv", "--without-pip", "{venv}")
        done = sandbox.run(Command(words))
        if done.status:
            raise SetupError(f"no environment can be made: {done.output}")
        os.makedirs(sandbox.area(OUTSIDE, "folder"))
        for name in ("notes.txt", "folder/mine.py"):
            _write(sandbox.area(OUTSIDE, name), "mine = 1\n")
        self._bare = Kept(sandbox.world, os.path.join(sandbox.folder, "bare"))
        self._kept = os.path.join(sandbox.folder, "before")
        self._before = Kept(sandbox.world, self._kept)
        self._bare.keep()

    def place(self, kind: str) -> Place:
        """Return a new place of a kind."""
        self._bare.bring_back()
        place = Place(self.sandbox, kind)
        if kind == LINKED:
            library = self.sandbox.library
            os.makedirs(self.sandbox.area(ELSEWHERE))
            os.rename(library, self.sandbox.area(ELSEWHERE, "library"))
            os.symlink(self.sandbox.area(ELSEWHERE, "library"), library)
        elif not place.has_interpreter:
            # Nothing but what is installed is in these, so nothing that is kept need be there.
            os.rename(place.environment, self.sandbox.area("temp", "unused"))
            os.mkdir(place.environment)
        return place

    def keep(self) -> None:
        """Keep the place as it is now, with the cache."""
        # What was kept before would be in between.
        shutil.rmtree(self._kept, ignore_errors=True)
        self._before.keep()

    def bring_back(self) -> None:
        """Make it again what was kept."""
        self._before.bring_back()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
