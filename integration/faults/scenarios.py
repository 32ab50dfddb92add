"""What linkinstall is put to: each verb, several wheels, each link mode.

Purpose: the scenarios of ``make kill`` and of later faults. Each fault and next run
is applied to all of them.

Calling sequence: ``scenarios()``, or ``scenario(name)``.

Guarantees: data only.

Errors: ``KeyError`` for an unknown name.
"""

from __future__ import annotations

from integration.faults import cache_check
from integration.faults.sandbox import NEIGHBOUR
from integration.faults.scenario import CacheRule, Command, Scenario, State

MODES = ("hardlink", "copy")
"""The link modes that are swept."""

_VARIABLES = {"PYTHONPATH": "{source}", "LINKINSTALL_CACHE_DIR": "{cache}"}

CACHE = CacheRule(
    unit=r"v1/(?:entries/[^/]+|bytecode/[^/]+/[^/]+|[^/]+/[^/]+)",
    # Says that an entry may not have reached the disk yet, which is true after a kill.
    optional=r"v1/(?:entries/[^/]+|bytecode/[^/]+/[^/]+)/unflushed",
    # These hold the time of unpacking, and compiled files hold that of their sources.
    volatile=r"v1/entries/[^/]+/manifest|v1/bytecode/[^/]+/[^/]+/(?:manifest|record)",
    check=cache_check.problems,
)
"""The layout of our cache: what is published by one rename each."""


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
_NEIGHBOUR = NEIGHBOUR.partition("-")[0]


def scenarios(modes: tuple[str, ...] = MODES) -> list[Scenario]:
    """Return all scenarios in these link modes."""
    return [scenario for mode in modes for scenario in _of_mode(mode)]


def scenario(name: str) -> Scenario:
    """Return the scenario of this name."""
    known = {
        scenario.name: scenario for scenario in scenarios(("hardlink", "copy", "symlink", "clone"))
    }
    return known[name]


def _of_mode(mode: str) -> list[Scenario]:
    return [*_installing(mode), *_replacing(mode), *_removing(mode), *_special(mode)]


def _make(
    mode: str,
    verb: str,
    subject: str,
    act: Command,
    works_in: tuple[State, ...],
    *prepare: Command,
    probe: str = "import pluggy; print(pluggy.__version__)",
    **more: dict[str, str],
) -> Scenario:
    removing = verb == "uninstall"
    unrelated = install(mode, "zope.deprecation-5.1") if removing else uninstall(_NEIGHBOUR)
    return Scenario(
        tool="linkinstall",
        verb=verb,
        subject=subject,
        mode=mode,
        prepare=prepare,
        act=act,
        next_runs={"recover": RECOVER, "again": act, "other": unrelated},
        probe=probe,
        works_in=works_in,
        cache=CACHE,
        **more,
    )


PARTS = "import parts, subprocess, sys; print(subprocess.check_output([sys.prefix + '/bin/parts']))"
NAMESPACE = "import zope.event, zope.deprecation; print(zope.event.__file__)"
NEW: tuple[State, ...] = ("new",)
OLD: tuple[State, ...] = ("old",)
BOTH: tuple[State, ...] = ("old", "new")


def _warm(mode: str, *wheels: str) -> tuple[Command, ...]:
    """Return commands that fill the cache and leave the environment as it was."""
    names = [wheel.rpartition("-")[0] for wheel in wheels]
    return (install(mode, *wheels), uninstall(*names))


def _installing(mode: str) -> list[Scenario]:
    pluggy = install(mode, "pluggy-1.5.0")
    deprecation = install(mode, "zope.deprecation-5.1")
    return [
        _make(mode, "install", "pluggy", pluggy, NEW, *_warm(mode, "pluggy-1.5.0")),
        _make(mode, "install", "pluggy cold", pluggy, NEW),
        _make(
            mode,
            "install",
            "parts",
            install(mode, "parts-1.0"),
            NEW,
            *_warm(mode, "parts-1.0"),
            probe=PARTS,
        ),
        _make(
            mode,
            "install",
            "namespace",
            install(mode, "zope.event-5.0"),
            NEW,
            deprecation,
            *_warm(mode, "zope.event-5.0"),
            probe=NAMESPACE,
        ),
    ]


def _replacing(mode: str) -> list[Scenario]:
    older, newer = install(mode, "pluggy-1.5.0"), install(mode, "pluggy-1.6.0")
    parts = install(mode, "parts-1.0"), install(mode, "parts-2.0")
    event = install(mode, "zope.event-5.0"), install(mode, "zope.event-5.1")
    deprecation = install(mode, "zope.deprecation-5.1")
    again = install(mode, "pluggy-1.5.0", reinstall=True)
    return [
        _make(mode, "reinstall", "pluggy", again, BOTH, older),
        _make(mode, "upgrade", "pluggy", newer, BOTH, newer, older),
        _make(mode, "upgrade", "pluggy cold", newer, BOTH, older),
        _make(mode, "downgrade", "pluggy", older, BOTH, older, newer),
        _make(mode, "upgrade", "parts", parts[1], BOTH, *reversed(parts), probe=PARTS),
        _make(
            mode,
            "upgrade",
            "namespace",
            event[1],
            BOTH,
            deprecation,
            *reversed(event),
            probe=NAMESPACE,
        ),
    ]


def _removing(mode: str) -> list[Scenario]:
    pluggy = install(mode, "pluggy-1.5.0")
    return [
        _make(mode, "uninstall", "pluggy", uninstall("pluggy"), OLD, pluggy),
        _make(
            mode,
            "uninstall",
            "parts",
            uninstall("parts"),
            OLD,
            install(mode, "parts-1.0"),
            probe=PARTS,
        ),
        _make(
            mode,
            "uninstall",
            "namespace",
            uninstall("zope.event"),
            OLD,
            install(mode, "zope.deprecation-5.1"),
            install(mode, "zope.event-5.0"),
            probe=NAMESPACE,
        ),
        _make(
            mode,
            "uninstall",
            "beside own file",
            uninstall("pluggy"),
            OLD,
            pluggy,
            probe="import pluggy; pluggy.HookspecMarker",
            extra_files={"pluggy/notes.txt": "mine\n"},
        ),
    ]


def _special(mode: str) -> list[Scenario]:
    wheels = ("pluggy-1.6.0", "wheel-0.45.1", "parts-1.0")
    every = "import pluggy, wheel, parts; print(pluggy.__version__, wheel.__version__)"
    older = install(mode, "pluggy-1.5.0", "wheel-0.44.0")
    names = ("pluggy", "wheel", "parts")
    return [
        _make(
            mode,
            "install",
            "a set",
            install(mode, *wheels),
            NEW,
            *_warm(mode, *wheels),
            older,
            probe=every,
        ),
        _make(mode, "install", "a set cold", install(mode, *wheels), NEW, probe=every),
        _make(
            mode, "uninstall", "a set", uninstall(*names), OLD, install(mode, *wheels), probe=every
        ),
    ]
