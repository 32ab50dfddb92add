"""One distribution against its RECORD."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from linkinstall import Environment, check, install
from linkinstall.distribution import find_distributions
from linkinstall.fs import local
from linkinstall.health import Examined, ScriptsFolder, digest_at, examine
from linkinstall.verbs.check import list_distributions
from tests.support.faulty import Wrapper
from tests.support.platforms import needs_modes, needs_symlinks
from tests.support.sites import Site
from tests.support.wheels import record_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader
    from pathlib import Path

    from linkinstall.fs.port import FileSystem


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment with one distribution."""
    site = Site(tmp_path)
    site.install(site.wheel("app"), link_mode="copy")
    return site


def seen(site: Site, *, full: bool = False, files: FileSystem | None = None) -> Examined:
    """Examine the only distribution."""
    world = site.world()
    (one,) = find_distributions(world.files, world.libraries, world.bases)
    return examine(files or world.files, one, full=full)


def told(examined: Examined) -> list[tuple[str, str]]:
    """Return code and file name of each finding."""
    return [(one.code, os.path.basename(one.path)) for one in examined.findings]


def remove(path: str) -> Callable[[Site], None]:
    """Return a damage: a file of the library is gone."""
    return lambda site: (site.library / path).unlink()


def become_folder(site: Site) -> None:
    """Put a folder where a file was."""
    path = site.library / "app/data.txt"
    path.unlink()
    path.mkdir()


def point_nowhere(site: Site) -> None:
    """Put a link to nothing where a file was."""
    path = site.library / "app/data.txt"
    path.unlink()
    path.symlink_to("nothing")


def lose_a_row(site: Site) -> None:
    """Cut RECORD behind its first row."""
    path = site.library / "app-1.0.dist-info/RECORD"
    path.write_text(path.read_text().splitlines(keepends=True)[0])


@pytest.mark.parametrize(
    ("damage", "health", "expected"),
    [
        (remove("app/data.txt"), "modified", ("missing", "data.txt")),
        (remove("app-1.0.dist-info/METADATA"), "half-removed", ("metadata-missing", "METADATA")),
        (remove("app-1.0.dist-info/RECORD"), "half-installed", ("record-missing", "RECORD")),
        (become_folder, "modified", ("changed", "data.txt")),
        pytest.param(
            point_nowhere, "modified", ("dangling-link", "data.txt"), marks=needs_symlinks
        ),
        (lose_a_row, "modified", ("changed", "RECORD")),
    ],
)
def test_what_differs_is_named(
    site: Site, damage: Callable[[Site], None], health: str, expected: tuple[str, str]
) -> None:
    """Each way in which a file differs has its code, and decides the health."""
    damage(site)
    examined = seen(site)

    assert (health, [expected]) == (examined.health, told(examined))
    assert {health} == {one.health for one in examined.findings}


@needs_modes
def test_an_unreadable_file_has_changed(site: Site) -> None:
    """A file whose mode was taken away is a finding, whoever looks."""
    (site.library / "app/data.txt").chmod(0)
    examined = seen(site)

    assert [("changed", "data.txt")] == told(examined)
    assert "its mode is 0" == examined.findings[0].actual


@needs_symlinks
def test_what_lies_in_a_linked_folder_is_there(tmp_path: Path) -> None:
    """Data right in a folder that is a link, as ``share/man`` may be, was told as missing."""
    site = Site(tmp_path)
    for name in ("man", "share"):
        (site.root / name).mkdir()
    (site.root / "share/man").symlink_to("../man")
    site.install(site.wheel("app", files={"app-1.0.data/data/share/man/app.1": "1"}))
    assert [] == told(seen(site))

    (site.root / "man/app.1").unlink()
    assert [("missing", "app.1")] == told(seen(site))


WITH_SCRIPTS = {
    "app/__init__.py": "",
    "app-1.0.data/scripts/run": "#!python\n",
    "app-1.0.data/scripts/other": "#!/bin/sh\n",
    "app-1.0.data/data/bin/readme": "#! see python\n",
    "app/tool": "#!python\n",
}


