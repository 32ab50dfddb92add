"""Installed distributions, whoever installed them, and in whatever state they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from linkinstall.distribution import (
    HALF_INSTALLED,
    HALF_REMOVED,
    MODIFIED,
    WHOLE,
    Distribution,
    find_distributions,
    leftovers,
    library_path,
    other_owner,
    owners_of,
    quick_health,
    read_installer,
    read_rows,
    same_size,
)
from linkinstall.fs import local
from linkinstall.record import Row
from linkinstall.verbs.check import list_distributions
from tests.support.faulty import Recording
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site

if TYPE_CHECKING:
    from pathlib import Path

INFO = "pkg-1.0.dist-info"
ROWS = (
    "pkg/__init__.py,,5\npkg/__pycache__/__init__.cpython-311.pyc,,9\n"
    f"pkg/data.txt,,4\n{INFO}/METADATA,,2\n{INFO}/RECORD,,\n"
)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return a library folder with one whole distribution."""
    for path, data in {
        "pkg/__init__.py": "12345",
        "pkg/data.txt": "1234",
        f"{INFO}/METADATA": "12",
        f"{INFO}/INSTALLER": "pip\n",
        f"{INFO}/RECORD": ROWS,
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(data)
    return tmp_path


def only(library: Path) -> Distribution:
    """Return the one distribution of a library folder."""
    (found,) = find_distributions(local(), [str(library)])
    return found


def health(library: Path) -> str:
    """Return the health of the one distribution."""
    return quick_health(local(), only(library))


# -------------------------------------------------------------------- finding


def test_a_distribution_is_known_by_its_dist_info(library: Path) -> None:
    """Name, version and folder come from the folder's name alone."""
    one = only(library)

    assert Distribution("pkg", "1.0", str(library), INFO, str(library)) == one
    assert f"{library}/{INFO}" == one.path


@pytest.mark.parametrize(
    ("folder", "name", "version"),
    [
        ("Foo_Bar.baz-1.0.dist-info", "foo-bar-baz", "1.0"),
        ("a-b-2.0.post1.dist-info", "a-b", "2.0.post1"),
        ("x-1!2.0+local.dist-info", "x", "1!2.0+local"),
    ],
)
def test_names_are_canonical(tmp_path: Path, folder: str, name: str, version: str) -> None:
    """However a tool writes the name, it is compared in one form."""
    (tmp_path / folder).mkdir()

    assert (name, version) == (only(tmp_path).name, only(tmp_path).version)


def test_what_is_no_distribution_is_passed_over(tmp_path: Path) -> None:
    """Files, links to none, pip's leftovers and folders without a version are none."""
    (tmp_path / "file-1.0.dist-info").touch()
    for name, target in (("a", "file-1.0.dist-info"), ("b", "nowhere"), ("c", "c-1.0.dist-info")):
        (tmp_path / f"{name}-1.0.dist-info").symlink_to(target)
    (tmp_path / "~ip-1.0.dist-info").mkdir()
    (tmp_path / "noversion.dist-info").mkdir()
    (tmp_path / "old-1.0.egg-info").mkdir()

    assert [] == find_distributions(local(), [str(tmp_path)])
    assert ["~ip-1.0.dist-info"] == leftovers(local(), str(tmp_path))


@needs_symlinks
def test_a_link_to_a_dist_info_is_a_distribution(tmp_path: Path) -> None:
    """A dist-info that a link leads to owns its files as any other does.

    It was not seen at all, and its files were removed with another project's that lists them, too.
    """
    (tmp_path / "real").mkdir()
    (tmp_path / "real/RECORD").write_text("a.py,,\n")
    library = tmp_path / "library"
    library.mkdir()
    (library / "link-1.0.dist-info").symlink_to("../real")

    (found,) = find_distributions(local(), [str(library)])

    assert ("link", f"{library}/link-1.0.dist-info") == (found.name, found.path)
    assert {f"{library}/a.py": "link"} == owners_of(local(), [found])


def test_all_folders_are_looked_through(tmp_path: Path) -> None:
    """Distributions of several library folders are sorted; a missing one has none, nor a file."""
    for path in ("one/b-1.dist-info", "two/a-1.dist-info", "two/b-2.dist-info"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "file").write_text("no folder")
    folders = [f"{tmp_path}/{name}" for name in ("one", "absent", "file", "two")]

    found = find_distributions(local(), folders, {f"{tmp_path}/two": "/env/lib64"})

    assert [("a", "1"), ("b", "1"), ("b", "2")] == [(one.name, one.version) for one in found]
    assert ["/env/lib64", f"{tmp_path}/one", "/env/lib64"] == [one.base for one in found]
    assert [] == leftovers(local(), f"{tmp_path}/absent")


# -------------------------------------------------------------------- reading


def test_rows_are_read(library: Path) -> None:
    """RECORD's rows come as they are written."""
    rows = read_rows(local(), only(library))

    assert rows is not None
    assert Row("pkg/__init__.py", "", 5) == rows[0]
    assert 5 == len(rows)


@pytest.mark.parametrize("data", [None, b"", b"one,column", b"\xff,,\n", b'"' + b"x" * 200_000])
def test_a_record_that_says_nothing_is_none(library: Path, data: bytes | None) -> None:
    """A missing, an empty and a damaged RECORD are the same: there are no rows."""
    record = library / INFO / "RECORD"
    record.unlink()
    if data is not None:
        record.write_bytes(data)

    assert read_rows(local(), only(library)) is None
    assert HALF_INSTALLED == health(library)


def test_the_installer_is_read(library: Path) -> None:
    """What INSTALLER says, without the line end; nothing where there is none."""
    assert "pip" == read_installer(local(), only(library))

    (library / INFO / "INSTALLER").unlink()
    assert "" == read_installer(local(), only(library))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("pkg/a.py", "/env/lib/pkg/a.py"),
        ("../bin/run", "/env/bin/run"),
        ("../../etc/passwd", "/etc/passwd"),
        ("pkg/../other/a.py", "/env/lib/other/a.py"),
        ("pkg/..", "/env/lib"),
        ("..", "/env"),
        (".", "/env/lib"),
        ("./pkg/a.py", "/env/lib/pkg/a.py"),
        ("pkg/./a.py", "/env/lib/pkg/a.py"),
        ("pkg//a.py", "/env/lib/pkg/a.py"),
        ("pkg/", "/env/lib/pkg"),
        ("/usr/bin/run", "/usr/bin/run"),
        ("pkg/a..b.py", "/env/lib/pkg/a..b.py"),
        ("pkg/ends.", "/env/lib/pkg/ends."),
        ("..hidden", "/env/lib/..hidden"),
    ],
)
def test_a_row_means_one_normal_path(path: str, expected: str) -> None:
    """However a row writes its path, it is compared with what is on disk in one form."""
    assert expected == library_path("/env/lib", path)


