"""Numbers, durations, sizes and URLs as people write them."""

from __future__ import annotations

import pytest

from linkinstall.cli import quantities


@pytest.mark.parametrize(
    ("text", "expected"), [("30d", 2_592_000.0), ("12h", 43_200.0), ("90m", 5_400.0),
                           ("2", 172_800.0), ("1w", 604_800.0), ("0.5s", 0.5)]
)  # fmt: skip
def test_durations(text: str, expected: float) -> None:
    """A duration has a unit, and is one of days without any."""
    assert expected == quantities.duration(text)


@pytest.mark.parametrize("text", ["", "d", "-1d", "1y", "infd", "nan", "1 d d"])
def test_what_is_no_duration(text: str) -> None:
    """Anything else is refused with what is expected."""
    with pytest.raises(ValueError, match="a duration such as"):
        quantities.duration(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("500", 500), ("1k", 1024), ("1.5K", 1536), ("2G", 2 << 30)]
)
def test_sizes(text: str, expected: int) -> None:
    """A size is in bytes, or has a unit that is 1,024 times the one before."""
    assert expected == quantities.size(text)


@pytest.mark.parametrize("text", ["", "G", "-1", "1X", "inf", "1GB"])
def test_what_is_no_size(text: str) -> None:
    """Anything else is refused with what is expected."""
    with pytest.raises(ValueError, match="a size such as"):
        quantities.size(text)


@pytest.mark.parametrize("text", ["0", "1.5", "1e3"])
def test_seconds_are_numbers(text: str) -> None:
    """A wait is a finite number of seconds, zero or more."""
    assert float(text) == quantities.seconds(text)


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1e999", "soon", ""])
def test_other_waits_are_refused(text: str) -> None:
    """A wait without an end, or before its beginning, is refused."""
    with pytest.raises(ValueError, match="seconds, 0 or more"):
        quantities.seconds(text)


@pytest.mark.parametrize(
    "text", ["none", "https://example.org/a.whl", "file:///a.whl", "git+ssh:x"]
)
def test_urls_have_a_scheme(text: str) -> None:
    """A direct URL is a URL, or the word that asks for none."""
    assert text == quantities.url(text)


@pytest.mark.parametrize("text", ["", "a.whl", ":a", "/a/b", "https:", "no scheme:x"])
def test_other_urls_are_refused(text: str) -> None:
    """What has no scheme is no URL."""
    with pytest.raises(ValueError, match="URL"):
        quantities.url(text)


def test_whole_numbers() -> None:
    """Levels are whole numbers, and anything else is refused in words."""
    assert 2 == quantities.whole_number("2")
    with pytest.raises(ValueError, match="a whole number"):
        quantities.whole_number("two")
