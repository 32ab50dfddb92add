"""The manifest of an entry: what ``installer`` told the destination, written down.

Purpose: everything a warm install needs of a wheel, in a form that one ``split``
reads: files grouped by scheme and directory with size and digest, what is
executable, binary or needs its interpreter written in, the entry points. It knows
nothing of any environment. The same form describes a set of compiled files.

Calling sequence::

    manifest = Manifest(...); data = encode(manifest); decode(data) == manifest

Guarantees: pure, no I/O. :func:`entry_id` depends on the files and entry points
only (design: "Identity of an entry"), never on time, umask or file name.
:func:`decode` refuses text that is truncated or altered (CRC-32 at the end).

Errors: :class:`ValueError` from :func:`decode`, and from :func:`encode` for a name with
a line feed in it.
"""

from __future__ import annotations

import os
from binascii import crc32

from linkinstall.digest import sha256
from linkinstall.interpreter_report import SCHEMES
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["EntryPoint", "Folder", "Manifest", "column", "decode", "encode", "entry_id"]

_MAGIC = "linkinstall manifest 1"
_FEW_DIGITS = 4000
"""A number of so many digits Python still reads."""
_WINDOWS = os.name == "nt"
"""Whether a backslash, or a colon, leads elsewhere too."""


@value
class EntryPoint:
    """A console or gui script to generate.

    :param section: ``console`` or ``gui``
    :param body: the launcher's text after the shebang line, as ``installer`` writes it
    """

    name: str
    module: str
    attr: str
    section: str
    body: str


@value
class Folder:
    """The files of one directory of one scheme, in the order of their names.

    Sizes and digests are one text each, a space between two: as texts of their own they
    would take most of the memory that a large install needs.

    :param path: relative to the scheme's folder, "" for itself, forward slashes
    :param sizes: bytes, decimal
    :param digests: SHA-256, urlsafe base64 without padding
    """

    scheme: str
    path: str
    names: tuple[str, ...]
    sizes: str
    digests: str

    @classmethod
    def of(cls, scheme: str, path: str, rows: Iterable[tuple[str, str, str]]) -> Folder:
        """Return a folder of files of which name, size and digest are given.

        :raises ValueError: a size or a digest is none: it is empty, or has a space in it
        """
        ordered = sorted(rows)
        names, sizes, digests = ([one[index] for one in ordered] for index in range(3))
        if any(not part or " " in part for part in (*sizes, *digests)):
            message = f"a size or a digest in {scheme}/{path} is none"
            raise ValueError(message)
        return cls(scheme, path, tuple(names), " ".join(sizes), " ".join(digests))

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Yield name, size and digest of each file."""
        return zip(self.names, column(self.sizes), column(self.digests), strict=True)

    def join(self, name: str) -> str:
        """Return the path of one file, relative to the scheme."""
        return f"{self.path}/{name}" if self.path else name


@value
class Manifest:
    """See the module docstring.

    :param id: the entry's id (64 hexadecimal digits)
    :param distribution: the name as the wheel writes it
    :param dist_info: the dist-info folder's name, as the wheel gives it
    :param root: the scheme of the wheel's root, purelib or platlib
    :param mtime: modification time that every cache file carries, nanoseconds
    :param umask: the umask the files were made under: hard links share their modes
    :param executables: ``scheme/path`` of files with the executable bit
    :param binaries: ``scheme/path`` of what Windows locks while it runs
    :param rewritten: ``scheme/path`` of scripts that are written for each environment:
        those that begin with ``#!python``, and those that are not executable yet
    :param collisions: ``scheme/path`` of what differs from another only by case or Unicode form
    """

    id: str
    distribution: str
    version: str
    dist_info: str
    root: str
    mtime: int
    umask: int
    folders: tuple[Folder, ...]
    entry_points: tuple[EntryPoint, ...] = ()
    executables: frozenset[str] = frozenset()
    binaries: frozenset[str] = frozenset()
    rewritten: frozenset[str] = frozenset()
    collisions: frozenset[str] = frozenset()

    def files(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield (scheme, path, size, digest) of every file."""
        for folder in self.folders:
            for name, size, digest in folder.rows():
                yield folder.scheme, folder.join(name), size, digest

    @property
    def count(self) -> int:
        """How many files there are."""
        return sum(len(folder.names) for folder in self.folders)


