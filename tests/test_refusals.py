"""What is refused before a plan is made, all of it in one error."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall.distribution import Distribution
from linkinstall.errors import ConflictError, DistributionError, UsageError
from linkinstall.paths import forward
from linkinstall.refusals import (
    refuse_linked,
    refuse_passing_cache,
    refuse_twice,
    refuse_unremovable,
)
from linkinstall.wishes import Exactly
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site, differences, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable


def installed(site: Site, name: str, **files: str) -> Distribution:
    """Put a dist-info folder with these files into a site."""
    folder = f"{name}-1.0.dist-info"
    (site.library / folder).mkdir()
    for file, text in files.items():
        (site.library / folder / file).write_text(text)
    return Distribution(name, "1.0", str(site.library), folder, str(site.library))


@pytest.mark.parametrize("names", [[], ["app"], ["app", "app-extra"]])
def test_one_wheel_of_each_project_passes(names: list[str]) -> None:
    """Projects that come once are not refused, however alike their names are."""
    refuse_twice(names, [None] * len(names))


def test_every_project_that_comes_twice_is_named() -> None:
    """Two wheels of one project in a command are refused, in order, each by its absolute path.

    Story: ``path`` was the name of the project.
    """
    names = ["web", "app", "web", "once", "app", "web"]
    wheels = ["a/web-1.whl", None, "b/web-1.whl", "once-1.whl", None, "web-2.whl"]

    with pytest.raises(ConflictError) as caught:
        refuse_twice(names, wheels)

    here = forward(os.getcwd())
    assert [("claimed-twice", "", "app", "app comes twice")] + [
        ("claimed-twice", f"{here}/{path}", "web", f"web comes twice: {path}")
        for path in ("a/web-1.whl", "b/web-1.whl", "web-2.whl")
    ] == [
        (problem.code, problem.path, problem.owner, problem.message)
        for problem in caught.value.problems
    ]
    assert "app, web" in caught.value.message
    assert "Nothing was changed." in caught.value.next_step


def test_what_has_a_record_may_be_removed(tmp_path: Path) -> None:
    """A distribution whose RECORD says something is not refused, metadata or not."""
    site = Site(tmp_path)
    one = installed(site, "app", RECORD="app-1.0.dist-info/RECORD,,\n")

    refuse_unremovable(site.world(), [one])


def test_everything_without_a_record_is_named(tmp_path: Path) -> None:
    """Without RECORD, or with an empty one, nothing is removed; each is named with its tool."""
    site = Site(tmp_path)
    leaving = [
        installed(site, "web", METADATA="", RECORD=""),
        installed(site, "sound", RECORD="sound.py,,\n"),
        installed(site, "app", INSTALLER="conda\n"),
    ]

    with pytest.raises(DistributionError) as caught:
        refuse_unremovable(site.world(), leaving)

    base = str(site.library)
    assert [
        ("record-missing", f"{base}/web-1.0.dist-info/RECORD", "web"),
        ("record-missing", f"{base}/app-1.0.dist-info/RECORD", "app"),
    ] == [(one.code, one.path, one.owner) for one in caught.value.problems]
    assert "app, web" in caught.value.message
    assert "(installed by conda)" in str(caught.value)
    assert "Install a wheel of the project over it" in caught.value.next_step


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (None, "RECORD is missing."),
        (b"", "RECORD is missing."),
        (b"app.py,sha256=x\n", "RECORD cannot be read."),
        (b"caf\xe9.py,,\n", "RECORD cannot be read."),
    ],
)
def test_what_is_wrong_with_a_record_is_told(
    tmp_path: Path, record: bytes | None, told: str
) -> None:
    """A RECORD that stands there is not called missing.

    Where one row of it could not be read, the message said that it was missing.
    """
    site = Site(tmp_path)
    one = installed(site, "app", METADATA="")
    if record is not None:
        Path(one.path, "RECORD").write_bytes(record)

    with pytest.raises(DistributionError) as caught:
        refuse_unremovable(site.world(), [one])

    assert caught.value.message.endswith(told)
    assert told[7:-1].replace("is missing", "has no RECORD") in caught.value.problems[0].message


def test_records_that_are_lost_in_two_ways_are_told_as_both(tmp_path: Path) -> None:
    """Where one RECORD is missing and another cannot be read, neither is said of both."""
    site = Site(tmp_path)
    leaving = [installed(site, "web"), installed(site, "app", RECORD="app.py,sha256=x\n")]

    with pytest.raises(DistributionError) as caught:
        refuse_unremovable(site.world(), leaving)

    assert caught.value.message.endswith("RECORD is missing or cannot be read.")


def test_a_project_is_not_removed_and_placed_in_one(tmp_path: Path) -> None:
    """What a destination places does not replace: its removal in the same transaction is refused.

    It was dropped without a word, and both versions stood there.
    """
    site = Site(tmp_path)
    site.install(site.wheel("app", "1.0"))
    before = site.tree()
    entry = site.cache.add(site.wheel("app", "2.0")).entry
    transaction = site.transaction(compile_levels=())
    transaction.uninstall("app")
    transaction.install_exactly(entry, Exactly(()), site.environment.schemes)

    with pytest.raises(ConflictError, match="cannot do both: app"):
        transaction.run()

    assert before == site.tree()


def linked(tmp_path: Path) -> Site:
    """Install a project, and move its dist-info elsewhere, with a link in its place."""
    site = Site(tmp_path)
    site.install(site.wheel("other", files={"shared.py": "1"}))
    (site.library / "other-1.0.dist-info").rename(site.root / "moved")
    (site.library / "other-1.0.dist-info").symlink_to(site.root / "moved")
    return site


@needs_symlinks
@pytest.mark.parametrize("verb", ["uninstall", "upgrade", "remove"])
def test_a_dist_info_that_is_a_link_is_not_replaced(tmp_path: Path, verb: str) -> None:
    """Where it is to go, or another is to come, one error names the link and where it leads."""
    site = linked(tmp_path)
    before = snapshot(site.root)
    newer = site.wheel("other", "2.0", files={"shared.py": "2"})
    call: Callable[[], object] = {
        "uninstall": lambda: site.uninstall("other"),
        "upgrade": lambda: site.install(newer),
        "remove": lambda: site.repair("other", remove=True),
    }[verb]

    with pytest.raises(DistributionError) as caught:
        call()

    path = f"{site.library}/other-1.0.dist-info"
    (problem,) = caught.value.problems
    assert ("link-in-the-way", path, "other") == (problem.code, problem.path, problem.owner)
    assert f"{path} is a link to {site.root}/moved" == problem.message
    assert [] == differences(before, snapshot(site.root))


@needs_symlinks
def test_files_of_a_linked_dist_info_are_its_own(tmp_path: Path) -> None:
    """They are nobody's leftovers, and stay where another project that lists them goes.

    The distribution was invisible: an upgrade of a project without RECORD replaced its files with
    a warning, and a removal took them.
    """
    site = linked(tmp_path)
    site.install(site.wheel("app", files={"app.py": "1"}))
    record = site.library / "app-1.0.dist-info/RECORD"
    text = record.read_text()
    record.unlink()
    with pytest.raises(ConflictError) as caught:
        site.install(site.wheel("app", "2.0", files={"shared.py": "2"}))
    record.write_text(f"{text}shared.py,,\n")
    outcome = site.uninstall("app")

    assert ["other"] == [problem.owner for problem in caught.value.problems]
    assert ["also owned by other"] == [one.reason for one in outcome.kept]
    assert "1" == (site.library / "shared.py").read_text()
    assert [] == site.check()


def test_dist_infos_that_are_folders_pass(tmp_path: Path) -> None:
    """What is no link is not refused."""
    site = Site(tmp_path)
    one = installed(site, "app", RECORD="app-1.0.dist-info/RECORD,,\n")

    refuse_linked(site.world(), [one])


def test_a_project_is_not_installed_and_then_removed_in_one(tmp_path: Path) -> None:
    """To ask for a wheel and then for the removal of its project is refused, and names it.

    Story: the removal was dropped without a word. The other order is a replacement.
    """
    site = Site(tmp_path)
    transaction = site.transaction(compile_levels=())
    transaction.uninstall("app")
    transaction.install(site.wheel("app", "1.0"))
    assert ["installed"] == [one.action for one in transaction.run().changes]
    before = site.tree()
    transaction = site.transaction(compile_levels=())
    transaction.install(site.wheel("app", "2.0"))
    transaction.uninstall("App")
    with pytest.raises(ConflictError, match="cannot do both: app") as caught:
        transaction.run()

    assert [("", "app")] == [(one.path, one.owner) for one in caught.value.problems]
    assert before == site.tree()


def test_links_into_a_cache_that_goes_are_refused() -> None:
    """What to do is said: without ``--no-cache``, or in another way."""
    with pytest.raises(UsageError, match="needs a cache that stays") as caught:
        refuse_passing_cache()

    assert "--no-cache" in caught.value.next_step
