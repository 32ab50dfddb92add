"""The verb ``recover``: both ways, before and after the commit point."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import RecoveryRefusedError, UnsettledError
from linkinstall.fs import local
from linkinstall.fs.lock import private_path
from linkinstall.mending import Mending
from linkinstall.paths import forward
from linkinstall.requests import Generated
from linkinstall.verbs import recover as verb
from linkinstall.verbs.recover import recover
from linkinstall.wishes import Exactly
from tests.support.faulty import Killed, Undurable
from tests.support.sites import Site, differences
from tests.support.watched import Fault, Moment, Watched, process
from tests.support.wheels import record_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linkinstall.outcome import Outcome
    from linkinstall.transaction import Transaction


def leave_open(site: Site, *, committed: bool = False) -> None:
    """Upgrade ``app`` up to the commit point, or past it, and go away."""
    transaction = site.transaction()
    transaction.install(site.wheel("app", "2.0"))
    leave(transaction, committed=committed)


def leave(transaction: Transaction, *, committed: bool = False) -> None:
    """Prepare a transaction, or commit it as well, and go away."""
    transaction.prepare()
    application = transaction._application
    assert application is not None
    if committed:
        application.commit()
    lock = transaction._session._lock
    assert lock is not None
    lock.release()


def kill(site: Site, act: Callable[[Transaction], None], **options: object) -> None:
    """Kill a transaction when its journal stands, and nothing has been taken out of place."""
    transaction = site.transaction(Watched(local(), Fault(takes_out)), **options)
    act(transaction)
    with process(), pytest.raises(Killed):
        transaction.prepare()
    assert (site.home / "journal").is_file()


def takes_out(moment: Moment) -> bool:
    """Pick the first thing that is moved into the stash."""
    path = moment.change.path
    return moment.change.verb.startswith("rename") and "/.linkinstall/stash/" in path


def place(path: Path, text: str, *, after: Path | None = None) -> None:
    """Put a file into place by one rename, as editors do; it is later than another one."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(text.encode())
    if after is not None:
        time = after.stat().st_mtime_ns + 2_000_000_000
        os.utime(new, ns=(time, time))
    new.replace(path)


def another_tool(site: Site, project: str, files: Mapping[str, str]) -> None:
    """Install a project as another tool does, over what stands there."""
    name, version = project.split("-")
    info = f"{project}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {**files, f"{info}/METADATA": metadata}
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    for path, text in files.items():
        (site.library / path).parent.mkdir(exist_ok=True)
        place(site.library / path, text)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment with version 1 of ``app``."""
    site = Site(tmp_path)
    site.install(site.wheel("app", "1.0"))
    return site


@pytest.mark.parametrize("policy", ["auto", "rollback"])
def test_before_the_commit_point_it_is_rolled_back(site: Site, policy: str) -> None:
    """The environment is what it was, and the outcome says so."""
    before = site.tree()
    leave_open(site)
    outcome = site.recover(policy)

    assert ["rolled-back"] == [one.action for one in outcome.recovered]
    assert [] == differences(before, site.tree())
    assert () == site.recover().recovered


def test_an_install_can_be_finished_from_its_entry(site: Site) -> None:
    """``finish`` brings the new version in while the cache has it."""
    leave_open(site)
    outcome = site.recover("finish")

    assert ["finished"] == [one.action for one in outcome.recovered]
    assert (site.library / "app-2.0.dist-info/RECORD").is_file()
    assert [] == site.check()


def test_what_was_finished_and_is_not_on_the_disk_was_not_rolled_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``full``, a change that is made again is made, whether or not it is durable.

    It was told as rolled back, with the new files in place.
    """
    leave_open(site)
    monkeypatch.setattr("linkinstall.transaction.local", Undurable)
    with pytest.raises(UnsettledError, match="a power cut could take it back"):
        recover(site.environment, policy="finish", cache=site.cache, sync="full")
    monkeypatch.undo()

    assert ["finished"] == [one.action for one in site.recover().recovered]
    assert (site.library / "app-2.0.dist-info/RECORD").is_file()


