"""Hostile wheels, each with a name and a decision.

Purpose: the one table of what a wheel may try, for the unit tests of vetting and
for the integration tests that install each of them.

``REFUSED``: a wheel is refused, with exactly these codes. ``ALLOWED``: a wheel only looks
hostile; why it passes stands beside it. ``CLAIMS``: wheels that claim, or are, more than
anybody wants to unpack.
"""

from __future__ import annotations

import re
import struct
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.archives import Raw, raw_archive, raw_wheel
from tests.support.wheels import make_record

if TYPE_CHECKING:
    from collections.abc import Callable

BASENAME = "sample-1.0-py3-none-any.whl"
INFO = "sample-1.0.dist-info"
DATA = "sample-1.0.data"
FILES = {"sample/__init__.py": b"x = 1\n", "sample/data.bin": b"\0" * 300}
METADATA = b"Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n"
WHEEL = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
OWN = {f"{INFO}/METADATA": METADATA, f"{INFO}/WHEEL": WHEEL}


@dataclass(frozen=True)
class HostileWheel:
    """One wheel and what becomes of it.

    :param group: what it is about
    :param codes: those of its problems; none where it is allowed
    :param why: why it is allowed
    """

    group: str
    wheel: Callable[[], bytes]
    codes: tuple[str, ...] = ()
    why: str = ""

    @property
    def decision(self) -> str:
        """The decision in words."""
        return self.why or "refused: " + ", ".join(f"`{code}`" for code in self.codes)


def points(text: str) -> bytes:
    """Return a wheel with these entry points."""
    return raw_wheel(FILES, replaced={"entry_points.txt": text.encode()})


def rows(change: Callable[[str], str], algorithm: str = "sha256") -> bytes:
    """Return a wheel whose RECORD was right, and then changed."""
    record = change(make_record(FILES | OWN, INFO, algorithm))
    return raw_wheel(FILES, replaced={"METADATA": METADATA, "WHEEL": WHEEL}, record=record.encode())


def _hexadecimal(digest: str) -> str:
    return urlsafe_b64decode(f"{digest}=").hex()


def _overlapping() -> bytes:
    """Return a wheel one of whose members is quoted by another."""
    quoted = raw_archive([Raw("b", b"x" * 100, method=0)])[:131]
    return raw_wheel(
        [Raw("a", quoted, method=0), Raw("b", b"x" * 100, method=0, payload=b"", at=31)]
    )


