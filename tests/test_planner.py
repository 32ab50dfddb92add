"""Plans: where everything goes, and everything that stands in the way, all together."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from linkinstall import Environment, install
from linkinstall.errors import ConflictError
from linkinstall.fs import local
from linkinstall.places import Places
from linkinstall.plan import DIST_INFO, LATE, PAYLOAD
from linkinstall.requests import Generated
from linkinstall.values import replace
from linkinstall.wishes import Exactly
from linkinstall.world import World
from tests.support import applications
from tests.support.faulty import OtherVolume
from tests.support.platforms import WINDOWS
from tests.support.sites import Site, differences, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

PATHS = ("a.py", "a/b.py", "a", "a/b/c.txt", "pkg/__init__.py", "pkg/x.py", "pkg/x.py/y.txt")


def without_inner(files: dict[str, str]) -> dict[str, str]:
    """Return the files of a wheel that can be unpacked: none is the folder of another."""
    outer = {path for path in files if any(one.startswith(f"{path}/") for one in files)}
    return {path: data for path, data in files.items() if path not in outer}


contents = st.dictionaries(
    st.sampled_from(PATHS), st.sampled_from(["", "1"]), min_size=1, max_size=2
).map(without_inner)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an empty environment with a cache of its own."""
    return Site(tmp_path)


def refused(site: Site, *wheels: Path, **options: object) -> set[tuple[str, str]]:
    """Return code and path (below the library) of every problem; nothing was changed."""
    before = site.tree()
    with pytest.raises(ConflictError) as caught:
        site.install(*wheels, **options)
    assert [] == differences(before, site.tree())
    prefix = f"{site.library}/"
    return {(one.code, one.path.removeprefix(prefix)) for one in caught.value.problems}


def test_all_problems_come_together(site: Site) -> None:
    """Owned, unowned, a folder for a file and a file for a folder are told in one error."""
    site.install(site.wheel("other", files={"shared/owned.py": "1"}))
    (site.library / "shared/unowned.py").write_text("2")
    (site.library / "shared/folder.py").mkdir()
    (site.library / "flat").write_text("3")
    names = ("shared/owned.py", "shared/unowned.py", "shared/folder.py", "flat/inner.py")
    wheel = site.wheel("new", files=dict.fromkeys(names, "x"))

    assert {
        ("owned", "shared/owned.py"),
        ("unowned", "shared/unowned.py"),
        ("folder-in-the-way", "shared/folder.py"),
        ("file-in-the-way", "flat"),
    } == refused(site, wheel)


@pytest.mark.parametrize("first", ["aaa", "zzz"])
def test_of_two_owners_the_other_one_is_told(site: Site, first: str) -> None:
    """A file that the project itself lists too is told to belong to the other project.

    Story: the owner was the first by name, and so a project stood in the way of its own upgrade.
    """
    second = {"aaa": "zzz", "zzz": "aaa"}[first]
    site.install(site.wheel(first, files={"shared.txt": "1"}))
    site.install(site.wheel(second, files={"shared.txt": "22"}), overwrite_existing=True)
    for name, other in ((first, second), (second, first)):
        with pytest.raises(ConflictError) as caught:
            site.install(site.wheel(name, "2.0", files={"shared.txt": "333"}))
        assert [("owned", other)] == [(one.code, one.owner) for one in caught.value.problems]


def test_a_leftover_that_gives_way_is_told(site: Site) -> None:
    """A file that a half-removed version has left, and no RECORD lists, is named."""
    site.install(site.wheel("app"))
    (site.library / "app-1.0.dist-info" / "RECORD").unlink()

    outcome = site.install(site.wheel("app", "2.0"))

    told = [one.message for one in outcome.warnings if one.code == "leftover-replaced"]
    path = site.library / "app" / "__init__.py"
    assert f"replaced {path}, left behind by app" in told
    assert [] == site.check()


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_what_a_cut_record_lists_is_left_over_by_its_project(site: Site, version: str) -> None:
    """A RECORD that ends in the middle of a row owns nothing that its own project brings.

    Story: when the rows before the cut began to count for other projects, they counted for this
    one, too, and the install that mends it was refused: "not as it was installed".
    """
    site.install(site.wheel("app", "1.0"))
    path = site.library / "app-1.0.dist-info" / "RECORD"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[: data.rindex(b"sha256") + 10])

    outcome = site.install(site.wheel("app", version))

    assert "leftover-replaced" in [one.code for one in outcome.warnings]
    assert [] == site.check()


