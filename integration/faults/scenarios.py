"""What linkinstall is put to: each verb, several wheels, each link mode.

Purpose: the scenarios of ``make kill`` and of later faults. Each fault and next run
is applied to all of them.

Calling sequence: ``scenarios()``, or ``scenario(name)``.

Guarantees: data only.

Errors: ``KeyError`` for an unknown name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from integration.faults import cache_check
from integration.faults.sandbox import NEIGHBOUR
from integration.faults.scenario import CacheRule, Command, Scenario, State, no_problems

if TYPE_CHECKING:
    from collections.abc import Mapping

MODES = ("hardlink", "copy")
"""The link modes that are swept unless others are asked for."""
ALL_MODES = ("hardlink", "copy", "symlink", "clone")
"""Clone needs a file system that can: ``runner.sandbox_of`` makes one."""

_VARIABLES = {"PYTHONPATH": "{source}", "LINKINSTALL_CACHE_DIR": "{cache}"}

CACHE = CacheRule(
    unit=r"v1/(?:entries/[^/]+|bytecode/[^/]+/[^/]+|[^/]+/[^/]+)",
    # Says that an entry may not have reached the disk yet, which is true after a kill. And
    # what is known of an interpreter: asked again, it is remembered in another way. The lock
    # is locked whatever is in it; a power cut may empty it.
    optional=r"v1/(?:entries/[^/]+|bytecode/[^/]+/[^/]+)/unflushed|v1/interpreters(?:/[0-9a-f]+)?|v1/lock",
    # These hold the time of unpacking, and compiled files hold that of their sources.
    volatile=r"v1/entries/[^/]+/manifest|v1/bytecode/[^/]+/[^/]+/(?:manifest|record)",
    check=cache_check.problems,
)
"""The layout of our cache: what is published by one rename each."""

NEW: tuple[State, ...] = ("new",)
OLD: tuple[State, ...] = ("old",)
BOTH: tuple[State, ...] = ("old", "new")
NEVER: tuple[State, ...] = ()

PLUGGY = "import pluggy; print(pluggy.__version__)"
OWN_FILE = "import pluggy; pluggy.HookspecMarker"
PARTS = "import parts, subprocess, sys; print(subprocess.check_output([sys.prefix + '/bin/parts']))"
NAMESPACE = "import zope.event, zope.deprecation; print(zope.event.__file__)"
SET = "import pluggy, wheel, parts; print(pluggy.__version__, wheel.__version__)"
SMALL_SET = "import pluggy, parts; print(pluggy.__version__)"

Row = tuple[str, Command, tuple[State, ...], tuple[Command, ...], str]
"""Verb and subject; what acts; where the probe works; what makes the old state; the probe."""


def run(*arguments: str) -> Command:
    """Return a command of linkinstall on the sandbox's environment."""
    # -P and -s keep the current folder and the user's packages out.
    program = ("{harness}", "-P", "-s", "-B", "-m", "linkinstall")
    return Command((*program, *arguments), _VARIABLES)


def install(mode: str, *wheels: str, reinstall: bool = False) -> Command:
    """Return the installation of wheels, each a ``name-version``."""
    options = ["--python", "{venv}", "--link-mode", mode]
    options += ["--reinstall"] if reinstall else []
    return run("install", *options, *(f"{{{wheel}}}" for wheel in wheels))


def uninstall(*names: str) -> Command:
    """Return the removal of distributions."""
    return run("uninstall", *names, "--python", "{venv}")


RECOVER = run("recover", "--python", "{venv}")


def scenarios(modes: tuple[str, ...] = MODES) -> list[Scenario]:
    """Return all scenarios in these link modes.

    Unpacking is the same in each mode, so what fills the cache is swept in the first.
    """
    found = []
    for number, mode in enumerate(modes):
        rows = [*_installing(mode), *_replacing(mode), *_removing(mode)]
        rows += _filling(mode) if number == 0 else []
        found += [_scenario(mode, row) for row in rows]
        found += [*_of_caches(mode), *_of_venvs(mode)] if number == 0 else []
    return found


def scenario(name: str) -> Scenario:
    """Return the scenario of this name."""
    known = {one.name: one for mode in ALL_MODES for one in scenarios((mode,))}
    return known[name]


