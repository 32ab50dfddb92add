"""Bringing wheels to entries: from the cache, or unpacked into it now.

Purpose: everything a transaction asks of the cache: find or make an entry, notice
that one was damaged, its compiled files, and the way out where the cache cannot be
written.

Calling sequence: ``settle`` once the environment is locked, then ``bring`` and
``use`` for each wheel.

Guarantees: an entry that is handed out was looked at (``verify_cache``), and the environment is
noted in the cache before anything is linked into it. Where the cache cannot be written, a
temporary one in the target's state folder stands in, with one warning.

Errors: those of :meth:`linkinstall.cache.Cache.add`;
:class:`~linkinstall.errors.CacheError` for a damaged entry that cannot be made anew, and
for a cache that cannot be written where a temporary one would not do (symbolic links).
"""

from __future__ import annotations

import time
from stat import S_ISLNK

from linkinstall import limits
from linkinstall.cache import Cache
from linkinstall.digest import sha256
from linkinstall.entry_check import in_words
from linkinstall.looking import Looking
from linkinstall.outcome import BytecodeCount, Warn
from linkinstall.refusals import refuse_passing_cache
from linkinstall.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from linkinstall.cache import Added, Entry
    from linkinstall.compilers import Compilers
    from linkinstall.environment import Environment
    from linkinstall.filling import Filled, Progress
    from linkinstall.wishes import Options

__all__ = ["Entries"]


