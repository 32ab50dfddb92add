"""What ``make fuzz`` puts spoilt input to: every reader of what others have written.

Purpose: for each kind of file that linkinstall reads, some good ones, how they are spoilt
(with a checksum that is right again, where the format has one, or the checksum would keep
everything else from being reached), the call that reads them, and the errors that this
call's docstring names.

Calling sequence::

    target = TARGETS["manifest, sealed"]
    target.read(target.make(chance))     # returns, or raises one of target.allowed

Guarantees: nothing is written, but for wheels, see :mod:`integration.faults.fuzz_wheels`.
What a codec of ours accepts is written and read again, and must be the same.

Errors: what the readers raise, and :class:`AssertionError` where they contradict
themselves.
"""

from __future__ import annotations

import io
import json
import os
from binascii import crc32
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from integration.faults import fuzz_found
from integration.faults.fuzz_found import NOWHERE, OneFile
from integration.faults.fuzz_wheels import (
    DIST_INFO,
    METADATA,
    NAME,
    POINTS,
    WHEELS,
    good_wheels,
    read_wheel,
    text,
    wheel_of_spoilt_bytes,
    wheel_of_spoilt_members,
)
from integration.faults.mutations import mutated
from linkinstall import distribution, interpreter_report, journal, manifest, record, requests, trash
from linkinstall.cache import Cache
from linkinstall.errors import InvalidWheelError
from linkinstall.fs import local
from linkinstall.remembered_interpreters import RememberedInterpreters
from linkinstall.venvs.making import Wanted, wanted_again
from linkinstall.vetting.entry_points import read_entry_points
from linkinstall.vetting.metadata import check_metadata, check_wheel_file
from linkinstall.vetting.problems import Problems
from linkinstall.wheel import identify, parse_filename
from tests.support.journals import sample_journal, sample_manifest

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

_EXECUTABLE = "/nowhere/bin/python"

