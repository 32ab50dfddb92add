"""Every file of an environment held in turn, while something is changed (gate R9).

Calling sequence::

    sweep = HeldFiles(folder, change, link_mode="hardlink")
    assert [] == list(sweep.here(OPEN, folders=True))       # files of the environment itself
    assert [] == list(sweep.elsewhere(OPEN, folders=True))  # files of another one
    sweep.done, sweep.refused           # how often the change went through, and did not

Each yields a line for everything that is neither exactly old, with a typed error, nor
exactly new; and for everything that is left once the file is free and the change, or a
recovery, has been run again.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import FileSystemError
from linkinstall.fs.windows import WindowsFileSystem
from tests.support.scenarios import app, other
from tests.support.sharing import HOLDER, LOADED, OPEN, SHARED, Sharing
from tests.support.sites import STATE, Site, differences, snapshot
from tests.support.sweep import mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from linkinstall.outcome import Outcome
    from tests.support.sites import Snapshot

    Change = Callable[[Site, FileSystem], Outcome]


# Windows refuses to rename the folders above an open file, Wine does not.
USES = [(OPEN, True), (OPEN, False), (LOADED, True), (LOADED, False), (SHARED, True)]
each_use = pytest.mark.parametrize(("kind", "folders"), USES)
"""For sweeps of the environment that is changed."""
LINKS = [
    (kind, mode, binaries)
    for kind in (OPEN, LOADED)
    for mode, binaries in (("hardlink", "always"), ("hardlink", "never"), ("copy", "auto"))
]
each_link = pytest.mark.parametrize(("kind", "link_mode", "binaries"), LINKS)
"""For sweeps of an environment beside it."""
LINKED = {"always": 21, "never": 23, "auto": 0}
"""How many files the two environments share, by what becomes of binaries."""


def quick(site: Site, version: str = "1.0") -> Path:
    """Make the wheel of ``quick``, which has a module and a program that can be loaded."""
    files = {
        "quick/__init__.py": f"VERSION = {version!r}\n",
        "quick/fast.pyd": f"MZ module {version}",
        f"quick-{version}.data/scripts/quick.exe": f"MZ program {version}",
    }
    return site.wheel("quick", version, files)


class HeldFiles:
    """See the module docstring.

    :param folder: an empty folder to do it in
    :param change: what is done to the environment
    :param options: of the installs before
    """

    def __init__(self, folder: Path, change: Change, **options: str) -> None:
        self.folder, self.change = folder, change
        self.site, self.second = (_made(folder / name, options) for name in ("one", "two"))
        self.calls = Sharing()
        self.files = WindowsFileSystem(self.calls)
        self.done = self.refused = self.waited = self.linked = 0
        for one in (self.site, self.second):
            mirror(one.root, folder / "kept" / one.folder.name)
        self.old = self._seen(self.site)
        change(self.site, WindowsFileSystem(Sharing()))
        self.new = self._seen(self.site, exact=False)
        self._reset()
        assert self.new != self._seen(self.site, exact=False), "the change changes nothing"

    # ---------------------------------------------------------------- the sweeps

    def here(self, kind: str, *, folders: bool) -> Iterator[str]:
        """Hold each file of the environment that is changed."""
        for path in _files(self.site.root):
            self._reset()
            with self.calls.held(path, kind, folders=folders):
                for problem in self._changed(path, ours=True):
                    yield f"{path} {kind}: {problem}"
            for problem in self._free():
                yield f"{path} {kind}, free again: {problem}"

    def elsewhere(self, kind: str, *, folders: bool) -> Iterator[str]:
        """Hold each file of another environment that was linked out of the same cache."""
        for path in _files(self.second.root):
            self._reset()
            theirs = self._seen(self.second)
            linked = os.lstat(path).st_ino in {
                os.lstat(one).st_ino for one in _files(self.site.root)
            }
            self.linked += linked
            before = self.refused, self.waited, self.calls.refused
            with self.calls.held(path, kind, folders=folders):
                for problem in self._changed(path, ours=False):
                    yield f"{path} of another environment {kind}: {problem}"
            if not linked and before != (self.refused, self.waited, self.calls.refused):
                yield f"{path} of another environment {kind}: it is in the way, and not linked"
            problems = [*self._free(), *differences(theirs, self._seen(self.second))]
            for problem in problems:
                yield f"{path} of another environment {kind}, free again: {problem}"

    # ---------------------------------------------------------------- one run

    def _changed(self, held: str, *, ours: bool) -> Iterator[str]:
        """Change, and yield what is neither old nor new, or told wrongly."""
        before = self.calls.refused
        try:
            outcome = self.change(self.site, self.files)
        except FileSystemError as error:
            self.refused += 1
            yield from self._rightly_refused(error, held, ours=ours)
            return
        self.done += 1
        yield from differences(self.new, self._seen(self.site, exact=False))
        if outcome.pending:
            self.waited += 1
            yield from _told(outcome, held if ours else "", self.calls.kind)
        elif self.calls.kind == LOADED and self.calls.refused > before + 1:
            yield "a loaded image was in the way, and is not told of"

    def _rightly_refused(self, error: FileSystemError, held: str, *, ours: bool) -> Iterator[str]:
        yield from differences(self.old, self._seen(self.site))
        if self._state():
            yield f"it was refused, and left {self._state()}"
        if self.calls.kind == LOADED:
            yield "it was refused, though a loaded image can be moved"
        if ours and error.path != held:
            yield f"the error names {error.path}"
        if os.path.basename(held) not in error.message or HOLDER[1] not in error.message:
            yield f"the error names neither file nor holder: {error.message}"
        if (error.state, error.exit_status) != ("unchanged", 1):
            yield f"the error says {error.state}, {error.exit_status}"

    def _free(self) -> Iterator[str]:
        """Run the change again now that nothing is held, and yield what is wrong then."""
        self.change(self.site, self.files)
        yield from differences(self.new, self._seen(self.site, exact=False))
        if self._state():
            yield f"left over: {self._state()}"

    # ---------------------------------------------------------------- the disk

    def _reset(self) -> None:
        for one in (self.site, self.second):
            for name in os.listdir(one.folder):
                if name not in {"cache", "wheels"}:
                    shutil.rmtree(one.folder / name)
            mirror(self.folder / "kept" / one.folder.name, one.root)

    def _seen(self, site: Site, *, exact: bool = True) -> Snapshot:
        if not site.root.exists():
            return {}
        return snapshot(site.root, exact=exact, skipping=lambda path: STATE in path)

    def _state(self) -> list[str]:
        """Return what there is of ours, in the environment or beside it."""
        return sorted(str(path) for path in self.site.folder.rglob(f"{STATE}*"))


def _made(folder: Path, options: dict[str, str]) -> Site:
    folder.mkdir()
    site = Site(folder)
    site.cache = type(site.cache)(folder.parent / "cache")
    site.install(app(site), other(site), quick(site), compile_levels=(), **options)
    return site


def _files(root: Path) -> list[str]:
    """Return the files of an environment; a link cannot be open."""
    found = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(str(path) for path in found)


def _told(outcome: Outcome, held: str, kind: str) -> Iterator[str]:
    """Yield what is wrong with what an outcome tells of files that wait."""
    paths = [one.path for one in outcome.pending]
    if kind == SHARED:  # it is deleted, and the folder it was in waits until it is closed
        if not any(held.startswith(f"{path}/") for path in paths):
            yield f"what waits is told as {paths}"
        return
    if held and held not in paths:
        yield f"what waits is told as {paths}"
    for one in outcome.pending:
        if [HOLDER] != [(holder.pid, holder.name) for holder in one.holders]:
            yield f"{one.path} waits, and its holder is not named"
