"""From a wheel's entry to a request: what has to be written for one environment.

Purpose: RECORD, the scripts, INSTALLER, REQUESTED and ``direct_url.json``. All that
depends on the environment is here; all that does not comes out of the entry.

Calling sequence: :func:`make_request` for each wheel of a transaction.

Guarantees: RECORD has the rows, the order and the bytes that ``installer`` gives it
(plus the rows of compiled files where those are listed). Pure but for reading the
entry.

Errors: ``OSError`` where the entry cannot be read.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right

from linkinstall.digest import hash_data
from linkinstall.distribution import no_file
from linkinstall.entry_check import rows_of
from linkinstall.fs.trees import absolute
from linkinstall.record import is_sealed, path_of, row, unsealed
from linkinstall.scripts import MARK, launcher, rewrite
from linkinstall.values import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from linkinstall.cache import Entry
    from linkinstall.environment import Environment
    from linkinstall.fs.port import FileSystem
    from linkinstall.wishes import Wish

__all__ = [
    "Generated",
    "Request",
    "Wanted",
    "direct_url",
    "direct_url_of",
    "make_request",
    "metadata_of",
    "prefix_of",
    "rendered_record",
    "template",
    "unlisted",
    "with_prefixes",
]


@value
class Generated:
    """A file to generate: where, what, and whether it may be run."""

    scheme: str
    path: str
    data: bytes
    executable: bool = False


@value
class Request:
    """One wheel for this environment, everything resolved but the conflicts.

    :param change: index of its change in the plan
    :param entries: its cache entry, and the sets of its compiled files
    :param schemes: where each scheme's files go for this distribution
    :param generated: RECORD, scripts, INSTALLER and the like
    :param skipped: ``scheme/path`` of files that are generated instead
    :param replaces_leftovers: whether unowned files at its paths in a folder are remains of it
    :param overwrite: take what stands in its way into the stash
    :param exact: asked for by a destination
    :param mends: edited files of the project itself go, too
    """

    name: str
    change: int
    entries: tuple[Entry, ...]
    schemes: dict[str, str]
    generated: tuple[Generated, ...]
    skipped: frozenset[str] = frozenset()
    replaces_leftovers: Callable[[str], bool] = lambda _folder: False
    overwrite: bool = False
    exact: bool = False
    mends: bool = False


@value
class Wanted:
    """What is asked of one wheel.

    :param name: canonical name of the project
    :param metadata: files to write into dist-info besides the wheel's own
    :param list_compiled: whether RECORD lists the compiled files
    :param generated: exactly what is generated, where a destination says so
    :param skipped: ``scheme/path`` of the entry's files that are left out
    :param overwrite: this wheel may replace files in its way
    :param mends: it replaces the same one, edited files and all
    """

    name: str
    entry: Entry
    metadata: Mapping[str, bytes]
    compiled: tuple[Entry, ...] = ()
    list_compiled: bool = True
    generated: tuple[Generated, ...] | None = None
    skipped: frozenset[str] = frozenset()
    overwrite: bool = False
    mends: bool = False


def make_request(
    files: FileSystem,
    environment: Environment,
    wanted: Wanted,
    change: int,
    replaces_leftovers: Callable[[str], bool],
) -> Request:
    """Return the request for one wheel."""
    manifest = wanted.entry.manifest
    schemes = environment.scheme_for(manifest.distribution)
    if wanted.generated is not None:
        return Request(
            wanted.name, change, (wanted.entry, *wanted.compiled), schemes, wanted.generated,
            wanted.skipped, replaces_leftovers, wanted.overwrite, exact=True,
        )  # fmt: skip
    scripts = _scripts(files, environment, wanted)
    info = manifest.dist_info
    metadata = [
        Generated(manifest.root, f"{info}/{name}", data) for name, data in wanted.metadata.items()
    ]
    record = rendered_record(files, wanted, schemes, scripts, metadata)
    generated = (*scripts, *metadata, Generated(manifest.root, f"{info}/RECORD", record))
    return Request(
        wanted.name,
        change,
        (wanted.entry, *wanted.compiled),
        schemes,
        generated,
        manifest.rewritten,
        replaces_leftovers,
        mends=wanted.mends,
    )


def unlisted(compiled: Iterable[Entry], sources: frozenset[str]) -> frozenset[str]:
    """Return the compiled files whose sources are not among ``sources``."""
    left = set()
    for entry in compiled:
        for scheme, path, _, _ in entry.manifest.files():
            folder, _, name = path.rpartition("/")
            source = name
            package = folder.removesuffix("__pycache__")
            while source and f"{scheme}/{package}{source}.py" not in sources:
                source = source.rpartition(".")[0]
            if not source:
                left.add(f"{scheme}/{path}")
    return frozenset(left)


def _scripts(files: FileSystem, environment: Environment, wanted: Wanted) -> list[Generated]:
    manifest, kind = wanted.entry.manifest, environment.script_kind
    interpreter, verbatim = environment.python or "", environment.verbatim
    result = []
    for point in manifest.entry_points:
        name, data = launcher(point, interpreter, kind, verbatim=verbatim)
        result.append(Generated("scripts", name, data, executable=True))
    for key in sorted(manifest.rewritten):
        scheme, _, path = key.partition("/")
        folder, _, name = path.rpartition("/")
        data = b""  # of an entry that is foreseen: nothing is written
        if wanted.entry.folder:
            data = files.read(f"{wanted.entry.files(scheme, folder)}/{name}")
        if data.startswith(MARK):
            data = rewrite(data, interpreter, kind, verbatim=verbatim)
        # A stage keeps the modes of the wheel, as installer does.
        executable = environment.destdir is None or key in manifest.executables
        result.append(Generated(scheme, path, data, executable))
    return result


def rendered_record(
    files: FileSystem,
    wanted: Wanted,
    schemes: Mapping[str, str],
    scripts: list[Generated],
    metadata: list[Generated],
) -> bytes:
    """Return RECORD for one environment."""
    lines = template(files, wanted.entry)
    _insert_own(lines, wanted, scripts, metadata)
    return with_prefixes(lines, wanted.entry.manifest.root, schemes)


def _insert_own(
    lines: list[str], wanted: Wanted, scripts: list[Generated], metadata: list[Generated]
) -> None:
    """Insert the rows of what each environment gets of its own, where installer has them."""
    manifest = wanted.entry.manifest
    for one in scripts:
        line = _mark(manifest.root, one.scheme, _row_of(one))
        lines.insert(bisect_left(lines, one.path, key=_key), line)
    for one in metadata:
        line = _row_of(one)
        lines.insert(bisect_right(lines, one.path, key=_key), line)
    own = f"{manifest.dist_info}/RECORD"
    lines.insert(bisect_right(lines, own, key=_key), row(own))
    if wanted.list_compiled and wanted.compiled:
        for compiled in wanted.compiled:
            lines += [
                _mark(manifest.root, scheme, row(path))
                for scheme, path, _, _ in compiled.manifest.files()
            ]
        lines.sort(key=_key)


def template(files: FileSystem, entry: Entry) -> list[str]:
    """Return the entry's rendered rows, sorted; those of other schemes begin with a mark.

    Out of its manifest where it keeps none that are whole: it may be foreseen for a dry run, or
    nobody has looked at it yet, which is done where it is used.
    """
    manifest = entry.manifest
    data = _kept_rows(files, entry)
    if not is_sealed(data, manifest.id):
        lines = [line.decode("utf-8", "surrogateescape") for line in rows_of(manifest)]
        return sorted(lines, key=_key)
    text = unsealed(data).decode("utf-8", "surrogateescape")
    return text.split("\n") if text else []


def _kept_rows(files: FileSystem, entry: Entry) -> bytes:
    if entry.folder:
        try:
            return files.read(f"{entry.folder}/record")
        except OSError as error:
            if not no_file(error):
                raise
    return b""


def with_prefixes(lines: list[str], root: str, schemes: Mapping[str, str]) -> bytes:
    """Return rendered rows with the folders of other schemes in place of their marks."""
    text = "\n".join(lines) + "\n"
    if "\t" in text:
        for scheme in schemes:
            mark = f"\t{scheme}\t"
            if mark in text:
                prefix = prefix_of(schemes[scheme], schemes[root])
                quoted = mark + '"'
                text = (
                    text.replace(quoted, '"' + prefix.replace('"', '""'))
                    if (quoted in text)
                    else text
                )
                text = text.replace(mark, prefix)
    return text.encode("utf-8", "surrogateescape")


def prefix_of(folder: str, root: str) -> str:
    """Return what RECORD puts before paths of another scheme's folder, as installer does."""
    if os.name == "nt":
        return os.path.abspath(folder).replace("\\", "/") + "/"
    return os.path.relpath(folder, root) + "/"


