"""Is this wheel installed already: equal, damaged or something else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall.distribution import find_distributions
from linkinstall.fs import local
from linkinstall.installed import DAMAGED, OTHER, SAME, compare
from linkinstall.record import is_sealed
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from linkinstall.cache import Entry

FILES = {"app/__init__.py": "value = 1\n", "app/data.txt": "data\n"}
EVERYWHERE = {
    **FILES,
    "app-1.0.data/scripts/app-tool": "#!python\nprint(1)\n",
    "app-1.0.data/data/share/app.txt": "shared\n",
}
CONSOLE = "[console_scripts]\napp = app:value\n"


def compared(site: Site, wheel: Path) -> str:
    """Return what ``compare`` says of the one installed distribution and a wheel."""
    world = site.world()
    (installed,) = find_distributions(world.files, world.libraries, world.bases)
    return compare(local(), installed, site.cache.add(wheel).entry, site.environment)


def test_what_was_just_installed_is_the_same(tmp_path: Path) -> None:
    """A wheel with scripts, data and entry points is SAME right after its installation."""
    site = Site(tmp_path)
    wheel = site.wheel(files=EVERYWHERE, entry_points=CONSOLE)
    site.install(wheel)

    assert compared(site, wheel) == SAME


def test_a_missing_file_is_damage(tmp_path: Path) -> None:
    """A wheel one of whose files is gone is DAMAGED."""
    site = Site(tmp_path)
    wheel = site.wheel(files=FILES)
    site.install(wheel)
    (site.library / "app" / "data.txt").unlink()

    assert compared(site, wheel) == DAMAGED


def test_a_file_of_another_size_is_damage(tmp_path: Path) -> None:
    """A wheel one of whose files has another size is DAMAGED."""
    site = Site(tmp_path)
    wheel = site.wheel(files=FILES)
    site.install(wheel, link_mode="copy")
    (site.library / "app" / "data.txt").write_text("more data\n")

    assert compared(site, wheel) == DAMAGED


def test_a_missing_script_is_damage(tmp_path: Path) -> None:
    """The script of an entry point has to be there, though it is no row of the wheel."""
    site = Site(tmp_path)
    wheel = site.wheel(files=FILES, entry_points=CONSOLE)
    site.install(wheel)
    (site.scripts / "app").unlink()

    assert compared(site, wheel) == DAMAGED


def test_other_contents_under_the_same_version_are_another_wheel(tmp_path: Path) -> None:
    """A wheel of the same name and version with other contents is OTHER."""
    site = Site(tmp_path)
    site.install(site.wheel(files=FILES))
    rebuilt = site.wheel(files={**FILES, "app/data.txt": "atad\n"})

    assert compared(site, rebuilt) == OTHER


def test_a_wheel_with_fewer_files_is_another_wheel(tmp_path: Path) -> None:
    """What RECORD lists beyond the wheel's rows makes it OTHER, even if all of them match."""
    site = Site(tmp_path)
    site.install(site.wheel(files=FILES))
    fewer = {"app/__init__.py": FILES["app/__init__.py"]}

    assert compared(site, site.wheel(files=fewer)) == OTHER


def test_another_version_is_another_wheel(tmp_path: Path) -> None:
    """A wheel of another version is OTHER: its dist-info has another name."""
    site = Site(tmp_path)
    site.install(site.wheel(files=FILES))

    assert compared(site, site.wheel(version="2.0", files=FILES)) == OTHER


def test_without_record_nothing_is_known(tmp_path: Path) -> None:
    """A distribution that has lost its RECORD is OTHER: no file of it can be told."""
    site = Site(tmp_path)
    wheel = site.wheel(files=FILES)
    site.install(wheel)
    (site.library / "app-1.0.dist-info" / "RECORD").unlink()

    assert compared(site, wheel) == OTHER


def test_missing_bytecode_is_no_damage(tmp_path: Path) -> None:
    """Compiled files that RECORD lists may be gone: the interpreter makes them again."""
    site = Site(tmp_path, compiler=True)
    wheel = site.wheel(files=FILES)
    site.install(wheel, compile_levels=(0,))
    compiled = list((site.library / "app" / "__pycache__").iterdir())
    assert len(compiled) == 1
    compiled[0].unlink()

    assert compared(site, wheel) == SAME


WRITTEN: dict[str, Callable[[str], str]] = {
    "backwards": lambda text: "\n".join(reversed(text.splitlines())) + "\n",
    "with carriage returns": lambda text: text.replace("\n", "\r\n"),
    "with quotes": lambda text: "".join(
        '"{}","{}","{}"\n'.format(*line.rsplit(",", 2)) for line in text.splitlines()
    ),
    "with a dot": lambda text: text.replace("app/", "./app/"),
    "with backslashes": lambda text: text.replace("app/data", "app\\data"),
}
"""How other tools write the same rows."""


