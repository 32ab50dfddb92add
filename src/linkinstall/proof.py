"""Which files are provably a distribution's own where its RECORD is gone.

Purpose: what ``repair --remove`` takes away by the manifest of the wheel.

Calling sequence::

    rows = proven_rows(world, distribution, manifest)
    if not tells_anything(world, distribution, manifest, rows): ...     # another wheel's

Guarantees: reads only. A file is proven by its place and its contents together: those
that the wheel has there, for a script the wheel's with another first line, for a
launcher one that calls its entry point. What was edited is not proven, and stays.

Errors: ``OSError`` where a file that is there cannot be read.
"""

from __future__ import annotations

from linkinstall.digest import hash_data
from linkinstall.distribution import library_path
from linkinstall.evidence import claims_of, prefix_in
from linkinstall.health import digest_at
from linkinstall.record import Row
from linkinstall.scripts import MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from linkinstall.distribution import Distribution
    from linkinstall.manifest import EntryPoint, Manifest
    from linkinstall.world import World

__all__ = ["is_launcher", "proven_rows", "tells_anything"]

_LAUNCHER_SIZE = 4 << 20
"""Bytes of a launcher at most; those for Windows have some 110,000."""
_ENDINGS = ("", ".exe", "-script.py", "-script.pyw")


def proven_rows(world: World, one: Distribution, manifest: Manifest) -> list[Row]:
    """Return a row for each file that stands as the wheel has it."""
    rows = [
        Row(path, expected, None)
        for path, expected in claims_of(world, manifest).items()
        if _digest(world, library_path(one.base, path)) == expected
    ]
    return [*rows, *_scripts(world, one, manifest)]


def tells_anything(
    world: World, one: Distribution, manifest: Manifest, rows: Iterable[Row]
) -> bool:
    """Return whether a file outside of dist-info is proven, or there is none to be proven.

    Else the manifest is hardly that of what is installed: with dist-info would go all that
    tells whose the files are.
    """
    inner = f"{manifest.dist_info}/"
    if any(not row.path.startswith(inner) for row in rows):
        return True
    return not any(
        world.files.status(library_path(one.base, path)) is not None
        for path in claims_of(world, manifest)
        if not path.startswith(inner)
    )


def is_launcher(data: bytes, point: EntryPoint) -> bool:
    """Return whether a script, or a program with one packed into it, calls an entry point."""
    if data.startswith(b"MZ"):
        data = _packed(data)
    name = point.attr.partition(".")[0]
    text = data.decode("utf-8", "replace")
    return (
        f"from {point.module} import {name}\n" in text.replace("\r\n", "\n")
        and f"sys.exit({point.attr}())" in text
    )


def _scripts(world: World, one: Distribution, manifest: Manifest) -> Iterator[Row]:
    prefix = prefix_in(world, "scripts", manifest)
    for scheme, path, _, digest in manifest.files():
        if scheme == "scripts":
            data = _contents(world, library_path(one.base, prefix + path))
            if data is not None and digest in _as_packed(data):
                yield Row(prefix + path, f"sha256={hash_data(data)}", len(data))
    for point in manifest.entry_points:
        for ending in _ENDINGS:
            path = prefix + point.name + ending
            data = _contents(world, library_path(one.base, path))
            if data is not None and is_launcher(data, point):
                yield Row(path, f"sha256={hash_data(data)}", len(data))


def _as_packed(data: bytes) -> set[str]:
    """Return the digests that a script may have in its wheel, whatever its first line is now."""
    _, newline, rest = data.partition(b"\n")
    lines = (MARK, MARK + b"w", MARK + b"\r", MARK + b"3")
    return {hash_data(data), *(hash_data(line + newline + rest) for line in lines)}


def _packed(data: bytes) -> bytes:
    """Return the script that is packed behind a launcher for Windows."""
    from io import BytesIO
    from zipfile import ZipFile

    try:
        with ZipFile(BytesIO(data)) as archive, archive.open("__main__.py") as script:
            return script.read(_LAUNCHER_SIZE)
    except Exception:  # noqa: BLE001 - what zipfile and its decompressors raise is of any kind
        return b""


def _contents(world: World, path: str) -> bytes | None:
    try:
        return world.files.read(path, _LAUNCHER_SIZE)
    except OSError:
        return None


def _digest(world: World, path: str) -> str | None:
    try:
        return digest_at(world.files, path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
