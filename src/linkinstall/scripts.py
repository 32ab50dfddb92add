"""Scripts: what an environment's interpreter is written into.

Purpose: launchers for entry points and the shebang of ``#!python`` scripts (PyPA
binary distribution format, "Recommended installer features").

Calling sequence: :func:`launcher_body` once, when an entry is made; :func:`launcher`
and :func:`rewrite` for each environment.

Guarantees: launchers are byte for byte what ``installer`` generates. On POSIX, with
an interpreter whose path is short and has no space, nothing needs to be imported.

Errors: ``installer.scripts.InvalidScript`` (a ``ValueError``) for a launcher kind
that ``installer`` does not ship; :class:`~linkinstall.errors.UsageError` for an interpreter
that no script can name.
"""

from __future__ import annotations

from linkinstall import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.manifest import EntryPoint

__all__ = ["MARK", "is_rewritten", "launcher", "launcher_body", "rewrite", "shebang"]

MARK = b"#!python"
"""How a script begins that wants its interpreter written in."""

_PROBE = "/python"


def launcher_body(name: str, module: str, attr: str, section: str) -> str:
    """Return a launcher's text after its shebang line, as ``installer`` generates it."""
    data = _generate(name, module, attr, section, _PROBE, "posix")[1]
    return data.decode("utf-8").removeprefix(f"#!{_PROBE}\n")


def launcher(
    point: EntryPoint, interpreter: str, kind: str, *, verbatim: bool = False
) -> tuple[str, bytes]:
    """Return file name and contents of the launcher for an entry point.

    :param kind: ``posix`` or one of ``installer``'s Windows launcher kinds
    :param verbatim: write the interpreter as it is, spaces and all
    """
    if kind == "posix":
        line = shebang(interpreter, verbatim=verbatim)
        return point.name, line + b"\n" + point.body.encode("utf-8")
    return _generate(point.name, point.module, point.attr, point.section, interpreter, kind)


def shebang(interpreter: str, *, verbatim: bool = False) -> bytes:
    """Return the shebang, without line end, that starts ``interpreter`` on POSIX.

    A path with a space, or too long for some kernels, goes through ``/bin/sh``.

    :raises UsageError: its path is no UTF-8, as Python wants all of a script to be
    """
    line = b"#!" + interpreter.encode("utf-8", "surrogateescape")
    if not interpreter.isascii():
        interpreter = _decoded(line.removeprefix(b"#!"))
    if verbatim or (b" " not in line and len(line) < limits.SHEBANG_LENGTH):
        return line
    body = launcher_body("x", "x", "x", "console").encode("utf-8")
    return _generate("x", "x", "x", "console", interpreter, "posix")[1].removesuffix(b"\n" + body)


def _decoded(path: bytes) -> str:
    try:
        # What the locale could not decode may be sound UTF-8 all the same.
        return path.decode("utf-8")
    except UnicodeDecodeError as error:
        from linkinstall.errors import UsageError

        raise UsageError(
            f"No script can start {path.decode('utf-8', 'surrogateescape')}: its path is no UTF-8.",
            next_step="Nothing was changed. Name another one with --interpreter, or move it.",
        ) from error


def rewrite(data: bytes, interpreter: str, kind: str, *, verbatim: bool = False) -> bytes:
    """Replace the first line of a ``#!python`` or ``#!pythonw`` script."""
    first, _, rest = data.partition(b"\n")
    if kind == "posix":
        return shebang(interpreter, verbatim=verbatim) + b"\n" + rest
    if first.startswith(MARK + b"w"):
        folder, separator, name = interpreter.rpartition("\\" if "\\" in interpreter else "/")
        interpreter = folder + separator + name.replace("python", "pythonw", 1)
    return b"#!" + interpreter.encode("utf-8") + b"\n" + rest


def _generate(
    name: str, module: str, attr: str, section: str, interpreter: str, kind: str
) -> tuple[str, bytes]:
    from installer.scripts import Script

    return Script(name, module, attr, section).generate(interpreter, kind)  # type: ignore[arg-type]


def is_rewritten(scheme: str, first: bytes, *, executable: bool) -> bool:
    """Return whether a file is a script that is written for each environment."""
    # Scripts that an archive from Windows does not mark as executable are made so
    # for each environment: the cache's file keeps the mode that the wheel gives.
    script = scheme == "scripts" and first.startswith(b"#!")
    return script and (first.startswith(MARK) or not executable)
