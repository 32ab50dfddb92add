"""``Transaction``: a caller's own step between prepare and commit stands or falls with ours."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration.support.locks import is_free
from integration.support.records import dist_info_of, record_problems
from integration.support.samples import make_broken, make_sample
from integration.support.trees import differences
from linkinstall import Cache, Environment, Transaction, install
from linkinstall.errors import LinkInstallError
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.environments import Venv
    from integration.support.trees import Tree


class CallerError(Exception):
    """The caller's own step failed."""


@pytest.fixture
def wheels(wheelhouse: Path) -> dict[str, Path]:
    """Give the wheels of two versions of ``sample``, and of ``one`` and ``two``."""
    made = {"old": make_sample(wheelhouse), "new": make_sample(wheelhouse, "2.0")}
    return made | {name: make_wheel(wheelhouse, name) for name in ("one", "two")}


def is_whole(venv: Venv, project: str) -> bool:
    """Whether a project stands in the environment as its RECORD says."""
    return [] == record_problems(venv.library, dist_info_of(venv.library, project))


def test_leaving_the_block_commits_all_of_it(
    venv: Venv, environment: Environment, cache: Cache, wheels: dict[str, Path]
) -> None:
    """A removal, an upgrade and a new project go in one transaction."""
    install([wheels["old"], wheels["one"]], environment=environment, cache=cache)
    with Transaction(environment, cache=cache) as transaction:
        transaction.uninstall("one")
        transaction.install(wheels["new"])
        transaction.install(wheels["two"])
        transaction.prepare()
        written = venv.root.parent / "lockfile"
        written.write_text("locked")

    assert not (venv.library / "one").exists()
    assert is_whole(venv, "sample")
    assert is_whole(venv, "two")
    assert not (venv.library / ".linkinstall").exists()


def test_leaving_the_block_prepares_where_the_caller_did_not(
    venv: Venv, environment: Environment, cache: Cache, wheels: dict[str, Path]
) -> None:
    """Without a call of ``prepare`` the block's end does both."""
    with Transaction(environment, cache=cache) as transaction:
        transaction.install(wheels["one"])
        assert not (venv.library / "one").exists()

    assert is_whole(venv, "one")


