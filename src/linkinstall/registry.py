"""Which environments link into a cache: noted before they do, looked at before it counts.

Purpose: a symbolic link leaves no trace in what it leads to, and a hard link only a
number. So an environment is noted in the cache before anything is linked into it, and
whoever wants to take an entry away, or to say whom an edit has reached, looks there.

Calling sequence::

    register(cache, "/cache/v1/environments/KEY", environment)
    registration = read(files, "/cache/v1/environments/KEY")
    if registration.is_gone(files): ...           # nothing is left to look at
    registration.path(manifest, "purelib", "pkg/module.py")

Guarantees: a registration appears whole. One that was noted and not followed by a link, as
after a kill, is harmless: what counts is what is found in the environment. An environment on
a volume that is not mounted now is not gone.

On disk: a checksum, then keys and values with NUL between them.

Errors: ``OSError`` where it cannot be written, and from :meth:`Registration.is_mounted` and
:meth:`Registration.is_unsettled` where it cannot be looked at; ``ValueError`` for one that is
damaged.
"""

from __future__ import annotations

import os
from binascii import crc32

from linkinstall.fs.named import UNREADABLE
from linkinstall.interpreter_report import decode, encode
from linkinstall.paths import forward, states_around
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.cache import Cache, Entry
    from linkinstall.environment import Environment
    from linkinstall.fs.port import FileSystem

__all__ = ["Registration", "note_dependent", "read", "register"]

_CHECKSUM_LENGTH = 8
STATE = ".linkinstall"


@value
class Registration:
    """An environment as it was noted.

    :param root: its folder
    :param volume: where its volume was mounted
    :param named: whether ``headers`` names the distribution's folder already
    :param schemes: folder by scheme
    """

    root: str
    volume: str
    named: bool
    schemes: dict[str, str]

    def path(self, distribution: str, scheme: str, path: str) -> str | None:
        """Return where a file of a distribution is in this environment, if it can be there."""
        folder = self.schemes.get(scheme)
        if folder is None:
            return None
        if scheme == "headers" and not self.named:
            folder = f"{folder}/{distribution}"
        return f"{folder}/{path}"

    def is_gone(self, files: FileSystem) -> bool:
        """Return whether nothing is left of it: neither its folder nor any of its schemes'."""
        places = (self.root, *self.schemes.values())
        try:
            if self._is_aside(files):
                return False
            if any(files.status(files.real_path(place)) is not None for place in places):
                return False
            return self.is_mounted(files)
        except OSError:  # not for this user to look at, or on a volume that does not answer
            return False

    def is_mounted(self, files: FileSystem) -> bool:
        """Return whether its volume is there to be looked at."""
        if files.status(files.real_path(self.root)) is not None:
            return True
        return _mount_point(files, self.root) == self.volume

    def is_unsettled(self, files: FileSystem) -> bool:
        """Return whether a change is unfinished there: its links may come back."""
        if self._is_aside(files):
            return True
        libraries = {self.schemes[name] for name in ("purelib", "platlib") if name in self.schemes}
        folders = libraries or set(self.schemes.values())
        return any(files.status(f"{files.real_path(one)}/{STATE}") is not None for one in folders)

    def _is_aside(self, files: FileSystem) -> bool:
        """Return whether a venv command is unfinished there, or above: it may come back."""
        places = {files.real_path(place) for place in (self.root, *self.schemes.values())}
        states = {state for place in places for _, state in states_around(place)}
        return any(files.status(f"{state}/journal") is not None for state in states)


def register(cache: Cache, path: str, environment: Environment) -> None:
    """Note an environment in a file of the cache.

    :raises OSError: the cache cannot be written
    """
    real = cache.file_system.real_path  # a link to it may lead elsewhere by then
    body = encode(
        {
            "root": forward(real(environment.root)),
            "volume": _mount_point(cache.file_system, environment.root),
            "named": "1" if environment.headers_named else "",
            **{f"scheme.{name}": forward(real(one)) for name, one in environment.schemes.items()},
        }
    )
    cache.write(path, b"%08x" % crc32(body) + body)


def read(files: FileSystem, path: str) -> Registration | None:
    """Return what was noted; None where nothing was, or it never reached the disk.

    A power cut leaves a file empty, or full of zeros: then the links that it was noted for
    have not reached the disk either.

    :raises ValueError: it is damaged in another way, no file, or not for this user to read,
        and nobody knows which environment it is
    :raises OSError: the disk cannot read it
    """
    try:
        data = files.read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in UNREADABLE:
            raise
        message = f"{path} cannot be read"
        raise ValueError(message) from error
    if not data.strip(b"\0"):
        return None
    body = data[_CHECKSUM_LENGTH:]
    if b"%08x" % crc32(body) != data[:_CHECKSUM_LENGTH]:
        message = f"{path} is damaged"
        raise ValueError(message)
    told = decode(body)
    schemes = {
        name.removeprefix("scheme."): folder
        for name, folder in told.items()
        if name.startswith("scheme.")
    }
    try:
        return Registration(told["root"], told["volume"], bool(told["named"]), schemes)
    except KeyError as error:
        message = f"{path} does not say which environment it is"
        raise ValueError(message) from error


def _mount_point(files: FileSystem, path: str) -> str:
    """Return the outermost folder on the way to ``path`` that is on the same volume as it.

    Of what is not there, that of the innermost folder that is.
    """
    folder = files.real_path(path)
    status = files.status(folder)
    while status is None and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
        status = files.status(folder)
    while status is not None and folder != os.path.dirname(folder):
        above = files.status(os.path.dirname(folder))
        if above is None or above.st_dev != status.st_dev:
            break
        folder = os.path.dirname(folder)
    return forward(folder)


def note_dependent(cache: Cache, entry: Entry, environment: Environment, key: str) -> bool:
    """Note that an environment holds symbolic links into an entry, or is about to.

    A note that a power cut has emptied is written anew.

    :param key: the name under which the environment is noted
    :return: whether it was noted only now
    """
    path = f"{cache.root}/dependents/{entry.manifest.id}.{key}"
    try:
        if read(cache.file_system, path) is not None:
            return False
    except ValueError:  # damaged: it is written anew
        pass
    try:
        register(cache, path, environment)
    except OSError:
        if entry.folder.startswith(f"{cache.root}/"):
            raise
        return False  # a tier's: whoever takes it away there has to know who reads it
    return True
