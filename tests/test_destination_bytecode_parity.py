"""``LinkDestination`` compiles what ``installer``'s destination compiles.

Compiled files may be linked and are in no RECORD; they must be there for the same sources and
levels, and Python must take them.
"""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from linkinstall import Cache
from tests.support.parity import Side, Twins
from tests.support.parity_wheels import SHAPES, everything

LEVELS: dict[str, Any] = {
    "none": (),
    "plain": (0,),
    "all": (0, 1, 2),
    "running": (-1,),
    "a set": frozenset({0, 2}),
    "a range": range(2),
    "twice": [0, 0],
}


pytestmark = pytest.mark.usefixtures("apart")


@pytest.mark.parametrize("staged", [False, True], ids=["in place", "destdir"])
@pytest.mark.parametrize("levels", LEVELS)
def test_the_same_sources_are_compiled_at_the_same_levels(
    tmp_path: Path, levels: str, *, staged: bool
) -> None:
    """Each level has a compiled file per source of purelib and platlib that compiles."""
    twins = Twins(tmp_path, staged=staged)
    twins.install(SHAPES["sources"](tmp_path), bytecode_optimization_levels=LEVELS[levels])
    twins.assert_same()


EPOCHS = {"timestamps": None, "checked hashes": "1700000000"}


@pytest.mark.parametrize("epoch", EPOCHS)
def test_compiled_files_below_destdir_are_those_of_installer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: str
) -> None:
    """They carry the run-time path, and the form that SOURCE_DATE_EPOCH asks for."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    if text := EPOCHS[epoch]:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    twins = Twins(tmp_path, staged=True)
    twins.install(everything(tmp_path), bytecode_optimization_levels=(0, 1))
    assert _compiled_facts(twins.theirs) == _compiled_facts(twins.ours)


def _compiled_facts(side: Side) -> dict[str, tuple[bytes, str]]:
    """Return the flags and the embedded path of each compiled file."""
    facts = {}
    for path in side.root.rglob("*.pyc"):
        data = path.read_bytes()
        embedded = marshal.loads(data[16:]).co_filename  # noqa: S302 - compiled a moment ago
        # Windows has a drive before "/opt/app", which installer leaves away.
        facts[path.relative_to(side.root).as_posix()] = (data[:8], os.path.splitdrive(embedded)[1])
    return facts


@pytest.mark.parametrize("link_mode", ["hardlink", "symlink", "copy"])
def test_compiled_files_are_valid_for_the_sources_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link_mode: str
) -> None:
    """Python takes them as they are: timestamp form, the source's time and size, any level."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    cache, wheel = Cache(tmp_path / "cache"), everything(tmp_path)
    for state in ("cold", "warm"):
        twins = Twins(tmp_path / state, cache=cache, link_mode=link_mode)
        twins.ours.install(wheel, bytecode_optimization_levels=(0, 1, 2))
        assert 6 == _valid_compiled(twins.ours.path("purelib", "sample"))
        assert 3 == _valid_compiled(twins.ours.path("platlib"))


def _valid_compiled(folder: Path) -> int:
    """Count the compiled files in ``folder`` that the import system would take."""
    valid = 0
    for path in (folder / "__pycache__").iterdir():
        source = (folder / (path.name.split(".")[0] + ".py")).stat()
        facts = (0, int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF)
        head = b"".join(number.to_bytes(4, "little") for number in facts)
        valid += head == path.read_bytes()[4:16]
    return valid


def test_the_code_of_compiled_files_knows_where_it_lies(twins: Twins, tmp_path: Path) -> None:
    """A function imported from a compiled file names its own environment's source."""
    twins.install(everything(tmp_path), bytecode_optimization_levels=(0,))
    again = Twins(tmp_path / "again", cache=twins.cache)
    again.install(everything(tmp_path), bytecode_optimization_levels=(0,))
    for side in (*twins.sides, *again.sides):
        folder = str(side.path("purelib"))
        code = f"import sys; sys.path.insert(0, {folder!r}); import sample; print(sample.where())"
        found = subprocess.check_output([sys.executable, "-I", "-B", "-c", code], text=True)
        assert Path(folder, "sample", "__init__.py") == Path(found.strip())