# -------------------------------------------------------------------- health


def test_a_whole_distribution(library: Path) -> None:
    """Every file with its size is whole; compiled files may come and go."""
    assert WHOLE == health(library)


def test_without_metadata_it_is_half_removed(library: Path) -> None:
    """METADATA absent: half-removed, whatever else is there."""
    (library / INFO / "METADATA").unlink()

    assert HALF_REMOVED == health(library)


def test_without_any_payload_it_is_half_removed(library: Path) -> None:
    """Every payload row absent: half-removed, though the dist-info is complete."""
    (library / "pkg" / "__init__.py").unlink()
    assert MODIFIED == health(library)
    (library / "pkg" / "data.txt").unlink()
    assert HALF_REMOVED == health(library)


def test_compiled_files_alone_are_no_payload(tmp_path: Path) -> None:
    """A module that is gone is not there for what was compiled of it: ``check`` says the same.

    Story: of a project of one module ``list`` said modified, and ``check`` half-removed.
    """
    site = Site(tmp_path, compiler=True)
    site.install(site.wheel("app", files={"app.py": "x = 1\n"}), compile_levels=(0,))
    (site.library / "app.py").unlink()
    assert list((site.library / "__pycache__").iterdir())

    (one,) = list_distributions(site.environment)
    assert ("half-removed", {"half-removed"}) == (one.health, {f.health for f in site.check("app")})


def test_a_distribution_without_payload_can_be_whole(library: Path) -> None:
    """A wheel of metadata alone misses nothing."""
    (library / INFO / "RECORD").write_text(f"{INFO}/METADATA,,2\n{INFO}/RECORD,,\n")

    assert WHOLE == health(library)


@pytest.mark.parametrize("path", ["pkg/data.txt", f"{INFO}/METADATA"])
def test_another_size_is_modified(library: Path, path: str) -> None:
    """A file of another size than its row says is modified."""
    (library / path).write_text("longer than before")

    assert MODIFIED == health(library)


def test_a_row_outside_of_the_library_counts(library: Path) -> None:
    """Scripts are payload: a missing one is a difference."""
    (library / INFO / "RECORD").write_text(ROWS + "../bin/run,,3\n")

    assert MODIFIED == health(library)


