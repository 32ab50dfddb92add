"""State of ours that somebody has edited, copied or exchanged leads no verb out.

An unfinished change is made by killing a real one. Then its state is spoilt, and every
verb is called in turn, as in :mod:`integration.test_hostile_disk`. The root of the file
system, too, is put to the verbs of virtual environments: of one that is a copy on write.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from binascii import crc32
from typing import TYPE_CHECKING

import pytest

from integration.support.command import Fault
from integration.support.environments import Venv
from integration.support.trees import differences, snapshot
from tests.support.gates import require
from tests.support.reach import reachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from integration.support.spoilt import Spoilt

MOST_POINTS = 40
STATE = ".linkinstall"


def unfinished(spoilt: Spoilt, venv: Venv) -> Path:
    """Kill an uninstall with the package in its stash, and return the state folder."""
    state = venv.library / STATE
    for point in range(1, MOST_POINTS):
        fault = Fault(point=point, action="kill", event="os.rename")
        spoilt.command.run(
            "uninstall", "--python", venv.root, "sample", faults=(fault,), status=None
        )
        if (state / "journal").exists() and any(state.glob("stash/*/__init__.py")):
            return state
        spoilt.run("recover", "--python", venv.root)
        spoilt.run("install", "--python", venv.root, "--no-compile-bytecode", spoilt.sample)
    raise AssertionError("no kill left a journal and a stash")


def resealed(data: bytes, old: object, new: object) -> bytes:
    """Return a journal with other words in it, and the right checksum."""
    magic, _, rest = data.partition(b"\n")
    body = rest.partition(b"\n")[2]
    assert os.fsencode(str(old)) in body
    body = body.replace(os.fsencode(str(old)), os.fsencode(str(new)))
    return magic + b"\n%08x %d\n" % (crc32(body), len(body)) + body


def edit(path: Path, old: object, new: object) -> None:
    """Edit a journal in such a way that its checksum is right."""
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(resealed(data, old, new))


def edited_journal(spoilt: Spoilt) -> None:
    """Let a journal name files of others in the place of its environment's."""
    state = unfinished(spoilt, spoilt.venv)
    edit(state / "journal", f"{spoilt.venv.library}/sample\t", f"{spoilt.outside}/new\t")


def committed_journal(spoilt: Spoilt) -> None:
    """Let all that such a journal names still have to be deleted."""
    edited_journal(spoilt)
    state = spoilt.venv.library / STATE
    (state / "journal").rename(state / "committed")


def journal_with_dots(spoilt: Spoilt) -> None:
    """Let a journal lead out by way of its own folder."""
    state = unfinished(spoilt, spoilt.venv)
    up = os.path.relpath(spoilt.outside, spoilt.venv.library)
    library = spoilt.venv.library
    edit(state / "journal", f"{library}/sample\t", f"{library}/{up}/new\t")


def torn_journal(spoilt: Spoilt) -> None:
    """Change a letter of a journal, and leave its checksum."""
    path = unfinished(spoilt, spoilt.venv) / "journal"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:-1] + b"!")


def journal_of_another(spoilt: Spoilt) -> None:
    """Put the state folder of another environment, with its stash, into this one."""
    root = spoilt.outside / "other"
    shutil.copytree(spoilt.venv.root, root, symlinks=True)
    venv = spoilt.venv
    folders = (venv.root, venv.python, venv.library, venv.scripts)
    other = Venv(*(root / path.relative_to(venv.root) for path in folders))
    state = unfinished(spoilt, other)
    shutil.copytree(state, spoilt.venv.library / STATE, symlinks=True)


def linked_stash(spoilt: Spoilt) -> None:
    """Put a link to a folder of others in the place of a stash that is needed."""
    stash = unfinished(spoilt, spoilt.venv) / "stash"
    shutil.move(stash, spoilt.outside / "stash")
    stash.symlink_to(spoilt.outside / "stash")


def linked_folder_of_the_stash(spoilt: Spoilt) -> None:
    """Put such a link in the place of what was stashed."""
    stash = unfinished(spoilt, spoilt.venv) / "stash"
    for path in list(stash.iterdir()):
        shutil.move(path, spoilt.outside / path.name)
        path.symlink_to(spoilt.outside / path.name)


