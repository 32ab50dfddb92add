"""The bench's plot."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from integration.bench.plot import Panel, svg

SPACE = "{http://www.w3.org/2000/svg}"


def drawn(panel: Panel) -> list[list[tuple[float, float]]]:
    """Return the points of a panel's lines, without those of the legend."""
    lines = ET.fromstring(svg([panel])).findall(f"{SPACE}polyline")  # noqa: S314 - ours
    points = [
        [(float(x), float(y)) for x, y in (one.split(",") for one in line.attrib["points"].split())]
        for line in lines
    ]
    return points[: len(panel.lines)]


def test_both_axes_are_logarithmic() -> None:
    """Ten times as much is as far away, wherever it stands; more time stands higher."""
    ((first, second, third),) = drawn(Panel("files", {"uv": [(10, 0.1), (100, 1), (1000, 10)]}))

    assert round(second[0] - first[0], 1) == round(third[0] - second[0], 1) > 0
    assert round(second[1] - first[1], 1) == round(third[1] - second[1], 1) < 0


def test_lines_share_their_axes() -> None:
    """What takes as long stands as high, whichever line it is on."""
    uv, ours = drawn(Panel("files", {"uv": [(1, 0.5)], "ours": [(1, 0.5)]}))

    assert uv == ours


def test_names_cannot_break_the_picture() -> None:
    """A name with an angle bracket is text, not markup."""
    picture = ET.fromstring(svg([Panel("a<b", {"<uv>": [(1, 1)]})]))  # noqa: S314 - ours

    texts = [one.text for one in picture.findall(f"{SPACE}text")]
    assert {"a<b", "<uv>"} <= set(texts)
