"""Run one thing twice, by ``installer``'s own destination and by ours, and compare what is left.

Calling sequence::

    twins = Twins(tmp_path)
    twins.install(wheel, script_kind="posix")
    twins.assert_same()

``Twins`` keeps two folders, ``theirs`` and ``ours``, with the same schemes and the same
arguments. A failure on one side must be one on the other: ``Twins.attempt`` tells both.
``tree`` is what is compared: each path with its kind, mode and contents, links followed,
compiled files left out (``compiled`` tells those by name).
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import installer
from installer.destinations import SchemeDictionaryDestination
from installer.records import RecordEntry
from installer.sources import WheelFile
from installer.utils import Scheme

import linkinstall
from linkinstall import Cache, LinkDestination
from linkinstall.fs import local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pytest

INTERPRETER = "/opt/python/bin/python3"
SHOWN_WHOLE = 2_000
"""Bytes up to which a file's contents are compared as they are, and not by their digest."""


@dataclass(frozen=True)
class Node:
    """What stands at one path, links followed."""

    kind: str
    mode: str
    contents: bytes | str = b""


def tree(root: Path) -> dict[str, Node]:
    """Return every path below ``root``, ``root`` itself as ``"."``, without compiled files."""
    nodes = {}
    for path in _walk(root):
        if "__pycache__" not in path.parts:
            nodes[path.relative_to(root).as_posix()] = _node(path, root)
    return nodes


def compiled(root: Path) -> set[str]:
    """Return every ``__pycache__`` folder below ``root`` and all that is in them."""
    return {
        path.relative_to(root).as_posix() for path in _walk(root) if "__pycache__" in path.parts
    }


def differences(theirs: Mapping[str, Node], ours: Mapping[str, Node]) -> list[str]:
    """Return a line for each path that is not the same in two trees."""
    names = sorted({*theirs, *ours})
    pairs = ((name, theirs.get(name), ours.get(name)) for name in names)
    return [f"{name}: {first} -> {second}" for name, first, second in pairs if first != second]


def _walk(root: Path) -> Iterator[Path]:
    # A folder reached through a symbolic link stands in for itself; it is not walked twice.
    yield root
    for folder, folders, files in os.walk(root):
        for name in sorted([*folders, *files]):
            yield Path(folder, name)


def _node(path: Path, root: Path) -> Node:
    try:
        status = path.stat()
    except FileNotFoundError:
        return Node("dangling link" if path.is_symlink() else "absent", "")
    mode = oct(stat.S_IMODE(status.st_mode))
    if stat.S_ISDIR(status.st_mode):
        return Node("folder", mode)
    # On Windows a RECORD tells whole paths; the two roots are all that may differ in them.
    contents = path.read_bytes()
    for spelled in (str(root), root.as_posix()):
        contents = contents.replace(spelled.encode(), b"ROOT")
    if len(contents) > SHOWN_WHOLE:
        return Node("file", mode, f"{len(contents)} bytes, {hashlib.sha256(contents).hexdigest()}")
    return Node("file", mode, contents)


def prefix_schemes(root: Path | str) -> dict[str, str]:
    """Return the schemes of a prefix as a Linux distribution lays it out."""
    return {
        "purelib": f"{root}/lib/python3.11/site-packages",
        "platlib": f"{root}/lib64/python3.11/site-packages",
        "headers": f"{root}/include/python3.11/sample",
        "scripts": f"{root}/bin",
        "data": f"{root}",
    }


def separate_schemes(root: Path | str) -> dict[str, str]:
    """Return schemes side by side, none below another."""
    names = ("purelib", "platlib", "headers", "scripts", "data")
    return {name: f"{root}/{name}" for name in names}


def flat_schemes(root: Path | str) -> dict[str, str]:
    """Return the schemes of a ``--target`` folder: one folder for nearly everything."""
    return {
        "purelib": f"{root}",
        "platlib": f"{root}",
        "headers": f"{root}/include/sample",
        "scripts": f"{root}/bin",
        "data": f"{root}",
    }


