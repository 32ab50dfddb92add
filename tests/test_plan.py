"""The parts of a plan: which paths they mean."""

from __future__ import annotations

from linkinstall.manifest import Folder
from linkinstall.plan import WHOLE, Group, Plan, StashItem, Tree
from tests.support.journals import sample_manifest

EMPTY = Plan((), (), (), (), (), (), (), ())


def test_a_stash_item_tells_each_of_its_files() -> None:
    """Each file has a path in place and a path in the stash, in folders below as well."""
    names = (("", ("a.py", "b.py")), ("empty", ()), ("sub/deeper", ("c.txt",)))
    item = StashItem(7, WHOLE, "/env/lib/pkg", names, change=0)

    expected = [
        ("/env/lib/pkg/a.py", "a.py"),
        ("/env/lib/pkg/b.py", "b.py"),
        ("/env/lib/pkg/sub/deeper/c.txt", "sub/deeper/c.txt"),
    ]
    assert expected == list(item.paths())


def test_a_tree_knows_where_the_cache_has_its_files() -> None:
    """The files of a folder lie below ``files/SCHEME`` of the entry."""
    tree = Tree(sample_manifest(), "/cache/entries/e", 0)

    assert "/cache/entries/e/files/data/share/x" == tree.files(
        Folder("data", "share/x", (), "", "")
    )
    assert "/cache/entries/e/files/purelib" == tree.files(Folder("purelib", "", (), "", ""))


def test_a_plan_is_empty_that_moves_nothing() -> None:
    """A plan without stash and groups is nothing to do; either makes it one."""
    item = StashItem(0, WHOLE, "/env/a", (), 0)

    assert EMPTY.empty
    assert not Plan((), (item,), (), (), (), (), (), ()).empty
    assert not Plan((), (), (Group(0, WHOLE, "/env/a", 0),), (), (), (), (), ()).empty
