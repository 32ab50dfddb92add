"""What other tools leave behind, told for one project."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall.distribution import Distribution, find_distributions
from linkinstall.errors import ConflictError
from linkinstall.remains import damage_of, damage_test, legacy, remains
from tests.support.sites import Site

if TYPE_CHECKING:
    from linkinstall.manifest import Manifest


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment of its own."""
    return Site(tmp_path)


def installed(site: Site) -> tuple[Distribution, Manifest]:
    """Install a project; return its distribution and its manifest."""
    wheel = site.wheel("big-app", files={"bigapp/__init__.py": "one = 1\n"})
    site.install(wheel, compile_levels=())
    world = site.world()
    (found,) = find_distributions(world.files, world.libraries)
    return found, site.cache.add(wheel).entry.manifest


@pytest.mark.parametrize("name", ["~ig_app-1.0.dist-info", "~ig_app-0.5.dist-info", "~igapp"])
def test_folders_of_a_killed_pip_are_found(site: Site, name: str) -> None:
    """Dist-info folders of any version and import packages of the project are found."""
    old, manifest = installed(site)
    (site.library / name).mkdir()

    assert [f"{site.library}/{name}"] == remains(site.world(), "big-app", [old], manifest)


@pytest.mark.parametrize("name", ["~ther-1.0.dist-info", "~other", "~ig_app_more", "ig_app"])
def test_folders_of_others_are_left_alone(site: Site, name: str) -> None:
    """What belongs to another project, or has no tilde, is not taken for remains."""
    old, manifest = installed(site)
    (site.library / name).mkdir()

    assert [] == remains(site.world(), "big-app", [old], manifest)


def test_a_file_is_nothing_that_pip_sets_aside(site: Site) -> None:
    """A person's file that begins with ``~`` went with the project of that name."""
    old, manifest = installed(site)
    (site.library / "~igapp").write_text("mine\n")

    assert [] == remains(site.world(), "big-app", [old], manifest)


def test_a_name_is_enough(site: Site) -> None:
    """A project that is not installed and has no manifest is known by its name."""
    (site.library / "~ig_app-1.0.dist-info").mkdir()

    expected = [f"{site.library}/~ig_app-1.0.dist-info"]
    assert expected == remains(site.world(), "big-app", [], None)


def test_what_is_whole_is_not_damaged(site: Site) -> None:
    """A sound distribution without remains is whole."""
    old, manifest = installed(site)

    assert not damage_test(site.world(), "big-app", [old], manifest)(f"{site.library}/bigapp")


@pytest.mark.parametrize("harm", ["remains", "no RECORD", "cut RECORD"])
def test_damage_is_told_when_it_is_asked_for(site: Site, harm: str) -> None:
    """Remains, or a RECORD that tells too little, count, looked at when asked, and only once."""
    old, manifest = installed(site)
    olds = [] if harm == "remains" else [old]
    test = damage_test(site.world(), "big-app", olds, manifest)
    left, record = site.library / "~igapp", Path(old.path) / "RECORD"
    if harm == "remains":
        left.mkdir()
    elif harm == "no RECORD":
        record.unlink()
    else:
        record.write_text(record.read_text().splitlines()[0])

    assert test(str(site.library))
    if harm == "remains":
        left.rmdir()
        assert test(str(site.library))


@pytest.mark.parametrize(
    ("harm", "own"), [("edited", False), ("missing", False), ("METADATA", True), ("~", True)]
)
def test_a_record_that_names_all_leaves_remains_in_own_folders_alone(
    site: Site, harm: str, *, own: bool
) -> None:
    """Whatever has happened to files of a project, its RECORD still tells which are its own.

    One file that was edited made an upgrade overwrite any file at a path that the new version
    brings: the user's, and those of other projects.
    """
    old, manifest = installed(site)
    if harm == "edited":
        (site.library / "bigapp" / "__init__.py").write_text("edited, and longer\n")
    elif harm == "missing":
        shutil.rmtree(site.library / "bigapp")
    elif harm == "METADATA":
        (Path(old.path) / "METADATA").unlink()
    else:
        (site.library / "~igapp").mkdir()
    world = site.world()
    test = damage_test(world, "big-app", [old], manifest)

    assert own == test(f"{world.libraries[0]}/bigapp")
    assert not test(world.libraries[0])
    assert not test(world.roots["scripts"])
    assert not test(f"{world.roots['data']}/etc")


