"""The environment: where a wheel's files go, for which interpreter, under which lock.

Purpose: one immutable value that names the schemes, the interpreter and the lock of a
target (``docs/reference/command-line.md``, Target).

Calling sequence::

    environment = Environment.current()
    environment = Environment.of(".venv")
    environment = Environment.for_prefix("/opt/app", base=environment).with_destdir("/stage")
    environment.refuse_if_managed()
    lock = environment.lock()

Guarantees: looks only, writes nothing but remembered answers into the cache. The schemes
are those that ``python -m installer`` takes. Links are not resolved: a venv reached
through a link keeps the path it was named by.

Errors: :class:`~linkinstall.errors.EnvironmentNotFoundError`,
:class:`~linkinstall.errors.UsageError`,
:class:`~linkinstall.errors.ExternallyManagedError`.
"""

from __future__ import annotations

import os
import stat
import sys

from linkinstall.fs import local
from linkinstall.fs.trees import absolute
from linkinstall.interpreter_report import SCHEMES
from linkinstall.paths import device_in
from linkinstall.values import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from installer.scripts import LauncherKind

    from linkinstall.fs.lock import FolderLock
    from linkinstall.interpreter_report import Report

    Path = str | os.PathLike[str]

__all__ = ["Environment"]


@value
class Environment:
    """A target of installs.

    :param kind: ``venv``, ``base``, ``prefix``, ``target``, ``schemes`` or ``destdir``
    :param root: the folder of the venv, prefix, target or stage; for ``schemes`` the venv
        they lie in, else the library
    :param python: the interpreter that scripts embed, a path unless ``verbatim``
    :param compiler: the interpreter that compiles bytecode; None where there is none
    :param schemes: absolute folder by scheme, where files are written
    :param runtime: the same as seen at run time; differs under ``destdir`` only
    :param layout: the schemes relative to any prefix, as the interpreter lays it out
    :param script_kind: ``posix`` or one of ``installer``'s Windows launcher kinds
    :param cache_tag: names compiled files, as in ``cpython-311``
    :param magic: what compiled files begin with, as a number; empty where it is not known
    :param version: the interpreter's, as in ``(3, 11)``
    :param stdlib: the folder of the standard library
    :param headers_named: whether ``headers`` names the distribution's folder already
    :param verbatim: write ``python`` into scripts as it is, spaces and all
    :param metadata: whether INSTALLER, REQUESTED and direct_url.json are written
    :param destdir: the stage, where there is one
    :param keeps_lock: whether the lock file stays: it does in a venv
    """

    kind: str
    root: str
    python: str
    compiler: str | None
    schemes: dict[str, str]
    runtime: dict[str, str]
    layout: dict[str, str]
    script_kind: LauncherKind
    cache_tag: str
    version: tuple[int, int]
    stdlib: str = ""
    magic: str = ""
    headers_named: bool = False
    verbatim: bool = False
    metadata: bool = True
    destdir: str | None = None
    keeps_lock: bool = False

    # ------------------------------------------------------------------ constructors

    @classmethod
    def current(cls, *, cache_dir: str | None = None, or_own: bool = False) -> Environment:
        """Return the running interpreter's environment.

        Where that is a tool's own (pipx, uv tool, uvx), the active venv, else ``./.venv``.

        :param cache_dir: see :meth:`of`
        :param or_own: take the tool's where there is no other: its interpreter is all that counts
        :raises UsageError: a tool's environment runs this, and there is no other
        """
        from linkinstall.interpreters import running
        from linkinstall.tool_environment import environment_instead

        instead = None
        if sys.prefix != sys.base_prefix:
            instead = environment_instead(sys.prefix, or_own=or_own)
        return cls._from_report(running()) if instead is None else cls.of(instead, cache_dir)

    @classmethod
    def of(cls, spec: Path, cache_dir: str | None = None) -> Environment:
        """Return the environment of an interpreter, a venv or an installation.

        :param spec: path of any of these, or an interpreter's name or version
        :param cache_dir: the cache that remembers interpreters' answers; None is the
            default one, "" is none at all (nothing is written then)
        :raises EnvironmentNotFoundError: it names nothing that can be installed into
        """
        from linkinstall.interpreters import report_of

        return cls._from_report(report_of(os.fspath(spec), cache_dir))

    @classmethod
    def from_schemes(
        cls,
        schemes: Mapping[str, Path],
        *,
        interpreter: str | None = None,
        script_kind: str | None = None,
        base: Environment | None = None,
    ) -> Environment:
        """Return the environment of folders given one by one, as to ``installer``.

        :param schemes: folder by scheme; a scheme that is left out cannot be installed to.
            ``headers`` is the folder of the distribution itself
        :param interpreter: what scripts embed, taken as it is
        :param base: whose interpreter it is for; default the running one
        :raises UsageError: no folder is given
        """
        from linkinstall.interpreters import running

        base = base or cls._from_report(running())
        folders = {name: _folder(path) for name, path in schemes.items()}
        if not folders:
            from linkinstall.errors import UsageError

            raise UsageError("No scheme folder is given: there is nowhere to install to.")
        library = _library(folders)
        venv = _enclosing_venv(library)
        return replace(
            base,
            kind="schemes",
            root=venv or library,
            python=interpreter or base.python,
            verbatim=base.verbatim and not interpreter,
            schemes=folders,
            runtime=folders,
            script_kind=script_kind or base.script_kind,
            headers_named=True,
            keeps_lock=venv is not None,
        )

    @classmethod
    def for_target(cls, folder: Path, *, base: Environment) -> Environment:
        """Return the environment of ``--target``: modules and data in ``folder`` itself."""
        root = _folder(folder)
        below = {
            "purelib": root,
            "platlib": root,
            "headers": os.path.join(root, "include"),
            "scripts": os.path.join(root, "bin" if base.script_kind == "posix" else "Scripts"),
            "data": root,
        }
        return base._at("target", root, below)

    @classmethod
    def for_prefix(cls, folder: Path, *, base: Environment) -> Environment:
        """Return the environment of ``--prefix``, laid out as ``base``'s interpreter does."""
        root = _folder(folder)
        return base._at("prefix", root, _below(root, base.layout))

    def with_destdir(self, folder: Path) -> Environment:
        """Return this environment staged below ``folder``, to be packaged.

        The drive, where there is one, is left out of the staged path.
        """
        root = _folder(folder)
        staged = {
            name: os.path.join(root, os.path.splitdrive(path)[1].lstrip("/" + os.sep))
            for name, path in self.runtime.items()
        }
        return replace(
            self,
            kind="destdir",
            root=root,
            schemes={name: path.rstrip(os.sep) for name, path in staged.items()},
            metadata=False,
            destdir=root,
            keeps_lock=False,
        )

    def with_interpreter(self, interpreter: str) -> Environment:
        """Return this environment with another interpreter for scripts (``--interpreter``).

        A value that is no existing file and whose first word is an absolute path
        (``/usr/bin/env python3``) is written as it is.

        :raises UsageError: the value is neither that nor a file
        """
        status = local().status(local().real_path(interpreter))
        if status is not None and stat.S_ISREG(status.st_mode):
            return replace(self, python=os.path.abspath(interpreter), verbatim=False)
        first = interpreter.partition(" ")[0]
        if first.startswith("/") or self.script_kind != "posix":
            return replace(self, python=interpreter, verbatim=True)
        from linkinstall.errors import UsageError

        raise UsageError(
            f"--interpreter {interpreter!r} is neither a file nor begins with an absolute path.",
            next_step="Scripts start what stands there from any folder: give an absolute path, "
            "or let env look for it: --interpreter '/usr/bin/env python3'.",
        )

    def with_script_kind(self, kind: str) -> Environment:
        """Return this environment with scripts for another platform (``--script-kind``)."""
        return replace(self, script_kind=kind)

    # ------------------------------------------------------------------ what it tells

    @property
    def library(self) -> str:
        """The folder of modules, where distributions and the state folder are."""
        return _library(self.schemes)

    def scheme_for(self, distribution: str) -> dict[str, str]:
        """Return folder by scheme for one distribution, its name as the wheel's file has it."""
        folders = dict(self.schemes)
        if "headers" in folders and not self.headers_named:
            folders["headers"] = os.path.join(folders["headers"], distribution)
        return folders

    def refuse_if_managed(self) -> None:
        """Refuse an installation that is externally managed (:pep:`668`).

        Venvs, prefixes, targets, stages and schemes given one by one are the person's own.

        :raises ExternallyManagedError: with the distributor's message
        """
        if self.kind == "base":
            from linkinstall.externally_managed import refuse_if_managed

            refuse_if_managed(self.stdlib, self.python)

    # ------------------------------------------------------------------ lock

    @property
    def lock_path(self) -> str:
        """The lock file: ``.lock`` in a venv, prefix or target, where uv locks it too.

        Elsewhere a file in the folder for temporary files, named after the user and the
        real path of the root. The folder of the file need not be there yet.
        """
        if self._locks_root:
            return os.path.join(self.root, ".lock")
        from linkinstall.fs.lock import private_path

        return private_path(local().real_path(self.root))

    @property
    def _locks_root(self) -> bool:
        return self.keeps_lock or self.kind in {"prefix", "target"}

    def lock(self) -> FolderLock:
        """Return the lock of this environment, not yet acquired; its folder must be there."""
        from linkinstall.fs.lock import FolderLock

        what = f"the environment {self.root}"
        return FolderLock(self.lock_path, what=what, private=not self._locks_root)

    # ------------------------------------------------------------------ parts

    @classmethod
    def _from_report(cls, report: Report) -> Environment:
        schemes = {name: report[name] for name in SCHEMES}
        major, minor = report["version"].split(".")[:2]
        venv = report["prefix"] != report["base_prefix"]
        return cls(
            kind="venv" if venv else "base",
            root=report["prefix"],
            python=report["executable"],
            compiler=report["executable"],
            schemes=schemes,
            runtime=schemes,
            layout={name: report[f"layout.{name}"] for name in SCHEMES},
            script_kind=report["script_kind"],  # type: ignore[arg-type]  # one of these
            cache_tag=report["cache_tag"],
            version=(int(major), int(minor)),
            stdlib=report["stdlib"],
            magic=report.get("magic", ""),  # remembered before it was asked for
            keeps_lock=venv,
        )

    def _at(self, kind: str, root: str, schemes: dict[str, str]) -> Environment:
        """Return the environment of a folder for this one's interpreter."""
        return replace(
            self,
            kind=kind,
            root=root,
            schemes=schemes,
            runtime=schemes,
            headers_named=False,
            keeps_lock=_is_venv(root),
        )


def _folder(path: Path) -> str:
    """Return a folder that a caller names, as an absolute path.

    :raises UsageError: on Windows, a part of it is the name of a device
    """
    text = os.fspath(path)
    if os.sep != "/" and (device := device_in(text)):
        from linkinstall.errors import UsageError

        raise UsageError(f"{text} cannot be a folder: Windows takes {device} for a device.")
    return absolute(local(), text)


def _below(root: str, layout: Mapping[str, str]) -> dict[str, str]:
    return {name: os.path.join(root, path) if path else root for name, path in layout.items()}


def _library(schemes: Mapping[str, str]) -> str:
    """Return the folder of modules, else of whatever there is."""
    return next(schemes[name] for name in (*SCHEMES, *schemes) if name in schemes)


def _is_venv(folder: str) -> bool:
    return local().status(os.path.join(folder, "pyvenv.cfg")) is not None


def _enclosing_venv(folder: str) -> str | None:
    """Return the nearest venv that ``folder`` lies in, None outside of any."""
    while not _is_venv(folder):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder
