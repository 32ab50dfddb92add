"""The verb ``repair``: damaged distributions made whole again, or taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linkinstall import Cache, limits
from linkinstall.errors import CacheError, ConflictError, DistributionError
from linkinstall.mending import Mending
from linkinstall.paths import forward
from linkinstall.shell import moved
from tests.support.scenarios import app, other
from tests.support.sites import Site, differences
from tests.support.wheels import record_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.sites import Snapshot


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment with ``app``, which has files in every scheme, and ``other``."""
    site = Site(tmp_path)
    site.install(other(site), link_mode="copy")
    site.install(app(site), link_mode="copy")
    return site


@pytest.fixture
def before(site: Site) -> Snapshot:
    """Return the environment as it was before."""
    return site.tree()


def lose_record(site: Site) -> None:
    """Delete RECORD."""
    (site.library / "app-1.0.dist-info" / "RECORD").unlink()


def lose_metadata(site: Site) -> None:
    """Delete METADATA."""
    (site.library / "app-1.0.dist-info" / "METADATA").unlink()


def edit_everywhere(site: Site) -> None:
    """Edit a module, a script, a header and a data file, and delete another module."""
    for path in (
        site.library / "app" / "core.py",
        site.scripts / "app",
        site.scripts / "app-tool",
        site.root / "include/site/python3.11/app/app.h",
        site.root / "share/app/readme.txt",
    ):
        path.write_text("edited\n")
    (site.library / "app" / "gone.py").unlink()


def lose_payload(site: Site) -> None:
    """Delete a folder with all that is in it."""
    for path in (site.library / "app" / "data", site.library / "app" / "bent"):
        for name in path.iterdir():
            name.unlink()
        path.rmdir()


def edit_and_lose_record(site: Site) -> None:
    """Delete RECORD and edit a module of the rest."""
    lose_record(site)
    (site.library / "app" / "core.py").write_text("edited\n")


DAMAGES = [lose_record, lose_metadata, edit_everywhere, lose_payload, edit_and_lose_record]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_as_it_was(
    site: Site, before: Snapshot, damage: Callable[[Site], None]
) -> None:
    """Every file is there again with its contents, and what the installer wrote is kept."""
    damage(site)
    assert site.check()
    outcome = site.repair("app", link_mode="copy")

    assert [("app", "1.0", "reinstalled")] == [
        (one.name, one.version, one.action) for one in outcome.changes
    ]
    assert [] == differences(before, site.tree())
    assert [] == site.check(full=True)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_wheel_file_does_as_well(
    site: Site, before: Snapshot, damage: Callable[[Site], None]
) -> None:
    """With ``--from`` nothing needs to be known; the cache is filled from the wheel."""
    damage(site)
    site.repair("app", wheels=[app(site)], cache=Cache(site.folder / "new"), link_mode="copy")

    assert [] == differences(before, site.tree())


def test_a_file_that_was_added_stays(site: Site) -> None:
    """A repair takes nothing that is not the distribution's."""
    added = site.library / "app" / "notes.txt"
    added.write_text("mine\n")
    edit_everywhere(site)
    site.repair("app")

    assert "mine\n" == added.read_text()


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_was_added_to_a_dist_info_stays(site: Site, damage: Callable[[Site], None]) -> None:
    """What no RECORD lists stays in dist-info too, and is nobody's afterwards either.

    Story: dist-info was replaced as a whole, with a person's notes and what check's own
    command had just moved aside there.
    """
    info = site.library / "app-1.0.dist-info"
    damage(site)
    added = [info / "NOTE.txt", info / "licenses" / "mine.txt", info / "RECORD.mine" / "old"]
    for path in added:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine\n")
    site.repair("app")

    assert ["mine\n"] * 3 == [path.read_text() for path in added]
    assert "mine" not in (info / "RECORD").read_text()
    assert [] == site.check(full=True)


@pytest.mark.parametrize("edit", [False, True])
def test_what_an_installer_was_told_to_write_comes_again(tmp_path: Path, *, edit: bool) -> None:
    """Metadata of any name are written and listed again, edited or not.

    Story: all but four names that are known were deleted, and told nowhere; then those that
    somebody had edited were.
    """
    site = Site(tmp_path)
    metadata = {"INSTALLER": b"pdm", "REFER TO": b"/x\n", "more/of.it": b"1\n"}
    site.install(site.wheel("app"), metadata=metadata, link_mode="copy")
    info = site.library / "app-1.0.dist-info"
    (site.library / "app/__init__.py").unlink()
    before = {path: path.read_bytes() for path in info.rglob("*") if path.is_file()}
    if edit:
        (info / "REFER TO").unlink()
        (info / "REFER TO").write_bytes(b"edited\n")
        before[info / "REFER TO"] = b"edited\n"
        del before[info / "RECORD"]
    site.repair("app")
    after = {path: path.read_bytes() for path in info.rglob("*") if path.is_file()}

    assert before == {path: after[path] for path in before}
    assert b"dist-info/REFER TO," in after[info / "RECORD"]
    assert [] == site.check(full=True)


@pytest.mark.parametrize(
    "size", [7, 0, limits.INHERITED_SIZE + 1], ids=["edited", "empty", "large"]
)
def test_a_url_that_was_edited_stays(site: Site, size: int) -> None:
    """It gets a new row; a larger one than is written again stays, is told and listed no more.

    Story: a repair deleted what it could not repair, and told nothing.
    """
    url = site.library / "app-1.0.dist-info/direct_url.json"
    url.unlink()
    url.write_bytes(b"x" * size)
    assert ["changed"] == [one.code for one in site.check()]
    outcome = site.repair("app", link_mode="copy")

    assert (b"x" * size if size else None) == (url.read_bytes() if url.exists() else None)
    record = (url.parent / "RECORD").read_text()
    assert (size == 7) == (f"direct_url.json,{record_hash(b'x' * 7)},7" in record)
    told = [one.path for one in outcome.kept if one.path.endswith(".json")]
    assert (size > limits.INHERITED_SIZE) == bool(told)
    assert [] == site.check(full=True)


def test_a_whole_one_is_unchanged(site: Site, before: Snapshot) -> None:
    """Nothing is done for what is whole."""
    outcome = site.repair("app", "other")

    assert "unchanged" == outcome.status
    assert ["unchanged", "unchanged"] == [one.action for one in outcome.changes]
    assert [] == differences(before, site.tree())


def test_a_damaged_cache_is_no_help_but_the_wheel_is(site: Site) -> None:
    """An edit that reached the cache too is mended from the wheel file, which is still there."""
    site.install(app(site), link_mode="hardlink", reinstall=True)
    with (site.library / "app" / "core.py").open("a") as stream:  # in place: the cache's, too
        stream.write("edited\n")
    outcome = site.repair("app")

    assert ["cache-damaged"] == [one.code for one in outcome.warnings]
    assert [] == site.check(full=True)
    with (site.library / "app" / "core.py").open("a") as stream:
        stream.write("edited\n")
    app(site).unlink()
    with pytest.raises((DistributionError, CacheError), match="app"):
        site.repair("app")


def test_a_dry_run_writes_nothing(site: Site) -> None:
    """``dry_run`` tells the change and leaves environment and cache alone."""
    edit_everywhere(site)
    now = site.tree()
    outcome = site.repair("app", dry_run=True)

    assert [("app", "replace")] == [(one.name, one.action) for one in outcome.plan or ()]
    assert [] == differences(now, site.tree())


def test_what_another_one_owns_is_refused(site: Site) -> None:
    """A file that another distribution has overwritten is that one's as well: nothing is done."""
    files = {"app/core.py": "theirs\n"}
    site.install(site.wheel("rival", files=files), overwrite_existing=True, link_mode="copy")
    now = site.tree()

    with pytest.raises(ConflictError, match=r"core\.py"):
        site.repair("app")
    assert [] == differences(now, site.tree())


