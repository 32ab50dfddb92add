"""The fault harness itself: it passes what is sound and finds what is not."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from integration.faults import bad_builds, records, report, toys
from integration.faults.calls import MUTATING
from integration.faults.runner import Swept, provisions
from integration.faults.sandbox import Sandbox, SetupError
from integration.faults.scenario import Command, Scenario, State
from integration.faults.scenarios import RECOVER
from integration.faults.scenarios import scenario as named
from integration.faults.snapshot import difference, take
from integration.faults.strace import Kill, Point, unavailable
from integration.faults.sweep import References, Result, Sweep, sampled
from integration.faults.wheels import wheels
from tests.support.gates import require

PROBE = (
    "import glob, runpy, sys; "
    "(path,) = glob.glob(sys.prefix + '/lib/*/site-packages/toy-*/toy.py'); "
    "print(runpy.run_path(path)['answer'])"
)


def scenario_of(actor: str, verb: str, works_in: tuple[State, ...] | None = None) -> Scenario:
    """Return what a toy does, as a scenario."""

    def run(what: str) -> Command:
        # -S: nothing but the toy's own calls.
        program = ("{harness}", "-I", "-S", "-B", str(toys.__file__))
        return Command((*program, actor, what, "{library}"))

    return Scenario(
        tool=actor,
        verb=verb,
        subject="toy",
        mode="copy",
        prepare=() if verb == "install" else (run("install"),),
        act=run(verb),
        next_runs={"recover": run("recover"), "again": run(verb)},
        probe=PROBE,
        works_in=works_in or (("new",) if verb == "install" else ("old",)),
    )


@pytest.fixture(autouse=True)
def _tracer() -> None:
    reason = unavailable()
    require(not reason, reason)


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """Give an empty sandbox."""
    return Sandbox(str(tmp_path / "sandbox"), wheels())


def swept(sandbox: Sandbox, actor: str, verb: str) -> Swept:
    """Sweep one toy."""
    scenario = scenario_of(actor, verb)
    return Swept(scenario, tuple(Sweep(scenario, Kill(), sandbox).results()), "", 0.0)


def test_what_only_leads_to_what_was_judged_passes() -> None:
    """All chains of one fault may lead where those of another one led: that is no failure.

    ``make compound`` in full ended with 1 and named nothing: after the kills of a scenario no
    power cut had led to a world that was new.
    """
    nothing = Swept(named("linkinstall-install-pluggy-hardlink"), (), "", 0.0)

    assert not nothing.passed
    assert replace(nothing, same=430).passed


@pytest.mark.parametrize(
    "folder",
    ['os.environ["TMPDIR"]', 'os.environ["LINKINSTALL_CACHE_DIR"] + "/v1/tmp"', "self.origin.root"],
)
def test_what_lies_about_without_any_fault_is_refused(tmp_path: Path, folder: str) -> None:
    """What is right is found out without a fault; it may leave nothing behind, either.

    Story: a build that left a file in the temporary folder, in the cache and in the environment
    with each change was judged sound at each kill, as it did so without one.
    """
    commit = '        self._move("commit")\n'
    leave = f'        open({folder} + "/left.part", "w").close()\n'
    paths = provisions(str(tmp_path / "source"), [("application.py", commit, commit + leave)])
    littering = Sandbox(str(tmp_path / "sandbox"), {**wheels(), **paths})

    with pytest.raises(SetupError, match=r"without a fault, it leaves .*left\.part"):
        References(named("linkinstall-install-pluggy-cold-hardlink"), littering)


@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_sound_actor_passes(sandbox: Sandbox, verb: str) -> None:
    """One rename that changes everything, and a swept stage, are old or new at each point."""
    found = swept(sandbox, "renaming", verb)

    assert [] == [str(result.point) for result in found.unfired]
    assert [] == [report.explain(result) for result in found.broken]
    after = {result.judgement.state for result in found.results if result.next_run == "recover"}
    assert {"old", "new"} == after
    again = {result.judgement.state for result in found.results if result.next_run == "again"}
    assert {"new"} == again
    assert found.passed


def test_each_point_is_another_state(sandbox: Sandbox) -> None:
    """A sweep kills before the first change, after the last, and at all between."""
    found = swept(sandbox, "renaming", "install")

    calls = [result.strike.call.partition("(")[0] for result in found.results[::2]]
    files = len(toys.FILES)
    assert ["mkdir", *["openat", "write"] * files, "rename", "exit_group"] == calls
    between = [result.between for result in found.results[::2]]
    assert ["old", *[None] * (2 * files + 1), "new"] == between


@pytest.mark.parametrize(
    ("actor", "verb", "complaint"),
    [
        ("copying", "install", "no RECORD"),
        ("copying", "uninstall", "no RECORD"),
        ("littering", "install", f"stray    lib/python3.11/site-packages/{toys.STAGE}"),
        ("littering", "uninstall", f"stray    lib/python3.11/site-packages/{toys.STAGE}"),
        ("meddling", "install", "iniconfig/__init__.py (file 644"),
        ("failing", "install", "recover ended with 1"),
        ("outside", "install", f"temp: stray    {toys.STAGE}"),
        ("caching", "install", "cache: changed  entry/data"),
    ],
)
def test_unsound_actor_is_found_out(
    sandbox: Sandbox, actor: str, verb: str, complaint: str
) -> None:
    """Each way of being wrong is reported in words that name it."""
    found = swept(sandbox, actor, verb)

    assert [] == [str(result.point) for result in found.unfired]
    assert not found.passed
    complaints = [report.explain(result) for result in found.broken]
    version = os.path.basename(os.path.dirname(sandbox.library))
    assert complaint.replace("python3.11", version) in "\n".join(complaints)


@pytest.mark.parametrize("build", sorted(bad_builds.BAD))
def test_bad_build_fits_the_source(tmp_path: Path, build: str) -> None:
    """A bad build that the source has outgrown is told within seconds, not by its slow gate."""
    assert provisions(str(tmp_path / "source"), bad_builds.BAD[build])


@pytest.mark.parametrize(
    ("build", "scenario"),
    [
        ("empty journal", "linkinstall-upgrade-pluggy-hardlink"),
        ("no recovery", "linkinstall-uninstall-pluggy-hardlink"),
    ],
)
def test_bad_build_is_found_out(tmp_path: Path, build: str, scenario: str) -> None:
    """Without what makes a change a transaction, linkinstall itself is reported broken."""
    spoil = bad_builds.BAD[build]
    sandbox = Sandbox(str(tmp_path / "sandbox"), provisions(str(tmp_path / "source"), spoil))
    tried = replace(named(scenario), next_runs={"recover": RECOVER})
    sweep = Sweep(tried, Kill(), sandbox)

    results = list(sweep.results(every=6))

    assert [] == [str(result.point) for result in results if not result.strike.fired]
    broken = [result for result in results if not result.sound]
    assert len(broken) >= 2


def test_point_that_does_not_fire_is_told(sandbox: Sandbox) -> None:
    """A kill at a call that never comes is no success, though nothing is wrong."""
    sweep = Sweep(scenario_of("renaming", "install"), Kill(), sandbox)
    result = sweep.result(Point("rename", 99), "recover")

    assert result.sound
    assert not result.strike.fired
    assert not Swept(sweep.scenario, (result,), "", 0.0).passed


def test_kill_at_a_call_that_changes_nothing_is_told(sandbox: Sandbox) -> None:
    """A kill at an openat that only reads shows that ordinals shifted: it has not fired."""
    sweep = Sweep(scenario_of("renaming", "install"), Kill(), sandbox)
    result = sweep.result(Point("openat", 1), "recover")

    assert -9 == result.strike.completed.status
    assert not result.strike.fired


def test_scenario_that_proves_nothing_is_refused(sandbox: Sandbox) -> None:
    """A probe that works where it should not makes the whole sweep worthless."""
    with pytest.raises(SetupError, match="when old, the probe fails"):
        Sweep(scenario_of("renaming", "install", ("old", "new")), Kill(), sandbox)


def test_command_that_fails_without_a_fault_is_refused(sandbox: Sandbox) -> None:
    """An act that never works is an error of the set-up, not a found fault."""
    with pytest.raises(SetupError, match="KeyError: 'dance'"):
        Sweep(scenario_of("renaming", "dance"), Kill(), sandbox)


def test_threads_are_killed_too(sandbox: Sandbox) -> None:
    """What a worker thread changes has points of its own, and they fire."""
    code = "import os, sys, threading; work = threading.Thread(target=os.mkdir, args=sys.argv[1:])"
    code += "; work.start(); work.join()"
    command = Command(("{harness}", "-I", "-B", "-c", code, "{library}/made"))
    scenario = scenario_of("renaming", "install")
    sandbox.build(scenario)
    points = [point for point in Kill().points(sandbox, command) if point.call == "mkdir"]
    assert [f"mkdir:1+{sandbox.library.removeprefix(sandbox.world)}/made"] == list(map(str, points))

    sandbox.reset()
    strike = Kill().strike(sandbox, command, points[0])

    assert strike.fired
    assert not os.path.exists(f"{sandbox.library}/made")


@pytest.mark.parametrize(("count", "expected"), [(7, [1, 4]), (2, [1]), (1, [0]), (0, [])])
def test_sample_is_never_empty(count: int, expected: list[int]) -> None:
    """A sample of few points has one of them: none would prove nothing, and is a failure."""
    points = [Point("rename", number) for number in range(count)]

    assert expected == [point.ordinal for point in sampled(points, 3, 1)]


@pytest.mark.parametrize("text", ["rename:2", "openat:17+", "unlink:1+/venv/a b", "unlinkat:3@2"])
def test_point_is_written_and_read(text: str) -> None:
    """A point in a report can be given back on the command line."""
    assert text == str(Point.parse(text))


def test_snapshot_tells_all_but_times(tmp_path: Path) -> None:
    """Type, mode, contents and link target differ; times and inodes do not."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        for name in ("contents", "mode", "same", "type"):
            (folder / name).write_text("text")
        (folder / "link").symlink_to("here")
    (second / "contents").write_text("texT")
    (second / "mode").chmod(0o600)
    (second / "type").unlink()
    (second / "type").mkdir()
    (second / "link").unlink()
    (second / "link").symlink_to("there")
    (second / "stray").write_text("")
    os.utime(second / "same", (1, 1))

    lines = difference(take(str(first)), take(str(second)))

    assert ["contents", "link", "mode", "stray", "type"] == [line.split()[1] for line in lines]


