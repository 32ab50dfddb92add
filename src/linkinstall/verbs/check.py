"""Look at an environment: what is installed, how healthy it is, what lies about.

Calling sequence::

    for finding in check(environment=Environment.of(".venv")):
        print(finding.path, finding.fix)

Guarantees: reads only, and waits for no lock. Where somebody else takes away what is being looked
at, all is looked at once more, a few times (``limits.RETRIES``). :func:`list_distributions` looks
at presence and size alone; ``check`` also at times, and reads what those do not clear; with
``full`` it reads every file.

Errors: :class:`~linkinstall.errors.DistributionError` for a name that is not
installed.
"""

from __future__ import annotations

from linkinstall import limits
from linkinstall.distribution import (
    HALF_REMOVED,
    MODIFIED,
    WHOLE,
    find_distributions,
    quick_health,
)
from linkinstall.fs import local
from linkinstall.outcome import DistributionState, Finding
from linkinstall.wheel import canonicalize
from linkinstall.world import World, unsettled_venvs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import TypeVar

    from linkinstall.cache import Cache
    from linkinstall.distribution import Distribution
    from linkinstall.environment import Environment
    from linkinstall.errors import JournalError
    from linkinstall.health import Examined
    from linkinstall.remedies import Remedies
    from linkinstall.unfinished import Unfinished

    Seen = TypeVar("Seen")

__all__ = ["check", "list_distributions", "require_installed"]


def list_distributions(environment: Environment | None = None) -> list[DistributionState]:
    """Return every distribution with its health, sorted by canonical name."""
    return _looked(lambda: _listed(_world(environment)))


def _listed(world: World) -> list[DistributionState]:
    unfinished, _ = _unfinished(world)
    health = {} if unfinished is None else unfinished.health
    found = find_distributions(world.files, world.libraries, world.bases)
    states = [
        DistributionState(
            one.name, one.version, health.get(one.name) or quick_health(world.files, one), one.path
        )
        for one in found
    ]
    if unfinished is not None:  # what it has taken out of place belongs to the environment still
        places, seen = unfinished.places(), {one.name for one in found}
        states += [
            DistributionState(name, places[name][0], health[name], places[name][1])
            for name in health.keys() - seen
        ]
    return sorted(states, key=lambda one: (one.name, one.version))


def check(
    names: Iterable[str] = (),
    *,
    environment: Environment | None = None,
    full: bool = False,
    cache: Cache | None = None,
    words: Sequence[str] | None = None,
) -> list[Finding]:
    """Compare distributions with their RECORD, and look for what lies about.

    :param names: only these projects; default all, and what belongs to none
    :param full: read every file
    :param cache: where a repair would look first
    :param words: words of the command line that name the environment and the cache in a
        finding's ``fix``; default those of the environment
    :raises DistributionError: one of them is not installed
    """
    from linkinstall.cache import Cache
    from linkinstall.refusals import refuse_one_text, refuse_texts
    from linkinstall.remedies import Remedies, words_of

    refuse_one_text(names, "names")
    refuse_texts(environment=environment, cache=cache)
    wanted = {canonicalize(name) for name in names}

    def look() -> list[Finding]:
        world = _world(environment)
        chosen = words_of(world.environment) if words is None else words
        return _findings(world, wanted, Remedies(world, cache or Cache(), chosen), full=full)

    return _looked(look)


def _findings(world: World, wanted: set[str], remedies: Remedies, *, full: bool) -> list[Finding]:
    found = find_distributions(world.files, world.libraries, world.bases)
    unfinished, unreadable = _unfinished(world)
    health = {} if unfinished is None else unfinished.health
    if unreadable is None:  # else what is not there may have been taken out of place
        require_installed(wanted - health.keys(), found)
    findings = _of_distributions(world, found, wanted, remedies, health, full=full)
    findings += [
        Finding(name, of, "unfinished-transaction", world.home, fix=remedies.recover)
        for name, of in health.items()
        if not wanted or name in wanted
    ]
    if unreadable is not None:  # it may be of any project
        reason, fix = unreadable.message, remedies.of_state(unreadable)
        findings.append(Finding("", WHOLE, "unfinished-transaction", world.home, None, reason, fix))
    if not wanted:
        findings += _venvs(world, remedies)
        findings += _state(world, remedies, told=bool(health or unreadable))
        findings += _leftovers(world, found, remedies)
    return sorted(findings, key=lambda one: (one.distribution, one.path, one.code))


