"""Compiles Python sources, in the interpreter that will run them.

Run by path as a script, by any CPython from 3.8 on, so it imports nothing of this
package. Standard input holds five fields for each job, all separated by NUL, which no
path can hold: compile ``source`` into ``target``, as if the source were called ``name``,
for ``level`` and ``mode``. ``mode`` is ``timestamp``, or ``default`` for what
SOURCE_DATE_EPOCH says (:pep:`552`). The numbers of the jobs that failed are printed.
"""

import os
import py_compile
import sys


def main() -> None:
    """Compile job by job."""
    failed = []
    data = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    fields = iter(data.split("\0"))
    jobs = zip(fields, fields, fields, fields, fields)  # noqa: B905 - not in Python 3.8
    for index, (source, target, name, level, mode) in enumerate(jobs):
        wanted = py_compile.PycInvalidationMode.TIMESTAMP if mode == "timestamp" else None
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            py_compile.compile(
                source, target, name, doraise=True, optimize=int(level), invalidation_mode=wanted
            )
        except (py_compile.PyCompileError, ValueError, OSError, RecursionError, MemoryError):
            failed.append(str(index))
    sys.stdout.write("\n".join(failed))


if __name__ == "__main__":
    main()
