"""From words to what is done with a cache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall.cli.cache_commands import perform_on_cache
from linkinstall.cli.commands import Told, Verbs
from linkinstall.cli.parse import parse
from linkinstall.errors import LockTimeoutError, UsageError
from linkinstall.outcome import Outcome
from tests.support.sites import Site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment."""
    return Site(tmp_path)


def run(site: Site, *words: str, told: list[str] | None = None) -> tuple[Outcome, list[str]]:
    """Do what words say to the cache of a site; return the outcome and what was told."""
    told = [] if told is None else told
    arguments = parse(["cache", *words, "--cache-dir", site.cache.path], {})
    return perform_on_cache(arguments, Verbs(), Told(told.append)), told


def called(*words: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return with what the verb of a command is called."""
    seen: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def verb(*places: Any, **options: Any) -> Outcome:
        seen.append((places, options))
        return Outcome("cache")

    verbs = {"cache": str, f"cache {words[0]}": verb}
    perform_on_cache(parse(["cache", *words, "--cache-dir=c"], {}), verbs, Told())
    return seen[0]


def test_dir_and_info(site: Site) -> None:
    """They tell the folder and the facts, and make no cache."""
    assert {"path": site.cache.path} == run(site, "dir")[0].cache
    assert site.cache.info() == run(site, "info")[0].cache
    assert not os.path.exists(site.cache.path)


def test_add_tells_what_it_does(site: Site) -> None:
    """Each wheel is told when it is done, since many take their time."""
    wheel = str(site.wheel())
    outcome, told = run(site, "add", wheel)
    found = site.cache.find(wheel)

    assert found is not None
    added = {"wheel": wheel, "id": found.entry.manifest.id, "unpacked": True}
    assert {"path": site.cache.path, "added": [added]} == outcome.cache
    assert [f"added app 1.0 ({found.entry.manifest.count} files)"] == told
    assert [told[0].replace("added", "unchanged")] == run(site, "add", wheel)[1]


def test_add_says_how_far_it_is() -> None:
    """Whoever draws progress is told of the wheels that ``cache add`` unpacks."""
    told = Told(progress=lambda *_: None)
    seen: list[Any] = []
    verbs = {"cache": str, "cache add": lambda *_, **options: seen.append(options["progress"])}

    perform_on_cache(parse(["cache", "add", "a.whl", "--cache-dir=c"], {}), verbs, told)

    assert [told.progress] == seen


def test_add_waits_for_the_lock_as_the_others_do(site: Site) -> None:
    """While something is taken out of the cache, ``cache add`` says what it waits for, and ends.

    It was the only verb that waited in silence, and as long as it liked.
    """
    wheel = str(site.wheel())
    os.makedirs(site.cache.root)
    held = site.cache.hold(alone=True)
    assert held is not None
    told: list[str] = []

    with pytest.raises(LockTimeoutError):
        run(site, "add", wheel, "--lock-timeout=0.2", told=told)
    held.release()

    assert ["waiting"] == [line.split()[0] for line in told]
    assert 1 == len(run(site, "add", wheel, "--lock-timeout=0.2")[1])


def test_add_sweeps_what_a_killed_run_left(site: Site) -> None:
    """What a killed ``cache add`` leaves goes with the next one, which has nothing to unpack.

    A run that was killed right after it had published the entry left its temporary folder,
    and every later run found the entry and looked no further (kill sweep, 2 of 213).
    """
    wheel = str(site.wheel())
    run(site, "add", wheel)
    temporary = site.cache.temporary_folder
    os.mkdir(f"{temporary}/4dfab6aeae359dfb")
    with open(f"{temporary}/4dfab6aeae359dfb.lock", "xb"):
        pass

    run(site, "add", wheel)

    assert [] == os.listdir(temporary)


def test_wheels_belong_to_a_repair() -> None:
    """Wheels without --repair would do nothing: that is said."""
    with pytest.raises(UsageError, match="--repair"):
        called("verify", "a.whl")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["verify"], {"full": False, "repair": False}),
        (["verify", "--full", "--repair", "a.whl"], {"full": True, "repair": True}),
        (["prune"], {"older_than": None, "max_size": None, "dry_run": False}),
        (
            ["prune", "--older-than=2h", "--max-size=1K", "--dry-run"],
            {"older_than": 7200.0, "max_size": 1024, "dry_run": True},
        ),
        (["clean"], {"force": False, "dry_run": False}),
        (["clean", "--force", "--dry-run"], {"force": True, "dry_run": True}),
    ],
)
def test_options_reach_the_verb(words: list[str], expected: dict[str, Any]) -> None:
    """Each option is the parameter of its name; every one of these waits for the lock."""
    places, options = called(*words, "--lock-timeout=3")

    assert "c" == places[0]
    assert [word for word in words if word.endswith(".whl")] == [*(places[1:] or ([],))[0]]
    assert {**expected, "lock_timeout": 3.0, "notify": None} == options
