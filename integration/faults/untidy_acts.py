"""What others do to an environment: people, whoever moves it, and whoever has the cache.

Purpose: each *act* is one thing that somebody may do between two commands of ours, without
knowing of us: delete, edit, replace by a link, put a file where a folder was, compile. What is
done to RECORD files and dist-info folders is in ``untidy_records``, and what other tools do in
``untidy_tools``.

Calling sequence::

    told = act(Scene(place, wheels, chance))    # one of ACTS

Guarantees: with the same state and the same chance the same is done; the environment's own
interpreter, its settings and the folders of its layout stay. An act that cannot be done there
returns "". No folder is closed: R3 closes each of them.

Errors: ``OSError`` where an act cannot be done, with some of it done perhaps, as for anybody.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from integration.faults.scenario import Command

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from integration.faults.untidy_places import Place
    from integration.faults.untidy_wheels import Wheel

    Act = Callable[["Scene"], str]

STATE = "/.linkinstall"
_OWN = re.compile(r"/(?:\.lock|pyvenv\.cfg|RECORD|bin/(?:python[^/]*|[aA]ctivate[^/]*))$")
"""What no act touches: without these it is no environment; RECORD has acts of its own."""
_MINE = "mine\n"
_NAMES = ("user.py", "conftest.py", "tool", "alpha.py", "x.txt", "__init__.py", "moved.py",
          "mv_single.py", "gamma.py", "both", "one", "two.py", "beta", "data")  # fmt: skip
"""What people call their files: paths of the wheels, and others."""
_FOLDERS = ("alpha", "alpha/a", "alpha/data", "ns", "ns/one", "mv", "gamma", "share/both", "Kase",
            "plat", "alpha/__pycache__", "gamma/__pycache__", "empty")  # fmt: skip
_FILE_MODES = (0o600, 0o444, 0o755, 0o640, 0o664)
_FOLDER_MODES = (0o755, 0o700, 0o775, 0o2775, 0o1777)
_TAGS = (sys.implementation.cache_tag, f"{sys.implementation.cache_tag}.opt-1", "cpython-38",
         "pypy39")  # fmt: skip
_MANY = 10**6
"""Names that are drawn do not come twice."""


@dataclass(frozen=True)
class Scene:
    """Where an act is done.

    :param place: the environment
    :param wheels: what may be installed
    :param chance: where, and how
    """

    place: Place
    wheels: Sequence[Wheel]
    chance: random.Random

    def pick(self, *kinds: str, ending: str = "") -> str:
        """Return the path of something that is there; "" where there is none."""
        own = self.place.own_folders()
        found = [
            path
            for path, node in self.place.nodes().items()
            if node.kind in kinds
            and path.endswith(ending)
            and path not in own
            and not path.startswith(f"{self.place.outside}/")
            and STATE not in path
            and not _OWN.search(path)
        ]
        return self.chance.choice(found) if found else ""

    def library(self) -> str:
        """Return a library, or the environment where there is none yet."""
        return self.chance.choice(self.place.libraries() or [self.place.environment])

    def new_outside(self) -> str:
        """Return a path outside of the environment where nothing is."""
        return f"{self.place.outside}/{self.chance.randrange(_MANY)}"


def write(path: str, text: str = _MINE) -> None:
    """Write a file, a new one where one is there: what else has its inode stays as it is."""
    if os.path.lexists(path):
        os.unlink(path)
    with open(path, "x", encoding="utf-8", newline="") as stream:
        stream.write(text)


# ---------------------------------------------------------------- files


def _delete(scene: Scene) -> str:
    path = scene.pick("file", "link")
    if path:
        os.unlink(path)
    return path


def _edit(scene: Scene) -> str:
    path = scene.pick("file")
    if not path:
        return ""
    how = scene.chance.choice(("in place", "anew"))
    with open(path, "rb") as stream:
        data = stream.read()
    if how == "anew":  # as most editors do it
        os.unlink(path)
    with open(path, "wb") as stream:
        stream.write(data + b"# edited\n")
    return f"{path} {how}"


def _add_file(scene: Scene) -> str:
    below = scene.pick("folder") if scene.chance.choice((True, False)) else ""
    path = f"{below or scene.library()}/{scene.chance.choice(_NAMES)}"
    if os.path.lexists(path):
        return ""
    write(path)
    return path


def _add_folder(scene: Scene) -> str:
    at = scene.place.environment
    above = scene.chance.choice((scene.library(), at, f"{at}/share", f"{at}/bin"))
    path = f"{above}/{scene.chance.choice(_FOLDERS)}"
    os.makedirs(path)
    if scene.chance.choice((True, False)):
        write(f"{path}/mine.txt")
    return path


def _compile(scene: Scene) -> str:
    source = scene.pick("file", ending=".py")
    if not source:
        return ""
    folder, name = os.path.split(source)
    os.makedirs(f"{folder}/__pycache__", exist_ok=True)
    tag = scene.chance.choice(_TAGS)
    path = f"{folder}/__pycache__/{name.removesuffix('.py')}.{tag}.pyc"
    if os.path.lexists(path):
        return ""
    write(path, "compiled")
    return path


def _change_mode(scene: Scene) -> str:
    path = scene.pick("file", "folder")
    if not path:
        return ""
    mode = scene.chance.choice(_FOLDER_MODES if os.path.isdir(path) else _FILE_MODES)
    os.chmod(path, mode)
    return f"{path} {mode:o}"


# ---------------------------------------------------------------- one kind in another's place


def _file_to_link(scene: Scene) -> str:
    path = scene.pick("file")
    if not path:
        return ""
    how = scene.chance.choice(("moved", "dangling", "to a person's"))
    target = f"{scene.place.outside}/notes.txt" if how == "to a person's" else scene.new_outside()
    if how == "moved":
        os.rename(path, target)
    else:
        os.unlink(path)
    os.symlink(target, path)
    return f"{path} {how}"


def _folder_to_link(scene: Scene) -> str:
    path = scene.pick("folder")
    if not path or path.endswith("__pycache__"):
        return ""
    number = scene.chance.randrange(_MANY)
    targets = {
        "outside": scene.new_outside(),
        "inside": f"{scene.place.environment}/kept{number}",
        "beside": f"{os.path.dirname(path)}/beside{number}",
        "dangling": "/nowhere/at/all",
    }
    how = scene.chance.choice(list(targets))
    target = targets[how]
    if how == "dangling":
        shutil.rmtree(path)
    else:
        os.rename(path, target)
    relative = os.path.relpath(target, os.path.dirname(path))
    os.symlink(scene.chance.choice((target, relative)), path)
    return f"{path} {how}"


def _to_folder(kind: str, scene: Scene) -> str:
    path = scene.pick(kind)
    if not path:
        return ""
    os.unlink(path)
    os.mkdir(path)
    if scene.chance.choice((True, False)):
        write(f"{path}/mine.txt")
    return path


def _folder_to_file(scene: Scene) -> str:
    path = scene.pick("folder")
    if not path or path.endswith("__pycache__"):
        return ""
    shutil.rmtree(path)
    write(path)
    return path


def _delete_folder(scene: Scene) -> str:
    path = scene.pick("folder")
    if path:
        shutil.rmtree(path)
    return path


# ---------------------------------------------------------------- the whole environment


def _move(scene: Scene) -> str:
    at = scene.place.environment
    aside = f"{os.path.dirname(at)}/aside"
    how = scene.chance.choice(("there and back", "copied", "copied as links"))
    words = {"copied": "-aT", "copied as links": "-alT"}
    if how == "there and back":
        os.rename(at, aside)
    else:
        scene.place.sandbox.run(Command(("cp", words[how], at, aside)))
        shutil.rmtree(at)
    os.rename(aside, at)
    return how


def _damage_cache(scene: Scene) -> str:
    entries = f"{scene.place.cache}/v1/entries"
    found = sorted(
        os.path.join(folder, name) for folder, _, names in os.walk(entries) for name in names
    )
    how = scene.chance.choice(("touched", "cut", "gone", "all of it gone"))
    if not found:
        return ""
    path = scene.chance.choice(found)
    if how == "touched":
        os.utime(path)
    elif how == "all of it gone":
        shutil.rmtree(scene.place.cache)
    else:
        with open(path, "rb") as stream:
            data = stream.read()
        os.unlink(path)
        if how == "cut":
            with open(path, "wb") as stream:
                stream.write(data[: len(data) // 2])
    return f"{path} {how}"


ACTS: dict[str, tuple[Act, float]] = {
    "delete a file": (_delete, 3),
    "edit a file": (_edit, 2),
    "add a file": (_add_file, 4),
    "add a folder": (_add_folder, 1),
    "compile": (_compile, 1),
    "change a mode": (_change_mode, 1),
    "file to link": (_file_to_link, 1),
    "folder to link": (_folder_to_link, 1),
    "file to folder": (partial(_to_folder, "file"), 1),
    "link to folder": (partial(_to_folder, "link"), 1),
    "folder to file": (_folder_to_file, 1),
    "delete a folder": (_delete_folder, 1),
    "move it": (_move, 1),
    "damage the cache": (_damage_cache, 1),
}
"""What somebody does -> how, and how often."""
