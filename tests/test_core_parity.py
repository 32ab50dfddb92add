"""What ``installer.install`` asks of a destination, ours does: from any ``WheelSource``.

Each requirement that ``installer``'s tests of its core stand for is held with a real tree in the
place of a recorded list of calls; ``CachedWheel`` is such a source as well.
"""

from __future__ import annotations

import configparser
import csv
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import installer
import pytest
from installer.exceptions import InstallerError, InvalidWheelSource
from installer.sources import WheelFile

from linkinstall import Cache, CachedWheel, LinkInstallError
from tests.support.parity import (
    Side,
    Twins,
    assert_refused_alike,
    tree,
)
from tests.support.parity_wheels import METADATA, SHAPES, ListedSource, everything
from tests.support.platforms import WINDOWS, needs_modes
from tests.support.wheels import make_wheel, record_hash

if TYPE_CHECKING:
    from pathlib import Path

    from installer.sources import WheelSource

FANCY = {
    "fancy/__init__.py": b"def main():\n    print('fancy')\n",
    "fancy/__main__.py": b"from . import main\nmain()\n",
}
ENTRY_POINTS = "[console_scripts]\nfancy = fancy:main\n\n[gui_scripts]\nfancy-gui = fancy:main\n"
EXTRA = {"fun_file.txt": b"this goes into dist-info"}


pytestmark = pytest.mark.usefixtures("apart")


def fancy(files: dict[str, bytes] | None = None, **changes: Any) -> ListedSource:
    """Make a source that is no file: package, entry points of both kinds."""
    return ListedSource(
        "fancy", "1.0.0", files or FANCY, **{"entry_points": ENTRY_POINTS} | changes
    )


def install(twins: Twins, source: WheelSource, metadata: dict[str, bytes] | None = None) -> None:
    """Install a source on both sides and assert that they are the same."""
    for side in twins.sides:
        installer.install(source, side.destination(), metadata or {})
    twins.assert_same()


def refuse(
    twins: Twins, source: WheelSource, metadata: dict[str, bytes] | None = None
) -> Exception:
    """Assert that a source is refused on both sides, ours left as it was."""

    def action(side: Side) -> None:
        installer.install(source, side.destination(), metadata or {})

    return assert_refused_alike(twins, action)


def names(side: Side, scheme: str) -> set[str]:
    """Return the files below a scheme, relative to it."""
    root = side.path(scheme)
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def recorded(side: Side, scheme: str = "purelib", stem: str = "fancy-1.0.0") -> set[str]:
    """Return the paths that RECORD lists, each of which must be there with its digest."""
    root = side.path(scheme)
    with (root / f"{stem}.dist-info/RECORD").open(newline="") as stream:
        rows = list(csv.reader(stream))
    for path, digest, size in rows:
        contents = (root / path).read_bytes()
        if digest:
            assert (digest, size) == (record_hash(contents), str(len(contents)))
    return {path for path, _, _ in rows}


def test_everything_of_a_wheel_arrives(twins: Twins) -> None:
    """Scripts of both kinds, files, dist-info, the caller's metadata, and RECORD of all that."""
    install(twins, fancy(), EXTRA)
    own = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "fun_file.txt"}
    dist_info = {f"fancy-1.0.0.dist-info/{name}" for name in own}
    assert {"fancy", "fancy-gui"} == names(twins.ours, "scripts")
    assert {*FANCY, *dist_info} == names(twins.ours, "purelib")
    # On Windows installer writes whole paths where others write those from the library.
    above = twins.ours.root.as_posix() if WINDOWS else "../../.."
    scripts = {f"{above}/bin/{name}" for name in ("fancy", "fancy-gui")}
    assert {*FANCY, *dist_info, *scripts} == recorded(twins.ours)


def test_a_wheel_without_entry_points_makes_no_scripts(twins: Twins) -> None:
    """No ``entry_points.txt``: no script, and no scripts folder either."""
    install(twins, fancy(entry_points=None), EXTRA)
    assert not twins.ours.path("scripts").exists()


