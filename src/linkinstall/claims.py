"""Who brings which file: the names that the wheels of one plan claim.

Purpose: find the files that two wheels of a plan bring, or one wheel twice, and the
paths that would be a file and a folder at once. Whoever asks for spellings says which folders
stand.

Calling sequence: ``free`` for the names of each folder; when all are known
``check_files_against_folders``, and ``check_spellings`` where case does not count.

Guarantees: pure. A name is looked at only where its folder is claimed a second time.

Errors: none; what is refused is told to the planner.
"""

from __future__ import annotations

from linkinstall.manifest import column
from linkinstall.paths import folded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from linkinstall.requests import Request

    _Claim = tuple[Request, tuple[str, ...], str]  # its names and their sizes

__all__ = ["Claims", "is_compiled_file"]


class Claims:
    """See the module docstring.

    :param refuse: told code, path, owner and reason of what is in the way
    :param alike: asked of two wheels and a path whether they may share what they bring there
    """

    def __init__(
        self,
        refuse: Callable[[str, str, str | None, str], None],
        alike: Callable[[Request, Request, str], bool],
    ) -> None:
        self._refuse, self._alike = refuse, alike
        self._claims: dict[str, list[_Claim]] = {}
        # Folder -> name -> who claims it, and how large; of folders that are claimed twice.
        self._taken: dict[str, dict[str, list[tuple[Request, str]]]] = {}

    def free(
        self, request: Request, folder: str, names: tuple[str, ...], sizes: str
    ) -> tuple[tuple[str, ...], str]:
        """Claim names; return those that no wheel has claimed before, with their sizes.

        What two wheels may share is the first one's; all else is refused.

        :param sizes: those of a :class:`~linkinstall.manifest.Folder`
        """
        claims = self._claims.get(folder)
        if claims is None:
            self._claims[folder] = [(request, names, sizes)]
            return names, sizes
        taken = self._taken.setdefault(folder, {})
        if not taken:  # mostly a folder is claimed once
            _take(taken, *claims[0])
        free = dict(zip(names, column(sizes), strict=True))
        for name in [one for one in free if one in taken]:
            for other, their_size in taken[name]:
                shared = _is_shared(folder, name, free[name], their_size)
                if shared or self._alike(request, other, f"{folder}/{name}"):
                    del free[name]
                    break
                self._refuse_second(request, other, f"{folder}/{name}")
        _take(taken, request, names, sizes)
        claims.append((request, names, sizes))
        return tuple(free), " ".join(free.values())

    def _refuse_second(self, request: Request, other: Request, path: str) -> None:
        reason = "comes twice in one wheel"
        if other is not request:
            reason = f"is in both {other.name} and {request.name}"
        self._refuse("claimed-twice", path, other.name, reason)

    def check_files_against_folders(self) -> None:
        """Refuse what would be a file of one wheel and a folder of another."""
        for folder in self._folders():
            parent, _, name = folder.rpartition("/")
            for request, names, _ in self._claims.get(parent, ()):
                if name in names:
                    reason = "would be a file and a folder at once"
                    self._refuse("claimed-twice", folder, request.name, reason)

    def check_spellings(self, stands: Callable[[str], bool]) -> None:
        """Refuse paths of several wheels that are one where case and Unicode form do not count.

        :param stands: whether a folder is there already, whichever of its spellings is asked for
        """
        first: dict[str, str] = {}
        for folder in self._folders():
            names = (name for _, names, _ in self._claims.get(folder, ()) for name in names)
            for path in (folder, *(f"{folder}/{name}" for name in names)):
                other = first.setdefault(folded(path), path)
                # What lies in two spellings of one folder differs, too; the folder is told.
                alike = path.rpartition("/")[0] == other.rpartition("/")[0]
                if path != other and alike and not (path == folder and stands(folder)):
                    reason = f"differs only by case or Unicode form from {other}"
                    self._refuse("case-collision", path, None, reason)

    def _folders(self) -> dict[str, None]:
        """Return the folders that are claimed, and those above them."""
        folders: dict[str, None] = {}
        for folder in self._claims:
            path = folder
            while path and path not in folders:
                folders[path] = None
                path = path.rpartition("/")[0]
        return folders


def _take(
    taken: dict[str, list[tuple[Request, str]]], request: Request, names: Iterable[str], sizes: str
) -> None:
    for name, size in zip(names, column(sizes), strict=True):
        taken.setdefault(name, []).append((request, size))


def _is_shared(folder: str, name: str, size: str, other: str) -> bool:
    """Return whether two distributions may hold one file: empty, or compiled from such."""
    return is_compiled_file(folder, name) or (name == "__init__.py" and size == other == "0")


def is_compiled_file(folder: str, name: str) -> bool:
    """Return whether a path is that of a compiled file.

    Compiled files follow their source: where two have one source, the second is no
    conflict, and where the sources are in conflict, those are named.
    """
    return name.endswith(".pyc") and folder.endswith("/__pycache__")
