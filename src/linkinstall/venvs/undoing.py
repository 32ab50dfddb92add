"""A block after whose failure the place of a virtual environment is put back.

Purpose: a change that fails leaves what was there, or says that it could not.

Calling sequence::

    with Undoing(place, aside):
        aside.begin("clear")

Guarantees: the place is put back whole before Ctrl-C is heard. What another command has begun
there is left alone, and so is all after an ``UnsettledError`` of the block: it cannot be put back
yet.

Errors: :class:`~linkinstall.errors.UnsettledError` where it could not be put back; an ``OSError``
of the block becomes a :class:`~linkinstall.errors.FileSystemError`.
"""

from __future__ import annotations

from errno import EEXIST

from linkinstall.interrupts import deferred
from linkinstall.recovery import not_put_back
from linkinstall.results import AS_IT_WAS, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem
    from linkinstall.venvs.aside import Aside
    from linkinstall.venvs.place import Place

__all__ = ["NEXT", "Undoing", "refused"]

NEXT = "the next `linkinstall venv` command for this path"
"""What settles a place: the other verbs look for environments, and there may be none."""


class Undoing:
    """See the module docstring.

    :param place: is told what was settled
    """

    def __init__(self, place: Place, aside: Aside) -> None:
        self.place = place
        self.aside = aside

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            return
        from linkinstall.errors import UnsettledError

        if isinstance(error, UnsettledError):
            return
        aside = self.aside
        with deferred():
            try:
                self._put_back()
            except OSError as cause:
                raise not_put_back(aside.state, cause, error, NEXT) from error
        if isinstance(error, OSError):
            raise refused(error, aside.place, self.place.files) from error

    def _put_back(self) -> None:
        aside = self.aside
        if aside.state and not aside.is_overtaken():
            aside.put_back()
            pending = aside.sweep(others=False)  # what earlier ones have left was told to wait
            self.place.settled = self.place.settled.and_then((), pending, aside.kept)
        aside.drop_made()
        if aside.kept:
            reason = "somebody else has put it there meanwhile"
            raise FileExistsError(EEXIST, reason, aside.kept[0].path)


def refused(error: OSError, place: str, files: FileSystem) -> Exception:
    """Return the error that names what cannot be moved, and who holds it."""
    from linkinstall.errors import FileSystemError

    path, reason, next_step = told(error, place, files)
    return FileSystemError(
        f"{path}: {reason}. {AS_IT_WAS}", path=path, cause=error, next_step=next_step
    )
