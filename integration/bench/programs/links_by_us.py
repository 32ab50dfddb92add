"""Make the links of an install by linkinstall's own code: HOW STORE ENVIRONMENT LIST NOTED.

As ``links_alone.py``, whose arguments these are, but what makes the folders and links is what
an install calls: two processes take parts as our command line lets them, and two threads take
the same parts, as our library could.
"""

from __future__ import annotations

import _thread
import os
import sys
import time

from linkinstall import limits
from linkinstall.fs import local
from linkinstall.fs.crew import parts_of
from linkinstall.fs.parallel import SharedPlacing
from linkinstall.fs.placing import Placing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from linkinstall.fs.port import Batch, Refusal


def _by_threads(batches: list[Batch]) -> list[Refusal]:
    parts = parts_of([len(names) for _, _, _, names, _ in batches], limits.PART_OF_LINKS)
    heap = iter(parts)
    refused: list[Refusal] = []
    ended = _thread.allocate_lock()
    ended.acquire()

    def take(heap: Iterator[tuple[int, int]]) -> None:
        placing = Placing(local(), batches)
        for begin, end in heap:
            for batch in batches[begin:end]:
                refused.extend(placing.place(batch))

    def help_out() -> None:
        try:
            take(heap)
        finally:
            ended.release()

    _thread.start_new_thread(help_out, ())
    take(heap)
    ended.acquire()
    return refused


how, store, environment, path, noted = sys.argv[1:]
with open(path, encoding="utf-8") as stream:
    rows = [line.split("\0") for line in stream.read().split("\n")]
batches: list[Batch] = [
    ("hardlink", f"{store}/{folder}", f"{environment}/{folder}", names, environment)
    for folder, *names in rows
]
handle = os.open(environment, os.O_RDONLY)
os.fsync(handle)
os.close(handle)
begun = time.monotonic()
if how == "alone":
    left = [one for refused in Placing(local(), batches).finish() for one in refused]
elif how == "threads":
    left = _by_threads(batches)
else:
    left = [one for refused in SharedPlacing(local(), batches).finish() for one in refused]
taken = time.monotonic() - begun
with open(noted, "w", encoding="ascii") as file:
    file.write(repr(taken))
sys.exit(1 if left else 0)
