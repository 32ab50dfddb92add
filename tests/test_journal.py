"""The journal: its states, its bytes, and what becomes of it where an environment moves."""

from __future__ import annotations

from binascii import crc32
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkinstall import journal as journals_module
from linkinstall import manifest
from linkinstall.journal import (
    ABSENT,
    COMMITTED,
    OPEN,
    STAGING,
    TRANSITIONS,
    Journal,
    decode,
    encode,
    is_of_other_version,
    next_state,
    relocate,
)
from linkinstall.plan import Group, StashItem
from linkinstall.values import as_dict, replace
from tests.support.journals import PARTS, placed, sample_journal
from tools.diagram import BEGIN, END, PAGES, diagram, in_place

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"linkinstall journal 1\n"
STATES = {ABSENT, STAGING, OPEN, COMMITTED}
EVENTS = {event for _, event in TRANSITIONS}
TORN = "torn or of another version"


def resealed(body: bytes) -> bytes:
    """Return a body with the checksum and the length that it ought to have."""
    return b"%s%08x %d\n%s" % (MAGIC, crc32(body), len(body), body)


def body_of(journal: Journal) -> bytes:
    """Return a journal's bytes after the line of checksum and length."""
    return encode(journal).removeprefix(MAGIC).partition(b"\n")[2]


# -------------------------------------------------------------------- states


@pytest.mark.parametrize("state", sorted(STATES))
@pytest.mark.parametrize("event", sorted(EVENTS))
def test_every_change_of_state_is_in_the_table(state: str, event: str) -> None:
    """An event leads where the table says, and everywhere else it is refused."""
    if (state, event) in TRANSITIONS:
        assert TRANSITIONS[state, event] == next_state(state, event)
    else:
        with pytest.raises(ValueError, match=f"a transaction that is {state} cannot {event}"):
            next_state(state, event)


def test_the_table_is_complete() -> None:
    """Every state can be reached and left, each in a way that ends with nothing left."""
    assert {before for before, _ in TRANSITIONS} == STATES == set(TRANSITIONS.values())
    assert STATES == reachable(ABSENT)
    for state in STATES:
        assert ABSENT in reachable(state)


def test_the_commit_point_is_one_way() -> None:
    """Only an open journal commits, and what is committed is never undone."""
    assert [(OPEN, "commit")] == [key for key, after in TRANSITIONS.items() if after == COMMITTED]
    assert [(COMMITTED, "clean up")] == [key for key in TRANSITIONS if key[0] == COMMITTED]
    assert [OPEN] == [before for before, event in TRANSITIONS if event == "roll back"]


def reachable(start: str) -> set[str]:
    """Return the states that some events lead to from ``start``."""
    found: set[str] = set()
    new = {after for (before, _), after in TRANSITIONS.items() if before == start}
    while new - found:
        found |= new
        new = {after for (before, _), after in TRANSITIONS.items() if before in found}
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_pages_have_the_diagram_of_the_table(path: Path) -> None:
    """The diagram of a page is the one that the table gives."""
    page = path.read_text(encoding="utf-8")

    assert diagram() in page
    assert page == in_place(page), "write it with: python -m tools.diagram"


def test_the_diagram_has_every_transition() -> None:
    """Each row of the table is one arrow, nothing stands for the absent state's name."""
    arrows = [line.strip() for line in diagram().splitlines() if "-->" in line]

    assert len(TRANSITIONS) == len(arrows)
    assert "open --> committed: commit" in arrows
    assert "[*] --> staging: stage" in arrows
    assert "committed --> [*]: clean up" in arrows


def test_the_diagram_replaces_what_is_between_its_marks() -> None:
    """What stands around the marks stays; a page without them is refused."""
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    assert f"before\n{BEGIN}\n{diagram()}{END}\nafter\n" == in_place(page)
    with pytest.raises(ValueError, match="marks"):
        in_place("no marks")


# -------------------------------------------------------------------- bytes


