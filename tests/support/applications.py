"""Plans and applications of small environments, without the transaction around them.

Calling sequence::

    plan, preparation = planned(site, wheel, out=["old"])
    application = applied(site, wheel, files=Recording(local()))
    application.prepare()
    journal_of(application)          # what a later run would read

Guarantees: nothing is flushed and compiled unless it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linkinstall.application import Application, Origin
from linkinstall.fs import local
from linkinstall.fs.volumes import Volumes
from linkinstall.preparation import Preparation
from linkinstall.wishes import Options, Wish, Wishes
from linkinstall.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from linkinstall.fs.port import FileSystem
    from linkinstall.journal import Journal
    from linkinstall.plan import Plan
    from tests.support.sites import Site


OFF = Volumes(local(), "off")
"""Flushes nothing, whatever the port."""


def planned(
    site: Site,
    *wheels: Path,
    out: Sequence[str] = (),
    files: FileSystem | None = None,
    dry: bool = False,
    **options: Any,
) -> tuple[Plan, Preparation]:
    """Return the plan for wheels in and projects out, and what has made it."""
    wishes = Wishes()
    for name in out:
        wishes.want_removal(name)
    for wheel in wheels:
        wishes.want(Wish(str(wheel), None))
    chosen: dict[str, Any] = {"compile_levels": (), "link_mode": "hardlink", **options}
    port = files or local()
    preparation = Preparation(site.environment, site.cache, port, Options(**chosen), wishes)
    return preparation.plan(World(port, site.environment), dry=dry), preparation


def applied(
    site: Site,
    *wheels: Path,
    out: Sequence[str] = (),
    files: FileSystem | None = None,
    sync: str = "off",
    **options: Any,
) -> Application:
    """Return the application of a plan; nothing is done yet."""
    port = files or local()
    plan, preparation = planned(site, *wheels, out=out, files=port, **options)
    origin = Origin(
        str(site.root),
        (),
        preparation.intent(),
        preparation.cache,
        tuple(preparation.unflushed()),
        preparation.refresh,
        Volumes(port, sync),
    )
    return Application(port, plan, preparation.preferences(plan), origin)


def journal_of(application: Application) -> Journal:
    """Return the journal of an application that has recorded one."""
    assert application.journal is not None
    return application.journal
