"""Removals: what belongs to a distribution goes, in few renames, and nothing else."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.distribution import find_distributions
from linkinstall.errors import FileSystemError
from linkinstall.fs.port import FileSystem
from linkinstall.plan import LOOSE, WHOLE
from linkinstall.removal import Removal
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site, differences, snapshot

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path

    from linkinstall.plan import StashItem


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an empty environment with a cache of its own."""
    return Site(tmp_path)


def items(site: Site, name: str = "app") -> list[tuple[str, str]]:
    """Return kind and path (below the root) of what the removal of ``name`` takes."""
    world = site.world()
    found = find_distributions(world.files, world.libraries, world.bases)
    removal = Removal(world, [one for one in found if one.name != name])
    for one in found:
        if one.name == name:
            removal.take(one, 0)
    prefix = f"{world.files.real_path(str(site.root))}/lib/python3.11/site-packages/"

    def told(item: StashItem) -> tuple[str, str]:
        return item.kind, item.path.removeprefix(prefix)

    return [told(item) for item in removal.ordered()]


@pytest.mark.parametrize("written", ['"share/x,y.txt",,', '"common.txt",,', "share\\common.txt,,"])
def test_what_another_distribution_lists_in_its_way_is_kept(site: Site, written: str) -> None:
    """A row that is quoted, or has backslashes, owns its file as any other does.

    The names were searched for in the text of RECORD as they are called, and a file that another
    distribution listed otherwise was removed.
    """
    path = written.strip('",').replace("\\", "/")
    site.install(site.wheel("app", files={path: "shared", "app.py": "1"}))
    other = site.library / "other-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (other / "RECORD").write_text(f"{written}\nother-1.0.dist-info/RECORD,,\n")

    outcome = site.uninstall("app")

    assert "shared" == (site.library / path).read_text()
    assert [("also owned by other")] == [one.reason for one in outcome.kept]


@pytest.mark.parametrize("odd", [b"other.py,sha256=x,many\n", b"other.py\n", b"caf\xe9.txt,,\n"])
def test_what_another_distribution_lists_beside_an_odd_row_is_kept(site: Site, odd: bytes) -> None:
    """A row that cannot be read says nothing of the others: their files stay that distribution's.

    Where another distribution's RECORD had one row without a size that is a number, without
    columns, or in another encoding than UTF-8, none of its rows counted: a file that both list
    was removed with the first.
    """
    site.install(site.wheel("app", files={"common.txt": "shared", "app.py": "1"}))
    other = site.library / "other-1.0.dist-info"
    other.mkdir()
    (other / "RECORD").write_bytes(odd + b"common.txt,,\nother-1.0.dist-info/RECORD,,\n")

    site.uninstall("app")

    assert "shared" == (site.library / "common.txt").read_text()


def test_a_folder_that_holds_nothing_else_goes_as_a_whole(site: Site) -> None:
    """A package and the dist-info are one rename each, the dist-info last."""
    site.install(site.wheel("app", files={"app/a.py": "1", "app/sub/b.py": "2"}))

    assert [(WHOLE, "app"), (WHOLE, "app-1.0.dist-info")] == items(site)


def test_folders_that_go_as_a_whole_go_in_their_order(site: Site) -> None:
    """Each is named once, however much lies in it, and every run has the same order."""
    paths = ["c/x.py", "a/y/z.py", "a/y/w/v.py", "a/b/x.py", "b/x.py", "d/e/f/g.py", "d/e/f/h.py"]
    site.install(site.wheel("app", files=dict.fromkeys(paths, "1")))

    assert [*((WHOLE, name) for name in "abcd"), (WHOLE, "app-1.0.dist-info")] == items(site)


