"""What a transaction would do, without writing anything.

Purpose: foresee the entry a wheel would become, and turn a plan into the lines of
``--dry-run``. A wheel that the cache does not have is read as unpacking reads it.

Guarantees: nothing is written, the cache included.

Errors: those of the run: a wheel, a conflict or a journal that would be refused is.
"""

from __future__ import annotations

import os

from linkinstall import limits
from linkinstall.cache import Entry
from linkinstall.digest import encode
from linkinstall.manifest import EntryPoint, Folder, Manifest
from linkinstall.outcome import FileCount, PlannedChange, Warn
from linkinstall.plan import NOTHING
from linkinstall.policy import MODES, chain
from linkinstall.results import unshared
from linkinstall.values import as_dict, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from linkinstall.cache import Cache
    from linkinstall.contents import Contents, LargeMember
    from linkinstall.linking import Preferences
    from linkinstall.plan import Placement, Plan
    from linkinstall.preparation import Preparation
    from linkinstall.vetting import VettedWheel
    from linkinstall.vetting.layout import VettedFile
    from linkinstall.world import World

__all__ = ["foresee", "plan_dry", "planned_changes"]

_ACTIONS = {"installed": "install", "removed": "remove"}


def foresee(cache: Cache, path: str, validate_record: str) -> tuple[Entry, str, str | None]:
    """Return the entry that a wheel has or would get, its name, and its hash."""
    found = None if cache.temporary else cache.find(path)
    if found is not None:
        return found.entry, found.name.name, found.hash
    from linkinstall.contents import Contents
    from linkinstall.entry_writer import collisions
    from linkinstall.policy import is_binary
    from linkinstall.scripts import is_rewritten, launcher_body
    from linkinstall.unpack import vet_file
    from linkinstall.vetting import reading

    name, _ = cache.identify(path)
    with cache.file_system.open_read(path) as stream, reading(os.path.basename(path)):
        vetted, _archive = vet_file(stream, path, validate_record)
        contents = Contents(stream, vetted.members, vetted.directory)
        digests, heads = _digests(contents, vetted, path, compare=validate_record == "all")
        folders: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
        for file in vetted.files:
            folder, _, base = file.path.rpartition("/")
            folders.setdefault((file.scheme, folder), []).append(
                (base, str(file.size), digests[file.member])
            )
    manifest = Manifest(
        "", vetted.distribution, vetted.version, vetted.dist_info, vetted.root, 0,
        cache.file_system.umask(),
        tuple(
            Folder.of(scheme, folder, rows) for (scheme, folder), rows in sorted(folders.items())
        ),
        tuple(
            EntryPoint(*point, launcher_body(*point)) for point in vetted.entry_points
        ),
        frozenset(_keys(file for file in vetted.files if file.executable)),
        frozenset(_keys(file for file in vetted.files if is_binary(file.path, heads[file.member]))),
        frozenset(
            _keys(
                file
                for file in vetted.files
                if is_rewritten(file.scheme, heads[file.member], executable=file.executable)
            )
        ),
        collisions=collisions((file.scheme, file.path) for file in vetted.files),
    )  # fmt: skip
    return Entry("", manifest), name.name, None


def _keys(files: Iterable[VettedFile]) -> Iterator[str]:
    return (f"{file.scheme}/{file.path}" for file in files)


def _digests(
    contents: Contents, vetted: VettedWheel, path: str, *, compare: bool
) -> tuple[dict[str, str], dict[str, bytes]]:
    """Return the SHA-256 of each member that is no folder, and how it begins.

    Whatever digests RECORD has.

    :param compare: whether the members have to be what RECORD says
    :raises InvalidWheelError: they are not, all reasons together, or cannot be read
    """
    from linkinstall.unpack import altered, mismatch

    digests, heads, problems = {}, {}, []
    for member in vetted.members:
        if member.is_folder or member.name == f"{vetted.dist_info}/RECORD":
            continue
        row = vetted.record.get(member.name) if compare else None
        algorithm = row.algorithm if row is not None else "sha256"
        found, heads[member.name] = _hash(contents.open(member), {"sha256", algorithm})
        digests[member.name] = found["sha256"]
        if row is not None and (problem := mismatch(row, member.name, member.size, found)):
            problems.append(problem)
    if problems:
        raise altered(path, problems)
    return digests, heads


