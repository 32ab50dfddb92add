"""The calls to Windows that :mod:`linkinstall.fs.windows` and the locks are made of.

Purpose: a thin edge, one system call and no decision each, so that a test can put
another system behind it. What Python's ``os`` has goes through ``os``; for the rest
``ctypes`` is imported when it is first needed.

Calling sequence: ``Calls().link(source, target)`` and so on, with paths as Windows
wants them.

Guarantees: this module can be imported everywhere; nothing of it runs at import.

Errors: ``OSError`` with ``winerror`` set.
"""

from __future__ import annotations

import os

from linkinstall import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Calls"]

_DELETE, _WRITE_ATTRIBUTES, _READ_ATTRIBUTES = 0x00010000, 0x0100, 0x0080
_SHARE_ALL = 7
_OPEN_EXISTING = 3
_OPEN_THE_LINK_ITSELF = 0x02200000  # FILE_FLAG_OPEN_REPARSE_POINT | BACKUP_SEMANTICS
_BASIC_INFO, _DISPOSITION_INFO = 0, 4
_READ_ONLY, _NORMAL = 0x01, 0x80
_COPY_FAIL_IF_EXISTS = 1
_LOCK_AT_ONCE, _LOCK_EXCLUSIVE = 1, 2
_LOCK_VIOLATION, _IO_PENDING = 33, 997
_SHARES_BLOCKS = 0x08000000  # FILE_SUPPORTS_BLOCK_REFCOUNTING: ReFS, a Dev Drive
_MORE_DATA = 234
_PATH_SIZE = 32_768


class Calls:
    """See the module docstring."""

    # ---------------------------------------------------------------- by os

    def link(self, source: str, target: str) -> None:
        """Give a file a second name (``CreateHardLinkW``)."""
        os.link(source, target)

    def symlink(self, source: str, target: str) -> None:
        """Make a symbolic link to a file (``CreateSymbolicLinkW``)."""
        os.symlink(source, target)

    def rename(self, source: str, target: str) -> None:
        """Rename to a name that must be free (``MoveFileExW``)."""
        os.rename(source, target)

    def replace(self, source: str, target: str) -> None:
        """Rename over a file (``MoveFileExW`` with ``MOVEFILE_REPLACE_EXISTING``)."""
        os.replace(source, target)

    def unlink(self, path: str) -> None:
        """Remove a file, a link or a junction (``DeleteFileW``, ``RemoveDirectoryW``)."""
        os.unlink(path)

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder (``RemoveDirectoryW``)."""
        os.rmdir(path)

    def flush(self, path: str) -> None:
        """Write a file's contents to the disk (``FlushFileBuffers``)."""
        handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    # ---------------------------------------------------------------- by ctypes

    def copy(self, source: str, target: str) -> None:
        """Copy a file with its times to a new name (``CopyFileExW``).

        On ReFS a recent Windows shares the blocks of the two by itself.
        """
        kernel = _kernel()
        if not kernel.CopyFileExW(source, target, None, None, None, _COPY_FAIL_IF_EXISTS):
            raise _last_error(target)

    def shares_blocks(self, folder: str) -> bool:
        """Return whether files of the volume of ``folder`` can share blocks."""
        import ctypes

        kernel, root = _kernel(), ctypes.create_unicode_buffer(_PATH_SIZE)
        flags = ctypes.c_ulong()
        return bool(
            kernel.GetVolumePathNameW(folder, root, _PATH_SIZE)
            and kernel.GetVolumeInformationW(
                root.value, None, 0, None, None, ctypes.byref(flags), None, 0
            )
            and flags.value & _SHARES_BLOCKS
        )

    def delete_read_only(self, path: str) -> None:
        """Delete one name of a file that is read-only, and leave its other names so.

        The attribute is the file's, whatever name it is reached by: it is cleared, the
        deletion noted, and the attribute put back, all through one handle.
        """
        import ctypes

        kernel = _kernel()
        handle = kernel.CreateFileW(
            path, _DELETE | _WRITE_ATTRIBUTES | _READ_ATTRIBUTES, _SHARE_ALL, None,
            _OPEN_EXISTING, _OPEN_THE_LINK_ITSELF, None,
        )  # fmt: skip
        if handle in (None, ctypes.c_void_p(-1).value):
            raise _last_error(path)
        try:
            gone = ctypes.c_ubyte(1)
            _set_attributes(kernel, handle, _NORMAL)
            try:
                if not kernel.SetFileInformationByHandle(
                    handle, _DISPOSITION_INFO, ctypes.byref(gone), 1
                ):
                    raise _last_error(path)
            finally:
                _set_attributes(kernel, handle, _READ_ONLY)
        finally:
            kernel.CloseHandle(handle)

    def open_to_delete(self, path: str) -> None:
        """Open a file so that it could be deleted or renamed, and close it again."""
        import ctypes

        kernel = _kernel()
        handle = kernel.CreateFileW(
            path, _DELETE, _SHARE_ALL, None, _OPEN_EXISTING, _OPEN_THE_LINK_ITSELF, None
        )
        if handle in (None, ctypes.c_void_p(-1).value):
            raise _last_error(path)
        kernel.CloseHandle(handle)

    def lock(self, descriptor: int, *, shared: bool = False) -> bool:
        """Lock a file without waiting (``LockFileEx``); return False where another has it.

        One byte at the far end: a lock is mandatory here, and who waits reads what the
        file says. A lock of the whole file, as Rust's standard library takes it for uv,
        excludes it.
        """
        import ctypes
        import msvcrt

        kernel = _kernel()
        place = _overlapped()
        handle = msvcrt.get_osfhandle(descriptor)  # type: ignore[attr-defined,unused-ignore]
        flags = _LOCK_AT_ONCE | (0 if shared else _LOCK_EXCLUSIVE)
        if kernel.LockFileEx(handle, flags, 0, 1, 0, ctypes.byref(place)):
            return True
        error = _last_error("")
        if getattr(error, "winerror", 0) in (_LOCK_VIOLATION, _IO_PENDING):
            return False
        raise error

    def holders(self, path: str) -> list[tuple[int, str]]:
        """Return (pid, name) of the processes that use a file, as the Restart Manager knows."""
        import ctypes

        manager = _windll("rstrtmgr")
        session, key = ctypes.c_ulong(), ctypes.create_unicode_buffer(33)
        if manager.RmStartSession(ctypes.byref(session), 0, key):
            return []
        try:
            paths = (ctypes.c_wchar_p * 1)(path)
            if manager.RmRegisterResources(session, 1, paths, 0, None, 0, None):
                return []
            needed, count, reason = ctypes.c_uint(), ctypes.c_uint(), ctypes.c_ulong()
            process = _process_info()
            for _ in range(limits.RETRIES):
                # The answer says how many there are; by the next call there may be more.
                count.value = needed.value + 1
                found = (process * count.value)()
                answer = manager.RmGetList(
                    session, ctypes.byref(needed), ctypes.byref(count), found, ctypes.byref(reason)
                )
                if answer != _MORE_DATA:
                    break
            else:
                return []
            return [] if answer else [(one.pid, one.name) for one in found[: count.value]]
        finally:
            manager.RmEndSession(session)


