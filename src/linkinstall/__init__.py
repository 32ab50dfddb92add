"""linkinstall: installs wheels by linking them out of a shared cache.

Each change to an environment is one journaled transaction: all of it or none of it,
also after a kill or a power cut.

The names below are imported when they are first used, so that importing the package
costs nothing::

    from linkinstall import Environment, install

    install(["rich-15.0.0-py3-none-any.whl"], environment=Environment.of(".venv"))
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.cache import Cache
    from linkinstall.destination import LinkDestination
    from linkinstall.environment import Environment
    from linkinstall.errors import LinkInstallError
    from linkinstall.modes import LinkMode
    from linkinstall.outcome import Finding, Outcome
    from linkinstall.source import CachedWheel
    from linkinstall.transaction import Transaction
    from linkinstall.verbs.check import check
    from linkinstall.verbs.install import install
    from linkinstall.verbs.recover import recover
    from linkinstall.verbs.repair import repair
    from linkinstall.verbs.uninstall import uninstall
    from linkinstall.verbs.venv import clear_venv, create_venv, decouple_venv, remove_venv

__version__ = "0.1.0"

__all__ = [
    "Cache",
    "CachedWheel",
    "Environment",
    "Finding",
    "LinkDestination",
    "LinkInstallError",
    "LinkMode",
    "Outcome",
    "Transaction",
    "check",
    "clear_venv",
    "create_venv",
    "decouple_venv",
    "install",
    "recover",
    "remove_venv",
    "repair",
    "uninstall",
]

_HOMES = {
    "Cache": "cache",
    "CachedWheel": "source",
    "Environment": "environment",
    "Finding": "outcome",
    "LinkDestination": "destination",
    "LinkInstallError": "errors",
    "LinkMode": "modes",
    "Outcome": "outcome",
    "Transaction": "transaction",
    "check": "verbs.check",
    "clear_venv": "verbs.venv",
    "create_venv": "verbs.venv",
    "decouple_venv": "verbs.venv",
    "install": "verbs.install",
    "recover": "verbs.recover",
    "remove_venv": "verbs.venv",
    "repair": "verbs.repair",
    "uninstall": "verbs.uninstall",
}


def __getattr__(name: str) -> object:
    """Import a public name from the module it lives in (:pep:`562`)."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    module = __import__(f"{__name__}.{_HOMES[name]}", fromlist=[name])
    found: object = getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
