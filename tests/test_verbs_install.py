"""The verb ``install``: outcomes, unchanged wheels, dry runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall import entry_check, limits, looking
from linkinstall.cache import UNFLUSHED
from linkinstall.errors import InvalidWheelError
from linkinstall.fs import crew
from tests.support.entries import lose
from tests.support.sites import Site, differences, snapshot

if TYPE_CHECKING:
    from linkinstall.cache import Entry
    from linkinstall.entry_check import Inspection
    from linkinstall.fs.port import FileSystem


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX has fork")


@pytest.fixture
def read_whole(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what was read whole before it was linked: names, and tags of compiled files."""
    found: list[str] = []

    def inspect(files: FileSystem, entry: Entry, level: str) -> Inspection:
        if level == "full":
            found.append(entry.manifest.distribution)
        return entry_check.inspect(files, entry, level)

    monkeypatch.setattr(looking, "inspect", inspect)
    return found


@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=forks)])
def test_only_what_may_not_have_reached_the_disk_is_read_whole(
    tmp_path: Path, read_whole: list[str], monkeypatch: pytest.MonkeyPatch, *, processes: bool
) -> None:
    """Not what this install has unpacked and compiled itself, nor what a flush has brought there.

    What ``cache add`` has unpacked is, once, and so is what an install without flushes has left,
    by those that flush.
    """
    monkeypatch.setattr(crew, "workers", lambda: 2)
    monkeypatch.setattr(limits, "FORK_FROM_BYTES", 0)
    first, second = Site(tmp_path / "first", compiler=True), Site(tmp_path / "second")
    wheels = [first.wheel("app"), first.wheel("other")]

    def install(site: Site, sync: str = "normal") -> list[str]:
        read_whole.clear()
        site.install(
            *wheels, sync=sync, cache=first.cache, compile_levels=(0,), processes=processes
        )
        site.uninstall("app", "other")
        return sorted(read_whole)

    assert [] == install(first)
    assert [] == install(first)
    assert [] == install(second)
    wheels[:] = [first.wheel("app", "2.0"), first.wheel("other", "2.0")]
    first.cache.add(wheels[0])
    assert ["app"] == install(first)
    assert [] == install(first)
    wheels[:] = [first.wheel("app", "3.0"), first.wheel("other", "3.0")]
    assert [[], []] == [install(first, sync="off"), install(first, sync="off")]
    tag = first.environment.cache_tag
    assert sorted(["app", "other", tag, tag]) == install(first)


@pytest.mark.parametrize("lost", ["bytecode/*/*/files/**/first*.pyc", "entries/*/**/second.py"])
def test_marks_that_a_power_cut_has_emptied_tell_nothing(tmp_path: Path, lost: str) -> None:
    """What was read whole does not speak for another entry whose mark has the same zeros.

    The marks were kept without their folders. A wheel that had lost its alias was unpacked
    again, its entry stood there, was read whole, and had zeros for a mark, as all others had:
    so a file of another entry with zeros for contents was linked.
    """
    site = Site(tmp_path, compiler=True)
    names = ("first", "second")
    wheels = [site.wheel(name, files={f"{name}.py": f"x = '{name}'\n"}) for name in names]
    site.install(*wheels, compile_levels=(0,))
    site.uninstall(*names)
    root = Path(site.cache.root)
    marks, (alias, _) = list(root.rglob(UNFLUSHED)), sorted(root.glob("aliases/*"))
    first = site.cache.find(str(wheels[0]))
    assert first is not None
    if not alias.read_text().startswith(first.entry.manifest.id):
        (_, alias) = sorted(root.glob("aliases/*"))
    (spoilt,) = root.glob(lost)
    sound = spoilt.read_bytes()
    for path in (*marks, alias, spoilt):
        lose(path)

    outcome = site.install(*wheels, sync="normal", compile_levels=(0,))

    assert ["cache-damaged"] == [warning.code for warning in outcome.warnings]
    assert [] == [one for one in site.library.rglob(spoilt.name) if one.read_bytes()[:1] == b"\0"]
    # Compiled anew, a file may have another time in it.
    assert spoilt.suffix == ".pyc" or sound == spoilt.read_bytes()