def column(text: str) -> list[str]:
    """Return the sizes, or the digests, of a folder one by one."""
    return text.split(" ") if text else []


def entry_id(manifest: Manifest) -> str:
    """Return the digest of the sorted rows and the entry points."""
    rows = sorted(
        f"{scheme}\t{path}\t{digest}\t{size}\t{int(f'{scheme}/{path}' in manifest.executables)}"
        for scheme, path, size, digest in manifest.files()
    )
    points = sorted(
        f"{point.section}\t{point.name}\t{point.module}\t{point.attr}"
        for point in manifest.entry_points
    )
    text = "\n".join(["linkinstall entry 1", *rows, "", *points])
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def encode(manifest: Manifest) -> bytes:
    """Return the text form.

    :raises ValueError: a name has a line feed in it
    """
    head = (manifest.id, manifest.distribution, manifest.version, manifest.dist_info, manifest.root)
    lines = [_MAGIC, *head, str(manifest.mtime), f"{manifest.umask:o}"]
    for names in (
        manifest.executables,
        manifest.binaries,
        manifest.rewritten,
        manifest.collisions,
    ):
        lines += [str(len(names)), *sorted(names)]
    lines.append(str(len(manifest.entry_points)))
    for point in manifest.entry_points:
        lines += [point.name, point.module, point.attr, point.section, _escape(point.body)]
    lines.append(str(len(manifest.folders)))
    for folder in manifest.folders:
        lines += [f"{len(folder.names)} {folder.scheme} {folder.path}"]
        lines += folder.names
        lines += (folder.sizes, folder.digests)
    text = "\n".join(lines)
    if text.count("\n") != len(lines) - 1:
        message = "a name with a line feed in it cannot be written into a manifest"
        raise ValueError(message)
    body = text.encode("utf-8", "surrogateescape")
    return body + b"\nend %08x\n" % crc32(body)


def decode(data: bytes) -> Manifest:
    """Read the text form.

    :raises ValueError: not a manifest of this version, truncated or altered
    """
    body, separator, tail = data[:-14], data[-14:-13], data[-13:]
    if separator != b"\n" or tail != b"end %08x\n" % crc32(body):
        message = "the manifest is damaged (its checksum does not match)"
        raise ValueError(message)
    text = body.decode("utf-8", "surrogateescape")
    if "\0" in text:
        message = "the manifest is damaged (there is a null character in it)"
        raise ValueError(message)
    lines = tuple(text.split("\n"))  # its slices are tuples
    if lines[0] != _MAGIC:
        message = f"not a manifest of this version: {lines[0][:40]!r}"
        raise ValueError(message)
    try:
        return _decode(lines)
    except IndexError as error:
        message = "the manifest is damaged (it has too few lines)"
        raise ValueError(message) from error


def _decode(lines: tuple[str, ...]) -> Manifest:
    id_, distribution, version, dist_info, root, mtime, umask = lines[1:8]
    at = 8
    sets = []
    for _ in range(4):
        count = _count(lines[at])
        sets.append(frozenset(lines[at + 1 : at + 1 + count]))
        at += 1 + count
    points, at = _decode_points(lines, at)
    _refuse_no_scheme(root)
    _refuse_outside(dist_info, *(point.name for point in points))
    return Manifest(
        id_, distribution, version, dist_info, root, int(mtime), int(umask, 8),
        _decode_folders(lines, at), points, *sets,
    )  # fmt: skip


