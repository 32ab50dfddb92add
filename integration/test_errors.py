"""A sample of ``make faults``: an error at any call is answered, put back, and told."""

from __future__ import annotations

import os
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration.faults import bad_builds, lost
from integration.faults.aftermath import (
    LITTER,
    LOST,
    MIXED,
    ROLLED_BACK,
    STATUS,
    SUCCESS,
    UNNAMED,
    Aftermath,
    wrong_right_after,
)
from integration.faults.errors import (
    LINKING,
    errors_of,
    explain,
    names,
    scenario_of,
    sweep_errors,
    table,
)
from integration.faults.forking import FORKED
from integration.faults.injection import STRUCK, ErrorPoint, Inject, Injected, paths_of
from integration.faults.meanings import ERRORS, reason_to_skip
from integration.faults.mounted import LAYOUTS, MountedSandbox
from integration.faults.runner import provisions, sandbox_of
from integration.faults.sandbox import Completed, Sandbox
from integration.faults.scenarios import ALL_MODES, RECOVER, run, scenario, scenarios
from integration.faults.strace import unavailable
from integration.faults.verdicts import ErrorSweep
from integration.faults.volumes import CLONING, QUICK
from integration.faults.volumes import unavailable as no_volumes
from linkinstall.cache import QUARANTINED
from linkinstall.results import SETTLED
from tests.support.gates import require

if TYPE_CHECKING:
    from integration.faults.scenario import Command, Scenario

SAMPLE = {
    "linkinstall-upgrade-parts-hardlink": 149,
    "linkinstall-install-pluggy-copy": 131,
    "linkinstall-uninstall-parts-symlink": 127,
    "linkinstall-cache-add-pluggy-hardlink": 97,
    "linkinstall-venv-create-parts-pluggy-hardlink": 331,
    "linkinstall-install-pluggy-clone": 307,
}
"""Scenario -> each how-many-th point is struck here; ``make faults`` strikes all of them."""
WORKERS = {"linkinstall-install-set-hardlink": 397, "linkinstall-install-set-cold-hardlink": 797}
"""The same for calls of forked workers."""


def cold(subject: str) -> Scenario:
    """Return a cold install, while what another run has put into the cache is not flushed yet."""
    return replace(
        scenario(f"linkinstall-install-{subject}-cold-hardlink"),
        prepare=(run("cache", "add", "--sync", "off", "{wheel-0.44.0}"),),
        next_runs={"recover": RECOVER},
    )


@pytest.mark.parametrize("name", list(SAMPLE))
def test_an_error_is_put_back_and_told(name: str) -> None:
    """An error at any call leaves old or new at once, with its status and its path."""
    reason = unavailable() or (no_volumes((CLONING,)) if name.endswith("clone") else "")
    require(not reason, reason)

    (swept,) = sweep_errors([scenario(name)], every=SAMPLE[name])

    assert "" == swept.error
    assert [] == [explain(verdict) for verdict in swept.wrong]
    assert swept.passed


def test_no_verb_and_no_mode_is_left_out() -> None:
    """Each scenario of the gate is one, and stands there once; each verb is, and each mode."""
    found = [scenario_of(name) for name in names()]
    cloned = [one.verb for one in found if one.mode == "clone"]

    assert len(found) == len({one.name for one in found})
    for of in (attrgetter("verb"), attrgetter("mode")):
        assert {of(one) for one in scenarios(ALL_MODES)} == {of(one) for one in found} - {"recover"}
    assert ["install", "upgrade", "uninstall"] == cloned
    assert {"hardlink"} == {one.mode for one in found if one.verb.startswith(("cache-", "venv-"))}
    assert [name for name in names() if name.endswith("-copy")] == [
        name for name in names(["copy"]) if name.partition("-copy")[0].endswith(LINKING)
    ]


def test_a_recovery_believes_that_a_folder_is_not_empty() -> None:
    """What a rollback cannot tell from somebody's file is put to every other scenario."""
    assert ("EIO",) == errors_of(scenario_of(names()[-2]), ("EIO", "ENOTEMPTY"))
    assert ("EIO", "ENOTEMPTY") == errors_of(scenario(names()[0]), ("EIO", "ENOTEMPTY"))


