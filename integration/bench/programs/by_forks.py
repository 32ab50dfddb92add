"""Run our command line with other bounds for a second process: LINKS LOOKS ARGUMENTS.

From LINKS links on they are shared out, and from LOOKS cached files on the look at them.
"""

from __future__ import annotations

import sys

from linkinstall import limits
from linkinstall.cli import leave, run

links, looks, *words = sys.argv[1:]
limits.FORK_FROM_LINKS, limits.FORK_FROM_LOOKS = int(links), int(looks)
sys.argv[1:] = words
leave(run())
