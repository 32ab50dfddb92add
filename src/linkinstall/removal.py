"""What a removal takes: a distribution's files, as few renames as possible.

Purpose: from RECORD and the disk to stash items. RECORD says what is owned; the
disk says which folders hold nothing else, and those go by one rename.

Calling sequence::

    removal = Removal(world, leaving=[...])       # all distributions that go
    items = removal.take(distribution, change=0)

Guarantees: reads only. Nothing outside the scheme roots is taken, no file that
another standing distribution lists, nothing that RECORD does not list but the
compiled files of its sources and the dist-info folder itself. A link is taken as a
link; a file behind one goes only where its row proves it. Payload comes first, dist-info last.

Errors: ``OSError`` where a folder cannot be read.
"""

from __future__ import annotations

import os

from linkinstall.distribution import by_folder, library_path, no_file, read_record
from linkinstall.outcome import Kept
from linkinstall.plan import LOOSE, WHOLE, OldDistInfo, StashItem
from linkinstall.record import is_compiled, is_compiled_of, paths_in
from linkinstall.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from linkinstall.distribution import Distribution
    from linkinstall.record import Row
    from linkinstall.world import World

    Names = list[tuple[str, tuple[str, ...]]]

__all__ = ["Removal"]

_EDITED = "changed since it was installed"
_LINKED = "reached through a link, and not as it was installed"
_STRANGE = "not of the wheel"
_MARKS = ("RECORD", "METADATA", "INSTALLER", "WHEEL")