LAYOUTS = {"prefix": prefix_schemes, "separate": separate_schemes, "flat": flat_schemes}
KINDS = ("posix", "win-ia32", "win-amd64", "win-arm", "win-arm64")


PLACES = (
    ("purelib", "sample/__init__.py"),
    ("platlib", "sample_plat.py"),
    ("headers", "sample.h"),
    ("scripts", "sample-tool"),
    ("scripts", "sample"),
    ("data", "etc/sample.conf"),
    ("purelib", "sample-1.0.dist-info/METADATA"),
    ("purelib", "sample-1.0.dist-info/INSTALLER"),
    ("purelib", "sample-1.0.dist-info/RECORD"),
)
"""Where the files of ``parity_wheels.everything`` go, and what the caller adds."""


@dataclass
class Side:
    """One of the two installations: its folder, its schemes, and how its destination is made."""

    root: Path
    schemes: dict[str, str]
    destination_class: Callable[..., SchemeDictionaryDestination]
    extra: dict[str, Any]
    destdir: str | None = None

    def destination(self, **arguments: Any) -> SchemeDictionaryDestination:
        """Make a destination; ``arguments`` replace the usual ones."""
        usual = {"interpreter": INTERPRETER, "script_kind": "posix", "destdir": self.destdir}
        chosen = {"scheme_dict": self.schemes, **usual, **self.extra, **arguments}
        return self.destination_class(**chosen)

    def install(
        self, wheel: Path, metadata: Mapping[str, bytes] | None = None, **arguments: Any
    ) -> SchemeDictionaryDestination:
        """Install ``wheel`` as a build frontend does, and return the destination."""
        destination = self.destination(**arguments)
        with WheelFile.open(wheel) as source:
            installer.install(source, destination, dict(metadata or {}))
        return destination

    def path(self, scheme: str, name: str = "") -> Path:
        """Return where ``name`` of ``scheme`` lies."""
        path = Path(self.schemes[scheme], name)
        return Path(self.destdir, path.relative_to(path.anchor)) if self.destdir else path


class Twins:
    """The same installation twice, by ``installer``'s destination and by ours.

    :param layout: makes the schemes of a root
    :param staged: install below a ``destdir``, for the run-time prefix ``/opt/app``
    :param cache: our cache; a new one in ``folder`` unless given
    :param extra: more arguments of ``LinkDestination`` alone (``link_mode`` and the like)
    """

    def __init__(
        self,
        folder: Path,
        *,
        layout: Callable[[Path | str], dict[str, str]] = prefix_schemes,
        staged: bool = False,
        cache: Cache | None = None,
        **extra: Any,
    ) -> None:
        self.cache = cache or Cache(folder / "cache")
        kinds: tuple[tuple[str, Any, dict[str, Any]], ...] = (
            ("theirs", SchemeDictionaryDestination, {}),
            ("ours", LinkDestination, {"cache": self.cache, **extra}),
        )
        sides = []
        for name, destination_class, more in kinds:
            root = folder / name
            root.mkdir(parents=True)
            schemes = layout("/opt/app" if staged else root)
            destdir = str(root) if staged else None
            sides.append(Side(root, schemes, destination_class, more, destdir))
        self.theirs, self.ours = sides

    @property
    def sides(self) -> tuple[Side, Side]:
        """Return both sides, ``installer``'s first."""
        return self.theirs, self.ours

    def install(
        self, wheel: Path, metadata: Mapping[str, bytes] | None = None, **arguments: Any
    ) -> None:
        """Install ``wheel`` on both sides."""
        for side in self.sides:
            side.install(wheel, metadata, **arguments)

    def each(self, action: Callable[[Side], Any]) -> tuple[Any, Any]:
        """Do ``action`` on both sides and return both results."""
        return action(self.theirs), action(self.ours)

    def attempt(self, action: Callable[[Side], Any]) -> tuple[Exception | None, Exception | None]:
        """Do ``action`` on both sides and return what each raised, if anything."""
        return _raised(action, self.theirs), _raised(action, self.ours)

    def assert_same(self) -> None:
        """Assert that both trees are equal, and compiled files present for the same sources."""
        trees = [tree(side.root) for side in self.sides]
        assert not (found := differences(*trees)), "\n".join(["theirs -> ours", *found])
        sets = [compiled(side.root) for side in self.sides]
        assert sets[0] == sets[1], f"compiled files: {sorted(sets[0] ^ sets[1])}"


