"""Bytes that are almost right: a deterministic mutator for ``make fuzz``.

Purpose: take a good input, or two, and spoil it in one to six places, in the ways that
parsers stumble over: flipped bits, cut and repeated spans, lines that change places,
numbers that are negative, huge or no numbers, and the words of the format itself.

Calling sequence::

    data = mutated(chance_of(seed, "record", 17), seeds, tokens=(b",", b'"'))

Guarantees: the same seed, target and number give the same bytes, on every machine.
A result has at most ``LARGEST`` bytes.

Errors: none.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Mutation = Callable[[random.Random, bytes, Sequence[bytes], Sequence[bytes]], bytes]

LARGEST = 256 << 10
"""Bytes of the largest input: the bound of a metadata file of a wheel."""
_MOST_CHANGES = 6
_MOST_COPIES = 4_000
_NUMBER = re.compile(rb"-?\d+")
NUMBERS = (
    b"", b"0", b"-0", b"-1", b"-2", b"1", b"2", b"3", b"255", b"65535", b"65536", b"4294967295",
    b"9223372036854775808", b"18446744073709551616", b"-9223372036854775809", b"1" + b"0" * 40,
    b"9" * 5_000, b"1_0", b" 7", b"+1", b"1.5", b"0x10", b"1e9", b"\xd9\xa1", b"nan",
)  # fmt: skip
"""Numbers as text: bounds of machine words, and what only some readers take for a number."""
TOKENS = (
    b"\0", b"\n", b"\r", b"\r\n", b"\n\n", b"\t", b" ", b"\\", b'"', b"'", b",", b"=", b":", b"%",
    b"/", b"//", b"..", b"../", b"/..", b"./", b"C:", b"#", b"[", b"]", b"\x1a", b"\x85",
    b"\xff", b"\xc3", b"\xc3\xa9", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"~", b"*",
)  # fmt: skip
"""What means something to some format, and bytes that are no text."""
_WIDTHS = (1, 2, 4, 8)


def chance_of(seed: int, target: str, number: int) -> random.Random:
    """Return the chance that one case is made with."""
    return random.Random(f"{seed} {target} {number}")  # noqa: S311 - to be repeated, not secret


def mutated(chance: random.Random, seeds: Sequence[bytes], tokens: Sequence[bytes] = ()) -> bytes:
    """Return one of the seeds, spoilt.

    :param seeds: good inputs
    :param tokens: the words of the format
    """
    data = chance.choice(seeds)
    words = (*tokens, *TOKENS)
    for _ in range(1 + int(_MOST_CHANGES * chance.random() ** 3)):
        data = chance.choice(_MUTATIONS)(chance, data, seeds, words)[:LARGEST]
    return data


def _span(chance: random.Random, length: int) -> tuple[int, int]:
    # Mostly short, sometimes all there is.
    begin = chance.randrange(length + 1)
    size = int((length - begin) * chance.random() ** 4) + chance.randrange(3)
    return begin, min(length, begin + size)


def _flip(chance: random.Random, data: bytes, _seeds: object, _tokens: object) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _replace(chance: random.Random, data: bytes, _seeds: object, _tokens: object) -> bytes:
    begin, end = _span(chance, len(data))
    return data[:begin] + chance.randbytes(min(end - begin, 16)) + data[end:]


def _cut(chance: random.Random, data: bytes, _seeds: object, _tokens: object) -> bytes:
    begin, end = _span(chance, len(data))
    return data[:begin] + data[end:]


def _end(chance: random.Random, data: bytes, _seeds: object, _tokens: object) -> bytes:
    # What a full disk or a power cut leaves: the beginning, or zeros in place of the end.
    at = chance.randrange(len(data) + 1)
    return data[:at] + (bytes(len(data) - at) if chance.random() < 1 / 4 else b"")


def _repeat(chance: random.Random, data: bytes, _seeds: object, _tokens: object) -> bytes:
    begin, end = _span(chance, len(data))
    copies = 2 if chance.random() < 7 / 8 else chance.randrange(_MOST_COPIES)
    return data[:begin] + (data[begin:end] * copies)[:LARGEST] + data[end:]


def _insert(chance: random.Random, data: bytes, _seeds: object, tokens: Sequence[bytes]) -> bytes:
    at = chance.randrange(len(data) + 1)
    copies = 1 if chance.random() < 15 / 16 else chance.randrange(_MOST_COPIES)
    return data[:at] + chance.choice(tokens) * copies + data[at:]


def _splice(chance: random.Random, data: bytes, seeds: Sequence[bytes], _tokens: object) -> bytes:
    other = chance.choice(seeds)
    begin, end = _span(chance, len(other))
    first, last = _span(chance, len(data))
    return data[:first] + other[begin:end] + data[last:]


def _line(chance: random.Random, data: bytes, seeds: Sequence[bytes], _tokens: object) -> bytes:
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, chance.choice(lines))
        case 2:
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            lines.insert(at, chance.choice(chance.choice(seeds).split(b"\n")))
    return b"\n".join(lines)


def _number(chance: random.Random, data: bytes, _seeds: object, _tokens: object) -> bytes:
    found = list(_NUMBER.finditer(data[: 64 << 10]))
    if not found:
        return data
    one = chance.choice(found)
    return data[: one.start()] + chance.choice(NUMBERS) + data[one.end() :]


def _word(chance: random.Random, data: bytes, _seeds: object, _tokens: object) -> bytes:
    # A number of some bytes, as binary formats have them, lowest byte first.
    width = chance.choice(_WIDTHS)
    at = chance.randrange(max(1, len(data) - width + 1))
    limit = 1 << 8 * width
    known = (0, 1, limit - 1, limit // 2, limit // 2 - 1, len(data))
    value = chance.choice(known) if chance.random() < 1 / 2 else chance.randrange(limit)
    return data[:at] + (value % limit).to_bytes(width, "little") + data[at + width :]


_MUTATIONS: Sequence[Mutation] = (
    _flip, _replace, _cut, _end, _repeat, _insert, _insert, _splice, _line, _line, _number,
    _number, _word,
)  # fmt: skip