def test_without_its_entry_finish_rolls_back_and_says_so(site: Site) -> None:
    """The entry is gone: rolled back, exit status 1."""
    before = site.tree()
    leave_open(site)
    entries = site.folder / "cache/v1/entries"
    for entry in entries.iterdir():
        (entry / "manifest").unlink()

    with pytest.raises(RecoveryRefusedError, match="rolled back") as caught:
        site.recover("finish")
    assert 1 == caught.value.exit_status
    assert [] == differences(before, site.tree())


def test_after_the_commit_point_it_is_finished(site: Site) -> None:
    """``rollback`` is refused then, and the change is finished."""
    leave_open(site, committed=True)

    with pytest.raises(RecoveryRefusedError, match="already committed"):
        site.recover("rollback")
    assert (site.library / "app-2.0.dist-info/RECORD").is_file()
    assert not site.home.exists()
    assert [] == site.check()


def test_what_somebody_has_put_there_since_is_not_replaced(site: Site) -> None:
    """``finish`` does what was asked for, by the same rules: the file of another is in the way.

    It was overwritten, since a change that is made again replaced whatever it found.
    """
    transaction = site.transaction()
    transaction.install(site.wheel("app", "2.0", files={"app_settings.py": "theirs"}))
    leave(transaction)
    (site.library / "app_settings.py").unlink()
    (site.library / "app_settings.py").write_text("mine")

    with pytest.raises(RecoveryRefusedError, match="in the way"):
        site.recover("finish")

    assert "mine" == (site.library / "app_settings.py").read_text()
    assert (site.library / "app-1.0.dist-info/RECORD").is_file()


def test_what_stood_in_the_way_of_what_was_put_back_is_not_replaced(site: Site) -> None:
    """``finish`` replaces nothing that somebody has put there since, asked to overwrite or not.

    It replaced that, and its own rollback's trash was swept by what it did next: a person's
    file was lost, and the one that had come in its place as well.
    """
    (site.library / "app_settings.py").write_text("a person's")
    transaction = site.transaction(overwrite_existing=True)
    transaction.install(site.wheel("app", "2.0", files={"app_settings.py": "app's"}))
    leave(transaction)
    (site.library / "app_settings.py").unlink()
    (site.library / "app_settings.py").write_text("somebody's")

    with pytest.raises(RecoveryRefusedError, match="in the way") as caught:
        site.recover("finish")

    assert "somebody's" == (site.library / "app_settings.py").read_text()
    assert caught.value.outcome is not None
    (kept,) = caught.value.outcome.kept
    (waiting,) = Path(kept.reason.rpartition(" ")[2]).iterdir()
    assert "a person's" == waiting.read_text()


def test_what_another_tool_has_installed_since_is_not_replaced(site: Site) -> None:
    """``finish`` leaves a project alone that somebody has changed after the kill.

    A later version that another tool had installed was replaced by the one of the killed run.
    """
    leave_open(site)
    for path in site.library.glob("app-*.dist-info"):
        shutil.rmtree(path)
    another_tool(site, "app-3.0", {})

    with pytest.raises(RecoveryRefusedError, match="another tool has changed app since"):
        site.recover("finish")

    assert ["app-3.0.dist-info"] == [path.name for path in site.library.glob("*.dist-info")]


def test_what_has_come_since_is_not_overwritten(site: Site) -> None:
    """``finish`` overwrites, as it was asked for, what stood there when it was asked for.

    Of the first run's ``--overwrite-existing`` the second one only knew that: what a person and
    another tool had put at free paths since was replaced, with status 0 and without a warning.
    """
    (site.library / "stood.py").write_text("to be replaced")
    transaction = site.transaction(overwrite_existing=True)
    files = {"stood.py": "new", "mine.py": "new", "shared.py": "new"}
    transaction.install(site.wheel("other", files=files))
    leave(transaction)
    place(site.library / "mine.py", "a person's")
    another_tool(site, "third-1.0", {"shared.py": "third's"})

    with pytest.raises(RecoveryRefusedError, match="2 paths are in the way") as caught:
        site.recover("finish")

    assert [f"{forward(str(site.library))}/{name}.py" for name in ("mine", "shared")] == sorted(
        forward(problem.path) for problem in caught.value.problems
    )
    assert "mine.py has come since" in str(caught.value)
    assert "a person's" == (site.library / "mine.py").read_text()
    assert "third's" == (site.library / "shared.py").read_text()
    assert "to be replaced" == (site.library / "stood.py").read_text()
    assert not [*site.library.glob("other*")]
    assert caught.value.outcome is not None
    assert ["rolled-back"] == [one.action for one in caught.value.outcome.recovered]


