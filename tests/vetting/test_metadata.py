"""``linkinstall.vetting.metadata``: the dist-info folder, METADATA and WHEEL."""

from __future__ import annotations

import pytest

from linkinstall import limits
from linkinstall.outcome import Warn
from linkinstall.vetting.metadata import (
    check_metadata,
    check_own_files,
    check_wheel_file,
    find_dist_info,
)
from linkinstall.vetting.problems import Problems
from linkinstall.wheel import parse_filename

NAME = parse_filename("Foo_Bar-1.0-py3-none-any.whl")
OWN = ["METADATA", "WHEEL", "RECORD"]


def codes(problems: Problems) -> list[str]:
    """Return the codes of what was found."""
    return [problem.code for problem in problems.found]


@pytest.mark.parametrize("folder", ["Foo_Bar-1.0.dist-info", "foo.bar-1.0.0.dist-info"])
def test_one_folder(folder: str) -> None:
    """The one dist-info folder is found, normalised or not, also beside nested ones."""
    problems = Problems()
    names = ["foo/a.py", f"{folder}/RECORD", "foo/_vendor/x-2.dist-info/RECORD"]

    assert folder == find_dist_info(names, NAME, problems)
    assert [] == problems.found


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ["dist-info"]),
        (["foo/a.py"], ["dist-info"]),
        (["foo_bar-1.0.dist-info/A", "other-1.0.dist-info/B"], ["dist-info"]),
        (["foo_bar-1.0.dist-info/A", "Foo_Bar-1.0.dist-info/B"], ["dist-info"]),
        (["foo_bar-1.0.dist-info/A", "foo_bar-1.0.DIST-INFO/B"], ["dist-info"]),
        (["foo_bar-1.0.Dist-Info/A"], ["dist-info"]),
        (["other-1.0.dist-info/A"], ["dist-info-name"]),
        (["foo_bar-2.0.dist-info/A"], ["dist-info-name"]),
        ([".dist-info/A"], ["dist-info-name"]),
    ],
)
def test_no_such_folder(names: list[str], expected: list[str]) -> None:
    """No folder, two, one of odd case or of another project: each is a problem."""
    problems = Problems()
    find_dist_info(names, NAME, problems)

    assert expected == codes(problems)


@pytest.mark.parametrize("missing", OWN)
def test_files_every_wheel_has(missing: str) -> None:
    """METADATA, WHEEL and RECORD must be there."""
    problems = Problems()
    check_own_files([f"d/{name}" for name in OWN if name != missing], "d", problems)

    assert [("metadata-missing", f"d/{missing}")] == [
        (problem.code, problem.path) for problem in problems.found
    ]


@pytest.mark.parametrize(
    "name", ["INSTALLER", "REQUESTED", "direct_url.json", "installer", "INSTALLER/x"]
)
def test_files_no_wheel_brings(name: str) -> None:
    """What the installer writes may not come with the wheel, in any case."""
    problems = Problems()
    check_own_files([*(f"d/{own}" for own in OWN), f"d/{name}"], "d", problems)

    assert ["installer-file"] == codes(problems)


def test_other_files_of_the_folder() -> None:
    """Licences, SBOMs, variant descriptions and files of the future are copied."""
    problems = Problems()
    more = ["licenses/INSTALLER", "sboms/a.json", "variant.json", "RECORD.jws", "top_level.txt"]
    check_own_files([f"d/{name}" for name in OWN + more], "d", problems)

    assert [] == problems.found


def wheel(text: str | bytes) -> tuple[str, list[str], list[str]]:
    """Return root scheme, codes of problems and of warnings of a WHEEL file."""
    problems, warnings = Problems(), list[Warn]()
    data = text if isinstance(text, bytes) else text.encode()
    root = check_wheel_file(data, problems, warnings)
    return root, codes(problems), [warning.code for warning in warnings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wheel-Version: 1.0\nRoot-Is-Purelib: true\n", ("purelib", [], [])),
        ("Wheel-Version: 1.0\nRoot-Is-Purelib: false\n", ("platlib", [], [])),
        ("Wheel-Version: 1.0\r\nRoot-Is-Purelib: true\r\n", ("purelib", [], [])),
        # As installer takes it: only "true" is true.
        ("Wheel-Version: 1.0\nRoot-Is-Purelib: True\n", ("platlib", [], [])),
        ("Wheel-Version: 1.0\nRoot-Is-Purelib: 1\n", ("platlib", [], ["root-is-purelib"])),
        ("Wheel-Version: 1.0\n", ("platlib", [], ["root-is-purelib"])),
        ("Wheel-Version: 1.9\nRoot-Is-Purelib: true\n", ("purelib", [], ["wheel-version"])),
        ("Wheel-Version: 2.0\nRoot-Is-Purelib: true\n", ("purelib", ["wheel-version"], [])),
        ("Wheel-Version: 0.1\nRoot-Is-Purelib: true\n", ("purelib", ["wheel-version"], [])),
        ("Wheel-Version: 1\nRoot-Is-Purelib: true\n", ("purelib", ["wheel-version"], [])),
        ("Wheel-Version: 1.0.0\nRoot-Is-Purelib: true\n", ("purelib", [], [])),
        ("Wheel-Version: 1.0 \nRoot-Is-Purelib: true\n", ("purelib", [], [])),
        ("Wheel-Version: 1.\nRoot-Is-Purelib: true\n", ("purelib", ["wheel-version"], [])),
        ("Wheel-Version: 01.0\nRoot-Is-Purelib: true\n", ("purelib", ["wheel-version"], [])),
        ("Wheel-Version: 1.x\nRoot-Is-Purelib: true\n", ("purelib", ["wheel-version"], [])),
        ("Wheel-Version: 10.0\nRoot-Is-Purelib: true\n", ("purelib", ["wheel-version"], [])),
        ("Root-Is-Purelib: true\n", ("purelib", ["wheel-version"], [])),
        ("", ("platlib", ["wheel-version"], ["root-is-purelib"])),
        (b"Wheel-Version: \xff\n", ("platlib", ["wheel-file"], [])),
        (b"\0\1\2", ("platlib", ["wheel-version"], ["root-is-purelib"])),
    ],
)
def test_wheel_file(text: str | bytes, expected: tuple[str, list[str], list[str]]) -> None:
    """Version 1 is known, a newer minor one warned of; the root goes where installer puts it.

    ``1.0.0``, and a space behind the version, were refused, which pip, uv and ``installer``
    take; and ``01.0``, which ``installer`` refuses half-way, was not.
    """
    assert expected == wheel(text)


