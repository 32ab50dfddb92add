"""What the tests of settling share: a small environment, and the run after a crash.

Calling sequence::

    site = old_site(tmp_path)                     # version 1.0 of ``app``, with a script
    settled = settlement(applied(site, wheel))    # as a later run makes it
    settled = settlement(removed(site))           # of a removal that was killed before its end
    come(site, "app-3.0", "app/core.py")          # another tool has installed that since
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linkinstall.fs import local
from linkinstall.settle import Settlement
from tests.support.applications import OFF, applied, journal_of
from tests.support.sites import Site

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.application import Application
    from linkinstall.fs.port import FileSystem

SCRIPT = "[console_scripts]\ntool = app:main\n"


def old_site(folder: Path) -> Site:
    """Return an environment with version 1.0 of a project."""
    site = Site(folder)
    files = {"app/__init__.py": "", "app/core.py": "value = 1\n", "app/old/inner.txt": "old\n"}
    site.install(site.wheel(files=files, entry_points=SCRIPT), compile_levels=())
    return site


def removed(site: Site) -> Application:
    """Return the removal of that project, everything stashed, not committed."""
    application = applied(site, out=["app"])
    application.prepare()
    return application


def settlement(application: Application, files: FileSystem | None = None) -> Settlement:
    """Return the settlement that a later run makes."""
    return Settlement(files or local(), journal_of(application), OFF)


def come(site: Site, stem: str, *rows: str) -> None:
    """Write the dist-info of a distribution that another tool has installed meanwhile."""
    info = site.library / f"{stem}.dist-info"
    info.mkdir()
    name, _, version = stem.rpartition("-")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text("".join(f"{row},,\n" for row in (*rows, f"{info.name}/RECORD")))
