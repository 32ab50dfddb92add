"""What the state machine believes of the disk, and how a belief is put to the test.

The machine keeps *beliefs*: the models that the environment may equal. Mostly there is
one. After a kill there are two, the one before the change and the one after it, until the
next run settles the matter; then one of them must equal the disk, to the last byte.
"""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis.stateful import RuleBasedStateMachine

from linkinstall import Cache
from linkinstall.errors import LinkInstallError, UnsettledError
from linkinstall.fs import local
from tests.support.faulty import Killed
from tests.support.model_wheels import ModelWheel, all_wheels
from tests.support.oracle import Actual, cache_faults, nearest, quarantined_entries
from tests.support.simple_model import Model
from tests.support.sites import Site, of_state, snapshot
from tests.support.watched import Fault, Watched, process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linkinstall.outcome import Outcome
    from linkinstall.transaction import Transaction

done = {"runs": 0, "steps": 0, "faults": 0}
"""How much was done in this process, for the report of a long run."""


def new_folder() -> Path:
    """Make an empty folder, in memory where that can be had: nothing here needs a disk."""
    memory = "/dev/shm"  # noqa: S108 - mkdtemp makes a folder of our own there
    return Path(tempfile.mkdtemp(prefix="li-", dir=memory if os.path.isdir(memory) else None))


@cache
def stock() -> tuple[Site, list[ModelWheel]]:
    """Return a site with every wheel in its cache, compiled; made once for all runs."""
    folder = new_folder()
    atexit.register(shutil.rmtree, folder)
    site = Site(folder, compiler=True)
    wheels = all_wheels(site)
    for wheel in wheels:
        site.install(wheel.path, compile_levels=(0, 2))
        site.uninstall(wheel.name)
    return site, wheels