_REFUSED: dict[str, dict[str, tuple[bytes, set[str]]]] = {
    "Paths": {
        "leaves its folder": (raw_wheel({"../x": b""}), {"member-path"}),
        "sibling by prefix": (raw_wheel({"../site-packages-evil/x": b""}), {"member-path"}),
        "leaves from within": (raw_wheel({"sample/../../x": b""}), {"member-path"}),
        "leaves a scheme": (raw_wheel({f"{DATA}/scripts/../../x": b""}), {"member-path"}),
        "leaves as a folder": (raw_wheel([Raw("../x/", mode=0o040755)]), {"member-path"}),
        "absolute": (raw_wheel({"/etc/passwd": b""}), {"member-path"}),
        "server and share": (raw_wheel({"//server/share": b""}), {"member-path"}),
        "drive": (raw_wheel({"C:/x": b""}), {"member-path"}),
        "drive-relative": (raw_wheel({"c:x": b""}), {"member-path"}),
        "backslash": (
            raw_wheel({"sample\\x": b""}),
            {"member-path", "record-missing-row", "record-missing-file"},
        ),
        "dot segment": (raw_wheel({"sample/./x": b""}), {"member-path"}),
        "leading dot segment": (raw_wheel({"./x": b""}), {"member-path"}),
        "empty segment": (raw_wheel({"sample//x": b""}), {"member-path"}),
        "no name": (raw_wheel([Raw("", b"")]), {"member-path"}),
        "nul": (raw_wheel({"sample/a\0.py": b""}), {"member-characters"}),
        "escape": (raw_wheel({"sample/\x1b[2Ja": b""}), {"member-characters"}),
        "direction override": (raw_wheel({"sample/\u202eyp.x": b""}), {"member-characters"}),
        "long name": (raw_wheel({"sample/" + "x" * 300: b""}), {"member-length"}),
        "deep path": (raw_wheel({"x/" * 400 + "y": b""}), {"member-length"}),
        "long path": (raw_wheel({"x/" * 2100 + "y": b""}), {"member-length"}),
        "not UTF-8": (
            raw_wheel([Raw(b"caf\xe9", b"")], record=b""),
            {"member-name", "record-missing-row"},
        ),
        "leaves with backslashes": (
            raw_wheel({"..\\..\\x": b""}),
            {"member-path", "record-missing-row", "record-missing-file"},
        ),
        "leaves at its end": (raw_wheel([Raw("sample/..", b"")]), {"member-path"}),
        "a folder that is dots": (raw_wheel([Raw("../", mode=0o040755)]), {"member-path"}),
        "absolute as a folder": (raw_wheel([Raw("/srv/", mode=0o040755)]), {"member-path"}),
        "device of Windows": (
            raw_wheel({"\\\\.\\PhysicalDrive0": b""}),
            {"member-path", "record-missing-row", "record-missing-file"},
        ),
        "line feed": (
            raw_wheel({"sample/a\nb.py": b""}),
            {"member-characters", "record-missing-file", "record-missing-row"},
        ),
        "carriage return": (
            raw_wheel({"sample/a\rb.py": b""}),
            {"member-characters", "record-missing-file", "record-missing-row"},
        ),
        "delete": (raw_wheel({"sample/a\x7fb": b""}), {"member-characters"}),
        "control sequence of eight bits": (
            raw_wheel({"sample/\x9b2J": b""}),
            {"member-characters"},
        ),
        "operating system command": (
            raw_wheel({"sample/\x1b]0;title\x07": b""}),
            {"member-characters"},
        ),
        "direction isolate": (raw_wheel({"sample/\u2067yp.x": b""}), {"member-characters"}),
        "left-to-right mark": (raw_wheel({"sample/a\u200e.py": b""}), {"member-characters"}),
        "line separator": (
            raw_wheel({"sample/a\u2028b": b""}),
            {"member-characters", "record-damaged", "record-missing-file", "record-missing-row"},
        ),
        "byte order mark": (raw_wheel({"\ufeffsample.py": b""}), {"member-characters"}),
        "a folder whose name steers": (
            raw_wheel([Raw("sample/\x1b[2J/", mode=0o040755)]),
            {"member-characters"},
        ),
        "overlong UTF-8": (
            raw_wheel([Raw(b"..\xc0\xafx", b"", flags=0x800)], record=b""),
            {"archive"},
        ),
        "a surrogate": (
            raw_wheel([Raw(b"\xed\xb2\x80", b"", flags=0x800)], record=b""),
            {"archive"},
        ),
    },
    "Members of the archive": {
        "twice the same member": (
            raw_wheel([Raw("a.py", b"1"), Raw("a.py", b"2")]),
            {"member-duplicate"},
        ),
        "a file and a folder": (
            raw_wheel([Raw("a", b"1"), Raw("a/", mode=0o040755)]),
            {"member-collision"},
        ),
        "a file where a folder must be": (
            raw_wheel({"a": b"1", "a/b": b"2"}),
            {"member-collision"},
        ),
        "one place for two": (
            raw_wheel({"a.py": b"1", f"{DATA}/purelib/a.py": b"2"}),
            {"member-collision"},
        ),
        "symbolic link": (raw_wheel([Raw("a", b"/etc/passwd", mode=0o120777)]), {"member-type"}),
        "device": (raw_wheel([Raw("a", b"", mode=0o020666)]), {"member-type"}),
        "setuid": (raw_wheel([Raw("a", b"x", mode=0o104755)]), {"member-type"}),
        "encrypted": (raw_wheel([Raw("a", b"x", flags=1)]), {"member-encrypted"}),
        "bzip2": (raw_wheel([Raw("a", b"x", method=12)]), {"member-compression"}),
        "lzma": (raw_wheel([Raw("a", b"x", method=14)]), {"member-compression"}),
        "zstd": (raw_wheel([Raw("a", b"x", method=93)]), {"member-compression"}),
        "two names": (raw_wheel([Raw("a", b"x", local={"name": b"b"})]), {"member-name"}),
        "two sums": (raw_wheel([Raw("a", b"x", local={"crc": 1})]), {"member-damaged"}),
        "hidden behind a member": (
            raw_wheel([Raw("a", b"x", behind=b"hidden")]),
            {"archive-bytes"},
        ),
        "two folders of one name as files": (
            raw_wheel([Raw("a/b", b"1"), Raw("a/b", b"1")]),
            {"member-duplicate"},
        ),
        "the same METADATA twice": (
            raw_wheel(FILES, extra=[Raw(f"{INFO}/METADATA", METADATA)]),
            {"member-duplicate"},
        ),
        "hard to see twice": (
            raw_wheel([Raw("a.py", b"1"), Raw("a.py", b"1", method=0)]),
            {"member-duplicate"},
        ),
        "FIFO": (raw_wheel([Raw("a", b"", mode=0o010666)]), {"member-type"}),
        "socket": (raw_wheel([Raw("a", b"", mode=0o140666)]), {"member-type"}),
        "block device": (raw_wheel([Raw("a", b"", mode=0o060666)]), {"member-type"}),
        "setgid": (raw_wheel([Raw("a", b"x", mode=0o102755)]), {"member-type"}),
        "a link to a folder": (raw_wheel([Raw("a/", b"", mode=0o120777)]), {"member-type"}),
        "a folder with contents": (
            raw_wheel([Raw("a/", b"contents", mode=0o040755)]),
            {"member-type"},
        ),
        "strongly encrypted": (raw_wheel([Raw("a", b"x", flags=0x41)]), {"member-encrypted"}),
        "an encrypted directory": (raw_wheel([Raw("a", b"x", flags=0x2000)]), {"member-encrypted"}),
        "a patch": (raw_wheel([Raw("a", b"x", flags=0x20)]), {"member-compression"}),
        "deflate64": (raw_wheel([Raw("a", b"x", method=9)]), {"member-compression"}),
        "two sizes": (raw_wheel([Raw("a", b"x", local={"size": 9})]), {"member-damaged"}),
        "two methods": (raw_wheel([Raw("a", b"x", local={"method": 0})]), {"member-damaged"}),
        "stored in two sizes": (
            raw_wheel([Raw("a", b"xy", method=0, central={"size": 1}, local={"size": 1})]),
            {"member-damaged", "record-size"},
        ),
        "another place than it says": (
            raw_wheel([Raw("a", b"x", at=7)]),
            {"archive-bytes", "member-damaged"},
        ),
        "outside of the file": (
            raw_wheel([Raw("a", b"x", central={"packed": 1 << 30})]),
            {"member-damaged"},
        ),
        "two members over each other": (
            _overlapping(),
            {"archive-bytes", "member-damaged", "member-overlap"},
        ),
        "a name longer than its header": (
            raw_wheel([Raw("a", b"x", local={"name": b"a/../../x"})]),
            {"member-name"},
        ),
        "METADATA that does not unpack": (
            raw_wheel(
                FILES,
                replaced={"METADATA": None},
                extra=[Raw(f"{INFO}/METADATA", METADATA, payload=b"\xff" * 40)],
            ),
            {"member-damaged", "record-missing-row"},
        ),
    },
    "The archive": {
        "prepended": (raw_wheel(FILES, before=b"#!/bin/sh\n"), {"archive-bytes"}),
        "prepended, not counted": (
            raw_wheel(FILES, before=b"#!/bin/sh\n", shift=False),
            {"archive"},
        ),
        "appended": (raw_wheel(FILES, after=b"\n"), {"archive"}),
        "a second archive": (raw_wheel(FILES, after=raw_wheel({"b": b""})), {"archive"}),
        "a second archive in front": (raw_wheel({"b": b""}) + raw_wheel(FILES), {"archive"}),
        "hidden before the directory": (
            raw_wheel(FILES, before_directory=b"hidden"),
            {"archive-bytes"},
        ),
        "contradicting ends": (raw_wheel(FILES, zip64={"offset": 0}), {"archive"}),
        "several parts": (raw_wheel(FILES, end={"disk": 1}), {"archive"}),
        "fewer than promised": (raw_wheel(FILES, end={"here": 9, "count": 9}), {"archive"}),
        "cut": (raw_wheel(FILES)[:-40], {"archive"}),
        "not an archive": (b"<html>404</html>", {"archive"}),
        "empty": (b"", {"archive"}),
        "appended blank": (raw_wheel(FILES, after=b" "), {"archive"}),
        "appended zeros": (raw_wheel(FILES, after=bytes(512)), {"archive"}),
        "a program in front": (raw_wheel(FILES, before=b"MZ" + bytes(200)), {"archive-bytes"}),
        "a second end in the comment": (
            raw_wheel(FILES, comment=raw_archive([Raw("b", b"")])),
            {"archive"},
        ),
        "hidden before the end": (raw_wheel(FILES, before_end=b"hidden"), {"archive"}),
        "a lonely 64-bit locator": (
            raw_wheel(FILES, before_end=b"PK\6\7" + bytes(16)),
            {"archive"},
        ),
        "64-bit ends that disagree": (raw_wheel(FILES, zip64={"count": 1}), {"archive"}),
        "a 64-bit directory of 2**63 bytes": (
            raw_wheel(
                FILES,
                zip64={"length": 1 << 63, "offset": 1 << 63},
                end={"length": 0xFFFF_FFFF, "offset": 0xFFFF_FFFF},
            ),
            {"archive"},
        ),
        "a directory behind the end": (raw_wheel(FILES, end={"offset": 1 << 31}), {"archive"}),
        "a directory within a member": (raw_wheel(FILES, end={"offset": 0}), {"archive"}),
        "65,535 members in 600 bytes": (
            raw_wheel(FILES, end={"here": 0xFFFF, "count": 0xFFFF}),
            {"archive"},
        ),
        "no members": (raw_archive([]), {"dist-info"}),
        "a tar archive": (b"sample/a.py" + bytes(89) + b"0000644" + bytes(900), {"archive"}),
        "an end and nothing else": (b"PK\5\6" + bytes(18), {"dist-info"}),
    },
    "Metadata": {
        "no dist-info": (raw_archive([Raw("a.py", b"")]), {"dist-info"}),
        "two dist-infos": (raw_wheel({"other-1.0.dist-info/METADATA": b""}), {"dist-info"}),
        "odd case": (raw_wheel({"evil-1.0.DIST-INFO/METADATA": b""}), {"dist-info"}),
        "another project": (raw_wheel(FILES, name="other"), {"dist-info-name", "metadata-name"}),
        "another version": (raw_wheel(FILES, version="1.1"), {"dist-info-name", "metadata-name"}),
        "METADATA of another project": (
            raw_wheel(FILES, replaced={"METADATA": METADATA.replace(b"sample", b"other")}),
            {"metadata-name"},
        ),
        "METADATA of another version": (
            raw_wheel(FILES, replaced={"METADATA": METADATA.replace(b"1.0", b"1.1")}),
            {"metadata-name"},
        ),
        "no METADATA": (raw_wheel(FILES, replaced={"METADATA": None}), {"metadata-missing"}),
        "no WHEEL": (raw_wheel(FILES, replaced={"WHEEL": None}), {"metadata-missing"}),
        "no RECORD": (
            raw_archive([Raw(f"{INFO}/METADATA", METADATA), Raw(f"{INFO}/WHEEL", WHEEL)]),
            {"metadata-missing", "archive"},
        ),
        "Wheel-Version 2": (
            raw_wheel(FILES, replaced={"WHEEL": b"Wheel-Version: 2.0\nRoot-Is-Purelib: true\n"}),
            {"wheel-version"},
        ),
        "brings INSTALLER": (raw_wheel(FILES, replaced={"INSTALLER": b"evil"}), {"installer-file"}),
        "brings REQUESTED": (raw_wheel(FILES, replaced={"REQUESTED": b""}), {"installer-file"}),
        "brings direct_url.json": (
            raw_wheel(FILES, replaced={"direct_url.json": b"{}"}),
            {"installer-file"},
        ),
        "a wheel's text without end": (
            raw_wheel(FILES, replaced={"WHEEL": WHEEL + b"x" * (2 << 20)}),
            {"archive-size"},
        ),
        "a dist-info that is a file": (
            raw_archive([Raw(INFO, b"")]),
            {"archive", "metadata-missing"},
        ),
        "metadata in a folder deeper": (
            raw_archive([Raw(f"a/{INFO}/METADATA", METADATA), Raw(f"a/{INFO}/RECORD", b"")]),
            {"dist-info"},
        ),
        "two names in METADATA": (
            raw_wheel(FILES, replaced={"METADATA": METADATA + b"Name: other\n"}),
            {"metadata-name"},
        ),
        "a name that steers": (
            raw_wheel(FILES, replaced={"METADATA": METADATA.replace(b"sample", b"sam\x1b[2Jple")}),
            {"metadata-name"},
        ),
        "a version that steers": (
            raw_wheel(FILES, replaced={"METADATA": METADATA.replace(b"1.0", b"1.0\x1b[31m")}),
            {"metadata-name"},
        ),
        "METADATA without a name": (
            raw_wheel(FILES, replaced={"METADATA": b"Version: 1.0\n"}),
            {"metadata-name"},
        ),
        "METADATA of zeros": (
            raw_wheel(FILES, replaced={"METADATA": bytes(5000)}),
            {"metadata-name"},
        ),
        "Wheel-Version that steers": (
            raw_wheel(FILES, replaced={"WHEEL": WHEEL.replace(b"1.0", b"9\x1b[2J")}),
            {"wheel-version"},
        ),
        "Wheel-Version without end": (
            raw_wheel(FILES, replaced={"WHEEL": WHEEL.replace(b"1.0", b"9" * 5000)}),
            {"wheel-version"},
        ),
        "a WHEEL that is no text": (
            raw_wheel(FILES, replaced={"WHEEL": b"Wheel-Version: \xff\n"}),
            {"wheel-file"},
        ),
        "brings INSTALLER in another case": (
            raw_wheel(FILES, replaced={"Installer": b"evil"}),
            {"installer-file"},
        ),
    },
    "RECORD": {
        "a row twice": (
            raw_wheel({}, record=f"{INFO}/RECORD,,\n{INFO}/RECORD,,\n".encode()),
            {"record-duplicate", "record-missing-row"},
        ),
        "a member without row": (
            raw_wheel(FILES, extra=[Raw("evil.py", b"x")]),
            {"record-missing-row"},
        ),
        "a row without member": (
            raw_wheel(
                FILES,
                record=(
                    make_record(
                        {
                            **FILES,
                            f"{INFO}/METADATA": METADATA.replace(b"\nVersion", b"\nVersion"),
                            "gone.py": b"",
                        },
                        INFO,
                    )
                ).encode(),
            ),
            {"record-missing-file", "record-missing-row"},
        ),
        "a row that leaves": (
            raw_wheel({}, record=b"../../../outside,,\n"),
            {"record-missing-file", "record-missing-row"},
        ),
        "md5": (
            raw_wheel(
                {},
                record=make_record(
                    {f"{INFO}/METADATA": METADATA, f"{INFO}/WHEEL": WHEEL}, INFO, "md5"
                ).encode(),
                replaced={"WHEEL": WHEEL},
            ),
            {"record-hash"},
        ),
        "a RECORD that is none": (
            raw_wheel({}, record=b"\xff\0"),
            {"record-damaged", "record-missing-row"},
        ),
        "a RECORD without end": (raw_wheel({}, record=b"x" * (2 << 20)), {"archive-size"}),
        "a signature in RECORD": (raw_wheel({f"{INFO}/RECORD.jws": b"{}"}), {"record-signature"}),
        "an absolute row": (
            raw_wheel({}, record=b"/etc/passwd,,\n"),
            {"record-missing-file", "record-missing-row"},
        ),
        "a row of a folder": (rows(lambda text: text + "sample,,\n"), {"record-missing-file"}),
        "a quote that never closes": (
            raw_wheel(FILES, record=b'"sample/__init__.py,,\n'),
            {"record-missing-row", "record-damaged"},
        ),
        "a carriage return in a row": (
            rows(lambda text: text.replace("data.bin", "da\rta.bin")),
            {"record-damaged", "record-missing-file", "record-missing-row"},
        ),
        "a row that steers": (rows(lambda text: text + "\x1b[2J,,\n"), {"record-missing-file"}),
        "a row with a NUL": (rows(lambda text: text + "a\0b,,\n"), {"record-missing-file"}),
        "a row of four columns": (rows(lambda text: text + "a,,,\n"), {"record-damaged"}),
        "sha1": (rows(str, "sha1"), {"record-hash"}),
        "an unknown hash": (rows(lambda text: text.replace("sha256=", "evil=")), {"record-hash"}),
        "a hash without a length": (
            rows(lambda text: text.replace("sha256=", "shake_128=")),
            {"record-hash"},
        ),
        "a hash that is cut": (
            rows(lambda text: re.sub("(sha256=.{20})[^,]*", r"\1", text)),
            {"record-hash"},
        ),
        "a hash without digest": (
            rows(lambda text: re.sub("sha256=[^,]*", "sha256=", text)),
            {"record-hash"},
        ),
        "a negative size": (rows(lambda text: text.replace(",300\n", ",-300\n")), {"record-size"}),
        "a size of 10,000 digits": (
            rows(lambda text: text.replace(",300\n", f",{'9' * 10_000}\n")),
            {"record-size"},
        ),
        "another size": (rows(lambda text: text.replace(",300\n", ",301\n")), {"record-size"}),
    },
    "The .data folder": {
        "no such scheme": (raw_wheel({f"{DATA}/evil/x": b""}), {"data-scheme"}),
        "directly in .data": (raw_wheel({f"{DATA}/x": b""}), {"data-scheme"}),
        "a file for .data": (raw_wheel({DATA: b""}), {"data-scheme"}),
        "a file for a scheme": (raw_wheel({f"{DATA}/purelib": b""}), {"data-scheme"}),
        ".data of another": (raw_wheel({"other-1.0.data/purelib/x": b""}), {"data-folder"}),
        "hidden metadata": (
            raw_wheel({f"{DATA}/purelib/pip-1.dist-info/RECORD": b""}),
            {"dist-info"},
        ),
        "hidden deeper": (
            raw_wheel({f"{DATA}/data/lib/python3.11/site-packages/pip-1.dist-info/RECORD": b""}),
            {"dist-info"},
        ),
        "pyvenv.cfg": (raw_wheel({f"{DATA}/data/pyvenv.cfg": b""}), {"reserved-path"}),
        "our lock": (raw_wheel({f"{DATA}/data/.lock": b""}), {"reserved-path"}),
        "our state": (raw_wheel({".linkinstall/x/journal": b""}), {"reserved-path"}),
        "an interpreter": (raw_wheel({f"{DATA}/scripts/python": b""}), {"reserved-name"}),
        "an interpreter in data": (
            raw_wheel({f"{DATA}/data/bin/python3.11": b""}),
            {"reserved-name"},
        ),
        "two .data folders": (
            raw_wheel({f"{DATA}/data/x": b"", "Sample-1.0.data/data/y": b""}),
            {"data-folder"},
        ),
        ".data in another case": (raw_wheel({"sample-1.0.DATA/data/x": b""}), {"data-folder"}),
        "our state in any case": (
            raw_wheel({"sample/.LinkInstall/journal": b""}),
            {"reserved-path"},
        ),
        "our state in data": (
            raw_wheel({f"{DATA}/data/lib/python3.11/site-packages/.linkinstall/journal": b""}),
            {"reserved-path"},
        ),
        "PyVenv.CFG": (raw_wheel({f"{DATA}/data/PyVenv.CFG": b""}), {"reserved-path"}),
        "an activation script in data": (
            raw_wheel({f"{DATA}/data/bin/activate": b""}),
            {"reserved-name"},
        ),
        "an activation script in Scripts": (
            raw_wheel({f"{DATA}/data/Scripts/activate.bat": b""}),
            {"reserved-name"},
        ),
        "an activation script of PowerShell": (
            raw_wheel({f"{DATA}/scripts/Activate.ps1": b""}),
            {"reserved-name"},
        ),
        "a script over an entry point": (
            raw_wheel(
                {f"{DATA}/scripts/x/y": b""},
                replaced={"entry_points.txt": b"[console_scripts]\nx = p:m\n"},
            ),
            {"member-collision"},
        ),
    },
    "Entry points": {
        "script leaves": (points("[console_scripts]\n../../x = p:m\n"), {"entry-point-name"}),
        "script in a folder": (points("[console_scripts]\na/b = p:m\n"), {"entry-point-name"}),
        "script is python": (points("[console_scripts]\npython = p:m\n"), {"reserved-name"}),
        "script is Python.exe": (points("[gui_scripts]\nPython.exe = p:m\n"), {"reserved-name"}),
        "script is activate": (points("[console_scripts]\nactivate = p:m\n"), {"reserved-name"}),
        "script without function": (points("[console_scripts]\nx = p\n"), {"entry-point-object"}),
        "script of no module": (points("[console_scripts]\nx = p-q:m\n"), {"entry-point-object"}),
        "scripts by case": (points("[console_scripts]\nx = p:m\nX = p:m\n"), {"entry-point-name"}),
        "no entry points": (points("nonsense"), {"entry-points-damaged"}),
        "script leaves with backslashes": (
            points("[console_scripts]\n..\\x = p:m\n"),
            {"entry-point-name"},
        ),
        "script is dots": (points("[console_scripts]\n.. = p:m\n"), {"entry-point-name"}),
        "script is absolute": (points("[console_scripts]\n/bin/sh = p:m\n"), {"entry-point-name"}),
        "script that steers": (points("[console_scripts]\nx\x1b[2J = p:m\n"), {"entry-point-name"}),
        "script that reverses": (
            points("[console_scripts]\n\u202ex = p:m\n"),
            {"entry-point-name"},
        ),
        "script of 300 characters": (
            points(f"[console_scripts]\n{'x' * 300} = p:m\n"),
            {"entry-point-name"},
        ),
        "script is pythonw3.13t": (
            points("[gui_scripts]\npythonw3.13t = p:m\n"),
            {"reserved-name"},
        ),
        "script is deactivate.bat": (
            points("[console_scripts]\ndeactivate.bat = p:m\n"),
            {"reserved-name"},
        ),
        "script with a statement": (
            points("[console_scripts]\nx = p:m;import os\n"),
            {"entry-point-object"},
        ),
        "script with a call": (
            points("[console_scripts]\nx = os:system('id')\n"),
            {"entry-point-object"},
        ),
        "script of a keyword": (
            points("[console_scripts]\nx = p:import\n"),
            {"entry-point-object"},
        ),
        "one script twice": (
            points("[console_scripts]\nx = p:m\n[gui_scripts]\nx = p:n\n"),
            {"entry-point-name"},
        ),
        "defaults for all sections": (
            points("[DEFAULT]\nx = p:m\n[console_scripts]\n"),
            {"entry-points-damaged"},
        ),
        "entry points that are no text": (
            raw_wheel(FILES, replaced={"entry_points.txt": b"[console_scripts]\nx = \xff:m\n"}),
            {"entry-points-damaged"},
        ),
        "entry points that are all errors": (
            points("[console_scripts]\n" + "x]\n" * 80_000),
            {"entry-points-damaged"},
        ),
        "entry points without end": (
            points("[console_scripts]\n" + "#" * (1 << 20)),
            {"archive-size"},
        ),
    },
}

