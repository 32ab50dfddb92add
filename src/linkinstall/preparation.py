"""Preparing a transaction: from what is asked to a plan.

Purpose: bring wheels to entries, find what is installed, decide what each change
is, and hand requests and removals to the planner. Used by
:class:`~linkinstall.transaction.Transaction` alone.

Calling sequence: note wishes in ``wishes``, ``settle_cache`` once the environment is
locked, ``plan``.

Guarantees: the environment is only read. The cache is filled where a wheel is not in
it yet, unless the plan is for a dry run.

Errors: those of the cache, the planner and ``DistributionError``.
"""

from __future__ import annotations

from linkinstall.distribution import Distribution, find_distributions
from linkinstall.entries import Entries
from linkinstall.installed import OTHER, SAME, compare
from linkinstall.linking import Linking
from linkinstall.outcome import BytecodeCount, Change, Warn
from linkinstall.plan import NOTHING, PlanChange
from linkinstall.refusals import (
    refuse_both,
    refuse_linked,
    refuse_twice,
    refuse_undone,
    refuse_unplaceable,
    refuse_unremovable,
)
from linkinstall.remains import damage_of, damage_test, legacy, remains
from linkinstall.requests import Wanted, make_request, metadata_of, unlisted
from linkinstall.wheel import canonicalize
from linkinstall.wishes import Step, asked_how

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from linkinstall.cache import Cache, Entry
    from linkinstall.environment import Environment
    from linkinstall.filling import Progress
    from linkinstall.fs.lock import FolderLock
    from linkinstall.fs.port import FileSystem
    from linkinstall.linking import Preferences, Refused
    from linkinstall.plan import Plan
    from linkinstall.removal import Removal
    from linkinstall.wishes import Exactly, Options, Wish, Wishes
    from linkinstall.world import World

    Notify = Callable[[str], None]
    Installed = dict[str, list[Distribution]]

__all__ = ["Preparation"]

_IDLE = ("unchanged", "skipped")


