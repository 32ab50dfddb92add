"""The journal: what an unfinished transaction was about, written down once.

Purpose: states, the one transition table, and the codec. No I/O: whoever holds a
journal's bytes can tell what was planned; what of it has happened is read from the
disk (:mod:`linkinstall.settle`).

States: a state folder is ``absent``, ``staging`` (no valid journal: nothing of the
environment was touched), ``open`` (a valid journal: roll back) or ``committed``
(finish). The commit point is the rename of ``journal`` to ``committed``.

Calling sequence: ``encode(journal)`` before the first change; ``decode(data)`` after
a crash; ``next_state(state, event)`` wherever a state changes.

Guarantees: the journal is written once, whole, with a length and a checksum; a torn
one is told from a valid one. Paths are absolute, and :func:`relocate` brings them to
where a copied or moved environment lies now.

Errors: :class:`ValueError` from :func:`decode`, :func:`next_state`, :func:`relocate`.
"""

from __future__ import annotations

import os
from binascii import crc32

from linkinstall import manifest as manifests
from linkinstall.paths import normal
from linkinstall.plan import Group, OldDistInfo, Placement, PlanChange, StashItem, Tree
from linkinstall.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "TRANSITIONS",
    "Journal",
    "Staged",
    "decode",
    "encode",
    "is_of_other_version",
    "next_state",
    "relocate",
]

ABSENT, STAGING, OPEN, COMMITTED = "absent", "staging", "open", "committed"

TRANSITIONS = {
    (ABSENT, "stage"): STAGING,
    (STAGING, "abandon"): ABSENT,
    (STAGING, "record"): OPEN,
    (OPEN, "commit"): COMMITTED,
    (OPEN, "roll back"): ABSENT,
    (COMMITTED, "clean up"): ABSENT,
}
"""(state, event) -> state. Every change of state in this package is one of these."""

_NAME = b"linkinstall journal "
_MAGIC = _NAME + b"1\n"


