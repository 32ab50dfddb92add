"""What a cache holds, what of it is used, and by whom.

Purpose: what ``cache info``, ``cache verify`` and ``cache prune`` go by. An
entry and its sets of compiled files count as one.

Calling sequence::

    for stored in take_stock(cache).entries:
        if not stored.used: ...

Guarantees: reads only. No link is followed: a link among the folders of a cache is none of
them. A file counts as used while it has a second name. What hangs on an entry by symbolic
links is looked up in the environments that were noted; one whose note is damaged, whose
volume is not mounted, or that this user may not look into, counts as depending on it.

Errors: ``OSError`` where the cache cannot be read; :class:`~linkinstall.errors.CacheError`
for a cache whose folders are links.
"""

from __future__ import annotations

from linkinstall.cache import QUARANTINED
from linkinstall.fs.port import FILE, FOLDER, LINK
from linkinstall.fs.trees import read_if_readable
from linkinstall.manifest import decode
from linkinstall.registry import read
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from linkinstall.cache import Cache
    from linkinstall.fs.port import FileSystem
    from linkinstall.manifest import Manifest
    from linkinstall.registry import Registration

__all__ = [
    "Stock",
    "Stored",
    "Tree",
    "environments",
    "folders",
    "leads_into",
    "refuse_links",
    "take_stock",
    "users_of",
]

PARTS = ("entries", "bytecode", "aliases", "dependents", "environments", "interpreters", "tmp")
"""The folders of a cache."""
_BLOCK = 512
"""Bytes of what ``st_blocks`` counts, whatever the volume's own blocks are (stat(2))."""


@value
class Tree:
    """One folder of a cache with all it holds.

    :param files: ``scheme/path`` of what can be linked
    :param size: bytes of those
    :param freed: bytes that the volume has more when it is gone: files with a second name
        stay. What clones share with others cannot be told from what they do not
    :param links: how many second names there are
    """

    folder: str
    files: tuple[str, ...]
    size: int
    freed: int
    links: int


@value
class Stored:
    """One entry, with the sets of its compiled files.

    :param manifest: None where it cannot be read
    :param damaged: whether it was quarantined, or its manifest cannot be read
    :param last_used: seconds since the epoch, to the day; of sets alone, when they were made
    :param dependents: roots of the environments that hold symbolic links into it
    """

    id: str
    tree: Tree
    sets: tuple[Tree, ...]
    manifest: Manifest | None
    damaged: bool
    last_used: float
    dependents: tuple[str, ...]

    @property
    def used(self) -> bool:
        """Whether anything hangs on it."""
        return bool(self.dependents or any(one.links for one in self.trees))

    @property
    def idle(self) -> bool:
        """Whether nobody would miss it: what is damaged is not linked, hard links lose nothing."""
        return not self.dependents and (self.damaged or not self.used)

    @property
    def trees(self) -> tuple[Tree, ...]:
        """Its files and its sets."""
        return (self.tree, *self.sets)

    @property
    def size(self) -> int:
        """Bytes of its files and sets."""
        return sum(one.size for one in self.trees)

    @property
    def freed(self) -> int:
        """Bytes that the volume has more when it is gone."""
        return sum(one.freed for one in self.trees)


@value
class Stock:
    """What a cache holds.

    :param orphans: sets of compiled files of entries that are not there, but in a tier maybe
    :param stale: paths of notes about what is no longer so: aliases, dependents, environments
    :param foreign: paths of what linkinstall has not put there
    """

    entries: tuple[Stored, ...]
    orphans: tuple[Stored, ...]
    stale: tuple[str, ...]
    foreign: tuple[str, ...]


