"""What is refused before a plan is made, all reasons together: by its words, or by what stands.

Guarantees: reads only.

Errors: :class:`~linkinstall.errors.ConflictError`,
:class:`~linkinstall.errors.DistributionError`, :class:`~linkinstall.errors.UsageError`.
"""

from __future__ import annotations

import os

from linkinstall.distribution import read_installer, read_record
from linkinstall.entry_check import LEVELS
from linkinstall.interpreter_report import SCHEMES
from linkinstall.paths import forward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import NoReturn

    from linkinstall.cache import Cache, Entry
    from linkinstall.distribution import Distribution
    from linkinstall.environment import Environment
    from linkinstall.world import World

__all__ = [
    "refuse_both",
    "refuse_linked",
    "refuse_odd_kinds",
    "refuse_odd_metadata",
    "refuse_odd_options",
    "refuse_one_text",
    "refuse_passing_cache",
    "refuse_texts",
    "refuse_twice",
    "refuse_undone",
    "refuse_unplaceable",
    "refuse_unremovable",
    "refused_together",
]

_CHOICES = {
    # Flush nothing; once before the first change; and once more after the commit.
    "sync": ("off", "normal", "full"),
    "validate_record": ("all", "entries", "none"),
    "verify_cache": LEVELS,
}
"""Options that have a handful of values, and these."""
_COMPILE_LEVELS = (-1, 0, 1, 2)
_SCRIPT_KINDS = ("posix", "win-ia32", "win-amd64", "win-arm", "win-arm64")
_MADE_OF_PATHS = {
    "environment": ("an Environment", "Environment.of"),
    "cache": ("a Cache", "Cache"),
}


def refuse_odd_options(levels: tuple[int, ...], **chosen: str) -> None:
    """Refuse levels of compiled files and values of options that there are not.

    :raises UsageError: it is none of those that there are
    """
    odd = [
        f"unknown {name} {text!r}: one of {', '.join(_CHOICES[name])}"
        for name, text in chosen.items()
        if text not in _CHOICES[name]
    ]
    odd += [f"no compile level: {one!r}" for one in levels if one not in _COMPILE_LEVELS]
    if odd:
        from linkinstall.errors import UsageError

        raise UsageError("; ".join(odd))


def refuse_one_text(given: object, what: str) -> None:
    """Refuse one text in the place of several, which would be taken letter by letter.

    :raises UsageError: it is a text or a path
    """
    if isinstance(given, (str, bytes, os.PathLike)):
        from linkinstall.errors import UsageError

        raise UsageError(
            f"{what} is one text, and not a list of them: {given!r}.",
            next_step="Nothing was changed. Give a list, if it holds one only.",
        )


def refuse_texts(**given: object) -> None:
    """Refuse a text or a path where an object is wanted that knows the place.

    :param given: ``environment`` or ``cache``, as it was given
    :raises UsageError: it is a text or a path
    """
    for what, one in given.items():
        if isinstance(one, (str, bytes, os.PathLike)):
            from linkinstall.errors import UsageError

            raise UsageError(
                f"{what} is a path, and not {_MADE_OF_PATHS[what][0]}: {one!r}.",
                next_step=f"Nothing was changed. Give {_MADE_OF_PATHS[what][1]}(path).",
            )


def refuse_odd_kinds(script_kind: str, hash_algorithm: str) -> None:
    """Refuse what a destination has no launchers or no digests of.

    :raises UsageError: there is no such kind, or no such algorithm
    """
    from linkinstall.errors import UsageError

    if script_kind not in _SCRIPT_KINDS:
        raise UsageError(f"unknown script_kind {script_kind!r}: one of {', '.join(_SCRIPT_KINDS)}")
    import hashlib

    try:
        sized = hashlib.new(hash_algorithm).digest_size
    except (TypeError, ValueError) as error:
        raise UsageError(f"unknown hash_algorithm {hash_algorithm!r}: {error}") from error
    if not sized:  # SHAKE
        raise UsageError(f"hash_algorithm {hash_algorithm!r} has no digests of one length")


