"""Outcomes and typed errors, put together from the parts of a transaction."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from linkinstall.cache import Cache
from linkinstall.errors import FileSystemError, LinkInstallError, UnsettledError, UsageError
from linkinstall.fs import local
from linkinstall.outcome import Change, FileCount, Kept, Outcome, Recovered, Warn
from linkinstall.results import SETTLED, put_aside, told, typed, unshared, with_outcome
from linkinstall.transaction import Transaction
from linkinstall.values import replace
from tests.support.faulty import Recording
from tests.support.sites import Site
from tests.support.watched import killed
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RECOVERED = (Recovered("t1", "rolled-back"),)
OUTCOME = Outcome(
    "install",
    status="done",
    environment_root="/env",
    recovered=RECOVERED,
    changes=(Change("app", "1.0", None, "installed"),),
    files=FileCount(copy=2),
)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Return a wheel."""
    return make_wheel(tmp_path, "app", "1.0")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment of its own."""
    return Site(tmp_path)


def test_a_failure_says_what_was_recovered_and_that_nothing_changed() -> None:
    """The outcome of a typed error keeps what was recovered before it, and no change."""
    error = typed(UsageError("no", next_step="Ask otherwise."), "/env", OUTCOME)

    assert isinstance(error, LinkInstallError)
    assert error.outcome is not None
    assert (RECOVERED, (), FileCount()) == (
        error.outcome.recovered,
        error.outcome.changes,
        error.outcome.files,
    )
    assert (error.status, error.exit_status, error) == (
        error.outcome.status,
        error.outcome.exit,
        error.outcome.error,
    )


@pytest.mark.parametrize(("name", "path"), [("/env/lib/a.py", "/env/lib/a.py"), (None, "/env")])
def test_an_error_of_the_disk_becomes_one_of_ours(name: str | None, path: str) -> None:
    """An OSError is raised as a FileSystemError on its path, or the environment's root."""
    cause = OSError(errno.ENOSPC, "No space left on device", name)
    error = typed(cause, "/env", replace(OUTCOME, recovered=()))

    assert isinstance(error, FileSystemError)
    assert f"{path}: No space left on device. The environment is as it was." == error.message
    assert error.outcome is not None


def test_an_error_after_the_settling_says_so() -> None:
    """Where an earlier run's change was settled before, the environment is not "as it was".

    It was just rolled back, or finished, and ``recover`` said that it was as it was.
    """
    error = typed(OSError(errno.EIO, "Input/output error", "/env/lib"), "/env", OUTCOME)

    assert isinstance(error, FileSystemError)
    assert f"/env/lib: Input/output error. {SETTLED}" == error.message
    assert error.outcome is not None
    assert OUTCOME.recovered == error.outcome.recovered


def test_an_error_of_the_system_tells_what_was_recovered_before_it() -> None:
    """What is no error of ours yet gets the outcome as well."""
    error = OSError(errno.EIO, "Input/output error", "/env/lib")

    with_outcome(error, OUTCOME)

    assert OUTCOME.recovered == error.outcome.recovered  # type: ignore[attr-defined]


