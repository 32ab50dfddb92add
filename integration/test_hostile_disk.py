"""What somebody has put onto the disk leads no verb out, and lets none wait for ever.

Each case spoils an environment or its cache on purpose, then every verb is called in turn.
Beside the environment stands a folder that everything spoilt leads to: it stays as it is,
whatever the verbs answer, and each refusal is a typed one.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.gates import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.support.spoilt import Spoilt


def link_state(spoilt: Spoilt) -> None:
    """Put a link in the place of the state folder."""
    spoilt.state.symlink_to(spoilt.outside)


def link_folder(name: str) -> Callable[[Spoilt], None]:
    """Put a link into the state folder."""

    def spoil(spoilt: Spoilt) -> None:
        spoilt.state.mkdir()
        (spoilt.state / name).symlink_to(spoilt.outside)

    return spoil


def pipe_for(name: str) -> Callable[[Spoilt], None]:
    """Put a FIFO without a writer into the state folder."""

    def spoil(spoilt: Spoilt) -> None:
        spoilt.state.mkdir()
        os.mkfifo(spoilt.state / name)

    return spoil


def device_for_a_journal(spoilt: Spoilt) -> None:
    """Make a journal that never ends."""
    require(os.geteuid() == 0, "a device can be made (root)")
    spoilt.state.mkdir()
    os.mknod(spoilt.state / "journal", 0o020600, os.makedev(1, 5))


def pointer_outside(spoilt: Spoilt) -> None:
    """Let the pointer name a state folder of nobody."""
    spoilt.state.mkdir()
    (spoilt.outside / ".linkinstall").mkdir()
    (spoilt.outside / ".linkinstall" / "stash").mkdir()
    (spoilt.state / "pointer").write_text(f"{spoilt.outside}/.linkinstall\0")


def pipe_for_record(spoilt: Spoilt) -> None:
    """Put a FIFO without a writer in the place of RECORD."""
    spoilt.record.unlink()
    os.mkfifo(spoilt.record)


def rows_that_lead_out(spoilt: Spoilt) -> None:
    """Let RECORD name files, and folders, of others."""
    up = os.path.relpath(spoilt.outside, spoilt.venv.library)
    rows = f"{up}/x,,\n{spoilt.outside}/x,,\n{up}/folder,,\n../../..,,\nsample/../{up}/x,,\n.,,\n"
    spoilt.record.write_text(spoilt.record.read_text() + rows)


def link_in_the_library(spoilt: Spoilt) -> None:
    """Let a package be a link to a folder of others."""
    shutil.rmtree(spoilt.venv.library / "sample")
    (spoilt.venv.library / "sample").symlink_to(spoilt.outside)


def alias_outside(spoilt: Spoilt) -> None:
    """Let an alias name a folder outside of the cache."""
    up = os.path.relpath(spoilt.outside, spoilt.cache / "entries")
    for alias in (spoilt.cache / "aliases").iterdir():
        alias.write_text(f"{up}\n{'0' * 64}\n")


def pipe_for_an_alias(spoilt: Spoilt) -> None:
    """Put a FIFO in the place of an alias."""
    for alias in list((spoilt.cache / "aliases").iterdir()):
        alias.unlink()
        os.mkfifo(alias)


def pipe_for_a_manifest(spoilt: Spoilt) -> None:
    """Put a FIFO in the place of a manifest."""
    path = spoilt.one_entry() / "manifest"
    path.unlink()
    os.mkfifo(path)


def linked_files(spoilt: Spoilt) -> None:
    """Let the files of an entry be those of others."""
    path = spoilt.one_entry() / "files"
    shutil.rmtree(path)
    path.symlink_to(spoilt.outside)


def linked_cache_folder(name: str) -> Callable[[Spoilt], None]:
    """Put a link in the place of a folder of the cache."""

    def spoil(spoilt: Spoilt) -> None:
        shutil.rmtree(spoilt.cache / name, ignore_errors=True)
        (spoilt.cache / name).symlink_to(spoilt.outside)

    return spoil


def linked_temporary_folder(spoilt: Spoilt) -> None:
    """Put a link among the temporary folders."""
    (spoilt.cache / "tmp" / "0123456789abcdef").symlink_to(spoilt.outside)


def pipe_for_a_note(spoilt: Spoilt) -> None:
    """Put a FIFO in the place of each note of an environment."""
    for note in list((spoilt.cache / "environments").iterdir()):
        note.unlink()
        os.mkfifo(note)


CASES: dict[str, Callable[[Spoilt], None]] = {
    "a link for the state folder": link_state,
    "a link for the stash": link_folder("stash"),
    "a link for the trash": link_folder("trash"),
    "a link for the new folder": link_folder("new"),
    "a link for the cache of one run": link_folder("cache"),
    "a link for the journal": link_folder("journal"),
    "a FIFO for the journal": pipe_for("journal"),
    "a FIFO for the pointer": pipe_for("pointer"),
    "a device for the journal": device_for_a_journal,
    "a pointer that leads out": pointer_outside,
    "a FIFO for RECORD": pipe_for_record,
    "rows of RECORD that lead out": rows_that_lead_out,
    "a link for a package": link_in_the_library,
    "an alias that leads out": alias_outside,
    "a FIFO for an alias": pipe_for_an_alias,
    "a FIFO for a manifest": pipe_for_a_manifest,
    "a link for the files of an entry": linked_files,
    "a link for the temporary folders": linked_cache_folder("tmp"),
    "a link for a temporary folder": linked_temporary_folder,
    "a FIFO for the note of an environment": pipe_for_a_note,
}


@pytest.mark.parametrize("name", CASES)
def test_no_verb_is_led_out(spoilt: Spoilt, name: str) -> None:
    """What lies outside stays byte for byte, and each answer is a typed one."""
    CASES[name](spoilt)
    into = ("--python", spoilt.venv.root)
    verbs: list[tuple[object, ...]] = [
        ("check", *into), ("check", "--full", *into), ("recover", *into),
        ("install", "--reinstall", "--no-compile-bytecode", *into, spoilt.sample),
        ("repair", "--all", *into), ("uninstall", "sample", *into),
        ("cache", "info"), ("cache", "verify", "--full"), ("cache", "verify", "--repair"),
        ("cache", "prune"), ("cache", "clean", "--force"), ("venv", "remove", spoilt.venv.root),
    ]  # fmt: skip

    spoilt.is_led_nowhere(verbs)