def refuse_odd_metadata(metadata: Mapping[str, object]) -> None:
    """Refuse what cannot be a file of a dist-info, with its contents.

    :raises UsageError: a name leads elsewhere, or contents are no bytes
    """
    for name, data in metadata.items():
        parts = name.split("/")
        if {"", ".", ".."} & {*parts} or any(mark in name for mark in "\\:\0"):
            reason = "names no file of a dist-info"
        elif not isinstance(data, bytes):
            reason = f"has {type(data).__name__} for its contents, not bytes"
        else:
            continue
        from linkinstall.errors import UsageError

        raise UsageError(f"The metadata {name!r} {reason}.", next_step="Nothing was changed.")


def refuse_twice(names: Sequence[str], wheels: Sequence[str | None]) -> None:
    """Refuse two wheels of one project in one transaction.

    :param wheels: for each of ``names`` the wheel file, None where there is none
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        from linkinstall.errors import ConflictError, Problem

        problems = []
        for name in twice:
            files = [path for one, path in zip(names, wheels, strict=True) if one == name]
            for path in dict.fromkeys(files):
                where = forward(os.path.abspath(path)) if path is not None else ""
                reason = f"{name} comes twice" + (f": {path}" if path is not None else "")
                problems.append(Problem("claimed-twice", where, name, reason))
        raise ConflictError(
            f"Two wheels of one command are of the same project: {', '.join(twice)}.",
            problems=problems,
            next_step="Nothing was changed. Give one wheel for each project.",
        )


def refused_together(
    error: ValueError, cache: Cache, wheels: Iterable[str], validate_record: str
) -> ValueError:
    """Return the error for all wheels that cannot be taken, where one of them cannot.

    Only then the others are looked at for it; nothing is written. Another error stays.
    """
    from linkinstall.dry_run import foresee
    from linkinstall.errors import InvalidWheelError, Problem
    from linkinstall.results import with_outcome

    given = list(dict.fromkeys(wheels))
    if not isinstance(error, InvalidWheelError) or not given[1:]:
        return error  # of one wheel it says all: to look again would take as long again
    refused: list[str] = []
    problems: list[Problem] = []
    for wheel in given:
        path, name = forward(os.path.abspath(wheel)), os.path.basename(wheel)
        try:
            foresee(cache, wheel, validate_record)
        except InvalidWheelError as one:
            refused.append(path)
            for each in one.problems or [Problem("invalid-wheel", path, None, one.message)]:
                member = f"{path}/{each.path}" if each.path else path
                where = path if forward(each.path) == path else member
                problems.append(Problem(each.code, where, each.owner, f"{name}: {each.message}"))
        except OSError:  # it was one for the run, too, or is one from now on: another error
            continue
    if refused[1:]:
        together = InvalidWheelError(
            f"{len(refused)} wheels cannot be installed.",
            path=refused[0],
            problems=problems,
            next_step="Nothing was installed. Fetch these wheels again, or build them again.",
        )
        if error.outcome is not None:
            with_outcome(together, error.outcome)
        return together
    return error


def refuse_both(leaving: Iterable[str], placed: Iterable[str]) -> None:
    """Refuse to remove a project that a destination of the same transaction installs.

    What a destination places stands beside whatever is there, so the old one would stay.

    :param placed: the projects that a destination installs
    """
    both = sorted({*placed} & {*leaving})
    if both:
        from linkinstall.errors import ConflictError, Problem

        reason = "is to be removed, and a LinkDestination installs it"
        raise ConflictError(
            f"One transaction cannot do both: {both[0]} {reason}.",
            problems=[Problem("claimed-twice", "", one, f"{one} {reason}") for one in both],
            next_step="Nothing was changed. Remove it in a transaction before, or install the "
            "wheel by Transaction.install, which replaces it.",
        )


def refuse_linked(world: World, leaving: Iterable[Distribution]) -> None:
    """Refuse to remove or replace distributions whose dist-info is a link to a folder.

    What is in that folder is not ours to take, and without it the link tells nothing.
    """
    linked = [old for old in leaving if world.kind(old.path) == "link"]
    if not linked:
        return
    from linkinstall.errors import DistributionError, Problem

    problems = []
    for old in linked:
        reason = f"{old.path} is a link to {world.real_folder(old.path)}"
        problems.append(Problem("link-in-the-way", old.path, old.name, reason))
    raise DistributionError(
        f"The dist-info of {', '.join(sorted({one.name for one in linked}))} is a link, "
        "which is neither followed nor replaced.",
        problems=problems,
        next_step="Nothing was changed. Move the folder itself to the place of the link, "
        "and run the same command again.",
    )


def refuse_undone(coming: Sequence[str], removed_after: Mapping[str, int]) -> None:
    """Refuse to remove a project whose wheel was asked for before, in one transaction.

    The other order is a replacement. In this one nobody can tell which of them is meant.

    :param coming: what is to be installed, in the order in which it was asked for
    :param removed_after: how many of these were asked for before a project's removal was
    """
    both = sorted(name for name, number in removed_after.items() if name in coming[:number])
    if both:
        from linkinstall.errors import ConflictError, Problem

        reason = "is to be installed, and then removed"
        raise ConflictError(
            f"One transaction cannot do both: {both[0]} {reason}.",
            problems=[Problem("claimed-twice", "", one, f"{one} {reason}") for one in both],
            next_step="Nothing was changed. Ask for one of them.",
        )


def refuse_unremovable(world: World, leaving: Iterable[Distribution]) -> None:
    """Refuse to remove distributions whose RECORD says nothing (PyPA: tools must not).

    :raises DistributionError: there is none, or it has a row that cannot be read
    """
    lost = [old for old in leaving if world.rows(old) is None]
    if not lost:
        return
    from linkinstall.errors import DistributionError, Problem

    problems = []
    there = [bool(read_record(world.files, old)) for old in lost]
    for old, stands in zip(lost, there, strict=True):
        by = read_installer(world.files, old)
        what = "a RECORD that cannot be read" if stands else "no RECORD"
        reason = f"{old.path} has {what}" + (f" (installed by {by})" if by else "")
        problems.append(Problem("record-missing", f"{old.path}/RECORD", old.name, reason))
    raise DistributionError(
        f"Cannot tell which files belong to {', '.join(sorted({one.name for one in lost}))}: "
        f"RECORD {_lost(there)}.",
        problems=problems,
        next_step="Nothing was changed. Install a wheel of the project over it "
        "(that replaces the remains), then uninstall it.",
    )


def _lost(there: list[bool]) -> str:
    if all(there):
        return "cannot be read"
    return "is missing or cannot be read" if any(there) else "is missing"


def refuse_passing_cache() -> NoReturn:
    """Refuse symbolic links into a cache that goes when the command ends.

    :raises UsageError: always
    """
    from linkinstall.errors import UsageError

    raise UsageError(
        "Link mode symlink needs a cache that stays.",
        next_step="Leave out --no-cache, or take another --link-mode.",
    )


def refuse_unplaceable(environment: Environment, entry: Entry) -> None:
    """Refuse a wheel with files for a scheme that the environment has no folder for.

    :raises UsageError: folders were given one by one, and not all that it needs
    """
    if len(environment.schemes) >= len(SCHEMES):
        return
    manifest = entry.manifest
    used = {folder.scheme for folder in manifest.folders} | {manifest.root}
    used |= {"scripts"} if manifest.entry_points else set()
    missing = sorted(used - set(environment.scheme_for(manifest.distribution)))
    if missing:
        from linkinstall.errors import UsageError

        raise UsageError(
            f"{manifest.distribution} has files for {' and '.join(missing)}, and the "
            "environment names no such folder.",
            next_step="Nothing was changed. Name a folder for each scheme that the wheel has.",
        )
