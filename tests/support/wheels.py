"""Make wheels of any shape, sound or damaged, for tests.

``make_wheel`` makes a sound wheel from a mapping of files; every part of it can
be overridden to make a damaged one on purpose.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def record_hash(data: bytes, algorithm: str = "sha256") -> str:
    """Return the hash column of a RECORD row."""
    digest = hashlib.new(algorithm, data).digest()
    return f"{algorithm}=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def make_wheel(
    folder: Path,
    name: str = "sample",
    version: str = "1.0",
    files: Mapping[str, bytes | str] | None = None,
    *,
    entry_points: str | None = None,
    executable: Sequence[str] = (),
    purelib: bool = True,
    tag: str = "py3-none-any",
    metadata: str | None = None,
    wheel: str | None = None,
    record: str | None = None,
    algorithm: str = "sha256",
    dist_info: str | None = None,
    compression: int = zipfile.ZIP_DEFLATED,
    filename: str | None = None,
) -> Path:
    """Write a wheel into ``folder`` and return its path.

    :param files: path in the archive -> contents; default one small package
    :param executable: the members of ``files`` that get the executable bit
    :param record: the whole RECORD; default one that is right for the members
    """
    stem = name.replace("-", "_")
    dist_info = dist_info or f"{stem}-{version}.dist-info"
    if files is None:
        files = {
            f"{stem}/__init__.py": f"__version__ = {version!r}\n",
            f"{stem}/data.txt": "data\n",
        }
    members = {
        path: data.encode() if isinstance(data, str) else data for path, data in files.items()
    }
    if metadata is None:
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    if wheel is None:
        root = "true" if purelib else "false"
        wheel = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: {root}\nTag: {tag}\n"
    members.setdefault(f"{dist_info}/METADATA", metadata.encode())
    members.setdefault(f"{dist_info}/WHEEL", wheel.encode())
    if entry_points is not None:
        members.setdefault(f"{dist_info}/entry_points.txt", entry_points.encode())
    if record is None:
        record = make_record(members, dist_info, algorithm)
    members[f"{dist_info}/RECORD"] = record.encode()

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / (filename or f"{stem}-{version}-{tag}.whl")
    with zipfile.ZipFile(target, "w", compression) as archive:
        for path, data in members.items():
            mode = 0o755 if path in executable else 0o644
            info = zipfile.ZipInfo(path, (2020, 2, 2, 0, 0, 0))
            info.external_attr = (0o100000 | mode) << 16
            info.compress_type = compression
            archive.writestr(info, data)
    return target


def make_record(members: Mapping[str, bytes], dist_info: str, algorithm: str = "sha256") -> str:
    """Return the RECORD text for ``members``, its own row included.

    ``csv.writer`` would do but for a carriage return, which it quotes from 3.11.9 on only.
    """
    rows = [
        f"{_quoted(path)},{record_hash(data, algorithm)},{len(data)}\n"
        for path, data in members.items()
    ]
    return "".join([*rows, f"{dist_info}/RECORD,,\n"])


def _quoted(path: str) -> str:
    if not set(path) & set(',"\r\n'):
        return path
    return '"' + path.replace('"', '""') + '"'