def test_what_the_user_added_stays(site: Site) -> None:
    """U12: a folder with a file that RECORD does not list is emptied name by name."""
    site.install(site.wheel("app", files={"app/a.py": "1", "app/sub/b.py": "2"}))
    (site.library / "app/mine.txt").write_text("mine")

    assert [(LOOSE, "app"), (WHOLE, "app/sub"), (WHOLE, "app-1.0.dist-info")] == items(site)
    site.uninstall("app")
    assert ["mine.txt"] == [one.name for one in (site.library / "app").iterdir()]


def test_the_outermost_folder_goes_as_one(site: Site) -> None:
    """A folder of folders alone holds nothing else either, and is one rename with them."""
    site.install(site.wheel("app", files={"a/b/c/x.py": "1"}))

    assert [(WHOLE, "a"), (WHOLE, "app-1.0.dist-info")] == items(site)


def test_an_empty_folder_of_the_user_stays(site: Site) -> None:
    """A folder that RECORD does not know keeps the one above it, though it is empty."""
    site.install(site.wheel("app", files={"app/a.py": "1"}))
    (site.library / "app/mine").mkdir()

    assert [(LOOSE, "app"), (WHOLE, "app-1.0.dist-info")] == items(site)


def test_a_folder_that_is_gone_already_is_not_taken(site: Site) -> None:
    """What somebody removed by hand is no part of the removal."""
    site.install(site.wheel("app", files={"app/a.py": "1", "app/sub/b.py": "2"}))
    shutil.rmtree(site.library / "app")

    assert [(WHOLE, "app-1.0.dist-info")] == items(site)


def removal_of(site: Site) -> tuple[Removal, str]:
    """Return a removal that nothing is planned for yet, and the real path of the library."""
    world = site.world()
    return Removal(world, []), world.libraries[0]


def test_folders_that_may_be_empty_then_are_named(site: Site) -> None:
    """Of what is taken, each folder above goes too if it is empty, up to the library."""
    site.install(site.wheel("app", files={"a/b/c/x.py": "1", "a/b/y.py": "2"}))
    (site.library / "a/mine.txt").write_text("mine")
    (site.library / "a/b/mine.txt").write_text("mine")
    removal, library = removal_of(site)
    (app,) = find_distributions(removal.world.files, removal.world.libraries, removal.world.bases)
    removal.take(app, 0)

    assert (f"{library}/a", f"{library}/a/b") == removal.emptied()


def test_a_leftover_goes_as_what_it_is(site: Site) -> None:
    """A folder goes with all it holds, a file by its name."""
    (site.library / "~pp/deep").mkdir(parents=True)
    (site.library / "~pp/deep/x.py").write_text("1")
    (site.library / "~ile.py").write_text("2")
    removal, library = removal_of(site)
    removal.take_folder(f"{library}/~pp", 0)
    removal.take_folder(f"{library}/~ile.py", 0)

    assert [
        (WHOLE, f"{library}/~pp", {"deep": ("x.py",)}),
        (LOOSE, library, {"": ("~ile.py",)}),
    ] == [
        (one.kind, one.path, {sub: names for sub, names in one.names if names})
        for one in removal.ordered()
    ]


def test_a_file_that_was_not_kept_is_not_taken_as_edited(site: Site) -> None:
    """Only what a removal kept for being edited can be taken after all, and only once."""
    site.install(site.wheel("app", files={"app-1.0.data/data/etc/app.conf": "default"}))
    (site.root / "etc/app.conf").unlink()
    (site.root / "etc/app.conf").write_text("my own")
    removal, _ = removal_of(site)
    (app,) = find_distributions(removal.world.files, removal.world.libraries, removal.world.bases)
    removal.take(app, 0)
    before = removal.ordered()
    folder, _, name = removal.kept[0].path.rpartition("/")

    assert not removal.take_edited(folder, "other.conf", 0, overwritten=False)
    assert before == removal.ordered()
    assert removal.take_edited(folder, name, 0, overwritten=False)
    assert not removal.take_edited(folder, name, 0, overwritten=False)
    assert [] == removal.kept
    assert [name] == [n for one in removal.ordered() if one.path == folder for n in one.names[0][1]]


