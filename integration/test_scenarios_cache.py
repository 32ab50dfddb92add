"""The scenarios C4 and C5, and what else the core promises of the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from integration.support.command import Command, Fault, read_log
from integration.support.records import dist_info_of, record_problems
from integration.support.samples import make_broken, make_sample, sample_files
from integration.support.trees import differences, files_of, find_contents, snapshot
from tests.support.gates import require, suited

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.support.environments import Venv

DATA = str(sample_files()["sample/data.txt"]).encode()


def is_whole(venv: Venv) -> bool:
    """Whether ``sample`` stands in the environment as its RECORD says."""
    return [] == record_problems(venv.library, dist_info_of(venv.library, "sample"))


def test_c4_an_entry_that_a_kill_left_unfinished_is_never_used(
    tmp_path: Path, make_environment: Callable[..., Venv], sample: Path
) -> None:
    """C4: killed at any call of unpacking, the next run installs whole files and sweeps."""
    reference = Command(tmp_path / "reference")
    log = tmp_path / "log"
    reference.run("cache", "add", sample, log=log)
    given = ["install", "--link-mode", "hardlink", sample, "--python"]
    reference.run(*given, make_environment("reference-venv").root)
    inside = [one for one in read_log(log) if str(reference.cache) in one[-1]]
    expected = len(files_of(reference.cache))
    last = len(inside)
    # Some of unpacking, and each of the last calls: publishing, and writing the alias.
    for point in sorted({*range(1, last + 1, max(1, last // 6)), *range(last - 4, last + 1)}):
        command = Command(tmp_path / f"point-{point}")
        fault = Fault(point, "kill", inside=str(command.cache))
        command.run("cache", "add", sample, status=-9, faults=(fault,))
        venv = make_environment(f"venv-{point}")
        command.run(*given, venv.root)

        assert is_whole(venv)
        assert 1 == len(find_contents(command.cache, DATA)), point
        assert expected == len(files_of(command.cache)), point


def test_c4_a_full_disk_while_unpacking_leaves_no_entry(
    linkinstall: Command, tmp_path: Path, venv: Venv, sample: Path
) -> None:
    """C4: an error while unpacking is reported, and the next run unpacks anew."""
    log = tmp_path / "log"
    Command(tmp_path / "trial").run("cache", "add", sample, log=log)
    opened = [one for one in read_log(log) if one[0] == "open" and "trial" in one[-1]]
    point = len(opened) // 2
    fault = Fault(point, "ENOSPC", event="open", inside=str(linkinstall.cache), lasting=True)
    form = linkinstall.json("cache", "add", sample, status=1, faults=(fault,))
    assert form["error"]["message"]

    linkinstall.run("install", "--python", venv.root, sample)
    assert is_whole(venv)


def test_c5_processes_that_unpack_one_wheel_at_once_end_with_one_entry(
    linkinstall: Command, make_environment: Callable[..., Venv], sample: Path
) -> None:
    """C5: several first installs of one wheel at once all succeed and leave one valid entry."""
    venvs = [make_environment(f"venv-{number}") for number in range(4)]
    started = [
        linkinstall.start("install", "--python", venv.root, "--link-mode", "hardlink", sample)
        for venv in venvs
    ]
    for process in started:
        _out, err = process.communicate(timeout=120)
        assert 0 == process.returncode, err

    (cached,) = find_contents(linkinstall.cache, DATA)
    for venv in venvs:
        assert is_whole(venv)
        assert os.path.samefile(cached, venv.library / "sample/data.txt")


def test_c5_a_second_unpacking_of_the_same_contents_adds_nothing(
    linkinstall: Command, sample: Path
) -> None:
    """C5: adding a wheel twice, or a copy of it by another path, leaves one entry."""
    linkinstall.run("cache", "add", sample)
    before = files_of(linkinstall.cache)
    linkinstall.run("cache", "add", sample)
    assert before == files_of(linkinstall.cache)

    elsewhere = sample.parent / "elsewhere"
    elsewhere.mkdir()
    linkinstall.run("cache", "add", shutil.copy(sample, elsewhere))
    assert 1 == len(find_contents(linkinstall.cache, DATA))


def test_a_warm_install_reads_no_payload(
    linkinstall: Command, venv: Venv, sample: Path, tmp_path: Path
) -> None:
    """A warm install opens no payload file of the cache (identity by alias)."""
    trace = tmp_path / "trace"
    linkinstall.run("cache", "add", sample)
    require(shutil.which("strace") is not None, "strace is installed")
    given = ["install", "--no-compile-bytecode", "--python", venv.root]
    command = ["strace", "-f", "-y", "-qq", "-e", "trace=openat,open", "-o", str(trace)]
    command += linkinstall.arguments((*given, "--link-mode", "hardlink", sample))
    done = subprocess.run(command, env=linkinstall.environ(), capture_output=True, check=False)
    assert 0 == done.returncode, done.stderr

    opened = [line for line in trace.read_text().splitlines() if str(linkinstall.cache) in line]
    payload = [line for line in opened if "data.txt" in line or "module.py" in line]
    assert opened, "the trace shows no use of the cache at all"
    assert [] == payload


def test_a_warm_install_imports_nothing_heavy(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """A warm install imports none of the modules that it does not need."""
    linkinstall.run("install", "--python", venv.root, sample)
    linkinstall.run("uninstall", "--python", venv.root, "sample")
    given = ["install", "--no-compile-bytecode", "--python", venv.root, sample]
    command = linkinstall.arguments(tuple(given))
    command[1:1] = ["-X", "importtime"]
    done = subprocess.run(
        command, env=linkinstall.environ(), capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr

    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    heavy = "installer zipfile dataclasses typing inspect json tempfile filelock packaging"
    heavy += " platformdirs python_discovery argparse csv email subprocess shutil threading"
    # A .pth file of the running interpreter may import some before we come to life.
    idle = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", ""], capture_output=True, text=True, check=True
    )
    before = {line.split("|")[-1].strip() for line in idle.stderr.splitlines() if "|" in line}
    assert [] == sorted((imported - before) & set(heavy.split()))


def test_a_cache_file_edited_through_a_link_is_noticed(
    linkinstall: Command, venv: Venv, make_environment: Callable[..., Venv], sample: Path
) -> None:
    """Invariant 6: an edit through a hard link is found before it is linked again, and told."""
    linkinstall.run("install", "--python", venv.root, "--link-mode", "hardlink", sample)
    with open(venv.library / "sample/data.txt", "a", encoding="utf-8") as stream:
        stream.write("edited")
    second = make_environment("second")
    given = ["install", "--python", second.root, "--link-mode", "hardlink", sample]
    form = linkinstall.json(*given)

    assert DATA == (second.library / "sample/data.txt").read_bytes()
    assert is_whole(second)
    assert 1 <= len(form["warnings"])
    assert "data.txt" in str(form["warnings"])


def test_a_forged_edit_is_found_by_full_verification(
    linkinstall: Command, venv: Venv, make_environment: Callable[..., Venv], sample: Path
) -> None:
    """Invariant 6: an edit of equal size with its time put back is found by --verify-cache full."""
    linkinstall.run("install", "--python", venv.root, "--link-mode", "hardlink", sample)
    target = venv.library / "sample/data.txt"
    status = target.stat()
    target.write_bytes(DATA.replace(b"data", b"DATA"))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    second = make_environment("second")
    given = ["--python", second.root, "--link-mode", "hardlink", "--verify-cache", "full", sample]
    linkinstall.run("install", *given)

    assert DATA == (second.library / "sample/data.txt").read_bytes()


def test_a_file_missing_from_an_entry_is_unpacked_again(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """Invariant 6: an entry that lost a file is rebuilt, not used."""
    linkinstall.run("cache", "add", sample)
    (cached,) = find_contents(linkinstall.cache, DATA)
    cached.unlink()
    linkinstall.run("install", "--python", venv.root, sample)

    assert is_whole(venv)


def test_an_invalid_wheel_leaves_nothing_in_the_cache(
    linkinstall: Command, wheelhouse: Path
) -> None:
    """What does not verify never becomes an entry."""
    form = linkinstall.json("cache", "add", make_broken(wheelhouse), status=1)

    assert "refused" == form["status"]
    assert [] == find_contents(linkinstall.cache, b"print('not what RECORD says')\n")


def test_another_wheel_with_the_name_of_a_cached_one_is_not_mistaken_for_it(
    linkinstall: Command, venv: Venv, wheelhouse: Path
) -> None:
    """The identity of an entry is its contents, not the name of the file it came from."""
    linkinstall.run("cache", "add", make_sample(wheelhouse))
    changed = make_sample(wheelhouse, more={"sample/data.txt": "quite another text\n"})
    linkinstall.run("install", "--python", venv.root, changed)

    assert "quite another text\n" == (venv.library / "sample/data.txt").read_text()
    assert is_whole(venv)


def test_no_cache_leaves_no_cache(linkinstall: Command, venv: Venv, sample: Path) -> None:
    """--no-cache installs the same tree and writes nothing to the cache folder."""
    before = venv.snapshot()
    linkinstall.run("install", "--no-cache", "--python", venv.root, sample)

    assert not linkinstall.cache.exists()
    assert is_whole(venv)
    linkinstall.run("uninstall", "--python", venv.root, "sample")
    assert [] == differences(before, venv.snapshot())


def test_a_cache_that_cannot_be_written_means_no_cache_and_one_warning(
    tmp_path: Path, venv: Venv, sample: Path
) -> None:
    """A cache folder that cannot be written is as --no-cache, with one warning."""
    blocker = tmp_path / "blocker"
    blocker.write_text("a file where a folder must go")
    linkinstall = Command(tmp_path, blocker / "cache")
    form = linkinstall.json("install", "--python", venv.root, sample)

    assert 1 == len(form["warnings"]), form["warnings"]
    assert is_whole(venv)
    assert {"blocker"} == {path for path in snapshot(tmp_path) if path.startswith("blocker")}


def test_a_read_only_cache_means_no_cache_and_one_warning(
    linkinstall: Command, venv: Venv, sample: Path
) -> None:
    """A cache in a read-only folder is as --no-cache, with one warning."""
    linkinstall.cache.mkdir()
    linkinstall.cache.chmod(0o555)
    # Root may; what the error does is held by tests/test_entries.py for everybody.
    suited(not os.access(linkinstall.cache, os.W_OK), "its user may not write anywhere")
    form = linkinstall.json("install", "--python", venv.root, sample)

    assert 1 == len(form["warnings"]), form["warnings"]
    assert is_whole(venv)


def test_cache_dir_and_info_tell_where_and_what(linkinstall: Command, sample: Path) -> None:
    """``cache dir`` prints the folder alone; ``cache info`` has the key ``cache``."""
    assert [str(linkinstall.cache)] == linkinstall.run("cache", "dir").lines
    linkinstall.run("cache", "add", sample)

    form = linkinstall.json("cache", "info")
    assert isinstance(form["cache"], dict)
    assert str(linkinstall.cache) in str(form["cache"])


def test_the_flag_for_the_cache_folder_overrides_the_variable(
    linkinstall: Command, tmp_path: Path, sample: Path
) -> None:
    """--cache-dir decides over LINKINSTALL_CACHE_DIR."""
    given = tmp_path / "given"
    assert [str(given)] == linkinstall.run("cache", "dir", "--cache-dir", given).lines
    linkinstall.run("cache", "add", "--cache-dir", given, sample)

    assert 1 == len(find_contents(given, DATA))
    assert not linkinstall.cache.exists()
