"""The scenario I18 and the targets: --destdir, --prefix, --target, --interpreter, schemes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration.support.records import dist_info_of, read_record, record_problems
from integration.support.trees import files_of, find_contents, inodes_of, snapshot, walk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.environments import Venv

ENV_PYTHON = "/usr/bin/env python3"


def staged_library(destdir: Path) -> Path:
    """Return the folder of the staged root that holds the package."""
    (package,) = [path for path in destdir.rglob("sample") if (path / "__init__.py").exists()]
    return package.parent


@pytest.fixture
def staged(linkinstall: Command, venv: Venv, sample: Path, tmp_path: Path) -> Path:
    """Give a staged root with the sample wheel in it, for the venv's paths at run time."""
    destdir = tmp_path / "stage"
    linkinstall.run("--python", venv.root, "--destdir", destdir, sample)
    return destdir


def test_i18_destdir_puts_the_run_time_paths_below_it(staged: Path, venv: Venv) -> None:
    """I18: below the destdir stands the path that the file will have at run time."""
    library = staged / str(venv.library).lstrip("/")

    assert library == staged_library(staged)
    assert (staged / str(venv.scripts).lstrip("/") / "sample").exists()
    assert (staged / str(venv.root).lstrip("/") / "share/sample/readme.txt").exists()
    assert [] == [path for path in venv.library.iterdir() if "sample" in path.name]


def test_i18_destdir_writes_what_installer_writes_and_nothing_of_ours(
    staged: Path, venv: Venv
) -> None:
    """I18: no INSTALLER, REQUESTED, direct_url.json, lock or state folder is staged or left."""
    names = {os.path.basename(path) for path, _status in walk(staged)}

    assert set() == names & {"INSTALLER", "REQUESTED", "direct_url.json", ".lock", ".linkinstall"}
    assert not (venv.root / ".lock").exists()


def test_i18_record_below_destdir_does_not_know_the_destdir(staged: Path) -> None:
    """I18: RECORD has relative paths, each right below the staged root, and no destdir in it."""
    library = staged_library(staged)
    dist_info = dist_info_of(library, "sample")
    text = (dist_info / "RECORD").read_text(encoding="utf-8")

    assert "stage" not in text
    assert "../../../bin/sample" in {row[0] for row in read_record(dist_info)}
    assert ".pyc" not in text
    assert [] == record_problems(library, dist_info)


def test_i18_destdir_compiles_in_place_with_the_run_time_path(staged: Path, venv: Venv) -> None:
    """I18: levels 0 and 1 are compiled below the destdir, and embed the path at run time."""
    library = staged_library(staged)
    tag = sys.implementation.cache_tag
    compiled = sorted(path.name for path in (library / "sample/__pycache__").iterdir())
    assert [f"__init__.{tag}.opt-1.pyc", f"__init__.{tag}.pyc"] == compiled

    for path in (library / "sample/__pycache__").iterdir():
        data = path.read_bytes()
        assert str(venv.library / "sample/__init__.py").encode() in data
        assert str(staged).encode() not in data


@pytest.mark.parametrize(
    ("flags", "levels"),
    [
        (["--no-compile-bytecode"], []),
        (["--compile-bytecode", "0"], [""]),
        (["--compile-bytecode=0", "--compile-bytecode=2"], ["", ".opt-2"]),
    ],
)
def test_i18_destdir_compiles_the_levels_asked_for(
    flags: list[str], levels: list[str], linkinstall: Command, sample: Path, tmp_path: Path
) -> None:
    """I18: --compile-bytecode chooses the levels, --no-compile-bytecode means none."""
    destdir = tmp_path / "stage"
    linkinstall.run(*flags, "--destdir", destdir, sample)

    tag = sys.implementation.cache_tag
    expected = sorted(f"__init__.{tag}{level}.pyc" for level in levels)
    assert expected == sorted(path.name for path in destdir.rglob("__init__.*.pyc"))


def test_i18_destdir_shares_no_inode_and_fills_no_cache(linkinstall: Command, staged: Path) -> None:
    """I18: staged files are nobody else's, and no cache is made unless --cache-dir is given."""
    assert not linkinstall.cache.exists()
    assert {1} == {
        (staged / path).lstat().st_nlink for path in files_of(staged) if "lib64" not in path
    }


def test_i18_destdir_with_a_cache_does_not_link_either(
    linkinstall: Command, sample: Path, tmp_path: Path
) -> None:
    """I18: with --cache-dir the cache is used, but files are not shared with it unless asked."""
    cache = tmp_path / "given"
    given = ["--cache-dir", cache, "--destdir"]
    linkinstall.run(*given, tmp_path / "plain", sample)
    data = (staged_library(tmp_path / "plain") / "sample/data.txt").read_bytes()
    assert 1 == len(find_contents(cache, data))
    assert set() == inodes_of(cache).keys() & inodes_of(tmp_path / "plain").keys()

    linkinstall.run("--link-mode", "hardlink", *given, tmp_path / "linked", sample)
    assert set() != inodes_of(cache).keys() & inodes_of(tmp_path / "linked").keys()


