"""One call from its words to its status."""

from __future__ import annotations

import errno
import io
import json
from typing import Any

import pytest

from linkinstall.cli.main import main
from linkinstall.cli.signals import Termination
from linkinstall.errors import ConflictError, InvalidWheelError, Problem, UnsettledError
from linkinstall.outcome import Change, DistributionState, Outcome, Recovered, Warn


class Environment:
    """An environment without a disk."""

    root, python, library = "/e", "/e/bin/python", "/e/lib"

    @classmethod
    def current(cls, **_options: str) -> Environment:
        """Return an environment."""
        return cls()

    def refuse_if_managed(self) -> None:
        """Refuse nothing."""


class Call:
    """One call of ``main`` with a verb that returns or raises what a test says."""

    def __init__(self, result: Any = None, stdout: Any = None) -> None:
        self.stdout = stdout or io.StringIO()
        self.stderr = io.StringIO()
        self.result = result

    def __getitem__(self, name: str) -> Any:
        """Return the environment's class, or the verb."""
        return Environment if name == "environment" else self.verb

    def verb(self, *_places: Any, notify: Any = None, **_options: Any) -> Any:
        """Do what the test says."""
        if notify is not None:
            notify("working")
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    def run(self, *words: str) -> tuple[int, str, str]:
        """Return the status and what was written."""
        status = main(words, verbs=self, environ={}, stdout=self.stdout, stderr=self.stderr)  # type: ignore[arg-type]
        out = "" if self.stdout.closed else self.stdout.getvalue()
        return status, out, self.stderr.getvalue()


INSTALLED = Outcome("install", changes=(Change("rich", "14", None, "installed"),))


def test_a_success() -> None:
    """A change is told on standard error; there is no result to print."""
    assert (0, "", "working\ninstalled rich 14\n") == Call(INSTALLED).run("a.whl")


def test_a_quiet_success_says_nothing() -> None:
    """``-q`` leaves errors only."""
    noisy = Outcome("install", warnings=(Warn("w", "careful"),), recovered=(Recovered("t", "x"),))

    assert (0, "", "") == Call(noisy).run("-q", "a.whl")


@pytest.mark.parametrize(("words", "told"), [(["-qv"], True), (["-qqv"], False), (["-vq"], True)])
def test_quiet_and_verbose_cancel_out(words: list[str], told: bool) -> None:  # noqa: FBT001 - a case
    """One ``-v`` takes back one ``-q``."""
    assert told == bool(Call(INSTALLED).run(*words, "a.whl")[2])


def test_results_go_to_standard_output() -> None:
    """A list is a result, also when messages are not wanted."""
    verb = Call([DistributionState("rich", "14", "whole", "/e/lib/rich")])

    assert (0, "rich 14 whole\n", "") == verb.run("list", "-q")


@pytest.mark.parametrize("words", [["a.whl", "--json"], ["--json", "install", "a.whl"]])
def test_json_is_one_object(words: list[str]) -> None:
    """``--json`` prints the outcome and nothing else on standard output."""
    status, out, _ = Call(INSTALLED).run(*words)

    assert (0, INSTALLED.to_dict()) == (status, json.loads(out))


def test_a_refusal_tells_everything() -> None:
    """A typed error is told whole, and its outcome has the status."""
    error = ConflictError("In the way.", problems=[Problem("owned", "/e/\x1b[2Ja\nb", "x")])
    error.outcome = Outcome(
        "install", status="refused", exit=1, error=error, recovered=(Recovered("t1", "finished"),)
    )
    status, out, err = Call(error).run("a.whl", "--json")

    assert 1 == status
    assert error.outcome.to_dict() == json.loads(out)
    assert err.splitlines() == [
        "working",
        "recovered: finished the unfinished transaction t1",
        "error: In the way.",
        r"  owned: /e/\x1b[2Ja\nb",
        "What an earlier run had left unfinished is settled; nothing else was changed.",
    ]


def test_an_error_without_an_outcome_gets_one() -> None:
    """What is raised before a verb begins is reported in the same form."""
    status, out, err = Call(InvalidWheelError("Bad wheel.", path="/a.whl")).run("a.whl", "--json")
    form = json.loads(out)

    assert (1, "refused", "invalid-wheel", "unchanged") == (
        status,
        form["status"],
        form["error"]["code"],
        form["error"]["state"],
    )
    assert "error: Bad wheel.\nThe environment is unchanged.\n" in err


def test_an_outcome_without_its_error_is_completed() -> None:
    """What a verb had done when it failed is kept, with the error and its status."""
    error = UnsettledError("Stuck.")
    error.outcome = Outcome("install", recovered=(Recovered("t1", "finished"),))
    status, out, _ = Call(error).run("a.whl", "--json")
    form = json.loads(out)

    assert (3, 3, "unsettled", "unsettled") == (
        status,
        form["exit"],
        form["status"],
        form["error"]["code"],
    )
    assert [{"id": "t1", "action": "finished"}] == form["recovered"]


