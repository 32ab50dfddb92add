"""The documentation, run and checked: what it shows works, what it names exists."""

from __future__ import annotations

import ast
import functools
import inspect
import json
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

import linkinstall
from linkinstall import errors, limits
from linkinstall.cli.command_table import COMMANDS
from linkinstall.cli.options import OPTIONS_BY_WORD
from linkinstall.errors import LinkInstallError
from linkinstall.outcome import Change, Kept, Outcome, Recovered, Warn
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
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.documents import Block

NOT_RUN_AT_MOST = 6
KINDS = ("tutorial", "how-to", "reference", "explanation")
REFERENCE = REPOSITORY / "docs" / "reference"
SOURCE = REPOSITORY / "src" / "linkinstall"

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


def test_every_example_names_its_target() -> None:
    """No example changes the environment that happens to run it."""
    careless = [
        f"{block}: {command}"
        for block in all_blocks()
        if block.language == "console" and block.exception != "not run"
        for command, _ in commands(block)
        if "-m linkinstall" in command
        and not re.search(
            r"-m linkinstall (cache|venv)|--(python|target|prefix|destdir)\b", command
        )
    ]

    assert [] == careless


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


@each_page
def test_tests_exist(page: Path) -> None:
    """Every test that a page names is there, so that a claim keeps what shows it."""
    missing = []
    named = re.findall(r"`((?:tests|integration)/[\w/]+\.py)(?:::(\w+))?`", text_of(page))
    for path, name in named:
        file = REPOSITORY / path
        if not file.is_file() or (name and f"\ndef {name}(" not in text_of(file)):
            missing.append((path, name))

    assert [] == missing


def test_every_page_is_reached_from_the_index() -> None:
    """The index links to every page of the four kinds, and there is no fifth kind."""
    index = text_of(REPOSITORY / "docs" / "index.md")
    docs = REPOSITORY / "docs"
    inner = [page.relative_to(docs).as_posix() for page in pages() if page.is_relative_to(docs)]
    inner.remove("index.md")

    assert [] == [name for name in inner if f"]({name})" not in index]
    assert set() == {name.split("/")[0] for name in inner} - set(KINDS)


def test_the_command_line_page_lists_every_option_and_command() -> None:
    """The page on the command line names all of its options and commands, and no others."""
    page = text_of(REFERENCE / "command-line.md")
    named = set(re.findall(r"`(--?[a-z][a-z-]*)", page))

    assert named == set(OPTIONS_BY_WORD)
    assert [] == [one.name for one in COMMANDS if f"`{one.name}" not in page]


def test_the_command_line_page_tells_which_command_takes_an_option() -> None:
    """The column *for* of the page says what the table of options says."""
    page = text_of(REFERENCE / "command-line.md")
    told = {
        name: set(row[2].split(", "))
        for row in re.findall(r"^\| (`--.+?) \| ((all|[a-z, ]+)) \|", page, re.MULTILINE)
        for name in re.findall(r"`(--[a-z-]+)", row[0])
    }

    assert told
    for name, commands_told in told.items():
        option = OPTIONS_BY_WORD[name]
        assert (name, commands_told) == (name, set(option.commands) or {"all"})


def test_the_pages_name_every_environment_variable() -> None:
    """The page on environment variables lists those that the source reads."""
    page = text_of(REFERENCE / "environment-variables.md")
    source = "".join(text_of(path) for path in SOURCE.rglob("*.py"))

    assert set(re.findall(r"LINKINSTALL_[A-Z_]+", source)) == set(
        re.findall(r"`(LINKINSTALL_[A-Z_]+)`", page)
    )
    for option in OPTIONS_BY_WORD.values():
        if option.variable:
            assert re.search(rf"\| `{option.variable}` \|.*\| `{option.name}` \|", page)


def test_the_json_page_shows_the_keys_of_an_outcome() -> None:
    """The example of the JSON form has the keys that an outcome has, at every level."""
    (example,) = (block for block in blocks(REFERENCE / "json.md") if block.language == "json")
    full = Outcome(
        "install",
        recovered=(Recovered("a", "finished"),),
        changes=(Change("a", "1", None, "installed"),),
        kept=(Kept("/a", "b"),),
        warnings=(Warn("a", "b"),),
    ).to_dict()

    assert keys_of(full) == keys_of(json.loads(example.text))


