"""Which files are provably a distribution's own."""

from __future__ import annotations

import io
import shutil
import tracemalloc
import zipfile

import pytest

from linkinstall.distribution import find_distributions
from linkinstall.manifest import EntryPoint
from linkinstall.proof import is_launcher, proven_rows, tells_anything
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


def program(script: str, method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a program for Windows with a script packed behind it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("__main__.py", script)
    return b"MZ" + b"\0" * 64 + b"#!python.exe\n" + packed.getvalue()


def test_a_program_that_cannot_be_unpacked_is_no_launcher() -> None:
    """Whatever zipfile says of what is packed into a program, it calls nothing of ours.

    A broken deflate stream, its early end and an offset below zero once ended in tracebacks
    of three kinds (``make fuzz``).
    """
    sound = program(PIP, zipfile.ZIP_DEFLATED)
    begin = sound.index(b"__main__.py") + len("__main__.py")
    end = sound.index(b"PK\1\2")
    directory = sound.rindex(b"PK\5\6")
    assert is_launcher(sound, POINT)

    for at, data in ((begin, b"\xff" * 8), (end - 9, b"\0" * 9), (directory + 16, b"\xff" * 4)):
        assert not is_launcher(sound[:at] + data + sound[at + len(data) :], POINT)


def test_a_program_is_unpacked_up_to_a_bound() -> None:
    """What is packed into a program may be a bomb: no more than a launcher's size is unpacked."""
    large = program(" " * (64 << 20) + PIP, zipfile.ZIP_DEFLATED)
    tracemalloc.start()

    assert not is_launcher(large, POINT)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


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


def test_something_of_the_payload_has_to_be_proven(site: Site) -> None:
    """Files of dist-info alone prove nothing, unless no other file stands."""
    world = site.world()
    (one,) = find_distributions(world.files, world.libraries, world.bases)
    (folder,) = world.files.scan(f"{site.cache.root}/entries")
    entry = site.cache.open(folder[0])
    assert entry is not None
    rows = proven_rows(world, one, entry.manifest)
    inner = [row for row in rows if row.path.startswith("app-1.0.dist-info/")]

    assert tells_anything(world, one, entry.manifest, rows)
    assert not tells_anything(world, one, entry.manifest, inner)
    shutil.rmtree(site.library / "app")
    (site.root / "share" / "app.txt").unlink()
    assert tells_anything(world, one, entry.manifest, inner)
