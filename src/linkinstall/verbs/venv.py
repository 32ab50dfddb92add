"""Make, empty, remove and decouple virtual environments.

Calling sequence::

    outcome = create_venv(".venv", python="3.12")
    outcome = clear_venv(".venv")
    outcome = remove_venv(".venv")
    outcome = decouple_venv(".venv")

Guarantees: what stands at the path is either as it was or as it was to be; a kill in
between is settled by the next of these calls at the same path. A path that is a link
stays one. Nothing but a virtual environment is ever removed.

Errors: :class:`~linkinstall.errors.NotAVenvError` and
:class:`~linkinstall.errors.CacheError` before anything is done,
:class:`~linkinstall.errors.LockTimeoutError`,
:class:`~linkinstall.errors.FileSystemError` and :class:`~linkinstall.errors.VenvError`
with everything put back, :class:`~linkinstall.errors.UnsettledError` where that failed.
"""

from __future__ import annotations

import os

from linkinstall import limits
from linkinstall.outcome import Warn
from linkinstall.values import replace
from linkinstall.venvs.guards import refuse_creation, refuse_decoupling
from linkinstall.venvs.making import Wanted, version_of, wanted_again
from linkinstall.venvs.place import Place
from linkinstall.venvs.sight import ABSENT, DANGLING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from linkinstall.fs.port import FileSystem
    from linkinstall.outcome import Outcome

    Path = str | os.PathLike[str]

__all__ = ["clear_venv", "create_venv", "decouple_venv", "remove_venv"]


def create_venv(
    path: Path,
    *,
    python: Path = "",
    clear: bool = False,
    prompt: str = "",
    system_site_packages: bool = False,
    force: bool = False,
    cache_dir: str | None = None,
    sync: str = "normal",
    lock_timeout: float | None = None,
    notify: Callable[[str], None] | None = None,
    files: FileSystem | None = None,
) -> Outcome:
    """Make a virtual environment; keep the one that a killed run has left, once that is settled.

    :param python: an interpreter's path, name or version; default the running one
    :param clear: take away the environment that stands there
    :param force: take away also what is left of one, and a cache in it that others need
    :param cache_dir: the cache in use, which is not to go unasked
    :raises NotAVenvError: something is in the way
    :raises CacheError: the cache lies there, and other environments need it
    """
    wanted = Wanted(os.fspath(python), prompt, system_site_packages)
    with Place(
        path, "venv create", files, sync, lock_timeout, notify, cache_dir=cache_dir
    ) as place:
        if clear:
            return place.make_anew(wanted, force=force)
        if place.has_settled_venv():
            return place.unchanged()
        refuse_creation(place.sight)
        return place.make_anew(wanted)


def clear_venv(
    path: Path,
    *,
    python: Path = "",
    prompt: str = "",
    system_site_packages: bool = False,
    force: bool = False,
    cache_dir: str | None = None,
    sync: str = "normal",
    lock_timeout: float | None = None,
    notify: Callable[[str], None] | None = None,
    files: FileSystem | None = None,
) -> Outcome:
    """Empty a virtual environment: make it anew at the same place.

    It keeps its interpreter, its prompt and whether it sees the system's distributions,
    where nothing else is asked for. Where its interpreter is gone, or of another version by
    now, a warning says so.

    :param force: also what is left of one, and a cache in it that others need
    :param cache_dir: the cache in use: it remembers interpreters' answers, and is not to go unasked
    :raises NotAVenvError: what stands there is no virtual environment
    :raises CacheError: the cache lies there, and other environments need it
    """
    from functools import partial

    from linkinstall.interpreters import answer_of

    wanted = Wanted(os.fspath(python), prompt, system_site_packages)
    with Place(path, "venv clear", files, sync, lock_timeout, notify, cache_dir=cache_dir) as place:
        where = place.sight.place
        asking = partial(answer_of, cache_dir=cache_dir)
        again, gone = wanted_again(place.files, where, wanted, asking)
        outcome = place.make_anew(again, force=force)
        if not gone:
            return outcome
        version = version_of(place.files, where)
        message = (
            f"The interpreter that {where} was made with is gone: {gone}. It was made anew with "
            f"the default one{version and f', Python {version}'}; --python names another."
        )
        warning = Warn("interpreter-gone", message)
        return replace(outcome, warnings=(*outcome.warnings, warning))


def remove_venv(
    path: Path,
    *,
    follow: bool = False,
    force: bool = False,
    cache_dir: str | None = None,
    sync: str = "normal",
    lock_timeout: float | None = None,
    notify: Callable[[str], None] | None = None,
    processes: bool = False,
    files: FileSystem | None = None,
) -> Outcome:
    """Remove a virtual environment; of a link, the link alone.

    :param follow: remove the environment that a link leads to, and the links to it
    :param force: also what is left of an environment, and a cache in it that others need
    :param cache_dir: the cache in use, which is not to go unasked
    :param processes: whether this process may be forked: it has no threads
    :raises NotAVenvError: what stands there is no virtual environment
    :raises CacheError: the cache lies there, and other environments need it
    """
    with Place(
        path,
        "venv remove",
        files,
        sync,
        lock_timeout,
        notify,
        processes=processes,
        cache_dir=cache_dir,
    ) as place:
        links = place.sight.links
        if links and not follow:
            return place.drop_links(links[:1])
        if place.sight.kind == DANGLING:  # so it is where this was killed after its commit
            return place.drop_links(tuple(dict.fromkeys(links)))  # of a circle each once
        if place.sight.kind == ABSENT:
            return place.nothing_there()
        return place.remove(force=force)


def decouple_venv(
    path: Path,
    *,
    every: bool = False,
    cache_dir: str | None = None,
    sync: str = "normal",
    lock_timeout: float | None = None,
    notify: Callable[[str], None] | None = None,
    files: FileSystem | None = None,
) -> Outcome:
    """Give each binary that shares its inode with another place a private copy.

    :param every: each file, not binaries alone
    :param cache_dir: the cache that remembers interpreters' answers
    :raises NotAVenvError: what stands there is no whole virtual environment
    :raises EnvironmentNotFoundError: its interpreter does not run
    """
    from linkinstall.environment import Environment
    from linkinstall.venvs.decoupling import decouple

    with Place(path, "venv decouple", files, sync, lock_timeout, notify) as place:
        refuse_decoupling(place.sight)
        outcome = decouple(
            place.files,
            place.sight,
            Environment.of(place.sight.path, cache_dir),
            every=every,
            sync=sync,
            lock_timeout=limits.LOCK_WAIT if lock_timeout is None else lock_timeout,
            notify=notify,
        )
        return place.settled.before(outcome)
