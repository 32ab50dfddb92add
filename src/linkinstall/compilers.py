"""Interpreters that compile, kept running while there is something to compile.

Purpose: starting an interpreter costs as much as compiling some files, so the same few
serve all wheels of a run.

Calling sequence::

    compilers = Compilers("/env/bin/python")
    for data in compilers.compile(jobs):    # in the order of the jobs, None for a failure
        ...
    compilers.close()

Guarantees: what comes of a source does not depend on the ``PYTHON*`` variables, nor on chance.
The processes write no file: what they compile comes back through pipes, a
part of it at a time. They end when their input does, so also when this process is killed.
Of a source that crashes the interpreter there is none, and the others are compiled, by
another process; that is done for a bounded number of sources.

Errors: :class:`~linkinstall.errors.CacheError` where the interpreter cannot be run, or
ends before it has answered.
"""

from __future__ import annotations

import os

from linkinstall import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from threading import Timer
    from typing import IO

    Job = tuple[str, str, str, str]

__all__ = ["Compilers"]

_HEAD = 8
"""Characters of a length, in hexadecimal."""
_COMPLAINT = 500
"""Bytes of what a process has said last that are told."""
_FAULT = 0xC0000000
"""From here on exit statuses on Windows are those of faults (an NTSTATUS that is an error)."""
PARALLEL_FROM = 64
"""Jobs from which a further interpreter pays for its start."""
WORKER = os.path.join(os.path.dirname(__file__), "fs", "compile_worker.py")
_STARTER = "import sys; sys.path = [one for one in sys.path if one]; exec(sys.argv[1])"
"""First the working folder goes, if there is one; see ``interpreters``."""


