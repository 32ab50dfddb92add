"""Where things go on Windows: the folders of installer, whatever names the environment."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import installer.__main__
import pytest
from installer.destinations import SchemeDictionaryDestination
from installer.utils import Scheme, get_launcher_kind

from linkinstall import Environment
from linkinstall.errors import EnvironmentNotFoundError
from linkinstall.interpreter_report import SCHEMES
from linkinstall.paths import normal

if TYPE_CHECKING:
    from pathlib import Path

    from integration.windows.conftest import WindowsVenv


def same(path: str | os.PathLike[str]) -> str:
    """Return a path as two of them are compared."""
    return normal(os.path.normcase(os.fspath(path)))


def folders(schemes: dict[str, str]) -> dict[str, str]:
    """Return the folders of a scheme dictionary, as they are compared."""
    return {name: same(schemes[name]) for name in SCHEMES}


def test_the_running_interpreter_has_the_folders_of_installer() -> None:
    """What ``python -m installer`` would choose is what we choose, the launcher too."""
    theirs = installer.__main__._get_scheme_dict("some-project")  # noqa: SLF001 - installer tells it in no other way

    current = Environment.current()

    assert folders(theirs) == folders(current.scheme_for("some-project"))
    assert get_launcher_kind() == current.script_kind
    assert sys.version_info[:2] == current.version


def test_a_prefix_has_the_folders_of_installer(tmp_path: Path) -> None:
    """``--prefix`` gives the folders that ``python -m installer --prefix`` gives."""
    prefix = str(tmp_path / "app")
    theirs = installer.__main__._get_scheme_dict("some-project", prefix=prefix)  # noqa: SLF001 - installer tells it in no other way

    environment = Environment.for_prefix(prefix, base=Environment.current())

    assert folders(theirs) == folders(environment.scheme_for("some-project"))
    assert same(tmp_path / "app" / "Scripts") == same(environment.schemes["scripts"])


def test_a_target_has_scripts_in_a_folder_of_that_name(tmp_path: Path) -> None:
    """With ``--target`` modules and data lie in the folder itself, programs in ``Scripts``."""
    schemes = Environment.for_target(tmp_path, base=Environment.current()).schemes

    assert same(tmp_path) == same(schemes["purelib"]) == same(schemes["data"])
    assert same(tmp_path / "Scripts") == same(schemes["scripts"])


def test_a_stage_has_no_drives_in_it(tmp_path: Path) -> None:
    """Below ``--destdir`` files lie where ``installer`` puts them, the drive left out."""
    base = Environment.current()
    theirs = SchemeDictionaryDestination(
        scheme_dict=base.scheme_for("some-project"), interpreter=base.python,
        script_kind="win-amd64", destdir=str(tmp_path),
    )  # fmt: skip

    schemes = base.with_destdir(tmp_path).scheme_for("some-project")

    for name in ("purelib", "platlib", "headers", "scripts", "data"):
        expected = theirs._path_with_destdir(Scheme(name), "some/file")  # noqa: SLF001
        assert same(expected) == same(f"{schemes[name]}/some/file")
        assert same(schemes[name]).startswith(same(tmp_path) + "/")


@pytest.mark.parametrize("case", [str, str.upper])
def test_a_venv_is_found_by_folder_and_interpreter(env: WindowsVenv, case: type[str]) -> None:
    """However it is named it is one environment, in any case and with any separator."""
    root = case(str(env.root))
    names = [root, root + "\\", root.replace("/", "\\"), f"{root}/Scripts/python.exe"]

    found = [Environment.of(name, "") for name in names]

    assert ["venv"] * 4 == [one.kind for one in found]
    assert {same(env.root)} == {same(one.root) for one in found}
    assert {same(env.library)} == {same(one.library) for one in found}
    assert {same(env.root / ".lock")} == {same(one.lock_path) for one in found}


def test_a_venv_is_found_by_the_extended_form_of_its_path(env: WindowsVenv) -> None:
    r"""A path behind ``\\?\``, as other tools print it, names what it names without that.

    A slash was put into it, which is no separator there: the interpreter was "not found".
    """
    root = "\\\\?\\" + str(env.root)

    found = [Environment.of(name, "") for name in (root, f"{root}\\Scripts\\python.exe")]

    assert [same(env.library)] * 2 == [same(one.library) for one in found]


def test_a_folder_without_an_interpreter_is_no_environment(tmp_path: Path) -> None:
    """The error says what was looked for."""
    with pytest.raises(EnvironmentNotFoundError, match="holds no interpreter"):
        Environment.of(str(tmp_path), "")
