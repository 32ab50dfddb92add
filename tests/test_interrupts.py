"""Signals that come while something is put back arrive afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

LISTENING = """
class Told(Exception):
    pass

def tell(number, frame):
    raise Told(signal.Signals(number).name)

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, tell)
"""
"""Has both signals raise an exception that tells which one came."""
PYTHONS_OWN = LISTENING.partition("for number")[0]
"""Leaves ``KeyboardInterrupt`` to SIGINT."""
# In a process of its own: a test runner has threads, and one that does not hold the
# signals back would be handed them.
PROGRAM = """
import os, signal, sys
from linkinstall.interrupts import deferred
{listening}{body}
"""
BODIES = {
    "arrives": """
for number in (signal.SIGINT, signal.SIGTERM):
    try:
        with deferred():
            os.kill(os.getpid(), number)
            print("inside")
        print("never")
    except Told as told:
        print(told)
""",
    "nested": """
try:
    with deferred():
        with deferred():
            os.kill(os.getpid(), signal.SIGTERM)
        print("inner left")
    print("never")
except Told as told:
    print(told)
""",
    "error": """
try:
    with deferred():
        raise KeyError("own")
except KeyError:
    print("own")
try:
    os.kill(os.getpid(), signal.SIGINT)
except Told as told:
    print(told)
""",
    "threads": """
import threading
begun = threading.Event()

def be_handed():
    begun.wait()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

thread = threading.Thread(target=be_handed)
thread.start()
try:
    with deferred(threads=True):
        begun.set()
        thread.join()
        print("inside")
    print("never")
except Told as told:
    print(told)
assert signal.getsignal(signal.SIGTERM) is tell
""",
    "too late": """
with deferred() as held:
    os.kill(os.getpid(), signal.SIGINT)
    held.too_late = True
print("done")
try:
    with deferred() as held:
        os.kill(os.getpid(), signal.SIGINT)
        held.too_late = True
        raise KeyError("own")
except KeyError:
    print("own")
try:
    with deferred() as held:
        os.kill(os.getpid(), signal.SIGINT)
    print("never")
except KeyboardInterrupt:
    print("in time")
signal.signal(signal.SIGTERM, tell)
try:
    with deferred() as held:
        os.kill(os.getpid(), signal.SIGTERM)
        held.too_late = True
    print("never")
except Told as told:
    print(told)
""",
    "others": """
signal.signal(signal.SIGUSR1, tell)
try:
    with deferred():
        os.kill(os.getpid(), signal.SIGUSR1)
        print("never")
except Told as told:
    print(told)
""",
    "before": """
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
with deferred():
    os.kill(os.getpid(), signal.SIGTERM)
print("still held")
""",
    "without": """
import _signal
del _signal.pthread_sigmask
with deferred():
    print("inside")
""",
}
EXPECTED = {
    "arrives": "inside SIGINT inside SIGTERM",
    "nested": "inner left SIGTERM",
    "error": "own SIGINT",
    "threads": "inside SIGTERM",
    "too late": "done own in time SIGTERM",
    "others": "SIGUSR1",
    "before": "still held",
    "without": "inside",
}


@pytest.mark.parametrize("case", sorted(BODIES))
def test_signals_are_held_back(case: str) -> None:
    """Ctrl-C and SIGTERM arrive when the outermost block is left, and none is lost.

    With ``threads`` so do those that a thread is handed.
    An error inside lets them through again, other signals are not held, a signal that
    was held before stays so, and a platform that cannot hold them goes on without. An
    interruption of what is done already goes no further; what other handlers raise does.
    """
    listening = LISTENING if case != "too late" else PYTHONS_OWN
    program = PROGRAM.format(listening=listening, body=BODIES[case])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )

    assert ("", EXPECTED[case]) == (done.stderr, " ".join(done.stdout.splitlines()))


def test_it_costs_no_import() -> None:
    """What every interpreter has loaded is all that it needs."""
    code = (
        "import sys; before = set(sys.modules); import linkinstall.interrupts; "
        "print(sorted(set(sys.modules) - before - {'__future__', 'linkinstall'}))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "['linkinstall.interrupts']" == done.stdout.strip()


UNMASKED = f"""
import signal, threading
import linkinstall.interrupts as interrupts
if hasattr(signal, "pthread_sigmask"):
    del interrupts._signal.pthread_sigmask
{LISTENING}
def nested():
    with interrupts.deferred(), interrupts.deferred():
        signal.raise_signal(signal.SIGTERM)
        print("inside")

try:
    nested()
    print("never")
except Told as told:
    print(told)
assert signal.getsignal(signal.SIGINT) is tell

def elsewhere():
    with interrupts.deferred():
        print("in a thread")

thread = threading.Thread(target=elsewhere)
thread.start()
thread.join()
assert signal.getsignal(signal.SIGTERM) is tell
"""


def test_where_signals_cannot_be_masked_they_are_noted() -> None:
    """Without masks (Windows) a signal arrives after the block all the same."""
    done = subprocess.run(
        [sys.executable, "-c", UNMASKED], capture_output=True, text=True, check=False
    )

    assert ("inside\nSIGTERM\nin a thread\n", "") == (done.stdout, done.stderr)