def test_what_virtualenv_cannot_link_it_copies(tmp_path: Path) -> None:
    """An environment whose interpreter is a copy is new where that was found out, and only there.

    It counted as neither old nor new.
    """
    require(not unavailable(), unavailable() or "strace")
    sandbox = Sandbox(str(tmp_path / "sandbox"), provisions(str(tmp_path / "source")))
    one = scenario("linkinstall-venv-create-parts-pluggy-hardlink")
    sweep = ErrorSweep(one, Inject(["EACCES"]), sandbox)
    point = ErrorPoint("symlink", 1, "EACCES")

    found = [sweep.verdict(point, name) for name in one.next_runs]
    sweep.copied = sweep.linked
    (other,) = [sweep.verdict(point, name) for name in list(one.next_runs)[:1]]

    assert [{}, {}] == [verdict.wrong for verdict in found]
    assert [SUCCESS] * 2 == [verdict.end for verdict in found]
    assert STATUS in other.wrong


@pytest.mark.parametrize("name", list(WORKERS))
def test_an_error_in_a_forked_worker_is_put_back_and_told(name: str) -> None:
    """An error at any call of a worker that links or unpacks leaves old or new at once."""
    require(not unavailable(), unavailable() or "strace")
    require((os.cpu_count() or 1) > 1, "two processors, to have a worker")

    (swept,) = sweep_errors([scenario(name)], every=WORKERS[name], forks=True)

    assert "" == swept.error
    assert [] == [explain(verdict) for verdict in swept.wrong]
    assert {verdict.point.path != "" for verdict in swept.verdicts} == {True}


def test_an_error_that_comes_once_meets_one_process(tmp_path: Path) -> None:
    """Of a worker and its parent one meets an error, and the other puts everything back at once.

    A call that was told by its path failed once in each process: in the worker that links into a
    staged folder, and then in the parent that lists the folder to remove it. So no parent was
    put to the test that has to answer for what its worker alone has met.
    """
    require(not unavailable(), unavailable() or "strace")
    require((os.cpu_count() or 1) > 1, "two processors, to have a worker")
    paths = provisions(str(tmp_path / "source"), FORKED)
    sandbox = Sandbox(str(tmp_path / "sandbox"), paths)
    fault = Inject(["EIO"], forks=True)
    sweep = ErrorSweep(scenario("linkinstall-install-set-hardlink"), fault, sandbox)
    staged = sandbox.library.removeprefix(sandbox.world) + "/.linkinstall/new/2/__pycache__"

    points = [ErrorPoint("openat", 1, "EIO", path=staged, worker=one) for one in (1, 2, 3)]
    found = [sweep.verdict(point, "recover") for point in points]
    (verdict,) = [one for one in found if one.injected.fired]

    assert 1 == len(verdict.injected.calls)
    assert ({}, ROLLED_BACK) == (verdict.wrong, verdict.end)


def test_a_build_that_forgets_what_a_worker_met_is_found_out() -> None:
    """A build that takes a worker's error for success leaves files out, and is told."""
    require(not unavailable(), unavailable() or "strace")
    require((os.cpu_count() or 1) > 1, "two processors, to have a worker")
    nothing = "[[] for _ in marshal.loads(self._packed[number])], None"
    spoil = ("fs/parallel.py", "[], _told(error)", nothing)

    (swept,) = sweep_errors(
        [scenario("linkinstall-install-set-hardlink")], ["EIO"], every=41, spoil=[spoil], forks=True
    )

    assert {MIXED, STATUS} & {one for verdict in swept.wrong for one in verdict.wrong}


