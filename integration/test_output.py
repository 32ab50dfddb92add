"""What is printed: dry runs, and the lines of ``list`` and ``check``."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from integration.support.records import dist_info_of
from integration.support.samples import make_broken, make_sample
from integration.support.trees import differences, snapshot
from tests.support.forms import FINDING, assert_form
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.environments import Venv


def test_dry_run_writes_nothing_at_all(
    linkinstall: Command, venv: Venv, python: tuple[str, str], sample: Path
) -> None:
    """--dry-run writes nothing: no environment file, no lock, no cache."""
    before = snapshot(venv.root, inodes=True)
    told = linkinstall.run("install", "--dry-run", *python, sample)

    pattern = r"would install sample 1\.0 \((\d+) files?: (\d+) \w+(, \d+ \w+)*\)"
    assert re.fullmatch(pattern, told.lines[0]), told.out
    assert 1 == len(told.lines)
    assert [] == differences(before, snapshot(venv.root, inodes=True))
    assert not linkinstall.cache.exists()


def test_dry_run_names_what_it_would_replace_and_remove(
    linkinstall: Command, venv: Venv, python: tuple[str, str], wheelhouse: Path
) -> None:
    """--dry-run: replace and remove name the old version; -v lists the paths."""
    old, new = make_sample(wheelhouse), make_sample(wheelhouse, "2.0", {"sample/new.py": ""})
    linkinstall.run("install", *python, old)
    before = venv.snapshot(inodes=True)
    cached = snapshot(linkinstall.cache)
    replaced = linkinstall.run("install", "--dry-run", "-v", *python, new)
    removed = linkinstall.run("uninstall", "--dry-run", "-v", *python, "sample")

    assert replaced.lines[0].startswith("would replace sample 1.0 -> 2.0 ("), replaced.out
    assert f"+ {venv.library / 'sample/new.py'}" in replaced.lines
    assert f"- {venv.library / 'sample-1.0.dist-info/METADATA'}" in replaced.lines
    assert removed.lines[0].startswith("would remove sample 1.0 ("), removed.out
    assert f"- {venv.library / 'sample/data.txt'}" in removed.lines
    assert f"- {venv.scripts / 'sample'}" in removed.lines
    assert [] == differences(before, venv.snapshot(inodes=True))
    assert [] == differences(cached, snapshot(linkinstall.cache))


def test_dry_run_says_the_truth(
    linkinstall: Command, venv: Venv, python: tuple[str, str], sample: Path
) -> None:
    """--dry-run -v lists exactly the files that the install then makes."""
    linkinstall.run("cache", "add", sample)
    bare = venv.snapshot()
    told = linkinstall.run("install", "--dry-run", "-v", *python, sample)
    promised = {line[2:] for line in told.lines if line.startswith("+ ")}
    linkinstall.run("install", *python, sample)

    made = {
        str(venv.root / path)
        for path, node in venv.snapshot().items()
        if path not in bare and node.kind != "folder" and "__pycache__" not in path
    }
    assert made == {path for path in promised if "__pycache__" not in path}


def test_dry_run_of_what_would_be_refused_exits_with_1(
    linkinstall: Command, venv: Venv, python: tuple[str, str], wheelhouse: Path
) -> None:
    """--dry-run of a conflict or an invalid wheel exits 1, names it, and writes nothing."""
    wheel = make_wheel(wheelhouse, "lonely", "1.0", {"lonely.py": ""})
    (venv.library / "lonely.py").write_text("of the user")
    told = linkinstall.run("install", "--dry-run", *python, wheel, status=1)
    assert str(venv.library / "lonely.py") in told.err

    linkinstall.run("install", "--dry-run", *python, make_broken(wheelhouse), status=1)
    assert not linkinstall.cache.exists()
    assert not (venv.root / ".lock").exists()


def test_dry_run_json_has_the_plan(
    linkinstall: Command, python: tuple[str, str], sample: Path
) -> None:
    """--dry-run --json: ``plan`` is a list with one item for each change."""
    form = linkinstall.json("install", "--dry-run", *python, sample)

    assert_form(form, "install", 0)
    assert isinstance(form["plan"], list)
    assert 1 == len(form["plan"])


def test_list_prints_name_version_health_sorted(
    linkinstall: Command, venv: Venv, python: tuple[str, str], wheelhouse: Path
) -> None:
    """``list``: one line a distribution, canonical names, sorted; exit 0 whatever the health."""
    for name in ("Zeta_Thing", "alpha", "mid.dle"):
        linkinstall.run(*python, make_wheel(wheelhouse, name))
    (venv.library / "alpha/data.txt").unlink()
    (dist_info_of(venv.library, "Zeta_Thing") / "RECORD").unlink()
    told = linkinstall.run("list", *python)

    expected = ["alpha 1.0 modified", "mid-dle 1.0 whole", "zeta-thing 1.0 half-installed"]
    assert expected == told.lines
    assert "" == told.err
    listed = linkinstall.json("list", *python)["distributions"]
    assert [line.split() for line in expected] == [
        [one["name"], one["version"], one["health"]] for one in listed
    ]


def test_check_of_a_whole_environment_says_nothing(
    linkinstall: Command, venv: Venv, python: tuple[str, str], sample: Path
) -> None:
    """``check``: nothing found is exit 0 with no line, and nothing is written."""
    linkinstall.run("install", *python, sample)
    before = snapshot(venv.root, inodes=True)
    for names in ([], ["sample"], ["SAMPLE"]):
        told = linkinstall.run("check", *python, *names)
        assert [] == told.lines
    assert [] == linkinstall.json("check", *python)["findings"]
    assert [] == differences(before, snapshot(venv.root, inodes=True))


def test_check_prints_name_code_path_and_what_mends_it(
    linkinstall: Command, venv: Venv, python: tuple[str, str], wheelhouse: Path
) -> None:
    """``check``: one line a finding, exit 1; with names only their findings."""
    other = make_wheel(wheelhouse, "other")
    given = ["--link-mode", "copy", *python, make_sample(wheelhouse), other]
    linkinstall.run(*given)
    changed, missing = venv.library / "sample/data.txt", venv.library / "other/data.txt"
    changed.write_text("changed")
    missing.unlink()
    told = linkinstall.run("check", *python, status=1)

    expected = [f"other missing {missing}", f"sample changed {changed}"]
    assert 2 == len(told.lines), told.out
    for start, line in zip(expected, sorted(told.lines), strict=True):
        assert line.startswith(start), told.out
        assert len(line) > len(start) + 5
    assert [sorted(told.lines)[1]] == linkinstall.run("check", *python, "sample", status=1).lines

    form = linkinstall.json("check", *python, status=1)
    assert_form(form, "check", 1, "findings")
    assert all(FINDING == finding.keys() for finding in form["findings"])
    health = {one["distribution"]: one["health"] for one in form["findings"]}
    assert {"other": "modified", "sample": "modified"} == health
    assert all(finding["fix"] for finding in form["findings"])


WATCHED = """
import os, pty, sys
from pathlib import Path
sys.path[:0] = {path!r}
from linkinstall import limits
from linkinstall.cli import leave, run
limits.PROGRESS_AFTER = {after!r}
limits.FORK_FROM_BYTES = {forks!r}
child, terminal = pty.fork()
if not child:
    os.environ["TERM"] = "xterm"
    sys.argv = ["linkinstall", *{words!r}]
    leave(run())
