"""What interpreters answered before: when it counts, and when they are asked again."""

from __future__ import annotations

import errno
import os
from binascii import crc32
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.interpreter_report import SCHEMES
from linkinstall.paths import forward
from linkinstall.remembered_interpreters import RememberedInterpreters, folder_below
from tests.support.faulty import LocalFileSystem

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from linkinstall.interpreter_report import Report

VENV_LAYOUT = {
    "purelib": "lib/python3.12/site-packages",
    "platlib": "lib64/python3.12/site-packages",
    "headers": "include/python3.12",
    "scripts": "bin",
    "data": "",
}


class Asking:
    """Stands for starting an interpreter, and counts."""

    def __init__(self, *, venvs: bool = False, **changes: str) -> None:
        self.asked: list[str] = []
        self.venvs = venvs
        self.changes = changes

    def __call__(self, executable: str) -> Report:
        """Answer as the interpreter at this path would."""
        self.asked.append(executable)
        report = {
            "executable": executable,
            "prefix": "/p",
            "base_prefix": "/b",
            "version": "3.12.1",
        }
        for name in SCHEMES:
            report[name] = f"/p/{name}"
            report[f"layout.{name}"] = f"l/{name}"
            if self.venvs:
                report[f"venv.{name}"] = VENV_LAYOUT[name]
        return report | self.changes


plain_venv = pytest.mark.posix("a venv has no link to the interpreter that it was made with there")


