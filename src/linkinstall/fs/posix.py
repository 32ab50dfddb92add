"""The file system by POSIX calls, with what Linux and macOS add.

Purpose: the same verbs as :mod:`linkinstall.fs.port`, in batches over directory
handles, with ``FICLONE`` (Linux, ``ioctl_ficlone(2)``), ``copy_file_range(2)``
and ``syncfs(2)``.

Guarantees and errors: those of the port.
"""

from __future__ import annotations

import errno
import os
import sys
from stat import S_IMODE, S_IRWXU, S_ISDIR, S_ISGID

from linkinstall import limits
from linkinstall.fs.named import (
    NamedFile,
    let_go,
    refusal_or_raise,
    set_times,
    status_of,
    with_path,
)
from linkinstall.fs.port import FileSystem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import BinaryIO

    from linkinstall.fs.placing import Placing
    from linkinstall.fs.port import Batch, Refusal

__all__ = ["PosixFileSystem"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_STATUS_SIZE = 4096
"""Bytes of a process's status that hold its umask, which is in the second line."""
_NO_ANSWER = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
"""Error numbers that say: nothing is there, and that is how it is."""
_UNKNOWN_LINK_MAX = 127
FICLONE = 0x40049409
"""The ioctl that shares all extents of one file with another (ioctl_ficlone(2))."""


class PosixFileSystem(FileSystem):
    """See the module docstring."""

    def statuses(self, folder: str, names: Iterable[str]) -> list[os.stat_result | None]:
        """Return the statuses of ``names``, through one directory handle."""
        result: list[os.stat_result | None] = []
        try:
            handle = os.open(folder, _FOLDER)
        except (FileNotFoundError, NotADirectoryError):
            return [None for _ in names]
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:  # as in ``status``
                raise
            return [None for _ in names]
        look = os.stat
        try:
            for name in names:
                try:
                    result.append(look(name, dir_fd=handle, follow_symlinks=False))
                except FileNotFoundError:
                    result.append(None)
                except OSError as error:
                    if error.errno != errno.ENAMETOOLONG:
                        raise with_path(error, os.path.join(folder, name)) from error
                    result.append(None)
        finally:
            let_go(handle)
        return result

    def inherit_group(self, folder: str, parent: str) -> None:
        """Pass on group and set-group-ID bit as mkdir(2) does for a folder in ``parent``."""
        mine, above = os.lstat(folder), os.lstat(parent)
        inherited = above.st_mode & S_ISGID
        if inherited and mine.st_gid != above.st_gid:
            os.chown(folder, -1, above.st_gid, follow_symlinks=False)
        elif not inherited and mine.st_mode & S_ISGID:
            os.chown(folder, -1, os.getegid(), follow_symlinks=False)
        if inherited != mine.st_mode & S_ISGID:
            os.chmod(folder, S_IMODE(mine.st_mode) & ~S_ISGID | inherited)

    def close_to_others(self, folder: str) -> None:
        """Let nobody but its owner into a folder that was just made."""
        os.chmod(folder, S_IRWXU)

    def can_pass_on(self, status: os.stat_result) -> bool:
        """Return whether this user may give a file this owner and this group."""
        if os.geteuid() == 0:
            return True
        return status.st_uid == os.geteuid() and status.st_gid in {os.getegid(), *os.getgroups()}

    def pass_on_rights(self, path: str, status: os.stat_result) -> None:
        """Give a file that was just made the owner, the group and the mode of another."""
        made = os.lstat(path)
        if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
            os.chown(path, status.st_uid, status.st_gid, follow_symlinks=False)
            made = os.lstat(path)  # it takes set-user-ID away
        if S_IMODE(made.st_mode) != S_IMODE(status.st_mode):
            os.chmod(path, S_IMODE(status.st_mode))

    def open_to_owner(self, folder: str) -> bool:
        """Give a folder's owner all rights to it, through a handle that follows no link."""
        status = self.status(folder)
        if status is None or not S_ISDIR(status.st_mode) or status.st_mode & S_IRWXU == S_IRWXU:
            return False
        try:
            handle = os.open(folder, getattr(os, "O_PATH", os.O_RDONLY) | _FOLDER)
            try:
                os.chmod(f"/proc/self/fd/{handle}", S_IMODE(status.st_mode) | S_IRWXU)
            finally:
                let_go(handle)
        except OSError:  # another user's, or a system without such handles
            return False
        return True

    def umask(self) -> int:
        """Return what Linux tells in ``/proc/self/status`` (proc_pid_status(5)), setting nothing.

        The plain way sets the umask for a moment, for all threads of the caller's process.
        """
        try:
            with open("/proc/self/status", "rb", buffering=0) as stream:
                _before, _name, after = stream.read(_STATUS_SIZE).partition(b"\nUmask:\t")
        except OSError:
            after = b""
        mask = after.partition(b"\n")[0]
        return int(mask, 8) if mask else super().umask()

    def real_path(self, path: str) -> str:
        """Resolve as the port does; an error is raised, where Python's own takes it for an answer.

        A link that cannot be read just now must not pass for a folder of its own.
        """
        try:
            return os.path.realpath(path, strict=True)
        except OSError as error:
            if error.errno not in _NO_ANSWER:
                raise
        return os.path.realpath(path)

    def holders(self, path: str) -> tuple[tuple[int, str], ...]:
        """Return (pid, name) of the processes that run, map or have open a file."""
        from linkinstall.fs.holders import holders

        return holders(path)

    def link_limit(self, path: str) -> int:
        """Return ``_PC_LINK_MAX`` of the volume (pathconf(3)), where the C library knows it.

        It gives 127 (glibc) or 8 (musl) where it does not: then the volume itself says (EMLINK).
        """
        limit = os.pathconf(path, "PC_LINK_MAX")
        return limit if limit > _UNKNOWN_LINK_MAX else sys.maxsize

    def mount_points(self) -> set[str]:
        """Return the mount points of ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)).

        Bind mounts of the same volume are among them; ``os.path.ismount`` misses those.
        """
        try:
            with open("/proc/self/mountinfo", "rb") as stream:
                rows = [line.split() for line in stream]
        except OSError:  # not Linux
            return set()
        # Blanks and the like are written as octal escapes.
        paths = (row[4].decode("unicode_escape").encode("latin-1") for row in rows)
        return {os.fsdecode(path) for path in paths}

    def place(self, mode: str, source: str, target: str, names: Sequence[str]) -> list[Refusal]:
        """Place ``names`` through two directory handles; see the port."""
        if mode == "hardlink":
            return self._hardlink_all(source, target, names)
        return super().place(mode, source, target, names)

    def placing(self, batches: Sequence[Batch], *, processes: bool = False) -> Placing:
        """Place batches, on several processors where there is enough to do; see the port."""
        weight = sum(
            len(names) * (limits.COPY_WEIGHT if mode in ("copy", "clone") else 1)
            for mode, _, _, names, _ in batches
        )
        if processes and weight >= limits.FORK_FROM_LINKS:
            from linkinstall.fs.parallel import SharedPlacing

            return SharedPlacing(self, batches)
        if not processes and weight >= limits.THREADS_FROM_LINKS:
            from linkinstall.fs.threads import ThreadedPlacing

            return ThreadedPlacing(self, batches)
        return super().placing(batches)

    def _hardlink_all(self, source: str, target: str, names: Iterable[str]) -> list[Refusal]:
        # The hot loop: one system call per file, nothing else. Directory handles
        # spare the kernel the walk over the whole path (4.5 against 4.8 µs).
        refused: list[Refusal] = []
        link, pending = os.link, iter(names)
        origin = os.open(source, _FOLDER)
        try:
            place = os.open(target, _FOLDER)
            try:
                while True:
                    name = ""
                    try:
                        for name in pending:
                            link(
                                name,
                                name,
                                src_dir_fd=origin,
                                dst_dir_fd=place,
                                follow_symlinks=False,
                            )
                    except OSError as error:
                        path = os.path.join(target, name)
                        refused.append((name, refusal_or_raise(error, path)))
                    else:
                        return refused
            finally:
                let_go(place)
        finally:
            let_go(origin)

    def unlink_all(self, folder: str, names: Iterable[str]) -> list[Refusal]:
        """Remove files through one directory handle; see the port."""
        refused: list[Refusal] = []
        try:
            handle = os.open(folder, _FOLDER)
        except (FileNotFoundError, NotADirectoryError):
            return refused
        drop = os.unlink
        try:
            for name in names:
                try:
                    drop(name, dir_fd=handle)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    refused.append((name, error))
        finally:
            let_go(handle)
        return refused

    def open_volume(self, folder: str) -> int | None:
        """Open a folder, for what :mod:`linkinstall.fs.volumes` tells."""
        return os.open(folder, _FOLDER)

    def flush_volume(self, path: str, handle: int | None = None) -> None:
        """Call ``syncfs(2)`` on the volume of ``path``."""
        if handle is not None:
            _syncfs(handle, path)
            return
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _syncfs(handle, path)
        finally:
            let_go(handle)

    def _clone(self, source: str, target: str) -> None:
        import fcntl

        with NamedFile(source, "rb") as origin:
            status = status_of(origin.fileno(), source)
            with self.create(target, executable=bool(status.st_mode & 0o111)) as stream:
                try:
                    fcntl.ioctl(stream.fileno(), FICLONE, origin.fileno())
                except OSError:
                    os.unlink(target)
                    raise
                set_times(stream.fileno(), target, status)

    def _copy(self, source: str, target: str) -> None:
        with NamedFile(source, "rb") as origin:
            status = status_of(origin.fileno(), source)
            with self.create(target, executable=bool(status.st_mode & 0o111)) as stream:
                self._copy_data(origin, stream, status.st_size)
                set_times(stream.fileno(), target, status)

    def _copy_data(self, origin: BinaryIO, stream: BinaryIO, size: int) -> None:
        # copy_file_range copies inside the kernel, and shares extents where the
        # volume can; older kernels refuse pairs of volumes with EXDEV.
        copy = getattr(os, "copy_file_range", None)
        left = size
        while copy is not None and left:
            try:
                moved = copy(origin.fileno(), stream.fileno(), min(left, 1 << 30))
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
                    raise with_path(error, stream.name) from error
                break
            if not moved:
                break
            left -= moved
        super()._copy_data(origin, stream, left)


def _syncfs(handle: int, path: str) -> None:
    # Python has no os.syncfs. ``import ctypes`` costs 10 ms, the extension module
    # under it 0.7 ms; where either is missing, the coarser sync(2) does it too.
    try:
        import _ctypes

        function = _ctypes.dlsym(_ctypes.dlopen(None, 0), "syncfs")  # type: ignore[arg-type]
    except (ImportError, OSError, AttributeError):
        os.sync()
        return
    if _ctypes.call_function(function, (handle,)) != 0:
        # errno is not kept by this call. Whatever syncfs(2) names besides a bad descriptor
        # (EIO, ENOSPC, EDQUOT) means that something was not written: EIO stands for all.
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)
