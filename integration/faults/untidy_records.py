"""What others do to the RECORD files and the dist-info folders of an environment.

Purpose: RECORD is the one thing that tells whose a file is, and anybody writes it: older tools,
editors, packagers, a disk that was full. Each act makes one of these files, or the folder that
it is in, what has been seen somewhere, and some things besides.

Calling sequence: as ``untidy_acts``; ``rewrite(path, how, ...)`` for one RECORD.

Guarantees: as ``untidy_acts``. What a row names that nobody installed lies outside of the
environment, belongs to another project, or is missing: it must stay.

Errors: as ``untidy_acts``.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
from typing import TYPE_CHECKING

from integration.faults.ownership import INFO, Installed, distributions, listed
from integration.faults.untidy_acts import Scene, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.faults.untidy_acts import Act

    Rows = list[str]
    Whole = Callable[[Rows], str]
    Single = Callable[[str, str, str], str]

_TOP = "Metadata-Version: 2.1\n"


def _text(rows: Rows) -> str:
    return "".join(f"{row}\n" for row in rows)


def _parts(row: str) -> tuple[str, str]:
    """Return the path of a row, and the rest with its comma."""
    path = row.rsplit(",", 2)[0]
    return path, row[len(path) :]


def _quoted(rows: Rows) -> str:
    plain = [row.rsplit(",", 2) for row in rows if '"' not in row]
    return "".join(",".join(f'"{field}"' for field in row) + "\r\n" for row in plain)


def _backslashes(rows: Rows) -> str:
    parts = [_parts(row) for row in rows]
    return _text([path.replace("/", "\\") + rest for path, rest in parts])


WHOLE: dict[str, Whole] = {
    "backslashes": _backslashes,
    "CRLF": lambda rows: "".join(f"{row}\r\n" for row in rows),
    "no hashes": lambda rows: _text([f"{_parts(row)[0]},," for row in rows]),
    "no last line end": "\n".join,
    "empty": lambda _rows: "",
    "byte order mark": lambda rows: f"\ufeff{_text(rows)}",
    "quoted": _quoted,
    "sorted": lambda rows: _text(sorted(rows)),
    "not UTF-8": lambda rows: f"{_text(rows)}caf\udce9.txt,,\n",
    "a line too many": lambda rows: f"\n{_text(rows)}",
}
"""How a whole RECORD is rewritten."""
SINGLE: dict[str, Single] = {
    "absolute": lambda path, rest, library: os.path.normpath(f"{library}/{path}") + rest,
    "capitals": lambda path, rest, _library: path.upper() + rest,
    "a dot before it": lambda path, rest, _library: f"./{path}{rest}",
    "climbing": lambda path, rest, _library: f"x/../{path}{rest}",
    "cut": lambda path, _rest, _library: path[: len(path) // 2],
    "a size of letters": lambda path, _rest, _library: f"{path},,abc",
    "sha512": lambda path, rest, library: _with_digest(path, rest, library, "sha512"),
    "md5": lambda path, rest, library: _with_digest(path, rest, library, "md5"),
    "twice": lambda path, rest, _library: f"{path}{rest}\n{path}{rest}",
    "gone": lambda _path, _rest, _library: "",
}
"""How one row is rewritten, by its path, the rest of it, and the library."""


def _with_digest(path: str, rest: str, library: str, algorithm: str) -> str:
    try:
        with open(f"{library}/{path}", "rb") as stream:
            digest = hashlib.new(algorithm, stream.read()).digest()
    except OSError:
        return path + rest
    encoded = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return f"{path},{algorithm}={encoded},"


def rewrite(one: Installed, how: str, number: int = 0) -> bool:
    """Rewrite a RECORD; return whether there is one that can be.

    :param how: one of ``WHOLE`` or ``SINGLE``, or ``cut here``
    :param number: of the row, where it is one
    """
    rows = _rows(one)
    if not rows:
        return False
    if how in WHOLE:
        _put(one, WHOLE[how](rows))
        return True
    if how in SINGLE:
        changed = SINGLE[how](*_parts(rows[number]), one.library)
        _put(one, _text([*rows[:number], *changed.splitlines(), *rows[number + 1 :]]))
        return True
    _put(one, _text(rows[:number]))
    return True


def _rows(one: Installed) -> Rows:
    path = f"{one.path}/RECORD"
    if os.path.islink(path) or not os.path.isfile(path):
        return []
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return stream.read().splitlines()


def _put(one: Installed, text: str) -> None:
    path = f"{one.path}/RECORD"
    os.unlink(path)  # it may share its inode with the cache
    with open(path, "xb") as stream:
        stream.write(text.encode("utf-8", "surrogateescape"))


def _pick(scene: Scene) -> Installed | None:
    found = distributions(scene.place.libraries())
    return scene.chance.choice(found) if found else None


# ---------------------------------------------------------------- acts


def _rewrite(scene: Scene) -> str:
    one = _pick(scene)
    rows = _rows(one) if one else []
    if one is None or not rows:
        return ""
    how = scene.chance.choice((*WHOLE, *SINGLE, "cut here"))
    number = scene.chance.randrange(len(rows))
    rewrite(one, how, number)
    return f"{one.path} {how} {rows[number]}"


def _add_row(scene: Scene) -> str:
    """Let a RECORD list what is not its own."""
    one = _pick(scene)
    rows = _rows(one) if one else []
    if one is None or not rows:
        return ""
    at, outside, chance = scene.place.environment, scene.place.outside, scene.chance
    others = [path for other in distributions(scene.place.libraries()) for path in listed(other)]
    targets = {
        "missing": "nowhere/to/find.py",
        "a person's": f"{outside}/notes.txt",
        "climbing out": os.path.relpath(f"{outside}/folder/mine.py", one.library),
        "the settings": os.path.relpath(f"{at}/pyvenv.cfg", one.library),
        "the interpreter": os.path.relpath(f"{at}/bin/python", one.library),
        "the environment": os.path.relpath(at, one.library),
        "a folder": f"{os.path.dirname(_parts(rows[0])[0]) or '.'}/",
        "another's": os.path.relpath(chance.choice(others or [at]), one.library),
    }
    how = chance.choice(list(targets))
    rows.insert(chance.randrange(len(rows)), f"{targets[how]},,")
    _put(one, _text(rows))
    return f"{one.path} {how} {targets[how]}"


def _delete_one(scene: Scene) -> str:
    one = _pick(scene)
    if one is None:
        return ""
    path = f"{one.path}/{scene.chance.choice(('RECORD', 'METADATA', 'INSTALLER'))}"
    os.unlink(path)
    return path


def _twin(scene: Scene) -> str:
    """Put another dist-info folder of a project there, or give its own another name."""
    one = _pick(scene)
    if one is None:
        return ""
    stem = one.project.replace("-", "_")
    version = os.path.basename(one.path).removesuffix(INFO).rpartition("-")[2]
    names = (f"{stem}-9.9", f"{one.project.upper()}-{version}", f"{stem}-{version}.post9",
             f"{one.project.replace('-', '--')}-0", f"{stem}-")  # fmt: skip
    path = f"{scene.library()}/{scene.chance.choice(names)}{INFO}"
    if os.path.lexists(path):
        return ""
    how = scene.chance.choice(("copied", "renamed", "bare", "copied with its rows"))
    if how == "renamed":
        os.rename(one.path, path)
    elif how == "bare":
        _make_bare(path, one.project, "9.9")
    else:
        shutil.copytree(one.path, path, symlinks=True)
        twin = Installed(one.project, path, os.path.dirname(path))
        old, new = os.path.basename(one.path), os.path.basename(path)
        if how != "copied" and _rows(twin):
            _put(twin, _text(_rows(twin)).replace(old, new))
    return f"{how} {one.path} {path}"


def _make_bare(path: str, project: str, version: str, *more: str) -> None:
    name = os.path.basename(path)
    os.mkdir(path)
    write(f"{path}/METADATA", f"{_TOP}Name: {project}\nVersion: {version}\n")
    write(f"{path}/INSTALLER", "pip\n")
    rows = [f"{name}/{file},," for file in ("METADATA", "INSTALLER", "RECORD")]
    write(f"{path}/RECORD", _text([*(f"{row},," for row in more), *rows]))


def _leave_behind(scene: Scene) -> str:
    """Put there what older tools install, and what killed ones leave."""
    library, chance = scene.library(), scene.chance
    project = chance.choice(scene.wheels).project
    stem, outside = project.replace("-", "_"), f"{scene.place.outside}/folder"
    how = chance.choice(("egg-info", "a file of egg-info", "egg-link", "pth", "pip was killed",
                         "pip was killed over the dist-info", "an empty dist-info",
                         "editable"))  # fmt: skip
    if how == "egg-info":
        os.mkdir(f"{library}/{stem}-1.0.egg-info")
        write(f"{library}/{stem}-1.0.egg-info/PKG-INFO", f"{_TOP}Name: {project}\nVersion: 1.0\n")
    elif how == "a file of egg-info":
        write(f"{library}/{stem}-1.0.egg-info", f"{_TOP}Name: {project}\nVersion: 1.0\n")
    elif how == "egg-link":
        write(f"{library}/{project}.egg-link", f"{outside}\n.\n")
    elif how == "pth":
        write(f"{library}/{stem}.pth", f"{outside}\n")
    elif how == "an empty dist-info":
        os.mkdir(f"{library}/{stem}-0.1{INFO}")
    elif how == "editable":
        write(f"{library}/__editable__.{stem}-7.0.pth", f"{outside}\n")
        _make_bare(f"{library}/{stem}-7.0{INFO}", project, "7.0", f"__editable__.{stem}-7.0.pth")
    else:
        # It renames what it takes out, with ~ for the first letter.
        end = f"-1.0{INFO}" if how.endswith("dist-info") else ""
        os.mkdir(f"{library}/~{stem[1:]}{end}")
        write(f"{library}/~{stem[1:]}{end}/METADATA", f"{_TOP}Name: {project}\nVersion: 1.0\n")
    return f"{how} {project} {library}"


def _link_info(scene: Scene) -> str:
    """Move a dist-info folder out of the environment, and leave a link."""
    one = _pick(scene)
    if one is None or os.path.islink(one.path):
        return ""
    target = scene.new_outside()
    os.rename(one.path, target)
    os.symlink(target, one.path)
    return one.path


ACTS: dict[str, tuple[Act, float]] = {
    "rewrite a RECORD": (_rewrite, 4),
    "add a row": (_add_row, 1.5),
    "delete a file of a dist-info": (_delete_one, 1),
    "a twin": (_twin, 2.5),
    "leave something behind": (_leave_behind, 1),
    "link a dist-info": (_link_info, 0.4),
}
"""What somebody does -> how, and how often."""
