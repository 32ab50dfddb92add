"""What other tools leave lying about when they are killed, and belongs to no distribution.

Purpose: pip's folders that begin with ``~``, uv's temporary names, and compiled files
whose source is gone.

Calling sequence::

    for leftover in find_leftovers(world, distributions):
        leftover.path, leftover.kind

Guarantees: reads only. Nothing that a RECORD lists is a leftover, and nothing with such
a file below it; no link is followed. A compiled file in ``__pycache__`` without its
source is read by nobody (:pep:`3147`).

Errors: ``OSError`` where a folder cannot be read.
"""

from __future__ import annotations

from linkinstall.distribution import owners_of
from linkinstall.record import is_compiled_of
from linkinstall.values import value
from linkinstall.world import STATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from linkinstall.distribution import Distribution
    from linkinstall.world import World

__all__ = ["Leftover", "find_leftovers", "is_temporary_of_uv"]

_TEMPORARY, _RANDOM = ".tmp", 6
_SOURCES = (".py", ".pyw")


@value
class Leftover:
    """One path that nobody owns.

    :param path: absolute, no link in it
    :param kind: ``folder`` (all that is in it goes with it), or ``file``
    :param what: whose it is, in words
    """

    path: str
    kind: str
    what: str


def find_leftovers(world: World, found: Iterable[Distribution]) -> list[Leftover]:
    """Return what other tools left in the library folders of an environment.

    :param found: all distributions of the environment
    """
    search = _Search(world, owners_of(world.files, found))
    result: dict[str, Leftover] = {}
    for library in world.libraries:
        for leftover in search.walk(library, top=True):
            result.setdefault(leftover.path, leftover)
    return sorted(result.values(), key=lambda one: one.path)


def is_temporary_of_uv(name: str) -> bool:
    """Return whether a name is one that uv puts a file under until it is in place.

    Six letters and digits at random. Small letters alone, which are a word most often and one
    name of uv's in two hundred, do not count.
    """
    rest = name.removeprefix(_TEMPORARY)
    at_random = len(rest) == _RANDOM and rest.isascii() and rest.isalnum()
    return name.startswith(_TEMPORARY) and at_random and not (rest.isalpha() and rest.islower())


class _Search:
    """Walks a library folder.

    :param owned: paths that some RECORD lists
    """

    def __init__(self, world: World, owned: Iterable[str]) -> None:
        self.world = world
        self.owned = set(owned)
        self._above: set[str] = set()
        for path in self.owned:
            folder = path.rpartition("/")[0]
            while folder and folder not in self._above:
                self._above.add(folder)
                folder = folder.rpartition("/")[0]

    def walk(self, folder: str, *, top: bool = False) -> Iterator[Leftover]:
        """Yield the leftovers below ``folder``."""
        entries = self.world.entries(folder)
        for name, kind in entries.items():
            path = f"{folder}/{name}"
            if top and name.startswith("~") and kind == "folder":  # pip renames nothing else
                yield from self._unowned(path, kind, "set aside by pip")
            elif is_temporary_of_uv(name) and (kind != "folder" or self._holds_one_file(path)):
                yield from self._unowned(path, kind, "a temporary name of uv's")
            elif kind != "folder" or name == STATE or name.endswith(".dist-info"):
                continue
            elif name == "__pycache__":
                yield from self._orphans(folder, entries)
            else:
                yield from self.walk(path)

    def _unowned(self, path: str, kind: str, what: str) -> Iterator[Leftover]:
        if path not in self.owned and path not in self._above:
            yield Leftover(path, "folder" if kind == "folder" else "file", what)

    def _holds_one_file(self, folder: str) -> bool:
        """Return whether a folder is as uv makes one: empty, or with the file to be renamed."""
        kinds = list(self.world.entries(folder).values())
        return len(kinds) <= 1 and "folder" not in kinds

    def _orphans(self, folder: str, siblings: dict[str, str]) -> Iterator[Leftover]:
        """Yield the compiled files of a folder whose sources are gone; all of them as one."""
        inner = f"{folder}/__pycache__"
        compiled = self.world.entries(inner)
        sources = {one.rpartition(".")[0] for one in siblings if one.endswith(_SOURCES)}
        orphans = [
            name
            for name, kind in compiled.items()
            if kind != "folder" and self._is_orphan(folder, name, sources)
        ]
        what = "compiled, the source is gone"
        if orphans and len(orphans) == len(compiled):
            yield Leftover(inner, "folder", what)
        else:
            yield from (Leftover(f"{inner}/{name}", "file", what) for name in orphans)

    def _is_orphan(self, folder: str, name: str, sources: set[str]) -> bool:
        stem, dot, _ = name.removesuffix(".pyc").rpartition(".")
        if not (dot and stem and name.endswith(".pyc")):
            return False
        if f"{folder}/__pycache__/{name}" in self.owned:
            return False
        if is_compiled_of(name, sources):
            return False
        # A source that is listed and gone comes back when its distribution is repaired.
        while stem:
            if f"{folder}/{stem}.py" in self.owned:
                return False
            stem = stem.rpartition(".")[0]
        return True