def take_stock(cache: Cache) -> Stock:
    """Look at everything in a cache.

    :raises CacheError: its folders are links
    """
    refuse_links(cache)
    files, root = cache.file_system, cache.root
    notes: dict[str, list[str]] = {}
    for name, kind in _scan(files, f"{root}/dependents"):
        if kind == FILE:
            notes.setdefault(name.partition(".")[0], []).append(f"{root}/dependents/{name}")
    stale: list[str] = []
    entries = [
        _stored(cache, name, notes.get(name, ()), stale)
        for name in folders(files, f"{root}/entries")
    ]
    known = frozenset(one.id for one in entries)
    others = {*folders(files, f"{root}/bytecode"), *notes} - known
    orphans = [_stored(cache, name, notes.get(name, ()), stale) for name in sorted(others)]
    stale += _aliases_without(files, root, known)
    stale += [path for path, one in environments(cache) if one is None or one.is_gone(files)]
    return Stock(tuple(entries), tuple(orphans), tuple(stale), tuple(_foreign(files, root)))


def refuse_links(cache: Cache) -> None:
    """Refuse a cache in which a folder is a symbolic link: what is done there is done elsewhere.

    :raises CacheError: with each of them
    """
    files, parent = cache.file_system, cache.path
    name = cache.root.removeprefix(f"{parent}/")
    candidates = [(parent, name), *((cache.root, one) for one in PARTS)]
    kinds = {folder: dict(_scan(files, folder)) for folder in (parent, cache.root)}
    found = [f"{folder}/{name}" for folder, name in candidates if kinds[folder].get(name) == LINK]
    if found:
        from linkinstall.errors import CacheError, Problem

        problems = [Problem("linked-folder", path, None, f"{path} is a link") for path in found]
        raise CacheError(
            f"The cache {cache.path} has links in it for folders.",
            problems=problems,
            next_step="Nothing was changed. Name the folder itself by LINKINSTALL_CACHE_DIR.",
        )


def folders(files: FileSystem, folder: str) -> Iterator[str]:
    """Yield the names of the folders in a folder of the cache, sorted; of links none."""
    return (name for name, kind in _scan(files, folder) if kind == FOLDER)


def environments(cache: Cache) -> Iterator[tuple[str, Registration | None]]:
    """Yield (path of the note, environment) of all that were noted; None for a damaged note."""
    files, folder = cache.file_system, f"{cache.root}/environments"
    for name, kind in _scan(files, folder):
        if kind == FILE:
            try:
                yield f"{folder}/{name}", read(files, f"{folder}/{name}")
            except ValueError:
                yield f"{folder}/{name}", None


def users_of(
    cache: Cache, stored: Stored, known: Iterable[tuple[str, Registration | None]]
) -> list[str]:
    """Return the roots of the environments that use an entry, as far as they are known.

    Whether one does is told by its METADATA alone: it is linked like any other file.

    :param known: what :func:`environments` yields
    """
    roots = {one.root for _, one in known if one is not None and _uses(cache, one, stored)}
    return sorted(roots.union(stored.dependents))


def _uses(cache: Cache, one: Registration, stored: Stored) -> bool:
    manifest, files = stored.manifest, cache.file_system
    if manifest is None:
        return False
    inner = f"{manifest.dist_info}/METADATA"
    path = one.path(manifest.distribution, manifest.root, inner)
    try:
        status = files.status(path) if path is not None else None
    except OSError:  # another user's home folder, say: it is not known
        return False
    ours = files.status(f"{stored.tree.folder}/files/{manifest.root}/{inner}")
    if path is None or status is None or ours is None:
        return False
    same = status.st_ino == ours.st_ino and status.st_dev == ours.st_dev
    return same or leads_into(files, path, stored.tree.folder)


