"""Manifests and journals of any content, for tests of their codecs.

``manifests()`` and ``journals()`` are strategies of hypothesis; ``sample_manifest`` and
``sample_journal`` have one of everything, with the names that codecs stumble over.
"""

from __future__ import annotations

import os
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
    lambda codes: os.fsdecode(bytes(codes))
)
plain_names = names.map(lambda name: name.replace("\n", "-"))
numbers = st.integers(min_value=0, max_value=1 << 62)
schemes = st.sampled_from(["purelib", "platlib", "headers", "scripts", "data"])


@st.composite
def folders(draw: st.DrawFn) -> Folder:
    """Draw one folder of a manifest."""
    members = draw(st.lists(plain_names, max_size=3, unique=True))
    path = "/".join(draw(st.lists(plain_names, max_size=2)))
    sizes = tuple(str(draw(numbers)) for _ in members)
    return Folder(draw(schemes), path, tuple(members), sizes, tuple("d" * 43 for _ in members))


@cache
def manifests() -> st.SearchStrategy[Manifest]:
    """Return the strategy of manifests."""
    sets = st.frozensets(plain_names, max_size=2)
    points = st.builds(
        EntryPoint,
        plain_names,
        plain_names,
        plain_names,
        st.sampled_from(["console", "gui"]),
        names,
    )
    return st.builds(
        Manifest,
        plain_names, plain_names, plain_names, plain_names, schemes,
        numbers, st.integers(min_value=0, max_value=0o777),
        st.lists(folders(), max_size=3).map(tuple), st.lists(points, max_size=2).map(tuple),
        sets, sets, sets, sets,
    )  # fmt: skip


@st.composite
def journals(draw: st.DrawFn) -> Journal:
    """Draw one journal."""

    def many(strategy: st.SearchStrategy[T]) -> tuple[T, ...]:
        return tuple(draw(st.lists(strategy, max_size=2)))

    version = st.none() | names
    olds = st.lists(st.builds(OldDistInfo, names, names, numbers, numbers), max_size=2).map(tuple)
    change = st.builds(PlanChange, names, version, version, names, olds, names, names)
    inner = st.lists(st.tuples(names, st.lists(names, max_size=2).map(tuple)), max_size=2)
    kinds = st.sampled_from([WHOLE, LOOSE])
    item = st.builds(StashItem, numbers, kinds, names, inner.map(tuple), numbers, numbers)
    group = st.builds(
        Group, numbers, kinds, names, st.sampled_from([PAYLOAD, LATE, DIST_INFO]), numbers
    )
    staged = st.builds(Staged, numbers, names, names, numbers, numbers, names, numbers)
    trees = draw(st.lists(st.builds(Tree, manifests(), names, numbers), max_size=2).map(tuple))
    return Journal(
        draw(names), draw(names), draw(numbers), draw(numbers), draw(names),
        many(names), many(names), many(change), many(item), many(group),
        many(st.tuples(numbers, names)), trees, tuple(draw(placements(trees))), many(staged),
        many(names), many(st.tuples(names, names)),
    )  # fmt: skip


@st.composite
def placements(draw: st.DrawFn, trees: tuple[Tree, ...]) -> list[Placement]:
    """Draw placements of some of the trees' folders: all of their names, some, or none."""
    made = []
    for index, tree in enumerate(trees):
        for number, folder in enumerate(tree.manifest.folders):
            some = st.lists(st.sampled_from(folder.names), unique=True) if folder.names else None
            chosen = tuple(draw(some)) if some is not None and draw(st.booleans()) else folder.names
            made.append(Placement(draw(numbers), draw(names), index, number, chosen))
    return made


def sample_manifest() -> Manifest:
    """Return a manifest that has one of everything."""
    inner = Folder("purelib", "pkg/a b", ("x.py", "ü'\"\t.txt", os.fsdecode(b"\xff")),
                   ("1", "20", "0"), ("a" * 43, "b" * 43, "c" * 43))  # fmt: skip
    manifest = Manifest(
        "", "Pkg", "1.0", "pkg-1.0.dist-info", "purelib", 1_700_000_000_123_456_789, 0o022,
        (inner, Folder("purelib", "", ("end",), ("3",), ("e" * 43,)),
         Folder("data", "", (), (), ())),
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
        id="0123", home=f"{library}/.linkinstall", device=5, inode=6, root="/env",
        made=("/env/lib",), states=(f"{library}/.linkinstall", "/env/data/.linkinstall"),
        changes=(
            PlanChange("pkg", "1", "0.9", "replaced", (old,), f"{library}/pkg-1.0.dist-info", "e"),
            PlanChange("gone", None, "2", "removed"),
        ),
        stash=(
            StashItem(0, WHOLE, f"{library}/pkg", (("", ("a\n.py",)), ("sub\t", ())), 0),
            StashItem(1, LOOSE, "/env/bin", (("", ("run",)),), 1, 1),
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
            Placement(1, "", 1, 1, ()),
        ),
        staged=(Staged(2, "", "RECORD", 10, 11, "f" * 43, 0),),
        emptied=("/env/share",), intent=(("verb", "install"), ("wheel", "/w/a\\b\t.whl")),
    )  # fmt: skip
