"""A build frontend: installs a wheel with ``installer`` and a destination class of choice.

Purpose: our destination beside installer's own, with everything else the same.

Calling sequence: ``install(wheel, destination(root, cache))``, ``by_installer(root, wheel)``.

Guarantees: nothing is added to what ``installer`` does.

Errors: those of ``installer`` and of the destination.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from installer import install as install_wheel
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

from linkinstall import LinkDestination

if TYPE_CHECKING:
    from typing import Any

    from linkinstall import Cache

METADATA = {"INSTALLER": b"frontend"}
PYTHON = sys.executable


def schemes_below(root: Path) -> dict[str, str]:
    """Return scheme folders below ``root`` as a build frontend has them."""
    root_text = str(root)
    variables = dict.fromkeys(("base", "platbase", "installed_base"), root_text)
    schemes = sysconfig.get_paths("posix_prefix", vars=variables)
    wanted = ("purelib", "platlib", "scripts", "data")
    return {key: schemes[key] for key in wanted} | {"headers": f"{root_text}/include/sample"}


def destination(root: Path, cache: Cache, **more: Any) -> LinkDestination:
    """Return our destination for ``root``."""
    return LinkDestination(
        scheme_dict=schemes_below(root),
        interpreter=PYTHON,
        script_kind="posix",
        cache=cache,
        **more,
    )


def install(wheel: Path, target: SchemeDictionaryDestination) -> None:
    """Install a wheel as a build frontend does."""
    with WheelFile.open(wheel) as source:
        install_wheel(source, target, METADATA)


def by_installer(root: Path, wheel: Path, **more: Any) -> None:
    """Install a wheel with installer's own class."""
    target = SchemeDictionaryDestination(schemes_below(root), PYTHON, "posix", **more)
    install(wheel, target)


def library_of(root: Path) -> Path:
    """Return the library folder below ``root``."""
    return Path(schemes_below(root)["purelib"])
