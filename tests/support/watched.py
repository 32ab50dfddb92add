"""The disk, watched: at every changing call a process can die, or an error can come.

``Watched`` stands before a file system and numbers its changes. A ``Fault`` picks one
(writes come in halves: nothing of it, half of it): there a simulated process dies, which
means that from then on every call of the port raises ``Killed``, so that nothing can be
put back; or the call fails with an error number, once or from then on.

Calling sequence::

    watched = Watched(local(), Fault(before("rename", "/committed")))
    with process(), pytest.raises(Killed):      # its locks end with it
        change(watched)
"""

from __future__ import annotations

import errno
import io
import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from linkinstall.fs import local
from linkinstall.fs.lock import FolderLock
from linkinstall.temporary import TemporaryFolder
from tests.support.faulty import LOOKS, Change, Killed, Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from linkinstall.fs.port import FileSystem
    from tests.support.sites import Site

WRITE_ERRORS = frozenset((errno.ENOSPC, errno.EIO, errno.EDQUOT))
"""Errors that can come while a file is written that could be made."""


@dataclass(frozen=True)
class Moment:
    """One change and its number."""

    index: int
    change: Change

    def __str__(self) -> str:
        """Return number, verb and path."""
        return f"{self.index} {self.change.verb} {self.change.path}"


@dataclass(frozen=True)
class Fault:
    """What happens, and when.

    :param strikes: picks the moment
    :param error: the error number of the call; None kills
    :param lasting: whether every later change fails too
    :param then: what happens later in the same run: a kill while the error is undone
    """

    strikes: Callable[[Moment], bool]
    error: int | None = None
    lasting: bool = False
    then: Fault | None = None

    def can_come_at(self, change: Change) -> bool:
        """Return whether a call of this kind can fail in this way."""
        return change.verb != "write" or self.error in {None, *WRITE_ERRORS}


def at(index: int) -> Callable[[Moment], bool]:
    """Pick the moment with this number."""
    return lambda moment: moment.index == index


def before(verb: str, ending: str = "") -> Callable[[Moment], bool]:
    """Pick the first call of a verb whose path ends so."""
    return lambda moment: moment.change.verb == verb and moment.change.path.endswith(ending)


class Watched(Wrapper):
    """See the module docstring."""

    def __init__(self, inner: FileSystem, fault: Fault | None = None) -> None:
        super().__init__(inner)
        self.fault = fault
        self.moments: list[Moment] = []
        self.struck: Moment | None = None
        self.dead = False
        self._lasts = False
        for verb in LOOKS:
            setattr(self, verb, partial(self._look, getattr(inner, verb)))

    def _look(self, verb: Callable[..., Any], *arguments: Any) -> Any:
        if self.dead:
            raise Killed
        return verb(*arguments)

    def before(self, change: Change) -> None:
        """Note a change, and let it fail if the fault picks it."""
        if self.dead:
            raise Killed
        moment = Moment(len(self.moments), change)
        self.moments.append(moment)
        fault = self.fault
        if fault is None or not fault.can_come_at(change):
            return
        if not (self._lasts or fault.strikes(moment)):
            return
        self.struck = self.struck or moment
        if fault.error is None:
            self.dead = True
            raise Killed
        self._lasts = fault.lasting
        self.fault = fault if fault.lasting else fault.then
        raise OSError(fault.error, os.strerror(fault.error), change.path)

    def create(self, path: str, *, executable: bool = False) -> BinaryIO:
        """Make a new file, whose writes come in halves."""
        self.before(Change("create", path))
        with self.inner.create(path, executable=executable) as stream:
            return _Halves(os.dup(stream.fileno()), partial(self.before, Change("write", path)))


class _Halves(io.FileIO):
    """A new file that is written half by half."""

    def __init__(self, descriptor: int, announce: partial[None]) -> None:
        super().__init__(descriptor, "wb")
        self.announce = announce

    def write(self, data: Any) -> int:
        """Write both halves, each after having said so."""
        view = memoryview(data)
        for half in (view[: len(view) // 2], view[len(view) // 2 :]):
            self.announce()
            super().write(half)
        return len(view)


@contextmanager
def process() -> Iterator[None]:
    """Let what runs inside lose its locks at the end, as a process does."""
    held: list[FolderLock] = []
    folders: list[TemporaryFolder] = []
    try_acquire, try_lock = FolderLock.try_acquire, TemporaryFolder.try_lock

    def noted(lock: FolderLock) -> bool:
        taken = try_acquire(lock)
        if taken:
            held.append(lock)
        return taken

    def noted_folder(folder: TemporaryFolder) -> bool:
        taken = try_lock(folder)
        if taken:
            folders.append(folder)
        return taken

    with (
        patch.object(FolderLock, "try_acquire", noted),
        patch.object(TemporaryFolder, "try_lock", noted_folder),
    ):
        try:
            yield
        finally:
            # Otherwise an error that is still referred to keeps them, until garbage is collected.
            for one in folders:
                one._release()
            for lock in held:
                lock.release()


def killed(site: Site, verb: str, ending: str, *, out: str = "") -> None:
    """Let an upgrade to 2.0, or a removal, die before a call."""
    transaction = site.transaction(Watched(local(), Fault(before(verb, ending))), compile_levels=())
    if out:
        transaction.uninstall(out)
    else:
        transaction.install(site.wheel(version="2.0"))
    with process(), pytest.raises(Killed):
        transaction.run()
