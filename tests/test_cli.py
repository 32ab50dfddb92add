"""The entry of the command line: names, start-up, leaving."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from linkinstall import cli
from linkinstall.cli import main as main_module
from linkinstall.cli import signals

if TYPE_CHECKING:
    from collections.abc import Sequence

# What a warm install must not import: each costs more than a thousand links.
FORBIDDEN = frozenset(
    "argparse csv dataclasses email enum filelock importlib.metadata inspect installer json "
    "packaging pathlib platformdirs python_discovery re shutil signal subprocess tempfile "
    "threading typing zipfile".split()
)

ENVIRONMENT = """
class Environment:
    root = python = library = "/e"
    @classmethod
    def current(cls, **options):
        return cls()
    def refuse_if_managed(self):
        pass
"""
"""What stands in for the environment, which takes time to look at."""
PARSE_ONLY = (
    """
import sys
before = set(sys.modules)
from linkinstall.cli.main import main
from linkinstall.cli.signals import listen
from linkinstall.outcome import Change, FileCount, Outcome

"""
    + ENVIRONMENT
    + """
def install(wheels, **options):
    return Outcome("install", changes=(Change("a", "1", None, "installed"),),
                   files=FileCount(hardlink=3))

listen()
verbs = {"install": install, "environment": Environment}
status = main(["--compile-bytecode=0", "a.whl", "--sync", "off"], verbs=verbs, environ={})
print(status, *sorted(set(sys.modules) - before))
"""
)


SIGNALLED = (
    """
import os, signal, sys
from linkinstall import cli
from linkinstall.cli import main

"""
    + ENVIRONMENT
    + """
def uninstall(names, **options):
    try:
        os.kill(os.getpid(), signal.NAME)
        signal.pause()
    finally:
        os.kill(os.getpid(), signal.NAME)
        print("put back", flush=True)

signal.signal(signal.SIGINT, signal.default_int_handler)
main.Verbs = lambda: {"environment": Environment, "uninstall": uninstall}
sys.argv = ["linkinstall", "uninstall", "a"]
cli.leave(cli.run())
"""
)


def run_python(*words: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter with the package's source in reach."""
    return subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path[:0] = {sys.path!r}\n{words[0]}",
            *words[1:],
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_warm_install_imports_nothing_heavy() -> None:
    """Parsing and reporting an install imports none of the modules that cost start-up time."""
    done = run_python(PARSE_ONLY)

    status, *modules = done.stdout.split()
    assert ("0", "") == (status, done.stderr.replace("installed a 1 (3 files: 3 hardlink)\n", ""))
    assert "linkinstall.cli.main" in modules
    assert [] == [name for name in modules if FORBIDDEN & {name, name.split(".")[0]}]


def test_help_imports_nothing_heavy() -> None:
    """Help texts are rendered without the modules that cost start-up time."""
    done = run_python(
        "before = set(sys.modules)\n"
        "from linkinstall.cli.main import main\n"
        "main(['install', '--help'], environ={})\n"
        "print('modules:', *sorted(set(sys.modules) - before))"
    )

    modules = done.stdout.rpartition("modules:")[2].split()
    assert "linkinstall.cli.help" in modules
    assert [] == [name for name in modules if FORBIDDEN & {name, name.split(".")[0]}]


@pytest.mark.posix("a process cannot send itself a signal there")
@pytest.mark.parametrize(
    ("name", "status", "word"), [("SIGINT", 130, "Interrupted."), ("SIGTERM", 143, "Terminated.")]
)
def test_a_signal_lets_the_verb_put_things_back(name: str, status: int, word: str) -> None:
    """A process that is told to stop rolls back undisturbed and ends with the signal's status."""
    done = run_python(SIGNALLED.replace("NAME", name))

    assert (status, "put back\n") == (done.returncode, done.stdout)
    assert (
        f"still putting things back\nerror: {word}\nThe environment is unchanged.\n"
    ) == done.stderr


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("lib/linkinstall/__main__.py", "python -m linkinstall"),
        ("bin/linkinstall", "linkinstall"),
        ("Scripts\\linkinstall.exe", "linkinstall"),
    ],
)
def test_the_program_is_called_as_it_was_called(path: str, name: str) -> None:
    """Usage messages name the command the person typed."""
    assert name == cli.program_name(path)


def test_run_hands_over_the_words_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """``run`` passes the words after the program's name and returns the status."""
    seen: list[object] = []

    def main(words: Sequence[str], *, program: str) -> int:
        seen.append((list(words), program))
        return 7

    monkeypatch.setattr(main_module, "main", main)
    monkeypatch.setattr(signals, "listen", lambda: None)
    monkeypatch.setattr(sys, "argv", ["bin/linkinstall", "list", "-q"])

    assert 7 == cli.run()
    assert [(["list", "-q"], "linkinstall")] == seen


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), 130), (signals.Termination(), 143)]
)
def test_a_signal_outside_a_verb_is_a_status(
    error: BaseException, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal that arrives before or after the work ends the process without a traceback."""

    def listen() -> None:
        raise error

    monkeypatch.setattr(signals, "listen", listen)

    assert status == cli.run()


def test_the_console_script_leaves_at_once() -> None:
    """It ends like ``python -m linkinstall``, which takes no interpreter down in order.

    It returned to the interpreter, which cost 3 to 5 of 40 milliseconds.
    """
    program = (
        "import atexit, sys; sys.argv = ['linkinstall', '--version']; "
        "atexit.register(print, 'late'); from linkinstall.cli import script; script()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("linkinstall ")
    assert "late" not in done.stdout
