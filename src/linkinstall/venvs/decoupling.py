"""Private copies for files of an environment that share their inode with other places.

Purpose: another tool has hard-linked an environment out of its cache, and on Windows no
link of a file that runs can be deleted, in any environment. A private copy of each
binary ends that (``docs/explanation/link-modes.md``).

Calling sequence: ``decouple(files, sight, environment, every=False, ...)``.

Guarantees: one journaled transaction, as an install is: all files or none, and the next
run settles a kill. Contents and times of the files stay, so ``RECORD`` and compiled files
stay true, and so do their owners and modes. Links are not followed. A file on another volume
than the library folder, or with an owner that this user cannot give, is left alone, and named.

Errors: those of a transaction.
"""

from __future__ import annotations

import os
from stat import S_ISREG

from linkinstall.application import Application, Origin
from linkinstall.cache import Cache
from linkinstall.fs.port import FILE, FOLDER
from linkinstall.fs.volumes import Volumes
from linkinstall.interrupts import deferred
from linkinstall.linking import Preferences
from linkinstall.outcome import FileCount, Kept, Outcome, Warn
from linkinstall.paths import forward
from linkinstall.plan import LOOSE, PAYLOAD, Fresh, Group, Plan, PlanChange, StashItem
from linkinstall.policy import Capabilities, is_binary_name
from linkinstall.recovery import not_durable, not_put_back
from linkinstall.results import put_aside, typed, with_outcome
from linkinstall.session import Session
from linkinstall.values import replace, value
from linkinstall.venvs.sight import LOCK
from linkinstall.world import STATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linkinstall.environment import Environment
    from linkinstall.fs.port import FileSystem
    from linkinstall.recovery import Report
    from linkinstall.venvs.sight import Sight

__all__ = ["decouple"]

