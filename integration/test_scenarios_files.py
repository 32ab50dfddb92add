"""The scenarios L6, L7, L11 and L13: what a placed file shares, and with whom."""

from __future__ import annotations

import os
import stat
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from integration.support.records import dist_info_of, record_problems
from integration.support.samples import make_sample, sample_files
from integration.support.trees import digest_of, find_contents, inodes_of
from tests.support.gates import suited
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.environments import Venv
    from integration.support.trees import Tree

MODES = ["clone", "hardlink", "symlink", "copy"]
WRITTEN = ["RECORD", "INSTALLER", "REQUESTED", "direct_url.json"]


@pytest.mark.parametrize("mode", MODES)
def test_l6_what_is_written_for_an_environment_shares_nothing(
    mode: str, linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """L6: RECORD, INSTALLER, REQUESTED, direct_url.json and scripts are files of their own."""
    linkinstall.run("install", "--python", venv.root, "--link-mode", mode, sample)

    dist_info = dist_info_of(venv.library, "sample")
    written = [dist_info / name for name in WRITTEN]
    written += [venv.scripts / "sample", venv.scripts / "sample-run"]
    assert {(True, 1)} == {
        (stat.S_ISREG(path.lstat().st_mode), path.lstat().st_nlink) for path in written
    }


@pytest.mark.parametrize("mode", MODES)
def test_l7_the_executable_bit_is_kept(
    mode: str, linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """L7: in every mode an executable file can be run and another one is not executable."""
    linkinstall.run("install", "--python", venv.root, "--link-mode", mode, sample)

    told = subprocess.run(
        [str(venv.library / "sample/tool")], check=True, capture_output=True, text=True
    )
    assert "tool\n" == told.stdout
    assert 0 == (venv.library / "sample/data.txt").stat().st_mode & 0o111
    assert "ran" == subprocess.check_output([venv.scripts / "sample-run"], text=True).strip()


@pytest.mark.parametrize("mode", ["clone", "copy"])
def test_l7_chmod_of_a_clone_or_copy_leaves_the_cache_alone(
    mode: str, linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """L7: chmod in the environment does not change a cache file that is not shared."""
    linkinstall.run("install", "--python", venv.root, "--link-mode", mode, sample)
    tool = venv.library / "sample/tool"
    suited(tool.stat().st_nlink == 1, "its volume can clone: the fallback shares the inode")
    (cached,) = find_contents(linkinstall.cache, tool.read_bytes())
    before = cached.stat().st_mode
    tool.chmod(0o600)

    assert before == cached.stat().st_mode


def test_l7_chmod_through_a_hard_link_does_not_reach_the_next_environment(
    linkinstall: Command, venv: Venv, make_environment: Callable[..., Venv], sample: Path
) -> None:
    """L7: after a chmod through a hard link, the next environment gets the right mode."""
    linkinstall.run("install", "--python", venv.root, "--link-mode", "hardlink", sample)
    (venv.library / "sample/tool").chmod(0o644)
    (venv.library / "sample/data.txt").chmod(0o755)
    second = make_environment("second")
    linkinstall.run("install", "--python", second.root, "--link-mode", "hardlink", sample)

    assert os.access(second.library / "sample/tool", os.X_OK)
    assert 0 == (second.library / "sample/data.txt").stat().st_mode & 0o111


@pytest.mark.parametrize("mode", ["hardlink", "copy", "symlink"])
@pytest.mark.parametrize("kind", ["hardlink", "symlink", "dangling"])
def test_l11_what_stands_in_the_way_is_replaced_and_never_written_through(
    kind: str, mode: str, linkinstall: Command, venv: Venv, sample: Path, tmp_path: Path
) -> None:
    """L11: a hard link, a link or a dangling link at a target is replaced, its other end kept."""
    victim = tmp_path / "victim"
    target = venv.library / "sample" / "data.txt"
    target.parent.mkdir()
    if kind == "dangling":
        target.symlink_to(victim)
    else:
        victim.write_text("of somebody else")
        os.link(victim, target) if kind == "hardlink" else target.symlink_to(victim)
    given = ["--overwrite-existing", "--python", venv.root, "--link-mode", mode, sample]
    linkinstall.run("install", *given)

    assert sample_files()["sample/data.txt"] == target.read_text()
    assert (kind != "dangling") == victim.exists()
    if kind != "dangling":
        assert "of somebody else" == victim.read_text()
        assert 1 == victim.stat().st_nlink
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))


def test_l11_an_upgrade_never_writes_through_a_link_into_the_cache(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """L11: an upgrade over hard-linked files leaves the cache's files of the old version alone."""
    old, new = make_sample(wheelhouse), make_sample(wheelhouse, "2.0")
    linkinstall.run("install", "--python", venv.root, "--link-mode", "hardlink", old)
    cached = [
        linkinstall.cache / path
        for inode, path in inodes_of(linkinstall.cache).items()
        if inode in inodes_of(venv.library)
    ]
    assert 4 <= len(cached)
    before = [digest_of(path) for path in cached]
    linkinstall.run("install", "--python", venv.root, "--link-mode", "copy", new)

    assert before == [digest_of(path) for path in cached]


@pytest.mark.parametrize("mode", MODES)
def test_l13_names_and_shapes_of_every_kind(
    mode: str, linkinstall: Command, venv: Venv, bare: Tree, wheelhouse: Path
) -> None:
    """L13: empty files, hidden files, odd names, deep and empty folders come through whole."""
    files: dict[str, bytes | str] = {
        "odd/__init__.py": "",
        "odd/.hidden": "hidden",
        "odd/.folder/.deep": "deep",
        "odd/with space.txt": "space",
        "odd/with,comma.txt": "comma",
        'odd/with"quote.txt': "quote",
        "odd/ünïcödé-✓.txt": "unicode",
        "odd/a+b=c;d&e%20f#g.txt": "signs",
        "odd/" + "/".join("abcdefghij" * 2) + "/leaf.txt": "leaf",
        "odd/" + "n" * 200 + ".txt": "long",
        "odd/binary.bin": bytes(range(256)),
    }
    wheel = make_wheel(wheelhouse, "odd", "1.0", files)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.mkdir("odd/empty")
    linkinstall.run("install", "--python", venv.root, "--link-mode", mode, wheel)

    for path, contents in files.items():
        data = contents.encode() if isinstance(contents, str) else contents
        assert data == (venv.library / path).read_bytes()
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "odd"))
    assert [] == venv.strays(bare)
    linkinstall.run("uninstall", "--python", venv.root, "odd")
    assert [] == sorted(path.name for path in venv.library.iterdir())


