"""What other tools leave when they are killed, told for one project.

Purpose: find pip's ``~`` folders of a project, tell whether what is installed of it
is damaged, and name a distribution that keeps no RECORD at all.

Guarantees: reads only.

Errors: ``OSError`` where a folder cannot be read.
"""

from __future__ import annotations

from linkinstall.distribution import holds_written, is_cut, library_path, read_record, read_rows
from linkinstall.outcome import Warn
from linkinstall.record import is_compiled
from linkinstall.wheel import canonicalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linkinstall.distribution import Distribution
    from linkinstall.manifest import Manifest
    from linkinstall.world import World

__all__ = ["damage_of", "damage_test", "legacy", "remains"]


def remains(
    world: World, name: str, olds: Iterable[Distribution], manifest: Manifest | None
) -> list[str]:
    """Return what a killed pip left of a project: its ``~`` folders.

    pip renames a folder by putting ``~`` in the place of its first letter
    (``AdjacentTempDirectory``), so the rest of the name tells whose it was.
    """
    left = [
        (library, entry)
        for library in world.libraries
        for entry, kind in world.entries(library).items()
        if entry.startswith("~") and kind == "folder"
    ]
    if not left:  # mostly so
        return []
    stems = {name, name.replace("-", "_")}
    for old in olds:
        stems |= {old.folder, old.folder.rpartition("-")[0]}
    if manifest is not None:
        stems |= {manifest.dist_info, manifest.distribution}
        stems |= {folder.path.partition("/")[0] for folder in manifest.folders}
    tails = {stem[1:] for stem in stems if len(stem) > 1}
    found = []
    for library, entry in left:
        tail = entry[1:]
        stem, dot, _ = tail.partition(".dist-info")
        project = stem.rpartition("-")[0] if dot else tail
        if tail in tails or project in tails:
            found.append(f"{library}/{entry}")
    return found


def damage_test(
    world: World, name: str, olds: list[Distribution], manifest: Manifest
) -> Callable[[str], bool]:
    """Return the test whether what nobody owns in a folder is what is left of a project.

    It is asked when needed, with the folder, and looks once. A file that was edited is no
    damage, and where a RECORD names all that is owned, nothing is left in folders that others
    use as well: a library's own one, and those of other schemes. Neither is it there where a
    RECORD only seems to have lost its end.
    """
    known: dict[bool, bool] = {}

    def damaged(folder: str) -> bool:
        own = any(folder.startswith(f"{library}/") for library in world.libraries)
        if own not in known:
            known[own] = any(_tells_too_little(world, old) for old in olds) or (
                (own or not olds)
                and (
                    any(world.files.status(f"{old.path}/METADATA") is None for old in olds)
                    or any(_seems_cut(world, old, manifest) for old in olds)
                    or bool(remains(world, name, olds, manifest))
                )
            )
        return known[own]

    return damaged


def _tells_too_little(world: World, old: Distribution) -> bool:
    rows = read_rows(world.files, old)
    return not rows or is_cut(old, rows)


def _seems_cut(world: World, old: Distribution, manifest: Manifest) -> bool:
    """Return whether RECORD ends within a row, or has a part of this very wheel's rows alone.

    Rows are sorted, so those of METADATA and RECORD come early, and say nothing of the others.
    """
    if not (read_record(world.files, old).endswith(b"\n") or _ends_with_a_row(world, old)):
        return True
    if old.version != manifest.version:
        return False
    brought = {
        folder.join(name): f"sha256={digest}"
        for folder in manifest.folders
        if folder.scheme in ("purelib", "platlib")
        and not folder.path.startswith(manifest.dist_info)
        for name, _, digest in folder.rows()
    }
    own, info = f"{old.base}/", f"{old.base}/{old.folder}/"
    listed = {
        path.removeprefix(own): row.hash
        for row in read_rows(world.files, old) or ()
        for path in [library_path(old.base, row.path)]
        if path.startswith(own) and not (path.startswith(info) or is_compiled(path))
    }
    return bool(listed) and listed.items() < brought.items()


def _ends_with_a_row(world: World, old: Distribution) -> bool:
    """Return whether the last row is whole: some tools write no line end behind it."""
    rows = read_rows(world.files, old)
    if not rows:
        return False
    row = rows[-1]
    path = library_path(old.base, row.path)
    if path == f"{old.base}/{old.folder}/RECORD":
        return True
    status = world.files.status(path)
    return status is not None and status.st_size == row.size


def damage_of(world: World, old: Distribution, *, mends: bool = False) -> Iterable[Warn]:
    """Return a warning where a distribution that is replaced had lost its metadata.

    :param mends: a repair asks, which leaves somebody's files where they are
    """
    found = world.files.scan(old.path)
    names = {name for name, _ in found}
    if mends and names and not holds_written(found):
        return ()
    missing = [name for name in ("METADATA", "RECORD") if name not in names]
    if not missing:
        return ()
    message = f"{old.path} had no {' and no '.join(missing)}; its remains are replaced"
    return (Warn("damaged-replaced", message),)


def legacy(world: World, name: str) -> str:
    """Return the path of an egg-info or egg-link of the project, or ""."""
    for library in world.libraries:
        for entry in world.entries(library):
            stem, dot, suffix = entry.rpartition(".")
            # Only an egg-info has a version, and maybe more, behind the first hyphen.
            project = stem if suffix == "egg-link" else stem.partition("-")[0]
            if dot and suffix in ("egg-info", "egg-link") and canonicalize(project) == name:
                return f"{library}/{entry}"
    return ""
