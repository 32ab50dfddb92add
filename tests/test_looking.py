"""Looking at cached files, at once or beside something else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits, looking
from linkinstall.cache import Cache
from linkinstall.entry_check import Inspection, inspect
from linkinstall.fs import local
from linkinstall.looking import Looking
from linkinstall.values import replace
from tests.support.entries import file_of, lose, made_entry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linkinstall.cache import Entry

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX has fork")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take three files for many."""
    monkeypatch.setattr(limits, "FORK_FROM_LOOKS", 3)
    monkeypatch.setattr(limits, "PART_OF_LOOKS", 1)


@pytest.fixture
def entries(tmp_path: Path) -> list[Entry]:
    """Return four entries of one file each."""
    cache = Cache(tmp_path / "cache")
    return [
        made_entry(cache, {f"purelib/pkg{number}/a.py": b"%d\n" % number}) for number in range(4)
    ]


def path_of(entry: Entry) -> str:
    """Return where the one file of an entry lies."""
    ((scheme, path, _, _),) = entry.manifest.files()
    return str(file_of(entry, f"{scheme}/{path}"))


def edited(entry: Entry) -> str:
    """Edit the file of an entry; return its path."""
    with open(path_of(entry), "a", encoding="utf-8") as stream:
        stream.write("edited\n")
    return path_of(entry)


def looked(looks: Looking, entries: Iterable[Entry]) -> list[Inspection]:
    """Ask for a look at each."""
    return [looks.look(entry) for entry in entries]


@pytest.mark.parametrize(("processes", "count"), [(False, 100), (True, 2)])
def test_a_look_is_taken_at_once_where_it_is_not_put_off(
    entries: list[Entry], *, processes: bool, count: int
) -> None:
    """Without other processes, or for a few files, what is wrong is told by ``look``."""
    path = edited(entries[2])
    looks = Looking(local(), "stat", processes=processes)
    looks.put_off(count)
    found = looked(looks, entries)

    assert [(), (), ((path, "has another size"),), ()] == [one.damaged for one in found]
    looks.start()
    assert Inspection() == looks.finish()


@pytest.mark.parametrize(
    ("processes", "count"), [(False, 100), pytest.param(True, 100, marks=forks)]
)
@pytest.mark.parametrize("doubts", [False, True])
def test_what_may_not_have_reached_the_disk_is_read_whole(
    entries: list[Entry], *, processes: bool, count: int, doubts: bool
) -> None:
    """At once or put off; not what this run has written, and nothing without doubts."""
    own, lost, flushed, _ = entries
    for one in (own, lost, flushed):
        lose(Path(path_of(one)))
    Cache(Path(flushed.folder).parents[2]).mark_flushed(flushed)
    looks = Looking(local(), "stat", processes=processes, doubts=doubts)
    looks.own.add((own.folder, own.mark))
    looks.put_off(count)

    found = looked(looks, [own, lost, replace(flushed, flushed=True)])
    looks.start()
    found.append(looks.finish())

    expected = [(path_of(lost), "has other contents")] if doubts else []
    assert expected == [fault for one in found for fault in one.damaged]


def test_what_was_read_whole_is_not_read_again(entries: list[Entry]) -> None:
    """One look is enough for a run; a look that has found damage is none."""
    looks = Looking(local(), "stat", processes=False)
    looked(looks, entries[:1])
    lose(Path(path_of(entries[0])))
    lose(Path(path_of(entries[1])))

    found = looked(looks, [*entries[:2], entries[1]])

    assert [0, 1, 1] == [len(one.damaged) for one in found]


@forks
def test_what_is_put_off_is_told_at_the_end(entries: list[Entry]) -> None:
    """All that was noted is looked at by the end, and nothing is put off after that."""
    paths = [edited(entries[0]), edited(entries[3])]
    looks = Looking(local(), "stat", processes=True)
    looks.put_off(100)
    assert [Inspection()] * 4 == looked(looks, entries)
    looks.start()

    expected = tuple((path, "has another size") for path in paths)
    assert expected == looks.finish().damaged
    looks.put_off(100)
    assert looks.look(entries[0]).damaged


@forks
def test_files_without_a_link_to_spare_are_told_too(
    entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that has as many links as its volume allows is named, to be renewed in time."""
    monkeypatch.setattr(type(local()), "link_limit", lambda *_: 1)
    looks = Looking(local(), "stat", processes=True)
    looks.put_off(100)
    looked(looks, entries)
    looks.start()

    assert sorted(map(path_of, entries)) == sorted(looks.finish().crowded)


@forks
def test_what_a_helper_cannot_tell_is_looked_at_here(
    entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper that dies or meets an error costs a second look, never a look."""
    path, here = edited(entries[1]), os.getpid()

    def failing(*arguments: object) -> Inspection:
        if os.getpid() != here:
            raise OSError(5, "Input/output error")
        return inspect(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(looking, "inspect", failing)
    looks = Looking(local(), "stat", processes=True)
    looks.put_off(100)
    looked(looks, entries)
    looks.start()

    assert ((path, "has another size"),) == looks.finish().damaged


@forks
def test_what_is_abandoned_leaves_nobody_at_work(entries: list[Entry]) -> None:
    """After an error in the plan no process of it is left."""
    looks = Looking(local(), "full", processes=True)
    looks.put_off(100)
    looked(looks, entries)
    looks.start()
    looks.abandon()
    looks.abandon()

    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