@pytest.mark.parametrize("written", WRITTEN)
def test_rows_are_the_same_however_they_are_written(tmp_path: Path, written: str) -> None:
    """Order, line ends, quotes and the marks of paths in RECORD make no other wheel."""
    site = Site(tmp_path)
    wheel = site.wheel(files=EVERYWHERE, entry_points=CONSOLE)
    site.install(wheel)
    record = site.library / "app-1.0.dist-info" / "RECORD"
    record.write_bytes(WRITTEN[written](record.read_text()).encode())

    assert compared(site, wheel) == SAME
    rows = record.read_bytes()
    record.write_bytes(rows + b"more.py,,\nmost.py,,\nmoreover.py,,\n")
    assert compared(site, wheel) == OTHER
    record.write_bytes(rows)
    (site.library / "app" / "data.txt").unlink()
    assert compared(site, wheel) == DAMAGED


@needs_symlinks
def test_a_link_has_the_size_of_its_target(tmp_path: Path) -> None:
    """An environment of symbolic links is SAME, and DAMAGED once one leads nowhere."""
    site = Site(tmp_path)
    wheel = site.wheel(files=FILES)
    site.install(wheel, link_mode="symlink")
    data = site.library / "app" / "data.txt"
    assert data.is_symlink()

    assert compared(site, wheel) == SAME
    data.unlink()
    data.symlink_to("12345")  # as long as the file is
    assert compared(site, wheel) == DAMAGED


def test_a_folder_in_the_place_of_a_file_is_damage(tmp_path: Path) -> None:
    """Where a file of the wheel was, only a file or a link to one will do."""
    site = Site(tmp_path)
    wheel = site.wheel(files=FILES)
    site.install(wheel)
    (site.library / "app" / "data.txt").unlink()
    (site.library / "app" / "data.txt").mkdir()

    assert compared(site, wheel) == DAMAGED


@needs_symlinks
def test_a_package_behind_a_link_stands(tmp_path: Path) -> None:
    """A package whose folder was moved, with a link in its place, is all there."""
    site = Site(tmp_path)
    wheel = site.wheel(files=FILES)
    site.install(wheel)
    (site.library / "app").rename(tmp_path / "elsewhere")
    (site.library / "app").symlink_to(tmp_path / "elsewhere")

    assert compared(site, wheel) == SAME


def test_compiled_files_of_a_wheel_may_be_gone(tmp_path: Path) -> None:
    """What a wheel brings compiled the interpreter makes again."""
    site = Site(tmp_path)
    wheel = site.wheel(files={**FILES, "app/old.pyc": "not really"})
    site.install(wheel)
    (site.library / "app" / "old.pyc").unlink()

    assert compared(site, wheel) == SAME


def lose_rows(site: Site, wheel: Path, left: bytes | None) -> Entry:
    """Return the entry of a wheel, with something else for the rows that it kept."""
    found = site.cache.find(str(wheel))
    assert found is not None
    record = Path(found.entry.folder, "record")
    record.unlink()
    if left is not None:
        record.write_bytes(left)
    return found.entry


LEFT = [None, b"", b"app/__init__.py,sha2", b"\tno scheme\tx,,\n", b"\0" * 80]


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("prefix", ["", "./"])
def test_rows_that_the_entry_has_lost_are_those_of_its_manifest(
    tmp_path: Path, left: bytes | None, prefix: str
) -> None:
    """What an entry keeps for RECORD is taken as it stands only where its seal is whole.

    Nobody had looked at the entry by then. Where that file was cut, installing or repairing what
    was installed from it ended with a ValueError that called itself a mistake in linkinstall, and
    none of these commands came as far as the look that mends the entry.
    """
    site = Site(tmp_path)
    wheel = site.wheel(files=EVERYWHERE, entry_points=CONSOLE)
    site.install(wheel)
    record = site.library / "app-1.0.dist-info" / "RECORD"
    rows = record.read_text().splitlines(keepends=True)
    # On Windows the row of a script is absolute.
    record.write_text("".join(row if ":/" in row else prefix + row for row in rows))
    entry = lose_rows(site, wheel, left)
    world = site.world()
    (installed,) = find_distributions(world.files, world.libraries, world.bases)

    assert compare(local(), installed, entry, site.environment) == SAME


@pytest.mark.parametrize("left", LEFT)
def test_an_entry_that_has_lost_its_rows_is_made_anew_where_it_is_used(
    tmp_path: Path, left: bytes | None
) -> None:
    """Installing over damage mends the entry as well, and leaves what is right."""
    site = Site(tmp_path)
    wheel = site.wheel(files=FILES)
    site.install(wheel)
    (site.library / "app" / "data.txt").unlink()
    entry = lose_rows(site, wheel, left)

    assert site.install(wheel).exit == 0
    assert [] == site.check()
    assert is_sealed(Path(entry.folder, "record").read_bytes(), entry.manifest.id)
