"""What a warm install imports: each module costs as much as some hundred links, many more.

A module that is needed on this way belongs into the list below, with a thought for what it
costs (``python -X importtime``); one that is needed only now and then is imported where it is.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.environments import Venv

PROGRAM = """
import sys
sys.path[:0] = {path!r}
before = set(sys.modules)
from linkinstall.cli import run
sys.argv = ["linkinstall", *{words!r}]
status = run()
print(status, *sorted(set(sys.modules) - before))
"""


def names_of(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


STANDARD = names_of("""
    __future__ _bisect _collections_abc _ctypes _sha2 _sha256 _stat binascii bisect errno
    fcntl genericpath itertools os os.path posixpath stat
""")
OURS = names_of("""
    application archive asking cache claims cli cli.command_table cli.commands cli.console
    cli.main cli.options cli.parse cli.render cli.signals cli.target digest distribution entries
    entry_check environment flushing fs fs.lock fs.named fs.placing fs.port fs.posix fs.probe
    fs.trees fs.volumes identity installed interpreter_report interpreter_search interpreters
    interrupts journal limits linking looking manifest outcome paths placements places plan
    planner policy preparation record recovery refusals remains remembered_interpreters removal
    requests results scripts session settle staging transaction trash values verbs verbs.install
    wheel wishes world
""")
DOING = names_of("""
    application claims flushing identity journal placements places planner removal settle staging
""")
COMPILED = names_of("""
    bytecode compilers
""")
SMALL = names_of("""
    values paths policy cli.target cli.commands cli.console cli
    cli.command_table cli.help cli.main cli.options cli.parse cli.signals limits
""")


def imported(*words: str) -> tuple[frozenset[str], frozenset[str]]:
    """Run a command line; return the modules of others, and of ours, that it has imported."""
    program = PROGRAM.format(path=sys.path, words=words)
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    status, *names = done.stdout.splitlines()[-1].split()
    assert ("0", "") == (status, done.stderr), done
    ours = {name.partition(".")[2] for name in names if name.startswith("linkinstall.")}
    others = {name for name in names if name.partition(".")[0] != "linkinstall"}
    return frozenset(others), frozenset(ours)


def install(venv: Venv, wheel: Path, cache: Path, *words: str) -> tuple[str, ...]:
    """Return the words that install a wheel."""
    return ("-q", "--cache-dir", str(cache), "--python", str(venv.python), *words, str(wheel))


@pytest.mark.parametrize("compiling", [False, True])
def test_a_warm_install_imports_what_is_on_the_list(
    venv: Venv, sample: Path, tmp_path: Path, *, compiling: bool
) -> None:
    """Of others and of ours: nothing that is not written down here, and nothing is stale."""
    words = () if compiling else ("--no-compile-bytecode",)
    command = install(venv, sample, tmp_path / "cache", *words)
    imported(*command)  # unpacks, compiles, and remembers the interpreter
    imported("uninstall", "-q", "--python", str(venv.python), "sample")

    others, ours = imported(*command)

    assert set() == others - STANDARD
    assert OURS | (COMPILED if compiling else frozenset()) == ours


def test_help_imports_next_to_nothing() -> None:
    """Help needs the table of commands and options, and no verb."""
    others, ours = imported("install", "--help")

    assert set() == others - STANDARD
    assert ours <= SMALL


def test_nothing_to_do_imports_nothing_that_does_something(
    venv: Venv, sample: Path, tmp_path: Path
) -> None:
    """A second time there is nothing to do, and what plans and does is not imported."""
    command = install(venv, sample, tmp_path / "cache")
    imported(*command)

    others, ours = imported(*command)

    assert set() == others - STANDARD
    assert OURS - DOING == ours
