"""Files that are being placed, until somebody waits for them.

Purpose: what :meth:`linkinstall.fs.port.FileSystem.placing` returns. This one places batch
by batch when it is waited for; :mod:`linkinstall.fs.parallel` has the one that is shared out.

Calling sequence::

    placing = files.placing(batches, processes=True)
    ... anything else ...
    refused = placing.finish()           # or placing.abandon(), at an error

Guarantees: nothing is placed any more after either. Refusals come in the order of the
batches. Folders are made where they are missing, below the root of their batch only.

Errors: ``OSError`` with its path, from :meth:`Placing.finish`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from linkinstall.fs.port import Batch, FileSystem, Refusal

__all__ = ["Placing", "make_below"]


class Placing:
    """Batches that are being placed: here one by one, and not before :meth:`finish`."""

    def __init__(self, files: FileSystem, batches: Sequence[Batch]) -> None:
        self.files = files
        self.batches = batches
        self._made: set[str] = set()

    def finish(self) -> list[list[Refusal]]:
        """Place what is left; return what each batch refused."""
        return [self.place(batch) for batch in self.batches]

    def abandon(self) -> None:
        """See to it that nothing more is placed; after :meth:`finish` there is nothing to do."""

    def place(self, batch: Batch) -> list[Refusal]:
        """Place one batch, in a folder that is made first where it is missing."""
        mode, source, target, names, root = batch
        make_below(self.files, target, root, self._made)
        return self.files.place(mode, source, target, names)


def make_below(files: FileSystem, folder: str, root: str, made: set[str]) -> None:
    """Make a folder, and what is missing between it and a root that stands.

    Somebody else may make the same ones at the same time.

    :param made: folders that need no second try; those that stand now are added
    """
    if folder == root or folder in made:
        return
    make_below(files, folder.rpartition("/")[0], root, made)
    try:
        files.make_folder(folder)
    except FileExistsError:  # of another batch's making, maybe in another process
        pass
    made.add(folder)
