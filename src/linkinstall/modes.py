"""The link modes as an enumeration, for programs.

``enum`` costs 5 ms to import, so the engine itself uses the plain strings, which
the members are equal to.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["LinkMode"]


class LinkMode(StrEnum):
    """How a file is put into an environment.

    ``AUTO`` picks a chain of the others: clone, else hard link, else copy.
    """

    AUTO = "auto"
    CLONE = "clone"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    COPY = "copy"
