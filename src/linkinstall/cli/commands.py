"""Call the verb that a command stands for, with what its options mean.

Purpose: the only place where words of the command line become arguments of the
Python functions.

Calling sequence::

    outcome = perform(arguments, Verbs(), notify=console.message)

Guarantees: modules of verbs are imported when they are first needed, so a command
costs only its own.

Errors: what the verbs raise; ``UsageError`` for options that contradict each other.
"""

from __future__ import annotations

from linkinstall.cli.target import choose_environment, uses_no_cache, words_of
from linkinstall.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from linkinstall.cli.parse import Arguments
    from linkinstall.environment import Environment
    from linkinstall.outcome import Outcome

__all__ = ["Verbs", "blank_outcome", "perform"]

LOCATIONS = {
    "install": ("linkinstall.verbs.install", "install"),
    "uninstall": ("linkinstall.verbs.uninstall", "uninstall"),
    "recover": ("linkinstall.verbs.recover", "recover"),
    "list": ("linkinstall.verbs.check", "list_distributions"),
    "check": ("linkinstall.verbs.check", "check"),
    "repair": ("linkinstall.verbs.repair", "repair"),
    "venv create": ("linkinstall.verbs.venv", "create_venv"),
    "venv clear": ("linkinstall.verbs.venv", "clear_venv"),
    "venv remove": ("linkinstall.verbs.venv", "remove_venv"),
    "venv decouple": ("linkinstall.verbs.venv", "decouple_venv"),
    "cache add": ("linkinstall.verbs.cache", "add_wheels"),
    "cache verify": ("linkinstall.verbs.cache", "verify_cache"),
    "cache prune": ("linkinstall.verbs.cache", "prune_cache"),
    "cache clean": ("linkinstall.verbs.cache", "clean_cache"),
    "environment": ("linkinstall.environment", "Environment"),
    "cache": ("linkinstall.cache", "Cache"),
}


class Verbs:
    """What the command line calls, by name, imported when it is first asked for."""

    def __getitem__(self, name: str) -> Any:
        """Return a verb, or the class ``Environment`` or ``Cache``."""
        module, attribute = LOCATIONS[name]
        return getattr(__import__(module, fromlist=[attribute]), attribute)


@value
class Told:
    """Whom a verb tells what it is at; see :func:`perform`."""

    notify: Callable[[str], None] | None = None
    progress: Callable[[str, int, int, float], None] | None = None


def perform(
    arguments: Arguments,
    verbs: Mapping[str, Any] | Verbs,
    *,
    notify: Callable[[str], None] | None = None,
    progress: Callable[[str, int, int, float], None] | None = None,
) -> Outcome:
    """Do what ``arguments`` ask for and return the outcome.

    :param verbs: verbs and classes by name, as :data:`LOCATIONS` lists them
    :param notify: called with a sentence when something takes its time
    :param progress: called again and again with the wheel that is unpacked: its file name, its
        number, how many there are, and what part of it is done
    :raises Exception: what the verb raises; ``outcome`` tells the environment at least
    """
    if arguments.command in OF_VENVS:
        return _venv(arguments, verbs, notify)
    if arguments.command.startswith("cache "):
        from linkinstall.cli.cache_commands import perform_on_cache

        return perform_on_cache(arguments, verbs, Told(notify, progress))
    environment = choose_environment(arguments, verbs["environment"])
    try:
        outcome: Outcome = OF_ENVIRONMENTS[arguments.command](
            arguments, verbs, environment, Told(notify, progress)
        )
    except (Exception, KeyboardInterrupt) as error:
        if getattr(error, "outcome", None) is None:
            error.outcome = blank_outcome(arguments.command, environment)  # type: ignore[union-attr]
        raise
    if outcome.plan and notify is not None:
        _tell_what_is_not_counted(arguments, outcome, notify)
    return outcome


def _tell_what_is_not_counted(
    arguments: Arguments, outcome: Outcome, notify: Callable[[str], None]
) -> None:
    """Say that compiled files are not in a plan: only compiling tells which there will be."""
    plan = outcome.plan or ()
    modules = sum(path.endswith(".py") for change in plan for path in change.added)
    if modules and _compile_levels(arguments):
        notify(f"not counted: compiled files, of {modules} module{'s' if modules > 1 else ''}")


