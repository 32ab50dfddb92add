"""What is asked of a transaction, noted until it is prepared.

Purpose: the options of a transaction and its wishes: wheel files, entries, what a
destination wants placed exactly so, names to remove, what depends on the state the
environment is in once it is locked and settled, and who looks at the plan before it is
carried out; and what each of them comes to, a step.

Guarantees: plain values; nothing is looked at before :meth:`Wishes.look`, save where a
relative path begins.

Errors: none.
"""

from __future__ import annotations

import os

from linkinstall.outcome import Change
from linkinstall.values import replace, value
from linkinstall.wheel import canonicalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from linkinstall.cache import Cache, Entry
    from linkinstall.distribution import Distribution
    from linkinstall.environment import Environment
    from linkinstall.plan import Plan
    from linkinstall.record import Row
    from linkinstall.requests import Generated, Wanted
    from linkinstall.world import World

__all__ = ["Exactly", "Options", "Parting", "Step", "Wish", "Wishes", "asked_how", "current_folder"]


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
    sync: str = "normal"


def asked_how(environment: Environment, options: Options, cache: str) -> Iterator[tuple[str, str]]:
    """Yield what ``recover --finish`` has to know to do the same again: key and value.

    :param cache: path of the cache; "" for one that goes with the run
    """
    yield "cache", cache
    yield "link-mode", options.link_mode
    yield "copy-binaries", options.copy_binaries
    yield "levels", " ".join(str(level) for level in options.compile_levels)
    if options.overwrite:
        yield "overwrite", ""
    python = environment.python or ""
    if not python.startswith(f"{environment.root}/"):  # its own is known, also once it has moved
        yield "interpreter", f"{environment.script_kind} {environment.verbatim:d} {python}"


@value
class Exactly:
    """What a destination asks for besides an entry's files.

    :param generated: files to write, RECORD among them
    :param skipped: ``scheme/path`` of the entry's files that are left out
    :param levels: optimisation levels to compile at
    :param sources: ``scheme/path`` of the files that may be compiled
    :param overwrite: whether files in the way are replaced
    :param written: whether the entry was written just now, by whoever asks
    :param wheel: the wheel file that the entry can be made anew from, where there is one
    """

    generated: tuple[Generated, ...]
    skipped: frozenset[str] = frozenset()
    levels: tuple[int, ...] = ()
    sources: frozenset[str] = frozenset()
    overwrite: bool = False
    written: bool = False
    wheel: str | None = None


@value
class Wish:
    """One wheel that is wanted: a file, or an entry that is there already.

    :param mends: it is to replace the same one, whatever that looks like
    :param folder: the current folder when it was asked for, where ``path`` is relative
    """

    path: str | None
    entry: Entry | None
    metadata: Mapping[str, bytes] | None = None
    requested: bool = True
    direct_url: str | None = None
    exactly: Exactly | None = None
    mends: bool = False
    folder: str = ""


@value
class Parting:
    """One dist-info that goes by itself, whatever else its project has.

    :param rows: the files that are proven to be its own; None: what its RECORD says
    """

    distribution: Distribution
    rows: tuple[Row, ...] | None = None


class Wishes:
    """What comes in, in the order it was asked for, and what goes out.

    ``removed_after`` says how many came in before the last request to remove a project.
    """

    def __init__(self) -> None:
        self.incoming: list[Wish] = []
        self.outgoing: list[str] = []
        self.removed_after: dict[str, int] = {}
        self.partings: list[Parting] = []
        self.leftovers: list[str] = []
        self.idle: list[Change] = []
        self.later: list[Callable[[World, Cache, Wishes], None]] = []
        self.reviews: list[Callable[[Plan], None]] = []

    @property
    def may_bring(self) -> bool:
        """Whether anything comes in, or may yet, so that the cache has a part in it."""
        return bool(self.later or self.incoming)

    @property
    def may_write(self) -> bool:
        """Whether anything may have to be unpacked or compiled into the cache.

        So may what a destination asks for, whose own cache may have gone by now.
        """
        return bool(self.later) or any(one.entry is None or one.exactly for one in self.incoming)

    def look(self, world: World, cache: Cache) -> None:
        """Let what depends on the environment's state say now what it wants.

        Wheels are named as they were, unless the caller has gone to another folder since.
        """
        if any(one.folder for one in self.incoming):
            now = current_folder()
            self.incoming = [_from_there(one, now) for one in self.incoming]
        later, self.later = self.later, []
        for call in later:
            call(world, cache, self)

    def want(self, wish: Wish) -> None:
        """Note something to install."""
        self.incoming.append(wish)

    def want_removal(self, name: str) -> None:
        """Note a distribution to remove, by any spelling of its name."""
        canonical = canonicalize(name.strip())
        if canonical not in self.outgoing:
            self.outgoing.append(canonical)
        self.removed_after[canonical] = len(self.incoming)


@value
class Step:
    """One change: what it is, what goes for it, what comes.

    :param part: one dist-info that goes alone, with what it owns
    :param leftovers: what belongs to no project, and goes
    """

    change: Change
    olds: tuple[Distribution, ...] = ()
    wanted: Wanted | None = None
    part: Parting | None = None
    leftovers: tuple[str, ...] = ()

    @property
    def repairs(self) -> bool:
        """Whether it leaves in dist-infos what somebody has put there."""
        return self.part is not None or (self.wanted is not None and self.wanted.mends)

    @classmethod
    def parting(cls, part: Parting) -> Step:
        """Return the step of one dist-info that goes alone."""
        one = part.distribution
        return cls(Change(one.name, one.version, one.version, "removed"), (one,), part=part)

    def asked(self) -> Iterator[tuple[str, str]]:
        """Yield how it was asked for, for ``recover --finish``: key and value."""
        name, wanted = self.change.name, self.wanted
        if wanted is None or wanted.generated is not None:
            # A destination generated what it asked for, and is gone: that cannot be repeated.
            alone = self.part is not None or self.leftovers or wanted is not None
            yield ("part", name) if alone else ("uninstall", name)
            return
        yield "install", f"{name} {wanted.entry.manifest.id}"
        if wanted.mends:
            yield "mends", name
        for file, data in wanted.metadata.items():
            yield "metadata", f"{name} {file} {data.hex()}"


def current_folder() -> str:
    """Return the current folder; "" where it has been deleted, which is told later."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def _from_there(wish: Wish, now: str) -> Wish:
    if wish.folder in ("", now):
        return wish
    return replace(wish, path=os.path.join(wish.folder, wish.path or ""), folder="")
