"""Locks between processes: ``flock`` on a file, with a bounded wait.

Purpose: exclude our own runs always, and uv's in a virtual environment, a
``--target`` and a ``--prefix`` (uv locks the same file there). A lock can be shared: many
hold it then at once, and keep out who wants it alone.

Calling sequence::

    lock = FolderLock("/env/.lock", what="the environment /env")
    lock.acquire(timeout=300.0, notify=print)
    ...
    lock.release(remove=False)

Guarantees: after :meth:`FolderLock.acquire` the file that is locked is the one
that stands at the path (``uv venv --clear`` deletes it: ``fstat`` is compared with
``stat``, and the wait goes on where they differ). The lock ends with the last
process that inherited it. A lock file of ours says so in its contents, so that a
later run can remove what a killed one left; a private one says so by its name and its
owner, whatever a power cut has left of its contents.

Errors: :class:`~linkinstall.errors.LockTimeoutError` after the wait; ``OSError``
where the file cannot be made or locked, or is no plain file.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from linkinstall import limits
from linkinstall.fs.named import let_go, with_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MARK", "REMOVABLE_WHILE_HELD", "FolderLock", "private_path", "temporary_folder"]

MARK = b"linkinstall\n"
"""Contents of a lock file that we made; uv leaves its own empty."""

REMOVABLE_WHILE_HELD = os.name == "posix"
"""Whether a lock file is removed before it is let go, as is safer.

Windows removes nothing that is open: there it goes afterwards, and stays where another
process waits for it.
"""

_BUSY = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)  # what is no file at all must not keep us waiting
_FLAGS = getattr(os, "O_CLOEXEC", 0) | _NO_FOLLOW | _AT_ONCE
_FLAGS |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)

_TEMPORARY_FOLDERS = {
    # The rule of tempfile; what a private lock does there is safe from other users.
    True: ("/tmp", "/var/tmp", "/usr/tmp"),  # noqa: S108
    False: (
        r"~\AppData\Local\Temp", r"%SYSTEMROOT%\Temp",
        r"c:\temp", r"c:\tmp", r"\temp", r"\tmp",
    ),
}  # fmt: skip


class FolderLock:
    """A lock on the file ``path``.

    :param path: the lock file; its folder must be there
    :param what: what is locked, in words, for messages
    :param private: the folder is open to everybody (``/tmp``): a file that another
        user put there is passed over for the next name, and ours is for us alone
    :param shared: others may share it; it only keeps out who wants it alone
    """

    _handle: int | None = None  # also of an object whose making has failed

    def __init__(
        self, path: str, *, what: str, private: bool = False, shared: bool = False
    ) -> None:
        self.path = path
        self.what = what
        self.shared = shared
        self.private = private
        self.made = False
        """Whether the file that is locked was made by linkinstall, now or in an earlier run."""
        self._first = path

    def __del__(self) -> None:
        """Let go with the object: one that was given up must not hold others off for ever."""
        if self._handle is not None:
            let_go(self._handle)
            self._handle = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock now."""
        return self._handle is not None

    def acquire(
        self,
        *,
        timeout: float = limits.LOCK_WAIT,
        notify: Callable[[str], None] | None = None,
        make_folder: Callable[[], object] | None = None,
    ) -> None:
        """Wait up to ``timeout`` seconds for the lock.

        :param notify: told once, after a second or half of the time, what is waited for
        :param make_folder: makes the folder of the file before each try: who had the lock
            before may remove a folder that it made itself
        :raises LockTimeoutError: another process still holds it
        :raises FileNotFoundError: the folder is not there, or gone in each of some tries
        """
        begin = time.monotonic()
        pause, longest = limits.LOCK_POLL
        told = not timeout
        gone = 0
        while True:
            try:
                if make_folder is not None:
                    make_folder()
                if self.try_acquire():
                    return
                gone = 0
            except FileNotFoundError:
                gone += 1
                if make_folder is None or gone >= limits.RETRIES:
                    raise
            waited = time.monotonic() - begin
            if notify is not None and not told and waited >= min(limits.LOCK_NOTICE, timeout / 2):
                # Before the end as well: on a busy machine one pause takes all of a short time.
                notify(f"waiting for another process to release {self.what} (lock: {self.path})")
                told = True
            if waited >= timeout:
                from linkinstall.errors import LockTimeoutError

                raise LockTimeoutError(self.path, timeout, what=self.what)
            time.sleep(min(pause, max(timeout - waited, 0.001)))
            pause = min(pause * 2, longest)

    def try_acquire(self) -> bool:
        """Take the lock if it is free, without waiting.

        :raises RuntimeError: this object holds it already, and would wait for itself
        """
        if self._handle is not None:
            message = f"{self.path} is locked by this very object already"
            raise RuntimeError(message)
        if self.private:
            self.path = _first_of_ours(self._first)
        try:
            handle = self._open()
            if handle is None:
                return False
            try:
                if _lock(handle, shared=self.shared) and self._stands(handle):
                    self.made = self.private or os.read(handle, len(MARK) + 1) == MARK
                    self._handle, handle = handle, -1
                    return True
            finally:
                if handle >= 0:
                    let_go(handle)
        except OSError as error:
            # Most come from a descriptor, or from a way to it that nobody has heard of.
            raise with_path(error, self.path) from error
        return False

    def release(self, *, remove: bool = False) -> None:
        """Let the lock go; with ``remove``, delete its file first if linkinstall made it.

        It never fails: what it was held for is made or put back by then.
        Closing the descriptor is what releases: an explicit unlock would take it
        from workers that inherited it.
        """
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        if not REMOVABLE_WHILE_HELD:
            let_go(handle)
        if remove and self.made:
            try:
                os.unlink(self.path)
            except OSError:
                pass
        if REMOVABLE_WHILE_HELD:
            let_go(handle)

    def _open(self) -> int | None:
        """Open the file, making it where it is missing; None where somebody interfered."""
        if not _NO_FOLLOW and os.path.islink(self.path):  # the system cannot be told
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self.path)
        # Another user's file, or a read-only volume: flock needs no more than a descriptor.
        for way in (os.O_RDWR, os.O_RDONLY):
            try:
                return os.open(self.path, way | _FLAGS)
            except FileNotFoundError:  # perhaps since the first look: who had it has removed it
                break
            except OSError as error:
                refused = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
                if way == os.O_RDONLY or not refused:
                    raise
        # As uv does, whatever the umask is: the next user of a shared environment
        # has to be able to lock this file too.
        mode = 0o600 if self.private else 0o666
        try:
            return _make_whole(self.path, mode)
        except FileExistsError:  # somebody was faster: the next try opens theirs
            return None

    def _stands(self, handle: int) -> bool:
        try:
            there, ours = os.lstat(self.path), os.fstat(handle)
        except FileNotFoundError:
            return False
        if not os.path.samestat(there, ours) or (self.private and _foreign(ours)):
            return False
        if not stat.S_ISREG(ours.st_mode):  # a FIFO: whoever reads from it waits for ever
            message = "The lock is no plain file; remove what is there"
            raise OSError(errno.EINVAL, message, self.path)
        return True


