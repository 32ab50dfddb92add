"""Hostile wheels end to end: refused with all their reasons, and nothing is written.

Each wheel of :mod:`tests.support.hostile_wheels` is put to the real command line, in this
process to save a second a call, to the destination and the source for callers of
``installer``, and some of them to processes of their own. What may not change is watched
from outside: the environment, the cache, the folder for temporary files, the home folder,
and a neighbour.
"""

from __future__ import annotations

import io
import os
import posixpath
import shutil
import warnings
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from installer import install as install_wheel
from installer.exceptions import InstallerError
from installer.sources import WheelFile
from installer.utils import Scheme

from integration.support.command import Command, Result
from integration.support.environments import Venv, make_venv
from integration.support.frontend import METADATA, PYTHON, destination, schemes_below
from integration.support.trees import Tree, differences, snapshot
from linkinstall import Cache, CachedWheel, LinkDestination
from linkinstall.cli.main import main
from linkinstall.errors import InvalidWheelError
from linkinstall.wheel import identify
from tests.support.archives import Raw, raw_wheel
from tests.support.hostile_wheels import ALLOWED, BASENAME, DATA, FILES, REFUSED
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.hostile_wheels import HostileWheel

PROCESSES = (
    "leaves its folder", "control sequence of eight bits", "device", "a second archive",
    "METADATA of another project", "a row that steers", "script that reverses", "two names",
)  # fmt: skip
"""Wheels that are put to processes of their own."""
INSISTED = {"paths that differ by case", "paths that differ by Unicode form"}
"""What the plan refuses, wherever it goes, unless somebody insists."""