def test_two_wheels_cannot_claim_one_path(site: Site) -> None:
    """One path in two wheels of a command is refused and names both."""
    one = site.wheel("one", files={"both/a.py": "1"})
    two = site.wheel("two", files={"both/a.py": "2"})

    assert {("claimed-twice", "both/a.py")} == refused(site, one, two)


def test_a_file_of_one_wheel_cannot_be_a_folder_of_another(site: Site) -> None:
    """A path that would be a file and a folder at once is refused."""
    one = site.wheel("one", files={"both": "1"})
    two = site.wheel("two", files={"both/a.py": "2"})

    assert ("claimed-twice", "both") in refused(site, one, two)


def test_identical_empty_inits_are_no_conflict(site: Site) -> None:
    """I4: an empty ``__init__.py`` that two wheels bring is shared, cold and afterwards."""
    wheels = [
        site.wheel(name, files={"space/__init__.py": "", f"space/{name}.py": name})
        for name in ("one", "two", "three")
    ]
    site.install(*wheels[:2])
    site.install(wheels[2])
    site.uninstall("one", "two")

    assert {"__init__.py", "three.py"} == {one.name for one in (site.library / "space").iterdir()}


def test_an_empty_init_does_not_share_a_full_one(site: Site) -> None:
    """Where ``__init__.py`` holds something, an empty one of another wheel is in its way."""
    site.install(site.wheel("one", files={"space/__init__.py": "1"}))

    assert {("owned", "space/__init__.py")} == refused(
        site, site.wheel("two", files={"space/__init__.py": "", "space/two.py": "2"})
    )


def test_empty_inits_are_shared_through_links_too(site: Site) -> None:
    """A link to an empty ``__init__.py`` is as empty as the file.

    With ``--link-mode symlink`` two projects that share an empty ``__init__.py`` could not
    stand side by side: the second was refused, and with ``--overwrite-existing`` it took
    the file from the first, since only a plain file counted as empty.
    """
    wheels = [
        site.wheel(name, files={"space/__init__.py": "", f"space/{name}.py": name})
        for name in ("one", "two")
    ]
    for wheel in wheels:
        site.install(wheel, link_mode="symlink")
    site.uninstall("one")

    assert {"__init__.py", "two.py"} == {one.name for one in (site.library / "space").iterdir()}
    assert [] == site.check()


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_link_that_leads_out_is_not_written_through(site: Site, tmp_path: Path) -> None:
    """A package folder that is a link out of the environment is refused, also by force."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (site.library / "app").symlink_to(outside)

    assert {("leads-out", "app")} == refused(site, site.wheel("app"))
    assert {("leads-out", "app")} == refused(site, site.wheel("app"), overwrite_existing=True)
    assert [] == list(outside.iterdir())


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_a_link_that_stays_inside_is_followed(site: Site) -> None:
    """A folder that is a link to another one of the environment takes the files."""
    (site.root / "share").mkdir()
    (site.root / "doc").symlink_to("share")
    site.install(site.wheel("app", files={"app-1.0.data/data/doc/a.txt": "a"}))

    assert "a" == (site.root / "share/a.txt").read_text()


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_data_goes_through_a_link_of_a_target(tmp_path: Path) -> None:
    """With ``--target`` data for a linked ``share/man`` was refused, as a package's link is."""
    site = Site(tmp_path)
    root = tmp_path / "target"
    for name in ("man", "share"):
        (root / name).mkdir(parents=True)
    (root / "share" / "man").symlink_to("../man")
    target = Environment.for_target(str(root), base=site.environment)
    wheel = site.wheel("app", files={"app-1.0.data/data/share/man/app.1": "1"})
    install([wheel], environment=target, cache=site.cache)

    assert "1" == (root / "man/app.1").read_text()


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
@pytest.mark.parametrize("verb", ["install", "overwrite", "repair", "reinstall"])
def test_what_a_package_was_moved_to_is_not_written_to(site: Site, verb: str) -> None:
    """Where a package's folder is a link in the environment, no verb writes behind it.

    An upgrade and a repair replaced the files behind it, a person's own, without any option;
    and the repair said "reinstalled" while ``check`` went on to tell files as missing.
    """
    site.install(site.wheel("app", files={"app/sub/x.py": "x", "app/a.py": "a"}))
    (site.library / "app/sub/x.py").unlink()
    (site.library / "app/sub").rmdir()
    (site.library / "mylib").mkdir()
    (site.library / "mylib/x.py").write_text("my own")
    (site.library / "app/sub").symlink_to("../mylib")
    before = snapshot(site.root)

    same = site.wheel("app", files={"app/sub/x.py": "x", "app/a.py": "a"})
    newer = site.wheel("app", "2.0", files={"app/sub/x.py": "new"})
    call: Callable[[], object] = {
        "install": lambda: site.install(newer),
        "overwrite": lambda: site.install(newer, overwrite_existing=True),
        "repair": lambda: site.repair("app"),
        "reinstall": lambda: site.install(same, reinstall=True),
    }[verb]

    with pytest.raises(ConflictError) as caught:
        call()

    assert {"link-in-the-way"} == {one.code for one in caught.value.problems}
    assert [] == differences(before, snapshot(site.root))


