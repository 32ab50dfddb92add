"""The volumes of the harness: what is filled in is there, whoever looked on meanwhile."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.faults.volumes import CUTS, Volume, unavailable
from tests.support.gates import require

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=tuple(CUTS))
def volume(request: pytest.FixtureRequest, tmp_path: Path) -> Volume:
    """Give a volume of each kind, not yet made."""
    kind = str(request.param)
    reason = unavailable((kind,))
    require(not reason, reason)
    return Volume(kind, str(tmp_path / "image"), str(tmp_path / "mounted"))


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    """Give one thread that mounts, as sweeps have several; this one is somebody else."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_restored_volume_holds_what_it_held_though_others_made_namespaces(
    volume: Volume, worker: ThreadPoolExecutor
) -> None:
    """A volume is what it was restored to, also where a mount namespace was made meanwhile.

    Another program called ``unshare --mount`` while a volume was mounted. Its copy of the
    mount kept the file system alive: unmounted, filled anew and mounted again, the volume
    held what it had held before. So five sound points of 24 counted as broken, the next
    run of one point acting on what the one before had left.
    """

    def write_and_restore() -> list[Path]:
        with volume:
            kept = volume.checkpoint()
            other.submit(hold).result()
            place = Path(volume.mountpoint)
            (place / "later").write_text("later", encoding="utf-8")
            volume.restore(kept)
            return list(place.iterdir())

    def hold() -> None:
        words = ("unshare", "--mount", "sh", "-c", "echo ready; cat")
        holders.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert holders[0].stdout is not None
        assert b"ready\n" == holders[0].stdout.readline()

    holders: list[subprocess.Popen[bytes]] = []
    with ThreadPoolExecutor(1) as other:
        other.submit(lambda: None).result()  # its thread is there before the volume
        found = worker.submit(write_and_restore).result()
    with holders[0]:
        pass

    assert [] == found


def test_a_volume_has_another_number_after_a_power_cut(
    volume: Volume, worker: ThreadPoolExecutor
) -> None:
    """What was written and flushed is there, on a device of another number, as after a start.

    Sweeps side by side took each other's loop devices, so that some had other numbers after the
    cut, and this alone showed that a recovery took such a volume for a copy.
    """

    def cut() -> tuple[int, int, str]:
        with volume:
            place = Path(volume.mountpoint)
            (place / "kept").write_text("kept", encoding="utf-8")
            volume.checkpoint()
            before = place.stat().st_dev
            volume.cut(CUTS[volume.kind][0])
            return before, place.stat().st_dev, (place / "kept").read_text(encoding="utf-8")

    before, after, text = worker.submit(cut).result()

    assert before != after
    assert "kept" == text


def test_nothing_is_mounted_where_others_can_see_it(
    volume: Volume, worker: ThreadPoolExecutor
) -> None:
    """A volume is seen by nobody but what its thread has started."""

    def mount() -> tuple[str, str]:
        with volume:
            return (
                Path("/proc/thread-self/mountinfo").read_text(encoding="utf-8"),
                Path("/proc/self/mountinfo").read_text(encoding="utf-8"),
            )

    ours, seen = worker.submit(mount).result()

    assert volume.mountpoint in ours
    assert volume.mountpoint not in seen
