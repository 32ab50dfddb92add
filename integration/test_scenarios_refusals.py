"""The scenarios I10 to I14: wheels that are refused before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration.support.records import dist_info_of, record_problems
from integration.support.samples import make_broken
from integration.support.trees import differences, snapshot
from tests.support.wheels import make_record, make_wheel, record_hash

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.environments import Venv

METADATA = b"Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n"


class Refuser:
    """Says that a wheel is refused and nothing is written, in the environment and around it."""

    def __init__(self, command: Command, venv: Venv) -> None:
        self.command = command
        self.venv = venv

    def __call__(self, wheel: Path, *options: str) -> dict[str, Any]:
        """Install ``wheel``, which must be refused, and return the outcome."""
        around = self.venv.root.parent
        before = snapshot(around, inodes=True, ignore=self.is_not_ours)
        given = ["install", "--python", self.venv.root, *options, wheel]
        form = self.command.json(*given, status=1)
        assert ("refused", "unchanged") == (form["status"], form["error"]["state"])
        assert [] == differences(before, snapshot(around, inodes=True, ignore=self.is_not_ours))
        return form

    def is_not_ours(self, path: str) -> bool:
        """Whether a path is the lock file, or in the cache, which may be written."""
        return path == "venv/.lock" or path.split("/", maxsplit=1)[0] in {"cache", ".cache", "here"}


@pytest.fixture
def is_refused(linkinstall: Command, venv: Venv) -> Refuser:
    """Give a callable that installs a wheel and says that nothing came of it."""
    return Refuser(linkinstall, venv)


def test_i10_a_digest_that_is_wrong_is_refused_naming_the_file(
    is_refused: Refuser, wheelhouse: Path
) -> None:
    """I10: by default every digest of RECORD is verified, and what differs is named."""
    form = is_refused(make_broken(wheelhouse))

    assert "broken/__init__.py" in str(form["error"])


@pytest.mark.parametrize("kind", ["missing", "extra", "twice", "md5"])
def test_i10_a_record_that_is_not_exact_is_refused(
    kind: str, is_refused: Refuser, wheelhouse: Path
) -> None:
    """I10: rows missing, rows of no file, rows twice and weak digests are refused by default."""
    data = b"A = 1\n"
    members: dict[str, bytes] = {"odd.py": data, "odd-1.0.dist-info/METADATA": METADATA}
    wheel_text = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    members["odd-1.0.dist-info/WHEEL"] = wheel_text
    record = make_record(members, "odd-1.0.dist-info")
    row = f"odd.py,{record_hash(data)},{len(data)}\n"
    assert row in record
    record = {
        "missing": record.replace(row, ""),
        "extra": f"ghost.py,{record_hash(b'')},0\n{record}",
        "twice": row + record,
        "md5": record.replace(row, f"odd.py,{record_hash(data, 'md5')},{len(data)}\n"),
    }[kind]

    is_refused(make_wheel(wheelhouse, "odd", "1.0", {"odd.py": b"A = 1\n"}, record=record))


def test_i10_validation_can_be_turned_off_and_record_is_right_all_the_same(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """I10: --validate-record none installs such a wheel, and the new RECORD tells the truth."""
    given = ["install", "--python", venv.root, "--validate-record", "none"]
    linkinstall.run(*given, make_broken(wheelhouse))

    assert (venv.library / "broken/__init__.py").exists()
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "broken"))


def test_i11_two_dist_info_folders_are_refused(is_refused: Refuser, wheelhouse: Path) -> None:
    """I11: a wheel with two dist-info folders is refused."""
    files: dict[str, bytes | str] = {"odd.py": "", "other-1.0.dist-info/METADATA": METADATA}
    is_refused(make_wheel(wheelhouse, "odd", "1.0", files))


def test_i11_no_dist_info_folder_is_refused(is_refused: Refuser, wheelhouse: Path) -> None:
    """I11: a wheel without a dist-info folder is refused."""
    is_refused(make_wheel(wheelhouse, "odd", "1.0", {"odd.py": ""}, dist_info="odd"))


def test_i11_a_dist_info_folder_of_another_name_is_refused(
    is_refused: Refuser, wheelhouse: Path
) -> None:
    """I11: a dist-info folder that belongs to another project is refused."""
    wheel = make_wheel(wheelhouse, "odd", "1.0", {"odd.py": ""}, dist_info="even-1.0.dist-info")
    is_refused(wheel)


@pytest.mark.parametrize("line", ["Name: even", "Version: 9.9"])
def test_i11_metadata_of_another_project_or_version_is_refused(
    line: str, is_refused: Refuser, wheelhouse: Path
) -> None:
    """I11: METADATA that contradicts the filename is refused."""
    key = line.split(":", maxsplit=1)[0]
    lines = [one for one in METADATA.decode().splitlines() if not one.startswith(f"{key}:")]
    metadata = "\n".join([*lines, line, ""])
    is_refused(make_wheel(wheelhouse, "odd", "1.0", {"odd.py": ""}, metadata=metadata))


def test_i11_a_newer_minor_version_of_the_format_warns(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """I11: Wheel-Version 1.9 is installed with a warning."""
    wheel_text = "Wheel-Version: 1.9\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    wheel = make_wheel(wheelhouse, "odd", "1.0", {"odd.py": ""}, wheel=wheel_text)
    form = linkinstall.json("install", "--python", venv.root, wheel)

    assert "1.9" in str(form["warnings"])
    assert (venv.library / "odd.py").exists()


def test_i11_a_newer_major_version_of_the_format_is_refused(
    is_refused: Refuser, wheelhouse: Path
) -> None:
    """I11: Wheel-Version 2.0 is refused."""
    wheel_text = "Wheel-Version: 2.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    wheel = make_wheel(wheelhouse, "odd", "1.0", {"odd.py": ""}, wheel=wheel_text)
    is_refused(wheel)

    assert "2.0" in is_refused.command.run(wheel, status=1).err


@pytest.mark.parametrize("path", ["odd-1.0.data/nonsense/file.txt", "odd-1.0.data/file.txt"])
def test_i12_an_unknown_or_missing_scheme_in_data_is_refused(
    path: str, is_refused: Refuser, wheelhouse: Path
) -> None:
    """I12: a .data folder with an unknown scheme, or a bare file, is refused."""
    is_refused(make_wheel(wheelhouse, "odd", "1.0", {"odd.py": "", path: ""}))


@pytest.mark.parametrize(
    "path",
    [
        "../escaped.py",
        "odd/../../escaped.py",
        "../site-packages-evil/escaped.py",
        "/escaped-absolute.py",
        "odd-1.0.data/scripts/../../escaped",
        "odd-1.0.data/data/../escaped",
        "odd\\..\\..\\escaped.py",
        "C:/escaped.py",
        "C:escaped.py",
        "//server/share/escaped.py",
    ],
)
def test_i13_a_member_that_would_leave_its_place_is_refused(
    path: str, is_refused: Refuser, wheelhouse: Path
) -> None:
    """I13: members with `..`, absolute, drive or backslash paths are refused."""
    is_refused(make_wheel(wheelhouse, "odd", "1.0", {"odd/__init__.py": "", path: "escaped"}))


@pytest.mark.parametrize("group", ["console_scripts", "gui_scripts"])
@pytest.mark.parametrize(
    "name",
    [
        "../escaped",
        "sub/script",
        "..",
        "",
        "python",
        "python3",
        "Python.exe",
        "pythonw",
        "activate",
    ],
)
def test_i14_an_entry_point_with_such_a_name_is_refused(
    name: str, group: str, is_refused: Refuser, wheelhouse: Path
) -> None:
    """I14: entry points that leave the scripts folder, or are reserved names, are refused."""
    entry_points = f"[{group}]\n{name} = odd:main\n"
    is_refused(
        make_wheel(wheelhouse, "odd", "1.0", {"odd.py": ""}, entry_points=entry_points),
        "--overwrite-existing",
    )


@pytest.mark.parametrize("name", ["python", "Python.exe", "activate"])
def test_i14_a_script_with_a_reserved_name_is_refused(
    name: str, is_refused: Refuser, wheelhouse: Path
) -> None:
    """I14: scripts of a wheel that have a reserved name are refused as entry points are."""
    files = {"odd.py": "", f"odd-1.0.data/scripts/{name}": "#!python\n"}
    is_refused(make_wheel(wheelhouse, "odd", "1.0", files), "--overwrite-existing")


@pytest.mark.parametrize("value", ["odd", "odd:", ":main", "odd main", "1odd:main", "odd:a b"])
def test_i14_an_entry_point_that_names_no_callable_is_refused(
    value: str, is_refused: Refuser, wheelhouse: Path
) -> None:
    """I14: a script without a callable to run is refused, with a typed error."""
    entry_points = f"[console_scripts]\nodd = {value}\n"
    is_refused(make_wheel(wheelhouse, "odd", "1.0", {"odd.py": ""}, entry_points=entry_points))


def test_all_refusals_are_told_together(is_refused: Refuser, wheelhouse: Path) -> None:
    """Several reasons to refuse are named in one error."""
    files = {"../one.py": "", "../two.py": "", "odd-1.0.data/nonsense/three": ""}
    text = str(is_refused(make_wheel(wheelhouse, "odd", "1.0", files))["error"])

    assert [True] * 3 == [name in text for name in ("one.py", "two.py", "three")]
