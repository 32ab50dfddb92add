"""Environments that link into a cache: noted whole, and looked at before the note counts."""

from __future__ import annotations

import os
from binascii import crc32
from typing import TYPE_CHECKING

import pytest

from linkinstall.cache import Cache
from linkinstall.fs import local
from linkinstall.interpreter_report import encode
from linkinstall.registry import Registration, read, register
from linkinstall.values import replace
from tests.support.faulty import Closed
from tests.support.sites import Site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def note(tmp_path: Path) -> str:
    """Return where an environment is noted that is there."""
    site = Site(tmp_path)
    cache = Cache(tmp_path / "noting")
    path = f"{cache.root}/environments/key"
    register(cache, path, site.environment)
    return path


def registration(path: str) -> Registration:
    """Return what is noted at ``path``."""
    found = read(local(), path)
    assert found is not None
    return found


def test_what_is_noted_is_read(note: str, tmp_path: Path) -> None:
    """Root, volume and schemes of the environment come back."""
    found = registration(note)

    assert f"{tmp_path}/env" == found.root
    assert f"{tmp_path}/env/bin" == found.schemes["scripts"]
    assert os.lstat(found.volume).st_dev == os.lstat(tmp_path).st_dev
    assert f"{found.schemes['purelib']}/a/b.py" == found.path("a", "purelib", "a/b.py")
    assert found.path("a", "no-such-scheme", "b") is None


@pytest.mark.parametrize("left", [b"", b"\0" * 100])
def test_what_a_power_cut_left_is_none(note: str, left: bytes) -> None:
    """A note that never reached the disk is none: its links did not reach it either."""
    with open(note, "wb") as stream:
        stream.write(left)

    assert read(local(), note) is None
    assert read(local(), f"{note}-absent") is None


def test_a_damaged_note_is_an_error(note: str) -> None:
    """A note that was altered could be anybody's: it does not pass for none."""
    with open(note, "r+b") as stream:
        stream.seek(20)
        stream.write(b"x")

    with pytest.raises(ValueError, match="is damaged"):
        read(local(), note)


def test_a_note_that_does_not_say_whose_it_is_is_damaged(note: str) -> None:
    """A note with a right checksum and without a root is nobody's.

    It once ended in a KeyError (``make fuzz``).
    """
    body = encode({"volume": "/", "named": ""})
    with open(note, "wb") as stream:
        stream.write(b"%08x" % crc32(body) + body)

    with pytest.raises(ValueError, match="does not say which environment"):
        read(local(), note)


def test_an_environment_is_gone_when_nothing_of_it_is_left(tmp_path: Path) -> None:
    """As long as its root or a scheme is there, it is looked at."""
    here = Registration(str(tmp_path), "/", named=False, schemes={"purelib": "/no/such"})
    gone = Registration(f"{tmp_path}/no", "/", named=False, schemes={"purelib": "/no/such"})
    gone = Registration(gone.root, _volume(tmp_path), gone.named, gone.schemes)

    assert not here.is_gone(local())
    assert gone.is_gone(local())


def test_an_environment_on_a_volume_that_is_not_mounted_is_not_gone(tmp_path: Path) -> None:
    """Where its volume is not there now, nobody can tell; it counts as there."""
    away = Registration(f"{tmp_path}/no", f"{tmp_path}", named=False, schemes={})

    assert not away.is_mounted(local())
    assert not away.is_gone(local())


def test_an_environment_that_cannot_be_looked_into_is_not_gone(tmp_path: Path) -> None:
    """What is below a closed folder may be there.

    The error of the look ended each command of a cache that two users share.
    """
    hidden = Registration(f"{tmp_path}/home/env", _volume(tmp_path), named=False, schemes={})

    assert not hidden.is_gone(Closed(f"{tmp_path}/home"))


def test_an_unsettled_environment_is_told(tmp_path: Path) -> None:
    """While a transaction is unfinished, links may come back from its stash."""
    one = Registration(str(tmp_path), "/", named=False, schemes={"purelib": str(tmp_path)})

    assert not one.is_unsettled(local())
    (tmp_path / ".linkinstall").mkdir()
    assert one.is_unsettled(local())


@pytest.mark.parametrize("state", [".linkinstall-env", "env/.linkinstall.venv"])
@pytest.mark.parametrize("root", ["env", "env/vendor"])
def test_an_environment_that_was_set_aside_is_not_gone(
    tmp_path: Path, state: str, root: str
) -> None:
    """A ``venv`` command that was killed may be rolled back, and the links are there again.

    What they lead to was pruned: all of the environment was dangling then.
    """
    volume, place = _volume(tmp_path), tmp_path / root
    one = Registration(str(place), volume, named=False, schemes={"purelib": f"{place}/lib"})
    assert one.is_gone(local())
    (tmp_path / state).mkdir(parents=True)
    (tmp_path / state / "journal").touch()

    assert one.is_unsettled(local())
    assert not one.is_gone(local())


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_an_environment_is_noted_where_it_is(tmp_path: Path) -> None:
    """What it was named by may lead elsewhere later, or nowhere: the links into the cache stay.

    They were taken for gone with the link, and what they lead to was pruned.
    """
    site = Site(tmp_path)
    (tmp_path / "link").symlink_to("env")
    named = replace(
        site.environment,
        root=f"{tmp_path}/link",
        schemes={"purelib": f"{tmp_path}/link/lib/python3.11/site-packages"},
    )
    path = f"{Cache(tmp_path / 'noting').root}/environments/key"
    register(Cache(tmp_path / "noting"), path, named)

    assert str(site.root) == registration(path).root
    assert str(site.library) == registration(path).schemes["purelib"]


def _volume(path: Path) -> str:
    while not os.path.ismount(path):
        path = path.parent
    return str(path)


def test_a_note_that_is_no_file_is_damaged(note: str) -> None:
    """A folder in the place of a note does not say whose it is; a disk's error stays one.

    With ``--link-mode symlink`` no wheel of such a note could be installed.
    """
    os.unlink(note)
    os.mkdir(note)

    with pytest.raises(ValueError, match="cannot be read"):
        read(local(), note)