@pytest.mark.parametrize("overwritten", [False, True])
def test_what_was_compiled_of_an_overwritten_file_goes(site: Site, *, overwritten: bool) -> None:
    """Compiled files of a source that is replaced would be those of another one.

    They are whose the source is, so that both come back where it does.
    """
    (site.library / "__pycache__").mkdir()
    for name in ("one.cpython-311.pyc", "two.cpython-311.pyc"):
        (site.library / "__pycache__" / name).write_bytes(b"")
    (site.library / "one.py").write_text("1")
    removal, library = removal_of(site)
    removal.take_files(library, ["one.py"], 0, overwritten=overwritten)
    removal.take_files(library, ["one.py"], 0)

    assert [
        (LOOSE, library, (("", ("one.py",)),), overwritten),
        (LOOSE, f"{library}/__pycache__", (("", ("one.cpython-311.pyc",)),), overwritten),
    ] == [(one.kind, one.path, one.names, one.overwritten) for one in removal.ordered()]


def test_what_was_compiled_of_a_source_that_comes_is_nobody_elses(site: Site) -> None:
    """Compiled files of a source that does not stand are not others' to be given back."""
    (site.library / "__pycache__").mkdir()
    (site.library / "__pycache__" / "one.cpython-311.pyc").write_bytes(b"")
    removal, library = removal_of(site)
    removal.take_compiled(library, ["one.py"], 0)

    (item,) = removal.ordered()
    assert ("one.cpython-311.pyc",) == item.names[0][1]
    assert not item.overwritten


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_nothing_is_taken_through_a_link_to_compiled_files(site: Site) -> None:
    """A ``__pycache__`` that leads elsewhere holds what is compiled of other sources."""
    (site.folder / "cached").mkdir()
    (site.folder / "cached" / "one.cpython-311.pyc").write_bytes(b"")
    (site.library / "__pycache__").symlink_to(site.folder / "cached")
    (site.library / "one.py").write_text("1")
    removal, library = removal_of(site)
    removal.take_files(library, ["one.py"], 0)

    assert [(library, ("one.py",))] == [(one.path, one.names[0][1]) for one in removal.ordered()]


def test_compiled_files_go_with_their_sources(site: Site) -> None:
    """U11: files in ``__pycache__`` of every level go, and the folder with them."""
    site.install(site.wheel("app", files={"app/a.py": "1"}))
    cached = site.library / "app/__pycache__"
    cached.mkdir()
    for name in ("a.cpython-38.pyc", "a.cpython-311.opt-2.pyc"):
        (cached / name).write_bytes(b"")
    site.uninstall("app")

    assert not (site.library / "app").exists()


def test_what_another_distribution_lists_stays(site: Site) -> None:
    """U13: a file that two distributions list goes with the second of them."""
    empty = {"space/__init__.py": ""}
    site.install(site.wheel("app", files={**empty, "space/app.py": "1"}))
    site.install(site.wheel("other", files={**empty, "space/other.py": "2"}))

    outcome = site.uninstall("app")
    assert (site.library / "space/__init__.py").is_file()
    assert any("also owned by other" in one.reason for one in outcome.kept)
    site.uninstall("other")
    assert not (site.library / "space").exists()


def test_a_script_that_another_distribution_lists_stays(site: Site) -> None:
    """So does one outside the library, where the other's RECORD names it by a longer path."""
    scripts = "[console_scripts]\ntool = app:main\n"
    site.install(site.wheel("app", entry_points=scripts), site.wheel("other"))
    record = site.library / "other-1.0.dist-info" / "RECORD"
    text = record.read_text()
    record.unlink()
    record.write_text(f"{text}{os.path.relpath(site.scripts / 'tool', site.library)},,\n")

    outcome = site.uninstall("app")

    assert (site.scripts / "tool").is_file()
    assert ["tool"] == [one.path.rpartition("/")[2] for one in outcome.kept]


