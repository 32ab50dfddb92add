"""Tests of ``linkinstall.venvs.place``; what the verbs do there, ``test_verbs_venv`` tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import LinkInstallError, LockTimeoutError, UnsettledError
from linkinstall.fs import local
from linkinstall.venvs.aside import Aside, state_folders
from linkinstall.venvs.place import Place
from linkinstall.venvs.sight import ABSENT, VENV
from tests.support.faulty import Denying, Interrupted, InterruptedUndurable, Undurable
from tests.support.venvs import contents, make_venv

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.fs.port import FileSystem


def place_of(path: Path, files: FileSystem | None = None) -> Place:
    """Return a place that waits for nobody."""
    return Place(path, "venv remove", files, "off", 0.05, None)


def test_one_at_a_time(tmp_path: Path) -> None:
    """Two runs at one place exclude each other, also where nothing is there yet."""
    with place_of(tmp_path / "v"), pytest.raises(LockTimeoutError, match="the place"):
        place_of(tmp_path / "v").__enter__()

    with place_of(tmp_path / "v") as place:
        assert ABSENT == place.sight.kind


def test_no_lock_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of a place lies in the folder for temporary files, and goes with the block.

    On Windows it stayed: there were as many files as places that a command had worked at.
    """
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))

    with place_of(tmp_path / "v"):
        assert 1 == len(list(temporary.iterdir()))

    assert [] == list(temporary.iterdir())


@pytest.mark.posix("symbolic links take a privilege on Windows, and Wine makes none")
def test_links_lead_to_one_place(tmp_path: Path) -> None:
    """Runs that name one environment by two paths exclude each other."""
    make_venv(tmp_path / "v")
    (tmp_path / "link").symlink_to("v")

    with place_of(tmp_path / "v"), pytest.raises(LockTimeoutError):
        place_of(tmp_path / "link").__enter__()


def test_what_was_left_is_settled_before_anything_is_looked_at(tmp_path: Path) -> None:
    """An environment that a killed run took aside stands there again in the block."""
    make_venv(tmp_path / "v")
    before = contents(tmp_path)
    aside = Aside(local(), str(tmp_path / "v"), sync="off")
    aside.begin("remove")
    aside.take()

    with place_of(tmp_path / "v") as place:
        assert VENV == place.sight.kind

    assert ["rolled-back"] == [one.action for one in place.settled.recovered]
    assert before == contents(tmp_path)


def test_nothing_is_begun_where_settling_fails(tmp_path: Path) -> None:
    """What cannot be settled now ends with status 3, and the place is let go."""
    make_venv(tmp_path / "v")
    aside = Aside(local(), str(tmp_path / "v"), sync="off")
    aside.begin("remove")
    aside.take()

    with pytest.raises(LinkInstallError) as caught:
        place_of(tmp_path / "v", Denying(local(), "rename_new", 5)).__enter__()

    assert 3 == caught.value.exit_status
    assert state_folders(str(tmp_path / "v"))[0] in caught.value.message
    with place_of(tmp_path / "v") as place:
        assert VENV == place.sight.kind


def test_a_removal_that_does_not_reach_the_disk_is_no_success(tmp_path: Path) -> None:
    """With ``full`` success means gone for good; the next run finishes what was committed."""
    place = make_venv(tmp_path / "v")

    def removing(files: FileSystem) -> Place:
        return Place(place, "venv remove", files, "full", 0.05, None)

    with (
        pytest.raises(UnsettledError, match="a power cut could take it back") as caught,
        removing(Undurable()) as one,
    ):
        one.remove(force=False)
    assert caught.value.outcome is not None
    assert {"action": "removed"}.items() <= (caught.value.outcome.venv or {}).items()
    with pytest.raises(LinkInstallError), removing(Undurable()):
        pass
    with removing(local()) as one:
        assert ["finished"] == [done.action for done in one.settled.recovered]


@pytest.mark.posix("a signal can be sent")
def test_an_interruption_after_the_commit_comes_too_late(tmp_path: Path) -> None:
    """Asked to stop once nothing can be put back any more, the verb says what it has done.

    `venv remove` ended with 130 and "The environment is unchanged.", with nothing there; so it
    did where ``--sync full`` had failed, and nobody was told that either.
    """
    first, second = make_venv(tmp_path / "v"), make_venv(tmp_path / "w")

    with Place(first, "venv remove", Interrupted(), "off", 0.05, None) as one:
        outcome = one.remove(force=False)

    assert outcome.venv is not None
    assert "removed" == outcome.venv["action"]
    assert not (tmp_path / "v").exists()
    with (
        pytest.raises(UnsettledError, match="a power cut could take it back"),
        Place(second, "venv remove", InterruptedUndurable(), "full", 0.05, None) as one,
    ):
        one.remove(force=False)
