"""Tests of ``linkinstall.venvs.making``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.errors import UnsettledError, VenvError
from linkinstall.fs import local
from linkinstall.interpreters import ask
from linkinstall.paths import forward
from linkinstall.venvs.making import Wanted, lasting, make, version_of, wanted_again
from tests.support.platforms import WINDOWS

if TYPE_CHECKING:
    from linkinstall.interpreter_report import Report


def again(place: Path, wanted: Wanted | None = None) -> tuple[Wanted, str]:
    """Return what a place is to be made with again, and why its interpreter is gone."""
    return wanted_again(local(), str(place), wanted or Wanted(), ask)


def python_of(place: Path) -> Path:
    """Return the interpreter of an environment."""
    beside = place / "bin" / "python"
    return beside if beside.exists() else place / "Scripts" / "python.exe"


def test_an_environment_is_made_as_asked(tmp_path: Path) -> None:
    """Interpreter, prompt and sight of the system's distributions are as asked for."""
    make(str(tmp_path / "v"), Wanted(sys.executable, "blue", system_site_packages=True))

    done = subprocess.run(
        [python_of(tmp_path / "v"), "-c", "import sys, pip; print(sys.prefix)"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert tmp_path / "v" == Path(done.stdout.strip())
    activate = python_of(tmp_path / "v").with_name("activate").read_text(encoding="utf-8")
    assert "blue" in activate
    text = (tmp_path / "v" / "pyvenv.cfg").read_text(encoding="utf-8")
    assert "include-system-site-packages = true" in text


@pytest.mark.parametrize("by", ["variable", "file"])
def test_what_stands_at_the_place_is_not_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """The user's settings of virtualenv are heeded, but for the one that empties the place.

    Where the old environment waited inside the place, it was deleted with its journal, by
    ``VIRTUALENV_CLEAR``.
    """
    if by == "file":
        (tmp_path / "virtualenv.ini").write_text("[virtualenv]\nclear = true\nprompt = blue\n")
        monkeypatch.setenv("VIRTUALENV_CONFIG_FILE", str(tmp_path / "virtualenv.ini"))
    else:
        monkeypatch.setenv("VIRTUALENV_CLEAR", "1")
        monkeypatch.setenv("VIRTUALENV_PROMPT", "blue")
    waiting = tmp_path / "v" / ".linkinstall.venv" / "journal"
    waiting.parent.mkdir(parents=True)
    waiting.write_text("a journal")

    make(str(tmp_path / "v"), Wanted())

    assert "a journal" == waiting.read_text()
    assert "blue" == again(tmp_path / "v")[0].prompt


def test_a_prompt_may_begin_with_a_hyphen(tmp_path: Path) -> None:
    """It is what was asked for, and no option of virtualenv.

    virtualenv printed how it is used, and the error said "2".
    """
    make(str(tmp_path / "v"), Wanted(prompt="-x"))

    assert "-x" == again(tmp_path / "v")[0].prompt


def test_an_unknown_interpreter_is_an_error_with_what_was_said(tmp_path: Path) -> None:
    """An interpreter that cannot be found ends as a typed error, not as virtualenv's exit."""
    with pytest.raises(VenvError, match="no-such-python") as caught:
        make(str(tmp_path / "v"), Wanted("no-such-python"))

    assert "--python names another interpreter." == caught.value.next_step


@pytest.mark.parametrize(
    "text",
    [
        "home = {home}\nversion = {version}\n",
        "home = {home}\nversion_info = {version}.final.0\n",
        "home = /gone\nbase-executable = {python}\n",
        "home = /gone\nexecutable = {python}\n",
    ],
    ids=["venv", "uv", "virtualenv", "venv of 3.11"],
)
def test_what_an_environment_was_made_with_is_told_by_its_settings(
    tmp_path: Path, text: str
) -> None:
    """pyvenv.cfg as venv, uv and virtualenv write it tells the interpreter."""
    home = tmp_path / "python"
    home.mkdir()
    version = ".".join(map(str, sys.version_info[:3]))
    python = home / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    python.touch()
    filled = text.format(home=home, version=version, python=python)
    (tmp_path / "pyvenv.cfg").write_text(
        f"{filled}prompt = 'red'\ninclude-system-site-packages = true\n", encoding="utf-8"
    )

    assert (Wanted(str(python), "red", system_site_packages=True), "") == again(tmp_path)


def test_what_is_asked_for_goes_first(tmp_path: Path) -> None:
    """What the caller says counts, and what nothing tells is left open."""
    (tmp_path / "pyvenv.cfg").write_text("home = /gone\nprompt = red\n", encoding="utf-8")

    assert (Wanted("3.12", "blue"), "") == again(tmp_path, Wanted("3.12", "blue"))
    assert (Wanted("", "red"), "there is none in /gone") == again(tmp_path)
    assert (Wanted("3.12"), "") == again(tmp_path / "none", Wanted("3.12"))


def told(version: tuple[int, ...]) -> str:
    """Return a version as ``pyvenv.cfg`` tells it."""
    return ".".join(map(str, version))


THIS = sys.version_info[:3]
OTHER = (3, THIS[1] - 1, 4)


@pytest.mark.parametrize(
    ("settings", "gone"),
    [
        pytest.param(f"version = {told(OTHER)}\n", f"it was Python {told(OTHER)}", id="venv"),
        pytest.param(
            f"implementation = CPython\nversion_info = {told(OTHER)}.final.0\n",
            f"it was CPython {told(OTHER)}",
            id="virtualenv",
        ),
        pytest.param(
            f"implementation = PyPy\nversion_info = {told(THIS)}\n",
            f"it was PyPy {told(THIS)}",
            id="PyPy",
        ),
        pytest.param("implementation = PyPy\n", "it was PyPy", id="PyPy alone"),
        pytest.param(f"implementation = CPython\nversion_info = {told(THIS)}\n", "", id="same"),
        pytest.param(f"version = {told((*THIS[:2], 99))}\n", "", id="another patch"),
        pytest.param("version = strange\n", "", id="not told"),
    ],
)
def test_another_interpreter_at_the_same_place_is_not_the_one_that_is_gone(
    tmp_path: Path, settings: str, gone: str
) -> None:
    """What stands at the place of an interpreter counts by the version that it answers.

    Where a Python was upgraded in place, ``home`` has a ``python3`` still, and that was taken:
    the environment came to have another version of Python without a word.
    """
    (tmp_path / "pyvenv.cfg").write_text(
        f"home = {tmp_path}\n{settings}base-executable = {sys.executable}\n", encoding="utf-8"
    )

    found, why = again(tmp_path)

    here = f"{sys.executable} is CPython {told(THIS)} by now"
    assert ("" if gone else sys.executable) == found.python
    assert (f"{gone}, and {here}" if gone else "") == why


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_an_interpreter_is_taken_for_what_it_answers_whatever_it_is_called(tmp_path: Path) -> None:
    """A name tells the version only of a file that is called so itself, and is there.

    A link that has the right name may lead to another Python, or nowhere.
    """
    minor = told(OTHER[:2])
    base = os.path.realpath(sys.executable)
    (tmp_path / f"python{minor}").symlink_to(base)
    (tmp_path / "python3").symlink_to(base)
    (tmp_path / "pyvenv.cfg").write_text(
        f"home = {tmp_path}\nversion = {told(OTHER)}\nexecutable = {tmp_path}/dangling\n",
        encoding="utf-8",
    )
    (tmp_path / "dangling").symlink_to("gone")
    asked: list[str] = []

    def asking(path: str) -> Report:
        asked.append(path)
        return ask(path)

    found, why = wanted_again(local(), str(tmp_path), Wanted(), asking)

    assert "" == found.python
    assert f"python{minor} is CPython {told(THIS)} by now" in why
    assert [str(tmp_path / f"python{minor}")] == asked  # what is one program is asked once


@pytest.mark.posix("a script can be started there")
def test_what_does_not_answer_is_no_interpreter(tmp_path: Path) -> None:
    """A program that stands there and does not run any more is gone, and the reason is told."""
    (tmp_path / "python3").write_text("#!/bin/sh\necho no library >&2\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    (tmp_path / "pyvenv.cfg").write_text(f"home = {tmp_path}\nversion = {told(THIS)}\n")

    found, why = again(tmp_path)

    assert "" == found.python
    assert why.endswith("python3 does not answer as a Python interpreter does: no library")


def test_the_version_of_an_environment_is_told(tmp_path: Path) -> None:
    """The version is told by pyvenv.cfg, as far as it is one."""
    found = {}
    for text in ("version = 3.12.1", "version_info = 3.12.1.final.0", "version = x.y", ""):
        (tmp_path / "pyvenv.cfg").write_text(text, encoding="utf-8")
        found[text] = version_of(local(), str(tmp_path))

    assert ["3.12.1", "3.12.1", "", ""] == list(found.values())


@pytest.mark.parametrize("home", ["/usr/\0", "/" + "x" * 300], ids=["NUL", "too long"])
def test_settings_that_name_no_possible_path_are_left_open(tmp_path: Path, home: str) -> None:
    """A home that can be no folder's path tells no interpreter.

    It was a ValueError over the NULs that a power cut leaves, or the system's "File name too
    long", and nothing caught either.
    """
    (tmp_path / "pyvenv.cfg").write_text(f"home = {home}\nprompt = red\n", encoding="utf-8")

    assert Wanted("", "red") == again(tmp_path)[0]


def test_settings_without_end_tell_nothing(tmp_path: Path) -> None:
    """Settings are read up to a bound: resolving a path of megabytes takes for ever."""
    text = "home = /usr" + "/.." * limits.SETTINGS_SIZE
    (tmp_path / "pyvenv.cfg").write_text(f"prompt = red\n{text}\n", encoding="utf-8")

    assert (Wanted(), "") == again(tmp_path)


@pytest.mark.posix("a path on Windows has a colon")
def test_a_path_that_virtualenv_refuses_is_told_in_its_words(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The error says why, and nothing but the error is printed.

    It said "2", after all of virtualenv's usage, which ``--quiet`` did not keep back.
    """
    with pytest.raises(VenvError, match="path separator") as caught:
        make(f"{tmp_path}/a:b", Wanted(sys.executable))

    assert ("", "") == capfd.readouterr()
    assert "" == caught.value.next_step
    assert "\n" not in caught.value.message


def test_of_a_traceback_the_last_line_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process of virtualenv's dies of is told in a line, and blamed on no interpreter.

    On a full disk the message was two tracebacks, one in the other, with the advice to name
    another interpreter.
    """

    def full(*_words: object, **_options: object) -> None:
        message = "failed\nTraceback (most recent call last):\nOSError: No space left on device\n"
        raise RuntimeError(message)

    monkeypatch.setattr("virtualenv.cli_run", full)

    with pytest.raises(VenvError) as caught:
        make(str(tmp_path / "v"), Wanted(sys.executable))

    assert caught.value.message.endswith("/v: OSError: No space left on device")
    assert "" == caught.value.next_step


@pytest.mark.posix("a signal can be sent to one thread")
def test_an_interruption_is_heard_when_no_thread_writes_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often Ctrl-C comes, virtualenv's threads have come to an end before it is heard.

    It left the join of the main thread alone: the old environment was put back, and the threads
    that were to put pip into the new one wrote into it.
    """
    main = threading.get_ident()
    written = []

    def interrupt() -> None:
        time.sleep(0.1)
        signal.pthread_kill(main, signal.SIGINT)

    def write() -> None:
        time.sleep(0.15)
        for number in range(3):
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)  # any thread may be handed it
            written.append(number)

    def seed(*_words: object, **_options: object) -> None:
        threads = [threading.Thread(target=one) for one in (write, write, interrupt)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    monkeypatch.setattr("virtualenv.cli_run", seed)

    with pytest.raises(KeyboardInterrupt):
        make(str(tmp_path / "v"), Wanted())

    assert [0, 0, 1, 1, 2, 2] == sorted(written)
    assert signal.default_int_handler is signal.getsignal(signal.SIGINT)


def test_what_does_not_stop_leaves_the_place_unsettled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads that do not end in time are told of, and what they write into is left to them."""
    monkeypatch.setattr(limits, "SEEDING_WAIT", 0.02)
    end = threading.Event()
    thread = threading.Thread(target=end.wait)

    def hang(*_words: object, **_options: object) -> None:
        thread.start()
        raise KeyboardInterrupt

    monkeypatch.setattr("virtualenv.cli_run", hang)
    try:
        with pytest.raises(UnsettledError, match="does not stop writing") as caught:
            make(str(tmp_path / "v"), Wanted())
    finally:
        end.set()
        thread.join()

    assert "`linkinstall venv` command" in caught.value.next_step


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Make what looks like an environment, with programs for interpreters; return its own."""
    (tmp_path / "base").mkdir()
    python = tmp_path / "v" / ("Scripts/python.exe" if WINDOWS else "bin/python")
    python.parent.mkdir(parents=True)
    for program in (tmp_path / "base" / "python3", python):
        program.touch()
        program.chmod(0o755)
    (tmp_path / "v" / "pyvenv.cfg").write_text(f"home = {tmp_path / 'base'}\n", encoding="utf-8")
    return python


@pytest.mark.parametrize("way", ["path", "relative", "name", "folder", "running"])
def test_the_interpreter_of_a_place_stands_for_its_base(
    tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """What lies in the place is looked up before it is aside: what it was made from is meant.

    By its path there was no interpreter any more, and a name found the next one on ``PATH``.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([str(own.parent), str(tmp_path / "base")]))
    if way == "running":
        monkeypatch.setattr(sys, "executable", str(own))
    names = {
        "path": str(own),
        "relative": os.path.relpath(own),
        "name": own.name,
        "folder": os.path.join(".", "v"),
        "running": "",
    }

    found = lasting(local(), forward(str(tmp_path / "v")), Wanted(names[way], "red"))

    assert Wanted(forward(str(tmp_path / "base" / "python3")), "red") == found


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_link_to_the_interpreter_of_a_place_stands_for_its_base(
    tmp_path: Path, own: Path
) -> None:
    """A link that leads through the place leads nowhere once that is aside."""
    own.unlink()
    own.symlink_to(tmp_path / "base" / "python3")
    (tmp_path / "link").symlink_to(own)

    found = lasting(local(), str(tmp_path / "v"), Wanted(str(tmp_path / "link")))

    assert Wanted(str(tmp_path / "base" / "python3")) == found


@pytest.mark.usefixtures("own")
def test_an_interpreter_elsewhere_is_the_one_that_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names and versions are left to virtualenv, which looks at more; a path is made absolute."""
    monkeypatch.chdir(tmp_path / "v")
    for word in ("", "3.12", "python", "./none", sys.executable):
        assert Wanted(word) == lasting(local(), forward(str(tmp_path / "v")), Wanted(word))

    found = lasting(local(), forward(str(tmp_path / "v")), Wanted("../base/python3"))

    assert (tmp_path / "base" / "python3") == Path(found.python)
    assert os.path.isabs(found.python)