@pytest.mark.parametrize("error", [CallerError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("prepared", ["prepared", "not-prepared"])
def test_a_callers_step_that_fails_changes_nothing(
    error: type[BaseException],
    prepared: str,
    venv: Venv,
    environment: Environment,
    cache: Cache,
    wheels: dict[str, Path],
) -> None:
    """An exception between prepare and commit rolls everything back and is passed on."""
    install([wheels["old"], wheels["one"]], environment=environment, cache=cache)
    before = venv.snapshot(inodes=True)

    def change() -> None:
        with Transaction(environment, cache=cache) as transaction:
            transaction.uninstall("one")
            transaction.install(wheels["new"])
            transaction.install(wheels["two"])
            if prepared == "prepared":
                transaction.prepare()
            raise error

    with pytest.raises(error):
        change()
    assert [] == differences(before, venv.snapshot(inodes=True))


def test_prepare_stashes_what_must_go(
    venv: Venv, environment: Environment, cache: Cache, wheels: dict[str, Path]
) -> None:
    """After ``prepare`` everything that must go was proved movable, and is in the stash."""
    install([wheels["one"]], environment=environment, cache=cache)
    with Transaction(environment, cache=cache) as transaction:
        transaction.uninstall("one")
        assert (venv.library / "one/data.txt").exists()
        transaction.prepare()
        assert not (venv.library / "one/data.txt").exists()


def test_prepare_finds_every_conflict(
    venv: Venv, environment: Environment, cache: Cache, wheelhouse: Path
) -> None:
    """``prepare`` raises one typed error with all conflicts, and nothing has changed."""
    lonely = [make_wheel(wheelhouse, name, "1.0", {f"{name}.py": ""}) for name in ("ash", "birch")]
    for name in ("ash", "birch"):
        (venv.library / f"{name}.py").write_text("of the user")
    before = venv.snapshot(inodes=True)

    def change() -> None:
        with Transaction(environment, cache=cache) as transaction:
            for wheel in lonely:
                transaction.install(wheel)
            with pytest.raises(FileExistsError) as caught:
                transaction.prepare()
            assert isinstance(caught.value, LinkInstallError)
            paths = {problem.path for problem in caught.value.problems}
            assert {str(venv.library / f"{name}.py") for name in ("ash", "birch")} == paths
            raise caught.value

    with pytest.raises(FileExistsError):
        change()
    assert [] == differences(before, venv.snapshot(inodes=True))


def test_a_damaged_wheel_among_ten_changes_nothing(
    venv: Venv, environment: Environment, cache: Cache, wheelhouse: Path
) -> None:
    """Of ten wheels the last of which is damaged, none is installed."""
    before = venv.snapshot()
    wheels = [make_wheel(wheelhouse, f"project{number}") for number in range(9)]

    def change() -> None:
        with Transaction(environment, cache=cache) as transaction:
            for wheel in [*wheels, make_broken(wheelhouse)]:
                transaction.install(wheel)
            transaction.prepare()

    with pytest.raises(ValueError, match="broken"):
        change()
    assert [] == differences(before, venv.snapshot())


def test_metadata_of_the_caller_is_written(
    venv: Venv, environment: Environment, cache: Cache, wheels: dict[str, Path]
) -> None:
    """INSTALLER is what the caller says, and REQUESTED is there only where it was."""
    with Transaction(environment, cache=cache) as transaction:
        transaction.install(wheels["one"], metadata={"INSTALLER": b"pdm"}, requested=True)
        transaction.install(wheels["two"], metadata={"INSTALLER": b"pdm"}, requested=False)
    one, two = (dist_info_of(venv.library, name) for name in ("one", "two"))

    assert [b"pdm", b"pdm"] == [(path / "INSTALLER").read_bytes() for path in (one, two)]
    assert [True, False] == [(path / "REQUESTED").exists() for path in (one, two)]
    assert is_whole(venv, "one")


def test_the_lock_is_held_from_the_block_to_its_end(
    venv: Venv, environment: Environment, cache: Cache, wheels: dict[str, Path]
) -> None:
    """From prepare to commit nobody else can change the environment; afterwards they can."""
    with Transaction(environment, cache=cache) as transaction:
        transaction.install(wheels["one"])
        transaction.prepare()
        assert not is_free(venv.root / ".lock")

    assert is_free(venv.root / ".lock")


def test_an_empty_transaction_changes_nothing(
    venv: Venv, environment: Environment, cache: Cache
) -> None:
    """A block without a change is no error and writes nothing but the lock."""
    before = venv.snapshot()
    with Transaction(environment, cache=cache):
        pass

    assert [] == differences(before, venv.snapshot())


def test_u17_a_transaction_that_ended_takes_nothing_more(
    venv: Venv, environment: Environment, cache: Cache, wheels: dict[str, Path]
) -> None:
    """U17: using a transaction after its block is a typed error and no damage."""
    with Transaction(environment, cache=cache) as transaction:
        transaction.install(wheels["one"])
    before = venv.snapshot()
    with pytest.raises(LinkInstallError):
        transaction.install(wheels["two"])
    with pytest.raises(LinkInstallError):
        transaction.uninstall("one")
    with pytest.raises(LinkInstallError):
        transaction.prepare()

    assert [] == differences(before, venv.snapshot())


def test_a_change_after_prepare_is_an_error_and_rolls_back(
    venv: Venv, environment: Environment, cache: Cache, wheels: dict[str, Path]
) -> None:
    """What comes after ``prepare`` was not checked: it is refused, and the block rolls back."""
    before = venv.snapshot()

    def change() -> None:
        with Transaction(environment, cache=cache) as transaction:
            transaction.install(wheels["one"])
            transaction.prepare()
            transaction.install(wheels["two"])

    with pytest.raises(LinkInstallError):
        change()
    assert [] == differences(before, venv.snapshot())


CALLER = """
import os, signal, sys
from linkinstall import Cache, Environment, Transaction
venv, cache, old, new, when = sys.argv[1:]
with Transaction(Environment.of(venv), cache=Cache(cache)) as transaction:
    transaction.uninstall("one")
    transaction.install(new)
    if when == "before-prepare":
        os.kill(os.getpid(), signal.SIGKILL)
    transaction.prepare()
    os.kill(os.getpid(), getattr(signal, when))
"""


@pytest.mark.parametrize("when", ["before-prepare", "SIGKILL", "SIGINT", "SIGTERM"])
def test_a_caller_that_dies_between_prepare_and_commit_changes_nothing(
    when: str,
    linkinstall: Command,
    venv: Venv,
    bare: Tree,
    wheels: dict[str, Path],
) -> None:
    """A caller that dies in its own step leaves the old tree, at the latest after a next run."""
    linkinstall.run("install", "--python", venv.root, wheels["old"], wheels["one"])
    before = venv.snapshot()
    arguments = [venv.root, linkinstall.cache, wheels["old"], wheels["new"], when]
    done = subprocess.run(
        [sys.executable, "-c", CALLER, *[str(one) for one in arguments]],
        check=False,
        capture_output=True,
        text=True,
        env=linkinstall.environ(),
    )
    assert done.returncode != 0, done.stderr
    linkinstall.run("recover", "--python", venv.root)

    assert [] == differences(before, venv.snapshot())
    assert [] == venv.strays(bare)


def test_an_upgrade_in_a_transaction_reports_its_outcome(
    venv: Venv, environment: Environment, cache: Cache, wheels: dict[str, Path]
) -> None:
    """The functions are thin on the transaction: their outcome tells the same changes."""
    install([wheels["old"]], environment=environment, cache=cache)
    outcome = install([wheels["new"]], environment=environment, cache=cache)

    change = {"name": "sample", "version": "2.0", "previous": "1.0", "action": "replaced"}
    assert [change] == outcome.to_dict()["changes"]
    assert is_whole(venv, "sample")
