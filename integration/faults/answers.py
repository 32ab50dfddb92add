"""How the commands of a race ended, and what each of them did to its environment.

Purpose: one part of the verdict of ``make race``: what a command says of itself. Whether all
of it fits together is for ``serial`` to say.

Calling sequence: ``end, event, wrong = judge(contender, answer, losers)``.

Guarantees: pure.

Errors: ``KeyError`` where a report lacks what each report has.
"""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

from integration.faults.serial import ANY, Event

if TYPE_CHECKING:
    from integration.faults.contests import Contender

KILLED = -signal.SIGKILL
_FINDING = frozenset({"check", "cache verify"})
"""Commands that end with 1 where they have found something, which is no error."""

_WHOLE = frozenset({"created", "cleared", "removed"})
"""What is done to an environment as a whole: no change of a project is reported of it."""


def judge(
    contender: Contender, answer: dict[str, Any], losers: frozenset[str]
) -> tuple[str, Event | None, list[str]]:
    """Return how a command ended, what it did to its environment, and what is wrong."""
    status = answer["status"]
    if status is None:
        return "hung", Event({}, contender.effect, optional=True), ["it did not end: a deadlock"]
    if status == KILLED:
        return "killed", Event({}, contender.effect, optional=True), []
    if not contender.ours:
        return "uv", Event({}, contender.effect, optional=status != 0), []
    wrong = ["a traceback"] if "Traceback" in answer["output"] + answer["errors"] else []
    try:
        told = json.loads(answer["output"])
    except ValueError:
        last = answer["errors"].strip()[-200:]
        return "broken", None, [*wrong, f"no report, status {status}: {last}"]
    if told["exit"] != status:
        wrong.append(f"ends with {status}, and says {told['exit']}")
    # A race inside the cache would otherwise pass for a cache that cannot be written.
    wrong += [one["message"] for one in told["warnings"] if one["code"] == "cache-unwritable"]
    error = told["error"]
    if error is None:
        finds = status == 1 and told["command"] in _FINDING
        wrong += [f"succeeds with {status}"] if status and not finds else []
        if told.get("venv", {}).get("action") in _WHOLE:
            return told["status"], Event({}, contender.effect), wrong
        return told["status"], _event(told["changes"]), wrong
    if error["code"] not in losers or status != 1 or error["state"] != "unchanged":
        wrong.append(f"{error['code']}, status {status}, {error['state']}: {error['message']}")
    owners = {problem["owner"]: ANY for problem in error["problems"] if problem["owner"]}
    return error["code"], Event(owners, {}), wrong


def _event(changes: list[dict[str, Any]]) -> Event:
    requires = {one["name"]: one["previous"] for one in changes}
    left = {one["name"]: one["version"] for one in changes}
    removed = {one["name"]: None for one in changes if one["action"] in {"removed", "skipped"}}
    return Event(requires, {**left, **removed})
