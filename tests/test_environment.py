"""The environment: its schemes, its interpreter, its lock, and who manages it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import TYPE_CHECKING

import installer.__main__
import pytest
from installer.destinations import SchemeDictionaryDestination
from installer.utils import Scheme

import linkinstall
from linkinstall.environment import Environment
from linkinstall.errors import (
    EnvironmentNotFoundError,
    ExternallyManagedError,
    LockTimeoutError,
    UsageError,
)
from linkinstall.externally_managed import MARKER
from linkinstall.fs.lock import FolderLock
from linkinstall.interpreter_report import SCHEMES
from linkinstall.values import replace
from tests.support.interpreters import VERSIONS, interpreter, make_venv, say

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(linkinstall.__file__).parents[1]
OURS = [version for version in VERSIONS if version >= (3, 11)]
BASE = sys._base_executable  # type: ignore[attr-defined]
# What a warm install must not import: each costs more than some hundred links.
FORBIDDEN = """
    installer zipfile pathlib dataclasses typing inspect json tempfile filelock packaging
    importlib.metadata platformdirs python_discovery argparse csv email subprocess shutil
    threading sysconfig hashlib locale configparser
""".split()


def without_cache(spec: str | os.PathLike[str]) -> Environment:
    """Return the environment that ``spec`` names, remembering nothing."""
    return Environment.of(spec, "")


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a venv of the interpreter that runs the tests."""
    return make_venv(tmp_path_factory.mktemp("environment") / "env", sys.executable)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


# ------------------------------------------------------------------ the running interpreter


def test_the_current_environment_is_that_of_installer() -> None:
    """What ``python -m installer`` would choose is what we choose."""
    theirs = installer.__main__._get_scheme_dict("some-project")

    current = Environment.current()

    assert {name: theirs[name] for name in SCHEMES} == current.scheme_for("some-project")
    assert (sys.executable, sys.executable, "posix") == (
        current.python,
        current.compiler,
        current.script_kind,
    )
    assert sys.version_info[:2] == current.version
    assert sys.implementation.cache_tag == current.cache_tag
    assert MAGIC_NUMBER == int(current.magic).to_bytes(2, "little") + b"\r\n"
    assert (False, True, None) == (current.verbatim, current.metadata, current.destdir)


CURRENT = """
import sys
sys.path.insert(0, {source!r})
before = set(sys.modules)
from linkinstall.environment import Environment
environment = {call}
lock = environment.lock_path
imported = sorted(set(sys.modules) - before)
import json
print(json.dumps([environment.kind, environment.root, environment.library, lock, imported]))
"""


@pytest.mark.parametrize("version", OURS)
def test_the_current_venv_imports_nothing_heavy(version: tuple[int, int], tmp_path: Path) -> None:
    """Finding the environment of a warm install costs none of the imports that cost."""
    root = make_venv(tmp_path / "env", interpreter(version))

    code = CURRENT.format(source=str(SOURCE), call="Environment.current()")
    kind, found, library, lock, imported = json.loads(say(root / "bin" / "python", code))

    assert ("venv", str(root), f"{root}/.lock") == (kind, found, lock)
    assert str(root / "lib" / "python{}.{}".format(*version) / "site-packages") == library
    assert [] == [name for name in FORBIDDEN if name in imported]


@pytest.mark.parametrize("version", OURS)
def test_a_remembered_venv_imports_nothing_heavy(version: tuple[int, int], tmp_path: Path) -> None:
    """With --python, too, a warm install imports only what it needs."""
    root = make_venv(tmp_path / "env", interpreter((3, 8)))
    cache_dir = str(tmp_path / "cache")
    Environment.of(root, cache_dir)

    call = f"Environment.of({str(root)!r}, {cache_dir!r})"
    code = CURRENT.format(source=str(SOURCE), call=call)
    kind, found, _, _, imported = json.loads(say(interpreter(version), code))

    assert ("venv", str(root)) == (kind, found)
    assert [] == [name for name in FORBIDDEN if name in imported]


