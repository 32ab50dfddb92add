"""``linkinstall.vetting.entry_points``: scripts as installer would generate them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from installer.utils import parse_entrypoints

from linkinstall import limits
from linkinstall.vetting.entry_points import read_entry_points
from linkinstall.vetting.problems import Problems
from tests.support.pace import keeps, processor_seconds


def read(text: str | bytes | None, *, windows: bool = False) -> tuple[list[object], list[str]]:
    """Return the scripts and the codes of problems."""
    problems = Problems()
    data = text.encode() if isinstance(text, str) else text
    points = read_entry_points(data, problems, windows=windows)
    return list(points), [problem.code for problem in problems.found]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[console_scripts]\nfoo = pkg.cli:main\n",
        "[console_scripts]\nfoo=pkg:main\n[gui_scripts]\nbar = pkg:App.run\n",
        "[gui_scripts]\nb = p:m\na = p:m\n\n[console_scripts]\nz = p:m\nc = p:m\n",
        "# comment\n[console_scripts]\nfoo = pkg : main [extra, other]\n; comment\n",
        "[console_scripts]\nFoo:Bar = p:m\nn\u00e4me = \u00fcber.p:m\n",
        "[console_scripts]\r\nfoo = p:m\r\n",
        "[pytest11]\nx = a.b\n[other]\npercent = a%b\n[console_scripts]\nfoo = p:m\n",
    ],
)
def test_what_installer_generates(text: str) -> None:
    """Accepted text gives the scripts of installer, in its order."""
    points, found = read(text)

    assert [] == found
    assert list(parse_entrypoints(text)) == points


def test_no_file() -> None:
    """A wheel without entry points has no scripts."""
    assert ([], []) == read(None)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "pkg",
        "pkg.cli",
        "pkg:",
        ":main",
        "pkg:main:more",
        "pkg-cli:main",
        "pkg..cli:main",
        ".pkg:main",
        "pkg.:main",
        "pkg:.main",
        "1pkg:main",
        "pkg:1main",
        "pkg:main()",
        "import os; os:x",
        "pkg:main [extra",
        "pkg:main extra]",
        "class:main",
        "pkg:lambda",
        "pkg:\u00b2",
        "pkg:main [%(x)s]",
        "%(y)s:main",
    ],
)
def test_no_function(value: str) -> None:
    """A script needs a module and a function in it; installer would fail or write nonsense."""
    assert ([], ["entry-point-object"]) == read(f"[console_scripts]\nfoo = {value}\n")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"\xff\xfe", "entry-points-damaged"),
        ("foo = p:m\n", "entry-points-damaged"),
        ("[console_scripts]\nfoo\n", "entry-points-damaged"),
        ("[console_scripts]\nfoo = p:m\nfoo = p:n\n", "entry-points-damaged"),
        ("[console_scripts]\na = p:m\n[console_scripts]\n", "entry-points-damaged"),
        ("[DEFAULT]\nfoo = p:m\n[console_scripts]\n", "entry-points-damaged"),
        ("[console_scripts]\nfoo" + " " * 5000 + "x\n", "entry-points-damaged"),
        ("[console_scripts\nfoo = p:m\n", "entry-points-damaged"),
    ],
)
def test_text_that_cannot_be_read(text: str | bytes, code: str) -> None:
    """What configparser cannot read, or would read in a surprising way, is refused."""
    points, found = read(text)

    assert [] == points
    assert [code] == found


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../x", "entry-point-name"),
        ("a/b", "entry-point-name"),
        ("a\\b", "entry-point-name"),
        ("..", "entry-point-name"),
        ("", "entry-points-damaged"),
        ("a\x1bb", "entry-point-name"),
        ("\u202etxt", "entry-point-name"),
        ("python", "reserved-name"),
        ("Python3.exe", "reserved-name"),
        ("activate", "reserved-name"),
    ],
)
def test_names_that_are_refused(name: str, code: str) -> None:
    """A script cannot leave its folder or take a name of the environment."""
    assert [code] == read(f"[console_scripts]\n{name} = p:m\n")[1]
    assert [code] == read(f"[gui_scripts]\n{name} = p:m\n")[1]


@pytest.mark.parametrize(
    "text",
    [
        "[console_scripts]\nfoo = p:m\nFOO = p:m\n",
        "[console_scripts]\nfoo = p:m\n[gui_scripts]\nfoo = p:m\n",
        "[console_scripts]\nfoo = p:m\n[gui_scripts]\nFoo = p:m\n",
        "[console_scripts]\nstra\u00dfe = p:m\nSTRASSE = p:m\n",
    ],
)
def test_names_that_are_taken(text: str) -> None:
    """Two scripts of one name, or of names that differ by case only, are refused."""
    assert ["entry-point-name"] == read(text)[1]


def test_colons_on_windows() -> None:
    """A colon in a script's name is fine where the file system takes it."""
    text = "[console_scripts]\nfoo:bar = p:m\n"

    assert [] == read(text)[1]
    assert ["entry-point-name"] == read(text, windows=True)[1]


@pytest.mark.parametrize(
    "text",
    [
        "[console_scripts]\n" + "".join(f"a{n} = %(a{n + 1})s%(a{n + 1})s\n" for n in range(60)),
        "[console_scripts]\n" + ("a" + " " * 59) * 4000 + "\n",
        "[console_scripts]\nfoo = " + "a." * 100_000 + "\n",
        "[console_scripts]\nfoo = a:b [" + "]" * 200_000 + "x\n",
        "[console_scripts]\n" + "\t\t\t\n" * 60_000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    """Neither interpolation nor expressions can be made to run for ever."""
    assert keeps(2, lambda: processor_seconds(lambda: read(text)))


@given(
    st.text(st.sampled_from("abP.:=[]% \n\t#;-/\u00e9"), max_size=40).map(
        lambda text: f"[console_scripts]\n{text}"
    )
)
def test_accepted_text_never_troubles_installer(text: str) -> None:
    """Text without problems is parsed by installer without an error, and alike."""
    points, found = read(text)

    if not found:
        assert list(parse_entrypoints(text)) == points


@pytest.mark.parametrize(
    "line", ["x]\n", "[x\n", "[s{}]\n f\n", " f\n"], ids=["no section", "half", "many", "indented"]
)
def test_many_errors_cost_no_more_than_one(line: str) -> None:
    """A quarter of a megabyte of errors is refused at once.

    configparser puts the message of each error behind those before it: it took six seconds,
    three times what a refusal may take (found by ``make fuzz``, after 800,000 cases).
    """
    text = "[console_scripts]\n" + "".join(line.format(number) for number in range(20_000))

    points, found = read(text)

    assert ([], ["entry-points-damaged"]) == (points, found)
    assert keeps(1, lambda: processor_seconds(lambda: read(text)))


def test_values_of_several_lines_are_read() -> None:
    """Lines without a name are no error in themselves: a value may have more than one."""
    text = "[console_scripts]\na = p:m\n" + "[other]\nb =\n" + " x\n" * limits.STRAY_LINES

    assert ([("a", "p", "m", "console")], []) == read(text)
    assert ([], ["entry-points-damaged"]) == read(text + " x\n")