RECORDS = (
    (
        b"sample/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"
        b"sample/__pycache__/__init__.cpython-311.pyc,,\n../../bin/run,sha256=x,17\n"
        b"sample-1.0.dist-info/METADATA,sha256=y,120\r\nsample-1.0.dist-info/RECORD,,\n"
    ),
    b'"a ""b"", c.py",sha512=00,1\n/absolute/x,md5=1,\nsample\\data.txt,,3\n',
)
SETTINGS = (
    (
        b"home = /usr/bin\nimplementation = CPython\nversion_info = 3.11.7.final.0\n"
        b"include-system-site-packages = false\nbase-executable = /usr/bin/python3.11\n"
    ),
    b"home = /usr/bin\nversion = 3.11.7\nexecutable = /usr/bin/python3\nprompt = 'x'\n",
)
FILE_NAMES = (
    NAME.encode(), b"A.b_C-1!2.0rc1+local-1abc-cp311.cp312-abi3-manylinux_2_17_x86_64.whl",
    b"sample-1.0-py3-none-any-variant.whl",
)  # fmt: skip
URLS = (b"https://host/a%20b/sample-1.0.whl?x=1#y", b"/home/\xc3\xa9/wheels/a b.whl")
_KINDS = (
    b"id", b"home", b"root", b"made", b"state", b"emptied", b"intent", b"change", b"old",
    b"stash", b"names", b"group", b"folder", b"tree", b"place", b"staged", b"blobs",
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """One reader.

    :param make: makes an input by chance
    :param read: hands it to the reader
    :param allowed: what the reader's docstring says it raises
    :param share: how many of a round of cases are of this target
    """

    make: Callable[[random.Random], bytes]
    read: Callable[[bytes], object]
    allowed: tuple[type[Exception], ...] = ()
    share: int = 1


def _plain(seeds: Sequence[bytes], tokens: Sequence[bytes] = ()) -> Callable[..., bytes]:
    return partial(mutated, seeds=seeds, tokens=tokens)


# ---------------------------------------------------------------- our own files


def _check_same(decoded: object, again: object) -> None:
    if decoded != again:
        message = "what was accepted is not what its own written form says"
        raise AssertionError(message)


def read_manifest(data: bytes) -> None:
    """Decode a manifest and look at all of it."""
    found = manifest.decode(data)
    _check_same(found, manifest.decode(manifest.encode(found)))
    _check_same(len(list(found.files())), found.count)


def read_journal(data: bytes) -> None:
    """Decode a journal, and bring it to where its environment was moved to."""
    found = journal.decode(data)
    _check_same(found, journal.decode(journal.encode(found)))
    journal.relocate(found, "/elsewhere/lib/.linkinstall")


def sealed_manifest(chance: random.Random) -> bytes:
    """Return a spoilt manifest whose checksum is right."""
    body = mutated(chance, [_manifest_body()])
    return body + b"\nend %08x\n" % crc32(body)


def sealed_journal(chance: random.Random) -> bytes:
    """Return a spoilt journal whose checksums are right, those of its manifests as well."""
    magic, _, rest = journal.encode(sample_journal()).partition(b"\n")
    body = rest.partition(b"\n")[2]
    if chance.random() < 1 / 2:
        body = mutated(chance, [body], _KINDS)
    else:
        lines = mutated(chance, [body[: body.index(b"blobs\t")]], _KINDS)
        good = manifest.encode(sample_manifest())
        blobs = [good if chance.random() < 1 / 2 else sealed_manifest(chance) for _ in range(2)]
        sizes = b"\t".join(b"%d" % len(blob) for blob in blobs)
        body = lines + b"blobs\t" + sizes + b"\n" + b"".join(blobs)
    return magic + b"\n%08x %d\n" % (crc32(body), len(body)) + body


@cache
def _manifest_body() -> bytes:
    return manifest.encode(sample_manifest()).rpartition(b"\nend ")[0]


def sealed_answer(chance: random.Random) -> bytes:
    """Return what an interpreter answered, spoilt, with the right checksum."""
    body = mutated(chance, [_ANSWER], (b"identity", b"executable", b"purelib"))
    return b"%08x" % crc32(body) + body


_ANSWER = interpreter_report.encode(
    {"identity": "1\n/x", "executable": "/usr/bin/python3", "version": "3.11.7", "purelib": "/x"}
)


# ---------------------------------------------------------------- files in folders


class _Venv(OneFile):
    """The same, with a venv of an interpreter that lies elsewhere."""

    def status(self, path: str) -> os.stat_result | None:
        return os.stat("/") if path == _EXECUTABLE else super().status(path)

    def real_path(self, path: str) -> str:
        return _EXECUTABLE if path == _EXECUTABLE else str(super().real_path(path))


class _LinkedVenv(_Venv):
    def real_path(self, path: str) -> str:
        return "/usr/bin/python3" if path == _EXECUTABLE else str(super().real_path(path))


def read_installed(data: bytes) -> None:
    """Judge an installed distribution by its RECORD, and ask whose files it lists."""
    files = OneFile("/RECORD", data)
    one = distribution.Distribution("sample", "1.0", NOWHERE, DIST_INFO, NOWHERE)
    distribution.quick_health(files, one)
    distribution.owners_of(files, [one])


def read_settings(data: bytes) -> None:
    """Read what a ``pyvenv.cfg`` says of its interpreter."""
    wanted_again(OneFile("pyvenv.cfg", data), "/nowhere", Wanted(), _silent)
    files = _LinkedVenv("pyvenv.cfg", data)
    RememberedInterpreters("/nowhere/answers", files=files).report_of(_EXECUTABLE, _silent)


def read_answer(data: bytes) -> None:
    """Read what was remembered of an interpreter."""
    RememberedInterpreters("/answers", files=_Venv("", data)).report_of(_EXECUTABLE, _silent)


def _silent(_executable: str) -> dict[str, str]:
    return {"silence": "it is not there"}


def read_pointer(data: bytes) -> None:
    """Read which other state folders belong to a transaction."""
    files = OneFile("/pointer", data)
    trash.pointed(files, "/nowhere/.linkinstall")
    trash.sides_of(files, "/nowhere/.linkinstall")


def read_alias(data: bytes) -> None:
    """Look a wheel up in a cache whose note of it is spoilt."""
    name = identify(io.BytesIO(good_wheels()[0]), len(good_wheels()[0])).alias
    Cache("/nowhere", files=OneFile(name, data)).find(f"/nowhere/{NAME}")


def read_url(data: bytes) -> None:
    """Write ``direct_url.json`` for any URL and any path; it must say the same when read.

    But for a user and a password, which go, and then nothing more does.
    """
    url = data.decode("utf-8", "surrogateescape")
    written = json.loads(requests.direct_url_of(url, "00"))["url"]
    _check_same(written, json.loads(requests.direct_url_of(written, "00"))["url"])
    if "@" not in url:
        _check_same(url, written)
    if "\0" not in url:  # a path with that was refused when the wheel was to be opened
        json.loads(requests.direct_url(url, None, local()))


# ---------------------------------------------------------------- all of them

_MANIFEST, _JOURNAL = (manifest.encode(sample_manifest()),), (journal.encode(sample_journal()),)
_SIDES = (b"/vol/a/.linkinstall\0/vol/b/.linkinstall\0",)
_ALIAS = (b"0" * 64 + b"\n" + b"f" * 64 + b"\n",)
_REFUSED, _VALUE = (InvalidWheelError,), (ValueError,)


def _on_both(read: Callable[..., object]) -> Callable[[bytes], None]:
    def both(data: bytes) -> None:
        for windows in (False, True):
            read(data, Problems(), windows=windows)

    return both


TARGETS: Mapping[str, Target] = {
    "wheel, bytes": Target(wheel_of_spoilt_bytes, read_wheel, _REFUSED, 3),
    "wheel, members": Target(wheel_of_spoilt_members, read_wheel, _REFUSED, 2),
    "file name": Target(_plain(FILE_NAMES), lambda data: parse_filename(text(data)), _REFUSED),
    "WHEEL": Target(_plain(WHEELS), lambda data: check_wheel_file(data, Problems(), []), (), 2),
    "METADATA": Target(
        _plain(METADATA, (b"Version: ", b"Name: ")),
        lambda data: check_metadata(data, parse_filename(NAME), Problems(), []),
        (),
        3,
    ),
    "entry_points.txt": Target(_plain(POINTS), _on_both(read_entry_points), (), 3),
    "RECORD": Target(_plain(RECORDS), record.parse, _VALUE, 4),
    "RECORD, installed": Target(_plain(RECORDS), read_installed, (), 3),
    "journal": Target(_plain(_JOURNAL, _KINDS), read_journal, _VALUE, 2),
    "journal, sealed": Target(sealed_journal, read_journal, _VALUE, 4),
    "manifest": Target(_plain(_MANIFEST), read_manifest, _VALUE, 2),
    "manifest, sealed": Target(sealed_manifest, read_manifest, _VALUE, 4),
    "pointer": Target(_plain(_SIDES, (b"/.linkinstall\0",)), read_pointer),
    "alias": Target(_plain(_ALIAS), read_alias),
    "pyvenv.cfg": Target(_plain(SETTINGS, (b"home = ",)), read_settings, (), 3),
    "answer of an interpreter, sealed": Target(sealed_answer, read_answer),
    "direct_url.json": Target(_plain(URLS), read_url),
    "direct_url.json, installed": Target(
        _plain(fuzz_found.DIRECT_URLS), fuzz_found.read_direct_url, (), 2
    ),
    "journal of a venv": Target(
        _plain(fuzz_found.VENV_JOURNALS, (b"clear", b"remove", b"create")),
        fuzz_found.read_venv_journal,
        (OSError,),  # too large
    ),
    "note of an environment, sealed": Target(
        fuzz_found.sealed_note, fuzz_found.read_note, _VALUE, 2
    ),
    "rows of an entry": Target(
        lambda chance: mutated(chance, fuzz_found.kept_rows(), (b"\tdata\t", b'\tdata\t"')),
        fuzz_found.read_rows,
        (),  # the manifest has them too
    ),
    "EXTERNALLY-MANAGED": Target(
        _plain(fuzz_found.MARKERS, (b"[externally-managed]", b"Error-")), fuzz_found.read_marker
    ),
    "launcher": Target(
        lambda chance: mutated(chance, fuzz_found.launchers(), (b"PK\3\4", b"PK\1\2", b"MZ")),
        fuzz_found.read_launcher,
        (),
        2,
    ),
}
"""What is read -> how."""
