"""What is asked of a transaction, noted until it is prepared.

Purpose: the options of a transaction and its wishes: wheel files, entries, what a
destination wants placed exactly so, and names to remove.

Guarantees: plain values; nothing is looked at.

Errors: none.
"""

from __future__ import annotations

from linkinstall.values import value
from linkinstall.wheel import canonicalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from linkinstall.cache import Entry
    from linkinstall.requests import Generated

__all__ = ["Exactly", "Options", "Wish", "Wishes"]


@value
class Options:
    """How a transaction is carried out; see there."""

    link_mode: str = "auto"
    copy_binaries: str = "auto"
    compile_levels: tuple[int, ...] = (0,)
    overwrite: bool = False
    reinstall: bool = False
    validate_record: str = "all"
    verify_cache: str = "stat"
    processes: bool = False


@value
class Exactly:
    """What a destination asks for besides an entry's files.

    :param generated: files to write, RECORD among them
    :param skipped: ``scheme/path`` of the entry's files that are left out
    :param levels: optimisation levels to compile at
    :param sources: ``scheme/path`` of the files that may be compiled
    :param overwrite: whether files in the way are replaced
    """

    generated: tuple[Generated, ...]
    skipped: frozenset[str] = frozenset()
    levels: tuple[int, ...] = ()
    sources: frozenset[str] = frozenset()
    overwrite: bool = False


@value
class Wish:
    """One wheel that is wanted: a file, or an entry that is there already."""

    path: str | None
    entry: Entry | None
    metadata: Mapping[str, bytes] | None = None
    requested: bool = True
    direct_url: str | None = None
    exactly: Exactly | None = None


class Wishes:
    """What comes in, in the order it was asked for, and what goes out."""

    def __init__(self) -> None:
        self.incoming: list[Wish] = []
        self.outgoing: list[str] = []

    def want(self, wish: Wish) -> None:
        """Note something to install."""
        self.incoming.append(wish)

    def want_removal(self, name: str) -> None:
        """Note a distribution to remove, by any spelling of its name."""
        canonical = canonicalize(name.strip())
        if canonical not in self.outgoing:
            self.outgoing.append(canonical)
