"""Outcomes as text and as JSON."""

from __future__ import annotations

import json

import pytest

from linkinstall.cli.render import error_lines, json_text, message_lines, result_lines
from linkinstall.errors import (
    ConflictError,
    FileSystemError,
    LinkInstallError,
    LockTimeoutError,
    Problem,
    UnsettledError,
    UsageError,
)
from linkinstall.outcome import (
    BytecodeCount,
    Change,
    DistributionState,
    FileCount,
    Finding,
    Holder,
    Kept,
    Outcome,
    Pending,
    PlannedChange,
    Recovered,
    Warn,
)
from linkinstall.results import SETTLED
from linkinstall.values import replace

RICH = Change("rich", "14.0.0", None, "installed")


def messages(outcome: Outcome, *, verbose: bool = False) -> list[str]:
    """Return what standard error gets."""
    return list(message_lines(outcome, verbose=verbose))


def results(outcome: Outcome, *, verbose: bool = False) -> list[str]:
    """Return what standard output gets."""
    return list(result_lines(outcome, verbose=verbose))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (RICH, "installed rich 14.0.0 (78 files: 78 hardlink)"),
        (
            Change("rich", "14.0.0", "13.9", "replaced"),
            "replaced rich 13.9 -> 14.0.0 (78 files: 78 hardlink)",
        ),
        (
            Change("rich", "14.0.0", None, "replaced"),
            "replaced rich 14.0.0 (78 files: 78 hardlink)",
        ),
        (
            Change("rich", "14.0.0", "14.0.0", "reinstalled"),
            "reinstalled rich 14.0.0 (78 files: 78 hardlink)",
        ),
        (Change("rich", "14.0.0", "14.0.0", "unchanged"), "unchanged rich 14.0.0"),
    ],
)
def test_one_change_is_one_line(change: Change, line: str) -> None:
    """A success is summed up in one line."""
    assert [line] == messages(Outcome("install", changes=(change,), files=FileCount(hardlink=78)))


def test_a_removal_places_nothing() -> None:
    """A removed distribution is named with its version."""
    removed = Change("rich", "14.0.0", "14.0.0", "removed")

    assert ["removed rich 14.0.0"] == messages(Outcome("uninstall", changes=(removed,)))


def test_several_changes_have_totals() -> None:
    """Each distribution has its line, and the totals come last."""
    outcome = Outcome(
        "install",
        changes=(RICH, Change("idna", "3", "2", "replaced"), Change("six", "1", "1", "unchanged")),
        files=FileCount(hardlink=80, written=6),
    )

    assert [
        "installed rich 14.0.0",
        "replaced idna 2 -> 3",
        "unchanged six 1",
        "2 distributions (86 files: 80 hardlink, 6 written)",
    ] == messages(outcome)


def test_names_that_were_not_installed_are_only_warned_about() -> None:
    """What was skipped has a warning, and no second line."""
    outcome = Outcome(
        "uninstall",
        changes=(Change("foo", None, None, "skipped"),),
        warnings=(Warn("not-installed", "foo is not installed"),),
    )

    assert ["warning: foo is not installed"] == messages(outcome)


def test_what_was_recovered_is_told_first() -> None:
    """A person hears which unfinished transactions were settled, and how."""
    outcome = Outcome(
        "install",
        recovered=(Recovered("t1", "rolled-back"), Recovered("t2", "finished")),
        changes=(RICH,),
    )

    assert [
        "recovered: rolled back the unfinished transaction t1",
        "recovered: finished the unfinished transaction t2",
        "installed rich 14.0.0",
    ] == messages(outcome)


def test_nothing_to_recover_is_said() -> None:
    """``recover`` answers even where there was nothing to do."""
    assert ["nothing to recover"] == messages(Outcome("recover"))


def test_nothing_to_repair_is_said() -> None:
    """``repair --all`` answers even where all is whole; it ended without a word.

    What was taken away, a leftover say, is told by its warning.
    """
    took = Outcome("repair", warnings=(Warn("leftover", "took away /e/~ip"),))
    whole = Outcome("repair", changes=(Change("rich", "14.0.0", "14.0.0", "unchanged"),))

    assert ["nothing to repair"] == messages(Outcome("repair"))
    assert ["warning: took away /e/~ip"] == messages(took)
    assert ["unchanged rich 14.0.0"] == messages(whole)


def test_what_state_things_are_in_is_said_once() -> None:
    """Where the state has a line of its own, the message does not say it before.

    An install that ran out of space said that the environment is as it was, and then that
    it is unchanged.
    """
    cause = OSError(28, "No space left on device")
    message = "/e/a.py: No space left on device. The environment is as it was."
    error = FileSystemError(message, path="/e/a.py", cause=cause, next_step="Mend the cause.")

    assert [
        "error: /e/a.py: No space left on device.",
        "The environment is unchanged.",
        "Mend the cause.",
    ] == list(error_lines(error, "install"))
    assert [f"error: {message}", "Mend the cause."] == list(error_lines(error, "recover"))


