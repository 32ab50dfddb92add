"""What is owed after a flush that failed, and what of it was not given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration.faults.injection import ErrorPoint, Injected
from integration.faults.lost import is_owed, still_linked
from integration.faults.sandbox import Completed
from integration.faults.scenarios import ALL_MODES, scenarios
from linkinstall.cache import QUARANTINED, UNFLUSHED

if TYPE_CHECKING:
    from pathlib import Path

ENTRY, SET = "v1/entries/one", "v1/bytecode/one/cpython-311-0"


def injected(status: int, *, fired: bool = True) -> Injected:
    """Return an error that a run met, and with which status it ended."""
    return Injected(fired, ("syncfs(5</world/venv>) = -1 EIO",), (), Completed(status, ""))


def holding(cache: Path, folder: str, *names: str) -> None:
    """Make a folder of the cache with these files."""
    (cache / folder).mkdir(parents=True)
    for name in names:
        (cache / folder / name).write_bytes(b"")


@pytest.mark.parametrize("folder", [ENTRY, SET])
def test_what_is_marked_and_has_a_manifest_is_told(tmp_path: Path, folder: str) -> None:
    """Entries and sets of compiled files that would be linked again are named by their folder."""
    holding(tmp_path, folder, "files", "manifest", UNFLUSHED)

    assert [folder] == still_linked(str(tmp_path))


@pytest.mark.parametrize("folder", [ENTRY, SET])
@pytest.mark.parametrize(
    "names",
    [("manifest",), (UNFLUSHED, QUARANTINED), (UNFLUSHED,), ()],
    ids=["flushed", "given-up", "no-manifest", "empty"],
)
def test_what_was_flushed_or_given_up_is_not_told(
    tmp_path: Path, folder: str, names: tuple[str, ...]
) -> None:
    """What has reached the disk may be linked, and what has no manifest never is."""
    holding(tmp_path, folder, *names)

    assert [] == still_linked(str(tmp_path))


def test_all_are_told_in_their_order(tmp_path: Path) -> None:
    """Each folder that was kept has a line, and the others have none."""
    for folder in ("v1/entries/two", SET, ENTRY):
        holding(tmp_path, folder, "manifest", UNFLUSHED)
    holding(tmp_path, "v1/entries/three", "manifest")

    assert [SET, ENTRY, "v1/entries/two"] == still_linked(str(tmp_path))


def test_a_cache_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    """A run that fails before it has a cache keeps nothing that is lost."""
    assert [] == still_linked(str(tmp_path / "cache"))


@pytest.mark.parametrize("point", ["syncfs:1:EIO", "syncfs:1+:EIO", "syncfs:2:EIO"])
@pytest.mark.parametrize("verb", ["install", "repair", "uninstall"])
@pytest.mark.parametrize("status", [0, 1, 3])
def test_it_is_owed_where_a_flush_met_an_error_of_the_disk(
    verb: str, point: str, status: int
) -> None:
    """Whichever flush of a run that changes packages it was, and however the run ends."""
    assert is_owed(verb, ErrorPoint.parse(point), injected(status))


@pytest.mark.parametrize(
    ("verb", "point", "met"),
    [
        ("install", "syncfs:1:ENOSPC", injected(1)),
        ("install", "fsync:1:EIO", injected(1)),
        ("install", "rename:1+:EIO", injected(1)),
        ("install", "syncfs:1:EIO", injected(-9)),
        ("install", "syncfs:1:EIO", injected(1, fired=False)),
        ("venv-remove", "syncfs:1:EIO", injected(1)),
        ("cache-verify", "syncfs:1:EIO", injected(1)),
    ],
)
def test_it_is_not_owed_where_nothing_is_promised(verb: str, point: str, met: Injected) -> None:
    """Another error or call, a kill, a call that was not met, a verb that promises nothing."""
    assert not is_owed(verb, ErrorPoint.parse(point), met)


def test_each_verb_is_one_or_the_other() -> None:
    """A new verb that changes packages is not left out by being forgotten."""
    verbs = {one.verb for one in scenarios(ALL_MODES)}
    point = ErrorPoint.parse("syncfs:1:EIO")

    left_out = {verb for verb in verbs if not is_owed(verb, point, injected(1))}

    flushing_nothing = {verb for verb in verbs if verb.startswith(("cache-", "venv-"))}
    assert flushing_nothing - {"cache-add"} == left_out