@pytest.mark.parametrize(
    ("spoil", "errors", "every", "kind"),
    [
        # What was done before the error stays.
        (
            ("transaction.py", "self._application.undo()", "pass"),
            ("EIO",),
            37,
            {MIXED, STATUS},
        ),
        # What the system says without a path is told without one.
        (
            (
                "fs/named.py",
                "return OSError(error.errno, error.strerror, path)",
                "return OSError(error.errno, error.strerror)",
            ),
            ("ENOSPC",),
            15,
            {UNNAMED},
        ),
    ],
    ids=["nothing-put-back", "no-path"],
)
def test_a_bad_build_is_found_out(
    spoil: tuple[str, str, str], errors: tuple[str, ...], every: int, kind: set[str]
) -> None:
    """A build that puts nothing back, and one that names no path, are told by their columns."""
    require(not unavailable(), unavailable() or "strace")

    (swept,) = sweep_errors(
        [scenario("linkinstall-upgrade-parts-hardlink")], errors, every=every, spoil=[spoil]
    )

    assert "" == swept.error
    found = {one for verdict in swept.wrong for one in verdict.wrong}
    assert found & kind
    assert errors[0] in table([swept])


@pytest.mark.parametrize(
    ("name", "point", "spoil", "kind"),
    [
        # The commit's rename fails, and is told as a success: the next run rolls it back.
        (
            "upgrade-parts",
            "rename:0:EIO",
            (
                (
                    "application.py",
                    """        self.files.rename(f"{self.home}/journal", f"{self.home}/committed")
        self._move("commit")
""",
                    """        self.failed = None
        try:
            self.files.rename(f"{self.home}/journal", f"{self.home}/committed")
        except OSError as error:
            self.failed = error
        self._move("commit")
""",
                ),
                (
                    "application.py",
                    "        settlement.finish()\n",
                    """        if self.failed is not None:
            raise self.failed
        settlement.finish()
""",
                ),
            ),
            STATUS,
        ),
        # Any error throws away what the cache has had for long.
        (
            "upgrade-parts",
            "mkdir:1:EIO",
            (
                (
                    "transaction.py",
                    "            self._give_up_lost()  # before anybody else takes the mark off\n",
                    """            if error is not None:
                import shutil
                shutil.rmtree(f"{self._preparation.cache.root}/entries")
""",
                ),
            ),
            MIXED,
        ),
        # After an error what was unpacked stays in the cache's temporary folder.
        (
            "install-pluggy-cold",
            "mkdir:6:EIO",
            (
                (
                    "temporary.py",
                    "        removed = self._put_back() and",
                    "        import sys\n        removed = not sys.exc_info()[0] and",
                ),
            ),
            LITTER,
        ),
        # Putting back makes a folder first, which a full disk refuses for as long as it is full.
        (
            "upgrade-parts",
            "mkdir:0+:ENOSPC",
            (
                (
                    "application.py",
                    "            settlement.roll_back()\n",
                    """            os.mkdir(f"{self.home}/new/room")
            settlement.roll_back()
""",
                ),
            ),
            MIXED,
        ),
        # After the commit the lock's file cannot be closed, and the change is called a failure.
        (
            "upgrade-parts",
            "close:0:EIO",
            (
                (
                    "fs/named.py",
                    "    except OSError:\n        pass\n",
                    "    finally:\n        pass\n",
                ),
            ),
            MIXED,
        ),
    ],
    ids=["commit-error-swallowed", "entries-gone", "unpacked-left", "needs-room", "lock-closed"],
)
def test_what_only_shows_on_the_disk_is_found_out(
    tmp_path: Path, name: str, point: str, spoil: tuple[tuple[str, str, str], ...], kind: str
) -> None:
    """A build that says what is documented, and has left something else, is told; ours is not.

    Success was believed beside a journal that the next run rolls back, status 3 of each lasting
    error, and that what the cache lacked had never been there.
    """
    require(not unavailable(), unavailable() or "strace")
    wrong = []

    for number, changes in enumerate((spoil, ())):
        paths = provisions(str(tmp_path / f"source-{number}"), changes)
        sandbox = Sandbox(str(tmp_path / f"sandbox-{number}"), paths)
        wanted = ErrorPoint.parse(point)
        sweep = ErrorSweep(
            scenario(f"linkinstall-{name}-hardlink"), Inject([wanted.error]), sandbox
        )
        like = [one for one in sweep.points if one.call == wanted.call]
        like = [one for one in like if one.lasting == wanted.lasting]
        wrong.append(sweep.verdict(like[wanted.ordinal - 1], "recover").wrong)  # 0: the last one

    assert kind in wrong[0]
    assert {} == wrong[1]


