"""Times that a volume or an archive has cut down."""

from __future__ import annotations

import pytest

from linkinstall.times import is_cut_down, same_time

SECOND = 1_000_000_000
WRITTEN = 7 * SECOND + 123_456_789


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (5 * SECOND + 7, 5 * SECOND + 7, True),
        (5 * SECOND + 7, 5 * SECOND + 8, False),
        (5 * SECOND + 707, 5 * SECOND + 700, True),  # NTFS: 100 ns
        (5 * SECOND + 801, 5 * SECOND + 700, False),
        (5 * SECOND + 800, 5 * SECOND + 700, False),
        (5 * SECOND + 7, 4 * SECOND, True),  # FAT: two seconds
        (6 * SECOND, 4 * SECOND, False),
    ],
)
def test_times_are_equal_as_far_as_the_coarser_volume_tells(
    one: int, other: int, *, same: bool
) -> None:
    """A time that a coarser file system cut off counts as the same, in either order."""
    assert (same, same) == (same_time(one, other), same_time(other, one))


@pytest.mark.parametrize(
    ("seen", "cut"),
    [
        (7 * SECOND + 123_456_700, True),
        (7 * SECOND + 123_456_000, True),
        (7 * SECOND + 120_000_000, True),
        (7 * SECOND, True),
        (6 * SECOND, True),
        (7 * SECOND + 123_456_600, False),
        (7 * SECOND + 123_456_790, False),
        (7 * SECOND + 100_000_000, False),
        (8 * SECOND, False),
        (5 * SECOND, False),
        (0, False),
    ],
)
def test_a_time_is_cut_down_to_a_unit_that_is_kept_somewhere(seen: int, *, cut: bool) -> None:
    """Of each unit that volumes and archives keep there is one time, and no later one."""
    assert cut == is_cut_down(seen, WRITTEN)
