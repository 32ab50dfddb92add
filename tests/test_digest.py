"""Digests as RECORD writes them, with whichever module of CPython makes them."""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkinstall import limits
from linkinstall.digest import encode, hash_by, hash_data, hash_file, hash_stream, sha256
from linkinstall.fs import local

if TYPE_CHECKING:
    from pathlib import Path


def by_the_book(digest: bytes) -> str:
    """Return a digest in urlsafe base64 without padding, by the standard library."""
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@given(st.binary())
def test_encoding_is_urlsafe_without_padding(digest: bytes) -> None:
    """A digest of any length is written as RECORD wants it."""
    assert by_the_book(digest) == encode(digest)


@given(st.binary())
def test_small_data_is_hashed_as_by_hashlib(data: bytes) -> None:
    """CPython's own module and OpenSSL agree."""
    assert hashlib.sha256(data).hexdigest() == sha256(data).hexdigest()
    assert by_the_book(hashlib.sha256(data).digest()) == hash_data(data)


@pytest.mark.parametrize("size", [0, 1, limits.COPY_CHUNK, limits.COPY_CHUNK + 1])
def test_a_stream_is_hashed_to_its_end(tmp_path: Path, size: int) -> None:
    """What is left in a stream is hashed, however many reads it takes."""
    data = b"x" * size
    (tmp_path / "file").write_bytes(data)
    stream = io.BytesIO(b"read before" + data)
    stream.seek(len(b"read before"))

    assert hash_data(data) == hash_stream(stream)
    assert hash_data(data) == hash_file(local(), str(tmp_path / "file"))


def test_hashing_a_little_loads_no_openssl() -> None:
    """A warm install hashes a few hundred bytes without ``hashlib``."""
    code = (
        "import sys; from linkinstall.digest import hash_data; hash_data(b'little'); "
        "print(sorted({'hashlib', '_hashlib', 'base64'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


@pytest.mark.parametrize("algorithm", ["", "unheard-of", "shake_128"])
def test_an_algorithm_without_digests_is_refused(algorithm: str) -> None:
    """RECORD may name anything: what has no digests, or none of one length, is an error."""
    with pytest.raises(ValueError, match=r"unsupported|unknown|no digests|invalid"):
        hash_by(algorithm, io.BytesIO(b""))


def test_any_other_algorithm_is_taken() -> None:
    """The digest is that of the algorithm that is asked for."""
    assert by_the_book(hashlib.md5(b"x").digest()) == hash_by("md5", io.BytesIO(b"x"))  # noqa: S324
