"""Trust: a cache that others can write to is not linked from, and not written to."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from linkinstall import Cache, CachedWheel
from linkinstall.cli.main import main
from linkinstall.errors import CacheError
from linkinstall.fs import local
from linkinstall.remembered_interpreters import folder_below
from linkinstall.trust import distrust, refuse_distrusted
from tests.support.faulty import Closed
from tests.support.reach import reachable
from tests.support.sites import Site, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.posix("owners and modes")


@pytest.fixture(name="reachable")
def reachable_folder() -> Iterator[Path]:
    """Give a folder that every user can reach, and nobody else can write to."""
    with reachable() as folder:
        yield folder


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o775, 0o2775])
def test_the_users_own_cache_is_trusted(reachable: Path, mode: int) -> None:
    """A cache that its owner, or a group of the owner's choice, can write to is used."""
    reachable.chmod(mode)

    assert distrust(local(), str(reachable), named=False) == ""
    assert Cache(reachable).distrust == ""


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_cache_that_everybody_can_write_to_is_not(reachable: Path, mode: int) -> None:
    """Whoever can write to a cache decides what others run; a sticky bit changes nothing."""
    reachable.chmod(mode)

    expected = "every user can write to it"
    assert expected == distrust(local(), str(reachable), named=True)
    assert expected == Cache(reachable).distrust
    assert folder_below(str(reachable)) == ""


def test_nobody_reaches_a_folder_in_a_closed_one(reachable: Path) -> None:
    """With a umask of 0 a cache in a closed home folder is open to nobody, and used."""
    inner = reachable / "cache"
    inner.mkdir()
    inner.chmod(0o777)
    reachable.chmod(0o700)

    assert distrust(local(), str(inner), named=True) == ""


def test_a_cache_of_ours_is_closed_whatever_the_umask_is(reachable: Path) -> None:
    """No folder that is made in a cache, or on the way to it, lets others write.

    Story: with a umask of 0, as in some containers, the first run made its cache in folders
    of mode 777, and every later one refused to use it.
    """
    mask = os.umask(0)
    try:
        site = Site(reachable, compiler=True)
        site.cache = Cache(reachable / "deep" / "cache")
        site.install(site.wheel(), site.wheel("other"))
    finally:
        os.umask(mask)

    assert Cache(site.cache.path).distrust == ""
    assert [] == [
        folder
        for folder, _, _ in os.walk(reachable / "deep")
        if os.lstat(folder).st_mode & stat.S_IWOTH
    ]
    assert os.path.isdir(f"{site.cache.root}/bytecode")


@pytest.mark.parametrize("inner", ["v1", "v1/entries", "v1/aliases", "v1/bytecode"])
def test_a_folder_inside_that_everybody_can_write_to_counts(reachable: Path, inner: str) -> None:
    """Entries, aliases and compiled files decide what is linked, as the cache itself does.

    A cache of mode 755 with ``v1/entries`` of mode 777 was taken for closed.
    """
    folder = reachable / inner
    folder.mkdir(parents=True)
    assert Cache(reachable).distrust == ""
    folder.chmod(0o777)

    assert f"every user can write to {folder}" == Cache(reachable).distrust


def test_a_link_in_the_place_of_a_folder_inside_is_told_as_one(
    reachable: Path, tmp_path: Path
) -> None:
    """What is read and made there would be elsewhere, as the verbs of the cache say, too.

    The mode of a link is 777: it was told that every user could write to it.
    """
    (reachable / "v1").mkdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    link = reachable / "v1" / "entries"
    link.symlink_to(tmp_path / "elsewhere")

    assert f"{link} is a symbolic link" == Cache(reachable).distrust


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_above_in_which_everybody_can_rename_counts(
    reachable: Path, *, there: bool
) -> None:
    """Who can rename the cache can put another one there; a sticky bit keeps others from it."""
    cache = reachable / "above" / "cache"
    cache.parent.mkdir()
    if there:
        cache.mkdir()
    cache.parent.chmod(0o1777)
    assert Cache(cache).distrust == ""
    cache.parent.chmod(0o777)

    assert f"every user can replace it, by way of {cache.parent}" == Cache(cache).distrust
    reachable.chmod(0o700)
    assert Cache(cache).distrust == ""


