"""Preparing a transaction: from what is asked to a plan.

Purpose: bring wheels to entries, find what is installed, decide what each change
is, and hand requests and removals to the planner. Used by
:class:`~linkinstall.transaction.Transaction` alone.

Calling sequence: ``want_…`` for each wish, ``settle_cache`` once the environment is
locked, ``plan``.

Guarantees: the environment is only read. The cache is filled where a wheel is not in
it yet, unless the plan is for a dry run.

Errors: those of the cache, the planner and ``DistributionError``.
"""

from __future__ import annotations

import errno
import os

from linkinstall.cache import Cache, Entry
from linkinstall.distribution import (
    WHOLE,
    Distribution,
    find_distributions,
    leftovers,
    quick_health,
    read_installer,
)
from linkinstall.entry_check import inspect
from linkinstall.fs.probe import can_clone
from linkinstall.installed import is_same
from linkinstall.outcome import BytecodeCount, Change, Warn
from linkinstall.plan import PlanChange
from linkinstall.planner import Planner, Request
from linkinstall.policy import MODES, Capabilities, chain, copies_binaries
from linkinstall.removal import Removal
from linkinstall.requests import Wanted, direct_url, direct_url_of, make_request
from linkinstall.staging import Preferences
from linkinstall.values import value
from linkinstall.wheel import canonicalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from linkinstall.environment import Environment
    from linkinstall.fs.port import FileSystem
    from linkinstall.plan import Plan
    from linkinstall.planner import Generated
    from linkinstall.staging import Refused
    from linkinstall.world import World

__all__ = ["Preparation"]

_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT)


@value
class _Wish:
    """One wheel that is wanted: a file, or an entry that is there already.

    :param generated: exactly what is generated, where a destination says so
    """

    path: str | None
    entry: Entry | None
    metadata: Mapping[str, bytes] | None = None
    requested: bool = True
    direct_url: str | None = None
    generated: tuple[Generated, ...] | None = None
    skipped: frozenset[str] = frozenset()
    levels: tuple[int, ...] | None = None
    sources: frozenset[str] = frozenset()
    overwrite: bool = False