def test_another_build_that_has_come_since_is_not_removed(site: Site) -> None:
    """``finish`` leaves a project alone that another tool has installed again, as the same version.

    Versions were all that was compared: the removal of the old build took the new one away.
    """
    kill(site, lambda transaction: transaction.uninstall("app"))
    another_tool(site, "app-1.0", {"app/__init__.py": "another build", "app/more.py": "more"})
    before = {path: path.read_bytes() for path in site.library.glob("app*/*")}

    with pytest.raises(RecoveryRefusedError, match="another tool has changed app since"):
        site.recover("finish")

    assert before == {path: path.read_bytes() for path in site.library.glob("app*/*")}


def test_what_comes_between_the_two_runs_is_not_removed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was rolled back lets the lock go: who has waited for it comes before what is redone.

    A project that was installed again at that moment was taken for the old one.
    """

    def meanwhile(outcome: Outcome, redo: Transaction | str) -> Outcome:
        another_tool(site, "app-1.0", {"app/__init__.py": "another build"})
        return finish(outcome, redo)

    finish = verb._finish
    kill(site, lambda transaction: transaction.uninstall("app"))
    monkeypatch.setattr(verb, "_finish", meanwhile)

    with pytest.raises(RecoveryRefusedError, match="another tool has changed app since"):
        site.recover("finish")

    assert "another build" == (site.library / "app/__init__.py").read_text()


def test_what_a_living_run_has_finished_is_not_done_again(site: Site) -> None:
    """The journal of a run that is under way is not for others: it is waited for, and done.

    ``finish`` did the same once more, or said that another tool had changed the project and
    that all was rolled back.
    """
    transaction = site.transaction()
    transaction.install(site.wheel("app", "2.0"))
    transaction.prepare()

    def commit(_message: str) -> None:
        transaction.commit()

    outcome = recover(
        site.environment, policy="finish", cache=site.cache, lock_timeout=5.0, notify=commit
    )

    assert ((), ()) == (outcome.recovered, outcome.changes)
    assert (site.library / "app-2.0.dist-info/RECORD").is_file()
    assert [] == site.check()


def test_what_was_edited_since_is_not_mended(site: Site) -> None:
    """A repair that is finished replaces what was edited before it began, and nothing else.

    What somebody had saved after the kill was replaced by the wheel's file, with status 0.
    """
    site.install(site.wheel("two", files={"two/first.py": "", "two/second.py": ""}))
    first, second = sorted(site.library.glob("two/*.py"))
    place(first, "edited before")
    kill(site, lambda transaction: transaction.look(Mending(["two"])), compile_levels=())
    place(second, "edited since", after=site.home / "journal")

    with pytest.raises(RecoveryRefusedError, match="in the way") as caught:
        site.recover("finish")

    assert f"{second.name} was changed since" in str(caught.value)
    assert ("edited before", "edited since") == (first.read_text(), second.read_text())


def test_what_was_to_be_overwritten_and_was_changed_since_stays(site: Site) -> None:
    """Whoever asked for a file to be overwritten meant the one that stood there.

    What a person had saved at the path after the kill was lost.
    """
    theirs = site.library / "theirs.py"
    theirs.write_text("to be replaced")
    wheel = site.wheel("other", files={"theirs.py": "new"})
    kill(site, lambda transaction: transaction.install(wheel), overwrite_existing=True)
    place(theirs, "saved since", after=site.home / "journal")

    with pytest.raises(RecoveryRefusedError, match="in the way"):
        site.recover("finish")

    assert "saved since" == theirs.read_text()


def test_what_was_compiled_since_is_in_nobodys_way(site: Site) -> None:
    """An interpreter that has run in between does not keep a removal from being finished.

    Its compiled files have come since, and go with their sources.
    """
    kill(site, lambda transaction: transaction.uninstall("app"))
    compiled = site.library / "app/__pycache__"
    compiled.mkdir(exist_ok=True)
    (compiled / "__init__.cpython-311.pyc").write_bytes(b"compiled")

    assert ["finished"] == [one.action for one in site.recover("finish").recovered]
    assert [] == [*site.library.glob("app*")]


def test_in_a_copy_times_tell_nothing(site: Site, tmp_path: Path) -> None:
    """A copied environment can be finished, though every file in it is later than the journal.

    Sizes alone tell what was changed there, as for a rollback.
    """
    kill(site, lambda transaction: transaction.uninstall("app"))
    journal = site.home / "journal"
    copied = site.seen_at(tmp_path / "copied")
    shutil.copytree(site.root, copied.root, symlinks=True)
    for path in copied.library.glob("app*/*"):
        place(path, path.read_bytes().decode(), after=journal)

    assert ["finished"] == [one.action for one in copied.recover("finish").recovered]
    assert [] == [*copied.library.glob("app*")]


def test_what_was_finished_is_what_was_asked_for(site: Site) -> None:
    """The interpreter of scripts and what is to be replaced are as in the run that was killed.

    Scripts began with the environment's own interpreter.
    """
    (site.library / "theirs.py").write_text("replaced, as it was asked for")
    own = site.environment
    site.environment = own.with_interpreter("/usr/bin/env python3")
    transaction = site.transaction(overwrite_existing=True, compile_levels=())
    tool = "[console_scripts]\ntool = app:main\n"
    transaction.install(site.wheel("app", "2.0", files={"theirs.py": "new"}, entry_points=tool))
    leave(transaction)
    site.environment = own

    assert ["finished"] == [one.action for one in site.recover("finish").recovered]
    assert "new" == (site.library / "theirs.py").read_text()
    assert "#!/usr/bin/env python3" == (site.scripts / "tool").read_text().splitlines()[0]


def test_the_lock_of_the_place_goes_too(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed ``venv decouple`` leaves the lock of its place; recovery is what follows it.

    The kill sweep found the file in the folder for temporary files.
    """
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = Path(private_path(f"venv {site.root.resolve()}"))
    path.touch()

    recover(site.environment)

    assert not path.exists()


