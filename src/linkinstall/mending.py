"""What a repair does about each distribution, decided once the environment is locked.

Purpose: turn names, or everything that is not whole, into wishes of a transaction: an
entry or a wheel that replaces the same one, a dist-info that goes, a leftover.

Calling sequence::

    transaction.look(Mending(["app"], wheels=[], remove=False))

Guarantees: reads only. A distribution that is whole is left alone. What INSTALLER,
REQUESTED and ``direct_url.json`` say stays, as far as it is known. Of several
dist-infos of one project the whole one stays, else the foremost comes again
(:mod:`linkinstall.twins`), and never another in its place.

Errors: :class:`~linkinstall.errors.DistributionError` with everything that cannot be
mended, :class:`~linkinstall.errors.UsageError` for a wheel that belongs to none.
"""

from __future__ import annotations

import os

from linkinstall.distribution import WHOLE, find_distributions
from linkinstall.evidence import Evidence, Source
from linkinstall.health import ScriptsFolder, examine
from linkinstall.inheritance import inherited
from linkinstall.leftovers import find_leftovers
from linkinstall.origin import editable_place
from linkinstall.outcome import Change
from linkinstall.twins import foremost
from linkinstall.values import value
from linkinstall.wheel import canonicalize, parse_filename, same_version
from linkinstall.wishes import Parting, Wish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from linkinstall.cache import Cache
    from linkinstall.distribution import Distribution
    from linkinstall.errors import Problem
    from linkinstall.health import Examined
    from linkinstall.wheel import WheelName
    from linkinstall.wishes import Wishes
    from linkinstall.world import World

__all__ = ["Mending"]

_NAME_IT = "Name the wheel file with --from WHEEL."


@value
class _Given:
    """A wheel file that the caller names."""

    path: str
    name: WheelName


class Mending:
    """See the module docstring.

    :param names: the projects to mend
    :param wheels: wheel files to mend them from
    :param remove: take them away instead
    :param every: all that are not whole
    :param leftovers: take away what other tools left, too
    :param full: with ``every``: read every file to tell what is whole
    """

    def __init__(
        self,
        names: Iterable[str],
        *,
        wheels: Iterable[str | os.PathLike[str]] = (),
        remove: bool = False,
        every: bool = False,
        leftovers: bool = False,
        full: bool = False,
    ) -> None:
        self.given = [_given(os.fsdecode(wheel)) for wheel in wheels]
        self.names = dict.fromkeys(canonicalize(name.strip()) for name in names)
        if not (self.names or every):
            self.names = dict.fromkeys(one.name.name for one in self.given)
        self.remove = remove
        self.every = every
        self.leftovers = leftovers
        self.full = full or not every
        self._refuse_strangers()

    def _refuse_strangers(self) -> None:
        strangers = [one.path for one in self.given if one.name.name not in self.names]
        if strangers and not self.every:
            from linkinstall.errors import UsageError

            raise UsageError(
                f"No project that is to be repaired has this wheel: {', '.join(strangers)}.",
                next_step="Name the project, too.",
            )

    # ---------------------------------------------------------------- the look

    def __call__(self, world: World, cache: Cache, wishes: Wishes) -> None:
        """Look at the environment, and note what is wanted."""
        found = find_distributions(world.files, world.libraries, world.bases)
        self._require_installed(found, wishes)
        work = _Work(world, Evidence(world, cache), wishes, self)
        seen: dict[str, list[Examined]] = {}
        scripts = ScriptsFolder.of(world)
        projects = [one.name for one in found]
        for one in found:
            if self.every or one.name in self.names:
                # A twin's files may have the sizes of its own, and times before its RECORD's.
                twins = projects.count(one.name) > 1
                full = self.full or twins or one.name in self.names
                looked = examine(world.files, one, full=full, scripts=scripts)
                seen.setdefault(one.name, []).append(looked)
        for name, examined in seen.items():
            work.mend(name, examined)
        if work.problems:
            raise _unmendable(work.problems, work.advice, sorted(work.mendable))
        if self.leftovers:
            busy = work.mendable | {part.distribution.name for part in wishes.partings}
            empty = (one for one in found if one.name not in busy and not world.entries(one.path))
            wishes.partings += [Parting(one, ()) for one in empty]
            wishes.leftovers += [one.path for one in find_leftovers(world, found)]

    def _require_installed(self, found: list[Distribution], wishes: Wishes) -> None:
        missing = set(self.names) - {one.name for one in found}
        if not self.remove:
            from linkinstall.verbs.check import require_installed

            require_installed(missing, found)
        for name in sorted(missing):  # what is not there need not be taken away
            wishes.want_removal(name)


