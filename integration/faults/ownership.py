"""Whose a file is, read from the dist-info folders alone.

Purpose: what the judge of untidy environments goes by, so it shares no code with the package
under test. It has to make sense of RECORD files that others have spoilt.

Calling sequence::

    before = State.of(place)
    before.files_of({"alpha"}), before.files_of_others({"alpha"}), before.damaged

Guarantees: reads only. A file belongs to each distribution that lists it, in a row that can be
read or in one that cannot; all that is in a dist-info folder belongs to that distribution. Paths
are those of the real folder, so that a file has one name, however it was listed.

Errors: ``OSError`` where something cannot be read that is there.
"""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integration.faults.untidy_wheels import normalised

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from integration.faults.snapshot import Snapshot
    from integration.faults.untidy_places import Place

INFO = ".dist-info"
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Installed:
    """A dist-info folder.

    :param project: the normalised name
    :param path: where it is
    :param library: the folder that its rows begin at
    """

    project: str
    path: str
    library: str


@dataclass(frozen=True)
class State:
    """What is there, and whose it is.

    :param nodes: path -> what it is
    :param installed: the dist-info folders
    :param owned: project -> the paths that belong to it
    :param plain: project -> what it lists, but for what lies behind a link that somebody made:
        such a file is another one, and stays
    :param keeps: what stays, whoever lists it: what lies outside of the environment, and its own
    :param damaged: projects of which not all is known: without RECORD, METADATA or their rows
    """

    nodes: Snapshot
    installed: tuple[Installed, ...]
    owned: Mapping[str, frozenset[str]]
    plain: Mapping[str, frozenset[str]]
    damaged: frozenset[str]
    keeps: frozenset[str]

    @classmethod
    def of(cls, place: Place) -> State:
        """Look at a place as it is now."""
        installed = tuple(distributions(place.libraries()))
        owned: dict[str, set[str]] = {}
        plain: dict[str, set[str]] = {}
        for one in installed:
            owned.setdefault(one.project, set()).update(_inside(one.path), listed(one))
            plain.setdefault(one.project, set()).update(_plain(one))
        damaged = frozenset(one.project for one in installed if not _is_whole(one))
        nodes = place.nodes()
        keeps = {path for path in nodes if path.startswith(f"{place.outside}/")}
        keeps |= place.own_files()
        return cls(nodes, installed, _frozen(owned), _frozen(plain), damaged, frozenset(keeps))

    def stays(self, path: str) -> bool:
        """Return whether a path must stay as it is, whoever lists it."""
        return path in self.keeps

    def files_of(self, projects: Collection[str]) -> frozenset[str]:
        """Return the paths that belong to one of some projects."""
        return frozenset[str]().union(*(self.owned.get(name, ()) for name in projects))

    def files_of_others(self, projects: Collection[str]) -> frozenset[str]:
        """Return the paths that belong to any other project."""
        return self.files_of(self.owned.keys() - set(projects))


def distributions(libraries: Iterable[str]) -> list[Installed]:
    """Return the dist-info folders of some libraries; what pip is moving away (~) is none."""
    found = []
    for library in libraries:
        for name in sorted(os.listdir(library)):
            project = name.removesuffix(INFO).rpartition("-")[0]
            is_info = name.endswith(INFO) and not name.startswith("~") and project
            if is_info and os.path.isdir(f"{library}/{name}"):
                found.append(Installed(normalised(project), f"{library}/{name}", library))
    return found


def listed(one: Installed) -> list[str]:
    """Return the real paths of all that a distribution lists, also in rows that are spoilt."""
    return [real(_path(one, row)) for row in _rows(one)]


def real(path: str) -> str:
    """Return a path with no link above it; what it names may be one."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def source_of(path: str) -> str:
    """Return the source that a compiled file would be of; "" where it is none."""
    folder, name = os.path.split(path)
    if os.path.basename(folder) != "__pycache__" or not name.endswith(".pyc"):
        return ""
    return f"{os.path.dirname(folder)}/{name.partition('.')[0]}.py"


def _inside(info: str) -> Iterable[str]:
    for folder, folders, names in os.walk(info):
        links = [name for name in folders if os.path.islink(f"{folder}/{name}")]
        yield from (real(f"{folder}/{name}") for name in (*names, *links))


def _plain(one: Installed) -> Iterable[str]:
    """Yield what a distribution lists in folders that are where their names say."""
    library = os.path.realpath(one.library)
    for row in _rows(one):
        path = _path(one, row)
        found = real(path)
        if found in {path, path.replace(one.library, library, 1)}:
            yield found


def _frozen(paths: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    return {project: frozenset(found) for project, found in paths.items()}


def _rows(one: Installed) -> list[list[str]]:
    """Return the rows of a RECORD, the spoilt ones included; none where there is no file."""
    path = f"{one.path}/RECORD"
    if not os.path.isfile(path):
        return []
    with open(path, "rb") as stream:
        data = stream.read()
    text = data.removeprefix(_MARK).decode("utf-8", "surrogateescape")
    if "\0" in text:  # the csv module takes none, and no name holds one
        return []
    if '"' in text:
        return [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    lines = text.replace("\r\n", "\n").split("\n")
    return [line.rsplit(",", 2) for line in lines if line]


def _path(one: Installed, row: list[str]) -> str:
    return os.path.normpath(os.path.join(one.library, row[0].replace("\\", "/")))


def _is_whole(one: Installed) -> bool:
    """Return whether a RECORD can be read as far as it goes, and goes to its own row."""
    rows = _rows(one)
    sound = all(len(row) == 3 and (not row[2] or row[2].isdigit()) for row in rows)
    plain = all("\udc80" > letter or letter > "\udcff" for row in rows for letter in row[0])
    paths = {_path(one, row) for row in rows}
    own = {f"{one.path}/METADATA", f"{one.path}/RECORD"}
    return sound and plain and own <= paths and os.path.lexists(f"{one.path}/METADATA")