def test_health_is_judged_without_reading_payload(library: Path) -> None:
    """No payload is opened, and nothing is changed."""
    (library / "pkg" / "__init__.py").chmod(0)
    files = Recording(local())
    opened: list[str] = []
    vars(files)["open_read"] = opened.append

    assert WHOLE == quick_health(files, only(library))
    assert ([], []) == (opened, files.changes)


def test_given_rows_are_taken(library: Path) -> None:
    """A caller that has the rows does not have them read again."""
    rows = [Row("pkg/data.txt", "", 77)]

    assert MODIFIED == quick_health(local(), only(library), rows)


def test_a_folder_has_no_size_of_a_file(tmp_path: Path) -> None:
    """A folder that stands in a file's place is not of its size, whatever its own is."""
    status = os.lstat(tmp_path)

    assert not same_size(local(), str(tmp_path), status.st_size, status)
    assert same_size(local(), str(tmp_path), None, status)


@needs_symlinks
@pytest.mark.parametrize(
    ("target", "size", "expected"),
    [("file", 3, True), ("file", 4, False), ("absent", 3, False), ("absent", None, True)],
)
def test_a_link_stands_for_its_target(
    tmp_path: Path, target: str, size: int | None, *, expected: bool
) -> None:
    """An environment of symbolic links has the sizes of what they point to."""
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(target)
    status = os.lstat(tmp_path / "link")

    assert expected == same_size(local(), str(tmp_path / "link"), size, status)


# -------------------------------------------------------------------- owners


@needs_symlinks
def test_each_file_has_its_owners(tmp_path: Path) -> None:
    """All owners are told by real path, also where a folder is reached through a link."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib64").symlink_to("lib")
    for name, rows in {
        "a": "shared.py,,\nown_a.py,,\n../bin/a,,\n",
        "b": "shared.py,,\n../lib64/own_b.py,,\n",
        "c": None,
    }.items():
        info = tmp_path / "lib" / f"{name}-1.dist-info"
        info.mkdir()
        if rows is not None:
            (info / "RECORD").write_text(rows)

    library = f"{tmp_path}/lib"
    found = owners_of(local(), find_distributions(local(), [library]))

    assert {
        f"{library}/shared.py": ("a", "b"),
        f"{library}/own_a.py": "a",
        f"{tmp_path}/bin/a": "a",
        f"{library}/own_b.py": "b",
    } == found


def test_a_file_has_its_owner_where_another_row_is_odd(library: Path) -> None:
    """A file that is listed beside a row that cannot be read is not nobody's."""
    (library / INFO / "RECORD").write_bytes(b"odd.py,sha256=x,many\npkg/a.py,,\n")
    [one] = find_distributions(local(), [str(library)])

    owners = owners_of(local(), [one])

    assert {f"{library}/odd.py": "pkg", f"{library}/pkg/a.py": "pkg"} == owners


@pytest.mark.parametrize(
    ("owners", "expected"),
    [(None, None), ("app", "app"), ("lib", "lib"), (("app", "lib"), "lib"), (("lib", "a"), "lib")],
)
def test_another_owner_is_preferred(
    owners: str | tuple[str, ...] | None, expected: str | None
) -> None:
    """Of a path with several owners, the one that is told is not the project itself."""
    assert expected == other_owner(owners, "app")


@pytest.mark.parametrize(
    "row", [b"pkg/" + b"x" * 300 + b",,", b"x/" * 3_000 + b"y,,", b"pkg/\0.py,,"]
)
def test_a_row_that_no_file_can_have_is_no_error(library: Path, row: bytes) -> None:
    """A path too long for the volume, or with a NUL, is that of no file.

    A RECORD with one such row ended every command that looked at the environment: with the
    system's "File name too long", or with a ValueError over a NUL, as a power cut leaves them.
    """
    record = library / INFO / "RECORD"
    with record.open("ab") as stream:
        stream.write(row + b"\n")
    one = only(library)

    assert health(library) in (MODIFIED, HALF_INSTALLED)
    assert {"pkg"} >= set(owners_of(local(), [one]).values())


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_a_record_that_was_cut_is_no_whole_one(library: Path, rows: int) -> None:
    """A RECORD that does not list both METADATA and itself has lost rows.

    It was called whole: an install over it was refused, because files that no row listed any
    more were taken for somebody else's.
    """
    lines = ROWS.splitlines(keepends=True)[:rows]
    (library / INFO / "RECORD").write_text("".join(lines))

    assert MODIFIED == health(library)
