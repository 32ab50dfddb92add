"""``python -m linkinstall`` does with the flags of ``python -m installer`` what that does.

Both are run as processes, with the same arguments on the same wheels, and the trees are compared.
What differs on purpose is held here as well: ``--validate-record`` is ``all`` unless told
otherwise, a failure changes nothing, and outside ``--destdir`` our own metadata is added.
"""

from __future__ import annotations

import csv
import marshal
import os
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.support.parity import compiled, ended, run_module, start_module, tree
from tests.support.parity_wheels import SHAPES, everything
from tests.support.wheels import make_wheel

MODULES = ("installer", "linkinstall")


def run_both(folder: Path, *arguments: str | Path, mask: int = 0o022) -> tuple[int, int]:
    """Run both programs, each in a working folder of its own; return what they exit with."""
    started = []
    for module in MODULES:
        cwd = folder / module
        cwd.mkdir(exist_ok=True)
        started.append(start_module(module, *arguments, cwd=cwd, mask=mask))
    theirs, ours = (ended(process) for process in started)
    assert "Traceback" not in ours.stderr, ours.stderr
    return theirs.returncode, ours.returncode


def assert_same(folder: Path, name: str = "out") -> None:
    """Assert that the folder ``name`` is the same below both working folders."""
    theirs, ours = (folder / module / name for module in MODULES)
    assert tree(theirs) == tree(ours)
    assert compiled(theirs) == compiled(ours)


# --destdir

FLAGS = {
    "none": [],
    "level 0": ["--compile-bytecode", "0"],
    "levels 1 and 2": ["--compile-bytecode=1", "--compile-bytecode=2"],
    "levels in any order, one twice": [f"--compile-bytecode={level}" for level in (2, 0, 2)],
    "no bytecode": ["--no-compile-bytecode"],
    "no bytecode after all": ["--compile-bytecode=0", "--no-compile-bytecode"],
    "validate all": ["--validate-record", "all"],
    "validate entries": ["--validate-record=entries"],
    "validate none": ["--validate-record", "none"],
    "overwrite": ["--overwrite-existing"],
    "prefix": ["--prefix", "/opt/app"],
    "short prefix": ["-p", "/opt/app"],
    "joined, with a trailing slash": ["-p/opt/app/"],
}


@pytest.mark.parametrize("flags", FLAGS)
def test_each_flag_leaves_the_same_below_destdir(tmp_path: Path, flags: str) -> None:
    """Files, modes, scripts, RECORD and compiled files are those of ``installer``."""
    wheel = everything(tmp_path)
    assert (0, 0) == run_both(tmp_path, *FLAGS[flags], "--destdir", "out", wheel)
    assert_same(tmp_path)


ORDERS = {
    "flags first": ["-d", "out", "WHEEL"],
    "flags last": ["WHEEL", "-d", "out"],
    "joined": ["-dout", "WHEEL"],
    "an equals sign": ["WHEEL", "--destdir=out"],
    "several wheels": ["--no-compile-bytecode", "WHEEL", "OTHER", "--destdir", "out"],
    "two dashes": ["-d", "out", "--", "WHEEL"],
    "the last one counts": ["-d", "elsewhere", "WHEEL", "-d", "out"],
}


@pytest.mark.parametrize("order", ORDERS)
def test_flags_may_stand_anywhere_in_any_form(tmp_path: Path, order: str) -> None:
    """Short, long and joined, before and after one wheel or several."""
    wheels = {"WHEEL": everything(tmp_path), "OTHER": SHAPES["namespace"](tmp_path)}
    assert (0, 0) == run_both(tmp_path, *(wheels.get(word, word) for word in ORDERS[order]))
    assert_same(tmp_path)
    assert not (tmp_path / "linkinstall" / "elsewhere").exists()


@pytest.mark.parametrize("shape", ["platform", "scripts", "odd_names", "sources", "metadata"])
def test_each_shape_of_wheel_is_the_same_below_destdir(tmp_path: Path, shape: str) -> None:
    """Odd names, binaries, scripts of all kinds and sources that do not compile."""
    # Two Unicode forms of one name are refused otherwise, where installer writes both.
    flags = ["--overwrite-existing"] if shape == "odd_names" else []
    assert (0, 0) == run_both(tmp_path, *flags, "--destdir", "out", SHAPES[shape](tmp_path))
    assert_same(tmp_path)


