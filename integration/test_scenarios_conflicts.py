"""The scenarios I3, I4, I5, I8, I9 and U13: files that two want, and files of nobody."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from integration.support.records import dist_info_of, read_record, record_problems
from integration.support.samples import sample_files
from integration.support.trees import differences
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.environments import Venv
    from integration.support.trees import Tree


def problems_of(form: dict[str, Any]) -> dict[str, str | None]:
    """Return path -> owner of the problems that a refusal names."""
    return {one["path"]: one["owner"] for one in form["error"]["problems"]}


def refused(command: Command, venv: Venv, *given: object) -> dict[str, Any]:
    """Run an install that must be refused with nothing changed, and return its outcome."""
    before = venv.snapshot(inodes=True)
    form = command.json("install", "--python", venv.root, *given, status=1)
    assert ("refused", 1) == (form["status"], form["exit"])
    assert "unchanged" == form["error"]["state"]
    assert [] == differences(before, venv.snapshot(inodes=True))
    return form


@pytest.fixture
def two(wheelhouse: Path) -> list[Path]:
    """Give the wheels of two projects that claim two paths both."""
    shared = {"common/__init__.py": "OWNER = 'first'\n", "common/tool.py": "first\n"}
    first = make_wheel(wheelhouse, "first", "1.0", {**shared, "first.py": ""})
    shared = {path: text.replace("first", "second") for path, text in shared.items()}
    return [first, make_wheel(wheelhouse, "second", "1.0", {**shared, "second.py": ""})]


def test_i3_a_file_of_another_distribution_is_refused_naming_all(
    linkinstall: Command, venv: Venv, two: list[Path]
) -> None:
    """I3: files that another distribution owns are refused, each path with its owner."""
    linkinstall.run("install", "--python", venv.root, two[0])
    form = refused(linkinstall, venv, two[1])

    paths = [str(venv.library / "common" / name) for name in ("__init__.py", "tool.py")]
    problems = problems_of(form)
    assert dict.fromkeys(paths, "first") == {path: problems.get(path) for path in paths}
    assert {"first"} == set(problems.values())
    told = linkinstall.run("install", "--python", venv.root, two[1], status=1)
    for part in (*paths, "first", "second"):
        assert part in told.err


def test_i3_the_flag_takes_the_file_and_uninstall_leaves_the_others(
    linkinstall: Command, venv: Venv, bare: Tree, two: list[Path]
) -> None:
    """I3, U13: --overwrite-existing takes the file; uninstalling one keeps what the other owns."""
    given = ["install", "--python", venv.root, "--overwrite-existing"]
    linkinstall.run(*given, two[0])
    linkinstall.run(*given, two[1])
    assert "second\n" == (venv.library / "common/tool.py").read_text()
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "second"))

    form = linkinstall.json("uninstall", "--python", venv.root, "second")
    kept = {one["path"] for one in form["kept"]}
    assert {str(venv.library / "common" / name) for name in ("__init__.py", "tool.py")} <= kept
    assert (venv.library / "common/tool.py").exists()
    assert not (venv.library / "second.py").exists()

    linkinstall.run("uninstall", "--python", venv.root, "first")
    assert [] == differences(bare, venv.snapshot())


def test_i3_two_wheels_of_one_command_that_claim_one_path_are_refused(
    linkinstall: Command, venv: Venv, two: list[Path]
) -> None:
    """I3: two wheels of one command that claim one path with different contents are refused."""
    form = refused(linkinstall, venv, *two)

    assert str(venv.library / "common/tool.py") in problems_of(form)


def test_i4_identical_empty_init_files_are_no_conflict(
    linkinstall: Command, venv: Venv, bare: Tree, wheelhouse: Path
) -> None:
    """I4: two distributions may bring the same empty __init__.py; it goes with the last one."""
    wheels = [
        make_wheel(wheelhouse, name, "1.0", {"space/__init__.py": "", f"space/{name}.py": ""})
        for name in ("one", "two")
    ]
    linkinstall.run("install", "--python", venv.root, *wheels)
    for name in ("one", "two"):
        assert [] == record_problems(venv.library, dist_info_of(venv.library, name))

    linkinstall.run("uninstall", "--python", venv.root, "one")
    assert (venv.library / "space/__init__.py").exists()
    linkinstall.run("uninstall", "--python", venv.root, "two")
    assert [] == differences(bare, venv.snapshot())

    linkinstall.run("install", "--python", venv.root, wheels[0])
    linkinstall.run("install", "--python", venv.root, wheels[1])
    linkinstall.run("uninstall", "--python", venv.root, "one", "two")
    assert [] == differences(bare, venv.snapshot())


def test_i5_a_file_of_nobody_is_refused_and_the_flag_takes_it(
    linkinstall: Command, venv: Venv, bare: Tree, wheelhouse: Path
) -> None:
    """I5: a file that nobody owns is refused; --overwrite-existing takes it, twice as well."""
    wheel = make_wheel(
        wheelhouse,
        "lonely",
        "1.0",
        {"lonely.py": "A = 1\n", "lonely-1.0.data/data/share/note.txt": "note\n"},
        entry_points="[console_scripts]\nlonely = lonely:main\n",
    )
    unowned = [venv.library / "lonely.py", venv.root / "share/note.txt", venv.scripts / "lonely"]
    (venv.root / "share").mkdir()
    for path in unowned:
        path.write_text("of the user")
    form = refused(linkinstall, venv, wheel)
    assert {str(path): None for path in unowned} == problems_of(form)

    given = ["install", "--python", venv.root, "--overwrite-existing", wheel]
    linkinstall.run(*given)
    linkinstall.run(*given, "--reinstall")
    assert "A = 1\n" == unowned[0].read_text()
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "lonely"))
    linkinstall.run("uninstall", "--python", venv.root, "lonely")
    assert [] == differences(bare, venv.snapshot())


def test_i5_a_file_taken_by_the_flag_comes_back_when_the_install_fails(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """I5: what --overwrite-existing took is back when the transaction is rolled back."""
    from integration.support.stages import Stage

    (venv.library / "lonely.py").write_text("of the user")
    wheel = make_wheel(wheelhouse, "lonely", "1.0", {"lonely.py": "A = 1\n"})
    stage = Stage(linkinstall, venv, "install", "--overwrite-existing", wheel)
    for point in stage.points(6):
        told = stage.run(stage.fault(point, "EIO"), status=(0, 1))
        linkinstall.run("recover", "--python", venv.root)
        assert stage.state() == ("after" if told.status == 0 else "before"), str(told)


@pytest.mark.parametrize("blocker", ["file", "folder"])
def test_i5_a_file_where_a_folder_must_go_and_the_reverse(
    blocker: str, linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """I5: a file where a folder must go, and a folder where a file must go, are named."""
    wheel = make_wheel(wheelhouse, "shape", "1.0", {"other/part.py": "", "single.py": ""})
    if blocker == "file":
        path = venv.library / "other"
        path.write_text("in the way")
    else:
        path = venv.library / "single.py"
        path.mkdir()
        (path / "inside").write_text("in the way")
    form = refused(linkinstall, venv, wheel)

    assert [str(path)] == list(problems_of(form))


def test_all_conflicts_are_told_together(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """All conflicts of all wheels of a command are named in one refusal."""
    wheels = [
        make_wheel(wheelhouse, name, "1.0", {f"{name}_one.py": "1", f"{name}_two.py": "2"})
        for name in ("ash", "birch")
    ]
    unowned = [
        venv.library / f"{name}_{part}.py" for name in ("ash", "birch") for part in ("one", "two")
    ]
    for path in unowned:
        path.write_text("of the user")

    assert {str(path) for path in unowned} == set(problems_of(refused(linkinstall, venv, *wheels)))


def test_i8_a_wrapper_by_setuptools_and_its_entry_point_are_one_script(
    linkinstall: Command, venv: Venv, bare: Tree, wheelhouse: Path
) -> None:
    """I8: a script of the same name as an entry point is one script, listed once, no error."""
    wrapper = (
        "#!python\n"
        "# EASY-INSTALL-ENTRY-SCRIPT: 'old==1.0','console_scripts','old-tool'\n"
        "import sys\nfrom pkg_resources import load_entry_point\n"
        "sys.exit(load_entry_point('old==1.0', 'console_scripts', 'old-tool')())\n"
    )
    wheel = make_wheel(
        wheelhouse,
        "old",
        "1.0",
        {"old.py": "def main():\n    print('entry')\n", "old-1.0.data/scripts/old-tool": wrapper},
        entry_points="[console_scripts]\nold-tool = old:main\n",
    )
    linkinstall.run("install", "--python", venv.root, wheel)

    told = subprocess.run([venv.scripts / "old-tool"], check=True, capture_output=True, text=True)
    assert "entry\n" == told.stdout
    rows = read_record(dist_info_of(venv.library, "old"))
    assert 1 == [row[0] for row in rows].count("../../../bin/old-tool")
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "old"))
    assert [] == venv.strays(bare)


@pytest.mark.parametrize(
    "pair",
    [
        ("case/Module.py", "case/module.py"),
        ("case/Sub/a.py", "case/sub/b.py"),
        ("Case.py", "case.py"),
    ],
)
def test_i9_names_that_differ_only_by_case_are_refused(
    pair: tuple[str, str], linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """I9: two paths of one plan that differ only by case are refused before any write."""
    wheel = make_wheel(wheelhouse, "case", "1.0", dict.fromkeys(pair, "A = 1\n"))
    form = refused(linkinstall, venv, wheel)

    assert "case" in str(form["error"]).lower()


def test_a_path_through_a_link_out_of_the_environment_is_refused(
    linkinstall: Command, venv: Venv, sample: Path, tmp_path: Path
) -> None:
    """I13: a package folder that is a link out of the environment is not written through."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (venv.library / "sample").symlink_to(outside)
    refused(linkinstall, venv, sample)

    assert [] == list(outside.iterdir())


