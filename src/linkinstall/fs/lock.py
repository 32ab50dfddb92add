"""Locks between processes: ``flock`` on a file, with a bounded wait.

Purpose: exclude our own runs always, and uv's in a virtual environment, a
``--target`` and a ``--prefix`` (uv locks the same file there).

Calling sequence::

    lock = FolderLock("/env/.lock", what="the environment /env")
    lock.acquire(timeout=300.0, notify=print)
    ...
    lock.release(remove=False)

Guarantees: after :meth:`FolderLock.acquire` the file that is locked is the one
that stands at the path (``uv venv --clear`` deletes it: ``fstat`` is compared with
``stat``, and the wait goes on where they differ). The lock ends with the last
process that inherited it.

Errors: :class:`~linkinstall.errors.LockTimeoutError` after the wait; ``OSError``
where the file cannot be made or locked.
"""

from __future__ import annotations

import errno
import os
import time

from linkinstall import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FolderLock"]

_BUSY = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK)


class FolderLock:
    """An exclusive lock on the file ``path``.

    :param path: the lock file; its folder must be there
    :param what: what is locked, in words, for messages
    """

    def __init__(self, path: str, *, what: str) -> None:
        self.path = path
        self.what = what
        self.made = False
        self._handle: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock now."""
        return self._handle is not None

    def acquire(
        self,
        *,
        timeout: float = limits.LOCK_WAIT,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        """Wait up to ``timeout`` seconds for the lock.

        :param notify: told once, after a second, what is waited for
        :raises LockTimeoutError: another process still holds it
        """
        begin = time.monotonic()
        pause, longest = limits.LOCK_POLL
        told = notify is None
        while not self.try_acquire():
            waited = time.monotonic() - begin
            if waited >= timeout:
                from linkinstall.errors import LockTimeoutError

                raise LockTimeoutError(self.path, timeout, what=self.what)
            if notify is not None and not told and waited >= min(limits.LOCK_NOTICE, timeout / 2):
                notify(f"waiting for another process to release {self.what} (lock: {self.path})")
                told = True
            time.sleep(min(pause, max(timeout - waited, 0.001)))
            pause = min(pause * 2, longest)

    def try_acquire(self) -> bool:
        """Take the lock if it is free, without waiting."""
        handle, made = self._open()
        try:
            if _lock(handle) and self._stands(handle):
                self._handle, handle = handle, -1
                self.made = self.made or made
                return True
        finally:
            if handle >= 0:
                os.close(handle)
        return False

    def release(self, *, remove: bool = False) -> None:
        """Let the lock go; with ``remove``, delete its file first if this object made it.

        Closing the descriptor is what releases: an explicit unlock would take it
        from workers that inherited it.
        """
        if self._handle is None:
            return
        if remove and self.made:
            try:
                os.unlink(self.path)
            except OSError:
                pass
        os.close(self._handle)
        self._handle = None

    def _open(self) -> tuple[int, bool]:
        flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        try:
            return os.open(self.path, flags | os.O_CREAT | os.O_EXCL, 0o666), True
        except FileExistsError:
            pass
        try:
            return os.open(self.path, flags), False
        except FileNotFoundError:  # removed in between: the next try makes it
            return os.open(self.path, flags | os.O_CREAT, 0o666), True

    def _stands(self, handle: int) -> bool:
        try:
            there, ours = os.lstat(self.path), os.fstat(handle)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


if os.name == "posix":

    def _lock(handle: int) -> bool:
        # flock, not lockf: uv takes flock, and the two do not exclude each other.
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY:
                return False
            raise
        return True

else:  # pragma: no cover - not reached on the platforms that are tested

    def _lock(handle: int) -> bool:
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError as error:
            if error.errno in (*_BUSY, errno.EDEADLK):
                return False
            raise
        return True