@pytest.mark.parametrize("place", ["space/__init__.py", "bee-1.0.data/data/share/space.txt"])
def test_what_two_have_alike_stands_in_no_repairs_way(tmp_path: Path, place: str) -> None:
    """A file that two distributions list, and that is as both brought it, is shared.

    Story: projects of one namespace that each bring its ``__init__.py``, as those of pkgutil's
    kind do, could not be repaired at all.
    """
    site = Site(tmp_path)
    text = '__path__ = __import__("pkgutil").extend_path(__path__, __name__)\n'
    bee = site.wheel("bee", files={place: text, "bee.py": "bee = 1\n"})
    app = site.wheel("app", files={place.replace("bee", "app"): text, "app.py": "app = 1\n"})
    site.install(app, link_mode="copy")
    site.install(bee, link_mode="copy", overwrite_existing=True)
    before = site.tree()
    (site.library / "app.py").unlink()
    site.repair("app", link_mode="copy")

    assert [] == differences(before, site.tree())
    assert [] == site.check(full=True)


@pytest.fixture
def shared(tmp_path: Path) -> Site:
    """Return an environment in which ``app`` and ``bee`` both bring a module and a launcher."""
    site = Site(tmp_path)
    command = {"entry_points": "[console_scripts]\ntool = tests:main\n"}
    app = site.wheel("app", files={"tests/__init__.py": "one = 1\n", "app.py": ""}, **command)
    bee = site.wheel("bee", files={"tests/__init__.py": "one = 1\n", "bee.py": ""}, **command)
    site.install(app, link_mode="copy")
    site.install(bee, link_mode="copy", overwrite_existing=True)
    return site


@pytest.mark.parametrize("names", [["app"], ["bee"], ["app", "bee"], []])
@pytest.mark.parametrize("edited", [True, False])
def test_what_two_want_alike_is_repaired(shared: Site, names: list[str], *, edited: bool) -> None:
    """A file that two projects bring alike comes again, whichever of them is repaired, or both.

    Story: once it was edited no form of ``repair`` mended it, since each of the two stood in the
    other's way; and ``--all`` was refused for it even where that file was whole.
    """
    before = shared.tree()
    for path in (shared.library / "tests" / "__init__.py", shared.scripts / "tool"):
        if edited:
            path.write_text("edited\n")
    for own in names or ["app", "bee"]:
        (shared.library / f"{own}.py").unlink()
    shared.repair(*names, every=not names, link_mode="copy")

    assert [] == shared.check(full=True)
    assert [] == differences(before, shared.tree())


def test_what_two_want_alike_comes_back_where_its_repair_fails(shared: Site) -> None:
    """A repair that is killed puts the edited file of both back."""
    module = shared.library / "tests" / "__init__.py"
    module.write_text("edited\n")
    before = shared.tree()
    transaction = shared.transaction(compile_levels=(), verify_cache="full", link_mode="copy")
    transaction.look(Mending(["app"]))
    transaction.prepare()
    transaction.roll_back()

    assert [] == differences(before, shared.tree())


def test_a_data_file_of_another_one_is_refused(site: Site) -> None:
    """A data file that two distributions list stays as the other one's, and is told.

    Story: outside the library it was noted as edited before anybody asked who else lists it, so
    a repair of the one silently replaced the other's whole file.
    """
    rival = {"rival-1.0.data/data/share/app/readme.txt": "theirs\n"}
    site.install(site.wheel("rival", files=rival), overwrite_existing=True, link_mode="copy")
    now = site.tree()

    with pytest.raises(ConflictError, match="belongs to rival, and app brings it too"):
        site.repair("app")
    assert [] == differences(now, site.tree())


class TestRemove:
    """``--remove``."""

    @pytest.fixture
    def bare(self, tmp_path: Path) -> Snapshot:
        """Return an environment with ``other`` alone."""
        site = Site(tmp_path / "bare")
        site.install(other(site), app(site), link_mode="copy")
        site.uninstall("app")
        return {path: node for path, node in site.tree().items() if "other-1.0.dist" not in path}

    @pytest.mark.parametrize("damage", [lose_record, lose_metadata, lose_payload])
    def test_all_that_is_its_own_goes(
        self, site: Site, bare: Snapshot, damage: Callable[[Site], None]
    ) -> None:
        """Payload, scripts, headers and data go, and what ``other`` shares stays."""
        damage(site)
        outcome = site.repair("app", remove=True)
        now = {path: node for path, node in site.tree().items() if "other-1.0.dist" not in path}

        assert ["removed"] == [one.action for one in outcome.changes]
        assert [] == differences(bare, now)
        assert [] == site.check(full=True)

    def test_what_cannot_be_proven_stays(self, site: Site) -> None:
        """Without RECORD, what was edited may be anybody's; nothing else is left."""
        lose_record(site)
        added = site.library / "app" / "notes.txt"
        added.write_text("mine\n")
        edited = [site.library / "app" / "core.py", site.scripts / "app"]
        for path in edited:
            path.write_text("edited\n")
        site.repair("app", remove=True)

        left = sorted(path for path in site.root.rglob("*app*") if path.is_file())
        assert [site.scripts / "app"] == left
        assert [added, edited[0]] == sorted((site.library / "app").rglob("*"), reverse=True)