def test_an_unsettled_environment_is_three() -> None:
    """Where a transaction is left unfinished the status is 3 and the next step is told."""
    status, _, err = Call(UnsettledError("Stuck.")).run("uninstall", "a")

    assert 3 == status
    assert "The environment is unsettled: an unfinished transaction is on disk.\n" in err


@pytest.mark.parametrize(
    ("error", "status", "code", "word"),
    [
        (KeyboardInterrupt(), 130, "interrupted", "Interrupted."),
        (Termination(), 143, "terminated", "Terminated."),
    ],
)
def test_interruptions_have_their_status(
    error: BaseException, status: int, code: str, word: str
) -> None:
    """Ctrl-C ends with 130 and SIGTERM with 143, both after a rollback."""
    got, out, err = Call(error).run("a.whl", "--json")
    form = json.loads(out)

    assert (status, status, "failed", code) == (
        got,
        form["exit"],
        form["status"],
        form["error"]["code"],
    )
    assert f"error: {word}\nThe environment is unchanged.\n" in err


def test_an_interrupted_report_does_not_hide_what_was_done() -> None:
    """A signal after the commit does not turn a success into an interruption."""

    class Interrupted(io.StringIO):
        def write(self, _text: str) -> int:
            raise KeyboardInterrupt

    assert 0 == Call(INSTALLED, stdout=Interrupted()).run("a.whl", "--json")[0]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file", "a.whl"), "a.whl: No such file"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory"),
            "No such file or directory: the current folder has been deleted",
        ),
        (OSError("odd"), "odd"),
        (MemoryError(), "There is not enough memory."),
    ],
)
def test_trouble_outside_is_no_mistake_of_ours(error: Exception, message: str) -> None:
    """What the system refuses is told in its words, without a traceback."""
    status, _, err = Call(error).run("a.whl", "-v")

    assert (1, True) == (status, f"error: {message}\nThe environment is unchanged.\n" in err)
    assert "Traceback" not in err
    assert "mistake" not in err


def test_a_mistake_of_ours_is_one_line_and_a_pointer() -> None:
    """An unexpected exception says how to report it; the traceback needs ``-v``."""
    status, out, err = Call(ZeroDivisionError("by\x1bzero")).run("list", "--json")
    assert "unchanged" not in Call(ZeroDivisionError()).run("a.whl")[2]
    loud = Call(ZeroDivisionError("by zero")).run("list", "-v")[2]

    assert (1, "bug") == (status, json.loads(out)["error"]["code"])
    assert r"error: Unexpected ZeroDivisionError: by\x1bzero" == err.splitlines()[0]
    assert "Please report it" in err
    assert "Traceback" not in err
    assert "Traceback (most recent call last):" == loud.splitlines()[0]


def test_usage_errors_are_two() -> None:
    """A call without a meaning ends with 2 and points to the help of its command."""
    status, out, err = Call().run("list", "--sync=off")

    assert (2, "") == (status, out)
    assert (
        "error: --sync is no option of list; it belongs to install, uninstall, recover, repair, "
        "venv create, venv clear, venv remove, venv decouple, cache add.\n"
        "`linkinstall list --help` tells what there is.\n"
    ) == err


@pytest.mark.parametrize("words", [["--json", "--bogus", "a.whl"], ["--json"], ["x", "--json"]])
def test_usage_errors_have_their_json(words: list[str]) -> None:
    """Even a call that cannot be parsed is answered with one object, if it asks for it."""
    status, out, _ = Call().run(*words)
    form = json.loads(out)

    assert (2, 2, "refused", "usage") == (
        status,
        form["exit"],
        form["status"],
        form["error"]["code"],
    )
    assert Outcome("install").to_dict().keys() == form.keys()


@pytest.mark.parametrize(("command", "key"), [("list", "distributions"), ("check", "findings")])
def test_a_failed_look_has_its_key(command: str, key: str) -> None:
    """What a command adds to the object is there when it fails, too."""
    form = json.loads(Call(InvalidWheelError("Bad.")).run(command, "--json")[1])

    assert [] == form[key]
    assert form["error"]


def test_help_is_a_result() -> None:
    """``--help`` prints to standard output and succeeds."""
    status, out, err = Call().run("cache", "--help")

    assert (0, "") == (status, err)
    assert out.startswith("usage: linkinstall [OPTION...] cache COMMAND\n")


def test_the_version_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """``--version`` prints the program's name and the package's version."""
    monkeypatch.setattr("linkinstall.__version__", "1.2.3", raising=False)

    assert (0, "linkinstall 1.2.3\n", "") == Call().run("--version")


def test_a_lost_result_is_an_error() -> None:
    """Where standard output cannot be written, a success does not stay one."""

    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    status, _, err = Call([], stdout=Full()).run("list", "--json")

    assert (1, "error: the result could not be written: No space left on device\n") == (status, err)


def test_a_reader_that_has_gone_is_no_error() -> None:
    """``linkinstall list | head`` ends as if everything had been read."""

    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    assert (0, "", "") == Call([], stdout=Gone()).run("list", "--json")
