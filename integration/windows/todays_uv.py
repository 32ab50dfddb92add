"""The uv of today, for Windows: what it does where ours has to do better.

Purpose: the reports that this project answers are shown with the tool that they were
written about, as it is now.

Calling sequence: ``TodaysUv(tmp_path).run("pip", "install", "--python", venv, wheel)``.

Guarantees: nothing is fetched; its cache is below the folder, so that environments are
hard-linked out of it. Wine 8 lacks one library that Rust's programs are linked to
(``bcryptprimitives.dll``, of which they take one function); one that forwards to where
Windows has had that function since XP is made beside a copy of uv. It holds no code.

Errors: the test is skipped where there is no uv (tools/wine-setup fetches it).
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from tests.support.gates import require
from tests.support.platforms import on_wine

PROGRAM = Path(sys.base_prefix) / "Lib" / "site-packages" / "bin" / "uv.exe"
_SECTION, _FILE_ALIGNMENT = 0x1000, 0x200


class TodaysUv:
    """See the module docstring."""

    def __init__(self, folder: Path) -> None:
        require(PROGRAM.exists(), "uv for Windows, which tools/wine-setup fetches")
        self.folder = folder
        self.program = PROGRAM
        if on_wine():
            beside = folder / "uv"
            beside.mkdir()
            self.program = Path(shutil.copy(PROGRAM, beside))
            library = forwarding(
                "bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"
            )
            (beside / "bcryptprimitives.dll").write_bytes(library)

    def run(self, *arguments: object, status: int = 0) -> str:
        """Run uv and return what it says.

        :param status: what it has to end with
        """
        environ = {name: text for name, text in os.environ.items() if not name.startswith("UV_")}
        environ |= {"UV_CACHE_DIR": str(self.folder / "uv-cache"), "UV_OFFLINE": "1"}
        environ |= {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1", "UV_LINK_MODE": "hardlink"}
        done = subprocess.run(
            [str(self.program), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environ,
            cwd=self.folder,
            timeout=120,
            check=False,
        )
        said = done.stdout + done.stderr
        assert status == done.returncode, said
        return said

    def make(self, root: Path, *wheels: Path) -> None:
        """Make an environment with wheels in it."""
        self.run("venv", "--python", sys.executable, root)
        if wheels:
            self.run("pip", "install", "--python", root, "--no-deps", *wheels)


def forwarding(name: str, function: str, target: str) -> bytes:
    """Return a library for x86-64 whose one function is another library's.

    A PE32+ file with nothing but a directory of exports (PE format, "Export Directory
    Table"): an address within that directory is the text of a forwarder.
    """
    texts = [one.encode("ascii") + b"\0" for one in (name, function, target)]
    first = _SECTION + 40 + 4 + 4 + 2
    places = [first + sum(map(len, texts[:number])) for number in range(3)]
    tables = (_SECTION + 40, _SECTION + 44, _SECTION + 48)
    exports = struct.pack("<2I2H7I", 0, 0, 0, 0, places[0], 1, 1, 1, *tables)
    exports += struct.pack("<2IH", places[2], places[1], 0) + b"".join(texts)
    stored = -len(exports) % _FILE_ALIGNMENT + len(exports)
    # A library (0x2000) that takes large addresses and is executable (0x22), of one section.
    header = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    header += b"PE\0\0" + struct.pack("<2H3I2H", 0x8664, 1, 0, 0, 0, 240, 0x2022)
    header += struct.pack("<H2B3I2I", 0x20B, 14, 0, 0, stored, 0, 0, _SECTION)
    header += struct.pack("<Q2I6H", 0x1_8000_0000, _SECTION, _FILE_ALIGNMENT, 6, 0, 0, 0, 6, 0)
    header += struct.pack("<4I2H", 0, 2 * _SECTION, _FILE_ALIGNMENT, 0, 2, 0x160)
    header += struct.pack("<4Q2I", 0x10_0000, 0x1000, 0x10_0000, 0x1000, 0, 16)
    header += struct.pack("<2I", _SECTION, len(exports)).ljust(16 * 8, b"\0")
    header += b".edata\0\0" + struct.pack(
        "<6I2HI", len(exports), _SECTION, stored, _FILE_ALIGNMENT, 0, 0, 0, 0, 0x4000_0040
    )
    return header.ljust(_FILE_ALIGNMENT, b"\0") + exports.ljust(stored, b"\0")
