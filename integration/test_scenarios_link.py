"""The scenarios L1 to L5: how files get from the cache into an environment."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from integration.support.command import Command, Fault, read_log
from integration.support.records import dist_info_of, record_problems
from integration.support.samples import make_sample, sample_files
from integration.support.trees import find_contents, inodes_of
from integration.support.volumes import clones
from tests.support.gates import require, suited
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.environments import Venv
    from integration.support.trees import Tree

MODES = ["clone", "hardlink", "symlink", "copy"]
PAYLOAD = [
    "sample/__init__.py",
    "sample/data.txt",
    "sample/deep/er/module.py",
    "sample/tool",
]


def way_of(path: Path, cached: dict[tuple[int, int], str]) -> str:
    """Return how a file got where it is: symlink, hardlink, or own (clone and copy)."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return "symlink"
    return "hardlink" if (status.st_dev, status.st_ino) in cached else "own"


def link_without_end(file: Path, crowd: Path) -> None:
    """Link ``file`` into ``crowd`` for as long as the file system allows."""
    for number in itertools.count():
        os.link(file, crowd / str(number))


def ways(venv: Venv, command: Command) -> set[str]:
    """Return the ways the payload of ``sample`` got where it is."""
    cached = inodes_of(command.cache)
    return {way_of(venv.library / path, cached) for path in PAYLOAD}


@pytest.mark.parametrize("mode", MODES)
def test_l1_each_mode_does_what_its_name_says(
    mode: str, linkinstall: Command, venv: Venv, bare: Tree, sample: Path
) -> None:
    """L1: a mode shows as a shared inode, a link, or a file of its own, and is counted."""
    # test_l1_clone_on_a_volume_that_can has a volume of its own.
    suited(mode != "clone" or clones(venv.root), "its volume can clone")
    form = linkinstall.json("install", "--python", venv.root, "--link-mode", mode, sample)

    expected = {"clone": "own", "copy": "own"}.get(mode, mode)
    assert {expected} == ways(venv, linkinstall)
    assert form["files"][mode] >= len(PAYLOAD)
    assert {0} == {form["files"][other] for other in MODES if other != mode}
    files = sample_files()
    for path in PAYLOAD:
        assert files[path] == (venv.library / path).read_text()
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))
    assert [] == venv.strays(bare)


def test_l1_clone_on_a_volume_that_can(
    clone_folder: Path, make_environment: Callable[..., Venv], tmp_path: Path, sample: Path
) -> None:
    """L1: on a file system that clones, auto clones every payload file."""
    venv = make_environment("venv", folder=clone_folder)
    linkinstall = Command(tmp_path, clone_folder / "cache")
    form = linkinstall.json("install", "--python", venv.root, sample)

    assert {"own"} == ways(venv, linkinstall)
    assert form["files"]["clone"] >= len(PAYLOAD)
    assert 0 == form["files"]["copy"] + form["files"]["hardlink"]
    assert [] == form["warnings"]


@pytest.mark.parametrize("mode", ["auto", "hardlink"])
def test_l2_a_cache_on_another_volume_means_copies_and_one_warning(
    mode: str, other_folder: Path, tmp_path: Path, venv: Venv, wheelhouse: Path
) -> None:
    """L2: links across volumes become copies; one warning for all wheels names the remedy."""
    linkinstall = Command(tmp_path, other_folder / "cache")
    two = [make_sample(wheelhouse), make_wheel(wheelhouse, "second")]
    form = linkinstall.json("install", "--python", venv.root, "--link-mode", mode, *two)

    assert {"own"} == ways(venv, linkinstall)
    assert form["files"]["copy"] >= len(PAYLOAD)
    assert 0 == form["files"]["hardlink"]
    assert 1 == len(form["warnings"]), form["warnings"]
    assert "LINKINSTALL_CACHE_DIR" in form["warnings"][0]["message"]


def test_l2_the_warning_is_on_standard_error_once(
    other_folder: Path, tmp_path: Path, venv: Venv, sample: Path
) -> None:
    """L2: people read the one warning on standard error, and ``-q`` silences it."""
    linkinstall = Command(tmp_path, other_folder / "cache")
    told = linkinstall.run("install", "--python", venv.root, sample)
    assert 1 == told.err.count("LINKINSTALL_CACHE_DIR"), str(told)

    again = linkinstall.run("install", "-q", "--reinstall", "--python", venv.root, sample)
    assert ("", "") == (again.out, again.err)


def test_l2_copy_and_symlink_across_volumes_do_not_warn(
    other_folder: Path, tmp_path: Path, make_environment: Callable[..., Venv], sample: Path
) -> None:
    """L2: what was asked for and can be had is no reason for a warning."""
    linkinstall = Command(tmp_path, other_folder / "cache")
    for mode, way in (("copy", "own"), ("symlink", "symlink")):
        venv = make_environment(mode)
        form = linkinstall.json("install", "--python", venv.root, "--link-mode", mode, sample)
        assert {way} == ways(venv, linkinstall)
        assert [] == form["warnings"]