@pytest.mark.posix("executable bits")
@pytest.mark.parametrize("full", [False, True])
def test_a_script_without_its_executable_bit_has_changed(tmp_path: Path, *, full: bool) -> None:
    """A launcher or script that cannot be started is named; what may be so is not."""
    site = Site(tmp_path)
    points = "[console_scripts]\napp = app:main\n"
    site.install(site.wheel("app", files=WITH_SCRIPTS, entry_points=points), link_mode="copy")
    for path in (*site.scripts.iterdir(), site.library / "app/tool"):
        if path.name not in ("python", "python3.11"):
            path.chmod(0o644)
    world = site.world()
    (one,) = find_distributions(world.files, world.libraries, world.bases)
    examined = examine(world.files, one, full=full, scripts=ScriptsFolder.of(world))

    assert [("changed", "app"), ("changed", "run")] == sorted(told(examined))
    assert {"its mode is 644"} == {finding.actual for finding in examined.findings}
    assert "modified" == examined.health
    site.repair("app")
    assert [] == site.check("app")
    assert (site.scripts / "app").stat().st_mode & 0o100


@pytest.mark.posix("executable bits")
@pytest.mark.parametrize("lost", [False, True])
def test_a_script_that_names_another_interpreter(tmp_path: Path, *, lost: bool) -> None:
    """In an environment that was copied the launcher is known by its entry point alone."""
    site = Site(tmp_path)
    points = "[console_scripts]\napp = app:main\n"
    site.install(site.wheel("app", files=WITH_SCRIPTS, entry_points=points), link_mode="copy")
    if lost:
        (site.library / "app-1.0.dist-info/entry_points.txt").unlink()
    world = site.world()
    (one,) = find_distributions(world.files, world.libraries, world.bases)
    for name in ("app", "run"):
        (site.scripts / name).chmod(0o644)
    elsewhere = ScriptsFolder(str(site.scripts), (b"/elsewhere/python",))
    found = told(examine(world.files, one, scripts=elsewhere))

    assert [("missing", "entry_points.txt") if lost else ("changed", "app")] == found


@pytest.mark.posix("executable bits")
@pytest.mark.parametrize("tool", [b"another\n", b"pip\n"])
def test_a_script_that_its_tool_left_without_the_bit_is_as_it_was(
    tmp_path: Path, tool: bytes
) -> None:
    """What ``installer`` or pip writes without an executable bit has not lost it.

    The random changes against the model met it: an environment fresh from ``installer``,
    which keeps the wheel's modes, was called modified.
    """
    site = Site(tmp_path)
    wheel = site.wheel("app", files=WITH_SCRIPTS)
    site.install(wheel, link_mode="copy", metadata={"INSTALLER": tool})
    (site.scripts / "run").chmod(0o644)

    assert [] == site.check("app")


@pytest.mark.posix("executable bits")
def test_a_long_interpreter_is_recognised_in_the_second_line(tmp_path: Path) -> None:
    """A script that starts its interpreter through /bin/sh is one of this environment, too."""
    site = Site(tmp_path / ("long" * 40))
    points = "[console_scripts]\napp = app:main\n"
    site.install(site.wheel("app", entry_points=points), link_mode="copy")
    (site.scripts / "app").chmod(0o644)

    assert ["changed"] == [one.code for one in site.check("app")]


def test_a_row_that_names_a_folder_is_no_finding(site: Site) -> None:
    """Some tools list folders, without a digest: that was told as changed, and never mended."""
    record = site.library / "app-1.0.dist-info/RECORD"
    record.write_text("app/,,\n" + record.read_text())

    assert [] == told(seen(site, full=True))
    assert ["whole"] == [one.health for one in list_distributions(site.environment)]