class Preparation:
    """See the module docstring."""

    def __init__(
        self,
        environment: Environment,
        cache: Cache,
        files: FileSystem,
        options: Options,
        wishes: Wishes,
        progress: Progress | None = None,
    ) -> None:
        self.wishes = wishes
        self.environment = environment
        self.files = files
        self.options = options
        self._linking = Linking(
            files, options.link_mode, options.copy_binaries, processes=options.processes
        )
        self._entries = Entries(cache, environment, options, progress)
        self._held: FolderLock | None = None
        self._intent: list[tuple[str, str]] = []
        self._warnings: list[Warn] = []
        self.changes: tuple[Change, ...] = ()

    @property
    def cache(self) -> Cache:
        """The cache in use."""
        return self._entries.cache

    @property
    def temporary(self) -> bool:
        """Whether the cache goes with the run (``--no-cache``)."""
        return self._entries.temporary

    @property
    def bytecode(self) -> BytecodeCount:
        """How many compiled files there are of each kind."""
        return self._entries.bytecode

    @property
    def warnings(self) -> list[Warn]:
        """What was noticed on the way."""
        return [*self._entries.warnings, *self._warnings]

    def settle_cache(self, home: str, timeout: float, notify: Notify | None) -> None:
        """Settle which cache it is; nobody takes anything out of it until :meth:`let_go`."""
        self._entries.settle(home, brings=self.wishes.may_write)
        if self.wishes.may_bring and not self._entries.temporary:
            self._held = self.cache.hold(timeout=timeout, notify=notify)

    def let_go(self) -> None:
        """Say that everything is linked that is to be."""
        if self._held is not None:
            self._held.release()
            self._held = None

    # ---------------------------------------------------------------- the plan

    def plan(self, world: World, *, dry: bool = False) -> Plan:
        """Return the whole plan.

        :raises ConflictError: with everything that stands in the way
        :raises DistributionError: something that is to go cannot
        """
        try:
            plan = None
            try:
                plan = self._plan(world, dry=dry)
            except Exception:
                # Rows of RECORD that are none, say, may be those of an entry that is damaged.
                if self._entries.finish_looking():
                    raise
            if plan is None or not self._entries.finish_looking():
                # A cached file has been edited: each is looked at and mended before its use.
                self._intent, self._warnings = [], []
                plan = self._plan(world, dry=dry)
            for review in self.wishes.reviews:
                review(plan)
            return plan
        finally:
            self._entries.close()

    def _plan(self, world: World, *, dry: bool) -> Plan:
        self.wishes.look(world, self.cache)
        if dry:
            self._entries.refuse_links(brings=self.wishes.may_write)
        else:
            wheels = [wish.path for wish in self.wishes.incoming if wish.path is not None]
            self._entries.fill(wheels, self.options.compile_levels)
        wanted = [(wish, *self._entry_of(wish, dry=dry)) for wish in self.wishes.incoming]
        coming = [name for _, _, name, _ in wanted]
        refuse_twice(coming, [wish.path for wish, _, _, _ in wanted])
        refuse_both(self.wishes.outgoing, (name for wish, _, name, _ in wanted if wish.exactly))
        refuse_undone(coming, self.wishes.removed_after)
        present: Installed = {}
        for one in find_distributions(self.files, world.libraries, world.bases):
            present.setdefault(one.name, []).append(one)
        outgoing = [name for name in self.wishes.outgoing if name not in coming]
        steps = [self._step_out(world, name, tuple(present.get(name, ()))) for name in outgoing]
        for wish, entry, name, hash_ in wanted:
            olds = tuple(present.get(name, ()))
            steps.append(self._step_in(world, wish, entry, name, hash_, olds, dry=dry))
        self._entries.start_looking()
        leaving = (o for s in steps if s.change.action == "removed" for o in s.olds)
        refuse_unremovable(world, leaving)
        steps += [Step.parting(part) for part in self.wishes.partings]
        refuse_linked(world, (o for s in steps if s.change.action not in _IDLE for o in s.olds))
        self.changes = (*(step.change for step in steps), *self.wishes.idle)
        if self.wishes.leftovers:
            nothing = Change("", None, None, "removed")
            steps.append(Step(nothing, leftovers=tuple(self.wishes.leftovers)))
        return self._make(world, present, [s for s in steps if s.change.action not in _IDLE])

    def _entry_of(self, wish: Wish, *, dry: bool) -> tuple[Entry, str, str | None]:
        """Return entry, canonical name and hash of a wish, unpacking it if need be."""
        if wish.entry is not None:
            return wish.entry, canonicalize(wish.entry.manifest.distribution), None
        path = wish.path or ""
        if dry:
            from linkinstall.dry_run import foresee

            return foresee(self.cache, path, self.options.validate_record)
        added = self._entries.bring(path)
        return added.entry, added.name.name, added.hash

    def _step_out(self, world: World, name: str, olds: tuple[Distribution, ...]) -> Step:
        if olds:
            return Step(Change(name, olds[0].version, olds[0].version, "removed"), olds)
        if path := legacy(world, name):
            from linkinstall.errors import DistributionError, Problem

            raise DistributionError(
                f"{name} was installed by a tool that keeps no RECORD ({path}).",
                problems=[Problem("legacy", path, name, f"{path} lists no files")],
                next_step="Nothing was changed. Remove it with the tool that installed it.",
            )
        self._warnings.append(Warn("not-installed", f"{name} is not installed; skipped"))
        return Step(Change(name, None, None, "skipped"))

    def _step_in(
        self,
        world: World,
        wish: Wish,
        entry: Entry,
        name: str,
        hash_: str | None,
        olds: tuple[Distribution, ...],
        *,
        dry: bool,
    ) -> Step:
        version = entry.manifest.version
        if wish.exactly is not None:
            return self._step_exactly(wish.exactly, entry, name)
        refuse_unplaceable(self.environment, entry)
        if wish.mends:  # twins only go for it
            olds = tuple(sorted(olds, key=lambda old: old.folder != entry.manifest.dist_info))
        previous = olds[0].version if olds else None
        likeness = OTHER
        if len(olds) == 1:
            likeness = compare(self.files, olds[0], entry, self.environment)
        if likeness == SAME and not (self.options.reinstall or wish.mends):
            if not dry:
                self._entries.keep(entry, olds[0].path)
            return Step(Change(name, version, previous, "unchanged"), olds)
        sets: list[Entry] = []
        if not dry:
            entry, *sets = self._entries.use(entry, wish.path, self.options.compile_levels)
        for old in olds:
            self._warnings += damage_of(world, old, mends=wish.mends)
        again = "replaced" if likeness == OTHER and not wish.mends else "reinstalled"
        action = again if olds else "installed"
        listed = self.environment.metadata
        metadata = metadata_of(wish, hash_, listed=listed, files=self.files)
        if wish.mends:
            from linkinstall.inheritance import beside

            metadata = beside(entry.manifest, metadata)
        wanted = Wanted(name, entry, metadata, tuple(sets), list_compiled=listed, mends=wish.mends)
        return Step(Change(name, version, previous, action), olds, wanted)

    def _step_exactly(self, exactly: Exactly, entry: Entry, name: str) -> Step:
        """Plan what a destination asks for: nothing that is there counts as an old version."""
        if exactly.written:
            self._entries.trust((entry.folder, entry.mark))
        entry, *compiled = self._entries.use(entry, exactly.wheel, exactly.levels, same=True)
        wanted = Wanted(
            name,
            entry,
            {},
            tuple(compiled),
            generated=exactly.generated,
            skipped=exactly.skipped | unlisted(compiled, exactly.sources),
            overwrite=exactly.overwrite,
        )
        return Step(Change(name, entry.manifest.version, None, "installed"), (), wanted)

    def _make(self, world: World, present: Installed, steps: list[Step]) -> Plan:
        self._note_intent(steps)
        if not steps:
            return NOTHING
        from linkinstall.planner import Planner
        from linkinstall.removal import Removal

        leaving = {old.path for step in steps for old in step.olds}
        standing = [one for ones in present.values() for one in ones if one.path not in leaving]
        removal = Removal(world, standing)
        for index, step in enumerate(steps):
            self._take_out(world, removal, step, index)
        planner = Planner(world, removal, overwrite=self.options.overwrite)
        for index, step in enumerate(steps):
            wanted = step.wanted
            if wanted is not None:
                damaged = damage_test(
                    world, step.change.name, list(step.olds), wanted.entry.manifest
                )
                planner.install(make_request(self.files, self.environment, wanted, index, damaged))
        return planner.finish([self._plan_change(world, removal, step, present) for step in steps])

    def _take_out(self, world: World, removal: Removal, step: Step, index: int) -> None:
        wanted = step.wanted
        for old in step.olds:
            rows = step.part.rows if step.part else None
            removal.take(old, index, rows, self._added(world, step, old))
        if wanted is not None and wanted.generated is not None:
            return
        manifest = wanted.entry.manifest if wanted is not None else None
        lost = step.leftovers or remains(world, step.change.name, step.olds, manifest)
        for path in lost:
            removal.take_folder(path, index)
            message = f"took away {path}, left behind by another tool"
            self._warnings.append(Warn("leftover-replaced", message))

    def _added(self, world: World, step: Step, old: Distribution) -> frozenset[str]:
        """Return what somebody has put into a dist-info that a repair renews or takes."""
        if not step.repairs:
            return frozenset()
        from linkinstall.inheritance import staying

        return staying(world, old, step, self._dist_info(world, step.wanted))

    def _dist_info(self, world: World, wanted: Wanted | None) -> str:
        if wanted is None:
            return ""
        manifest = wanted.entry.manifest
        scheme = self.environment.scheme_for(manifest.distribution)[manifest.root]
        return f"{world.real_folder(scheme)}/{manifest.dist_info}"

    def _plan_change(
        self, world: World, removal: Removal, step: Step, present: Installed
    ) -> PlanChange:
        change, wanted = step.change, step.wanted
        olds: Iterable[Distribution] = step.olds
        entry = wanted.entry.manifest.id if wanted is not None else ""
        new = self._dist_info(world, wanted)
        if step.part is not None or (wanted is not None and not olds):
            # Others of the project may stand (a destination's, a twin); they are known to.
            olds = present.get(change.name, ())
        marks = tuple(removal.old_dist_info(old) for old in olds)
        return PlanChange(
            change.name, change.version, change.previous, change.action, marks, new, entry
        )

    # ---------------------------------------------------------------- for the application

    def preferences(self, plan: Plan) -> Preferences:
        """Return how the plan's files can be linked to each volume."""
        private = self.environment.destdir is not None and not self._entries.temporary
        return self._linking.preferences(plan, self.cache, private=private)

    def link_warnings(self, counts: Mapping[str, int], refusals: list[Refused]) -> tuple[Warn, ...]:
        """Return the one warning where the mode asked for could not be had."""
        return self._linking.warnings(counts, refusals, self.cache)

    def refresh(self, refused: Iterable[Refused]) -> None:
        """Renew the cache files that a link was refused to for having too many."""
        self._entries.renew(f"{one.source}/{one.name}" for one in refused)

    def unflushed(self) -> list[Entry]:
        """Return the entries whose files may not have reached the disk yet."""
        return [entry for entry in self._entries.used if not entry.flushed]

    def _note_intent(self, steps: list[Step]) -> None:
        cache = "" if self._entries.temporary else self.cache.path
        self._intent += asked_how(self.environment, self.options, cache)
        for step in steps:
            self._intent += step.asked()

    def intent(self) -> tuple[tuple[str, str], ...]:
        """Return how the transaction was asked for, for ``recover --finish``."""
        return tuple(self._intent)