@pytest.mark.posix("a wheel with such names is refused on Windows before it is unpacked")
def test_names_that_differ_by_case_are_refused_unless_insisted(site: Site) -> None:
    """I9: a wheel that half of all machines cannot unpack needs ``overwrite_existing``."""
    wheel = site.wheel("app", files={"app/a.py": "1", "app/A.py": "2"})

    assert {code for code, _ in refused(site, wheel)} == {"case-collision"}
    site.install(wheel, overwrite_existing=True)
    assert ("1", "2") == tuple((site.library / f"app/{n}").read_text() for n in ("a.py", "A.py"))


def test_where_case_does_not_count_another_spelling_is_in_the_way(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system that ignores case a file of another spelling is not overwritten."""
    (site.library / "pkg").mkdir()
    (site.library / "pkg/Core.py").write_text("theirs")
    wheel = site.wheel("app", files={"pkg/core.py": "ours", "pkg/free.py": "ours"})
    monkeypatch.setattr(World, "ignores_case", True)

    assert {("unowned", "pkg/core.py")} == refused(site, wheel)
    assert "theirs" == (site.library / "pkg/Core.py").read_text()


def test_where_case_does_not_count_wheels_cannot_spell_a_folder_in_two_ways(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second spelling could never be imported there: Python compares names exactly."""
    wheels = [
        site.wheel("one", files={"ns/Foo/a.py": "1"}),
        site.wheel("two", files={"ns/foo/b.py": "2"}),
    ]
    monkeypatch.setattr(World, "ignores_case", True)

    assert {("case-collision", "ns/foo")} == refused(site, *wheels)


def test_where_case_does_not_count_a_folder_that_stands_has_every_spelling(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever way wheels spell a folder of the environment, they mean the one that is there."""
    for name in ("tools", "Tools"):
        (site.library / name).mkdir(exist_ok=True)
    wheels = [
        site.wheel("one", files={"tools/a.py": "1"}),
        site.wheel("two", files={"Tools/b.py": "2"}),
    ]
    monkeypatch.setattr(World, "ignores_case", True)

    assert "planned" == planned(site, *wheels, overwrite=False)[0]


@pytest.mark.posix("a wheel with such names is refused on Windows before it is unpacked")
def test_where_case_does_not_count_a_wheels_own_spellings_are_told_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with a wheel by itself is not told again as a collision of wheels."""
    wheel = site.wheel("app", files={"app/a.py": "1", "app/A.py": "2"})
    monkeypatch.setattr(World, "ignores_case", True)

    assert {
        ("case-collision", "purelib/app/A.py"),
        ("case-collision", "purelib/app/a.py"),
    } == refused(site, wheel)


def test_what_the_old_version_leaves_is_free(site: Site) -> None:
    """I7: a file becomes a folder and a folder a file, since the old version goes first."""
    site.install(site.wheel("app", "1.0", files={"a": "file", "b/c.py": "1"}))
    site.install(site.wheel("app", "2.0", files={"a/c.py": "2", "b": "file"}))

    assert (site.library / "a/c.py").is_file()
    assert (site.library / "b").is_file()


def test_overwriting_takes_files_and_uninstalling_gives_nothing_back(site: Site) -> None:
    """I5: with ``overwrite_existing`` unowned files are replaced, and belong to the wheel."""
    (site.library / "app").mkdir()
    (site.library / "app/data.txt").write_text("mine")
    site.install(site.wheel("app"), overwrite_existing=True)

    assert "data\n" == (site.library / "app/data.txt").read_text()


def test_what_is_overwritten_is_told_from_what_the_project_leaves(site: Site) -> None:
    """Only others' files are marked: a rollback gives them back also where pip has acted."""
    site.install(site.wheel("other", files={"shared.txt": "other"}))
    site.install(site.wheel("app", files={"app/old.txt": "1"}))
    (site.library / "app" / "mine.txt").write_text("mine")
    files = {"app/new.txt": "2", "app/mine.txt": "2", "shared.txt": "2"}
    plan, _ = applications.planned(
        site, site.wheel("app", version="2", files=files), overwrite=True
    )

    marked = {path: item.overwritten for item in plan.stash for path, _ in item.paths()}
    others = {f"{site.library}/app/mine.txt", f"{site.library}/shared.txt"}
    assert others == {path for path, overwritten in marked.items() if overwritten}
    assert f"{site.library}/app/old.txt" in marked


def test_a_persons_edits_of_another_project_are_others(site: Site) -> None:
    """What a removal leaves for being edited is no more of the project that takes its place."""
    edited = edited_data(site)
    files = {"bee-1.0.data/data/etc/app.conf": "bee's"}
    wheel = site.wheel("bee", files=files)
    plan, _ = applications.planned(site, wheel, out=["app"], overwrite=True)

    (item,) = (one for one in plan.stash if one.path == str(edited.parent))
    assert item.overwritten
    assert () == plan.kept


@pytest.mark.parametrize("now", ["etc/app.conf", "etc/app.conf/more"])
def test_the_projects_own_edited_file_is_not_others(site: Site, now: str) -> None:
    """Where it gives way to the next version, or to a folder of that, it is not kept as well."""
    edited = edited_data(site)
    wheel = site.wheel("app", "2.0", files={f"app-2.0.data/data/{now}": "b", "app.py": "2"})
    plan, _ = applications.planned(site, wheel, overwrite=True)

    (item,) = (one for one in plan.stash if one.path == str(edited.parent))
    assert not item.overwritten
    assert () == plan.kept


def test_what_is_replaced_after_all_is_not_told_as_kept(site: Site) -> None:
    """A file that another one owns, too, stays with an upgrade, unless that brings it again."""
    site.install(site.wheel("app", files={"shared.txt": "a", "only.txt": "a"}))
    theirs = site.wheel("bee", files={"shared.txt": "b", "only.txt": "b"})
    site.install(theirs, overwrite_existing=True)
    wheel = site.wheel("app", version="2", files={"shared.txt": "2"})
    outcome = site.install(wheel, overwrite_existing=True)

    assert [f"{site.library}/only.txt"] == [one.path for one in outcome.kept]


def test_the_old_files_under_a_destination_are_the_projects_own(site: Site) -> None:
    """A destination writes over an older version and removes nothing: its files are no others'."""
    site.install(site.wheel("app", files={"app/__init__.py": "1", "app/old.py": "1"}))
    (site.library / "app" / "mine.py").write_text("mine")
    wheel = site.wheel("app", "2.0", files={f"app/{name}.py": "2" for name in ("old", "mine")})
    entry = site.cache.add(wheel).entry
    record = Generated("purelib", "app-2.0.dist-info/RECORD", b"")
    asked = Exactly((record,), overwrite=True)
    transaction = site.transaction(compile_levels=())
    transaction.install_exactly(entry, asked, site.environment.schemes)
    transaction.prepare()
    assert transaction._application is not None
    stash = transaction._application.plan.stash
    transaction.roll_back()

    others = {path: item.overwritten for item in stash for path, _ in item.paths()}
    assert others[f"{site.library}/app/mine.py"]
    assert not others[f"{site.library}/app/old.py"]


def planned(site: Site, *wheels: Path, overwrite: bool) -> tuple[str, set[tuple[str, str]]]:
    """Return what a dry run tells of wheels: the problems, or the paths that would be added."""
    transaction = site.transaction(overwrite_existing=overwrite)
    for wheel in wheels:
        transaction.install(wheel)
    try:
        changes = transaction.dry_run().plan or ()
    except ConflictError as error:
        return "refused", {(one.code, one.path) for one in error.problems}
    return "planned", {("", path) for change in changes for path in change.added}


@settings(max_examples=60)
@given(one=contents, two=contents, there=contents, overwrite=st.booleans())
def test_the_order_of_wheels_decides_nothing(
    one: dict[str, str], two: dict[str, str], there: dict[str, str], *, overwrite: bool
) -> None:
    """Two wheels are refused for the same paths, or planned to the same, in either order."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        site.install(site.wheel("there", files=there))
        wheels = [site.wheel("one", files=one), site.wheel("two", files=two)]
        first = planned(site, *wheels, overwrite=overwrite)
        second = planned(site, *reversed(wheels), overwrite=overwrite)

    event(first[0])
    assert first == second


def test_a_folder_below_one_that_is_not_there_is_placed_in_it(site: Site) -> None:
    """Where the root of a scheme is not there yet, all above it is made, and none is renamed."""
    assert not (site.root / "include").exists()
    headers = {f"new-1.0.data/headers/{path}": "1" for path in ("sub/deep/x.h", "y.h")}
    site.install(site.wheel("new", files={**headers, "new.py": "2"}))

    (header,) = (site.root / "include").rglob("x.h")
    assert (header.parents[2] / "y.h").is_file()
    assert ["include"] == [one.name for one in site.root.iterdir() if one.name.startswith("inc")]
    assert ["sub", "deep", "x.h"] == list(header.parts[-3:])
    listed = (site.library / "new-1.0.dist-info/RECORD").read_text()
    # As installer does: a whole path on Windows.
    told = header if WINDOWS else Path(os.path.relpath(header, site.library))
    assert f"\n{told.as_posix()}," in listed


def test_what_was_compiled_of_a_shared_file_stays_its_owners(tmp_path: Path) -> None:
    """Where two projects share an empty ``__init__.py``, they share what is compiled of it."""
    site = Site(tmp_path, compiler=True)
    shared = {"both/__init__.py": ""}
    site.install(site.wheel("one", files={**shared, "both/one.py": "1"}), compile_levels=(0,))
    name = f"__init__.{sys.implementation.cache_tag}.pyc"
    compiled = site.library / "both" / "__pycache__" / name
    before = compiled.read_bytes()

    site.install(site.wheel("two", files={**shared, "both/two.py": "2"}), compile_levels=(0,))

    assert before == compiled.read_bytes()
    site.uninstall("two")
    assert before == compiled.read_bytes()


def test_the_name_of_an_interpreter_is_never_free(site: Site) -> None:
    """What may be an interpreter is taken for nobody's leftover, and gives way to no force."""
    (site.root / "share").mkdir()
    (site.root / "share/python").write_text("an interpreter\n")
    wheel = site.wheel("app", files={"app-1.0.data/data/share/python": "1"})

    for force in (False, True):
        found = refused(site, wheel, overwrite_existing=force)
        assert {("unowned", "python")} == {(code, os.path.basename(path)) for code, path in found}


def test_an_edited_file_gives_way_to_a_repair_alone(site: Site) -> None:
    """An upgrade keeps what was edited and says so; a repair is asked for to replace it."""
    files = {"app-1.0.data/data/etc/app.conf": "default"}
    site.install(site.wheel("app", files=files))
    config = site.root / "etc/app.conf"
    config.unlink()
    config.write_text("my own")
    newer = site.wheel("app", "2.0", files={"app-2.0.data/data/etc/app.conf": "newer"})

    assert {"owned"} == {code for code, _ in refused(site, newer)}
    site.repair("app")
    assert "default" == config.read_text()


def test_one_path_is_told_as_one_and_many_by_their_number(site: Site) -> None:
    """The message counts what is in the way."""
    (site.library / "app").mkdir()
    for name, words in (("a.txt", "One path is"), ("b.txt", "2 paths are")):
        (site.library / "app" / name).write_text("mine")
        with pytest.raises(ConflictError, match=f"^{words} in the way"):
            site.install(site.wheel("app", files={"app/a.txt": "1", "app/b.txt": "2"}))


def test_what_runs_at_start_up_is_placed_after_the_payload(site: Site) -> None:
    """A ``.pth`` file of the library comes late; elsewhere it is a file like others."""
    files = {"app.py": "1", "app.pth": "app\n", "app-1.0.data/scripts/tool.pth": "2"}
    plan, _ = applications.planned(site, site.wheel("app", files=files))
    phases = {one.number: one.phase for one in plan.groups}
    names = {name: phases[one.group] for one in plan.placements for name in one.names}

    assert (PAYLOAD, LATE, PAYLOAD) == (names["app.py"], names["app.pth"], names["tool.pth"])
    assert DIST_INFO == names["METADATA"]


def test_nothing_is_looked_for_below_a_folder_that_is_new(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that is not there yet is resolved once, not once for each of its folders."""
    asked: list[str] = []
    resolve = Places.resolve

    def noted(places: Places, folder: str, *, data: bool = False) -> str | None:
        asked.append(folder)
        return resolve(places, folder, data=data)

    monkeypatch.setattr(Places, "resolve", noted)
    applications.planned(site, site.wheel("app", files={"app/a/b/c.py": "1", "app/d/e.py": "2"}))

    names = [os.path.basename(path) for path in asked]
    assert 1 == names.count("app")
    assert not {"a", "b", "d"} & set(names)


def test_a_file_compiled_of_a_shared_source_is_nobodys(tmp_path: Path) -> None:
    """What an interpreter compiled of a file that is shared gives way to what a wheel compiles."""
    site = Site(tmp_path, compiler=True)
    shared = {"both/__init__.py": ""}
    site.install(site.wheel("one", files={**shared, "both/one.py": "1"}), compile_levels=())
    name = f"__init__.{sys.implementation.cache_tag}.pyc"
    compiled = site.library / "both" / "__pycache__" / name
    compiled.parent.mkdir()
    compiled.write_bytes(b"by an interpreter")

    site.install(site.wheel("two", files={**shared, "both/two.py": "2"}), compile_levels=(0,))

    assert b"by an interpreter" != compiled.read_bytes()


def test_what_was_compiled_before_a_source_comes_is_stashed(site: Site) -> None:
    """A rollback drops what is compiled of new sources: what was there before must be known."""
    inner = site.library / "app" / "__pycache__"
    inner.mkdir(parents=True)
    (inner / "new.cpython-311.pyc").write_text("compiled of a source that is gone")
    (inner / "mine.cpython-311.pyc").write_text("compiled of another one")
    plan, _ = applications.planned(site, site.wheel("app", files={"app/new.py": "1"}))

    stashed = [(path, item.overwritten) for item in plan.stash for path, _ in item.paths()]
    assert [(f"{inner}/new.cpython-311.pyc", False)] == stashed


def test_the_state_on_another_volume_is_where_the_change_is(tmp_path: Path) -> None:
    """Nothing is made in folders above, which may be mounted from elsewhere or not be ours."""
    site = Site(tmp_path)
    data = tmp_path / "data"
    (data / "share" / "app").mkdir(parents=True)
    schemes = {**site.environment.schemes, "data": str(data)}
    site.environment = replace(site.environment, schemes=schemes, runtime=schemes)
    wheel = site.wheel(files={"app-1.0.data/data/share/app/x.txt": "x"})
    files = OtherVolume(local(), str(data))
    plan, _ = applications.planned(site, wheel, files=files)

    assert (str(site.home), f"{data}/share/app/.linkinstall") == plan.states


def test_the_state_on_another_volume_is_in_no_folder_that_goes(tmp_path: Path) -> None:
    """Two distributions that share a folder on another volume can be removed together.

    The state folder was put into the folder that they share, since the first one takes single
    files out of it; the second takes the folder as a whole, which cannot be moved into itself.
    """
    site = Site(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    schemes = {**site.environment.schemes, "data": str(data)}
    site.environment = replace(site.environment, schemes=schemes, runtime=schemes)
    files = OtherVolume(local(), str(data))
    for name in ("alpha", "beta"):
        shared = {f"{name}-1.0.data/data/share/app/{name}.txt": name}
        with site.transaction(files, compile_levels=()) as transaction:
            transaction.install(site.wheel(name, files=shared))

    with site.transaction(files) as transaction:
        transaction.uninstall("alpha")
        transaction.uninstall("beta")

    assert [] == list(data.iterdir())
    assert [] == list(site.library.iterdir())


def edited_data(site: Site) -> Path:
    """Install a project with a data file, and edit that."""
    site.install(site.wheel("app", files={"app-1.0.data/data/etc/app.conf": "a", "app.py": "1"}))
    path = site.root / "etc/app.conf"
    path.unlink()
    path.write_text("edited")
    return path


def newer_data(site: Site) -> Path:
    """Make the next version's wheel."""
    return site.wheel("app", "2.0", files={"app-2.0.data/data/etc/app.conf": "b", "app.py": "2"})


@pytest.mark.parametrize("way", ["move", "overwrite"])
def test_what_stops_an_upgrade_for_being_edited_says_so(site: Site, way: str) -> None:
    """The next step names the project's own file that was edited, and either way of it helps.

    It said "belongs to app, and app brings it too", and to uninstall what owns it: that keeps
    the file, and the next install was refused for it as well.
    """
    path = edited_data(site)

    with pytest.raises(ConflictError) as caught:
        site.install(newer_data(site))
    if way == "move":
        path.rename(site.folder / "aside")
        outcome = site.install(newer_data(site))
    else:
        outcome = site.install(newer_data(site), overwrite_existing=True)

    (problem,) = caught.value.problems
    told = f"{path} belongs to app but is not as it was installed, and app brings it too"
    assert (told, "owned", "app") == (problem.message, problem.code, problem.owner)
    step = f"Move {path} elsewhere, or pass --overwrite-existing to replace what changed."
    assert step == caught.value.next_step
    assert ("b", ()) == (path.read_text(), outcome.kept)


def test_a_repair_advises_what_it_can_do(site: Site) -> None:
    """What is in a repair's way is to be moved: the repair takes no --overwrite-existing."""
    site.install(site.wheel("app", files={"app/a.py": "a", "app/b.py": "b"}))
    (site.library / "app/a.py").unlink()
    (site.library / "app/a.py").mkdir()

    with pytest.raises(ConflictError) as caught:
        site.repair("app")
    (site.library / "app/a.py").rename(site.folder / "aside")
    site.repair("app")

    assert "--" not in caught.value.next_step
    assert caught.value.next_step.startswith("Move what is in the way elsewhere")
    assert [] == site.check()
