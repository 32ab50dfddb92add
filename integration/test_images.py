"""A sample of ``make images``: any moment, any of the writes under way, old or new."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integration.faults import bad_builds, images, report, scenarios
from integration.faults.blocklog import Blocks
from integration.faults.blocklog import unavailable as no_log
from integration.faults.images import KINDS, REORDERED, Images, Recorded
from integration.faults.runner import provisions, run_all
from integration.faults.sandbox import Completed
from integration.faults.volumes import quick_folder, unavailable
from tests.support.gates import require

if TYPE_CHECKING:
    from pathlib import Path

    from integration.faults.power_cut import PowerSweep

UPGRADE = scenarios.scenario("linkinstall-upgrade-parts-hardlink")
UNFLUSHED = replace(
    scenarios.scenario("linkinstall-install-pluggy-hardlink"),
    prepare=(scenarios.run("cache", "add", "--sync", "off", "{pluggy-1.5.0}"),),
)
SAMPLE = Images(UPGRADE, "one volume", "ext4", REORDERED, images=10)


def can_run(kind: str) -> None:
    """Go on where a disk can log what is written to it."""
    reason = unavailable((kind,)) or no_log()
    require(not reason, reason)


@pytest.mark.parametrize("kind", KINDS)
def test_any_write_under_way_leaves_old_or_new(kind: str) -> None:
    """What a disk holds at any moment, in any order, is undone or finished by the next run."""
    can_run(kind)

    (swept,) = run_all([replace(SAMPLE, kind=kind)], folder=quick_folder(), workers=1)

    assert "" == swept.error
    assert [] == [f"{one.point}: {report.explain(one)}" for one in swept.broken]
    assert 10 == len(swept.results) + swept.same


def test_build_that_never_flushes_is_found_out() -> None:
    """Without a flush, what was written before a change may come after it, or never."""
    can_run("ext4")
    build = bad_builds.BAD["never flushed"]

    (swept,) = run_all([replace(SAMPLE, images=6)], folder=quick_folder(), workers=1, spoil=build)

    assert "" == swept.error
    assert [] != swept.broken


def test_build_that_trusts_sizes_is_found_out() -> None:
    """Files that have their size and their time, and zeros for contents, are not linked."""
    can_run("ext4")
    cold = Images(UNFLUSHED, "one volume", "ext4", REORDERED, images=24, losing=1)
    build = bad_builds.BAD["unflushed entries looked at by size"]

    good, bad = (
        run_all([cold], folder=quick_folder(), workers=1, spoil=spoil)[0] for spoil in ((), build)
    )

    assert ["", ""] == [good.error, bad.error]
    assert [] == [f"{one.point}: {report.explain(one)}" for one in good.broken]
    assert [] != bad.broken


def test_images_that_share_numbers_and_times_are_told_by_their_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image in which a file has other bytes, and the same times, is put to the test.

    Images of one recording have that in common: one with contents that had been lost was taken
    for one that had been judged, where a file of that number and these times had been read.
    """
    can_run("ext4")
    text = b"ELF" + b"1.0" * 100  # of the extension module of the old version

    def recorded(sweep: PowerSweep, *_others: object) -> Recorded:
        (old,) = sweep.volumes.contents()
        lost = tuple((offset, data.replace(text, bytes(len(text)))) for offset, data in old)
        assert lost != old
        return Recorded(Blocks(()), lost if next(has_lost) else old, Completed(0, ""))

    has_lost = iter((False, True, False))
    monkeypatch.setattr(images, "record", recorded)
    case = replace(SAMPLE, images=3)
    paths = provisions(str(tmp_path / "source"))

    with case.sandbox(str(tmp_path / "made"), paths) as sandbox:
        found = list(case.results(case.sweep(sandbox), 0))

    assert [True, False, True] == [one.sound for one in found]
    # The third is the first again, and mostly known; on a busy machine its times differ in order.
    assert [False, False] == [one.same for one in found][:2]


def test_power_cut_lets_through_what_was_flushed_and_any_of_the_rest() -> None:
    """All writes before the last flush are there, of the later ones any, in any order."""
    first, second, third, fourth = ((number, bytes([number])) for number in range(4))
    blocks = Blocks((first, second, None, third, fourth))

    found = {blocks.crash(random.Random(seed)) for seed in range(200)}  # noqa: S311

    flushed = {
        (first, second, *rest)
        for rest in ((), (third,), (fourth,), (third, fourth), (fourth, third))
    }
    before = {(), (first,), (second,), (first, second), (second, first)}
    assert flushed | before == found
    assert (first, second) == blocks.durable()
    assert blocks.crash(random.Random(1)) == blocks.crash(random.Random(1))  # noqa: S311
