"""Which interpreter is meant, and what it says of itself.

Purpose: from ``--python X`` (an interpreter's path or name, a venv, an installation) to
a report of its schemes; and the running interpreter's own report at no cost.

Calling sequence::

    report = running()
    report = report_of(".venv", cache_dir=None)

Guarantees: only CPython 3.8 and later is accepted. A venv is addressed by its own path
(:pep:`405`), never by that of the interpreter it links to. Interpreters are started
isolated from the caller's ``PYTHON*`` variables, and their answers remembered
(:mod:`linkinstall.remembered_interpreters`).

Errors: :class:`~linkinstall.errors.EnvironmentNotFoundError` says what was looked for.
"""

from __future__ import annotations

import os
import sys

from linkinstall import limits
from linkinstall.interpreter_report import SCHEMES, decode, magic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.interpreter_report import Report
    from linkinstall.remembered_interpreters import RememberedInterpreters

__all__ = ["OLDEST", "answer_of", "ask", "report_of", "running"]

OLDEST = (3, 8)
"""The oldest CPython that can be installed into."""

_BEGIN, _END = b"\n<linkinstall report>", b"</linkinstall report>\n"
# Runs in whatever was named, Python 2 included, so it must parse there. The marks set
# the answer off from what a site module prints. First the working folder goes, where anything may
# be called like a module; an embeddable Python has none, and begins with its standard library.
_STARTER = """
import sys
write = getattr(sys.stdout, "buffer", sys.stdout).write
sys.path = [one for one in sys.path if one]
space = {"__name__": "interpreter_report"}
if sys.version_info < (3, 8):
    body = ("version\\0%d.%d.%d" % sys.version_info[:3]).encode("ascii")
else:
    exec(sys.argv[1], space)
    body = space["encode"](space["report"]())
write(sys.argv[2].encode("ascii") + body + sys.argv[3].encode("ascii"))
"""


def running() -> Report:
    """Return the running interpreter's report.

    In a venv without ``sysconfig``, which costs 1 ms, and 4 from CPython 3.12 on, where
    it imports ``threading``: a venv's scheme is the same everywhere, and ``site`` has put
    its library on ``sys.path``, which proves it.
    """
    if os.name == "posix" and sys.prefix != sys.base_prefix:
        report = _running_venv()
        if report["purelib"] in sys.path:
            return report
    from linkinstall.interpreter_report import report as ask_sysconfig

    return ask_sysconfig()


def _running_venv() -> Report:
    """Return the report of the venv that runs this, by sysconfig's scheme ``posix_venv``."""
    version = "{}.{}".format(*sys.version_info)
    # Free-threaded builds have a library of their own from CPython 3.13 on.
    thread = "t" if "t" in sys.abiflags else ""
    folders = {
        "purelib": f"lib/python{version}{thread}/site-packages",
        "platlib": f"{sys.platlibdir}/python{version}{thread}/site-packages",
        "headers": f"include/python{version}{sys.abiflags}",
        "scripts": "bin",
        "data": "",
    }
    root = os.path.normpath(sys.prefix)
    return {
        "executable": sys.executable,
        "prefix": root,
        "base_prefix": os.path.normpath(sys.base_prefix),
        "implementation": sys.implementation.name,
        "version": ".".join(map(str, sys.version_info[:3])),
        "cache_tag": sys.implementation.cache_tag or "",
        "magic": magic(),
        "script_kind": "posix",
        "stdlib": os.path.dirname(os.__file__),
        **{name: f"{root}/{folders[name]}".rstrip("/") for name in SCHEMES},
        **{f"layout.{name}": folders[name] for name in SCHEMES},
        **{f"venv.{name}": folders[name] for name in SCHEMES},
    }


def report_of(spec: str, cache_dir: str | None = None) -> Report:
    """Return the report of the interpreter that ``spec`` names.

    :param spec: the path or name of an interpreter, a venv or the root of an installation
    :param cache_dir: the cache whose answers are used; None is the default, "" is none
    :raises EnvironmentNotFoundError: it names nothing that can be installed into
    :raises UnsettledError: nothing yet: a ``venv`` command that was killed has to be settled
    """
    try:
        return _report_of(spec, cache_dir)
    except Exception:
        from linkinstall.interpreter_search import refuse_unsettled

        refuse_unsettled(spec)
        raise