def state_of_a_removal(spoilt: Spoilt, text: str, name: str = "journal") -> Path:
    """Make the state of a removal of the whole environment, and return its folder."""
    state = spoilt.venv.root.parent / f".linkinstall-{spoilt.venv.root.name}"
    state.mkdir()
    (state / name).write_text(text)
    return state


def journal_of_a_removal(name: str, number: str) -> Callable[[Spoilt], None]:
    """Let the journal of a removal name a folder elsewhere as what was taken aside."""

    def spoil(spoilt: Spoilt) -> None:
        text = f"linkinstall venv 1\n0123456789ab\n{number}\nremove\nstood\n"
        (state_of_a_removal(spoilt, text, name) / "1").mkdir()

    return spoil


def linked_removal(name: str) -> Callable[[Spoilt], None]:
    """Let what was taken aside be a link to a folder of others."""

    def spoil(spoilt: Spoilt) -> None:
        text = "linkinstall venv 1\n0123456789ab\n1\nremove\nstood\n"
        (state_of_a_removal(spoilt, text, name) / "1").symlink_to(spoilt.outside)

    return spoil


def linked_state_of_a_removal(spoilt: Spoilt) -> None:
    """Put a link in the place of the state of a removal."""
    state = spoilt.venv.root.parent / f".linkinstall-{spoilt.venv.root.name}"
    (spoilt.outside / "1").mkdir()
    (spoilt.outside / "1" / "x").write_text("a canary")
    (spoilt.outside / "committed").write_text(
        "linkinstall venv 1\n0123456789ab\n1\nremove\nstood\n"
    )
    state.symlink_to(spoilt.outside)


def pipe_for_a_removal(spoilt: Spoilt) -> None:
    """Put a FIFO in the place of the journal of a removal."""
    os.mkfifo(state_of_a_removal(spoilt, "", "journal.new") / "journal")


def marker_without_a_journal(spoilt: Spoilt) -> None:
    """Say that the environment is half made, though nobody makes it, and link its parts."""
    (spoilt.venv.root / ".linkinstall-making").symlink_to(spoilt.outside / "x")
    shutil.move(spoilt.venv.root / "share", spoilt.outside / "share")
    (spoilt.venv.root / "share").symlink_to(spoilt.outside / "share")


CASES: dict[str, Callable[[Spoilt], None]] = {
    "an edited journal": edited_journal,
    "an edited journal that is committed": committed_journal,
    "a journal with dots": journal_with_dots,
    "a torn journal": torn_journal,
    "a journal of another environment": journal_of_another,
    "a link for a stash that is needed": linked_stash,
    "links in a stash": linked_folder_of_the_stash,
    "a journal of a removal that leads out": journal_of_a_removal("journal", "../outside"),
    "a committed removal that leads out": journal_of_a_removal("committed", "../../outside"),
    "a removal without end": journal_of_a_removal("committed", "9" * 5_000),
    "a link for what a removal took": linked_removal("journal"),
    "a link for what a committed removal took": linked_removal("committed"),
    "a link for the state of a removal": linked_state_of_a_removal,
    "a FIFO for the journal of a removal": pipe_for_a_removal,
    "a marker without a journal": marker_without_a_journal,
}


@pytest.mark.parametrize("name", CASES)
def test_no_verb_is_led_out_by_state(spoilt: Spoilt, name: str) -> None:
    """What lies outside stays byte for byte, and each answer is a typed one."""
    CASES[name](spoilt)
    into = ("--python", spoilt.venv.root)
    verbs: list[tuple[object, ...]] = [
        ("list", *into), ("check", "--full", *into), ("recover", *into),
        ("recover", "--finish", *into), ("repair", "--all", *into),
        ("install", "--reinstall", "--no-compile-bytecode", *into, spoilt.sample),
        ("uninstall", "sample", *into), ("venv", "decouple", spoilt.venv.root),
        ("venv", "remove", spoilt.venv.root), ("venv", "remove", "--force", spoilt.venv.root),
        ("cache", "prune"), ("cache", "clean", "--force"),
    ]  # fmt: skip

    spoilt.is_led_nowhere(verbs)


