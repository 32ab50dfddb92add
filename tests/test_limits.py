"""The bounds, and the page that tells them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from linkinstall import limits

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "limits.md"
FACTORS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def bounds() -> dict[str, object]:
    """Return every bound by its name."""
    return {name: value for name, value in vars(limits).items() if name.isupper()}


def rows() -> dict[str, tuple[object, str]]:
    """Return value and unit of each bound that the page tells."""
    page = PAGE.read_text(encoding="utf-8")
    table = re.findall(r"^\| `([A-Z_]+)` \| ([\d.,a-z ]+) \| (\w+) \|", page, re.MULTILINE)
    assert len(table) == len({name for name, _, _ in table}), "a bound is told twice"
    return {name: (value_of(text, unit), unit) for name, text, unit in table}


def value_of(text: str, unit: str) -> object:
    """Return what a cell of the page says, several numbers as a tuple."""
    numbers = [
        float(one.replace(",", "")) * FACTORS.get(unit, 1) for one in re.split(r", | to ", text)
    ]
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def test_the_page_tells_every_bound() -> None:
    """The page on limits has each bound of ``limits.py`` with its value, and no other."""
    assert bounds() == {name: value for name, (value, _) in rows().items()}


def test_the_page_tells_the_unit_of_each_bound() -> None:
    """What the source calls seconds or bytes is that on the page, and nothing else is."""
    tree = ast.parse(Path(limits.__file__).read_text(encoding="utf-8"))
    told = rows()
    for target, meaning in zip(tree.body[1::2], tree.body[2::2], strict=True):
        assert isinstance(target, ast.Assign)
        assert isinstance(meaning, ast.Expr)
        name, words = ast.unparse(target.targets[0]), ast.literal_eval(meaning.value).split()
        expected = next((word for word in ("seconds", "bytes") if word == words[0].lower()), "")
        if words[:2] == ["Unpacked", "bytes"]:
            expected = "bytes"
        unit = told[name][1]
        actual = "bytes" if unit in FACTORS else unit if unit == "seconds" else ""
        assert (name, expected) == (name, actual)
