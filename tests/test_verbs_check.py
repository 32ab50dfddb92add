"""The verb ``check``: every file against RECORD, and what lies about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linkinstall.errors import DistributionError
from linkinstall.verbs.check import list_distributions
from tests.support.sites import Site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Make an environment with one distribution."""
    site = Site(tmp_path)
    site.install(site.wheel("app"), link_mode="copy")
    return site


def told(site: Site) -> list[tuple[str, str, str]]:
    """Return health, code and name of each finding."""
    return [(one.health, one.code, one.path.rpartition("/")[2]) for one in site.check()]


def test_a_sound_environment_has_no_findings(site: Site) -> None:
    """What was installed is whole."""
    assert [] == site.check()
    assert [("app", "1.0", "whole")] == [
        (one.name, one.version, one.health) for one in list_distributions(site.environment)
    ]


def test_a_folder_of_compiled_files_need_not_be_there(site: Site) -> None:
    """A listed ``__pycache__`` that the interpreter has not made yet is no finding.

    virtualenv lists these folders. In an environment that ``venv create`` had just made,
    ``check`` had 134 findings, and ``list`` called pip modified.
    """
    record = site.library / "app-1.0.dist-info" / "RECORD"
    record.write_text(record.read_text() + "app/__pycache__,,\napp/sub/__pycache__,,\n")

    assert [] == site.check()
    assert ["whole"] == [one.health for one in list_distributions(site.environment)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("app/data.txt", ("modified", "missing", "data.txt")),
        ("app-1.0.dist-info/METADATA", ("half-removed", "metadata-missing", "METADATA")),
        ("app-1.0.dist-info/RECORD", ("half-installed", "record-missing", "RECORD")),
    ],
)
def test_what_is_gone_is_named(site: Site, path: str, expected: tuple[str, str, str]) -> None:
    """A missing file is one finding, and its kind decides the health."""
    (site.library / path).unlink()

    assert [expected] == told(site)


def test_a_changed_file_is_found_by_its_digest(site: Site) -> None:
    """Equal size and other contents is a finding with both digests."""
    (site.library / "app/data.txt").write_text("atad\n")
    (finding,) = site.check("app")

    assert ("modified", "changed") == (finding.health, finding.code)
    assert finding.expected != finding.actual


def test_leftovers_of_others_are_named(site: Site) -> None:
    """An empty dist-info and pip's ``~`` folders are findings."""
    (site.library / "gone-2.0.dist-info").mkdir()
    (site.library / "~ther").mkdir()

    assert [
        ("half-removed", "foreign-leftover", "~ther"),
        ("half-removed", "empty-dist-info", "gone-2.0.dist-info"),
    ] == told(site)


def test_a_name_that_is_not_installed_is_an_error(site: Site) -> None:
    """Asking about what is not there is refused, with the name."""
    with pytest.raises(DistributionError, match="nothing"):
        site.check("nothing")
