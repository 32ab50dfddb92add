"""How slow this machine is at the moment, for the few tests that hold a bound of time.

Purpose: some promises are bounds of processor time, measured on a quiet machine. Processor
time grows, too, where a processor is slower or shared with others: threefold in continuous
integration, where a refusal of 1.0 seconds took 3.3. A bound is therefore stretched by what
the same plain work takes here and now.

Calling sequence::

    began = time.process_time()
    ...
    assert time.process_time() - began < 2 * slowness()

Guarantees: never below 1, so a quick machine is held to the promise itself. It makes up for
the machine only: what takes longer by its own fault does not slow the work down.
"""

from __future__ import annotations

import time

QUIET = 0.08
"""Processor seconds of the work on the machine of the figures, while nothing else ran."""
ROUNDS = 6


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
