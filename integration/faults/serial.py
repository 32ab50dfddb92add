"""Finds whether the commands, one after the other in some order, leave what is there.

Purpose: the judge of what many commands at once have left: each one's report says from
what to what it changed a project, and these must fit together like dominoes, from the
state at the start to the state at the end.

Calling sequence::

    events = [Event({"pluggy": None}, {"pluggy": "1.6.0"}), ...]
    assert [] == explained({}, {"pluggy": "1.6.0"}, events)

Guarantees: pure. Projects that share no event are looked at one by one, so that the
search stays small. What sets several whatever they were, as making an environment anew does,
is looked at for each of them alone: that it came at the same moment for all is not asked.

Errors: ``ValueError`` where ``STATES`` states did not decide it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ANY = "any version"
"""As a requirement: the project is installed."""
STATES = 300_000
"""Nodes of one search."""


@dataclass(frozen=True)
class Event:
    """One command that took effect, or may have.

    :param requires: project -> version that it found; None for absent, ``ANY``
    :param sets: project -> version afterwards; None for removed
    :param optional: it may have had no effect at all (its process was killed)
    """

    requires: Mapping[str, str | None]
    sets: Mapping[str, str | None]
    optional: bool = False

    @property
    def projects(self) -> set[str]:
        """The projects it is about."""
        return {*self.requires, *self.sets}


def explained(
    start: Mapping[str, str], end: Mapping[str, str], events: Iterable[Event]
) -> list[str]:
    """Return the projects for which no order leads from start to end; none is good."""
    parts: list[tuple[set[str], list[Event]]] = [({name}, []) for name in {*start, *end}]
    for event in [apart for one in events for apart in _apart(one)]:
        touched = [part for part in parts if part[0] & event.projects]
        parts = [part for part in parts if not part[0] & event.projects]
        names = event.projects.union(*(part[0] for part in touched))
        parts.append((names, [*(one for part in touched for one in part[1]), event]))
    return [
        ", ".join(sorted(names))
        for names, part in parts
        if not _search(
            {name: start.get(name) for name in names},
            {name: end.get(name) for name in names},
            part,
        )
    ]


def _apart(event: Event) -> list[Event]:
    if event.requires or event.optional:
        return [event]
    return [Event({}, {name: version}) for name, version in event.sets.items()]


def _search(start: dict[str, str | None], end: dict[str, str | None], events: list[Event]) -> bool:
    def key(event: Event) -> tuple[object, ...]:
        requires = tuple(sorted(event.requires.items()))
        return requires, tuple(sorted(event.sets.items())), event.optional

    kinds = {key(event): event for event in events}
    counts = Counter(map(key, events))
    order = list(kinds)
    first = (tuple(sorted(start.items())), tuple(counts[one] for one in order))
    goal, waiting, seen = tuple(sorted(end.items())), [first], {first}
    while waiting:
        state, left = waiting.pop()
        known = dict(state)
        needed = [n for n, one in zip(left, order, strict=True) if not kinds[one].optional]
        if state == goal and not any(needed):
            return True
        for number, one in enumerate(order):
            event = kinds[one]
            if not left[number] or not _fits(known, event):
                continue
            after = tuple(sorted({**known, **event.sets}.items()))
            # What can never change anything is all done here, and nothing is lost by it.
            # One that requires nothing may be needed elsewhere, where it does.
            harmless = event.sets.items() <= event.requires.items()
            remaining = 0 if harmless else left[number] - 1
            node = (after, (*left[:number], remaining, *left[number + 1 :]))
            if node not in seen:
                seen.add(node)
                waiting.append(node)
            if harmless:
                break
        if len(seen) > STATES:
            raise ValueError("too many orders to look at")
    return False


def _fits(state: Mapping[str, str | None], event: Event) -> bool:
    return all(
        state[name] is not None if wanted == ANY else state[name] == wanted
        for name, wanted in event.requires.items()
    )