def test_a_venv_is_addressed_by_its_own_path(tmp_path: Path) -> None:
    """In a venv, also behind a link, the environment is the venv, not what its Python links to."""
    root = make_venv(tmp_path / "env", sys.executable)
    (tmp_path / "link").symlink_to("env")
    code = CURRENT.format(source=str(SOURCE), call="Environment.current()")

    found = [
        json.loads(say(path / "bin" / "python", code))[1] for path in (root, tmp_path / "link")
    ]

    assert [str(root), str(tmp_path / "link")] == found


def test_an_installation_is_a_base(temporary: Path) -> None:
    """Outside of a venv the kind is told, and the lock lies in the temporary folder."""
    environment = without_cache(BASE)

    assert ("base", False) == (environment.kind, environment.keeps_lock)
    assert str(temporary) == os.path.dirname(environment.lock_path)
    assert Path(environment.stdlib, "os.py").is_file()


def test_a_tools_environment_gives_way_to_the_active_venv(
    venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run by a tool, the person's environment is changed, not the tool's."""
    (tmp_path / "uv-receipt.toml").touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("VIRTUAL_ENV", str(venv))

    assert str(venv) == Environment.current(cache_dir="").root


def test_a_tools_environment_is_never_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run by a tool and without a venv, linkinstall asks for one."""
    (tmp_path / "pipx_metadata.json").touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match="pipx"):
        Environment.current()
    assert Environment.current(or_own=True).python


def test_an_active_venv_that_is_gone_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A VIRTUAL_ENV that leads nowhere is told, not passed over."""
    (tmp_path / "uv-receipt.toml").touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "gone"))

    with pytest.raises(EnvironmentNotFoundError, match="gone"):
        Environment.current()


# ------------------------------------------------------------------ an environment by its name


@pytest.mark.parametrize("version", VERSIONS)
def test_any_cpython_from_3_8_is_an_environment(version: tuple[int, int]) -> None:
    """The interpreter that runs us and the one that is installed into need not be alike."""
    environment = without_cache(interpreter(version))

    assert version == environment.version
    assert environment.library.endswith("python{}.{}/site-packages".format(*version))
    assert environment.python == environment.compiler == interpreter(version)


def test_a_venv_is_found_by_folder_link_and_interpreter(venv: Path, tmp_path: Path) -> None:
    """A venv has one environment, under the path it was named by."""
    (tmp_path / "link").symlink_to(venv)

    names = [venv, venv / "bin" / "python", venv / "bin" / "python3", tmp_path / "link"]
    found = [without_cache(name) for name in names]

    assert [str(venv)] * 3 + [str(tmp_path / "link")] == [one.root for one in found]
    assert [str(venv / "bin" / "python")] == [found[0].python]
    assert ["venv"] * 4 == [one.kind for one in found]


def test_what_is_no_environment_is_refused(tmp_path: Path) -> None:
    """A folder without an interpreter is an error that says so."""
    with pytest.raises(EnvironmentNotFoundError, match="holds no interpreter"):
        without_cache(tmp_path)


# ------------------------------------------------------------------ prefix, target, schemes


def test_a_prefix_is_laid_out_as_installer_does(tmp_path: Path) -> None:
    """``--prefix`` gives the folders that ``python -m installer --prefix`` gives."""
    prefix = str(tmp_path / "app")
    theirs = installer.__main__._get_scheme_dict("Some.Project", prefix=prefix)

    environment = Environment.for_prefix(prefix, base=Environment.current())

    assert {name: theirs[name] for name in SCHEMES} == environment.scheme_for("Some.Project")
    assert ("prefix", prefix, f"{prefix}/.lock", False) == (
        environment.kind,
        environment.root,
        environment.lock_path,
        environment.keeps_lock,
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_prefix_is_laid_out_as_its_interpreter_does(version: tuple[int, int]) -> None:
    """With --python the layout is that interpreter's, not ours."""
    python = interpreter(version)
    code = (
        "import json, sysconfig; v = {'base': '/opt/app', 'platbase': '/opt/app'};"
        "print(json.dumps(sysconfig.get_paths(vars=v)))"
    )
    theirs = json.loads(say(python, code))

    environment = Environment.for_prefix("/opt/app", base=without_cache(python))

    told = ["purelib", "platlib", "scripts", "data"]
    assert [theirs[name] for name in told] == [environment.schemes[name] for name in told]
    assert "/opt/app/include/python{}.{}".format(*version) == environment.schemes["headers"]
    assert (python, version) == (environment.python, environment.version)


