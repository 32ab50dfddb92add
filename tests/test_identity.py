"""Whose file it is: planned and ours, somebody else's, or settled by another tool."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from linkinstall.digest import hash_data
from linkinstall.fs import local
from linkinstall.fs.port import FileSystem
from linkinstall.identity import Expected, Identity
from linkinstall.journal import decode, relocate
from tests.support.applications import applied, journal_of
from tests.support.faulty import OtherVolume, Recording
from tests.support.settlements import come
from tests.support.sites import Site

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linkinstall.application import Application

SECOND = 1_000_000_000


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment with version 1.0 of a project."""
    site = Site(tmp_path)
    site.install(site.wheel(), compile_levels=())
    return site


@pytest.fixture
def upgrade(site: Site) -> Application:
    """Return an upgrade to 2.0, everything in place, not committed."""
    application = applied(site, site.wheel(version="2.0"))
    application.prepare()
    return application


def identity_of(application: Application) -> Identity:
    """Return the identity of an application's journal, as a later run sees it."""
    return Identity(local(), journal_of(application))


# ------------------------------------------------------------------ a planned path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Make a file of the cache."""
    path = tmp_path / "cached.py"
    path.write_text("value = 1\n")
    return path


def expected(source: Path, *, generated: bool = False) -> Expected:
    """Return what was planned: a link or copy of ``source``, or such a generated file."""
    status = source.stat()
    digest = hash_data(source.read_bytes())
    origin = "" if generated else str(source)
    return Expected(0, status.st_size, status.st_mtime_ns, digest, origin)


def hardlink(source: Path, place: Path) -> None:
    """Place a hard link."""
    os.link(source, place)


def copy(source: Path, place: Path) -> None:
    """Place a copy with the time of its source."""
    shutil.copy2(source, place)


def symlink(source: Path, place: Path) -> None:
    """Place a symbolic link."""
    place.symlink_to(source)


@pytest.mark.parametrize(
    "place_it",
    [
        hardlink,
        copy,
        pytest.param(symlink, marks=pytest.mark.posix("a link takes a privilege on Windows")),
    ],
)
def test_what_was_planned_is_known_in_every_link_mode(
    upgrade: Application, source: Path, tmp_path: Path, place_it: Callable[[Path, Path], None]
) -> None:
    """A hard link by its inode, a copy by size, time and digest, a link by its target."""
    place = tmp_path / "place.py"
    place_it(source, place)

    assert identity_of(upgrade).matches(str(place), expected(source))


def nothing(_source: Path, _place: Path) -> None:
    """Place nothing."""


def other_time(source: Path, place: Path) -> None:
    """Place what another tool has unpacked: the same bytes, at another time."""
    place.write_bytes(source.read_bytes())
    os.utime(place, ns=(0, 0))


def edited(source: Path, place: Path) -> None:
    """Place a hard link that somebody has appended to, and so the cache's file too."""
    os.link(source, place)
    with place.open("a") as stream:
        stream.write("more = 2\n")


def same_length(source: Path, place: Path) -> None:
    """Place other bytes of the same length and time."""
    place.write_text("value = 2\n")
    shutil.copystat(source, place)


def link_elsewhere(source: Path, place: Path) -> None:
    """Place a link that leads to a copy of the file."""
    shutil.copy2(source, source.parent / "elsewhere.py")
    place.symlink_to(source.parent / "elsewhere.py")


def folder(_source: Path, place: Path) -> None:
    """Place a folder."""
    place.mkdir()


@pytest.mark.parametrize(
    "place_it", [nothing, other_time, edited, same_length, link_elsewhere, folder]
)
def test_what_somebody_else_put_there_is_not_ours(
    upgrade: Application, source: Path, tmp_path: Path, place_it: Callable[[Path, Path], None]
) -> None:
    """Neither equal bytes alone nor an equal inode alone make a file ours."""
    place = tmp_path / "place.py"
    planned = expected(source)
    place_it(source, place)

    assert not identity_of(upgrade).matches(str(place), planned)


