"""Holding back Ctrl-C and SIGTERM while something is put back or cleaned up.

Calling sequence::

    with deferred():
        settlement.roll_back()      # a signal arrives afterwards

Guarantees: where the platform can mask signals, none of these two is lost, and none
interrupts the block. (In a program with more threads, one that does not hold them back
may be handed a signal meant for the process.) It costs no import that an interpreter
has not made already.

Errors: none.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from types import TracebackType
else:
    import _signal  # what every interpreter has loaded; ``signal`` costs an import

__all__ = ["deferred"]

_HELD = (_signal.SIGINT, _signal.SIGTERM)


class deferred:  # noqa: N801 - reads as a verb: ``with deferred():``
    """Defer SIGINT and SIGTERM until the block is left. Blocks can be nested."""

    def __enter__(self) -> None:
        """Hold the signals back."""
        self._before: set[int | _signal.Signals] | None = None
        if hasattr(_signal, "pthread_sigmask"):
            self._before = _signal.pthread_sigmask(_signal.SIG_BLOCK, _HELD)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let them through again."""
        if self._before is not None:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, self._before)