def test_a_relative_prefix_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where files go does not depend on the folder one stands in later."""
    monkeypatch.chdir(tmp_path)

    environment = Environment.for_prefix("app/../usr", base=Environment.current())

    assert str(tmp_path / "usr" / "bin") == environment.schemes["scripts"]


def test_a_target_holds_modules_and_data_itself(tmp_path: Path) -> None:
    """``--target D``: libraries and data in D, scripts in D/bin, headers in D/include/NAME."""
    target = str(tmp_path / "lib")

    environment = Environment.for_target(Path(target), base=Environment.current())

    assert {
        "purelib": target,
        "platlib": target,
        "headers": f"{target}/include/some_project",
        "scripts": f"{target}/bin",
        "data": target,
    } == environment.scheme_for("some_project")
    assert ("target", target, f"{target}/.lock", False) == (
        environment.kind,
        environment.root,
        environment.lock_path,
        environment.keeps_lock,
    )


def test_a_target_for_windows_has_its_scripts_folder(tmp_path: Path) -> None:
    """On Windows scripts go to D/Scripts."""
    base = Environment.current().with_script_kind("win-amd64")

    environment = Environment.for_target(tmp_path, base=base)

    assert str(tmp_path / "Scripts") == environment.schemes["scripts"]


@pytest.mark.parametrize("constructor", [Environment.for_target, Environment.for_prefix])
def test_a_target_that_is_a_venv_keeps_its_lock(
    constructor: Callable[..., Environment], venv: Path
) -> None:
    """The lock file of a venv stays there, by whichever option the venv is named."""
    environment = constructor(venv, base=Environment.current())

    assert (f"{venv}/.lock", True) == (environment.lock_path, environment.keeps_lock)


def test_schemes_are_taken_as_they_are(tmp_path: Path, temporary: Path) -> None:
    """Folders given one by one are those of ``installer``'s scheme dictionary."""
    folders = {name: str(tmp_path / name) for name in SCHEMES}

    environment = Environment.from_schemes(folders)

    assert folders == environment.schemes == environment.runtime
    # installer's dictionary has the project's name in it already.
    assert folders == environment.scheme_for("some_project")
    assert ("schemes", folders["purelib"], False) == (
        environment.kind,
        environment.root,
        environment.keeps_lock,
    )
    assert str(temporary) == os.path.dirname(environment.lock_path)
    assert sys.executable == environment.python == environment.compiler


def test_schemes_have_the_interpreter_that_is_given(tmp_path: Path) -> None:
    """Interpreter and launcher kind are taken as ``installer``'s destination takes them."""
    environment = Environment.from_schemes(
        {"purelib": tmp_path}, interpreter="any thing", script_kind="win-arm64"
    )

    assert ("any thing", False, "win-arm64") == (
        environment.python,
        environment.verbatim,
        environment.script_kind,
    )
    assert sys.executable == environment.compiler


def test_schemes_keep_what_was_said_about_scripts(tmp_path: Path) -> None:
    """An --interpreter that is written as it is stays so, unless another one is given."""
    base = Environment.current().with_interpreter("/usr/bin/env python3")

    kept = Environment.from_schemes({"purelib": tmp_path}, base=base)
    given = Environment.from_schemes({"purelib": tmp_path}, base=base, interpreter="my python")

    assert ("/usr/bin/env python3", True) == (kept.python, kept.verbatim)
    assert ("my python", False) == (given.python, given.verbatim)


def test_schemes_may_be_for_another_interpreter(tmp_path: Path) -> None:
    """With --python the folders are for that interpreter."""
    base = without_cache(interpreter((3, 8)))

    environment = Environment.from_schemes({"purelib": tmp_path}, base=base)

    assert (base.python, "cpython-38") == (environment.python, environment.cache_tag)


