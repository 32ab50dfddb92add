"""Compiles Python sources, in the interpreter that will run them.

Run as a program of its own, by any CPython from 3.8 on, so it imports nothing of this
package. It reads batches from standard input until that ends: the length in eight
hexadecimal digits, and four fields for each job, separated by NUL, which no path can
hold: compile ``source``, as if it were called ``name``, for ``level`` and ``mode``.
``mode`` is ``timestamp``, or ``default`` for what SOURCE_DATE_EPOCH says (:pep:`552`).
For each job it answers with a length in eight digits and so many bytes: what belongs
into the ``.pyc`` file, or none where the source does not compile. It writes no file.
"""

import gc
import importlib.util
import marshal
import os
import sys

COLLECT_AFTER = 256
"""Files after which garbage is collected; while compiling nearly nothing is garbage."""


def compiled(source: str, name: str, level: int, mode: str) -> bytes:
    """Return the contents of the compiled file, by the rules of ``py_compile``."""
    with open(source, "rb") as stream:
        text = stream.read()
        status = os.fstat(stream.fileno())
    code = compile(text, name, "exec", dont_inherit=True, optimize=level)
    if mode == "default" and os.environ.get("SOURCE_DATE_EPOCH"):
        flags = (3).to_bytes(4, "little")  # known by its source's digest, and checked
        head = flags + importlib.util.source_hash(text)
        return importlib.util.MAGIC_NUMBER + head + marshal.dumps(code)
    time, size = int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF
    head = bytes(4) + time.to_bytes(4, "little") + size.to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + head + marshal.dumps(code)


def main() -> None:
    """Compile batch after batch."""
    gc.disable()
    done = 0
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    while True:
        length = questions.read(8)
        if not length:
            return
        data = questions.read(int(length, 16)).decode("utf-8", "surrogateescape")
        fields = iter(data.split("\0"))
        for source, name, level, mode in zip(fields, fields, fields, fields):  # noqa: B905 - not in Python 3.8
            try:
                result = compiled(source, name, int(level), mode)
            except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
                result = b""
            answers.write(b"%08x" % len(result))
            answers.write(result)
            answers.flush()  # a source that crashes the interpreter takes no answer with it
            done += 1
            if done % COLLECT_AFTER == 0:
                gc.collect()


if __name__ == "__main__":
    main()