def _windll(name: str) -> Any:
    import ctypes

    return ctypes.WinDLL(name, use_last_error=True)  # type: ignore[attr-defined,unused-ignore]


_kernels: list[Any] = []


def _kernel() -> Any:
    """Return kernel32 with the types that do not fit into an ``int``."""
    if not _kernels:
        from ctypes import c_int, c_ulong, c_void_p, c_wchar_p

        kernel = _windll("kernel32")
        kernel.CreateFileW.restype = c_void_p
        kernel.CreateFileW.argtypes = [
            c_wchar_p, c_ulong, c_ulong, c_void_p, c_ulong, c_ulong, c_void_p,
        ]  # fmt: skip
        kernel.SetFileInformationByHandle.argtypes = [c_void_p, c_int, c_void_p, c_ulong]
        kernel.LockFileEx.argtypes = [c_void_p, c_ulong, c_ulong, c_ulong, c_ulong, c_void_p]
        kernel.CloseHandle.argtypes = [c_void_p]
        kernel.CopyFileExW.argtypes = [
            c_wchar_p, c_wchar_p, c_void_p, c_void_p, c_void_p, c_ulong,
        ]  # fmt: skip
        _kernels.append(kernel)
    return _kernels[0]


def _last_error(path: str) -> OSError:
    import ctypes

    number = ctypes.get_last_error()  # type: ignore[attr-defined,unused-ignore]
    return OSError(0, ctypes.FormatError(number), path, number)  # type: ignore[attr-defined,unused-ignore]


def _set_attributes(kernel: Any, handle: int, attributes: int) -> None:
    import ctypes

    class BasicInfo(ctypes.Structure):
        """FILE_BASIC_INFO; times that are zero stay as they are."""

        _fields_ = (("times", ctypes.c_longlong * 4), ("attributes", ctypes.c_ulong))

    info = BasicInfo(attributes=attributes)
    kernel.SetFileInformationByHandle(
        handle, _BASIC_INFO, ctypes.byref(info), ctypes.sizeof(BasicInfo)
    )


def _overlapped() -> Any:
    import ctypes

    class Overlapped(ctypes.Structure):
        """OVERLAPPED, where it says at which byte a lock begins."""

        _fields_ = (
            ("internal", ctypes.c_size_t),
            ("internal_high", ctypes.c_size_t),
            ("low", ctypes.c_ulong),
            ("high", ctypes.c_ulong),
            ("event", ctypes.c_void_p),
        )

    return Overlapped(low=0xFFFF_FFFE, high=0x7FFF_FFFF)


def _process_info() -> Any:
    import ctypes

    class ProcessInfo(ctypes.Structure):
        """RM_PROCESS_INFO."""

        _fields_ = (
            ("pid", ctypes.c_ulong),
            ("started", ctypes.c_ulong * 2),
            ("name", ctypes.c_wchar * 256),
            ("service", ctypes.c_wchar * 64),
            ("kind", ctypes.c_int),
            ("status", ctypes.c_ulong),
            ("session", ctypes.c_ulong),
            ("restartable", ctypes.c_int),
        )

    return ProcessInfo
