"""Two environments, one wheel: whether ours is what pip's is.

Purpose: every difference between the trees, except those that are right, each named here.

Calling sequence: ``unlike(theirs, ours, bare)`` with two venvs that stood at the same path
while the wheel was installed; [] means alike.

Guarantees: kinds, contents, all permission bits and the rows of RECORD are compared, of
files and folders. What may differ is listed in :data:`TOLERATED`, and each of these is still
compared as far as it can be.

Errors: ``OSError`` where something cannot be read.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any

from integration.support.records import dist_infos, read_record
from integration.support.trees import Node, Tree, differences, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from integration.support.environments import Venv

TOLERATED = {
    "INSTALLER": "names the tool, and has to",
    "direct_url.json": "pip adds a digest of the archive, which a warm install does not read",
    "launchers": "each tool has its own text; interpreter and called object have to be the same",
    "headers": "pip has its own folder for them in a venv; ours is that of sysconfig and installer",
    "compiled files": "hold the time of their source; that they are there is compared",
    "compiled scripts": "pip compiles scripts whose name ends in .py; nothing ever imports those",
    "rows of these in RECORD": "their digests; compiled files of ours are linked, not listed",
}
"""What may differ between an installation of pip's and ours, and why."""
_HEADERS_OF_PIP = re.compile(r"(include/)site(/python[^/]*|$)")
_ENTRY_POINT = re.compile(rb"from ([\w.]+) import (\w+)")


def unlike(theirs: Venv, ours: Venv, bare: Tree) -> list[str]:
    """Return how our installation differs from pip's."""
    found = differences(_placed(theirs, bare), _placed(ours, bare))
    found += [
        f"row {row}: only of {tool}"
        for tool, rows, others in (
            ("pip", _rows(theirs), _rows(ours)),
            ("ours", _rows(ours), _rows(theirs)),
        )
        for row in sorted(rows - others)
    ]
    if _metadata(theirs) != _metadata(ours):
        found.append(f"importlib.metadata: {_metadata(theirs)} -> {_metadata(ours)}")
    return found


def _placed(venv: Venv, bare: Tree) -> Tree:
    """Return what was installed, that which tools write in their own way in a common form."""
    launchers = _launchers(venv)
    of_scripts = f"{venv.scripts.name}/__pycache__"
    tree = snapshot(
        venv.root, ignore=lambda path: path in bare or path.startswith((of_scripts, ".lock"))
    )
    placed = {
        _path(path): _common(venv.root / path, node, launcher=path in launchers)
        for path, node in tree.items()
    }
    return {path: node for path, node in placed.items() if path not in bare}


def _path(path: str) -> str:
    """Return where a path of pip's lies in ours."""
    return _HEADERS_OF_PIP.sub(r"\1\2", path).rstrip("/").replace("//", "/")


def _common(path: Path, node: Node, *, launcher: bool) -> Node:
    contents = node.contents
    if node.kind != "file":
        return node
    if path.suffix == ".pyc" or _is_of_the_tool(path, "INSTALLER", "RECORD"):
        contents = ""
    elif _is_of_the_tool(path, "direct_url.json"):
        contents = _origin(json.loads(path.read_bytes()))
    elif launcher:
        contents = _call(path.read_bytes())
    return replace(node, contents=contents)


def _is_of_the_tool(path: Path, *names: str) -> bool:
    return path.name in names and path.parent.name.endswith(".dist-info")


def _origin(form: dict[str, Any]) -> str:
    """Return where a wheel came from, without its digest."""
    assert form["archive_info"].keys() <= {"hash", "hashes"}
    return json.dumps({**form, "archive_info": {}}, sort_keys=True)


def _call(launcher: bytes) -> str:
    """Return the interpreter that a launcher names, and what it imports besides re and sys."""
    ast.parse(launcher)
    first = launcher.splitlines()[0]
    return repr((first, sorted(set(_ENTRY_POINT.findall(launcher)))))


def _launchers(venv: Venv) -> set[str]:
    """Return the paths of the scripts that were made from entry points."""
    return {
        f"{venv.scripts.name}/{point.name}"
        for one in distributions(path=[str(venv.library)])
        for point in one.entry_points
        if point.group in ("console_scripts", "gui_scripts")
    }


def _rows(venv: Venv) -> set[tuple[str, str, str]]:
    """Return the rows of RECORD, without digest and size where the files may differ."""
    launchers = {f"../../../{path}" for path in _launchers(venv)}
    return {
        (_path(path), *(("", "") if path in launchers or _may_differ(path) else told))
        for dist_info in dist_infos(venv.library)
        for path, *told in read_record(dist_info)
        if not path.endswith(".pyc")
    }


def _may_differ(path: str) -> bool:
    return path.endswith((".dist-info/INSTALLER", ".dist-info/direct_url.json"))


def _metadata(venv: Venv) -> list[Any]:
    """Return what the standard library says is installed."""
    return sorted(
        [
            one.metadata["Name"],
            one.version,
            sorted(one.requires or ()),
            sorted(map(str, one.entry_points)),
            sorted(_path(str(path)) for path in one.files or () if path.suffix != ".pyc"),
        ]
        for one in distributions(path=[str(venv.library)])
    )
