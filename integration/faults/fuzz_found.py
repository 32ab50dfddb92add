"""What ``make fuzz`` puts to the readers of small files: state, notes, markers, launchers.

Purpose: of what is found beside an environment, in it or in the cache, that which no codec
with a version describes: the journal of a venv's removal, the note that an environment
links into the cache, the rows that an entry keeps, ``EXTERNALLY-MANAGED``,
``direct_url.json`` and launchers that somebody may have put there.

Calling sequence: the targets of :mod:`integration.faults.fuzz_targets`.

Guarantees: nothing is written.

Errors: what the readers raise, and :class:`AssertionError` where one of them names a path
outside of where it may.
"""

from __future__ import annotations

import errno
import io
import json
import os
import zipfile
from binascii import crc32
from functools import cache
from typing import TYPE_CHECKING
from unittest import mock

from integration.faults.fuzz_wheels import DIST_INFO, NAME, good_wheels
from integration.faults.mutations import mutated
from linkinstall import externally_managed, interpreter_report, limits, registry, requests
from linkinstall.cache import Cache, Entry
from linkinstall.distribution import Distribution
from linkinstall.environment import Environment
from linkinstall.errors import ExternallyManagedError
from linkinstall.evidence import Evidence
from linkinstall.fs.posix import PosixFileSystem
from linkinstall.health import Examined
from linkinstall.manifest import EntryPoint, Manifest
from linkinstall.proof import is_launcher
from linkinstall.record import seal
from linkinstall.venvs.aside import Aside
from linkinstall.world import World
from tests.support.journals import sample_manifest

if TYPE_CHECKING:
    import random

NOWHERE = "/nowhere/lib/site-packages"
_PLACE = "/nowhere/.venv"
_STATE = "/nowhere/.linkinstall-.venv"

VENV_JOURNALS = (
    b"linkinstall venv 1\n0123456789ab\n1\nremove\nstood\n",
    b"linkinstall venv 1\nba9876543210\n12\nclear\nabsent\n",
)
MARKERS = (
    b"[externally-managed]\nError=Use apt: %s\n more\n\nError-de = Nimm apt.\n",
    b"[DEFAULT]\nx = 1\n[externally-managed]\nError-de_DE=\nError: y\n# z\n",
)
DIRECT_URLS = (
    json.dumps({"url": f"file:///nowhere/{NAME}", "archive_info": {}}).encode(),
    json.dumps(
        {
            "url": f"file://localhost/nowhere/a%20b/{NAME}",
            "archive_info": {"hash": "sha256=00", "hashes": {"sha256": "00", "md5": "1"}},
        }
    ).encode(),
    b'{"url": "https://[::1]/x", "dir_info": {"editable": true}, "vcs_info": [[["x"]]]}',
)
_POINT = EntryPoint("run", "package.module", "main", "console", "")
_MAIN = (
    "# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom package.module import main\n"
    "if __name__ == '__main__':\n    sys.exit(main())\n"
)
_NOTE = {
    "root": "/nowhere/.venv", "volume": "/", "named": "1", "scheme.purelib": NOWHERE,
    "scheme.scripts": "/nowhere/.venv/bin", "scheme.headers": "/nowhere/.venv/include",
}  # fmt: skip


class OneFile(PosixFileSystem):
    """This machine's file system, but for one file, of which the contents are given."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name, self.data = name, data

    def read(self, path: str, limit: int = limits.METADATA_SIZE) -> bytes:
        """Return the one file, as far as it is not too large; there is no other."""
        if not path.endswith(self.name):
            raise FileNotFoundError(path)
        if len(self.data) > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
        return self.data

    def open_read(self, _path: str) -> io.BufferedReader:
        """Open a good wheel, whatever is asked for."""
        return io.BufferedReader(io.BytesIO(good_wheels()[0]))

    def scan(self, _folder: str) -> list[tuple[str, str]]:
        """Return what a dist-info has."""
        return [("METADATA", "file"), ("RECORD", "file")]


# ---------------------------------------------------------------- state and notes


def read_venv_journal(data: bytes) -> None:
    """Read how far the removal of a venv came; what it stashes lies in its state folder."""
    aside = Aside(OneFile("/journal", data), _PLACE, state=_STATE)
    folder, _, number = aside.stash.rpartition("/")
    if folder != _STATE or not number.isdecimal():
        message = f"the stash is {aside.stash!r}"
        raise AssertionError(message)


def sealed_note(chance: random.Random) -> bytes:
    """Return a spoilt note of an environment, with the right checksum."""
    words = (b"root", b"volume", b"scheme.", b"headers", b"../../..")
    body = mutated(chance, [interpreter_report.encode(_NOTE)], words)
    return b"%08x" % crc32(body) + body


def read_note(data: bytes) -> None:
    """Read which environment links into the cache, and whether it still may."""
    files = OneFile("/note", data)
    found = registry.read(files, "/note")
    if found is not None:
        found.is_gone(files)
        found.is_unsettled(files)
        found.path("sample", "headers", "x.h")


def read_rows(data: bytes) -> None:
    """Write RECORD from the rows that an entry of the cache keeps."""
    files = OneFile("/record", data)
    wanted = requests.Wanted("sample", Entry("/nowhere/entry", _manifest()), {})
    requests.rendered_record(files, wanted, {"purelib": NOWHERE, "data": "/nowhere"}, [], [])


@cache
def _manifest() -> Manifest:
    return sample_manifest()


def kept_rows() -> tuple[bytes, ...]:
    """Return the rows that an entry keeps."""
    rows = (
        b"sample/a.py,sha256=x,1", b'"sample/""b"", c.py",sha256=y,2',
        b"\tdata\tshare/x,sha256=z,3", b"\tscripts\trun,,",
    )  # fmt: skip
    return (b"\n".join(rows), seal(b"\n".join(rows), _manifest().id))


# ---------------------------------------------------------------- what others have written


def read_marker(data: bytes) -> None:
    """Read why an environment is managed by somebody else."""
    files = _Marked(externally_managed.MARKER, data)
    with mock.patch.object(externally_managed, "local", return_value=files):
        try:
            externally_managed.refuse_if_managed("/nowhere", "/nowhere/bin/python")
        except ExternallyManagedError as error:
            str(error)
        else:
            message = "it is not refused"
            raise AssertionError(message)


class _Marked(OneFile):
    def status(self, _path: str) -> os.stat_result | None:
        return os.stat("/")


def read_direct_url(data: bytes) -> None:
    """Look for the wheel that a distribution says it was installed from."""
    files = OneFile("direct_url.json", data)
    one = Distribution("sample", "1.0", NOWHERE, DIST_INFO, NOWHERE)
    examined = Examined(one, "modified", (), None)
    environment = Environment.from_schemes({"purelib": NOWHERE}, interpreter="/nowhere/python")
    Evidence(World(files, environment), Cache("/nowhere/cache", files=files)).source(examined)


@cache
def launchers() -> tuple[bytes, ...]:
    """Return scripts that call an entry point, as text and packed."""
    found = [b"#!/nowhere/bin/python\n" + _MAIN.encode()]
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            archive.writestr(zipfile.ZipInfo("__main__.py"), _MAIN, method)
        found.append(b"MZ" + b"\0" * 8 + b"#!/nowhere/python\r\n" + stream.getvalue())
    return tuple(found)


def read_launcher(data: bytes) -> None:
    """Tell whether a script calls an entry point."""
    is_launcher(data, _POINT)