def test_i18_destdir_equals_what_installer_stages(
    linkinstall: Command, sample: Path, tmp_path: Path
) -> None:
    """I18: the staged tree is that of ``python -m installer``, but for what is compiled."""
    linkinstall.run("--destdir", tmp_path / "ours", sample)
    subprocess.run(
        [sys.executable, "-m", "installer", "--destdir", tmp_path / "theirs", sample],
        check=True,
        cwd=tmp_path,
    )

    theirs = snapshot(tmp_path / "theirs", ignore=lambda path: path.endswith(".pyc"))
    ours = snapshot(tmp_path / "ours", ignore=lambda path: path.endswith(".pyc"))
    assert theirs == ours
    assert files_of(tmp_path / "theirs") == files_of(tmp_path / "ours")


def test_i18_destdir_twice_and_over_another_root(
    linkinstall: Command, sample: Path, tmp_path: Path
) -> None:
    """I18: staging the same wheel again into the same root is no conflict."""
    destdir = tmp_path / "stage"
    linkinstall.run("--destdir", destdir, sample)
    before = files_of(destdir)
    linkinstall.run("--destdir", destdir, sample)

    assert before == files_of(destdir)


def test_i18_the_time_of_a_build_is_honoured_below_destdir_only(
    linkinstall: Command, venv: Venv, sample: Path, tmp_path: Path
) -> None:
    """I18: SOURCE_DATE_EPOCH means checked hashes below --destdir, the time stamp elsewhere."""
    env = {"SOURCE_DATE_EPOCH": "1577934245"}
    linkinstall.run("--destdir", tmp_path / "stage", sample, env=env)
    linkinstall.run("--python", venv.root, sample, env=env)

    def flags(folder: Path) -> set[int]:
        return {path.read_bytes()[4] for path in folder.rglob("__init__.*.pyc")}

    assert {0} == flags(venv.library)
    assert {3} == flags(tmp_path / "stage")


def test_i18_prefix_uses_the_schemes_below_it(
    linkinstall: Command, sample: Path, tmp_path: Path
) -> None:
    """I18: --prefix installs below another prefix, with the running interpreter's script lines."""
    prefix = tmp_path / "prefix"
    linkinstall.run("--prefix", prefix, sample)
    library = staged_library(prefix)

    assert prefix / "bin" / "sample" in list((prefix / "bin").iterdir())
    assert (prefix / "share/sample/readme.txt").exists()
    assert "linkinstall" == (dist_info_of(library, "sample") / "INSTALLER").read_text().strip()
    assert [] == record_problems(library, dist_info_of(library, "sample"))
    assert not (prefix / ".lock").exists()
    linkinstall.run("uninstall", "--prefix", prefix, "sample")
    assert set() == files_of(prefix)


def test_i18_prefix_below_destdir(linkinstall: Command, sample: Path, tmp_path: Path) -> None:
    """I18: --prefix with --destdir stages the prefix's paths, as ``installer`` does."""
    linkinstall.run("--prefix", "/opt/thing", "--destdir", tmp_path / "stage", sample)

    assert (tmp_path / "stage/opt/thing/bin/sample").exists()
    library = staged_library(tmp_path / "stage")
    assert library.is_relative_to(tmp_path / "stage/opt/thing")


