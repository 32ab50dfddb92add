"""Manifests and journals of any content, for tests of their codecs.

``manifests()`` is a strategy of hypothesis, ``PARTS`` and ``placed()`` are those of a
journal's fields; ``sample_manifest`` and ``sample_journal`` have one of everything, with
the names that codecs stumble over.
"""

from __future__ import annotations

from functools import cache
from typing import TypeVar

from hypothesis import strategies as st

from linkinstall.journal import Journal, Staged
from linkinstall.manifest import EntryPoint, Folder, Manifest, entry_id
from linkinstall.plan import (
    DIST_INFO,
    LATE,
    LOOSE,
    PAYLOAD,
    WHOLE,
    Group,
    OldDistInfo,
    Placement,
    PlanChange,
    StashItem,
    Tree,
)
from linkinstall.values import replace

T = TypeVar("T")
# Any bytes that a POSIX name can have, as Python shows them: surrogates for what is no UTF-8.
ODD = b"ab. '\",\t\n\r\\#\xc3\xa9\xff\x80end"
names = st.lists(st.sampled_from(sorted(set(ODD))), min_size=1, max_size=6).map(
    lambda codes: bytes(codes).decode("utf-8", "surrogateescape")
)
plain_names = names.map(lambda name: name.replace("\n", "-")).filter(
    lambda name: name not in {".", ".."}
)
numbers = st.integers(min_value=0, max_value=1 << 62)
schemes = st.sampled_from(["purelib", "platlib", "headers", "scripts", "data"])


def _is_text(name: str) -> bool:
    """Return whether a name has no bytes in it that are no UTF-8."""
    return name.isprintable() or not any("\ud800" <= one <= "\udfff" for one in name)


@st.composite
def folders(draw: st.DrawFn) -> Folder:
    """Draw one folder of a manifest."""
    members = draw(st.lists(plain_names, max_size=3, unique=True))
    path = "/".join(draw(st.lists(plain_names, max_size=2)))
    sizes = " ".join(str(draw(numbers)) for _ in members)
    digests = " ".join("d" * 43 for _ in members)
    return Folder(draw(schemes), path, tuple(members), sizes, digests)


@cache
def manifests() -> st.SearchStrategy[Manifest]:
    """Return the strategy of manifests."""
    sets = st.frozensets(plain_names, max_size=2)
    points = st.builds(
        EntryPoint,
        plain_names.filter(_is_text),
        plain_names.filter(_is_text),
        plain_names.filter(_is_text),
        st.sampled_from(["console", "gui"]),
        names.filter(_is_text),
    )
    return st.builds(
        Manifest,
        plain_names, plain_names, plain_names, plain_names, schemes,
        numbers, st.integers(min_value=0, max_value=0o777),
        st.lists(folders(), max_size=3).map(tuple), st.lists(points, max_size=2).map(tuple),
        sets, sets, sets, sets,
    )  # fmt: skip