def private_path(key: str) -> str:
    """Return the path of a lock in the folder for temporary files, for this user alone.

    :param key: what is locked; the file is named after its digest
    """
    from linkinstall.digest import sha256

    digest = sha256(os.fsencode(key)).hexdigest()[:16]
    user = os.geteuid() if os.name == "posix" else 0
    return os.path.join(temporary_folder(), f"linkinstall-{user}-{digest}.lock")


def temporary_folder() -> str:
    """Return the folder for temporary files, by the rule of ``tempfile.gettempdir``.

    ``import tempfile`` costs more than a thousand links.

    :raises FileNotFoundError: there is none that can be written
    """
    candidates = [os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
    candidates += [
        os.path.expanduser(os.path.expandvars(one))
        for one in _TEMPORARY_FOLDERS[os.name == "posix"]
    ]
    for candidate in (*candidates, os.getcwd()):
        if candidate and os.path.isdir(candidate) and os.access(candidate, os.W_OK | os.X_OK):
            return os.path.abspath(candidate)
    raise FileNotFoundError(errno.ENOENT, "No usable folder for temporary files", os.getcwd())


def _first_of_ours(path: str) -> str:
    """Return the first of some names derived from ``path`` that no other user has taken."""
    for number in range(limits.LOCK_NAMES):
        name = f"{path}.{number}" if number else path
        try:
            if not _foreign(os.lstat(name)):
                return name
        except FileNotFoundError:
            return name
    raise PermissionError(errno.EACCES, "Other users have taken every name of this lock", path)


def _foreign(status: os.stat_result) -> bool:
    if not stat.S_ISREG(status.st_mode):
        return True
    # Windows tells no owner; there the folder for temporary files is the user's own.
    return hasattr(os, "geteuid") and status.st_uid != os.geteuid()


def _make_whole(path: str, mode: int) -> int:
    """Make a lock file that has its contents from the moment it appears; return it open.

    Made without a name and linked, so that a kill in between leaves nothing: an empty
    file would be taken for uv's and stay for ever.
    """
    try:
        handle = os.open(os.path.dirname(path), os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, mode)
    except (AttributeError, OSError):  # not Linux, or a file system that cannot
        return _make_plain(path, mode)
    try:
        os.fchmod(handle, mode)
        os.write(handle, MARK)
        # With a directory handle Python calls linkat(2), which follows the link
        # under /proc; the handle itself counts for nothing, the path is absolute.
        os.link(f"/proc/self/fd/{handle}", path, src_dir_fd=handle, follow_symlinks=True)
        os.lseek(handle, 0, os.SEEK_SET)
    except FileNotFoundError:  # no /proc
        let_go(handle)
        return _make_plain(path, mode)
    except BaseException:
        let_go(handle)
        raise
    return handle


def _make_plain(path: str, mode: int) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, mode)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(handle, mode)
        os.write(handle, MARK)
        os.lseek(handle, 0, os.SEEK_SET)
    except BaseException:
        let_go(handle)
        raise
    return handle


if os.name == "posix":

    def _lock(handle: int, *, shared: bool) -> bool:
        # flock, not lockf: uv takes flock, and the two do not exclude each other.
        import fcntl

        how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY:
                return False
            raise
        return True


else:

    def _lock(handle: int, *, shared: bool) -> bool:
        from linkinstall.fs.windows_calls import Calls

        return Calls().lock(handle, shared=shared)
