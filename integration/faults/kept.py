"""A folder that is kept, and brought back as often as it is wanted, by what has changed alone.

Purpose: each point of a sweep begins in the old state. To remove a world and to copy it anew took
half of the time of a sweep, and a command changes a few files of some hundreds.

Calling sequence::

    kept = Kept("/w/world", "/w/saved")
    kept.keep()              # as it is now
    ...
    kept.bring_back()

Guarantees: what stands there then is the same as after ``cp -a``: types, contents, owners, modes,
times, targets of links, and which names share an inode. A file stays what it is only if it has
the same inode, size and times as when it was known to be right, the time of the last change
among them, which nobody can set; or else if it has the right bytes, mode, time and number of
links. Inode numbers are new only where something has changed. Not brought back, since nothing
that is put to the test has any: extended attributes, flags of a file, sockets and pipes, and the
order in which a folder lists its names, where that is not by their hash. How fine the time of
the last change is, the kernel tells: to the nanosecond since Linux 6.13, to some milliseconds
before, in which no command could begin.

Errors: ``OSError``, and ``subprocess.CalledProcessError`` from ``cp``.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Nodes = dict[str, os.stat_result]


class Kept:
    """See the module docstring.

    :param world: the folder, an absolute path
    :param saved: where what is kept lies, on the same or on another volume
    """

    def __init__(self, world: str, saved: str) -> None:
        self.world = world
        self.saved = saved
        self._wanted: Nodes = {}
        self._known: dict[str, tuple[int, ...]] = {}
        """What told the nodes of the world when they were right."""

    def keep(self) -> None:
        """Keep the world as it is now."""
        _copy(self.world, self.saved)
        self._wanted = _walk(self.saved)
        self._known = {}

    def bring_back(self) -> None:
        """Make the world what was kept."""
        if not self._known or not os.path.isdir(self.world):
            if os.path.lexists(self.world):
                shutil.rmtree(self.world)
            _copy(self.saved, self.world)
        else:
            self._mend(_walk(self.world))
        self._known = {path: _told(status) for path, status in _walk(self.world).items()}

    def _mend(self, there: Nodes) -> None:
        for path in sorted(there.keys() - self._wanted.keys()):
            _remove(self._in_world(path))
        inodes: dict[int, str] = {}
        for path, wanted in self._wanted.items():  # a folder comes before what is in it
            first = inodes.setdefault(wanted.st_ino, path)
            now = there.get(path)
            if stat.S_ISDIR(wanted.st_mode):
                self._mend_folder(path, wanted, now)
            elif first != path:
                self._share(path, first)
            elif now is None or self._known.get(path) != _told(now):
                self._mend_file(path, wanted)
        for path, wanted in self._wanted.items():
            if stat.S_ISDIR(wanted.st_mode):
                _set_times(self._in_world(path), wanted)

    def _mend_folder(self, path: str, wanted: os.stat_result, now: os.stat_result | None) -> None:
        target = self._in_world(path)
        if now is None or not stat.S_ISDIR(now.st_mode):
            _remove(target)
            os.mkdir(target)
        if now is None or _told(now)[1:] != _told(wanted)[1:]:
            _set_owner(target, wanted)

    def _share(self, path: str, first: str) -> None:
        """Let a name have the inode of one that is right already."""
        source, target = self._in_world(first), self._in_world(path)
        now = _look(target)
        if now is None or not os.path.samestat(now, os.lstat(source)):
            _remove(target)
            os.link(source, target, follow_symlinks=False)

    def _mend_file(self, path: str, wanted: os.stat_result) -> None:
        source, target = os.path.join(self.saved, path), self._in_world(path)
        now = _look(target)
        if now is not None and _is_alike(source, target, wanted, now):
            return
        _remove(target)
        if stat.S_ISLNK(wanted.st_mode):
            os.symlink(os.readlink(source), target)
        else:
            shutil.copyfile(source, target)
            _set_owner(target, wanted)
        _set_times(target, wanted)

    def _in_world(self, path: str) -> str:
        return os.path.join(self.world, path) if path else self.world


def _is_alike(source: str, target: str, wanted: os.stat_result, now: os.stat_result) -> bool:
    """Return whether a file is the same by mode, time, links and content."""
    keys = ("st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns", "st_nlink")
    if any(getattr(wanted, key) != getattr(now, key) for key in keys):
        return False
    if stat.S_ISLNK(wanted.st_mode):
        return os.readlink(source) == os.readlink(target)
    return stat.S_ISREG(wanted.st_mode) and _read(source) == _read(target)


def _read(path: str) -> bytes:
    # Not ``filecmp``, which remembers what it has compared by size and time.
    with open(path, "rb") as stream:
        return stream.read()


def _told(status: os.stat_result) -> tuple[int, ...]:
    """Return what is another after any change of a file or a link, or of a folder's mode."""
    folder = (status.st_ino, status.st_mode, status.st_uid, status.st_gid)
    if stat.S_ISDIR(status.st_mode):
        return folder
    return (
        *folder,
        status.st_size,
        status.st_nlink,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _walk(folder: str) -> Nodes:
    """Return path -> status of a folder and all that is in it, each folder before its content."""
    found = {"": os.lstat(folder)}
    waiting = [""]
    while waiting:
        below = waiting.pop()
        with os.scandir(os.path.join(folder, below)) as entries:
            for entry in entries:
                path = f"{below}/{entry.name}" if below else entry.name
                status = entry.stat(follow_symlinks=False)
                found[path] = status
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(path)
    return found


def _look(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _remove(path: str) -> None:
    """Remove whatever there is."""
    status = _look(path)
    if status is None:
        return
    if stat.S_ISDIR(status.st_mode):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def _set_owner(path: str, wanted: os.stat_result) -> None:
    """Set owner and mode of a file or a folder; a new owner takes bits of the mode away."""
    now = os.lstat(path)
    if (now.st_uid, now.st_gid) != (wanted.st_uid, wanted.st_gid):
        os.chown(path, wanted.st_uid, wanted.st_gid)
    os.chmod(path, stat.S_IMODE(wanted.st_mode))


def _set_times(path: str, wanted: os.stat_result) -> None:
    if os.lstat(path).st_mtime_ns != wanted.st_mtime_ns:
        times = (wanted.st_atime_ns, wanted.st_mtime_ns)
        os.utime(path, ns=times, follow_symlinks=False)


def _copy(source: str, target: str) -> None:
    subprocess.run(["cp", "-aT", source, target], check=True, stdin=subprocess.DEVNULL)
