"""What interpreters say of themselves: the schemes that ``installer`` would take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import installer.__main__
import pytest
from installer.utils import get_launcher_kind

from linkinstall import interpreter_report
from linkinstall.interpreter_report import SCHEMES, decode, encode, launcher_kind, report
from tests.support.gates import suited
from tests.support.interpreters import VERSIONS, interpreter, make_venv, say

SCRIPT = interpreter_report.__file__
# installer's rule (its __main__, _get_scheme_dict), asked of another interpreter.
ASK = """
import json, sys, sysconfig
def schemes(prefix):
    given = {} if prefix is None else {"base": prefix, "platbase": prefix}
    base = prefix or sysconfig.get_config_var("base")
    paths = sysconfig.get_paths(vars=dict(given))
    paths["headers"] = sysconfig.get_path("include", vars={"installed_base": base})
    return [paths[name] for name in ("purelib", "platlib", "headers", "scripts", "data")]
print(json.dumps([sys.executable, sys.prefix, schemes(None), schemes("/opt/app")]))
"""
# Debian's patch of sysconfig: another default scheme outside of venvs.
DEBIAN = """
import importlib.machinery, importlib.util, os, sys
name, path = "sysconfig", [folder for folder in sys.path if folder != os.path.dirname(__file__)]
spec = importlib.machinery.PathFinder.find_spec(name, path)
real = importlib.util.module_from_spec(spec)
sys.modules[name] = real
spec.loader.exec_module(real)
short = "python{py_version_short}"
real._INSTALL_SCHEMES["posix_local"] = {
    **real._INSTALL_SCHEMES["posix_prefix"],
    "purelib": "{base}/local/lib/" + short + "/dist-packages",
    "platlib": "{platbase}/local/lib/" + short + "/dist-packages",
    "scripts": "{base}/local/bin",
    "data": "{base}/local",
}
get_path, get_paths = real.get_path, real.get_paths
real.get_paths = lambda scheme="posix_local", *rest, **named: get_paths(scheme, *rest, **named)
real.get_path = lambda name, scheme="posix_local", *rest, **named: get_path(
    name, scheme, *rest, **named
)
"""


def report_by(python: str | Path, *, first_on_path: Path | None = None) -> dict[str, str]:
    """Return the report of another interpreter."""
    lines = [
        "import json, sys",
        "sys.modules.pop('sysconfig', None)",  # a site module may have imported it
        f"sys.path[:0] = {[str(first_on_path)] if first_on_path else []!r}",
        f"space = {{}}; exec(open({SCRIPT!r}, encoding='utf-8').read(), space)",
        "print(json.dumps(space['report']()))",
    ]
    answer: dict[str, str] = json.loads(say(python, "\n".join(lines)))
    return answer


def schemes_of(answer: dict[str, str]) -> list[str]:
    """Return the folders of a report's schemes, in their order."""
    return [answer[name] for name in SCHEMES]


def below(prefix: str, answer: dict[str, str], kind: str) -> list[str]:
    """Return the folders of a report's layout below a prefix."""
    return [os.path.normpath(os.path.join(prefix, answer[f"{kind}.{name}"])) for name in SCHEMES]


def test_the_running_interpreters_schemes_are_those_of_installer() -> None:
    """Where ``python -m installer`` would put the files is where we put them."""
    theirs = installer.__main__._get_scheme_dict("some-project")

    ours = report()

    headers = os.path.join(ours["headers"], "some-project")
    assert {name: theirs[name] for name in SCHEMES} == {
        **{name: ours[name] for name in SCHEMES},
        "headers": headers,
    }


def test_a_prefix_is_laid_out_as_installer_does() -> None:
    """``--prefix`` means what it means to ``python -m installer``."""
    theirs = installer.__main__._get_scheme_dict("some-project", prefix="/opt/app")

    folders = below("/opt/app", report(), "layout")

    headers = os.path.dirname(theirs["headers"])
    assert [{**theirs, "headers": headers}[name] for name in SCHEMES] == folders


@pytest.mark.parametrize("version", VERSIONS)
def test_every_cpython_from_3_8_reports_installers_schemes(version: tuple[int, int]) -> None:
    """The report runs in old and new interpreters, and gives what ``installer`` takes there."""
    python = interpreter(version)
    executable, prefix, schemes, below_prefix = json.loads(say(python, ASK))

    answer = report_by(python)

    assert ["cpython", *map(str, version)] == [
        answer["implementation"],
        *answer["version"].split(".")[:2],
    ]
    assert (executable, prefix, prefix) == (
        answer["executable"],
        answer["prefix"],
        answer["base_prefix"],
    )
    assert schemes == schemes_of(answer)
    assert below_prefix == below("/opt/app", answer, "layout")
    assert "cpython-{}{}".format(*version) == answer["cache_tag"]
    assert answer["magic"].isdecimal()
    assert Path(answer["stdlib"], "os.py").is_file()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_venv_reports_its_own_folders(version: tuple[int, int], tmp_path: Path) -> None:
    """In a venv of any version the schemes are the venv's, the base is told apart."""
    venv = make_venv(tmp_path / "env", interpreter(version))
    _, _, schemes, below_prefix = json.loads(say(venv / "bin" / "python", ASK))

    answer = report_by(venv / "bin" / "python")

    assert str(venv) == answer["prefix"]
    assert str(venv) != answer["base_prefix"]
    assert str(venv / "bin" / "python") == answer["executable"]
    assert schemes == schemes_of(answer)
    assert below_prefix == below("/opt/app", answer, "layout")


