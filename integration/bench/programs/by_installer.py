"""Install wheels with ``installer.install`` in one process: LEVELS ENVIRONMENT WHEELS."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

levels, folder, *wheels = sys.argv[1:]
schemes = sysconfig.get_paths("venv", {"base": folder, "platbase": folder})
schemes["headers"] = f"{folder}/include/site"
destination = SchemeDictionaryDestination(
    schemes, f"{folder}/bin/python", "posix", bytecode_optimization_levels=tuple(map(int, levels))
)
for wheel in wheels:
    with WheelFile.open(Path(wheel)) as source:
        install(source, destination, {"INSTALLER": b"installer"})
