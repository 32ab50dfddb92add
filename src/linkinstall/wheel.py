"""A wheel's file name, and its identity, without reading its payload.

Purpose: what a warm install needs to know about a wheel. Its file name tells the
project; a digest of the archive's raw central directory and raw ``RECORD`` tells
which cache entry it became. Every file of an entry was verified against ``RECORD``
before the entry was published, so equal digests stand for equal files.

Calling sequence::

    name = parse_filename("rich-15.0.0-py3-none-any.whl")
    with open(path, "rb") as stream:
        identity = identify(stream, size)     # identity.alias -> the entry, if cached
    check_dist_info(name, identity.dist_info)  # the alias does not know the file name

Guarantees: a few small reads from the end of the file; no work per member; no import
of ``zipfile``, ``re``, ``installer`` or ``packaging`` unless there is something to
refuse (``packaging`` also where two versions are written differently). Nothing here
opens, writes or closes a file. An archive that :func:`identify` accepts has one
central directory, directly before the end record that closes the file: the readers
of other tools cannot find another one.

Errors: :class:`~linkinstall.errors.InvalidWheelError`. ``OSError`` from the stream
passes through.

Specifications: the binary distribution format and name normalisation of PyPA;
APPNOTE.TXT 6.3 (4.3.12 to 4.3.16) for the archive.
"""

from __future__ import annotations

import os
import sys

from linkinstall import limits
from linkinstall.archive import (
    HEADER,
    HEADER_SIZE,
    LOCAL,
    LOCAL_SIZE,
    Directory,
    number,
    read_at,
    read_directory,
    real_sizes,
    unusable,
)
from linkinstall.digest import sha256
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from linkinstall.errors import InvalidWheelError
    from linkinstall.fs.port import FileSystem

__all__ = [
    "WheelIdentity",
    "WheelName",
    "belongs",
    "canonicalize",
    "check_dist_info",
    "identify",
    "identify_file",
    "parse_filename",
    "same_version",
]

_RECORD_NAME = b".dist-info/RECORD"
_ALIAS_VERSION = b"linkinstall wheel 1\n"
# What Info-ZIP and zipfile put between a member's name and its contents, generously.
_LOCAL_EXTRA = 64
# Bytes from which loading OpenSSL (2.5 ms) pays: it digests some five times faster.
_LARGE = 256 << 10
_TAGS = 3


@value
class WheelName:
    """The parts of a wheel's file name, as they are written there.

    :param distribution: the project's name, escaped but maybe not normalised
    :param version: the version, escaped but maybe not normalised
    :param build: the build tag, or ``""``
    :param tags: Python, ABI and platform tags, ``py3-none-any``
    :param variant: the label of a variant wheel (:pep:`825`), or ``""``
    """

    distribution: str
    version: str
    build: str
    tags: str
    variant: str = ""

    @property
    def name(self) -> str:
        """The project's canonical name (:pep:`503`)."""
        return canonicalize(self.distribution)

    def means(self, distribution: str, version: str) -> bool:
        """Tell whether a file of this name is of a project and version, however they are written.

        Most are written as they were before, and then nothing has to be normalised.
        """
        if self.distribution == distribution and self.version == version:
            return True
        return self.name == canonicalize(distribution) and same_version(version, self.version)


@value
class WheelIdentity:
    """What tells one wheel from another without reading its payload.

    :param alias: sha256, as hexadecimal digits
    :param dist_info: name of the folder that holds ``RECORD``
    :param directory: the archive's central directory
    :param record_header: where in ``directory.data`` the header of ``RECORD`` begins
    """

    alias: str
    dist_info: str
    directory: Directory
    record_header: int


def canonicalize(name: str) -> str:
    """Return the canonical form of a project's name (:pep:`503`)."""
    name = name.replace("_", "-").replace(".", "-")
    while "--" in name:
        name = name.replace("--", "-")
    return name.lower()