def test_schemes_in_a_venv_have_its_lock(venv: Path) -> None:
    """A tool that hands over a venv's folders excludes the runs that name the venv."""
    whole = without_cache(venv)

    environment = Environment.from_schemes(whole.scheme_for("some_project"))

    assert (whole.lock_path, True, str(venv)) == (
        environment.lock_path,
        environment.keeps_lock,
        environment.root,
    )


@pytest.mark.parametrize("given", [["platlib"], ["scripts"], ["purelib", "platlib"]])
def test_schemes_may_be_left_out(given: list[str], tmp_path: Path) -> None:
    """A destination with fewer folders can install what needs no others."""
    folders = {name: str(tmp_path / name) for name in given}

    environment = Environment.from_schemes(folders)

    assert (folders, folders[given[0]]) == (environment.schemes, environment.library)


def test_no_schemes_are_refused() -> None:
    """Without any folder there is nowhere to install to."""
    with pytest.raises(UsageError, match="nowhere"):
        Environment.from_schemes({})


# ------------------------------------------------------------------ the stage


def test_a_stage_is_laid_out_as_installer_does(tmp_path: Path) -> None:
    """Below ``--destdir`` files lie where ``installer``'s destination puts them."""
    base = Environment.current()
    theirs = SchemeDictionaryDestination(
        scheme_dict=base.scheme_for("some_project"),
        interpreter=base.python,
        script_kind="posix",
        destdir=str(tmp_path / "stage"),
    )

    staged = base.with_destdir(tmp_path / "stage")

    schemes = staged.scheme_for("some_project")
    for name in ("purelib", "platlib", "headers", "scripts", "data"):
        expected = theirs._path_with_destdir(Scheme(name), "some/file")
        assert str(expected) == os.path.join(schemes[name], "some/file")


def test_a_stage_knows_the_folders_at_run_time(tmp_path: Path, temporary: Path) -> None:
    """Embedded paths are those of the run time; nothing of ours is written into a stage."""
    prefix = Environment.for_prefix("/usr", base=Environment.current())

    staged = prefix.with_destdir(tmp_path / "stage")

    stage = str(tmp_path / "stage")
    assert prefix.schemes == prefix.runtime == staged.runtime
    assert f"{stage}/usr" == staged.schemes["data"]
    assert f"{stage}/usr/bin" == staged.schemes["scripts"]
    assert ("destdir", stage, stage, False) == (
        staged.kind,
        staged.root,
        staged.destdir,
        staged.metadata,
    )
    assert str(temporary) == os.path.dirname(staged.lock_path)
    assert not staged.keeps_lock


def test_a_relative_stage_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage is found again from any folder."""
    monkeypatch.chdir(tmp_path)

    staged = Environment.current().with_destdir("stage")

    assert str(tmp_path / "stage") == staged.destdir


# ------------------------------------------------------------------ scripts


def test_an_interpreter_that_is_a_file_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path of scripts' interpreter holds from any folder, spaces and all."""
    (tmp_path / "my python").touch()
    monkeypatch.chdir(tmp_path)

    environment = Environment.current().with_interpreter("my python")

    assert (str(tmp_path / "my python"), False) == (environment.python, environment.verbatim)
    assert sys.executable == environment.compiler


@pytest.mark.parametrize("value", ["/usr/bin/env python3", "/opt/none/python3 -I", "/none/python3"])
def test_an_interpreter_that_is_no_file_is_verbatim(value: str) -> None:
    """A line that begins with an absolute path is written as it is."""
    environment = Environment.current().with_interpreter(value)

    assert (value, True) == (environment.python, environment.verbatim)