_ALLOWED: dict[str, tuple[bytes, str]] = {
    "a sound wheel": (raw_wheel(FILES), "allowed: the baseline"),
    "an archive comment": (
        raw_wheel(FILES, comment=b"a comment"),
        "allowed: legal, and every reader finds the same directory",
    ),
    "64-bit records": (raw_wheel(FILES, zip64={}), "allowed: legal; both end records say the same"),
    "sizes behind the contents": (
        raw_wheel([Raw("sample/a.py", b"x", flags=8)]),
        "allowed: legal for a writer that cannot seek; both headers agree",
    ),
    "folders": (
        raw_wheel([Raw("sample/", mode=0o040755), Raw("sample/a.py", b"")]),
        "allowed: a folder without contents says nothing new",
    ),
    "no modes": (raw_wheel([Raw("sample/a.py", b"", mode=0)]), "allowed: written on Windows"),
    "writable by all": (
        raw_wheel([Raw("sample/a.py", b"", mode=0o100777)]),
        "allowed: only executable or not is taken of a mode",
    ),
    "a sticky bit": (
        raw_wheel([Raw("sample/a.py", b"", mode=0o101644)]),
        "allowed: it means nothing for a file, and is not taken",
    ),
    "paths that differ by case": (
        raw_wheel({"sample/a.py": b"", "sample/A.py": b""}),
        (
            "read, and then refused by the plan (`case-collision`): half of all machines cannot "
            "hold it; `--overwrite-existing` takes it where the file system tells them apart; "
            "refused on Windows before anything is unpacked (`member-case`)"
        ),
    ),
    "paths that differ by Unicode form": (
        raw_wheel({"sample/\u00e9.py": b"", "sample/e\u0301.py": b""}),
        (
            "read, and then refused by the plan (`case-collision`), as with case: macOS takes "
            "the two for one; on Windows refused before anything is unpacked (`member-case`)"
        ),
    ),
    "names of Windows devices": (
        raw_wheel({"sample/aux.py": b"", "nul.txt": b"", "sample/a:b": b"", "sample/b. ": b""}),
        "allowed: ordinary names elsewhere; on Windows refused (`member-windows`)",
    ),
    "invisible characters": (
        raw_wheel({"sample/a\u200b.py": b"", "sample/b\u00ad.py": b""}),
        "allowed: they do not steer a terminal; what is shown has escapes for them",
    ),
    "look-alikes": (
        raw_wheel({"s\u0430mple/__init__.py": b""}),
        "allowed: names of other scripts are legal; an import has to spell them",
    ),
    "three dots": (raw_wheel({"sample/.../a": b""}), "allowed: an ordinary name"),
    "a name like pip's leftovers": (
        raw_wheel({"~ample/a.py": b""}),
        "allowed: an ordinary name; it goes with an uninstall of its distribution",
    ),
    "a name that begins with a dash": (
        raw_wheel({"-rf": b"", f"{DATA}/scripts/-rf": b""}),
        "allowed: nothing here passes names to a shell",
    ),
    "a name with quotes and a comma": (
        raw_wheel({'sample/a,"b.py': b""}),
        "allowed: RECORD quotes it",
    ),
    "compiled files": (
        raw_wheel({"sample/__pycache__/a.cpython-311.pyc": b"evil"}),
        "left out, with a warning: they could run other code than their sources show",
    ),
    "a .pth file": (
        raw_wheel({"sample.pth": b"import os"}),
        "allowed, with a warning: legal, and run at each start of Python",
    ),
    "sitecustomize.py": (
        raw_wheel({"sitecustomize.py": b"x = 1"}),
        "allowed: a module as others; whoever installs a wheel lets it run",
    ),
    "a member of 15 MiB of zeros": (
        raw_wheel({"sample/zeros": bytes(15 << 20)}),
        "allowed: below the bounds from which ratios count",
    ),
    "a script of the name of a program": (
        points("[console_scripts]\nls = sample:main\n"),
        "allowed: it stands in the environment's own folder of scripts",
    ),
    "a script with a colon": (
        points("[console_scripts]\na:b = sample:main\n"),
        "allowed: an ordinary name; on Windows refused (`entry-point-name`)",
    ),
    "an entry point of another package": (
        points("[console_scripts]\nx = os:getcwd\n"),
        "allowed: a wheel may name any function; its own could call that",
    ),
    "an entry point with extras": (
        points("[console_scripts]\nx = sample:main [extra]\n"),
        "allowed: the specification says to ignore them",
    ),
    "a name that begins like an interpreter's": (
        points("[console_scripts]\npython-argcomplete = sample:main\n"),
        "allowed: only an interpreter's own names are reserved",
    ),
    "data for etc/passwd": (
        raw_wheel({f"{DATA}/data/etc/passwd": b""}),
        (
            "allowed: it goes below the environment's root, and is refused where somebody else's "
            "file stands (`unowned`)"
        ),
    ),
    "a summary that steers": (
        raw_wheel(FILES, replaced={"METADATA": METADATA + b"Summary: \x1b[2J\x1b]0;x\x07\n"}),
        "allowed: it is installed as it is, and never shown",
    ),
    "METADATA that is not UTF-8": (
        raw_wheel(FILES, replaced={"METADATA": METADATA + b"Author: \xff\n"}),
        "allowed, with a warning: old builders wrote it so",
    ),
    "a newer minor Wheel-Version": (
        raw_wheel(FILES, replaced={"WHEEL": WHEEL.replace(b"1.0", b"1.9")}),
        "allowed, with a warning, as the specification says",
    ),
    "a hash in hexadecimal": (
        rows(
            lambda text: re.sub(
                "sha256=([^,]+)", lambda found: "sha256=" + _hexadecimal(found[1]), text
            )
        ),
        "allowed: it pins the contents as well",
    ),
    "rows with CR and LF": (rows(lambda text: text.replace("\n", "\r\n")), "allowed: CSV has them"),
    "rows with quotes": (
        rows(lambda text: text.replace("sample/__init__.py", '"sample/__init__.py"')),
        "allowed: CSV has them",
    ),
    "rows with backslashes": (
        rows(lambda text: text.replace("sample/data", "sample\\data")),
        "allowed: written on Windows, and read as slashes",
    ),
    "a row of RECORD with a hash": (
        rows(lambda text: text.replace("RECORD,,", "RECORD,sha256=abc,3")),
        "allowed, with a warning: nobody can know this hash",
    ),
    "a signature": (
        raw_wheel(FILES, extra=[Raw(f"{INFO}/RECORD.jws", b"{}")]),
        "allowed: a signature of RECORD is not in RECORD",
    ),
}