def test_l3_auto_falls_back_from_clone_silently(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """L3: where clones cannot be had, auto makes hard links and says nothing."""
    suited(not clones(venv.root), "its volume cannot clone")
    form = linkinstall.json("install", "--python", venv.root, sample)

    assert {"hardlink"} == ways(venv, linkinstall)
    assert [] == form["warnings"]


def test_l3_clone_asked_for_falls_back_with_one_warning(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """L3: where the mode asked for cannot be had, the chain is stepped down with one warning."""
    suited(not clones(venv.root), "its volume cannot clone")
    form = linkinstall.json("install", "--python", venv.root, "--link-mode", "clone", sample)

    assert {"hardlink"} == ways(venv, linkinstall)
    assert 1 == len(form["warnings"]), form["warnings"]


def test_l3_an_environment_variable_chooses_the_mode(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """L3: LINKINSTALL_LINK_MODE chooses the mode, and the flag overrides the variable."""
    env = {"LINKINSTALL_LINK_MODE": "copy"}
    linkinstall.run("install", "--python", venv.root, sample, env=env)
    assert {"own"} == ways(venv, linkinstall)

    given = ["--reinstall", "--python", venv.root, "--link-mode", "hardlink", sample]
    linkinstall.run("install", *given, env=env)
    assert {"hardlink"} == ways(venv, linkinstall)


@pytest.mark.parametrize("name", ["EPERM", "EXDEV", "EMLINK"])
def test_l4_one_file_that_cannot_be_linked_is_copied(
    name: str,
    linkinstall: Command,
    make_environment: Callable[..., Venv],
    sample: Path,
    tmp_path: Path,
) -> None:
    """L4: when a link fails after others succeeded, that file is copied and the rest stand."""
    log = tmp_path / "log"
    given = ["install", "--link-mode", "hardlink", sample, "--python"]
    linkinstall.run("cache", "add", sample)
    linkinstall.run(*given, make_environment("trial").root, log=log)
    order = [
        path
        for event in read_log(log)
        for path in PAYLOAD
        if event[0] == "os.link" and event[1].endswith(f"/{path}")
    ]
    assert sorted(PAYLOAD) == sorted(order)
    venv = make_environment("venv")
    bare = venv.snapshot()
    fault = Fault(action=name, event="os.link", inside=f"/{order[2]}")
    linkinstall.run(*given, venv.root, faults=(fault,))

    cached = inodes_of(linkinstall.cache)
    found = [way_of(venv.library / path, cached) for path in order]
    assert "own" == found[2]
    if name != "EXDEV":
        # EXDEV speaks of the whole file system: then the others may be copied as well.
        assert {"hardlink"} == set(found[:2] + found[3:])
    venv.run("import sample.deep.er.module")
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))
    assert [] == venv.strays(bare)


def test_l4_an_immutable_file_of_the_cache_is_copied(
    linkinstall: Command, venv: Venv, make_environment: Callable[..., Venv], sample: Path
) -> None:
    """L4: a cache file that the file system refuses to link (EPERM) is copied."""
    linkinstall.run("install", "--python", venv.root, "--link-mode", "hardlink", sample)
    data = sample_files()["sample/data.txt"]
    assert isinstance(data, str)
    (cached,) = find_contents(linkinstall.cache, data.encode())
    done = subprocess.run(["chattr", "+i", str(cached)], check=False, capture_output=True)
    require(done.returncode == 0, "chattr +i works: root, and a volume with attributes")
    try:
        second = make_environment("second")
        linkinstall.run("install", "--python", second.root, "--link-mode", "hardlink", sample)
        assert not os.path.samefile(cached, second.library / "sample/data.txt")
        assert data == (second.library / "sample/data.txt").read_text()
    finally:
        subprocess.run(["chattr", "-i", str(cached)], check=True)


def test_l5_an_inode_with_all_its_links_taken_is_replaced(
    linkinstall: Command, make_environment: Callable[..., Venv], sample: Path, tmp_path: Path
) -> None:
    """L5: at EMLINK the install succeeds, and the next ones link to a fresh inode."""
    limit = os.pathconf(tmp_path, "PC_LINK_MAX")
    suited(127 < limit <= 70_000, f"its volume's limit of links ({limit}) can be reached")
    linkinstall.run("cache", "add", sample)
    data = sample_files()["sample/data.txt"]
    assert isinstance(data, str)
    (cached,) = find_contents(linkinstall.cache, data.encode())
    crowd = tmp_path / "crowd"
    crowd.mkdir()
    with pytest.raises(OSError, match=os.strerror(errno.EMLINK)):
        link_without_end(cached, crowd)
    installed = []
    for name in ("first", "second", "third"):
        venv = make_environment(name)
        linkinstall.run("install", "--python", venv.root, "--link-mode", "hardlink", sample)
        installed.append(venv.library / "sample/data.txt")

    assert [data] * 3 == [path.read_text() for path in installed]
    assert not os.path.samefile(installed[0], crowd / "0")
    assert os.path.samefile(installed[1], installed[2])