class Preparation:
    """See the module docstring. Parameters are those of the transaction."""

    def __init__(
        self,
        environment: Environment,
        cache: Cache,
        files: FileSystem,
        *,
        link_mode: str,
        copy_binaries: str,
        compile_levels: tuple[int, ...],
        overwrite: bool,
        reinstall: bool,
        validate_record: str,
        verify_cache: str,
    ) -> None:
        self.environment = environment
        self.cache = cache
        self.files = files
        self.link_mode = link_mode
        self.compile_levels = compile_levels
        self.overwrite = overwrite
        self.reinstall = reinstall
        self.validate_record = validate_record
        self.verify_cache = verify_cache
        self._private_binaries = copies_binaries(copy_binaries)
        chain(link_mode, Capabilities(), binary=False)  # refuses an unknown mode now
        self._wishes: list[_Wish] = []
        self._removals: list[str] = []
        self._temporary = cache.temporary
        self._entries: list[Entry] = []
        self.changes: tuple[Change, ...] = ()
        self.bytecode = BytecodeCount()
        self.warnings: list[Warn] = []
        self._intent: list[tuple[str, str]] = []

    # ---------------------------------------------------------------- wishes

    def want_wheel(
        self,
        path: str,
        *,
        metadata: Mapping[str, bytes] | None,
        requested: bool,
        direct_url: str | None,
    ) -> None:
        """Note a wheel file to install."""
        self._wishes.append(_Wish(path, None, metadata, requested, direct_url))

    def want_entry(self, entry: Entry, *, metadata: Mapping[str, bytes]) -> None:
        """Note an entry to install."""
        self._wishes.append(_Wish(None, entry, metadata))

    def want_generated(
        self,
        entry: Entry,
        *,
        generated: tuple[Generated, ...],
        skipped: frozenset[str],
        levels: tuple[int, ...],
        sources: frozenset[str],
        overwrite: bool,
    ) -> None:
        """Note an entry to place just so, with what a destination generated."""
        self._wishes.append(
            _Wish(
                None, entry, generated=generated, skipped=skipped, levels=levels,
                sources=sources, overwrite=overwrite,
            )
        )  # fmt: skip

    def want_removal(self, name: str) -> None:
        """Note a distribution to remove."""
        canonical = canonicalize(name.strip())
        if canonical not in self._removals:
            self._removals.append(canonical)

    # ---------------------------------------------------------------- the cache

    def settle_cache(self, home: str) -> None:
        """Give a stand-in cache its place: the state folder, on the target's volume."""
        self._home = home
        if self._temporary and any(wish.entry is None for wish in self._wishes):
            self._use_temporary()

    def _use_temporary(self) -> None:
        if self.link_mode == "symlink":
            from linkinstall.errors import UsageError

            raise UsageError(
                "Link mode symlink needs a cache that stays.",
                next_step="Leave out --no-cache, or take another --link-mode.",
            )
        self.cache = Cache(f"{self._home}/cache", files=self.files)
        self._temporary = True

    def _entry_of(self, wish: _Wish, *, dry: bool) -> tuple[Entry, str, str | None]:
        """Return entry, canonical name and hash of a wish, unpacking it if need be."""
        if wish.entry is not None:
            return wish.entry, canonicalize(wish.entry.manifest.distribution), None
        path = wish.path or ""
        if dry:
            from linkinstall.dry_run import foresee

            return foresee(self.cache, path, self.validate_record)
        try:
            added = self.cache.add(path, validate_record=self.validate_record)
        except OSError as error:
            if self._temporary or error.errno not in _UNWRITABLE or _is_ours(error):
                raise
            self._fall_back(error)
            added = self.cache.add(path, validate_record=self.validate_record)
        self.warnings += added.warnings
        return added.entry, added.name.name, added.hash

    def _fall_back(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        self.warnings.append(
            Warn(
                "cache-unwritable",
                f"the cache {self.cache.path} cannot be written ({reason}); "
                "going on as with --no-cache",
            )
        )
        self._use_temporary()

    def _checked(self, wish: _Wish, entry: Entry) -> Entry:
        """Return the entry, made anew where its files are not what they were."""
        found = inspect(self.files, entry, self.verify_cache)
        self._renew(found.crowded)
        if not found.damaged:
            return entry
        named = "; ".join(f"{path} {reason}" for path, reason in found.damaged[:5])
        more = f" and {len(found.damaged) - 5} more" if len(found.damaged) > 5 else ""
        if wish.path is None:
            from linkinstall.errors import CacheError

            raise CacheError(
                f"The cache entry of {entry.manifest.distribution} is damaged: {named}{more}.",
                next_step="Nothing was changed. Install from the wheel file to make it anew.",
            )
        added = self.cache.rebuild(wish.path, validate_record=self.validate_record, damaged=entry)
        self.warnings.append(
            Warn("cache-damaged", f"a cache entry was edited and has been made anew: {named}{more}")
        )
        return added.entry

    def _renew(self, paths: Iterable[str]) -> None:
        """Give cache files that take no further link a fresh inode."""
        for path in paths:
            from linkinstall.entry_writer import renew

            renew(self.cache, path)

    def refresh(self, refused: Iterable[Refused]) -> None:
        """Renew the cache files that a link was refused to for having too many."""
        self._renew(f"{one.source}/{one.name}" for one in refused)

    def unflushed(self) -> list[Entry]:
        """Return the entries whose files may not have reached the disk yet."""
        return [entry for entry in self._entries if not entry.flushed]

    # ---------------------------------------------------------------- the plan

    def plan(self, world: World, *, dry: bool = False) -> Plan:
        """Return the whole plan.

        :raises ConflictError: with everything that stands in the way
        :raises DistributionError: something that is to go cannot
        """
        self.changes, self.warnings, self._intent = (), [], []
        self.bytecode, self._entries = BytecodeCount(), []
        wanted = [(wish, *self._entry_of(wish, dry=dry)) for wish in self._wishes]
        self._refuse_twice([name for _, _, name, _ in wanted])
        present: dict[str, list[Distribution]] = {}
        for one in find_distributions(self.files, world.libraries, world.bases):
            present.setdefault(one.name, []).append(one)
        steps: list[tuple[Change, list[Distribution], Wanted | None]] = []
        coming = {name for _, _, name, _ in wanted}
        for name in self._removals:
            if name not in coming:
                steps.append(self._plan_removal(world, name, present.get(name, [])))
        for wish, entry, name, hash_ in wanted:
            olds = present.get(name, [])
            steps.append(self._plan_install(wish, entry, name, hash_, olds, dry=dry))
        self._refuse_unremovable(world, steps)
        self.changes = tuple(change for change, _, _ in steps)
        return self._make(world, present, [s for s in steps if s[0].action not in _IDLE])

    def _refuse_twice(self, names: list[str]) -> None:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            from linkinstall.errors import ConflictError, Problem

            raise ConflictError(
                f"Two wheels of one command are of the same project: {', '.join(twice)}.",
                problems=[
                    Problem("claimed-twice", name, name, f"{name} comes twice") for name in twice
                ],
                next_step="Nothing was changed. Give one wheel for each project.",
            )

    def _plan_removal(
        self, world: World, name: str, olds: list[Distribution]
    ) -> tuple[Change, list[Distribution], None]:
        if olds:
            return Change(name, olds[0].version, olds[0].version, "removed"), olds, None
        self.warnings.append(Warn("not-installed", f"{name} is not installed; skipped"))
        legacy = _legacy(world, name)
        if legacy:
            from linkinstall.errors import DistributionError, Problem

            raise DistributionError(
                f"{name} was installed by a tool that keeps no RECORD ({legacy}).",
                problems=[Problem("legacy", legacy, name, f"{legacy} lists no files")],
                next_step="Nothing was changed. Remove it with the tool that installed it.",
            )
        return Change(name, None, None, "skipped"), [], None

    def _plan_install(
        self,
        wish: _Wish,
        entry: Entry,
        name: str,
        hash_: str | None,
        olds: list[Distribution],
        *,
        dry: bool,
    ) -> tuple[Change, list[Distribution], Wanted | None]:
        if wish.generated is not None:
            return self._plan_generated(wish, entry, name)
        manifest = entry.manifest
        previous = olds[0].version if olds else None
        same = len(olds) == 1 and is_same(self.files, olds[0], entry, self.environment)
        if same and not self.reinstall:
            return Change(name, manifest.version, previous, "unchanged"), olds, None
        compiled: tuple[Entry, ...] = ()
        if not dry:
            entry = self._checked(wish, entry)
            compiled = self._compiled(entry, self.compile_levels)
            self._note_use(entry, compiled)
        for old in olds:
            self._report_damage(old)
        action = "installed"
        if olds:
            action = "reinstalled" if previous == manifest.version else "replaced"
        wanted = Wanted(
            name, entry, self._metadata(wish, hash_), compiled,
            list_compiled=self.environment.metadata,
        )  # fmt: skip
        return Change(name, manifest.version, previous, action), olds, wanted

    def _plan_generated(
        self, wish: _Wish, entry: Entry, name: str
    ) -> tuple[Change, list[Distribution], Wanted]:
        """Plan what a destination asks for: nothing that is there counts as an old version."""
        compiled = self._compiled(entry, wish.levels or ())
        self._note_use(entry, compiled)
        wanted = Wanted(
            name, entry, {}, compiled, generated=wish.generated,
            skipped=wish.skipped | _unlisted(compiled, wish.sources), overwrite=wish.overwrite,
        )  # fmt: skip
        return Change(name, entry.manifest.version, None, "installed"), [], wanted

    def _note_use(self, entry: Entry, compiled: tuple[Entry, ...]) -> None:
        self._entries += [entry, *compiled]
        if self.link_mode == "symlink":
            self.cache.remember_dependent(entry.manifest.id, self.environment.root)

    def _metadata(self, wish: _Wish, hash_: str | None) -> dict[str, bytes]:
        if wish.path is None or not self.environment.metadata:
            return dict(wish.metadata or {})
        metadata = {"INSTALLER": b"linkinstall\n"}
        if wish.requested:
            metadata["REQUESTED"] = b""
        if wish.direct_url is None:
            metadata["direct_url.json"] = direct_url(wish.path, hash_)
        elif wish.direct_url != "none":
            metadata["direct_url.json"] = direct_url_of(wish.direct_url, hash_)
        return {**metadata, **(wish.metadata or {})}

    def _compiled(self, entry: Entry, levels: tuple[int, ...]) -> tuple[Entry, ...]:
        environment = self.environment
        if not levels or not environment.compiler:
            return ()
        from linkinstall.bytecode import compiled_sets

        found = compiled_sets(
            self.cache, entry, compiler=environment.compiler, tag=environment.cache_tag,
            levels=levels,
            embedded=environment.runtime if environment.destdir else None,
        )  # fmt: skip
        done, more = self.bytecode, found.count
        self.bytecode = BytecodeCount(
            done.linked + more.linked, done.compiled + more.compiled, done.failed + more.failed
        )
        return found.entries

    def _report_damage(self, old: Distribution) -> None:
        names = {name for name, _ in self.files.scan(old.path)}
        missing = [name for name in ("METADATA", "RECORD") if name not in names]
        if missing:
            self.warnings.append(
                Warn(
                    "damaged-replaced",
                    f"{old.path} had no {' and no '.join(missing)}; its remains are replaced",
                )
            )

    def _refuse_unremovable(
        self, world: World, steps: list[tuple[Change, list[Distribution], Wanted | None]]
    ) -> None:
        from_removal = [old for change, olds, _ in steps if change.action == "removed"
                        for old in olds]  # fmt: skip
        lost = [old for old in from_removal if world.kind(f"{old.path}/RECORD") != "file"]
        if not lost:
            return
        from linkinstall.errors import DistributionError, Problem

        problems = []
        for old in lost:
            by = read_installer(self.files, old)
            reason = f"{old.path} has no RECORD" + (f" (installed by {by})" if by else "")
            problems.append(Problem("record-missing", f"{old.path}/RECORD", old.name, reason))
        raise DistributionError(
            f"Cannot tell which files belong to {', '.join(sorted({o.name for o in lost}))}: "
            "RECORD is missing.",
            problems=problems,
            next_step="Nothing was changed. Install a wheel of the project over it "
            "(that replaces the remains), then uninstall it.",
        )

    def _make(
        self,
        world: World,
        present: dict[str, list[Distribution]],
        steps: list[tuple[Change, list[Distribution], Wanted | None]],
    ) -> Plan:
        leaving = {old.path for _, olds, _ in steps for old in olds}
        standing = [one for ones in present.values() for one in ones if one.path not in leaving]
        removal = Removal(world, standing)
        changes = []
        for index, (change, olds, wanted) in enumerate(steps):
            for old in olds:
                removal.take(old, index)
            exact = wanted is not None and wanted.generated is not None
            for path in () if exact else self._remains(world, change.name, olds, wanted):
                removal.take_folder(path, index)
                self.warnings.append(
                    Warn("leftover-replaced", f"took away {path}, left behind by another tool")
                )
            standing_too = olds or (present.get(change.name, []) if wanted is not None else [])
            changes.append(self._change(world, removal, change, standing_too, wanted))
        planner = Planner(world, removal, overwrite=self.overwrite)
        for index, (change, olds, wanted) in enumerate(steps):
            if wanted is not None:
                damaged = bool
                if wanted.generated is None:
                    damaged = self._damage_test(world, change.name, olds, wanted)
                planner.install(
                    make_request(self.files, self.environment, wanted, index, damaged)
                )
        self._note_intent(steps)
        return planner.finish(changes)

    def _change(
        self,
        world: World,
        removal: Removal,
        change: Change,
        olds: list[Distribution],
        wanted: Wanted | None,
    ) -> PlanChange:
        new = entry = ""
        if wanted is not None:
            manifest = wanted.entry.manifest
            entry = manifest.id
            scheme = self.environment.scheme_for(manifest.distribution)[manifest.root]
            new = f"{world.real_folder(scheme)}/{manifest.dist_info}"
        return PlanChange(
            change.name, change.version, change.previous, change.action,
            tuple(removal.old_dist_info(old) for old in olds), new, entry,
        )  # fmt: skip

    def _remains(
        self, world: World, name: str, olds: list[Distribution], wanted: Wanted | None
    ) -> list[str]:
        """Return what a killed pip left of this project: its ``~`` folders."""
        found = []
        stems = {old.folder for old in olds}
        stems |= {old.folder.rpartition("-")[0] for old in olds}
        if wanted is not None:
            manifest = wanted.entry.manifest
            stems |= {manifest.dist_info, manifest.distribution}
            stems |= {folder.path.partition("/")[0] for folder in manifest.folders}
        stems |= {name, name.replace("-", "_")}
        tails = {stem[1:] for stem in stems if len(stem) > 1}
        for library in world.libraries:
            for entry in leftovers(self.files, library):
                tail = entry[1:]
                project = tail.rpartition("-")[0] if tail.endswith(".dist-info") else tail
                if tail in tails or project in tails:
                    found.append(f"{library}/{entry}")
        return found

    def _damage_test(
        self, world: World, name: str, olds: list[Distribution], wanted: Wanted
    ) -> Callable[[], bool]:
        """Return the test whether remains of this project lie about; asked when needed."""
        known: list[bool] = []

        def damaged() -> bool:
            if not known:
                known.append(
                    any(quick_health(self.files, old) != WHOLE for old in olds)
                    or bool(self._remains(world, name, olds, wanted))
                )
            return known[0]

        return damaged

    # ---------------------------------------------------------------- how to link

    def preferences(self, plan: Plan) -> Preferences:
        """Return how files of the plan's trees can be linked to each volume."""
        # A tree that is only foreseen (a dry run) has no folder yet.
        source = next((tree.source for tree in plan.trees if tree.source), self.cache.path)
        device = self._device(source)
        private = self.environment.destdir is not None and not self._temporary
        mask = self.files.umask() if plan.trees else 0
        capabilities = []
        for state in plan.states:
            same = device == self._device(state)
            wants_clone = self.link_mode in ("auto", "clone") or self._private_binaries
            clone = same and wants_clone and can_clone(
                f"{source}/manifest", self._standing(state)
            )
            hardlink = same and not (private and self.link_mode == "auto")
            capabilities.append(Capabilities(clone=clone, hardlink=hardlink))
        self._volumes_differ = any(not one.hardlink for one in capabilities) and not private
        return Preferences(
            self.link_mode,
            self._private_binaries,
            tuple(capabilities),
            frozenset(
                index for index, tree in enumerate(plan.trees) if tree.manifest.umask != mask
            ),
        )

    def _standing(self, path: str) -> str:
        while self.files.status(path) is None and path != os.path.dirname(path):
            path = os.path.dirname(path)
        return path

    def _device(self, path: str) -> int:
        status = self.files.status(self._standing(path))
        return status.st_dev if status is not None else 0

    def link_warnings(
        self, counts: Mapping[str, int], refusals: list[Refused]
    ) -> tuple[Warn, ...]:
        """Return the one warning where the mode asked for could not be had."""
        others = sum(counts.get(mode, 0) for mode in MODES if mode != self.link_mode)
        asked = self.link_mode not in ("auto", "copy")
        odd = bool(refusals) or counts.get(self.link_mode, 0) == 0
        if asked and others and (odd or self._volumes_differ) and not self._binaries_only(counts):
            how = ", ".join(f"{counts[mode]} {mode}" for mode in MODES if counts.get(mode))
            remedy = self._remedy() if self._volumes_differ else "the volume or a file refused it."
            message = f"link mode {self.link_mode} could not be had for every file ({how}): "
            return (Warn("link-mode", message + remedy),)
        if self.link_mode == "auto" and counts.get("copy") and self._volumes_differ:
            return (Warn("link-mode", f"every file had to be copied: {self._remedy()}"),)
        return ()

    def _binaries_only(self, counts: Mapping[str, int]) -> bool:
        return self._private_binaries and counts.get(self.link_mode, 0) > 0

    def _remedy(self) -> str:
        return (
            f"the cache {self.cache.path} lies on another volume. Set LINKINSTALL_CACHE_DIR "
            "to a folder on the environment's volume, or --link-mode copy to be told no more."
        )

    _volumes_differ = False
    _home = ""

    # ---------------------------------------------------------------- for recovery

    def _note_intent(
        self, steps: list[tuple[Change, list[Distribution], Wanted | None]]
    ) -> None:
        note = self._intent.append
        note(("cache", "" if self._temporary else self.cache.path))
        note(("link-mode", self.link_mode))
        note(("levels", " ".join(str(level) for level in self.compile_levels)))
        for change, _, wanted in steps:
            if wanted is None:
                note(("uninstall", change.name))
                continue
            note(("install", f"{change.name} {wanted.entry.manifest.id}"))
            for name, data in wanted.metadata.items():
                note(("metadata", f"{change.name} {name} {data.hex()}"))

    def intent(self) -> tuple[tuple[str, str], ...]:
        """Return how the transaction was asked for, for ``recover --finish``."""
        return tuple(self._intent)


_IDLE = ("unchanged", "skipped")


def _unlisted(compiled: tuple[Entry, ...], sources: frozenset[str]) -> frozenset[str]:
    """Return the compiled files whose sources are not among ``sources``."""
    left = set()
    for entry in compiled:
        for scheme, path, _, _ in entry.manifest.files():
            folder, _, name = path.rpartition("/")
            package = folder.removesuffix("__pycache__")
            source = name.removesuffix(f".{name.rsplit('.', 2)[-2]}.pyc")
            while source and f"{scheme}/{package}{source}.py" not in sources:
                source = source.rpartition(".")[0]
            if not source:
                left.add(f"{scheme}/{path}")
    return frozenset(left)


def _is_ours(error: OSError) -> bool:
    from linkinstall.errors import LinkInstallError

    return isinstance(error, LinkInstallError)


def _legacy(world: World, name: str) -> str:
    """Return the path of an egg-info or egg-link of the project, or ""."""
    for library in world.libraries:
        for entry in world.entries(library):
            stem, dot, suffix = entry.rpartition(".")
            project = stem.partition("-")[0]
            if dot and suffix in ("egg-info", "egg-link") and canonicalize(project) == name:
                return f"{library}/{entry}"
    return ""
