"""RECORD files: reading and writing rows, fast where they are plain.

Purpose: the rows of a distribution's RECORD (the PyPA specification "Recording
installed projects": CSV with default dialect, ``path,algorithm=digest,size``).

Calling sequence: :func:`parse` what another tool wrote, :func:`row` and
:func:`render` what this one writes. What an entry of the cache keeps for RECORD gets a
checksum by :func:`seal`; :func:`is_sealed` tests it, and :func:`unsealed` takes it away.
:func:`paths_in` is for whoever asks whose a file is.

Guarantees: a rendered row is byte for byte what ``csv.writer`` gives for the same
fields; rows without a quote are parsed without importing ``csv``. Pure, no I/O.

Errors: :class:`ValueError` for text that is no RECORD.
"""

from __future__ import annotations

from binascii import crc32
from codecs import BOM_UTF8

from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Row",
    "is_compiled",
    "is_compiled_of",
    "is_sealed",
    "parse",
    "path_of",
    "paths_in",
    "render",
    "row",
    "seal",
    "unsealed",
]

_COLUMNS = 3
_SEAL = len(b"\nend 01234567\n")


@value
class Row:
    """One row: path as written (forward slashes), ``algorithm=digest`` or "", size or None."""

    path: str
    hash: str
    size: int | None


def parse(data: bytes) -> list[Row]:
    """Parse a RECORD.

    :raises ValueError: a row has no three columns, a size is no number, the text is not
        UTF-8, or it has a NUL, as a file has that lost its blocks in a power cut
    """
    if b"\0" in data:
        message = "not a RECORD: it has a NUL, which is in no file's name"
        raise ValueError(message)
    rows = []
    # Editors on Windows put a mark before the text. The codec for it would be one more import.
    for fields in _columns(data.removeprefix(BOM_UTF8).decode("utf-8")):
        if len(fields) < _COLUMNS:
            message = f"not a RECORD row: {fields!r}"
            raise ValueError(message)
        path, hash_, size = fields[0], fields[1], fields[2]
        rows.append(Row(path.replace("\\", "/"), hash_, int(size) if size else None))
    return rows


def paths_in(data: bytes) -> list[str]:
    """Return the paths that a RECORD names, in rows that can be read and in others.

    A size that is no number, or one name in another encoding, says nothing of the other files:
    they are not nobody's.
    """
    try:
        return [row.path for row in parse(data)]
    except ValueError:
        pass
    found = []
    for line in data.removeprefix(BOM_UTF8).split(b"\n"):
        try:
            found += [row.path for row in parse(line.rstrip(b"\r"))]
        except ValueError:
            if b"\0" not in line:
                text = line.decode("utf-8", "surrogateescape").rstrip("\r")
                path = text.rsplit(",", max(1, min(text.count(","), _COLUMNS - 1)))[0]
                found.append(path.strip('"').replace("\\", "/"))
    return found


def _columns(text: str) -> list[list[str]]:
    # Not splitlines: it ends a line at characters that names may hold.
    if '"' not in text:
        lines = text.replace("\r\n", "\n").split("\n")
        return [line.rsplit(",", _COLUMNS - 1) for line in lines if line]
    import csv
    import io

    try:
        return [fields for fields in csv.reader(io.StringIO(text, newline="\n")) if fields]
    except csv.Error as error:
        message = f"not a RECORD: {error}"
        raise ValueError(message) from error


def is_compiled(path: str) -> bool:
    """Return whether a row's path is that of a compiled file, or of a folder of them.

    The interpreter makes both again. virtualenv lists the folders, which are not there yet.
    """
    return path.endswith((".pyc", "/__pycache__"))


def is_compiled_of(name: str, sources: set[str]) -> bool:
    """Return whether ``name`` is the compiled file of one of the modules ``sources``.

    :pep:`3147`: ``MODULE.TAG.pyc``, with ``.opt-LEVEL`` before the suffix (:pep:`488`).
    """
    if not name.endswith(".pyc"):
        return False
    stem = name.removesuffix(".pyc")
    while stem:
        stem = stem.rpartition(".")[0]
        if stem in sources:
            return True
    return False


def row(path: str, hash_: str = "", size: int | str = "") -> str:
    """Render one row, without the line end."""
    if "," in path or '"' in path or "\n" in path or "\r" in path:
        path = '"' + path.replace('"', '""') + '"'
    return f"{path},{hash_},{size}"


def path_of(line: str) -> str:
    """Return the path column of a rendered row."""
    if not line.startswith('"'):
        return line[: line.index(",")]
    return line[1 : line.rindex('"')].replace('""', '"')


def render(lines: Iterable[str]) -> bytes:
    """Join rendered rows into a RECORD."""
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def seal(rows: bytes, key: str) -> bytes:
    """Return rows with a checksum in a line after them.

    :param key: the entry that they belong to: those of another one are not its own
    """
    return rows + b"\nend %08x\n" % crc32(rows, crc32(key.encode("utf-8", "surrogateescape")))


def is_sealed(data: bytes, key: str) -> bool:
    """Return whether these are rows as they were sealed.

    No for rows without a seal, too: before there were seals, entries were written so.
    """
    return data == seal(unsealed(data), key)


def unsealed(data: bytes) -> bytes:
    """Return rows without their seal, where they have one: a row has no line end."""
    tail = data[-_SEAL:]
    return data[:-_SEAL] if tail.startswith(b"\nend ") and tail.endswith(b"\n") else data