def parse_filename(basename: str) -> WheelName:
    """Take a wheel's file name apart.

    Names and versions need not be normalised (old tools do not), and a further
    label at the end is taken for a variant (:pep:`825`).

    :raises InvalidWheelError: if it is no wheel's file name
    """
    if not basename.endswith(".whl"):
        raise _no_wheel_name(basename, "it does not end in .whl")
    parts = basename.removesuffix(".whl").split("-")
    head, tags = parts[:2], parts[2:]
    # A build tag begins with a digit, a Python tag never does.
    build = tags.pop(0) if len(tags) > _TAGS and _begins_with_digit(tags[0]) else ""
    variant = tags.pop() if len(tags) == _TAGS + 1 else ""
    if len(tags) != _TAGS:
        raise _no_wheel_name(basename, "it is not NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl")
    distribution, version = head
    if not _plain(distribution, "_.") or distribution[0] == "." or distribution[-1] == ".":
        raise _no_wheel_name(basename, f"{distribution!r} is not the name of a project")
    if not _plain(version, "_.+!") or not _begins_with_digit(version.lower().removeprefix("v")):
        raise _no_wheel_name(basename, f"{version!r} is not a version")
    for label in (build or "0", variant or "0", *tags):
        if not _plain(label, "_.+!"):
            raise _no_wheel_name(basename, f"{label!r} is not a tag")
    return WheelName(distribution, version, build, "-".join(tags), variant)


def same_version(one: str, other: str) -> bool:
    """Tell whether two spellings name one version (:pep:`440`, escaped or not)."""
    if one == other:
        return True
    from packaging.version import InvalidVersion, Version

    def parse(text: str) -> Version:
        try:
            return Version(text)
        except InvalidVersion:
            return Version(text.replace("_", "-"))  # as file names escape a dash

    try:
        return parse(one) == parse(other)
    except ValueError:  # InvalidVersion, or a number of more digits than Python converts
        return False


def belongs(stem: str, name: WheelName) -> bool:
    """Tell whether ``NAME-VERSION`` is of the project and version of a file name.

    It need not be normalised either: both parts of it may hold further dashes.
    """
    dash = stem.rfind("-")
    while dash > 0:
        if canonicalize(stem[:dash]) == name.name:
            return same_version(stem[dash + 1 :], name.version)
        dash = stem.rfind("-", 0, dash)
    return False


def check_dist_info(name: WheelName, dist_info: str) -> None:
    """Check that a ``.dist-info`` folder belongs to the project of the file name.

    :raises InvalidWheelError: if it belongs to another project or version
    """
    if not belongs(dist_info.removesuffix(".dist-info"), name):
        raise unusable(
            f"the folder {dist_info!r} is of another project or version than the file name "
            f"says ({name.distribution} {name.version}); give the file its own name back"
        )


def identify(stream: BinaryIO, size: int) -> WheelIdentity:
    """Identify the wheel in an open file.

    :param stream: seekable; its position is moved
    :param size: the file's size in bytes
    :raises InvalidWheelError: if it is no archive that can be read in exactly one way,
        or holds no ``RECORD``
    """
    directory = read_directory(stream, size)
    header, dist_info = _find_record(directory.data)
    record = _read_record(stream, directory, header)
    data = directory.data
    digest = sha256(_ALIAS_VERSION)
    if len(data) + len(record) > _LARGE or "hashlib" in sys.modules:
        import hashlib

        digest = hashlib.sha256(_ALIAS_VERSION)
    for amount in (size, directory.offset, len(data)):
        digest.update(amount.to_bytes(8, "little"))
    digest.update(data)
    digest.update(record)
    return WheelIdentity(digest.hexdigest(), dist_info, directory, header)


def _find_record(data: bytes) -> tuple[int, str]:
    """Return where the header of ``X.dist-info/RECORD`` begins, and the folder's name.

    Searches from the end, where wheels have it, for the name; vendored projects have
    such a file too, but further down. That a header found so is one of the directory's
    is checked once, when the wheel is vetted.
    """
    found = len(data)
    while (found := data.rfind(_RECORD_NAME, 0, found)) >= 0:
        lowest = max(0, found - limits.NAME_LENGTH - HEADER_SIZE)
        highest = max(0, found - HEADER_SIZE + len(HEADER))
        header = data.rfind(HEADER, lowest, highest)
        while header >= 0:
            name = data[header + HEADER_SIZE : found + len(_RECORD_NAME)]
            if len(name) == number(data, header + 28, 2):
                if name.count(b"/") == 1 and name.isascii():
                    return header, name[: -len("/RECORD")].decode("ascii")
                break
            header = data.rfind(HEADER, lowest, header)
    raise unusable("it has no RECORD: either it is no wheel, or its RECORD was lost")