def blank_outcome(command: str, environment: Environment | None = None) -> Outcome:
    """Return an outcome that tells no more than what it is about.

    What ``list`` and ``check`` add to the JSON object is there, too.
    """
    from linkinstall.outcome import Outcome
    from linkinstall.paths import forward

    return Outcome(
        command,
        environment_root=forward(environment.root) if environment else None,
        environment_python=forward(environment.python) if environment else None,
        environment_library=forward(environment.library) if environment else None,
        distributions=() if command == "list" else None,
        findings=() if command in {"check", "cache verify"} else None,
    )


def _install(arguments: Arguments, verbs: Any, environment: Environment, told: Told) -> Any:
    staged = arguments.flag("--destdir")
    url = arguments.given.get("--direct-url", "none" if staged else None)
    if url not in (None, "none") and len(arguments.words) > 1:
        from linkinstall.errors import UsageError

        raise UsageError(
            f"--direct-url is where one wheel came from, and {len(arguments.words)} are named.",
            next_step="Install them one by one, or give --direct-url none.",
        )
    _respect_manager(arguments, environment)
    return verbs["install"](
        list(arguments.words),
        environment=environment,
        cache=_cache_of_change(arguments, verbs),
        link_mode=_link_mode(arguments),
        copy_binaries=arguments.value("--copy-binaries"),
        compile_levels=_compile_levels(arguments),
        overwrite_existing=arguments.flag("--overwrite-existing"),
        reinstall=arguments.flag("--reinstall"),
        # A staged tree becomes a package, whose own manager records where it is from.
        requested=not (staged or arguments.flag("--no-requested")),
        metadata={} if staged else None,
        direct_url=url,
        validate_record=arguments.value("--validate-record"),
        verify_cache=arguments.value("--verify-cache"),
        sync=arguments.value("--sync"),
        lock_timeout=arguments.value("--lock-timeout"),
        dry_run=arguments.flag("--dry-run"),
        notify=told.notify,
        progress=told.progress,
        processes=True,  # a command has no threads of its own
    )


def _uninstall(arguments: Arguments, verbs: Any, environment: Environment, told: Told) -> Any:
    _respect_manager(arguments, environment)
    return verbs["uninstall"](
        list(arguments.words),
        environment=environment,
        cache=_cache_of_change(arguments, verbs),
        sync=arguments.value("--sync"),
        lock_timeout=arguments.value("--lock-timeout"),
        dry_run=arguments.flag("--dry-run"),
        notify=told.notify,
        processes=True,
    )


def _recover(arguments: Arguments, verbs: Any, environment: Environment, told: Told) -> Any:
    policies = [name for name in ("--rollback", "--finish") if arguments.flag(name)]
    if len(policies) > 1:
        from linkinstall.errors import UsageError

        raise UsageError("--rollback and --finish contradict each other; give one of them.")
    return verbs["recover"](
        environment,
        policy=policies[0][2:] if policies else "auto",
        cache=_cache_of_change(arguments, verbs),
        sync=arguments.value("--sync"),
        lock_timeout=arguments.value("--lock-timeout"),
        notify=told.notify,
    )


def _list(_arguments: Arguments, verbs: Any, environment: Environment, _told: Told) -> Outcome:
    found = sorted(verbs["list"](environment), key=lambda one: (one.name, one.version, one.path))
    return replace(blank_outcome("list", environment), distributions=tuple(found))


def _check(arguments: Arguments, verbs: Any, environment: Environment, _told: Told) -> Outcome:
    findings = tuple(
        verbs["check"](
            list(arguments.words),
            environment=environment,
            full=arguments.flag("--full"),
            cache=_cache_of_change(arguments, verbs),
            words=words_of(arguments, environment),
        )
    )
    outcome = blank_outcome("check", environment)
    return replace(outcome, findings=findings, exit=1 if findings else 0)


