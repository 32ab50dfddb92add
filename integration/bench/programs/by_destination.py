"""Install wheels with ``LinkDestination``, a transaction for each: ENVIRONMENT CACHE WHEELS."""

from __future__ import annotations

import sys

from installer import install

from linkinstall import Cache, CachedWheel, Environment, LinkDestination

folder, path, *wheels = sys.argv[1:]
environment, cache = Environment.of(folder, path), Cache(path)
for wheel in wheels:
    with CachedWheel.open(wheel, cache) as source:
        destination = LinkDestination(
            scheme_dict=environment.scheme_for(source.distribution),
            interpreter=environment.python,
            script_kind="posix",
            cache=cache,
            link_mode="hardlink",
        )
        install(source, destination, {"INSTALLER": b"bench"})
