"""Changes to sweep: what is there before, and what is asked of one transaction.

The project ``app`` has everything that the engine treats in its own way: a package of
several folders, an entry point and a ``#!python`` script, a ``.pth`` file, headers and
data, a namespace package that shares a folder with another project, an empty
``__init__.py`` that both have, and between its versions a file that becomes a folder and
a folder that becomes a file.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from linkinstall.fs import local
from linkinstall.mending import Mending
from tests.support.faulty import Denying, NoHardLinks, OtherVolume, Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from linkinstall.transaction import Transaction
    from tests.support.faulty import Change
    from tests.support.sites import Site

ENTRY_POINTS = "[console_scripts]\napp = app.core:main\n[gui_scripts]\napp-gui = app.core:main\n"
COMMON = {
    "app/core.py": "def main() -> None: ...\n",
    "app/data/steady.txt": "steady\n",
    "family/__init__.py": "",
    "family/app_part/__init__.py": "part = 'app'\n",
    "app-paths.pth": "# a path\n",
}


def app(site: Site, version: str = "1.0") -> Path:
    """Make the wheel of ``app``, version 1.0 or 2.0."""
    made = site.folder / "wheels" / f"app-{version}-py3-none-any.whl"
    if made.exists():
        return made
    data = f"app-{version}.data"
    files = {
        **COMMON,
        "app/__init__.py": f"__version__ = {version!r}\n",
        f"{data}/scripts/app-tool": f"#!python\nprint({version!r})\n",
        f"{data}/headers/app.h": "/* app */\n",
        f"{data}/data/share/app/readme.txt": f"readme of {version}\n",
    }
    if version == "1.0":
        files |= {
            "app/turned": "a file\n",
            "app/bent/inner.txt": "in a folder\n",
            "app/gone.py": "",
        }
    else:
        files |= {"app/turned/inner.txt": "in a folder\n", "app/bent": "a file\n"}
    return site.wheel("app", version, files, entry_points=ENTRY_POINTS)


def other(site: Site) -> Path:
    """Make the wheel of ``other``, which shares a folder and an empty file with ``app``."""
    files = {
        "family/__init__.py": "",
        "family/other_part/__init__.py": "part = 'other'\n",
        "other.py": "value = 1\n",
    }
    return site.wheel("other", "1.0", files)


def third(site: Site) -> Path:
    """Make the wheel of ``third``, a single module."""
    return site.wheel("third", "1.0", {"third.py": "value = 3\n"})


@dataclass(frozen=True)
class Scenario:
    """One change.

    :param prepare: makes the state before, with everything that is in the cache warm
    :param change: asks a transaction for it
    :param options: of the transaction
    :param disk: the file system that is watched
    :param cache: ``warm``; ``cold`` where the change itself fills it; ``none``. The last
        two are watched as well
    :param compiles: whether bytecode is compiled and linked
    :param clones: whether the probe finds that the disk can clone
    """

    name: str
    prepare: Callable[[Site], None]
    change: Callable[[Site, Transaction], None]
    options: dict[str, Any] = field(default_factory=dict)
    disk: Callable[[Site], FileSystem] = lambda _site: local()
    cache: str = "warm"
    compiles: bool = False
    clones: bool = False

    def __str__(self) -> str:
        """Return the name: it names the test."""
        return self.name


class Clones(Wrapper):
    """A volume that clones, as far as anybody can tell by looking at the files."""

    def __init__(self, inner: FileSystem) -> None:
        super().__init__(inner)
        vars(self)["_clone"] = self._clone_by_copy

    def _clone_by_copy(self, source: str, target: str) -> None:
        self.inner.place("copy", *_folders(source, target), [os.path.basename(target)])


def _folders(source: str, target: str) -> tuple[str, str]:
    return os.path.dirname(source), os.path.dirname(target)


class StubbornFolders(Denying):
    """No folder can be moved into a stash, as on the lower layer of an overlay (``EXDEV``)."""

    def __init__(self, inner: FileSystem, error: int = errno.EXDEV) -> None:
        super().__init__(inner, "rename_new", error)

    def denies(self, change: Change) -> bool:
        """Return whether a folder would go into a stash."""
        into = super().denies(change) and "/stash/" in change.path
        return into and os.path.isdir(change.source)


def _stubborn_folders(_site: Site) -> FileSystem:
    return StubbornFolders(local())


def _clones(_site: Site) -> FileSystem:
    return Clones(local())


def _no_hard_links(_site: Site) -> FileSystem:
    return NoHardLinks(local())


def _volume_of_scripts(site: Site) -> FileSystem:
    return OtherVolume(local(), str(site.scripts))


def _volume_of_data(site: Site) -> FileSystem:
    (site.root / "share").mkdir(exist_ok=True)
    return OtherVolume(local(), str(site.root / "share"))


# ------------------------------------------------------------------ before


def _with_other(site: Site) -> None:
    site.install(other(site))
    for wheel in (app(site), third(site)):
        site.cache.add(wheel)


def _with_app(version: str) -> Callable[[Site], None]:
    def prepare(site: Site) -> None:
        _with_other(site)
        site.install(app(site, version))
        # What an interpreter left there; RECORD does not list it.
        compiled = site.library / "app" / "__pycache__"
        compiled.mkdir()
        (compiled / "core.cpython-311.pyc").write_bytes(b"compiled")
        for one in ("1.0", "2.0"):
            site.cache.add(app(site, one))

    return prepare


def _with_compiled(site: Site) -> None:
    site.install(other(site))
    for version in ("2.0", "1.0"):  # the sets of both are in the cache then
        site.install(app(site, version))


def _with_notes(site: Site) -> None:
    _with_app("1.0")(site)
    (site.library / "app" / "notes.txt").write_text("mine\n")
    (site.library / "app" / "data" / "more.txt").write_text("mine too\n")


def _with_files_in_the_way(site: Site) -> None:
    _with_other(site)
    (site.library / "app").mkdir()
    (site.library / "app" / "core.py").write_text("mine\n")
    (site.library / "app" / "data").write_text("a file where a folder must go\n")
    (site.scripts / "app-tool").write_text("mine\n")


def _with_remains(site: Site) -> None:
    _with_app("1.0")(site)
    (site.library / "app-1.0.dist-info" / "METADATA").unlink()
    (site.library / "app-1.0.dist-info" / "RECORD").unlink()
    (site.library / "~pp").mkdir()
    (site.library / "~pp" / "core.py").write_text("left by pip\n")


def _with_empty_dist_info(site: Site) -> None:
    _with_app("1.0")(site)
    for path in (site.library / "app-1.0.dist-info").iterdir():
        path.unlink()


def _with_damage(*, record: bool) -> Callable[[Site], None]:
    """Return what damages ``app`` in every scheme, and its RECORD if that is not to stay."""

    def prepare(site: Site) -> None:
        site.install(other(site), app(site), link_mode="copy")
        for path in (site.library / "app" / "core.py", site.root / "share/app/readme.txt"):
            path.write_text("edited\n")
        (site.library / "app" / "gone.py").unlink()
        (site.scripts / "app-tool").unlink()
        if not record:
            (site.library / "app-1.0.dist-info" / "RECORD").unlink()

    return prepare


def _with_leftovers(site: Site) -> None:
    _with_app("1.0")(site)
    orphan = site.library / "lost" / "__pycache__"
    orphan.mkdir(parents=True)
    (orphan / "a.cpython-311.pyc").write_bytes(b"compiled")
    (site.library / "app" / "__pycache__" / "old.cpython-311.pyc").write_bytes(b"compiled")
    (site.library / "~ost").mkdir()
    (site.library / "~ost" / "a.py").write_text("left by pip\n")
    (site.library / "lost-1.0.dist-info").mkdir()


def _with_twin(site: Site) -> None:
    _with_app("1.0")(site)
    twin = site.library / "app-0.9.dist-info"
    twin.mkdir()
    (twin / "METADATA").write_text("Name: app\nVersion: 0.9\n")
    (site.library / "app" / "old.py").write_text("old\n")
    (twin / "RECORD").write_text("app/core.py,sha256=x,1\napp/old.py,,\n")


def _nothing(site: Site) -> None:
    app(site)


def _with_notes_in_dist_info(site: Site) -> None:
    _with_damage(record=True)(site)
    info = site.library / "app-1.0.dist-info"
    (info / "NOTE.txt").write_text("mine\n")


# ------------------------------------------------------------------ the changes


def _install(*makers: Callable[[Site], Path]) -> Callable[[Site, Transaction], None]:
    def change(site: Site, transaction: Transaction) -> None:
        for make in makers:
            transaction.install(make(site))

    return change


def _remove(*names: str) -> Callable[[Site, Transaction], None]:
    def change(_site: Site, transaction: Transaction) -> None:
        for name in names:
            transaction.uninstall(name)

    return change


def _mend(*names: str, **options: Any) -> Callable[[Site, Transaction], None]:
    def change(_site: Site, transaction: Transaction) -> None:
        transaction.look(Mending(names, **options))

    return change


def _exchange(site: Site, transaction: Transaction) -> None:
    transaction.uninstall("other")
    transaction.install(app_2(site))
    transaction.install(third(site))


def app_2(site: Site) -> Path:
    """Make the wheel of ``app`` 2.0."""
    return app(site, "2.0")


def _mode(name: str) -> dict[str, Any]:
    return {"link_mode": name}


_LEVELS = {"compile_levels": (0,)}
SCENARIOS = [
    Scenario("install-hardlink", _with_other, _install(app), _mode("hardlink")),
    Scenario("install-copy", _with_other, _install(app), _mode("copy")),
    Scenario("install-symlink", _with_other, _install(app), _mode("symlink")),
    Scenario(
        "install-clone", _with_other, _install(app), _mode("clone"), disk=_clones, clones=True
    ),
    Scenario("install-set", _with_other, _install(app, third), _mode("auto")),
    Scenario("install-cold", _nothing, _install(app), _mode("hardlink"), cache="cold"),
    Scenario("reinstall", _with_app("1.0"), _install(app), {"reinstall": True}),
    Scenario("upgrade", _with_app("1.0"), _install(app_2), _mode("hardlink")),
    Scenario("upgrade-copy", _with_app("1.0"), _install(app_2), _mode("copy")),
    Scenario("upgrade-compiled", _with_compiled, _install(app_2), _LEVELS, compiles=True),
    Scenario("uninstall-compiled", _with_compiled, _remove("app"), compiles=True),
    Scenario("downgrade", _with_app("2.0"), _install(app), _mode("hardlink")),
    Scenario("uninstall", _with_app("1.0"), _remove("app")),
    Scenario("uninstall-all", _with_app("1.0"), _remove("app", "other")),
    Scenario("exchange", _with_app("1.0"), _exchange, _mode("hardlink")),
    Scenario("upgrade-beside-notes", _with_notes, _install(app_2), _mode("hardlink")),
    Scenario("uninstall-beside-notes", _with_notes, _remove("app")),
    Scenario("overwrite", _with_files_in_the_way, _install(app), {"overwrite_existing": True}),
    Scenario("install-over-remains", _with_remains, _install(app), _mode("hardlink")),
    Scenario(
        "install-over-empty-dist-info", _with_empty_dist_info, _install(app), _mode("hardlink")
    ),
    Scenario("repair", _with_damage(record=True), _mend("app"), _mode("hardlink")),
    Scenario("repair-without-record", _with_damage(record=False), _mend("app"), _mode("copy")),
    Scenario("repair-beside-notes", _with_notes_in_dist_info, _mend("app"), _mode("hardlink")),
    Scenario("repair-remove", _with_damage(record=False), _mend("app", remove=True)),
    Scenario("repair-leftovers", _with_leftovers, _mend(leftovers=True)),
    Scenario("repair-twin", _with_twin, _mend("app")),
    Scenario("upgrade-stubborn-folders", _with_app("1.0"), _install(app_2), disk=_stubborn_folders),
    Scenario("upgrade-no-hard-links", _with_app("1.0"), _install(app_2), disk=_no_hard_links),
    Scenario(
        "upgrade-volume-of-scripts", _with_app("1.0"), _install(app_2), disk=_volume_of_scripts
    ),
    Scenario("install-volume-of-data", _with_other, _install(app), disk=_volume_of_data),
    Scenario("uninstall-volume-of-data", _with_app("1.0"), _remove("app"), disk=_volume_of_data),
    Scenario("upgrade-no-cache", _with_app("1.0"), _install(app_2), cache="none"),
]
