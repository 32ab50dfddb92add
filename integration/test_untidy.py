"""A sample of ``make untidy``: whatever others do to an environment, ours takes what is its own."""

from __future__ import annotations

import os
import random
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.faults import untidy_session
from integration.faults.ownership import distributions
from integration.faults.untidy import benches, main, run_all
from integration.faults.untidy_commands import VERBS, Asked, ask, install
from integration.faults.untidy_records import rewrite
from integration.faults.untidy_session import RECOVER, Session, WrongError
from integration.faults.untidy_steps import execute, plan, shrink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from integration.faults.untidy_commands import Answer
    from integration.faults.untidy_places import Bench, Place
    from integration.faults.untidy_wheels import Wheel

    Stage = tuple[Bench, tuple[Wheel, ...]]
    Script = Callable[[Session], None]

SEEDS, STEPS = range(10), 16
"""``make untidy`` takes twenty-eight times as many, of thirty steps."""
FOLDER_BY_STATUS = (
    "removal.py",
    '        return self.world.kind(folder) == "folder"\n',
    "        return self.world.files.status(folder) is not None\n",
)
"""A build that takes a file at the place of a package's folder for that folder."""
ALL_ROWS_OR_NONE = (
    "record.py",
    "    except ValueError:\n        pass\n    found = []\n",
    "    except ValueError:\n        return []\n    found: list[str] = []\n",
)
"""One for which a row that cannot be read hides all others."""
ROWS_ON_TRUST = (
    "requests.py",
    "    if not is_sealed(data, manifest.id):\n",
    "    if False:\n",
)
"""One that takes the rows which an entry of the cache keeps for RECORD as they stand."""
ALL_TO_TRASH = (
    "settle.py",
    "            if item.change in foreign and not item.overwritten:\n",
    "            if item.change in foreign:\n",
)
"""One that gives others nothing back where another tool has taken the project over."""


class Never(random.Random):
    """A chance by which nothing happens that may be left out."""

    def random(self) -> float:
        """Return what no such thing is as likely as."""
        return 1.0

    def getrandbits(self, k: int, /) -> int:
        """Return some bits: what is drawn by number is drawn by these, and not by the above."""
        return super().getrandbits(k)


NEVER = Never()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give a bench and the wheels."""
    with benches(str(tmp_path_factory.mktemp("untidy"))) as made:
        yield made


@pytest.fixture
def session(stage: Stage) -> Session:
    """Give a session in a virtual environment."""
    return Session(stage[0], "venv", stage[1])


def of(session: Session, *names: str, options: Sequence[str] = ()) -> Asked:
    """Return the installation of wheels, each the beginning of a file's name."""
    chosen = [
        one for name in names for one in session.wheels if Path(one.path).name.startswith(name)
    ]
    assert len(chosen) == len(names)
    return install(chosen, "--link-mode", "hardlink", *options)


def uninstall(project: str) -> Asked:
    """Return the removal of a project."""
    return Asked("uninstall", ("uninstall", project), frozenset({project}))


def library(session: Session) -> Path:
    """Return the environment's library."""
    return Path(session.place.sandbox.library)


# ---------------------------------------------------------------- the gate


def test_what_is_not_ours_stays_in_untidy_environments() -> None:
    """After any commands and acts of others, killed or not, each path is whose it has to be."""
    found = run_all(SEEDS, STEPS)

    assert [] == [f"seed {one.ended.seed}: {one.ended.problem}" for one in found if one.short]
    assert len(SEEDS) * STEPS == sum(len(one.ended.steps) for one in found)
    # Where hardly anything is done, hardly anything was put to the test.
    done, refused, killed = (
        {name for one in found for name, count in getattr(one.ended.tally, how).items() if count}
        for how in ("done", "refused", "killed")
    )
    assert {"install", "uninstall", "repair", "recover"} <= done & set(VERBS)
    assert {"uv", "rewrite a RECORD", "add a file"} <= done
    assert "install" in killed
    assert "install" in refused


