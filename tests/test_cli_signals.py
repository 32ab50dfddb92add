"""Answering requests to stop."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from linkinstall.cli import signals

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Put the handlers of the test process back."""
    before = [signal.getsignal(number) for number in BOTH]
    yield
    for number, handler in zip(BOTH, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, signals.Termination)]
)
def test_the_first_signal_raises(number: signal.Signals, kind: type[BaseException]) -> None:
    """SIGINT and SIGTERM become exceptions, so that a verb can put things back."""
    signals.listen()

    with pytest.raises(KeyboardInterrupt) as caught:
        signal.raise_signal(number)
    assert kind is caught.type


def test_termination_has_its_own_status() -> None:
    """A process that was asked to end reports 143."""
    assert 143 == signals.Termination.exit_status


def test_later_signals_do_not_disturb_the_rollback(capsys: pytest.CaptureFixture[str]) -> None:
    """The second signal is answered with a message; later ones raise, should anything hang."""
    listener = signals.Listener()

    with pytest.raises(signals.Termination):
        listener(signal.SIGTERM, None)
    listener(signal.SIGTERM, None)
    assert "still putting things back\n" == capsys.readouterr().err
    with pytest.raises(KeyboardInterrupt) as caught:
        listener(signal.SIGINT, None)
    assert KeyboardInterrupt is caught.type


def test_ignored_signals_stay_ignored() -> None:
    """What the caller ignores (``nohup``, a background job) is not listened to."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signals.listen()

    assert signal.SIG_IGN == signal.getsignal(signal.SIGINT)
    assert isinstance(signal.getsignal(signal.SIGTERM), signals.Listener)


def test_a_missing_terminal_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a standard error a second signal is still survived."""
    monkeypatch.setattr("sys.stderr", None)
    listener = signals.Listener()

    with pytest.raises(KeyboardInterrupt):
        listener(signal.SIGINT, None)
    listener(signal.SIGINT, None)
    assert 2 == listener.count