@pytest.mark.parametrize("value", ["python3", "env python3", "bin/python3", ""])
def test_an_interpreter_that_cannot_be_started_is_refused(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shebang without an absolute path would work in one folder only, or in none."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match="absolute path"):
        Environment.current().with_interpreter(value)


def test_windows_interpreters_are_taken_elsewhere() -> None:
    """Scripts for Windows may be made on a system that has no such path."""
    base = Environment.current().with_script_kind("win-amd64")

    environment = base.with_interpreter(r"C:\Python\python.exe")

    assert (r"C:\Python\python.exe", "win-amd64") == (environment.python, environment.script_kind)


# ------------------------------------------------------------------ who manages it


def test_a_managed_installation_is_refused(tmp_path: Path) -> None:
    """An installation that is marked by its distributor is left alone."""
    (tmp_path / MARKER).write_text("[externally-managed]\nError=Ask your distributor.\n")
    base = replace(without_cache(BASE), stdlib=str(tmp_path))

    with pytest.raises(ExternallyManagedError, match=r"Ask your distributor\."):
        base.refuse_if_managed()


def test_what_is_the_persons_own_is_not_refused(tmp_path: Path, venv: Path) -> None:
    """The marker holds for the installation itself, not for venvs, prefixes and stages of it."""
    (tmp_path / MARKER).write_text("[externally-managed]\n")
    base = replace(without_cache(BASE), stdlib=str(tmp_path))
    own = [
        replace(without_cache(venv), stdlib=str(tmp_path)),
        Environment.for_prefix(tmp_path, base=base),
        Environment.for_target(tmp_path, base=base),
        Environment.from_schemes(base.schemes, base=base),
        base.with_destdir(tmp_path),
    ]

    for environment in own:
        environment.refuse_if_managed()

    assert [str(tmp_path)] * 5 == [environment.stdlib for environment in own]


# ------------------------------------------------------------------ the lock


def test_the_lock_of_a_venv_is_the_one_that_uv_takes(venv: Path) -> None:
    """In a venv the lock is ``.lock`` in the root, and stays there."""
    environment = without_cache(venv)
    lock = environment.lock()
    lock.acquire()

    assert (str(venv / ".lock"), True) == (lock.path, environment.keeps_lock)
    with pytest.raises(LockTimeoutError, match=f"the environment {venv}"):
        FolderLock(str(venv / ".lock"), what=f"the environment {venv}").acquire(timeout=0)
    lock.release()


def test_the_lock_file_needs_its_folder(tmp_path: Path) -> None:
    """A prefix that is not there yet has a lock path; making the folder is the caller's."""
    environment = Environment.for_prefix(tmp_path / "app", base=Environment.current())

    with pytest.raises(FileNotFoundError):
        environment.lock().acquire()

    os.mkdir(os.path.dirname(environment.lock_path))
    lock = environment.lock()
    assert lock.try_acquire()
    lock.release(remove=True)
    assert [] == list((tmp_path / "app").iterdir())


def test_locks_of_stages_are_told_apart_by_the_real_path(tmp_path: Path, temporary: Path) -> None:
    """Two ways to one folder are one lock, two folders are two, and nothing lies in either."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("one")
    base = Environment.current()

    one, link, two = (base.with_destdir(tmp_path / name) for name in ("one", "link", "two"))

    assert one.lock_path == link.lock_path != two.lock_path
    lock = one.lock()
    lock.acquire()
    assert not link.lock().try_acquire()
    lock.release(remove=True)
    assert [] == [*temporary.iterdir(), *(tmp_path / "one").iterdir()]


def test_the_temporary_lock_is_safe_from_other_users(tmp_path: Path, temporary: Path) -> None:
    """A lock in the folder open to everybody names its user and is theirs alone."""
    lock = Environment.current().with_destdir(tmp_path / "stage").lock()

    lock.acquire()

    assert lock.private
    assert os.path.basename(lock.path).startswith(f"linkinstall-{os.geteuid()}-")
    assert [0o600] == [path.stat().st_mode & 0o777 for path in temporary.iterdir()]
    lock.release(remove=True)


def test_the_temporary_folder_is_the_common_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that name the same installation meet at the same lock."""
    monkeypatch.setattr(tempfile, "tempdir", None)

    assert tempfile.gettempdir() == os.path.dirname(without_cache(BASE).lock_path)


# ------------------------------------------------------------------ the value


def test_an_environment_is_a_value() -> None:
    """Two looks at one environment are equal, and neither can be changed."""
    first, second = Environment.current(), Environment.current()

    assert first == second
    with pytest.raises(AttributeError):
        first.root = "/"  # type: ignore[misc]
    first.scheme_for("x")["purelib"] = "/elsewhere"
    assert second == first
