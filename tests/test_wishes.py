"""What is asked of a transaction: kept in order, looked at by nobody yet."""

from __future__ import annotations

import pytest

from linkinstall.requests import Generated
from linkinstall.wishes import Exactly, Options, Wish, Wishes


def test_wheels_are_kept_in_the_order_they_were_asked_for() -> None:
    """What comes in comes in the caller's order, twice the same wheel included."""
    wishes = Wishes()
    asked = [Wish("/b.whl", None), Wish("/a.whl", None), Wish("/b.whl", None)]
    for wish in asked:
        wishes.want(wish)

    assert asked == wishes.incoming
    assert [] == wishes.outgoing


def test_a_name_to_remove_counts_once_in_any_spelling() -> None:
    """Spellings that PEP 503 makes equal are one removal, in the place of the first."""
    wishes = Wishes()
    for name in ["Zope.Interface", "rich", " zope-interface ", "ZOPE__interface", "Rich"]:
        wishes.want_removal(name)

    assert ["zope-interface", "rich"] == wishes.outgoing


def test_two_notes_share_nothing() -> None:
    """Each transaction has wishes of its own."""
    one, other = Wishes(), Wishes()
    one.want_removal("rich")
    one.want(Wish("/a.whl", None))

    assert ([], []) == (other.incoming, other.outgoing)


def test_only_what_comes_in_has_to_do_with_the_cache() -> None:
    """A wheel, or what is found out later, may be linked from there; a removal is not."""
    wishes = Wishes()
    wishes.want_removal("rich")
    removal = wishes.may_bring
    wishes.want(Wish("/a.whl", None))
    later = Wishes()
    later.later.append(lambda _world, _cache, _wishes: None)

    assert (False, True, True) == (removal, wishes.may_bring, later.may_bring)


def test_a_wish_is_a_plain_install_unless_more_is_said() -> None:
    """A wheel is requested, has its file's URL, and nothing of a destination's."""
    wish = Wish("/a.whl", None)

    assert (True, None, None) == (wish.requested, wish.direct_url, wish.exactly)


def test_the_options_are_the_documented_defaults() -> None:
    """Without options: any link mode, bytecode of level 0, all of RECORD, stat of the cache."""
    options = Options()

    assert ("auto", "auto", (0,)) == (
        options.link_mode,
        options.copy_binaries,
        options.compile_levels,
    )
    assert (False, False) == (options.overwrite, options.reinstall)
    assert ("all", "stat") == (options.validate_record, options.verify_cache)


def test_exactly_asks_for_no_more_than_it_says() -> None:
    """A destination's wish leaves nothing out, compiles nothing and replaces nothing by itself."""
    exactly = Exactly((Generated("purelib", "a.dist-info/RECORD", b""),))

    assert (frozenset(), (), frozenset(), False) == (
        exactly.skipped,
        exactly.levels,
        exactly.sources,
        exactly.overwrite,
    )


def test_wishes_cannot_be_changed_afterwards() -> None:
    """What was asked for stays as it was asked for."""
    with pytest.raises(AttributeError):
        Wish("/a.whl", None).path = "/b.whl"  # type: ignore[misc]
