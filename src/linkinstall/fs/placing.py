"""Files that are being placed, until somebody waits for them.

Purpose: what :meth:`linkinstall.fs.port.FileSystem.placing` returns. This one places batch
by batch when it is waited for; :mod:`linkinstall.fs.parallel` has the one that is shared out.

Calling sequence::

    placing = files.placing(batches, processes=True)
    ... anything else ...
    refused = placing.finish()           # or placing.abandon(), at an error

Guarantees: nothing is placed any more after either. Refusals come in the order of the
batches.

Errors: ``OSError`` with its path, from :meth:`Placing.finish`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from linkinstall.fs.port import Batch, FileSystem, Refusal

__all__ = ["Placing"]


class Placing:
    """Batches that are being placed: here one by one, and not before :meth:`finish`."""

    def __init__(self, files: FileSystem, batches: Sequence[Batch]) -> None:
        self.files = files
        self.batches = batches

    def finish(self) -> list[list[Refusal]]:
        """Place what is left; return what each batch refused."""
        return [self.files.place(*batch) for batch in self.batches]

    def abandon(self) -> None:
        """See to it that nothing more is placed; after :meth:`finish` there is nothing to do."""