class Entries:
    """See the module docstring.

    :param progress: told which wheel is unpacked, and how far (``filling.Progress``)
    """

    def __init__(
        self,
        cache: Cache,
        environment: Environment,
        options: Options,
        progress: Progress | None = None,
    ) -> None:
        self.cache = cache
        self.environment = environment
        self.temporary = cache.temporary
        self.warnings: list[Warn] = []
        self.bytecode = BytecodeCount()
        self.used: list[Entry] = []
        self._options = options
        self._symlinks = options.link_mode == "symlink"
        # Files that are copied are not shared with anybody.
        self._unnoted = options.link_mode != "copy" and environment.destdir is None
        self._home = ""
        self._compilers: Compilers | None = None
        self._progress = progress
        self._numbers: dict[str, int] = {}
        files, level, doubts = cache.file_system, options.verify_cache, options.sync != "off"
        self._looking = Looking(files, level, processes=options.processes, doubts=doubts)
        self._found: dict[str, Added] = {}
        self._filled: dict[str, Filled] = {}

    def settle(self, home: str, *, brings: bool = True) -> None:
        """Say where a temporary cache would go, and take it where none other is wanted.

        :param brings: whether anything is taken out of the cache that is not known yet
        """
        self._home = home
        if brings and self.cache.passed_over:
            from linkinstall.unwritable import passed_over

            self.warnings += passed_over(self.cache)
        self.refuse_links(brings=brings)
        if self._has_no_cache(brings=brings):
            self._use_temporary()

    def refuse_links(self, *, brings: bool) -> None:
        """Refuse symbolic links where no cache stays."""
        if self._symlinks and self._has_no_cache(brings=brings):
            refuse_passing_cache()

    def _has_no_cache(self, *, brings: bool) -> bool:
        # A temporary one of a destination is a folder already.
        return brings and self.cache.temporary and bool(self.cache.distrust)

    def _use_temporary(self) -> None:
        old = self.cache
        self.cache = Cache(f"{self._home}/cache", tiers=old.tiers, files=old.file_system, ours=True)
        self.temporary = True

    def fill(self, paths: list[str], levels: tuple[int, ...]) -> None:
        """Unpack at once, on several processors, what is not in the cache yet.

        :param levels: of the compiled files that are made at once, too
        :raises InvalidWheelError: one of the wheels cannot be read
        """
        self._numbers = {path: number for number, path in enumerate(paths, 1)}
        options = self._options
        if not options.processes or self.cache.distrust or options.validate_record != "all":
            return  # where RECORD was not looked at, an entry is not found by its wheel
        missing = []
        for path in dict.fromkeys(paths):
            found = self.cache.find(path)
            if found is None:
                missing.append(path)
            else:
                self._found[path] = found
        if len(missing) > 1:
            from linkinstall.filling import CompileFor, fill

            compile_for = CompileFor.of(self.environment, levels)
            self._filled = fill(self.cache, missing, compile_for, self._progress)
            self.trust(*(mark for one in self._filled.values() for mark in one.marks))
        known = sum(one.entry.manifest.count for one in self._found.values())
        self._looking.put_off(known + sum(one.count for one in self._filled.values()))

    def bring(self, path: str) -> Added:
        """Return the entry of a wheel file."""
        if (found := self._found.get(path)) is not None:
            return found
        if (filled := self._filled.get(path)) is not None:
            self.warnings += filled.warnings
            if (made := filled.added(self.cache, path)) is not None:
                return made
        if (found := self.cache.find(path)) is not None:
            return found  # whoever uses it looks at it
        added = self._unpack(path)
        self.trust((added.entry.folder, added.entry.mark))
        self.warnings += added.warnings
        return added

    def _unpack(self, path: str, damaged: Entry | None = None) -> Added:
        from linkinstall.filling import progress_of
        from linkinstall.unpack import rebuild

        validate = self._options.validate_record
        of = self._numbers.get(path, 1), len(self._numbers) or 1
        progress = progress_of(self._progress, path, *of)
        try:
            return rebuild(self.cache, path, validate, damaged, progress=progress)
        except OSError as error:
            self._fall_back(error)
            return rebuild(self.cache, path, validate, progress=progress)

    def trust(self, *marks: tuple[str, bytes]) -> None:
        """Take it that these folders, with these marks, were written or read whole by this run."""
        self._looking.own.update(marks)

    def _fall_back(self, error: OSError) -> None:
        """Take a temporary cache where the shared one cannot be written."""
        from linkinstall.unwritable import stand_in

        if self.temporary:
            raise error
        self.warnings.append(stand_in(self.cache, error, symlinks=self._symlinks))
        self._use_temporary()

    def use(
        self, entry: Entry, path: str | None, levels: tuple[int, ...], *, same: bool = False
    ) -> tuple[Entry, ...]:
        """Return the entry, sound, and the sets of its compiled files.

        :param path: the wheel file, to make it anew
        :param same: whether no other entry would do, should the file be another by now
        """
        self._note_environment()
        entry = self._checked(entry, path, same=same)
        try:
            compiled = self._compiled(entry, path, levels)
        except OSError as error:
            self._fall_back(error)
            compiled = self._compiled(entry, path, levels)
        # What is noted now has to reach the disk before the links do.
        noted = self._symlinks and self._note_dependent(entry)
        self.used += [replace(entry, flushed=False) if noted else entry, *compiled]
        self._note_use(entry)
        return (entry, *compiled)

    # ---------------------------------------------------------------- what is noted

    def _note_environment(self) -> None:
        """Note this environment, so that it can be named when a file that it shares is edited."""
        if not self._unnoted or self.temporary:
            return
        self._unnoted = False
        path = f"{self.cache.root}/environments/{self._key()}"
        try:
            if self.cache.file_system.read(path).strip(b"\0"):
                return
        except OSError:  # not noted yet
            pass
        # Not there, or emptied by a power cut.
        from linkinstall.registry import register

        try:
            register(self.cache, path, self.environment)
        except OSError:  # a cache that cannot be written: links into it are counted only
            pass

    def _note_dependent(self, entry: Entry) -> bool:
        """Note that this environment holds symbolic links into an entry, or is about to."""
        from linkinstall.registry import note_dependent

        return note_dependent(self.cache, entry, self.environment, self._key())

    def keep(self, entry: Entry, installed: str) -> None:
        """Note this environment where links in it lead into an entry: it may have been moved.

        :param installed: the dist-info folder of what is there and stays
        """
        files = self.cache.file_system
        status = None if self.temporary else files.status(f"{installed}/METADATA")
        if status is not None and S_ISLNK(status.st_mode):
            try:
                self._note_dependent(entry)
            except OSError:  # a cache that cannot be written: nothing is linked into it now
                pass

    def _key(self) -> str:
        """Return the name under which this environment is noted, whatever link leads to it."""
        real, environment = self.cache.file_system.real_path, self.environment
        text = "\0".join(map(real, (environment.root, *environment.schemes.values())))
        return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]

    def _note_use(self, entry: Entry) -> None:
        """Note that an entry is used: by the time of its manifest, which nothing is linked to."""
        files, path, now = self.cache.file_system, f"{entry.folder}/manifest", time.time_ns()
        own = path.startswith(f"{self.cache.root}/")  # a tier is never written
        status = files.status(path) if own else None
        if status is not None and now - status.st_mtime_ns > limits.USE_NOTED * 1e9:
            try:
                files.set_time(path, now)
            except OSError:  # a cache that cannot be written
                pass

    # ---------------------------------------------------------------- what is looked at

    def _checked(self, entry: Entry, path: str | None, *, same: bool) -> Entry:
        """Return the entry, made anew where its files are not what they were."""
        found = self._looking.look(entry)
        self.renew(found.crowded)
        if not found.damaged:
            return entry
        from linkinstall.upkeep.quarantine import quarantine
        from linkinstall.upkeep.verification import sharing

        named = in_words(found.damaged)
        shared = sharing(self.cache, entry, [where for where, _ in found.damaged])
        named += f"; shared with {shared}" if shared else ""
        added = self._unpack(path, entry) if path is not None else None
        if added is None or (same and added.entry.manifest.id != entry.manifest.id):
            from linkinstall.errors import CacheError

            try:
                quarantine(self.cache, entry)
            except OSError:  # a cache that cannot be written: it will be noticed again
                pass
            raise CacheError(
                f"The cache entry of {entry.manifest.distribution} is damaged: {named}.",
                next_step="Nothing was changed, and the entry will not be linked again. "
                "Install from the wheel file to make it anew.",
            )
        stays = added.entry.folder != entry.folder  # a tier's, or in a cache not to be written
        done = "is damaged and is not used" if stays else "was damaged and has been made anew"
        message = f"a cache entry {done}: {named}"
        self.warnings.append(Warn("cache-damaged", message))
        return added.entry

    def _counted(self, path: str | None, count: BytecodeCount) -> BytecodeCount:
        """Return a count in which what was compiled while filling is not called found."""
        filled = self._filled.get(path or "")
        made = filled.bytecode if filled is not None else None
        return count if made is None else made

    def _compiled(
        self, entry: Entry, path: str | None, levels: tuple[int, ...]
    ) -> tuple[Entry, ...]:
        environment = self.environment
        if not levels or not environment.compiler:
            return ()
        from linkinstall.bytecode import compiled_sets

        if self._compilers is None:
            from linkinstall.compilers import Compilers

            self._compilers = Compilers(environment.compiler)
        found = compiled_sets(
            self.cache,
            entry,
            compilers=self._compilers,
            tag=environment.cache_tag,
            magic=environment.magic,
            levels=levels,
            embedded=environment.runtime if environment.destdir else None,
            look=self._looking.look,
        )
        self.renew(found.crowded)
        if found.damaged:
            named = in_words(found.damaged)
            message = f"compiled files in the cache were damaged and have been made anew: {named}"
            self.warnings.append(Warn("cache-damaged", message))
        self.trust(*found.marks)
        done, more = self.bytecode, self._counted(path, found.count)
        self.bytecode = BytecodeCount(
            done.linked + more.linked, done.compiled + more.compiled, done.failed + more.failed
        )
        return found.entries

    def start_looking(self) -> None:
        """Begin with the looks at cached files that were put off."""
        self._looking.start()

    def finish_looking(self) -> bool:
        """Return whether all that were put off are sound; else use each again, from the start."""
        found = self._looking.finish()
        self.renew(found.crowded)
        if found.damaged:
            self.used, self.bytecode = [], BytecodeCount()
        return not found.damaged

    def close(self) -> None:
        """End the interpreters that compiled, and whoever looks at files."""
        self._looking.abandon()
        if self._compilers is not None:
            self._compilers.close()

    def renew(self, paths: Iterable[str]) -> None:
        """Give cache files that take no further link a fresh inode, where that can be done."""
        for path in paths:
            from linkinstall.entry_writer import renew

            try:
                renew(self.cache, path)
            except OSError:  # a cache that cannot be written: the file will be copied
                return
