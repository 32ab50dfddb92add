"""The scenarios I15 to I17 and I19: scripts, permissions and RECORD as they are written."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from integration.support.records import dist_info_of, read_record, record_problems
from integration.support.samples import make_sample
from integration.support.trees import digest_of, walk
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.command import Command
    from integration.support.environments import Venv
    from integration.support.trees import Tree


@pytest.fixture
def talker(wheelhouse: Path) -> Path:
    """Give a wheel with every kind of script."""
    files: dict[str, bytes | str] = {
        "talker.py": "import sys\n\n\ndef main():\n    print('entry', sys.prefix)\n",
        "talker-1.0.data/scripts/talker-p": "#!python\nimport sys\nprint('p', sys.prefix)\n",
        "talker-1.0.data/scripts/talker-w": "#!pythonw\nimport sys\nprint('w', sys.prefix)\n",
        "talker-1.0.data/scripts/talker-sh": "#!/bin/sh\necho sh\n",
    }
    entry_points = (
        "[console_scripts]\ntalker = talker:main\nÜnï-Talker = talker:main\n"
        "talker.dotted:name = talker:main\n[gui_scripts]\ntalker-gui = talker:main\n"
    )
    executable = [path for path in files if "/scripts/" in path]
    return make_wheel(
        wheelhouse, "talker", "1.0", files, entry_points=entry_points, executable=executable
    )


def says(script: Path) -> str:
    """Run a script by its path and return what it prints."""
    return subprocess.run([script], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("folder", ["plain", "with space", "long" + "/deep" * 40])
def test_i16_scripts_run_wherever_the_environment_lies(
    folder: str,
    linkinstall: Command,
    make_environment: Callable[..., Venv],
    talker: Path,
) -> None:
    """I16: scripts of all kinds run in a folder with a space and in one over 127 bytes long."""
    venv = make_environment(folder)
    bare = venv.snapshot()
    linkinstall.run("install", "--python", venv.root, talker)

    told = {name: says(venv.scripts / name) for name in ("talker", "talker-gui", "talker-p")}
    expected = {"talker": "entry", "talker-gui": "entry", "talker-p": "p"}
    assert {name: f"{text} {venv.root}" for name, text in expected.items()} == told
    assert f"w {venv.root}" == says(venv.scripts / "talker-w")
    assert "sh" == says(venv.scripts / "talker-sh")
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "talker"))
    assert [] == venv.strays(bare)


def test_i15_names_of_entry_points_are_taken_as_they_are(
    linkinstall: Command, venv: Venv, talker: Path
) -> None:
    """I15: uppercase, unicode, dots and colons in the name of a script are kept, and go again."""
    before = sorted(os.listdir(venv.scripts))
    linkinstall.run("install", "--python", venv.root, talker)
    for name in ("Ünï-Talker", "talker.dotted:name"):
        assert f"entry {venv.root}" == says(venv.scripts / name)

    linkinstall.run("uninstall", "--python", venv.root, "talker")
    assert before == sorted(os.listdir(venv.scripts))


def test_scripts_are_made_executable_whatever_the_archive_says(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """A script of a wheel built without permission bits can be run, as after pip and uv."""
    files = {"odd.py": "", "odd-1.0.data/scripts/odd": "#!python\nprint('odd')\n"}
    linkinstall.run("--python", venv.root, make_wheel(wheelhouse, "odd", "1.0", files))

    assert "odd" == says(venv.scripts / "odd")


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o027, 0o002])
@pytest.mark.parametrize("mode", ["copy", "hardlink"])
def test_i17_what_is_written_honours_the_umask(
    mode: str, mask: int, linkinstall: Command, venv: Venv, bare: Tree, sample: Path
) -> None:
    """I17: folders, written files and copies have the mode that the umask leaves."""
    given = ["install", "--python", venv.root, "--link-mode", mode, sample]
    linkinstall.run("cache", "add", sample, umask=0o022)
    linkinstall.run(*given, umask=mask)

    executable = ("bin/sample", "bin/sample-run", "sample/tool")
    wrong = []
    for path, status in walk(venv.root):
        is_linked = stat.S_ISREG(status.st_mode) and status.st_nlink > 1
        if path in bare or path == ".lock" or is_linked:
            continue
        is_open = stat.S_ISDIR(status.st_mode) or path.endswith(executable)
        expected = (0o777 if is_open else 0o666) & ~mask
        if path.endswith(executable):
            expected |= 0o111  # installer and pip let everybody run what may be run
        if stat.S_IMODE(status.st_mode) != expected:
            wrong.append(f"{path}: {stat.S_IMODE(status.st_mode):o}, not {expected:o}")
    assert [] == wrong


def test_i17_copies_do_not_inherit_the_umask_that_filled_the_cache(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """I17: a cache that was filled under a strict umask does not make unreadable copies."""
    linkinstall.run("cache", "add", sample, umask=0o077)
    given = ["install", "--python", venv.root, "--link-mode", "copy", sample]
    linkinstall.run(*given, umask=0o022)

    assert 0o644 == stat.S_IMODE((venv.library / "sample/data.txt").stat().st_mode)
    assert 0o755 == stat.S_IMODE((venv.library / "sample/tool").stat().st_mode)


def test_i19_record_is_exact_sorted_and_portable(
    linkinstall: Command, venv: Venv, bare: Tree, wheelhouse: Path
) -> None:
    """I19: RECORD is LF csv, sorted, with forward slashes, quoted commas, each file once."""
    wheel = make_sample(wheelhouse, more={"sample/with,comma.txt": "x", "sample/ü.txt": "y"})
    linkinstall.run("install", "--python", venv.root, wheel)
    dist_info = dist_info_of(venv.library, "sample")
    text = (dist_info / "RECORD").read_bytes().decode("utf-8")
    rows = read_record(dist_info)

    assert "\r" not in text
    assert "\\" not in text
    assert text.endswith("\n")
    # Sorted as installer does: by the path inside the scheme.
    inner = [path.removeprefix("../../../").removeprefix("bin/") for path, _digest, _size in rows]
    assert sorted(inner) == inner
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    assert written.getvalue() == text
    without_digest = [path for path, digest, _size in rows if not digest]
    assert "sample-1.0.dist-info/RECORD" in without_digest
    assert [] == [
        path for path in without_digest if not path.endswith((".pyc", ".dist-info/RECORD"))
    ]
    for path in ("../../../bin/sample", "../../../bin/sample-run", "sample/with,comma.txt"):
        assert path in {row[0] for row in rows}
    assert [] == record_problems(venv.library, dist_info)
    assert [] == venv.strays(bare)


def test_i19_compiled_files_are_listed_as_pip_lists_them(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """I19: compiled files are rows without digest and size, one for each level."""
    given = ["--compile-bytecode", "0", "--compile-bytecode", "1", "--compile-bytecode", "2"]
    linkinstall.run("install", "--python", venv.root, *given, sample)
    rows = [row for row in read_record(dist_info_of(venv.library, "sample")) if ".pyc" in row[0]]

    assert {("", "")} == {(digest, size) for _path, digest, size in rows}
    names = [path for path, _digest, _size in rows if "sample/__pycache__/__init__" in path]
    tag = venv.run("import sys; print(sys.implementation.cache_tag)")
    expected = [f"__init__.{tag}{level}.pyc" for level in (".opt-1", ".opt-2", "")]
    assert expected == sorted(os.path.basename(name) for name in names)


def test_no_compile_bytecode_leaves_no_compiled_file(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """--no-compile-bytecode makes no compiled file; the default makes those of level 0."""
    linkinstall.run("install", "--python", venv.root, "--no-compile-bytecode", sample)
    assert [] == list(venv.library.rglob("*.pyc"))

    linkinstall.run("install", "--python", venv.root, "--reinstall", sample)
    assert 2 == len(list(venv.library.rglob("*.pyc")))
    assert [] == list(venv.library.rglob("*.opt-*.pyc"))


def test_compiled_files_are_valid_for_their_sources(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """The interpreter takes a linked compiled file as it is, and writes none of its own."""
    linkinstall.run("install", "--python", venv.root, "--link-mode", "hardlink", sample)
    before = {path: digest_of(path) for path in venv.library.rglob("*.pyc")}
    told = subprocess.run(
        [venv.python, "-v", "-c", "import sample, sample.deep.er.module"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "matches" in told.stderr
    assert "wrote" not in told.stderr
    assert before == {path: digest_of(path) for path in venv.library.rglob("*.pyc")}


@pytest.mark.parametrize("mode", ["hardlink", "copy"])
def test_what_an_environment_compiles_never_reaches_the_cache(
    linkinstall: Command, venv: Venv, sample: Path, mode: str
) -> None:
    """Where a source is replaced, the interpreter writes a compiled file with an inode of its own.

    What the cache keeps stays as it was, to the byte, and is what the next environment gets.
    """
    linkinstall.run("install", "--python", venv.root, "--link-mode", mode, sample)
    (compiled,) = venv.library.glob("sample/__pycache__/__init__.*.pyc")
    (kept,) = linkinstall.cache.glob("v1/bytecode/*/*/files/*/sample/__pycache__/__init__.*.pyc")
    before = kept.stat().st_ino, kept.read_bytes()
    shared = compiled.stat().st_ino
    assert (mode == "hardlink") == (shared == kept.stat().st_ino)

    source = venv.library / "sample" / "__init__.py"
    text = source.read_text()
    source.unlink()
    source.write_text(f"{text}\nEDITED = True\n")
    # Told by its time, whatever the clock's.
    os.utime(source, (1, 1))
    subprocess.run(
        [venv.python, "-c", "import sample; assert sample.EDITED"],
        check=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
    )

    assert shared != compiled.stat().st_ino
    assert before == (kept.stat().st_ino, kept.read_bytes())
    linkinstall.run("cache", "verify", "--full")


def test_a_source_that_does_not_compile_is_a_note_and_no_failure(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """A compile error in one file is counted, and the wheel is installed."""
    wheel = make_sample(wheelhouse, more={"sample/template.py": "{{ not python }} ("})
    form = linkinstall.json("install", "--python", venv.root, wheel)

    assert ("done", 1) == (form["status"], form["bytecode"]["failed"])
    assert form["bytecode"]["compiled"] + form["bytecode"]["linked"] >= 2
    assert [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))


def test_stale_bytecode_never_runs(linkinstall: Command, venv: Venv, wheelhouse: Path) -> None:
    """After an upgrade to a source of the same size, the new code runs."""
    for version, value in (("1.0", "old"), ("2.0", "new")):
        wheel = make_wheel(wheelhouse, "stale", version, {"stale.py": f"VALUE = {value!r}\n"})
        linkinstall.run("install", "--python", venv.root, wheel)
        assert value == venv.run("import stale; print(stale.VALUE)")


def test_metadata_of_the_installation_is_written_as_documented(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """INSTALLER is our name, REQUESTED is there, direct_url.json has the URL and the sha256."""
    linkinstall.run("install", "--python", venv.root, sample)
    dist_info = dist_info_of(venv.library, "sample")

    assert "linkinstall" == (dist_info / "INSTALLER").read_text().strip()
    assert b"" == (dist_info / "REQUESTED").read_bytes()
    direct = json.loads((dist_info / "direct_url.json").read_text(encoding="utf-8"))
    assert sample.as_uri() == direct["url"]
    # On the first install the wheel is read anyway, so its digest is known.
    assert {"sha256": digest_of(sample)} == direct["archive_info"]["hashes"]


def test_metadata_of_the_installation_can_be_chosen(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """--no-requested and --direct-url decide what is written."""
    given = ["install", "--python", venv.root, "--reinstall", sample]
    linkinstall.run(*given, "--no-requested", "--direct-url", "none")
    dist_info = dist_info_of(venv.library, "sample")
    assert not (dist_info / "REQUESTED").exists()
    assert not (dist_info / "direct_url.json").exists()

    linkinstall.run(*given, "--direct-url", "https://example.org/sample-1.0-py3-none-any.whl")
    direct = json.loads((dist_info / "direct_url.json").read_text(encoding="utf-8"))
    assert "https://example.org/sample-1.0-py3-none-any.whl" == direct["url"]
    assert [] == record_problems(venv.library, dist_info)