class Removal:
    """Collects stash items for the distributions that go.

    :param standing: the distributions that stay: what they list is kept
    """

    def __init__(self, world: World, standing: Iterable[Distribution]) -> None:
        self.world = world
        self.items: list[StashItem] = []
        self.kept: list[Kept] = []
        self.gone: dict[str, set[str]] = {}
        self.gone_folders: set[str] = set()
        self._standing = [(one, read_record(world.files, one)) for one in standing]
        self._last: list[StashItem] = []

    def take(
        self,
        distribution: Distribution,
        change: int,
        rows: Iterable[Row] | None = None,
        added: frozenset[str] = frozenset(),
    ) -> None:
        """Plan that ``distribution`` goes, whatever its health is.

        :param rows: what it owns; default what its RECORD says
        :param added: paths in its dist-info that stay
        """
        if rows is None:
            rows = self.world.rows(distribution) or ()
        owned = self._owned(distribution, list(rows))
        info = distribution.path
        rest = {
            folder: names
            for folder, names in owned.items()
            if not f"{folder}/".startswith(f"{info}/")
        }
        self._add(rest, change, self.items)
        self.kept += (Kept(path, _STRANGE) for path in sorted(added))
        inner = {
            folder: {name for name in names if f"{folder}/{name}" not in added}
            for folder, names in self._everything(info).items()
        }
        self._add(inner, change, self._last)

    def take_folder(self, path: str, change: int) -> None:
        """Plan that a leftover goes, with all it holds."""
        if self.world.entries(os.path.dirname(path)).get(os.path.basename(path)) == "folder":
            self._add(self._everything(path), change, self.items)
        else:
            self.take_files(os.path.dirname(path), [os.path.basename(path)], change)

    def take_files(
        self, folder: str, names: Iterable[str], change: int, *, overwritten: bool = False
    ) -> None:
        """Plan that single files go, and what is compiled of them.

        :param overwritten: they are others', and not what another tool left of the project
        """
        names = [name for name in names if name not in self.gone.get(folder, ())]
        if names:
            self._add_loose(folder, names, change, self.items, overwritten=overwritten)
            self.take_compiled(folder, names, change, overwritten=overwritten)

    def take_edited(self, folder: str, name: str, change: int, *, overwritten: bool) -> bool:
        """Plan that a file goes that was kept for being edited; return whether it was."""
        edited = Kept(f"{folder}/{name}", _EDITED)
        if edited not in self.kept:
            return False
        self.kept.remove(edited)
        self.take_files(folder, [name], change, overwritten=overwritten)
        return True

    def take_compiled(
        self, folder: str, names: Iterable[str], change: int, *, overwritten: bool = False
    ) -> None:
        """Plan that the compiled files of sources go, which are replaced or which come.

        A rollback drops what was compiled of them meanwhile. What was there before has
        to be known by then, or it would be dropped too.
        """
        inner = f"{folder}/__pycache__"
        compiled = self._compiled(folder, names) - self.gone.get(inner, set())
        self._add_loose(inner, sorted(compiled), change, self.items, overwritten=overwritten)

    def ordered(self) -> tuple[StashItem, ...]:
        """Return all items, numbered in the order in which they are stashed."""
        ordered = enumerate([*self.items, *self._last])
        return tuple(replace(item, number=number) for number, item in ordered)

    def staying(self) -> Iterator[Kept]:
        """Yield what was left alone and is not taken after all: edited, or also another one's."""
        for one in self.kept:
            folder, _, name = one.path.rpartition("/")
            if name not in self.gone.get(folder, ()):
                yield one

    def emptied(self) -> tuple[str, ...]:
        """Return the folders above what goes that may be empty then, and go too."""
        folders = set()
        for item in self.items:
            folder = os.path.dirname(item.path) if item.kind == WHOLE else item.path
            while not self.world.keeps_folder(folder) and folder not in folders:
                folders.add(folder)
                folder = os.path.dirname(folder)
        return tuple(sorted(folders))

    def old_dist_info(self, distribution: Distribution) -> OldDistInfo:
        """Return what tells this dist-info from one that another tool puts there later."""
        for mark in _MARKS:
            status = self.world.files.status(f"{distribution.path}/{mark}")
            if status is not None:
                return OldDistInfo(distribution.path, mark, status.st_size, status.st_mtime_ns)
        return OldDistInfo(distribution.path)

    # ---------------------------------------------------------------- what is owned

    def _owned(self, distribution: Distribution, rows: list[Row]) -> dict[str, set[str]]:
        owned: dict[str, set[str]] = {}
        for nominal, members in by_folder(distribution.base, rows).items():
            folder = self.world.real_folder(nominal)
            if not self.world.inside(folder + "/"):
                for name in members:
                    self.kept.append(Kept(f"{nominal}/{name}", "outside the environment"))
                continue
            owned.setdefault(folder, set()).update(self._allowed(nominal, folder, members))
        self._leave_to_others(distribution, owned)
        self._add_compiled(owned)
        return owned

    def _allowed(self, nominal: str, folder: str, rows: dict[str, Row]) -> Iterable[str]:
        """Return the names of rows that may go; note why the others stay."""
        entries = self.world.entries(folder)
        present = rows.keys() & entries.keys()
        folders = [name for name in present if entries[name] == "folder"]
        for name in folders:
            self.kept.append(Kept(f"{folder}/{name}", "RECORD names a folder"))
        present.difference_update(folders)
        linked = self.world.through_link(nominal)
        if linked:  # no digest tells whose a compiled file is: it goes with its source
            present = {name for name in present if not is_compiled(rows[name].path)}
        elif self.world.removes_freely(folder):
            return present
        return [n for n in present if self._may_go(f"{folder}/{n}", rows[n], linked=linked)]

    def _may_go(self, path: str, row: Row, *, linked: bool) -> bool:
        if not self.world.may_remove(path):
            self.kept.append(Kept(path, "belongs to the environment itself"))
        elif (linked or not self.world.owned(path)) and not self._unchanged(path, row):
            self.kept.append(Kept(path, _LINKED if linked else _EDITED))
        else:
            return True
        return False

    def _unchanged(self, path: str, row: Row) -> bool:
        algorithm, _, expected = row.hash.partition("=")
        if not expected:
            return False
        from linkinstall.digest import hash_by

        try:
            with self.world.files.open_read(path) as stream:
                return hash_by(algorithm, stream) == expected.rstrip("=")
        except FileNotFoundError:  # a link whose target is gone holds nobody's content
            return True
        except ValueError:
            return False
        except OSError as error:
            if no_file(error):
                return False
            raise

    def _leave_to_others(self, distribution: Distribution, owned: dict[str, set[str]]) -> None:
        # Parsing every RECORD of a large environment costs more than the removal,
        # so a search of the raw text comes first.
        prefix = distribution.library + "/"
        tokens: set[str] = set()
        for folder, names in owned.items():
            inner = (folder + "/").removeprefix(prefix)
            if inner == folder + "/" or not inner:
                tokens.update(f"{name}," for name in names)
            else:
                tokens.add(inner.partition("/")[0] + "/")
        linked = self.world.links_folders()
        encoded = [token.encode("utf-8", "surrogateescape") for token in tokens]
        for other, data in self._standing:
            # Quoted, with backslashes or through a link a file is called otherwise.
            plain = b'"' not in data and b"\\" not in data and not linked
            if plain and not any(token in data for token in encoded):
                continue
            rows = self.world.rows(other)
            for listed in [row.path for row in rows] if rows else paths_in(data):
                path = library_path(other.base, listed)
                folder, name = self.world.real_folder(os.path.dirname(path)), os.path.basename(path)
                if name in owned.get(folder, ()):
                    owned[folder].discard(name)
                    self.kept.append(Kept(f"{folder}/{name}", f"also owned by {other.name}"))

    def _add_compiled(self, owned: dict[str, set[str]]) -> None:
        for folder in list(owned):
            if compiled := self._compiled(folder, owned[folder]):
                owned.setdefault(f"{folder}/__pycache__", set()).update(compiled)

    def _compiled(self, folder: str, names: Iterable[str]) -> set[str]:
        """Return the names in ``__pycache__`` that are compiled from ``names``."""
        sources = {name[:-3] for name in names if name.endswith(".py")}
        if not sources or self.world.entries(folder).get("__pycache__") != "folder":
            return set()
        return {
            name
            for name, kind in self.world.entries(f"{folder}/__pycache__").items()
            if kind != "folder" and is_compiled_of(name, sources)
        }

    def _everything(self, folder: str) -> dict[str, set[str]]:
        result: dict[str, set[str]] = {folder: set()}
        for name, kind in self.world.entries(folder).items():
            if kind == "folder":
                result |= self._everything(f"{folder}/{name}")
            else:
                result[folder].add(name)
        return result

    # ---------------------------------------------------------------- items

    def _add(self, owned: dict[str, set[str]], change: int, items: list[StashItem]) -> None:
        # Two distributions may list one file (two dist-infos of one project do).
        owned = {
            folder: names - self.gone.get(folder, set())
            for folder, names in owned.items()
            if folder not in self.gone_folders
        }
        whole: dict[str, bool] = {}
        tops: dict[str, str] = {}
        for folder in sorted(owned):
            if not self._whole(folder, owned, whole):
                self._add_loose(folder, sorted(owned[folder]), change, items)
                continue
            top = folder
            while self._whole(above := os.path.dirname(top), owned, whole):
                top = tops.get(above, above)
            tops[folder] = top
        for top in sorted(set(tops.values())):
            names = list(self._names(top, ""))
            self._mark_gone(top, names)
            items.append(StashItem(0, WHOLE, top, tuple(names), change))

    def _whole(self, folder: str, owned: dict[str, set[str]], known: dict[str, bool]) -> bool:
        answer = known.get(folder)
        if answer is None:
            entries = self.world.entries(folder)
            mine = owned.get(folder)
            gone = self.gone.get(folder, ())
            answer = (
                not self.world.keeps_folder(folder)
                and folder not in self.gone_folders
                and (bool(entries) or (mine is not None and self._stands(folder)))
                and all(
                    f"{folder}/{name}" in self.gone_folders
                    or self._whole(f"{folder}/{name}", owned, known)
                    if kind == "folder"
                    else name in gone or (mine is not None and name in mine)
                    for name, kind in entries.items()
                )
            )
            known[folder] = answer
        return answer

    def _stands(self, folder: str) -> bool:
        # A file of somebody may have taken the place of a package's folder.
        return self.world.kind(folder) == "folder"

    def _names(self, folder: str, sub: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        entries = self.world.entries(folder)
        gone = self.gone.get(folder, ())
        names = (name for name, kind in entries.items() if kind != "folder" and name not in gone)
        yield sub, tuple(names)
        for name, kind in entries.items():
            if kind == "folder" and f"{folder}/{name}" not in self.gone_folders:
                yield from self._names(f"{folder}/{name}", f"{sub}/{name}" if sub else name)

    def _mark_gone(self, top: str, names: Names) -> None:
        for sub, members in names:
            folder = f"{top}/{sub}" if sub else top
            self.gone_folders.add(folder)
            self.gone.setdefault(folder, set()).update(members)

    def _add_loose(
        self,
        folder: str,
        names: list[str],
        change: int,
        items: list[StashItem],
        *,
        overwritten: bool = False,
    ) -> None:
        if names:
            self.gone.setdefault(folder, set()).update(names)
            files = (("", tuple(names)),)
            items.append(StashItem(0, LOOSE, folder, files, change, overwritten=overwritten))
