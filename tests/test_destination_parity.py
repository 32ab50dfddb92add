"""``LinkDestination`` leaves what ``installer``'s own destination leaves.

The same wheel is installed by both with the same arguments, and the trees are compared:
paths, kinds, modes, contents, RECORD byte for byte (``tests.support.parity``). Single calls are
in ``test_destination_calls_parity.py``, refusals in ``test_destination_errors_parity.py``.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import installer
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linkinstall import Cache, LinkInstallError
from tests.support.gates import suited
from tests.support.parity import (
    KINDS,
    LAYOUTS,
    Twins,
    finalize,
    separate_schemes,
    tree,
    umask,
    write,
)
from tests.support.parity_wheels import METADATA, SHAPES, ListedSource, everything
from tests.support.platforms import needs_modes, needs_symlinks

INTERPRETERS = {
    "simple": "/usr/bin/python3",
    "spaces": "/opt/my python/bin/python3",
    "long": "/" + "long/" * 30 + "python3",
    "just fits": "/" + "x" * 123,
    "one too long": "/" + "x" * 124,
    "env": "/usr/bin/env python3",
    "quote": "/opt/it's/python3",
    "unicode": "/opt/питон/python3",
    "windows": "C:\\Program Files\\Python\\python.exe",
}


pytestmark = pytest.mark.usefixtures("apart")


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_wheel_leaves_the_same_tree_cold_and_warm(
    tmp_path: Path, shape: str
) -> None:
    """Paths, contents, modes and RECORD are equal, whether the cache had the wheel or not."""
    wheel = SHAPES[shape](tmp_path)
    cache = Cache(tmp_path / "cache")
    for state in ("cold", "warm"):
        twins = Twins(tmp_path / state, cache=cache)
        twins.install(wheel, METADATA)
        twins.assert_same()


@pytest.mark.parametrize("shape", SHAPES)
def test_without_a_cache_the_tree_is_the_same(tmp_path: Path, shape: str) -> None:
    """``Cache.none()`` changes nothing of what is left."""
    twins = Twins(tmp_path, cache=Cache.none())
    twins.install(SHAPES[shape](tmp_path), METADATA)
    twins.assert_same()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("staged", [False, True], ids=["in place", "destdir"])
def test_every_layout_of_schemes_leaves_the_same_tree(
    tmp_path: Path, layout: str, *, staged: bool
) -> None:
    """Schemes beside, below and equal to one another give the same files and RECORD rows."""
    twins = Twins(tmp_path, layout=LAYOUTS[layout], staged=staged)
    twins.install(everything(tmp_path), METADATA, bytecode_optimization_levels=(0,))
    twins.assert_same()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_scripts_are_the_same_for_every_launcher_and_interpreter(
    tmp_path: Path, kind: str, interpreter: str
) -> None:
    """Launchers, shebangs and ``#!python`` scripts are byte for byte those of ``installer``."""
    twins = Twins(tmp_path)
    wheel = everything(tmp_path, **{"sample-1.0.data/scripts/w": "#!pythonw -s\nprint()\n"})
    twins.install(wheel, script_kind=kind, interpreter=INTERPRETERS[interpreter])
    twins.assert_same()


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha384", "md5", "blake2b"])
def test_record_carries_the_digests_that_were_asked_for(tmp_path: Path, algorithm: str) -> None:
    """RECORD rows use ``hash_algorithm``, whatever the wheel's own RECORD uses."""
    twins = Twins(tmp_path)
    twins.install(everything(tmp_path), METADATA, hash_algorithm=algorithm)
    twins.assert_same()


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002, 0o027, 0o000])
@pytest.mark.parametrize("filled", [0o022, 0o077, 0o002])
@pytest.mark.parametrize("mode", ["hardlink", "copy"])
def test_modes_follow_the_umask_of_the_installing_user(
    tmp_path: Path, mask: int, filled: int, mode: str
) -> None:
    """Files and folders get the modes of this run's umask, not of the run that filled the cache."""
    wheel = everything(tmp_path)
    cache = Cache(tmp_path / "cache")
    with umask(filled):
        Twins(tmp_path / "first", cache=cache, link_mode=mode).install(wheel, METADATA)
    with umask(mask):
        twins = Twins(tmp_path / "second", cache=cache, link_mode=mode)
        twins.install(wheel, METADATA)
    twins.assert_same()


def test_an_install_under_another_umask_leaves_earlier_ones_alone(tmp_path: Path) -> None:
    """What one user's umask makes of a file does not reach an environment linked before."""
    wheel, cache = everything(tmp_path), Cache(tmp_path / "cache")
    first, second = (Twins(tmp_path / name, cache=cache) for name in ("first", "second"))
    first.install(wheel)
    with umask(0o077):
        second.install(wheel)
    first.assert_same()


