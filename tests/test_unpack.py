"""Unpacking a wheel into an entry, compared with RECORD on the way."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING

import pytest

from linkinstall import Cache
from linkinstall.errors import InvalidWheelError
from linkinstall.unpack import unpack
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"app/__init__.py": b"value = 1\n", "app/data.txt": b"data\n"}
INFO = "app-1.0.dist-info"


def altered_wheel(folder: Path, algorithm: str = "sha256") -> Path:
    """Make a wheel one of whose files has the size RECORD says, but not the contents."""
    sound = make_wheel(folder, "app", "1.0", FILES, algorithm=algorithm)
    with zipfile.ZipFile(sound) as archive:
        record = archive.read(f"{INFO}/RECORD").decode()
    return make_wheel(folder, "app", "1.0", {**FILES, "app/data.txt": b"atad\n"}, record=record)


def below(folder: Path) -> list[str]:
    """Return the files and folders in a folder, or nothing where there is none."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_every_file_of_the_wheel_is_in_the_entry(tmp_path: Path) -> None:
    """The entry holds each file of the wheel with its bytes, RECORD excepted."""
    wheel = make_wheel(tmp_path, "app", "1.0", FILES)

    entry = unpack(Cache(tmp_path / "cache"), str(wheel)).entry

    found = {path for _, path, _, _ in entry.manifest.files()}
    assert {*FILES, f"{INFO}/METADATA", f"{INFO}/WHEEL"} == found
    for path, data in FILES.items():
        folder, _, name = path.rpartition("/")
        with open(f"{entry.files('purelib', folder)}/{name}", "rb") as stream:
            assert data == stream.read()


def test_what_was_added_is_told(tmp_path: Path) -> None:
    """The result names the project, the wheel file's hash, and that it was unpacked now."""
    wheel = make_wheel(tmp_path, "app", "1.0", FILES)

    added = unpack(Cache(tmp_path / "cache"), str(wheel))

    assert ("app", True) == (added.name.name, added.unpacked)
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == added.hash


def test_files_of_data_go_to_their_schemes(tmp_path: Path) -> None:
    """A file below ``.data/<scheme>`` belongs to that scheme, below its own path."""
    files = {"app.py": "", "app-1.0.data/scripts/tool": "#!python\n",
             "app-1.0.data/data/share/a": "a"}  # fmt: skip
    wheel = make_wheel(tmp_path, "app", "1.0", files)

    manifest = unpack(Cache(tmp_path / "cache"), str(wheel)).entry.manifest

    schemes = {(scheme, path) for scheme, path, _, _ in manifest.files() if INFO not in path}
    assert {("purelib", "app.py"), ("scripts", "tool"), ("data", "share/a")} == schemes
    assert frozenset({"scripts/tool"}) == manifest.rewritten


def test_entry_points_are_noted_not_generated(tmp_path: Path) -> None:
    """An entry point is kept in the manifest: its script depends on the environment."""
    points = "[console_scripts]\napp = app:main\n"
    wheel = make_wheel(tmp_path, "app", "1.0", FILES, entry_points=points)

    manifest = unpack(Cache(tmp_path / "cache"), str(wheel)).entry.manifest

    assert ["app"] == [point.name for point in manifest.entry_points]
    assert {"purelib"} == {scheme for scheme, *_ in manifest.files()}


def test_the_cache_finds_what_was_unpacked(tmp_path: Path) -> None:
    """After unpacking, the same wheel file is found by its identity, without unpacking."""
    cache = Cache(tmp_path / "cache")
    wheel = make_wheel(tmp_path, "app", "1.0", FILES)
    assert cache.find(str(wheel)) is None

    added = unpack(cache, str(wheel))

    found = cache.find(str(wheel))
    assert found is not None
    assert (added.entry.folder, False) == (found.entry.folder, found.unpacked)


def test_contents_that_are_not_those_of_record_are_refused(tmp_path: Path) -> None:
    """An altered file refuses the wheel by name, and nothing of it stays in the cache."""
    cache = Cache(tmp_path / "cache")

    with pytest.raises(InvalidWheelError) as caught:
        unpack(cache, str(altered_wheel(tmp_path)))

    problems = [(one.code, one.path) for one in caught.value.problems]
    assert [("record-mismatch", "app/data.txt")] == problems
    root = tmp_path / "cache" / "v1"
    assert [] == below(root / "entries") + below(root / "aliases") + below(root / "tmp")


def test_contents_are_not_compared_where_only_entries_are_asked_for(tmp_path: Path) -> None:
    """With ``entries`` an altered wheel is unpacked, but never found as a verified one."""
    cache = Cache(tmp_path / "cache")
    wheel = str(altered_wheel(tmp_path))

    entry = unpack(cache, wheel, validate_record="entries").entry

    with open(f"{entry.files('purelib', 'app')}/data.txt", "rb") as stream:
        assert stream.read() == b"atad\n"
    assert cache.find(wheel) is None


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_stronger_digests_are_compared(tmp_path: Path, algorithm: str) -> None:
    """A digest of RECORD is compared in the algorithm that it names."""
    sound = make_wheel(tmp_path, "app", "1.0", FILES, algorithm=algorithm)
    assert unpack(Cache(tmp_path / "one"), str(sound)).unpacked

    with pytest.raises(InvalidWheelError) as caught:
        unpack(Cache(tmp_path / "two"), str(altered_wheel(tmp_path / "altered", algorithm)))

    problems = [(one.code, one.path) for one in caught.value.problems]
    assert [("record-mismatch", "app/data.txt")] == problems