def test_several_wheels_are_the_same_below_destdir(tmp_path: Path) -> None:
    """All wheels of one command arrive, each with its own headers folder and RECORD."""
    wheels = [everything(tmp_path, name) for name in ("first", "second-part", "third")]
    assert (0, 0) == run_both(tmp_path, "-d", "out", *wheels)
    assert_same(tmp_path)
    found = {path.parent.name for path in (tmp_path / "linkinstall" / "out").rglob("RECORD")}
    assert {f"{name}-1.0.dist-info" for name in ("first", "second_part", "third")} == found


@pytest.mark.parametrize("mask", [0o077, 0o002])
def test_the_umask_of_the_process_counts(tmp_path: Path, mask: int) -> None:
    """Modes follow it as ``installer``'s do."""
    wheel = everything(tmp_path)
    assert (0, 0) == run_both(tmp_path, "-d", "out", wheel, mask=mask)
    assert_same(tmp_path)


def test_paths_may_be_relative_absolute_and_of_any_letters(tmp_path: Path) -> None:
    """Wheels and folders are found from the working folder; spaces and other letters are fine."""
    everything(tmp_path / "some wheels é")
    name = "sample-1.0-py3-none-any.whl"
    where = f"../some wheels é/{name}"
    assert (0, 0) == run_both(tmp_path, "-d", "out/put é, x", "-p", "/opt/my app", where)
    assert_same(tmp_path)


def test_compiled_files_below_destdir_hold_the_path_of_run_time(tmp_path: Path) -> None:
    """The embedded path is the one without ``destdir``, at every level."""
    assert (0, 0) == run_both(tmp_path, "-d", "out", "-p", "/opt/app", everything(tmp_path))
    embedded = []
    for module in MODULES:
        files = sorted((tmp_path / module / "out").rglob("*.pyc"))
        embedded.append([_embedded(path) for path in files])
    assert embedded[0] == embedded[1]
    assert 6 == len(embedded[1])
    assert all(name.startswith("/opt/app/") for name in embedded[1])


def _embedded(path: Path) -> str:
    name: str = marshal.loads(path.read_bytes()[16:]).co_filename  # noqa: S302 - made just now
    return name


def test_below_destdir_there_is_nothing_that_installer_does_not_write(tmp_path: Path) -> None:
    """No INSTALLER, REQUESTED or direct_url.json, no lock, no cache; nothing on standard output."""
    (tmp_path / "home").mkdir()
    ran = run_module(
        "linkinstall", "-d", "out", everything(tmp_path), cwd=tmp_path, HOME=str(tmp_path / "home")
    )
    assert (0, "") == (ran.returncode, ran.stdout)
    names = {path.name for path in (tmp_path / "out").rglob("*")}
    assert not names & {"INSTALLER", "REQUESTED", "direct_url.json", ".lock", ".linkinstall"}
    assert [] == list((tmp_path / "home").iterdir())
    assert not (tmp_path / "cache").exists()


def test_a_package_stages_again_with_overwrite(tmp_path: Path) -> None:
    """``--overwrite-existing`` over an earlier build leaves what ``installer`` leaves."""
    first = everything(tmp_path / "1", **{"sample-1.0.data/data/etc/sample.conf": "old = 1\n"})
    second = everything(tmp_path / "2")
    assert (0, 0) == run_both(tmp_path, "-d", "out", first)
    assert (0, 0) == run_both(tmp_path, "-d", "out", "--overwrite-existing", second)
    assert_same(tmp_path)


def test_a_foreign_file_is_overwritten_only_when_asked(tmp_path: Path) -> None:
    """Exit 1 and nothing changed without ``--overwrite-existing``, the same tree with it."""
    wheel = everything(tmp_path)
    for module in MODULES:
        path = tmp_path / module / "out" / "opt/app/etc/sample.conf"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"somebody's")
    before = tree(tmp_path / "linkinstall" / "out")
    arguments = ("-d", "out", "-p", "/opt/app", wheel)
    statuses = run_both(tmp_path, *arguments)
    assert (1, 1) == statuses
    assert before == tree(tmp_path / "linkinstall" / "out")
    assert (0, 0) == run_both(tmp_path, *arguments, "--overwrite-existing")
    assert_same(tmp_path)


# --prefix

OURS = {"INSTALLER", "REQUESTED", "direct_url.json"}


