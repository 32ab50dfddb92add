"""Install wheels with ``LinkDestination``, in one transaction: ENVIRONMENT CACHE WHEELS."""

from __future__ import annotations

import sys

from installer import install

from linkinstall import Cache, CachedWheel, Environment, LinkDestination, Transaction

folder, path, *wheels = sys.argv[1:]
environment, cache = Environment.of(folder, path), Cache(path)
with Transaction(environment, cache=cache, link_mode="hardlink") as transaction:
    for wheel in wheels:
        with CachedWheel.open(wheel, cache) as source:
            destination = LinkDestination(
                scheme_dict=environment.scheme_for(source.distribution),
                interpreter=environment.python,
                script_kind="posix",
                transaction=transaction,
            )
            install(source, destination, {"INSTALLER": b"bench"})
