"""Finding a link mode for every file that comes out of the cache, and placing it.

Purpose: try the chain of link modes for each placement of a plan. Copies and clones are
written before the journal; links are made after it and the flush, which their changes
would make longer by as much as they take, and so are the folders that only links go to.

Calling sequence::

    placements = Placements(files, plan, preferences, folder)
    placements.write(meanwhile=...)  # copies and clones; links are noted
    ... journal, flush ...
    if not placements.link(): begin again: the modes that were refused are left out
    placements.abandon()             # at an error: nothing more is placed

Guarantees: a file that refuses one link mode gets the next of its chain; a volume that
refuses one is not asked again.

Errors: ``OSError`` for what no other link mode can mend (no space, I/O errors).
"""

from __future__ import annotations

from errno import EMLINK

from linkinstall.fs.named import VOLUME_REFUSALS
from linkinstall.linking import Refused
from linkinstall.outcome import FileCount
from linkinstall.policy import chain
from linkinstall.values import as_dict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from linkinstall.fs.placing import Placing
    from linkinstall.fs.port import FileSystem, Refusal
    from linkinstall.linking import Preferences
    from linkinstall.plan import Placement, Plan

    _Work = tuple[Placement, tuple[str, ...], tuple[str, ...]]
    """Names of a placement, and the link modes that are left for them."""

__all__ = ["Placements"]

_WRITING = ("copy", "clone")


