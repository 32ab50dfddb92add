"""Tests of ``linkinstall.fs.threads``."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall import limits
from linkinstall.fs import local, threads
from linkinstall.fs.placing import Placing
from linkinstall.fs.threads import ThreadedPlacing
from tests.support.batches import Odd, batches
from tests.support.events import until
from tests.support.faulty import LocalFileSystem
from tests.support.platforms import WINDOWS
from tests.support.sites import Site

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from linkinstall.fs.port import Batch, Refusal

pytestmark = pytest.mark.skipif(WINDOWS, reason="only POSIX places by threads")


@pytest.fixture(autouse=True)
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three threads work, on parts that are no larger than a folder."""
    monkeypatch.setattr(threads, "workers", lambda: 3)
    monkeypatch.setattr(limits, "PART_OF_LINKS", 1)


def placed(made: Sequence[Batch]) -> int:
    """Return how many files are where they should be."""
    return sum(len(os.listdir(target)) for _, _, target, _, _ in made)


@pytest.mark.parametrize("counts", [(), (1,), (1, 1), (5, 1, 9, 2, 2, 7), (0, 4), (1,) * 90])
def test_everything_is_placed_once(tmp_path: Path, counts: tuple[int, ...]) -> None:
    """However the batches are shared out, each file is placed, and nothing is refused."""
    made = batches(tmp_path, *counts)
    before = threading.active_count()

    assert [[]] * len(counts) == ThreadedPlacing(local(), made).finish()
    assert sum(counts) == placed(made)
    assert before == threading.active_count()


def test_folders_are_made_by_whoever_comes_first(tmp_path: Path) -> None:
    """Parts of several threads need the same folders, and all are there in the end."""
    made = []
    for number, (mode, source, _, names, root) in enumerate(batches(tmp_path, *[2] * 60)):
        folder = f"{root.rpartition('/')[0]}/deep"
        os.makedirs(folder, exist_ok=True)
        made.append((mode, source, f"{folder}/{number % 3}/{number % 7}/{number}", names, folder))

    assert [[]] * 60 == ThreadedPlacing(local(), made).finish()
    assert 120 == placed(made)


def test_refusals_come_back_with_their_batch(tmp_path: Path) -> None:
    """A refusal has its name, number and path, where it belongs, whoever met it."""
    made = batches(tmp_path, 2, 1, 6, 5)

    refused = ThreadedPlacing(Odd(), made).finish()

    assert [["f1"], [], ["f1", "f4"], ["f1", "f4"]] == [[n for n, _ in one] for one in refused]
    error = refused[3][1][1]
    assert (errno.EMLINK, f"{made[3][2]}/f4") == (error.errno, error.filename)


def test_an_error_of_any_part_ends_the_whole(tmp_path: Path) -> None:
    """What ends one thread is raised with its path when all have ended; no part is begun then."""
    made = batches(tmp_path, *[1] * 20, 6, *[1] * 200)
    before = threading.active_count()

    with pytest.raises(OSError, match="No space") as caught:
        ThreadedPlacing(Odd("f5"), made).finish()

    assert (errno.ENOSPC, f"{made[20][2]}/f5") == (caught.value.errno, caught.value.filename)
    assert before == threading.active_count()
    assert placed(made) < 220


class Slow(LocalFileSystem):
    """Waits, in threads of ours, until it may go on, or interrupts the caller."""

    def __init__(self, *, interrupt: bool = False) -> None:
        self.caller = threading.current_thread()
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.interrupt = interrupt

    def place(self, mode: str, source: str, target: str, names: Sequence[str]) -> list[Refusal]:
        """Place one batch."""
        if threading.current_thread() is not self.caller:
            self.begun.set()
            assert self.go_on.wait(10)
        elif self.interrupt:
            assert self.begun.wait(10)
            raise KeyboardInterrupt
        return super().place(mode, source, target, names)


def test_who_is_interrupted_waits_for_the_threads(tmp_path: Path) -> None:
    """After Ctrl-C nothing is placed any more: what follows takes away what was."""
    made = batches(tmp_path, *[1] * 50)
    files = Slow(interrupt=True)
    threading.Timer(0.1, files.go_on.set).start()

    with pytest.raises(KeyboardInterrupt):
        ThreadedPlacing(files, made).finish()

    seen = placed(made)
    assert seen <= 2
    time.sleep(0.05)
    assert seen == placed(made)