def test_leftovers_go(site: Site, before: Snapshot) -> None:
    """``~`` folders, empty dist-infos, orphans and what becomes empty by it are taken away."""
    orphan = site.library / "gone" / "sub" / "__pycache__"
    orphan.mkdir(parents=True)
    (orphan / "a.cpython-311.pyc").write_text("left")
    (site.library / "~pp" / "sub").mkdir(parents=True)
    (site.library / "~pp" / "sub" / "a.py").write_text("left")
    (site.library / "gone-1.0.dist-info").mkdir()
    outcome = site.repair(leftovers=True)

    assert [("gone", "removed")] == [(one.name, one.action) for one in outcome.changes]
    assert 2 == len([one for one in outcome.warnings if one.code == "leftover-replaced"])
    assert [] == differences(before, site.tree())


def test_the_twin_of_a_whole_one_goes_alone(site: Site, before: Snapshot) -> None:
    """The dist-info of a killed upgrade goes with what it lists, and the whole one stays."""
    twin = site.library / "app-0.9.dist-info"
    twin.mkdir()
    (twin / "METADATA").write_text("Name: app\nVersion: 0.9\n")
    (site.library / "app" / "old.py").write_text("old\n")
    (twin / "RECORD").write_text(
        "app/core.py,sha256=x,1\napp/old.py,,\n"
        "app-0.9.dist-info/METADATA,,\napp-0.9.dist-info/RECORD,,\n"
    )
    assert "duplicate" in {one.code for one in site.check()}
    outcome = site.repair("app")

    assert [("app", "0.9", "removed")] == [
        (one.name, one.version, one.action) for one in outcome.changes
    ]
    assert [] == differences(before, site.tree())


def test_an_empty_twin_goes_and_the_version_stays(site: Site) -> None:
    """What is repaired is the version that is installed; the change names no other."""
    site.install(app(site, "2.0"), link_mode="copy")
    before = site.tree()
    (site.library / "app-1.0.dist-info").mkdir()
    (site.library / "app" / "core.py").unlink()
    outcome = site.repair("app", link_mode="copy")

    assert [("app", "2.0", "2.0", "reinstalled")] == [
        (one.name, one.version, one.previous, one.action) for one in outcome.changes
    ]
    assert [] == differences(before, site.tree())


def leave_notes(site: Site, *, whole: bool) -> list[Path]:
    """Put somebody's files into an old version's dist-info, and make that a twin of ``app`` 2.0."""
    info = site.library / "app-1.0.dist-info"
    saved = {path.name: path.read_bytes() for path in info.iterdir() if path.is_file()}
    site.install(app(site, "2.0"), link_mode="copy")
    info.mkdir()
    for name, data in saved.items():
        (info / name).write_bytes(data)
    if not whole:
        (info / "RECORD").unlink()
    notes = [info / "NOTES.txt", info / "more" / "of.it"]
    for path in notes:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine\n")
    return notes


@pytest.mark.parametrize("whole", [True, False], ids=["with RECORD", "without"])
@pytest.mark.parametrize("damaged", [True, False], ids=["renewed", "parted"])
def test_notes_in_a_twin_stay_and_are_told(site: Site, *, whole: bool, damaged: bool) -> None:
    """Of a twin that goes, what installers write goes; what somebody has put there stays.

    Story: pip leaves an old dist-info where a note lies in it, and a repair deleted both and
    said nothing. What it left would have been a duplicate, and repaired again and again.
    """
    notes = leave_notes(site, whole=whole)
    info = notes[0].parent
    if damaged:
        (site.library / "app" / "core.py").unlink()
    assert "duplicate" in {one.code for one in site.check()}
    outcome = site.repair("app", link_mode="copy")

    assert sorted(forward(str(path)) for path in notes) == sorted(
        forward(one.path) for one in outcome.kept if ".dist-info/" in one.path
    )
    assert [*notes, notes[1].parent] == sorted(info.rglob("*"), key=lambda path: path.suffix)[::-1]
    assert ["foreign-dist-info"] == [one.code for one in site.check(full=True)]
    for options in ({"every": True, "leftovers": True}, {"every": True, "remove": True}):
        assert () == site.repair(**options).changes
    assert ["unchanged"] == [one.action for one in site.repair("app").changes]
    info.rename(f"{info}.aside")
    assert [] == site.check(full=True)