def _repair(arguments: Arguments, verbs: Any, environment: Environment, told: Told) -> Any:
    wheels = arguments.value("--from") or []
    every, leftovers = arguments.flag("--all"), arguments.flag("--leftovers")
    if not (arguments.words or wheels or every or leftovers):
        from linkinstall.errors import UsageError

        raise UsageError("repair needs a NAME, or one of --all, --leftovers and --from WHEEL.")
    _respect_manager(arguments, environment)
    return verbs["repair"](
        list(arguments.words),
        environment=environment,
        cache=_cache_of_change(arguments, verbs),
        wheels=wheels,
        remove=arguments.flag("--remove"),
        every=every,
        leftovers=leftovers,
        full=arguments.flag("--full"),
        link_mode=_link_mode(arguments),
        copy_binaries=arguments.value("--copy-binaries"),
        compile_levels=_compile_levels(arguments),
        sync=arguments.value("--sync"),
        lock_timeout=arguments.value("--lock-timeout"),
        dry_run=arguments.flag("--dry-run"),
        notify=told.notify,
        processes=True,  # a command has no threads of its own
    )


def _respect_manager(arguments: Arguments, environment: Environment) -> None:
    """Refuse an environment that somebody else manages, unless told not to (:pep:`668`)."""
    if not arguments.flag("--break-system-packages"):
        environment.refuse_if_managed()


def _venv(arguments: Arguments, verbs: Any, notify: Any) -> Outcome:
    """Call a verb of virtual environments with the options that are its own."""
    command = arguments.command
    options = {
        name: arguments.given.get(option, default)
        for name, (option, default) in OF_VENVS[command].items()
    }
    if command == "venv remove":
        options["processes"] = True  # a command has no threads of its own
    outcome: Outcome = verbs[command](
        arguments.words[0],
        **options,
        sync=arguments.value("--sync"),
        lock_timeout=arguments.value("--lock-timeout"),
        notify=notify,
    )
    _sweep(verbs, arguments.given.get("--cache-dir"))
    return outcome


def _sweep(verbs: Any, folder: str | None) -> None:
    """Take away what a killed run was unpacking, though this one needs no cache.

    Whatever the next run is that changes something, it leaves nothing of that.
    """
    from linkinstall.errors import LinkInstallError

    try:
        verbs["cache"](folder).sweep()
    except (OSError, LinkInstallError):  # those who need the cache will be told
        pass


_CACHE = {"cache_dir": ("--cache-dir", None)}
_MADE_WITH: dict[str, tuple[str, Any]] = {
    "python": ("--python", ""),
    "prompt": ("--prompt", ""),
    "system_site_packages": ("--system-site-packages", False),
    "force": ("--force", False),
    **_CACHE,
}
OF_VENVS: dict[str, dict[str, tuple[str, Any]]] = {
    "venv create": {**_MADE_WITH, "clear": ("--clear", False)},
    "venv clear": _MADE_WITH,
    "venv remove": {"follow": ("--follow", False), "force": ("--force", False), **_CACHE},
    "venv decouple": {"every": ("--all", False), **_CACHE},
}
"""Parameter of the verb -> the option that gives it, and its value without it."""
OF_ENVIRONMENTS: dict[str, Callable[[Arguments, Any, Environment, Any], Any]] = {
    "install": _install,
    "uninstall": _uninstall,
    "recover": _recover,
    "list": _list,
    "check": _check,
    "repair": _repair,
}


def _compile_levels(arguments: Arguments) -> tuple[int, ...]:
    """Return the optimization levels to compile at, none where bytecode is not wanted."""
    if arguments.flag("--no-compile-bytecode"):
        return ()
    given = arguments.value("--compile-bytecode")
    if given:
        return tuple(sorted(set(given)))
    return (0, 1) if arguments.flag("--destdir") else (0,)


def _link_mode(arguments: Arguments) -> Any:
    """Return the link mode; a staged tree shares files with the cache only if this call says so."""
    # Packaging tools strip and chmod in place, so LINKINSTALL_LINK_MODE, which is meant for
    # environments, is not enough.
    if arguments.flag("--destdir"):
        return arguments.given.get("--link-mode", "auto")
    return arguments.value("--link-mode")


def _cache_of_change(arguments: Arguments, verbs: Any) -> Any:
    """Return the cache to take from and to sweep; None means the default one."""
    if uses_no_cache(arguments):
        return verbs["cache"].none()
    folder = arguments.value("--cache-dir")
    return None if folder is None else verbs["cache"](folder)
