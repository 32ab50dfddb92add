"""``CachedWheel``: a wheel source whose streams are files of the cache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from installer import install as install_wheel
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile, WheelSource

from integration.support.frontend import (
    METADATA,
    PYTHON,
    by_installer,
    destination,
    library_of,
    schemes_below,
)
from integration.support.trees import differences, inodes_of, snapshot
from linkinstall import Cache, CachedWheel

if TYPE_CHECKING:
    from pathlib import Path


def test_a_cached_wheel_is_a_source_whose_streams_are_cache_files(
    root: Path, tmp_path: Path, cache: Cache, sample: Path
) -> None:
    """``CachedWheel.open`` is a context manager like ``WheelFile.open``; its streams are files."""
    with CachedWheel.open(sample, cache) as source:
        assert isinstance(source, WheelSource)
        cached = inodes_of(tmp_path / "cache")
        streams = {}
        for row, stream, _is_executable in source.get_contents():
            # RECORD itself is rewritten for each environment, and never linked.
            if not row[0].endswith(".dist-info/RECORD"):
                status = os.fstat(stream.fileno())
                streams[row[0]] = (status.st_dev, status.st_ino) in cached
        install_wheel(source, destination(root, cache), METADATA)
    with WheelFile.open(sample) as source:
        expected = {row[0] for row, _stream, _is_executable in source.get_contents()}

    assert expected == streams.keys() | {"sample-1.0.dist-info/RECORD"}
    assert {True} == set(streams.values())
    assert (library_of(root) / "sample/data.txt").exists()


def test_a_cached_wheel_serves_the_class_of_installer_too(
    root: Path, cache: Cache, sample: Path, tmp_path: Path
) -> None:
    """Installed by installer's own class, a cached wheel gives the tree of the wheel file."""
    by_installer(root, sample)
    theirs = snapshot(root)
    root.rename(tmp_path / "theirs")
    with CachedWheel.open(sample, cache) as source:
        target = SchemeDictionaryDestination(schemes_below(root), PYTHON, "posix")
        install_wheel(source, target, METADATA)

    assert [] == differences(theirs, snapshot(root))