def test_a_step_does_the_same_whatever_is_left_out(stage: Stage) -> None:
    """A seed can be repeated, and steps have chances of their own."""
    steps = plan(3, 5)
    once, again = (execute(*stage, 3, steps).told for _ in range(2))

    assert once == again
    assert steps == plan(3, 30)[:5]
    assert execute(*stage, 3, steps[:1]).told == once[: len(execute(*stage, 3, steps[:1]).told)]


# ---------------------------------------------------------------- builds that are known to be bad


def a_file_where_a_package_was(session: Session) -> None:
    """Put a person's file at the place of a package's folder, and uninstall."""
    session.command(of(session, "alpha-1.0"), NEVER)
    shutil.rmtree(library(session) / "alpha")
    (library(session) / "alpha").write_text("mine\n", encoding="utf-8")
    session.command(uninstall("alpha"), NEVER)


def a_row_that_cannot_be_read(session: Session) -> None:
    """Give one of two projects with a file in common such a row, and remove the other one."""
    session.command(of(session, "ns_one-1.0", "ns_two-1.0"), NEVER)
    (one,) = (one for one in distributions(session.place.libraries()) if one.project == "ns-one")
    assert rewrite(one, "not UTF-8")
    session.command(uninstall("ns-two"), NEVER)


def rows_of_an_entry_are_cut(session: Session) -> None:
    """Cut what an entry keeps for RECORD, as a full disk does, and install over damage."""
    session.command(of(session, "gamma-1.0"), NEVER)
    (library(session) / "gamma-1.0.dist-info" / "METADATA").unlink()
    for record in Path(session.place.cache).glob("v1/entries/*/record"):
        record.unlink()
        record.write_bytes(b"gamma.py,sha2")
    session.command(of(session, "gamma-1.0"), NEVER)


SCRIPTS: dict[str, tuple[Script, tuple[str, str, str], str]] = {
    "file taken for a folder": (a_file_where_a_package_was, FOLDER_BY_STATUS, "state is left"),
    "odd row hides others": (a_row_that_cannot_be_read, ALL_ROWS_OR_NONE, "lost"),
    "cut rows": (rows_of_an_entry_are_cut, ROWS_ON_TRUST, "an error that nobody foresaw"),
}


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_what_a_bad_build_does_wrong_is_right_now(name: str, session: Session) -> None:
    """The same steps lead to nothing that is wrong in the program as it is."""
    script, _, _ = SCRIPTS[name]

    script(session)


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_a_build_that_is_known_to_be_bad_is_caught(name: str, tmp_path: Path) -> None:
    """The faults that the first of these runs found are found where their mends are undone."""
    script, bad, kind = SCRIPTS[name]

    with benches(str(tmp_path), [bad]) as (bench, wheels), pytest.raises(WrongError) as wrong:
        script(Session(bench, "venv", wheels))

    assert kind == wrong.value.problem.kind


def test_files_whose_rows_are_lost_may_be_replaced(session: Session) -> None:
    """A RECORD that has lost rows at its end looks whole, and the wheel tells what they were.

    Story: seed 698. What stood there was the project's own, and was told, and counted as lost.
    """
    session.command(of(session, "foo_bar-2.0"), NEVER)
    (one,) = distributions(session.place.libraries())
    rows = Path(one.path, "RECORD").read_text(encoding="utf-8").splitlines()
    assert "foo_bar/run.sh" == rows[-1].partition(",")[0]
    assert rewrite(one, "cut here", len(rows) - 2)
    chosen = [wheel for wheel in session.wheels if "foo_bar-2.0" in wheel.path]

    answer = session.command(install(chosen, "--link-mode", "symlink"), NEVER)

    assert (library(session) / "foo_bar" / "run.sh").is_symlink()
    assert answer.warns_of(str(library(session) / "foo_bar" / "run.sh"))


class Midway(Never):
    """One by which a command is killed when its files are in place, before it is committed."""

    def randint(self, a: int, b: int) -> int:
        """Return a point between two, nearer to the second."""
        return a + (b - a) * 3 // 4


