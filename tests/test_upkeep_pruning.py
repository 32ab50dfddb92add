"""Taking out of a cache what nobody uses, or everything; never what somebody uses."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from linkinstall.cache import Cache
from linkinstall.errors import LockTimeoutError
from linkinstall.fs import local
from linkinstall.upkeep.pruning import Pruning
from tests.support.entries import contents, is_sound
from tests.support.faulty import Denying, Faulty, Killed, Recording
from tests.support.platforms import WINDOWS, needs_symlinks
from tests.support.sites import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment with four entries: hard-linked, symlinked, and two unused."""
    site = Site(tmp_path)
    site.install(site.wheel("hard"), link_mode="hardlink")
    site.install(site.wheel("soft"), link_mode="symlink")
    if WINDOWS:  # no such link could be made: the environment was noted, and uses nothing yet
        site.install(site.wheel("soft"), link_mode="hardlink", reinstall=True)
    for age, name in ((10, "older"), (5, "newer")):
        entry = site.cache.add(site.wheel(name)).entry
        seconds = os.stat(entry.folder).st_mtime - age * 86_400
        os.utime(f"{entry.folder}/manifest", (seconds, seconds))
    return site


def names(told: tuple[dict[str, object], ...]) -> list[str]:
    """Return the names of what is told."""
    return sorted(str(one["name"]) for one in told)


def test_what_is_used_stays(site: Site) -> None:
    """Only what nobody uses goes, with its alias; the environment works on."""
    pruned = Pruning(site.cache).prune()

    assert ["newer", "older"] == names(pruned.removed)
    assert ["hard", "soft"] == names(pruned.kept)
    assert pruned.freed > 0
    assert 2 == len(os.listdir(f"{site.cache.root}/aliases"))
    assert [] == site.check()
    assert site.cache.find(str(site.wheel("older"))) is None
    assert site.cache.find(str(site.wheel("soft"))) is not None


def test_a_dry_run_changes_nothing(site: Site) -> None:
    """It tells what would go."""
    before = contents(site.cache)

    assert ["newer", "older"] == names(Pruning(site.cache, dry_run=True).prune().removed)
    assert before == contents(site.cache)


@needs_symlinks
def test_what_an_environment_under_another_name_uses_stays(site: Site) -> None:
    """An environment that a link has named is used where it is, when the link is gone.

    ``venv remove LINK`` leaves the environment, and ``cache clean`` broke it then.
    """
    (site.folder / "link").symlink_to("env")
    linked = site.seen_at(site.folder / "link")
    linked.install(site.wheel("late"), link_mode="symlink")
    (site.folder / "link").unlink()
    Pruning(site.cache).prune()

    assert [] == site.check()
    assert (site.library / "late" / "data.txt").read_text()


def test_what_was_used_lately_stays(site: Site) -> None:
    """With an age, only what was not used for so long goes."""
    assert ["older"] == names(Pruning(site.cache).prune(older_than=7 * 86_400).removed)


def test_a_use_is_noted(site: Site) -> None:
    """An install makes an entry young again, whichever way its files get there."""
    site.install(site.wheel("older"), link_mode="copy")

    assert ["newer"] == names(Pruning(site.cache).prune(older_than=2 * 86_400).removed)


def test_compiled_files_of_a_tier_go_when_they_are_old(site: Site) -> None:
    """Sets whose entry is in a tier have an age, too: those that were made just now stay.

    They went with any command, and the next installation compiled again.
    """
    wheel = site.wheel("tiered", files={"tiered/core.py": "x = 1"})
    site.cache.add(wheel)
    own = Cache(site.folder / "own", tiers=[site.cache.path])
    compiling = Site(site.folder / "compiling", compiler=True)
    compiling.cache = own
    compiling.install(wheel, link_mode="copy")
    (folder,) = Path(f"{own.root}/bytecode").iterdir()

    assert 0 == Pruning(own).prune(older_than=86_400).freed
    assert folder.is_dir()
    assert 0 < Pruning(own).prune().freed
    assert not folder.exists()


def test_no_more_goes_than_has_to(site: Site) -> None:
    """With a size, the longest unused goes first, and only as much as has to."""
    size = site.cache.info()["bytes"]

    assert [] == names(Pruning(site.cache).prune(max_size=size).removed)
    assert ["older"] == names(Pruning(site.cache).prune(max_size=size - 1).removed)
    assert Pruning(site.cache).prune(max_size=1).over > 0


def test_an_environment_that_is_gone_lets_go(site: Site) -> None:
    """Both kinds of links went with it, and so do the notes about it."""
    shutil.rmtree(site.root)
    Pruning(site.cache).prune()

    assert [] == contents(site.cache) or not os.path.exists(site.cache.root)


