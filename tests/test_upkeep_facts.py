"""What ``cache info`` tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linkinstall.upkeep.facts import facts
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site, snapshot

if TYPE_CHECKING:
    from pathlib import Path


def test_no_cache_is_told_and_not_made(tmp_path: Path) -> None:
    """A cache that is not there has nothing in it, and is not there afterwards."""
    site = Site(tmp_path)
    told = facts(site.cache)

    assert (0, 0, [], []) == (told["entries"], told["bytes"], told["users"], told["tiers"])
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("mode", ["hardlink", pytest.param("symlink", marks=needs_symlinks)])
def test_users_are_named(tmp_path: Path, mode: str) -> None:
    """An environment that shares files of an entry is named, whichever way it does."""
    site = Site(tmp_path)
    site.install(site.wheel(), link_mode=mode)
    site.cache.add(site.wheel("other"))
    before = snapshot(tmp_path / "cache")
    told = facts(site.cache)

    assert [{"root": str(site.root), "entries": 1}] == told["users"]
    assert (2, 1) == (told["entries"], told["unused"])
    assert told["unused_bytes"] > 0
    assert before == snapshot(tmp_path / "cache")