def overwrite_and_lose(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill an installation over a person's file; another tool has the project before we recover."""

    def taken_over(session: Session, _chance: random.Random) -> None:
        info = library(session) / "gamma-0.9.dist-info"
        info.mkdir()
        (info / "RECORD").write_text("gamma-0.9.dist-info/RECORD,,\n", encoding="utf-8")

    session.command(of(session, "gamma-1.0"), NEVER)  # so that it is in the cache
    session.command(uninstall("gamma"), NEVER)
    monkeypatch.setattr(untidy_session, "_BETWEEN", 2.0)
    monkeypatch.setattr(Session, "theirs", taken_over)
    (library(session) / "gamma.py").write_text("mine\n", encoding="utf-8")
    session.kill(of(session, "gamma-1.0", options=("--overwrite-existing",)), Midway(1))


def test_what_was_overwritten_comes_back_where_another_tool_has_taken_over(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person's file is there again, whoever has the project that was to replace it.

    It became trash with the old files of the project, and the next run deleted it (seed 126).
    """
    overwrite_and_lose(session, monkeypatch)

    assert "mine\n" == (library(session) / "gamma.py").read_text(encoding="utf-8")


def test_a_build_that_gives_nothing_back_to_others_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The judge sees that what a command has taken of others is not there any more."""
    with (
        benches(str(tmp_path), [ALL_TO_TRASH]) as (bench, wheels),
        pytest.raises(WrongError, match="what was taken of others did not come back"),
    ):
        overwrite_and_lose(Session(bench, "venv", wheels), monkeypatch)


# ---------------------------------------------------------------- the judge


def _folder(place: Place, name: str) -> Path:
    return Path(place.sandbox.library, name)


def _twin(place: Place) -> None:
    shutil.copytree(
        _folder(place, "alpha-1.0.dist-info"), _folder(place, "ALPHA-1.0.dist-info"), symlinks=True
    )


def _edit(place: Place) -> None:
    path = _folder(place, "alpha/a.py")
    path.unlink()
    path.write_text("edited\n", encoding="utf-8")


TAMPERED: dict[str, Callable[[Place], object]] = {
    "lost": lambda place: os.unlink(f"{place.outside}/notes.txt"),
    "a stray file was made": lambda place: _folder(place, "new.py").write_text("x"),
    "an empty folder was made": lambda place: _folder(place, "new").mkdir(),
    "its RECORD does not hold": _edit,
    "a folder has another mode": lambda place: os.chmod(f"{place.outside}/folder", 0o700),
    "somebody's empty folder is lost": lambda place: _folder(place, "empty").rmdir(),
    "state is left": lambda place: _folder(place, ".linkinstall").mkdir(),
    "not there once": _twin,
}
"""What is found -> what an install would have to do for that."""


def tamper(
    monkeypatch: pytest.MonkeyPatch, verb: str, what: Callable[[Place], object]
) -> Callable[[], None]:
    """Let something else be done with each command of a kind; return what ends that."""

    def asked_and_more(place: Place, asked: Asked, *more: str) -> Answer:
        answer = ask(place, asked, *more)
        if asked.verb == verb:
            what(place)
        return answer

    monkeypatch.setattr(untidy_session, "ask", asked_and_more)
    return partial(monkeypatch.setattr, untidy_session, "ask", ask)


@pytest.mark.parametrize("kind", list(TAMPERED))
def test_what_an_install_may_not_do_is_found(
    kind: str, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each thing that is wrong is told by its kind."""
    (library(session) / "empty").mkdir()
    tamper(monkeypatch, "install", TAMPERED[kind])

    with pytest.raises(WrongError) as wrong:
        session.command(of(session, "alpha-1.0"), NEVER)

    assert kind == wrong.value.problem.kind


def test_a_refusal_that_changes_something_is_found(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused leaves all as it was."""
    (library(session) / "gamma.py").write_text("mine\n", encoding="utf-8")
    assert session.command(of(session, "gamma-1.0"), NEVER).status
    tamper(monkeypatch, "install", TAMPERED["a stray file was made"])

    with pytest.raises(WrongError, match="refused, and changed something"):
        session.command(of(session, "gamma-1.0"), NEVER)


def test_what_an_uninstallation_leaves_is_found(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that a project lists has gone with it, or is told as kept."""
    session.command(of(session, "gamma-1.0"), NEVER)
    tamper(monkeypatch, "uninstall", lambda place: _folder(place, "gamma.py").write_text("x"))

    with pytest.raises(WrongError, match="removed, and files of it are left"):
        session.command(uninstall("gamma"), NEVER)


@pytest.mark.parametrize("name", ["outside/notes.txt", "venv/pyvenv.cfg", "venv/bin/python3"])
def test_what_nobody_may_take_is_found_missing(
    name: str, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What RECORD lists is taken, but for what lies outside, and the environment's own."""
    session.command(of(session, "gamma-1.0"), NEVER)
    notes = session.place.sandbox.area(name)
    record = library(session) / "gamma-1.0.dist-info" / "RECORD"
    rows = record.read_text(encoding="utf-8")
    record.unlink()
    record.write_text(f"{notes},,\n{rows}", encoding="utf-8")
    tamper(monkeypatch, "uninstall", lambda _place: os.unlink(notes))

    with pytest.raises(WrongError, match=f"lost: .*{notes}"):
        session.command(uninstall("gamma"), NEVER)


def test_an_emptied_folder_that_an_uninstallation_leaves_is_found(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders that were there for its files alone go with them."""
    session.command(of(session, "ns.three-1.0"), NEVER)
    tamper(monkeypatch, "uninstall", lambda place: _folder(place, "ns/three").mkdir(parents=True))

    with pytest.raises(WrongError, match="its folders are left, empty"):
        session.command(uninstall("ns-three"), NEVER)


def test_an_empty_folder_for_compiled_files_counts_as_none(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interpreters make them where they need one, so that it is nobody's loss.

    Story: seed 806. A rollback had taken away one that had been there, empty, before the command.
    """
    cache = library(session) / "__pycache__"
    cache.mkdir(exist_ok=True)
    assert not list(cache.iterdir())
    tamper(monkeypatch, "recover", lambda _place: cache.rmdir())
    session.kill(of(session, "gamma-1.0"), Never(1))

    assert not cache.exists()


def test_a_recovery_that_leads_nowhere_is_found(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill and a recovery everything is old or new, and nothing is lost."""
    session.kill(of(session, "gamma-1.0"), Never(1))
    tamper(monkeypatch, "recover", lambda place: os.unlink(f"{place.outside}/notes.txt"))

    with pytest.raises(WrongError, match="neither old nor new"):
        session.kill(of(session, "alpha-1.0"), Never(1))


def test_what_a_recovery_takes_from_others_is_found(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What somebody did between a kill and the recovery stands."""
    monkeypatch.setattr(untidy_session, "_BETWEEN", 2.0)
    session.kill(of(session, "gamma-1.0"), Never(1))
    tamper(monkeypatch, "recover", lambda place: os.unlink(f"{place.outside}/notes.txt"))

    with pytest.raises(WrongError, match="has nothing to do with"):
        session.kill(of(session, "alpha-1.0"), Never(1))


def test_what_goes_wrong_is_made_short_and_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Steps that do nothing for it are left out, and the command that repeats it is told."""
    tamper(monkeypatch, RECOVER.verb, TAMPERED["a stray file was made"])
    tamper(monkeypatch, "install", TAMPERED["a stray file was made"])
    ended = execute(*stage, 5, plan(5, STEPS))
    assert ended.problem

    short = shrink(*stage, ended)

    assert 1 == len(short.steps)
    number = str(short.steps[0].number)
    assert 1 == main(["--seed", "5", "--steps", str(STEPS), "--only", number])
    assert f"--seed 5 --steps {STEPS} --only {number}" in capsys.readouterr().out
