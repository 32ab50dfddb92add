"""Choosing the environment."""

from __future__ import annotations

import posixpath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall.cli.parse import parse
from linkinstall.cli.target import choose_environment, words_of
from linkinstall.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Environments:
    """Stands in for ``Environment``: writes down which constructor was called, and how."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def construct(*places: Any, **options: Any) -> Any:
            assert options.pop("base", self) is self
            self.calls.append((name, *places, *options.values()))
            return self

        return construct


def calls(*words: str, environ: Mapping[str, str] | None = None) -> list[tuple[Any, ...]]:
    """Return the constructor calls that these options lead to."""
    environments: Any = Environments()
    chosen: Any = choose_environment(parse([*words, "a.whl"], environ or {}), environments)
    seen: list[tuple[Any, ...]] = environments.calls
    assert environments is chosen
    return seen


CURRENT = ("current", None, False)
NAMED = ("current", None, True)
"""Folders are named, so that a tool's own interpreter will do."""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [CURRENT]),
        (["--python=v"], [("of", "v", None)]),
        (["--target=t"], [NAMED, ("for_target", "t")]),
        (["-pq"], [NAMED, ("for_prefix", "q")]),
        (["--python=v", "--prefix=q"], [("of", "v", None), ("for_prefix", "q")]),
        (["--python=v", "--target=t"], [("of", "v", None), ("for_target", "t")]),
        (["--destdir=d"], [("current", "", True), ("with_destdir", "d")]),
        (
            ["--destdir=d", "-pq"],
            [("current", "", True), ("for_prefix", "q"), ("with_destdir", "d")],
        ),
        (
            ["-i", "/usr/bin/env python3", "--script-kind=win-amd64"],
            [
                CURRENT,
                ("with_script_kind", "win-amd64"),
                ("with_interpreter", "/usr/bin/env python3"),
            ],
        ),
        (
            ["-i/p", "--python=v", "--target=t"],
            [("of", "v", None), ("with_interpreter", "/p"), ("for_target", "t")],
        ),
    ],
)
def test_options_name_a_target(words: list[str], expected: list[tuple[Any, ...]]) -> None:
    """Each target option leads to its constructor; --python, -i and --destdir go with each."""
    assert expected == calls(*words)


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        ([], "v"),
        (["--cache-dir=c"], "c"),
        (["--no-cache"], ""),
        (["--dry-run", "--cache-dir=c"], ""),
        (["--destdir=d"], ""),
        (["--destdir=d", "--cache-dir=c"], "c"),
    ],
)
def test_where_answers_of_interpreters_are_remembered(words: list[str], folder: str) -> None:
    """They go into the cache of the call; nowhere in a dry run or without a cache."""
    environ = {"LINKINSTALL_CACHE_DIR": "v"}

    assert ("of", "x", folder) == calls("--python=x", *words, environ=environ)[0]


def test_scheme_folders_one_by_one() -> None:
    """All five folders make a target of their own."""
    words = ["--purelib=p", "--platlib=l", "--headers=h", "--scripts=s", "--data=d"]
    schemes = {"purelib": "p", "platlib": "l", "headers": "h", "scripts": "s", "data": "d"}

    assert [NAMED, ("from_schemes", schemes)] == calls(*words)


@pytest.mark.parametrize("word", ["--purelib", "--platlib"])
def test_one_library_stands_for_both(word: str) -> None:
    """Where only one library folder is named, modules of every wheel go there."""
    schemes = {"purelib": "x", "platlib": "x", "scripts": "s"}

    assert [NAMED, ("from_schemes", schemes)] == calls(f"{word}=x", "--scripts=s")


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


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["--python", "/v"]),
        (["--python=v"], ["--python", "/v"]),
        (["--cache-dir=c"], ["--python", "/v", "--cache-dir", "/here/c"]),
        (["--target=t"], ["--target", "/here/t"]),
        pytest.param(
            ["--target=link/../t"],
            ["--target", "/far/t"],
            marks=pytest.mark.posix("Windows drops a part with the `..` after it itself"),
        ),
        (["--python=v", "--prefix=/q"], ["--python", "/v/bin/python", "--prefix", "/q"]),
        (
            ["--purelib=p", "--data=d"],
            ["--purelib", "/here/p", "--data", "/here/d"],
        ),
    ],
)
def test_words_name_the_same_target_again(
    words: list[str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A remedy names environment and cache by absolute paths, whatever folder it is typed in."""
    monkeypatch.setattr("os.path.abspath", lambda path: posixpath.join("/here", path))
    monkeypatch.setattr("os.path.realpath", lambda _path, **_: "/far")
    environment: Any = SimpleNamespace(
        kind="venv", root="/v", python="/v/bin/python", compiler="/v/bin/python", destdir=None
    )

    assert expected == words_of(parse(["check", *words], {}), environment)
