"""Where an installed distribution can be had from again: told by what is left of it.

Purpose: find the cache entry, or the wheel file, that a damaged distribution was made
from.

Calling sequence::

    evidence = Evidence(world, cache)
    source = evidence.source(examined)      # something to install from, or the reason why not
    entry = evidence.manifest(examined)     # what is known of its files, sound or not

Guarantees: reads only. Of wheels with the right name and version one is taken only if
nothing speaks against it. Where RECORD stands, that is every row of it, unless the file
itself bears the wheel out; where it is gone, WHEEL and METADATA, and more of the files
that are left than not; beside another dist-info of the project not by files alone, which may
be that one's. ``direct_url.json`` names a wheel file by its digest; what it calls editable
has a source only where every row of a whole RECORD agrees. An entry is handed out to
install from only after every file of it was read.

Errors: ``OSError`` where something cannot be read.
"""

from __future__ import annotations

import os

from linkinstall.distribution import is_cut, library_path
from linkinstall.entry_check import inspect
from linkinstall.health import digest_at
from linkinstall.origin import archive_of, editable_place
from linkinstall.record import is_compiled
from linkinstall.requests import prefix_of
from linkinstall.twins import proves_nothing
from linkinstall.values import value
from linkinstall.wheel import canonicalize, same_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from linkinstall.cache import Cache, Entry
    from linkinstall.distribution import Distribution
    from linkinstall.health import Examined
    from linkinstall.manifest import Manifest
    from linkinstall.world import World

__all__ = ["Evidence", "Source", "claims_of", "prefix_in"]

_EMPTY = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
"""The digest of nothing."""


@value
class Source:
    """What a distribution can be installed from again.

    :param entry: a cache entry, every file of it sound
    :param wheel: the path of a wheel file
    :param reason: why there is neither
    """

    entry: Entry | None = None
    wheel: str = ""
    reason: str = ""

    @property
    def usable(self) -> bool:
        """Whether there is something to install from."""
        return self.entry is not None or bool(self.wheel)


@value
class _Verdict:
    """How much of what is left speaks for a wheel, and how much against it."""

    entry: Entry
    agree: int
    differ: int


