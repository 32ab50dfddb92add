"""What ``cache info`` tells: entries, bytes, what a prune would free, and who uses what.

Calling sequence: ``facts(cache)["unused_bytes"]``.

Guarantees: reads only; the keys are those of ``docs/reference/json.md``.

Errors: those of :func:`~linkinstall.upkeep.inventory.take_stock`.
"""

from __future__ import annotations

from linkinstall.upkeep.inventory import environments, leads_into, take_stock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from linkinstall.cache import Cache
    from linkinstall.fs.port import FileSystem
    from linkinstall.registry import Registration
    from linkinstall.upkeep.inventory import Stock, Stored

__all__ = ["facts"]


def facts(cache: Cache) -> dict[str, Any]:
    """Return what ``cache info`` tells."""
    held = cache.hold() if cache.file_system.status(f"{cache.root}/lock") is not None else None
    try:
        stock = take_stock(cache)
        users = _users(cache, stock)
    finally:
        if held is not None:
            held.release()
    trees = [tree for one in stock.entries for tree in one.trees]
    idle = [one for one in stock.entries if not one.used]
    freed = sum(one.freed for one in (*idle, *stock.orphans) if not one.used)
    return {
        "path": cache.path,
        "entries": sum(not one.damaged for one in stock.entries),
        "files": sum(len(one.files) for one in trees),
        "bytes": sum(one.size for one in trees),
        "damaged": sum(one.damaged for one in stock.entries),
        "unused": len(idle),
        "unused_bytes": freed,
        "users": users,
        "tiers": list(cache.tiers),
    }


def _users(cache: Cache, stock: Stock) -> list[dict[str, Any]]:
    """Return the environments that are known to use entries, and how many.

    Whether one does is told by its METADATA alone: it is linked like any other file.
    """
    files = cache.file_system
    users: dict[str, set[str]] = {}
    for _, one in environments(cache):
        for stored in stock.entries if one is not None else ():
            if one is not None and _uses(files, one, stored):
                users.setdefault(one.root, set()).add(stored.id)
    for stored in stock.entries:
        for root in stored.dependents:
            users.setdefault(root, set()).add(stored.id)
    return [{"root": root, "entries": len(users[root])} for root in sorted(users)]


def _uses(files: FileSystem, one: Registration, stored: Stored) -> bool:
    manifest = stored.manifest
    if manifest is None:
        return False
    inner = f"{manifest.dist_info}/METADATA"
    path = one.path(manifest.distribution, manifest.root, inner)
    status = files.status(path) if path is not None else None
    ours = files.status(f"{stored.tree.folder}/files/{manifest.root}/{inner}")
    if path is None or status is None or ours is None:
        return False
    same = status.st_ino == ours.st_ino and status.st_dev == ours.st_dev
    return same or leads_into(files, path, stored.tree.folder)
