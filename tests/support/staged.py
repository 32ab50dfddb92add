"""The staging of a small wheel, without the transaction around it.

Calling sequence::

    staging = staged(site, Recording(local()), link_mode="copy")
    staging.write()
    links(package(staging))          # name -> number of links
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from linkinstall.fs import local
from linkinstall.linking import Preferences
from linkinstall.policy import Capabilities
from linkinstall.staging import Staging
from linkinstall.values import replace
from tests.support.applications import OFF, planned

if TYPE_CHECKING:
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from tests.support.sites import Site

SCRIPT = "[console_scripts]\ntool = app:main\n"
FILES: dict[str, bytes | str] = {
    "app/__init__.py": "",
    "app/engine.dll": b"MZ\x90",
    "app/data.txt": "data\n",
}


def staged(
    site: Site, files: FileSystem | None = None, wheel: Path | None = None, **preferences: object
) -> Staging:
    """Return the staging of a wheel with a script, a binary and data; nothing is written yet."""
    port = files or local()
    wheel = wheel or site.wheel(files=FILES, entry_points=SCRIPT)
    plan, preparation = planned(site, wheel, files=port)
    usable = Capabilities(clone=False)
    wanted = Preferences("hardlink", private_binaries=False, capabilities=(usable,) * 2)
    assert wanted.link_mode == preparation.preferences(plan).link_mode
    return Staging(port, plan, replace(wanted, **preferences), OFF)


def links(folder: str) -> dict[str, int]:
    """Return name -> number of links of the files in a folder."""
    return {name: os.stat(f"{folder}/{name}").st_nlink for name in sorted(os.listdir(folder))}


def package(staging: Staging) -> str:
    """Return the folder in which the package is staged."""
    return next(
        staging.folder(group) for group in staging.plan.groups if group.target.endswith("/app")
    )