def _scenario(
    mode: str, row: Row, next_runs: Mapping[str, Command] | None = None, cache: CacheRule = CACHE
) -> Scenario:
    """Return a row as a scenario.

    :param next_runs: what may follow, if it is not recovery, the same again, and another change
    """
    title, act, works_in, prepare, probe = row
    verb, _, subject = title.partition(" ")
    neighbour = NEIGHBOUR.partition("-")[0]
    removing = verb == "uninstall"
    unrelated = install(mode, "zope.deprecation-5.1") if removing else uninstall(neighbour)
    return Scenario(
        tool="linkinstall",
        verb=verb,
        subject=subject,
        mode=mode,
        prepare=prepare,
        act=act,
        next_runs=next_runs or {"recover": RECOVER, "again": act, "other": unrelated},
        probe=probe,
        works_in=works_in,
        cache=cache,
        extra_files={"pluggy/notes.txt": "mine\n"} if probe == OWN_FILE else {},
    )


def _installing(mode: str) -> list[Row]:
    """Return what is installed from a warm cache."""
    pluggy, parts = install(mode, "pluggy-1.5.0"), install(mode, "parts-1.0")
    space, beside = install(mode, "zope.event-5.0"), install(mode, "zope.deprecation-5.1")
    older = install(mode, "pluggy-1.5.0", "wheel-0.44.0")
    newer = install(mode, "pluggy-1.6.0", "wheel-0.45.1", "parts-1.0")
    no_set = uninstall("pluggy", "wheel", "parts")
    half = Command(
        ("{harness}", "-I", "-c", "import os, sys; [os.unlink(path) for path in sys.argv[1:]]",
         "{library}/pluggy-1.5.0.dist-info/METADATA", "{library}/pluggy/_hooks.py")
    )  # fmt: skip
    mend = run("repair", "--python", "{venv}", "--link-mode", mode, "pluggy")
    return [
        ("install pluggy", pluggy, NEW, (pluggy, uninstall("pluggy")), PLUGGY),
        ("install parts", parts, NEW, (parts, uninstall("parts")), PARTS),
        ("install namespace", space, NEW, (beside, space, uninstall("zope.event")), NAMESPACE),
        ("install set", newer, NEW, (newer, no_set, older), SET),
        ("install over-damage", pluggy, NEW, (pluggy, half), PLUGGY),
        ("repair pluggy", mend, NEW, (pluggy, half), PLUGGY),
    ]


def _replacing(mode: str) -> list[Row]:
    """Return what replaces a version, or the same one, from a warm cache."""
    older, newer = install(mode, "pluggy-1.5.0"), install(mode, "pluggy-1.6.0")
    anew = install(mode, "pluggy-1.5.0", reinstall=True)
    first, second = install(mode, "parts-1.0"), install(mode, "parts-2.0")
    before, after = install(mode, "zope.event-5.0"), install(mode, "zope.event-5.1")
    beside = install(mode, "zope.deprecation-5.1")
    return [
        ("reinstall pluggy", anew, BOTH, (older,), PLUGGY),
        ("upgrade pluggy", newer, BOTH, (newer, older), PLUGGY),
        ("downgrade pluggy", older, BOTH, (older, newer), PLUGGY),
        ("upgrade parts", second, BOTH, (second, first), PARTS),
        ("upgrade namespace", after, BOTH, (beside, after, before), NAMESPACE),
    ]


def _removing(mode: str) -> list[Row]:
    """Return what is removed."""
    pluggy, parts = install(mode, "pluggy-1.5.0"), install(mode, "parts-1.0")
    space, beside = install(mode, "zope.event-5.0"), install(mode, "zope.deprecation-5.1")
    several = install(mode, "pluggy-1.6.0", "wheel-0.45.1", "parts-1.0")
    no_set = uninstall("pluggy", "wheel", "parts")
    return [
        ("uninstall pluggy", uninstall("pluggy"), OLD, (pluggy,), PLUGGY),
        ("uninstall parts", uninstall("parts"), OLD, (parts,), PARTS),
        ("uninstall namespace", uninstall("zope.event"), OLD, (beside, space), NAMESPACE),
        ("uninstall beside-own-file", uninstall("pluggy"), OLD, (pluggy,), OWN_FILE),
        ("uninstall set", no_set, OLD, (several,), SET),
    ]