def test_target_puts_everything_into_one_folder(
    linkinstall: Command, sample: Path, tmp_path: Path
) -> None:
    """--target D: purelib, platlib and data are D, scripts are D/bin; uninstall empties it."""
    target = tmp_path / "target"
    linkinstall.run("--target", target, sample)

    names = {"sample", "sample-1.0.dist-info", "bin", "share"}
    assert names == {path.name for path in target.iterdir()}
    assert (target / "bin/sample-run").exists()
    assert [] == record_problems(target, dist_info_of(target, "sample"))
    told = subprocess.run(
        [sys.executable, "-c", "import sample; print(sample.__version__)"],
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1.0" == told.stdout.strip()
    linkinstall.run("uninstall", "--target", target, "sample")
    assert set() == files_of(target)


def test_target_takes_headers_by_project(
    linkinstall: Command, wheelhouse: Path, tmp_path: Path
) -> None:
    """--target D: headers go to D/include/NAME."""
    from tests.support.wheels import make_wheel

    wheel = make_wheel(wheelhouse, "heads", "1.0", {"heads-1.0.data/headers/heads.h": "//"})
    linkinstall.run("--target", tmp_path / "target", wheel)

    assert (tmp_path / "target/include/heads/heads.h").exists()


def test_scheme_folders_one_by_one(linkinstall: Command, sample: Path, tmp_path: Path) -> None:
    """--purelib, --platlib, --headers, --scripts and --data each decide their folder."""
    keys = ("purelib", "platlib", "headers", "scripts", "data")
    given = [part for key in keys for part in (f"--{key}", tmp_path / "s" / key)]
    linkinstall.run(*given, sample)

    assert (tmp_path / "s/purelib/sample/__init__.py").exists()
    assert (tmp_path / "s/scripts/sample").exists()
    assert (tmp_path / "s/data/share/sample/readme.txt").exists()
    library = tmp_path / "s/purelib"
    assert [] == record_problems(library, dist_info_of(library, "sample"))


def test_interpreter_is_written_verbatim(
    linkinstall: Command, sample: Path, tmp_path: Path
) -> None:
    """--interpreter '/usr/bin/env python3' is the shebang of every script, as it stands."""
    linkinstall.run("-i", ENV_PYTHON, "--destdir", tmp_path / "stage", sample)

    for name in ("sample", "sample-run"):
        (script,) = (tmp_path / "stage").rglob(f"bin/{name}")
        assert f"#!{ENV_PYTHON}" == script.read_text().splitlines()[0]


def test_interpreter_with_python_writes_that_shebang_into_a_venv(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """--interpreter with --python chooses the shebang, not the environment."""
    linkinstall.run("--interpreter", "/opt/other/python", "--python", venv.root, sample)

    assert "#!/opt/other/python" == (venv.scripts / "sample").read_text().splitlines()[0]
    assert (venv.library / "sample/__init__.py").exists()


def test_script_kind_makes_launchers_of_another_platform(
    linkinstall: Command, sample: Path, tmp_path: Path
) -> None:
    """--script-kind win-amd64 makes .exe launchers, for staging on another machine."""
    given = ["--script-kind", "win-amd64", "--interpreter", "C:\\python\\python.exe"]
    linkinstall.run(*given, "--destdir", tmp_path / "stage", sample)

    (launcher,) = (tmp_path / "stage").rglob("sample.exe")
    assert b"MZ" == launcher.read_bytes()[:2]
    assert b"C:\\python\\python.exe" in launcher.read_bytes()


def test_python_takes_a_venv_folder_a_link_to_it_and_its_interpreter(
    linkinstall: Command, make_environment: Callable[..., Venv], sample: Path, tmp_path: Path
) -> None:
    """--python takes a venv folder, a symlink to one, and an interpreter."""
    for name in ("folder", "link", "interpreter"):
        venv = make_environment(name)
        given = {"folder": venv.root, "link": tmp_path / "a-link", "interpreter": venv.python}[name]
        if name == "link":
            given.symlink_to(venv.root)
        form = linkinstall.json("--python", given, sample)
        assert (venv.library / "sample/__init__.py").exists(), name
        assert os.path.samefile(venv.root, form["environment"]["root"])
        assert os.path.samefile(venv.library, form["environment"]["library"])
        assert os.path.isabs(form["environment"]["python"])


def test_u16_an_environment_reached_through_a_link_is_uninstalled_whole(
    linkinstall: Command, venv: Venv, sample: Path, tmp_path: Path
) -> None:
    """U16: installed by one path and uninstalled by another one to it, nothing is left."""
    before = venv.snapshot()
    link = tmp_path / "a-link"
    link.symlink_to(venv.root)
    linkinstall.run("install", "--python", link, sample)
    linkinstall.run("uninstall", "--python", venv.root, "sample")
    assert before == venv.snapshot()

    linkinstall.run("install", "--python", venv.root, sample)
    linkinstall.run("uninstall", "--python", link, "sample")
    assert before == venv.snapshot()


def test_u16_a_library_folder_that_is_a_link(
    linkinstall: Command, venv: Venv, sample: Path, tmp_path: Path
) -> None:
    """U16: site-packages that is itself a link is the root it leads to, not a way out."""
    elsewhere = tmp_path / "elsewhere"
    venv.library.rename(elsewhere)
    venv.library.symlink_to(elsewhere)
    linkinstall.run("install", "--python", venv.root, sample)
    assert (elsewhere / "sample/__init__.py").exists()
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))

    linkinstall.run("uninstall", "--python", venv.root, "sample")
    assert [] == list(elsewhere.iterdir())
    assert venv.library.is_symlink()


def test_python_that_is_nothing_of_the_kind_is_refused(
    linkinstall: Command, sample: Path, tmp_path: Path
) -> None:
    """--python with an empty folder, a text file or nothing there is an error that names it."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no interpreter")
    for name in ("empty", "text", "absent"):
        told = linkinstall.run("--python", tmp_path / name, sample, status=(1, 2))
        assert name in told.err


def test_without_a_target_the_running_environment_is_meant(
    linkinstall: Command, venv: Venv, sample: Path, tmp_path: Path
) -> None:
    """Without a target, ``venv/bin/python -m linkinstall`` means that venv."""
    parts = [os.path.abspath(path) for path in sys.path if path and os.path.isdir(path)]
    env = {"PYTHONPATH": os.pathsep.join(parts)}
    linkinstall.run(sample, python=venv.python, env=env, folder=tmp_path)

    assert (venv.library / "sample/__init__.py").exists()
