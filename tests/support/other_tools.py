"""Other tools beside a transaction: what they would see of a killed run, and what they do.

Purpose: between a kill and the next run of ours, another tool may read the environment,
or put a file of its own where something of ours is missing.

Calling sequence::

    assert [] == list(misleading(old, new, now))     # snapshots, the first and last exact
    path = free_path(old, new, now, turn=3)          # where a file could be put

Guarantees: reads snapshots only; ``Intrusion`` writes one file.
"""

from __future__ import annotations

import csv
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.sites import differences, of_state, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.sites import Snapshot

THEIRS = b"somebody else's\n"


def misleading(old: Snapshot, new: Snapshot, now: Snapshot) -> Iterator[str]:
    """Yield what misleads a tool that reads RECORD files while a killed run waits.

    A RECORD that has come stands for files that are all there; one that has gone leaves
    none of its files behind, which nobody would own then.
    """
    for record in sorted(path for path in {*old, *now} if path.endswith(".dist-info/RECORD")):
        if of_state(record) or old.get(record) == now.get(record):
            continue
        if record in now:
            missing = [path for path in _rows(record, now) if path not in now]
            if missing:
                yield f"{record} has come before its files: {missing[:3]}"
        if record in old:
            stays = [
                path
                for path in _rows(record, old)
                if path in now and now[path] == old.get(path) and path not in new
            ]
            if stays:
                yield f"{record} has gone before its files: {stays[:3]}"


def _rows(record: str, nodes: Snapshot) -> Iterator[str]:
    """Yield the paths that a RECORD lists, as a snapshot has them."""
    data = nodes[record][2]
    assert isinstance(data, bytes)
    library = posixpath.dirname(posixpath.dirname(record))
    for row in csv.reader(data.decode().splitlines()):
        if not row[0].startswith("/"):
            yield posixpath.normpath(f"{library}/{row[0]}")


# ------------------------------------------------------------------ somebody puts a file there


def free_path(old: Snapshot, new: Snapshot, now: Snapshot, turn: int) -> str | None:
    """Return a path of a file, old or new, where nothing stands now; None if there is none.

    Not in a dist-info folder: by these it is decided who has settled a whole project. Nor
    a compiled file: what is compiled of a planned source belongs to it.
    """
    free = sorted(
        path
        for path in {*old, *new}
        if "file" in {nodes[path][0] for nodes in (old, new) if path in nodes}
        and path not in now
        and not of_state(path)
        and ".dist-info/" not in path
        and not path.endswith(".pyc")
        and all(now.get(above, ("folder",))[0] == "folder" for above in _above(path))
    )
    return free[turn % len(free)] if free else None


def _above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


@dataclass(frozen=True)
class Intrusion:
    """A file of another tool in an environment, put there between a kill and the next run.

    :param path: relative to ``root``
    """

    root: Path
    path: str

    def put(self) -> None:
        """Write the file, with the folders above it."""
        place = self.root / self.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(THEIRS)

    def judge(self, old: Snapshot, new: Snapshot) -> Iterator[str]:
        """Yield what is wrong after the next run: theirs is lost, or what it displaced is.

        :param old: exact, as a mixed result could have the contents of either
        """
        now = snapshot(self.root, exact=True)
        if now.get(self.path, ("nothing",))[2:3] != (THEIRS,):
            yield f"their {self.path} is not what they wrote any more"
        rest, rest_of_old = self._beside(now), self._beside(old)
        if found := differences(rest_of_old, rest):
            plain = {path: node[:3] for path, node in rest.items()}
            if differences(self._beside(new), plain):
                yield f"beside their {self.path} neither old nor new: {'; '.join(found[:4])}"
            return
        kept = {node[3] for path, node in now.items() if node[0] == "file"}
        for path in sorted(old.keys() - rest_of_old.keys()):
            if old[path][0] == "file" and old[path][3] not in kept:
                yield f"{path} gave way to their {self.path} and is kept nowhere"

    def _beside(self, nodes: Snapshot) -> Snapshot:
        """Return what a snapshot has beside the file, what is above it, and our trash."""
        return {
            path: node
            for path, node in nodes.items()
            if not of_state(path)
            and not f"{self.path}/".startswith(f"{path}/")
            and not path.startswith(f"{self.path}/")
        }
