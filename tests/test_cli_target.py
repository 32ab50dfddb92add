"""Choosing the environment."""

from __future__ import annotations

from typing import Any

import pytest

from linkinstall.cli.parse import parse
from linkinstall.cli.target import choose_environment
from linkinstall.errors import UsageError


class Environments:
    """Stands in for ``Environment``: writes down which constructor was called, and how."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def construct(*places: Any, **options: Any) -> Environments:
            self.calls.append((name, *places, options))
            return self

        return construct


def calls(*words: str) -> list[tuple[Any, ...]]:
    """Return the constructor calls that these options lead to."""
    environments = Environments()
    chosen = choose_environment(parse([*words, "a.whl"], {}), environments)
    seen: list[tuple[Any, ...]] = environments.calls
    assert environments is chosen
    return seen


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [("current", {})]),
        (["--python=v"], [("of", "v", {})]),
        (["--target=t"], [("for_target", "t", {})]),
        (["-pq"], [("for_prefix", "q", {})]),
        (["--python=v", "--prefix=q"], [("for_prefix", "q", {"python": "v"})]),
        (["--python=v", "--target=t"], [("for_target", "t", {"python": "v"})]),
        (["--destdir=d"], [("current", {}), ("with_destdir", "d", {})]),
        (["--destdir=d", "-pq"], [("for_prefix", "q", {}), ("with_destdir", "d", {})]),
        (
            ["-i", "/usr/bin/env python3", "--script-kind=win-amd64"],
            [("current", {"interpreter": "/usr/bin/env python3", "script_kind": "win-amd64"})],
        ),
        (
            ["--python=v", "--target=t", "-i/p", "--destdir=d"],
            [
                ("for_target", "t", {"python": "v", "interpreter": "/p"}),
                ("with_destdir", "d", {}),
            ],
        ),
    ],
)
def test_options_name_a_target(words: list[str], expected: list[tuple[Any, ...]]) -> None:
    """Each target option leads to its constructor; --python, -i and --destdir go with each."""
    assert expected == calls(*words)


def test_scheme_folders_one_by_one() -> None:
    """All five folders make a target of their own."""
    words = ["--purelib=p", "--platlib=l", "--headers=h", "--scripts=s", "--data=d"]

    assert [
        (
            "from_schemes",
            {"purelib": "p", "platlib": "l", "headers": "h", "scripts": "s", "data": "d"},
            {},
        )
    ] == calls(*words)


@pytest.mark.parametrize("word", ["--purelib", "--platlib"])
def test_one_library_stands_for_both(word: str) -> None:
    """Where only one library folder is named, modules of every wheel go there."""
    schemes = {"purelib": "x", "platlib": "x", "scripts": "s"}

    assert [("from_schemes", schemes, {})] == calls(f"{word}=x", "--scripts=s")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--target=t", "--prefix=q"], "--target and --prefix name two targets"),
        (["--target=t", "--scripts=s"], "--target and --scripts name two targets"),
        (["--prefix=q", "--purelib=p"], "--prefix and --purelib name two targets"),
        (["--scripts=s"], "--scripts needs --purelib or --platlib besides"),
    ],
)
def test_contradictions_are_usage_errors(words: list[str], named: str) -> None:
    """Two targets, or half of one, are refused with the options' names."""
    with pytest.raises(UsageError, match=named):
        calls(*words)
