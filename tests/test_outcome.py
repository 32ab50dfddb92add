"""Outcomes: typed, and equal to the JSON that the command line prints."""

from __future__ import annotations

import json

from linkinstall.errors import ConflictError, Problem
from linkinstall.outcome import (
    Change,
    DistributionState,
    FileCount,
    Finding,
    Holder,
    Outcome,
    Pending,
    PlannedChange,
)
from tests.support.forms import KEYS


def test_every_key_is_always_present() -> None:
    """The emptiest outcome has every key of the contract, in its order."""
    form = Outcome("install").to_dict()

    assert KEYS == tuple(form)
    assert {"root": None, "python": None, "library": None} == form["environment"]
    assert {"clone": 0, "hardlink": 0, "symlink": 0, "copy": 0, "written": 0} == form["files"]
    assert (1, None, None) == (form["schema"], form["error"], form["plan"])


def test_parts_become_plain_objects() -> None:
    """Changes, counts and pending files turn into dictionaries and lists."""
    outcome = Outcome(
        "uninstall",
        changes=(Change("rich", "14.0.0", None, "removed"),),
        files=FileCount(hardlink=2),
        pending=(Pending("/env/a", "/env/b", (Holder(7, "python"),)),),
    )
    form = outcome.to_dict()

    assert [{"name": "rich", "version": "14.0.0", "previous": None, "action": "removed"}] == form[
        "changes"
    ]
    assert 2 == form["files"]["hardlink"]
    assert [
        {"path": "/env/a", "moved_to": "/env/b", "holders": [{"pid": 7, "name": "python"}]}
    ] == form["pending"]


def test_an_error_becomes_an_object() -> None:
    """An error's form has code, message, problems, state and the next step."""
    error = ConflictError(
        "No.", problems=[Problem("owned", "/env/a.py", "rich")], next_step="Do this."
    )

    assert {
        "code": "conflict",
        "message": "No.",
        "problems": [{"code": "owned", "path": "/env/a.py", "owner": "rich"}],
        "state": "unchanged",
        "next": "Do this.",
    } == Outcome("install", error=error).to_dict()["error"]


def test_a_plan_becomes_a_list() -> None:
    """A dry run's plan lists each change with its paths; an empty plan is not null."""
    change = PlannedChange("rich", "2", "1", "replace", {"hardlink": 3}, ("/env/a",), ("/env/b",))

    assert [] == Outcome("install", plan=()).to_dict()["plan"]
    assert [
        {
            "name": "rich",
            "version": "2",
            "previous": "1",
            "action": "replace",
            "files": {"hardlink": 3},
            "added": ["/env/a"],
            "removed": ["/env/b"],
        }
    ] == Outcome("install", plan=(change,)).to_dict()["plan"]


def test_some_commands_add_a_key() -> None:
    """Distributions, findings and the cache appear where the command has them, empty or not."""
    state = DistributionState("rich", "14.0.0", "whole", "/env/rich-14.0.0.dist-info")
    finding = Finding("rich", "modified", "missing", "/env/a.py")

    assert [] == Outcome("list", distributions=()).to_dict()["distributions"]
    assert ["rich"] == [
        one["name"] for one in Outcome("list", distributions=(state,)).to_dict()["distributions"]
    ]
    assert ["missing"] == [
        one["code"] for one in Outcome("check", findings=(finding,)).to_dict()["findings"]
    ]
    assert {"path": "/c"} == Outcome("cache info", cache={"path": "/c"}).to_dict()["cache"]


def test_the_form_is_json() -> None:
    """The form can be written as JSON and read back unchanged."""
    outcome = Outcome(
        "check",
        error=ConflictError("No.", problems=[Problem("owned", "/env/a")]),
        findings=(Finding("rich", "modified", "missing", "/env/a.py"),),
        plan=(PlannedChange("rich", "2", None, "install", {}, ("/env/a",)),),
    )
    form = outcome.to_dict()

    assert form == json.loads(json.dumps(form))
