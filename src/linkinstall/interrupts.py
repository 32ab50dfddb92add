"""Holding back Ctrl-C and SIGTERM while something is put back or cleaned up.

Calling sequence::

    with deferred():
        settlement.roll_back()      # a signal arrives afterwards
    with deferred() as held:
        application.commit()
        held.too_late = True        # Ctrl-C cannot stop it any more, and so does not

Guarantees: where the platform can mask signals, none of these two is lost, and none
interrupts the block. (In a program with more threads, one that does not hold them back
may be handed a signal meant for the process; ``deferred(threads=True)`` is for that.) Where
it cannot (Windows), their handlers are exchanged for the time, by the main thread, which
alone runs them. It costs no import that an interpreter has not made already.

Errors: none.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from types import TracebackType
    from typing import Any, Self
else:
    import _signal  # what every interpreter has loaded; ``signal`` costs an import

__all__ = ["deferred"]

_HELD = (_signal.SIGINT, _signal.SIGTERM)
_NOTED = (*_HELD, _signal.SIGBREAK) if hasattr(_signal, "SIGBREAK") else _HELD


class deferred:  # noqa: N801 - reads as a verb: ``with deferred():``
    """Defer SIGINT and SIGTERM until the block is left. Blocks can be nested.

    :param threads: other threads are at work, and may be handed a signal, which the main thread
        answers all the same: the handlers are exchanged, too
    :ivar too_late: what was to be stopped is done: ``KeyboardInterrupt`` goes no further than
        the end of the block, and an error of the block is told. Handlers that do other things
        do them
    """

    def __init__(self, *, threads: bool = False) -> None:
        self.too_late = False
        self._threads = threads
        self._before: set[int | _signal.Signals] | None = None
        self._came: list[int] = []
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Hold the signals back."""
        if hasattr(_signal, "pthread_sigmask"):
            self._before = _signal.pthread_sigmask(_signal.SIG_BLOCK, _HELD)
        if self._before is None or self._threads:
            self._exchange()
        return self

    def _exchange(self) -> None:
        """Have the signals noted instead of answered."""
        try:
            for number in _NOTED:
                self._handlers[number] = _signal.signal(number, self._note)
        except ValueError:  # not the main thread: nothing can interrupt this one
            pass

    def _note(self, number: int, _frame: object) -> None:
        self._came.append(number)

    def _change_back(self) -> None:
        """Have the signals answered again, first those that came."""
        for number, handler in self._handlers.items():
            _signal.signal(number, handler)
        for number in self._came:
            _signal.raise_signal(number)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let them through again."""
        try:
            try:
                self._change_back()
            finally:  # where signals are masked, those that came are heard here
                if self._before is not None:
                    _signal.pthread_sigmask(_signal.SIG_SETMASK, self._before)
        except KeyboardInterrupt:
            if not self.too_late:
                raise