@pytest.mark.parametrize("cut", ["between rows", "in a row", "not at all", "of another wheel"])
def test_a_record_that_has_lost_its_end_is_no_obstacle(site: Site, cut: str) -> None:
    """What RECORD names no more is left of the project, in folders of its own.

    The rows of METADATA and RECORD come before those of the package, so they survived a cut, and
    the distribution's own files were "in the way" of each install of the wheel.
    """
    files = {"app/__init__.py": "", "app/one.py": "1\n", "app/two.py": "2\n"}
    wheel = site.wheel("app", "1.0", files=files)
    site.install(wheel, compile_levels=())
    record = site.library / "app-1.0.dist-info" / "RECORD"
    lines = record.read_text().splitlines(keepends=True)
    kept = [line for line in lines if "two.py" not in line]
    if cut == "in a row":
        kept.append(next(line for line in lines if "two.py" in line)[:-2])
    elif cut == "not at all":
        kept, files["app/two.py"] = lines, "another\n"
        wheel = site.wheel("app", "1.0", files={**files, "app/three.py": ""})
        (site.library / "app" / "three.py").write_text("mine")
    elif cut == "of another wheel":
        kept = [line.replace("sha256=", "sha256=A") if "one.py" in line else line for line in kept]
    record.unlink()
    record.write_text("".join(kept))

    if cut in {"not at all", "of another wheel"}:
        with pytest.raises(ConflictError):
            site.install(wheel)
        return
    site.install(wheel, compile_levels=())
    assert lines == record.read_text().splitlines(keepends=True)
    (site.library / "mine.py").write_text("mine")
    with pytest.raises(ConflictError):
        site.install(site.wheel("app", "2.0", files={**files, "mine.py": "theirs"}))


@pytest.mark.parametrize("last", ["bigapp/", "RECORD,,"])
def test_a_record_without_a_last_line_end_is_whole(site: Site, last: str) -> None:
    """Not all tools end the last row; an upgrade then replaced the user's files in the package."""
    old, manifest = installed(site)
    record = Path(old.path) / "RECORD"
    lines = sorted(record.read_text().splitlines(), key=lambda line: last in line)
    assert last in lines[-1]
    record.write_text("\n".join(lines))

    assert not damage_test(site.world(), "big-app", [old], manifest)(f"{site.library}/bigapp")


def test_a_record_with_absolute_rows_is_whole(site: Site) -> None:
    """A row may be an absolute path, as the specification has it.

    Such a RECORD passed for cut, and an upgrade replaced the user's files at any path.
    """
    old, manifest = installed(site)
    record = Path(old.path) / "RECORD"
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(f"{site.library}/{line}" for line in lines))

    test = damage_test(site.world(), "big-app", [old], manifest)
    assert not test(f"{site.library}/bigapp")
    assert not test(str(site.library))


def test_an_edited_file_costs_nobody_else_s(site: Site) -> None:
    """An upgrade of what was edited is refused where the user's files stand in its way."""
    site.install(site.wheel("app", "1.0", files={"app/conf.txt": "1"}))
    (site.library / "app" / "conf.txt").unlink()
    (site.library / "app" / "conf.txt").write_text("edited, and longer")
    (site.library / "utils.py").write_text("mine")

    with pytest.raises(ConflictError):
        site.install(site.wheel("app", "2.0", files={"app/conf.txt": "2", "utils.py": "theirs"}))

    assert "mine" == (site.library / "utils.py").read_text()


def test_lost_metadata_is_named_in_one_warning(site: Site) -> None:
    """A distribution without METADATA and RECORD is warned of, a sound one is not."""
    old, _ = installed(site)
    assert [] == list(damage_of(site.world(), old))
    for name in ("METADATA", "RECORD"):
        (site.library / old.folder / name).unlink()

    (warning,) = damage_of(site.world(), old)
    assert "damaged-replaced" == warning.code
    expected = f"{old.path} had no METADATA and no RECORD; its remains are replaced"
    assert expected == warning.message


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("Big.App.egg-link", True),
        ("big_app-1.0-py3.11.egg-info", True),
        ("big_app-1.0.dist-info", False),
        ("other.egg-link", False),
    ],
)
def test_a_distribution_without_record_is_known_by_its_egg(
    site: Site, entry: str, *, found: bool
) -> None:
    """The egg-info or egg-link of the project is found by any spelling, no other's."""
    (site.library / entry).write_text("")

    assert (f"{site.library}/{entry}" if found else "") == legacy(site.world(), "big-app")


def test_an_egg_link_has_no_version_in_its_name(site: Site) -> None:
    """Of an egg-link the whole stem is the project, hyphens and all.

    The part before the first hyphen was taken for the project: ``big-app`` was called "not
    installed", and ``big`` something that another tool had installed.
    """
    path = site.library / "big-app.egg-link"
    path.write_text("/src\n.")

    found = [legacy(site.world(), name) for name in ("big-app", "big")]

    assert [str(path), ""] == found