class Placements:
    """See the module docstring.

    :param folder: from number of a group and folder below it to where it is staged
    :ivar counts: files by link mode, and ``written``, which the caller counts
    :ivar refusals: all so far, of abandoned rounds too
    """

    def __init__(
        self,
        files: FileSystem,
        plan: Plan,
        preferences: Preferences,
        folder: Callable[[int, str], str],
    ) -> None:
        self.files = files
        self.plan = plan
        self.preferences = preferences
        self.counts = dict.fromkeys(as_dict(FileCount()), 0)
        self.refusals: list[Refused] = []
        self._folder = folder
        self._states = {group.number: group.state for group in plan.groups}
        self._no_volume: set[tuple[int, str]] = set()
        self._no_file: dict[str, set[str]] = {}
        self._worked: set[tuple[int, str]] = set()
        self._links: list[_Work] = []
        self._placing: Placing | None = None
        self._chains: dict[tuple[int, int, bool], tuple[str, ...]] = {}

    # ---------------------------------------------------------------- copies and clones

    def write(self, meanwhile: Callable[[], None]) -> None:
        """Copy and clone; links are noted for later.

        :param meanwhile: done by this process while others may copy
        """
        self.counts.update(dict.fromkeys(self.counts, 0))
        self._links = []
        now, later = self._round(self._works())
        self._begin(now)
        meanwhile()
        while now:
            later += self._finish(now)
            now, later = self._round(later)
            self._begin(now)

    def _works(self) -> Iterator[_Work]:
        """Yield the names of each placement with the chain of link modes that holds for them."""
        for place in self.plan.placements:
            for names, modes in self._split(place):
                if not self._no_file:
                    yield place, names, modes
                    continue
                source = self.source(place)
                odd = [name for name in names if f"{source}/{name}" in self._no_file]
                for name in odd:
                    refused = self._no_file[f"{source}/{name}"]
                    left = tuple(mode for mode in modes if mode not in refused)
                    yield place, (name,), left or ("copy",)
                yield place, tuple(name for name in names if name not in odd), modes

    def _split(self, place: Placement) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
        state = self._states[place.group]
        plain, private = (self._chain(state, place.tree, binary=binary) for binary in (False, True))
        manifest = self.plan.trees[place.tree].manifest
        if plain == private or not manifest.binaries:
            yield place.names, plain
            return
        folder = manifest.folders[place.folder]
        binaries = tuple(
            name
            for name in place.names
            if f"{folder.scheme}/{folder.join(name)}" in manifest.binaries
        )
        yield tuple(name for name in place.names if name not in binaries), plain
        yield binaries, private

    def _chain(self, state: int, tree: int, *, binary: bool) -> tuple[str, ...]:
        key = (state, tree, binary)
        known = self._chains.get(key)
        if known is None:
            known = self._chains[key] = self._new_chain(state, tree, binary=binary)
        return known

    def _new_chain(self, state: int, tree: int, *, binary: bool) -> tuple[str, ...]:
        return chain(
            self.preferences.link_mode,
            self.preferences.between(state, tree),
            binary=binary,
            private_binaries=self.preferences.private_binaries,
        )

    def _round(self, works: Iterable[_Work]) -> tuple[list[_Work], list[_Work]]:
        """Note the links; return what is written now, and what waits for what comes of it.

        The first clone tells whether its volume takes clones at all.
        """
        now: list[_Work] = []
        later: list[_Work] = []
        tried: set[tuple[int, str]] = set()
        for place, names, modes in works:
            if not names:
                continue
            if not modes:
                raise self._last_error(names)
            state = self._states[place.group]
            usable = tuple(mode for mode in modes if (state, mode) not in self._no_volume)
            work = place, names, usable or ("copy",)
            first = state, work[2][0]
            if first[1] not in _WRITING:
                self._links.append(work)
            elif first in tried and first[1] == "clone" and first not in self._worked:
                later.append(work)
            else:
                tried.add(first)
                now.append(work)
        return now, later

    def _last_error(self, names: tuple[str, ...]) -> OSError:
        return next(one for one in reversed(self.refusals) if one.name in names).to_error()

    # ---------------------------------------------------------------- links

    def link(self) -> bool:
        """Make the links; return whether all could be made."""
        before = len(self.refusals)
        self._probe()
        self._begin(self._allowed())
        self._finish(self._links)
        return len(self.refusals) == before

    def _probe(self) -> None:
        """Make the first links, which tell whether the volume takes them at all."""
        first, self._links = self._links[:1], self._links[1:]
        self._begin(first)
        self._finish(first)

    def _allowed(self) -> list[_Work]:
        # What was refused a moment ago is copied in the next round.
        self._links = [
            work
            for work in self._links
            if (self._states[work[0].group], work[2][0]) not in self._no_volume
        ]
        return self._links

    # ---------------------------------------------------------------- placing

    def source(self, place: Placement) -> str:
        """Return the folder of the cache that a placement takes its files from."""
        tree = self.plan.trees[place.tree]
        return tree.files(tree.manifest.folders[place.folder])

    def _begin(self, works: Sequence[_Work]) -> None:
        folder = self._folder
        batches = [
            (
                modes[0],
                self.source(place),
                folder(place.group, place.sub),
                names,
                folder(place.group, ""),
            )
            for place, names, modes in works
        ]
        processes = self.preferences.processes
        self._placing = self.files.placing(batches, processes=processes) if works else None

    def _finish(self, works: Sequence[_Work]) -> list[_Work]:
        """Wait until works are placed; return what refused, with the modes that are left."""
        placing, left = self._placing, []
        answers = placing.finish() if placing is not None else []
        self._placing = None
        for (place, names, modes), refused in zip(works, answers, strict=True):
            self._note(modes[0], place, names, refused)
            if refused:
                left.append((place, tuple(name for name, _ in refused), modes[1:]))
        return left

    def abandon(self) -> None:
        """See to it that nothing more is placed."""
        if self._placing is not None:
            self._placing.abandon()
            self._placing = None

    def _note(
        self, mode: str, place: Placement, names: tuple[str, ...], refused: list[Refusal]
    ) -> None:
        """Count what was placed and note what refused."""
        state, source = self._states[place.group], self.source(place)
        self.counts[mode] += len(names) - len(refused)
        if len(refused) < len(names):
            self._worked.add((state, mode))
        for name, error in refused:
            path = str(error.filename or "")
            self._refuse(Refused(state, mode, source, name, error.errno or 0, path))

    def _refuse(self, one: Refused) -> None:
        self.refusals.append(one)
        # Once one file could be linked, a refusal is that of the file, whatever it says.
        if one.number in VOLUME_REFUSALS and (one.state, one.mode) not in self._worked:
            self._no_volume.add((one.state, one.mode))
        self._no_file.setdefault(f"{one.source}/{one.name}", set()).add(one.mode)

    def crowded(self) -> Iterator[Refused]:
        """Yield the cache files that have as many links as their volume allows."""
        return (one for one in self.refusals if one.number == EMLINK)

    def last_refusal(self) -> OSError:
        """Return the last refusal as an error, for when nothing helped."""
        return self.refusals[-1].to_error()
