"""What is refused before a plan is made, all reasons together.

Guarantees: reads only.

Errors: :class:`~linkinstall.errors.ConflictError`,
:class:`~linkinstall.errors.DistributionError`.
"""

from __future__ import annotations

from linkinstall.distribution import read_installer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linkinstall.distribution import Distribution
    from linkinstall.world import World

__all__ = ["refuse_twice", "refuse_unremovable"]


def refuse_twice(names: Sequence[str], wheels: Sequence[str | None]) -> None:
    """Refuse two wheels of one project in one transaction.

    :param wheels: for each of ``names`` the wheel file, None where there is none
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        from linkinstall.errors import ConflictError, Problem

        problems = []
        for name in twice:
            files = [path for one, path in zip(names, wheels, strict=True) if one == name]
            given = " and ".join(path for path in files if path is not None)
            reason = f"{name} comes twice" + (f": {given}" if given else "")
            problems.append(Problem("claimed-twice", name, name, reason))
        raise ConflictError(
            f"Two wheels of one command are of the same project: {', '.join(twice)}.",
            problems=problems,
            next_step="Nothing was changed. Give one wheel for each project.",
        )


def refuse_unremovable(world: World, leaving: Iterable[Distribution]) -> None:
    """Refuse to remove distributions that have no RECORD (PyPA: tools must not)."""
    lost = [old for old in leaving if world.rows(old) is None]
    if not lost:
        return
    from linkinstall.errors import DistributionError, Problem

    problems = []
    for old in lost:
        by = read_installer(world.files, old)
        reason = f"{old.path} has no RECORD" + (f" (installed by {by})" if by else "")
        problems.append(Problem("record-missing", f"{old.path}/RECORD", old.name, reason))
    raise DistributionError(
        f"Cannot tell which files belong to {', '.join(sorted({one.name for one in lost}))}: "
        "RECORD is missing.",
        problems=problems,
        next_step="Nothing was changed. Install a wheel of the project over it "
        "(that replaces the remains), then uninstall it.",
    )
