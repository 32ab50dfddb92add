"""The wheels of the sweeps.

Purpose: small real ones, pinned in ``integration/wheels.lock``, so that figures can be
compared, and ``parts``, which is made here and has what small real ones lack: a
library, a ``#!python`` script, entry points, headers, files of the data scheme. For
races ``clasha`` and ``clashb``, which own one file, and ``bulk``, which compiles slowly.

Calling sequence: ``wheels()["pluggy-1.6.0"]`` is a path.

Guarantees: the same bytes in each run and on each machine.

Errors: ``ValueError`` if one cannot be fetched.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from integration.support.real_wheels import KEPT, wheel
from tests.support.wheels import make_wheel

REAL = (
    "iniconfig==2.1.0",
    "pluggy==1.5.0",
    "pluggy==1.6.0",
    "wheel==0.44.0",
    "wheel==0.45.1",
    "zope.deprecation==5.1",
    "zope.event==5.0",
    "zope.event==5.1",
)

_SLOW = "".join(
    f"def f{number}(a, b=({number}, 'x')):\n    return [a, b]\n" for number in range(800)
)
_RACING: dict[str, dict[str, bytes | str]] = {
    "clasha": {"clash.py": "owner = 'a'\n", "clasha.py": ""},
    "clashb": {"clash.py": "owner = 'b'\n", "clashb.py": ""},
    "bulk": {f"bulk/m{number}.py": _SLOW for number in range(12)},
}


def wheels() -> dict[str, str]:
    """Return ``name-version`` -> path of each wheel, fetched and made where missing."""
    KEPT.mkdir(parents=True, exist_ok=True)
    try:
        paths = {name.replace("==", "-"): str(wheel(name)) for name in REAL}
    except (pytest.skip.Exception, pytest.fail.Exception) as unavailable:
        raise ValueError(str(unavailable)) from None
    paths |= {f"parts-{version}": _parts(version) for version in ("1.0", "2.0")}
    paths |= {f"{name}-1.0": _made(name, "1.0", files) for name, files in _RACING.items()}
    return paths


def _parts(version: str) -> str:
    """Make a wheel with one of everything; each file differs between versions."""
    data = f"parts-{version}.data"
    files: dict[str, bytes | str] = {
        "parts/__init__.py": f"version = {version!r}\n\ndef main():\n    print(version)\n",
        "parts/fast.cpython-311-x86_64-linux-gnu.so": b"\x7fELF" + version.encode() * 100,
        "parts/deep/er/data.txt": f"{version}\n",
        "parts.py.typed": "",
        f"{data}/scripts/parts-report": f"#!python\nprint({version!r})\n",
        f"{data}/data/share/parts/notes.txt": f"{version}\n",
        f"{data}/headers/parts.h": f"/* {version} */\n",
    }
    points = "[console_scripts]\nparts = parts:main\n\n[gui_scripts]\nparts-window = parts:main\n"
    return _made("parts", version, files, points)


def _made(
    name: str, version: str, files: dict[str, bytes | str], entry_points: str | None = None
) -> str:
    with tempfile.TemporaryDirectory(dir=KEPT) as folder:
        made = make_wheel(Path(folder), name, version, files, entry_points=entry_points)
        # Several runs may make it at once: all make the same bytes.
        return str(made.replace(KEPT / made.name))
