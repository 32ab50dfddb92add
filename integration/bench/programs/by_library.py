"""Install wheels with ``linkinstall.install`` in one process: ENVIRONMENT CACHE WHEELS."""

from __future__ import annotations

import sys

from linkinstall import Cache, Environment, install

folder, cache, *wheels = sys.argv[1:]
install(
    wheels,
    environment=Environment.of(folder, cache),
    cache=Cache(cache),
    link_mode="hardlink",
    compile_levels=(),
)
