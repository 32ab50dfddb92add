"""Until ``LinkDestination`` finalizes, and when anything fails, the environment is as it was.

This is the intended difference to ``installer``'s destination, which writes as it goes; and where
that class writes through links, ours does not.
"""

from __future__ import annotations

import gc
import io
import threading
from typing import TYPE_CHECKING, Any

import installer
import pytest
from installer.destinations import WheelDestination
from installer.exceptions import InstallerError
from installer.sources import WheelFile
from installer.utils import Scheme

from linkinstall import Cache, LinkInstallError
from tests.support.parity import (
    PLACES,
    Side,
    Twins,
    assert_refused_alike,
    differences,
    finalize,
    tree,
    write,
)
from tests.support.parity_wheels import METADATA, ListedSource, everything
from tests.support.platforms import needs_symlinks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from installer.records import RecordEntry
    from installer.sources import WheelContentElement


pytestmark = pytest.mark.usefixtures("apart")


class _Held(WheelDestination):
    """Passes every call on but ``finalize_installation``, which waits for ``finish``."""

    def __init__(self, destination: WheelDestination) -> None:
        self.write_file = destination.write_file  # type: ignore[method-assign]
        self.write_script = destination.write_script  # type: ignore[method-assign]
        self._finalize = destination.finalize_installation
        self._rows: dict[str, Any] = {}

    def finalize_installation(self, **rows: Any) -> None:  # type: ignore[override]
        self._rows = rows

    def finish(self) -> None:
        self._finalize(**self._rows)


def _fill(side: Side, wheel: Path, **arguments: Any) -> _Held:
    """Make all calls of an installation but ``finalize_installation``."""
    held = _Held(side.destination(**arguments))
    with WheelFile.open(wheel) as source:
        installer.install(source, held, METADATA)
    return held


