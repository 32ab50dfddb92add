"""SHA-256 and base64 at the lowest start-up cost.

Purpose: ``hashlib`` costs 3 ms to import and ``base64`` 8; a warm install hashes a
few hundred bytes. Small inputs take CPython's own module; :func:`hash_stream`
takes ``hashlib``, which is three times faster on large ones.

Guarantees: digests are those of RECORD (urlsafe base64 without padding, :pep:`376`).

Errors: those of the stream.
"""

from __future__ import annotations

from binascii import b2a_base64

from linkinstall import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from linkinstall.fs.port import FileSystem

__all__ = ["encode", "hash_by", "hash_data", "hash_file", "hash_stream", "sha256"]

if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha256 import sha256  # CPython 3.11
    except ImportError:
        try:
            from _sha2 import sha256  # CPython 3.12 and later
        except ImportError:
            from hashlib import sha256


def encode(digest: bytes) -> str:
    """Return a digest as RECORD writes it: urlsafe base64, no padding."""
    text = b2a_base64(digest, newline=False).decode("ascii")
    return text.rstrip("=").replace("+", "-").replace("/", "_")


def hash_data(data: bytes) -> str:
    """Return the encoded SHA-256 of ``data``."""
    return encode(sha256(data).digest())


def hash_stream(stream: BinaryIO) -> str:
    """Return the encoded SHA-256 of what is left in ``stream``."""
    import hashlib

    state = hashlib.sha256()
    while chunk := stream.read(limits.COPY_CHUNK):
        state.update(chunk)
    return encode(state.digest())


def hash_by(algorithm: str, stream: BinaryIO) -> str:
    """Return the encoded digest of what is left in ``stream``.

    :raises ValueError: the algorithm is unknown, or its digests have no length of their own
    """
    import hashlib

    state = hashlib.file_digest(stream, algorithm)  # type: ignore[arg-type]
    if not state.digest_size:  # SHAKE
        message = f"{algorithm} has no digests of one length"
        raise ValueError(message)
    return encode(state.digest())


def hash_file(files: FileSystem, path: str) -> str:
    """Return the encoded SHA-256 of a file's contents."""
    with files.open_read(path) as stream:
        return hash_stream(stream)
