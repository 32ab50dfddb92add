"""The first half of a transaction: what can be asked of it before it is prepared.

Purpose: the part of :class:`~linkinstall.transaction.Transaction` that only notes.

Guarantees: nothing is touched, and nothing can be added once it is prepared.

Errors: :class:`~linkinstall.errors.TransactionError` for a wish that comes too late,
:class:`~linkinstall.errors.UsageError` for one that means nothing.
"""

from __future__ import annotations

import os

from linkinstall.wishes import Wish, Wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linkinstall.cache import Cache, Entry
    from linkinstall.environment import Environment
    from linkinstall.fs.port import FileSystem
    from linkinstall.wishes import Exactly
    from linkinstall.world import World

__all__ = ["NEW", "Asking", "refuse_odd_options", "refuse_one_text"]

NEW = "new"
_CHOICES = {
    "sync": ("off", "normal", "full"),
    "validate_record": ("all", "entries", "none"),
    "verify_cache": ("off", "stat", "full"),
}
_LEVELS = (-1, 0, 1, 2)


def refuse_odd_options(levels: tuple[int, ...], **chosen: str) -> None:
    """Refuse levels of compiled files and values of options that there are not.

    :raises UsageError: it is none of those that there are
    """
    odd = [
        f"unknown {name} {text!r}: one of {', '.join(_CHOICES[name])}"
        for name, text in chosen.items()
        if text not in _CHOICES[name]
    ]
    odd += [f"no compile level: {one!r}" for one in levels if one not in _LEVELS]
    if odd:
        from linkinstall.errors import UsageError

        raise UsageError("; ".join(odd))


def refuse_one_text(given: object, what: str) -> None:
    """Refuse one text in the place of several, which would be taken letter by letter.

    :raises UsageError: it is a text or a path
    """
    if isinstance(given, (str, bytes, os.PathLike)):
        from linkinstall.errors import UsageError

        raise UsageError(
            f"{what} is one text, and not a list of them: {given!r}.",
            next_step="Nothing was changed. Give a list, if it holds one only.",
        )


def _refuse_odd_metadata(metadata: Mapping[str, object]) -> None:
    for name, data in metadata.items():
        parts = name.split("/")
        if {"", ".", ".."} & {*parts} or any(mark in name for mark in "\\:\0"):
            reason = "names no file of a dist-info"
        elif not isinstance(data, bytes):
            reason = f"has {type(data).__name__} for its contents, not bytes"
        else:
            continue
        from linkinstall.errors import UsageError

        raise UsageError(f"The metadata {name!r} {reason}.", next_step="Nothing was changed.")


class Asking:
    """See the module docstring."""

    def __init__(self, environment: Environment, files: FileSystem) -> None:
        self.environment = environment
        self.files = files
        self._phase = NEW
        self._wishes = Wishes()
        self._on_commit: list[Callable[[], None]] = []
        self._on_end: list[Callable[[], None]] = []

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
        _refuse_odd_metadata(metadata or {})
        wish = Wish(os.fspath(wheel), None, metadata, requested, direct_url)
        self._wishes.want(wish)

    def install_entry(self, entry: Entry, *, metadata: Mapping[str, bytes]) -> None:
        """Ask for a cache entry to be installed, as if its wheel were given."""
        self._require_new()
        self._wishes.want(Wish(None, entry, metadata))

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
