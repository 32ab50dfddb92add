"""Looking at cached files before they are linked, while something else goes on.

Purpose: a look at every file takes about as long as the plan. Where other processes can
help, it is put off and done beside the planning; what it finds is told before the first
write.

Calling sequence::

    looking = Looking(files, "stat", processes=True)
    looking.put_off(number_of_files)       # worth it from some thousand on
    looking.look(entry)                    # nothing seen yet, the entry is noted
    looking.start()                        # ... the plan is made ...
    found = looking.finish()               # damaged: plan again, look at once then

Guarantees: each entry that was noted has been looked at when :meth:`Looking.finish`
returns. Where nothing was put off, :meth:`Looking.look` looks at once. An entry that is
marked as not flushed, and that this run has not written, is read whole, whatever the level:
after a power cut its files may have their size and their time, and zeros for contents (ext4
gives a file its size when its blocks are allocated, and not when they are written).

Errors: ``OSError`` where the cache cannot be read.
"""

from __future__ import annotations

from linkinstall import limits
from linkinstall.entry_check import Inspection, inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.cache import Entry
    from linkinstall.fs.crew import Crew
    from linkinstall.fs.port import FileSystem

    _Told = tuple[tuple[tuple[str, str], ...], tuple[str, ...]]

__all__ = ["Looking"]


class Looking:
    """See the module docstring.

    :param level: off, stat or full
    :param processes: whether this process may be forked: it has no threads
    :param doubts: whether power cuts count (not with ``--sync off``)
    :ivar own: folder and mark of what this run has written, or read whole
    """

    def __init__(
        self, files: FileSystem, level: str, *, processes: bool, doubts: bool = True
    ) -> None:
        self.files = files
        self.level = level
        self.own: set[tuple[str, bytes]] = set()
        self._processes = processes
        self._doubts = doubts
        self._later = False
        self._noted: list[Entry] = []
        self._parts: list[tuple[int, int]] = []
        self._crew: Crew | None = None

    def put_off(self, count: int) -> None:
        """Put off what is asked from here on, if there is enough of it.

        :param count: how many files there are to look at
        """
        self._later = self._processes and count >= limits.FORK_FROM_LOOKS

    def look(self, entry: Entry) -> Inspection:
        """Return what is wrong with an entry; nothing yet, where that is put off."""
        if not self._later:
            return self._inspect(entry)
        self._noted.append(entry)
        return Inspection()

    def start(self) -> None:
        """Let other processes begin with what was put off."""
        if self._noted:
            from linkinstall.fs.crew import Crew, parts_of

            weights = [entry.manifest.count for entry in self._noted]
            self._parts = parts_of(weights, limits.PART_OF_LOOKS)
            self._crew = Crew(self._try, len(self._parts))

    def finish(self) -> Inspection:
        """Return what is wrong with any that were put off; from here on, look at once."""
        crew, self._crew = self._crew, None
        self._later = self._processes = False
        if crew is None:
            return Inspection()
        damaged: list[tuple[str, str]] = []
        crowded: list[str] = []
        for number, told in enumerate(crew.finish()):
            # None: an error, or a death. It is met here, or gone.
            more, many = told or self._look(number)
            damaged += more
            crowded += many
        self._noted = []
        return Inspection(tuple(damaged), tuple(crowded))

    def abandon(self) -> None:
        """Look at nothing more."""
        if self._crew is not None:
            self._crew.abandon()
            self._crew = None

    def _try(self, number: int) -> _Told | None:
        try:
            return self._look(number)
        except OSError:
            return None

    def _inspect(self, entry: Entry) -> Inspection:
        # Marks alone tell nothing: those of which a power cut has left zeros are all alike.
        mark = entry.folder, entry.mark
        doubted = self._doubts and not entry.flushed and mark not in self.own
        found = inspect(self.files, entry, "full" if doubted else self.level)
        if doubted and not found.damaged:
            self.own.add(mark)
        return found

    def _look(self, number: int) -> _Told:
        begin, end = self._parts[number]
        found = [self._inspect(one) for one in self._noted[begin:end]]
        return (
            tuple(fault for one in found for fault in one.damaged),
            tuple(path for one in found for path in one.crowded),
        )