@pytest.mark.parametrize("command", ["install", "venv remove"])
def test_what_was_settled_before_is_no_unchanged_environment(command: str) -> None:
    """After a recovery an error says that nothing else was changed, once."""
    cause = OSError(5, "Input/output error")
    error = FileSystemError(f"/e: No. {SETTLED}", path="/e", cause=cause, next_step="Mend it.")

    lines = list(error_lines(error, command, settled=True))

    assert ["error: /e: No.", "  /e: Input/output error", SETTLED, "Mend it."] == lines


def test_busy_files_are_warned_about_with_their_holders() -> None:
    """A file that waits in the trash is named with who holds it."""
    pending = Pending("/e/ruff", "/e/.linkinstall/trash/1", (Holder(7, "code"),))

    line = (
        "warning: /e/ruff is busy, held by code (process 7); "
        "it waits for its removal as /e/.linkinstall/trash/1"
    )

    assert [line] == messages(Outcome("uninstall", pending=(pending,)))


def test_what_waits_already_is_told_by_one_path() -> None:
    """A later run finds it in the trash: it is not moved once more."""
    pending = Pending("/e/.linkinstall/trash/1", "/e/.linkinstall/trash/1")

    held = replace(pending, holders=(Holder(7, "code"),))

    start = "warning: /e/.linkinstall/trash/1"

    assert [
        f"{start} cannot be deleted yet; it waits for its removal",
        f"{start} is still busy, held by code (process 7); it waits for its removal",
    ] == [line for line in messages(Outcome("recover", pending=(pending, held))) if "wait" in line]


def test_what_nobody_is_known_to_hold_is_not_called_busy() -> None:
    """A file that cannot be deleted may be protected as well as in use.

    An immutable file, and one in a read-only folder, was called busy, so that its user
    looked for a program to close.
    """
    pending = Pending("/e/ruff", "/e/.linkinstall/trash/1")

    line = (
        "warning: /e/ruff cannot be deleted yet; "
        "it waits for its removal as /e/.linkinstall/trash/1"
    )

    assert [line] == messages(Outcome("uninstall", pending=(pending,)))


def test_kept_paths_are_counted_or_named() -> None:
    """What was left alone is counted, and named under ``-v``."""
    outcome = Outcome("uninstall", kept=(Kept("/e/google", "owned by google-auth"),))

    assert ["kept 1 path (-v names them)"] == messages(outcome)
    assert ["kept /e/google: owned by google-auth"] == messages(outcome, verbose=True)


def test_verbose_tells_the_bytecode_and_the_environment() -> None:
    """``-v`` adds how compiled files came about, and where things went."""
    outcome = Outcome(
        "install",
        changes=(RICH,),
        bytecode=BytecodeCount(linked=3, compiled=2, failed=1),
        environment_library="/e/lib",
    )

    assert [
        "installed rich 14.0.0",
        "bytecode: 3 linked, 2 compiled, 1 failed",
        "environment: /e/lib",
    ] == messages(outcome, verbose=True)


def test_a_failure_has_no_summary() -> None:
    """Where something failed, nothing claims success."""
    outcome = Outcome("install", changes=(RICH,), error=LinkInstallError("Bad."))

    assert [] == messages(outcome)


def test_list_is_one_line_a_distribution() -> None:
    """``list`` prints name, version and health."""
    outcome = Outcome("list", distributions=(DistributionState("rich", "14.0.0", "whole", "/e/r"),))

    assert ["rich 14.0.0 whole"] == results(outcome)
    assert [] == messages(outcome)


def test_check_is_one_line_a_finding() -> None:
    """``check`` prints name, code and path, and what mends it."""
    outcome = Outcome(
        "check",
        findings=(
            Finding(
                "rich", "modified", "changed", "/e/a b.py", "sha256=a", "sha256=b", "reinstall"
            ),
            Finding("", "half-removed", "foreign-leftover", "/e/~ich"),
        ),
    )

    assert ["rich changed /e/a b.py (mend: reinstall)", "- foreign-leftover /e/~ich"] == results(
        outcome
    )
    assert ["  expected sha256=a", "  actual sha256=b"] == results(outcome, verbose=True)[1:3]
    assert ["2 findings"] == messages(outcome)
    assert ["0 findings"] == messages(Outcome("check", findings=()))


