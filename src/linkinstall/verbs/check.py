"""Look at an environment: what is installed, how healthy it is, what lies about.

Calling sequence::

    for finding in check(environment=Environment.of(".venv")):
        print(finding.path, finding.fix)

Guarantees: reads only, takes no lock. :func:`list_distributions` looks at presence and
size alone; ``check`` also at times, and reads what those do not clear; with ``full`` it
reads every file.

Errors: :class:`~linkinstall.errors.DistributionError` for a name that is not
installed.
"""

from __future__ import annotations

from linkinstall.distribution import (
    HALF_INSTALLED,
    HALF_REMOVED,
    MODIFIED,
    WHOLE,
    find_distributions,
    quick_health,
)
from linkinstall.fs import local
from linkinstall.outcome import DistributionState, Finding
from linkinstall.wheel import canonicalize
from linkinstall.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linkinstall.cache import Cache
    from linkinstall.distribution import Distribution
    from linkinstall.environment import Environment
    from linkinstall.health import Examined
    from linkinstall.remedies import Remedies

__all__ = ["check", "list_distributions", "require_installed"]


def list_distributions(environment: Environment | None = None) -> list[DistributionState]:
    """Return every distribution with its health, sorted by canonical name."""
    world = _world(environment)
    unfinished = _unfinished(world)
    return [
        DistributionState(
            one.name,
            one.version,
            unfinished.get(one.name) or quick_health(world.files, one),
            one.path,
        )
        for one in find_distributions(world.files, world.libraries, world.bases)
    ]


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
    from linkinstall.refusals import refuse_one_text
    from linkinstall.remedies import Remedies, words_of

    refuse_one_text(names, "names")
    world = _world(environment)
    wanted = {canonicalize(name) for name in names}
    found = find_distributions(world.files, world.libraries, world.bases)
    require_installed(wanted, found)
    chosen = words_of(world.environment) if words is None else words
    remedies = Remedies(world, cache or Cache(), chosen)
    findings = _of_distributions(world, found, wanted, remedies, full=full)
    if not wanted:
        findings += _state(world, remedies)
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


def _world(environment: Environment | None) -> World:
    if environment is None:
        from linkinstall.environment import Environment

        environment = Environment.current()
    return World(local(), environment)


def _unfinished(world: World) -> dict[str, str]:
    """Return name -> health of the projects of an unfinished transaction."""
    if world.files.status(world.home) is None:
        return {}
    from linkinstall.errors import JournalError
    from linkinstall.recovery import read_journal

    try:
        journal = read_journal(world.files, world.home, world.bounds)[1]
    except JournalError:
        return {}
    if journal is None:
        return {}
    return {
        canonicalize(change.name): HALF_REMOVED if change.action == "removed" else HALF_INSTALLED
        for change in journal.changes
    }


def _of_distributions(
    world: World,
    found: list[Distribution],
    wanted: set[str],
    remedies: Remedies,
    *,
    full: bool,
) -> list[Finding]:
    from linkinstall.health import ScriptsFolder, examine

    unfinished = _unfinished(world)
    scripts = ScriptsFolder.of(world)
    examined = [
        examine(world.files, one, full=full, unfinished=unfinished.get(one.name), scripts=scripts)
        for one in found
        if not wanted or one.name in wanted
    ]
    findings: list[Finding] = []
    for seen in examined:
        name = seen.distribution.name
        findings += remedies.of(seen, found, unfinished=name in unfinished)
        twins = [one for one in examined if one.distribution.name == name and one is not seen]
        if twins:
            findings.append(_duplicate(seen, twins, remedies))
    return findings


def _duplicate(seen: Examined, twins: list[Examined], remedies: Remedies) -> Finding:
    one = seen.distribution
    versions = ", ".join(sorted(twin.distribution.version for twin in twins))
    fix = remedies.of_duplicate(seen, twins)
    return Finding(one.name, MODIFIED, "duplicate", one.path, None, f"also {versions}", fix)


def _state(world: World, remedies: Remedies) -> list[Finding]:
    """Return what the state folder holds: an unfinished transaction, trash."""
    files, home = world.files, world.home
    if files.status(home) is None:
        return []
    findings = []
    names = {name for name, _ in files.scan(home)}
    if names - {"trash"} or not names:
        fix = remedies.recover
        findings.append(Finding("", WHOLE, "unfinished-transaction", home, fix=fix))
    if "trash" in names:
        findings += [
            Finding("", WHOLE, "trash", f"{home}/trash/{name}", fix=remedies.recover)
            for name, _ in files.scan(f"{home}/trash")
        ]
    return findings


def _leftovers(world: World, found: list[Distribution], remedies: Remedies) -> list[Finding]:
    from linkinstall.leftovers import find_leftovers

    return [
        Finding(
            "", HALF_REMOVED, "foreign-leftover", one.path, None, one.what, remedies.leftovers
        )
        for one in find_leftovers(world, found)
    ]  # fmt: skip