def next_state(state: str, event: str) -> str:
    """Return the state that ``event`` leads to.

    :raises ValueError: there is no such transition
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        message = f"a transaction that is {state} cannot {event}"
        raise ValueError(message) from None


@value
class Staged:
    """A generated file as it lies in the state folder, and what it is known by."""

    group: int
    sub: str
    name: str
    size: int
    mtime: int
    digest: str
    change: int


@value
class Journal:
    """Everything that undoing or finishing needs.

    :param id: the transaction's id
    :param home: the home state folder, and its inode: another one tells a copy
    :param root: the environment's root folder
    :param made: folders made before the journal was written, outermost first
    :param emptied: folders that go after the commit point if they are empty then
    :param intent: how it was asked for, for ``recover --finish``: (key, value) pairs
    """

    id: str
    home: str
    inode: int
    root: str
    made: tuple[str, ...]
    states: tuple[str, ...]
    changes: tuple[PlanChange, ...]
    stash: tuple[StashItem, ...]
    groups: tuple[Group, ...]
    folders: tuple[tuple[int, str], ...]
    trees: tuple[Tree, ...]
    placements: tuple[Placement, ...]
    staged: tuple[Staged, ...]
    emptied: tuple[str, ...] = ()
    intent: tuple[tuple[str, str], ...] = ()


def encode(journal: Journal, texts: Sequence[bytes] = ()) -> bytes:
    """Return the bytes of a journal: magic, checksum, length, lines, manifests.

    :param texts: the manifests of the trees as they are encoded, as far as they are at hand
    """
    lines = list(_lines(journal))
    known = zip(texts or [b""] * len(journal.trees), journal.trees, strict=True)
    blobs = [text or manifests.encode(tree.manifest) for text, tree in known]
    lines += [_line("blobs", *(len(blob) for blob in blobs)), ""]
    parts = ["\n".join(lines).encode("utf-8", "surrogateescape"), *blobs]
    del lines, blobs
    # Put together once: this is where a large install needs most memory.
    checksum = length = 0
    for part in parts:
        checksum, length = crc32(part, checksum), length + len(part)
    return b"".join([b"%s%08x %d\n" % (_MAGIC, checksum, length), *parts])


def _lines(journal: Journal) -> Iterator[str]:
    yield _line("id", journal.id)
    yield _line("home", journal.home, journal.inode)
    yield _line("root", journal.root)
    for kind, paths in (
        ("made", journal.made),
        ("state", journal.states),
        ("emptied", journal.emptied),
    ):
        yield from (_line(kind, path) for path in paths)
    yield from (_line("intent", *pair) for pair in journal.intent)
    for change in journal.changes:
        yield _line(
            "change", change.name, change.version or "", change.previous or "",
            change.action, change.new, change.entry,
        )  # fmt: skip
        yield from (_line("old", one.path, one.mark, one.size, one.mtime) for one in change.olds)
    for item in journal.stash:
        yield _line(
            "stash", item.number, item.kind, item.path, item.change, item.state,
            int(item.overwritten),
        )  # fmt: skip
        yield from (_line("names", sub, *names) for sub, names in item.names)
    yield from _placing_lines(journal)


def _placing_lines(journal: Journal) -> Iterator[str]:
    for group in journal.groups:
        yield _line("group", group.number, group.kind, group.target, group.phase, group.state)
    yield from (f"folder\t{number}\t{_escape(sub)}" for number, sub in journal.folders)
    yield from (_line("tree", tree.source, tree.change) for tree in journal.trees)
    for place in journal.placements:
        # Mostly all names of the manifest's folder go: then they are not repeated.
        full = journal.trees[place.tree].manifest.folders[place.folder].names
        line = f"place\t{place.group}\t{_escape(place.sub)}\t{place.tree}\t{place.folder}"
        yield line if place.names == full else f"{line}\t{_line('*', *place.names)}"
    for one in journal.staged:
        yield _line(
            "staged", one.group, one.sub, one.name, one.size, one.mtime, one.digest, one.change
        )


class TornJournalError(ValueError):
    """A journal is not what was written: its checksum does not match."""


def decode(data: bytes) -> Journal:
    """Read a journal.

    :raises TornJournalError: it is torn, altered, or of another version
    :raises ValueError: it is whole, and says what no journal does
    """
    head, _, body = data.removeprefix(_MAGIC).partition(b"\n")
    if not data.startswith(_MAGIC) or head != b"%08x %d" % (crc32(body), len(body)):
        message = "the journal is torn or of another version"
        raise TornJournalError(message)
    try:
        return _decode(body)
    except (IndexError, KeyError) as error:
        message = f"the journal lacks something: {error}"
        raise ValueError(message) from error


def _decode(body: bytes) -> Journal:
    end = body.index(b"\nblobs") + 1
    text = body[:end].decode("utf-8", "surrogateescape")
    sizes, _, rest = body[end:].partition(b"\n")
    reader = _Reader()
    for line in text.split("\n"):
        if line:
            reader.read([_unescape(field) for field in line.split("\t")])
    blobs = []
    for size in sizes.split(b"\t")[1:]:
        blobs.append(manifests.decode(rest[: int(size)]))
        rest = rest[int(size) :]
    return reader.journal(blobs)


def is_of_other_version(data: bytes) -> bool:
    """Return whether a journal that cannot be read is whole, as far as another one knows."""
    return data.startswith(_NAME) and b"\n" in data and not data.startswith(_MAGIC)


class _Reader:
    """Collects lines into a journal; one method for each kind of line."""

    def __init__(self) -> None:
        self.single: dict[str, list[str]] = {}
        self.many: dict[str, list[list[str]]] = {}
        self.olds: list[list[OldDistInfo]] = []
        self.names: list[list[tuple[str, tuple[str, ...]]]] = []

    def read(self, fields: list[str]) -> None:
        kind, *rest = fields
        if kind in ("id", "home", "root"):
            self.single[kind] = rest
        elif kind == "old":
            self.olds[-1].append(OldDistInfo(rest[0], rest[1], int(rest[2]), int(rest[3])))
        elif kind == "names":
            self.names[-1].append((rest[0], tuple(rest[1:])))
        else:
            if kind == "change":
                self.olds.append([])
            elif kind == "stash":
                self.names.append([])
            self.many.setdefault(kind, []).append(rest)

    def journal(self, blobs: list[manifests.Manifest]) -> Journal:
        def many(kind: str) -> list[list[str]]:
            return self.many.get(kind, [])

        trees = tuple(
            Tree(blob, source, int(change))
            for blob, (source, change) in zip(blobs, many("tree"), strict=True)
        )
        home, inode = self.single["home"]
        return Journal(
            self.single["id"][0], home, int(inode), self.single["root"][0],
            tuple(one[0] for one in many("made")),
            tuple(one[0] for one in many("state")),
            tuple(
                PlanChange(f[0], f[1] or None, f[2] or None, f[3], tuple(olds), f[4], f[5])
                for f, olds in zip(many("change"), self.olds, strict=True)
            ),
            tuple(
                StashItem(int(f[0]), f[1], f[2], tuple(names), int(f[3]), int(f[4]), f[5] == "1")
                for f, names in zip(many("stash"), self.names, strict=True)
            ),
            tuple(Group(int(f[0]), f[1], f[2], int(f[3]), int(f[4])) for f in many("group")),
            tuple((int(f[0]), f[1]) for f in many("folder")),
            trees,
            tuple(self._placement(fields, trees) for fields in many("place")),
            tuple(
                Staged(int(f[0]), f[1], f[2], int(f[3]), int(f[4]), f[5], int(f[6]))
                for f in many("staged")
            ),
            tuple(one[0] for one in many("emptied")),
            tuple((f[0], f[1]) for f in many("intent")),
        )  # fmt: skip

    @staticmethod
    def _placement(fields: list[str], trees: tuple[Tree, ...]) -> Placement:
        group, sub, tree, folder, *names = fields
        full = trees[int(tree)].manifest.folders[int(folder)].names
        placed = tuple(names[1:]) if names else full
        return Placement(int(group), sub, int(tree), int(folder), placed)


def relocate(journal: Journal, home: str) -> Journal:
    """Return the journal as it reads where the environment lies now.

    :param home: the state folder the journal was found in
    :raises ValueError: it touches folders outside the environment, and the
        environment was moved or copied
    """
    if journal.home == home:
        return journal
    root = normal(os.path.join(home, os.path.relpath(journal.root, journal.home)))
    # A root folder may be that of all files, seen from inside a container or from outside.
    old, new = journal.root.rstrip("/"), root.rstrip("/")

    def moved(path: str) -> str:
        if path in ("", journal.root):
            return path and root
        if not path.startswith(old + "/"):
            message = f"the environment was moved, and its transaction also touches {path}"
            raise ValueError(message)
        return new + path[len(old) :]

    return _with_paths(journal, home, root, moved)


def _with_paths(journal: Journal, home: str, root: str, moved: Callable[[str], str]) -> Journal:
    return replace(
        journal,
        home=home,
        root=root,
        made=(),
        states=tuple(moved(path) for path in journal.states),
        emptied=tuple(moved(path) for path in journal.emptied),
        changes=tuple(
            replace(
                change,
                new=moved(change.new),
                olds=tuple(replace(old, path=moved(old.path)) for old in change.olds),
            )
            for change in journal.changes
        ),
        stash=tuple(replace(item, path=moved(item.path)) for item in journal.stash),
        groups=tuple(replace(group, target=moved(group.target)) for group in journal.groups),
    )


def _line(*fields: object) -> str:
    return "\t".join(_escape(str(field)) for field in fields)


def _escape(text: str) -> str:
    # Names on disk may hold anything but NUL and "/".
    if "\\" in text or "\t" in text or "\n" in text:
        return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return text


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    parts = (part.replace("\\t", "\t").replace("\\n", "\n") for part in text.split("\\\\"))
    return "\\".join(parts)
