"""``LinkDestination.finalize_installation`` leaves what ``installer``'s destination leaves.

RECORD holds the rows it is given, where it is asked for; one destination serves several wheels,
several destinations and threads serve one place.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import installer
import pytest
from installer.records import RecordEntry
from installer.sources import WheelFile
from installer.utils import Scheme

from linkinstall import Environment, Transaction
from tests.support.parity import (
    INTERPRETER,
    LAYOUTS,
    Side,
    Twins,
    finalize,
    tree,
    write,
)
from tests.support.parity_wheels import METADATA, everything

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from installer.destinations import SchemeDictionaryDestination

Rows = list[tuple[Scheme, RecordEntry]]


pytestmark = pytest.mark.usefixtures("apart")


def _write_some(destination: SchemeDictionaryDestination) -> Rows:
    rows = [
        write(destination, "data", "my_data1.bin", b"my data 1"),
        write(destination, "data", "my_data3,my_data4.bin", b"my data 3"),
        write(destination, "purelib", "b.py", b"b"),
        write(destination, "purelib", "a.py", b"a", executable=True),
        write(destination, "platlib", "plat.py", b"plat"),
        write(destination, "headers", "a.h", b"h"),
        write(destination, "scripts", "my_script", b"my script", executable=True),
        write(destination, "scripts", "my_script2", b"#!python\nmy script"),
    ]
    script = destination.write_script("my_entry", "my_module", "main", "console")
    return [*rows, (Scheme("scripts"), script)]


RECORD_AT = {
    "beside the package": ("purelib", "RECORD"),
    "in dist-info": ("purelib", "sample-1.0.dist-info/RECORD"),
    "in platlib": ("platlib", "sample-1.0.dist-info/RECORD"),
    "under another name": ("data", "share/doc/files, listed.csv"),
    "in scripts": ("scripts", "RECORD"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("place", RECORD_AT)
def test_record_is_written_where_it_is_asked_for(tmp_path: Path, place: str, layout: str) -> None:
    """RECORD goes to any scheme and path, its rows relative to that scheme, sorted and quoted."""
    twins = Twins(tmp_path, layout=LAYOUTS[layout])
    for side in twins.sides:
        destination = side.destination()
        finalize(destination, _write_some(destination), *RECORD_AT[place])
    twins.assert_same()


ROWS: dict[str, Callable[[Rows], Any]] = {
    "a generator": lambda rows: (row for row in rows),
    "a tuple": tuple,
    "an iterator": iter,
    "reversed": lambda rows: list(reversed(rows)),
    "some left out": lambda rows: rows[::2],
    "the first left out": lambda rows: rows[1:],
    "some twice": lambda rows: rows + rows[:2],
    "only RECORD": lambda rows: rows[-1:],
    "none": lambda _rows: [],
    "without hashes": lambda rows: [(s, RecordEntry(e.path, None, e.size)) for s, e in rows],
    "one never written": lambda rows: [*rows, (Scheme("data"), RecordEntry("ghost", None, 0))],
}


@pytest.mark.parametrize("name", ROWS)
def test_record_holds_the_rows_it_is_given(twins: Twins, name: str) -> None:
    """RECORD is made of ``records``, whatever was written, and any iterable will do."""

    def action(side: Side) -> Any:
        destination: Any = side.destination()
        rows = [*_write_some(destination), (Scheme("purelib"), RecordEntry("RECORD", None, None))]
        return destination.finalize_installation(Scheme("purelib"), "RECORD", ROWS[name](rows))

    assert (None, None) == twins.each(action)
    twins.assert_same()


def test_only_recorded_sources_are_compiled(twins: Twins) -> None:
    """A source that ``records`` does not name is placed and not compiled."""
    for side in twins.sides:
        destination = side.destination(bytecode_optimization_levels=(0, 1))
        kept = write(destination, "purelib", "kept.py", b"x = 1")
        write(destination, "purelib", "dropped.py", b"x = 1")
        finalize(destination, [kept])
    twins.assert_same()


def test_a_destination_serves_one_wheel_after_another(twins: Twins, tmp_path: Path) -> None:
    """After ``finalize_installation`` the same object installs the next wheel."""
    wheels = [everything(tmp_path, name) for name in ("first", "second", "third")]
    for side in twins.sides:
        destination = side.destination(bytecode_optimization_levels=(0,))
        for wheel in wheels:
            with WheelFile.open(wheel) as source:
                installer.install(source, destination, METADATA)
    twins.assert_same()


def test_finalizing_again_with_overwrite_rewrites_record(twins: Twins) -> None:
    """A second ``finalize_installation`` replaces RECORD and keeps what the first placed."""
    for side in twins.sides:
        destination = side.destination(overwrite_existing=True)
        rows = _write_some(destination)
        finalize(destination, rows)
        finalize(destination, rows[:3])
    twins.assert_same()


def test_two_destinations_may_be_filled_at_once(twins: Twins) -> None:
    """Destinations on one set of schemes do not wait for each other before they finalize."""
    for side in twins.sides:
        first, second = side.destination(), side.destination()
        rows: tuple[Rows, Rows] = ([], [])
        for number in range(3):
            rows[0].append(write(first, "purelib", f"first/{number}.py"))
            rows[1].append(write(second, "purelib", f"second/{number}.py"))
        finalize(second, rows[1], path="second-1.0.dist-info/RECORD")
        finalize(first, rows[0], path="first-1.0.dist-info/RECORD")
    twins.assert_same()


def test_a_file_written_twice_with_overwrite_keeps_the_last_contents(twins: Twins) -> None:
    """The second contents win; an executable bit that either one set stays, as there."""
    for side in twins.sides:
        destination = side.destination(overwrite_existing=True)
        script = destination.write_script("tool", "m", "f", "console")
        rows = [(Scheme("scripts"), script), write(destination, "scripts", "tool", b"#!python\n")]
        rows.append(write(destination, "scripts", "plain", b"1"))
        rows.append(write(destination, "scripts", "plain", b"22", executable=True))
        finalize(destination, rows)
    twins.assert_same()


def test_finalizations_of_several_threads_queue(twins: Twins, tmp_path: Path) -> None:
    """Threads that install different wheels into one place at once all succeed."""
    wheels = [everything(tmp_path, f"wheel{number}") for number in range(6)]
    # Not at the same time: to read the umask, installer sets it for a moment.
    for wheel in wheels:
        twins.theirs.install(wheel, METADATA, bytecode_optimization_levels=(0,))
    failures: list[BaseException] = []
    ready = threading.Barrier(len(wheels))

    def install(wheel: Path) -> None:
        try:
            ready.wait(120)
            twins.ours.install(wheel, METADATA, bytecode_optimization_levels=(0,))
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=install, args=(wheel,)) for wheel in wheels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [] == failures
    twins.assert_same()


def _joined(twins: Twins, wheel: Path, *, fail: bool) -> None:
    environment = Environment.from_schemes(twins.ours.schemes, interpreter=INTERPRETER)
    with Transaction(environment, cache=twins.cache) as transaction:
        twins.ours.install(wheel, METADATA, transaction=transaction)
        assert {"."} == set(tree(twins.ours.root))
        if fail:
            raise RuntimeError("the caller's own step")


def test_in_a_transaction_the_tree_is_left_at_its_commit(twins: Twins, tmp_path: Path) -> None:
    """With ``transaction`` the files come when that one commits, and are the same then."""
    wheel = everything(tmp_path)
    twins.theirs.install(wheel, METADATA)
    _joined(twins, wheel, fail=False)
    twins.assert_same()


def test_in_a_transaction_that_fails_nothing_is_left(twins: Twins, tmp_path: Path) -> None:
    """A caller's own step that fails takes the finalized installation with it."""
    before = tree(twins.ours.root)
    with pytest.raises(RuntimeError, match="the caller's own step"):
        _joined(twins, everything(tmp_path), fail=True)
    assert before == tree(twins.ours.root)