@pytest.mark.parametrize("part", sorted(PARTS))
@settings(max_examples=25)
@given(st.data())
def test_each_part_is_read_back(part: str, data: st.DataObject) -> None:
    """Whatever the names and figures are, what was written is read."""
    journal = replace(sample_journal(), **{part: data.draw(PARTS[part])})

    assert journal == decode(encode(journal))


def test_a_manifest_that_is_encoded_is_not_encoded_again() -> None:
    """What was read from the cache goes in as it is; the rest is encoded, in its place."""
    tree = sample_journal().trees[0]
    journal = replace(sample_journal(), trees=(tree, tree))
    text = manifest.encode(tree.manifest)
    other = manifest.encode(replace(tree.manifest, version="other"))

    assert encode(journal) == encode(journal, [text, b""]) == encode(journal, [b"", text])
    assert "other" == decode(encode(journal, [b"", other])).trees[1].manifest.version
    with pytest.raises(ValueError, match="zip"):
        encode(journal, [text])


@pytest.mark.parametrize("name", ["\\\\", "\\n", "\\t", "\n", "\t", "\\\n", "\\\\t", "t\\\t\\n"])
def test_a_name_is_read_back_whatever_its_codec_escapes(name: str) -> None:
    """Backslashes, tabs and line ends come back, each alone and next to one another."""
    journal = replace(sample_journal(), emptied=(name, f"a{name}b"))

    assert journal == decode(encode(journal))


@pytest.mark.posix("draws names that Windows does not have")
@settings(max_examples=40)
@given(placed())
def test_placements_are_read_back(parts: dict[str, object]) -> None:
    """So are manifests, and what is placed of their folders: everything, some, or nothing."""
    journal = replace(sample_journal(), **parts)

    assert journal == decode(encode(journal))


def test_every_part_is_drawn() -> None:
    """A field that is added to the journal is added to the tests of its codec."""
    assert set(as_dict(sample_journal())) == {*PARTS, "trees", "placements"}


def test_the_sample_has_no_empty_part() -> None:
    """The tests of damage go through every kind of line."""
    journal = sample_journal()

    assert all(as_dict(journal).values())
    assert journal == decode(encode(journal))


def test_a_journal_cut_off_anywhere_is_refused() -> None:
    """A torn journal is told from a whole one at every length."""
    data = encode(sample_journal())

    for length in range(len(data)):
        with pytest.raises(ValueError, match=TORN):
            decode(data[:length])
        assert not is_of_other_version(data[:length])


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_a_journal_altered_anywhere_is_refused(mask: int) -> None:
    """One altered byte is noticed wherever it is."""
    data = encode(sample_journal())

    for at in range(len(data)):
        altered = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
        with pytest.raises(ValueError, match=TORN):
            decode(altered)


def test_a_journal_with_holes_is_refused() -> None:
    """Blocks that never reached the disk read as zeros, and are noticed."""
    data = encode(sample_journal())

    for at in range(0, len(data), 64):
        hole = data[:at] + b"\0" * 64 + data[at + 64 :]
        with pytest.raises(ValueError, match=TORN):
            decode(hole)
    with pytest.raises(ValueError, match=TORN):
        decode(data + b"\0" * 64)


def test_a_journal_that_lacks_a_line_is_no_other_error() -> None:
    """A journal whose lines do not fit together is a ValueError, even with the right checksum."""
    lines = body_of(sample_journal()).split(b"\n")
    outcomes = set()

    for at in range(len(lines)):
        for shorter in ([*lines[:at], *lines[at + 1 :]], lines[:at]):
            try:
                decode(resealed(b"\n".join(shorter)))
            except ValueError:
                outcomes.add("refused")
            else:
                outcomes.add("read")

    assert "refused" in outcomes


