"""The documentation, run and checked: what it shows works, what it names exists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.documents import (
    REPOSITORY,
    RUN,
    SHOWN,
    blocks,
    commands,
    matches,
    pages,
    prose,
    run_console,
    run_page,
    run_python,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.documents import Block

NOT_RUN_AT_MOST = 6
KINDS = ("tutorial", "how-to", "reference", "explanation")
REFERENCE = REPOSITORY / "docs" / "reference"

each_page = pytest.mark.parametrize(
    "page", pages(), ids=lambda page: page.relative_to(REPOSITORY).as_posix()
)


def all_blocks() -> list[Block]:
    """Return the fenced blocks of all pages."""
    return [block for page in pages() for block in blocks(page)]


def text_of(page: Path) -> str:
    """Return a page's text."""
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "page",
    [page for page in pages() if any(block.language in RUN for block in blocks(page))],
    ids=lambda page: page.relative_to(REPOSITORY).as_posix(),
)
def test_examples_do_what_the_page_says(page: Path, tmp_path: Path) -> None:
    """Every example of a page runs, in the page's order, and prints what the page shows."""
    run_page(page, tmp_path / "session")


def test_every_block_is_of_a_known_kind() -> None:
    """No example escapes the tests by a language that they do not know."""
    unknown = [
        (str(block), block.language) for block in all_blocks() if block.language not in RUN | SHOWN
    ]

    assert [] == unknown


def test_exceptions_are_few_and_explained() -> None:
    """Only a few blocks are not run, each with a reason beside it."""
    excepted = [block for block in all_blocks() if block.exception == "not run"]

    assert len(excepted) <= NOT_RUN_AT_MOST, [str(block) for block in excepted]
    assert [] == [str(block) for block in excepted if not block.reason]


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    """Every link between the pages, and into the repository, leads to a file."""
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", "\n".join(line for _, line in prose(page)))
    broken = [
        target
        for target in targets
        if not target.startswith(("https:", "http:")) and not (page.parent / target).exists()
    ]

    assert [] == broken


@each_page
def test_one_sentence_per_line(page: Path) -> None:
    """A sentence has a line of its own, so that a change shows the sentence it changes."""
    two = re.compile(r"[a-z`)\"][.?!] +[A-Z`]")
    found = [
        (number, line)
        for number, line in prose(page)
        if two.search(line) and not line.lstrip().startswith("|")
    ]

    assert [] == found


@each_page
def test_targets_exist(page: Path) -> None:
    """Every ``make`` target that a page names is one of the Makefile's."""
    known = set(re.findall(r"^([a-z-]+):", text_of(REPOSITORY / "Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^\$ )make ([a-z-]+)", text_of(page), re.MULTILINE))

    assert set() == named - known


def test_every_page_is_reached_from_the_index() -> None:
    """The index links to every page of the four kinds, and there is no fifth kind."""
    index = text_of(REPOSITORY / "docs" / "index.md")
    docs = REPOSITORY / "docs"
    inner = [page.relative_to(docs).as_posix() for page in pages() if page.is_relative_to(docs)]
    inner.remove("index.md")

    assert [] == [name for name in inner if f"]({name})" not in index]
    assert set() == {name.split("/")[0] for name in inner} - set(KINDS)


def test_the_check_of_output_sees_a_difference() -> None:
    """What is printed is compared line by line, with the ellipsis for what may differ."""
    assert matches("one … three", "one two three")
    assert matches("first\n…\nlast", "first\nlast")
    assert matches("first\n…", "first\nsecond\nthird")
    assert not matches("first\nlast", "first\nsecond\nlast")
    assert not matches("one", "one two")


def test_a_wrong_example_is_found(tmp_path: Path) -> None:
    """A page whose commands fail, or print something else, does not pass."""
    page = tmp_path / "page.md"
    wrong = {
        "console": ["$ false", "$ echo one\ntwo", "$ exit 0\n$ echo never"],
        "python": ["raise SystemExit(1)"],
    }
    for language, texts in wrong.items():
        run = run_console if language == "console" else run_python
        for text in texts:
            page.write_text(f"```{language}\n{text}\n```\n", encoding="utf-8")
            (block,) = blocks(page)
            with pytest.raises(AssertionError):
                run(block, tmp_path)


def test_a_right_example_passes(tmp_path: Path) -> None:
    """A status that the page shows is no failure."""
    page = tmp_path / "page.md"
    page.write_text("<!-- fetches -->\n```console\n$ (exit 3)\n$ echo $?\n3\n```\n", "utf-8")
    (block,) = blocks(page)

    assert [("(exit 3)", []), ("echo $?", ["3"])] == commands(block)
    assert "fetches" == block.exception
    run_console(block, tmp_path)
