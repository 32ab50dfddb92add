"""The scenarios U7, U9 to U15 and U18: what an uninstall takes, and what it leaves."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.support.records import dist_info_of
from integration.support.samples import make_sample
from integration.support.trees import differences, snapshot
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from integration.support.command import Command
    from integration.support.environments import Venv
    from integration.support.trees import Tree


def test_uninstall_leaves_the_bare_environment(
    linkinstall: Command, installed: Venv, bare: Tree
) -> None:
    """What we, pip or uv installed goes to the last file and folder, and is reported."""
    form = linkinstall.json("uninstall", "--python", installed.root, "sample")

    change = {"name": "sample", "version": "1.0", "previous": "1.0", "action": "removed"}
    assert [change | {"previous": form["changes"][0]["previous"]}] == form["changes"]
    assert ("done", 0) == (form["status"], form["exit"])
    assert [] == differences(bare, installed.snapshot())


def test_uninstall_takes_names_in_any_spelling(
    linkinstall: Command, venv: Venv, bare: Tree, wheelhouse: Path
) -> None:
    """Names are compared in their normal form, and several go in one transaction."""
    wheels = [
        make_wheel(wheelhouse, "Odd_Name.More", "1.0", {"oddity.py": ""}),
        make_wheel(wheelhouse, "other", "1.0", {"other.py": ""}),
    ]
    linkinstall.run("install", "--python", venv.root, *wheels)
    form = linkinstall.json("uninstall", "--python", venv.root, "odd-name-more", "OTHER")

    assert ["odd-name-more", "other"] == sorted(one["name"] for one in form["changes"])
    assert [] == differences(bare, venv.snapshot())


def test_uninstall_of_what_is_not_there_is_a_warning(linkinstall: Command, venv: Venv) -> None:
    """A name that is not installed is a warning with exit status 0."""
    form = linkinstall.json("uninstall", "--python", venv.root, "nothing")

    assert 0 == form["exit"]
    assert 1 == len(form["warnings"])
    assert "nothing" in form["warnings"][0]["message"]
    assert [("nothing", "skipped")] == [(one["name"], one["action"]) for one in form["changes"]]


def test_uninstall_of_several_of_which_one_is_not_there_removes_the_others(
    linkinstall: Command, venv: Venv, bare: Tree, sample: Path
) -> None:
    """A name that is not installed does not keep the others from being removed."""
    linkinstall.run("install", "--python", venv.root, sample)
    form = linkinstall.json("uninstall", "--python", venv.root, "sample", "nothing")

    assert {("sample", "removed"), ("nothing", "skipped")} == {
        (one["name"], one["action"]) for one in form["changes"]
    }
    assert [] == differences(bare, venv.snapshot())


@pytest.mark.parametrize("tool", ["pip", "uv", "linkinstall"])
def test_u7_without_record_uninstall_is_refused_with_the_way_out(
    tool: str, linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """U7: a missing RECORD is refused; the message names the installer and the way out."""
    linkinstall.run("install", "--python", venv.root, sample)
    dist_info = dist_info_of(venv.library, "sample")
    (dist_info / "RECORD").unlink()
    (dist_info / "INSTALLER").unlink()
    (dist_info / "INSTALLER").write_text(f"{tool}\n")
    before = venv.snapshot()
    told = linkinstall.run("uninstall", "--python", venv.root, "sample", status=1)

    assert "RECORD" in told.err
    assert tool in told.err
    assert "install a wheel" in told.err.lower()
    assert [] == differences(before, venv.snapshot())
    form = linkinstall.json("uninstall", "--python", venv.root, "sample", status=1)
    assert ("refused", "unchanged") == (form["status"], form["error"]["state"])
    assert form["error"]["next"]


def test_u7_without_metadata_uninstall_takes_what_record_lists(
    linkinstall: Command, installed: Venv, bare: Tree
) -> None:
    """U7: a distribution without METADATA but with RECORD is uninstalled whole."""
    (dist_info_of(installed.library, "sample") / "METADATA").unlink()
    linkinstall.run("uninstall", "--python", installed.root, "sample")

    assert [] == differences(bare, installed.snapshot())


def test_u7_an_empty_dist_info_is_refused_or_removed_but_never_a_crash(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """U7: an empty dist-info folder has no RECORD: refused, and the payload is untouched."""
    linkinstall.run("install", "--python", venv.root, sample)
    dist_info = dist_info_of(venv.library, "sample")
    for path in dist_info.iterdir():
        path.unlink()
    before = venv.snapshot()
    form = linkinstall.json("uninstall", "--python", venv.root, "sample", status=1)

    assert "refused" == form["status"]
    assert [] == differences(before, venv.snapshot())


@pytest.mark.parametrize(
    "row", ["../../../../victim", "{outside}/victim", "../../../../venv-evil/victim"]
)
def test_u9_a_row_that_leaves_the_environment_is_skipped_and_told(
    row: str, linkinstall: Command, venv: Venv, tmp_path: Path, sample: Path
) -> None:
    """U9: rows that lead out of the scheme roots are left alone, with a warning."""
    linkinstall.run("install", "--python", venv.root, sample)
    row = row.format(outside=tmp_path)
    victim = Path(os.path.normpath(venv.library / row))
    victim.parent.mkdir(exist_ok=True)
    victim.write_text("of somebody else")
    with open(dist_info_of(venv.library, "sample") / "RECORD", "a", encoding="utf-8") as stream:
        stream.write(f"{row},,\n")
    form = linkinstall.json("uninstall", "--python", venv.root, "sample")

    assert "of somebody else" == victim.read_text()
    assert "victim" in str(form["kept"]) + str(form["warnings"])
    assert not (venv.library / "sample").exists()


@pytest.mark.parametrize(
    "row", ["../../../pyvenv.cfg", "../../../bin/python", "other.py", "other-1.0.dist-info/RECORD"]
)
def test_u9_a_row_that_names_what_is_not_its_own_is_left_alone(
    row: str, linkinstall: Command, venv: Venv, sample: Path, wheelhouse: Path
) -> None:
    """U9: an interpreter, pyvenv.cfg and other distributions' files survive a lying RECORD."""
    other = make_wheel(wheelhouse, "other", "1.0", {"other.py": "A = 1\n"})
    linkinstall.run("install", "--python", venv.root, other)
    before = venv.snapshot()
    linkinstall.run("install", "--python", venv.root, sample)
    with open(dist_info_of(venv.library, "sample") / "RECORD", "a", encoding="utf-8") as stream:
        stream.write(f"{row},,\n")
    linkinstall.run("uninstall", "--python", venv.root, "sample")

    assert [] == differences(before, venv.snapshot())


