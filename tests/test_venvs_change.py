"""The journal of a change to a whole environment."""

from __future__ import annotations

import pytest

from linkinstall.venvs.change import Change, decode, encode, is_made_by_others

CHANGE = Change("0123456789ab", 7, "clear", stood=False)


@pytest.mark.parametrize("what", ["create", "clear", "remove"])
@pytest.mark.parametrize("stood", [False, True])
def test_what_is_written_is_read(what: str, *, stood: bool) -> None:
    """A journal says all that settling needs."""
    change = Change("ba9876543210", 12, what, stood=stood)

    assert change == decode(encode(change))


def test_a_journal_that_is_cut_is_none() -> None:
    """Of a journal that was torn no word is believed, wherever it ends."""
    whole = encode(CHANGE)

    assert {None} == {decode(whole[:end]) for end in range(len(whole))}
    assert decode(bytes(len(whole))) is None
    assert decode(whole.replace(b"7", b"x")) is None


@pytest.mark.parametrize(
    ("what", "mark", "expected"),
    [
        ("clear", b"0123456789ab", True),
        ("create", b"0123456789ab", True),
        ("remove", b"0123456789ab", False),
        ("", b"0123456789ab", False),
        ("clear", b"ffffffffffff", False),
        ("clear", b"0123456789abc", False),
        ("clear", b"", True),
        ("clear", b"0123", True),
        ("clear", bytes(12), True),
        ("clear", b"\xff", False),
    ],
)
def test_a_mark_is_believed_of_its_own_change(what: str, mark: bytes, *, expected: bool) -> None:
    """What another change has left marked is not this one's to delete; a torn mark is."""
    assert expected == Change(CHANGE.id, 7, what).has_made(mark)


def test_where_the_journal_is_torn_any_mark_is_believed() -> None:
    """What was half made goes, and what stood there comes back: it was mixed with it."""
    assert Change(number=1).has_made(b"0123456789ab")


@pytest.mark.parametrize(
    ("settings", "others"),
    [
        ("home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n", True),
        ("home = /usr/bin\nimplementation = CPython\nuv = 0.13.9\n", False),
        ("home = /usr/bin\nuv = 0.13.9\ninclude-system-site-packages = false\n", True),
        ("home = /usr/bin\nvirtualenv = 21\ninclude-system-site-packages = false\n", False),
        ("home = /usr/bin\nvirtualenv = 21\n", False),
        (
            "include-system-site-packages = false\ncommand = /python -m venv --without-pip /v\n",
            False,
        ),
        ("home = /usr/bin\nversion", False),
        ("\0" * 200, False),
        ("", False),
    ],
    ids=[
        "venv",
        "uv, cut short",
        "uv",
        "ours",
        "ours, cut short",
        "venv for virtualenv",
        "cut short",
        "zeros",
        "empty",
    ],
)
def test_what_another_tool_has_made_is_told_by_its_settings(settings: str, *, others: bool) -> None:
    """A ``pyvenv.cfg`` as another tool writes it is told from ours, and from one cut short."""
    assert others == is_made_by_others(settings.encode())
