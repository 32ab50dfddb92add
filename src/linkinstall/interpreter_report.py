"""What an interpreter says of itself: its version, and where it installs to.

Purpose: one text for every interpreter. A warm install outside a venv calls
:func:`report` in its own process; :mod:`linkinstall.interpreters` runs this very
file in others, so it must stay a program for CPython 3.8 that imports nothing of ours.

Calling sequence: ``report()``; ``encode`` and ``decode`` carry a report between
processes and to disk.

Guarantees: the schemes are those that ``python -m installer`` would take with that
interpreter (``sysconfig``'s default scheme, headers below the ``include`` folder of
``base``, without the project's name). Folders are absolute; those of ``layout.*`` and
``venv.*`` are relative to a prefix.

Errors: none of its own.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict  # noqa: UP035 - this file runs in CPython 3.8 too

    Report = Dict[str, str]  # noqa: UP006 - the same

__all__ = ["SCHEMES", "decode", "encode", "launcher_kind", "report"]

SCHEMES = ("purelib", "platlib", "headers", "scripts", "data")
"""The schemes of the wheel format, the keys of ``layout.*`` and ``venv.*`` too."""

_PREFIX = "linkinstall-prefix"  # stands where a prefix goes, and is cut off again


def report() -> Report:
    """Return what the interpreter that runs this says of itself.

    Keys: ``executable prefix base_prefix implementation version cache_tag magic script_kind
    stdlib``, the schemes, ``layout.SCHEME`` (the default scheme under another prefix,
    as for ``--prefix``), and ``venv.SCHEME`` (a venv of this interpreter), absent
    before CPython 3.11, which has no such scheme.
    """
    import sysconfig

    implementation = sys.implementation
    result = {
        "executable": sys.executable,
        "prefix": os.path.normpath(sys.prefix),
        "base_prefix": os.path.normpath(sys.base_prefix),
        "implementation": implementation.name,
        "version": ".".join(map(str, sys.version_info[:3])),
        "cache_tag": implementation.cache_tag or "",
        "magic": magic(),
        "script_kind": launcher_kind(),
        "stdlib": sysconfig.get_path("stdlib"),
    }
    paths = sysconfig.get_paths()
    base = sysconfig.get_config_var("base")
    paths["headers"] = sysconfig.get_path("include", vars={"installed_base": base})
    result.update((name, paths[name]) for name in SCHEMES)
    bases, installed = {"base": _PREFIX, "platbase": _PREFIX}, {"installed_base": _PREFIX}
    paths = sysconfig.get_paths(vars=bases)
    paths["headers"] = sysconfig.get_path("include", vars=installed)
    result.update((f"layout.{name}", _below_prefix(paths[name])) for name in SCHEMES)
    if sys.version_info >= (3, 11) and "venv" in sysconfig.get_scheme_names():
        paths = sysconfig.get_paths("venv", vars=bases)
        paths["headers"] = sysconfig.get_path("include", "venv", vars=installed)
        result.update((f"venv.{name}", _below_prefix(paths[name])) for name in SCHEMES)
    return result


def magic() -> str:
    """Return the number that this interpreter's compiled files begin with.

    Within one cache tag it changes from pre-release to pre-release.
    """
    # What importlib.util has its own from, and every interpreter has loaded at its start.
    import _frozen_importlib_external as loader

    return str(int.from_bytes(loader.MAGIC_NUMBER[:2], "little"))


def _below_prefix(path: str) -> str:
    # A distributor may have nailed a folder down; then it is absolute and stays so.
    head, found, tail = path.partition(_PREFIX)
    return tail.lstrip(os.sep) if found and not head else path


def launcher_kind() -> str:
    """Return which launcher scripts get here, by the rule of ``installer``."""
    if os.name != "nt":
        return "posix"
    version = sys.version.lower()
    for mark, kind in (("amd64", "amd64"), ("(arm64)", "arm64"), ("(arm)", "arm")):
        if mark in version:
            return f"win-{kind}"
    return "win-ia32"


def encode(answer: Report) -> bytes:
    """Return a report as bytes: keys and values, NUL between them."""
    return b"\0".join(os.fsencode(part) for pair in answer.items() for part in pair)


def decode(data: bytes) -> Report:
    """Return the report that :func:`encode` made ``data`` of."""
    parts = [os.fsdecode(part) for part in data.split(b"\0")]
    return dict(zip(parts[::2], parts[1::2]))  # noqa: B905 - strict came with CPython 3.10