def test_what_is_empty_says_so_alone(site: Site) -> None:
    """Of an empty dist-info there is one finding."""
    for path in (site.library / "app-1.0.dist-info").iterdir():
        path.unlink()

    assert ("half-removed", [("empty-dist-info", "app-1.0.dist-info")]) == (
        seen(site).health,
        told(seen(site)),
    )


def test_a_dist_info_of_somebody_elses_files_says_so_alone(site: Site) -> None:
    """Where no file has an installer's name, that is the one finding; one such name is enough."""
    info = site.library / "app-1.0.dist-info"
    for path in info.iterdir():
        path.unlink()
    (info / "NOTES").touch()
    (info / "REQUESTED").mkdir()

    assert [("foreign-dist-info", "app-1.0.dist-info")] == told(seen(site))
    assert seen(site).stray
    (info / "INSTALLER").touch()
    assert {"metadata-missing", "record-missing"} == {code for code, _ in told(seen(site))}
    assert not seen(site).stray


def test_an_edit_of_equal_size_is_found_by_its_time(site: Site) -> None:
    """What was written to after RECORD is read, though its size is the same."""
    (site.library / "app/data.txt").write_bytes(b"atad\n")

    (finding,) = seen(site).findings
    assert (record_hash(b"data\n"), record_hash(b"atad\n")) == (finding.expected, finding.actual)


def test_a_forged_edit_is_found_in_full_alone(site: Site) -> None:
    """An edit that puts size and time back is seen only where every file is read."""
    path = site.library / "app/data.txt"
    before = path.stat()
    path.write_bytes(b"atad\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert [] == told(seen(site))
    assert [("changed", "data.txt")] == told(seen(site, full=True))


class Counting(Wrapper):
    """Notes the names of the files that are opened."""

    def __init__(self) -> None:
        super().__init__(local())
        self.opened: list[str] = []
        vars(self)["open_read"] = self._open

    def _open(self, path: str) -> BufferedReader:
        self.opened.append(os.path.basename(path))
        return self.inner.open_read(path)


@pytest.mark.parametrize("mode", ["copy", "hardlink", "symlink"])
def test_what_is_whole_is_not_read(tmp_path: Path, mode: str) -> None:
    """Without ``full`` the files of a whole distribution are told by their status, links too."""
    site = Site(tmp_path)
    site.cache.add(site.wheel("app"))
    site.install(site.wheel("app"), link_mode=mode)
    files = Counting()

    assert "whole" == seen(site, files=files).health
    assert "data.txt" not in files.opened
    assert "whole" == seen(site, full=True, files=files).health
    assert "data.txt" in files.opened


def test_an_unfinished_transaction_decides_the_health(site: Site) -> None:
    """Whatever is there, a transaction that is under way says what it is."""
    (site.library / "app/data.txt").unlink()
    world = site.world()
    (one,) = find_distributions(world.files, world.libraries, world.bases)

    assert "half-removed" == examine(world.files, one, unfinished="half-removed").health


def test_a_digest_is_that_of_record(site: Site) -> None:
    """``digest_at`` reads a file, in the algorithm that is asked for."""
    path = str(site.library / "app/data.txt")

    assert record_hash(b"data\n") == digest_at(local(), path)
    assert record_hash(b"data\n", "sha512") == digest_at(local(), path, "sha512")
    with pytest.raises(ValueError, match="unsupported"):
        digest_at(local(), path, "nonsense")


@pytest.mark.posix("executable bits")
def test_a_script_in_a_target_folder_has_its_executable_bit(tmp_path: Path) -> None:
    """With ``--target`` scripts lie below the folder of the modules; they are scripts all the same.

    Story: ``check`` found nothing wrong with a launcher there that could not be started.
    """
    site = Site(tmp_path)
    target = Environment.for_target(tmp_path / "target", base=site.environment)
    points = "[console_scripts]\napp = app:main\n"
    install([site.wheel("app", entry_points=points)], environment=target, cache=site.cache)
    assert [] == check(environment=target)
    (tmp_path / "target/bin/app").chmod(0o644)

    assert ["changed"] == [one.code for one in check(environment=target)]