def test_rows_that_lead_out_are_kept_and_told(site: Site, tmp_path: Path) -> None:
    """U9: RECORD names a file outside the environment: it stays, whatever it is."""
    victim = tmp_path / "victim.txt"
    victim.write_text("precious")
    site.install(site.wheel("app"))
    record = site.library / "app-1.0.dist-info/RECORD"
    text = record.read_text()
    record.unlink()
    record.write_text(f"{text}{victim},,\n../../../../victim.txt,,\n../../../bin/python,,\n")
    outcome = site.uninstall("app")

    assert "precious" == victim.read_text()
    assert (site.scripts / "python").exists()
    kept = [one.path.rpartition("/")[2] for one in outcome.kept]
    assert ["python", "victim.txt"] == sorted(kept)


def test_a_link_goes_and_what_it_points_to_stays(site: Site) -> None:
    """U10: links of symlink mode are removed, live or dangling, the cache is not touched."""
    wheel = site.wheel("app", files={"app/a.py": "1", "app-1.0.data/data/share/x.txt": "x"})
    bare = site.tree()
    site.install(wheel, link_mode="symlink")
    site.uninstall("app")
    assert [] == differences(bare, site.tree())

    site.install(wheel, link_mode="symlink")
    shutil.rmtree(site.cache.path)
    site.uninstall("app")
    assert [] == differences(bare, site.tree())


def test_a_changed_file_of_the_data_folder_stays(site: Site) -> None:
    """What lies under the data root alone goes only while its digest is RECORD's."""
    site.install(site.wheel("app", files={"app-1.0.data/data/etc/app.conf": "default"}))
    config = site.root / "etc/app.conf"
    config.unlink()
    config.write_text("my own")
    site.uninstall("app")

    assert "my own" == config.read_text()


def edit_row(site: Site, end: str, hash_: str) -> None:
    """Give another hash to the row of RECORD whose path ends so."""
    path = site.library / "app-1.0.dist-info/RECORD"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    edited = [[row[0], hash_, row[2]] if row[0].endswith(end) else row for row in rows]
    path.unlink()
    path.write_text("".join(",".join(row) + "\n" for row in edited))


@pytest.mark.parametrize("hash_", ["", "unheard-of=47DEQpj8", "shake_128=47DEQpj8"])
def test_a_file_of_the_data_folder_that_nothing_proves_stays(site: Site, hash_: str) -> None:
    """Without a digest that can be computed a data file is not known to be unedited.

    An algorithm whose digests have no length of their own once ended in a traceback.
    """
    site.install(site.wheel("app", files={"app-1.0.data/data/etc/app.conf": "default"}))
    edit_row(site, "app.conf", hash_)
    outcome = site.uninstall("app")

    assert "default" == (site.root / "etc/app.conf").read_text()
    assert ["app.conf"] == [os.path.basename(one.path) for one in outcome.kept]


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
@pytest.mark.parametrize(("target", "kept"), [("..", ["app.conf"]), ("nothing", [])])
def test_a_link_in_a_data_file_s_place_stays_if_it_leads_somewhere(
    site: Site, target: str, kept: list[str]
) -> None:
    """A folder has not the digest of RECORD, and is kept; nothing holds nobody's content."""
    site.install(site.wheel("app", files={"app-1.0.data/data/etc/app.conf": "default"}))
    config = site.root / "etc/app.conf"
    config.unlink()
    config.symlink_to(target)
    outcome = site.uninstall("app")

    assert kept == [os.path.basename(one.path) for one in outcome.kept]
    assert bool(kept) == config.is_symlink()


def test_a_row_that_climbs_leads_no_other_astray(site: Site) -> None:
    """A row ``app/..`` names the library; the rows beside it still name files of ``app``."""
    site.install(site.wheel("app", files={"app/a.py": "1", "app/b.py": "2"}))
    record = site.library / "app-1.0.dist-info/RECORD"
    text = record.read_text()
    record.unlink()
    record.write_text(f"app/..,,\n{text}")
    site.uninstall("app")

    assert not (site.library / "app").exists()


