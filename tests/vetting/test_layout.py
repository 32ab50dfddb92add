"""``linkinstall.vetting.layout``: where members go, and what stands in the way."""

from __future__ import annotations

import pytest

from linkinstall.vetting.layout import (
    Places,
    Skipped,
    VettedFile,
    case_collisions,
    find_data_dir,
    lay_out,
)
from linkinstall.vetting.members import Member
from linkinstall.vetting.problems import Problems
from linkinstall.wheel import parse_filename

NAME = parse_filename("Foo_Bar-1.0-py3-none-any.whl")
DATA = "Foo_Bar-1.0.data"
PLACES = Places("purelib", DATA, "Foo_Bar-1.0.dist-info/RECORD")


def member(name: str, mode: int = 0o100644) -> Member:
    """Return a member of which only name and mode matter."""
    return Member(name, name.encode(), 0, 0, 0, mode, 0, 3, 3, 0, name.endswith("/"))


def spread(
    *names: str, scripts: tuple[str, ...] = ()
) -> tuple[list[tuple[str, str]], list[Skipped], list[tuple[str, str]]]:
    """Return (scheme, path) of the files, what is left out, and (code, path) of problems."""
    problems = Problems()
    files, skipped = lay_out([member(name) for name in names], PLACES, scripts, problems)
    return (
        [(file.scheme, file.path) for file in files],
        skipped,
        [(problem.code, problem.path) for problem in problems.found],
    )


def test_schemes() -> None:
    """The root goes to its scheme, the folders of .data to theirs, RECORD nowhere."""
    files, skipped, problems = spread(
        "foo/",
        "foo/a.py",
        f"{DATA}/",
        f"{DATA}/purelib/b.py",
        f"{DATA}/platlib/c.so",
        f"{DATA}/headers/d/e.h",
        f"{DATA}/scripts/f",
        f"{DATA}/scripts/sub/f",
        f"{DATA}/data/share/g",
        "Foo_Bar-1.0.dist-info/METADATA",
        "Foo_Bar-1.0.dist-info/RECORD",
    )

    assert [
        ("purelib", "foo/a.py"),
        ("purelib", "b.py"),
        ("platlib", "c.so"),
        ("headers", "d/e.h"),
        ("scripts", "f"),
        ("scripts", "sub/f"),
        ("data", "share/g"),
        ("purelib", "Foo_Bar-1.0.dist-info/METADATA"),
    ] == files
    assert ([], []) == (skipped, problems)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(0o100755, True), (0o100601, True), (0o100644, False), (0o755, False), (0, False)],
)
def test_executable(mode: int, *, expected: bool) -> None:
    """A file is executable as installer takes it: a regular file with any such bit."""
    files, _ = lay_out([member("a", mode)], PLACES, (), Problems())

    assert [VettedFile("a", "purelib", "a", expected, 3)] == files


@pytest.mark.parametrize(
    ("name", "scripts", "reason"),
    [
        ("foo/__pycache__/a.cpython-311.pyc", (), "pycache"),
        ("__pycache__/a.pyc", (), "pycache"),
        (f"{DATA}/purelib/__pycache__/a.pyc", (), "pycache"),
        (f"{DATA}/__pycache__/a.pyc", (), "pycache"),
        (f"{DATA}/scripts/tool", ("tool",), "entry-point"),
        (f"{DATA}/scripts/tool.exe", ("tool",), "entry-point"),
        (f"{DATA}/scripts/tool-script.py", ("tool",), "entry-point"),
        (f"{DATA}/scripts/tool.exe.manifest", ("tool",), "entry-point"),
    ],
)
def test_what_is_left_out(name: str, scripts: tuple[str, ...], reason: str) -> None:
    """Compiled files, and scripts that setuptools made for an entry point, are left out."""
    assert ([], [Skipped(name, reason)], []) == spread(name, scripts=scripts)


@pytest.mark.parametrize(
    "name",
    [
        "foo/__pycache__",
        "foo/__pycache__.py",
        f"{DATA}/scripts/tool2",
        f"{DATA}/scripts/tools/tool",
        f"{DATA}/data/bin/tool",
    ],
)
def test_what_is_not_left_out(name: str) -> None:
    """Names that only resemble those stay."""
    files, skipped, problems = spread(name, scripts=("tool",))

    assert 1 == len(files)
    assert ([], []) == (skipped, problems)


