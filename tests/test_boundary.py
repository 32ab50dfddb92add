"""The boundary: no journal, whatever it says, has anything outside touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkinstall.boundary import check_journal
from linkinstall.plan import (
    LOOSE,
    WHOLE,
    Group,
    OldDistInfo,
    Placement,
    PlanChange,
    StashItem,
    Tree,
)
from linkinstall.values import replace
from tests.support.journals import PARTS, placed, sample_journal, sample_manifest

if TYPE_CHECKING:
    from linkinstall.journal import Journal

LIBRARY = "/env/lib"
ROOTS = (LIBRARY, "/env/bin", "/env/include", "/env")
HOME = f"{LIBRARY}/.linkinstall"


def sample() -> Journal:
    """Return a journal that keeps to its environment, with one of everything."""
    journal = sample_journal()
    stash = (
        StashItem(0, WHOLE, f"{LIBRARY}/pkg", (("", ("a.py",)), ("sub", ())), 0),
        *journal.stash[1:],
    )
    return replace(journal, stash=stash)


def test_a_journal_of_the_environment_passes() -> None:
    """A journal that a transaction wrote is within the bounds of its environment."""
    check_journal(sample(), ROOTS)
    # The root of all files is a root as others are: a stage, a container.
    check_journal(sample(), ("/",))


def test_a_folder_made_on_the_way_to_a_root_passes() -> None:
    """Folders above a root may have been made for it."""
    check_journal(replace(sample(), made=("/new", "/new/env", "/env/lib")), (*ROOTS, "/new/env/x"))


OUTSIDE = ["/etc/passwd", "/env/../etc", "/env/lib/../../etc", "relative", "", "/environment/x",
           "/env/lib/", "/env//lib", "/env/./lib", "/env/a\0b"]  # fmt: skip
PLACES = [*OUTSIDE, "/env", LIBRARY, "/env/bin", "/"]
NAMES = ["..", ".", "", "a/b", "/etc/passwd", "../x", "a\0b"]
FIRST = sample().stash[0]


def changed(part: str, *items: object) -> Journal:
    """Return the sample with another tuple for one of its parts."""
    return replace(sample(), **{part: items})


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("part", ["emptied", "made", "new", "old", "state", "loose", "group"])
def test_paths_outside_are_refused(part: str, path: str) -> None:
    """Every path of a journal lies in a folder of the environment, and is written plainly."""
    olds = (OldDistInfo(path, "RECORD", 1, 1),)
    journal = {
        "emptied": changed("emptied", path),
        "made": changed("made", path),
        "new": changed("changes", PlanChange("p", "1", None, "installed", (), path or "/etc")),
        "old": changed("changes", PlanChange("p", None, "1", "removed", olds)),
        "state": changed("states", HOME, f"{path}/.linkinstall"),
        "loose": changed("stash", StashItem(0, LOOSE, path, (("", ("a",)),), 0)),
        "group": changed("groups", Group(0, LOOSE, path, 0)),
    }[part]

    with pytest.raises(ValueError, match=r"which is no path|no state folder"):
        check_journal(journal, ROOTS)


@pytest.mark.parametrize("path", PLACES)
def test_folders_of_the_environment_itself_stay(path: str) -> None:
    """Nothing that is stashed as a whole is a root, or above one."""
    journal = changed("stash", StashItem(0, WHOLE, path, (), 0))
    with pytest.raises(ValueError, match=r"it names|it would move"):
        check_journal(journal, ROOTS)


def test_a_state_folder_stays() -> None:
    """Nothing takes the state folder away, in which the stash lies."""
    for path in (HOME, "/env/data"):
        with pytest.raises(ValueError, match="it would move"):
            check_journal(changed("stash", StashItem(0, WHOLE, path, (), 0)), ROOTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_one_name(name: str) -> None:
    """A name in a journal leads nowhere, and neither do the folders below a folder."""
    journals = [
        replace(sample(), id=name),
        changed("stash", replace(FIRST, names=(("", (name,)),))),
        changed("staged", replace(sample().staged[0], name=name)),
    ]
    if name != "a/b":
        journals += [
            changed("stash", replace(FIRST, names=((f"a/{name}", ()),))),
            changed("folders", (0, f"a/{name}")),
            changed("staged", replace(sample().staged[0], sub=f"a/{name}")),
            changed("placements", Placement(0, f"a/{name}", 0, 0, ())),
        ]
    if name:
        olds = (OldDistInfo(f"{LIBRARY}/p", name, 1, 1),)
        journals.append(changed("changes", *[PlanChange("p", None, "1", "removed", olds)] * 2))
    for journal in journals:
        with pytest.raises(ValueError, match="is no name of a file"):
            check_journal(journal, ROOTS)


@pytest.mark.parametrize("index", [-1, 99])
def test_every_index_leads_to_something(index: int) -> None:
    """What a journal counts is there: a negative number would count from the end."""
    journals = [
        changed("stash", replace(FIRST, change=index)),
        changed("stash", replace(FIRST, state=index)),
        changed("groups", *(replace(one, state=index) for one in sample().groups)),
        changed("trees", *(Tree(sample_manifest(), "/c", index) for _ in range(2))),
        changed("placements", Placement(0, "", index, 0, ())),
        changed("placements", Placement(0, "", 0, index, ())),
        changed("staged", replace(sample().staged[0], change=index)),
    ]
    for journal in journals:
        with pytest.raises(ValueError, match="counts what it does not have"):
            check_journal(journal, ROOTS)


def test_every_group_and_file_is_there() -> None:
    """What is placed belongs to a group of the journal, and to its manifest."""
    journals = [
        changed("placements", Placement(9, "", 0, 0, ())),
        changed("placements", Placement(0, "", 0, 0, ("other.py",))),
        changed("staged", replace(sample().staged[0], group=9)),
        changed("folders", (9, "sub")),
    ]
    for journal in journals:
        with pytest.raises(ValueError, match="places what it does not have"):
            check_journal(journal, ROOTS)


def test_no_two_things_have_one_number() -> None:
    """Two stash items would share one folder in the stash, and two groups one in new."""
    for part in ("stash", "groups"):
        first = getattr(sample(), part)[0]
        for numbers in ((0, 0), (-1, 0)):
            journal = changed(part, *(replace(first, number=number) for number in numbers))
            with pytest.raises(ValueError, match="numbers two things alike"):
                check_journal(journal, ROOTS)


def test_unknown_kinds_are_refused() -> None:
    """A kind of step that nobody knows cannot be undone."""
    for part in ("stash", "groups"):
        with pytest.raises(ValueError, match="unknown kind"):
            check_journal(changed(part, replace(getattr(sample(), part)[0], kind="odd")), ROOTS)


@pytest.mark.parametrize("states", [(), ("/env/bin/.linkinstall", HOME), (HOME, HOME)])
def test_state_folders_are_those_of_one_transaction(states: tuple[str, ...]) -> None:
    """Home is the first of the state folders, and each stands for itself."""
    with pytest.raises(ValueError, match="not those of one transaction"):
        check_journal(changed("states", *states), ROOTS)


def test_other_folders_are_no_state_folders() -> None:
    """Only state folders are swept."""
    with pytest.raises(ValueError, match="no state folder"):
        check_journal(changed("states", HOME, "/env/bin"), ROOTS)


@given(parts=st.fixed_dictionaries({}, optional=PARTS), trees=placed())
def test_any_journal_is_held_to_its_bounds(parts: dict[str, Any], trees: dict[str, Any]) -> None:
    """Whatever is in a journal, it is refused with a reason or names nothing outside."""
    journal = replace(sample(), **{**parts, **trees})
    try:
        check_journal(journal, ROOTS)
    except ValueError:
        return
    named = [item.path for item in journal.stash] + [group.target for group in journal.groups]
    assert [] == [path for path in named if not path.startswith("/env/")]