def test_the_json_page_lists_the_keys_of_an_error() -> None:
    """The table of an error's keys is complete."""
    error = Outcome("install", error=LinkInstallError("a")).to_dict()["error"]
    page = text_of(REFERENCE / "json.md")
    table = page.split("## error", 1)[1].split("\n##", 1)[0]

    assert list(error) == re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE)


def test_the_json_page_lists_the_codes_of_errors_without_a_class() -> None:
    """Each code that the command line gives to what is no error of the library is told."""
    tree = ast.parse(text_of(SOURCE / "cli" / "main.py"))
    given = [
        one.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "typed.code"
        for one in ast.walk(node.value)
        if isinstance(one, ast.Constant)
    ]
    classes = {getattr(errors, name).code for name in errors.__all__ if name.endswith("Error")}
    page = text_of(REFERENCE / "json.md")
    table = page.split("## Further codes", 1)[1].split("\n##", 1)[0]
    told = re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\|(.+?)\|", table, re.MULTILINE)))

    assert {*given, LinkInstallError.code} - (classes - {LinkInstallError.code}) == set(told)


def test_the_json_page_lists_the_codes_of_warnings() -> None:
    """Each code that a warning can have is told, and no other."""
    trees = [ast.parse(text_of(path)) for path in SOURCE.rglob("*.py")]
    made = [
        node.args[0]
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Warn"
    ]
    codes = {one.value for one in made if isinstance(one, ast.Constant)}
    computed = {ast.unparse(one) for one in made if not isinstance(one, ast.Constant)}
    page = text_of(REFERENCE / "json.md")
    table = page.split("## warnings", 1)[1].split("## plan", 1)[0]
    told = re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\|(.+?)\|", table, re.MULTILINE)))

    # One that a process sent, and one of two of a cache that cannot be used.
    assert {"*one", "code"} == computed
    assert {*codes, "cache-unwritable"} == set(told)


def test_the_api_page_lists_the_public_names() -> None:
    """Every public name of the package is on the page on the Python API."""
    page = text_of(REFERENCE / "python-api.md")

    assert [] == [name for name in linkinstall.__all__ if f"`{name}" not in page]


def test_the_api_page_lists_every_error() -> None:
    """The table of errors gives each class its code."""
    page = text_of(REFERENCE / "python-api.md")
    told = dict(re.findall(r"^\| `([A-Z][A-Za-z]+Error)` \| `([a-z-]+)` \|", page, re.MULTILINE))
    classes = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]

    assert told == {one.__name__: one.code for one in classes if one is not LinkInstallError}


def test_the_api_page_shows_the_signatures() -> None:
    """The page shows each function with all of its arguments and their defaults, in order."""
    shown: dict[str, tuple[str, str]] = {}
    for block in blocks(REFERENCE / "python-api.md"):
        found = re.findall(r"(?ms)^(\w+)\((.*?)\) -> ([^\n]+)$", block.text)
        shown |= {name: (arguments_of(f"({text})"), result) for name, text, result in found}

    assert shown == {
        name: (arguments_of(bare(function)), inspect.signature(function).return_annotation)
        for name in linkinstall.__all__
        if inspect.isfunction(function := getattr(linkinstall, name))
    }


def test_the_api_page_names_the_options_of_a_transaction() -> None:
    """The page names each option that a transaction takes, and its methods' arguments."""
    page = text_of(REFERENCE / "python-api.md")
    section = page.split("## Transaction", 1)[1].split("\n##", 1)[0]
    options = set(inspect.signature(linkinstall.Transaction).parameters) - {"files", "command"}
    shown = dict(re.findall(r"^\| `(\w+)(\(.*\))` \|", section, re.MULTILINE))

    assert options <= set(re.findall(r"`(\w+)`", section))
    assert shown
    for name, arguments in shown.items():
        method = functools.partial(getattr(linkinstall.Transaction, name), None)
        assert (name, arguments_of(bare(method))) == (name, arguments_of(arguments))