def _decode_points(lines: tuple[str, ...], at: int) -> tuple[tuple[EntryPoint, ...], int]:
    count = _count(lines[at])
    at += 1
    points = []
    for _ in range(count):
        name, module, attr, section, body = lines[at : at + 5]
        _refuse_no_text(name, module, attr, section, body)
        points.append(EntryPoint(name, module, attr, section, _unescape(body)))
        at += 5
    return tuple(points), at


def _decode_folders(lines: tuple[str, ...], at: int) -> tuple[Folder, ...]:
    folders = []
    total = _count(lines[at])
    at += 1
    for _ in range(total):
        count_text, scheme, path = lines[at].split(" ", 2)
        count = _count(count_text)
        at += 1
        names = lines[at : at + count]
        sizes, digests = lines[at + count], lines[at + count + 1]
        _refuse_no_scheme(scheme)
        if names:
            _refuse_no_names(f"{scheme}/{path}" if path else scheme, names)
            _refuse_no_numbers(sizes)
        _refuse_other_numbers(count, sizes, digests)
        folders.append(Folder(scheme, path, names, sizes, digests))
        at += count + 2
    if at != len(lines):
        message = "the manifest is damaged (it has other lines than it says)"
        raise ValueError(message)
    return tuple(folders)


def _count(text: str) -> int:
    count = int(text)
    if count < 0:  # it would lead back to lines that were read, without an end
        message = "the manifest is damaged (it has a count below zero)"
        raise ValueError(message)
    return count


def _refuse_no_scheme(scheme: str) -> None:
    if scheme not in SCHEMES:
        message = f"the manifest is damaged ({scheme!r} is no scheme)"
        raise ValueError(message)


def _refuse_no_text(*parts: str) -> None:
    """Refuse bytes that are no UTF-8 in what scripts are made of; files may have such names."""
    try:
        "".join(parts).encode()
    except UnicodeEncodeError as error:
        message = "the manifest is damaged (an entry point is no text)"
        raise ValueError(message) from error


def _refuse_outside(*paths: str) -> None:
    """Refuse paths that are not inside whatever they are joined to; "" is that itself."""
    for path in paths:
        if path and _leads_out(f"/{path}/"):
            message = f"the manifest is damaged ({path!r} leads out of its folder)"
            raise ValueError(message)


def _refuse_no_names(place: str, names: tuple[str, ...]) -> None:
    """Refuse what is no name of a file in a folder; one look at all of them is cheap.

    :param place: the folder, with its scheme
    """
    text = "/".join(names)
    if text.count("/") != max(len(names) - 1, 0) or _leads_out(f"/{place}/{text}/"):
        message = f"the manifest is damaged (a path in {place!r} leads out of its folder)"
        raise ValueError(message)


def _refuse_no_numbers(sizes: str) -> None:
    """Refuse sizes that are none; one look at all of them is cheap."""
    long = len(sizes) > _FEW_DIGITS and max(map(len, sizes.split(" "))) > _FEW_DIGITS
    if long or not sizes.replace(" ", "").isdecimal() or "  " in f" {sizes} ":
        message = "the manifest is damaged (a size in it is no number)"
        raise ValueError(message)


def _refuse_other_numbers(count: int, *texts: str) -> None:
    """Refuse a folder that does not have one size and one digest for each name."""
    # As many as :func:`column` gives, without making them.
    if any((text.count(" ") + 1 if text else 0) != count for text in texts):
        message = "the manifest is damaged (a folder has other numbers of names and sizes)"
        raise ValueError(message)


def _leads_out(text: str) -> bool:
    """Return whether a path, with a slash at either end, has a segment that is no name."""
    if "//" in text or (_WINDOWS and ("\\" in text or ":" in text)):
        return True
    return "/." in text and ("/./" in text or "/../" in text)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _unescape(text: str) -> str:
    return "\\".join(part.replace("\\n", "\n") for part in text.split("\\\\"))