def test_who_is_interrupted_while_waiting_waits_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the last parts are waited for is told when they have ended.

    ``Thread.join``, once interrupted, took a running thread for one that has ended (CPython 3.11):
    it placed files while these were taken away, and into the next install.
    """
    monkeypatch.setattr(threads, "workers", lambda: 2)
    made = batches(tmp_path, *[1] * 3)
    files = Slow()
    placing = ThreadedPlacing(files, made)
    until(files.begun.is_set)
    # Sent to this thread, as by a terminal: only then is its waiting interrupted.
    interrupt = (threading.get_ident(), signal.SIGINT)
    threading.Timer(0.1, signal.pthread_kill, interrupt).start()
    threading.Timer(0.3, files.go_on.set).start()

    with pytest.raises(KeyboardInterrupt):
        placing.finish()

    assert files.go_on.is_set()
    assert 3 == placed(made)


def test_signals_that_are_held_back_go_to_no_thread_of_ours(tmp_path: Path) -> None:
    """The threads hold back what the caller holds back while something is put back."""
    seen: list[set[int]] = []

    class Noting(LocalFileSystem):
        def place(self, *words: Any) -> list[Refusal]:
            if threading.current_thread() is not threading.main_thread():
                seen.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
            return super().place(*words)

    placing = ThreadedPlacing(Noting(), batches(tmp_path, *[1] * 30))
    until(lambda: bool(seen))
    placing.finish()

    assert all({signal.SIGINT, signal.SIGTERM} <= one for one in seen)


def test_where_no_thread_can_be_started_the_caller_does_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the system's bound of threads an install goes on by itself."""

    def refuse(_thread: threading.Thread) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    made = batches(tmp_path, 3, 2)

    assert [[], []] == ThreadedPlacing(local(), made).finish()
    assert 5 == placed(made)


def test_abandoning_ends_it(tmp_path: Path) -> None:
    """After an error of something else no part is begun, and what was is waited for."""
    made = batches(tmp_path, *[1] * 90)
    files = Slow()
    placing = ThreadedPlacing(files, made)
    until(files.begun.is_set)
    threading.Timer(0.05, files.go_on.set).start()

    placing.abandon()

    seen = placed(made)
    assert 1 <= seen <= 2
    time.sleep(0.05)
    assert seen == placed(made)


@pytest.mark.parametrize(("processes", "mode"), [(False, "hardlink"), (False, "copy")])
def test_it_is_taken_where_there_is_enough_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, processes: bool, mode: str
) -> None:
    """Where no process may be forked, threads place from some thousand links on."""
    monkeypatch.setattr(limits, "THREADS_FROM_LINKS", 9 if mode == "hardlink" else 72)
    made = [(mode, *one[1:]) for one in batches(tmp_path, 3, 3, 3)]

    placing = local().placing(made, processes=processes)

    assert isinstance(placing, ThreadedPlacing)
    assert [[], [], []] == placing.finish()
    assert type(local().placing(made[:2], processes=processes)) is Placing


@pytest.mark.parametrize("mode", ["hardlink", "copy", "symlink"])
def test_an_install_by_threads_is_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """The library, which forks nothing unless it is told, links a large install by threads."""
    monkeypatch.setattr(limits, "THREADS_FROM_LINKS", 1)
    site = Site(tmp_path)
    files = {f"app/d{number}/m{index}.py": "" for number in range(9) for index in range(3)}
    seen: list[int] = []
    finish = ThreadedPlacing.finish

    def noting(self: ThreadedPlacing) -> list[list[Refusal]]:
        seen.append(len(self.batches))
        return finish(self)

    monkeypatch.setattr(ThreadedPlacing, "finish", noting)
    site.install(site.wheel(files=files), link_mode=mode)

    assert [] == site.check()
    assert 27 == len(list(site.library.glob("app/*/*.py")))
    assert sum(seen) >= 9
