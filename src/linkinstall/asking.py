"""The first half of a transaction: what can be asked of it before it is prepared.

Purpose: the part of :class:`~linkinstall.transaction.Transaction` that only notes.

Guarantees: nothing is touched, and nothing can be added once it is prepared.

Errors: :class:`~linkinstall.errors.TransactionError` for a wish that comes too late,
:class:`~linkinstall.errors.UsageError` for one that means nothing.
"""

from __future__ import annotations

import os

from linkinstall.refusals import refuse_odd_metadata
from linkinstall.wishes import Wish, Wishes, current_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from linkinstall.cache import Cache, Entry
    from linkinstall.environment import Environment
    from linkinstall.fs.port import FileSystem
    from linkinstall.plan import Plan
    from linkinstall.wishes import Exactly
    from linkinstall.world import World

__all__ = ["NEW", "Asking"]

NEW = "new"


class Asking:
    """See the module docstring."""

    def __init__(self, environment: Environment, files: FileSystem) -> None:
        self.environment = environment
        self.files = files
        self._phase = NEW
        self._wishes = Wishes()
        self._on_commit: list[Callable[[], None]] = []
        self._on_end: list[Callable[[], None]] = []
        self._process = 0

    def __enter__(self) -> Self:
        """Begin the block; nothing is touched yet."""
        self._process = os.getpid()
        return self

    def _is_ours(self) -> bool:
        """Return whether this is the process that began the block, and not one forked in it."""
        return self._process in (0, os.getpid())

    def install(
        self,
        wheel: str | os.PathLike[str],
        *,
        metadata: Mapping[str, bytes] | None = None,
        requested: bool = True,
        direct_url: str | None = None,
    ) -> None:
        """Ask for a wheel file to be installed.

        :param metadata: files for its dist-info; INSTALLER is ``linkinstall`` by default
        :param requested: whether to write REQUESTED
        :param direct_url: None for the wheel's file URL, ``"none"`` for no
            ``direct_url.json``, else the URL it came from
        :raises UsageError: the metadata are no files of a dist-info
        """
        self._require_new()
        refuse_odd_metadata(metadata or {})
        path = os.fsdecode(wheel)
        folder = "" if os.path.isabs(path) else current_folder()
        wish = Wish(path, None, metadata, requested, direct_url, folder=folder)
        self._wishes.want(wish)

    def install_entry(
        self, entry: Entry, *, metadata: Mapping[str, bytes], mends: bool = False
    ) -> None:
        """Ask for a cache entry to be installed, as if its wheel were given."""
        self._require_new()
        self._wishes.want(Wish(None, entry, metadata, mends=mends))

    def install_exactly(self, entry: Entry, exactly: Exactly, schemes: Mapping[str, str]) -> None:
        """Ask for exactly these files: an entry's, and what a destination generated.

        Nothing that is installed is taken for an earlier version: what stands in the
        way is refused, or replaced where ``exactly.overwrite`` says so.

        :param schemes: the destination's folders
        :raises TransactionError: they are not those of the transaction
        """
        self._require_new()
        used = {one.scheme for one in exactly.generated}
        used |= {folder.scheme for folder in entry.manifest.folders}
        own = self.environment.scheme_for(entry.manifest.distribution)
        if any(self._real(own.get(name)) != self._real(schemes.get(name)) for name in used):
            from linkinstall.errors import TransactionError

            raise TransactionError(
                "The destination's folders are not those of the transaction it joins.",
                next_step="Give both the same environment.",
            )
        self._wishes.want(Wish(None, entry, exactly=exactly))

    def _real(self, path: str | None) -> str | None:
        return None if path is None else self.files.real_path(path)

    def uninstall(self, name: str) -> None:
        """Ask for a distribution to be removed, by any spelling of its name."""
        self._require_new()
        self._wishes.want_removal(name)

    def look(self, call: Callable[[World, Cache, Wishes], None]) -> None:
        """Have ``call`` say what is wanted once the environment is locked and settled."""
        self._require_new()
        self._wishes.later.append(call)

    def review(self, call: Callable[[Plan], None]) -> None:
        """Show ``call`` the whole plan before anything of it is done: it may raise instead."""
        self._require_new()
        self._wishes.reviews.append(call)

    def on_commit(self, call: Callable[[], None]) -> None:
        """Have ``call`` called once after the commit."""
        self._on_commit.append(call)

    def on_end(self, call: Callable[[], None]) -> None:
        """Have ``call`` called once when the transaction has ended, either way."""
        self._on_end.append(call)

    def _require_new(self) -> None:
        if self._phase != NEW:
            from linkinstall.errors import TransactionError

            raise TransactionError(
                "This transaction is prepared already, or has ended; nothing can be added to it.",
                next_step="Begin another one.",
            )
