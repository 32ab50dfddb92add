"""Numbers, durations, sizes and URLs as people write them.

Calling sequence: ``duration("30d")`` -> seconds; ``size("2G")`` -> bytes.

Guarantees: pure.

Errors: ``ValueError`` with a sentence that completes "--option takes ...".
"""

from __future__ import annotations

__all__ = ["duration", "seconds", "size", "url", "whole_number"]

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_UNITS = ("", "K", "M", "G", "T")


def whole_number(text: str) -> int:
    """Return a whole number."""
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number") from None


def seconds(text: str) -> float:
    """Return a finite number of seconds, zero or more."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ValueError("a number of seconds, 0 or more")
    return number


def url(text: str) -> str:
    """Return a URL with its scheme, or ``none``."""
    scheme, colon, rest = text.partition(":")
    if text != "none" and not (colon and rest and scheme.replace("+", "").isalnum()):
        raise ValueError("a URL or none")
    return text


def duration(text: str) -> float:
    """Return seconds: a number with s, m, h, d or w behind it, days without any."""
    unit = text[-1:] if text[-1:].isalpha() else "d"
    number = _number(text.removesuffix(unit))
    if number is None or unit not in _SECONDS:
        message = "a duration such as 30d, 12h or 90m"
        raise ValueError(message)
    return number * _SECONDS[unit]


def size(text: str) -> int:
    """Return bytes: a number with K, M, G or T behind it, each 1,024 times the one before."""
    unit = text[-1:].upper() if text[-1:].isalpha() else ""
    number = _number(text[: len(text) - len(unit)])
    if number is None or unit not in _UNITS:
        message = "a size such as 500M or 2G"
        raise ValueError(message)
    return int(number * 1024 ** _UNITS.index(unit))


def _number(text: str) -> float | None:
    """Return a finite number, zero or more, None for anything else."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
