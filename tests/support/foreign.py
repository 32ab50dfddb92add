"""What others do to an environment while we are not there: rules of the state machine.

A person adds, edits and deletes files; an interpreter compiles; ``installer`` installs
and a tool like pip removes the projects that we know too; a cache file is written to in
place, directly or through a hard link. Each is done to the model first, and then to the
disk with plain calls.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from installer import install as install_by_installer
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

from tests.support.beliefs import Beliefs, unique
from tests.support.model_wheels import Asked, compiled
from tests.support.oracle import same_file
from tests.support.simple_model import LIBRARY, OWN, Dist, File, Model, parents

if TYPE_CHECKING:
    from collections.abc import Callable

PLACES = (
    LIBRARY,
    f"{LIBRARY}/app",
    f"{LIBRARY}/app/data",
    f"{LIBRARY}/app/private",
    f"{LIBRARY}/family",
    "bin",
    "share/app",
    "include/site/python3.11/app",
)
positions = st.integers(0, 1000)
"""Picks one of some; the remainder counts."""

settled = precondition(lambda self: not self.unsettled)


class Foreign(Beliefs):
    """See the module docstring."""

    # ---------------------------------------------------------------- at any time

    @rule(place=st.sampled_from(PLACES), name=st.sampled_from(["notes.txt", "mine.py"]))
    def add_file(self, place: str, name: str) -> None:
        """Put a file beside installed ones, also between a crash and its recovery."""
        path = f"{place}/{name}"
        if any(not can_stand(one, path) for one in self.beliefs) or not self._is_free(path):
            return
        for one in self.beliefs:
            one.write(path, File(b"mine\n"))
        self._write(path, File(b"mine\n"))

    def _is_free(self, path: str) -> bool:
        """Return whether a file can be made at ``path`` on the disk."""
        if os.path.lexists(self.site.root / path):
            return False
        above = (self.site.root / one for one in parents(path))
        return all(one.is_dir() or not os.path.lexists(one) for one in above)

    @rule(position=positions)
    def compile_source(self, position: int) -> None:
        """Import a module: the interpreter writes its compiled file."""
        sources = sorted(
            {path for one in self.beliefs for path in one.files if path.endswith(".py")}
        )
        sources = [path for path in sources if (self.site.root / path).exists()]
        if not sources:
            return
        source = sources[position % len(sources)]
        path = compiled(source, 0)
        if not source.startswith(LIBRARY) or not self._is_free(path):
            return
        self._write(path, File(b"compiled"))
        with_it = [one.copy() for one in self.beliefs if source in one.files]
        for one in with_it:
            one.write(path, File(None))
        # While a change is unsettled it may be taken for a file of either version.
        self.beliefs = unique([*self.beliefs, *with_it]) if self.unsettled else with_it

    # ---------------------------------------------------------------- files

    @settled
    @rule(wheel=positions, position=positions)
    def take_path(self, wheel: int, position: int) -> None:
        """Put a file where a wheel would put one."""
        rows = sorted(self.wheels[wheel % len(self.wheels)].rows(Asked()))
        path = rows[position % len(rows)]
        if ".dist-info/" not in path and can_stand(self.model, path):
            self._do(lambda model: model.write(path, File(b"mine\n")))

    @settled
    @rule(position=positions, in_place=st.booleans(), longer=st.booleans())
    def edit(self, position: int, in_place: bool, longer: bool) -> None:  # noqa: FBT001
        """Edit an installed file: as most editors do, or in place."""
        known = [path for path, file in sorted(self.model.files.items()) if file.content]
        if not known:
            return
        path = known[position % len(known)]
        old = self.model.files[path]
        content = b"#" * len(old.content or b"") + b"!" * longer
        if in_place:
            self._edit_in_place(str(self.site.root / path), content)
        else:
            self._do(lambda model: model.write(path, File(content, old.executable)))

    @settled
    @rule(position=positions)
    def edit_cache(self, position: int) -> None:
        """Write to a file of the cache, in place."""
        entries = os.path.join(self.site.cache.root, "entries")
        files = sorted(
            f"{folder}/{name}"
            for folder, _, names in os.walk(entries)
            for name in names
            if "/files/" in folder
        )
        if files:
            self._edit_in_place(files[position % len(files)], b"edited in the cache\n")

    def _edit_in_place(self, path: str, content: bytes) -> None:
        """Write to a file that may have more names, in the environment and in the cache.

        Not where one of these is a link in a folder that is no project's own: that goes with
        its project, whatever is behind it, and a file of the model that was edited would stay.
        Nor where it is one to the empty file that a namespace shares: as soon as the cache is
        mended that is as it was, with what was compiled of it, and the model would replace it.
        """
        inside, store = same_file(self.site, path)
        links = [one for one in inside if os.path.islink(self.site.root / one)]
        if links and not (all(one.startswith(OWN) for one in links) and os.path.getsize(path)):
            return
        with open(path, "r+b") as stream:
            stream.truncate()
            stream.write(content)
        for name in inside:
            if name in self.model.files and self.model.files[name].content is not None:
                self.model.files[name] = File(content, self.model.files[name].executable)
        self.spoilt |= {one: os.stat(one).st_ino for one in store}

    @settled
    @rule(position=positions)
    def delete_file(self, position: int) -> None:
        """Delete any one file."""
        if self.model.files:
            files = sorted(self.model.files)
            self._do(lambda model: model.delete(files[position % len(files)]))

    # ---------------------------------------------------------------- distributions

    @settled
    @rule(position=positions)
    def empty_dist_info(self, position: int) -> None:
        """Leave an empty dist-info behind, as a killed tool does.

        Not where a removal may have to be finished yet: that takes folders which it had emptied
        and which are empty then, whoever has emptied them last.
        """
        if self.model.dists and not self.state_may_stand:
            names = sorted(self.model.dists)
            self._do(lambda model: model.empty_dist_info(names[position % len(names)]))

    @settled
    @rule(position=positions)
    def install_by_another(self, position: int) -> None:
        """Install a wheel with ``installer`` and its own destination."""
        wheel = self.wheels[position % len(self.wheels)]
        python = str(self.site.scripts / "python")
        rows = wheel.rows(Asked(python=python, foreign=True))
        if wheel.name in self.model.dists or not all(can_stand(self.model, p) for p in rows):
            return
        schemes = dict(self.site.environment.schemes)
        schemes["headers"] = f"{schemes['headers']}/{wheel.name}"
        target = SchemeDictionaryDestination(schemes, python, "posix")
        with WheelFile.open(wheel.path) as source:
            install_by_installer(source, target, {"INSTALLER": b"another\n"})
        for path, file in rows.items():
            self.model.write(path, file)
        self.model.dists[wheel.name] = Dist(wheel.name, wheel.version, rows)
        self.compare([self.model], struck=self.state_may_stand)

    @settled
    @rule(position=positions)
    def remove_by_another(self, position: int) -> None:
        """Remove a distribution as pip does: whatever its RECORD lists."""
        if self.model.dists:
            names = sorted(self.model.dists)
            self._do(lambda model: model.remove_all_listed(names[position % len(names)]))

    # ---------------------------------------------------------------- on the disk

    def _do(self, act: Callable[[Model], None]) -> None:
        """Do something to the model, and then what has changed to the disk."""
        new = self.model.copy()
        act(new)
        old, self.beliefs = self.model, [new]
        for path in old.files.keys() - new.files.keys():
            (self.site.root / path).unlink()
        for folder in sorted(old.folders - new.folders, key=len, reverse=True):
            (self.site.root / folder).rmdir()
        for path, file in new.files.items():
            if old.files.get(path) != file:
                self._write(path, file)

    def _write(self, path: str, file: File) -> None:
        """Write a new file and put it in place, as careful editors do."""
        place = self.site.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = place.with_name(".fresh")
        fresh.write_bytes(file.content or b"")
        fresh.chmod(0o755 if file.executable else 0o644)
        fresh.replace(place)


def can_stand(model: Model, path: str) -> bool:
    """Return whether a new file can be put at ``path``."""
    taken = path in model.files or path in model.folders
    return not taken and not any(above in model.files for above in parents(path))