def _bomb() -> bytes:
    """Return one that unpacks to a thousand times its size: 512 MiB."""
    zeros = bytes(64 << 20)
    return raw_wheel([Raw(f"sample/{number}", zeros) for number in range(8)])


def _many_small_bombs() -> bytes:
    """Return members that each stay below the bound of one, and together do not."""
    zeros = bytes(8 << 20)
    return raw_wheel([Raw(f"sample/{number}", zeros) for number in range(16)])


def _many(name: str, count: int, record: bytes | None = None) -> bytes:
    """Return a wheel of so many empty members that only 64-bit records can count them."""
    members = [Raw(name.format(number), method=0) for number in range(count)]
    return raw_wheel(members, record=record, zip64={}, end={"here": 0xFFFF, "count": 0xFFFF})


def _claim(size: int) -> Callable[[], bytes]:
    """Return a wheel with a member that claims a size, in both of its headers."""
    wide = struct.pack("<HHQ", 1, 8, size)
    said = {"size": 0xFFFF_FFFF, "extra": wide}
    local = {"size": 0xFFFF_FFFF, "extra": struct.pack("<HHQQ", 1, 16, size, 3)}
    return lambda: raw_wheel([Raw("sample/a", b"x", central=said, local=local, payload=b"abc")])


def _lying_metadata(name: str) -> Callable[[], bytes]:
    """Return a wheel one of whose metadata files would unpack to 100 MiB."""
    filler = {"RECORD": b"a,,\n" * (25 << 20), "METADATA": METADATA + b"\n" * (100 << 20)}
    data = filler.get(name, WHEEL + b"\n" * (100 << 20))

    def make() -> bytes:
        if name == "RECORD":
            return raw_wheel(FILES, record=data)
        return raw_wheel(FILES, replaced={name: data})

    return make


