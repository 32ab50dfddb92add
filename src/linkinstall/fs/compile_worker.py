"""Compiles Python sources, in the interpreter that will run them.

Run by path as a script, by any CPython from 3.8 on, so it imports nothing of this
package. Each line on standard input is ``source TAB target TAB name TAB level TAB
mode``: compile ``source`` into ``target``, as if the source were called ``name``.
``mode`` is ``timestamp``, or ``default`` for what SOURCE_DATE_EPOCH says
(:pep:`552`). The numbers of the lines that did not compile are printed.
"""

import os
import py_compile
import sys


def main() -> None:
    """Compile line by line."""
    failed = []
    data = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    for index, line in enumerate(data.split("\n")):
        if not line:
            continue
        source, target, name, level, mode = line.split("\t")
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
