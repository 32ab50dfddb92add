"""What a repaired distribution keeps of what its installer wrote beside the wheel's files.

Purpose: INSTALLER, REQUESTED, ``direct_url.json`` and uv's ``uv_cache.json``.

Calling sequence::

    metadata = inherited(files, examined)      # name in dist-info -> contents

Guarantees: reads only. What stands as RECORD has it is kept; so is what stands where
RECORD is gone. An INSTALLER that was lost is told by the digest in RECORD, as far as it
is that of a known tool; else this tool takes over. REQUESTED is kept where RECORD lists
it. What else was lost or edited is not written again.

Errors: ``OSError`` where something cannot be read.
"""

from __future__ import annotations

from linkinstall.digest import hash_data

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.fs.port import FileSystem
    from linkinstall.health import Examined

__all__ = ["inherited"]

_TOOLS = ("pip", "uv", "linkinstall", "poetry", "pdm", "installer", "conda", "hatch", "debian")
_OTHERS = ("direct_url.json", "uv_cache.json", "uv_build.json")
_SIZE = 1 << 20


def inherited(files: FileSystem, examined: Examined) -> dict[str, bytes]:
    """Return the files to write into dist-info besides the wheel's own."""
    kept = {name: data for name in _OTHERS if (data := _kept(files, examined, name))}
    name = "REQUESTED"
    if _listed(examined, name) is not None or _read(files, examined, name) is not None:
        kept[name] = b""
    return {"INSTALLER": _installer(files, examined), **kept}


def _installer(files: FileSystem, examined: Examined) -> bytes:
    known = _kept(files, examined, "INSTALLER")
    if known:
        return known
    expected = _listed(examined, "INSTALLER")
    for tool in _TOOLS:
        for data in (f"{tool}\n".encode(), tool.encode()):
            if f"sha256={hash_data(data)}" == expected:
                return data
    return b"linkinstall\n"


def _kept(files: FileSystem, examined: Examined, name: str) -> bytes | None:
    """Return the contents of a file of dist-info, if nothing says that they are others'."""
    data = _read(files, examined, name)
    if data is None or examined.rows is None:
        return data
    expected = _listed(examined, name)
    return data if expected in (None, "", f"sha256={hash_data(data)}") else None


def _listed(examined: Examined, name: str) -> str | None:
    """Return the digest that RECORD has for a file of dist-info, None where it lists none."""
    path = f"{examined.distribution.folder}/{name}"
    for row in examined.rows or ():
        if row.path.removeprefix("./") == path:
            return row.hash
    return None


def _read(files: FileSystem, examined: Examined, name: str) -> bytes | None:
    try:
        return files.read(f"{examined.distribution.path}/{name}", _SIZE)
    except OSError:
        return None
