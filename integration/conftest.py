"""Settings and fixtures of the integration tests.

``slow`` marks tests that take several seconds each; ``make integration`` leaves them out.
With ``CI=true`` a missing network fails instead of skipping.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.faults.volumes import CLONING, Volume, unavailable
from integration.support.command import Command
from integration.support.environments import Venv, make_venv
from integration.support.peers import pip_install, uv_install
from integration.support.samples import make_sample
from integration.support.spoilt import to_be_spoilt
from integration.support.trees import differences
from integration.support.turns import INSTALLERS
from integration.support.volumes import CLONE, clone_volume, other_volume
from linkinstall import Cache, Environment
from tests.support.gates import require
from tests.support.platforms import listen_to_interrupts, skip_foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integration.support.spoilt import Spoilt
    from integration.support.trees import Tree

HERE = Path(__file__).parent

listen_to_interrupts()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder, so that ``-m 'not integration'`` leaves it out."""
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue
        item.add_marker(pytest.mark.integration)
        if item.path.is_relative_to(HERE / "windows"):
            item.add_marker(pytest.mark.windows_real)
        else:
            item.add_marker(pytest.mark.posix("flock, signals and peers of POSIX"))
    skip_foreign(items)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the venvs that others are copied from."""
    return tmp_path_factory.mktemp("templates")


@pytest.fixture
def make_environment(tmp_path: Path, templates: Path) -> Callable[..., Venv]:
    """Make further bare venvs: ``make_environment("name", python=…)``."""

    def make(name: str, *, python: str = sys.executable, folder: Path | None = None) -> Venv:
        return make_venv((folder or tmp_path) / name, templates, python)

    return make


@pytest.fixture
def venv(make_environment: Callable[..., Venv]) -> Venv:
    """Give a bare venv of the running interpreter."""
    return make_environment("venv")


@pytest.fixture
def bare(venv: Venv) -> Tree:
    """Return what stands in the venv before anything is installed."""
    return venv.snapshot()


@pytest.fixture
def linkinstall(tmp_path: Path) -> Command:
    """Give the command line, with a cache of its own on the volume of the venv."""
    return Command(tmp_path)


@pytest.fixture
def python(venv: Venv) -> tuple[str, str]:
    """Give the option that means the venv."""
    return "--python", str(venv.root)


@pytest.fixture
def cache(linkinstall: Command) -> Cache:
    """Give the cache that the command line of the test uses."""
    return Cache(linkinstall.cache)


@pytest.fixture
def environment(venv: Venv) -> Environment:
    """Give the venv as the package sees it."""
    return Environment.of(venv.root)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give the root of the schemes, which does not exist yet."""
    return tmp_path / "root"


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    """Give a folder for wheels made by the test."""
    return tmp_path / "wheels"


@pytest.fixture
def sample(wheelhouse: Path) -> Path:
    """Give a small wheel: a package with a module, data, a nested folder, and two scripts."""
    return make_sample(wheelhouse)


@pytest.fixture(params=INSTALLERS)
def installed(
    request: pytest.FixtureRequest,
    linkinstall: Command,
    venv: Venv,
    bare: Tree,
    templates: Path,
    sample: Path,
) -> Venv:
    """Give a venv into which one of three tools installed the sample wheel.

    What pip and uv leave is made once per process and copied: they take seconds.
    """
    assert [] == differences(bare, venv.snapshot())
    if request.param == "ours":
        linkinstall.run("install", "--python", venv.root, sample)
        return venv
    kept = templates / f"sample-by-{request.param}"
    if not kept.exists():
        made = make_venv(kept, templates)
        (pip_install if request.param == "pip" else uv_install)(made, [sample])
    shutil.rmtree(venv.root)
    shutil.copytree(kept, venv.root, symlinks=True)
    return venv


@pytest.fixture
def spoilt(linkinstall: Command, venv: Venv, sample: Path, tmp_path: Path) -> Iterator[Spoilt]:
    """Give an environment to be spoilt."""
    with to_be_spoilt(linkinstall, venv, sample, tmp_path / "outside") as made:
        yield made


@pytest.fixture
def other_folder(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on another volume."""
    folder = other_volume(tmp_path)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def clone_folder(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on a volume that can clone files, made on a loop device if there is none."""
    folder = clone_volume(tmp_path)
    if folder is not None:
        yield folder
        shutil.rmtree(folder)
        return
    reason = unavailable((CLONING,))
    require(not reason, f"a volume that clones ({CLONE} can name a folder on one): {reason}")
    made = str(tmp_path / "clones")
    with Volume(CLONING, f"{made}.img", made):
        yield Path(made)