def test_what_a_destination_has_begun_is_rolled_back(site: Site) -> None:
    """What another program generated is gone with it: ``finish`` says so.

    It installed the wheel as the command line does: another INSTALLER, and other scripts.
    """
    before = site.tree()
    transaction = site.transaction(compile_levels=())
    wheel = site.wheel("other")
    entry = site.cache.add(wheel).entry
    schemes = site.environment.schemes
    record = Generated("purelib", "other-1.0.dist-info/INSTALLER", b"frontend")
    transaction.install_exactly(entry, Exactly((record,)), schemes)
    leave(transaction)

    with pytest.raises(RecoveryRefusedError, match="the command that began it"):
        site.recover("finish")

    assert [] == differences(before, site.tree())


def test_a_repair_can_be_finished_as_one(site: Site) -> None:
    """What a repair keeps beside a project's own files is kept where ``finish`` repairs again.

    That it was a repair, and what another installer has listed in dist-info, comes from the
    journal; a name there may have spaces in it.
    """
    info = site.library / "app-1.0.dist-info"
    added = info / "a note.txt"
    added.write_text("mine\n")
    listed = info / "build notes.txt"
    listed.write_bytes(b"theirs\n")
    with (info / "RECORD").open("a") as record:
        record.write(f"{info.name}/{listed.name},{record_hash(listed.read_bytes())},7\n")
    module = next(site.library.glob("app/*.py"))
    whole = module.read_text()
    module.write_text("edited\n")
    transaction = site.transaction(compile_levels=(), verify_cache="full", link_mode="copy")
    transaction.look(Mending(["app"]))
    leave(transaction)

    assert ["finished"] == [one.action for one in site.recover("finish").recovered]
    assert whole == module.read_text()
    assert ("mine\n", "theirs\n") == (added.read_text(), listed.read_text())
    record_now = (info / "RECORD").read_text()
    assert (False, True) == (added.name in record_now, listed.name in record_now)
    assert [] == site.check(full=True)
