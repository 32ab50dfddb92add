"""The scripts that ``entry_points.txt`` asks for.

Purpose: read the console and gui scripts as ``installer`` reads them, and refuse what
would stop it half-way, leave the folder of scripts or stand in for the environment's
own programs.

Calling sequence::

    points = read_entry_points(data, problems, windows=False)

Guarantees: accepted text gives exactly the scripts ``installer`` generates, in its
order; no two of them have names that differ only by case.

Errors: none; what is found is noted.

Specification: PyPA, "Entry points specification".
"""

from __future__ import annotations

import re
from configparser import ConfigParser
from configparser import Error as ConfigError
from keyword import iskeyword

from linkinstall import limits
from linkinstall.vetting.names import script_name_problems
from linkinstall.vetting.problems import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.vetting.problems import Problems

__all__ = ["read_entry_points"]

_SECTIONS = ("console_scripts", "gui_scripts")
_OBJECT = re.compile(r"([\w.]+)\s*:\s*([\w.]+)\s*(?:\[.*\])?\s*")
# configparser's expression takes quadratic time over a long run of spaces.
_WIDE_GAP = re.compile(r"[^\S\n]{60}")
_FILE = "entry_points.txt"


def read_entry_points(
    data: bytes | None, problems: Problems, *, windows: bool
) -> tuple[tuple[str, str, str, str], ...]:
    """Return the scripts that have a usable form: (name, module, attr, console or gui)."""
    points = []
    names: dict[str, str] = {}
    for name, text, section in _read(data or b"", problems):
        title = f"{_FILE}: {name}"
        for code, reason in script_name_problems(name, windows=windows):
            problems.add(code, title, reason)
        if (key := name.casefold()) in names:
            problems.add("entry-point-name", title, f"its name is taken by {shown(names[key])}")
        names[key] = name
        match = _OBJECT.fullmatch(text)
        if match and "%" not in text and _is_dotted(match[1]) and _is_dotted(match[2]):
            points.append((name, match[1], match[2], section))
        else:
            reason = f"{shown(text)} does not have the form module:function"
            problems.add("entry-point-object", title, reason)
    return tuple(points)


def _read(data: bytes, problems: Problems) -> Iterator[tuple[str, str, str]]:
    """Yield (name, object, console or gui) as configparser sees them."""
    config = ConfigParser(delimiters="=")
    config.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        text = data.decode("utf-8")
        if _WIDE_GAP.search(text):
            problems.add("entry-points-damaged", _FILE, "it has a line that is mostly space")
            return
        # configparser takes quadratic time over errors.
        if sum(map(_is_stray, text.split("\n"))) > limits.STRAY_LINES:
            problems.add("entry-points-damaged", _FILE, "it has too many lines without a name")
            return
        config.read_string(text)
        if config.defaults():
            reason = "it has a section DEFAULT, which some tools add to every other section"
            problems.add("entry-points-damaged", _FILE, reason)
            return
        for section in config.sections():
            if section in _SECTIONS:
                # Raw: interpolation can be made to take for ever, and no script needs it.
                for name, value in config.items(section, raw=True):
                    yield name, value, section.removesuffix("_scripts")
    except (UnicodeDecodeError, ConfigError) as error:
        reason = f"it cannot be read: {shown(str(error))}"
        problems.add("entry-points-damaged", _FILE, reason)


def _is_stray(line: str) -> bool:
    """Return whether a line is an error, or a part of a value, whatever stands before it."""
    line = line.strip()
    if not line or "=" in line or line[0] in "#;":
        return False
    return line[0] != "[" or "]" not in line[2:]


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() and not iskeyword(part) for part in text.split("."))
