"""The cache: unpacked, verified wheels and what is known of them.

Purpose: find the entry of a wheel without reading its payload, make it where it is
missing, and say where its files are.

Calling sequence::

    cache = Cache()                       # or Cache("/path"), or Cache.none()
    entry = cache.add("a.whl").entry      # from the cache, or unpacked and verified now

Guarantees: an entry appears by one rename after its files were verified completely;
a crash leaves a temporary folder that is never used and is swept by a later run.
Two processes that unpack the same wheel end with one entry. Nothing in an entry is
ever opened for writing again.

On disk, under a versioned root: ``entries/ID/{manifest,record,files/SCHEME/…}``,
``aliases/ALIAS`` (a wheel file's identity -> ID), ``bytecode/ID/TAG-LEVEL/…``,
``dependents/ID/…`` (environments that hold symbolic links into an entry), ``tmp/``.

Errors: :class:`~linkinstall.errors.InvalidWheelError`,
:class:`~linkinstall.errors.CacheError`, ``OSError``.
"""

from __future__ import annotations

import errno
import os
from stat import S_IFDIR, S_IWOTH

from linkinstall import limits
from linkinstall.fs import local
from linkinstall.fs.trees import make_folders, make_temporary_folder, remove_tree
from linkinstall.manifest import decode
from linkinstall.paths import normal
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from linkinstall.fs.port import FileSystem
    from linkinstall.manifest import Manifest
    from linkinstall.outcome import Warn
    from linkinstall.wheel import WheelIdentity, WheelName

__all__ = ["Added", "Cache", "Entry"]

VERSION = "v1"
"""Version of the layout; another layout gets another folder."""
_ID_LENGTH = 64
"""Digits of an entry's id."""
UNFLUSHED = "unflushed"
"""Name of the mark of an entry whose files may not have reached the disk; it holds random
bytes, so that each writer removes its own."""


@value
class Entry:
    """One unpacked, verified wheel (or one set of compiled files).

    :param folder: its folder in the cache
    :param flushed: False while its files may not have reached the disk yet
    :param mark: what the note of that held when it was read: it tells which writer's it is
    """

    folder: str
    manifest: Manifest
    flushed: bool = True
    mark: bytes = b""

    def files(self, scheme: str, path: str) -> str:
        """Return the folder that holds the files of one directory of a scheme."""
        base = f"{self.folder}/files/{scheme}"
        return f"{base}/{path}" if path else base


@value
class Added:
    """What :meth:`Cache.add` found or made.

    :param hash: SHA-256 of the wheel file in hexadecimal, where it is known
    :param unpacked: whether the wheel had to be unpacked now
    """

    entry: Entry
    name: WheelName
    hash: str | None
    unpacked: bool
    warnings: tuple[Warn, ...] = ()


