"""``make rivals``: the kill sweep over pip, uv, installer, PDM and Poetry, beside ours.

Purpose: one Markdown table for the docs, with versions, the command and the commit.

Calling sequence::

    python -m integration.faults.rivals [--workers N] [--folder DIR]
    python -m integration.faults.rivals --write      # and put the table into the docs

Guarantees: exit status 1 if one of our rows has anything broken. PDM and Poetry are
installed first where they are not there yet; where that cannot be, they are SKIPPED, which
is a failure with ``CI=true``, and nothing is written: a table without them is none of all.

Errors: none.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from integration.faults import figures, peers, report
from integration.faults.projects import PROJECT_TOOLS, no_uv
from integration.faults.runner import Swept, sweep_all
from integration.faults.strace import Kill, unavailable

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

DETAILS = report.details("rivals")
MARKS = report.marks("make rivals")
WRITING = "python -m integration.faults.rivals --write"
SHOWN = {
    ("installer", peers.OVERWRITING): "install, again with `--overwrite-existing`",
    ("pdm", "install"): "install (`pdm sync`)",
    ("pdm", "uninstall"): "uninstall (`pdm sync --clean`)",
    ("poetry", "install"): "install (`poetry sync`)",
    ("poetry", "uninstall"): "uninstall (`poetry sync`, its built-in uninstaller)",
}
"""Tool and verb -> what the table says where a verb has another name."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep all tools, print the table, return the exit status."""
    parser = argparse.ArgumentParser(prog="integration.faults.rivals", description=__doc__)
    parser.add_argument("--workers", type=int, help="sweeps at once")
    parser.add_argument("--folder", help="where sandboxes are made")
    parser.add_argument("--tool", action="append", help="only this one (repeatable)")
    parser.add_argument("--write", action="store_true", help="write the table into the docs")
    options = parser.parse_args(arguments)
    reason = unavailable() or no_uv()
    if reason:
        print(f"SKIPPED rivals: {reason}")
        return int(os.environ.get("CI") == "true")
    chosen = [s for s in peers.scenarios() if not options.tool or s.tool in options.tool]
    missing = _missing({one.tool for one in chosen})
    chosen = [one for one in chosen if one.tool not in missing]
    # Of what is put to the test now, whatever is edited meanwhile.
    commit = figures.commit()
    swept = sweep_all(chosen, Kill(), folder=options.folder, workers=options.workers)
    report.write_details(DETAILS, swept)
    found = f"{table(swept)}\n\n{_made(commit)}"
    print(f"{found}\nDetails: {DETAILS}")
    if options.write and not options.tool and not missing:
        report.put(report.PAGE, MARKS, found)
    ours = [s for s in swept if s.scenario.tool == "linkinstall"]
    what = "the same kill sweep over other tools; ours is counted"
    figure = report.figure("R16", what, ours, sum(one.seconds for one in swept), ())
    figures.note(figure, whole=not options.tool)
    skipped = missing and os.environ.get("CI") == "true"
    return int(bool(skipped) or not all(s.passed for s in ours))


def _missing(tools: Container[str]) -> set[str]:
    """Return the tools that cannot be had here, after saying why."""
    reasons = {tool.name: tool.unavailable() for tool in PROJECT_TOOLS if tool.name in tools}
    for name, reason in reasons.items():
        if reason:
            print(f"SKIPPED {name}: {reason}")
    return {name for name, reason in reasons.items() if reason}


def _made(commit: str) -> str:
    """Return what made the table, of what, and where."""
    return f"Written by `{WRITING}` at {commit}: {peers.WHEEL}, {report.machine()}."


def table(swept: Sequence[Swept]) -> str:
    """Return the Markdown table: a row for each verb of each tool."""
    versions = peers.versions()
    heads = (
        "tool",
        "verb",
        "points",
        "not fired",
        "neither old nor new right after",
        "broken after the same command again",
        "temporary files left",
    )
    return report.table(heads, (_row(one, versions[one.scenario.tool]) for one in swept))


def _row(swept: Swept, version: str) -> tuple[object, ...]:
    name = f"{swept.scenario.tool} {version}"
    verb = SHOWN.get((swept.scenario.tool, swept.scenario.verb), swept.scenario.verb)
    if swept.error:
        return (name, verb, "failed without a fault", "", "", "", "")
    fired = [result for result in swept.results if result.strike.fired]
    between = sum(result.between is None for result in fired)
    broken = sum(bool(result.judgement.problems) for result in fired)
    litter = sum(bool(result.judgement.litter) for result in fired)
    return (name, verb, len(fired), len(swept.unfired), between, broken, litter)


if __name__ == "__main__":
    sys.exit(main())