@needs_symlinks
@pytest.mark.parametrize("how", ["file", "link to a file", "link to nothing"])
def test_a_file_where_a_package_was_stays(site: Site, how: str) -> None:
    """What somebody has put at the place of a package's folder is theirs, and no folder of ours.

    A person's file there went into the stash as if it were the folder, and so did one that a link
    there led to. It could not be deleted as a folder, every later command refused the state
    folder that held it, and the person's file was in there.
    """
    site.install(site.wheel("app", files={"app/a.py": "1", "app/sub/b.py": "2"}))
    place, notes = site.library / "app", site.library / "notes.txt"
    shutil.rmtree(place)
    notes.write_text("mine")
    if how == "file":
        place.write_text("mine")
    else:
        place.symlink_to("notes.txt" if how == "link to a file" else "nothing.txt")
    before = snapshot(site.library, skipping=lambda path: path.startswith("app-1.0.dist-info"))

    outcome = site.uninstall("app")

    assert (0, ()) == (outcome.exit, outcome.warnings)
    assert [] == differences(before, snapshot(site.library))


def test_a_folder_where_record_names_a_file_stays(site: Site) -> None:
    """What somebody keeps in a folder of a listed file's name is kept, and told."""
    site.install(site.wheel("app", files={"app/a.py": "1"}))
    path = site.library / "app/a.py"
    path.unlink()
    path.mkdir()
    (path / "mine.txt").write_text("mine")
    outcome = site.uninstall("app")

    assert "mine" == (path / "mine.txt").read_text()
    assert [(str(path), "RECORD names a folder")] == [(k.path, k.reason) for k in outcome.kept]


