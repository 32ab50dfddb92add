"""Which files are provably a distribution's own."""

from __future__ import annotations

import io
import zipfile

import pytest

from linkinstall.distribution import find_distributions
from linkinstall.manifest import EntryPoint
from linkinstall.proof import is_launcher, proven_rows
from tests.support.sites import Site

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

POINT = EntryPoint("tool", "app.core", "main.run", "console", "")
PIP = """#!/env/bin/python
# -*- coding: utf-8 -*-
import re
import sys
from app.core import main
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit(main.run())
"""
FILES = {
    "app/__init__.py": "",
    "app/core.py": "def main(): ...\n",
    "app-1.0.data/scripts/app-tool": "#!python\nprint('tool')\n",
    "app-1.0.data/data/share/app.txt": "data\n",
}


def program(script: str) -> bytes:
    """Return a program for Windows with a script packed behind it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("__main__.py", script)
    return b"MZ" + b"\0" * 64 + b"#!python.exe\n" + packed.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (PIP.encode(), True),
        (PIP.replace("\n", "\r\n").encode(), True),
        (program(PIP), True),
        (program("print()"), False),
        (b"MZ" + b"\0" * 64, False),
        (PIP.replace("app.core", "app").encode(), False),
        (PIP.replace("main.run", "main.walk").encode(), False),
        (b"#!/bin/sh\nexec tool\n", False),
    ],
)
def test_a_launcher_calls_its_entry_point(data: bytes, *, expected: bool) -> None:
    """A script of any tool is told by the function that it calls."""
    assert expected == is_launcher(data, POINT)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment with a distribution that has files in several schemes."""
    site = Site(tmp_path)
    points = "[console_scripts]\napp-run = app.core:main\n"
    site.install(site.wheel("app", files=FILES, entry_points=points), link_mode="copy")
    return site


def proven(site: Site) -> list[str]:
    """Return the paths that are proven."""
    world = site.world()
    (one,) = find_distributions(world.files, world.libraries, world.bases)
    (folder,) = world.files.scan(f"{site.cache.root}/entries")
    entry = site.cache.open(folder[0])
    assert entry is not None
    return sorted(row.path for row in proven_rows(world, one, entry.manifest))


def test_what_stands_as_the_wheel_has_it_is_proven(site: Site) -> None:
    """Files of every scheme, and scripts whose first line was written, are the project's own."""
    assert [
        "../../../bin/app-run",
        "../../../bin/app-tool",
        "../../../share/app.txt",
        "app-1.0.dist-info/METADATA",
        "app-1.0.dist-info/WHEEL",
        "app-1.0.dist-info/entry_points.txt",
        "app/__init__.py",
        "app/core.py",
    ] == proven(site)


def test_what_was_edited_is_not_proven(site: Site) -> None:
    """A file with other contents may be anybody's."""
    before = proven(site)
    edited = ["bin/app-run", "bin/app-tool", "share/app.txt"]
    for path in (*(site.root / name for name in edited), site.library / "app" / "core.py"):
        path.write_text("mine\n")
    (site.library / "app" / "__init__.py").unlink()
    info = [path for path in before if path.startswith("app-1.0.dist-info/")]

    assert info == proven(site)
