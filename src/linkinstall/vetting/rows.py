"""``RECORD`` of a wheel, compared with what is in the archive.

Purpose: read its rows as ``installer`` reads them, and compare them with the members.

Calling sequence::

    rows = read_rows(data, problems)
    check_rows(rows, members, signatures, level, problems, warnings)
    comparable(rows, names)

Guarantees: rows of accepted wheels never make ``installer`` raise, at any level. With
``all`` and ``entries`` each member has one row with a hash of sha256 or better and a
size, each row has a member; with ``all`` the sizes are those of the archive. The
hashes themselves are compared while the wheel is unpacked. With ``none`` missing,
superfluous and weak rows are accepted.

Errors: none; what is found is noted.

Specifications: PyPA, "Binary distribution format" (RECORD, signed wheels) and
"Recording installed projects"; :pep:`376` for the form of a hash.
"""

from __future__ import annotations

import csv
import hashlib
from base64 import urlsafe_b64encode
from typing import NamedTuple

from linkinstall.outcome import Warn
from linkinstall.vetting.problems import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from linkinstall.vetting.problems import Problems

__all__ = ["SIGNATURES", "RecordRow", "check_rows", "comparable", "read_rows"]

SIGNATURES = ("RECORD.jws", "RECORD.p7s")
"""Signatures of RECORD: in the archive, never in RECORD (:pep:`815`)."""

# Algorithms that are "sha256 or better", and the bytes of their digests.
_STRONG = {
    "sha256": 32,
    "sha384": 48,
    "sha512": 64,
    "sha3_256": 32,
    "sha3_384": 48,
    "sha3_512": 64,
    "blake2s": 32,
    "blake2b": 64,
}
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_HEXADECIMAL = frozenset("0123456789abcdef")
_SIZE_DIGITS = 18


class RecordRow(NamedTuple):
    """One row of RECORD.

    :param algorithm: name of the hash algorithm, ``""`` where there is no hash
    :param digest: the hash in urlsafe base64 without padding, however RECORD writes it
    :param size: bytes, None where there is no size
    """

    algorithm: str
    digest: str
    size: int | None


def read_rows(data: bytes | None, problems: Problems, *, strict: bool) -> dict[str, RecordRow]:
    """Return the rows of RECORD by path; folders' rows are kept, too.

    :param strict: whether a row that stands there twice is a problem
    """
    rows: dict[str, RecordRow] = {}
    if data is None:
        return rows
    try:
        # As installer does it: lines first, then columns.
        table = list(csv.reader(data.decode("utf-8").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        problems.add("record-damaged", "RECORD", f"it cannot be read: {error}")
        return rows
    for line, columns in enumerate(table, 1):
        if len(columns) != len(("path", "hash", "size")):
            problems.add("record-damaged", "RECORD", f"row {line} has not three columns")
            continue
        path = columns[0].replace("\\", "/")
        row = _read_row(path, columns[1], columns[2], problems)
        if path in rows and (strict or rows[path] != row):
            problems.add("record-duplicate", path, "RECORD lists it twice")
        rows[path] = row
    return rows


def check_rows(
    rows: Mapping[str, RecordRow],
    sizes: Mapping[str, int],
    record: str,
    problems: Problems,
    warnings: list[Warn],
    *,
    compare_sizes: bool,
) -> None:
    """Check that rows and members correspond.

    :param sizes: files of the archive and their sizes
    :param record: the path of RECORD itself
    :param compare_sizes: whether the sizes must be those of the archive
    """
    folder = record.removesuffix("RECORD")
    signatures = {folder + name for name in SIGNATURES}
    own = rows.get(record)
    if own is None or own.algorithm or own.size is not None:
        warnings.append(Warn("record", "RECORD should list itself, without hash and size."))
    for path, size in sizes.items():
        row = rows.get(path)
        if path in signatures:
            if row is not None:
                problems.add("record-signature", path, "RECORD lists it, but may not: it signs it")
        elif path != record:
            _check_row(path, row, size if compare_sizes else None, problems)
    for path, row in rows.items():
        if path not in sizes and path != record and not (path.endswith("/") and not row.algorithm):
            problems.add(
                "record-missing-file", path, "RECORD lists it, the archive has no such file"
            )


def comparable(rows: Mapping[str, RecordRow], paths: Collection[str]) -> dict[str, RecordRow]:
    """Return the rows of these files that pin their contents."""
    return {path: row for path, row in rows.items() if path in paths and not _weakness(row)}


def _read_row(path: str, hash_: str, size: str, problems: Problems) -> RecordRow:
    algorithm, equals, digest = hash_.partition("=")
    if hash_ and not equals:
        problems.add("record-hash", path, "its hash in RECORD has no algorithm")
    elif hash_ and algorithm not in hashlib.algorithms_available:
        problems.add("record-hash", path, f"{shown(algorithm)} in RECORD is no hash algorithm")
    if len(digest) == 2 * _STRONG.get(algorithm, 0) and _HEXADECIMAL.issuperset(digest):
        # Some builders (of gmsh, say) write it so; it pins the contents as well.
        digest = urlsafe_b64encode(bytes.fromhex(digest)).decode()
    digest = digest.rstrip("=")
    if not size:
        return RecordRow(algorithm, digest, None)
    if not (size.isascii() and size.isdigit() and len(size) <= _SIZE_DIGITS):
        problems.add("record-size", path, "its size in RECORD is not a number")
        return RecordRow(algorithm, digest, None)
    return RecordRow(algorithm, digest, int(size))


def _check_row(path: str, row: RecordRow | None, size: int | None, problems: Problems) -> None:
    if row is None:
        problems.add("record-missing-row", path, "RECORD does not list it")
        return
    # Whether the digest could be one at all is part of its contents: ``entries`` is
    # content with rows, as installer is.
    if weakness := _weak_algorithm(row) if size is None else _weakness(row):
        problems.add("record-hash", path, weakness)
    if row.size is None:
        problems.add("record-size", path, "RECORD has no size for it")
    elif size is not None and row.size != size:
        problems.add(
            "record-size", path, f"it has {size} bytes in the archive, {row.size} in RECORD"
        )


def _weakness(row: RecordRow) -> str:
    """Return why the row does not pin the contents of a file, ``""`` if it does."""
    if weakness := _weak_algorithm(row):
        return weakness
    bits = 8 * _STRONG[row.algorithm]
    if len(row.digest) != -(-bits // 6) or not _ALPHABET.issuperset(row.digest):
        return f"its hash in RECORD is no {row.algorithm}"
    return ""


def _weak_algorithm(row: RecordRow) -> str:
    if not row.algorithm:
        return "RECORD has no hash for it"
    if row.algorithm not in _STRONG:
        return f"its hash in RECORD is {row.algorithm}; wheels have sha256 or better"
    return ""