def test_without_the_cache_a_file_is_known_by_its_contents(
    upgrade: Application, source: Path, tmp_path: Path
) -> None:
    """A cache that was cleaned meanwhile does not make our files strangers."""
    place = tmp_path / "place.py"
    os.link(source, place)
    planned = expected(source)
    source.unlink()

    assert identity_of(upgrade).matches(str(place), planned)


def test_a_generated_file_is_never_a_link(upgrade: Application, tmp_path: Path) -> None:
    """A link in the place of a generated file is somebody else's, wherever it leads."""
    real, place = tmp_path / "real", tmp_path / "place"
    real.write_text("generated\n")
    place.symlink_to(real)

    assert identity_of(upgrade).matches(str(real), expected(real, generated=True))
    assert not identity_of(upgrade).matches(str(place), expected(real, generated=True))


def test_in_a_copied_environment_times_do_not_count(
    site: Site, upgrade: Application, tmp_path: Path
) -> None:
    """``cp -r`` of an unfinished environment gives its files new times: the bytes decide."""
    assert upgrade.journal is not None
    twin = tmp_path / "twin"
    shutil.copytree(site.root, twin, symlinks=True, copy_function=shutil.copyfile)
    library = twin / site.library.relative_to(site.root)
    journal = relocate(
        decode((library / ".linkinstall" / "journal").read_bytes()),
        str(library / ".linkinstall"),
    )
    (staged,) = (one for one in journal.staged if one.name == "RECORD")
    planned = Expected(0, staged.size, staged.mtime, staged.digest)
    record = "app-2.0.dist-info/RECORD"
    os.utime(library / record, ns=(0, 0))

    assert Identity(local(), journal).matches(str(library / record), planned)
    os.utime(site.library / record, ns=(0, 0))
    assert not identity_of(upgrade).matches(str(site.library / record), planned)


def test_another_device_number_makes_no_copy(site: Site, upgrade: Application) -> None:
    """After a reboot a volume may have another number; times count there all the same."""
    record = site.library / "app-2.0.dist-info" / "RECORD"
    journal = journal_of(upgrade)
    (staged,) = (one for one in journal.staged if one.name == "RECORD")
    planned = Expected(0, staged.size, staged.mtime, staged.digest)
    files = OtherVolume(local(), str(site.root))

    assert Identity(files, journal).matches(str(record), planned)
    os.utime(record, ns=(0, 0))
    assert not Identity(files, journal).matches(str(record), planned)


def test_an_old_record_like_the_new_one_settles_nothing_in_a_copy(
    site: Site, tmp_path: Path
) -> None:
    """Until an old dist-info is in the stash, what stands in its place is the old one.

    A reinstall writes the same RECORD again. Killed once the package was in the stash and
    the dist-info was not, its environment was copied: the old RECORD was taken for the new
    one, and so the stash for what another tool had settled; the package went to the trash.
    (Found by power cuts side by side, after which loop devices had other numbers: that
    counted as a copy.)
    """
    application = applied(site, site.wheel(), reinstall=True)
    application.prepare()
    info = site.library / "app-1.0.dist-info"
    stashed = next((site.home / "stash").rglob("RECORD")).parent
    shutil.rmtree(info)
    stashed.rename(info)
    twin = tmp_path / "twin"
    shutil.copytree(site.root, twin, symlinks=True)
    library = twin / site.library.relative_to(site.root)
    home = str(library / ".linkinstall")
    journal = relocate(decode((library / ".linkinstall" / "journal").read_bytes()), home)

    assert not Identity(local(), journal).settled_by_others(0)
    (library / "app-1.0.dist-info" / "RECORD").write_text("of somebody else\n")
    assert Identity(local(), journal).settled_by_others(0)


def test_a_path_counts_only_while_its_old_file_is_stashed(site: Site, upgrade: Application) -> None:
    """Once the old file is back in its place, the place is not ours to clear any more."""
    stashed = next((site.home / "stash").rglob("data.txt"))
    place = str(site.library / "app" / "data.txt")

    assert identity_of(upgrade).counts(place)
    stashed.unlink()
    assert not identity_of(upgrade).counts(place)


