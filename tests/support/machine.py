"""The state machine: random changes, faults and foreign edits against a simple model.

Calling sequence::

    run_state_machine_as_test(Machine, settings=settings.get_profile("model-sample"))

After each step the environment must equal the model exactly: contents, modes, folders,
RECORD by hash, nothing of ours left over, and the cache sound but for what was edited.
"""

from __future__ import annotations

import errno
import os
import posixpath
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from linkinstall.errors import RecoveryRefusedError
from tests.support.beliefs import done, stock
from tests.support.foreign import Foreign
from tests.support.model_wheels import Asked
from tests.support.oracle import findings_of
from tests.support.watched import Fault, at, before, process

if TYPE_CHECKING:
    from linkinstall.transaction import Transaction
    from tests.support.watched import Moment

NAMES = ("app", "other", "third", "rival", "blunt")
ERRORS = (errno.ENOSPC, errno.EACCES, errno.EIO, errno.EXDEV, errno.EMLINK, errno.EPERM)
FURTHEST = 120
"""Few changes of these wheels have more calls; a fault that is later never comes."""


@dataclass(frozen=True)
class Point:
    """The moment of a fault: the n-th call, or the first one of a kind."""

    what: int | tuple[str, str]

    def __call__(self, moment: Moment) -> bool:
        """Return whether it has come."""
        strikes = at(self.what) if isinstance(self.what, int) else before(*self.what)
        return strikes(moment)


points = st.one_of(
    st.integers(0, FURTHEST // 3),
    st.integers(0, FURTHEST),
    st.sampled_from([("rename", "/committed"), ("unlink", "/committed"), ("write", "/journal")]),
).map(Point)
kills = st.builds(Fault, points)
errors = st.builds(Fault, points, st.sampled_from(ERRORS), st.booleans())
faults = st.sampled_from([None, kills, errors, kills, errors]).flatmap(
    lambda one: one if one is not None else st.none()
)
asked = st.builds(
    Asked,
    overwrite=st.booleans(),
    reinstall=st.booleans(),
    levels=st.sampled_from([(), (0,), (0, 2)]),
)
details = st.fixed_dictionaries(
    {
        "link_mode": st.sampled_from(["auto", "hardlink", "symlink", "copy", "clone"]),
        "sync": st.sampled_from(["off", "normal", "full"]),
        "verify_cache": st.sampled_from(["stat", "full"]),
    }
)
some_wheels = st.lists(st.integers(0, 6), min_size=1, max_size=3, unique=True)
some_names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True)


class Machine(Foreign):
    """See the module docstring."""

    @initialize(cold=st.integers(0, 4).map(lambda one: one == 4), installed=some_wheels)
    def begin(self, cold: bool, installed: list[int]) -> None:  # noqa: FBT001 - by hypothesis
        """Begin with some projects, and a cache that has everything, or that knows only these."""
        if not cold:
            shutil.copytree(stock()[0].cache.path, self.site.cache.path)
        self._change([], installed, Asked(overwrite=True), {}, None)

    @invariant()
    def count(self) -> None:
        """Count the steps."""
        done["steps"] += 1

    @rule(incoming=some_wheels, asked=asked, details=details, fault=faults)
    def install(
        self, incoming: list[int], asked: Asked, details: dict[str, Any], fault: Fault | None
    ) -> None:
        """Install, upgrade, downgrade, reinstall: one wheel or a set."""
        self._change([], incoming, asked, details, fault)

    @rule(outgoing=some_names, details=details, fault=faults)
    def uninstall(self, outgoing: list[str], details: dict[str, Any], fault: Fault | None) -> None:
        """Remove projects, installed or not."""
        self._change(outgoing, [], Asked(), details, fault)

    @rule(outgoing=some_names, incoming=some_wheels, asked=asked, details=details, fault=faults)
    def exchange(
        self,
        outgoing: list[str],
        incoming: list[int],
        asked: Asked,
        details: dict[str, Any],
        fault: Fault | None,
    ) -> None:
        """Do both in one transaction."""
        self._change(outgoing, incoming, asked, details, fault)

    def _change(
        self,
        outgoing: list[str],
        incoming: list[int],
        asked: Asked,
        details: dict[str, Any],
        fault: Fault | None,
    ) -> None:
        wheels = list({one.name: one for one in map(self.wheels.__getitem__, incoming)}.values())
        wanted = asked.of(str(self.site.scripts / "python"))

        def act(transaction: Transaction) -> None:
            for name in outgoing:
                transaction.uninstall(name)
            for wheel in wheels:
                transaction.install(wheel.path)

        options = {
            **details,
            "overwrite_existing": wanted.overwrite,
            "reinstall": wanted.reinstall,
            "compile_levels": wanted.levels,
        }
        after = [one.changed(outgoing, wheels, wanted) for one in self.beliefs]
        self.run_verb(act, options, fault, after)

    @rule(fault=faults, sync=st.sampled_from(["off", "full"]))
    def recover(self, fault: Fault | None, sync: str) -> None:
        """Settle what an earlier run left; be killed or refused while doing so."""
        options = {"sync": sync, "command": "recover"}
        self.run_verb(lambda _: None, options, fault, list(self.beliefs))

    @precondition(lambda self: self.unsettled)
    @rule(policy=st.sampled_from(["rollback", "finish"]))
    def recover_one_way(self, policy: str) -> None:
        """Settle in a way that is asked for; where it is closed, the other one is taken."""
        try:
            with process():
                self.site.recover(policy)
        except RecoveryRefusedError:
            pass
        self.compare(self.beliefs)

    @precondition(lambda self: not self.unsettled and not self.state_may_stand)
    @rule()
    def check(self) -> None:
        """Look at every file: find what the model has, and nothing else."""
        found = {
            (
                one.distribution,
                one.code,
                posixpath.normpath(os.path.relpath(one.path, self.site.root)),
            )
            for one in self.site.check()
        }
        expected = findings_of(self.model)
        assert expected == found, (
            f"not found: {expected - found}; found besides: {found - expected}"
        )
