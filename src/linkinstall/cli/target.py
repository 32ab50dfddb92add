"""Choose the environment that a call means.

Purpose: turn ``--python``, ``--target``, ``--prefix``, ``--destdir`` and the scheme
folders into an ``Environment`` (``docs/reference/command-line.md``, Target).

Calling sequence: ``choose_environment(arguments, Environment)``.

Guarantees: nothing is written but what an interpreter said of itself, into the cache, and
not even that under ``--dry-run``, ``--no-cache`` and ``--destdir``.

Errors: ``UsageError`` where two options name two targets; what ``Environment`` raises
where the target is none.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.cli.parse import Arguments
    from linkinstall.environment import Environment

__all__ = ["choose_environment", "uses_no_cache", "words_of"]

SCHEMES = ("--purelib", "--platlib", "--headers", "--scripts", "--data")
FOLDERS = ("--target", "--prefix", "--destdir", *SCHEMES)
"""Options that name folders to install into: those of no environment, or of none yet."""


def choose_environment(arguments: Arguments, environments: type[Environment]) -> Environment:
    """Return the environment that ``arguments`` name.

    :param environments: ``linkinstall.environment.Environment``, or a stand-in with its
        constructors
    :raises UsageError: for two targets, and for scheme folders without a library
    """
    _require_one_target(arguments)
    base = _base(arguments, environments)
    if arguments.flag("--target"):
        chosen = environments.for_target(arguments.value("--target"), base=base)
    elif arguments.flag("--prefix"):
        chosen = environments.for_prefix(arguments.value("--prefix"), base=base)
    elif any(arguments.flag(scheme) for scheme in SCHEMES):
        chosen = environments.from_schemes(_schemes(arguments), base=base)
    else:
        chosen = base
    if arguments.flag("--destdir"):
        chosen = chosen.with_destdir(arguments.value("--destdir"))
    return chosen


def uses_no_cache(arguments: Arguments) -> bool:
    """Return whether a call neither fills a cache nor takes anything from one."""
    # A staged tree is built once: only a cache that this call names is filled for it,
    # not one that LINKINSTALL_CACHE_DIR names for every call.
    staged = arguments.flag("--destdir") and not arguments.flag("--cache-dir")
    return arguments.flag("--no-cache") or staged


def words_of(arguments: Arguments, environment: Environment) -> list[str]:
    """Return the words that name the same environment and cache in another call.

    They hold whatever folder that is made in, and whichever interpreter runs it.
    """
    from linkinstall.fs import local
    from linkinstall.fs.trees import absolute
    from linkinstall.remedies import words_of as words_of_environment

    given = [name for name in (*FOLDERS, "--cache-dir") if arguments.flag(name)]
    words = [word for name in given for word in (name, absolute(local(), arguments.given[name]))]
    if not set(given) & set(FOLDERS):
        return [*words_of_environment(environment), *words]
    if arguments.flag("--python") and environment.compiler:
        words = ["--python", environment.compiler, *words]
    return words


def _base(arguments: Arguments, environments: type[Environment]) -> Environment:
    """Return the environment of the interpreter, with what was said about scripts."""
    # "" asks the interpreter anew and remembers nothing: a dry run writes nothing at all.
    forgets = arguments.flag("--dry-run") or uses_no_cache(arguments)
    cache_dir = "" if forgets else arguments.value("--cache-dir")
    if arguments.flag("--python"):
        base = environments.of(arguments.value("--python"), cache_dir=cache_dir)
    else:
        # Where folders are named, a tool's own interpreter is one like any other.
        named = any(arguments.flag(name) for name in FOLDERS)
        base = environments.current(cache_dir=cache_dir, or_own=named)
    # The kind first: it says where --target has its scripts, and which paths are absolute.
    if arguments.flag("--script-kind"):
        base = base.with_script_kind(arguments.value("--script-kind"))
    if arguments.flag("--interpreter"):
        base = base.with_interpreter(arguments.value("--interpreter"))
    return base


def _require_one_target(arguments: Arguments) -> None:
    """Refuse two answers to the same question; --destdir and --python go with each."""
    given = [name for name in ("--target", "--prefix") if arguments.flag(name)]
    given += [name for name in SCHEMES if arguments.flag(name)][:1]
    if len(given) > 1:
        from linkinstall.errors import UsageError

        raise UsageError(f"{' and '.join(given)} name two targets; give one of them.")


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
