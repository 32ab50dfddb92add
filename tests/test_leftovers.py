"""What other tools leave lying about."""

from __future__ import annotations

import pytest

from linkinstall.distribution import find_distributions
from linkinstall.leftovers import find_leftovers, is_temporary_of_uv
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment with one distribution."""
    site = Site(tmp_path)
    site.install(site.wheel("app"))
    return site


def found(site: Site) -> list[tuple[str, str]]:
    """Return the leftovers: path below the library, and kind."""
    world = site.world()
    everything = find_distributions(world.files, world.libraries, world.bases)
    return [
        (one.path.removeprefix(f"{world.libraries[0]}/"), one.kind)
        for one in find_leftovers(world, everything)
    ]


def write(site: Site, *paths: str) -> None:
    """Write files below the library."""
    for path in paths:
        target = site.library / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("left\n")


def test_nothing_is_left_in_a_sound_environment(site: Site) -> None:
    """Files of distributions and of people are no leftovers, compiled files of either neither."""
    write(site, "mine/__init__.py", "mine/__pycache__/__init__.cpython-311.pyc", "mine/~x")
    write(site, "app/__pycache__/__init__.cpython-311.pyc", "app/__pycache__/notes.txt")

    assert [] == found(site)


def test_folders_of_pip_and_names_of_uv_are_left(site: Site) -> None:
    """``~…`` folders of the library folder, and ``.tmp`` with six letters anywhere, are nobody's.

    Story: a person's ``~notes.txt`` was told as pip's, and went with the leftovers; pip sets
    nothing but folders aside under such names.
    """
    write(site, "~pp/core.py", "~otes.txt", "app/.tmpaB3xYz", "app/.tmpfile")

    assert [("app/.tmpaB3xYz", "file"), ("~pp", "folder")] == found(site)


def test_compiled_files_without_source_are_left(site: Site) -> None:
    """Where nothing else is in the folder, it is one leftover; else each file is."""
    write(site, "gone/__pycache__/a.cpython-311.pyc", "gone/__pycache__/b.cpython-311.opt-1.pyc")
    write(site, "app/__pycache__/old.cpython-311.pyc", "app/__pycache__/__init__.cpython-311.pyc")
    write(site, "app/__pycache__/plain.pyc")

    assert [
        ("app/__pycache__/old.cpython-311.pyc", "file"),
        ("gone/__pycache__", "folder"),
    ] == found(site)


@needs_symlinks
def test_linked_compiled_files_without_source_are_left(site: Site, tmp_path: Path) -> None:
    """Links to compiled files are leftovers too, as a symlinking installer leaves them.

    The random changes against the model came upon it after 45,150 steps: a package that had
    been installed with symbolic links was taken away by its source files, and its folder
    of links was never named again.
    """
    write(site, "gone/notes.txt")
    (site.library / "gone/__pycache__").mkdir()
    (site.library / "gone/__pycache__/a.cpython-311.pyc").symlink_to(tmp_path / "a.pyc")

    assert [("gone/__pycache__", "folder")] == found(site)


def test_a_source_that_is_listed_keeps_its_compiled_file(site: Site) -> None:
    """Compiled files of a damaged distribution are none: its source comes back."""
    write(site, "app/__pycache__/__init__.cpython-311.pyc")
    (site.library / "app/__init__.py").unlink()

    assert [] == found(site)


def test_what_is_listed_is_no_leftover(site: Site) -> None:
    """Whatever it looks like, a path that a RECORD lists, or with one below it, is owned."""
    write(site, "~pp/core.py", "old/__pycache__/a.cpython-311.pyc", "app/.tmpaB3xYz")
    record = site.library / "app-1.0.dist-info" / "RECORD"
    rows = ["~pp/core.py,,", "old/__pycache__/a.cpython-311.pyc,,", "app/.tmpaB3xYz,,"]
    record.write_text(record.read_text() + "\n".join(rows) + "\n")

    assert [] == found(site)


def test_links_are_not_followed(site: Site, tmp_path: Path) -> None:
    """What lies behind a link out of the environment is not looked at."""
    outside = tmp_path / "outside" / "__pycache__"
    outside.mkdir(parents=True)
    (outside / "a.cpython-311.pyc").write_text("theirs")
    (site.library / "linked").symlink_to(outside.parent)

    assert [] == found(site)


def test_folders_of_uv_hold_one_file(site: Site) -> None:
    """A folder with such a name and more in it than uv puts there is a person's.

    Story: ``mypkg/.tmpbackup`` went with the leftovers, and ``mypkg`` after it.
    """
    write(site, "one/.tmpaB3xYz/a.py", "two/.tmpaB3xYz/a.py", "two/.tmpaB3xYz/b.py")
    write(site, "deep/.tmpaB3xYz/sub/a.py", "mine/.tmpbackup/a.py")
    (site.library / ".tmpaB3xYz").mkdir()

    assert [(".tmpaB3xYz", "folder"), ("one/.tmpaB3xYz", "folder")] == found(site)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (".tmpAbC123", True),
        (".tmpabcde1", True),
        (".tmpABCDEF", True),
        (".tmp", False),
        (".tmpAbC1234", False),
        (".tmpAb-123", False),
        (".tmpbackup", False),
        (".tmp\u00c4bC123", False),
    ],
)
def test_temporary_names_of_uv(name: str, *, expected: bool) -> None:
    """Temporary names of uv are ``.tmp`` and six letters or digits, and no word."""
    assert expected == is_temporary_of_uv(name)
