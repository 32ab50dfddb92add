"""Call the verb that a command of the cache stands for.

Calling sequence::

    outcome = perform_on_cache(arguments, Verbs(), Told())

Guarantees: what changes no cache makes none.

Errors: what the verbs raise; ``UsageError`` for words without the option that they belong to.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from linkinstall.cli.commands import Told, Verbs
    from linkinstall.cli.parse import Arguments
    from linkinstall.outcome import Outcome

__all__ = ["perform_on_cache"]


def perform_on_cache(arguments: Arguments, verbs: Mapping[str, Any] | Verbs, told: Told) -> Outcome:
    """Do what ``arguments`` ask for and return the outcome.

    :param verbs: verbs and classes by name
    :param told: who is told what takes its time
    """
    outcome: Outcome = _COMMANDS[arguments.command](arguments, verbs, told)
    return outcome


def _cache_dir(arguments: Arguments, verbs: Any, _told: Any) -> Outcome:
    return _about_cache(arguments, {"path": _cache(arguments, verbs).path})


def _cache_info(arguments: Arguments, verbs: Any, _told: Any) -> Outcome:
    return _about_cache(arguments, _cache(arguments, verbs).info())


def _cache_add(arguments: Arguments, verbs: Any, told: Any) -> Any:
    return verbs["cache add"](
        _cache(arguments, verbs),
        arguments.words,
        sync=arguments.value("--sync"),
        lock_timeout=arguments.value("--lock-timeout"),
        notify=told.notify,
        progress=told.progress,
    )


def _cache_verify(arguments: Arguments, verbs: Any, told: Any) -> Any:
    repair = arguments.flag("--repair")
    if arguments.words and not repair:
        from linkinstall.errors import UsageError

        raise UsageError("Wheels are what entries are made anew from: give --repair with them.")
    cache, full = _cache(arguments, verbs), arguments.flag("--full")
    wait = arguments.value("--lock-timeout")
    return verbs["cache verify"](
        cache, arguments.words, full=full, repair=repair, lock_timeout=wait, notify=told.notify
    )


def _cache_taking(arguments: Arguments, verbs: Any, told: Any) -> Any:
    """Call a verb that takes something out of the cache."""
    options: dict[str, Any] = {"force": arguments.flag("--force")}
    if arguments.command == "cache prune":
        names = ("--older-than", "--max-size")
        options = {name[2:].replace("-", "_"): arguments.value(name) for name in names}
    return verbs[arguments.command](
        _cache(arguments, verbs),
        **options,
        dry_run=arguments.flag("--dry-run"),
        lock_timeout=arguments.value("--lock-timeout"),
        notify=told.notify,
    )


def _cache(arguments: Arguments, verbs: Any) -> Any:
    if not arguments.flag("--cache-dir"):
        from linkinstall.trust import refuse_homeless

        refuse_homeless()
    return verbs["cache"](arguments.value("--cache-dir"))


def _about_cache(arguments: Arguments, facts: dict[str, Any], **parts: Any) -> Outcome:
    from linkinstall.outcome import Outcome

    return Outcome(arguments.command, cache=facts, **parts)


_COMMANDS: dict[str, Callable[[Arguments, Any, Any], Outcome]] = {
    "cache dir": _cache_dir,
    "cache info": _cache_info,
    "cache add": _cache_add,
    "cache verify": _cache_verify,
    "cache prune": _cache_taking,
    "cache clean": _cache_taking,
}
