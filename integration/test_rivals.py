"""A sample of ``make rivals``: the same kills break what others leave, and nothing of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration.faults import peers, report, rivals
from integration.faults.projects import no_uv
from integration.faults.runner import Swept, sweep_all
from integration.faults.strace import Kill, unavailable
from tests.support.gates import require

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

EVERY = 6
"""Each how-many-th point is struck here; ``make rivals`` strikes all of them."""
TOOLS = ("linkinstall", "pip", "uv")


@pytest.fixture(scope="module")
def swept() -> list[Swept]:
    """Kill three tools at some points of installing and of removing."""
    reason = unavailable() or no_uv()
    require(not reason, reason)
    chosen = [one for one in peers.scenarios() if one.tool in TOOLS]
    return sweep_all(chosen, Kill(), every=EVERY)


def of(tools: Sequence[str], swept: Sequence[Swept]) -> list[Swept]:
    """Return what came of these tools."""
    return [one for one in swept if one.scenario.tool in tools]


def test_nothing_of_ours_is_broken_where_others_are(swept: list[Swept]) -> None:
    """Ours is old or new after the same command again; not all of theirs is.

    Where none of theirs is seen to be broken, it is the judge that is.
    """
    ours, theirs = of(TOOLS[:1], swept), of(TOOLS[1:], swept)

    assert [""] * len(swept) == [one.error for one in swept]
    assert [] == [report.explain(result) for one in ours for result in one.broken]
    assert all(one.passed for one in ours)
    assert any(result.judgement.problems for one in theirs for result in one.broken)


def test_each_verb_of_each_tool_has_a_row(swept: list[Swept]) -> None:
    """The table tells versions, and how many points did not fire."""
    lines = rivals.table(swept).splitlines()
    heads = [head.strip() for head in lines[0].split("|")]

    assert 2 + len(swept) == len(lines)
    assert all("not fired" in heads and "0" == line.split("|")[heads.index("not fired")].strip()
               for line in lines[2:4])  # fmt: skip
    assert f"| linkinstall {peers.versions()['linkinstall']} | uninstall |" in lines[2]


def test_what_cannot_run_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without uv nothing is compared: that is said, and fails in continuous integration only."""
    monkeypatch.setattr(rivals, "no_uv", lambda: "uv is missing")
    monkeypatch.delenv("CI", raising=False)

    assert 0 == rivals.main([])
    monkeypatch.setenv("CI", "true")
    assert 1 == rivals.main([])
    assert 2 == capsys.readouterr().out.count("SKIPPED rivals: ")


def test_a_table_stands_between_its_marks(tmp_path: Path) -> None:
    """What is written replaces what was there, and nothing else; without marks it is refused."""
    page = tmp_path / "page.md"
    page.write_text("before\n{}\nold\n{}\nafter\n".format(*rivals.MARKS), encoding="utf-8")

    report.put(page, rivals.MARKS, "new")
    report.put(page, rivals.MARKS, "newer")

    begin, end = rivals.MARKS
    assert f"before\n{begin}\n\nnewer\n\n{end}\nafter\n" == page.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="lacks the marks"):
        report.put(page, report.marks("nobody"), "new")
