"""Taking a virtual environment aside, so that it can be put back until the commit point.

Purpose: the two phases of a removal. First renames only, all of which can be undone;
after the commit point the deletion, and what is still in use waits for a later run.

Calling sequence, with the place locked::

    ...                                 # what an earlier run left is settled
    aside = Aside(files, place, sync="normal")
    aside.begin("clear")                # create, clear or remove
    aside.take()
    ...                                 # make it anew
    aside.commit()                      # or aside.put_back()
    pending = aside.finish()

Guarantees: the journal is on the disk before the first rename, and what was made before
the commit point, which is the rename of ``journal`` to ``committed``. The folder goes in
one rename where the system lets it, else entry by entry, else file by file: scripts first,
since they may be busy, ``pyvenv.cfg`` last, so that a killed run leaves what others
recognise. No link is followed. All steps can be repeated, and
:mod:`linkinstall.venvs.settling` does so after a kill.

On disk: a folder ``.linkinstall-NAME`` beside the environment, or, where none can be
made there, as beside a very long name, ``.linkinstall.venv`` inside it. It holds ``.gitignore``,
``journal`` or ``committed``, and numbered folders; without a journal these are trash. A folder
``kept-ID`` has what could not be put back, because somebody else was in the way: no command
deletes it. While something is made at the place, a file ``.linkinstall-making`` with the change's
id says so: without it, what stands there is not ours. Where a place was made for the state alone,
a kill before the journal, or after that went, leaves an empty folder.

Errors: ``OSError`` with its path; after one from :meth:`Aside.take` call :meth:`put_back`.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from stat import S_ISDIR, S_ISREG

from linkinstall import limits
from linkinstall.fs.clearing import remove_large_tree
from linkinstall.fs.lock import REMOVABLE_WHILE_HELD
from linkinstall.fs.port import FOLDER
from linkinstall.fs.trees import files_below, make_folders, remove_folder_if_empty, remove_named
from linkinstall.fs.volumes import Volumes
from linkinstall.outcome import Kept, Pending
from linkinstall.trash import waiting
from linkinstall.venvs.change import Change, decode, encode
from linkinstall.venvs.half_made import HalfMade, first_foreign, free_name
from linkinstall.venvs.moving import RENAME_REFUSALS, drop_emptied, merge, take_entries, take_whole
from linkinstall.venvs.sight import LOCK, MAKING, SETTINGS, state_folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from linkinstall.fs.lock import FolderLock
    from linkinstall.fs.port import FileSystem

__all__ = ["Aside"]

_IGNORE = b"# linkinstall: what is in this folder goes with the next run, but for kept-*\n*\n"


class Aside:
    """One change at one place. See the module docstring.

    :param place: the folder of the environment, free of links
    :param sync: off, normal (flushed before the first rename and before the commit) or full
    :param state: the state folder, where there is one already
    :param hold: locks the state folder once it is there, before anything counts that is in it
    :ivar stays: why the state folder, with nothing in it that counts, could not go
    """

    def __init__(
        self,
        files: FileSystem,
        place: str,
        *,
        sync: str = "normal",
        state: str = "",
        hold: Callable[[str], FolderLock] | None = None,
    ) -> None:
        self.files = files
        self.place = place
        self.volumes = Volumes(files, sync)
        self.state = state
        self.lock: FolderLock | None = None
        self.kept: list[Kept] = []
        self._hold = hold
        self._made: list[str] = []
        self._finished = False
        self.stays: OSError | None = None
        self.change = self._read() if state else Change()

    @property
    def stash(self) -> str:
        """Where the environment is while it is aside."""
        return f"{self.state}/{self.change.number}"

    # ---------------------------------------------------------------- before the commit point

    def begin(self, what: str) -> None:
        """Write the journal.

        :param what: create, clear or remove
        """
        stood = self.files.status(self.place) is not None
        self.state = self._make_state()
        self.change = Change(os.urandom(6).hex(), self._last_number() + 1, what, stood=stood)
        self.files.unlink_all(self.state, ["journal.new"])
        self.files.write_new(f"{self.state}/journal.new", encode(self.change))
        self.volumes.flush(self.state)
        self.files.rename(f"{self.state}/journal.new", f"{self.state}/journal")

    def _make_state(self) -> str:
        """Make it on the volume of the place; beside that where it can be, and none is inside."""
        beside, inside = state_folders(self.place)
        status, parent, inner = map(self.files.status, (self.place, f"{self.place}/..", inside))
        alike = not inner and status and parent and parent.st_dev == status.st_dev
        # Nothing can be renamed out of a bind mount, though it may be of the same volume.
        if status is None or (alike and self.place not in self.files.mount_points()):
            self._made += make_folders(self.files, os.path.dirname(self.place))
            try:
                return self._make(beside)
            except OSError as error:
                passed = {errno.ENAMETOOLONG, *(RENAME_REFUSALS if status is not None else ())}
                if error.errno not in passed:
                    raise
        # A name to which nothing can be added is still one: then the place is made for the state.
        self._made += make_folders(self.files, self.place)
        return self._make(inside)

    def _make(self, state: str) -> str:
        older = self.files.status(state) is not None  # with trash in it, and its own .gitignore
        try:
            self._made += make_folders(self.files, state)
            if self.files.status(f"{state}/.gitignore") is None:
                self.files.write_new(f"{state}/.gitignore", _IGNORE)
            if self._hold is not None:
                self.lock = self._hold(state)
        except BaseException:  # nobody sweeps it, as long as it is not in ``self.state``
            if not older and not self._is_begun(state):
                with suppress(OSError):  # the first error decides where it is made
                    self.files.unlink_all(state, [".gitignore"])
                remove_folder_if_empty(self.files, state)
            raise
        return state

    def _is_begun(self, state: str) -> bool:
        """Return whether another command came in between, and what it has locked must stay."""
        with suppress(OSError):
            names = ("journal.new", "journal", "committed")
            return any(self.files.status(f"{state}/{name}") is not None for name in names)
        return False

    def take(self, between: Callable[[], None] | None = None) -> None:
        """Take what stands at the place aside, by renames only.

        :param between: called before a second try, where the first one was refused
        """
        if self.files.status(self.place) is None or self._take_whole():
            return
        if between is not None:
            between()
            if self._take_whole():
                return
        take_entries(self.files, self.place, self.stash)

    def _take_whole(self) -> bool:
        return not self._is_inside() and take_whole(self.files, self.place, self.stash)

    def _is_inside(self) -> bool:
        return self.state.startswith(f"{self.place}/")

    def mark(self) -> None:
        """Make the place, and say in it that what will stand there is ours."""
        self._made += make_folders(self.files, self.place)
        if self.files.status(f"{self.place}/{MAKING}") is not None:
            remove_named(self.files, self.place, [MAKING])  # of an earlier change
        self.files.write_new(f"{self.place}/{MAKING}", self.change.id.encode("ascii"))

    def put_back(self, *, reported: bool = False) -> None:
        """Bring the place back to what it was; can be repeated.

        :param reported: it is told as a success: with ``full`` it is on the disk before the
            journal goes. Otherwise the journal stays where somebody else is in the way
        """
        stashed = self.files.status(self.stash) is not None
        self._clear_half(stashed=stashed, reported=reported)
        if stashed and self._is_others():
            self._leave(self.place)
        elif stashed:
            self._prefer_lock()
            for path in merge(self.files, self.stash, self.place):
                self._leave(path)
        if self.kept and not reported:
            return
        if reported:
            self._keep_stash()
            self.volumes.make_durable(self.state)
        remove_named(self.files, self.state, ["journal", "journal.new"])

    def _clear_half(self, *, stashed: bool, reported: bool) -> None:
        half = HalfMade(self.files, self.place, self.state, self.change)
        if not half.is_there():
            if not self._is_inside() and (stashed or not self.change.stood):
                # Made for the mark: the whole folder comes back with its own mode.
                remove_folder_if_empty(self.files, self.place)
        elif reported and half.is_taken_over():  # else it is this very run that makes it
            remove_named(self.files, self.place, [MAKING])
            if not stashed:
                self._leave(self.place)
        elif reported and first_foreign(self.files, self.place):
            half.keep(stashed=stashed)
        else:
            half.drop(stashed=stashed)

    def _is_others(self) -> bool:
        """Return whether somebody has made something there since, and all of ours is aside.

        That is so where its settings are: they are the last to go, and the first to come back.
        Folders that could not go may be left, but no file: only the lock of who came for the
        environment meanwhile, and a mark that goes after the settings.
        """
        if self.files.status(f"{self.stash}/{SETTINGS}") is None:
            return False
        status = self.files.status(self.place)
        if status is None or not S_ISDIR(status.st_mode) or self._is_inside():
            return self.files.status(f"{self.place}/{SETTINGS}") is not None
        nobodys = {f"/{LOCK}", f"/{MAKING}"}
        return any(path not in nobodys for path in files_below(self.files, self.place))

    def _prefer_lock(self) -> None:
        """Leave the lock that stands at the place by now: somebody may hold it, and one is as good.

        Who waited for the one that went aside entry by entry has made it.
        """
        new, old = (self.files.status(f"{one}/{LOCK}") for one in (self.place, self.stash))
        if new is not None and old is not None and S_ISREG(old.st_mode):
            remove_named(self.files, self.stash, [LOCK])

    def _leave(self, path: str) -> None:
        self.kept.append(Kept(path, "somebody else has put it there since"))

    def _keep_stash(self) -> None:
        """Keep what cannot be put back: whoever began this may want it, and can remove it."""
        if self.kept and self.files.status(self.stash) is not None:
            self.files.rename_new(self.stash, free_name(self.files, self.state, self.change))

    def is_overtaken(self) -> bool:
        """Return whether the journal that stands here by now is another command's."""
        try:
            data = self.files.read(f"{self.state}/journal", limits.VENV_JOURNAL_SIZE)
        except FileNotFoundError:
            return False
        change = decode(data)
        return change is not None and change.id != self.change.id

    def drop_made(self) -> None:
        """Remove the folders that were made on the way to the place, where they are empty."""
        for folder in reversed(self._made):
            remove_folder_if_empty(self.files, folder)

    # ---------------------------------------------------------------- the commit point, and after

    def commit(self) -> None:
        """Make the change final: one rename, once what was made is on the disk."""
        if self.change.what != "remove":
            self.volumes.flush(self.place)
        if self.is_overtaken():
            reason = "Another command has settled this change, and begun its own"
            raise FileExistsError(errno.EEXIST, reason, self.state)
        self.files.rename(f"{self.state}/journal", f"{self.state}/committed")

    def finish(self, *, processes: bool = False) -> list[Pending]:
        """Delete what was taken aside; return what is still busy. Can be repeated."""
        # Left there, it would make the next change that is put back take this environment away.
        remove_named(self.files, self.place, [MAKING])
        if self.change.what == "remove" and self._is_no_environment():
            drop_emptied(self.files, self.place, self.stash)
        pending = self._delete(self.change.number, self.place, processes=processes)
        self._finished = True
        remove_named(self.files, self.state, ["committed"])
        self._drop_state()
        return pending

    def _is_no_environment(self) -> bool:
        status = self.files.status(self.place)
        if status is None or not S_ISDIR(status.st_mode):
            return False  # what somebody else has put there since is none of ours
        return self.files.status(f"{self.place}/{SETTINGS}") is None

    def sweep(self, *, others: bool = True) -> list[Pending]:
        """Delete numbered folders that no journal needs any more.

        :param others: those of earlier changes, too
        """
        if self.files.status(self.state) is None:
            return []
        pending = []
        self.files.unlink_all(self.state, ["journal.new"])
        own = self.change.number
        done = {own} if self.kept or self._finished else set()
        for name, kind in self.files.scan(self.state):
            if kind != FOLDER or not name.isdecimal() or int(name) in done:
                continue
            if others or int(name) >= own:
                pending += self._delete(int(name), f"{self.state}/{name}")
        self._drop_state()
        return pending

    def _delete(self, number: int, was: str, *, processes: bool = False) -> list[Pending]:
        folder = f"{self.state}/{number}"
        refused = remove_large_tree(self.files, folder, processes=processes)
        return [waiting(self.files, was + path[len(folder) :], path) for path, _ in refused]

    def _drop_state(self) -> None:
        if {name for name, _ in self.files.scan(self.state)} <= {".gitignore"}:
            try:
                if self.lock is not None and not REMOVABLE_WHILE_HELD:
                    self.lock.release()
                remove_named(self.files, self.state, [".gitignore"])
                self.files.remove_folder(self.state)
            except OSError as error:
                self.stays = error
            if self.change.what == "remove" or not self.change.stood:
                # A state folder inside was what held it, or what it was made for.
                remove_folder_if_empty(self.files, self.place)

    def _read(self) -> Change:
        """Read the journal; one that was torn says no more than that nothing has begun."""
        for name in ("committed", "journal"):
            try:
                data = self.files.read(f"{self.state}/{name}", limits.VENV_JOURNAL_SIZE)
            except FileNotFoundError:
                continue
            if (change := decode(data)) is not None:
                return change
        return Change(number=self._last_number())

    def _last_number(self) -> int:
        names = [name for name, _ in self.files.scan(self.state) if name.isdecimal()]
        return max(map(int, names), default=0)
