"""What interpreters answered before, remembered in the cache.

Purpose: an interpreter is started once to ask for its schemes, not at every install
(starting one costs more than a warm install).

Calling sequence::

    memory = RememberedInterpreters("/cache/v1/interpreters")
    report = memory.report_of("/env/bin/python", ask)

Guarantees: an answer counts only while path, link target, modification time and size
of the interpreter, those of its ``pyvenv.cfg`` and what else decides its schemes are
as they were, and only whole: a file that is damaged is as good as none. What cannot be
written is not remembered, which is no error. A venv of a known CPython 3.11 or later
is worked out without starting it.

On disk: one file per interpreter, named by a digest of its path: a checksum, then keys
and values with NUL between them (one ``split`` reads it).

Errors: those of ``ask``.
"""

from __future__ import annotations

import os
from binascii import crc32

from linkinstall import limits
from linkinstall.fs import local
from linkinstall.interpreter_report import SCHEMES, decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from linkinstall.fs.port import FileSystem
    from linkinstall.interpreter_report import Report

__all__ = ["RememberedInterpreters", "folder_below"]

_FORMAT = "2"
"""Part of what must agree: raise it when the keys of a report change."""
_CHECKSUM_LENGTH = 8


def folder_below(cache_dir: str | None) -> str:
    """Return the folder of the answers in a cache, "" for a cache that is not to be used.

    :param cache_dir: the cache's folder; None means the default one, "" means none
    """
    if cache_dir == "":
        return ""
    from linkinstall.cache import Cache

    cache = Cache(cache_dir)
    return "" if cache.distrust else os.path.join(cache.root, "interpreters")


class RememberedInterpreters:
    """Answers of interpreters. See the module docstring.

    :param folder: where they are kept; "" remembers nothing
    """

    def __init__(self, folder: str, *, files: FileSystem | None = None) -> None:
        self._folder = folder
        self._files = files or local()

    def report_of(self, executable: str, ask: Callable[[str], Report]) -> Report:
        """Return what the interpreter at ``executable`` says of itself.

        :param ask: starts the interpreter; called where no answer is known. What it returns
            is remembered if it names the ``executable``
        """
        identity = self._identity(executable) if self._folder else None
        if identity is None:
            return ask(executable)
        known = self._read(executable, identity) or self._venv_of_known(executable)
        if known is not None:
            return known
        report = ask(executable)
        if "executable" not in report:  # not one that can be installed into
            return report
        real = self._files.real_path(executable)
        # A wrapper that starts one interpreter today may start another tomorrow.
        if self._files.real_path(report["executable"]) == real:
            if "venv.purelib" in report and (base := self._identity(real)) is not None:
                self._write(_venvs_of(real), base, report)
            if self._venv_of_known(executable) != report:
                self._write(executable, identity, report)
        return report

    def _identity(self, executable: str) -> str | None:
        """Return, as one text, what must not change; None where there is no such file."""
        real = self._files.real_path(executable)
        status = self._files.status(real)
        if status is None:
            return None
        parts = [_FORMAT, executable, real, str(status.st_mtime_ns), str(status.st_size)]
        folder = os.path.dirname(executable)
        for place in (folder, os.path.dirname(folder)):  # PEP 405: beside it, or one up
            settings = self._files.status(os.path.join(place, "pyvenv.cfg"))
            if settings is not None:
                parts += [place, str(settings.st_mtime_ns), str(settings.st_size)]
        # Debian's sysconfig takes its default scheme from this variable.
        parts.append(os.environ.get("DEB_PYTHON_INSTALL_LAYOUT", ""))
        return "\n".join(parts)

    def _venv_of_known(self, executable: str) -> Report | None:
        """Work out a venv's answer from what is known of the interpreter it links to.

        Only where it is plain: ``bin/python`` is a link to an interpreter of the folder
        that ``pyvenv.cfg`` calls home, and the library is where its ``venv`` scheme
        puts it. Copied interpreters (Windows, ``--copies``) are asked.
        """
        files = self._files
        root = os.path.dirname(os.path.dirname(executable))
        real = files.real_path(executable)
        home = self._home(root)
        if home is None or real == executable:
            return None
        if files.real_path(os.path.join(home, os.path.basename(real))) != real:
            return None
        identity = self._identity(real)
        known = None if identity is None else self._read(_venvs_of(real), identity)
        if known is None:
            return None
        report = {**known, "executable": executable, "prefix": root}
        for name in SCHEMES:
            report[f"layout.{name}"] = known[f"venv.{name}"]
            report[name] = os.path.join(root, known[f"venv.{name}"]).rstrip(os.sep)
        return report if files.status(report["purelib"]) is not None else None

    def _home(self, root: str) -> str | None:
        """Return ``home`` of a venv's ``pyvenv.cfg`` (:pep:`405`)."""
        try:
            path = os.path.join(root, "pyvenv.cfg")
            text = self._files.read(path, limits.SETTINGS_SIZE).decode("utf-8")
        except (OSError, ValueError):
            return None
        for line in text.splitlines():
            key, found, home = line.partition("=")
            if found and key.strip().lower() == "home":
                return home.strip() if "\0" not in home else None  # in no path
        return None

    def _read(self, key: str, identity: str) -> Report | None:
        try:
            data = self._files.read(self._path(key))
        except OSError:
            return None
        body = data[_CHECKSUM_LENGTH:]
        if _checksum(body) != data[:_CHECKSUM_LENGTH]:
            return None
        report = decode(body)
        return report if report.pop("identity", None) == identity else None

    def _write(self, key: str, identity: str, report: Report) -> None:
        from linkinstall.fs.trees import write_whole

        body = encode({"identity": identity, **report})
        temporary = f"{os.path.dirname(self._folder)}/tmp"  # noqa: S108 - the cache's own
        try:
            write_whole(self._files, self._path(key), _checksum(body) + body, temporary)
        except OSError:
            pass

    def _path(self, key: str) -> str:
        from linkinstall.digest import sha256

        return os.path.join(self._folder, sha256(os.fsencode(key)).hexdigest()[:32])


def _venvs_of(executable: str) -> str:
    """Return the key of what is known of all venvs that link to an interpreter."""
    return f"venvs of {executable}"


def _checksum(body: bytes) -> bytes:
    return b"%08x" % crc32(body)
