"""Turn an outcome into lines for people, or into JSON for programs.

Purpose: what is printed, as pure functions of the outcome. The forms of results are
a contract (``docs/reference/command-line.md``, Output); messages are free.

Calling sequence: ``result_lines`` for standard output, ``message_lines`` and
``error_lines`` for standard error, ``json_text`` for ``--json``. ``Console`` escapes.

Guarantees: one string is one line (a line break in a path is escaped by the console);
nothing is read or printed.

Errors: none.
"""

from __future__ import annotations

from linkinstall.results import AS_IT_WAS, SETTLED
from linkinstall.values import as_dict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from linkinstall.errors import LinkInstallError
    from linkinstall.outcome import Change, Finding, Outcome, Pending, PlannedChange

__all__ = ["error_lines", "json_text", "message_lines", "result_lines"]

VENV = ("venv create", "venv clear", "venv remove", "venv decouple")
CHANGING = ("install", "uninstall", "repair", *VENV)
NO_STATE = ("usage", "bug")
"""Codes of errors that say nothing about the environment."""
UNSETTLED_NEXT = (
    "The next linkinstall command that changes this environment settles it first; "
    "so does `linkinstall recover`."
)
_NOTHING = "Nothing was changed."
ACTIONS = {"rolled-back": "rolled back", "finished": "finished"}


def json_text(outcome: Outcome) -> str:
    """Return the JSON form, in one line of ASCII."""
    import json

    return json.dumps(outcome.to_dict())