@pytest.mark.parametrize("version", [version for version in VERSIONS if version >= (3, 11)])
def test_the_layout_of_venvs_holds_for_them(version: tuple[int, int], tmp_path: Path) -> None:
    """What a base interpreter says of its venvs is what a venv of it says of itself."""
    python = interpreter(version)
    venv = make_venv(tmp_path / "env", python)

    told = below(str(venv), report_by(python), "venv")

    assert schemes_of(report_by(venv / "bin" / "python")) == told


@pytest.mark.parametrize("version", [(3, 8), (3, 9), (3, 10)])
def test_before_3_11_nothing_is_said_of_venvs(version: tuple[int, int]) -> None:
    """Older interpreters have no scheme for venvs, so each of those is asked itself."""
    answer = report_by(interpreter(version))

    assert [] == [key for key in answer if key.startswith("venv.")]


def test_debians_default_scheme_is_taken(tmp_path: Path) -> None:
    """Where the distributor changed the default scheme, that one counts; not in its venvs."""
    patched = tmp_path / "patched"
    patched.mkdir()
    (patched / "sysconfig.py").write_text(DEBIAN)
    base = sys._base_executable  # type: ignore[attr-defined]

    plain, debian = report_by(base), report_by(base, first_on_path=patched)

    library = "local/lib/python{}.{}/dist-packages".format(*sys.version_info)
    expected = [library, library, plain["layout.headers"], "local/bin", "local"]
    assert expected == [debian[f"layout.{name}"] for name in SCHEMES]
    assert below(debian["prefix"], debian, "layout") == schemes_of(debian)
    assert below("", plain, "venv") == below("", debian, "venv")


def test_a_real_debian_is_understood() -> None:
    """On Debian itself the schemes are below ``/usr/local``."""
    python = "/usr/bin/python3"
    code = "import sysconfig; print(sysconfig.get_scheme_names())"
    debian = os.path.exists(python) and "posix_local" in say(python, code)
    suited(debian, "a Debian: its system's Python has a scheme posix_local")
    _, _, schemes, below_prefix = json.loads(say(python, ASK))

    answer = report_by(python)

    assert schemes == schemes_of(answer)
    assert below_prefix == below("/opt/app", answer, "layout")
    assert answer["purelib"].startswith("/usr/local/lib/python3")
    assert answer["purelib"].endswith("/dist-packages")


def test_a_folder_that_is_nailed_down_stays_absolute() -> None:
    """A distributor may fix a folder whatever the prefix is; then no prefix is cut off."""
    assert "/opt/fixed/lib" == interpreter_report._below_prefix("/opt/fixed/lib")
    assert "" == interpreter_report._below_prefix("linkinstall-prefix")
    assert "lib/x" == interpreter_report._below_prefix("linkinstall-prefix/lib/x")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("posix", "3.11.7 (main) [GCC 12]"),
        ("nt", "3.11.7 (main) [MSC v.1937 64 bit (AMD64)]"),
        ("nt", "3.11.7 (main) [MSC v.1937 64 bit (ARM64)]"),
        ("nt", "3.11.7 (main) [MSC v.1937 32 bit (ARM)]"),
        ("nt", "3.11.7 (main) [MSC v.1937 32 bit (Intel)]"),
    ],
)
def test_the_launcher_is_that_of_installer(
    name: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scripts are made for the platform that ``installer`` would make them for."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", name)
        patch.setattr(sys, "version", version)
        if name == "nt":
            patch.setattr(sys, "platform", "win32")
        theirs, ours = get_launcher_kind(), launcher_kind()

    assert theirs == ours


def test_a_report_survives_its_encoding() -> None:
    """Paths with line ends, spaces and undecodable bytes come back as they were."""
    answer = {"a": "", "b": "x\ny = z", "c": "caf\u00e9", "d": os.fsdecode(b"\xff\xfe")}

    assert answer == decode(encode(answer))


def test_the_report_needs_nothing_of_ours(tmp_path: Path) -> None:
    """The file runs where linkinstall is not installed."""
    copy = tmp_path / "copied.py"
    copy.write_bytes(Path(SCRIPT).read_bytes())

    done = subprocess.run(
        [sys.executable, "-I", "-S", str(copy)], capture_output=True, check=False, timeout=120
    )

    assert (0, b"") == (done.returncode, done.stderr)
