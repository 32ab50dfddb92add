"""Wheels for ``make fuzz``: spoilt anywhere, or sound archives of spoilt members.

Purpose: what a wheel can be refused for lies in the archive or in what is in it. Spoilt
bytes are mostly refused for the archive, so the members are spoilt by themselves, too.

Calling sequence::

    read_wheel(wheel_of_spoilt_members(chance))     # returns, or raises InvalidWheelError

Guarantees: what is written lies in a folder of its own, in memory where that is possible,
which is gone in the end.

Errors: :class:`~linkinstall.errors.InvalidWheelError`.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from integration.faults.mutations import mutated
from integration.faults.volumes import quick_folder
from linkinstall.cache import Cache
from linkinstall.unpack import rebuild, vet_file
from linkinstall.wheel import identify
from tests.support.wheels import make_record, make_wheel

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

NAME = "sample-1.0-py3-none-any.whl"
DIST_INFO = "sample-1.0.dist-info"
_NAME_LENGTH = 3_000

POINTS = (
    (
        b"[console_scripts]\nrun = sample.cli:main\nother=sample:a.b [extra]\n# a comment\n"
        b"[gui_scripts]\nshow = sample.gui:main\n[sample.plugins]\none = sample:One\n"
    ),
    b"[console_scripts]\nlong =\n    sample:main\n\n[DEFAULT]\nx = %(y)s\n",
)
METADATA = (
    (
        b"Metadata-Version: 2.1\nName: sample\nVersion: 1.0\nSummary: a sample\n"
        b"Requires-Dist: other>=1\nDescription: one\n  two\n\nbody\n"
    ),
    b"Metadata-Version: 2.4\r\nName: Sample\r\nVersion: 1.0.0\r\nAuthor: =?utf-8?b?w7w=?=\r\n\r\n",
)
WHEELS = (b"Wheel-Version: 1.0\nGenerator: test (1)\nRoot-Is-Purelib: true\nTag: py3-none-any\n",)
_WHEEL_WORDS = (
    b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08",
    b".dist-info/", b".data/", b"RECORD", b"METADATA", b"WHEEL", b"entry_points.txt", b"sha256=",
    b"console_scripts", b"Version: ", b"Name: ",
)  # fmt: skip


@cache
def _members() -> dict[str, bytes]:
    found = {
        "sample/__init__.py": b"x = 1\n",
        "sample/data.txt": b"data\n" * 20,
        "sample-1.0.data/scripts/tool": b"#!python\nprint()\n",
        f"{DIST_INFO}/METADATA": METADATA[0],
        f"{DIST_INFO}/WHEEL": WHEELS[0],
        f"{DIST_INFO}/entry_points.txt": POINTS[0],
    }
    return {**found, f"{DIST_INFO}/RECORD": make_record(found, DIST_INFO).encode()}


@cache
def good_wheels() -> tuple[bytes, ...]:
    """Return wheels that are accepted: stored, deflated, with scripts and without."""
    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        plain = make_wheel(Path(folder, "1"), files={"sample.py": b"", "a/b.py": b"x" * 300})
        stored = make_wheel(
            Path(folder, "2"), compression=zipfile.ZIP_STORED, entry_points=POINTS[0].decode()
        )
        return plain.read_bytes(), stored.read_bytes(), _packed(_members(), zipfile.ZIP_DEFLATED)


def _packed(members: Mapping[str, bytes], method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 2, 2, 0, 0, 0)), data, method)
    return stream.getvalue()


def wheel_of_spoilt_bytes(chance: random.Random) -> bytes:
    """Return a wheel, spoilt anywhere."""
    return mutated(chance, good_wheels(), _WHEEL_WORDS)


def wheel_of_spoilt_members(chance: random.Random) -> bytes:
    """Return a sound archive of which a member, or its name, is spoilt; mostly RECORD agrees."""
    members = dict(_members())
    for _ in range(1 + (chance.random() < 1 / 4)):
        name = chance.choice(list(members))
        data = members[name]
        if chance.random() < 1 / 3:
            del members[name]
            name = text(mutated(chance, [name.encode()], _WHEEL_WORDS)[:_NAME_LENGTH])
        else:
            data = mutated(chance, [data], _WHEEL_WORDS)
        members[name] = data
    own = f"{DIST_INFO}/RECORD"
    if own in members and chance.random() < 3 / 4:
        del members[own]
        members[own] = make_record(members, DIST_INFO).encode("utf-8", "replace")
    return _packed(members, chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def text(data: bytes) -> str:
    """Return a name that a member can have."""
    return data.decode("utf-8", "replace").split("\0")[0] or "x"


def read_wheel(data: bytes) -> None:
    """Vet a wheel as ``cache add`` does; unpack into a cache what is accepted."""
    stream = io.BytesIO(data)
    identify(stream, len(data))
    _vetted, archive = vet_file(stream, NAME, "all")
    archive.close()
    scratch = tempfile.mkdtemp(prefix="linkinstall-fuzz-", dir=quick_folder())
    try:
        path = Path(scratch, NAME)
        path.write_bytes(data)
        rebuild(Cache(f"{scratch}/cache"), str(path))
    except OSError as error:
        # A path can be short enough for a wheel, and too long below the cache's folder.
        if error.errno is None:
            raise
    finally:
        shutil.rmtree(scratch)
