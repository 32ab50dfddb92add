"""``LinkDestination``: the engine as an ``installer`` destination.

Purpose: build frontends and package managers that use ``installer`` swap one class
and get links, the cache and the transaction.

Calling sequence::

    with WheelFile.open(path) as source:
        destination = LinkDestination(schemes, sys.executable, "posix")
        installer.install(source, destination, {"INSTALLER": b"frontend"})

Guarantees: after ``finalize_installation`` it leaves what
``SchemeDictionaryDestination`` leaves (compiled files may be links). Until then the
environment is not touched, and if anything fails it stays as it was. Contents are
written once, into a cache entry; from a :class:`~linkinstall.source.CachedWheel`
they are not even read.

Errors: ``FileExistsError`` and ``ValueError`` where that class raises those; else
:class:`~linkinstall.errors.LinkInstallError`.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field

from installer.destinations import SchemeDictionaryDestination
from installer.records import Hash, RecordEntry
from installer.scripts import Script
from installer.utils import SCHEME_NAMES, Scheme, construct_record_file, fix_shebang

from linkinstall import limits
from linkinstall.cache import Cache
from linkinstall.digest import encode
from linkinstall.environment import Environment
from linkinstall.errors import (
    ConflictError,
    PathError,
    Problem,
    TransactionError,
    UsageError,
)
from linkinstall.fs import local
from linkinstall.policy import Capabilities, chain, copies_binaries
from linkinstall.recorded import Recorded
from linkinstall.refusals import refuse_odd_kinds, refuse_texts
from linkinstall.source import CachedStream
from linkinstall.transaction import Transaction
from linkinstall.unkept import Theirs, typed_writing
from linkinstall.wishes import Exactly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from installer.scripts import ScriptSection


__all__ = ["LinkDestination"]

_SHOWN = 60
"""Characters of a path too long that its message has."""


@dataclass
class LinkDestination(SchemeDictionaryDestination):
    """Installs by links, in one transaction. See the module docstring.

    :param cache: where contents are kept; default the user's cache, or, for a
        ``destdir``, a temporary one
    :param link_mode: auto, clone, hardlink, symlink or copy
    :param copy_binaries: auto, always or never
    :param transaction: the one to join; default one of its own
    """

    cache: Cache | None = field(default=None, kw_only=True)
    link_mode: str = field(default="auto", kw_only=True)
    copy_binaries: str = field(default="auto", kw_only=True)
    transaction: Transaction | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        :raises TypeError: a subclass overrides ``write_to_fs``, which is never called
        :raises UsageError: an unknown link mode, kind of script or hash algorithm
        """
        if type(self).write_to_fs is not LinkDestination.write_to_fs:
            message = (
                f"{type(self).__name__} overrides write_to_fs, which LinkDestination does not "
                "call for each file: override placed(path, record), called after the commit"
            )
            raise TypeError(message)
        refuse_odd_kinds(self.script_kind, self.hash_algorithm)
        refuse_texts(cache=self.cache)
        chain(self.link_mode, Capabilities(), binary=False)
        copies_binaries(self.copy_binaries)
        self._failed = False
        self._reset()

    def _reset(self) -> None:
        chosen, mode = self.cache, self.link_mode
        if self.transaction is not None:
            mode = self.transaction.link_mode
            # Symbolic links are noted in the transaction's cache: they lead nowhere else.
            if chosen is None or mode == "symlink":
                chosen = self.transaction.cache
        elif chosen is None and self.destdir is None:
            chosen = Cache()
        self._told = Recorded(chosen, symlinks=mode == "symlink")
        self._parents: dict[str, bool] = {}
        self._by_path: dict[str, tuple[str, str]] = {}

    # ---------------------------------------------------------------- what installer calls

    def write_script(
        self, name: str, module: str, attr: str, section: ScriptSection
    ) -> RecordEntry:
        """Note the launcher of an entry point.

        :raises InvalidScript: there is no launcher of this kind
        """
        file_name, data = Script(name, module, attr, section).generate(
            self.interpreter, self.script_kind
        )
        record = self._generate("scripts", file_name, data, executable=True)
        key = "scripts", self._inner_path("scripts", file_name)
        self._told.entry_points.append((key, (name, module, attr, section)))
        return record

    def write_file(
        self,
        scheme: Scheme,
        path: str | os.PathLike[str],
        stream: BinaryIO,
        is_executable: bool,  # noqa: FBT001 - installer's signature
    ) -> RecordEntry:
        """Note one file; its contents go into the cache unless they come from there."""
        name = os.fspath(path)
        if scheme == "scripts":
            with fix_shebang(stream, self.interpreter) as fixed:
                if fixed is not stream:
                    data = fixed.read()
                    return self._generate(scheme, name, data, executable=is_executable)
        return self.write_to_fs(scheme, name, stream, is_executable)

    def write_to_fs(
        self,
        scheme: Scheme,
        path: str,
        stream: BinaryIO,
        is_executable: bool,  # noqa: FBT001 - installer's signature
    ) -> RecordEntry:
        """Note one file whose contents are final. The environment is not touched.

        :raises FileExistsError: the path is taken and ``overwrite_existing`` is false
        :raises ValueError: the path leads out of the scheme's folder
        :raises FileSystemError: the cache cannot be written
        """
        inner = self._inner_path(scheme, path)
        if isinstance(stream, io.BytesIO) and self._told.is_added((scheme, inner)):
            return self._generate(scheme, path, stream.read(), executable=is_executable)
        self._require_free(scheme, inner)
        if isinstance(stream, CachedStream) and not stream.tell():
            return self._take(scheme, inner, path, stream, executable=is_executable)
        algorithm = self.hash_algorithm
        target = os.fspath(self._path_with_destdir(scheme, inner))
        with typed_writing(target, theirs := Theirs(stream)):
            one = self._told.write(
                (scheme, inner), theirs, executable=is_executable, algorithms=[algorithm]
            )
        digest = one.hashes.get(algorithm, one.digest)
        return RecordEntry(path, Hash(algorithm, digest), one.size)

    def finalize_installation(
        self,
        scheme: Scheme,
        record_file_path: str,
        records: Iterable[tuple[Scheme, RecordEntry]],
    ) -> None:
        """Put everything into place, as one transaction.

        :raises ConflictError: files stand in the way (a ``FileExistsError``)
        :raises LinkInstallError: nothing was changed
        """
        if self._failed:
            raise TransactionError(
                "This destination has failed before, and what it was told is gone.",
                next_step="Nothing was changed. Install the wheel with a new destination.",
            )
        rows = list(records)
        self._require_free(scheme, own := self._inner_path(scheme, record_file_path))
        listed: set[tuple[str, str]] = {(one, self._inner_path(one, row.path)) for one, row in rows}
        if (scheme, own) in listed and os.path.dirname(own).endswith(".dist-info"):
            # As installer.install lists them: all that it has written since it began.
            self._told.begin_with(listed)
        self._note_record(scheme, record_file_path, rows)
        self._failed, joined = True, False
        try:
            with typed_writing(self.scheme_dict[scheme]):
                entry, skipped = self._told.entry(scheme, os.path.dirname(record_file_path))
            transaction = self.transaction or self._own_transaction()
            exactly = Exactly(
                tuple(self._told.generated.values()),
                skipped,
                tuple(self.bytecode_optimization_levels),
                frozenset("/".join(key) for key in listed),
                self.overwrite_existing,
                self._told.written,
                self._told.wheel,
            )
            transaction.install_exactly(entry, exactly, self._environment().schemes)
            joined = self.transaction is not None
            if type(self).placed is not LinkDestination.placed:
                transaction.on_commit(lambda: self._tell_placed(rows))
            if transaction is not self.transaction:
                with transaction:
                    pass
            self._failed = False
        finally:
            self._let_go(joined=joined)

    def placed(self, path: str, record: RecordEntry) -> None:
        """Do nothing; for subclasses: a file of RECORD is in place, the commit is made.

        :param path: where it is on the disk
        """

    # ---------------------------------------------------------------- noting

    def _generate(self, scheme: str, path: str, data: bytes, *, executable: bool) -> RecordEntry:
        import hashlib

        inner = self._inner_path(scheme, path)
        self._require_free(scheme, inner)
        self._told.generate((scheme, inner), data, executable=executable)
        digest = encode(hashlib.new(self.hash_algorithm, data).digest())
        return RecordEntry(path, Hash(self.hash_algorithm, digest), len(data))

    def _take(
        self, scheme: str, inner: str, path: str, stream: CachedStream, *, executable: bool
    ) -> RecordEntry:
        self._told.take((scheme, inner), stream, executable=executable)
        if self.hash_algorithm == "sha256":
            return RecordEntry(path, Hash("sha256", stream.digest), stream.size)
        import hashlib

        digest = hashlib.file_digest(stream, self.hash_algorithm).digest()  # type: ignore[arg-type]
        return RecordEntry(path, Hash(self.hash_algorithm, encode(digest)), stream.size)

    def _inner_path(self, scheme: str, path: str) -> str:
        """Return a path normalised, relative to its scheme.

        :raises ValueError: it leads out of the scheme's folder, or there is no such folder
        """
        if scheme not in self.scheme_dict:
            raise UsageError(f"scheme_dict has no {scheme!r}, where {path!r} would go")
        # The parent's own test, so that both refuse the same.
        try:
            self._path_with_destdir(Scheme(scheme), path)
        except ValueError as error:
            raise PathError(str(error), path=path) from error
        if "\n" in path or "\r" in path or "\0" in path:
            raise PathError(f"{path!r} has a line break in its name", path=path)
        if len(path) > limits.PATH_LENGTH or path.count("/") > limits.PATH_DEPTH:
            raise PathError(f"{path[:_SHOWN]!r}… is a path too long, or too deep", path=path)
        base = os.path.abspath(self.scheme_dict[scheme])
        relative = os.path.relpath(os.path.abspath(os.path.join(base, path)), base)
        return relative.replace("\\", "/") if os.name == "nt" else relative

    def _require_free(self, scheme: str, inner: str) -> None:
        key = (scheme, inner)
        # Two schemes may be one folder.
        path = os.path.join(self.scheme_dict[scheme], inner)
        other = self._by_path.setdefault(path, key)
        if other != key and self.overwrite_existing:
            self._told.forget(other)
            self._by_path[path] = key
        twice = self._told.knows(key)
        if self.overwrite_existing:
            if twice:
                self._told.forget(key)
            return
        target = self._path_with_destdir(Scheme(scheme), inner)
        folder = os.fspath(target.parent)
        if folder not in self._parents:
            self._parents[folder] = self._stands(folder)
        if twice or (self._parents[folder] and self._stands(os.fspath(target))):
            raise ConflictError(
                f"File already exists: {target!s}",
                problems=[Problem("unowned", os.fspath(target))],
                next_step="Nothing was changed. Remove it, or pass overwrite_existing.",
            )

    def _stands(self, path: str) -> bool:
        return local().status(path) is not None

    def _note_record(
        self, scheme: Scheme, path: str, rows: list[tuple[Scheme, RecordEntry]]
    ) -> None:
        def prefix(other: str) -> str | None:
            if other == scheme:
                return None
            if os.name == "nt":
                return os.path.abspath(self.scheme_dict[other]) + "/"
            return os.path.relpath(self.scheme_dict[other], self.scheme_dict[scheme]) + "/"

        with construct_record_file(rows, prefix) as stream:
            data = stream.read()
        inner = self._inner_path(scheme, path)
        self._told.generate((scheme, inner), data, executable=False)

    # ---------------------------------------------------------------- the transaction

    def _environment(self) -> Environment:
        used = {one for one, _ in (*self._told.contents(), *self._told.generated)}
        schemes = {
            name: path
            for name, path in self.scheme_dict.items()
            if name in SCHEME_NAMES or name in used
        }
        environment = Environment.from_schemes(
            schemes, interpreter=self.interpreter, script_kind=self.script_kind
        )
        return environment.with_destdir(self.destdir) if self.destdir is not None else environment

    def _own_transaction(self) -> Transaction:
        return Transaction(
            self._environment(),
            cache=self._told.store,
            link_mode=self.link_mode,
            copy_binaries=self.copy_binaries,
            compile_levels=(),
            command="install",
        )

    def _tell_placed(self, rows: list[tuple[Scheme, RecordEntry]]) -> None:
        for scheme, record in rows:
            self.placed(os.fspath(self._path_with_destdir(scheme, record.path)), record)

    def _let_go(self, *, joined: bool) -> None:
        told = self._told
        told.let_go()
        if joined and self.transaction is not None:
            self.transaction.on_end(told.end)
        else:
            told.end()
        self._reset()
