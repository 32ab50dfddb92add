"""The page on the journal's format is exact: a reader written from it reads real journals."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkinstall.journal import Journal, decode, encode
from linkinstall.recovery import _KINDS
from linkinstall.values import replace
from tests.support.faulty import Killed
from tests.support.journal_reader import FOLLOWERS, ORDER, JournalError, Line, read_journal
from tests.support.journals import PARTS, placed, sample_journal
from tests.support.scenarios import SCENARIOS
from tests.support.sites import Site
from tests.support.watched import Fault, Watched, before, process

if TYPE_CHECKING:
    from linkinstall.manifest import Manifest
    from tests.support.scenarios import Scenario

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "journal-format.md"


def texts(*values: object) -> list[bytes]:
    """Return values as a journal's fields have them."""
    return [os.fsencode(str(value)) for value in values]


def as_read(journal: Journal) -> dict[str, object]:
    """Return what a reader has to find, from what the engine holds."""
    places = []
    for one in journal.placements:
        full = journal.trees[one.tree].manifest.folders[one.folder].names
        some = () if one.names == full else ("*", *one.names)
        places.append(Line(texts(one.group, one.sub, one.tree, one.folder, *some)))
    return {
        "id": [Line(texts(journal.id))],
        "home": [Line(texts(journal.home, journal.inode))],
        "root": [Line(texts(journal.root))],
        "made": [Line(texts(one)) for one in journal.made],
        "state": [Line(texts(one)) for one in journal.states],
        "emptied": [Line(texts(one)) for one in journal.emptied],
        "intent": [Line(texts(*one)) for one in journal.intent],
        "change": [
            Line(
                texts(c.name, c.version or "", c.previous or "", c.action, c.new, c.entry),
                [texts(old.path, old.mark, old.size, old.mtime) for old in c.olds],
            )
            for c in journal.changes
        ],
        "stash": [
            Line(
                texts(i.number, i.kind, i.path, i.change, i.state, int(i.overwritten)),
                [texts(sub, *names) for sub, names in i.names],
            )
            for i in journal.stash
        ],
        "group": [
            Line(texts(g.number, g.kind, g.target, g.phase, g.state)) for g in journal.groups
        ],
        "folder": [Line(texts(*one)) for one in journal.folders],
        "tree": [Line(texts(tree.source, tree.change)) for tree in journal.trees],
        "place": places,
        "staged": [
            Line(texts(s.group, s.sub, s.name, s.size, s.mtime, s.digest, s.change))
            for s in journal.staged
        ],
        "manifests": [manifest_as_read(tree.manifest) for tree in journal.trees],
    }


def manifest_as_read(manifest: Manifest) -> dict[str, object]:
    """Return what a reader has to find of a manifest."""
    plain = "id distribution version dist_info root mtime".split()
    sets = "executables binaries rewritten collisions".split()
    return {
        "magic": b"linkinstall manifest 1",
        **{name: os.fsencode(str(getattr(manifest, name))) for name in plain},
        "umask": b"%o" % manifest.umask,
        **{name: texts(*sorted(getattr(manifest, name))) for name in sets},
        "entry_points": [
            texts(one.name, one.module, one.attr, one.section, one.body)
            for one in manifest.entry_points
        ],
        "folders": [
            (*texts(one.scheme, one.path), texts(*one.names), texts(*one.sizes.split()),
             texts(*one.digests.split()))
            for one in manifest.folders
        ],
    }  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_real_journals_are_read_from_the_page(scenario: Scenario, tmp_path: Path) -> None:
    """What a killed transaction leaves is read by who has only the page, every field of it."""
    site = Site(tmp_path)
    scenario.prepare(site)
    files = Watched(scenario.disk(site), Fault(before("rename", "/committed")))
    transaction = site.transaction(files, **{"compile_levels": (), **scenario.options})
    with process(), pytest.raises(Killed), transaction:
        scenario.change(site, transaction)
    data = (site.home / "journal").read_bytes()

    assert as_read(decode(data)) == read_journal(data)
    assert {name.name for name in site.home.iterdir()} <= _KINDS.keys()


def test_every_kind_of_line_is_read_from_the_page() -> None:
    """So is a journal with one of everything."""
    read = read_journal(encode(sample_journal()))

    assert as_read(sample_journal()) == read
    assert all(read.values())


@pytest.mark.parametrize("part", sorted(PARTS))
@settings(max_examples=10)
@given(st.data())
def test_any_part_is_read_from_the_page(part: str, data: st.DataObject) -> None:
    """Whatever names there are on a disk, the page says how they are written."""
    journal = replace(sample_journal(), **{part: data.draw(PARTS[part])})

    assert as_read(journal) == read_journal(encode(journal))


@settings(max_examples=20)
@given(placed())
def test_any_placements_are_read_from_the_page(parts: dict[str, object]) -> None:
    """So are manifests, and what is placed of them."""
    journal = replace(sample_journal(), **parts)

    assert as_read(journal) == read_journal(encode(journal))


@given(st.integers(min_value=0), st.integers(1, 255))
def test_the_page_tells_damage(at: int, mask: int) -> None:
    """A reader that follows the page refuses what the engine refuses, whatever byte is altered."""
    data = bytearray(encode(sample_journal()))
    data[at % len(data)] ^= mask

    with pytest.raises(JournalError):
        read_journal(bytes(data))
    with pytest.raises(ValueError, match="torn or of another version"):
        decode(bytes(data))


def test_the_page_lists_every_kind_and_every_name() -> None:
    """The tables have each kind of line in its order, and each name in a state folder."""
    rows = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    kinds = [row for row in rows if row.encode() in {*ORDER, *FOLLOWERS}]

    expected = [kind.decode() for kind in ORDER]
    expected.insert(expected.index("change") + 1, "old")
    expected.insert(expected.index("stash") + 1, "names")
    assert expected == kinds
    assert {row.partition("/")[0] for row in rows} >= _KINDS.keys()


def test_a_field_that_is_added_is_noticed() -> None:
    """The page has a line for every part of a journal; a new part must come to it."""
    named = {"inode": "home", "states": "state", "changes": "change"}
    named |= {"groups": "group", "folders": "folder", "trees": "tree", "placements": "place"}
    fields = {named.get(name, name) for name in Journal.__annotations__}

    assert {kind.decode() for kind in ORDER} == fields