def test_u9_a_row_that_names_a_folder_removes_nothing_in_it(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """U9: a row that names a folder does not delete what is in it."""
    linkinstall.run("install", "--python", venv.root, sample)
    precious = venv.library / "precious"
    precious.mkdir()
    (precious / "file").write_text("of the user")
    with open(dist_info_of(venv.library, "sample") / "RECORD", "a", encoding="utf-8") as stream:
        stream.write("precious,,\n")
    linkinstall.run("uninstall", "--python", venv.root, "sample")

    assert "of the user" == (precious / "file").read_text()


def test_u10_links_go_and_what_they_lead_to_stays(
    linkinstall: Command, venv: Venv, bare: Tree, sample: Path, tmp_path: Path
) -> None:
    """U10: in symlink mode live and dangling links are removed, and the cache is untouched."""
    linkinstall.run("install", "--python", venv.root, "--link-mode", "symlink", sample)
    data = venv.library / "sample/data.txt"
    victim = tmp_path / "victim"
    victim.write_text("of somebody else")
    data.unlink()
    data.symlink_to(victim)
    tool = venv.library / "sample/tool"
    tool.unlink()
    tool.symlink_to(tmp_path / "nowhere")
    before = snapshot(linkinstall.cache)
    linkinstall.run("uninstall", "--python", venv.root, "sample")

    assert [] == differences(bare, venv.snapshot())
    assert "of somebody else" == victim.read_text()
    assert [] == differences(before, snapshot(linkinstall.cache))


def test_u10_dangling_links_of_a_lost_cache_go(
    linkinstall: Command, venv: Venv, bare: Tree, sample: Path
) -> None:
    """U10: when the cache is gone, all the dangling links of a symlink install are removed."""
    linkinstall.run("install", "--python", venv.root, "--link-mode", "symlink", sample)
    subprocess.run(["rm", "-rf", linkinstall.cache], check=True)
    codes = {
        one["code"]
        for one in linkinstall.json("check", "--python", venv.root, status=1)["findings"]
    }
    linkinstall.run("uninstall", "--python", venv.root, "sample")

    assert "dangling-link" in codes
    assert [] == differences(bare, venv.snapshot())


def test_u10_what_lies_behind_a_linked_folder_is_untouched(
    linkinstall: Command, venv: Venv, sample: Path, tmp_path: Path
) -> None:
    """U10: a package folder that became a link out of the environment is not emptied."""
    linkinstall.run("install", "--python", venv.root, sample)
    outside = tmp_path / "outside"
    (venv.library / "sample").rename(outside)
    (venv.library / "sample").symlink_to(outside)
    before = snapshot(outside)
    linkinstall.run("uninstall", "--python", venv.root, "sample", status=(0, 1))

    assert [] == differences(before, snapshot(outside))


def test_u11_compiled_files_of_all_levels_and_emptied_folders_go(
    linkinstall: Command, installed: Venv, bare: Tree
) -> None:
    """U11: compiled files that no RECORD lists go with their sources, and so do empty folders."""
    levels = ["-o", "0", "-o", "1", "-o", "2"]
    command = [str(installed.python), "-m", "compileall", "-q", "-f", *levels]
    subprocess.run([*command, str(installed.library / "sample")], check=True)
    linkinstall.run("uninstall", "--python", installed.root, "sample")

    assert [] == differences(bare, installed.snapshot())


def test_u11_folders_that_others_use_stay(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """U11: a folder that another distribution or the user still needs is kept."""
    mine = make_wheel(wheelhouse, "mine", "1.0", {"space/mine.py": "", "space/a/b/c.py": ""})
    other = make_wheel(wheelhouse, "other", "1.0", {"space/other.py": ""})
    linkinstall.run("install", "--python", venv.root, other)
    (venv.library / "space/a").mkdir()
    before = venv.snapshot()
    linkinstall.run("install", "--python", venv.root, mine)
    linkinstall.run("uninstall", "--python", venv.root, "mine")

    left = [line for line in differences(before, venv.snapshot()) if not line.endswith("space/a")]
    assert [] == left
    assert venv.library.exists()


def test_u12_what_the_user_added_is_kept(linkinstall: Command, installed: Venv, bare: Tree) -> None:
    """U12: files that no RECORD lists stay where they are; everything else goes."""
    added = [installed.library / "sample" / "settings.ini", installed.library / "sample/deep/n.py"]
    for path in added:
        path.write_text("of the user")
    linkinstall.run("uninstall", "--python", installed.root, "sample")

    assert ["of the user"] * 2 == [path.read_text() for path in added]
    folders = ["sample", "sample/deep"]
    library = installed.library.relative_to(installed.root)
    expected = [f"+ {library}/{path}" for path in folders]
    expected += [f"+ {path.relative_to(installed.root)}" for path in added]
    assert sorted(expected) == differences(bare, installed.snapshot())


def test_u12_what_the_user_added_survives_an_upgrade(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """U12: an upgrade keeps the user's files in the package folder, even in the same folder."""
    linkinstall.run("install", "--python", venv.root, make_sample(wheelhouse))
    added = venv.library / "sample" / "settings.ini"
    added.write_text("of the user")
    linkinstall.run("install", "--python", venv.root, make_sample(wheelhouse, "2.0"))

    assert "of the user" == added.read_text()


def test_u14_files_that_are_gone_already_do_not_matter(
    linkinstall: Command, installed: Venv, bare: Tree
) -> None:
    """U14: rows whose files are gone, and folders that are gone, are no error."""
    (installed.library / "sample/data.txt").unlink()
    subprocess.run(["rm", "-r", installed.library / "sample/deep"], check=True)
    linkinstall.run("uninstall", "--python", installed.root, "sample")

    assert [] == differences(bare, installed.snapshot())


def test_u15_read_only_files_go(linkinstall: Command, installed: Venv, bare: Tree) -> None:
    """U15: files without write permission are removed, and an upgrade replaces them."""
    for path in installed.library.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
    linkinstall.run("uninstall", "--python", installed.root, "sample")

    assert [] == differences(bare, installed.snapshot())


def test_edited_data_of_the_prefix_is_kept(linkinstall: Command, venv: Venv, sample: Path) -> None:
    """What lies only under the data root and was edited since is kept, and told."""
    linkinstall.run("install", "--python", venv.root, "--link-mode", "copy", sample)
    readme = venv.root / "share/sample/readme.txt"
    readme.write_text("edited by the user")
    form = linkinstall.json("uninstall", "--python", venv.root, "sample")

    assert "edited by the user" == readme.read_text()
    assert str(readme) in {one["path"] for one in form["kept"]}
