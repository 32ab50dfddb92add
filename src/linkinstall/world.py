"""What is on disk, looked at once: the read-only view a plan is made from.

Purpose: the scheme roots of an environment, resolved; folder listings and devices,
remembered; the rules on which paths an environment may touch at all.

Calling sequence: one :class:`World` for each plan; it is never used again after the
first write.

Guarantees: reads only. Roots that are one folder under two names (``lib64 -> lib``)
count once.

Errors: ``OSError`` where a folder cannot be read.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISLNK

from linkinstall.distribution import read_record, same_size
from linkinstall.paths import forward, states_around
from linkinstall.record import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.distribution import Distribution
    from linkinstall.environment import Environment
    from linkinstall.fs.port import FileSystem
    from linkinstall.record import Row

__all__ = ["STATE", "World", "unsettled_venvs"]

STATE = ".linkinstall"
"""Name of the state folder inside a library folder (design, "On disk")."""


def unsettled_venvs(files: FileSystem, place: str) -> Iterator[tuple[str, str]]:
    """Yield the place and each folder above it that has the journal of a ``venv`` command.

    Such a command changes it as a whole, with all that stands there, or it was killed. What is
    somebody else's is left out, as nothing it says is believed.

    :return: pairs of the folder and its state folder
    """
    for above, state in states_around(place):
        try:
            if files.status(f"{state}/journal") is None:
                continue
        except PermissionError:  # of nobody who may change the place
            continue
        from linkinstall.errors import JournalError
        from linkinstall.venvs.guards import refuse_strange_state

        try:
            refuse_strange_state(files, above, state)
        except JournalError:  # anybody may have put it there
            continue
        yield above, state


class World:
    """See the module docstring."""

    def __init__(self, files: FileSystem, environment: Environment) -> None:
        self.files = files
        self.environment = environment
        self.roots = {scheme: files.real_path(path) for scheme, path in environment.schemes.items()}
        named = [self.roots[name] for name in ("purelib", "platlib") if name in self.roots]
        self.libraries = list(dict.fromkeys(named or [files.real_path(environment.library)]))
        # Rows of RECORD are relative to the folder as it is named: where site-packages
        # is a link, ``../../../bin`` leads elsewhere from where it points to.
        self.bases: dict[str, str] = {}
        for name in ("purelib", "platlib"):
            path = environment.schemes.get(name)
            if path is not None:
                self.bases.setdefault(files.real_path(path), forward(path))
        self.home = f"{self.libraries[0]}/{STATE}"
        self._own = tuple({root + "/" for scheme, root in self.roots.items() if scheme != "data"})
        # "\0" begins no path: without a data folder nothing lies under it.
        self._data = self.roots["data"].rstrip("/") + "/" if "data" in self.roots else "\0"
        self._inside = (*self._own, self._data)
        self._scripts = self.roots.get("scripts", "\0") + "/"
        self._real = {
            forward(path): self.roots[scheme] for scheme, path in environment.schemes.items()
        }
        self._entries: dict[str, dict[str, str]] = {}
        self._devices: dict[str, int] = {}
        self._rows: dict[str, list[Row] | None] = {}
        self._ignores_case: bool | None = None
        self._protected = self._protect()

    def _protect(self) -> frozenset[str]:
        kept = set()
        for root in self.roots.values():
            folder = root
            while folder not in kept:
                kept.add(folder)
                folder = os.path.dirname(folder)
        return frozenset(kept)

    # ---------------------------------------------------------------- looking

    def real_folder(self, path: str) -> str:
        """Return a folder's path with every symbolic link resolved."""
        real = self._real.get(path)
        if real is None:
            real = self._real[path] = self._resolve(path)
        return real

    def _resolve(self, path: str) -> str:
        # Below a root the listings tell what is a link: a plain folder is not looked at again.
        parent, _, name = path.rpartition("/")
        if not self.owned(path) or path in self._protected or name in (".", ".."):
            return self.files.real_path(path)
        above = self.real_folder(parent)
        plain = self.owned(f"{above}/") and self.entries(above).get(name) == "folder"
        return f"{above}/{name}" if plain else self.files.real_path(path)

    def entries(self, folder: str) -> dict[str, str]:
        """Return name -> kind of a folder's entries; empty where there is no folder."""
        entries = self._entries.get(folder)
        if entries is None:
            try:
                entries = dict(self.files.scan(folder))
            except (FileNotFoundError, NotADirectoryError):
                entries = {}
            self._entries[folder] = entries
        return entries

    def rows(self, distribution: Distribution) -> list[Row] | None:
        """Return the rows of a RECORD, or None where there is none that says anything.

        :raises OSError: there is one, and it cannot be read
        """
        path = distribution.path
        if path not in self._rows:
            data = read_record(self.files, distribution)
            try:
                self._rows[path] = parse(data) or None
            except ValueError:
                self._rows[path] = None
        return self._rows[path]

    def kind(self, path: str) -> str | None:
        """Return the kind of what stands at ``path`` (no link followed), or None."""
        if path in self._protected:  # its parent may be large and is none of ours
            status = self.files.status(path)
            if status is None:
                return None
            return _kind(status.st_mode)
        return self.entries(os.path.dirname(path)).get(os.path.basename(path))

    def is_empty(self, path: str) -> bool:
        """Return whether an empty file stands there, or a link to one (link mode symlink)."""
        status = self.files.status(path)
        return status is not None and same_size(self.files, path, 0, status)

    def has_digest(self, path: str, digest: str) -> bool:
        """Return whether a file can be read there and has this SHA-256."""
        from linkinstall.digest import hash_file

        try:
            return hash_file(self.files, path) == digest
        except OSError:
            return False

    def links_folders(self) -> bool:
        """Return whether a link in a library leads to a folder: what is in it has two paths."""
        links = (
            f"{library}/{name}"
            for library in self.libraries
            for name, kind in self.entries(library).items()
            if kind == "link"
        )
        statuses = (self.files.status(self.files.real_path(path)) for path in links)
        return any(status is not None and S_ISDIR(status.st_mode) for status in statuses)

    @property
    def ignores_case(self) -> bool:
        """Whether names that differ only by case are one name in the home library."""
        if self._ignores_case is None:
            from linkinstall.fs.probe import ignores_case

            self._ignores_case = ignores_case(self.files, self.libraries[0])
        return self._ignores_case

    def device(self, path: str) -> int:
        """Return the device of ``path``, or of its nearest folder that is there."""
        device = self._devices.get(path)
        if device is None:
            status = self.files.status(path)
            device = status.st_dev if status else self.device(os.path.dirname(path))
            self._devices[path] = device
        return device

    # ---------------------------------------------------------------- rules

    @property
    def bounds(self) -> list[str]:
        """The folders that a transaction in this environment may name, the home library first.

        Where ``headers`` is one project's own folder, those beside it are others' own.
        """
        folders = [*self.libraries, *self.roots.values()]
        if self.environment.headers_named and "headers" in self.roots:
            folders.append(os.path.dirname(self.roots["headers"]))
        return folders

    def owned(self, path: str) -> bool:
        """Return whether ``path`` lies in a folder that belongs to distributions alone."""
        return path.startswith(self._own)

    def in_library(self, path: str) -> bool:
        """Return whether ``path`` lies below a library folder, resolved."""
        return path.startswith(tuple(f"{library}/" for library in self.libraries))

    def inside(self, path: str) -> bool:
        """Return whether ``path`` lies below any of the scheme roots."""
        return path.startswith(self._inside)

    def removes_freely(self, folder: str) -> bool:
        """Return whether :meth:`may_remove` holds for all names in a folder, unread."""
        inner = f"{folder}/"
        return self.owned(inner) and not inner.startswith(self._scripts)

    def through_link(self, path: str) -> bool:
        """Return whether a link below a root leads to a folder of distributions alone.

        What is behind it may be anybody's: a person has made the link since.
        """
        real = self.real_folder(path)
        if real == path or not self.owned(f"{real}/"):
            return False
        root = max((one for one in self._own if f"{real}/".startswith(one)), key=len)
        inner = f"{real}/"[len(root) - 1 :]
        if not f"{path}/".endswith(inner):
            return True
        # Up to the root there are the user's links, as in ``lib64``; from there on none.
        named = f"{path}/".removesuffix(inner)
        above = self.real_folder(os.path.dirname(named))
        return self.owned(f"{above}/") or self.real_folder(named) != root[:-1]

    def may_remove(self, path: str) -> bool:
        """Return whether ``path`` may go at all: never what the environment itself is.

        What lies under the data root alone can be anything (``/usr``), so an
        interpreter, a ``pyvenv.cfg`` and a dist-info are never taken from there.
        """
        name = os.path.basename(path)
        if self.owned(path):
            return not (path.startswith(self._scripts) and is_interpreter_name(name))
        inner = path.removeprefix(self._data)
        return not (name == "pyvenv.cfg" or ".dist-info/" in inner or is_interpreter_name(name))

    def keeps_folder(self, path: str) -> bool:
        """Return whether a folder stays even when it is empty.

        Scheme roots and what is above them do, and so does where a volume is mounted.
        """
        if path in self._protected or not self.inside(path + "/"):
            return True
        return self.device(path) != self.device(os.path.dirname(path))


def is_interpreter_name(name: str) -> bool:
    """Return whether a file name is that of a Python interpreter."""
    stem = name.lower().removesuffix(".exe")
    for prefix in ("pythonw", "python", "pypy"):
        if stem.startswith(prefix):
            return not stem[len(prefix) :].strip("0123456789.t")
    return False


def _kind(mode: int) -> str:
    if S_ISLNK(mode):
        return "link"
    return "folder" if S_ISDIR(mode) else "file"