def _mark(root: str, scheme: str, line: str) -> str:
    return line if scheme == root else f"\t{scheme}\t{line}"


def _key(line: str) -> str:
    """Return what installer sorts by: the path inside its scheme."""
    return path_of(line[line.index("\t", 1) + 1 :] if line.startswith("\t") else line)


def _row_of(one: Generated) -> str:
    return row(one.path, f"sha256={hash_data(one.data)}", len(one.data))


def metadata_of(
    wish: Wish, hash_: str | None, *, listed: bool, files: FileSystem
) -> dict[str, bytes]:
    """Return the dist-info files that the installing tool adds: name -> contents.

    :param hash_: SHA-256 of the wheel file, where it is known
    :param listed: whether the environment gets any (a stage does not)
    """
    if wish.path is None or not listed:
        return dict(wish.metadata or {})
    metadata = {"INSTALLER": b"linkinstall\n"}
    if wish.requested:
        metadata["REQUESTED"] = b""
    if wish.direct_url is None:
        metadata["direct_url.json"] = direct_url(wish.path, hash_, files)
    elif wish.direct_url != "none":
        metadata["direct_url.json"] = direct_url_of(wish.direct_url, hash_)
    return {**metadata, **(wish.metadata or {})}


def direct_url(path: str, hash_: str | None, files: FileSystem) -> bytes:
    """Return ``direct_url.json`` for a local wheel file (PyPA "direct URL" data)."""
    return direct_url_of("file://" + _quote(absolute(files, path)), hash_)


