"""Outcomes and typed errors, put together from the parts of a transaction."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import FileSystemError, LinkInstallError, UsageError
from linkinstall.outcome import Change, FileCount, Outcome, Recovered
from linkinstall.results import typed
from linkinstall.values import replace
from tests.support.sites import Site

if TYPE_CHECKING:
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
    error = typed(OSError(errno.ENOSPC, "No space left on device", name), "/env", OUTCOME)

    assert isinstance(error, FileSystemError)
    assert f"{path}: No space left on device. The environment is as it was." == error.message
    assert error.outcome is not None


def test_an_outcome_that_is_there_is_kept() -> None:
    """An error that has its outcome already goes on with it."""
    error = UsageError("no", next_step="Ask otherwise.")
    error.outcome = replace(OUTCOME, command="recover")
    typed(error, "/env", OUTCOME)

    assert "recover" == error.outcome.command


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


def test_nothing_asked_and_nothing_left_is_done(site: Site) -> None:
    """A recovery that finds nothing is done, and recovered nothing."""
    outcome = site.recover()

    assert ("done", ()) == (outcome.status, outcome.recovered)
