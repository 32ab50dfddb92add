"""Run our command line, and note where its time or its memory goes: WHAT FILE ARGUMENTS.

Purpose: the own time of each phase, without that of the phases inside it, as JSON in FILE. If
WHAT is not seconds but memory, then by how many MB each phase has raised this process's peak.

Calling sequence: ``python -m traced`` in this folder, in place of ``python -m linkinstall``;
the arguments are those of ``linkinstall``. A phase is the functions that :data:`PHASES` gives
it; they are wrapped when their module is imported, so that modules are imported as late as
without this program.

Guarantees: nothing of linkinstall is changed but in this process. The clock begins with the
first statement, and nothing is imported that ``-m`` has not imported: whoever started this
process knows what came before.

Errors: ``AttributeError`` for a function that is not there any more.
"""

from __future__ import annotations

import time

_begun = time.monotonic()

import sys  # noqa: E402 - the clock comes first
from importlib.machinery import PathFinder  # noqa: E402

TYPE_CHECKING = False  # typing is one of the imports that are timed
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

IMPORTS, REST = "imports", "all else"
UNPACKING, LOOKS, CLEANING = "unpacking, vetting", "a look at cached files", "cleaning up"
PHASES = {
    "linkinstall.environment:Environment.of": "finding the environment",
    "linkinstall.session:Session.begin": "locking, settling what was left",
    "linkinstall.entries:Entries.fill": "finding the entries",
    "linkinstall.entries:Entries.bring": "finding the entries",
    "linkinstall.filling:fill": "waiting for the other processes that unpack",
    "linkinstall.cache:Cache.add": UNPACKING,
    "linkinstall.unpack:rebuild": UNPACKING,
    "linkinstall.entries:Entries.use": "compiled files",
    "linkinstall.bytecode:compiled_sets": "compiled files",
    "linkinstall.entries:Entries._checked": LOOKS,
    "linkinstall.looking:Looking.start": LOOKS,
    "linkinstall.looking:Looking.finish": LOOKS,
    "linkinstall.distribution:find_distributions": "finding what is installed",
    "linkinstall.installed:compare": "comparing with what is installed",
    "linkinstall.preparation:Preparation.plan": "planning",
    "linkinstall.removal:Removal.take": "planning what goes",
    "linkinstall.removal:Removal.ordered": "planning what goes",
    "linkinstall.world:World.rows": "reading RECORDs",
    "linkinstall.requests:make_request": "rows of RECORD, scripts",
    "linkinstall.placements:Placements.write": "link modes, copies",
    "linkinstall.staging:Staging.write": "what is new, made aside",
    "linkinstall.staging:Staging._write_all_fresh": "what is new, made aside",
    "linkinstall.application:Application._record": "the journal",
    "linkinstall.application:Application._flush": "the flush",
    "linkinstall.placements:Placements.link": "the links",
    "linkinstall.application:Application._stash": "stashing",
    "linkinstall.staging:Staging.switch": "putting into place",
    "linkinstall.application:Application.commit": "the commit",
    "linkinstall.deletion:delete_together": "the deletion",
    "linkinstall.settle:Settlement._discard": "the deletion",
    "linkinstall.application:Application.clean_up": CLEANING,
    "linkinstall.session:Session.end": CLEANING,
}
"""Function by module and name, and the phase that it is part of."""

_own = dict.fromkeys((IMPORTS, *PHASES.values(), REST), 0.0)
_stack = [REST]
_last = _begun
_read = time.monotonic


def _peak() -> float:
    """Return the MB of this process at its largest, since it became this program."""
    with open("/proc/self/status", "rb") as file:
        return int(file.read().partition(b"VmHWM:")[2].split(None, 1)[0]) / 1000


def _switch_clock() -> None:
    global _last  # noqa: PLW0603 - one clock
    now = _read()
    _own[_stack[-1]] += now - _last
    _last = now


def timed(phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` with its time counted for a phase."""

    def call(*arguments: Any, **named: Any) -> Any:
        _switch_clock()
        _stack.append(phase)
        try:
            return function(*arguments, **named)
        finally:
            _switch_clock()
            _stack.pop()

    return call


def wrap(module: object, name: str) -> None:
    """Count the time of those functions of a module that are part of a phase."""
    for place, phase in PHASES.items():
        home, _, path = place.partition(":")
        if home != name:
            continue
        owner, (*classes, function) = module, path.split(".")
        for one in classes:
            owner = getattr(owner, one)
        found = getattr(owner, function)
        # A class method is bound already; whoever calls it gives no class.
        wrapped = timed(phase, found)
        setattr(owner, function, staticmethod(wrapped) if hasattr(found, "__self__") else wrapped)


class Finder:
    """Counts what importing costs, and wraps the functions of what was imported."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec that the path finder has, with its loader timed."""
        spec = timed(IMPORTS, PathFinder.find_spec)(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = timed(IMPORTS, spec.loader.exec_module)

        def execute_and_wrap(module: object) -> None:
            execute(module)
            wrap(module, name)

        spec.loader.exec_module = execute_and_wrap
        return spec


def main() -> None:
    """Run the command line, and write down where the time or the memory went."""
    global _begun, _last, _read  # noqa: PLW0603 - one clock
    what, noted, *words = sys.argv[1:]
    if what == "memory":
        _read = _peak
        _begun = _last = _read()
    # Behind those that find what is built in, in place of the one for folders.
    sys.meta_path.insert(-1, Finder)
    import linkinstall.__main__ as program  # the package first, as -m does
    from linkinstall.cli import leave, run

    sys.argv = [program.__file__, *words]
    status = run()
    _switch_clock()
    # Not by json, which would have to be imported.
    own = ", ".join(f'"{phase}": {taken!r}' for phase, taken in _own.items())
    text = f'{{"begun": {_begun!r}, "ended": {_last!r}, "own": {{{own}}}}}'
    with open(noted, "w", encoding="utf-8") as file:
        file.write(text)
    leave(status)


if __name__ == "__main__":
    main()
