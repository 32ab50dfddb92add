"""The journal of a change to a whole environment: what stands in it.

Purpose: the few words that settle a change after a kill: which folder has what stood at the
place, what was to be done, and whether anything stood there at all. And the mark at a place
where something is being made, which names the change that makes it; and whether what is there by
now was made by somebody else.

Calling sequence::

    data = encode(Change("0123456789ab", 1, "clear", stood=True))
    change = decode(data)                     # or None

Guarantees: no I/O. What was torn or cut is no journal: None.

Errors: none.
"""

from __future__ import annotations

from linkinstall.values import value

__all__ = ["Change", "decode", "encode", "is_made_by_others"]

_MAGIC = "linkinstall venv 1"
_FIELDS = 5
"""Lines behind the first one, the last of which is empty."""
_STOOD = ("absent", "stood")
_MAKING = ("create", "clear")
"""The changes that make something at the place."""


@value
class Change:
    """One change.

    :param id: twelve hexadecimal digits, by chance
    :param number: of the folder that takes what stood at the place
    :param what: create, clear or remove
    :param stood: whether anything stood there
    """

    id: str = ""
    number: int = 0
    what: str = ""
    stood: bool = True

    def has_made(self, mark: bytes) -> bool:
        """Return whether a mark at the place says that this very change makes what is there.

        The mark of another change, which could not be removed when that ended, says nothing:
        what was believed of it was deleted. A power cut may leave none of it, or zeros; where it
        has torn the journal, any mark is of the change that was under way.
        """
        if not self.id:
            return True
        said = mark.strip(b"\0").decode("ascii", "replace")
        return self.what in _MAKING and self.id.startswith(said)


def encode(change: Change) -> bytes:
    """Return the journal's contents."""
    words = (_MAGIC, change.id, str(change.number), change.what, _STOOD[change.stood], "")
    return "\n".join(words).encode("ascii")


def decode(data: bytes) -> Change | None:
    """Return what a journal says; None for one that is not whole."""
    magic, *fields = data.decode("ascii", "replace").split("\n")
    if magic != _MAGIC or len(fields) != _FIELDS or fields[-1]:
        return None
    id_, number, what, stood, _ = fields
    if not number.isdecimal() or stood not in _STOOD:
        return None
    return Change(id_, int(number), what, stood=bool(_STOOD.index(stood)))


def is_made_by_others(settings: bytes) -> bool:
    """Return whether a ``pyvenv.cfg`` was written by another tool than virtualenv.

    virtualenv writes the line that names it before this one (``set_pyenv_cfg`` of its creators),
    so a file that was cut short does not count as another's. Nor does what virtualenv has the
    standard library make for it, without pip, where it knows no way of its own.
    """
    lines = settings.decode("utf-8", "replace").splitlines()
    pairs = (line.partition("=") for line in lines)
    known = {key.strip().lower(): value.split() for key, _, value in pairs}
    by_virtualenv = "virtualenv" in known or "--without-pip" in known.get("command", ())
    return "include-system-site-packages" in known and not by_virtualenv