def never_ends(data: bytes) -> bool:
    """Whether ``installer.install`` itself never ends with a wheel, before any destination.

    It takes a name apart until it meets the data folder as it is written, though it has
    found it there after removing dots and double slashes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False
    return any(_is_never_found(name) for name in names)


def _is_never_found(name: str) -> bool:
    try:
        if posixpath.commonpath([DATA, name]) != DATA:
            return False
    except ValueError:  # absolute and relative
        return False
    while (above := posixpath.dirname(name)) not in {DATA, name}:
        name = above
    return above != DATA


ENDING = sorted(name for name, case in REFUSED.items() if not never_ends(case.wheel()))


@dataclass
class World:
    """All that a refused wheel may not change, and what calls run in it."""

    root: Path
    venv: Venv
    command: Command
    wheel: Path

    @property
    def cache(self) -> Cache:
        """The cache of the calls."""
        return Cache(self.command.cache)

    def tree(self) -> Tree:
        """Return everything but lock files."""
        return snapshot(self.root, ignore=is_lock_file, inodes=True)

    def run(self, *words: object) -> Result:
        """Run the command line in this process."""
        out, err = io.StringIO(), io.StringIO()
        given = tuple(str(word) for word in words)
        environ = self.command.environ()
        return Result(
            given,
            main(given, environ=environ, stdout=out, stderr=err),
            out.getvalue(),
            err.getvalue(),
        )


def is_lock_file(path: str) -> bool:
    """Whether a path of the world is a lock, which may stay."""
    return path in {"venv/.lock", "cache/v1/lock"}


def assert_harmless(result: Result) -> None:
    """Nothing that was printed steers a terminal, or is a traceback."""
    text = (result.out + result.err).replace("\n", "")
    assert [] == [mark for mark in text if not mark.isprintable()], str(result)
    assert "Traceback" not in text, str(result)


def reasons(case: HostileWheel) -> set[str]:
    """Return the codes that end to end are told of a wheel.

    What has no RECORD where a wheel has it is no wheel, which is told, and nothing else.
    """
    data = case.wheel()
    try:
        identify(io.BytesIO(data), len(data))
    except InvalidWheelError as error:
        return {problem.code for problem in error.problems}
    return set(case.codes)


def assert_refused(result: Result, codes: set[str]) -> None:
    """One typed error tells exactly these reasons."""
    assert_harmless(result)
    form = result.form
    assert (1, "refused", "invalid-wheel") == (
        result.status, form["status"], form["error"]["code"],
    ), str(result)  # fmt: skip
    assert codes == {problem["code"] for problem in form["error"]["problems"]}
    assert ("unchanged", []) == (form["error"]["state"], form["changes"])
    assert 1 == result.err.count("error: "), str(result)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give an environment, a cache that knows it and holds a sound ``sample``, and more."""
    root = tmp_path_factory.mktemp("hostile")
    wheels = tmp_path_factory.mktemp("wheels")
    for name in ("temporary", "neighbour"):
        (root / name).mkdir()
    (root / "neighbour" / "x").write_text("a canary")
    venv = make_venv(root / "venv", tmp_path_factory.mktemp("templates"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(root / "temporary"))
        patch.setattr("tempfile.tempdir", None)
        made = World(root, venv, Command(root), wheels / BASENAME)
        other = make_wheel(wheels / "other", "other", "1.0", {"other.py": "x = 1\n"})
        made.wheel.write_bytes(raw_wheel(FILES))
        first = made.run("install", "--python", venv.root, other)
        second = made.run("cache", "add", made.wheel)
        assert (0, 0) == (first.status, second.status), f"{first}{second}"
        yield made
    shutil.rmtree(root)


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_wheel_writes_nothing(world: World, name: str) -> None:
    """Install, with a cache and without, and cache add refuse it with all reasons."""
    case = REFUSED[name]
    world.wheel.write_bytes(case.wheel())
    into, codes = ("install", "--python", world.venv.root), reasons(case)
    before = world.tree()

    assert_refused(world.run(*into, "--json", world.wheel), codes)
    assert_refused(world.run("cache", "add", "--json", world.wheel), codes)
    told = world.run(*into, "-v", "--no-cache", world.wheel)
    assert_harmless(told)
    assert (1, "") == (told.status, told.out)
    assert "The environment is unchanged." in told.err

    assert [] == differences(before, world.tree())


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_wheel_cannot_be_opened_as_a_source(world: World, name: str) -> None:
    """CachedWheel refuses it when it is opened: ``installer.install`` does not even begin."""
    case = REFUSED[name]
    world.wheel.write_bytes(case.wheel())
    before = world.tree()

    with pytest.raises(InvalidWheelError) as caught, CachedWheel.open(world.wheel, world.cache):
        pass

    assert reasons(case) == {problem.code for problem in caught.value.problems}
    assert str(caught.value).replace("\n", "").isprintable()
    assert [] == differences(before, world.tree())


@pytest.mark.parametrize("name", ENDING)
def test_a_destination_keeps_a_hostile_wheel_inside(world: World, name: str) -> None:
    """What a source of ``installer`` lets through stays in the schemes, or changes nothing.

    A destination is handed files, one by one, and never sees the archive: whoever wants the
    wheel vetted opens it with :class:`~linkinstall.CachedWheel`.
    """
    world.wheel.write_bytes(REFUSED[name].wheel())
    stage = world.root / "stage" / "root"
    stage.mkdir(parents=True)
    cache = Cache(world.root / "stage" / "cache")
    before = world.tree()

    installed = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with WheelFile.open(world.wheel) as source:
                install_wheel(source, destination(stage, cache), METADATA)
    except Exception:  # noqa: BLE001 - what installer's own sources raise is of any kind
        installed = False
    changed = [line[2:] for line in differences(before, world.tree())]
    shutil.rmtree(world.root / "stage")

    changed = [path for path in changed if not path.startswith("stage/cache")]
    assert installed == any(path.startswith("stage/root/lib/") for path in changed)
    assert [] == [path for path in changed if not (installed and path.startswith("stage/root/"))]


@pytest.mark.parametrize("name", PROCESSES)
def test_processes_refuse_as_well(world: World, name: str) -> None:
    """``python -m linkinstall`` answers as the call in this process does."""
    world.wheel.write_bytes(REFUSED[name].wheel())
    before = world.tree()

    options = {"env": {"TMPDIR": str(world.root / "temporary")}, "status": 1}
    given = ("install", "--json", "--python", world.venv.root, world.wheel)
    for more in ((), ("--dry-run",)):
        result = world.command.run(*given, *more, **options)  # type: ignore[arg-type]
        assert_refused(result, reasons(REFUSED[name]))

    assert [] == differences(before, world.tree())


@pytest.mark.parametrize("name", ALLOWED)
def test_what_only_looks_hostile_comes_and_goes(world: World, name: str) -> None:
    """An allowed wheel is installed inside, is whole, and is removed without a trace."""
    world.wheel.write_bytes(ALLOWED[name].wheel())
    python = ("--python", world.venv.root)
    before = world.tree()
    install: tuple[object, ...] = (
        "install",
        *python,
        "--no-compile-bytecode",
        "--link-mode",
        "copy",
        world.wheel,
    )
    if name in INSISTED:
        refused = world.run(*install, "--json")
        assert "case-collision" == refused.form["error"]["problems"][0]["code"]
        install += ("--overwrite-existing",)

    results = [
        world.run(*install),
        world.run("check", *python, "sample"),
    ]
    there = world.tree()
    results.append(world.run("uninstall", *python, "sample"))

    assert [0, 0, 0] == [result.status for result in results], "\n".join(map(str, results))
    for result in results:
        assert_harmless(result)
    changed = [line[2:] for line in differences(before, there)]
    assert [] == [path for path in changed if not path.startswith(("venv/", "cache/v1/"))]
    left = [line for line in differences(before, world.tree()) if "cache/v1/" not in line]
    assert [] == left


SOUND = raw_wheel([Raw("sample/a.py", b"x = 1\n"), Raw("sample/b.py", b"y = 1\n", method=0)])
TWINS = {
    "another name before the contents": Raw(
        "sample/a.py", b"x = 1\n", local={"name": b"sample/..py"}
    ),
    "another sum before the contents": Raw("sample/a.py", b"x = 1\n", local={"crc": 1}),
    "another size before the contents": Raw("sample/a.py", b"x = 1\n", local={"size": 99}),
    "another method before the contents": Raw("sample/a.py", b"x = 1\n", local={"method": 0}),
    "other contents": Raw("sample/a.py", b"x = 1\n", payload=b"\xff" * 8),
}


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_gets_what_was_verified(world: World, name: str) -> None:
    """Of a wheel that only the payload tells from a cached one, the cached files are linked.

    A warm install reads the central directory and RECORD, and no payload. So such a wheel
    brings nothing of its own: what is linked was compared with this very RECORD.
    """
    python = ("--python", world.venv.root)
    hostile = raw_wheel([TWINS[name], Raw("sample/b.py", b"y = 1\n", method=0)])
    assert len(SOUND) == len(hostile)
    assert hostile != SOUND
    aliases = {identify(io.BytesIO(data), len(data)).alias for data in (SOUND, hostile)}
    assert 1 == len(aliases)

    world.wheel.write_bytes(hostile)
    cold = world.run("install", *python, "--no-cache", "--json", world.wheel)
    assert (1, "invalid-wheel") == (cold.status, cold.form["error"]["code"])
    world.wheel.write_bytes(SOUND)
    assert 0 == world.run("cache", "add", world.wheel).status
    world.wheel.write_bytes(hostile)
    warm = world.run("install", *python, "--no-compile-bytecode", world.wheel)
    assert 0 == warm.status, str(warm)
    assert b"x = 1\n" == (world.venv.library / "sample/a.py").read_bytes()
    assert 0 == world.run("uninstall", *python, "sample").status


def test_a_path_without_end_is_a_typed_error(world: World) -> None:
    """2,100 folders in one path once ended in a RecursionError of the destination.

    The folders of the path were made by a call for each, one in the other.
    """
    target = LinkDestination(schemes_below(world.root / "no"), PYTHON, "posix", cache=world.cache)
    before = world.tree()

    with pytest.raises(InstallerError, match="too long"):
        target.write_file(
            Scheme("purelib"), "x/" * 2_100 + "y", io.BytesIO(b""), is_executable=False
        )

    assert [] == differences(before, world.tree())


def test_every_case_has_its_decision() -> None:
    """At least 120 wheels are refused, and of each allowed one it is written why."""
    assert 120 <= len(REFUSED)
    assert all(case.codes for case in REFUSED.values())
    assert all(case.why for case in ALLOWED.values())
    assert os.sep not in "".join(PROCESSES)
    assert set(PROCESSES) <= REFUSED.keys()