def test_no_wheel_file() -> None:
    """A WHEEL file that could not be read is noted elsewhere."""
    assert "platlib" == check_wheel_file(None, Problems(), [])


def metadata(text: str | bytes | None) -> tuple[list[str], list[str]]:
    """Return codes of problems and of warnings of a METADATA file."""
    problems, warnings = Problems(), list[Warn]()
    data = text.encode() if isinstance(text, str) else text
    check_metadata(data, NAME, problems, warnings)
    return codes(problems), [warning.code for warning in warnings]


@pytest.mark.parametrize(
    "text",
    [
        "Metadata-Version: 2.1\nName: foo-bar\nVersion: 1.0\n",
        "Metadata-Version: 2.4\r\nName: Foo.Bar\r\nVersion: 1.0.0\r\n\r\nName: other\r\n",
        "Metadata-Version: 1.0\nName: foo_bar\nVersion: 1.0\nDescription: a\n  Name: b\n",
        "Version: v1.0\nName: foo-bar\nMetadata-Version: 2.1\n\nVersion: 3\n",
        "Metadata-Version: 2.1\nName: foo-bar\nName: foo-bar\nVersion: 1.0\n",
        None,
    ],
)
def test_metadata_of_the_project(text: str | None) -> None:
    """Name and version agree with the file name, however they are written."""
    assert ([], []) == metadata(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Metadata-Version: 2.1\nName: foo-bar\n",
        "Metadata-Version: 2.1\nVersion: 1.0\n",
        "Metadata-Version: 2.1\nName: other\nVersion: 1.0\n",
        "Metadata-Version: 2.1\nName: foo-bar\nVersion: 1.1\n",
        "Metadata-Version: 2.1\nName: foo-bar\nVersion: 1.0+local\n",
        "Metadata-Version: 2.1\nName: foo-bar\nVersion: latest\n",
        "Metadata-Version: 2.1\nName: foo-bar\nName: other\nVersion: 1.0\n",
        "Metadata-Version: 2.1\n\nName: foo-bar\nVersion: 1.0\n",
        # Python converts no number of so many digits: a ValueError came out of the vetting.
        f"Metadata-Version: 2.1\nName: foo-bar\nVersion: 1.{'9' * 5_000}\n",
    ],
)
def test_metadata_of_another_project(text: str) -> None:
    """Another name or version, two of them, or none, are refused."""
    assert (["metadata-name"], []) == metadata(text)


@pytest.mark.parametrize(("size", "told"), [(0, "one Name"), (limits.WHEEL_TEXT_SIZE, "256 KiB")])
def test_a_name_that_was_not_looked_for_is_not_called_missing(size: int, told: str) -> None:
    """Where only the beginning of METADATA is read, the message says so."""
    problems = Problems()
    text = b"Metadata-Version: 2.1\nSummary: " + b"x" * size
    check_metadata(text[: size or None], NAME, problems, [])

    assert [True] == [one.message.endswith(told) for one in problems.found]


@pytest.mark.parametrize(
    "text",
    [
        b"Metadata-Version: 2.1\nName: foo-bar\nVersion: 1.0\nAuthor: Ren\xe9\n",
        b"Metadata-Version: 3.0\nName: foo-bar\nVersion: 1.0\n",
        b"Name: foo-bar\nVersion: 1.0\n",
    ],
)
def test_odd_metadata(text: bytes) -> None:
    """Other encodings and unknown versions are warned of."""
    assert ([], ["metadata"]) == metadata(text)