@pytest.mark.parametrize("text", ["", "[console_scripts]\n", "[other]\na = b:c\n", "# nothing\n"])
def test_entry_points_without_scripts_make_no_scripts(twins: Twins, text: str) -> None:
    """Only ``console_scripts`` and ``gui_scripts`` become scripts."""
    install(twins, fancy(entry_points=text))
    assert not twins.ours.path("scripts").exists()


@pytest.mark.parametrize("name", ["fancy", "Fancy", "fancy.cli", "fancy-2_x", "fancy cli", "é"])
def test_entry_points_keep_their_names(twins: Twins, name: str) -> None:
    """The script's name is the entry point's, in its case."""
    install(twins, fancy(entry_points=f"[console_scripts]\n{name} = fancy:main\n"))
    assert {name} == names(twins.ours, "scripts")


@pytest.mark.parametrize("value", ["fancy:main", "fancy : main", "fancy:main [extra]", "a.b:C.d"])
def test_entry_points_are_read_with_their_spaces_and_extras(twins: Twins, value: str) -> None:
    """Modules, dotted attributes, spaces and extras give the script that ``installer`` makes."""
    install(twins, fancy(entry_points=f"[gui_scripts]\nfancy = {value}\n"))
    assert {"fancy"} == names(twins.ours, "scripts")


def test_two_entry_points_of_one_name_are_refused(twins: Twins) -> None:
    """A console and a gui script of one name are one path twice."""
    text = ENTRY_POINTS.replace("fancy-gui", "fancy")
    assert isinstance(refuse(twins, fancy(entry_points=text)), FileExistsError)


def test_one_name_twice_in_a_section_is_refused(twins: Twins) -> None:
    """The parser's own error comes out, with nothing changed."""
    text = "[console_scripts]\nfancy = a:b\nfancy = c:d\n"
    assert isinstance(refuse(twins, fancy(entry_points=text)), configparser.Error)


@pytest.mark.parametrize("root", ["false", "", "False"])
def test_the_root_goes_to_platlib_unless_it_is_purelib(twins: Twins, root: str) -> None:
    """``Root-Is-Purelib`` says where files, metadata and RECORD go."""
    wheel = f"Wheel-Version: 1.0\nRoot-Is-Purelib: {root}\nTag: py3-none-any\n"
    install(twins, fancy(wheel=wheel), EXTRA)
    assert not twins.ours.path("purelib").exists()
    assert {*FANCY, "fancy-1.0.0.dist-info/RECORD"} <= recorded(twins.ours, "platlib")


@pytest.mark.parametrize("version", ["2.0", "0.9", "01.0", "", "x", None])
def test_a_wheel_version_of_another_major_is_refused(twins: Twins, version: str | None) -> None:
    """Only 1.x is understood; the reason names the version."""
    line = "" if version is None else f"Wheel-Version: {version}\n"
    error = refuse(twins, fancy(wheel=f"{line}Root-Is-Purelib: true\n"), EXTRA)
    assert isinstance(error, InvalidWheelSource)
    assert "Wheel-Version" in str(error)


@pytest.mark.parametrize("version", ["1.0", "1.9", "1.10", "1.0.0", "1.0 "])
def test_a_newer_minor_wheel_version_is_taken(twins: Twins, version: str) -> None:
    """Every 1.x is installed."""
    install(twins, fancy(wheel=f"Wheel-Version: {version}\nRoot-Is-Purelib: true\n"))


def test_data_goes_where_its_scheme_says(twins: Twins) -> None:
    """Each folder of ``.data`` goes to its scheme, relative to that scheme's root."""
    schemes = ("purelib", "platlib", "scripts", "headers", "data")
    data = {f"fancy-1.0.0.data/{name}/fancy/{name}.py": name.encode() for name in schemes}
    install(twins, fancy({**FANCY, **data}, entry_points=None), EXTRA)
    for name in schemes:
        assert name.encode() == twins.ours.path(name, f"fancy/{name}.py").read_bytes()


def test_a_folder_that_only_looks_like_data_is_none(twins: Twins) -> None:
    """Names that start like the data folder, or another version's, are ordinary folders."""
    files = {
        "fancy-1.0.0.data-more/a.py": b"",
        "fancy-2.0.data/scripts/b": b"",
        "fancy.data/c": b"",
    }
    install(twins, fancy(files))
    assert set(files) <= names(twins.ours, "purelib")