PLAN = (
    PlannedChange("a", "1", None, "install", {"hardlink": 70, "copy": 5, "clone": 0}, ("/e/a",)),
    PlannedChange("b", "2", "1", "replace", {"copy": 1}, ("/e/new",), ("/e/old",)),
    PlannedChange("c", "3", "3", "remove", {}, (), ("/e/c", "/e/d")),
)


def test_a_dry_run_is_one_line_a_change() -> None:
    """``--dry-run`` prints what would be done, with the number of files each way."""
    outcome = Outcome("install", plan=PLAN, changes=(RICH,))

    assert [
        "would install a 1 (75 files: 70 hardlink, 5 copy)",
        "would replace b 1 -> 2 (1 files: 1 copy)",
        "would remove c 3 (2 files)",
    ] == results(outcome)
    assert [] == messages(outcome)


def test_a_verbose_dry_run_names_every_path() -> None:
    """With ``-v`` each path to come and to go has its line."""
    lines = results(Outcome("install", plan=PLAN), verbose=True)

    assert ["+ /e/a"] == lines[1:2]
    assert ["+ /e/new", "- /e/old"] == lines[3:5]
    assert ["- /e/c", "- /e/d"] == lines[6:]


def test_an_empty_dry_run_says_so() -> None:
    """A dry run without changes tells that, or what is unchanged."""
    unchanged = Change("rich", "14", "14", "unchanged")

    assert ["nothing to do"] == messages(Outcome("install", plan=()))
    assert ["unchanged rich 14"] == messages(Outcome("install", plan=(), changes=(unchanged,)))


def test_the_cache_is_told() -> None:
    """``cache dir`` prints the folder alone, ``cache info`` each fact with its name."""
    assert ["/c"] == results(Outcome("cache dir", cache={"path": "/c"}))
    assert ["path: /c", "entries: 3"] == results(
        Outcome("cache info", cache={"path": "/c", "entries": 3})
    )
    assert [] == results(Outcome("cache add", cache={"path": "/c", "added": []}))


def test_an_error_tells_reasons_state_and_next_step() -> None:
    """Each reason stands on its own line, then what state things are in, then what to do."""
    error = ConflictError(
        "Two files are in the way.",
        problems=[Problem("owned", "/e/a", "x", "/e/a belongs to x"), Problem("unowned", "/e/b")],
        next_step="Use --overwrite-existing.",
    )

    assert [
        "error: Two files are in the way.",
        "  /e/a belongs to x",
        "  unowned: /e/b",
        "The environment is unchanged.",
        "Use --overwrite-existing.",
    ] == list(error_lines(error, "install"))


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("install", ["The environment is unchanged.", "Check the path."]),
        ("venv remove", ["Nothing was changed.", "Check the path."]),
        ("cache add", ["Nothing was changed. Check the path."]),
    ],
)
def test_that_nothing_was_changed_is_told_once(command: str, lines: list[str]) -> None:
    """A message says it for those who read no more than that; a person is not told twice."""
    error = ConflictError("No.", next_step="Nothing was changed. Check the path.")

    assert ["error: No.", *lines] == list(error_lines(error, command))


def test_an_unsettled_environment_is_told_with_the_next_run() -> None:
    """Where a transaction is unfinished, a person hears what the next run does."""
    lines = list(error_lines(UnsettledError("The disk is full."), "uninstall"))

    assert "The environment is unsettled: an unfinished transaction is on disk." == lines[1]
    assert "settles it first" in lines[2]
    assert ["Do this."] == list(error_lines(UnsettledError("Bad.", next_step="Do this."), ""))[2:]


@pytest.mark.parametrize(
    ("error", "command"),
    [
        (UsageError("No such thing."), "install"),
        (LinkInstallError("Bad."), "cache add"),
        (LinkInstallError("Already committed; finished."), "recover"),
    ],
)
def test_no_state_is_claimed_where_none_was_at_stake(error: LinkInstallError, command: str) -> None:
    """Usage errors, the cache, and ``recover`` (which may have acted) claim nothing."""
    assert [f"error: {error.message}"] == list(error_lines(error, command))


def test_messages_of_several_lines_stay_one_message() -> None:
    """A managed environment's own message is shown whole, its further lines indented."""
    error = LinkInstallError("First.\n\nerror: not really")

    assert ["error: First.", "", "  error: not really"] == list(error_lines(error, "list"))


def test_json_is_the_outcome() -> None:
    """``--json`` prints the outcome's form in one line of ASCII, whatever paths hold."""
    outcome = Outcome(
        "install",
        environment_root="/é\udcff\x1b",
        error=LockTimeoutError("/e/.lock", 1.0, what="the environment"),
    )
    text = json_text(outcome)

    assert outcome.to_dict() == json.loads(text)
    assert text.isascii()
    assert text.isprintable()