@pytest.mark.parametrize("form", ["absolute", "relative"])
def test_a_prefix_holds_what_installer_puts_there_and_our_metadata(
    tmp_path: Path, form: str
) -> None:
    """Every file, mode and RECORD row of ``installer`` is there; more are only our metadata's."""
    wheel = everything(tmp_path)
    for module in MODULES:
        prefix = "out" if form == "relative" else tmp_path / module / "out"
        (tmp_path / module).mkdir()
        ran = run_module(module, "--prefix", prefix, wheel, cwd=tmp_path / module)
        assert (0, "") == (ran.returncode, ran.stdout), ran.stderr
    theirs, ours = (tree(tmp_path / module / "out") for module in MODULES)
    record = next(name for name in theirs if name.endswith(".dist-info/RECORD"))
    more = {name for name in ours if name not in theirs}
    assert {f"{Path(record).parent}/{name}" for name in OURS} == more
    assert {**theirs, record: ""} == {
        name: node if name != record else "" for name, node in ours.items() if name not in more
    }
    rows = [_rows(tmp_path / module / "out" / record) for module in MODULES]
    own = {path for path in rows[1] if Path(path).name in OURS or "__pycache__" in path}
    assert rows[0] == {path: row for path, row in rows[1].items() if path not in own}


def _rows(record: Path) -> dict[str, list[str]]:
    with record.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert len(rows) == len({row[0] for row in rows})
    return {row[0]: row[1:] for row in rows}


def test_a_prefix_is_compiled_at_the_levels_asked_for(tmp_path: Path) -> None:
    """``--compile-bytecode`` means the same levels; without it level 0, and none with ``--no-``."""
    wheel = everything(tmp_path)
    tag = f".{__import__('sys').implementation.cache_tag}"
    asked = {"a": ["--compile-bytecode=0", "--compile-bytecode=2"], "b": ["--no-compile-bytecode"]}
    for name, flags in asked.items():
        assert (0, 0) == run_both(tmp_path, "-p", name, *flags, wheel)
        theirs, ours = (compiled(tmp_path / module / name) for module in MODULES)
        assert theirs == ours
    assert 0 == run_module("linkinstall", "-p", "c", wheel, cwd=tmp_path).returncode
    files = {Path(path).name for path in compiled(tmp_path / "c") if path.endswith(".pyc")}
    assert {f"{stem}{tag}.pyc" for stem in ("__init__", "cli", "sample_plat")} == files


def test_every_scheme_lies_below_the_prefix(tmp_path: Path) -> None:
    """Purelib, platlib, headers, scripts and data are where ``sysconfig`` puts them for it."""
    run = run_module("linkinstall", "-p", "out", everything(tmp_path), cwd=tmp_path)
    assert 0 == run.returncode, run.stderr
    root = str(tmp_path / "out")
    paths = sysconfig.get_paths(vars={"base": root, "platbase": root, "installed_base": root})
    for scheme, name in (("purelib", "sample/cli.py"), ("platlib", "sample_plat.py"),
                         ("include", "sample/sample.h"), ("scripts", "sample-tool"),
                         ("data", "etc/sample.conf")):  # fmt: skip
        assert Path(paths[scheme], name).is_file(), scheme


# --validate-record


def _with_wrong_hash(folder: Path) -> Path:
    return _with_record(folder, lambda record: record.replace("sha256=", "sha256=x", 1))


def _with_missing_row(folder: Path) -> Path:
    return _with_record(folder, lambda record: record.split("\n", 1)[1])


def _with_record(folder: Path, change: object) -> Path:
    assert callable(change)
    sound = make_wheel(folder / "sound")
    with zipfile.ZipFile(sound) as archive:
        record = archive.read("sample-1.0.dist-info/RECORD").decode()
    return make_wheel(folder, record=change(record))


# What installer exits with, and how it leaves things, for what is wrong and what is validated.
VALIDATIONS = [
    ("a wrong hash", "none", 0),
    ("a wrong hash", "entries", 0),
    ("a wrong hash", "all", 1),
    ("a missing row", "none", 0),
    ("a missing row", "entries", 1),
    ("a missing row", "all", 1),
]


@pytest.mark.parametrize(("damage", "part", "status"), VALIDATIONS)
def test_validation_refuses_and_takes_what_installer_does(
    tmp_path: Path, damage: str, part: str, status: int
) -> None:
    """Each level refuses the same wheels, and RECORD tells the truth where it takes one."""
    make = {"a wrong hash": _with_wrong_hash, "a missing row": _with_missing_row}[damage]
    wheel = make(tmp_path)
    statuses = run_both(tmp_path, "-d", "out", f"--validate-record={part}", wheel)
    assert (status, status) == statuses
    if status == 0:
        assert_same(tmp_path)
    else:
        assert not (tmp_path / "linkinstall" / "out").exists()