class Beliefs(RuleBasedStateMachine):
    """See the module docstring."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = new_folder()
        self.wheels = stock()[1]
        self.site = Site(self.folder, compiler=True)
        self.base = snapshot(self.site.root)
        self.beliefs = [Model(folders={p for p, node in self.base.items() if node[0] == "folder"})]
        self.unsettled = False
        self.state_may_stand = False
        # Cache files that were edited in place -> their inodes then.
        self.spoilt: dict[str, int] = {}
        # Entries of the cache that a failed flush may have lost.
        self.given_up: set[str] = set()
        done["runs"] += 1

    def teardown(self) -> None:
        """Settle what is left, compare once more, and clean up."""
        try:
            if sys.exc_info()[0] is None:  # else a step has failed already
                self.run_verb(lambda _: None, {"command": "recover"}, None, list(self.beliefs))
        finally:
            shutil.rmtree(self.folder)

    @property
    def model(self) -> Model:
        """The one belief there is while nothing is unsettled."""
        [model] = self.beliefs
        return model

    # ---------------------------------------------------------------- one run of a verb

    def run_verb(
        self,
        act: Callable[[Transaction], None],
        options: dict[str, Any],
        fault: Fault | None,
        after: list[Model | None],
    ) -> None:
        """Run one transaction and compare what is there then.

        :param after: what each belief becomes, None where it would be refused
        """
        before = quarantined_entries(self.site)
        watched = Watched(local(), fault)
        store = Cache(self.site.cache.path, files=watched)
        transaction = self.site.transaction(watched, **{"cache": store, **options})
        possible = [*self.beliefs, *(one for one in after if one is not None)]
        try:
            with process(), transaction:
                act(transaction)
        except Killed:
            self._open(possible)
        except UnsettledError:
            assert watched.struck, "nothing stood in the way of settling"
            self._open(possible)
        except LinkInstallError as error:
            self._refused(error, after, struck=bool(watched.struck))
        else:
            assert transaction.outcome is not None
            self._succeeded(transaction.outcome, after, struck=bool(watched.struck))
        done["faults"] += bool(watched.struck)
        quarantined = quarantined_entries(self.site)
        lossy = watched.struck and fault is not None and fault.error == errno.EIO
        self.given_up &= quarantined
        self.given_up |= quarantined - before if lossy else set()

    def _open(self, possible: list[Model]) -> None:
        """Believe any of these until the next run has settled it."""
        self.beliefs = unique(possible)
        self.unsettled = True

    def _refused(self, error: LinkInstallError, after: list[Model | None], *, struck: bool) -> None:
        refused = [old for old, new in zip(self.beliefs, after, strict=True) if new is None]
        told = [(one.code, one.path) for one in error.problems]
        assert refused or struck, f"refused without a reason: {error!r} {told}"
        self.compare(self.beliefs if struck else refused, struck=struck)

    def _succeeded(self, outcome: Outcome, after: list[Model | None], *, struck: bool) -> None:
        told = {os.path.relpath(one.path, self.site.root) for one in outcome.pending}
        complete = not told and all(one.code != "cleanup" for one in outcome.warnings)
        assert complete or struck, f"not cleaned up, without a reason: {outcome}"
        new = [one.copy() for one in after if one is not None]
        # An empty folder that could not be removed is told, and stays; where all of the
        # cleaning up is left to the next run, any that were emptied do.
        empty = {one for one in told if (self.site.root / one).is_dir() and not of_state(one)}
        if any(one.code == "cleanup" for one in outcome.warnings):
            empty |= set(self._empty_folders())
        for model in [one.copy() for one in new] if empty else ():
            model.folders |= empty
            new.append(model)
        self.compare(new, struck=struck)

    def _empty_folders(self) -> Iterator[str]:
        """Yield the folders that no file lies in, at any depth."""
        for path in self.site.root.rglob("*"):
            name = path.relative_to(self.site.root).as_posix()
            if path.is_dir() and not of_state(name) and not any(map(_is_file, path.rglob("*"))):
                yield name

    # ---------------------------------------------------------------- comparing

    def compare(self, possible: list[Model], *, struck: bool = False) -> None:
        """Compare the disk with what is possible now; keep what it equals.

        :param struck: a fault came, so an empty state folder or its trash may stand
        """
        unfinished, self.state_may_stand = self.state_may_stand, struck
        nodes = snapshot(self.site.root, skipping=of_state if struck else None)
        base = {path: node for path, node in nodes.items() if path in self.base}
        assert self.base == base, "what was there before everything has changed"
        actual = Actual.of_nodes(nodes, self.base, str(self.site.cache.path))
        self._heal(actual, possible)
        assert possible, "all that was believed would be refused, and it went well"
        if struck or self.unsettled:
            possible = [*possible, *(without_empty_caches(one, actual) for one in possible)]
        if unfinished:
            possible = [*possible, *(without_empty_folders(one, actual) for one in possible)]
        equal = [one for one in possible if not actual.unlike(one)]
        assert equal, f"neither old nor new: {nearest(actual, possible)}"
        self.beliefs = unique(equal)
        self.unsettled = False
        if not struck:
            faults = cache_faults(self.site, self.spoilt, self.given_up)
            assert not faults, f"the cache is not sound: {faults}"

    def _heal(self, actual: Actual, models: list[Model]) -> None:
        """Notice which edited cache files have been made anew; links to them show that.

        One that is missing may have been set aside, and a later run puts it back.
        """
        for path, inode in list(self.spoilt.items()):
            if not os.path.exists(path) or os.stat(path).st_ino == inode:
                continue
            del self.spoilt[path]
            for name in (name for name, target in actual.through.items() if target == path):
                for model in models:
                    if name in model.files and name in actual.files:
                        model.files[name] = actual.files[name]


def _is_file(path: Path) -> bool:
    return path.is_symlink() or not path.is_dir()


def without_empty_caches(model: Model, actual: Actual) -> Model:
    """Return the model without the empty ``__pycache__`` folders that are gone.

    A rollback cannot tell one that stood before from one that an interpreter has made
    meanwhile (docs/explanation/how-a-change-is-made.md).
    """
    return without_empty_folders(model, actual, "/__pycache__")


def without_empty_folders(model: Model, actual: Actual, ending: str = "") -> Model:
    """Return the model without the empty folders that are gone.

    What finishes a change removes a folder that could not be removed before, if it is empty
    by then; that somebody has installed there and emptied it since is not to be seen.
    """
    new = model.copy()
    new.folders -= {
        path
        for path in model.folders - actual.folders
        if path.endswith(ending) and not model.below(path)
    }
    return new


def unique(models: list[Model]) -> list[Model]:
    """Return the models without repetition."""
    found: list[Model] = []
    for model in models:
        if model not in found:
            found.append(model)
    return found
