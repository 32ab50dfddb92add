"""A sample of the sweep over folders that may not be written: old or new, told, and at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest

from integration.faults.closed import Close, names, sweep_closed, unavailable
from integration.faults.errors import explain
from integration.faults.injection import ErrorPoint
from integration.faults.sandbox import Completed
from integration.faults.scenarios import scenario
from tests.support.gates import require

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.faults.sandbox import Sandbox
    from integration.faults.scenario import Command

SAMPLE = {
    "linkinstall-upgrade-parts-hardlink": 5,
    "linkinstall-uninstall-parts-hardlink": 7,
    "linkinstall-install-namespace-hardlink": 7,
    "linkinstall-venv-clear-parts-pluggy-hardlink": 16,
}
"""Scenario -> each how-manieth folder is closed here; ``make faults`` closes all of them."""
MOVED_BY_FILE = (
    "fs/port.py",
    "folder_rename_refusals = frozenset((errno.EXDEV, errno.EBUSY))",
    "folder_rename_refusals = frozenset((errno.EXDEV, errno.EBUSY, errno.EACCES))",
)
"""A build that takes a folder's files out where the folder above may not be written."""
LEFT_EMPTIED = (
    "application.py",
    "remove_unused_folder(self.files, folder)",
    "folder",
)
"""It does not mind that the emptied folder cannot go."""
RESTORED_ONLY_WHOLE = (
    "settle.py",
    "if folder in self._taken else",
    "if folder in () else",
)
"""Nor can it put the files back into that."""


@pytest.mark.parametrize("name", list(SAMPLE))
def test_a_closed_folder_leaves_old_or_new(name: str) -> None:
    """Where a folder may not be written, everything is old or new at once, and it is named."""
    reason = unavailable()
    require(not reason, reason)

    (swept,) = sweep_closed([scenario(name)], every=SAMPLE[name])

    assert "" == swept.error
    assert [] == [explain(verdict) for verdict in swept.wrong]
    assert swept.passed


@dataclass
class World:
    """A world in which the command does one thing to the closed folder."""

    world: str
    act: Callable[[str, str], object]

    def run(self, _command: object, **_options: object) -> Completed:
        """Do it, to ``a``; ``b`` is free."""
        self.act(f"{self.world}/a", f"{self.world}/b")
        return Completed(0, "")


@pytest.mark.parametrize(
    ("act", "moved"),
    [
        (os.rename, ["b"]),
        (lambda _one, _other: None, []),
        (lambda one, _other: os.rmdir(one), []),
    ],
)
def test_where_a_closed_folder_has_been_moved_to_is_told(
    tmp_path: Path, act: Callable[[str, str], object], moved: list[str]
) -> None:
    """Only one that still stands, elsewhere, can be why something could not be removed."""
    (tmp_path / "a").mkdir()
    world = cast("Sandbox", World(str(tmp_path), act))
    point = ErrorPoint("chmod", 1, "EACCES", path="/a")

    struck = Close().strike(world, cast("Command", None), point)

    assert [str(tmp_path / name) for name in moved] == list(struck.moved)
    assert (str(tmp_path / "a"),) == struck.paths


def test_a_build_that_empties_what_it_cannot_rename_is_found_out() -> None:
    """The gate finds the build whose upgrades left neither old nor new below a closed folder.

    No gate saw that: errors that are injected strike one call, and root may write everywhere.
    Now each of three places prevents it.
    """
    reason = unavailable()
    require(not reason, reason)

    (swept,) = sweep_closed(
        [scenario("linkinstall-upgrade-namespace-hardlink")],
        spoil=[MOVED_BY_FILE, LEFT_EMPTIED, RESTORED_ONLY_WHOLE],
    )

    assert any(verdict.point.path.endswith("/zope") for verdict in swept.wrong)


def test_all_that_is_changed_is_swept() -> None:
    """Packages, the cache and whole environments are put to it."""
    assert {"upgrade", "cache", "venv"} <= {name.split("-")[1] for name in names()}