class Unwritable(LocalFileSystem):
    """A cache that cannot be written."""

    def create(self, path: str, *, executable: bool = False) -> BinaryIO:
        """Refuse, as a volume does that is mounted read-only."""
        del executable
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Make an interpreter, as a file; nothing here starts it."""
    path = tmp_path / "opt" / "bin" / "python3.12"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"program")
    return path


@pytest.fixture
def memory(tmp_path: Path) -> RememberedInterpreters:
    """Return an empty memory, whose folder is not there yet."""
    return RememberedInterpreters(str(tmp_path / "cache" / "v1" / "interpreters"))


@pytest.fixture
def venv(tmp_path: Path, python: Path) -> Path:
    """Make a venv of ``python``, laid out as ``python -m venv`` does."""
    root = tmp_path / "env"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "python").symlink_to(python)
    (root / VENV_LAYOUT["purelib"]).mkdir(parents=True)
    (root / "pyvenv.cfg").write_text(f"home = {python.parent}\nversion = 3.12.1\n")
    return root


def kept(tmp_path: Path) -> list[Path]:
    """Return the files of the memory."""
    return sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_an_interpreter_is_asked_once(python: Path, memory: RememberedInterpreters) -> None:
    """The second time the answer comes from the disk, the same in every part."""
    ask = Asking()

    first, second = memory.report_of(str(python), ask), memory.report_of(str(python), ask)

    assert [str(python)] == ask.asked
    assert Asking()(str(python)) == first == second


def test_answers_hold_beyond_the_process(
    tmp_path: Path, python: Path, memory: RememberedInterpreters
) -> None:
    """What one process remembers another one knows."""
    memory.report_of(str(python), Asking())
    ask = Asking()

    RememberedInterpreters(str(tmp_path / "cache/v1/interpreters")).report_of(str(python), ask)

    assert [] == ask.asked


def test_interpreters_are_told_apart(python: Path, memory: RememberedInterpreters) -> None:
    """Two paths have two answers, even if one is a link to the other."""
    other = python.with_name("python3")
    other.symlink_to(python.name)

    memory.report_of(str(python), Asking())
    report = memory.report_of(str(other), Asking())

    assert str(other) == report["executable"]


@plain_venv
@pytest.mark.parametrize(
    "change", ["time", "size", "link", "venv appears", "venv changes", "venv one up", "layout"]
)
def test_a_changed_interpreter_is_asked_again(
    change: str, python: Path, memory: RememberedInterpreters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer counts only while everything that decides it is as it was."""
    monkeypatch.delenv("DEB_PYTHON_INSTALL_LAYOUT", raising=False)
    link = python.with_name("python3")
    link.symlink_to(python.name)
    beside = python.with_name("pyvenv.cfg")
    if change == "venv changes":
        beside.write_text("home = /a\n")
    ask = Asking(executable=str(python))
    memory.report_of(str(link), ask)
    before = python.stat()

    if change == "time":
        os.utime(python, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    elif change == "size":
        python.write_bytes(b"another program")
        os.utime(python, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "link":
        python.rename(python.with_name("python3.13"))
        link.unlink()
        link.symlink_to("python3.13")
    elif change == "venv one up":
        (python.parent.parent / "pyvenv.cfg").write_text("home = /b\n")
    elif change == "layout":
        monkeypatch.setenv("DEB_PYTHON_INSTALL_LAYOUT", "deb_system")
    else:
        beside.write_text("home = /another\n")

    memory.report_of(str(link), ask)

    assert [str(link)] * 2 == ask.asked


def test_a_damaged_answer_is_never_trusted(
    tmp_path: Path, python: Path, memory: RememberedInterpreters
) -> None:
    """A byte that flipped or went missing anywhere makes the file as good as none."""
    memory.report_of(str(python), Asking())
    (path,) = kept(tmp_path)
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(len(whole))]
    damaged += [
        whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        for place in range(len(whole))
    ]

    for data in damaged:
        path.write_bytes(data)
        ask = Asking()
        assert Asking()(str(python)) == memory.report_of(str(python), ask)
        assert [str(python)] == ask.asked

    assert whole == path.read_bytes()


def test_an_answer_without_its_identity_is_none(
    tmp_path: Path, python: Path, memory: RememberedInterpreters
) -> None:
    """A whole file that lacks what must agree is as good as none; it was a KeyError."""
    memory.report_of(str(python), Asking())
    (path,) = kept(tmp_path)
    path.write_bytes(b"%08x" % crc32(b"other\0x") + b"other\0x")
    ask = Asking()

    assert Asking()(str(python)) == memory.report_of(str(python), ask)
    assert [str(python)] == ask.asked


def test_an_unwritable_cache_is_no_error(tmp_path: Path, python: Path) -> None:
    """Where nothing can be remembered, the interpreter is asked each time."""
    memory = RememberedInterpreters(str(tmp_path / "cache"), files=Unwritable())
    ask = Asking()

    reports = [memory.report_of(str(python), ask) for _ in range(2)]

    assert [Asking()(str(python))] * 2 == reports
    assert [str(python)] * 2 == ask.asked
    assert [] == kept(tmp_path)


def test_a_cache_that_is_no_folder_is_no_error(tmp_path: Path, python: Path) -> None:
    """A file where the cache should be stands in nobody's way."""
    (tmp_path / "cache").write_text("a file")
    memory = RememberedInterpreters(str(tmp_path / "cache" / "v1"))

    assert Asking()(str(python)) == memory.report_of(str(python), Asking())


def test_a_killed_writer_leaves_nothing_that_is_read(
    tmp_path: Path, python: Path, memory: RememberedInterpreters
) -> None:
    """What is not whole yet lies with the cache's temporary files, which are swept."""
    memory.report_of(str(python), Asking())
    (path,) = kept(tmp_path)

    assert [] == list((path.parent.parent / "tmp").iterdir())
    assert [path] == kept(tmp_path)


def test_without_a_folder_nothing_is_remembered(
    tmp_path: Path, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that must not write, a dry one say, leaves nothing."""
    monkeypatch.chdir(tmp_path)
    ask = Asking()

    for _ in range(2):
        RememberedInterpreters("").report_of(str(python), ask)

    assert [str(python)] * 2 == ask.asked
    assert {"opt"} == {path.name for path in tmp_path.iterdir()}


def test_the_answer_of_a_wrapper_is_not_remembered(
    tmp_path: Path, python: Path, memory: RememberedInterpreters
) -> None:
    """A program that starts some interpreter may start another one tomorrow."""
    ask = Asking(venvs=True, executable=str(tmp_path / "elsewhere"))

    for _ in range(2):
        memory.report_of(str(python), ask)

    assert [str(python)] * 2 == ask.asked


def test_what_cannot_be_installed_into_is_not_remembered(
    tmp_path: Path, python: Path, memory: RememberedInterpreters
) -> None:
    """A program that did not answer may answer the next time."""

    def silent(_executable: str) -> Report:
        return {"silence": "exit status 127"}

    assert {"silence": "exit status 127"} == memory.report_of(str(python), silent)
    assert not (tmp_path / "cache").exists()


def test_a_missing_interpreter_is_asked(tmp_path: Path, memory: RememberedInterpreters) -> None:
    """Where there is no such file, whoever asks finds out why."""
    ask = Asking()

    memory.report_of(str(tmp_path / "gone"), ask)

    assert [str(tmp_path / "gone")] == ask.asked


# ------------------------------------------------------------------ venvs of known interpreters


@plain_venv
def test_a_fresh_venv_of_a_known_interpreter_is_not_asked(
    python: Path, venv: Path, memory: RememberedInterpreters
) -> None:
    """What an interpreter said of its venvs holds for one that was never seen."""
    memory.report_of(str(python), Asking(venvs=True))
    ask = Asking(venvs=True)

    report = memory.report_of(str(venv / "bin" / "python"), ask)

    assert [] == ask.asked
    assert (str(venv / "bin" / "python"), str(venv), "/b") == (
        report["executable"],
        report["prefix"],
        report["base_prefix"],
    )
    below = [os.path.normpath(venv / VENV_LAYOUT[name]) for name in SCHEMES]
    assert below == [report[name] for name in SCHEMES]
    assert list(VENV_LAYOUT.values()) == [report[f"layout.{name}"] for name in SCHEMES]


@plain_venv
def test_one_venv_makes_its_sisters_known(
    tmp_path: Path, venv: Path, memory: RememberedInterpreters
) -> None:
    """The interpreter itself need not have been asked, another venv of it will do."""
    folders = {name: str(venv / VENV_LAYOUT[name]).rstrip("/") for name in SCHEMES}
    layout = {f"layout.{name}": VENV_LAYOUT[name] for name in SCHEMES}
    executable = str(venv / "bin" / "python")
    first = Asking(venvs=True, executable=executable, prefix=str(venv), **folders, **layout)
    memory.report_of(executable, first)
    venv.rename(tmp_path / "sister")
    second = Asking(venvs=True)

    report = memory.report_of(str(tmp_path / "sister" / "bin" / "python"), second)

    assert [] == second.asked
    assert str(tmp_path / "sister" / VENV_LAYOUT["purelib"]) == report["purelib"]
    # One file for all of them: venvs come and go by the thousand.
    assert 1 == len(kept(tmp_path))


@plain_venv
def test_a_venv_that_differs_is_remembered_itself(
    venv: Path, memory: RememberedInterpreters
) -> None:
    """Where a venv says something else than was worked out, its own word counts."""
    executable = str(venv / "bin" / "python")
    ask = Asking(venvs=True, purelib="/somewhere/else")

    reports = [memory.report_of(executable, ask) for _ in range(2)]

    assert ["/somewhere/else"] * 2 == [report["purelib"] for report in reports]
    assert [executable] == ask.asked


@plain_venv
@pytest.mark.parametrize(
    "damage",
    [
        "no settings",
        "no home",
        "home elsewhere",
        "settings unreadable",
        "settings with a NUL",
        "settings without end",
        "copied interpreter",
        "no library",
        "older interpreter",
        "interpreter changed",
    ],
)
def test_a_venv_that_is_not_plain_is_asked(
    damage: str, python: Path, venv: Path, memory: RememberedInterpreters
) -> None:
    """Whatever is unusual about a venv, it is asked rather than guessed."""
    executable, settings = venv / "bin" / "python", venv / "pyvenv.cfg"
    memory.report_of(str(python), Asking(venvs=damage != "older interpreter"))
    if damage == "no settings":
        settings.unlink()
    elif damage == "no home":
        settings.write_text("version = 3.12.1\n")
    elif damage == "home elsewhere":
        settings.write_text(f"home = {venv}\n")
    elif damage == "settings unreadable":
        settings.write_bytes(b"home = \xff\n")
    elif damage == "settings with a NUL":  # it was a ValueError that nothing caught
        settings.write_bytes(b"home = /usr/\0\n")
    elif damage == "settings without end":
        with settings.open("ab") as stream:
            stream.write(b"#" * limits.SETTINGS_SIZE)
    elif damage == "copied interpreter":
        executable.unlink()
        executable.write_bytes(b"program")
    elif damage == "no library":
        (venv / VENV_LAYOUT["purelib"]).rmdir()
    elif damage == "interpreter changed":
        python.write_bytes(b"a newer program")
    ask = Asking(venvs=True)

    report = memory.report_of(str(executable), ask)

    assert [str(executable)] == ask.asked
    assert "/p/purelib" == report["purelib"]


# ------------------------------------------------------------------ where


def test_answers_lie_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder belongs to the cache that is named, else to the default one."""
    monkeypatch.setenv("LINKINSTALL_CACHE_DIR", str(tmp_path / "default"))

    assert f"{tmp_path}/named/v1/interpreters" == forward(folder_below(f"{tmp_path}/named"))
    assert f"{tmp_path}/default/v1/interpreters" == forward(folder_below(None))
    assert "" == folder_below("")


class Unrenamable(LocalFileSystem):
    """A cache in which nothing can be renamed."""

    def rename(self, source: str, target: str) -> None:
        """Refuse, as a full directory does."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), source, None, target)


def test_what_cannot_be_remembered_leaves_nothing(python: Path, tmp_path: Path) -> None:
    """An answer that was written but could not be given its name is taken away again.

    A disk error left a stray file for ever, as the next answer had another name.
    """
    folder = tmp_path / "memory"
    memory = RememberedInterpreters(str(folder), files=Unrenamable())
    asked = Asking()

    memory.report_of(str(python), asked)

    assert [] == os.listdir(folder)
