"""``linkinstall.vetting.problems``: all problems in one bounded, printable error."""

from __future__ import annotations

import pytest

from linkinstall import limits
from linkinstall.archive import unusable
from linkinstall.vetting.problems import Problems, shown


def test_all_problems_come_in_one_error() -> None:
    """The error names the wheel, counts, and has each problem with its member."""
    problems = Problems()
    problems.add("member-path", "../x", "the path leads out")
    problems.add("dist-info", "", "it has none")

    error = problems.error("a-1-py3-none-any.whl")

    assert "a-1-py3-none-any.whl" == error.path
    assert [("member-path", "../x"), ("dist-info", "")] == [
        (problem.code, problem.path) for problem in error.problems
    ]
    assert "2 problems were found" in str(error)
    assert "'../x': the path leads out" in str(error)
    assert "Nothing was changed" in error.next_step


def test_one_problem_is_not_two() -> None:
    """A single problem is told in the singular."""
    problems = Problems()
    problems.add("dist-info", "", "it has none")

    assert "a problem was found" in problems.error("a.whl").message


def test_many_problems_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound problems are counted, not kept."""
    monkeypatch.setattr(limits, "WHEEL_PROBLEMS", 3)
    problems = Problems()
    for number in range(10):
        problems.add("member-path", f"../{number}", "out")

    error = problems.error("a.whl")

    assert "10 problems" in error.message
    assert 4 == len(error.problems)
    assert "and 7 more" == error.problems[-1].message


def test_another_error_is_taken_in() -> None:
    """What a lower layer raised becomes problems like the others."""
    problems = Problems()
    problems.take(unusable("it is odd"))

    assert [("archive", "it is odd")] == [(one.code, one.message) for one in problems.found]


@pytest.mark.parametrize("text", ["\x1b[2J", "\u202eabc", "a\nb", "\x85", "\u2066"])
def test_nothing_hidden_is_shown(text: str) -> None:
    """Controls and direction marks of a hostile name do not reach the terminal."""
    assert shown(text).isprintable()


def test_what_is_shown_is_bounded() -> None:
    """A name of a million characters does not fill the screen."""
    assert len(shown("x" * 1_000_000)) < 200
    assert "'short'" == shown("short")
