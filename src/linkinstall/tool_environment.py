"""Environments that a tool made for itself: not the ones that people mean.

Purpose: run by ``pipx``, ``uv tool`` or ``uvx``, linkinstall changes the person's
environment, not the one that the tool keeps it in.

Calling sequence: ``environment_instead(sys.prefix)``.

Guarantees: looks only; costs two system calls in a plain venv.

Errors: :class:`~linkinstall.errors.UsageError` where nothing says which one is meant.
"""

from __future__ import annotations

import os

from linkinstall.fs import local

__all__ = ["environment_instead", "tool_of"]

_RECEIPTS = {"pipx_metadata.json": "pipx", "uv-receipt.toml": "uv tool"}
_BUCKETS = ("archive-v", "builds-v", "environments-v")
"""How the folders of uv's cache begin that hold environments (uvx, ``uv run --with``)."""


def tool_of(prefix: str) -> str | None:
    """Return the tool that made the environment at ``prefix`` for itself, None for others."""
    files = local()
    for receipt, tool in _RECEIPTS.items():
        if files.status(os.path.join(prefix, receipt)) is not None:
            return tool
    folder = os.path.dirname(prefix)
    cache, bucket = os.path.split(folder)
    if bucket.startswith(_BUCKETS) and files.status(os.path.join(cache, "CACHEDIR.TAG")):
        return "uvx"
    return None


def environment_instead(prefix: str, *, or_own: bool = False) -> str | None:
    """Return the environment to take instead of a tool's own, None where there is no need.

    ``VIRTUAL_ENV``, unless it is the tool's environment again, else ``./.venv``.

    :param or_own: whether the tool's own will do where there is neither
    :raises UsageError: there is neither
    """
    tool = tool_of(prefix)
    if tool is None:
        return None
    files = local()
    chosen = os.environ.get("VIRTUAL_ENV")
    if chosen and files.real_path(chosen) != files.real_path(prefix):
        return os.path.abspath(chosen)
    beside = os.path.abspath(".venv")
    if files.status(os.path.join(beside, "pyvenv.cfg")) is not None:
        return beside
    if or_own:
        return None
    from linkinstall.errors import UsageError

    raise UsageError(
        f"linkinstall runs in an environment that {tool} keeps for itself ({prefix}); "
        "no venv is active, and there is no .venv here.",
        next_step="Name the environment to change with --python, activate it, or run from a "
        "folder that has a .venv.",
    )
