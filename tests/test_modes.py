"""The link modes as an enumeration are the engine's strings."""

from __future__ import annotations

from linkinstall.modes import LinkMode
from linkinstall.policy import MODES, Capabilities, chain


def test_members_are_the_strings_of_the_policy() -> None:
    """There is one member for each choice, equal to its string."""
    assert ["auto", *MODES] == list(LinkMode)
    assert "hardlink" == str(LinkMode.HARDLINK)
    assert LinkMode.COPY is LinkMode("copy")


def test_a_member_is_a_choice() -> None:
    """The policy takes a member where it takes a string."""
    for mode in LinkMode:
        expected = chain(mode.value, Capabilities(), binary=False)
        assert expected == chain(mode, Capabilities(), binary=False)