CLAIMS: dict[str, HostileWheel] = {
    name: HostileWheel("Sizes", make, tuple(codes))
    for name, (make, codes) in {
        "a bomb of 512 MiB": (_bomb, ["archive-size"]),
        "many small bombs": (_many_small_bombs, ["archive-size"]),
        "a member of 2**40 bytes": (_claim(1 << 40), ["archive-size", "record-size"]),
        "a member of 2**63 bytes": (_claim(1 << 63), ["archive-size", "record-size"]),
        "a member of 9 GiB": (_claim(9 << 30), ["archive-size", "record-size"]),
        "a RECORD of 100 MiB": (_lying_metadata("RECORD"), ["archive-size"]),
        "a METADATA of 100 MiB": (_lying_metadata("METADATA"), ["archive-size"]),
        "a WHEEL of 100 MiB": (_lying_metadata("WHEEL"), ["archive-size"]),
        "an entry_points.txt of 100 MiB": (_lying_metadata("entry_points.txt"), ["archive-size"]),
        "200,000 members": (
            lambda: _many("s/{}", 200_000),
            ["archive"],
        ),
        "100,000 bad members": (
            lambda: _many("../{}", 100_000),
            ["member-path", "more"],
        ),
        "100,000 members without rows": (
            lambda: _many("sample/{}", 100_000, b"sample-1.0.dist-info/RECORD,,\n"),
            ["record-missing-row", "more"],
        ),
        "20,000 rows of no file": (
            lambda: rows(lambda text: text + "".join(f"g/{n},,\n" for n in range(20_000))),
            ["record-missing-file", "more"],
        ),
    }.items()
}


def _is(wheel: bytes) -> Callable[[], bytes]:
    return lambda: wheel


REFUSED = {
    name: HostileWheel(group, _is(wheel), tuple(sorted(codes)))
    for group, cases in _REFUSED.items()
    for name, (wheel, codes) in cases.items()
}
ALLOWED = {
    name: HostileWheel("What only looks hostile", _is(wheel), (), why)
    for name, (wheel, why) in _ALLOWED.items()
}
