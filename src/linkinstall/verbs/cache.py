"""Fill a cache, verify it, and take out of it what nobody uses, or everything.

Calling sequence::

    outcome = add_wheels(Cache(), ["a.whl", "b.whl"])
    outcome = verify_cache(Cache(), full=True)
    outcome = prune_cache(Cache(), older_than=30 * 86_400)
    outcome = clean_cache(Cache())

Guarantees: those of :mod:`linkinstall.upkeep.verification` and
:mod:`linkinstall.upkeep.pruning`; here results become outcomes.

Errors: those of these modules.
"""

from __future__ import annotations

import os

from linkinstall.outcome import Kept, Outcome, Warn
from linkinstall.paths import normal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from linkinstall.cache import Added, Cache
    from linkinstall.fs.volumes import Volumes
    from linkinstall.outcome import Finding
    from linkinstall.upkeep.pruning import Pruned

__all__ = ["add_wheels", "clean_cache", "prune_cache", "verify_cache"]


def add_wheels(
    cache: Cache,
    wheels: Sequence[str],
    *,
    sync: str = "normal",
    lock_timeout: float | None = None,
    notify: Callable[[str], None] | None = None,
    progress: Callable[[str, int, int, float], None] | None = None,
) -> Outcome:
    """Unpack and verify wheels that the cache does not have, and bring them to the disk.

    :param sync: off, normal or full; but for off, what is said to be there has reached the disk
    :param notify: called with a sentence for each wheel, and when something takes its time
    :param progress: called with file name, number, how many, and what part of it is unpacked
    :raises InvalidWheelError: one of them is refused; those before it are there
    :raises CacheError: others can write to the cache
    :raises OSError: the cache cannot be written, or the disk has refused something
    """
    from linkinstall.filling import progress_of
    from linkinstall.fs.volumes import Volumes
    from linkinstall.trust import refuse_distrusted

    refuse_distrusted(cache)
    cache.sweep()  # a run that finds every wheel there would leave what a killed one left
    volumes = Volumes(cache.file_system, sync)
    volumes.hold(cache.root)
    try:
        added = []
        for number, wheel in enumerate(wheels, 1):
            part = progress_of(progress, wheel, number, len(wheels))
            one = cache.add(wheel, timeout=lock_timeout, notify=notify, progress=part)
            added.append(one)
            if notify is not None:
                what, manifest = "added" if one.unpacked else "unchanged", one.entry.manifest
                distribution = f"{manifest.distribution} {manifest.version}"
                notify(f"{what} {distribution} ({manifest.count} files)")
        if volumes.wanted and not all(one.entry.flushed for one in added):
            held = cache.hold(timeout=lock_timeout, notify=notify)
            try:
                _flush(cache, volumes, added)
            finally:
                if held is not None:
                    held.release()
    finally:
        volumes.close()
    facts = [
        {
            "wheel": normal(os.path.abspath(path)),
            "id": one.entry.manifest.id,
            "unpacked": one.unpacked,
        }
        for path, one in zip(wheels, added, strict=True)
    ]
    return Outcome(
        "cache add",
        cache={"path": cache.path, "added": facts},
        warnings=tuple(warning for one in added for warning in one.warnings),
    )


def _flush(cache: Cache, volumes: Volumes, added: Iterable[Added]) -> None:
    from linkinstall.flushing import flush

    entries = [one.entry for one in added if not one.entry.flushed]
    # What somebody has cleaned away since it was added is no error of the disk.
    unflushed = [one for one in entries if cache.file_system.status(one.folder) is not None]
    try:
        flush(cache.file_system, cache, volumes, (), unflushed)
    finally:
        if volumes.lost:
            from linkinstall.upkeep.quarantine import give_up_unflushed

            give_up_unflushed(cache)


def verify_cache(
    cache: Cache,
    wheels: Iterable[str] = (),
    *,
    full: bool = False,
    repair: bool = False,
    lock_timeout: float | None = None,
    notify: Callable[[str], None] | None = None,
) -> Outcome:
    """Compare every entry with what was unpacked.

    :param wheels: wheel files that damaged entries are made anew from
    :param full: by hash, not only by size, time and mode
    :param repair: make what is damaged anew, or quarantine it
    """
    from linkinstall.upkeep.verification import verify

    verified = verify(
        cache, full=full, repair=repair, wheels=wheels, timeout=lock_timeout, notify=notify
    )
    told = [
        Warn("cache-mended", f"mended {one.path}, which {_words(one)}") for one in verified.mended
    ]
    told += [
        Warn("cache-quarantined", f"{folder} will not be linked any more: no wheel to mend it from")
        for folder in verified.quarantined
    ]
    facts = {
        "path": cache.path,
        "verified": verified.entries,
        "mended": [one.path for one in verified.mended],
        "quarantined": list(verified.quarantined),
    }
    return Outcome(
        "cache verify",
        exit=1 if verified.findings else 0,
        findings=verified.findings,
        warnings=tuple(told),
        cache=facts,
    )


def prune_cache(
    cache: Cache,
    *,
    older_than: float | None = None,
    max_size: int | None = None,
    dry_run: bool = False,
    lock_timeout: float | None = None,
    notify: Callable[[str], None] | None = None,
) -> Outcome:
    """Remove entries that nobody uses.

    :param older_than: seconds: only those that were not used for so long
    :param max_size: bytes: only as many as have to go, the longest unused first
    :param dry_run: only tell what would go
    """
    from linkinstall.upkeep.pruning import Pruning

    pruning = Pruning(cache, dry_run=dry_run, timeout=lock_timeout, notify=notify)
    pruned = pruning.prune(older_than, max_size)
    warnings = []
    if pruned.over:
        message = f"what is used takes {pruned.over} bytes more than --max-size allows; it stays"
        warnings.append(Warn("cache-size", message))
    return _outcome("cache prune", cache, pruned, warnings, dry_run=dry_run)


def clean_cache(
    cache: Cache,
    *,
    force: bool = False,
    dry_run: bool = False,
    lock_timeout: float | None = None,
    notify: Callable[[str], None] | None = None,
) -> Outcome:
    """Remove everything.

    :param force: also where environments hold symbolic links into the cache
    :param dry_run: only tell what would go
    :raises CacheError: some do, and it is not forced
    """
    from linkinstall.upkeep.pruning import Pruning

    pruning = Pruning(cache, dry_run=dry_run, timeout=lock_timeout, notify=notify)
    pruned = pruning.clean(force=force)
    return _outcome("cache clean", cache, pruned, [], dry_run=dry_run)


def _outcome(
    command: str, cache: Cache, pruned: Pruned, warnings: list[Warn], *, dry_run: bool
) -> Outcome:
    facts = {
        "path": cache.path,
        "dry_run": dry_run,
        "removed": list(pruned.removed),
        "freed": pruned.freed,
        "kept": [one for one in pruned.kept if "id" in one],
        "bytes": pruned.left,
    }
    if pruned.waiting:
        message = f"{pruned.waiting[0]} could not be removed; it is left to the next run"
        warnings = [*warnings, Warn("cache-left", message)]
    foreign = [Kept(one["path"], "not linkinstall's") for one in pruned.kept if "path" in one]
    return Outcome(
        command,
        status="done" if pruned.removed or pruned.freed else "unchanged",
        kept=tuple(foreign),
        warnings=tuple(warnings),
        cache=facts,
    )


def _words(finding: Finding) -> str:
    actual = finding.actual or ""
    return "was a leftover" if finding.code == "foreign-leftover" else actual