@pytest.mark.parametrize("make", [_with_wrong_hash, _with_missing_row], ids=["hash", "row"])
def test_without_being_told_everything_is_validated(tmp_path: Path, make: object) -> None:
    """The default is ``all`` where ``installer``'s is ``none``; nothing is left then."""
    assert callable(make)
    ran = run_module("linkinstall", "-d", "out", make(tmp_path), cwd=tmp_path)
    assert 1 == ran.returncode
    assert "RECORD" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "out").exists()


# Exit status

USAGE = {
    "nothing": [],
    "no wheel": ["-d", "out"],
    "an unknown flag": ["-d", "out", "--no-such-flag", "WHEEL"],
    "a level there is not": ["-d", "out", "--compile-bytecode=3", "WHEEL"],
    "a level that is no number": ["-d", "out", "--compile-bytecode=x", "WHEEL"],
    "a validation there is not": ["-d", "out", "--validate-record=some", "WHEEL"],
    "a flag without its value": ["WHEEL", "-d", "out", "--prefix"],
    "a value for a flag without": ["-d", "out", "--overwrite-existing=yes", "WHEEL"],
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage_exits_with_2(tmp_path: Path, case: str) -> None:
    """As with ``installer``: the reason on standard error, nothing on standard output."""
    wheel = everything(tmp_path)
    words = [wheel if word == "WHEEL" else word for word in USAGE[case]]
    started = [start_module(module, *words, cwd=tmp_path) for module in MODULES]
    for ran in map(ended, started):
        assert (2, "") == (ran.returncode, ran.stdout)
        assert ran.stderr
    assert not (tmp_path / "out").exists()


def test_help_exits_with_0_and_names_every_flag_of_installer(tmp_path: Path) -> None:
    """``--help`` and ``-h`` are on standard output."""
    words = run_module("installer", "-h", cwd=tmp_path).stdout.split()
    flags = {word.strip("[],") for word in words if word.lstrip("[").startswith("--")}
    assert {"--destdir", "--prefix", "--overwrite-existing"} <= flags
    for form in ("-h", "--help"):
        ran = run_module("linkinstall", form, cwd=tmp_path)
        assert 0 == ran.returncode
        assert set() == {flag for flag in flags if flag not in ran.stdout}


NO_WHEELS = {
    "absent": "absent-1.0-py3-none-any.whl",
    "a folder": "folder-1.0-py3-none-any.whl",
    "not a zip": "text-1.0-py3-none-any.whl",
    "empty": "empty-1.0-py3-none-any.whl",
    "a wrong name": "sample.whl",
}


@pytest.mark.parametrize("case", NO_WHEELS)
def test_what_is_no_wheel_exits_with_1(tmp_path: Path, case: str) -> None:
    """It is refused in words that name it, with nothing written, also beside a sound wheel."""
    sound, wheel = everything(tmp_path), tmp_path / NO_WHEELS[case]
    if case == "a folder":
        wheel.mkdir()
    elif case == "a wrong name":
        wheel.write_bytes(sound.read_bytes())
    elif case != "absent":
        wheel.write_bytes(b"text" if case == "not a zip" else b"")
    ran = run_module("linkinstall", "-d", "out", sound, wheel, cwd=tmp_path)
    assert (1, "") == (ran.returncode, ran.stdout)
    assert wheel.name in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "out").exists()


def test_of_several_wheels_all_or_none_arrive(tmp_path: Path) -> None:
    """Where ``installer`` leaves the first and fails at the second, ours leaves neither."""
    first, second = everything(tmp_path, "first"), everything(tmp_path, "second")
    conflicting = make_wheel(tmp_path, "third", files={"first/cli.py": "other\n"})
    assert (1, 1) == run_both(tmp_path, "-d", "out", first, second, conflicting)
    assert (tmp_path / "installer" / "out").exists()
    assert not (tmp_path / "linkinstall" / "out").exists()


def test_the_same_wheel_again_is_no_failure(tmp_path: Path) -> None:
    """Where ``installer`` fails, what stands already is success and stays as it is."""
    wheel = everything(tmp_path)
    arguments = ("-d", "out", "-p", "/opt/app", "--no-compile-bytecode", wheel)
    assert (0, 0) == run_both(tmp_path, *arguments)
    inodes = _inodes(tmp_path / "linkinstall" / "out")
    assert (1, 0) == run_both(tmp_path, *arguments)
    assert inodes == _inodes(tmp_path / "linkinstall" / "out")


def _inodes(root: Path) -> dict[str, int]:
    return {os.fspath(path): path.lstat().st_ino for path in root.rglob("*")}