class Compilers:
    """See the module docstring.

    :param compiler: the interpreter
    :param most: how many processes there are at most; default one for each processor
    """

    def __init__(self, compiler: str, most: int = 0) -> None:
        self.compiler = compiler
        self._most = most or os.cpu_count() or 1
        self._running: list[subprocess.Popen[bytes]] = []
        self._watch: Timer | None = None
        """That of the batch whose answers are not all read yet."""
        self._late = False
        """Whether a batch took too long, and its processes were killed."""
        self._said: IO[bytes] | None = None
        """What the processes complain of."""

    def compile(self, jobs: list[Job]) -> Iterator[bytes | None]:
        """Yield the compiled file of each job, or None where its source does not compile.

        :param jobs: source, the name it is compiled under, level and mode of each
        :raises CacheError: the interpreter cannot be run, or takes too long
        """
        if not jobs:
            return
        if self._watch is not None:
            # Answers that nobody has read would be taken for those of this batch.
            self.close()
        workers = self._workers(min(self._most, 1 + len(jobs) // PARALLEL_FROM))
        count = len(workers)
        self._late = False
        watch = self._watch_over(workers)
        try:
            for number, worker in enumerate(workers):
                self._ask(worker, jobs[number::count])
            crashes = 0
            for number in range(len(jobs)):
                slot = number % count
                try:
                    data = self._answer(workers[slot])
                except EOFError:
                    crashes += 1
                    if crashes > limits.COMPILE_CRASHES or not self._has_crashed(workers[slot]):
                        raise self._ended(workers[slot]) from None
                    self._replace(workers, slot, jobs[number + count :: count])
                    data = None
                yield data
            self._watch = None
        finally:
            watch.cancel()
            if watch is self._watch:  # else another batch has begun since, or there is none
                self.close()

    def close(self) -> None:
        """End the processes and wait for them."""
        if self._watch is not None:
            self._watch.cancel()
        _kill(self._running)
        for worker in self._running:
            _end(worker)
        self._running, self._watch = [], None
        if self._said is not None:
            self._said.close()
            self._said = None

    def _workers(self, count: int) -> list[subprocess.Popen[bytes]]:
        """Return so many processes, or as many as can be started."""
        try:
            while len(self._running) < count:
                self._running.append(self._start())
        except OSError as error:
            if not self._running:
                self.close()
                raise self._failed(f"cannot be run to compile bytecode: {error}") from error
        return self._running[:count]

    def _watch_over(self, workers: list[subprocess.Popen[bytes]]) -> Timer:
        """Start what kills processes that take too long."""
        from threading import Timer

        # Killed, a process closes its pipe, and whoever reads from it goes on.
        watch = self._watch = Timer(limits.COMPILE_WAIT, self._give_up, [workers])
        watch.daemon = True
        try:
            watch.start()
        except RuntimeError as error:  # no further thread can be started
            self.close()
            raise self._failed(f"cannot be watched while it compiles: {error}") from error
        return watch

    def _start(self) -> subprocess.Popen[bytes]:
        import subprocess

        from linkinstall.fs.programs import text_of
        from linkinstall.fs.trees import temporary_file

        if self._said is None:
            self._said = temporary_file()
        environ = {key: text for key, text in os.environ.items() if not key.startswith("PYTHON")}
        environ["PYTHONHASHSEED"] = "0"
        return subprocess.Popen(
            # Not -I, which takes the seed of hashes away: before CPython 3.11 the order of sets
            # in compiled files comes from it, and without one differs from run to run.
            [self.compiler, "-s", "-S", "-B", "-W", "ignore", "-c", _STARTER, text_of(WORKER)],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A pipe that nobody reads would fill up: CPython 3.8 prints why it cannot parse.
            stderr=self._said or subprocess.DEVNULL,
            # What it starts itself would keep the pipes open: all of it goes together.
            process_group=0 if os.name == "posix" else None,
        )

    def _ask(self, worker: subprocess.Popen[bytes], jobs: list[Job]) -> None:
        # A worker reads the whole batch before it answers: neither waits for the other.
        data = "\0".join("\0".join(job) for job in jobs).encode("utf-8", "surrogateescape")
        stream = worker.stdin
        try:
            if stream is not None:
                stream.write(b"%08x" % len(data) + data)
                stream.flush()
        except BrokenPipeError:
            raise self._ended(worker) from None

    def _answer(self, worker: subprocess.Popen[bytes]) -> bytes | None:
        stream = worker.stdout
        head = stream.read(_HEAD) if stream is not None else b""
        if stream is None or len(head) < _HEAD:
            raise EOFError
        length = int(head, 16)
        data = stream.read(length)
        if len(data) < length:
            raise EOFError
        return data or None

    def _give_up(self, workers: list[subprocess.Popen[bytes]]) -> None:
        self._late = True
        _kill(workers)

    def _replace(self, workers: list[subprocess.Popen[bytes]], slot: int, jobs: list[Job]) -> None:
        """Start a process in the place of one that has ended, for what is left of its jobs."""
        _end(workers[slot])
        try:
            # In this list the watch finds it, too, if that is still to come.
            self._running[slot] = workers[slot] = self._start()
        except OSError as error:
            raise self._failed(f"cannot be run to compile bytecode: {error}") from error
        if self._late:
            _kill(workers)
        if jobs:
            self._ask(workers[slot], jobs)

    def _has_crashed(self, worker: subprocess.Popen[bytes]) -> bool:
        """Return whether a process has ended by a fault of its own, and not by a kill."""
        import signal

        code = worker.wait()
        faults = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")
        signals = {-getattr(signal, name) for name in faults if os.name == "posix"}
        return not self._late and (code in signals or code >= _FAULT)

    def _ended(self, worker: subprocess.Popen[bytes]) -> Exception:
        """Return the error that says what a worker said before it ended."""
        crashed, said = self._has_crashed(worker), b""
        if self._said is not None:
            self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - _COMPLAINT))
            said = self._said.read()
        complaint = said.decode("utf-8", "replace").strip()
        if crashed:
            complaint = f"it crashed over more than {limits.COMPILE_CRASHES} sources. {complaint}"
        elif worker.returncode < 0 and not complaint:
            complaint = f"it took longer than {limits.COMPILE_WAIT:g} seconds, or was killed"
        return self._failed(f"failed to compile bytecode: {complaint}")

    def _failed(self, what: str) -> Exception:
        from linkinstall.errors import CacheError

        message = f"The interpreter {self.compiler} {what}."
        return CacheError(message, next_step="Pass --no-compile-bytecode to do without.")


def _end(worker: subprocess.Popen[bytes]) -> None:
    try:
        with worker:  # waits for it, and closes its pipes
            pass
    except BrokenPipeError:  # what it was asked last, it never read
        worker.wait()


def _kill(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        if os.name == "posix":
            try:
                os.killpg(worker.pid, 9)
            except ProcessLookupError:  # it has ended, and nothing of it is left
                pass
        worker.kill()
