"""The scenario U20 and the environment lock: who waits for whom, how long, and what is said."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from integration.support.command import Command, Fault
from integration.support.locks import arrived, held, is_free
from integration.support.peers import uv_program
from integration.support.records import dist_info_of, dist_infos, record_problems
from integration.support.samples import make_sample
from integration.support.trees import differences
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.environments import Venv

CHANGES = [["install"], ["uninstall"], ["recover"]]


def given_for(change: list[str], sample: Path) -> list[object]:
    """Return the command and its operands."""
    operands: dict[str, list[object]] = {"install": [sample], "uninstall": ["sample"]}
    return [*change, *operands.get(change[0], [])]


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one[0])
def test_u20_a_lock_that_is_held_times_out_naming_the_file(
    change: list[str], linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """U20: after --lock-timeout a changing verb exits 1, names the lock, and changed nothing."""
    linkinstall.run("install", "--python", venv.root, sample)
    before = venv.snapshot()
    given = [*given_for(change, sample), "--python", venv.root, "--lock-timeout", "0.3"]
    with held(venv.root / ".lock"):
        start = time.monotonic()
        told = linkinstall.run(*given, status=1)
        form = linkinstall.json(*given, status=1)
    waited = time.monotonic() - start

    assert str(venv.root / ".lock") in told.err
    assert waited >= 0.6
    assert ("failed", "unchanged") == (form["status"], form["error"]["state"]) or (
        "refused",
        "unchanged",
    ) == (form["status"], form["error"]["state"])
    assert str(venv.root / ".lock") in form["error"]["message"] + str(form["error"]["problems"])
    assert [] == differences(before, venv.snapshot())


def test_u20_readers_do_not_wait(linkinstall: Command, venv: Venv, sample: Path) -> None:
    """U20: ``list``, ``check`` and --dry-run read without the lock."""
    linkinstall.run("install", "--python", venv.root, sample)
    with held(venv.root / ".lock"):
        linkinstall.run("list", "--python", venv.root)
        linkinstall.run("check", "--python", venv.root)


def test_u20_a_waiting_command_says_so_and_goes_on_when_the_lock_is_free(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """U20: while it waits a command names the lock on standard error; then it does its work."""
    with held(venv.root / ".lock"):
        process = linkinstall.start("install", "--python", venv.root, sample)
        assert process.stderr is not None
        first = process.stderr.readline()
        assert str(venv.root / ".lock") in first
        assert process.poll() is None
    _out, err = process.communicate(timeout=120)

    assert 0 == process.returncode, err
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_u5_a_signal_ends_the_wait(
    number: signal.Signals, status: int, linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """U5: a signal from outside ends a waiting command with 130 or 143 and nothing changed."""
    before = venv.snapshot()
    with held(venv.root / ".lock"):
        process = linkinstall.start("install", "--python", venv.root, sample)
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(number)
        _out, err = process.communicate(timeout=120)

    assert status == process.returncode, err
    assert "Traceback" not in err
    assert [] == differences(before, venv.snapshot())


def test_u20_many_installs_and_uninstalls_at_once_end_in_some_serial_order(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """U20: concurrent installs, upgrades and uninstalls of one environment all end whole."""
    versions = [make_sample(wheelhouse), make_sample(wheelhouse, "2.0")]
    others = [make_wheel(wheelhouse, f"other{number}") for number in range(3)]
    linkinstall.run("install", "--python", venv.root, versions[0])
    python = ("--python", venv.root)
    started = [linkinstall.start("install", *python, wheel) for wheel in others]
    started += [linkinstall.start("install", *python, wheel) for wheel in versions]
    started += [linkinstall.start("uninstall", *python, "sample") for _ in range(2)]
    for process in started:
        _out, err = process.communicate(timeout=120)
        assert 0 == process.returncode, err

    for number in range(3):
        dist_info = dist_info_of(venv.library, f"other{number}")
        assert [] == record_problems(venv.library, dist_info)
    found = dist_infos(venv.library, "sample")
    assert len(found) in {0, 1}
    for dist_info in found:
        assert [] == record_problems(venv.library, dist_info)
    if not found:
        assert not (venv.library / "sample").exists()
    assert not (venv.library / ".linkinstall").exists()


def test_u20_uv_waits_while_we_hold_the_lock(
    linkinstall: Command, venv: Venv, sample: Path, wheelhouse: Path, tmp_path: Path
) -> None:
    """U20: uv waits for the same file; both end with what each was asked for."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    linkinstall.run("cache", "add", sample)
    other = make_wheel(wheelhouse, "other")
    pause = Fault(1, f"pause:{gate}", event="os.rename", inside=f"{venv.library}/")
    ours = linkinstall.start("install", "--python", venv.root, sample, faults=(pause,))
    with arrived(gate, ours):
        assert not is_free(venv.root / ".lock")
        command = [uv_program(), "pip", "install", "--no-config", "--no-index", "--no-deps"]
        command += ["--python", str(venv.python), str(other)]
        theirs = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=linkinstall.environ()
        )
        with pytest.raises(subprocess.TimeoutExpired):
            theirs.wait(timeout=1.5)
        assert not (venv.library / "other").exists()
    _out, err = ours.communicate(timeout=120)
    assert 0 == ours.returncode, err
    _out, err = theirs.communicate(timeout=120)
    assert 0 == theirs.returncode, err

    for name in ("sample", "other"):
        assert [] == record_problems(venv.library, dist_info_of(venv.library, name))


def test_u20_a_lock_file_that_was_replaced_while_waiting_is_not_mistaken(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """U20: when somebody deletes and makes the lock file anew, the new one is waited for."""
    lock = venv.root / ".lock"
    with held(lock):
        process = linkinstall.start("install", "--python", venv.root, sample)
        assert process.stderr is not None
        process.stderr.readline()
        lock.unlink()
        second = held(lock)
        second.__enter__()
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1.0)
        assert not (venv.library / "sample").exists()
    finally:
        second.__exit__(None, None, None)
    _out, err = process.communicate(timeout=120)
    assert 0 == process.returncode, err


def test_the_lock_dies_with_its_holder(linkinstall: Command, venv: Venv, sample: Path) -> None:
    """The lock of a killed run does not keep the next one waiting."""
    linkinstall.run("cache", "add", sample)
    fault = Fault(1, "kill", inside=f"{venv.library}/")
    linkinstall.run("install", "--python", venv.root, sample, status=-9, faults=(fault,))
    given = ["install", "--python", venv.root, "--lock-timeout", "5", sample]
    linkinstall.run(*given)

    assert [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))
