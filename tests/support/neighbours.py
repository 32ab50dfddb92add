"""An environment in which others act while a change of ours is unfinished, told by chance.

Purpose: no reference says what has to come of a kill, of what pip and people did then, and of
the recovery. So it is written down whose each file is, and what was done to it by whom; each
path is asked for its reason afterwards. Paths are few, so that projects and people meet in
files, and in folders where another has a file.

Calling sequence::

    story = Story(folder, seed)
    story.tell()          # old versions and people's files, a kill, others, a recovery
    story.problems        # what is wrong: nothing
    story.told            # what happened, for who has to find out why

Guarantees: a seed tells the same story again. Neither plan nor journal is asked.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

from linkinstall.errors import LinkInstallError
from linkinstall.fs import local
from linkinstall.recovery import recover_environment
from tests.support.applications import OFF, applied
from tests.support.faulty import Faulty, Killed
from tests.support.sites import STATE, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.recovery import Report

PROJECTS = ("alpha", "beta", "gamma", "delta")
PATHS = (
    "p", "p/x.txt", "p/y.py", "p/sub/z.py", "q/__init__.py", "q/m.py", "q/d/n.txt", "s.py",
    "s/t.py", "u.txt", "data:share/d.conf", "data:share/k", "data:share/k/e.conf",
)  # fmt: skip
"""What a project may bring, and a person write: relative to the library, or to the data folder."""
LATE = 70
"""So many changes of the disk, at most, before the kill: more than most of these need."""


class Story:
    """See the module docstring."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.told: list[str] = []
        self.problems: list[str] = []
        self._chance = random.Random(seed)  # noqa: S311 - told again by its seed
        self._site = Site(folder)
        self._theirs: set[str] = set()  # what others have put there since the kill
        self._taken: dict[str, bytes] = {}  # what they have taken away, as it was
        self._acted: set[str] = set()  # the projects that they have changed

    def tell(self) -> bool:
        """Let it happen, and judge; return whether others acted beside something unfinished."""
        self._furnish()
        owned = {name: self._listed(name) for name in PROJECTS}
        before = self._contents()
        if not self._kill([name for name in PROJECTS if owned[name]]):
            return False
        for name in self._chance.sample(PROJECTS, self._chance.randint(0, 2)):
            self._act(name)
        if self._chance.random() < 0.3:
            self._write(self._chance.choice(PATHS), "somebody")
        between = self._contents()
        self._recover()
        self.problems += self._lost_of_others(between)
        self.problems += self._lost_of_old(before, owned)
        self.problems += self._left_of_ours(before)
        self._settle()
        if self._site.home.exists():
            self.problems.append("the state folder stays")
        return bool(self._acted)

    # ------------------------------------------------------------ before the kill

    def _furnish(self) -> None:
        for name in PROJECTS[:3]:
            if self._chance.random() < 0.8:
                wheel, overwrite = self._wheel(name, "1.0", "old"), self._chance.random() < 0.5
                try:
                    self._site.install(wheel, compile_levels=(), overwrite_existing=overwrite)
                except LinkInstallError:
                    continue
                self.told.append(f"{name} 1.0 is installed: {sorted(self._listed(name))}")
        for path in self._chance.sample(PATHS, 3):
            self._write(path, "mine")
        for source in sorted(self._site.library.rglob("*.py")):
            if self._chance.random() < 0.5 and STATE not in source.parts:
                compiled = _compiled_of(source)
                compiled.parent.mkdir(exist_ok=True)
                compiled.write_text(f"compiled of {source.read_text()}")
        for data in sorted((self._site.root / "share").rglob("*.conf")):
            if self._chance.random() < 0.5:
                text = data.read_text()
                data.unlink()  # it may be a link into the cache
                data.write_text(f"edited {text}")
                self.told.append(f"{data.name} is edited")
        self._theirs.clear()

    def _wheel(self, name: str, version: str, mark: str) -> Path:
        files = {f"{name}_own.py": f"{mark} {name} {version}\n"}
        for path in self._some():
            place = path.replace("data:", f"{name}-{version}.data/data/")
            files[place] = f"{mark} {name} {version} {path}\n"
        return self._site.wheel(name, version, files)

    def _some(self) -> list[str]:
        """Choose paths of which none is a folder of another."""
        chosen: list[str] = []
        for path in self._chance.sample(PATHS, self._chance.randint(0, 5)):
            if not any(_meet(path, other) for other in chosen):
                chosen.append(path)
        return chosen

    # ------------------------------------------------------------ the kill

    def _kill(self, installed: list[str]) -> bool:
        """Begin a change and die in it; return whether there is something to recover."""
        come = self._chance.sample(PROJECTS, self._chance.randint(1, 2))
        go = [name for name in installed if name not in come and self._chance.random() < 0.35]
        wheels = [self._wheel(name, self._chance.choice(("2.0", "1.0")), "new") for name in come]
        files = Faulty(local(), at=10_000)
        overwrite = self._chance.random() < 0.8
        try:
            application = applied(
                self._site, *wheels, out=go, files=files, overwrite=overwrite, reinstall=True
            )
        except LinkInstallError:
            return False
        files.changes.clear()
        files.at = self._chance.randint(5, LATE)
        try:
            application.prepare()
        except Killed:
            pass
        names = [wheel.name for wheel in wheels]
        self.told.append(f"{names} come, {go} go, killed after {len(files.changes)} changes")
        return application.journal is not None

    # ------------------------------------------------------------ the others

    def _act(self, name: str) -> None:
        """Let pip uninstall a project, or install it in place of what it finds or beside it."""
        act = self._chance.choice(("uninstall", "install", "install beside"))
        if act != "install beside" and any(self._infos(name)):
            self._uninstall(name)
        if act != "uninstall":
            self._install(name, self._chance.choice(("3.0", "2.0", "1.0")))
        self.told.append(f"pip: {act} {name}")

    def _uninstall(self, name: str) -> None:
        """Remove what the first RECORD of a project lists, as pip does."""
        info = next(self._infos(name))
        self._acted.add(name)
        emptied = set()
        for path in [*self._rows(info), *(one for one in info.rglob("*") if one.is_file())]:
            for one in (path, *([_compiled_of(path)] if path.suffix == ".py" else ())):
                if one.is_file():
                    self._take_away(one)
                    emptied.add(one.parent)
        for folder in sorted(emptied, key=lambda one: -len(one.parts)):
            for one in (folder, *folder.parents):
                if one in (self._site.library, self._site.root) or any(_in(one)):
                    break
                if one.is_dir():
                    one.rmdir()

    def _install(self, name: str, version: str) -> None:
        """Put files there as pip does: over what stands at their paths."""
        info = self._site.library / f"{name}-{version}.dist-info"
        for one in _in(info):
            self._take_away(one)
        rows: list[Path] = []
        for path in self._some():
            rows += self._write(path, f"pip {name} {version}")
        for source in rows[:1]:
            if source.suffix == ".py":
                rows += self._put(_compiled_of(source), "compiled by pip")
        rows += self._put(info / "METADATA", f"Name: {name}\nVersion: {version}\n")
        listed = [os.path.relpath(row, self._site.library) for row in (*rows, info / "RECORD")]
        self._put(info / "RECORD", "".join(f"{row},,\n" for row in listed))
        self._acted.add(name)

    def _write(self, path: str, mark: str) -> list[Path]:
        """Write a file at one of ``PATHS``, over what stands there, unless that is a folder."""
        inner = path.removeprefix("data:")
        return self._put((self._site.root if inner != path else self._site.library) / inner, mark)

    def _put(self, path: Path, text: str) -> list[Path]:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                return []
            if path.exists():
                self._take_away(path)
            path.write_text(text)
        except (FileExistsError, NotADirectoryError):  # a file is where a folder must be
            return []
        self._theirs.add(self._name(path))
        self.told.append(f"written: {self._name(path)}: {text.splitlines()[0]}")
        return [path]

    def _take_away(self, path: Path) -> None:
        self._taken[self._name(path)] = path.read_bytes()
        self._theirs.discard(self._name(path))
        path.unlink()

    # ------------------------------------------------------------ the recovery

    def _recover(self) -> None:
        """Recover, after up to two attempts that are killed."""
        for _ in range(self._chance.choice((0, 0, 1, 2))):
            try:
                self._settle(Faulty(local(), at=self._chance.randint(0, 25)))
            except Killed:
                self.told.append("a recovery is killed")
        self.told += [f"kept: {one.path}: {one.reason}" for one in self._settle().kept]

    def _settle(self, files: Faulty | None = None) -> Report:
        return recover_environment(files or local(), self._site.world().bounds, OFF)

    # ------------------------------------------------------------ what is wrong

    def _lost_of_others(self, between: dict[str, bytes]) -> Iterator[str]:
        after = self._contents()
        for path in sorted(self._theirs & between.keys()):
            if after.get(path) != between[path]:
                yield f"lost of others: {path}: {after.get(path)!r}"

    def _lost_of_old(self, before: dict[str, bytes], owned: dict[str, set[str]]) -> Iterator[str]:
        """Yield what was there, and in the way of nobody, and is not there again."""
        after = self._contents()
        for path, content in sorted(before.items()):
            source = _source_of(path)
            owners = {name for name, paths in owned.items() if {path, source} & paths}
            if owners & self._acted or self._is_taken(path, before) or after.get(path) == content:
                continue
            if source is None or not self._is_taken(source, before):
                whose = ", ".join(sorted(owners)) or "a person"
                yield f"lost of {whose}: {path}: {after.get(path)!r}"

    def _is_taken(self, path: str, before: dict[str, bytes]) -> bool:
        """Return whether others have its place, or have taken it away themselves."""
        old = before.get(path)
        return any(_meet(path, other) for other in self._theirs) or (
            old is not None and self._taken.get(path) == old
        )

    def _left_of_ours(self, before: dict[str, bytes]) -> Iterator[str]:
        for path, content in sorted(self._contents().items()):
            strange = ".dist-info/" in path and path not in before.keys() | self._theirs
            if content.startswith(b"new ") or strange:
                yield f"left of ours: {path}"

    # ------------------------------------------------------------ looking

    def _contents(self) -> dict[str, bytes]:
        kept = {"pyvenv.cfg", ".lock", "bin/python"}
        return {
            self._name(path): path.read_bytes()
            for path in self._site.root.rglob("*")
            if path.is_file() and not path.is_symlink() and STATE not in path.parts
            and self._name(path) not in kept
        }  # fmt: skip

    def _infos(self, name: str) -> Iterator[Path]:
        yield from sorted(self._site.library.glob(f"{name}-*.dist-info"))

    def _listed(self, name: str) -> set[str]:
        """Return what belongs to a project, its dist-info included."""
        paths = [path for info in self._infos(name) for path in (*self._rows(info), *_in(info))]
        return {self._name(path) for path in paths}

    def _rows(self, info: Path) -> list[Path]:
        record = info / "RECORD"
        lines = record.read_text().splitlines() if record.is_file() else []
        library = self._site.library
        return [Path(os.path.normpath(library / line.partition(",")[0])) for line in lines]

    def _name(self, path: Path) -> str:
        return path.relative_to(self._site.root).as_posix()


def _in(folder: Path) -> Iterator[Path]:
    yield from folder.iterdir() if folder.is_dir() else ()


def _meet(path: str, other: str) -> bool:
    """Return whether two paths are the same, or one is a folder of the other."""
    return f"{path}/".startswith(f"{other}/") or f"{other}/".startswith(f"{path}/")


def _compiled_of(source: Path) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.cpython-311.pyc"


def _source_of(path: str) -> str | None:
    folder, _, name = path.rpartition("/")
    above, _, last = folder.rpartition("/")
    return f"{above}/{name.partition('.')[0]}.py" if last == "__pycache__" else None
