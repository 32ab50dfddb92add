"""A sample of ``make interference``: somebody else acts between our crash and our recovery."""

from __future__ import annotations

import pytest

from integration.faults.interference import Act, acts, meet_all
from integration.faults.scenarios import scenario
from integration.faults.strace import unavailable
from tests.support.gates import require

RENAMES = ("rename", "renameat2")
"""The calls that divide what another tool finds: payload and dist-info are moved by them."""

PATH_BY_PATH = (
    "settle.py",
    "        foreign = {index for index in changes if self._identity.settled_by_others(index)}\n",
    "        foreign: set[int] = set()\n",
)
OVERWRITING = (
    "restoration.py",
    "    if there is None:\n        files.link_new(source, target)\n",
    (
        "    folder, name = os.path.split(target)\n"
        "    if not files.unlink_all(folder, [name]):\n"
        "        files.link_new(source, target)\n"
    ),
)
BEYOND = (
    "recovery.py",
    "    pending += settlement.pending\n    return Report((done,)",
    """\
    pending += settlement.pending
    if os.path.exists(f"{journal.root}/bin/activate"):
        os.unlink(f"{journal.root}/bin/activate")
    return Report((done,)""",
)


@pytest.fixture(autouse=True)
def _tracer() -> None:
    reason = unavailable()
    require(not reason, reason)


def act(name: str) -> Act:
    """Return the act of this name."""
    return {one.name: one for one in acts()}[name]


@pytest.mark.parametrize("verb", ["install", "upgrade", "uninstall"])
@pytest.mark.parametrize("name", ["person-file", "uv-upgrade", "uv-uninstall", "pip-upgrade"])
def test_what_somebody_else_did_in_between_stands_and_all_is_sound(verb: str, name: str) -> None:
    """One dist-info or none, each RECORD holds, nothing of theirs is lost, nothing of ours left."""
    every = 3 if name.startswith("pip") else 1
    crashed = scenario(f"linkinstall-{verb}-pluggy-hardlink")

    found = meet_all([crashed], [act(name)], every=every, calls=RENAMES, workers=1)

    assert found
    assert [] == [f"{met.point}: {problem}" for met in found for problem in met.problems]


@pytest.mark.parametrize(
    ("name", "bad"),
    [("uv-upgrade", PATH_BY_PATH), ("person-file", OVERWRITING), ("uv-uninstall", BEYOND)],
    ids=["judged path by path", "overwrites a foreign file", "removes what is nobody's"],
)
def test_a_build_that_is_known_to_be_bad_is_caught(name: str, bad: tuple[str, str, str]) -> None:
    """At some point of an upgrade what it leaves is not sound.

    The last one passed: what the environment came with was compared with nothing.
    """
    upgrade = scenario("linkinstall-upgrade-pluggy-hardlink")

    found = meet_all([upgrade], [act(name)], calls=RENAMES, workers=1, spoil=[bad])

    assert any(met.problems for met in found)


@pytest.mark.parametrize("verb", ["install", "upgrade", "uninstall"])
def test_a_person_always_acts(verb: str) -> None:
    """A person's file comes to stand, whatever the crash has left at its path.

    Where a file of ours stood there, the act failed, and it was counted as if it had been put
    to the test: 98 of 179 runs were no more than a recovery.
    """
    crashed = scenario(f"linkinstall-{verb}-pluggy-hardlink")

    found = meet_all([crashed], [act("person-file")], every=9, workers=1)

    assert ["theirs"] * len(found) == [met.end for met in found]
    assert not any(met.failed or met.problems for met in found)