@pytest.mark.posix("names are Unicode there, whatever the locale is")
def test_a_name_that_the_locale_cannot_write_is_told(tmp_path: Path) -> None:
    """A file name in other letters than those of the locale is refused by name, with a way out.

    Story: in the C locale, where Python was told to keep to it, such a wheel ended with an
    error that called itself a mistake in linkinstall.
    """
    wheel = make_wheel(tmp_path, "app", "1.0", {"app/\xe9.py": "x = 1\n"})
    variables = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    command = ["install", "--target", str(tmp_path / "out"), "--cache-dir", str(tmp_path / "c")]
    done = subprocess.run(
        [sys.executable, "-m", "linkinstall", *command, str(wheel)],
        env={**os.environ, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert 1 == done.returncode
    assert "xe9.py: the name cannot be written in the encoding of this locale" in done.stderr
    assert "Set a UTF-8 locale" in done.stderr
    assert not (tmp_path / "out" / "app").exists()


@pytest.mark.parametrize("staged", ["/env/lib/.linkinstall/new/6", "/cache/v1/tmp/4f1c.part"])
def test_of_a_rename_the_place_is_told_that_cannot_be_had(staged: str) -> None:
    """What cannot be put into its place is about the place, not about where it was made.

    In a folder that could not be written, the message named a path in the state folder.
    """
    error = PermissionError(errno.EACCES, "Permission denied", staged, None, "/env/lib/app")
    away = PermissionError(errno.EACCES, "Permission denied", "/env/lib/app", None, staged)

    assert ["/env/lib/app"] * 2 == [told(one, "/env", None)[0] for one in (error, away)]


def test_a_folder_that_was_deleted_under_the_call_is_told() -> None:
    """Where the current folder is gone, a relative path is no path, and that is said.

    The error was "No such file or directory", of the environment's root or of nothing.
    """
    path, reason, next_step = told(FileNotFoundError(errno.ENOENT, "No such file"), "/env", None)

    assert ("/env", "No such file: the current folder has been deleted") == (path, reason)
    assert next_step.startswith("Go to another folder")


@pytest.mark.parametrize(
    ("holders", "who"),
    [((), "another program"), (((7, "code"), (9, "more")), "code (process 7), more (process 9)")],
)
def test_who_holds_a_file_is_told(holders: tuple[tuple[int, str], ...], who: str) -> None:
    """The reason for a busy file names the processes that hold it, where the system tells."""
    files = Recording(local())
    setattr(files, "holders", lambda _path: holders)  # noqa: B010 - a fake
    error = OSError(errno.EBUSY, "Device or resource busy", "/env/a")

    path, reason, next_step = told(error, "/env", files)

    assert ("/env/a", f"Device or resource busy; {who} has it open") == (path, reason)
    assert next_step.startswith("Close")


def test_an_outcome_that_is_there_is_kept() -> None:
    """An error that has its outcome already goes on with it."""
    error = UsageError("no", next_step="Ask otherwise.")
    error.outcome = replace(OUTCOME, command="recover")
    typed(error, "/env", OUTCOME)

    assert "recover" == error.outcome.command


@pytest.mark.parametrize("error", [UsageError("no"), KeyboardInterrupt(), OSError(errno.EIO, "no")])
def test_what_was_put_back_is_not_told_as_replaced(error: BaseException) -> None:
    """A failure keeps the warnings but those of a change that was not made.

    A refused upgrade of a project without RECORD printed "replaced …, left behind by …" for files
    that stood as before.
    """
    codes = ("damaged-replaced", "pth", "leftover-replaced")
    outcome = replace(OUTCOME, warnings=tuple(Warn(code, "") for code in codes))

    failed = typed(error, "/env", outcome)

    assert ["pth"] == [one.code for one in getattr(failed, "outcome").warnings]  # noqa: B009


def test_what_could_not_be_put_back_may_be_replaced() -> None:
    """Where a change is neither made nor undone, all warnings of it stay."""
    outcome = replace(OUTCOME, warnings=(Warn("leftover-replaced", ""),))

    failed = typed(UnsettledError("no"), "/env", outcome)

    assert isinstance(failed, UnsettledError)
    assert failed.outcome is not None
    assert outcome.warnings == failed.outcome.warnings


def test_what_is_no_error_of_ours_passes() -> None:
    """An interrupt is handed back as it is."""
    interrupt = KeyboardInterrupt()

    assert interrupt is typed(interrupt, "/env", OUTCOME)


def test_a_change_is_done_and_none_is_unchanged(site: Site) -> None:
    """What was installed is told as done with its files; the same again as unchanged."""
    wheel = site.wheel()
    first = site.install(wheel, compile_levels=(), link_mode="copy")
    again = site.install(wheel, compile_levels=(), link_mode="copy")

    assert ("done", "unchanged") == (first.status, again.status)
    assert (Change("app", "1.0", None, "installed"),) == first.changes
    assert (Change("app", "1.0", "1.0", "unchanged"),) == again.changes
    assert (True, FileCount()) == (first.files.copy > 0, again.files)


def test_an_outcome_names_the_environment(site: Site) -> None:
    """An outcome says where it happened: root, interpreter and library."""
    outcome = site.install(site.wheel(), compile_levels=())

    assert (str(site.root), str(site.scripts / "python"), str(site.library)) == (
        outcome.environment_root,
        outcome.environment_python,
        outcome.environment_library,
    )


@pytest.mark.windows_real
def test_an_outcome_names_every_path_in_one_way(site: Site) -> None:
    """An interpreter tells its paths with backslashes; an outcome has slashes throughout.

    The environment was told as the interpreter tells it, all else with slashes.
    """
    native = {
        name: getattr(site.environment, name).replace("/", "\\") for name in ("root", "python")
    }
    site.environment = replace(site.environment, **native)
    outcome = site.install(site.wheel(), compile_levels=())

    assert (str(site.root), str(site.scripts / "python")) == (
        outcome.environment_root,
        outcome.environment_python,
    )


def test_nothing_asked_and_nothing_left_is_done(site: Site) -> None:
    """A recovery that finds nothing is done, and recovered nothing."""
    outcome = site.recover()

    assert ("done", ()) == (outcome.status, outcome.recovered)


def test_what_could_not_be_put_back_is_told_to_people(site: Site) -> None:
    """A warning names it: the next command deletes it, and of ``kept`` a number alone is shown."""
    site.install(site.wheel(), compile_levels=())
    killed(site, "rename", "/committed")
    (site.library / "app" / "data.txt").unlink()
    (site.library / "app" / "data.txt").write_text("somebody's")
    outcome = site.recover()

    (kept,) = outcome.kept
    message = f"{kept.path}: {kept.reason}, and the next command deletes them"
    assert [("put-aside", message)] == [(one.code, one.message) for one in outcome.warnings]


@pytest.mark.parametrize(("number", "more"), [(0, []), (1, []), (5, []), (7, ["2 more"])])
def test_of_much_that_could_not_go_back_some_is_told(number: int, more: list[str]) -> None:
    """Five are named, and how many there are besides."""
    messages = [one.message for one in put_aside([Kept("/env/a", "because")] * number)]

    assert min(number, 5) == sum("/env/a: because" in one for one in messages)
    assert more == [one[:6] for one in messages[5:]]


def test_links_to_a_cache_that_goes_are_told_as_copies() -> None:
    """What was linked out of a cache that is gone in the end shares nothing with anything.

    ``--destdir`` and ``--no-cache`` told of hard links, and each file had one name.
    """
    counts = {"clone": 1, "hardlink": 4, "symlink": 0, "copy": 2, "written": 3}

    expected = {"clone": 1, "hardlink": 0, "symlink": 0, "copy": 6, "written": 3}
    assert expected == unshared(counts)


def test_what_is_unpacked_beside_the_target_is_told_as_copies(site: Site, wheel: Path) -> None:
    """Without a cache, and in the dry run of it, no hard link is told of."""
    with Transaction(site.environment, cache=Cache.none(), link_mode="hardlink") as told:
        told.install(wheel)
        (planned,) = dry(site, wheel)

    assert told.outcome is not None
    assert (0, planned["copy"]) == (told.outcome.files.hardlink, told.outcome.files.copy)
    assert told.outcome.files.copy > 1
    assert 0 == planned["hardlink"]


def dry(site: Site, wheel: Path) -> list[Mapping[str, int]]:
    """Return the counts that a dry run without a cache tells."""
    transaction = Transaction(site.environment, cache=Cache.none(), link_mode="hardlink")
    transaction.install(wheel)
    return [one.files for one in transaction.dry_run().plan or ()]


def test_an_interruption_knows_what_was_recovered_before_it() -> None:
    """The first that tells it what is known counts, as with errors of ours.

    A program that reads the JSON was told that nothing was recovered.
    """
    interruption = KeyboardInterrupt()

    with_outcome(interruption, OUTCOME)
    with_outcome(interruption, Outcome("install"))

    known = interruption.outcome  # type: ignore[attr-defined]
    assert (RECOVERED, (), FileCount()) == (known.recovered, known.changes, known.files)
