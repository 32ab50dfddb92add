"""What a plan meets that is in its way, in one error, with the way out for each kind of it.

Calling sequence: ``conflict`` with all that was found, and raise what it returns.

Guarantees: pure. Imported where something is in the way, and not before.

Errors: none; :class:`~linkinstall.errors.ConflictError` is what is returned.
"""

from __future__ import annotations

from linkinstall.errors import ConflictError, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable

__all__ = ["conflict"]

_STAYS = ("folder-in-the-way", "leads-out", "link-in-the-way")
"""Codes of what no option replaces."""
_ROOT = "no-folder"
"""The code of a file at the place of a scheme's folder."""
_TOGETHER = "claimed-twice"
"""The code of what two wheels of one command bring: no option says which of them is meant."""


def conflict(problems: Iterable[Problem], own: Container[str], *, mends: bool) -> ConflictError:
    """Return the error for all that stands in a plan's way.

    :param own: the projects whose old versions go: what is left of these was edited
    :param mends: a repair asks, which has no option to replace what others own
    """
    unique = list(dict.fromkeys(problems))
    many = f"{len(unique)} paths are" if len(unique) > 1 else "One path is"
    message = f"{many} in the way; nothing was changed."
    return ConflictError(message, problems=unique, next_step=_way_out(unique, own, mends=mends))


def _way_out(problems: list[Problem], own: Container[str], *, mends: bool) -> str:
    if mends:
        return (
            "Move what is in the way elsewhere, or uninstall what owns it, "
            "and run the same command again."
        )
    stays = [one for one in problems if one.code in _STAYS]
    edited = [one for one in problems if one.code == "owned" and one.owner in own]
    roots = [one for one in problems if one.code == _ROOT]
    steps = [f"Move {one.path} elsewhere: a folder of the environment goes there." for one in roots]
    if stays:
        steps.append("Move folders and links elsewhere: they are never replaced.")
    if edited:
        what = edited[0].path if len(edited) == 1 else "the edited files"
        steps.append(
            f"Move {what} elsewhere, or pass --overwrite-existing to replace what changed."
        )
    twice = [one for one in problems if one.code == _TOGETHER]
    if twice:
        steps.append(
            "Leave out one of the wheels that bring the same path, "
            "or install it by a command of its own with --overwrite-existing."
        )
    if len(stays) + len(edited) + len(twice) + len(roots) < len(problems):
        steps.append(
            "Uninstall what owns the files or move them elsewhere, "
            "or pass --overwrite-existing to replace them."
        )
    return " ".join(steps)
