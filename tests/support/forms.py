"""The JSON object of the contract: which keys it has, and of what kind they are.

Purpose: one place that says what ``--json`` and ``Outcome.to_dict()`` must look like.

Calling sequence: ``assert_form(form, "install", 0)``.

Guarantees: taken from ``docs/reference/json.md``, not from the code.

Errors: ``AssertionError``.
"""

from __future__ import annotations

import os
from typing import Any

KEYS = (
    "schema",
    "command",
    "status",
    "exit",
    "environment",
    "recovered",
    "changes",
    "files",
    "bytecode",
    "pending",
    "kept",
    "warnings",
    "error",
    "plan",
)
"""In their order."""
PARTS = {
    "environment": {"root", "python", "library"},
    "files": {"clone", "hardlink", "symlink", "copy", "written"},
    "bytecode": {"linked", "compiled", "failed"},
}
ITEMS = {
    "changes": {"name", "version", "previous", "action"},
    "recovered": {"id", "action"},
    "warnings": {"code", "message"},
    "kept": {"path", "reason"},
    "pending": {"path", "moved_to", "holders"},
}
FINDING = {"distribution", "health", "code", "path", "expected", "actual", "fix"}
STATUSES = {"done", "unchanged", "refused", "failed", "unsettled"}


def assert_form(form: dict[str, Any], command: str, status: int, *more: str) -> None:
    """Say that an object has the keys of the contract, and values of their kinds."""
    assert {*KEYS, *more} == form.keys()
    assert (1, command, status) == (form["schema"], form["command"], form["exit"])
    assert form["status"] in STATUSES
    for key, keys in PARTS.items():
        assert keys == form[key].keys()
    for key, keys in ITEMS.items():
        assert all(keys == item.keys() for item in form[key])
    for path in form["environment"].values():
        assert path is None or os.path.isabs(path)
    if form["error"] is not None:
        assert {"code", "message", "problems", "state", "next"} == form["error"].keys()
        assert form["error"]["state"] in {"unchanged", "unsettled"}
        keys = {"code", "path", "owner"}
        assert all(keys == problem.keys() for problem in form["error"]["problems"])