def test_a_path_that_was_free_counts(site: Site, upgrade: Application) -> None:
    """Where nothing stood when it was planned there is nothing to mistake for ours."""
    assert identity_of(upgrade).counts(str(site.library / "app-2.0.dist-info" / "RECORD"))


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_folder_that_became_a_link_is_not_real(
    site: Site, upgrade: Application, tmp_path: Path
) -> None:
    """Neither is what lies below it: both lead out of the environment."""
    (site.library / "app").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "sub").mkdir()
    (site.library / "app").symlink_to(tmp_path / "elsewhere")
    identity = identity_of(upgrade)

    assert [False, False, True] == [
        identity.is_real(str(path))
        for path in (site.library / "app", site.library / "app" / "sub", site.library)
    ]


# ------------------------------------------------------------------ a distribution


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
@pytest.mark.parametrize(
    ("sub", "ours"),
    [
        ("", True), ("deep", True), ("deep/er", True), ("absent", True), ("deep/absent/x", True),
        ("link", False), ("link/er", False), ("deep/file", False), ("deep/file/x", False),
    ],
)  # fmt: skip
def test_a_link_below_a_stashed_folder_is_not_ours(
    upgrade: Application, tmp_path: Path, sub: str, *, ours: bool
) -> None:
    """No part of a path below a folder may be a link or a file; what is absent does no harm."""
    top = tmp_path / "top"
    (top / "deep" / "er").mkdir(parents=True)
    (top / "deep" / "file").write_text("")
    (top / "link").symlink_to(top / "deep")

    assert ours == identity_of(upgrade).is_ours_below(str(top), sub)


def test_what_nobody_touched_is_settled_by_nobody(upgrade: Application) -> None:
    """The old dist-info in the stash, the new one in place: that is what we left."""
    assert not identity_of(upgrade).settled_by_others(0)


def put(site: Site, version: str, record: str = "theirs,,\n") -> None:
    """Put a dist-info there as another tool does."""
    info = site.library / f"app-{version}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: app\nVersion: {version}\n")
    (info / "RECORD").unlink(missing_ok=True)
    (info / "RECORD").write_text(record)


@pytest.mark.parametrize("version", ["1.0", "2.0", "3.0"])
def test_a_dist_info_of_another_tool_settles_it(
    site: Site, upgrade: Application, version: str
) -> None:
    """The old version again, the new one, or a third one: another tool has decided."""
    put(site, version)

    assert identity_of(upgrade).settled_by_others(0)


def test_an_old_dist_info_that_vanished_settles_it(site: Site, upgrade: Application) -> None:
    """Neither in the stash nor in place: somebody has removed the project for good."""
    shutil.rmtree(site.home / "stash")

    assert identity_of(upgrade).settled_by_others(0)


def test_another_projects_dist_info_settles_nothing(site: Site, upgrade: Application) -> None:
    """What another tool does to another project is none of this change's business."""
    info = site.library / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")

    assert not identity_of(upgrade).settled_by_others(0)


def test_a_mark_on_its_way_back_settles_nothing(site: Site, upgrade: Application) -> None:
    """A recovery that was killed after it linked the old RECORD back is still ours."""
    upgrade.undo()
    application = applied(site, out=["app"])
    application.prepare()
    stashed = next((site.home / "stash").rglob("RECORD"))
    info = site.library / "app-1.0.dist-info"
    info.mkdir()
    os.link(stashed, info / "RECORD")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: app\nVersion: 1.0\n")

    assert not identity_of(application).settled_by_others(0)
    (info / "RECORD").unlink()
    (info / "RECORD").write_bytes(stashed.read_bytes())
    assert identity_of(application).settled_by_others(0)
    # Another file stays another one, though it has the time of the old one: nobody copied these.
    os.utime(info / "RECORD", ns=(0, stashed.stat().st_mtime_ns))
    assert identity_of(application).settled_by_others(0)