def test_a_recovery_beside_whose_end_the_journal_stands_is_told(tmp_path: Path) -> None:
    """A build that ends with success though the journal cannot go is told, and ours is not."""
    reason = unavailable() or no_volumes((QUICK,))
    require(not reason, reason)
    one = scenario_of("linkinstall-recover-parts-undone-hardlink")
    check = "            _require_gone(files, journal.home, settlement.pending)\n"
    found = []

    for number, changes in enumerate(([("recovery.py", check, "")], ())):
        paths = provisions(str(tmp_path / f"source-{number}"), changes)
        with sandbox_of(one, str(tmp_path / f"sandbox-{number}"), paths) as sandbox:
            sweep = ErrorSweep(one, Inject(["EIO"]), sandbox)
            point = [each for each in sweep.points if each.lasting and each.call == "unlinkat"][-1]
            found.append(sweep.verdict(point, "recover").wrong)

    assert [[STATUS], []] == [list(wrong) for wrong in found]


@pytest.mark.parametrize(
    ("status", "output", "kinds"),
    [
        (1, f"/venv: Input/output error. {SETTLED}", []),
        (1, "/venv: Input/output error. The environment is as it was.", [MIXED]),
        (3, "/venv: Input/output error", []),
    ],
)
def test_an_error_of_a_recovery_tells_what_was_settled(
    status: int, output: str, kinds: list[str]
) -> None:
    """Failed after the settling it says so; one error may leave it unsettled."""
    injected = Injected(
        fired=True, calls=("struck",), paths=("/venv",), completed=Completed(status, output)
    )
    there = Aftermath(
        old=False, new=status == 1, unfinished=status == 3, only_staged=False, only_trash=False,
        litter={},
    )  # fmt: skip
    point = ErrorPoint("openat", 1, "EIO")

    assert kinds == list(wrong_right_after(point, injected, there, settles=True))


@pytest.mark.parametrize(
    ("point", "kinds"),
    [
        ("mkdir:1+:EIO", [MIXED]),
        ("symlink:1+:EIO", [MIXED]),
        ("rename:1:EIO", [MIXED]),
        ("rename:1+:EIO", []),
        ("linkat:1+:EIO", []),
    ],
)
def test_what_putting_back_does_not_need_is_no_excuse(point: str, kinds: list[str]) -> None:
    """Unsettled is right only where each further call that putting back takes fails, too."""
    completed = Completed(3, "error: /world/venv/lib: Input/output error")
    injected = Injected(
        fired=True, calls=("struck",), paths=("/world/venv/lib",), completed=completed
    )
    there = Aftermath(
        old=False, new=False, unfinished=True, only_staged=False, only_trash=False, litter={}
    )

    assert kinds == list(wrong_right_after(ErrorPoint.parse(point), injected, there))


@pytest.mark.parametrize(
    ("struck", "path", "kinds"),
    [
        ("unlinkat(5<CACHE/v1/tmp/1>", "CACHE/v1/tmp/1/a", []),
        ("unlinkat(5</venv>", "/venv/a", [LITTER]),
        ("openat(O_CREAT", "CACHE/v1/tmp/1/a", [LITTER]),
        ("link(", "CACHE/v1/tmp/1/a", [LITTER]),
    ],
)
def test_litter_is_told_unless_clearing_it_away_met_the_error(
    struck: str, path: str, kinds: list[str]
) -> None:
    """One error leaves nothing in a temporary folder but what could not be removed for it."""
    completed = Completed(1, f"error: {path}: Input/output error")
    injected = Injected(fired=True, calls=(struck,), paths=(path,), completed=completed)
    there = Aftermath(
        old=True, new=False, unfinished=False, only_staged=False, only_trash=False,
        litter={"CACHE/v1/tmp": "v1/tmp/1"},
    )  # fmt: skip
    point = ErrorPoint(struck.partition("(")[0], 1, "EIO")

    assert kinds == list(wrong_right_after(point, injected, there))