MAGIC = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""How binaries begin: PE, ELF, Mach-O of 64 and 32 bits, Mach-O of several kinds."""


@value
class Coupled:
    """The files of one folder that have further hard links."""

    folder: str
    names: tuple[str, ...]


def decouple(
    files: FileSystem,
    sight: Sight,
    environment: Environment,
    *,
    every: bool,
    sync: str,
    lock_timeout: float,
    notify: Callable[[str], None] | None,
) -> Outcome:
    """Copy what is coupled, and put the copies in place of the links.

    :param every: each file, not binaries alone
    """
    volumes = Volumes(files, sync)
    session = Session(files, environment, volumes)
    application = None
    kept: list[Kept] = []
    try:
        world = session.begin(timeout=lock_timeout, notify=notify)
        coupled = list(_coupled(files, sight.place, world.home, kept, every=every))
        if not coupled:
            return _outcome(sight, environment, session.report, kept)
        plan = _plan(coupled, world.home)
        preferences = Preferences("copy", False, (Capabilities(),))  # noqa: FBT003 - a value's fields
        root, made = files.real_path(environment.root), tuple(session.made)
        origin = Origin(root, made, (), Cache(), (), _no_refresh, volumes)
        application = Application(files, plan, preferences, origin)
        application.prepare()
        return _commit(application, sight, environment, session, kept)
    except BaseException as error:
        outcome = _outcome(sight, environment, session.report, kept)
        with deferred():
            try:
                if application is not None:
                    application.undo()
                    aside = application.kept
                    warnings = (*outcome.warnings, *put_aside(aside))
                    outcome = replace(outcome, kept=(*outcome.kept, *aside), warnings=warnings)
            except OSError as cause:
                failure = not_put_back(session.home, cause, error)
                raise typed(failure, sight.place, outcome) from error
        raise typed(error, sight.place, outcome, files) from error
    finally:
        session.end()
        volumes.close()


def _commit(
    application: Application,
    sight: Sight,
    environment: Environment,
    session: Session,
    kept: list[Kept],
) -> Outcome:
    """Commit and clean up; Ctrl-C does not hide what is done by then."""
    with deferred() as held:
        application.commit()
        held.too_late = True
        outcome = _outcome(sight, environment, session.report, kept, application)
        try:
            return _committed(application, outcome)
        finally:
            session.end()


def _committed(application: Application, outcome: Outcome) -> Outcome:
    try:
        application.volumes.make_durable(application.home)
    except OSError as error:
        failure = not_durable(application.home, error)
        with_outcome(failure, outcome)
        raise failure from error
    try:
        settlement = application.clean_up()
    except OSError as error:
        message = f"cleaning up after the change is left to the next run: {error}"
        return replace(outcome, warnings=(*outcome.warnings, Warn("cleanup", message)))
    return replace(outcome, pending=(*outcome.pending, *settlement.pending))


def _outcome(
    sight: Sight,
    environment: Environment,
    report: Report,
    kept: list[Kept],
    application: Application | None = None,
) -> Outcome:
    counts = application.staging.placements.counts if application is not None else {}
    action = "decoupled" if application is not None else "unchanged"
    return Outcome(
        "venv decouple",
        status="done" if application is not None or report.recovered else "unchanged",
        environment_root=forward(environment.root),
        environment_python=forward(environment.python),
        environment_library=forward(environment.library),
        recovered=report.recovered,
        files=FileCount(**counts),
        pending=report.pending,
        kept=(*report.kept, *kept),
        warnings=tuple(put_aside(report.kept)),
        venv={"path": sight.path, "place": sight.place, "action": action},
    )


def _coupled(
    files: FileSystem, place: str, home: str, kept: list[Kept], *, every: bool
) -> Iterator[Coupled]:
    """Yield folder by folder what has further hard links."""
    library = files.status(os.path.dirname(home))
    waiting = [place]
    while waiting:
        folder = waiting.pop()
        entries = files.scan(folder)
        waiting += [
            f"{folder}/{name}" for name, kind in entries if kind == FOLDER and name != STATE
        ]
        # Who waits for its lock, which this very command holds, waits for the file.
        locks = {LOCK} if folder == place else set()
        names = [name for name, kind in entries if kind == FILE and name not in locks]
        found = []
        for name, status in zip(names, files.statuses(folder, names), strict=True):
            if status is None or not S_ISREG(status.st_mode) or status.st_nlink < 2:  # noqa: PLR2004 - its own name is one
                continue
            path = f"{folder}/{name}"
            if not (every or _is_binary(files, path)):
                continue
            if library is not None and status.st_dev != library.st_dev:
                kept.append(Kept(path, "it lies on another volume than the library folder"))
                continue
            if not files.can_pass_on(status):
                kept.append(Kept(path, "it belongs to another user or group than a copy would"))
                continue
            found.append(name)
        if found:
            yield Coupled(folder, tuple(found))


def _is_binary(files: FileSystem, path: str) -> bool:
    if is_binary_name(path):
        return True
    with files.open_read(path) as stream:
        return stream.read(4).startswith(MAGIC)


def _plan(coupled: list[Coupled], home: str) -> Plan:
    """Return the plan that stashes the links and puts copies of them in their places."""
    stash, groups, fresh = [], [], []
    for number, one in enumerate(coupled):
        stash.append(StashItem(number, LOOSE, one.folder, (("", one.names),), 0))
        groups.append(Group(number, LOOSE, one.folder, PAYLOAD))
        for name in one.names:
            source = f"{one.folder}/{name}"
            fresh.append(Fresh(number, "", name, b"", executable=False, change=0, source=source))
    return Plan(
        changes=(PlanChange("", None, None, "decoupled"),),
        stash=tuple(stash),
        groups=tuple(groups),
        folders=(),
        trees=(),
        placements=(),
        fresh=tuple(fresh),
        states=(home,),
    )


def _no_refresh(_refused: object) -> None:
    """Do nothing: copies are not links, and so are never refused for too many of them."""