def require_installed(wanted: set[str], found: Iterable[Distribution]) -> None:
    """Refuse names that no distribution has.

    :raises DistributionError: one of them is not installed
    """
    missing = sorted(wanted - {one.name for one in found})
    if missing:
        from linkinstall.errors import DistributionError, Problem

        raise DistributionError(
            f"Not installed: {', '.join(missing)}.",
            problems=[
                Problem("not-installed", "", name, f"{name} is not there") for name in missing
            ],
            next_step="`linkinstall list` shows what is installed.",
        )


def _looked(look: Callable[[], Seen]) -> Seen:
    """Look, and look again where what was just found has gone: nothing is locked for this."""
    for _ in range(limits.RETRIES - 1):
        try:
            return look()
        except FileNotFoundError:
            continue
    return look()


def _world(environment: Environment | None) -> World:
    if environment is None:
        from linkinstall.environment import Environment

        environment = Environment.current()
    return World(local(), environment)


def _unfinished(world: World) -> tuple[Unfinished | None, JournalError | None]:
    """Return the unfinished transaction of an environment, or why nobody can tell."""
    if world.files.status(world.home) is None:
        return None, None
    from linkinstall.errors import JournalError
    from linkinstall.unfinished import look

    try:
        return look(world), None
    except JournalError as error:
        return None, error


def _of_distributions(
    world: World,
    found: list[Distribution],
    wanted: set[str],
    remedies: Remedies,
    unfinished: Mapping[str, str],
    *,
    full: bool,
) -> list[Finding]:
    from linkinstall.health import ScriptsFolder, examine

    scripts = ScriptsFolder.of(world)
    examined = [
        examine(world.files, one, full=full, unfinished=unfinished.get(one.name), scripts=scripts)
        for one in found
        if not wanted or one.name in wanted
    ]
    findings: list[Finding] = []
    for seen in examined:
        name = seen.distribution.name
        twins = [one for one in examined if one.distribution.name == name and one is not seen]
        twins = [one for one in twins if not one.stray]
        findings += remedies.of(seen, found, twins, unfinished=name in unfinished)
        if twins and not seen.stray:
            findings.append(_duplicate(seen, twins, remedies))
    return findings


def _duplicate(seen: Examined, twins: list[Examined], remedies: Remedies) -> Finding:
    one = seen.distribution
    versions = ", ".join(sorted(twin.distribution.version for twin in twins))
    fix = remedies.of_duplicate(seen, twins)
    return Finding(one.name, MODIFIED, "duplicate", one.path, None, f"also {versions}", fix)


def _state(world: World, remedies: Remedies, *, told: bool) -> list[Finding]:
    """Return what the state folder holds: an unfinished transaction, trash.

    :param told: whether the transaction has been told of
    """
    files, home = world.files, world.home
    if files.status(home) is None:
        return []
    findings = []
    names = {name for name, _ in files.scan(home)}
    if not told and (names - {"trash"} or not names):
        fix = remedies.recover
        findings.append(Finding("", WHOLE, "unfinished-transaction", home, fix=fix))
    if "trash" in names:
        findings += [
            Finding("", WHOLE, "trash", f"{home}/trash/{name}", fix=remedies.recover)
            for name, _ in files.scan(f"{home}/trash")
        ]
    return findings


def _venvs(world: World, remedies: Remedies) -> Iterator[Finding]:
    """Yield what a killed ``venv`` command has left of an environment as a whole.

    It is settled where it began: that may be an environment around this one.
    """
    files = world.files
    for place, state in unsettled_venvs(files, files.real_path(world.environment.root)):
        from linkinstall.venvs.holding import is_at_work

        if not is_at_work(files, state):
            fix = remedies.settle(place)
            yield Finding("", WHOLE, "unfinished-transaction", state, fix=fix)


def _leftovers(world: World, found: list[Distribution], remedies: Remedies) -> list[Finding]:
    from linkinstall.leftovers import find_leftovers

    return [
        Finding(
            "", HALF_REMOVED, "foreign-leftover", one.path, None, one.what, remedies.leftovers
        )
        for one in find_leftovers(world, found)
    ]  # fmt: skip