@pytest.mark.parametrize(
    ("moved", "kinds"), [("/world/cache/v1/tmp/1/a", []), ("/world/venv/a", [LITTER])]
)
def test_a_closed_folder_that_was_moved_there_is_no_litter(moved: str, kinds: list[str]) -> None:
    """An entry that was taken aside cannot be removed while a folder of it is closed."""
    completed = Completed(0, "warning: could not be removed; it is left to the next run")
    injected = Injected(
        fired=True, calls=("closed",), paths=("/world/a",), completed=completed, moved=(moved,)
    )
    there = Aftermath(
        old=False, new=True, unfinished=False, only_staged=False, only_trash=False,
        litter={"/world/cache/v1/tmp": "v1/tmp/1"},
    )  # fmt: skip

    assert kinds == list(wrong_right_after(ErrorPoint("chattr", 1, "EPERM"), injected, there))


def test_what_a_failed_flush_may_have_lost_is_demanded_to_be_given_up(tmp_path: Path) -> None:
    """A build that keeps it is told, entry by entry; ours gives up what others made as well."""
    require(not unavailable(), unavailable() or "strace")
    wrong = []

    for number, spoil in enumerate((bad_builds.BAD["lost entries kept"], ())):
        paths = provisions(str(tmp_path / f"source-{number}"), spoil)
        sandbox = Sandbox(str(tmp_path / f"sandbox-{number}"), paths)
        sweep = ErrorSweep(cold("pluggy"), Inject(["EIO"]), sandbox)
        points = [one for one in sweep.points if one.call == "syncfs"]
        assert ["syncfs:1:EIO", "syncfs:1+:EIO"] == [str(point) for point in points]
        wrong += [sweep.verdict(point, "recover").wrong for point in points]

    assert [[LOST], [LOST], [], []] == [list(one) for one in wrong]
    assert [3, 3] == [len(one[LOST].splitlines()) for one in wrong[:2]]


@pytest.mark.parametrize(
    ("layout", "point", "status", "marked"),
    [
        # The environment's volume, and the cache's: both wheels, what was compiled, and the third.
        ("cache apart", "syncfs:1:EIO", 1, 5),
        ("cache apart", "syncfs:2:EIO", 1, 5),
        # Nothing has been made on the other volume by then; later, putting back flushes that, too,
        # and meets the error again.
        ("data apart", "syncfs:1+:EIO", 1, 5),
        ("data apart", "syncfs:2+:EIO", 3, 5),
        # After the commit: what this run brought has reached the disk before.
        ("data apart", "syncfs:5:EIO", 0, 1),
    ],
)
def test_on_several_volumes_it_is_given_up_whichever_flush_failed(
    tmp_path: Path, layout: str, point: str, status: int, marked: int
) -> None:
    """Whatever volume it is and however the run ends, all that is marked is given up."""
    reason = unavailable() or no_volumes(("ext4",))
    require(not reason, reason)
    paths = provisions(str(tmp_path / "source"))
    one, where = cold("set"), ErrorPoint.parse(point)

    with MountedSandbox(str(tmp_path / "made"), paths, "ext4", LAYOUTS[layout]) as sandbox:
        sandbox.build(one)
        injected = Inject(["EIO"]).strike(sandbox, one.act, where)
        left = lost.still_linked(sandbox.area("cache"))
        given_up = list(Path(sandbox.area("cache")).rglob(QUARANTINED))

    assert (True, status) == (injected.fired, injected.completed.status)
    assert lost.is_owed(one.verb, where, injected)
    assert [] == left
    assert marked == len(given_up)


