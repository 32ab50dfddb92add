"""The helpers of these tests see what they are there to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration.support.locks import held, is_free
from integration.support.peers import pip, pip_install, uv_install
from integration.support.records import dist_info_of, record_problems
from integration.support.trees import differences, snapshot
from tests.support.gates import require, suited

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.environments import Venv
    from integration.support.trees import Tree


def test_pip_install_has_no_problems_and_no_strays(venv: Venv, bare: Tree, sample: Path) -> None:
    """An installation by pip is whole in the eyes of the helpers."""
    pip_install(venv, [sample])

    assert [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))
    assert [] == venv.strays(bare)


def test_changed_missing_and_stray_files_are_seen(venv: Venv, bare: Tree, sample: Path) -> None:
    """A changed, a missing and an unlisted file are each reported."""
    uv_install(venv, [sample])
    (venv.library / "sample" / "data.txt").write_text("changed")
    (venv.library / "sample" / "tool").unlink()
    (venv.library / "sample" / "stray.py").write_text("")

    problems = record_problems(venv.library, dist_info_of(venv.library, "sample"))

    assert ["missing: sample/tool", "size of sample/data.txt: 2400 listed, 7 there"] == sorted(
        problems
    )
    stray = (venv.library / "sample" / "stray.py").relative_to(venv.root)
    assert [str(stray)] == venv.strays(bare)


def test_uninstall_by_pip_gives_the_bare_tree(venv: Venv, bare: Tree, sample: Path) -> None:
    """Two equal states have no differences, and a folder more is one."""
    pip_install(venv, [sample])
    pip(venv, "uninstall", "--yes", "sample")

    # pip leaves the folder that the wheel's .data made.
    assert ["+ share"] == differences(bare, venv.snapshot())

    (venv.root / "share").rmdir()
    assert [] == differences(bare, venv.snapshot())


def test_snapshot_does_not_follow_links(tmp_path: Path) -> None:
    """A link is noted with where it leads, and what lies behind it is not part of the tree."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link").symlink_to("../outside")

    tree = snapshot(tmp_path / "inside")

    assert ["link"] == list(tree)
    assert ("link", "../outside") == (tree["link"].kind, tree["link"].contents)


def test_a_held_lock_is_not_free(tmp_path: Path) -> None:
    """A lock that another process holds cannot be had."""
    path = tmp_path / ".lock"
    with held(path):
        assert not is_free(path)
    assert is_free(path)


@pytest.mark.parametrize(
    ("ci", "raised"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_what_is_missing_is_skipped_at_home_and_fails_in_ci(
    ci: str, raised: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate that cannot run says what is needed; in continuous integration that fails."""
    monkeypatch.setenv("CI", ci)
    require(available=True, what="nothing")
    with pytest.raises(raised, match="needed: strace is installed"):
        require(available=False, what="strace is installed")


@pytest.mark.parametrize("ci", ["true", ""])
def test_what_a_machine_is_not_is_skipped_everywhere(
    ci: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test about another kind of machine is skipped, in continuous integration too."""
    monkeypatch.setenv("CI", ci)
    suited(suits=True, what="nothing")
    with pytest.raises(pytest.skip.Exception, match="it is a Debian"):
        suited(suits=False, what="it is a Debian")
