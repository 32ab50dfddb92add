"""What ``cache info`` tells: entries, bytes, what a prune would free, and who uses what.

Calling sequence: ``facts(cache)["unused_bytes"]``.

Guarantees: reads only; the keys are those of ``docs/reference/json.md``.

Errors: those of :func:`~linkinstall.upkeep.inventory.take_stock`.
"""

from __future__ import annotations

from linkinstall.upkeep.inventory import environments, take_stock, users_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from linkinstall.cache import Cache
    from linkinstall.upkeep.inventory import Stock

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
    idle = [one for one in stock.entries if one.idle]
    freed = sum(one.freed for one in (*idle, *(one for one in stock.orphans if one.idle)))
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
    users: dict[str, int] = {}
    known = list(environments(cache))
    for stored in stock.entries:
        for root in users_of(cache, stored, known):
            users[root] = users.get(root, 0) + 1
    return [{"root": root, "entries": users[root]} for root in sorted(users)]
