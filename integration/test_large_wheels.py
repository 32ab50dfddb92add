"""Legal wheels of 2 GB and of 100,000 files: installed, checked and removed in bounded memory.

What hostile wheels only claim, some real ones are. Each command runs in a process of its
own, whose peak memory the kernel tells when it ends.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest

from integration.support.environments import make_venv
from integration.test_hostile_sizes import cost_of
from tests.support.gates import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from integration.support.command import Command

pytestmark = pytest.mark.slow

SIZE = 2_200_000_000
"""Bytes of the one file of the large wheel: more than 31 bits count."""
COUNT = 100_000
MEMORY_OF_ONE = 128 << 20
MEMORY_OF_MANY = 512 << 20
"""Bytes at the most: what grows with the files is their names, sizes and digests."""
SPACE = 12 << 30
"""Bytes that have to be free: the wheel, the cache, and as much again."""
METADATA = "Metadata-Version: 2.1\nName: large\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_CHUNK = 1 << 20


def chunks(size: int) -> Iterator[bytes]:
    """Yield so many bytes that pack to a thirtieth: no bomb, and little to write."""
    chunk = b"".join(hashlib.sha256(b"%d" % n).digest() * 2 + bytes(2_048) for n in range(500))
    for begin in range(0, size, len(chunk)):
        yield chunk[: size - begin]


def make_wheel(path: Path, files: Iterator[tuple[str, Iterator[bytes]]]) -> Path:
    """Write a wheel, one file after the other."""
    rows = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:

        def add(name: str, parts: Iterator[bytes]) -> None:
            digest, size = hashlib.sha256(), 0
            info = zipfile.ZipInfo(name, (2020, 2, 2, 0, 0, 0))
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            with archive.open(info, "w", force_zip64=True) as stream:
                for part in parts:
                    stream.write(part)
                    digest.update(part)
                    size += len(part)
            text = base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
            rows.append(f"{name},sha256={text},{size}\n")

        for name, parts in files:
            add(name, parts)
        add("large-1.0.dist-info/METADATA", iter([METADATA.encode()]))
        add("large-1.0.dist-info/WHEEL", iter([WHEEL.encode()]))
        record = "".join([*rows, "large-1.0.dist-info/RECORD,,\n"])
        archive.writestr("large-1.0.dist-info/RECORD", record)
    return path


def one_file() -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield the one large file."""
    yield "large/data.bin", chunks(SIZE)


def many_files() -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield 100,000 small files in 500 folders."""
    for number in range(COUNT):
        yield f"large/part_{number % 500}/file_{number}.txt", iter([b"%d\n" % number])


@pytest.mark.parametrize(
    ("files", "memory"), [(one_file, MEMORY_OF_ONE), (many_files, MEMORY_OF_MANY)]
)
def test_it_comes_is_whole_and_goes(
    tmp_path: Path, linkinstall: Command, files: Callable[..., object], memory: int
) -> None:
    """Cold and warm, each command ends with success, and takes no more memory than it may."""
    require(shutil.disk_usage(tmp_path).free > SPACE, f"{SPACE >> 30} GiB of disk are free")
    wheel = make_wheel(tmp_path / "large-1.0-py3-none-any.whl", files())  # type: ignore[arg-type]
    try:
        venv = make_venv(tmp_path / "venv", tmp_path / "templates")
        bare = venv.snapshot(inodes=True)
        into = ("--python", venv.root)
        install = ("install", "-q", "--no-compile-bytecode", *into, wheel)
        told = []

        uninstall = ("uninstall", "-q", *into, "large")

        for words in (
            install, ("check", *into), ("check", "--full", *into), uninstall,
            install, uninstall, ("cache", "verify", "--full"),
        ):  # fmt: skip
            cost = cost_of(linkinstall, *words)
            assert 0 == cost.status, cost.out
            told.append(f"{words[0]}: {cost.memory >> 20} MiB, {cost.seconds:.1f} s")
            assert cost.memory < memory, told[-1]
            if words[0] == "check":
                assert (venv.library / "large").is_dir()

        assert venv.snapshot(inodes=True) == bare
        print(os.linesep.join(told))
    finally:
        shutil.rmtree(linkinstall.cache, ignore_errors=True)
        wheel.unlink()
