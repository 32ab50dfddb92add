"""Link wheels out of PDM's cache, as ``pdm sync`` does: MODE CACHE PYTHON WHEELS.

Run by the interpreter of an environment that holds PDM.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

mode, cache, python, *wheels = sys.argv[1:]
os.environ["PDM_CACHE_DIR"] = cache

from pdm.core import Core  # type: ignore[import-not-found]  # noqa: E402
from pdm.environments import PythonEnvironment  # type: ignore[import-not-found]  # noqa: E402
from pdm.installers.installers import install_wheel  # type: ignore[import-not-found]  # noqa: E402

project = Core().create_project(cache, global_config=f"{cache}/config.toml")
project.project_config["install.cache_method"] = mode
environment = PythonEnvironment(project, python=python)
install_wheel(Path(wheels[0]), environment, install_links=True)
with ThreadPoolExecutor() as pool:  # PDM's own number of threads
    for _ in pool.map(
        lambda wheel: install_wheel(Path(wheel), environment, install_links=True), wheels[1:]
    ):
        pass