def test_l8_binaries_are_copied_where_the_policy_says_so(
    linkinstall: Command, venv: Venv, bare: Tree, wheelhouse: Path
) -> None:
    """L8: with --copy-binaries always .exe, .dll, .pyd in any case and PE files are copied."""
    binaries: dict[str, bytes | str] = {
        "win/a.exe": "exe",
        "win/b.DLL": "dll",
        "win/c.cp311-win_amd64.PYD": "pyd",
        "win/no_suffix": b"MZ" + bytes(100),
        "win-1.0.data/scripts/tool.exe": b"MZ" + bytes(200),
    }
    others: dict[str, bytes | str] = {"win/__init__.py": "", "win/data.txt": "x", "win/l.so": "so"}
    wheel = make_wheel(wheelhouse, "win", "1.0", binaries | others)
    given = ["install", "--python", venv.root, "--link-mode", "hardlink"]
    form = linkinstall.json(*given, "--copy-binaries", "always", wheel)

    names = [path for path in binaries if "scripts" not in path]
    placed = [venv.library / path for path in names] + [venv.scripts / "tool.exe"]
    assert [1] * 5 == [path.stat().st_nlink for path in placed]
    assert 5 == form["files"]["copy"]
    assert {True} == {(venv.library / path).stat().st_nlink > 1 for path in others}
    assert [] == form["warnings"]
    assert [] == venv.strays(bare)

    linkinstall.run(*given, "--copy-binaries", "never", "--reinstall", wheel)
    assert {True} == {(venv.library / path).stat().st_nlink > 1 for path in names}