class Vanishing(FileSystem):
    """A disk from which somebody removes a file between two looks at it."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path, self.looks = path, 0

    def status(self, path: str) -> os.stat_result | None:
        """Look; the file is there the first time alone."""
        self.looks += path == self.path
        return None if path == self.path and self.looks > 1 else super().status(path)


def test_a_mark_that_vanishes_while_it_is_looked_at_settles_it(site: Site) -> None:
    """Who removes an old RECORD at its place beside a recovery has decided about the project."""
    application = applied(site, out=["app"])
    application.prepare()
    info = site.library / "app-1.0.dist-info"
    info.mkdir()
    os.link(next((site.home / "stash").rglob("RECORD")), info / "RECORD")
    journal = journal_of(application)
    (path,) = (old.path for old in journal.changes[0].olds)
    files = Vanishing(f"{path}/RECORD")

    assert Identity(files, journal).settled_by_others(0)
    assert 2 == files.looks


@pytest.mark.parametrize("mark", ["", "METADATA"])
@pytest.mark.parametrize("left", [(), ("METADATA",), ("INSTALLER", "METADATA")])
def test_what_an_interrupted_recovery_left_of_the_new_one_settles_nothing(
    site: Site, mark: str, left: tuple[str, ...]
) -> None:
    """At the place of an old dist-info without RECORD, what is left of ours is still ours.

    A dist-info that another tool had emptied was installed over, killed before the commit
    point, and the recovery of that failed once RECORD was gone. The next one took the rest
    of the new dist-info for the old one, thought that another tool had put it back, and
    moved every old file to the trash (found by ``make model``, after 65,000 steps).
    """
    info = site.library / "app-1.0.dist-info"
    for path in info.iterdir():
        if path.name != mark:
            path.unlink()
    if mark:
        (info / mark).write_text("Metadata-Version: 2.1\nName: app\nVersion: 1.0\nSummary: old\n")
    application = applied(site, site.wheel())
    application.prepare()
    for path in info.iterdir():
        if path.name not in left:
            path.unlink()

    assert not identity_of(application).settled_by_others(0)
    put(site, "1.0")
    (info / "RECORD").unlink()
    assert identity_of(application).settled_by_others(0)


def test_a_copy_of_another_planned_file_is_no_metadata_of_ours(site: Site) -> None:
    """Only what was planned for METADATA itself shows that a dist-info is what is left of ours."""
    info = site.library / "app-1.0.dist-info"
    for path in info.iterdir():
        path.unlink()
    application = applied(site, site.wheel(files={"app/METADATA": "Name: app\nVersion: 1.0\n"}))
    application.prepare()
    for path in info.iterdir():
        path.unlink()
    shutil.copy2(site.library / "app" / "METADATA", info / "METADATA")

    assert identity_of(application).settled_by_others(0)


def test_what_a_standing_record_lists_is_listed(site: Site, upgrade: Application) -> None:
    """Files of any standing distribution are but ours, a file that nobody lists is not.

    What we had put in place ourselves was taken for another tool's where that had taken the
    project, and files that had been overwritten for it did not come back.
    """
    assert not identity_of(upgrade).listed(str(site.library / "app" / "data.txt"))
    come(site, "app-3.0", "app/data.txt")
    identity = identity_of(upgrade)
    (site.library / "app" / "notes.txt").write_text("mine\n")

    assert identity.listed(str(site.library / "app" / "data.txt"))
    assert identity.listed(str(site.library / "app-3.0.dist-info" / "RECORD"))
    assert not identity.listed(str(site.library / "app-2.0.dist-info" / "RECORD"))
    assert not identity.listed(str(site.library / "app" / "notes.txt"))


def test_whose_record_lists_a_path_can_be_asked(site: Site, upgrade: Application) -> None:
    """The RECORD of another project says nothing of what this one has put in place."""
    come(site, "other-1.0", "other.py")
    come(site, "app-3.0", "app/data.txt")
    identity = identity_of(upgrade)

    assert identity.listed(str(site.library / "app" / "data.txt"), 0)
    assert identity.listed(str(site.library / "other.py"))
    assert not identity.listed(str(site.library / "other.py"), 0)


def test_looking_changes_nothing(site: Site, upgrade: Application) -> None:
    """Every question is answered by reading."""
    files = Recording(local())
    identity = Identity(files, journal_of(upgrade))
    identity.settled_by_others(0)
    identity.listed("/nowhere")
    identity.matches(str(site.library / "app" / "data.txt"), Expected(0, 5, 0, ""))

    assert [] == files.changes
