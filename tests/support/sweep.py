"""Sweeps: one scenario again and again, each time with a fault at another moment.

Calling sequence::

    sweep = Sweep(SCENARIO, folder)
    assert [] == list(sweep.kills())      # killed before every changing call, then recovered
    assert [] == list(sweep.kills_in_recovery())
    assert [] == list(sweep.kills_in_undo())      # an error, and killed while it is undone
    assert [] == list(sweep.kills_and_intrusions())      # killed, and somebody puts a file there
    assert [] == list(sweep.kills_and_moves())    # killed, and the environment is moved or copied
    assert [] == list(sweep.errors())     # every call fails, once and from then on
    sweep.points, sweep.broken            # how many moments that were

Each yields a line for every moment whose result is neither exactly old nor exactly
new. *Old* means the very same files, down to inode and time; *new* means contents,
modes and links. A broken build of the engine is swept by patching it around the call.
"""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias
from unittest.mock import patch

from linkinstall import Cache
from linkinstall.cache import QUARANTINED
from linkinstall.entry_check import inspect
from linkinstall.errors import LinkInstallError, UnsettledError
from linkinstall.fs import local
from tests.support.faulty import Killed
from tests.support.other_tools import Intrusion, free_path, misleading
from tests.support.sites import Site, differences, of_state, read_through, snapshot
from tests.support.watched import Fault, Watched, at, process

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from linkinstall.fs.port import FileSystem
    from linkinstall.transaction import Transaction
    from tests.support.scenarios import Scenario
    from tests.support.sites import Snapshot
    from tests.support.watched import Moment

    Copy: TypeAlias = Callable[[str, str], object]

ERRORS = (
    errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV,
    errno.EMLINK, errno.EMFILE, errno.ENAMETOOLONG, errno.EBUSY, errno.ENOTEMPTY, errno.EINTR,
)  # fmt: skip

_MOVES: tuple[tuple[str, Copy | None], ...] = (
    ("moved", None),
    ("copied with its times", shutil.copy2),
    ("copied with new times", shutil.copy),
)