def test_a_journal_whose_trees_lack_a_manifest_is_refused() -> None:
    """Each tree has its manifest: a journal that has another number of them is no journal."""
    body = body_of(replace(sample_journal(), placements=()))
    lines = body.split(b"\n")
    trees = [at for at, line in enumerate(lines) if line.startswith(b"tree\t")]
    assert trees

    for at in trees:
        with pytest.raises(ValueError, match="zip"):
            decode(resealed(b"\n".join([*lines[:at], *lines[at + 1 :]])))


@given(st.binary())
def test_anything_else_is_refused(data: bytes) -> None:
    """Bytes that no journal consists of are a ValueError."""
    for some in (data, MAGIC + data):
        with pytest.raises(ValueError, match=TORN):
            decode(some)


def test_a_journal_of_another_version_is_known_as_such() -> None:
    """It is told from a torn one: what is torn is swept, what a later version wrote is not."""
    data = encode(sample_journal())
    later = data.replace(MAGIC, b"linkinstall journal 2\n", 1)

    assert is_of_other_version(later)
    assert not is_of_other_version(data)
    assert not is_of_other_version(b"")
    assert not is_of_other_version(b"something else\n")
    with pytest.raises(ValueError, match=TORN):
        decode(later)


def test_names_that_all_go_are_not_repeated() -> None:
    """A journal of many files stays small: the manifest tells their names."""
    journal = sample_journal()
    place = [line for line in body_of(journal).split(b"\n") if line.startswith(b"place\t")]

    assert b"place\t0\t\t0\t0" == place[0]
    assert b"place\t0\tsub\t1\t0\t*\tx.py" == place[1]


# -------------------------------------------------------------------- moved environments


def test_a_journal_at_home_stays_as_it_is() -> None:
    """Where the environment did not move, nothing changes."""
    journal = sample_journal()

    assert journal is relocate(journal, journal.home)


def test_every_path_of_a_moved_environment_moves() -> None:
    """No path of the old place is left; the cache stays where it is."""
    moved = relocate(sample_journal(), "/new place/lib/.linkinstall")

    assert ("/new place/lib/.linkinstall", "/new place") == (moved.home, moved.root)
    assert "/env" not in repr(replace(moved, trees=())).replace("/new place", "")
    assert "/new place/lib/pkg" == moved.stash[0].path
    assert sample_journal().trees == moved.trees
    assert () == moved.made


def test_moving_there_and_back_is_nothing() -> None:
    """Relocation has an inverse, but for the folders that were made."""
    journal = replace(sample_journal(), made=())

    assert journal == relocate(relocate(journal, "/b/c/lib/.linkinstall"), journal.home)


@pytest.mark.parametrize(("root", "home"), [("/env", "/lib/.linkinstall"), ("/", "/c/lib/.l")])
def test_the_root_of_all_files_is_a_place_like_others(root: str, home: str) -> None:
    """Between a container and its host one of the two roots is ``/``."""
    own = f"{root.rstrip('/')}/lib/{home.rpartition('/')[2]}"
    path = f"{root.rstrip('/')}/lib/pkg"
    journal = replace(
        sample_journal(),
        home=own, root=root, states=(own,), emptied=(root,), changes=(),
        stash=(StashItem(0, "whole", path, (), 0),), groups=(Group(0, "whole", path, 0),),
    )  # fmt: skip

    moved = relocate(journal, home)

    place = home.rpartition("/lib/")[0]
    assert (place or "/", f"{place}/lib/pkg") == (moved.root, moved.stash[0].path)
    assert ((place or "/",), (home,)) == (moved.emptied, moved.states)


@pytest.mark.parametrize("path", ["/usr/share/x", "/environment/x", "/env2"])
def test_what_lies_outside_cannot_move(path: str) -> None:
    """A transaction that also touches folders outside of the environment is refused."""
    journal = replace(sample_journal(), emptied=(path,))

    with pytest.raises(ValueError, match=f"also touches {path}"):
        relocate(journal, "/moved/lib/.linkinstall")


def test_the_module_says_the_same_of_its_states() -> None:
    """The states of the table are those that the module's docstring explains."""
    assert all(f"``{state}``" in (journals_module.__doc__ or "") for state in STATES)
