"""The verb ``check``: every file against RECORD, and what lies about."""

from __future__ import annotations

import errno
import os
import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest

from linkinstall import Environment, limits
from linkinstall.errors import DistributionError, JournalError
from linkinstall.fs import local
from linkinstall.shell import joined
from linkinstall.values import replace
from linkinstall.venvs.aside import Aside
from linkinstall.venvs.holding import hold_for_change
from linkinstall.verbs.check import check, list_distributions
from linkinstall.verbs.recover import recover
from tests.support.faulty import Killed, Wrapper
from tests.support.sites import Site
from tests.support.watched import Fault, Watched, before, process

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment with one distribution."""
    site = Site(tmp_path)
    site.install(site.wheel("app"), link_mode="copy")
    return site


def told(site: Site) -> list[tuple[str, str, str]]:
    """Return health, code and name of each finding."""
    return [(one.health, one.code, one.path.rpartition("/")[2]) for one in site.check()]


def test_a_sound_environment_has_no_findings(site: Site) -> None:
    """What was installed is whole."""
    assert [] == site.check()
    assert [("app", "1.0", "whole")] == [
        (one.name, one.version, one.health) for one in list_distributions(site.environment)
    ]


def test_a_folder_of_compiled_files_need_not_be_there(site: Site) -> None:
    """A listed ``__pycache__`` that the interpreter has not made yet is no finding.

    virtualenv lists these folders. In an environment that ``venv create`` had just made,
    ``check`` had 134 findings, and ``list`` called pip modified.
    """
    record = site.library / "app-1.0.dist-info" / "RECORD"
    record.write_text(record.read_text() + "app/__pycache__,,\napp/sub/__pycache__,,\n")

    assert [] == site.check()
    assert ["whole"] == [one.health for one in list_distributions(site.environment)]


class Leaving(Wrapper):
    """Lets somebody take a distribution away, a few times right before it is looked into."""

    def __init__(self, folder: Path, times: int) -> None:
        super().__init__(local())
        self.folder, self.times = folder, times
        self.scan = self._scan  # type: ignore[method-assign]

    def _scan(self, folder: str) -> list[tuple[str, str]]:
        if folder == str(self.folder):
            self.times -= 1
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)
        found = self.inner.scan(folder)
        if self.times:
            return found
        return [one for one in found if one[0] != self.folder.name]


@pytest.mark.parametrize("times", [1, limits.RETRIES - 1])
def test_what_goes_while_it_is_looked_at_is_no_error(
    site: Site, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """A distribution that somebody uninstalls meanwhile is not there: all is looked at again.

    Story: ``list`` beside an uninstall ended with an error of the disk, in one contest of some
    thirty.
    """
    site.install(site.wheel("going", files={"going.py": "1"}))
    leaving = Leaving(site.library / "going-1.0.dist-info", times)
    monkeypatch.setattr("linkinstall.verbs.check.local", lambda: leaving)

    assert ["app"] == [one.name for one in list_distributions(site.environment)]


def test_what_never_stands_still_is_an_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of looks is bounded, and the last one's error is told."""
    leaving = Leaving(site.library / "app-1.0.dist-info", limits.RETRIES)
    monkeypatch.setattr("linkinstall.verbs.check.local", lambda: leaving)

    with pytest.raises(FileNotFoundError, match="app-"):
        list_distributions(site.environment)
    assert 0 == leaving.times


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("app/data.txt", ("modified", "missing", "data.txt")),
        ("app-1.0.dist-info/METADATA", ("half-removed", "metadata-missing", "METADATA")),
        ("app-1.0.dist-info/RECORD", ("half-installed", "record-missing", "RECORD")),
    ],
)
def test_what_is_gone_is_named(site: Site, path: str, expected: tuple[str, str, str]) -> None:
    """A missing file is one finding, and its kind decides the health."""
    (site.library / path).unlink()

    assert [expected] == told(site)


def test_a_changed_file_is_found_by_its_digest(site: Site) -> None:
    """Equal size and other contents is a finding with both digests."""
    (site.library / "app/data.txt").write_text("atad\n")
    (finding,) = site.check("app")

    assert ("modified", "changed") == (finding.health, finding.code)
    assert finding.expected != finding.actual


def test_leftovers_of_others_are_named(site: Site) -> None:
    """An empty dist-info and pip's ``~`` folders are findings."""
    (site.library / "gone-2.0.dist-info").mkdir()
    (site.library / "~ther").mkdir()

    assert [
        ("half-removed", "foreign-leftover", "~ther"),
        ("half-removed", "empty-dist-info", "gone-2.0.dist-info"),
    ] == told(site)


def test_a_name_that_is_not_installed_is_an_error(site: Site) -> None:
    """Asking about what is not there is refused, with the name."""
    with pytest.raises(DistributionError, match="nothing"):
        site.check("nothing")


def upgrade(site: Site, ending: str, *, out: bool = False) -> None:
    """Let an upgrade to 2.0, or a removal, die before a rename."""
    transaction = site.transaction(Watched(local(), Fault(before("rename_new", ending))))
    if out:
        transaction.uninstall("app")
    else:
        transaction.install(site.wheel("app", "2.0"))
    with process(), pytest.raises(Killed):
        transaction.run()