def test_a_path_through_a_deeper_link_is_not_written_through_with_the_flag(
    linkinstall: Command, venv: Venv, sample: Path, tmp_path: Path
) -> None:
    """I13: --overwrite-existing does not write through a linked folder either."""
    outside = tmp_path / "outside"
    (outside / "er").mkdir(parents=True)
    (outside / "er" / "module.py").write_text("of somebody else")
    (venv.library / "sample").mkdir()
    (venv.library / "sample" / "deep").symlink_to(outside)
    given = ["install", "--python", venv.root, "--overwrite-existing", sample]
    linkinstall.run(*given, status=(0, 1))

    assert "of somebody else" == (outside / "er/module.py").read_text()
    assert ["er/module.py"] == [
        str(path.relative_to(outside)) for path in outside.rglob("*") if path.is_file()
    ]


@pytest.mark.parametrize("flag", [(), ("--overwrite-existing",)])
def test_an_interpreter_and_the_marker_of_a_venv_are_never_taken(
    flag: tuple[str, ...], linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """A wheel whose data would replace pyvenv.cfg or the interpreter is refused, always."""
    for number, path in enumerate(("data/pyvenv.cfg", "data/bin/python", "scripts/python3")):
        name = f"taker{number}"
        wheel = make_wheel(wheelhouse, name, "1.0", {f"{name}-1.0.data/{path}": "taken"})
        refused(linkinstall, venv, *flag, wheel)


def test_another_projects_dist_info_is_never_taken(
    linkinstall: Command, venv: Venv, sample: Path, wheelhouse: Path
) -> None:
    """A wheel that brings files of another distribution's dist-info folder is refused."""
    linkinstall.run("install", "--python", venv.root, sample)
    library = venv.library.relative_to(venv.root)
    path = f"sly-1.0.data/data/{library}/sample-1.0.dist-info/METADATA"
    wheel = make_wheel(wheelhouse, "sly", "1.0", {path: "taken"})

    refused(linkinstall, venv, "--overwrite-existing", wheel)
    assert sample_files()["sample/data.txt"] == (venv.library / "sample/data.txt").read_text()
