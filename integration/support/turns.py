"""Every pair of two lists, of which continuous integration takes a sample.

Purpose: each of many damages is put to each of three installers' work. Each costs seconds,
and few differ by who installed. ``make integration`` takes each case once, with the
others in turn; ``make integration-slow`` takes the rest.

Calling sequence::

    @pytest.mark.parametrize(("damage", "installed"), in_turn(DAMAGES, INSTALLERS),
                             indirect=["installed"])

Guarantees: each of the cases and each of the others is in the sample. All pairs are there.

Errors: none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from _pytest.mark.structures import ParameterSet

INSTALLERS = ("ours", "pip", "uv")
"""Who may have installed what is changed: the parameters of the fixture ``installed``."""


def in_turn(
    cases: Sequence[tuple[Any, ...]], others: Sequence[str], *, name: Callable[..., str]
) -> list[ParameterSet]:
    """Return all pairs as parameters; those that are out of turn are marked ``slow``.

    :param cases: the other's parameter comes last behind each
    :param name: makes the first part of a test's name of a case
    """
    return [
        pytest.param(
            *case,
            other,
            id=f"{name(*case)}-{other}",
            marks=() if place == number % len(others) else pytest.mark.slow,
        )
        for number, case in enumerate(cases)
        for place, other in enumerate(others)
    ]