def test_notes_stay_where_all_the_rest_is_removed(site: Site) -> None:
    """``--remove`` leaves what somebody has put into dist-info, and nothing asks for it again."""
    note = site.library / "app-1.0.dist-info" / "NOTES.txt"
    note.write_text("mine\n")
    outcome = site.repair("app", remove=True)

    assert forward(str(note)) in [forward(one.path) for one in outcome.kept]
    assert [note] == list(note.parent.iterdir())
    (found,) = site.check(full=True)
    assert ("foreign-dist-info", moved(found.path, f"{found.path}.aside")) == (
        found.code,
        found.fix,
    )
    for options in ({}, {"remove": True}):
        assert () == site.repair(every=True, leftovers=True, **options).changes
        with pytest.raises(DistributionError, match=r"app 1\.0"):
            site.repair("app", **options)
    assert "mine\n" == note.read_text()


def test_a_folder_of_an_installers_name_is_somebodys(site: Site) -> None:
    """What lies in a folder with the name of a file of the installer's stays, like other notes.

    Story: the folder was taken for the file, and the project for one that has lost its RECORD,
    which ``--remove`` had just taken away (``make untidy``, seed 37).
    """
    note = site.library / "app-1.0.dist-info" / "REQUESTED" / "NOTES.txt"
    note.parent.unlink()
    note.parent.mkdir()
    note.write_text("mine\n")
    outcome = site.repair("app", remove=True)

    assert forward(str(note)) in [forward(one.path) for one in outcome.kept]
    assert ["foreign-dist-info"] == [one.code for one in site.check(full=True)]


def test_a_note_is_no_reason_to_install(site: Site) -> None:
    """Where nothing but a note is left of a project, it was uninstalled, and does not come again.

    But where its files stand, they tell what it was, and the note stays.
    """
    info = site.library / "app-1.0.dist-info"
    before = site.tree()
    for path in sorted(info.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (info / "NOTES.txt").write_text("mine\n")
    assert ["foreign-dist-info"] == [one.code for one in site.check("app")]
    outcome = site.repair(every=True, link_mode="copy")

    assert (["app"], []) == ([one.name for one in outcome.changes], list(outcome.warnings))
    assert {"NOTES.txt"} == {path.name for path in info.iterdir()} - {
        name.rpartition("/")[2] for name in before if "app-1.0.dist-info/" in name
    }
    assert [] == site.check(full=True)


def test_everything_that_check_finds(site: Site, before: Snapshot) -> None:
    """``every`` and ``leftovers`` in one call leave nothing to find."""
    edit_everywhere(site)
    (site.library / "other.py").unlink()
    (site.library / "~ther").mkdir()
    site.repair(every=True, leftovers=True, link_mode="copy")

    assert [] == site.check(full=True)
    assert [] == differences(before, site.tree())


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_removal_by_a_wheel_leaves_nothing(tmp_path: Path, algorithm: str) -> None:
    """Whatever algorithm the wheel's RECORD uses, all that it brought goes with it.

    Story: digests of sha512 were compared with those of SHA-256, so that nothing but
    dist-info was proven: "removed" was told, and every other file stayed, owned by nobody.
    """
    site = Site(tmp_path)
    empty = site.tree()
    wheel = site.wheel("app", algorithm=algorithm)
    site.install(wheel, link_mode="copy")
    lose_record(site)
    cache = Cache(site.folder / "empty")
    outcome = site.repair("app", remove=True, wheels=[str(wheel)], cache=cache)

    assert ["removed"] == [one.action for one in outcome.changes]
    assert [] == differences(empty, site.tree())