@pytest.mark.parametrize("path", ["invalid/fancy/x.py", "x.py", "Scripts/x", "stdlib/x"])
def test_an_unknown_scheme_in_data_is_refused_and_named(twins: Twins, path: str) -> None:
    """What lies in ``.data`` under no known scheme refuses the wheel."""
    path = f"fancy-1.0.0.data/{path}"
    error = refuse(twins, fancy({**FANCY, path: b""}))
    assert isinstance(error, InvalidWheelSource)
    assert path in str(error)


@needs_modes
def test_the_callers_metadata_is_never_executable(twins: Twins) -> None:
    """Where every file of the source is executable, additional metadata is not."""
    install(twins, fancy(executable=None), EXTRA)
    modes = {
        name: bool(twins.ours.path("purelib", name).stat().st_mode & 0o111)
        for name in ("fancy/__init__.py", "fancy-1.0.0.dist-info/METADATA",
                     "fancy-1.0.0.dist-info/fun_file.txt", "fancy-1.0.0.dist-info/RECORD")
    }  # fmt: skip
    assert [True, True, False, False] == list(modes.values())


@pytest.mark.parametrize("name", ["INSTALLER", "licenses/deep/LICENSE", "x,y.txt"])
def test_the_callers_metadata_may_have_any_name(twins: Twins, name: str) -> None:
    """Additional metadata goes below dist-info and into RECORD."""
    install(twins, fancy(), {name: b"contents"})
    assert f"fancy-1.0.0.dist-info/{name}" in recorded(twins.ours)


def test_the_callers_metadata_may_not_replace_a_file_of_the_wheel(twins: Twins) -> None:
    """A name that the wheel's dist-info has already refuses the installation."""
    assert isinstance(refuse(twins, fancy(), {"METADATA": b"mine"}), FileExistsError)


def test_the_callers_metadata_stays_out_of_the_cache(tmp_path: Path) -> None:
    """Two callers that share a cache entry get each its own metadata."""
    cache = Cache(tmp_path / "cache")
    for caller in (b"first\n", b"second\n", b"first\n"):
        twins = Twins(tmp_path / str(len(list(tmp_path.iterdir()))), cache=cache)
        install(twins, fancy(), {"INSTALLER": caller})
        path = twins.ours.path("purelib", "fancy-1.0.0.dist-info/INSTALLER")
        assert caller == path.read_bytes()


def test_compiled_files_in_a_wheel_are_skipped_with_a_warning(twins: Twins) -> None:
    """Nothing of a ``__pycache__`` folder is placed, and each file is warned of."""
    bad = ("__pycache__/bad.cpython-312.pyc", "fancy/__pycache__/bad.cpython-312.pyc")
    source = fancy({**FANCY, **dict.fromkeys(bad, b"compiled"), "__pycache__x/good": b""})
    for side in twins.sides:
        with pytest.warns(RuntimeWarning) as caught:
            installer.install(source, side.destination(), {})
        messages = [str(warning.message) for warning in caught]
        assert [True, True] == [any(name in text for text in messages) for name in bad]
    twins.assert_same()
    assert not recorded(twins.ours) & set(bad)


# Any source: identity is what is in it