@pytest.mark.parametrize("link_mode", ["auto", "clone", "hardlink", "symlink", "copy"])
@pytest.mark.parametrize("copy_binaries", ["auto", "always", "never"])
def test_every_link_mode_leaves_the_same_tree(
    tmp_path: Path, link_mode: str, copy_binaries: str
) -> None:
    """Links followed, paths, contents, modes and RECORD do not depend on the link mode."""
    twins = Twins(tmp_path, link_mode=link_mode, copy_binaries=copy_binaries)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # clone may not be had here: that is another test's
        for number, shape in enumerate(("platform", "schemes")):
            wheel = SHAPES[shape](tmp_path)
            twins.install(wheel, METADATA, overwrite_existing=bool(number))
    twins.assert_same()


@pytest.mark.parametrize("staged", [False, True], ids=["in place", "destdir"])
def test_no_link_is_left_to_a_cache_that_is_gone(tmp_path: Path, *, staged: bool) -> None:
    """``symlink`` without a lasting cache is refused, or the files are there without links."""
    twins = Twins(tmp_path, staged=staged, cache=Cache.none(), link_mode="symlink")
    before = tree(twins.ours.root)
    wheel = everything(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a word about it is welcome
        twins.theirs.install(wheel, METADATA)
        try:
            twins.ours.install(wheel, METADATA)
        except LinkInstallError:
            assert before == tree(twins.ours.root)
        else:
            twins.assert_same()


def test_overwriting_leaves_the_union_that_installer_leaves(twins: Twins, tmp_path: Path) -> None:
    """With ``overwrite_existing`` an older version's other files stay, its RECORD too."""
    old = everything(tmp_path / "old", **{"sample/only_old.py": "OLD = 1\n"})
    new = everything(tmp_path / "new", **{"sample/cli.py": "def main(): return 2\n"})
    for wheel in (old, new, new):
        twins.install(wheel, METADATA, overwrite_existing=True)
        twins.assert_same()


def test_two_versions_stand_beside_each_other_as_with_installer(twins: Twins) -> None:
    """A destination is no upgrade: the other version's dist-info stays."""
    for version in ("1.0", "2.0"):
        source = ListedSource("fancy", version, {"fancy.py": version.encode()})
        for side in twins.sides:
            installer.install(source, side.destination(overwrite_existing=True), METADATA)
    twins.assert_same()
    assert 2 == len(list(twins.ours.path("purelib").glob("*.dist-info")))


def test_names_that_differ_by_case_are_two_files_where_the_file_system_says_so(
    twins: Twins, tmp_path: Path
) -> None:
    """On a case-sensitive file system ``a.py`` and ``A.py`` are both placed."""
    (tmp_path / "probe").touch()
    suited(not (tmp_path / "PROBE").exists(), "its file system tells names by case")
    twins.install(everything(tmp_path, **{"sample/CLI.py": "upper\n", "Sample/x.py": ""}))
    twins.assert_same()


@pytest.mark.parametrize("missing", ["headers", "data", "platlib"])
def test_schemes_that_the_wheel_does_not_use_may_be_missing(
    twins: Twins, tmp_path: Path, missing: str
) -> None:
    """Only the schemes of files that come are looked up."""
    wheel = SHAPES["pure"](tmp_path)
    for side in twins.sides:
        chosen = {name: path for name, path in side.schemes.items() if name != missing}
        side.install(wheel, scheme_dict=chosen)
    twins.assert_same()


def test_more_schemes_than_the_five_are_taken(twins: Twins) -> None:
    """``sysconfig.get_paths()`` has other keys too, and a caller may write into them."""
    for side in twins.sides:
        more = {**side.schemes, "stdlib": f"{side.root}/lib/python3.11", "man": f"{side.root}/man"}
        destination = side.destination(scheme_dict=more)
        finalize(destination, [write(destination, "man", "man1/x.1")])
    twins.assert_same()


def test_scheme_folders_may_be_paths_relative_unnormalised_or_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Path objects, relative folders, ``..`` and symlinked roots all mean what they mean there."""
    wheel = everything(tmp_path)
    twins = Twins(tmp_path)
    for side in twins.sides:
        (side.root / "lib").mkdir()
        (side.root / "lib64").symlink_to("lib")
        monkeypatch.chdir(side.root)
        chosen: dict[str, Any] = {
            "purelib": Path("lib/python3"),
            "platlib": "lib64/python3",
            "headers": f"{side.root}/x/../include/",
            "scripts": f"{side.root}//bin",
            "data": ".",
        }
        side.install(wheel, METADATA, scheme_dict=chosen, bytecode_optimization_levels=(0,))
    twins.assert_same()


def test_destdir_may_be_a_path_or_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative ``destdir`` is below the working folder; a Path is as good as a string."""
    wheel = everything(tmp_path)
    twins = Twins(tmp_path, staged=True)
    for side in twins.sides:
        monkeypatch.chdir(side.root)
        side.install(wheel, METADATA, destdir="relative/stage")
        side.install(wheel, METADATA, destdir=side.root / "path")
    twins.assert_same()


@needs_modes
@pytest.mark.parametrize("scheme", ["purelib", "platlib", "scripts", "data"])
def test_folders_inherit_the_group_bit_of_their_parents(tmp_path: Path, scheme: str) -> None:
    """New folders have the set-group-ID bit below a folder that has it, and there only."""
    twins = Twins(tmp_path, layout=separate_schemes)
    for side in twins.sides:
        side.path(scheme).mkdir()
        side.path(scheme).chmod(0o2775)
        side.install(SHAPES["schemes"](tmp_path / "wheel"))
    twins.assert_same()
    folders = [path for path in twins.ours.path(scheme).rglob("*") if path.is_dir()]
    assert [True] * len(folders) == [bool(path.stat().st_mode & 0o2000) for path in folders]


def test_a_venv_holds_nothing_of_ours_but_the_lock(twins: Twins, tmp_path: Path) -> None:
    """In a venv the tree is the same too, except for the lock file that uv shares."""
    for side in twins.sides:
        (side.root / "pyvenv.cfg").write_text("home = /usr/bin\n")
    twins.install(everything(tmp_path), METADATA)
    (twins.ours.root / ".lock").unlink(missing_ok=True)
    twins.assert_same()


def test_what_is_written_for_one_environment_shares_no_inode(twins: Twins, tmp_path: Path) -> None:
    """RECORD, the caller's metadata and rewritten scripts can be edited in place."""
    wheel = everything(tmp_path)
    twins.install(wheel, METADATA)
    scripts = ("sample", "sample-gui", "sample-tool")
    own = [twins.ours.path("scripts", name) for name in scripts]
    dist_info = "sample-1.0.dist-info"
    own += [twins.ours.path("purelib", f"{dist_info}/{name}") for name in ("RECORD", *METADATA)]
    assert {path.name: 1 for path in own} == {path.name: path.stat().st_nlink for path in own}
    assert not [path for path in own if path.is_symlink()]


def test_a_staged_file_shares_no_inode_with_the_cache(tmp_path: Path) -> None:
    """What packaging tools strip and chmod in place below ``destdir`` is no cache file."""
    twins = Twins(tmp_path, staged=True)
    twins.install(everything(tmp_path), METADATA)
    files = [path for path in twins.ours.root.rglob("*") if path.is_file()]
    assert {1} == {path.stat().st_nlink for path in files}
    assert not [path for path in files if path.is_symlink()]


# Chance

CHOICES = st.fixed_dictionaries(
    {
        "script_kind": st.sampled_from(KINDS),
        "interpreter": st.sampled_from(sorted(INTERPRETERS.values())),
        "hash_algorithm": st.sampled_from(["sha256", "sha512", "md5"]),
        "bytecode_optimization_levels": st.sampled_from([(), (), (0,), (2, -1)]),
        "overwrite_existing": st.booleans(),
    }
)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    arguments=CHOICES,
    shape=st.sampled_from(["pure", "platform", "schemes", "scripts", "sources", "metadata"]),
    mask=st.sampled_from([0o022, 0o077, 0o002]),
    layout=st.sampled_from(sorted(LAYOUTS)),
    staged=st.booleans(),
)
def test_any_combination_of_arguments_leaves_the_same_tree(
    tmp_path_factory: pytest.TempPathFactory, arguments: dict[str, Any], shape: str, mask: int,
    layout: str, *, staged: bool,
) -> None:  # fmt: skip
    """No combination of wheel, arguments, umask and layout tells the two apart."""
    folder = tmp_path_factory.mktemp("combination")
    # One cache for all examples: most are warm, under whatever umask filled it.
    cache = Cache(folder.parent / "combination-cache")
    with umask(mask):
        twins = Twins(folder, layout=LAYOUTS[layout], staged=staged, cache=cache)
        twins.install(SHAPES[shape](folder), METADATA, **arguments)
    twins.assert_same()


@needs_modes
@needs_symlinks
def test_the_tree_that_is_compared_tells_what_it_must(tmp_path: Path) -> None:
    """The comparison itself notices a mode, a byte, a name, a kind and a leftover."""
    trees = []
    changes: tuple[Any, ...] = (
        lambda folder: None,  # noqa: ARG005 - the baseline
        lambda folder: (folder / "file").chmod(0o600),
        lambda folder: (folder / "file").write_bytes(b"1"),
        lambda folder: (folder / "file").rename(folder / "other"),
        lambda folder: (folder / ".lock").touch(),
        lambda folder: (folder / "folder").rmdir(),
        lambda folder: (folder / "link").symlink_to("nowhere"),
    )
    for number, change in enumerate(changes):
        folder = tmp_path / str(number)
        (folder / "folder").mkdir(parents=True)
        folder.chmod(0o755)
        (folder / "file").write_bytes(b"0")
        change(folder)
        trees.append(tree(folder))
    assert len(trees) == len({repr(sorted(found.items())) for found in trees})