class Evidence:
    """See the module docstring."""

    def __init__(self, world: World, cache: Cache) -> None:
        self.world = world
        self.files = world.files
        self.cache = cache
        self._digests: dict[str, str | None] = {}
        self._unread: dict[str, str] = {}

    # ---------------------------------------------------------------- what is asked

    def source(self, examined: Examined) -> Source:
        """Return what the distribution can be installed from."""
        one = examined.distribution
        wheel, digest = self._direct_url(examined)
        entries = self._candidates(examined, digest)
        if len(entries) > 1:
            return Source(
                wheel=wheel,
                reason=f"the cache has several wheels of {one.name} {one.version}, "
                "and nothing that is left tells which it was",
            )
        damaged = False
        for entry in entries:
            for copy in self._copies(entry):
                if not inspect(self.files, copy, "full").damaged:
                    return Source(copy, wheel)
                damaged = True
        reason = f"the cache has no wheel of {one.name} {one.version} that matches what is left"
        if damaged:
            reason = f"the files of {one.name} {one.version} in the cache are damaged, too"
        if place := editable_place(self.files, one):
            reason += f"; {one.name} {one.version} is an editable install of {place}: "
            reason += "install it anew from there"
        # What the system refused to read may be what would have told.
        reason += "".join(f"; {path}: {refusal}" for path, refusal in self._unread.items())
        return Source(wheel=wheel, reason=reason)

    def manifest(self, examined: Examined) -> Entry | None:
        """Return the one entry that tells which files the distribution had."""
        wheel, digest = self._direct_url(examined)
        entries = self._candidates(examined, digest)
        if len(entries) == 1:
            return entries[0]
        return self.foreseen(wheel)

    def foreseen(self, wheel: str) -> Entry | None:
        """Return the entry that a wheel file has or would get; None where it is no sound one."""
        from linkinstall.dry_run import foresee
        from linkinstall.errors import LinkInstallError

        if not wheel:
            return None
        try:
            return foresee(self.cache, wheel, "all")[0]
        except (OSError, LinkInstallError):
            return None

    # ---------------------------------------------------------------- direct_url.json

    def _direct_url(self, examined: Examined) -> tuple[str, str]:
        """Return the wheel file that it was installed from, if it is still that; its digest."""
        one = examined.distribution
        if editable_place(self.files, one):
            return "", ""
        path, digest = archive_of(self.files, one)
        return (path if path and self._is_still(examined, path, digest) else ""), digest

    def _is_still(self, examined: Examined, path: str, digest: str) -> bool:
        """Return whether a wheel file is the one that was installed, as far as can be told."""
        from linkinstall.wheel import parse_filename

        one = examined.distribution
        try:
            name = parse_filename(os.path.basename(path))
            if name.name != one.name or not same_version(name.version, one.version):
                return False
            if not digest:
                entry = self.foreseen(path)
                return entry is not None and self._judge(examined, entry) is not None
            import hashlib

            with self.files.open_read(path) as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest() == digest
        except (OSError, ValueError):
            return False

    # ---------------------------------------------------------------- the cache

    def _candidates(self, examined: Examined, digest: str) -> list[Entry]:
        """Return the entries that fit best: one, none, or several that fit alike."""
        one = examined.distribution
        told = examined.rows is not None and not is_cut(one, examined.rows)
        if not told and editable_place(self.files, one):
            return []  # a regular wheel has its METADATA and WHEEL, too
        known = self._by_digest(digest)
        if known is not None:
            return [known]
        judged = [
            verdict
            for entry in self._named(one)
            if (verdict := self._judge(examined, entry)) is not None
        ]
        if not judged:
            return []
        best = max(verdict.agree - verdict.differ for verdict in judged)
        return [one.entry for one in judged if one.agree - one.differ == best]

    def _by_digest(self, digest: str) -> Entry | None:
        """Return the entry that a wheel file with this digest was unpacked to."""
        for path in self._listed("aliases") if digest else ():
            try:
                entry_id, known, _ = self.files.read(path).decode("ascii").split("\n")
            except (OSError, ValueError):
                continue
            if known == digest:
                return self.cache.open(entry_id)
        return None

    def _listed(self, part: str) -> Iterator[str]:
        """Yield the paths in a folder of the cache and of its tiers."""
        for root in self.cache.roots:
            if self.files.status(f"{root}/{part}") is not None:
                yield from (
                    f"{root}/{part}/{name}" for name, _ in self.files.scan(f"{root}/{part}")
                )

    def _copies(self, entry: Entry) -> Iterator[Entry]:
        """Yield an entry as the cache has it, and as its tiers do."""
        for root in self.cache.roots:
            found = self.cache.open_folder(f"{root}/entries/{entry.manifest.id}")
            if found is not None:
                yield found

    def _named(self, one: Distribution) -> Iterator[Entry]:
        for name in dict.fromkeys(os.path.basename(path) for path in self._listed("entries")):
            entry = self.cache.open(name) or self._second_look(name)
            if entry is None:
                continue
            manifest = entry.manifest
            if manifest.dist_info == one.folder or (
                canonicalize(manifest.distribution) == one.name
                and same_version(manifest.version, one.version)
            ):
                yield entry

    def _second_look(self, name: str) -> Entry | None:
        """Return an entry that could not be opened, where it can be now; note who refuses."""
        for root in self.cache.roots:
            path = f"{root}/entries/{name}/manifest"
            try:
                self.files.read(path)
            except OSError as error:
                self._note(path, error)
        return self.cache.open(name)

    def _note(self, path: str, error: OSError) -> None:
        """Note that the system refused to read something that is there."""
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            self._unread[path] = error.strerror or str(error)

    # ---------------------------------------------------------------- judging

    def _judge(self, examined: Examined, entry: Entry) -> _Verdict | None:
        claims = claims_of(self.world, entry.manifest)
        if examined.rows is None:
            return self._judge_by_files(examined, entry, claims)
        one = examined.distribution
        rows = {row.path.removeprefix("./"): row for row in examined.rows}
        cut = f"{one.folder}/RECORD" not in rows
        agree = 0
        for path, expected in claims.items():
            row = rows.get(path)
            if (row and row.hash == expected) or self._digest(one, path) == expected:
                agree += 1
            elif row or not cut:
                return None
        known = {*claims.values(), ""}
        # What installers write themselves: into dist-info, and scripts.
        scripts = prefix_in(self.world, "scripts", entry.manifest) or "\0"
        for path, row in rows.items():
            written = path.startswith((f"{one.folder}/", scripts))
            if not (path in claims or written or is_compiled(path) or row.hash in known):
                return None
        return _Verdict(entry, agree, 0)

    def _judge_by_files(
        self, examined: Examined, entry: Entry, claims: Mapping[str, str]
    ) -> _Verdict | None:
        one = examined.distribution
        if proves_nothing(self.world, one):
            return None
        telling = {f"{entry.manifest.dist_info}/{name}" for name in ("WHEEL", "METADATA")}
        agree = differ = 0
        for path, expected in claims.items():
            actual = self._digest(one, path)
            # An empty file says nothing: a power cut leaves such.
            if actual not in (None, expected, _EMPTY):
                if path in telling:
                    return None
                differ += 1
            agree += actual == expected
        payload = sum(not path.startswith(f"{entry.manifest.dist_info}/") for path in claims)
        # A note outlives what was uninstalled, and so does a file that others own, too.
        if examined.stray and agree * 2 <= payload:
            return None
        return _Verdict(entry, agree, differ) if agree > differ or not differ else None

    def _digest(self, one: Distribution, path: str) -> str | None:
        place = library_path(one.base, path)
        if place not in self._digests:
            try:
                self._digests[place] = digest_at(self.files, place)
            except OSError as error:
                self._digests[place] = None
                self._note(place, error)
        return self._digests[place]


def claims_of(world: World, manifest: Manifest) -> dict[str, str]:
    """Return path, as RECORD has it here -> digest, of a wheel's files, scripts aside.

    Scripts are written for each environment: their digests are not the wheel's.
    """
    return {
        (prefix_in(world, scheme, manifest) + path).removeprefix("./"): f"sha256={digest}"
        for scheme, path, _, digest in manifest.files()
        if scheme != "scripts"
    }


def prefix_in(world: World, scheme: str, manifest: Manifest) -> str:
    """Return what RECORD puts before the paths of a scheme in this environment."""
    schemes = world.environment.scheme_for(manifest.distribution)
    if scheme == manifest.root or scheme not in schemes or manifest.root not in schemes:
        return ""
    return prefix_of(schemes[scheme], schemes[manifest.root])