INIT = FANCY["fancy/__init__.py"]
OTHERS: dict[str, dict[str, Any]] = {
    "a byte": {"files": {**FANCY, "fancy/__main__.py": b"from . import MAIN\nMAIN()\n"}},
    "a file more": {"files": {**FANCY, "fancy/more.py": b""}},
    "a file less": {"files": {"fancy/__init__.py": INIT}},
    "an executable bit": {"executable": ["fancy/__main__.py"]},
    "entry points": {"entry_points": "[console_scripts]\nother = fancy:main\n"},
    "the root": {"wheel": "Wheel-Version: 1.0\nRoot-Is-Purelib: false\n"},
    "a scheme": {"files": {**FANCY, "fancy-1.0.0.data/data/fancy/__init__.py": INIT}},
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_source_of_the_same_name_and_other_contents_is_another(tmp_path: Path, name: str) -> None:
    """The cache never gives one source's files for another's, whatever both are called."""
    cache = Cache(tmp_path / "cache")
    for number, changes in enumerate(({}, OTHERS[name], {})):
        install(Twins(tmp_path / str(number), cache=cache), fancy(**changes), EXTRA)


def test_a_source_that_gives_its_files_in_another_order_is_the_same(tmp_path: Path) -> None:
    """The order of files makes no difference to what is left."""
    cache = Cache(tmp_path / "cache")
    left = []
    for number, files in enumerate((FANCY, dict(reversed(FANCY.items())))):
        twins = Twins(tmp_path / str(number), cache=cache)
        install(twins, fancy(files))
        left.append(tree(twins.ours.root))
    assert left[0] == left[1]


def test_two_sources_that_share_files_do_not_disturb_each_other(twins: Twins) -> None:
    """Files of equal contents in two distributions are placed for each."""
    for name in ("one", "two"):
        source = ListedSource(name, "1.0", {f"{name}/__init__.py": b"", f"{name}/same": b"same"})
        install(twins, source, EXTRA)


@pytest.mark.posix("a script of this kind is started by its first line")
def test_an_installed_wheel_runs(twins: Twins, tmp_path: Path) -> None:
    """The scripts that are left start the code that is left."""
    twins.ours.install(everything(tmp_path), METADATA, interpreter=sys.executable)
    script = twins.ours.path("scripts", "sample")
    ran = subprocess.run(
        [script],
        env={**os.environ, "PYTHONPATH": str(twins.ours.path("purelib"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "", "") == (ran.returncode, ran.stdout, ran.stderr)


# CachedWheel as a source


@pytest.mark.parametrize("shape", SHAPES)
def test_a_cached_wheel_installs_like_the_wheel_file(tmp_path: Path, shape: str) -> None:
    """``CachedWheel`` gives either destination what ``WheelFile`` gives it."""
    wheel, cache = SHAPES[shape](tmp_path), Cache(tmp_path / "cache")
    twins = Twins(tmp_path, cache=cache)
    twins.theirs.install(wheel, METADATA)
    with CachedWheel.open(wheel, cache) as source:
        installer.install(source, twins.ours.destination(), METADATA)
    twins.assert_same()
    again = Twins(tmp_path / "again", cache=cache)
    with CachedWheel.open(wheel, cache) as source:
        installer.install(source, again.theirs.destination(), METADATA)
    assert tree(twins.theirs.root) == tree(again.theirs.root)


def test_a_cached_wheel_without_a_lasting_cache_works_or_says_why_not(tmp_path: Path) -> None:
    """With ``Cache.none()`` it installs like the wheel file, or is refused by a typed error."""
    wheel = everything(tmp_path)
    twins = Twins(tmp_path, cache=Cache.none())
    try:
        with CachedWheel.open(wheel, twins.cache) as source:
            installer.install(source, twins.ours.destination(), METADATA)
    except LinkInstallError:
        assert {"."} == set(tree(twins.ours.root))
    else:
        twins.theirs.install(wheel, METADATA)
        twins.assert_same()


def _contents(source: WheelSource) -> list[tuple[str, bytes | set[bytes], bool]]:
    contents = ((row[0], stream.read(), bit) for row, stream, bit in source.get_contents())
    # The order of RECORD's lines is free, so it counts as a set of them.
    return sorted(
        (path, set(data.splitlines()) if path.endswith("/RECORD") else data, bit)
        for path, data, bit in contents
    )


def test_a_cached_wheel_answers_what_a_wheel_file_answers(tmp_path: Path) -> None:
    """Name, version, folders, dist-info files, their texts, rows and contents are equal."""
    wheel = everything(tmp_path)
    with WheelFile.open(wheel) as theirs, CachedWheel.open(wheel, Cache(tmp_path / "c")) as ours:
        for name in ("distribution", "version", "dist_info_dir", "data_dir"):
            assert getattr(theirs, name) == getattr(ours, name)
        assert sorted(theirs.dist_info_filenames) == sorted(ours.dist_info_filenames)
        for name in ("METADATA", "WHEEL", "entry_points.txt"):
            assert theirs.read_dist_info(name) == ours.read_dist_info(name)
        records = [source.read_dist_info("RECORD").splitlines() for source in (theirs, ours)]
        assert sorted(records[0]) == sorted(records[1])
        rows = [sorted(row for row, _, _ in source.get_contents()) for source in (theirs, ours)]
        assert rows[0] == rows[1]
        assert _contents(theirs) == _contents(ours)
        assert _contents(theirs) == _contents(ours), "it can be read again"
        ours.validate_record()


def test_the_streams_of_a_cached_wheel_are_files(tmp_path: Path) -> None:
    """Each stream has a file descriptor, so that a caller can link or copy in the kernel."""
    with CachedWheel.open(everything(tmp_path), Cache(tmp_path / "cache")) as source:
        for row, stream, _bit in source.get_contents():
            if row[0].endswith("cli.py"):
                assert os.fstat(stream.fileno()).st_size == len(stream.read())


# A hash of RECORD itself is a warning here, as with pip (docs/reference/refused-wheels.md).
DAMAGES = ("no record", "a row missing", "a hash missing", "a wrong hash", "an unknown hash",
           "a signature listed")  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_cached_wheel_refuses_what_validation_refuses(tmp_path: Path, damage: str) -> None:
    """A wheel whose RECORD does not hold is a ValueError with it, and never an entry."""
    wheel = _damaged(tmp_path, damage)
    with WheelFile.open(wheel) as source, pytest.raises(ValueError, match=r"RECORD|hash"):
        source.validate_record()

    def use() -> None:
        with CachedWheel.open(wheel, Cache(tmp_path / "cache")) as cached:
            cached.validate_record()

    with pytest.raises(ValueError, match=r"(?i)record|hash") as caught:
        use()
    assert isinstance(caught.value, InstallerError)


def _damaged(folder: Path, damage: str) -> Path:
    sound = make_wheel(folder / "sound")
    dist_info = "sample-1.0.dist-info"
    with zipfile.ZipFile(sound) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    record = files.pop(f"{dist_info}/RECORD").decode()
    first = record.split("\n", 1)[0]
    changed = {
        "a row missing": record.replace(f"{first}\n", ""),
        "a hash missing": record.replace(first, first.split(",")[0] + ",,"),
        "a wrong hash": record.replace(first.split("=")[1], record_hash(b"other")[7:] + ",20"),
        "an unknown hash": record.replace("sha256=", "sha="),
        "a signature listed": record + f"{dist_info}/RECORD.jws,{record_hash(b'{}')},2\n",
    }
    if damage == "a signature listed":
        files[f"{dist_info}/RECORD.jws"] = b"{}"
    if damage in changed:
        files[f"{dist_info}/RECORD"] = changed[damage].encode()
    wheel = folder / sound.name
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, contents in files.items():
            archive.writestr(name, contents)
    return wheel


def test_a_wheel_with_a_signature_is_taken(tmp_path: Path) -> None:
    """``RECORD.jws`` is in no RECORD, and that is right."""
    wheel = SHAPES["metadata"](tmp_path)
    with CachedWheel.open(wheel, Cache(tmp_path / "cache")) as source:
        source.validate_record()
        assert "RECORD.jws" in source.dist_info_filenames


WRONG_NAMES = (
    "sample.whl",
    "sample-1.0.whl",
    "sample-1.0---.whl",
    "sample-1.0-py3-none-any.zip",
    "other-1.0-py3-none-any.whl",
)


@pytest.mark.parametrize("filename", WRONG_NAMES)
def test_a_wheel_of_a_wrong_name_is_refused(tmp_path: Path, filename: str) -> None:
    """What is no wheel's name, or another project's, is a ValueError."""
    wheel = make_wheel(tmp_path).rename(tmp_path / filename)

    def use() -> None:
        with CachedWheel.open(wheel, Cache(tmp_path / "cache")) as source:
            assert source.dist_info_filenames

    with pytest.raises(ValueError, match=r"(?i)name|dist-info|wheel"):
        use()


def test_a_wheel_of_a_denormalised_name_is_taken(tmp_path: Path) -> None:
    """The file's name may differ in case from the dist-info folder's."""
    wheel = make_wheel(tmp_path).rename(tmp_path / "Sample-1.0-py3-none-any.whl")
    with CachedWheel.open(wheel, Cache(tmp_path / "cache")) as source:
        assert "METADATA" in source.dist_info_filenames