def bare(function: Callable[..., object]) -> str:
    """Return what a caller can pass to a function, without types.

    ``files`` is no part of the API: tests pass a file system with faults there.
    """
    signature = inspect.signature(function)
    parameters = [
        one.replace(annotation=inspect.Parameter.empty)
        for name, one in signature.parameters.items()
        if name != "files"
    ]
    empty = inspect.Signature.empty
    return str(signature.replace(parameters=parameters, return_annotation=empty))


def arguments_of(text: str) -> str:
    """Return the arguments of a signature in one form, however it is broken into lines."""
    (function,) = ast.parse(f"def function{text}: ...").body
    assert isinstance(function, ast.FunctionDef)
    return ast.unparse(function.args)


def test_the_exit_status_page_lists_every_status() -> None:
    """The page on the exit status explains the status of every error."""
    page = text_of(REFERENCE / "exit-status.md")
    classes = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]

    assert {one.exit_status for one in classes} <= {
        int(status) for status in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)
    }


def test_the_dependencies_page_justifies_each() -> None:
    """Every declared dependency is justified, and every one at run time is used."""
    declared = tomllib.loads(text_of(REPOSITORY / "pyproject.toml"))
    project = declared["project"]
    needed = [project["dependencies"], *project["optional-dependencies"].values()]
    names = [re.split(r"[^\w-]", one)[0] for group in needed for one in group]
    groups = declared["dependency-groups"]
    tools = [re.split(r"[^\w-]", one)[0] for group in groups.values() for one in group]
    page = text_of(REFERENCE / "dependencies.md")
    table = page.split("Only for development", 1)[0]
    source = "".join(text_of(path) for path in SOURCE.rglob("*.py"))

    assert names == re.findall(r"^\| `([\w-]+)` \| \w.*\|", table, re.MULTILINE)
    assert [] == [name for name in tools if f"`{name}`" not in page]
    assert [] == [
        name
        for name in names
        if not re.search(rf"(import|from) {name.replace('-', '_')}\b", source)
    ]


def test_the_pages_give_the_wait_of_the_lock() -> None:
    """The time that a command waits for the lock is the one in ``limits``."""
    wait = f"{limits.LOCK_WAIT:g}"

    assert f"up to {wait} seconds" in text_of(REPOSITORY / "docs" / "explanation" / "the-lock.md")
    assert f"environment; {wait} by default" in text_of(REFERENCE / "command-line.md")


def test_the_map_of_the_source_is_complete() -> None:
    """ARCHITECTURE.md says of every module what is in it, and of no other."""
    page = text_of(REPOSITORY / "ARCHITECTURE.md")
    modules = {
        path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if path.stem[0] != "_"
    }
    named = set()
    for row in re.findall(r"^\| .* \| (`.*) \|$", page, re.MULTILINE):
        # `vetting/`: `members.py`, ... names the modules of a folder.
        folder, colon, _ = row.partition("`: ")
        prefix = folder.strip("`") if colon else ""
        named |= {prefix + name for name in re.findall(r"`([\w/]+\.py)`", row)}

    assert modules == named, f"bring ARCHITECTURE.md into line: {sorted(modules ^ named)}"


def test_the_version_is_one() -> None:
    """The version of the package's metadata is the one that the package tells."""
    project = tomllib.loads(text_of(REPOSITORY / "pyproject.toml"))["project"]

    assert linkinstall.__version__ == project["version"]


def test_the_changelog_has_a_place_for_the_next_change() -> None:
    """The changelog begins with what is not released yet."""
    headings = re.findall(r"^## (.*)$", text_of(REPOSITORY / "CHANGELOG.md"), re.MULTILINE)

    assert "Unreleased" == headings[0]


def keys_of(form: object) -> object:
    """Return the keys of nested objects, a list standing for its first member."""
    if isinstance(form, dict):
        return {key: keys_of(value) for key, value in form.items()}
    if isinstance(form, list):
        return [keys_of(one) for one in form[:1]]
    return None


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