def test_who_links_is_waited_for(site: Site) -> None:
    """While somebody makes or links entries, nothing goes; the wait has an end."""
    held = site.cache.hold()
    assert held is not None
    with pytest.raises(LockTimeoutError, match="the cache"):
        Pruning(site.cache, timeout=0).prune()
    held.release()

    assert 2 == len(Pruning(site.cache, timeout=0).prune().removed)


def test_a_clean_takes_everything_but_what_is_not_ours(site: Site) -> None:
    """Nothing of ours is left, what somebody else has put there stays, and is told."""
    site.uninstall("soft")
    Path(site.cache.root, "notes.txt").write_text("mine")
    pruned = Pruning(site.cache).clean()

    assert ["hard", "newer", "older", "soft"] == names(pruned.removed)
    assert ["./notes.txt"] == contents(site.cache)
    assert [f"{site.cache.root}/notes.txt"] == [one["path"] for one in pruned.kept]
    os.unlink(f"{site.cache.root}/notes.txt")
    Pruning(site.cache).clean()
    assert not os.path.exists(site.cache.root)


@pytest.mark.parametrize("part", ["entries", "aliases", "interpreters"])
def test_a_file_in_the_place_of_a_folder_stays(site: Site, part: str) -> None:
    """What somebody has put where a folder of the cache would be is not ours, and stays.

    It was told as kept, and was deleted.
    """
    site.uninstall("soft")
    place = Path(site.cache.root, part)
    shutil.rmtree(place, ignore_errors=True)
    place.write_text("mine")
    pruned = Pruning(site.cache).clean()

    assert [place.as_posix()] == [one["path"] for one in pruned.kept]
    assert "mine" == place.read_text()


@needs_symlinks
def test_no_link_is_followed(site: Site, tmp_path: Path) -> None:
    """A link in an entry goes itself; what it leads to stays."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    for name in os.listdir(f"{site.cache.root}/entries"):
        os.symlink(precious, f"{site.cache.root}/entries/{name}/files/link")
    Pruning(site.cache).clean(force=True)

    assert (precious / "file").exists()


@pytest.mark.parametrize("verb", ["prune", "clean"])
def test_a_kill_at_any_call_is_finished_by_the_next_run(site: Site, verb: str) -> None:
    """Whatever stands after a kill is whole, and the next run leaves what this one would have."""
    site.uninstall("soft")
    root = Path(site.cache.path)
    saved = root.with_name("saved")
    shutil.copytree(root, saved, symlinks=True)

    def act(files: Recording) -> None:
        cache = Cache(root, files=files)
        if verb == "prune":
            Pruning(cache).prune()
        else:
            Pruning(cache).clean()

    shutil.rmtree(root)
    shutil.copytree(saved, root, symlinks=True)  # a copy has no hard links
    recording = Recording(local())
    act(recording)
    expected = contents(site.cache)
    struck = 0
    for at in range(len(recording.changes)):
        if root.exists():
            shutil.rmtree(root)
        shutil.copytree(saved, root, symlinks=True)
        faulty = Faulty(local(), at)
        try:
            act(faulty)
        except Killed:
            struck += 1
        for name in _folders(f"{site.cache.root}/entries"):
            entry = site.cache.open(name)
            assert entry is not None
            assert is_sound(site.cache, entry)
        act(Recording(local()))
        assert expected == contents(site.cache)
    assert struck > 5


def _folders(path: str) -> list[str]:
    return os.listdir(path) if os.path.exists(path) else []


def test_an_entry_whose_note_stays_stays_too(site: Site) -> None:
    """What cannot be forgotten cannot go: nobody could tell afterwards what the note is about.

    The entry went, its note stayed, and from then on the note kept what was not there.
    """
    site.uninstall("soft")
    files = Denying(local(), "unlink", errno.EROFS)
    cache = Cache(site.cache.path, files=files)
    with pytest.raises(OSError, match="dependents"):
        Pruning(cache).prune()

    assert site.cache.find(str(site.wheel("soft"))) is not None
    assert ["newer", "older", "soft"] == names(Pruning(site.cache).prune().removed)
    assert not os.path.exists(f"{site.cache.root}/dependents")


def test_what_the_system_keeps_is_told(site: Site) -> None:
    """What went out of the cache and could not be deleted waits for the next run."""
    cache = Cache(site.cache.path, files=Denying(local(), "remove_folder", errno.EBUSY))
    pruned = Pruning(cache).prune()

    assert ["newer", "older"] == names(pruned.removed)
    assert [] != [path for path in pruned.waiting if path.startswith(cache.temporary_folder)]
    Pruning(site.cache).prune()
    assert not os.path.exists(cache.temporary_folder)