@pytest.mark.parametrize("cached", [True, False], ids=["cache", "no cache"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_before_finalizing_nothing_is_touched(
    tmp_path: Path, *, cached: bool, overwrite: bool
) -> None:
    """Until ``finalize_installation`` no file, folder or lock of ours is in the environment."""
    twins = Twins(tmp_path, cache=None if cached else Cache.none())
    for side in twins.sides:
        side.path("purelib").mkdir(parents=True)
        if overwrite:
            side.path("purelib", "sample").mkdir()
            side.path("purelib", "sample/cli.py").write_bytes(b"before")
    before = tree(twins.ours.root)
    wheel = everything(tmp_path)
    twins.theirs.install(wheel, METADATA, overwrite_existing=overwrite)
    held = _fill(twins.ours, wheel, overwrite_existing=overwrite)
    assert before == tree(twins.ours.root)
    held.finish()
    twins.assert_same()


@pytest.mark.parametrize("cached", [True, False], ids=["cache", "no cache"])
def test_a_destination_that_is_given_up_leaves_nothing(tmp_path: Path, *, cached: bool) -> None:
    """Without ``finalize_installation`` there is nothing to clean up in the environment."""
    twins = Twins(tmp_path, cache=None if cached else Cache.none())
    before = tree(twins.ours.root)
    held = _fill(twins.ours, everything(tmp_path))
    del held
    gc.collect()
    assert before == tree(twins.ours.root)
    twins.install(everything(tmp_path), METADATA)
    twins.assert_same()


class _Broken(ListedSource):
    """A source that fails when half of its files are given."""

    def __init__(self, error: BaseException, *, while_reading: bool) -> None:
        super().__init__("fancy", "1.0", {f"fancy/{number}.py": b"x" for number in range(6)})
        self._error, self._while_reading = error, while_reading

    def get_contents(self) -> Iterator[WheelContentElement]:
        for number, element in enumerate(super().get_contents()):
            if number == 4:
                if not self._while_reading:
                    raise self._error
                yield element[0], _BrokenStream(self._error), False
            else:
                yield element


class _BrokenStream(io.BytesIO):
    """A stream that fails after its first bytes."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(b"x" * 100)
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise self._error
        return super().read(10 if size is None or size < 0 else min(size, 10))


@pytest.mark.parametrize("error", [OSError(5, "gone"), KeyboardInterrupt(), RuntimeError("bug")])
@pytest.mark.parametrize("while_reading", [False, True], ids=["between files", "while reading"])
def test_a_source_that_fails_leaves_nothing_and_is_heard(
    twins: Twins, error: BaseException, *, while_reading: bool
) -> None:
    """Its own exception comes out, whichever it is, and the next installation is unharmed."""
    before = tree(twins.ours.root)
    with pytest.raises(type(error)) as caught:
        installer.install(
            _Broken(error, while_reading=while_reading), twins.ours.destination(), METADATA
        )
    assert error is caught.value
    assert before == tree(twins.ours.root)
    sound = ListedSource("fancy", "1.0", {f"fancy/{number}.py": b"x" for number in range(6)})
    for side in twins.sides:
        installer.install(sound, side.destination(), METADATA)
    twins.assert_same()


def test_rows_that_fail_leave_nothing(twins: Twins) -> None:
    """An exception out of the ``records`` generator comes out, and nothing was placed."""

    def action(side: Side) -> None:
        destination = side.destination()
        row = write(destination, "purelib", "a.py")

        def rows() -> Iterator[tuple[Scheme, RecordEntry]]:
            yield row
            raise ValueError("no more rows")

        destination.finalize_installation(Scheme("purelib"), "RECORD", rows())

    assert "no more rows" in str(assert_refused_alike(twins, action))


BLOCKERS = (("purelib", "sample"), ("purelib", "sample-1.0.dist-info"), ("data", "share/sample"))


@pytest.mark.parametrize(("scheme", "name"), BLOCKERS)
def test_a_file_where_a_folder_must_go_is_in_the_way(
    twins: Twins, tmp_path: Path, scheme: str, name: str
) -> None:
    """It refuses the wheel; with ``overwrite_existing`` it gives way, where the class stops."""
    wheel = everything(tmp_path)
    for side in twins.sides:
        path = side.path(scheme, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"in the way")
    assert_refused_alike(twins, lambda side: side.install(wheel, METADATA))
    twins.ours.install(wheel, METADATA, overwrite_existing=True)
    reference = Twins(tmp_path / "reference")
    reference.theirs.install(wheel, METADATA)
    assert [] == differences(tree(reference.theirs.root), tree(twins.ours.root))


@pytest.mark.parametrize(("scheme", "name"), PLACES)
def test_a_folder_where_a_file_must_go_is_refused_even_with_overwrite(
    twins: Twins, tmp_path: Path, scheme: str, name: str
) -> None:
    """A folder is not replaced by a file, and what would be overwritten stays."""
    wheel = everything(tmp_path)
    twins.install(wheel, METADATA)
    for side in twins.sides:
        side.path(scheme, name).unlink()
        side.path(scheme, name).mkdir()
        side.path(scheme, f"{name}/kept").write_bytes(b"kept")
    newer = everything(tmp_path / "newer", **{"sample/cli.py": "NEW = 1\n"})
    assert_refused_alike(twins, lambda side: side.install(newer, METADATA, overwrite_existing=True))


def test_what_appears_before_finalizing_is_kept_and_refused(twins: Twins, tmp_path: Path) -> None:
    """A file that somebody puts in place meanwhile is a FileExistsError of the finalization."""
    held = _fill(twins.ours, everything(tmp_path))
    path = twins.ours.path("data", "etc/sample.conf")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"somebody's")
    before = tree(twins.ours.root)
    with pytest.raises(FileExistsError):
        held.finish()
    assert before == tree(twins.ours.root)
    path.unlink()
    path.parent.rmdir()
    twins.install(everything(tmp_path), METADATA)
    twins.assert_same()


def test_finalizing_again_after_a_refusal_never_leaves_half(twins: Twins, tmp_path: Path) -> None:
    """Who clears the way and finalizes again gets the whole wheel or an error, not RECORD alone."""
    held = _fill(twins.ours, everything(tmp_path))
    path = twins.ours.path("data", "etc/sample.conf")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"somebody's")
    with pytest.raises(FileExistsError):
        held.finish()
    path.unlink()
    path.parent.rmdir()
    before = tree(twins.ours.root)
    try:
        held.finish()
    except LinkInstallError:
        assert before == tree(twins.ours.root)
    else:
        twins.theirs.install(everything(tmp_path), METADATA)
        twins.assert_same()


def test_of_two_destinations_with_one_path_the_second_is_refused(twins: Twins) -> None:
    """Both may be filled; who finalizes first has it, the other leaves that as it is."""
    side = twins.ours
    first, second = side.destination(), side.destination()
    rows = [[write(to, "purelib", "a.py", text)] for to, text in ((first, b"1"), (second, b"22"))]
    finalize(first, rows[0])
    before = tree(side.root)
    with pytest.raises(FileExistsError):
        finalize(second, rows[1], path="other-1.0.dist-info/RECORD")
    assert before == tree(side.root)


def test_of_many_threads_with_one_wheel_exactly_one_succeeds(twins: Twins, tmp_path: Path) -> None:
    """The others get a FileExistsError, and the tree is that of one installation."""
    wheel = everything(tmp_path)
    twins.theirs.install(wheel, METADATA)
    outcomes: list[BaseException | None] = []
    ready = threading.Barrier(6)

    def install() -> None:
        ready.wait(120)
        try:
            twins.ours.install(wheel, METADATA)
        except BaseException as error:  # noqa: BLE001 - judged by the test's own thread
            outcomes.append(error)
        else:
            outcomes.append(None)

    threads = [threading.Thread(target=install) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [None] == [one for one in outcomes if not isinstance(one, FileExistsError)]
    assert 6 == len(outcomes)
    twins.assert_same()


# Links, through which the class writes and ours must not


def test_overwriting_does_not_reach_the_other_names_of_a_file(twins: Twins) -> None:
    """A file that is hard-linked elsewhere is replaced, not rewritten."""
    path, peer = twins.ours.path("purelib", "a.py"), twins.ours.root.parent / "peer"
    path.parent.mkdir(parents=True)
    peer.write_bytes(b"peer")
    mode = peer.stat().st_mode
    path.hardlink_to(peer)
    destination = twins.ours.destination(overwrite_existing=True)
    finalize(destination, [write(destination, "purelib", "a.py", b"new", executable=True)])
    assert (b"peer", mode) == (peer.read_bytes(), peer.stat().st_mode)
    assert b"new" == path.read_bytes()


@needs_symlinks
@pytest.mark.parametrize("dangling", [False, True], ids=["live", "dangling"])
def test_overwriting_replaces_a_symbolic_link(twins: Twins, *, dangling: bool) -> None:
    """A link at the target is replaced, and what it points to is neither changed nor made."""
    path, target = twins.ours.path("purelib", "a.py"), twins.ours.root.parent / "target"
    path.parent.mkdir(parents=True)
    if not dangling:
        target.write_bytes(b"target")
    path.symlink_to(target)
    destination = twins.ours.destination(overwrite_existing=True)
    finalize(destination, [write(destination, "purelib", "a.py", b"new")])
    assert (False, b"new") == (path.is_symlink(), path.read_bytes())
    assert dangling is not target.exists()
    assert dangling or b"target" == target.read_bytes()


@needs_symlinks
def test_a_dangling_link_in_the_way_is_a_file_exists_error(twins: Twins, tmp_path: Path) -> None:
    """Where the class writes through to where the link points, ours refuses."""
    path, target = twins.ours.path("purelib", "sample/cli.py"), tmp_path / "target"
    path.parent.mkdir(parents=True)
    path.symlink_to(target)
    with pytest.raises(FileExistsError):
        twins.ours.install(everything(tmp_path), METADATA)
    assert not target.exists()
    assert path.is_symlink()


@needs_symlinks
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_linked_folder_that_leads_out_is_refused(
    twins: Twins, tmp_path: Path, *, overwrite: bool
) -> None:
    """Nothing is written through a symbolic link that leads out of the environment."""
    outside = tmp_path / "outside"
    outside.mkdir()
    path = twins.ours.path("purelib", "sample")
    path.parent.mkdir(parents=True)
    path.symlink_to(outside)
    before = tree(twins.ours.root)
    with pytest.raises(InstallerError):
        twins.ours.install(everything(tmp_path), METADATA, overwrite_existing=overwrite)
    assert before == tree(twins.ours.root)
    assert [] == list(outside.iterdir())
