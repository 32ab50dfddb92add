"""Keep what an install has brought, for ``links_alone.py``: ENVIRONMENT TEMPLATE STORE.

Each file of ENVIRONMENT that is not in TEMPLATE gets a further link in STORE. ``plain`` and
``compiled`` there are the lists of them: a line for each folder, its path and then the names,
with a null before each; without compiled files, and with them.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

environment, template, store = map(Path, sys.argv[1:])
shutil.rmtree(store, ignore_errors=True)
lists: dict[str, list[str]] = {"plain": [], "compiled": []}
for place, folders, names in os.walk(environment):
    folders.sort()
    inner = os.path.relpath(place, environment)
    new = [name for name in sorted(names) if not os.path.lexists(template / inner / name)]
    if not new:
        continue
    (store / inner).mkdir(parents=True, exist_ok=True)
    for name in new:
        os.link(f"{place}/{name}", store / inner / name)
    plain = [name for name in new if not name.endswith(".pyc")]
    for kind, some in (("plain", plain), ("compiled", new)):
        if some:
            lists[kind].append("\0".join((inner, *some)))
for kind, lines in lists.items():
    (store / kind).write_text("\n".join(lines), encoding="utf-8")