class Unreadable(FileSystem):
    """A disk that cannot read one file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = str(path)

    def read(self, path: str, limit: int = limits.METADATA_SIZE) -> bytes:
        """Read, or fail as a disk does."""
        self._look(path)
        return super().read(path, limit)

    def open_read(self, path: str) -> BufferedReader:
        """Open, or fail as a disk does."""
        self._look(path)
        return super().open_read(path)

    def _look(self, path: str) -> None:
        if path == self.path:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)


def uninstalled(site: Site, files: FileSystem) -> None:
    """Uninstall ``app`` on another disk."""
    with site.transaction(files) as transaction:
        transaction.uninstall("app")


@pytest.mark.posix("the system's own errors are those of POSIX")
@pytest.mark.parametrize(
    "name", ["app-1.0.dist-info/RECORD", "other-1.0.dist-info/RECORD", "../../../share/note.txt"]
)
def test_what_the_disk_does_not_tell_is_no_answer(site: Site, name: str) -> None:
    """What cannot be read for an error of the disk is named, and nothing is changed.

    An unreadable RECORD was called missing, that of another distribution left its files
    to nobody, and an unreadable data file counted as edited and stayed behind
    (found by ``make faults``).
    """
    files = {"app/a.py": "1", "app-1.0.data/data/share/note.txt": "note"}
    site.install(site.wheel("app", files=files), site.wheel("other", files={"other.py": "2"}))
    before = snapshot(site.root)
    path = (site.library / name).resolve()

    with pytest.raises(FileSystemError) as caught:
        uninstalled(site, Unreadable(path))

    assert (str(path), "unchanged") == (caught.value.path, caught.value.state)
    assert [] == differences(before, snapshot(site.root))


@needs_symlinks
def test_what_another_distribution_lists_through_a_link_is_kept(site: Site) -> None:
    """A folder that is a link gives its files a second path, and either may be listed.

    Only the real one was searched for in the text of RECORD.
    """
    site.install(site.wheel("app", files={"app/shared.txt": "shared", "app/own.py": "1"}))
    (site.library / "alias").symlink_to("app")
    other = site.library / "other-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (other / "RECORD").write_text("alias/shared.txt,,\nother-1.0.dist-info/RECORD,,\n")

    outcome = site.uninstall("app")

    assert ["shared.txt"] == os.listdir(site.library / "app")
    assert ["also owned by other"] == [one.reason for one in outcome.kept]


@needs_symlinks
@pytest.mark.parametrize("target", ["../mylib", "{library}/../../../src"])
def test_an_edited_file_behind_a_link_stays(site: Site, target: str) -> None:
    """What a link below the library leads to goes only where it is as it was installed.

    Rows were resolved through a link that a person had put into a package's place, to a folder
    of his own in the environment: uninstalling removed his files, whatever they held.
    """
    files = {"app/__init__.py": "1", "app/sub/x.py": "x", "app/sub/y.py": "y"}
    site.install(site.wheel("app", files=files), compile_levels=())
    link = site.library / "app/sub"
    shutil.rmtree(link)
    link.symlink_to(target.format(library=site.library))
    mine = (link.parent / os.readlink(link)).resolve()
    mine.mkdir()
    for name, text in (("x.py", "my own"), ("y.py", "y"), ("notes.py", "mine")):
        (mine / name).write_text(text)

    outcome = site.uninstall("app")

    left = {"x.py": "my own", "notes.py": "mine"}
    if mine.parent != site.library.resolve():  # in the data folder nothing goes unproven either
        assert [f"{mine}/x.py"] == [one.path for one in outcome.kept]
    else:
        reason = "reached through a link, and not as it was installed"
        assert [(f"{mine}/x.py", reason)] == [(one.path, one.reason) for one in outcome.kept]
    assert left == {one.name: one.read_text() for one in mine.iterdir()}
    assert not (site.library / "app/__init__.py").exists()


@needs_symlinks
def test_links_above_a_library_are_the_users(site: Site) -> None:
    """Through ``lib64 -> lib``, or an environment that a link leads to, edited files go as ever."""
    site.install(site.wheel("app", files={"app/a.py": "1", "app/sub/b.py": "2"}))
    for name in ("app/a.py", "app/sub/b.py"):
        (site.library / name).unlink()
        (site.library / name).write_text("edited")
    (site.folder / "alias").symlink_to(site.root)
    alias = site.seen_at(site.folder / "alias")
    record = site.library / "app-1.0.dist-info/RECORD"
    text = record.read_text()
    other = site.root / "lib64/python3.11/site-packages"
    record.unlink()
    record.write_text(text.replace("app/a.py", f"{other}/app/a.py"))

    outcome = alias.uninstall("app")

    assert () == outcome.kept
    assert not (site.library / "app").exists()


@needs_symlinks
def test_what_was_compiled_behind_a_link_goes_with_its_source(site: Site) -> None:
    """No digest proves a compiled file: it goes where its source does, and stays with it."""
    site.install(site.wheel("app", files={"app/sub/x.py": "x", "app/sub/y.py": "y"}))
    (site.library / "mine").mkdir()
    for name, text in (("x.py", "my own"), ("y.py", "y")):
        (site.library / "mine" / name).write_text(text)
    shutil.rmtree(site.library / "app/sub")
    (site.library / "app/sub").symlink_to("../mine")
    cache = site.library / "mine/__pycache__"
    cache.mkdir()
    record = site.library / "app-1.0.dist-info/RECORD"
    text = record.read_text()
    record.unlink()
    record.write_text(text)
    for name in ("x", "y"):
        (cache / f"{name}.cpython-311.pyc").touch()
        with record.open("a") as stream:
            stream.write(f"app/sub/__pycache__/{name}.cpython-311.pyc,,\n")

    outcome = site.uninstall("app")

    assert ["x.py"] == [os.path.basename(one.path) for one in outcome.kept]
    assert ["x.cpython-311.pyc"] == os.listdir(cache)
