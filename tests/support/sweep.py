"""Sweeps: one scenario again and again, each time with a fault at another moment.

Calling sequence::

    sweep = Sweep(SCENARIO, folder)
    assert [] == list(sweep.kills())      # killed before every changing call, then recovered
    assert [] == list(sweep.kills_in_recovery())
    assert [] == list(sweep.errors())     # every call fails, once and from then on

Each yields a line for every moment whose result is neither exactly old nor exactly
new. *Old* means the very same files, down to inode and time; *new* means contents,
modes and links. A broken build of the engine is swept by patching it around the call.
"""

from __future__ import annotations

import errno
import os
import shutil
from itertools import product
from typing import TYPE_CHECKING

from linkinstall import Cache
from linkinstall.entry_check import inspect
from linkinstall.errors import LinkInstallError, UnsettledError
from linkinstall.fs import local
from tests.support.faulty import Killed
from tests.support.sites import Site, differences, of_state, read_through, snapshot
from tests.support.watched import Fault, Watched, at, process

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from linkinstall.transaction import Transaction
    from tests.support.scenarios import Scenario
    from tests.support.sites import Snapshot

ERRORS = (errno.ENOSPC, errno.EACCES, errno.EIO, errno.EXDEV, errno.EMLINK, errno.EPERM)


class Sweep:
    """One scenario, its state before and after, and every moment of the change.

    :param folder: an empty folder to do it in
    """

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.site = Site(folder)
        scenario.prepare(self.site)
        self._kept = folder / "kept"
        self._cache_changes = True
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

    def _run(self, fault: Fault | None) -> Watched:
        watched = Watched(self.disk, fault)
        transaction = self._transaction(watched)
        with process(), transaction:
            self.scenario.change(self.site, transaction)
        assert transaction.outcome is not None, "the block has ended, and nothing was raised"
        self.outcome = transaction.outcome
        return watched

    def _transaction(self, watched: Watched) -> Transaction:
        kind = self.scenario.cache
        cache = Cache(self.site.cache.path, files=None if kind == "warm" else watched)
        cache.temporary = kind == "none"
        options = {"sync": "full", "compile_levels": (), **self.scenario.options}
        return self.site.transaction(watched, cache=cache, **options)

    def _recover(self, files: FileSystem | None = None) -> None:
        with process(), self.site.transaction(files or self.disk, command="recover"):
            pass

    # ---------------------------------------------------------------- the sweeps

    def kills(self) -> Iterator[str]:
        """Kill before each changing call, recover, and compare."""
        for moment in self.moments:
            for problem in self._killed(moment.index):
                yield f"killed before {moment}: {problem}"

    def _killed(self, index: int) -> Iterator[str]:
        if not self._kill(index):
            yield "the moment never came"
            return
        self._recover()
        yield from self._judge()

    def _kill(self, index: int) -> bool:
        self.reset()
        try:
            self._run(Fault(at(index)))
        except Killed:
            return True
        return False

    def kills_in_recovery(self, every: int = 1, step: int = 1) -> Iterator[str]:
        """Kill, kill the recovery before each of its calls, recover again, and compare.

        :param every: take each so-manieth first moment
        :param step: and each so-manieth second one, beginning elsewhere each time
        """
        for turn, moment in enumerate(self.moments[::every]):
            second = turn % step
            while (problems := self._killed_twice(moment.index, second)) is not None:
                for problem in problems:
                    yield f"killed before {moment}, then before {problem}"
                second += step

    def _killed_twice(self, first: int, second: int) -> list[str] | None:
        """Return what is wrong after two kills, None where the recovery has ended before."""
        self._kill(first)
        watched = Watched(self.disk, Fault(at(second)))
        try:
            self._recover(watched)
        except Killed:
            self._recover()
            return [f"{watched.struck} of the recovery: {one}" for one in self._judge()]
        return None

    def errors(self, every: int = 1) -> Iterator[str]:
        """Let each call fail, once and from then on, and compare.

        :param every: 1 for each error number at each call; more to take turns
        """
        for moment, (turn, number) in product(self.moments, enumerate(ERRORS)):
            faults = [Fault(at(moment.index), number, lasting) for lasting in (False, True)]
            if (moment.index + turn) % every or not faults[0].can_come_at(moment.change):
                continue
            for fault in faults:
                for problem in self._failed(fault):
                    lasting = " from then on" if fault.lasting else ""
                    yield f"{errno.errorcode[number]}{lasting} at {moment}: {problem}"

    def _failed(self, fault: Fault) -> Iterator[str]:
        self.reset()
        # A cache file that has too many links gets a fresh inode.
        self._cache_changes |= fault.error == errno.EMLINK
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
        self._recover()
        yield from self._judge()

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
        self._recover()
        if lines := self._unlike(self.new, told=told):
            yield f"success, but not new after recovery: {lines}"
        yield from self._cache_is_sound()

    @staticmethod
    def _is(state: str, error: LinkInstallError) -> Iterator[str]:
        if error.state != state:
            yield f"the error says {error.state}, not {state}: {error!r}"

    # ---------------------------------------------------------------- the judgement

    def _judge(self) -> Iterator[str]:
        """Yield what is wrong: neither exactly old nor exactly new, or the cache is damaged."""
        old = differences(self.old, snapshot(self.site.root, exact=True))
        if old and (new := self._unlike(self.new)):
            yield f"neither old ({'; '.join(old[:4])}) nor new ({new})"
        yield from self._cache_is_sound()

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
                yield f"the cache entry {name} cannot be opened"
            elif damaged := inspect(local(), entry, "full").damaged:
                yield f"the cache entry {name} is damaged: {damaged[:3]}"


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