def test_each_error_has_a_call_and_each_call_an_error() -> None:
    """Nothing is left out altogether: the table of what cannot happen is not too greedy."""
    calls = sorted(STRUCK)

    possible = {
        error: [c for c in calls if not reason_to_skip(error, c, lasting=False)] for error in ERRORS
    }

    assert [] == [error for error, some in possible.items() if not some]
    assert calls == sorted({call for some in possible.values() for call in some})


def test_a_reason_is_given_for_what_is_left_out() -> None:
    """What an error cannot mean is said in words; an unknown error is a mistake."""
    assert "volumes" in reason_to_skip("EXDEV", "write", lasting=False)
    assert "for ever" in reason_to_skip("EINTR", "write", lasting=True)
    assert "" == reason_to_skip("EINTR", "rename", lasting=True)
    # Told that pyvenv.cfg has too long a name, an environment takes itself for none.
    assert "not there" in reason_to_skip("ENAMETOOLONG", "newfstatat", lasting=False)
    assert "" == reason_to_skip("ENAMETOOLONG", "linkat", lasting=False)
    assert "" == reason_to_skip("EROFS", "openat", lasting=False)
    assert "read" in reason_to_skip("EROFS", "openat", lasting=False, looks=True)
    with pytest.raises(KeyError):
        reason_to_skip("EWHAT", "write", lasting=False)


@pytest.mark.parametrize(
    ("call", "paths"),
    [
        ('rename("/a/b", "/a/c") = 0', ["/a/b", "/a/c"]),
        ('openat(AT_FDCWD</here>, "/a/b", O_RDONLY) = 3</a/b>', ["/a/b"]),
        ('unlinkat(5</a>, "b", 0) = -1 EIO (Input/output error) (INJECTED)', ["/a/b"]),
        ('linkat(4</a>, "x", 5</b>, "x", 0) = 0', ["/a/x", "/b/x"]),
        ('write(4</a/b>, ""..., 230) = 230', ["/a/b"]),
        ("fchmod(3</a/#12 (deleted)>, 0666) = 0", ["/a"]),
        ('write(2<pipe:[12]>, ""..., 3) = 3', []),
    ],
)
def test_the_paths_of_a_call_are_told(call: str, paths: list[str]) -> None:
    """Names are joined to the folder of their descriptor; the current folder is none."""
    assert paths == paths_of(call)


@pytest.mark.parametrize(
    "text", ["rename:2:EIO", "link:3+:ENOSPC", "linkat:1:EIO/venv/lib", "unlink:2@1:EIO/venv"]
)
def test_a_point_has_a_form_for_the_command_line(text: str) -> None:
    """A point that is written down can be struck again."""
    assert text == str(ErrorPoint.parse(text))


@pytest.mark.parametrize(
    "text", ["rename", "rename:2", "rename:2:EWHAT", ":2:EIO", "rename:2:EIOvenv"]
)
def test_what_is_no_point_is_refused(text: str) -> None:
    """A mistyped point is an error and not an empty sweep."""
    with pytest.raises(ValueError, match="no point"):
        ErrorPoint.parse(text)


def test_what_is_the_same_is_followed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors after which all is put back lead to one world; what a journal tells of is another."""
    require(not unavailable(), unavailable() or "strace")
    one = scenario("linkinstall-upgrade-parts-hardlink")
    sandbox = Sandbox(str(tmp_path / "sandbox"), provisions(str(tmp_path / "source")))
    sweep = ErrorSweep(one, Inject(["EIO"]), sandbox)
    followed: list[Command] = []
    run = sandbox.run

    def told(command: Command, **options: Any) -> Completed:
        followed.extend([command] if command is one.next_runs["recover"] else [])
        return run(command, **options)

    monkeypatch.setattr(sandbox, "run", told)
    points = [ErrorPoint("rename", number, "EIO") for number in (1, 2)]
    found = [sweep.verdict(point, "recover") for point in points]

    assert [ROLLED_BACK] * 2 == [verdict.end for verdict in found]
    assert 1 == len(followed)
    unsettled = ErrorPoint("rename", 1, "EIO", lasting=True)
    assert not [one.wrong for one in (*found, sweep.verdict(unsettled, "recover")) if one.wrong]
