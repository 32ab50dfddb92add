"""The link policy: which link modes to try for a file, in which order.

Purpose: one pure function from platform, capabilities, kind of file and the
user's choice to a chain of link modes. Why Windows binaries are never hard-linked
is told in ``docs/explanation/link-modes.md``.

Calling sequence::

    chain("auto", Capabilities(), binary=False)    # ("clone", "hardlink", "copy")

Guarantees: pure; a chain is never empty and ends with what always works, a copy.

Errors: :class:`~linkinstall.errors.UsageError` for an unknown mode.
"""

from __future__ import annotations

import sys

from linkinstall.values import value

__all__ = [
    "COPY_BINARIES",
    "MODES",
    "Capabilities",
    "chain",
    "copies_binaries",
    "is_binary",
    "is_binary_name",
]

MODES = ("clone", "hardlink", "symlink", "copy")
"""The link modes; ``auto`` picks a chain of them."""
COPY_BINARIES = ("auto", "always", "never")

_CHAINS = {
    "auto": ("clone", "hardlink", "copy"),
    "clone": ("clone", "hardlink", "copy"),
    "hardlink": ("hardlink", "copy"),
    "symlink": ("symlink", "copy"),
    "copy": ("copy",),
}
_BINARY_SUFFIXES = (".exe", ".dll", ".pyd")


@value
class Capabilities:
    """What linking from the cache to a volume can do, as probed.

    :param hardlink: False also where modes would differ: another umask, ``--destdir``
    """

    clone: bool = True
    hardlink: bool = True
    symlink: bool = True


def chain(
    choice: str, capabilities: Capabilities, *, binary: bool, private_binaries: bool = False
) -> tuple[str, ...]:
    """Return the link modes to try, best first.

    :param choice: ``auto`` or one of MODES
    :param binary: whether Windows locks this file while it runs
    :param private_binaries: from :func:`copies_binaries`
    """
    try:
        modes = _CHAINS[choice]
    except KeyError:
        from linkinstall.errors import UsageError

        message = f"unknown link mode {choice!r}: one of auto, {', '.join(MODES)}"
        raise UsageError(message) from None
    if binary and private_binaries and choice != "symlink":
        # A hard link of a loaded image cannot be deleted in any environment.
        modes = ("clone", "copy") if choice != "copy" else ("copy",)
    usable = tuple(mode for mode in modes if mode == "copy" or getattr(capabilities, mode))
    return usable or ("copy",)


def copies_binaries(option: str, platform: str = sys.platform) -> bool:
    """Return whether binaries get a private copy: ``auto`` means on Windows.

    :raises UsageError: not one of COPY_BINARIES
    """
    if option not in COPY_BINARIES:
        from linkinstall.errors import UsageError

        raise UsageError(f"unknown value {option!r}: one of {', '.join(COPY_BINARIES)}")
    return option == "always" or (option == "auto" and platform == "win32")


def is_binary_name(name: str) -> bool:
    """Return whether a file name says exe, dll or pyd, in any case."""
    return name.lower().endswith(_BINARY_SUFFIXES)


def is_binary(path: str, first: bytes) -> bool:
    """Return whether Windows locks a file while it runs, by its name and how it begins."""
    return first.startswith(b"MZ") or is_binary_name(path)