seen = b""
while True:
    try:
        chunk = os.read(terminal, 4096)
    except OSError:
        break
    if not chunk:
        break
    seen += chunk
_, status = os.waitpid(child, 0)
Path({into!r}).write_bytes(seen)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.parametrize("forks", [1, 1 << 30])
@pytest.mark.parametrize("tone", [(), ("-q",)])
def test_a_terminal_is_told_which_wheel_is_unpacked(
    venv: Venv, wheelhouse: Path, tmp_path: Path, tone: tuple[str, ...], forks: int
) -> None:
    """A person sees a line while it lasts, nothing of it afterwards, and nothing with ``-q``."""
    made = [make_sample(wheelhouse, version) for version in ("1.0",)]
    made += [make_wheel(wheelhouse, f"more{number}", "1.0", {}) for number in range(3)]
    cache = ("--cache-dir", str(tmp_path / "cache"))
    words = (*tone, *cache, "--python", str(venv.python), *map(str, made))
    into = tmp_path / "seen"
    program = WATCHED.format(path=sys.path, words=words, into=str(into), forks=forks, after=0)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    seen = into.read_text()

    assert (0, b"") == (done.returncode, done.stderr)
    if tone:
        assert "" == seen
        return
    assert " of 4" in seen or "/4" in seen
    assert ".whl" in seen
    last = seen.rpartition("\x1b[")[2]
    assert "installed" in last
    assert ".whl" not in last


@pytest.mark.parametrize("verb", [("install", "--no-compile-bytecode"), ("cache", "add")])
def test_one_wheel_that_takes_long_is_drawn(
    venv: Venv, wheelhouse: Path, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    """A wheel alone is drawn while it is unpacked, from the time on that it takes too long."""
    files = {f"large/m{number}.py": "" for number in range(3_000)}
    wheel = make_wheel(wheelhouse, "large", "1.0", files)
    where = ("--python", str(venv.python)) if verb[0] == "install" else ()
    words = (*verb, "--cache-dir", str(tmp_path / "cache"), *where, str(wheel))
    into = tmp_path / "seen"
    program = WATCHED.format(path=sys.path, words=words, into=str(into), forks=1, after=0.05)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    seen = into.read_text()

    assert (0, b"") == (done.returncode, done.stderr)
    assert wheel.name in seen
    assert "1/1" in seen or "unpacking 1 of 1" in seen