def test_a_link_that_everybody_can_replace_counts(reachable: Path, tmp_path: Path) -> None:
    """A link on the way leads elsewhere as soon as somebody puts another in its place."""
    opened = reachable / "open"
    opened.mkdir()
    opened.chmod(0o777)
    (tmp_path / "cache").mkdir()
    (opened / "link").symlink_to(tmp_path / "cache")

    assert f"every user can replace it, by way of {opened}" == Cache(opened / "link").distrust


def test_a_tier_that_everybody_can_write_to_is_not_read(tmp_path: Path, reachable: Path) -> None:
    """Tiers are held to the same: an install passes one over, with a warning."""
    site = Site(tmp_path)
    Cache(reachable).add(site.wheel())
    reachable.chmod(0o777)
    tiered = Cache(tmp_path / "own", tiers=[reachable])
    outcome = site.install(site.wheel(), cache=tiered)

    assert [f"{tmp_path}/own/v1"] == list(tiered.roots)
    (warning,) = outcome.warnings
    assert ("cache-untrusted", True) == (warning.code, str(reachable) in warning.message)
    assert outcome.files.hardlink
    assert tiered.find(str(site.wheel())) is not None


def test_a_link_is_as_good_as_what_it_leads_to(reachable: Path, tmp_path: Path) -> None:
    """A cache folder that is a link is judged by the folder it leads to."""
    link = tmp_path / "link"
    link.symlink_to(reachable)

    assert Cache(link).distrust == ""
    reachable.chmod(0o777)
    assert "every user can write to it" == Cache(link).distrust
    assert Cache(tmp_path / "absent").distrust == ""


def test_the_default_cache_must_be_the_users_own(
    reachable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under sudo the default cache may be a user's: root does not use it unless it is named."""
    folder = reachable / "linkinstall"
    folder.mkdir()
    somebody = folder.stat().st_uid + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody)
    expected = "" if somebody == 1 else f"it belongs to user {somebody - 1}"
    if somebody == 1:  # these tests run as root, whom everybody trusts
        os.chown(folder, 4321, -1)
        expected = "it belongs to user 4321"
    monkeypatch.setenv("XDG_CACHE_HOME", str(reachable))
    monkeypatch.delenv("LINKINSTALL_CACHE_DIR", raising=False)

    assert expected == Cache().distrust
    assert Cache(folder).distrust == ""
    monkeypatch.setenv("LINKINSTALL_CACHE_DIR", str(folder))
    assert Cache().distrust == ""