def _filling(mode: str) -> list[Row]:
    """Return what unpacks into the cache first."""
    older, newer = install(mode, "pluggy-1.5.0"), install(mode, "pluggy-1.6.0")
    several = install(mode, "pluggy-1.6.0", "parts-1.0")
    add = run("cache", "add", "{pluggy-1.5.0}")
    return [
        ("install pluggy cold", older, NEW, (), PLUGGY),
        ("install set cold", several, NEW, (), SMALL_SET),
        ("upgrade pluggy cold", newer, BOTH, (older,), PLUGGY),
        ("cache-add pluggy", add, NEVER, (), PLUGGY),
    ]


EDITED = Command(
    (
        "{harness}", "-I", "-c",
        "import glob, sys; open(glob.glob(sys.argv[1])[0], 'a').write('# edited')",
        "{cache}/v1/entries/*/files/purelib/pluggy/_hooks.py",
    )
)  # fmt: skip
"""Somebody edits a file of the cache in place."""
DAMAGED = replace(CACHE, check=no_problems)
"""The same where an entry is damaged before, and may be still: it is compared with both."""


def _of_caches(mode: str) -> list[Scenario]:
    """Return what is done to a whole cache while an environment links into it."""
    pluggy, parts = install(mode, "pluggy-1.5.0"), install("symlink", "parts-1.0")
    add = run("cache", "add", "{wheel-0.44.0}")
    edited = (install("copy", "pluggy-1.5.0"), EDITED)
    used_and_not = (pluggy, parts, uninstall("parts"), add)
    prune, clean = run("cache", "prune"), run("cache", "clean")
    mend = run("cache", "verify", "--repair", "{pluggy-1.5.0}")
    # What no wheel is at hand for stays a finding.
    quarantine = replace(run("cache", "verify", "--repair"), statuses=(1,))
    return [
        _scenario(mode, ("cache-prune unused", prune, BOTH, used_and_not, PLUGGY)),
        _scenario(mode, ("cache-clean all", clean, BOTH, used_and_not, PLUGGY)),
        _scenario(mode, ("cache-verify mended", mend, BOTH, edited, PLUGGY), None, DAMAGED),
        _scenario(
            mode, ("cache-verify quarantined", quarantine, BOTH, edited, PLUGGY), None, DAMAGED
        ),
    ]


MAKING = replace(CACHE, temporary=r"TmP[a-z0-9_]{8}(?:-b)?|[a-z0-9_]{8}")
"""The same where virtualenv works, which finds out in the temporary folder what a disk can do (it
names its files ``TmP…``), after ``tempfile`` has found out whether one can write there."""


def _of_venvs(mode: str) -> list[Scenario]:
    """Return what is done to a whole environment."""
    remove, clear = run("venv", "remove", "{venv}"), _unseeded(run("venv", "clear", "{venv}"))
    create = _unseeded(run("venv", "create", "--clear", "{venv}"))
    # Keeps what it has settled; where nothing is to be settled, an environment is in the way.
    settle = replace(run("venv", "create", "{venv}"), statuses=(0, 1))
    decouple = run("venv", "decouple", "--all", "{venv}")
    parts = install("hardlink", "parts-1.0", "pluggy-1.5.0")
    kept = (parts,)
    rows = (
        ("venv-remove", remove, OLD, kept, {"again": remove, "clear": clear}),
        ("venv-clear", clear, OLD, (clear, *kept), {"settle": settle, "remove": remove}),
        ("venv-create", create, OLD, (create, *kept), {"settle": settle, "again": create}),
        ("venv-decouple", decouple, BOTH, kept, {"again": decouple, "recover": RECOVER}),
    )
    return [
        _scenario(mode, (f"{verb} parts pluggy", act, works_in, prepare, PARTS), then, MAKING)
        for verb, act, works_in, prepare, then in rows
    ]


def _unseeded(command: Command) -> Command:
    """Return a command whose virtualenv installs no pip: thousands of calls that are its own."""
    return replace(command, variables={**command.variables, "VIRTUALENV_NO_SEED": "1"})
