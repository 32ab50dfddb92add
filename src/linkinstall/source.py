"""A wheel as its cache entry: a source whose streams are cache files.

Purpose: ``installer.install(CachedWheel, LinkDestination)`` moves no contents: the
destination sees where a stream comes from and links the file.

Calling sequence::

    with CachedWheel.open("a.whl", Cache()) as source:
        installer.install(source, destination, {})

Guarantees: what it hands over was verified against RECORD when it was unpacked, and had
its size and its time still when the wheel was opened; else it was unpacked anew. A
stream is opened when it is first read, and not at all by a ``LinkDestination``.

Errors: those of :meth:`linkinstall.cache.Cache.add`.
"""

from __future__ import annotations

import io
import os
from contextlib import contextmanager

from installer.sources import WheelSource

from linkinstall.cache import Cache
from linkinstall.fs import local
from linkinstall.record import render, row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

    from installer.sources import WheelContentElement

    from linkinstall.cache import Added, Entry

__all__ = ["CachedStream", "CachedWheel"]


class CachedStream(io.RawIOBase):
    """The contents of one file of an entry, opened when they are first asked for.

    :param digest: SHA-256, urlsafe base64 without padding
    :param wheel: the wheel file that the entry can be made anew from
    """

    def __init__(
        self,
        entry: Entry,
        scheme: str,
        path: str,
        digest: str,
        size: int,
        wheel: str | None = None,
    ) -> None:
        super().__init__()
        folder, _, name = path.rpartition("/")
        self.entry = entry
        self.scheme = scheme
        self.path = path
        self.digest = digest
        self.size = size
        self.wheel = wheel
        self.name = f"{entry.files(scheme, folder)}/{name}"
        self._stream: BufferedReader | None = None

    def _opened(self) -> BufferedReader:
        if self.closed:
            message = "I/O operation on closed file"
            raise ValueError(message)
        if self._stream is None:
            self._stream = local().open_read(self.name)
        return self._stream

    def fileno(self) -> int:
        """Return the descriptor of the cache's file."""
        return self._opened().fileno()

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that its position can be set."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        """Read into a buffer."""
        return self._opened().readinto(buffer)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position; a rewind of an unread stream opens nothing."""
        if self._stream is None and offset == 0 and whence == os.SEEK_SET:
            return 0
        return self._opened().seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return 0 if self._stream is None else self._stream.tell()

    def close(self) -> None:
        """Close the file, where it was opened."""
        if self._stream is not None:
            self._stream.close()
        super().close()


class CachedWheel(WheelSource):
    """See the module docstring. Made by :meth:`open`.

    :param added: the entry, and the name of the wheel's file
    :param path: the wheel file, to make the entry anew should it be damaged
    """

    def __init__(self, added: Added, path: str) -> None:
        super().__init__(added.name.distribution, added.name.version)
        self.entry = added.entry
        self.path = path

    @classmethod
    @contextmanager
    def open(
        cls, path: str | os.PathLike[str], cache: Cache | None = None
    ) -> Iterator[CachedWheel]:
        """Open a wheel file through the cache, unpacking it there if need be.

        :raises InvalidWheelError: the wheel is refused
        :raises CacheError: others can write to the cache
        """
        from linkinstall.trust import refuse_distrusted

        chosen = cache or Cache()
        if chosen.temporary:
            from linkinstall.passing import PassingCache

            chosen = PassingCache()
        refuse_distrusted(chosen)
        held = chosen.hold()  # nobody takes the entry away while it is read
        process = os.getpid()
        try:
            yield cls(chosen.add(path), os.path.abspath(os.fsdecode(path)))
        finally:
            if os.getpid() == process:  # one that was forked meanwhile leaves it to its parent
                if held is not None:
                    held.release()
                chosen.remove()

    @property
    def dist_info_dir(self) -> str:
        """Name of the dist-info folder, as the archive writes it."""
        return self.entry.manifest.dist_info

    @property
    def dist_info_filenames(self) -> list[str]:
        """Names of all files in the dist-info folder."""
        inner = self.dist_info_dir + "/"
        root = self.entry.manifest.root
        names = [
            path.removeprefix(inner)
            for scheme, path, _, _ in self.entry.manifest.files()
            if scheme == root and path.startswith(inner)
        ]
        return [*names, "RECORD"]

    def read_dist_info(self, filename: str) -> str:
        """Return the contents of a file in the dist-info folder.

        :raises KeyError: there is none of this name
        """
        if filename == "RECORD":
            return self._record().decode("utf-8")
        for _, stream, _ in self._elements():
            if stream.path == f"{self.dist_info_dir}/{filename}":
                with stream:
                    return stream.read().decode("utf-8")
        raise KeyError(filename)

    def validate_record(self) -> None:
        """Do nothing: every file was compared with RECORD before it came into the cache."""

    def get_contents(self) -> Iterator[WheelContentElement]:
        """Yield every file: its row of RECORD, its stream, whether it is executable."""
        for element, stream, executable in self._elements():
            with stream:
                yield element, stream, executable  # type: ignore[misc]
        own = f"{self.dist_info_dir}/RECORD"
        with io.BytesIO(self._record()) as record:
            yield (own, "", ""), record, False

    def _elements(self) -> Iterator[tuple[tuple[str, str, str], CachedStream, bool]]:
        manifest = self.entry.manifest
        for scheme, path, size, digest in manifest.files():
            member = path if scheme == manifest.root else f"{self.data_dir}/{scheme}/{path}"
            stream = CachedStream(self.entry, scheme, path, digest, int(size), self.path)
            executable = f"{scheme}/{path}" in manifest.executables
            yield (member, f"sha256={digest}", size), stream, executable

    def _record(self) -> bytes:
        lines = [row(*element) for element, _, _ in self._elements()]
        return render([*sorted(lines), row(f"{self.dist_info_dir}/RECORD")])
