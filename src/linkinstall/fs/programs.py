"""Our programs that other interpreters run, as texts.

Purpose: a target's interpreter reports on itself and compiles by programs of this package, which
it cannot import. They are handed to it as texts: inside a zipapp there is no file to name.

Calling sequence: ``[python, "-c", starter, text_of(module.__file__)]``.

Guarantees: reads from wherever this package was imported from.

Errors: ``OSError``.
"""

from __future__ import annotations

__all__ = ["text_of"]


def text_of(path: str) -> str:
    """Return the text of a module of this package, by its ``__file__``."""
    # What pkgutil.get_data does, which is costly to import.
    data: bytes = __spec__.loader.get_data(path)  # type: ignore[union-attr]
    return data.decode("utf-8")
