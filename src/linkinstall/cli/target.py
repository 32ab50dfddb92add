"""Choose the environment that a call means.

Purpose: turn ``--python``, ``--target``, ``--prefix``, ``--destdir`` and the scheme
folders into an ``Environment`` (``docs/reference/command-line.md``, Which environment).

Calling sequence: ``choose_environment(arguments, Environment)``.

Guarantees: nothing is written.

Errors: ``UsageError`` where two options name two targets; what ``Environment`` raises
where the target is none.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from linkinstall.cli.parse import Arguments

__all__ = ["choose_environment"]

SCHEMES = ("--purelib", "--platlib", "--headers", "--scripts", "--data")
LIBRARIES = ("--purelib", "--platlib")


def choose_environment(arguments: Arguments, environments: Any) -> Any:
    """Return the environment that ``arguments`` name.

    :param environments: ``linkinstall.environment.Environment``, or a stand-in with its
        constructors
    :raises UsageError: for two targets, and for scheme folders without a library
    """
    _require_one_target(arguments)
    scripts = _scripts(arguments)
    python = arguments.value("--python")
    base = {} if python is None else {"python": python}
    if arguments.flag("--target"):
        chosen = environments.for_target(arguments.value("--target"), **base, **scripts)
    elif arguments.flag("--prefix"):
        chosen = environments.for_prefix(arguments.value("--prefix"), **base, **scripts)
    elif any(arguments.flag(scheme) for scheme in SCHEMES):
        chosen = environments.from_schemes(_schemes(arguments), **base, **scripts)
    elif python is not None:
        chosen = environments.of(python, **scripts)
    else:
        chosen = environments.current(**scripts)
    if arguments.flag("--destdir"):
        chosen = chosen.with_destdir(arguments.value("--destdir"))
    return chosen


def _require_one_target(arguments: Arguments) -> None:
    """Refuse two answers to the same question; --destdir and --python go with each."""
    given = [name for name in ("--target", "--prefix") if arguments.flag(name)]
    given += [name for name in SCHEMES if arguments.flag(name)][:1]
    if len(given) > 1:
        from linkinstall.errors import UsageError

        raise UsageError(f"{' and '.join(given)} name two targets; give one of them.")


def _scripts(arguments: Arguments) -> dict[str, str]:
    """Return what was said about generated scripts; the environment knows the rest."""
    wanted = {"interpreter": "--interpreter", "script_kind": "--script-kind"}
    return {
        name: arguments.value(option) for name, option in wanted.items() if arguments.flag(option)
    }


def _schemes(arguments: Arguments) -> dict[str, str]:
    """Return folder by scheme; one library folder stands for the other."""
    schemes = {name[2:]: arguments.value(name) for name in SCHEMES if arguments.flag(name)}
    library = schemes.get("purelib") or schemes.get("platlib")
    if library is None:
        from linkinstall.errors import UsageError

        given = next(name for name in SCHEMES if arguments.flag(name))
        raise UsageError(
            f"{given} needs --purelib or --platlib besides: modules have nowhere to go.",
            next_step="To change only the folder of scripts or data, name all five folders.",
        )
    return {"purelib": library, "platlib": library, **schemes}