def test_what_is_there_already_is_unchanged(tmp_path: Path) -> None:
    """The same wheel again changes nothing, down to inodes; ``reinstall`` does it anyway."""
    site = Site(tmp_path)
    wheel = site.wheel("app")
    site.install(wheel)
    before = snapshot(site.root, exact=True)
    again = site.install(wheel)

    assert ("unchanged", "unchanged") == (again.status, again.changes[0].action)
    assert [] == differences(before, snapshot(site.root, exact=True))
    assert "reinstalled" == site.install(wheel, reinstall=True).changes[0].action


def test_the_outcome_counts_how_files_went(tmp_path: Path) -> None:
    """Linked files are counted by mode, generated ones as written."""
    site = Site(tmp_path)
    outcome = site.install(site.wheel("app"), link_mode="hardlink")

    assert (4, 4) == (outcome.files.hardlink, outcome.files.written)
    assert 0 == outcome.files.copy


def test_a_dry_run_writes_nothing_and_tells_all(tmp_path: Path) -> None:
    """``dry_run`` says what would come and go; neither environment nor cache changes."""
    site = Site(tmp_path)
    site.install(site.wheel("app", "1.0"))
    new = site.wheel("app", "2.0")
    before = snapshot(tmp_path)
    outcome = site.install(new, dry_run=True)

    assert outcome.plan is not None
    (planned,) = outcome.plan
    assert ("replace", "1.0", "2.0") == (planned.action, planned.previous, planned.version)
    assert str(site.library / "app-2.0.dist-info/METADATA") in planned.added
    assert str(site.library / "app-1.0.dist-info/METADATA") in planned.removed
    assert [] == differences(before, snapshot(tmp_path))


def test_who_asked_is_written_down(tmp_path: Path) -> None:
    """INSTALLER, REQUESTED and ``direct_url.json`` are written, or not, as asked."""
    site = Site(tmp_path)
    site.install(site.wheel("one"), metadata={"INSTALLER": b"pdm"}, requested=False)
    site.install(site.wheel("two"), direct_url="none")
    one, two = (site.library / f"{name}-1.0.dist-info" for name in ("one", "two"))

    assert b"pdm" == (one / "INSTALLER").read_bytes()
    assert (False, True) == tuple((info / "REQUESTED").exists() for info in (one, two))
    assert (True, False) == tuple((info / "direct_url.json").exists() for info in (one, two))


def test_bad_wheels_may_be_given_as_bytes(tmp_path: Path) -> None:
    """Wheels that cannot be taken are told whatever type their paths have, and not a TypeError."""
    site = Site(tmp_path)
    bad = [os.fsencode(site.wheel(name, files={"../x.py": "1"})) for name in ("one", "two")]
    with pytest.raises(InvalidWheelError, match="2 wheels"):
        site.install(*bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("dry_run", [False, True])
def test_all_wheels_that_cannot_be_taken_are_named(tmp_path: Path, *, dry_run: bool) -> None:
    """Everything that is wrong with several wheels is one error, which says of which each is.

    Story: only the first bad wheel was reported, and a problem did not tell whose member it was.
    """
    site = Site(tmp_path)
    good = site.wheel("good")
    one, two = (site.wheel(name, files={"../x.py": "1"}) for name in ("one", "two"))
    gone, nothing = site.folder / "gone-1.0-py3-none-any.whl", site.folder / "nothing"
    before = snapshot(site.root, exact=True)
    with pytest.raises(InvalidWheelError, match="4 wheels") as caught:
        site.install(good, one, two, gone, nothing, dry_run=dry_run)
    told = {problem.path: problem.message for problem in caught.value.problems}
    members = [f"{one.as_posix()}/../x.py", f"{two.as_posix()}/../x.py"]

    assert [*members, gone.as_posix(), nothing.as_posix()] == list(told)
    assert told[members[1]].startswith(f"{two.name}: ")
    assert caught.value.outcome is not None
    assert (1, "refused") == (caught.value.outcome.exit, caught.value.outcome.status)
    with pytest.raises(InvalidWheelError, match="gone") as alone:
        site.install(good, gone, dry_run=dry_run)
    assert [gone] == [Path(problem.path) for problem in alone.value.problems]
    assert before == snapshot(site.root, exact=True)