def _raised(action: Callable[[Side], Any], side: Side) -> Exception | None:
    try:
        action(side)
    except Exception as error:  # noqa: BLE001 - which one it is, the test asserts
        return error
    return None


def promised_kind(error: Exception) -> type[Exception]:
    """Return what ours must be where the class raises ``error``.

    FileExistsError and ValueError are promised; of anything else only that it is an error.
    """
    promised = (FileExistsError, ValueError)
    return next((kind for kind in promised if isinstance(error, kind)), Exception)


def assert_refused_alike(twins: Twins, action: Callable[[Side], Any]) -> Exception:
    """Assert that both sides refuse, ours as promised, and that ours leaves all as it was."""
    before = tree(twins.ours.root)
    theirs, ours = twins.attempt(action)
    assert theirs is not None, "installer takes this: it is no refusal"
    assert ours is not None, f"installer refuses this: {theirs!r}"
    assert isinstance(ours, promised_kind(theirs))
    assert before == tree(twins.ours.root)
    return ours


def write(
    destination: SchemeDictionaryDestination,
    scheme: str,
    path: str | os.PathLike[str],
    contents: bytes = b"x",
    *,
    executable: bool = False,
) -> tuple[Scheme, RecordEntry]:
    """Write one file into a destination; return the row that ``finalize`` takes."""
    with io.BytesIO(contents) as stream:
        return Scheme(scheme), destination.write_file(Scheme(scheme), path, stream, executable)


def finalize(
    destination: SchemeDictionaryDestination,
    rows: Iterable[tuple[Scheme, RecordEntry]] = (),
    scheme: str = "purelib",
    path: str = "RECORD",
) -> None:
    """Finalize an installation of ``rows``, with RECORD at ``path`` of ``scheme``."""
    own = (Scheme(scheme), RecordEntry(path, None, None))
    destination.finalize_installation(Scheme(scheme), path, [*rows, own])


def stand_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a test from other tests' caches, from the time of day, and from waiting for the disk.

    ``installer`` puts the time into the zip part of a Windows launcher, so that two runs of its
    own are not equal by themselves. No test of parity cuts the power, and a flush of the volume
    waits for what every other program has written.
    """
    monkeypatch.setattr(type(local()), "flush_volume", lambda *_: None)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(1_700_000_000))
    monkeypatch.setenv("LINKINSTALL_CACHE_DIR", str(folder / "default-cache"))
    for name in ("LINKINSTALL_LINK_MODE", "SOURCE_DATE_EPOCH"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Set the process's umask for a while."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def start_module(
    module: str, *arguments: str | Path, cwd: Path, mask: int = 0o022, **variables: str
) -> subprocess.Popen[str]:
    """Start ``python -m module`` with a cache of its own in ``cwd``."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("LINKINSTALL_")}
    package = str(Path(linkinstall.__file__).parent.parent)
    search = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    places = {"LINKINSTALL_CACHE_DIR": str(cwd / "cache"), "PYTHONPATH": search}
    places["LINKINSTALL_SYNC"] = "off"  # no power is cut, and a flush waits for everybody's data
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=cwd,
        env={**ours, **places, **variables},
        umask=mask,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for a process that ``start_module`` started, and return what it said."""
    with process:
        try:
            out, err = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def run_module(
    module: str, *arguments: str | Path, cwd: Path, mask: int = 0o022, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m module`` with a cache of its own in ``cwd``, and return what it said."""
    return ended(start_module(module, *arguments, cwd=cwd, mask=mask, **variables))
