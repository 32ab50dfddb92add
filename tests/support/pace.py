"""How slow this machine is at the moment, for the few tests that hold a bound of time.

Purpose: some promises are bounds of processor time, measured on a quiet machine. Processor
time grows, too, where a processor is slower or shared with others: threefold in continuous
integration, where a refusal of 1.0 seconds took 3.3. A bound is therefore stretched by what
the same plain work takes here and now.

Calling sequence::

    assert keeps(2.0, lambda: processor_seconds(partial(read, text)))

Guarantees: a quick machine is held to the promise itself. The best of some tries counts, each
beside the machine's pace at that moment: what others do there passes, what takes long by its
own fault does so each time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET = 0.08
"""Processor seconds of the work on the machine of the figures, while nothing else ran."""
ROUNDS = 6
TRIES = 4


def keeps(seconds: float, measure: Callable[[], float]) -> bool:
    """Tell whether what is measured takes less than was promised, at this machine's pace."""
    for _ in range(TRIES):
        slow = slowness()
        taken = measure()
        if taken < seconds * max(slow, slowness()):
            return True
    return False


def processor_seconds(act: Callable[[], object]) -> float:
    """Return the processor seconds that this process takes for an act."""
    began = time.process_time()
    act()
    return time.process_time() - began


def slowness() -> float:
    """Return how many times longer than on that machine plain work takes now; at least 1."""
    began = time.process_time()
    for _ in range(ROUNDS):
        _work()
    return max(1.0, (time.process_time() - began) / QUIET)


def _work() -> None:
    """Do what readers do: decode names, cut them, and look them up."""
    seen: dict[str, int] = {}
    for name in [f"sample/{number}".encode() for number in range(40_000)]:
        text = name.decode()
        head, _, tail = text.partition("/")
        if head and tail not in seen:
            seen[tail] = len(text)