@pytest.mark.parametrize(
    "name",
    [
        DATA,
        f"{DATA}/loose.txt",
        f"{DATA}/purelib",
        f"{DATA}/include/a.h",
        f"{DATA}/Scripts/a",
        f"{DATA}/stdlib/a.py",
    ],
)
def test_no_such_scheme(name: str) -> None:
    """A file that is in no scheme of .data is refused."""
    assert ([], [], [("data-scheme", name)]) == spread(name)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (f"{DATA}/scripts/python", "reserved-name"),
        (f"{DATA}/scripts/Python3.exe", "reserved-name"),
        (f"{DATA}/scripts/activate", "reserved-name"),
        (f"{DATA}/scripts/python/x", "reserved-name"),
        (f"{DATA}/data/bin/python3", "reserved-name"),
        (f"{DATA}/data/Scripts/python.exe", "reserved-name"),
        (f"{DATA}/data/SCRIPTS/activate.bat", "reserved-name"),
        (f"{DATA}/data/pyvenv.cfg", "reserved-path"),
        (f"{DATA}/data/PyVenv.cfg", "reserved-path"),
        (f"{DATA}/data/.lock", "reserved-path"),
        (".linkinstall/journal", "reserved-path"),
        (f"{DATA}/data/lib/site-packages/.LinkInstall/x", "reserved-path"),
        (f"{DATA}/purelib/other-1.dist-info/RECORD", "dist-info"),
        (f"{DATA}/platlib/Foo_Bar-1.0.dist-info/X", "dist-info"),
        (f"{DATA}/data/lib/python3.11/site-packages/o-1.dist-info/RECORD", "dist-info"),
        (f"{DATA}/data/lib/python3/dist-packages/o-1.DIST-INFO/RECORD", "dist-info"),
    ],
)
def test_places_of_the_environment(name: str, code: str) -> None:
    """Interpreters, pyvenv.cfg, our state and other distributions' metadata are out of bounds."""
    assert [(code, name)] == spread(name)[2]


@pytest.mark.parametrize(
    "name",
    [
        f"{DATA}/scripts/activate-global-python-argcomplete",
        f"{DATA}/data/bin/tool",
        f"{DATA}/data/bin",
        f"{DATA}/data/share/python",
        f"{DATA}/data/share/bin/python",
        f"{DATA}/data/share/pyvenv.cfg",
        f"{DATA}/data/share/x.dist-info/RECORD",
        f"{DATA}/headers/python",
        "python",
        "pyvenv.cfg",
        "foo/_vendor/x-1.dist-info/RECORD",
    ],
)
def test_places_that_are_free(name: str) -> None:
    """The same names elsewhere are nobody's."""
    assert [] == spread(name)[2]


@pytest.mark.parametrize(
    ("names", "scripts"),
    [
        (("foo/a.py", f"{DATA}/purelib/foo/a.py"), ()),
        (("foo", "foo/a.py"), ()),
        (("foo/a.py", "foo"), ()),
        (("foo/a/b/c.py", f"{DATA}/purelib/foo/a"), ()),
        ((f"{DATA}/scripts/tool/x",), ("tool",)),
        (("Foo_Bar-1.0.dist-info/RECORD/x",), ()),
        ((f"{DATA}/purelib/Foo_Bar-1.0.dist-info/RECORD",), ()),
    ],
)
def test_collisions_within_a_wheel(names: tuple[str, ...], scripts: tuple[str, ...]) -> None:
    """Two files of one place, or a file where a folder must be, are refused."""
    assert "member-collision" in [code for code, _ in spread(*names, scripts=scripts)[2]]


def test_the_same_path_in_two_schemes() -> None:
    """One path in two schemes is no collision: the plan knows the folders."""
    assert [] == spread("a.py", f"{DATA}/platlib/a.py", f"{DATA}/data/a.py")[2]


@pytest.mark.parametrize(
    ("paths", "scripts", "expected"),
    [
        (("a.py", "b.py"), (), ()),
        (("a.py", "A.py"), (), (("purelib/A.py", "purelib/a.py"),)),
        (("a/x.py", "A/y.py"), (), ()),
        (("a/x.py", "A/x.py"), (), (("purelib/A/x.py", "purelib/a/x.py"),)),
        (("a/x.py", "A"), (), (("purelib/A", "purelib/a/"),)),
        (("\u00e9.py", "e\u0301.py"), (), (("purelib/e\u0301.py", "purelib/\u00e9.py"),)),
        ((f"{DATA}/scripts/Tool",), ("tool",), (("scripts/Tool", "scripts/tool"),)),
        ((f"{DATA}/data/a", f"{DATA}/headers/A"), (), ()),
    ],
)
def test_case_collisions(
    paths: tuple[str, ...], scripts: tuple[str, ...], expected: tuple[tuple[str, ...], ...]
) -> None:
    """Paths that are one where case or Unicode form do not count are told, not refused."""
    problems = Problems()
    files, _ = lay_out([member(path) for path in paths], PLACES, scripts, problems)

    assert expected == case_collisions(files, scripts)
    assert [] == problems.found


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        ("foo", DATA),
        (DATA, DATA),
        ("foo_bar-1.0.data", "foo_bar-1.0.data"),
        ("foo-bar-1.0.0.data", "foo-bar-1.0.0.data"),
        ("foo.data", DATA),
        ("data", DATA),
    ],
)
def test_data_folder(top: str, expected: str) -> None:
    """The .data folder may be written otherwise than the file name."""
    problems = Problems()

    assert expected == find_data_dir([f"{top}/x"], NAME, problems)
    assert [] == problems.found


@pytest.mark.parametrize(
    "names",
    [
        ["other-1.0.data/x"],
        ["Foo_Bar-1.1.data/x"],
        ["Foo_Bar-1.0.DATA/x"],
        [f"{DATA}/x", "foo_bar-1.0.data/x"],
        [f"{DATA}/x", "other-1.0.data/x"],
    ],
)
def test_data_folder_of_another_wheel(names: list[str]) -> None:
    """A .data folder of another name, of odd case, or a second one, is refused."""
    problems = Problems()
    find_data_dir(names, NAME, problems)

    assert ["data-folder"] == [problem.code for problem in problems.found]
