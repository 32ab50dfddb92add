"""``make proof``: a run that was stopped goes on, and nothing that has ended is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration import proof
from integration.faults import figures
from integration.faults.figures import Figure
from integration.proof import Ended, ledger, plan

if TYPE_CHECKING:
    from pathlib import Path

MAKEFILE = """
sweeps race:
\t@echo $@ >>ran
kill:
\t@echo $@ >>ran; exit 1
model:
\t@echo $@ >>ran; kill -INT $$(cut -d' ' -f4 /proc/$$PPID/stat)
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let ``make proof`` run targets that note that they ran."""
    (tmp_path / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    page = tmp_path / "docs" / "explanation" / "promises.md"
    monkeypatch.setattr(proof, "PAGE", page)
    monkeypatch.setattr(proof, "LEDGER", tmp_path / "ledger.json")
    monkeypatch.setattr(figures, "commit", lambda: "1234567")
    monkeypatch.setattr(figures, "read", list)
    return tmp_path


def ran(checkout: Path) -> list[str]:
    """Return the targets that were run since last asked."""
    told = checkout / "ran"
    lines = told.read_text(encoding="utf-8").split() if told.exists() else []
    told.unlink(missing_ok=True)
    return lines


def test_what_has_passed_is_not_run_again(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second run takes up what failed and what is new; ``--anew`` and a new commit all."""
    words = ["--only", "sweeps", "--only", "kill", "--only", "race"]

    assert 1 == proof.main(words)
    assert ["sweeps", "kill", "race"] == ran(checkout)
    assert "FAILED: kill" in capsys.readouterr().out
    assert 1 == proof.main(words)
    assert ["kill"] == ran(checkout)
    assert 1 == proof.main([*words, "--anew"])
    assert ["sweeps", "kill", "race"] == ran(checkout)
    monkeypatch.setattr(figures, "commit", lambda: "1234567+")
    assert 1 == proof.main(words)
    assert ["sweeps", "kill", "race"] == ran(checkout)


def test_what_has_ended_is_kept_where_a_run_is_stopped(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever stops it sees the table, and goes on later behind the last gate that ended."""
    words = ["--only", "sweeps", "--only", "model"]

    with pytest.raises(KeyboardInterrupt):
        proof.main(words)

    assert ["sweeps", "model"] == ran(checkout)
    assert "| gate | what |" in capsys.readouterr().out
    assert ["sweeps"] == list(ledger())


def test_it_is_told_before_how_long_it_took() -> None:
    """The plan tells what is run and what is not, and how long in all."""
    known = {
        "sweeps": Ended("1234567", 0, 600.0, "2026-11-21 10:00"),
        "kill": Ended("1234567", 1, 1200.0, "2026-11-21 11:00"),
    }

    told = plan(("sweeps", "kill", "race"), known, "1234567")

    assert "| sweeps | no, has passed | 10 | passed | 1234567 | 2026-11-21 10:00 |" in told
    assert "| kill | yes | 20 | FAILED | 1234567 | 2026-11-21 11:00 |" in told
    assert "| race | yes | not known |  |  |  |" in told
    assert told.endswith("In all 20 minutes, and 1 that never ran here.\n")
    assert "In all 30 minutes" in plan(("sweeps", "kill"), known, "")


def test_figures_name_their_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of the table tells which commit was put to the test."""
    monkeypatch.setattr(figures, "commit", lambda: "1234567")

    figures.note(Figure("R1", "kills", 1000, "runs", 0, 0, 60.0), tmp_path)

    (found,) = figures.read(tmp_path)
    assert "| R1 | kills | 1234567 | 1,000 runs | 0 | 0 | 1.0 |" in proof.table([found])
