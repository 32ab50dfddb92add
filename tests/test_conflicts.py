"""What is in the way of a plan, in one error."""

from __future__ import annotations

import pytest

from linkinstall.conflicts import conflict
from linkinstall.errors import ConflictError, Problem

_FOLDERS = "Move folders and links elsewhere: they are never replaced."
_FILES = (
    "Uninstall what owns the files or move them elsewhere, "
    "or pass --overwrite-existing to replace them."
)
_WHEELS = (
    "Leave out one of the wheels that bring the same path, "
    "or install it by a command of its own with --overwrite-existing."
)
_EDITED = "Move {} elsewhere, or pass --overwrite-existing to replace what changed."


@pytest.mark.parametrize(
    ("found", "step"),
    [
        ([("owned", "other")], _FILES),
        ([("unowned", None), ("unowned", None)], _FILES),
        ([("folder-in-the-way", None)], _FOLDERS),
        ([("link-in-the-way", "app"), ("leads-out", None)], _FOLDERS),
        ([("leads-out", None), ("owned", "other")], f"{_FOLDERS} {_FILES}"),
        ([("claimed-twice", "other")], _WHEELS),
        ([("claimed-twice", "other"), ("unowned", None)], f"{_WHEELS} {_FILES}"),
        ([("no-folder", None)], "Move /0 elsewhere: a folder of the environment goes there."),
        (
            [("owned", "app")],
            _EDITED.format("/0"),
        ),
        (
            [("owned", "app"), ("owned", "app"), ("unowned", None)],
            f"{_EDITED.format('the edited files')} {_FILES}",
        ),
    ],
)
def test_the_next_step_helps_with_each_problem(
    found: list[tuple[str, str | None]], step: str
) -> None:
    """An option is advised for what it replaces alone.

    Story: it was advised where two wheels of one command bring a file, and changed nothing there.
    """
    problems = [Problem(code, f"/{n}", owner, "") for n, (code, owner) in enumerate(found)]

    error = conflict(problems, {"app"}, mends=False)

    assert isinstance(error, ConflictError)
    assert step == error.next_step