class _Work:
    """Decides project by project, and collects what cannot be done."""

    def __init__(self, world: World, evidence: Evidence, wishes: Wishes, asked: Mending) -> None:
        self.world = world
        self.evidence = evidence
        self.wishes = wishes
        self.asked = asked
        self.problems: list[Problem] = []
        self.advice: dict[str, None] = {}
        self.mendable: set[str] = set()

    def mend(self, name: str, seen: list[Examined]) -> None:
        """Decide about one project and all its dist-infos."""
        known = [one for one in seen if not one.stray]
        if not known and name not in self.asked.names:
            seen = [one for one in seen if self._source(one).usable]
            if not seen:
                return  # somebody's files alone: check says where to move them
        seen = known or seen
        if self.asked.remove and not (self.asked.every and _is_whole(seen)):
            for one in seen:
                self._part(one)
            return
        if _is_whole(seen):
            version = seen[0].distribution.version
            if name in self.asked.names:
                self.wishes.idle.append(Change(name, version, version, "unchanged"))
            return
        whole = [one for one in seen if one.health == WHOLE]
        if whole:
            kept = foremost(self.world.files, whole)
            for twin in seen:
                if twin is not kept:
                    rows = None if twin.rows is not None else ()
                    self.wishes.partings.append(Parting(twin.distribution, rows))
            self.mendable.add(name)
            return
        self._renew(name, seen)

    def _renew(self, name: str, seen: list[Examined]) -> None:
        """Wish for the same again: from the wheel that was named, else from what there is."""
        # Another of them would be another version: only a wheel that is named asks for that.
        named = [one for one in seen if self._given_for(one)]
        lead = foremost(self.world.files, named or seen)
        source = self._source(lead)
        if source.usable:
            self._want(lead, source)
            self.mendable.add(name)
            return
        if self.asked.leftovers and all(_is_empty(one) for one in seen):
            self.wishes.partings += [Parting(one.distribution, ()) for one in seen]
            return
        self._refuse("no-source", lead, source.reason)

    def _given_for(self, one: Examined) -> str:
        """Return the path of the wheel that was named for just this version, or ""."""
        project, version = one.distribution.name, one.distribution.version
        for given in self.asked.given:
            if given.name.name == project and same_version(given.name.version, version):
                return given.path
        return ""

    def _source(self, one: Examined) -> Source:
        if wheel := self._given_for(one):
            return Source(wheel=wheel)
        named = [given for given in self.asked.given if given.name.name == one.distribution.name]
        if named:
            return Source(
                reason=f"{named[0].path} is of version {named[0].name.version}; "
                f"{one.distribution.version} is installed"
            )
        return self.evidence.source(one)

    def _want(self, one: Examined, source: Source) -> None:
        metadata = inherited(self.world.files, one, staged=not self.world.environment.metadata)
        if source.entry is not None:
            wish = Wish(None, source.entry, metadata, mends=True)
        else:
            wish = Wish(source.wheel, None, metadata, False, "none", mends=True)  # noqa: FBT003
        self.wishes.want(wish)

    def _part(self, one: Examined) -> None:
        """Wish a dist-info away with what RECORD lists, or what the manifest proves."""
        from linkinstall.proof import proven_rows, tells_anything

        rows = None
        if one.rows is None:
            wheel = self._source(one).wheel if self.asked.given else ""
            entry = self.evidence.foreseen(wheel) or self.evidence.manifest(one)
            if entry is None:
                self._refuse("no-manifest", one, self.evidence.source(one).reason)
                return
            looked = self.world, one.distribution, entry.manifest
            rows = tuple(proven_rows(*looked))
            if not tells_anything(*looked, rows):
                self._refuse("no-manifest", one, "no file of it is as the wheel has it")
                return
        self.wishes.partings.append(Parting(one.distribution, rows))

    def _refuse(self, code: str, one: Examined, reason: str) -> None:
        from linkinstall.errors import Problem

        where = one.distribution
        frozen = code == "no-source" and editable_place(self.world.files, where)
        advice = "Install what is editable anew." if frozen else _NAME_IT
        self.advice[advice] = None
        message = f"{where.name} {where.version} ({where.path}): {reason}"
        self.problems.append(Problem(code, where.path, where.name, message))


def _given(path: str) -> _Given:
    from linkinstall.errors import InvalidWheelError, Problem

    try:
        return _Given(path, parse_filename(os.path.basename(path)))
    except ValueError as error:
        raise InvalidWheelError(
            str(error), path=path, problems=[Problem("file-name", path, None, str(error))]
        ) from error


def _is_whole(seen: list[Examined]) -> bool:
    return len(seen) == 1 and seen[0].health == WHOLE


def _is_empty(one: Examined) -> bool:
    return any(finding.code == "empty-dist-info" for finding in one.findings)


def _unmendable(problems: list[Problem], advice: Iterable[str], others: list[str]) -> Exception:
    from linkinstall.errors import DistributionError

    names = ", ".join(sorted({problem.owner or "" for problem in problems}))
    more = f" The others can be repaired by name: {', '.join(others)}." if others else ""
    return DistributionError(
        f"Cannot repair {names}: there is no wheel to do it from.",
        problems=problems,
        next_step=f"Nothing was changed. {' '.join(advice)}{more}",
    )
