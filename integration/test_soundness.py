"""The judge of races and of acts in between: it passes what is sound and finds what is not."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.faults.runner import provisions
from integration.faults.sandbox import Sandbox
from integration.faults.scenario import Scenario
from integration.faults.scenarios import RECOVER, install
from integration.faults.soundness import Bare, around, brought, litter, unsound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from integration.faults.snapshot import Snapshot


@dataclass(frozen=True)
class World:
    """A sandbox with ``parts`` installed, what stood in it before, and what ``parts`` brought."""

    sandbox: Sandbox
    bare: Bare
    known: Mapping[str, Snapshot]
    before: Snapshot

    def problems(self) -> list[str]:
        """Return what the judge says of the world as it is now."""
        box = self.sandbox
        found = unsound(box.area("venv"), box.library, self.bare, self.known)
        return found + litter(box, self.before)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a world that is made once."""
    folder = tmp_path_factory.mktemp("soundness")
    sandbox = Sandbox(str(folder / "sandbox"), provisions(str(folder / "source")))
    nothing = Scenario("linkinstall", "judge", "it", "any", (), RECOVER, {}, "", ())
    sandbox.build(nothing)
    root, library = sandbox.area("venv"), sandbox.library
    bare, known = Bare.of(root, library), brought(root, library)
    assert 0 == sandbox.run(install("hardlink", "parts-1.0")).status
    sandbox.save()
    return World(sandbox, bare, known | brought(root, library), around(sandbox))


@pytest.fixture
def world(made: World) -> World:
    """Return that world as it was made."""
    made.sandbox.restore()
    return made


def test_what_an_installation_alone_leaves_is_sound(world: World) -> None:
    """A distribution that nothing disturbed, in an environment as it came, has no problems."""
    assert [] == world.problems()


def rubbish(path: Path) -> None:
    """Put other bytes in the place of a file, with its mode and its length."""
    size, mode = path.stat().st_size, path.stat().st_mode
    path.unlink()
    path.write_bytes(b"\0" * size)
    path.chmod(mode)


@pytest.mark.parametrize(
    ("path", "harm", "told"),
    [
        ("venv/{library}/iniconfig", shutil.rmtree, "missing  {library}/iniconfig "),
        ("venv/{library}/iniconfig-2.1.0.dist-info", shutil.rmtree, "missing  {library}/ini"),
        ("venv/bin/activate", Path.unlink, "missing  bin/activate "),
        ("venv/pyvenv.cfg", lambda path: path.write_text(""), "changed  pyvenv.cfg "),
        ("venv/bin/parts", lambda path: path.chmod(0o600), "changed  bin/parts "),
        ("venv/{library}/parts/__pycache__/__init__.cpython-{tag}.pyc", rubbish, "changed  "),
        ("venv/{library}/parts", lambda path: path.chmod(0o700), "changed  {library}/parts "),
        ("venv/stray", Path.touch, "stray    stray "),
        ("venv/{library}/nobody-1.0.dist-info", Path.mkdir, "nobody-1.0: no command installs it"),
        ("temp/left.part", Path.touch, "beside: stray    temp/left.part "),
        ("left-over", Path.mkdir, "beside: stray    left-over/. "),
        ("cache/v1/left", Path.mkdir, "cache: stray v1/left"),
        ("cache/v1/tmp/left", Path.touch, "cache: stray v1/tmp/left"),
    ],
)
def test_harm_is_found(world: World, path: str, harm: Callable[[Path], object], told: str) -> None:
    """What is not as it was before, or as an installation alone leaves it, is told by its path.

    But for strays in the environment nothing of this was: a missing distribution counted as one
    that had never been there, and modes and compiled files were compared with nothing.
    """
    library = os.path.relpath(world.sandbox.library, world.sandbox.area("venv"))
    tag = library.split("python")[1].split("/")[0].replace(".", "")

    harm(Path(world.sandbox.world, path.format(library=library, tag=tag)))

    assert told.format(library=library) in "\n".join(world.problems())


def test_a_quarantined_entry_is_told_for_its_manifest_alone(world: World) -> None:
    """Its manifest stands there under another name, which is no stray; any other name is one."""
    (entry, *_) = Path(world.sandbox.area("cache"), "v1", "entries").iterdir()
    (entry / "manifest").rename(entry / "manifest.damaged")
    (entry / "manifest.other").touch()

    lines = [one for one in world.problems() if entry.name in one]

    assert 2 == len(lines)
    assert "No such file or directory" in lines[0]
    assert f"cache: stray v1/entries/{entry.name}/manifest.other" == lines[1]


def test_a_distribution_of_another_tool_is_held_to_its_record(world: World) -> None:
    """Modes that another tool gives are its own affair; what its RECORD does not list is not."""
    library = Path(world.sandbox.library)
    (library / "parts-1.0.dist-info" / "INSTALLER").write_text("uv")
    (library / "parts" / "__init__.py").chmod(0o600)
    (library / "parts" / "stray").touch()

    problems = world.problems()

    assert 2 == len(problems)  # INSTALLER has not the hash that RECORD has
    assert "INSTALLER" in problems[0]
    assert "parts/stray" in problems[1]
