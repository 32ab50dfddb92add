"""Builds of linkinstall in which several processes work, however little there is to do.

Purpose: what is shared out from some thousand links on is put to kills and errors in scenarios
of a few files.

Calling sequence: ``provisions(folder, (*FORKING, *HELPING))``.

Guarantees: data only. A change that no longer fits the source is an error when the build is made.

Errors: none here.
"""

from __future__ import annotations

FORKING = (
    ("limits.py", "FORK_FROM_LINKS = 2_000", "FORK_FROM_LINKS = 1"),
    ("limits.py", "FORK_FROM_BYTES = 1 << 20", "FORK_FROM_BYTES = 1"),
)
"""Changes after which several processes link and unpack."""
HELPING = (
    ("limits.py", "FORK_FROM_LOOKS = 2_000", "FORK_FROM_LOOKS = 1"),
    ("fs/crew.py", "answers = dict(self._take())", "answers: dict[int, Any] = {}"),
)
"""The same for looks at cached files; and the helpers do all of it. Who does what is chance
otherwise, so that a point of a sweep would not be met again."""