class Sweep:
    """One scenario, its state before and after, and every moment of the change.

    :param folder: an empty folder to do it in
    """

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.points = 0
        self.broken = 0
        self.site = Site(folder, compiler=scenario.compiles)
        scenario.prepare(self.site)
        self._kept = folder / "kept"
        self._cache_changes = True
        self._given_up = False
        self.disk = scenario.disk(self.site)
        for name in ("env", "cache"):
            (folder / name).mkdir(exist_ok=True)
            mirror(folder / name, self._kept / name)
        self.old = snapshot(self.site.root, exact=True)
        self.moments = self._run(None).moments
        self.new = self.site.tree()
        assert self.plain_old() != self.new, "the change changes nothing: there is nothing to sweep"

    def plain_old(self) -> Snapshot:
        """Return the state before without inodes and times."""
        return {path: node[:3] for path, node in self.old.items()}

    # ---------------------------------------------------------------- one run

    def reset(self) -> None:
        """Bring back the state before: the very same files, under their names."""
        for name in ("env", "cache"):
            if name == "cache" and not self._cache_changes:
                continue
            shutil.rmtree(self.site.folder / name)
            mirror(self._kept / name, self.site.folder / name)
        self._cache_changes = self.scenario.cache == "cold"
        self._given_up = False

    def _run(self, fault: Fault | None) -> Watched:
        watched = Watched(self.disk, fault)
        self.watched = watched
        with process(), self._machine(), self._transaction(watched) as transaction:
            self.scenario.change(self.site, transaction)
        assert transaction.outcome is not None, "the block has ended, and nothing was raised"
        self.outcome = transaction.outcome
        return watched

    @contextmanager
    def _machine(self) -> Iterator[None]:
        """Let the probe find what the scenario's disk can do."""
        with ExitStack() as stack:
            if self.scenario.clones:
                stack.enter_context(patch("linkinstall.linking.can_clone", return_value=True))
            yield

    def _transaction(self, watched: Watched) -> Transaction:
        kind = self.scenario.cache
        cache = Cache(self.site.cache.path, files=None if kind == "warm" else watched)
        if kind == "none":
            cache = Cache.none()
            cache.file_system = watched
        options = {"sync": "full", "compile_levels": (), **self.scenario.options}
        return self.site.transaction(watched, cache=cache, **options)

    def _recover(self, files: FileSystem | None = None) -> None:
        disk = files or self.scenario.disk(self.site)
        with process(), self.site.transaction(disk, command="recover"):
            pass

    def _count(self, problems: Iterable[str]) -> list[str]:
        """Count a moment that was struck, and return what is wrong after it."""
        found = list(problems)
        self.points += 1
        self.broken += bool(found)
        return found

    # ---------------------------------------------------------------- kills

    def kills(self) -> Iterator[str]:
        """Kill before each changing call, look as another tool would, recover, and compare."""
        for moment in self.moments:
            for problem in self._count(self._killed(moment)):
                yield f"killed before {moment}: {problem}"

    def _killed(self, moment: Moment) -> Iterator[str]:
        if not self._kill(moment.index):
            yield "the moment never came"
            return
        yield from misleading(self.old, self.new, snapshot(self.site.root, exact=True))
        yield from self._recovered()

    def _kill(self, index: int) -> bool:
        self.reset()
        try:
            self._run(Fault(at(index)))
        except Killed:
            return True
        return False

    def kills_in_recovery(self, every: int = 1, step: int = 1, depth: int = 2) -> Iterator[str]:
        """Kill, kill the recovery before each of its calls, recover again, and compare.

        :param every: take each so-manieth first moment
        :param step: and each so-manieth later one, beginning elsewhere each time
        :param depth: how many kills there are: with 3 the recovery's recovery dies too
        """
        for turn, moment in enumerate(self.moments[::every]):
            yield from self._deeper((moment.index,), turn, step, depth)

    def _deeper(self, kills: tuple[int, ...], turn: int, step: int, depth: int) -> Iterator[str]:
        later = turn % step
        while True:
            problems = self._killed_again((*kills, later))
            if problems is None:
                return
            yield from problems
            if len(kills) + 1 < depth:
                yield from self._deeper((*kills, later), later, step, depth)
            later += step

    def _killed_again(self, kills: tuple[int, ...]) -> list[str] | None:
        """Return what is wrong after several kills, None where a recovery has ended before."""
        first, *later = kills
        self._kill(first)
        story = [f"killed before {self.watched.struck}"]
        for index in later:
            watched = Watched(self.disk, Fault(at(index)))
            try:
                self._recover(watched)
            except Killed:
                story.append(f"in recovery before {watched.struck}")
            else:
                return None
        return [f"{', '.join(story)}: {one}" for one in self._count(self._recovered())]

    def kills_in_undo(self, every: int = 1, step: int = 1) -> Iterator[str]:
        """Let a call fail, kill in what follows before each call, recover, and compare.

        :param every: take each so-manieth call to fail
        :param step: and each so-manieth call after it, beginning elsewhere each time
        """
        for turn, moment in enumerate(self.moments[::every]):
            later = moment.index + 1 + turn % step
            while self._kill_after_error(moment.index, later):
                where = self.watched.moments[-1]
                for problem in self._count(self._recovered()):
                    yield f"EIO at {moment}, killed before {where}: {problem}"
                later += step

    def _kill_after_error(self, index: int, later: int) -> bool:
        self.reset()
        try:
            self._run(Fault(at(index), errno.EIO, then=Fault(at(later))))
        except Killed:
            return True
        except LinkInstallError:
            pass
        return False

    def kills_and_intrusions(self, every: int = 1) -> Iterator[str]:
        """Kill, put somebody else's file where one is missing, recover, and compare.

        :param every: take each so-manieth moment
        """
        for turn, moment in enumerate(self.moments[::every]):
            self._kill(moment.index)
            path = free_path(self.old, self.new, snapshot(self.site.root), turn)
            if path is None:
                continue
            intrusion = Intrusion(self.site.root, path)
            intrusion.put()
            for problem in self._count(self._settled(intrusion.judge(self.old, self.new))):
                yield f"killed before {moment}: {problem}"

    def kills_and_moves(self, every: int = 1, *, turn: int = 0) -> Iterator[str]:
        """Kill, move or copy the environment, recover it where it is then, and compare.

        The ways take turns: moved as a whole; copied with all times, as by ``cp -a``; copied
        with new times, as by ``cp -r``.

        :param every: take each so-manieth moment
        :param turn: with which way to begin
        """
        for number, moment in enumerate(self.moments[::every], turn):
            self._kill(moment.index)
            how, copy = _MOVES[number % len(_MOVES)]
            for problem in self._count(self._moved(copy)):
                yield f"killed before {moment}, {how}: {problem}"

    def _moved(self, copy: Copy | None) -> Iterator[str]:
        site = self.site
        there = site.seen_at(site.folder / "else where")
        if copy is None:
            site.root.rename(there.root)
        else:
            shutil.copytree(site.root, there.root, symlinks=True, copy_function=copy)
            shutil.rmtree(site.root)
        self.site = there
        try:
            yield from self._settled(self._judge_contents())
        finally:
            self.site = site
            there.root.rename(site.root)

    def _judge_contents(self) -> Iterator[str]:
        """Yield what is wrong: neither old nor new, inodes and times apart."""
        if (old := self._unlike(self.plain_old())) and (new := self._unlike(self.new)):
            yield f"neither old ({old}) nor new ({new})"

    # ---------------------------------------------------------------- errors

    def errors(self, every: int = 1) -> Iterator[str]:
        """Let each call fail, once and from then on, and compare.

        :param every: 1 for each error number at each call; more to take turns
        """
        for moment, (turn, number) in product(self.moments, enumerate(ERRORS)):
            faults = [Fault(at(moment.index), number, lasting) for lasting in (False, True)]
            if (moment.index + turn) % every or not faults[0].can_come_at(moment.change):
                continue
            for fault in faults:
                for problem in self._count(self._failed(fault)):
                    lasting = " from then on" if fault.lasting else ""
                    yield f"{errno.errorcode[number]}{lasting} at {moment}: {problem}"

    def _failed(self, fault: Fault) -> Iterator[str]:
        self.reset()
        # A cache file that has too many links gets a fresh inode.
        self._cache_changes |= fault.error == errno.EMLINK
        # What a failed flush may have lost is given up.
        self._given_up = fault.error == errno.EIO
        self._cache_changes |= self._given_up
        error = self._run_catching(fault)
        if isinstance(error, Watched):
            yield from self._after_success(fault, error)
            return
        if not isinstance(error, LinkInstallError):
            yield f"no error of ours: {error!r}"
        elif error.outcome is None:
            yield f"no outcome: {error!r}"
        elif isinstance(error, UnsettledError):
            yield from self._is("unsettled", error)
        else:
            yield from self._is("unchanged", error)
            # Where every call fails, the empty state folder cannot be removed either.
            if lines := self._unlike(self.plain_old(), skip_state=fault.lasting):
                yield f"refused, but not old at once: {lines}"
        yield from self._recovered()

    def _run_catching(self, fault: Fault) -> Watched | Exception:
        try:
            return self._run(fault)
        except Exception as error:  # noqa: BLE001 - which one it is, is what is judged
            return error

    def _after_success(self, fault: Fault, watched: Watched) -> Iterator[str]:
        if watched.struck is None:
            yield "the moment never came"
        outcome = self.outcome
        told = {os.path.relpath(one.path, self.site.root) for one in outcome.pending}
        # What could not be cleaned up is told, and left to the next run.
        complete = not told and all(one.code != "cleanup" for one in outcome.warnings)
        if complete and (lines := self._unlike(self.new, skip_state=fault.lasting)):
            yield f"success, but not new: {lines}"
        yield from self._settled(self._is_new(told))

    def _is_new(self, told: Container[str]) -> Iterator[str]:
        if lines := self._unlike(self.new, told=told):
            yield f"success, but not new after recovery: {lines}"

    @staticmethod
    def _is(state: str, error: LinkInstallError) -> Iterator[str]:
        if error.state != state:
            yield f"the error says {error.state}, not {state}: {error!r}"

    # ---------------------------------------------------------------- the judgement

    def _settled(self, judgement: Iterator[str]) -> Iterator[str]:
        """Recover, and yield what is wrong then by a judgement, or with the cache."""
        try:
            self._recover()
        except Exception as error:  # noqa: BLE001 - any is a failure of the recovery
            yield f"the recovery fails: {error!r}"
            return
        yield from judgement
        yield from self._cache_is_sound()

    def _recovered(self) -> Iterator[str]:
        return self._settled(self._judge())

    def _judge(self) -> Iterator[str]:
        """Yield what is wrong: neither exactly old nor exactly new."""
        old = differences(self.old, snapshot(self.site.root, exact=True))
        if old and (new := self._unlike(self.new)):
            yield f"neither old ({'; '.join(old[:4])}) nor new ({new})"

    def _unlike(
        self, expected: Snapshot, *, skip_state: bool = False, told: Container[str] = ()
    ) -> str:
        def skipping(path: str) -> bool:
            return path in told or (skip_state and of_state(path))

        actual = snapshot(self.site.root, skipping=skipping)
        store = self.site.cache.path
        expected = {path: node for path, node in expected.items() if not skipping(path)}
        found = differences(read_through(expected, store), read_through(actual, store))
        return "; ".join(found[:4])

    def _cache_is_sound(self) -> Iterator[str]:
        entries = os.path.join(self.site.cache.root, "entries")
        for name in os.listdir(entries) if os.path.isdir(entries) else ():
            entry = self.site.cache.open(name)
            if entry is None:
                given_up = os.path.exists(f"{entries}/{name}/{QUARANTINED}")
                if not (self._given_up and given_up):
                    yield f"the cache entry {name} cannot be opened"
            elif damaged := inspect(local(), entry, "full").damaged:
                yield f"the cache entry {name} is damaged: {damaged[:3]}"
        temporary = self.site.cache.temporary_folder
        if left := os.listdir(temporary) if os.path.isdir(temporary) else []:
            yield f"temporary files are left in the cache: {left[:3]}"


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Make a folder in memory where there is a place for it, and remove it afterwards."""
    memory = "/dev/shm"  # noqa: S108 - a folder of our own is made in it
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder).resolve()


def mirror(source: Path, target: Path) -> None:
    """Give every file below ``source`` a second name below ``target``: the same inodes."""
    target.mkdir(parents=True)
    shutil.copymode(source, target)
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.is_symlink():
                (target / entry.name).symlink_to(os.readlink(entry.path))
            elif entry.is_dir():
                mirror(source / entry.name, target / entry.name)
            else:
                os.link(entry.path, target / entry.name)