def _scan(files: FileSystem, folder: str) -> list[tuple[str, str]]:
    try:
        return files.scan(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _stored(cache: Cache, name: str, notes: Iterable[str], stale: list[str]) -> Stored:
    """Return one entry; add to ``stale`` the notes of environments that depend on it no more."""
    files, folder = cache.file_system, cache.entry_folder(name)
    bytecode = f"{cache.root}/bytecode/{name}"
    sets = tuple(_tree(files, f"{bytecode}/{inner}") for inner in folders(files, bytecode))
    tree = _tree(files, folder)
    manifest, damaged, used = None, True, 0.0
    for inner in ("manifest", QUARANTINED):
        status = files.status(f"{folder}/{inner}")
        if status is None:
            continue
        used = status.st_mtime
        try:
            manifest = decode(read_if_readable(files, f"{folder}/{inner}"))
            damaged = inner == QUARANTINED
        except ValueError:
            pass
        break
    made = (files.status(f"{one.folder}/manifest") for one in sets if not used)
    used = max((one.st_mtime for one in made if one is not None), default=used)
    dependents, others = _dependents(files, notes, manifest, (tree, *sets))
    stale += others
    return Stored(name, tree, sets, manifest, damaged, used, tuple(dependents))


def _tree(files: FileSystem, folder: str) -> Tree:
    paths: list[str] = []
    size = freed = links = 0
    pending = [""]
    while pending:
        inner = pending.pop()
        place = f"{folder}/{inner}" if inner else folder
        names = []
        for name, kind in _scan(files, place):
            if kind == FOLDER:
                pending.append(f"{inner}/{name}" if inner else name)
            else:
                names.append(name)
        linked = inner.startswith("files/")
        for name, status in zip(names, files.statuses(place, names), strict=True):
            if status is None:
                continue
            if linked:
                paths.append(f"{inner}/{name}".removeprefix("files/"))
                size += status.st_size
            if status.st_nlink == 1:
                freed += getattr(status, "st_blocks", -(-status.st_size // _BLOCK)) * _BLOCK
            links += max(status.st_nlink - 1, 0)
    return Tree(folder, tuple(paths), size, freed, links)


def _dependents(
    files: FileSystem, notes: Iterable[str], manifest: Manifest | None, trees: tuple[Tree, ...]
) -> tuple[list[str], list[str]]:
    """Return the environments that depend on an entry, and the notes that no longer hold."""
    found, stale = [], []
    for path in notes:
        try:
            one = read(files, path)
        except ValueError:
            found.append(path)  # nobody knows whose it is
            continue
        if one is not None and _depends(files, one, manifest, trees):
            found.append(one.root)
        else:
            stale.append(path)
    return found, stale


def _depends(
    files: FileSystem, one: Registration, manifest: Manifest | None, trees: tuple[Tree, ...]
) -> bool:
    """Return whether an environment has a symbolic link into one of the folders, or may have."""
    try:
        if one.is_gone(files):
            return False
        nothing = not any(tree.files for tree in trees)
        if nothing or not one.is_mounted(files) or one.is_unsettled(files):
            return True  # it cannot be told now
        distribution = manifest.distribution if manifest is not None else ""
        return any(
            leads_into(files, place, tree.folder)
            for tree in trees
            for key in tree.files
            if (place := one.path(distribution, *key.split("/", 1))) is not None
        )
    except OSError:  # another user's home folder, say: it cannot be told
        return True


def leads_into(files: FileSystem, path: str, folder: str) -> bool:
    """Return whether a path is a symbolic link to something below a folder."""
    try:
        target = files.read_link(path)
    except PermissionError:  # it may be one
        raise
    except OSError:  # no link, or nothing there
        return False
    real = f"{files.real_path(folder)}/"
    return target.startswith(f"{folder}/") or files.real_path(path).startswith(real)


def _aliases_without(files: FileSystem, root: str, known: frozenset[str]) -> Iterator[str]:
    for name, kind in _scan(files, f"{root}/aliases"):
        path = f"{root}/aliases/{name}"
        if kind == FILE:
            named = read_if_readable(files, path).partition(b"\n")[0]
            if named.decode("latin-1") not in known:
                yield path


def _foreign(files: FileSystem, root: str) -> Iterator[str]:
    """Yield what is not ours among the folders that everything lies in."""
    for name, kind in _scan(files, root):
        if (name not in PARTS or kind != FOLDER) and name != "lock":
            yield f"{root}/{name}"
    for part in ("entries", "bytecode"):
        for name, kind in _scan(files, f"{root}/{part}"):
            if kind != FOLDER:
                yield f"{root}/{part}/{name}"
