"""Small wheels with something of everything, for the scenarios.

Purpose: wheels that are made in a millisecond and have the parts that matter: a package
with nested folders, data, an executable file, scripts of both kinds, shared data.

Calling sequence: ``make_sample(folder, version)``.

Guarantees: two versions differ in the contents of every payload file but the tool.

Errors: none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENTRY_POINTS = "[console_scripts]\nsample = sample:main\n"


def sample_files(version: str = "1.0") -> dict[str, bytes | str]:
    """Return the members of the sample wheel, dist-info aside."""
    return {
        "sample/__init__.py": f"__version__ = {version!r}\n\n\ndef main():\n    print('hello')\n",
        "sample/deep/er/module.py": f"VALUE = {version!r} * 20\n",
        "sample/data.txt": f"data of {version}\n" * 200,
        "sample/tool": "#!/bin/sh\necho tool\n",
        f"sample-{version}.data/scripts/sample-run": "#!python\nprint('ran')\n",
        f"sample-{version}.data/data/share/sample/readme.txt": f"read me {version}\n",
    }


def make_sample(
    folder: Path, version: str = "1.0", more: Mapping[str, bytes | str] | None = None
) -> Path:
    """Make the wheel of ``sample`` in some version; ``more`` adds or replaces members."""
    return make_wheel(
        folder,
        "sample",
        version,
        {**sample_files(version), **(more or {})},
        entry_points=ENTRY_POINTS,
        executable=("sample/tool", f"sample-{version}.data/scripts/sample-run"),
    )


def make_broken(folder: Path, name: str = "broken", version: str = "1.0") -> Path:
    """Make a wheel one of whose files is not what its RECORD says."""
    dist_info = f"{name}-{version}.dist-info"
    right = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    record = f"{name}/__init__.py,{right},0\n{dist_info}/METADATA,,\n{dist_info}/WHEEL,,\n"
    return make_wheel(
        folder,
        name,
        version,
        {f"{name}/__init__.py": "print('not what RECORD says')\n"},
        record=record + f"{dist_info}/RECORD,,\n",
    )
