"""The plot of how cost grows with the number of files and of wheels, as SVG.

Purpose: two panels side by side, seconds against the number, both logarithmic.

Calling sequence: ``svg([Panel("files", {"uv": [(100, 0.01), ...], ...}), ...])``.

Guarantees: text and lines take the colours of the reader's light or dark scheme; the lines
also differ in their dashes.

Errors: ``ValueError`` for a figure that is not above zero: it has no logarithm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Point = tuple[float, float]
WIDTH, HEIGHT, MARGIN, TOP = 380, 300, 52, 34
DASHES = ("", "7 4", "2 3", "9 3 2 3")
STYLE = """
text { font: 12px sans-serif; fill: #1f2328; }
.axis { stroke: #8c959f; } .grid { stroke: #8c959f; stroke-opacity: 0.3; }
polyline { fill: none; stroke-width: 2; }
.s0 { stroke: #9a6700; } .s1 { stroke: #0969da; } .s2 { stroke: #1a7f37; } .s3 { stroke: #8250df; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.s0 { stroke: #d29922; } .s1 { stroke: #58a6ff; } .s2 { stroke: #3fb950; } .s3 { stroke: #bc8cff; }
}
"""


@dataclass(frozen=True)
class Panel:
    """One of the plots: what is counted, and the points of each line."""

    counted: str
    lines: dict[str, list[Point]]


def svg(panels: Sequence[Panel]) -> str:
    """Return the picture."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    width, height = WIDTH * len(panels), HEIGHT + 24 * len(names)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">']
    parts.append(f"<style>{STYLE}</style>")
    for number, panel in enumerate(panels):
        parts += _panel(panel, names, number * WIDTH)
    for number, name in enumerate(names):
        y = HEIGHT + 24 * number + 6
        parts.append(_line(number, [(MARGIN, y), (MARGIN + 40, y)]))
        parts.append(f'<text x="{MARGIN + 48}" y="{y + 4}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, names: Sequence[str], left: float) -> Iterator[str]:
    points = [point for line in panel.lines.values() for point in line]
    low_x, high_x = _decades([x for x, _ in points])
    low_y, high_y = _decades([y for _, y in points])
    box = (left + MARGIN, TOP, WIDTH - MARGIN - 16, HEIGHT - TOP - 44)

    def place(point: Point) -> Point:
        x = (math.log10(point[0]) - low_x) / (high_x - low_x)
        y = (math.log10(point[1]) - low_y) / (high_y - low_y)
        return box[0] + x * box[2], box[1] + (1 - y) * box[3]

    for decade in range(low_x, high_x + 1):
        x, bottom = place((10**decade, 10**low_y))
        yield f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom:.1f}"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 18:.1f}" text-anchor="middle">{10**decade:,}</text>'
    for decade in range(low_y, high_y + 1):
        x, y = place((10**low_x, 10**decade))
        yield f'<line class="grid" x1="{x:.1f}" y1="{y:.1f}" x2="{x + box[2]:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{10.0**decade:g} s</text>'
    yield f'<text x="{box[0]:.1f}" y="{TOP - 14}">{escape(panel.counted)}</text>'
    for name, line in panel.lines.items():
        yield _line(names.index(name), [place(point) for point in line])


def _line(number: int, points: Sequence[Point]) -> str:
    placed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = f' stroke-dasharray="{DASHES[number]}"' if DASHES[number] else ""
    return f'<polyline class="s{number}"{dashes} points="{placed}"/>'


def _decades(numbers: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten around all numbers."""
    low = math.floor(math.log10(min(numbers)))
    return low, max(low + 1, math.ceil(math.log10(max(numbers))))
