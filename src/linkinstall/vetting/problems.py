"""Problems of a wheel, collected so that a person hears of all of them at once.

Purpose: the parts of :mod:`linkinstall.vetting` note what they find here; nothing is
raised until every part had its say.

Guarantees: what a hostile wheel can make of it is bounded (``limits.WHEEL_PROBLEMS``),
and no text from a wheel reaches a terminal with control or direction characters in it.

Errors: none.
"""

from __future__ import annotations

from linkinstall import limits
from linkinstall.errors import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.errors import InvalidWheelError

__all__ = ["Problems", "shown"]

_SHOWN = 160


class Problems:
    """What was found wrong with one wheel, in the order it was found."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.left_out = 0

    def add(self, code: str, member: str, reason: str) -> None:
        """Note a problem of ``member``, or of the wheel as a whole where that is ``""``."""
        if len(self.found) >= limits.WHEEL_PROBLEMS:
            self.left_out += 1
            return
        message = f"{shown(member)}: {reason}" if member else reason
        self.found.append(Problem(code, member, None, message))

    def take(self, error: InvalidWheelError) -> None:
        """Note what another part of the package raised."""
        for problem in error.problems:
            self.add(problem.code, problem.path, problem.message)

    def error(self, basename: str) -> InvalidWheelError:
        """Return the one error that tells all of it."""
        from linkinstall.errors import InvalidWheelError

        count = len(self.found) + self.left_out
        words = "a problem was found" if count == 1 else f"{count} problems were found"
        message = f"The wheel {shown(basename)} was refused: {words} before anything was unpacked."
        problems = list(self.found)
        if self.left_out:
            problems.append(Problem("more", "", None, f"and {self.left_out} more"))
        return InvalidWheelError(
            message,
            path=basename,
            problems=problems,
            next_step="Nothing was changed. Get the wheel again from where it came from; if it is "
            "the same there, tell those who built it.",
        )


def shown(text: str) -> str:
    """Return text from a wheel as it may be shown: quoted, escaped, of bounded length."""
    if len(text) > _SHOWN:
        return repr(text[:_SHOWN]) + "..."
    return repr(text)
