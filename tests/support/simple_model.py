"""A simple model of an environment: files with contents, and who lists them.

The engine plans with journals, stashes and renames; the model knows none of this. It has
a dictionary of files, a set of folders and the RECORD of each distribution, and its verbs
are the sentences of the documentation, one after the other. It shares no code with the
engine: the wheels are read with ``zipfile``, scripts are made by ``installer``.

Calling sequence::

    new = model.changed(outgoing=["app"], incoming=[wheel], Asked(overwrite=True))
    assert new is not None, "refused"

Paths are relative to the environment. A model is a value: every verb returns another.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.support.model_wheels import Asked, ModelWheel

LIBRARY = "lib/python3.11/site-packages"
OWN = (f"{LIBRARY}/", "bin/", "include/site/python3.11/")
"""What belongs to distributions alone; a file elsewhere goes only as it was installed."""
ROOTS = ("", LIBRARY, "bin", "include/site/python3.11")


def parents(path: str) -> Iterator[str]:
    """Yield the folders above a path, the innermost first."""
    while path := posixpath.dirname(path):
        yield path


KEPT = frozenset(["", *ROOTS, *(above for root in ROOTS for above in parents(root))])
"""Folders that stay even when they are empty."""


@dataclass(frozen=True)
class File:
    """A file: its contents (None: whatever they are), and whether it may be run."""

    content: bytes | None
    executable: bool = False


@dataclass(frozen=True)
class Dist:
    """An installed distribution: what its RECORD lists, as it was installed.

    :param record: whether the RECORD is still there
    """

    name: str
    version: str
    rows: Mapping[str, File]
    record: bool = True

    @property
    def info(self) -> str:
        """The dist-info folder."""
        return f"{LIBRARY}/{self.name}-{self.version}.dist-info"

    @property
    def listed(self) -> Mapping[str, File]:
        """What a reader finds listed."""
        return self.rows if self.record else {}


def compiled_of(path: str, files: Iterable[str]) -> list[str]:
    """Return which of ``files`` are compiled from the source at ``path``."""
    folder, name = posixpath.split(path)
    stem, extension = posixpath.splitext(name)
    prefix = f"{folder}/__pycache__/{stem}."
    return [one for one in files if extension == ".py" and one.startswith(prefix)]


def is_compiled(path: str) -> bool:
    """Return whether a path is that of a compiled file."""
    return path.endswith(".pyc") and posixpath.dirname(path).endswith("/__pycache__")


@dataclass
class Model:
    """See the module docstring."""

    files: dict[str, File] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    dists: dict[str, Dist] = field(default_factory=dict)

    def copy(self) -> Model:
        """Return an equal model of its own."""
        return Model(dict(self.files), set(self.folders), dict(self.dists))

    # ---------------------------------------------------------------- what anybody does

    def write(self, path: str, file: File) -> None:
        """Put a file there, with the folders above it."""
        self.files[path] = file
        self.folders.update(parents(path))

    def delete(self, path: str) -> None:
        """Take a file away; a RECORD that is gone lists nothing."""
        del self.files[path]
        for name, dist in self.dists.items():
            if path == f"{dist.info}/RECORD":
                self.dists[name] = replace(dist, record=False)

    def empty_dist_info(self, name: str) -> None:
        """Take away every file of a dist-info folder."""
        for path in self.below(self.dists[name].info):
            self.delete(path)

    def remove_all_listed(self, name: str) -> None:
        """Take away what RECORD lists and what was compiled of it, as pip does."""
        dist = self.dists[name]
        gone = {path for path in dist.listed if path in self.files}
        for path in list(gone):
            gone.update(compiled_of(path, self.files))
        for path in gone:
            self.files.pop(path, None)
        self.dists[name] = replace(dist, record=False)
        self._drop_empty({posixpath.dirname(path) for path in gone})
        if dist.info not in self.folders:
            del self.dists[name]

    def below(self, folder: str) -> list[str]:
        """Return the files below a folder."""
        return [path for path in self.files if path.startswith(f"{folder}/")]

    # ---------------------------------------------------------------- the verb that changes

    def changed(
        self, outgoing: Iterable[str], incoming: Iterable[ModelWheel], asked: Asked
    ) -> Model | None:
        """Return what one transaction makes of it, None where that is refused."""
        wanted = {wheel.name: wheel for wheel in incoming}
        leaving = [name for name in outgoing if name in self.dists and name not in wanted]
        if not all(self.dists[name].record for name in leaving):
            return None  # nobody can tell which files are its own
        coming = [wheel for wheel in wanted.values() if asked.reinstall or not self._has(wheel)]
        going = {*leaving, *(wheel.name for wheel in coming)} & set(self.dists)
        new = self.copy()
        for name in going:
            new._remove(self.dists[name], going)
        placing = _Placing(new, {path for dist in self.dists.values() for path in dist.listed})
        for wheel in coming:
            if not self._place_all(placing, wheel, asked):
                return None
        new._drop_empty(placing.emptied)
        return new

    def _has(self, wheel: ModelWheel) -> bool:
        """Return whether exactly this wheel is there, by the sizes of its files."""
        dist = self.dists.get(wheel.name)
        if dist is None or dist.version != wheel.version or not dist.record:
            return False
        return all(self._stands(path, dist.rows[path]) for path in dist.rows if path[-4:] != ".pyc")

    def _stands(self, path: str, expected: File) -> bool:
        there = self.files.get(path)
        if there is None:
            return False
        if there.content is None or expected.content is None:
            return True
        return len(there.content) == len(expected.content)

    def _may_be_left(self, dist: Dist, path: str) -> bool:
        """Return whether what no RECORD lists at a path may be what a distribution has lost.

        Where RECORD stands it names all that is owned: what is beside that is somebody's, however
        many of those files are missing. Without METADATA it is doubted, for folders of packages.
        """
        half = f"{dist.info}/METADATA" not in self.files
        return not dist.record or (half and posixpath.dirname(path).startswith(f"{LIBRARY}/"))

    def _remove(self, dist: Dist, going: set[str]) -> None:
        others = {p for d in self.dists.values() if d.name not in going for p in d.listed}
        gone = {
            path
            for path, listed in dist.listed.items()
            if path in self.files
            and path not in others
            and (path.startswith(OWN) or self.files[path] == listed)
        }
        for path in list(gone):
            gone.update(compiled_of(path, self.files))
        gone.update(self.below(dist.info))
        for path in gone:
            self.files.pop(path, None)
        del self.dists[dist.name]
        self._drop_empty({posixpath.dirname(path) for path in (*gone, *dist.listed)} | {dist.info})

    def _drop_empty(self, folders: Iterable[str]) -> None:
        """Take away folders that have become empty, and those above them."""
        found = {above for folder in folders for above in (folder, *parents(folder))}
        for folder in sorted(found - KEPT, key=len, reverse=True):
            inner = f"{folder}/"
            if not any(path.startswith(inner) for path in (*self.files, *self.folders)):
                self.folders.discard(folder)

    # ---------------------------------------------------------------- placing

    def _place_all(self, placing: _Placing, wheel: ModelWheel, asked: Asked) -> bool:
        """Place a wheel; return whether nothing stands in the way."""
        old = self.dists.get(wheel.name)
        rows = wheel.rows(asked)
        # A compiled file comes after its source, which takes away what was compiled before.
        for path in sorted(rows, key=is_compiled):
            left = old is not None and self._may_be_left(old, path)
            taken = asked.overwrite or (left and path not in placing.listed)
            if not placing.has_room(path, overwrite=asked.overwrite):
                return False
            if not placing.place(path, rows[path], taken=taken):
                return False
        placing.new.dists[wheel.name] = Dist(wheel.name, wheel.version, rows)
        return True


@dataclass
class _Placing:
    """Puts the files of some wheels into a model.

    :param listed: what some RECORD lists, also of a distribution that goes
    :param placed: what these wheels have brought
    :param emptied: folders that something was taken away from
    """

    new: Model
    listed: set[str]
    placed: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)

    def has_room(self, path: str, *, overwrite: bool) -> bool:
        """Return whether the folders above a path can be made."""
        for above in parents(path):
            if above in self.new.files:
                # A file of somebody goes where one insists.
                if not overwrite or above in self.placed:
                    return False
                self._take(above)
        return path not in self.new.folders

    def place(self, path: str, file: File, *, taken: bool) -> bool:
        """Put a file there; return whether it is there then, or shared with another."""
        there = self.new.files.get(path)
        shared = path.endswith("/__init__.py") and file.content == b""
        if path in self.placed:
            return is_compiled(path) or (shared and there == file)
        owned = path in self.listed
        if there is not None and not (is_compiled(path) and not owned):
            if (shared and there.content == b"") or is_compiled(path):
                return True
            if not taken:
                return False
        self._take(path)
        self.new.write(path, file)
        self.placed.add(path)
        return True

    def _take(self, path: str) -> None:
        """Take away what stands there, and what was compiled of it."""
        self.new.files.pop(path, None)
        for stale in compiled_of(path, list(self.new.files)):
            if stale not in self.placed:
                del self.new.files[stale]
                self.emptied.add(posixpath.dirname(stale))
