"""Hold the pure core to the branches that its own tests take.

Purpose: the modules that decide (policy, plan, journal, ...) do no input or output, so
there is no reason for a line or a branch of them that no unit test takes. What the tests
of other modules happen to run through is not counted.

Calling sequence: ``.venv/bin/python -m tools.branches``, from the root of the repository.

Guarantees: nothing is written but below ``.cache/coverage``. Exit status 1 where a module has
less than its share of statements and branches taken, or a test fails.

Errors: those of coverage.
"""  # noqa: INP001 - run by name, from the root of the repository

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".cache" / "coverage"
LEAST = {
    "claims": 100, "identity": 97, "journal": 100, "manifest": 100, "places": 100, "plan": 100,
    "planner": 98, "policy": 100, "record": 100, "removal": 99, "settle": 98,
}  # fmt: skip
"""Module -> percent of statements and branches together that its own tests take at least."""


def taken() -> dict[str, float]:
    """Run the tests of all modules under coverage, and return the percentage of each module."""
    KEPT.mkdir(parents=True, exist_ok=True)
    data, report = f"--data-file={KEPT / 'data'}", KEPT / "report.json"
    tests = [f"tests/test_{name}.py" for name in LEAST] + ["tests/test_journal_format.py"]
    coverage = [sys.executable, "-m", "coverage"]
    include = ",".join(f"*/linkinstall/{name}.py" for name in LEAST)
    run = [*coverage, "run", data, "--branch", f"--include={include}", "-m", "pytest", "-q", *tests]
    subprocess.run(run, check=True, cwd=ROOT)
    subprocess.run([*coverage, "json", data, "-q", "-o", str(report)], check=True, cwd=ROOT)
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    return {Path(path).stem: one["summary"]["percent_covered"] for path, one in files.items()}


def main() -> int:
    """Print the table, return the exit status."""
    found = taken()
    for name, least in LEAST.items():
        told = "" if found[name] >= least else "  FAILED"
        share = f"{found[name]:.1f} % of its statements and branches, {least} at least"
        sys.stdout.write(f"{name:<10} {share}{told}\n")
    return int(any(found[name] < least for name, least in LEAST.items()))


if __name__ == "__main__":
    sys.exit(main())
