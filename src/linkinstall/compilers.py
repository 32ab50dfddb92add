"""Interpreters that compile, kept running while there is something to compile.

Purpose: starting an interpreter costs as much as compiling some files, so the same few
serve all wheels of a run.

Calling sequence::

    compilers = Compilers("/env/bin/python")
    for data in compilers.compile(jobs):    # in the order of the jobs, None for a failure
        ...
    compilers.close()

Guarantees: the processes write no file: what they compile comes back through pipes, a
part of it at a time. They end when their input does, so also when this process is killed.

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

    Job = tuple[str, str, str, str]

__all__ = ["Compilers"]

_HEAD = 8
"""Characters of a length, in hexadecimal."""
PARALLEL_FROM = 64
"""Jobs from which a further interpreter pays for its start."""
WORKER = os.path.join(os.path.dirname(__file__), "fs", "compile_worker.py")


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

    def compile(self, jobs: list[Job]) -> Iterator[bytes | None]:
        """Yield the compiled file of each job, or None where its source does not compile.

        :param jobs: source, the name it is compiled under, level and mode of each
        :raises CacheError: the interpreter cannot be run, or takes too long
        """
        if not jobs:
            return
        from threading import Timer

        if self._watch is not None:
            # Answers that nobody has read would be taken for those of this batch.
            self.close()
        count = min(self._most, 1 + len(jobs) // PARALLEL_FROM)
        try:
            while len(self._running) < count:
                self._running.append(self._start())
        except OSError as error:
            raise self._failed(f"cannot be run to compile bytecode: {error}") from error
        workers = self._running[:count]
        # Killed, a process closes its pipe, and whoever reads from it goes on.
        watch = self._watch = Timer(limits.COMPILE_WAIT, _kill, [workers])
        watch.daemon = True
        watch.start()
        try:
            for number, worker in enumerate(workers):
                self._ask(worker, jobs[number::count])
            for number in range(len(jobs)):
                yield self._answer(workers[number % count])
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
            try:
                with worker:  # waits for it, and closes its pipes
                    pass
            except BrokenPipeError:  # what it was asked last, it never read
                worker.wait()
        self._running, self._watch = [], None

    def _start(self) -> subprocess.Popen[bytes]:
        import subprocess

        return subprocess.Popen(
            [self.compiler, "-I", "-S", "-B", "-W", "ignore", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
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
            raise self._ended(worker)
        length = int(head, 16)
        data = stream.read(length)
        if len(data) < length:
            raise self._ended(worker)
        return data or None

    def _ended(self, worker: subprocess.Popen[bytes]) -> Exception:
        """Return the error that says what a worker said before it ended."""
        said = worker.stderr.read() if worker.stderr is not None else b""
        worker.wait()
        complaint = said.decode("utf-8", "replace").strip()[-500:]
        if worker.returncode < 0 and not complaint:
            complaint = f"it took longer than {limits.COMPILE_WAIT:g} seconds, or was killed"
        return self._failed(f"failed to compile bytecode: {complaint}")

    def _failed(self, what: str) -> Exception:
        from linkinstall.errors import CacheError

        message = f"The interpreter {self.compiler} {what}."
        return CacheError(message, next_step="Pass --no-compile-bytecode to do without.")


def _kill(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        if os.name == "posix":
            try:
                os.killpg(worker.pid, 9)
            except ProcessLookupError:  # it has ended, and nothing of it is left
                pass
        worker.kill()