def _read_record(stream: BinaryIO, directory: Directory, header: int) -> bytes:
    """Return the raw, still packed, bytes of ``RECORD``."""
    data = directory.data
    packed, _unpacked, offset = real_sizes(data, header)
    name_length = number(data, header + 28, 2)
    if packed > limits.METADATA_SIZE:
        raise unusable("its RECORD is larger than any real one")
    if offset + LOCAL_SIZE + name_length + packed > directory.offset:
        raise unusable("its RECORD lies outside of the file")
    wanted = LOCAL_SIZE + name_length + _LOCAL_EXTRA + packed
    local = read_at(stream, offset, min(wanted, directory.offset - offset))
    name = data[header + HEADER_SIZE : header + HEADER_SIZE + name_length]
    if not local.startswith(LOCAL) or local[LOCAL_SIZE : LOCAL_SIZE + name_length] != name:
        raise unusable("its RECORD is not where the central directory says")
    start = LOCAL_SIZE + number(local, 26, 2) + number(local, 28, 2)
    if start + packed > directory.offset - offset:
        raise unusable("its RECORD lies outside of the file")
    if start + packed > len(local):
        return read_at(stream, offset + start, packed)
    return local[start : start + packed]


def _begins_with_digit(text: str) -> bool:
    return "0" <= text[:1] <= "9"


def _plain(text: str, besides: str) -> bool:
    for mark in besides:
        text = text.replace(mark, "")
    return text.isascii() and text.isalnum()


def identify_file(files: FileSystem, path: str) -> tuple[WheelName, WheelIdentity]:
    """Return name and identity of a wheel file, reading its directory and RECORD only.

    :raises InvalidWheelError: it is no wheel, or cannot be read; it names the path
    """
    try:
        name = parse_filename(os.path.basename(path))
    except ValueError as error:
        raise _named(error, path, str(getattr(error, "message", error))) from error
    try:
        with files.open_read(path) as stream:
            size = stream.seek(0, os.SEEK_END)
            return name, identify(stream, size)
    except ValueError as error:  # InvalidWheelError, which is costly to import
        raise _named(error, path) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> InvalidWheelError:
    """Return the refusal of a wheel that cannot be opened."""
    from linkinstall.errors import InvalidWheelError, Problem

    reason = error.strerror or str(error)
    return InvalidWheelError(
        f"Cannot read the wheel {path}: {reason}.",
        path=path,
        problems=[Problem("unreadable", _absolute(path), None, f"{path}: {reason}")],
        next_step="Nothing was changed. Check the path.",
    )


def _named(error: ValueError, path: str, message: str = "") -> InvalidWheelError:
    """Return the refusal of a wheel with the wheel's path in it.

    :param message: where it names the wheel already
    """
    from linkinstall.errors import InvalidWheelError, Problem

    problems = getattr(error, "problems", ())
    reason = problems[0].message if problems else str(error)
    return InvalidWheelError(
        message or f"The wheel {path} cannot be used: {reason}.",
        path=path,
        problems=[Problem(one.code, _absolute(path), None, one.message) for one in problems],
        next_step=getattr(error, "next_step", ""),
    )


def _absolute(path: str) -> str:
    # Programs read whole paths; people read, in the message, what they have typed.
    from linkinstall.paths import forward

    return forward(os.path.abspath(path))


def _no_wheel_name(basename: str, reason: str) -> InvalidWheelError:
    from linkinstall.errors import InvalidWheelError, Problem

    message = f"{basename!r} is not the name of a wheel: {reason}."
    return InvalidWheelError(
        message,
        path=basename,
        problems=[Problem("file-name", basename, None, reason)],
        next_step="Nothing was changed. Give the file the name it was published under.",
    )