def _hash(stream: BinaryIO | LargeMember, algorithms: set[str]) -> tuple[dict[str, str], bytes]:
    import hashlib

    from linkinstall.scripts import MARK

    states, head = {name: hashlib.new(name) for name in algorithms}, b""
    while chunk := stream.read(limits.COPY_CHUNK):
        head = head or chunk[: len(MARK)]
        for state in states.values():
            state.update(chunk)
    return {name: encode(state.digest()) for name, state in states.items()}, head


def plan_dry(preparation: Preparation, world: World) -> tuple[Plan, Preparation, list[Warn]]:
    """Return the plan of a run that does nothing, what has made it, and its warnings.

    A run settles an unfinished transaction before it plans. So what is in the way is no
    refusal where that transaction has put it there: it is told, and taken for replaced.

    :raises ConflictError: all that stands in the way
    :raises JournalError: the run would refuse the state folder
    """
    if world.files.status(world.home) is None:
        return preparation.plan(world, dry=True), preparation, []
    from linkinstall.errors import ConflictError
    from linkinstall.unfinished import look

    unfinished = look(world)
    told = [] if unfinished is None else [unfinished.warning()]
    try:
        return preparation.plan(world, dry=True), preparation, told
    except ConflictError as error:
        if unfinished is None or not all(unfinished.covers(one.path) for one in error.problems):
            raise
        told += [Warn("unfinished-transaction", one.message) for one in error.problems]
    again = _overwriting(preparation)
    try:
        return again.plan(world, dry=True), again, told
    except ConflictError:  # of the same paths: folders that are not there any more by then
        return NOTHING, again, told


def _overwriting(preparation: Preparation) -> Preparation:
    options = replace(preparation.options, overwrite=True)
    one = preparation
    return type(one)(one.environment, one.cache, one.files, options, one.wishes)


def planned_changes(
    plan: Plan, preferences: Preferences, *, temporary: bool = False
) -> tuple[PlannedChange, ...]:
    """Return one line for each change of a plan.

    :param temporary: the cache goes with the run, so that nothing is shared in the end
    """
    groups = {group.number: group for group in plan.groups}
    result = []
    for index, change in enumerate(plan.changes):
        counts = dict.fromkeys(as_dict(FileCount()), 0)
        added = []
        for place in plan.placements:
            if plan.trees[place.tree].change == index:
                group = groups[place.group]
                added += list(_paths(group.target, place.sub, place.names))
                for mode, number in _modes(plan, preferences, group.state, place):
                    counts[mode] += number
        for one in plan.fresh:
            if one.change == index:
                added += list(_paths(groups[one.group].target, one.sub, (one.name,)))
                counts["written"] += 1
        removed = [path for item in plan.stash if item.change == index for path, _ in item.paths()]
        action = _ACTIONS.get(change.action, "replace")
        result.append(
            PlannedChange(
                change.name,
                change.version,
                change.previous,
                action,
                unshared(counts) if temporary else counts,
                tuple(sorted(added)),
                tuple(sorted(removed)),
            )
        )
    return tuple(result)


def _paths(target: str, sub: str, names: tuple[str, ...]) -> Iterator[str]:
    folder = f"{target}/{sub}" if sub else target
    return (f"{folder}/{name}" for name in names)


def _modes(
    plan: Plan, preferences: Preferences, state: int, place: Placement
) -> Iterator[tuple[str, int]]:
    manifest = plan.trees[place.tree].manifest
    folder = manifest.folders[place.folder]
    for name in place.names:
        key = f"{folder.scheme}/{folder.join(name)}"
        modes = chain(
            preferences.link_mode,
            preferences.between(state, place.tree),
            binary=key in manifest.binaries,
            private_binaries=preferences.private_binaries,
        )
        yield next(mode for mode in modes if mode in MODES), 1