class Cache:
    """The shared store. See the module docstring.

    :param path: its folder; default ``LINKINSTALL_CACHE_DIR``, else the user's cache folder
    :param ours: whether it was made for this run, and who can write to it is no question
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        files: FileSystem | None = None,
        ours: bool = False,
    ) -> None:
        self._named = path is not None or "LINKINSTALL_CACHE_DIR" in os.environ
        if path is None:
            from linkinstall.cache_folder import default_folder

            path = default_folder()
        self._distrust: str | None = "" if ours else None
        self.path = normal(os.path.abspath(os.fspath(path)))
        self.root = f"{self.path}/{VERSION}"
        self.file_system = files or local()
        self.temporary = False

    @classmethod
    def none(cls) -> Cache:
        """Return a stand-in that asks for unpacking next to the target (``--no-cache``)."""
        cache = cls(os.devnull)  # replaced by a folder of the target before it is used
        cache.temporary = True
        return cache

    @classmethod
    def in_temporary_folder(cls) -> Cache:
        """Return a cache of its own for one install; :meth:`remove` it afterwards."""
        cache = cls(make_temporary_folder(), ours=True)
        cache.temporary = True
        return cache

    def remove(self) -> None:
        """Delete a temporary cache."""
        if self.temporary:
            remove_tree(self.file_system, self.path)

    def __repr__(self) -> str:
        """Name the folder."""
        return f"Cache({self.path!r})"

    @property
    def distrust(self) -> str:
        """Why nothing is taken from it, or put into it; "" where it may be used."""
        if self._distrust is None:
            status = self.file_system.status(self.path)
            self._distrust = ""  # mostly so: and then nothing needs to be imported
            plain = self._named and status and status.st_mode & (0o170000 | S_IWOTH) == S_IFDIR
            if status is not None and not plain:
                from linkinstall.trust import distrust

                self._distrust = distrust(self.file_system, self.path, named=self._named)
        return self._distrust

    # ------------------------------------------------------------------ finding

    def open(self, entry_id: str) -> Entry | None:
        """Return the entry with this id, or None where it is missing or damaged."""
        if len(entry_id) != _ID_LENGTH or not entry_id.isalnum():
            return None  # an alias that was edited must not lead to another folder
        return self.open_folder(self.entry_folder(entry_id))

    def entry_folder(self, entry_id: str) -> str:
        """Return where an entry is kept."""
        return f"{self.root}/entries/{entry_id}"

    @property
    def temporary_folder(self) -> str:
        """Where temporary folders are: what is written is renamed out of one of them."""
        return f"{self.root}/tmp"  # noqa: S108 - ours

    def bytecode_folder(self, entry_id: str, tag: str, level: int) -> str:
        """Return where the compiled files of an entry are kept."""
        return f"{self.root}/bytecode/{entry_id}/{tag}-{level}"

    def open_folder(self, folder: str) -> Entry | None:
        """Return the entry or the set of compiled files in a folder of the cache."""
        if self.distrust:
            return None
        try:
            manifest = decode(self.file_system.read(folder + "/manifest"))
        except (OSError, ValueError):
            return None
        if self.file_system.status(f"{folder}/{UNFLUSHED}") is None:
            return Entry(folder, manifest)
        try:
            mark = self.file_system.read(f"{folder}/{UNFLUSHED}")
        except OSError:  # gone by now, or not ours to read: then it is not ours to remove
            mark = b""
        return Entry(folder, manifest, flushed=False, mark=mark)

    def identify(self, path: str) -> tuple[WheelName, WheelIdentity]:
        """Return name and identity of a wheel file, reading its directory and RECORD only.

        :raises InvalidWheelError: it is no wheel, or cannot be read
        """
        from linkinstall.wheel import identify_file

        return identify_file(self.file_system, path)

    def find(self, path: str) -> Added | None:
        """Return the entry of a wheel file if the cache has it."""
        name, identity = self.identify(path)
        alias = f"{self.root}/aliases/{identity.alias}"
        try:
            text = self.file_system.read(alias, limits.ALIAS_SIZE).decode("ascii")
            entry_id, hash_, _end = text.split("\n")
        except (OSError, ValueError):
            return None
        entry = self.open(entry_id)
        manifest = entry.manifest if entry is not None else None
        if not entry or not manifest or not name.means(manifest.distribution, manifest.version):
            return None
        return Added(entry, name, hash_ or None, unpacked=False)

    # ------------------------------------------------------------------ making

    def add(self, path: str | os.PathLike[str], *, validate_record: str = "all") -> Added:
        """Return the entry of a wheel file, unpacking and verifying it if need be.

        :raises InvalidWheelError: the wheel is refused; nothing was kept
        :raises OSError: the cache cannot be written
        """
        wheel = os.fspath(path)
        return self.find(wheel) or self.rebuild(wheel, validate_record=validate_record)

    def rebuild(
        self, path: str, *, validate_record: str = "all", damaged: Entry | None = None
    ) -> Added:
        """Unpack a wheel, replacing an entry that was found damaged."""
        from linkinstall.unpack import unpack

        return unpack(self, path, validate_record=validate_record, damaged=damaged)

    def remember(self, alias: str, entry_id: str, hash_: str) -> None:
        """Note which entry a wheel file unpacks to."""
        folder = f"{self.root}/aliases"
        self._write(folder, alias, f"{entry_id}\n{hash_}\n".encode("ascii"))

    def remember_dependent(self, entry_id: str, environment: str) -> bool:
        """Note that an environment holds symbolic links into an entry; tell whether it is new.

        A note that a power cut has emptied is written anew.
        """
        from linkinstall.digest import sha256

        path = environment.encode("utf-8", "surrogateescape")
        key = sha256(path).hexdigest()[:32]
        folder = f"{self.root}/dependents/{entry_id}"
        try:
            noted = self.file_system.read(f"{folder}/{key}")
        except FileNotFoundError:
            noted = b""
        if noted == path:
            return False
        self._write(folder, key, path)
        return True

    def mark_flushed(self, entry: Entry) -> None:
        """Note that an entry's files have reached the disk.

        Only those that were there when the entry was opened: a mark that another process
        has written since is about files that came later, and stays.
        """
        path = f"{entry.folder}/{UNFLUSHED}"
        try:
            if self.file_system.read(path) == entry.mark:
                self.file_system.unlink(path)
        except OSError:  # another process did it first, or the cache is read-only
            pass

    def _write(self, folder: str, name: str, data: bytes) -> None:
        """Put a file into a folder; where that is missing, both appear by one rename."""
        from linkinstall.temporary import TemporaryFolder

        files = self.file_system
        for wanted in (os.path.dirname(folder), self.temporary_folder):
            make_folders(files, wanted)
        temporary = TemporaryFolder.claim(files, self.temporary_folder)
        made = f"{temporary.path}/made"
        try:
            files.make_folder(made)
            files.write_new(f"{made}/{name}", data)
            if files.status(folder) is None:
                try:
                    files.rename_new(made, folder)
                except OSError as error:
                    if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                        raise  # else another process was faster
                else:
                    return
            files.rename(f"{made}/{name}", f"{folder}/{name}")
        finally:
            temporary.remove()

    # ------------------------------------------------------------------ keeping

    def sweep(self) -> None:
        """Remove temporary folders whose makers are gone."""
        folder = self.temporary_folder
        if self.temporary or self.distrust or self.file_system.status(folder) is None:
            return
        if not self.file_system.scan(folder):
            return  # mostly so: and then nothing needs to be imported
        from linkinstall.temporary import sweep

        sweep(self.file_system, folder)

    def info(self) -> dict[str, Any]:
        """Return the folder, and how many entries, files and bytes there are."""
        entries = f"{self.root}/entries"
        names = []
        if self.file_system.status(entries) is not None:
            names = [name for name, _ in self.file_system.scan(entries)]
        manifests = [entry.manifest for name in names if (entry := self.open(name))]
        return {
            "path": self.path,
            "entries": len(manifests),
            "files": sum(manifest.count for manifest in manifests),
            "bytes": sum(int(size) for manifest in manifests for _, _, size, _ in manifest.files()),
            "damaged": len(names) - len(manifests),
        }