def many(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    """Return the strategy of a few of something."""
    return st.lists(strategy, max_size=3).map(tuple)


version = st.none() | names
olds = many(st.builds(OldDistInfo, names, names, numbers, numbers))
inner = many(st.tuples(names, many(names)))
kinds = st.sampled_from([WHOLE, LOOSE])
phases = st.sampled_from([PAYLOAD, LATE, DIST_INFO])
PARTS: dict[str, st.SearchStrategy[object]] = {
    "id": names,
    "home": names,
    "inode": numbers,
    "root": names,
    "made": many(names),
    "states": many(names),
    "changes": many(st.builds(PlanChange, names, version, version, names, olds, names, names)),
    "stash": many(
        st.builds(StashItem, numbers, kinds, names, inner, numbers, numbers, st.booleans())
    ),
    "groups": many(st.builds(Group, numbers, kinds, names, phases, numbers)),
    "folders": many(st.tuples(numbers, names)),
    "staged": many(st.builds(Staged, numbers, names, names, numbers, numbers, names, numbers)),
    "emptied": many(names),
    "intent": many(st.tuples(names, names)),
}
"""Strategies of the journal's fields; trees and placements belong together, see ``placed``."""


@st.composite
def placed(draw: st.DrawFn) -> dict[str, object]:
    """Draw trees, and placements of their folders: all names of a folder, some, or none."""
    trees = draw(st.lists(st.builds(Tree, manifests(), names, numbers), max_size=2))
    placements = []
    for index, tree in enumerate(trees):
        for number, folder in enumerate(tree.manifest.folders):
            some = st.lists(st.sampled_from(folder.names), unique=True) if folder.names else None
            chosen = tuple(draw(some)) if some is not None and draw(st.booleans()) else folder.names
            placements.append(Placement(draw(numbers), draw(names), index, number, chosen))
    return {"trees": tuple(trees), "placements": tuple(placements)}


UNDECODABLE = b"\xff".decode("utf-8", "surrogateescape")
"""A name that is no UTF-8, as POSIX can have one."""


def sample_manifest() -> Manifest:
    """Return a manifest that has one of everything."""
    inner = Folder("purelib", "pkg/a b", ("x.py", "ü'\"\t.txt", UNDECODABLE),
                   "1 20 0", f"{'a' * 43} {'b' * 43} {'c' * 43}")  # fmt: skip
    manifest = Manifest(
        "", "Pkg", "1.0", "pkg-1.0.dist-info", "purelib", 1_700_000_000_123_456_789, 0o022,
        (inner, Folder("data", "", (), "", ""),
         Folder("purelib", "", ("end",), "3", "e" * 43)),
        (EntryPoint("run", "pkg.cli", "main.x", "gui", "import re\n# \\n is no line end\\\n"),),
        executables=frozenset({"purelib/pkg/a b/x.py"}), binaries=frozenset({"purelib/end"}),
        rewritten=frozenset({"scripts/s", "scripts/t"}), collisions=frozenset(),
    )  # fmt: skip
    return replace(manifest, id=entry_id(manifest))


def sample_journal() -> Journal:
    """Return a journal that has one of everything, in an environment ``/env``."""
    library = "/env/lib"
    old = OldDistInfo(f"{library}/pkg-0.9.dist-info", "RECORD", 77, 123)
    return Journal(
        id="0123", home=f"{library}/.linkinstall", inode=6, root="/env",
        made=("/env/lib",), states=(f"{library}/.linkinstall", "/env/data/.linkinstall"),
        changes=(
            PlanChange("pkg", "1", "0.9", "replaced", (old,), f"{library}/pkg-1.0.dist-info", "e"),
            PlanChange("gone", None, "2", "removed"),
        ),
        stash=(
            StashItem(0, WHOLE, f"{library}/pkg", (("", ("a\n.py",)), ("sub\t", ())), 0),
            StashItem(1, LOOSE, "/env/bin", (("", ("run",)),), 1, 1, overwritten=True),
        ),
        groups=(
            Group(0, WHOLE, f"{library}/pkg", PAYLOAD),
            Group(1, LOOSE, library, LATE, 1),
            Group(2, WHOLE, f"{library}/pkg-1.0.dist-info", DIST_INFO),
        ),
        folders=((0, "sub"), (0, "sub/deeper")),
        trees=(Tree(sample_manifest(), "/cache/entries/e", 0), Tree(sample_manifest(), "/b", 1)),
        placements=(
            Placement(0, "", 0, 0, sample_manifest().folders[0].names),
            Placement(0, "sub", 1, 0, ("x.py",)),
            Placement(1, "", 1, 2, ()),
        ),
        staged=(Staged(2, "", "RECORD", 10, 11, "f" * 43, 0),),
        emptied=("/env/share",), intent=(("verb", "install"), ("wheel", "/w/a\\b\t.whl")),
    )  # fmt: skip
