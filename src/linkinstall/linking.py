"""How a plan's files can be linked, and what is said where it is not as asked.

Purpose: from the user's choice and the volumes at hand to preferences for staging, and
what it has to say of the links that were refused.

Guarantees: looks only; a probe leaves no name behind.

Errors: :class:`~linkinstall.errors.UsageError` for an unknown link mode.
"""

from __future__ import annotations

import os

from linkinstall.fs.probe import can_clone
from linkinstall.outcome import Warn
from linkinstall.policy import MODES, Capabilities, chain, copies_binaries
from linkinstall.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from linkinstall.cache import Cache
    from linkinstall.fs.port import FileSystem
    from linkinstall.plan import Plan

__all__ = ["Linking", "Preferences", "Refused"]


@value
class Preferences:
    """How files are to be linked.

    :param link_mode: auto or one of the link modes
    :param private_binaries: whether binaries are never hard-linked
    :param capabilities: what linking from the cache to each state's volume can do
    :param private_trees: trees that were unpacked under another umask: a hard link
        would bring their modes along
    :param processes: whether this process may be forked to link on several processors
    :param far: states and trees that lie on different volumes: nothing can be linked
    """

    link_mode: str
    private_binaries: bool
    capabilities: tuple[Capabilities, ...]
    private_trees: frozenset[int] = frozenset()
    processes: bool = False
    far: frozenset[tuple[int, int]] = frozenset()

    def between(self, state: int, tree: int) -> Capabilities:
        """Return what can be made of a tree's files on the volume of a state folder."""
        capabilities = self.capabilities[state]
        if (state, tree) in self.far:
            return replace(capabilities, clone=False, hardlink=False)
        if tree in self.private_trees:
            return replace(capabilities, hardlink=False)
        return capabilities


@value
class Refused:
    """A link that was refused: where, which mode, and the operating system's reason.

    :param path: the path that the reason was about, where that is known
    """

    state: int
    mode: str
    source: str
    name: str
    number: int
    path: str = ""

    def to_error(self) -> OSError:
        """Return the reason as an error that names its path."""
        path = self.path or f"{self.source}/{self.name}"
        return OSError(self.number, os.strerror(self.number), path)


class Linking:
    """See the module docstring."""

    def __init__(
        self, files: FileSystem, link_mode: str, copy_binaries: str, *, processes: bool = False
    ) -> None:
        self.files = files
        self.link_mode = link_mode
        self.private_binaries = copies_binaries(copy_binaries)
        self.processes = processes
        self._apart, self._foreign = "", False
        chain(link_mode, Capabilities(), binary=False)  # refuses an unknown mode now

    def preferences(self, plan: Plan, cache: Cache, *, private: bool) -> Preferences:
        """Return how files of the plan's trees can be linked to each volume.

        :param private: nothing may share an inode with the cache unless asked for
            (``--destdir``: packaging tools strip and chmod in place)
        """
        # A tree that is only foreseen (a dry run) has no folder yet. One of a tier may lie on
        # another volume than those of the cache; the entries beside it lie there, too.
        sources = [tree.source or cache.path for tree in plan.trees] or [cache.path]
        beside = {os.path.dirname(one): one for one in sources}
        volumes = {folder: self._device(one) for folder, one in beside.items()}
        devices = [volumes[os.path.dirname(one)] for one in sources]
        capabilities, far = [], []
        for number, state in enumerate(plan.states):
            there = self._device(state)
            far += [(number, i) for i, device in enumerate(devices) if device != there]
            same = there in devices
            source = sources[devices.index(there)] if same else cache.path
            wanted = self.link_mode in ("auto", "clone") or self.private_binaries
            clone = same and wanted and can_clone(f"{source}/manifest", self._standing(state))
            # On the way down from clones, too: nobody has asked for those.
            hardlink = same and not (private and self.link_mode != "hardlink")
            capabilities.append(Capabilities(clone=clone, hardlink=hardlink))
        self._apart = sources[far[0][1]] if far else ""
        mask = self.files.umask()
        trees = enumerate(plan.trees)
        foreign = frozenset(i for i, tree in trees if tree.manifest.umask != mask)
        self._foreign = bool(foreign)
        return Preferences(
            self.link_mode,
            self.private_binaries,
            tuple(capabilities),
            foreign,
            self.processes,
            frozenset(far),
        )

    def _standing(self, path: str) -> str:
        while self.files.status(path) is None and path != os.path.dirname(path):
            path = os.path.dirname(path)
        return path

    def _device(self, path: str) -> int:
        status = self.files.status(self._standing(path))
        return status.st_dev if status is not None else 0

    def warnings(
        self, counts: Mapping[str, int], refusals: list[Refused], cache: Cache
    ) -> tuple[Warn, ...]:
        """Return the one warning where the mode asked for could not be had."""
        others = {mode: counts.get(mode, 0) for mode in MODES if mode != self.link_mode}
        if self.link_mode == "auto":
            if counts.get("copy") and self._apart:
                linked = any(number for mode, number in others.items() if mode != "copy")
                what = "what lies on another volume" if linked else "every file"
                message = f"{what} had to be copied: {_remedy(cache, self._apart)}"
                return (Warn("link-mode", message),)
            return ()
        if self.private_binaries and counts.get(self.link_mode):
            others["copy"] = others["clone"] = 0  # binaries, as they should
        refused = bool(refusals) or not counts.get(self.link_mode) or self._apart
        masked = self._foreign and self.link_mode == "hardlink" and not refusals
        if not any(others.values()) or not (refused or masked):
            return ()
        how = ", ".join(f"{counts[mode]} {mode}" for mode in MODES if counts.get(mode))
        reason = "the volume or a file refused it"
        if self._apart:
            reason = _remedy(cache, self._apart)
        elif masked:
            reason = "the cache has them from a run with another umask, and links share their modes"
        message = f"link mode {self.link_mode} could not be had for every file ({how}): {reason}"
        return (Warn("link-mode", message),)


def _remedy(cache: Cache, source: str) -> str:
    if not f"{source}/".startswith(f"{cache.path}/"):
        return (
            f"{source}, in a tier, lies on another volume. Set --link-mode copy to be told no more"
        )
    return (
        f"the cache {cache.path} lies on another volume. Set LINKINSTALL_CACHE_DIR "
        "to a folder on the environment's volume, or --link-mode copy to be told no more"
    )
