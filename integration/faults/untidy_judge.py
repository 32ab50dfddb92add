"""What a command may have changed in an environment that is not tidy: the judge.

Purpose: no reference says what has to come of a command there, so each path that is another
afterwards is asked for its reason. It is right if it belongs to a project that the command was
about, and to nobody else; if it is the compiled file of such a path; or if the command has told
of it and may take it. All else is lost, or stray.

Calling sequence::

    problems = list(judge(asked, answer, before, after, wheels, layout))
    problems = list(settled(before, new, after, layout))             # after a kill and a recovery
    problems = list(settled_beside(met, answer))                     # where others acted between

Guarantees: reads only, but for digests of what was just installed. The first problem is the one
to look at. Where RECORD is damaged, nobody can tell what belongs to a project, and the program
goes by what wheels bring; there, and for what is replaced by ``--overwrite-existing`` and by
``repair``, a change that was told in a warning is right.

Errors: ``OSError`` where something cannot be read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integration.faults import records
from integration.faults.ownership import INFO, source_of
from integration.faults.snapshot import difference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from integration.faults.ownership import State
    from integration.faults.snapshot import Node, Snapshot
    from integration.faults.untidy_commands import Answer, Asked
    from integration.faults.untidy_wheels import Wheel

STATE = "/.linkinstall"
LOCK = "/.lock"
REFUSED = {1, 2}
"""The statuses that say that nothing was changed."""
COMPILED = "__pycache__"
_SHOWN = 4


@dataclass(frozen=True)
class Problem:
    """Something that is wrong.

    :param kind: some words; what shrinks to the same kind is the same fault
    :param detail: where, and what was found
    """

    kind: str
    detail: str

    def __str__(self) -> str:
        """Return both."""
        return f"{self.kind}: {self.detail}"


def changed(before: Snapshot, after: Snapshot) -> list[str]:
    """Return the paths that are another, our lock aside, which may stay."""
    return [
        path
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path) and not path.endswith(LOCK)
    ]


def judge(
    asked: Asked,
    answer: Answer,
    before: State,
    after: State,
    wheels: Sequence[Wheel],
    layout: Collection[str],
) -> Iterator[Problem]:
    """Yield what is wrong with what a command has done.

    :param wheels: what may have been installed
    :param layout: folders that every environment has, whatever is in them
    """
    if answer.status not in {0, *REFUSED}:
        yield Problem("ended with another status", str(answer))
        return
    left = [path for path in after.nodes if STATE in path]
    if left:
        yield Problem("state is left", _some(left))
    if answer.status:
        found = difference(before.nodes, after.nodes)
        found = [line for line in found if LOCK not in line]
        if found:
            yield Problem("refused, and changed something", f"{answer}; {_some(found)}")
        return
    change = _Change(asked, answer, before, after, wheels)
    for path in changed(before.nodes, after.nodes):
        yield from change.judge(path)
    if asked.verb == "install":
        yield from _installed(asked, answer, after)
    if asked.removes:
        yield from _removed(asked, answer, before, after, layout)


class _Change:
    """All that a command has changed, path by path."""

    def __init__(
        self, asked: Asked, answer: Answer, before: State, after: State, wheels: Sequence[Wheel]
    ) -> None:
        self.asked, self.answer, self.before, self.after = asked, answer, before, after
        self.old, self.new = before.files_of(asked.projects), after.files_of(asked.projects)
        self.others = before.files_of_others(asked.projects)
        self.wheels = [one for one in wheels if one.project in asked.projects]
        # A RECORD that has lost rows at its end looks whole: it lists a part of a wheel.
        self.damaged = bool(before.damaged & asked.projects) or any(
            map(self._has_part, self.wheels)
        )

    def judge(self, path: str) -> Iterator[Problem]:
        """Yield what is wrong with one path."""
        was, now = self.before.nodes.get(path), self.after.nodes.get(path)
        line = _some(difference(_of(path, was), _of(path, now)))
        if was is None:
            yield from self._made(path, line)
        elif was.kind == "folder":
            yield from self._folder(path, now, line)
        elif not self._may_go(path):
            owners = [name for name, paths in self.before.owned.items() if path in paths]
            yield Problem("lost", f"{line}; listed by {', '.join(owners) or 'nobody'}")

    def _may_go(self, path: str) -> bool:
        """Return whether a file or a link may be another one, or gone."""
        if self.before.stays(path):
            return False
        if path in self.old and path not in self.others:
            return True
        source = source_of(path)
        if source and source in self.old | self.new:
            return True
        if any(self._is_info(folder) for folder in _parents(path)):
            return True
        if self.asked.overwrites and self._gives_way(path):
            return True
        return path not in self.others and self._may_go_unlisted(path, source)

    def _has_part(self, wheel: Wheel) -> bool:
        version = os.path.basename(wheel.path).split("-")[1]
        folder = f"-{version}{INFO}"
        mine = (one for one in self.before.installed if one.project == wheel.project)
        if not any(one.path.endswith(folder) for one in mine):
            return False
        owned = self.before.owned.get(wheel.project, ())
        plain = [one for one in owned if INFO not in one and not one.endswith(".pyc")]
        return 0 < len(plain) < len(wheel.brings) and all(map(wheel.has, plain))

    def _is_info(self, folder: str) -> bool:
        about = self.asked.projects
        return any(os.path.realpath(one.path) == folder and one.project in about
                   for one in self.before.installed)  # fmt: skip

    def _gives_way(self, path: str) -> bool:
        return path in self.new or any(one.startswith(f"{path}/") for one in self.new)

    def _may_go_unlisted(self, path: str, source: str) -> bool:
        """Return the same of what nobody lists: what a killed tool or a lost RECORD left."""
        asked = self.asked
        if asked.verb == "repair --leftovers" and source:
            return True
        if asked.repairs and path in self.new:
            return True
        if self.damaged and any(one.has(path) or one.has(source) for one in self.wheels):
            return asked.verb == "repair --remove" or self._is_told(path)
        left_behind = asked.repairs or "/~" in path
        return (left_behind or self.damaged) and self._is_told(path)

    def _is_told(self, path: str) -> bool:
        # A folder of leftovers is told once for all that is in it; a library is none.
        libraries = {f"{os.path.realpath(one.library)}/" for one in self.before.installed}
        above = (
            folder
            for folder in _parents(path)
            if not any(library.startswith(f"{folder}/") for library in libraries)
        )
        return any(map(self.answer.warns_of, (path, *above)))

    def _folder(self, path: str, now: Node | None, line: str) -> Iterator[Problem]:
        held = [
            one
            for one, node in self.before.nodes.items()
            if one.startswith(f"{path}/") and node.kind != "folder"
        ]
        if now is not None and now.kind == "folder":
            # One that held its own files alone went with these, and was made anew.
            if held and self.old.issuperset(held):
                return
            yield Problem("a folder has another mode", line)
            return
        listed_below = any(one.startswith(f"{path}/") for one in self.old)
        swept = self.asked.verb == "repair --leftovers" or "/~" in path
        ours = path.endswith(COMPILED) or INFO in path
        if not (held or listed_below or swept or ours):
            yield Problem("somebody's empty folder is lost", line)

    def _made(self, path: str, line: str) -> Iterator[Problem]:
        if self.after.nodes[path].kind == "folder":
            if not any(one.startswith(f"{path}/") for one in self.after.nodes):
                yield Problem("an empty folder was made", line)
        elif path not in self.new and source_of(path) not in self.new:
            yield Problem("a stray file was made", line)


def _installed(asked: Asked, answer: Answer, after: State) -> Iterator[Problem]:
    for project in sorted(asked.projects):
        there = [one for one in after.installed if one.project == project]
        if len(there) != 1:
            yield Problem("not there once", f"{project} {[one.path for one in there]}")
        elif answer.actions.get(project) != "unchanged":
            (one,) = there
            wrong = records.of_distribution(one.library, os.path.basename(one.path))
            if wrong:
                yield Problem("its RECORD does not hold", _some(wrong))


def _holds_kept_alone(folder: str, answer: Answer, after: State) -> bool:
    left = [
        path
        for path, node in after.nodes.items()
        if path.startswith(f"{folder}/") and node.kind != "folder"
    ]
    return bool(left) and answer.kept.issuperset(left)


def _removed(
    asked: Asked, answer: Answer, before: State, after: State, layout: Collection[str]
) -> Iterator[Problem]:
    gone = {name for name in asked.projects if answer.actions.get(name) == "removed"}
    # A folder in which nothing but somebody's files is left, each told as kept, is no project.
    stays = [
        one.path
        for one in after.installed
        if one.project in gone and not _holds_kept_alone(one.path, answer, after)
    ]
    if stays:
        yield Problem("removed, and still there", _some(stays))
    if asked.verb != "uninstall":  # where RECORD was lost, what is left is nobody's to tell
        return
    others = before.files_of_others(asked.projects)
    own = frozenset(path for name in gone for path in before.plain.get(name, ()))
    left = [
        path
        for path in sorted(own)
        if path in after.nodes
        and after.nodes[path].kind != "folder"
        and path not in others
        and path not in answer.kept
        and not before.stays(path)
    ]
    if left:
        yield Problem("removed, and files of it are left", _some(left))
    emptied = [
        path
        for path, node in after.nodes.items()
        if node.kind == "folder"
        and path not in layout
        and not any(one.startswith(f"{path}/") for one in after.nodes)
        and any(one.startswith(f"{path}/") and one in before.nodes for one in own)
    ]
    if emptied:
        yield Problem("removed, and its folders are left, empty", _some(emptied))


# ---------------------------------------------------------------- kills


def settled(before: State, new: State, after: State, layout: Collection[str]) -> Iterator[Problem]:
    """Yield what is wrong after a kill and a recovery: it has to be old or new.

    :param layout: folders that every environment has: those that were made for a change that was
        killed before its journal was written may stay, empty

    An empty folder for compiled files counts as none: interpreters make it where they need one,
    and a rollback that put compiled files in takes it away with them.
    """
    old, made = _without_caches(before.nodes), _without_caches(new.nodes)
    there = _without_empty(_without_caches(after.nodes), set(layout) - old.keys())
    from_old, from_new = changed(old, there), changed(made, there)
    if from_old and from_new:
        name, nearest = ("old", old) if len(from_old) < len(from_new) else ("new", made)
        lines = difference(nearest, there)
        yield Problem("neither old nor new", f"not {name}: {_some(lines)}")


def _without_caches(nodes: Snapshot) -> Snapshot:
    return _without_empty(nodes, {one for one in nodes if os.path.basename(one) == COMPILED})


def _without_empty(nodes: Snapshot, folders: set[str]) -> Snapshot:
    """Return what is there but for some folders with nothing in them but each other."""
    rest = dict(nodes)
    for path in sorted(folders & rest.keys(), reverse=True):
        if not any(one.startswith(f"{path}/") for one in rest):
            del rest[path]
    return rest


@dataclass(frozen=True)
class Met:
    """What was there around a kill after which somebody else acted before the recovery.

    :param own: what belonged to the projects of the command, before it
    :param before: before the command
    :param new: what it makes where it is not killed
    :param killed: right after the kill
    :param theirs: after what the others did
    :param after: after the recovery
    """

    own: frozenset[str]
    before: Snapshot
    new: Snapshot
    killed: Snapshot
    theirs: Snapshot
    after: Snapshot


def settled_beside(met: Met, answer: Answer) -> Iterator[Problem]:
    """Yield what is wrong after a recovery that came after what others had done."""
    # A file of the projects may have been exchanged for the same one.
    concerned = {*met.own, *changed(met.before, met.new), *changed(met.before, met.killed)}
    contents = {node.content for node in met.after.values() if node.kind == "file"}
    for path in changed(met.theirs, met.after):
        node = met.theirs.get(path)
        if node is None or node.kind == "folder" or STATE in path or path.endswith(".pyc"):
            continue
        line = _some(difference(_of(path, node), _of(path, met.after.get(path))))
        if path not in concerned:
            yield Problem("the recovery touched what it has nothing to do with", line)
        known = (met.before.get(path), met.new.get(path), met.killed.get(path))
        if node.kind == "file" and node not in known and node.content not in contents:
            yield Problem("the recovery lost what somebody had put there", line)
    yield from _taken_of_others(met)
    waits = answer.kept or answer.form.get("pending")
    left = [path for path in met.after if STATE in path]
    if not answer.status and left and not waits:
        yield Problem("state is left", _some(left))


def _taken_of_others(met: Met) -> Iterator[Problem]:
    """Yield what a command had replaced of others, and is not there where there is room for it."""
    for path, node in met.before.items():
        theirs = met.theirs.get(path)
        untouched = theirs == met.killed.get(path) and theirs != node
        other = node.kind != "folder" and path not in met.own and not path.endswith(".pyc")
        lost = met.after.get(path) is None and met.new.get(path) is not None
        room = all(met.after[one].kind == "folder" for one in _parents(path) if one in met.after)
        if untouched and other and lost and room:
            line = _some(difference(_of(path, node), {}))
            yield Problem("what was taken of others did not come back", line)


# ---------------------------------------------------------------- helpers


def _some(lines: Iterable[str]) -> str:
    every = list(lines)
    more = [f"{len(every) - _SHOWN} more"] if len(every) > _SHOWN else []
    return "; ".join((*every[:_SHOWN], *more))


def _of(path: str, node: Node | None) -> Mapping[str, Node]:
    return {} if node is None else {path: node}


def _parents(path: str) -> Iterator[str]:
    while (above := os.path.dirname(path)) != path:
        path = above
        yield path