@pytest.mark.parametrize("rows", ["../../..", ".", "sample", "/", "//", "sample/..", ".."])
def test_a_row_that_names_a_folder_takes_none(spoilt: Spoilt, rows: str) -> None:
    """Files of the user's stay, in whatever folder RECORD names as if it were a file."""
    mine = [spoilt.venv.root / "mine.txt", spoilt.venv.library / "sample" / "mine.txt"]
    for path in mine:
        path.write_text("mine\n")
    spoilt.record.write_text(spoilt.record.read_text() + f"{rows},,\n{rows}/,,\n")

    for words in (("repair", "sample"), ("uninstall", "sample")):
        result = spoilt.run(*words, "--python", spoilt.venv.root)
        assert result.status in {0, 1}, str(result)

    assert ["mine\n"] * 2 == [path.read_text() for path in mine]
    assert not spoilt.record.exists()


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """Give a folder that every user can reach."""
    with reachable() as folder:
        yield folder


@pytest.mark.skipif(os.name != "posix", reason="who can write to a folder is no mode there")
@pytest.mark.parametrize("inner", ["", "entries", "aliases"])
def test_a_cache_that_everybody_can_write_to_gives_and_takes_nothing(
    spoilt: Spoilt, inner: str, open_to_all: Path
) -> None:
    """What anybody may have put there is not installed; the wheel itself is, with a warning."""
    spoilt.command.cache = open_to_all / "cache"
    shutil.copytree(spoilt.cache, open_to_all / "cache" / "v1")
    spoilt.cache = open_to_all / "cache" / "v1"
    (poisoned,) = spoilt.cache.glob("entries/*/files/*/sample/__init__.py")
    status = poisoned.stat()
    poisoned.write_bytes(b"#" * status.st_size)
    os.utime(poisoned, ns=(status.st_atime_ns, status.st_mtime_ns))
    (spoilt.cache / inner).chmod(0o777)
    before = snapshot(spoilt.cache, inodes=True)
    into = ("--python", spoilt.venv.root)

    done = spoilt.run("install", "--reinstall", "--no-compile-bytecode", *into, spoilt.sample)

    assert 0 == done.status, str(done)
    assert "every user can write to" in done.err
    assert b"#" not in (spoilt.venv.library / "sample" / "__init__.py").read_bytes()[:1]
    assert 1 == spoilt.run("cache", "add", spoilt.sample).status
    assert [] == differences(before, snapshot(spoilt.cache, inodes=True))


# ---------------------------------------------------------------- a .venv that is /

COPY_ON_WRITE = """
set -e
mount -t tmpfs none {scratch}
mkdir {scratch}/up {scratch}/work {scratch}/whole
mount -t overlay none -o lowerdir=/,upperdir={scratch}/up,workdir={scratch}/work {scratch}/whole
set +e
chroot {scratch}/whole {command}
echo "status $?"
cd {scratch}/up && find . -type f -o -type c
"""


@pytest.mark.parametrize("way", ["/", "a link"])
@pytest.mark.parametrize(
    "words", ["remove", "remove --force", "remove --force --follow", "clear", "decouple"]
)
def test_the_root_of_the_file_system_is_no_environment(
    tmp_path: Path, words: str, way: str
) -> None:
    """``.venv`` may be ``/``, or lead there: no more goes than the link, whatever is forced."""
    scratch, link = tmp_path / "scratch", tmp_path / ".venv"
    scratch.mkdir()
    link.symlink_to("/")
    reason = _no_copy_of_the_root(scratch)
    require(not reason, reason)
    place = str(link) if way == "a link" else way
    verb, *options = words.split()
    words_ = [sys.executable, "-B", "-m", "linkinstall", "venv", verb, *options, place]

    done = _in_a_copy(scratch, words_)

    answer, _, changed = done.partition("status ")
    unlinked = way == "a link" and words.startswith("remove") and "--follow" not in words
    expected = ["0", f".{link}"] if unlinked else ["1"]
    assert expected == changed.split(), done
    assert int(not unlinked) == answer.count("error: "), done
    assert link.is_symlink()


def _in_a_copy(scratch: Path, words: list[str]) -> str:
    """Run a command with a copy on write of the root as its root; return what it says, changes."""
    script = COPY_ON_WRITE.format(scratch=shlex.quote(str(scratch)), command=shlex.join(words))
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere"},
    )
    return done.stdout


def _no_copy_of_the_root(scratch: Path) -> str:
    """Return why no copy on write of the root can be made here."""
    if os.geteuid() != 0:
        return "a copy on write of the root can be made (root)"
    said = _in_a_copy(scratch, [sys.executable, "-B", "-c", "import linkinstall; print('there')"])
    return "" if said.startswith("there\nstatus 0") else f"a copy of the root can be used: {said}"
