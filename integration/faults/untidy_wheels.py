"""Wheels that clash, for environments that are not tidy.

Purpose: what one version has as a module another has as a package, what one has as a folder
another has as a file; projects share data files, scripts and namespaces, and a file moves from
one project to another. There are names in other letters, names that differ by case, and names
with spaces, commas and quotes.

Calling sequence: ``wheels = clashing(folder)``; ``few(wheels, chance)`` are those of one seed.

Guarantees: the same wheels in the same order each time; nothing is fetched.

Errors: ``OSError`` where they cannot be written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

Files = dict[str, bytes | str]
MOVING = ("mover-a", "mover-b")
"""Projects of which one gets the files of the other: put to one command in some steps."""
_TOGETHER = (MOVING, ("ns-one", "ns-two", "ns-three"), ("alpha", "beta", "gamma"))
"""Projects that clash with each other."""
_ALONE = 4
"""So many projects are drawn for each seed: of more, the same one comes too seldom again."""
_TOGETHER_TOO = 0.3


@dataclass(frozen=True)
class Wheel:
    """One of them.

    :param project: its normalised name
    :param path: where it is
    :param brings: the ends of the paths that it installs, beside its dist-info folder
    """

    project: str
    path: str
    brings: tuple[str, ...]

    def has(self, path: str) -> bool:
        """Return whether a path could be one of its files."""
        return any(path.endswith(f"/{end}") for end in self.brings)


@dataclass(frozen=True)
class _Made:
    """What a wheel is made of: see ``make_wheel``; scripts are console scripts."""

    name: str
    version: str
    files: Files
    scripts: tuple[str, ...] = ()
    executable: tuple[str, ...] = ()
    purelib: bool = True
    spelt: bool = False  # the name stands in the archive as it is written


_ALPHA = (
    _Made(
        "alpha",
        "1.0",
        {
            "alpha/__init__.py": "v=1\n",
            "alpha/a.py": "x=1\n",
            "alpha/data": "file\n",
            "alpha/sub/deep/x.txt": "x\n",
            "alpha-1.0.data/scripts/alpha-tool": "#!python\nprint(1)\n",
            "alpha-1.0.data/data/share/alpha/r.txt": "r1\n",
        },
        ("alpha", "tool"),
    ),
    # A module is a package now, a file is a folder, and a folder is a file.
    _Made(
        "alpha",
        "2.0",
        {
            "alpha/__init__.py": "v=2\n",
            "alpha/a/__init__.py": "x=2\n",
            "alpha/data/x.txt": "in\n",
            "alpha/sub": "a file\n",
            "alpha-2.0.data/scripts/alpha-tool": "#!/bin/sh\necho 2\n",
            "alpha-2.0.data/data/share/alpha/r.txt": "r2\n",
        },
        ("alpha",),
    ),
    _Made(
        "alpha", "3.0", {"alpha.py": "v=3\n", "alpha_x.pth": "# pth\n"}, ("alpha", "python-tool")
    ),
)
_SHARING = (
    _Made(
        "beta",
        "1.0",
        {
            "beta.py": "b=1\n",
            "beta-1.0.data/headers/beta.h": "h\n",
            "beta-1.0.data/data/share/both/x.txt": "same\n",
            "beta-1.0.data/data/etc/beta.conf": "c=1\n",
        },
        ("beta",),
    ),
    _Made(
        "beta",
        "2.0",
        {
            "beta.py": "b=2\n",
            "beta-2.0.data/headers/sub/beta.h": "h2\n",
            "beta-2.0.data/data/share/both/x.txt": "same\n",
            "beta-2.0.data/data/etc/beta.conf": "c=2\n",
            "beta-2.0.data/scripts/tool": "#!python\n",
        },
        ("beta",),
    ),
    _Made(
        "gamma",
        "1.0",
        {"gamma.py": "g=1\n", "gamma-1.0.data/data/share/both/x.txt": "same\n"},
        ("tool",),
    ),
    _Made(
        "gamma",
        "2.0",
        {
            "gamma/__init__.py": "",
            "gamma/__main__.py": "pass\n",
            "gamma-2.0.data/data/share/both": "now a file\n",
        },
        ("gtool",),
    ),
)
_NAMESPACE = (
    _Made("ns-one", "1.0", {"ns/__init__.py": "", "ns/one.py": "1\n", "ns/shared.txt": "s\n"}),
    _Made("ns-one", "2.0", {"ns/one/__init__.py": "2\n", "ns/one/res/a.txt": "s\n"}),
    _Made("ns_two", "1.0", {"ns/__init__.py": "", "ns/two/__init__.py": "2\n", "ns/two/x.py": "2"}),
    _Made("ns_two", "2.0", {"ns/two.py": "2\n", "ns/__init__.py": "# not empty\n"}),
    _Made("ns.three", "1.0", {"ns/three/__init__.py": "3\n", "ns/one.txt": "3\n"}, spelt=True),
    _Made("ns.three", "2.0", {"ns/three/__init__.py": "3\n", "ns/three/two.py": "3\n"}),
)
_MOVED = (
    _Made("mover-a", "1.0", {"mv/a.py": "a=1\n", "mv/moved.py": "m=1\n", "mv_single.py": "m=1\n"}),
    _Made("mover-a", "2.0", {"mv/a.py": "a=2\n"}),
    _Made("mover-b", "1.0", {"mv/b.py": "b=1\n"}),
    _Made("mover-b", "2.0", {"mv/b.py": "b=2\n", "mv/moved.py": "m=1\n", "mv_single.py": "m=2\n"}),
    _Made(
        "mover-b",
        "3.0",
        {"mv/b.py": "b=2\n", "mv/moved/__init__.py": "m=1\n", "mv_single/__init__.py": "m=2\n"},
    ),
)
_NAMES = (
    _Made("Case", "1.0", {"Kase/Mod.py": "k=1\n", "Kase/x.txt": "u\n"}, spelt=True),
    _Made("case", "2.0", {"kase/mod.py": "k=2\n", "kase/x.txt": "l\n"}),
    _Made("case", "2.1", {"Kase/mod.py": "k=3\n", "Kase/Mod.txt": "l\n"}),
    _Made(
        "uni",
        "1.0",
        {
            "uni/caf\u00e9.py": "e=1\n",
            "uni/a b,c.txt": "q\n",
            "uni-1.0.data/data/share/\u00fc/x y.txt": "u\n",
        },
    ),
    # The same letters, put together of others.
    _Made(
        "uni",
        "2.0",
        {
            "uni/cafe\u0301.py": "e=2\n",
            'uni/q"uote.txt': "q\n",
            "uni-2.0.data/data/share/u\u0308/x y.txt": "u\n",
        },
    ),
)
_OTHERS = (
    _Made(
        "plat",
        "1.0",
        {
            "plat/__init__.py": "p=1\n",
            "plat/_c.so": b"\x7fELF xx",
            "plat-1.0.data/purelib/plat_pure.py": "p=1\n",
        },
        purelib=False,
    ),
    _Made(
        "plat",
        "2.0",
        {
            "plat/__init__.py": "p=2\n",
            "plat-2.0.data/platlib/plat/_c.so": b"\x7fELF xxx",
            "plat-2.0.data/platlib/plat_p.py": "p=1\n",
        },
    ),
    _Made(
        "Foo.Bar",
        "1.0.post1",
        {"foo_bar/__init__.py": "f=1\n", "foo_bar/bad.py": "this is ( not python\n"},
        spelt=True,
    ),
    _Made(
        "foo-bar",
        "2.0+local.1",
        {"foo_bar/__init__.py": "f=2\n", "foo_bar/run.sh": "#!/bin/sh\n"},
        executable=("foo_bar/run.sh",),
    ),
    _Made("foo-bar-baz", "1.0", {"foo_bar_baz.py": "f=2\n"}),
    _Made("meta-only", "1.0", {}),
    _Made("meta-only", "2.0", {"meta_only/empty.txt": "", "meta_only/e2.txt": ""}),
)


def clashing(folder: str) -> tuple[Wheel, ...]:
    """Return all wheels, made in a folder."""
    every = (*_ALPHA, *_SHARING, *_NAMESPACE, *_MOVED, *_NAMES, *_OTHERS)
    return tuple(_make(Path(folder), one) for one in every)


def few(wheels: Sequence[Wheel], chance: random.Random) -> tuple[Wheel, ...]:
    """Return the wheels of some projects, and of some that clash with each other."""
    projects = set(chance.sample(sorted({one.project for one in wheels}), _ALONE))
    for together in _TOGETHER:
        if chance.random() < _TOGETHER_TOO:
            projects.update(together)
    return tuple(one for one in wheels if one.project in projects)


def normalised(name: str) -> str:
    """Return a project's name as the specification compares it (:pep:`503`)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _make(folder: Path, one: _Made) -> Wheel:
    stem = f"{one.name}-{one.version}" if one.spelt else ""
    points = "".join(f"{name} = {one.name}:main\n" for name in one.scripts)
    path = make_wheel(
        folder,
        one.name,
        one.version,
        one.files,
        entry_points=f"[console_scripts]\n{points}" if points else None,
        executable=one.executable,
        purelib=one.purelib,
        dist_info=f"{stem}.dist-info" if stem else None,
        filename=f"{stem}-py3-none-any.whl" if stem else None,
    )
    return Wheel(normalised(one.name), str(path), _brought(one.files, one.scripts))


def _brought(files: Mapping[str, bytes | str], scripts: Sequence[str]) -> tuple[str, ...]:
    # What stands below NAME-VERSION.data/SCHEME/ goes to the scheme's folder.
    plain = (re.sub(r"^[^/]+\.data/[^/]+/", "", path) for path in files)
    return (*plain, *(f"bin/{name}" for name in scripts))
