"""A small environment with a cache of its own, made in milliseconds.

``Site`` looks like a virtual environment on disk (``pyvenv.cfg``, an interpreter's name
in ``bin``, and ``lib64 -> lib`` but on Windows) and is described by an ``Environment``
without asking any interpreter. ``snapshot`` tells everything that is below a folder.

Calling sequence::

    site = Site(tmp_path)
    site.install(site.wheel("app", "1.0"))
    before = snapshot(site.root)
"""

from __future__ import annotations

import os
import stat
import sys
from copy import copy
from typing import TYPE_CHECKING, Any

from linkinstall import Cache
from linkinstall.environment import Environment
from linkinstall.fs import local
from linkinstall.transaction import Transaction
from linkinstall.verbs.check import check
from linkinstall.verbs.install import install
from linkinstall.verbs.recover import recover
from linkinstall.verbs.repair import repair
from linkinstall.verbs.uninstall import uninstall
from linkinstall.world import World
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from linkinstall.outcome import Finding, Outcome

Node = tuple[object, ...]
Snapshot = dict[str, Node]
STATE = ".linkinstall"


class Site:
    """An environment, its cache and the wheels made for it, all below one folder.

    :param compiler: whether bytecode can be compiled (by the running interpreter)
    """

    def __init__(self, folder: Path, *, compiler: bool = False) -> None:
        self.folder = folder
        self.cache = Cache(folder / "cache")
        self._place(folder / "env", compiler=compiler)
        self._make()

    def _place(self, root: Path, *, compiler: bool) -> None:
        self.root = root
        self.library = root / "lib" / "python3.11" / "site-packages"
        self.scripts = root / "bin"
        self.environment = self._describe(compiler=compiler)

    def seen_at(self, root: Path) -> Site:
        """Return the same environment as it is once somebody has moved it to ``root``."""
        site = copy(self)
        site._place(root, compiler=self.environment.compiler is not None)
        return site

    def _make(self) -> None:
        self.library.mkdir(parents=True)
        self.scripts.mkdir()
        (self.root / "pyvenv.cfg").write_text("home = /opt/python/bin\n")
        (self.scripts / "python").write_text("an interpreter\n")
        if os.name != "nt":  # a link takes a privilege there, and no venv has one
            (self.root / "lib64").symlink_to("lib")
            (self.scripts / "python3.11").symlink_to("python")
        (self.root / ".lock").touch()

    def _describe(self, *, compiler: bool) -> Environment:
        platform = "lib" if os.name == "nt" else "lib64"
        schemes = {
            "purelib": str(self.library),
            "platlib": str(self.root / platform / "python3.11" / "site-packages"),
            "headers": str(self.root / "include" / "site" / "python3.11"),
            "scripts": str(self.scripts),
            "data": str(self.root),
        }
        return Environment(
            kind="venv",
            root=str(self.root),
            python=str(self.scripts / "python"),
            compiler=sys.executable if compiler else None,
            schemes=schemes,
            runtime=schemes,
            layout={},
            script_kind="posix",
            cache_tag=sys.implementation.cache_tag,
            version=sys.version_info[:2],
            keeps_lock=True,
        )

    @property
    def home(self) -> Path:
        """The state folder, there or not."""
        return self.library / STATE

    def wheel(
        self,
        name: str = "app",
        version: str = "1.0",
        files: Mapping[str, bytes | str] | None = None,
        **options: Any,
    ) -> Path:
        """Make a wheel; see ``make_wheel``."""
        return make_wheel(self.folder / "wheels", name, version, files, **options)

    def world(self) -> World:
        """Return what a plan would see now."""
        return World(local(), self.environment)

    def transaction(self, files: FileSystem | None = None, **options: Any) -> Transaction:
        """Return a new transaction; nothing is flushed and compiled unless it is asked for."""
        chosen = {"cache": self.cache, "sync": "off", "lock_timeout": 5.0, **options}
        return Transaction(self.environment, files=files, **chosen)

    def install(self, *wheels: Path, **options: Any) -> Outcome:
        """Install wheels by the verb."""
        chosen = {"cache": self.cache, "sync": "off", "lock_timeout": 5.0, **options}
        return install(wheels, environment=self.environment, **chosen)

    def uninstall(self, *names: str, **options: Any) -> Outcome:
        """Uninstall distributions by the verb."""
        chosen = {"cache": self.cache, "sync": "off", "lock_timeout": 5.0, **options}
        return uninstall(names, environment=self.environment, **chosen)

    def recover(self, policy: str = "auto") -> Outcome:
        """Recover by the verb."""
        options: dict[str, Any] = {"cache": self.cache, "sync": "off", "lock_timeout": 5.0}
        return recover(self.environment, policy=policy, **options)

    def repair(self, *names: str, **options: Any) -> Outcome:
        """Repair by the verb."""
        chosen = {"cache": self.cache, "sync": "off", "lock_timeout": 5.0, **options}
        return repair(names, environment=self.environment, **chosen)

    def check(self, *names: str, full: bool = False) -> list[Finding]:
        """Check by the verb."""
        return check(names, environment=self.environment, full=full, cache=self.cache)

    def tree(self) -> Snapshot:
        """Return what is below the environment, contents and modes."""
        return snapshot(self.root)


def snapshot(
    root: Path, *, exact: bool = False, skipping: Callable[[str], bool] | None = None
) -> Snapshot:
    """Return everything below ``root``: path -> kind, mode, contents, no link followed.

    :param exact: also inode and modification time of files: the very same files
    :param skipping: told of each path whether it is left out
    """
    nodes: Snapshot = {}
    for name, status in _walk(str(root), ""):
        if skipping is None or not skipping(name):
            nodes[name] = _node(f"{root}/{name}", status, exact=exact)
    return nodes


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name, status = prefix + entry.name, entry.stat(follow_symlinks=False)
            yield name, status
            if stat.S_ISDIR(status.st_mode):
                yield from _walk(entry.path, name + "/")


def _node(path: str, status: os.stat_result, *, exact: bool) -> Node:
    mode = oct(stat.S_IMODE(status.st_mode))
    if stat.S_ISLNK(status.st_mode):
        return ("link", os.readlink(path))
    if stat.S_ISDIR(status.st_mode):
        return ("folder", mode)
    with open(path, "rb", buffering=0) as stream:
        node = ("file", mode, stream.read())
    return (*node, status.st_ino, status.st_mtime_ns) if exact else node


def read_through(nodes: Snapshot, store: str) -> Snapshot:
    """Return a snapshot in which links into ``store`` are the files that they lead to.

    What one link mode could not do another has done: the contents are the same.
    """
    result = dict(nodes)
    for name, node in nodes.items():
        if node[0] == "link" and str(node[1]).startswith(store):
            path = str(node[1])
            result[name] = _node(path, os.stat(path), exact=False)
    return result


def of_state(path: str) -> bool:
    """Return whether a path of a snapshot belongs to linkinstall's own state."""
    return STATE in path.split("/")


def differences(expected: Snapshot, actual: Snapshot) -> list[str]:
    """Return a line for each path in which two snapshots differ."""
    return [
        f"{path}: {_brief(expected.get(path))} -> {_brief(actual.get(path))}"
        for path in sorted({*expected, *actual})
        if expected.get(path) != actual.get(path)
    ]


def _brief(node: Node | None) -> str:
    return "absent" if node is None else " ".join(str(part)[:60] for part in node)