@pytest.mark.parametrize(
    ("ending", "out", "listed"),
    [
        ("stash/0", False, ("app", "1.0", "half-installed")),
        ("app-2.0.dist-info", False, ("app", "1.0", "half-installed")),
        ("stash/1", True, ("app", "1.0", "half-removed")),
    ],
)
def test_an_unfinished_transaction_is_told_project_by_project(
    site: Site, ending: str, *, out: bool, listed: tuple[str, str, str]
) -> None:
    """A project inside an unfinished transaction is listed, and is a finding, wherever it lies.

    Story: ``check app`` had no findings and status 0 of what ``list`` called half-installed.
    While it was in the stash, ``list`` left it out, and ``check`` called it not installed; the
    finding had no name and the health "whole".
    """
    site.install(site.wheel("other", files={"other.py": ""}))
    upgrade(site, ending, out=out)
    named, every = site.check("app"), site.check()

    assert listed in [
        (one.name, one.version, one.health) for one in list_distributions(site.environment)
    ]
    for findings in (named, every):
        assert [("app", listed[2], str(site.home))] == [
            (one.distribution, one.health, one.path)
            for one in findings
            if one.code == "unfinished-transaction"
        ]
    assert all("recover" in one.fix for one in named)
    assert [] == site.check("other")


def test_a_project_in_the_stash_is_listed_where_it_will_be(site: Site) -> None:
    """What is listed has the path that settling leads to."""
    upgrade(site, "app-2.0.dist-info")
    (one,) = list_distributions(site.environment)
    assert f"{site.library}/app-1.0.dist-info" == one.path

    (site.home / "journal").rename(site.home / "committed")
    (one,) = list_distributions(site.environment)
    assert ("2.0", f"{site.library}/app-2.0.dist-info") == (one.version, one.path)


@pytest.mark.parametrize("names", [(), ("app",)])
def test_recover_mends_no_journal_that_cannot_be_read(site: Site, names: tuple[str, ...]) -> None:
    """The fix of a finding does what it says: with the state folder aside, a repair can begin.

    Story: ``recover`` was named, and refused the journal like every other command; no message
    told a way out that there was.
    """
    upgrade(site, "app")
    (site.home / "journal").write_bytes(b"garbage")
    findings = site.check(*names)
    (finding,) = [one for one in findings if one.code == "unfinished-transaction"]
    assert ("", str(site.home)) == (finding.distribution, finding.path)
    assert "cannot be understood" in str(finding.actual)
    assert finding.fix.startswith(("mv ", "move "))
    with pytest.raises(JournalError, match="refuse until") as refused:
        site.recover()
    assert str(site.home) in refused.value.next_step

    shutil.move(site.home, f"{site.home}.aside")
    site.install(site.wheel("app", "2.0"), overwrite_existing=True)
    assert [] == site.check()


def in_library(site: Site) -> Environment:
    """Return the library of an environment as ``--target`` names it."""
    library = str(site.library)
    schemes = {**dict.fromkeys(site.environment.schemes, library), "scripts": f"{library}/bin"}
    own = replace(site.environment, keeps_lock=False)
    return replace(own, kind="target", root=library, schemes=schemes, runtime=schemes)


def test_a_change_begun_with_other_folders_is_recovered_with_them(site: Site) -> None:
    """A journal of a virtual environment that ``--target`` finds is settled by naming that.

    Story: it was called unreadable, and to move the state folder away was named as what mends
    it. With that the project was gone, and nothing told of it any more.
    """
    tool = site.wheel("app", "2.0", entry_points="[console_scripts]\ntool = app:main\n")
    transaction = site.transaction(Watched(local(), Fault(before("rename_new", "app"))))
    transaction.install(tool)
    with process(), pytest.raises(Killed):
        transaction.run()
    (finding,) = (
        one
        for one in check(environment=in_library(site), cache=site.cache)
        if one.code == "unfinished-transaction"
    )

    assert joined(["linkinstall", "recover", "--python", str(site.root)]) == finding.fix
    assert "begun with other folders" in str(finding.actual)
    with pytest.raises(JournalError, match="options that it was begun with") as refused:
        recover(in_library(site), cache=site.cache)
    assert ["other-folders"] == [one.code for one in refused.value.problems]
    assert ["rolled-back"] == [one.action for one in site.recover().recovered]


def test_folders_that_nobody_can_tell_are_asked_for(site: Site) -> None:
    """Where the environment itself was named, the fix has a place for the options."""
    own = site.environment
    site.environment = replace(own, schemes={**own.schemes, "scripts": str(site.folder / "tools")})
    tool = site.wheel("app", "2.0", entry_points="[console_scripts]\ntool = app:main\n")
    transaction = site.transaction(Watched(local(), Fault(before("rename_new", "app"))))
    transaction.install(tool)
    with process(), pytest.raises(Killed):
        transaction.run()

    fixes = {one.fix for one in check(environment=own, cache=site.cache) if not one.distribution}
    assert {"linkinstall recover OPTIONS  # OPTIONS: those that the change was begun with"} == fixes


@pytest.mark.parametrize("inner", ["", "vendor"])
def test_what_a_killed_venv_command_has_left_is_a_finding(site: Site, inner: str) -> None:
    """It is told with the command that settles it, also of a folder in that environment.

    Story: every changing command ended with status 3 there, and ``check`` found nothing.
    """
    environment = site.environment
    if inner:
        (site.root / inner).mkdir()
        environment = Environment.for_target(site.root / inner, base=environment)
    aside = Aside(local(), str(site.root), sync="off", hold=partial(hold_for_change, local()))
    aside.begin("remove")
    assert [] == check(environment=environment)  # it is still at work
    assert aside.lock is not None
    aside.lock.release()

    (finding,) = check(environment=environment)
    assert ("unfinished-transaction", aside.state) == (finding.code, finding.path)
    assert f"linkinstall venv create {site.root}" == finding.fix