@pytest.mark.parametrize("name", ["linkinstall", ".cache/linkinstall"])
def test_root_makes_no_default_cache_in_the_home_folder_of_a_user(
    reachable: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Where sudo leaves root with the home folder of a user, root makes nothing there.

    Story: what was not there yet was not judged. Root made ``~/.cache`` of the user, who could
    not write there from then on, with no program.
    """
    monkeypatch.setenv("XDG_CACHE_HOME", str((reachable / name).parent))
    monkeypatch.delenv("LINKINSTALL_CACHE_DIR", raising=False)
    owner = reachable.stat().st_uid or 4321
    if os.geteuid() == 0:
        os.chown(reachable, owner, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert f"it would be made in a folder of user {owner}" == Cache().distrust
    assert Cache(reachable / name).distrust == ""
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert Cache().distrust == ""


def test_a_variable_that_is_empty_names_no_cache(
    reachable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty LINKINSTALL_CACHE_DIR counts as not set: it vouches for nobody's cache.

    It counted as a cache that somebody had named, which may belong to anybody.
    """
    (reachable / "linkinstall").mkdir()
    os.chown(reachable / "linkinstall", 4321, -1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(reachable))
    monkeypatch.setenv("LINKINSTALL_CACHE_DIR", "")

    assert "it belongs to user 4321" == Cache().distrust


def test_without_a_home_folder_there_is_no_default_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no home folder is known an install goes on as without a cache, and says so.

    In a container with a user of no name, every working folder got a folder called "~"
    with a cache in it.
    """
    site = Site(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("LINKINSTALL_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)

    outcome = site.install(site.wheel(), cache=Cache())

    assert ["cache-untrusted"] == [warning.code for warning in outcome.warnings]
    assert outcome.warnings[0].message.startswith("there is no default cache (no home folder")
    assert not (tmp_path / "~").exists()
    with pytest.raises(CacheError, match="There is no default cache: no home folder is known"):
        refuse_distrusted(Cache())
    monkeypatch.setenv("LINKINSTALL_CACHE_DIR", str(tmp_path / "named"))
    assert Cache().distrust == ""


def test_where_there_is_no_default_cache_no_folder_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A command of the cache is refused, unless a cache is named; no path is made up.

    Story: ``cache dir`` printed a folder called "~" in the working folder, for scripts, and
    ``cache clean`` looked for what it could remove there.
    """
    for name in ("LINKINSTALL_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)

    for command in ("dir", "info", "clean"):
        assert 1 == main(["cache", command])
        out, err = capfd.readouterr()
        assert ("", True, False) == (out, "There is no default cache" in err, "~" in err)
    assert 0 == main(["cache", "dir", "--cache-dir", str(tmp_path)])
    assert f"{tmp_path}\n" == capfd.readouterr().out
    monkeypatch.setenv("LINKINSTALL_CACHE_DIR", "relative")
    assert 0 == main(["cache", "dir"])


def test_what_is_no_folder_is_no_cache(reachable: Path) -> None:
    """A file in the place of the cache is said to be one.

    Of ``/dev/null`` it was said that every user can write to it, and that ``chmod o-w``
    would help.
    """
    (reachable / "file").touch(0o666)
    (reachable / "file").chmod(0o666)
    cache = Cache(reachable / "file")

    assert "it is no folder" == cache.distrust
    with pytest.raises(CacheError, match=r"it is no folder") as caught:
        refuse_distrusted(cache)
    assert "Nothing was changed. Name another one (--cache-dir)." == caught.value.next_step


def test_nothing_is_taken_from_it_or_put_into_it(tmp_path: Path, reachable: Path) -> None:
    """An install goes on as without a cache, with a warning; what needs a cache is refused."""
    site = Site(tmp_path)
    wheel = site.wheel()
    shared = Cache(reachable)
    shared.add(wheel)
    reachable.chmod(0o777)
    before = snapshot(reachable, exact=True)

    outcome = site.install(wheel, cache=Cache(reachable))

    assert ["cache-untrusted"] == [warning.code for warning in outcome.warnings]
    assert outcome.files.hardlink == 0
    assert not (site.library / ".linkinstall").exists()
    with pytest.raises(CacheError, match="every user can write"):
        site.install(wheel, cache=Cache(reachable), link_mode="symlink", reinstall=True)
    with (
        pytest.raises(CacheError, match="every user can write"),
        CachedWheel.open(wheel, Cache(reachable)),
    ):
        pass
    assert before == snapshot(reachable, exact=True)


@pytest.mark.parametrize("inner", ["", "/v1"])
def test_a_cache_that_this_user_may_not_look_into_is_not_used(
    tmp_path: Path, reachable: Path, inner: str
) -> None:
    """A tier of another user that is closed is passed over, and one's own is stood in for.

    Each install ended with "Permission denied" where a tier was closed; one that is not there
    was passed over.
    """
    site, reason = Site(tmp_path), "this user may not look into it"
    (reachable / "v1").mkdir()
    files = Closed(f"{reachable}{inner}")

    assert reason == distrust(files, f"{reachable}", ["v1", "v1/entries"], named=True)
    tiered = Cache(site.cache.path, tiers=[reachable], files=files)
    assert {str(reachable): reason} == tiered.passed_over
    own = Cache(reachable, files=files)
    assert reason == own.distrust
    with pytest.raises(CacheError, match=reason) as caught:
        refuse_distrusted(own)
    assert "chmod" not in caught.value.next_step