def _report_of(spec: str, cache_dir: str | None) -> Report:
    from linkinstall.interpreter_search import is_name, locate, not_found, refuse_remains
    from linkinstall.remembered_interpreters import RememberedInterpreters, folder_below

    memory = RememberedInterpreters(folder_below(cache_dir))
    path = locate(spec) or _discover(spec)
    if path is None:
        raise not_found(
            f"No interpreter {spec!r} was found: no such path, nothing of that name on PATH, "
            "and no installed version that python-discovery knows."
        )
    report = _report(path, memory)
    if "silence" in report and is_name(spec):
        # On PATH there may be a shim for several interpreters that has none to start here.
        found = _discover(spec)
        if found is not None:
            path, report = found, _report(found, memory)
    _refuse_others(path, report)
    refuse_remains(spec, path, report)
    return report


def answer_of(executable: str, cache_dir: str | None = None) -> Report:
    """Return what a program says of itself, whichever Python it is, or is none.

    :param cache_dir: the cache whose answers are used; None is the default, "" is none
    :return: as :func:`ask`
    """
    from linkinstall.remembered_interpreters import RememberedInterpreters, folder_below

    return _report(executable, RememberedInterpreters(folder_below(cache_dir)))


def _report(executable: str, memory: RememberedInterpreters) -> Report:
    return running() if executable == sys.executable else memory.report_of(executable, ask)


def _refuse_others(executable: str, report: Report) -> None:
    """Refuse what is no interpreter, no CPython, or too old a one."""
    from linkinstall.interpreter_search import not_found

    if "silence" in report:
        raise not_found(
            f"{executable} does not answer as a Python interpreter does: {report['silence']}."
        )
    if "executable" not in report or report["implementation"] != "cpython":
        name = report.get("implementation", "Python").replace("cpython", "CPython")
        raise not_found(
            f"{executable} is {name} {report['version']}; linkinstall installs into CPython "
            f"{'.'.join(map(str, OLDEST))} and later.",
            "Name another interpreter or venv.",
        )


def ask(executable: str) -> Report:
    """Start the interpreter at ``executable`` and return what it says of itself.

    :return: only ``version`` of a Python before :data:`OLDEST`, and only ``silence``, the
        reason, of a program that does not answer
    """
    import subprocess

    from linkinstall import interpreter_report
    from linkinstall.fs.programs import text_of

    program = text_of(interpreter_report.__file__)
    words = [program, _BEGIN.decode(), _END.decode()]
    # macOS: tells a framework's Python that it is another one.
    environ = {key: text for key, text in os.environ.items() if key != "__PYVENV_LAUNCHER__"}
    try:
        done = subprocess.run(
            # -E and -s, not -I, which older Pythons do not have.
            [executable, "-E", "-s", "-B", "-c", _STARTER, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=limits.INTERPRETER_WAIT,
            env=environ,
        )
    except subprocess.TimeoutExpired:
        return {"silence": f"nothing came within {limits.INTERPRETER_WAIT:g} s"}
    except OSError as error:
        return {"silence": error.strerror or str(error)}
    _, _, rest = done.stdout.partition(_BEGIN)
    body, complete, _ = rest.partition(_END)
    if complete:
        return decode(body)
    return {"silence": _gist(done.stderr) or f"exit status {done.returncode}"}


def _gist(complaint: bytes) -> str:
    """Return the line of a program's complaint that says what is wrong."""
    lines = complaint.decode("utf-8", "replace").strip().splitlines()
    if not lines:
        return ""
    return lines[-1 if lines[0].startswith("Traceback") else 0].strip().rstrip(".")


def _discover(spec: str) -> str | None:
    """Return the interpreter that python-discovery finds for a version, as in ``>=3.12``."""
    from python_discovery import PythonSpec, get_interpreter

    wanted = PythonSpec.from_string_spec(spec)
    if wanted.path is not None or wanted.implementation not in {None, "cpython"}:
        return None  # nothing that we take; looking would start every interpreter there is
    info = get_interpreter(spec)
    return None if info is None else os.path.abspath(info.executable)