def direct_url_of(url: str, hash_: str | None) -> bytes:
    """Return ``direct_url.json`` for a URL that needs no more escaping."""
    url, info = _without_secrets(url), ""
    if hash_:
        info = f'"hash": "sha256={hash_}", "hashes": {{"sha256": "{hash_}"}}'
    quoted = f'"{url}"'
    if not (url.isascii() and url.isprintable()) or '"' in url or "\\" in url:
        import json  # costs 8 ms, and a file's URL never needs it

        quoted = json.dumps(url)
    return f'{{"archive_info": {{{info}}}, "url": {quoted}}}'.encode("ascii")


def _without_secrets(url: str) -> str:
    """Take user and password out, as the specification demands, unless they are no secret.

    ``git`` is none, nor are names of environment variables.
    """
    scheme, mark, rest = url.partition("://")
    end = min((rest.find(one) for one in "/?#" if one in rest), default=len(rest))
    user, _, host = rest[:end].rpartition("@")
    parts = user.split(":")
    variables = [part[2:-1] for part in parts if part.startswith("${") and part.endswith("}")]
    named = len(variables) == len(parts) and all(
        name.replace("_", "").replace("-", "").isalnum() for name in variables
    )
    return url if user in ("", "git") or named else f"{scheme}{mark}{host}{rest[end:]}"


_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")


def _quote(path: str) -> str:
    # urllib.parse.quote costs 10 ms to import; this is RFC 3986's unreserved set.
    data = os.fsencode(path.replace("\\", "/") if os.name == "nt" else path)
    text = "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in data)
    if os.name == "nt":
        text = text.replace("%3A", ":", 1)  # the drive's
    return text if text.startswith("/") else "/" + text