def result_lines(outcome: Outcome, *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines of the result: a list, findings, a plan, or what the cache says."""
    for one in outcome.distributions or ():
        yield f"{one.name} {one.version} {one.health}"
    for finding in outcome.findings or ():
        # What is wrong with a file of the cache, others may have to know.
        whole = verbose or outcome.command == "cache verify"
        yield from _finding_lines(finding, verbose=whole)
    for planned in outcome.plan or ():
        yield _planned_line(planned)
        if verbose:
            yield from (f"+ {path}" for path in planned.added)
            yield from (f"- {path}" for path in planned.removed)
    if outcome.cache is not None:
        yield from _cache_lines(outcome.command, outcome.cache)
        if outcome.cache.get("dry_run"):
            yield from _pruned_lines(outcome.cache, verbose=verbose)


def message_lines(outcome: Outcome, *, verbose: bool = False) -> Iterator[str]:
    """Yield what a person is told besides the result and an error."""
    for one in outcome.recovered:
        action = ACTIONS.get(one.action, one.action)
        yield f"recovered: {action} the unfinished transaction {one.id}"
    for warning in outcome.warnings:
        yield from _with_head("warning", warning.message)
    for pending in outcome.pending:
        yield _pending_line(pending)
    if outcome.error is None:
        yield from _summary_lines(outcome, verbose=verbose)
    if verbose:
        yield from (f"kept {one.path}: {one.reason}" for one in outcome.kept)
    elif outcome.kept:
        yield f"kept {_count(len(outcome.kept), 'path')} (-v names them)"


def error_lines(error: LinkInstallError, command: str, *, settled: bool = False) -> Iterator[str]:
    """Yield what happened, each reason, what state things are in, and what to do next.

    :param settled: what an earlier run had left was settled before
    """
    told = error.state != "unsettled" and command in CHANGING and error.code not in NO_STATE
    # The state has a line of its own here.
    message = error.message
    for state in (AS_IT_WAS, SETTLED) if told else ():
        message = message.removesuffix(f" {state}")
    yield from _with_head("error", message)
    for problem in error.problems:
        words = problem.message or _problem_words(problem.code, problem.path)
        if words not in error.message:
            yield f"  {words}"
    next_step = error.next_step or (UNSETTLED_NEXT if error.state == "unsettled" else "")
    if error.state == "unsettled":
        yield "The environment is unsettled: an unfinished transaction is on disk."
    elif told:
        yield SETTLED if settled else _unchanged_words(command)
        next_step = next_step.removeprefix(f"{_NOTHING} ")  # for who reads no more than this
    yield from next_step.splitlines()


def _unchanged_words(command: str) -> str:
    # What a venv command was given may be no environment at all.
    return _NOTHING if command in VENV else "The environment is unchanged."


def _with_head(head: str, text: str) -> Iterator[str]:
    """Yield ``head: first line`` and the further lines, indented."""
    first, *others = text.splitlines() or [""]
    yield f"{head}: {first}"
    yield from (f"  {line}".rstrip() for line in others)


def _problem_words(code: str, path: str) -> str:
    return f"{code}: {path}" if path else code


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _finding_lines(finding: Finding, *, verbose: bool) -> Iterator[str]:
    fix = f" (mend: {finding.fix})" if finding.fix else ""
    yield f"{finding.distribution or '-'} {finding.code} {finding.path}{fix}"
    if verbose and finding.expected is not None:
        yield f"  expected {finding.expected}"
    if verbose and finding.actual is not None:
        yield f"  actual {finding.actual}"


def _planned_line(planned: PlannedChange) -> str:
    what = _named(planned.name, planned.version, planned.previous, planned.action)
    detail = _files_words(planned.files, len(planned.removed))
    return f"would {planned.action} {what} ({detail})"


def _named(name: str, version: str | None, previous: str | None, action: str) -> str:
    """Return ``name 2.0``, or ``name 1.0 -> 2.0`` where one replaces the other."""
    replaces = action.startswith("replace") and previous is not None
    words = [name, f"{previous} -> {version}" if replaces else version]
    return " ".join(word for word in words if word)


def _files_words(files: Mapping[str, int], otherwise: int = 0) -> str:
    """Return ``75 files: 70 hardlink, 5 copy``.

    :param otherwise: the number of files where none is placed
    """
    ways = [f"{number} {way}" for way, number in files.items() if number]
    total = sum(files.values()) or otherwise
    return f"{total} files: {', '.join(ways)}" if ways else f"{total} files"


def _pending_line(pending: Pending) -> str:
    holders = ", ".join(f"{one.name} (process {one.pid})" for one in pending.holders)
    # Without a holder that is known, it may be protected as well as in use.
    why = f"is busy, held by {holders}" if holders else "cannot be deleted yet"
    if pending.path == pending.moved_to:  # moved there by an earlier run
        return (
            f"warning: {pending.path} {why.replace('is', 'is still', 1)}; it waits for its removal"
        )
    return f"warning: {pending.path} {why}; it waits for its removal as {pending.moved_to}"


def _summary_lines(outcome: Outcome, *, verbose: bool) -> Iterator[str]:
    """Yield what was done: one line for one change; else one for each, and the totals."""
    if outcome.findings is not None:
        yield _count(len(outcome.findings), "finding")
    yield from _idle_words(outcome)
    if outcome.venv is not None:
        yield _venv_words(outcome, outcome.venv)
    shown = [one for one in outcome.changes if one.action != "skipped"]
    if outcome.plan is not None:
        # A dry run has said the rest on standard output.
        shown = [one for one in shown if one.action == "unchanged"]
        if not outcome.plan and not shown:
            yield "nothing to do"
    changed = [one for one in shown if one.action != "unchanged"]
    totals = _totals(outcome) if changed else ""
    single = f" ({totals})" if totals and len(changed) == 1 else ""
    for one in shown:
        yield f"{_change_words(one)}{single if one.action != 'unchanged' else ''}"
    if totals and len(changed) > 1:
        yield f"{_count(len(changed), 'distribution')} ({totals})"
    if outcome.cache is not None and outcome.cache.get("dry_run") is False:
        yield from _pruned_lines(outcome.cache, verbose=verbose)
    if verbose:
        yield from _detail_lines(outcome)


def _idle_words(outcome: Outcome) -> Iterator[str]:
    """Yield what is said where a verb that takes no names had nothing to do."""
    if outcome.command == "recover" and not outcome.recovered:
        yield "nothing to recover"
    done = outcome.changes or outcome.warnings or outcome.recovered
    if outcome.command == "repair" and outcome.plan is None and not done:
        yield "nothing to repair"


def _venv_words(outcome: Outcome, venv: Mapping[str, str]) -> str:
    totals = _totals(outcome)
    return f"{venv['action']} {venv['path']}" + (f" ({totals})" if totals else "")


def _change_words(change: Change) -> str:
    named = _named(change.name, change.version, change.previous, change.action)
    return f"{change.action} {named}"


def _totals(outcome: Outcome) -> str:
    ways = as_dict(outcome.files)
    return _files_words(ways) if any(ways.values()) else ""


def _detail_lines(outcome: Outcome) -> Iterator[str]:
    bytecode = outcome.bytecode
    if bytecode.linked or bytecode.compiled or bytecode.failed:
        yield (
            f"bytecode: {bytecode.linked} linked, {bytecode.compiled} compiled, "
            f"{bytecode.failed} failed"
        )
    if outcome.environment_library:
        yield f"environment: {outcome.environment_library}"


def _cache_lines(command: str, cache: Mapping[str, Any]) -> Iterator[str]:
    if command == "cache dir":
        yield str(cache["path"])
    elif command == "cache info":
        for key, entry in cache.items():
            if isinstance(entry, list):
                yield from (f"{key[:-1]}: {_list_words(one)}" for one in entry)
            else:
                yield f"{key}: {entry}"


def _list_words(one: Any) -> str:
    if isinstance(one, str):
        return one
    return f"{one['root']} ({_count(one['entries'], 'entry')})"


def _kept_words(one: Mapping[str, Any]) -> str:
    used = f" by {', '.join(one['environments'])}" if one["environments"] else ""
    reasons = {"recent": "used lately", "fits": "there is room for it"}
    reasons |= {mode: f"in use ({mode})" for mode in ("hardlink", "symlink")}
    return f"kept {_stored(one)}: {reasons[one['reason']]}{used}"


def _stored(one: Mapping[str, Any]) -> str:
    return f"{one['name'] or one['id']} {one['version'] or ''}".rstrip()


def _pruned_lines(cache: Mapping[str, Any], *, verbose: bool) -> Iterator[str]:
    """Yield what went out of the cache, and with -v why the rest stayed."""
    remove = "would remove" if cache["dry_run"] else "removed"
    yield from (f"{remove} {_stored(one)} ({one['bytes']} bytes)" for one in cache["removed"])
    if verbose:
        yield from map(_kept_words, cache["kept"])
    yield (
        f"{remove} {_count(len(cache['removed']), 'entry')}, {cache['freed']} bytes; "
        f"kept {_count(len(cache['kept']), 'entry')}"
    )