def test_owners_and_extended_attributes_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose a file is, and what a file system notes of it besides, is part of what is there.

    Story: a recovery that put back a copy of another owner, without its attributes, was judged
    sound at each of 78 kills.
    """
    (tmp_path / "file").touch()
    before = take(str(tmp_path))
    assert (os.getuid(), os.getgid()) == before["file"].owner
    assert (
        "of 5:6" in difference(before, {**before, "file": replace(before["file"], owner=(5, 6))})[0]
    )
    monkeypatch.setattr(os, "listxattr", lambda *_, **__: ["user.noted"])
    monkeypatch.setattr(os, "getxattr", lambda *_, **__: b"1")

    lines = difference(before, take(str(tmp_path)))

    assert [".", "file"] == [line.split()[1] for line in lines]
    assert "user.noted" in lines[1]


def test_compiled_file_for_another_python_is_a_difference(tmp_path: Path) -> None:
    """Its first bytes say for which one it is; no other ever reads it."""
    path = tmp_path / "module.cpython-311.pyc"
    path.write_bytes(b"\x01\x02\x03\x04" + bytes(12) + b"code")
    before = take(str(tmp_path))
    path.write_bytes(b"\x01\x02\x03\x05" + bytes(12) + b"code")

    assert 1 == len(difference(before, take(str(tmp_path))))


def test_stale_compiled_file_is_a_difference(sandbox: Sandbox) -> None:
    """A compiled file that would not be used any more, or wrongly, is told."""
    sandbox.build(scenario_of("renaming", "install"))
    folder = Path(sandbox.library, "iniconfig")
    completed = sandbox.run(Command(("{python}", "-m", "compileall", "-q", str(folder))))
    assert 0 == completed.status
    before = take(str(folder))
    os.utime(folder / "exceptions.py", (1, 1))

    lines = difference(before, take(str(folder)))

    assert ["exceptions"] == [line.split()[1].split("/")[1].partition(".")[0] for line in lines]


def test_record_that_does_not_hold_is_told(sandbox: Sandbox) -> None:
    """A changed file, a missing file, a missing RECORD and a second version are problems."""
    sandbox.build(scenario_of("renaming", "install"))
    library = Path(sandbox.library)
    assert [] == records.problems(sandbox.library)
    (library / "iniconfig" / "_parse.py").write_text("")
    (library / "iniconfig" / "py.typed").unlink()
    (library / "iniconfig-3.dist-info").mkdir()

    found = "\n".join(records.problems(sandbox.library))

    assert "iniconfig/_parse.py: 0 bytes instead of" in found
    assert "iniconfig/py.typed: No such file" in found
    assert "iniconfig-3.dist-info: iniconfig-2.1.0.dist-info is there as well" in found
    assert "iniconfig-3.dist-info: no RECORD" in found


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("openat", 'openat(AT_FDCWD</>, "/a", O_RDONLY|O_CLOEXEC)', False),
        ("openat", 'openat(AT_FDCWD</>, "/a", O_WRONLY|O_CREAT|O_TRUNC, 0666)', True),
        ("openat", 'openat(AT_FDCWD</>, "/dev/null", O_RDWR)', False),
        ("write", 'write(3</a/file>, ""..., 5)', True),
        ("write", 'write(1<pipe:[5]>, ""..., 5)', False),
        ("write", 'write(3</dev/shm/file>, ""..., 5)', True),
        ("write", 'write(3</dev/pts/0>, ""..., 5)', False),
        ("ioctl", "ioctl(3</a>, BTRFS_IOC_CLONE or FICLONE, 4</b>)", True),
        ("ioctl", "ioctl(3</a>, TCGETS, 0x7ffe0dc54080)", False),
        ("unlink", 'unlink("a")', True),
    ],
)
def test_which_calls_count(name: str, text: str, *, expected: bool) -> None:
    """Every call that can change a file counts, and none that only reads or talks."""
    assert expected == MUTATING[name](text)


def test_result_says_how_to_see_it_again(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each broken point comes with its call, what is wrong, and a command."""
    sweep = Sweep(scenario_of("copying", "install"), Kill(), sandbox)
    result: Result = sweep.result(Point("write", 2), "recover")
    details = tmp_path / "details.md"
    report.write_details(details, [Swept(sweep.scenario, (result,), "", 0.0)])

    text = details.read_text()

    assert "killed before `write(3<" in text
    assert "no RECORD" in text
    assert "--scenario copying-install-toy-copy --point write:2 --next recover" in text
