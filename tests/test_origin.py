"""Where an installed distribution says that it came from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall.distribution import Distribution
from linkinstall.fs import local
from linkinstall.origin import archive_of, editable_place
from linkinstall.paths import forward

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def one(tmp_path: Path) -> Distribution:
    """Make a distribution with an empty dist-info."""
    (tmp_path / "app-1.0.dist-info").mkdir()
    library = forward(str(tmp_path))
    return Distribution("app", "1.0", library, "app-1.0.dist-info", library)


def tell(tmp_path: Path, told: Any) -> None:
    """Write ``direct_url.json``."""
    (tmp_path / "app-1.0.dist-info/direct_url.json").write_text(json.dumps(told))


@pytest.mark.parametrize(
    "info",
    [
        {"hash": "sha256=1f"},
        {"hashes": {"sha256": "1f"}},
        {"hash": "x", "hashes": {"sha256": "1f"}},
    ],
)
def test_a_local_archive_and_its_digest(
    tmp_path: Path, one: Distribution, info: dict[str, Any]
) -> None:
    """The digest may stand in either form; the newer one comes first."""
    wheel = tmp_path / "a wheel.whl"
    tell(tmp_path, {"url": wheel.as_uri(), "archive_info": info})
    path, digest = archive_of(local(), one)

    assert (forward(str(wheel)), "1f") == (forward(path), digest)
    assert "" == editable_place(local(), one)


def test_an_editable_install_names_its_folder(tmp_path: Path, one: Distribution) -> None:
    """A folder is told as a path, anything else as it stands."""
    tell(tmp_path, {"url": tmp_path.as_uri(), "dir_info": {"editable": True}})
    assert forward(str(tmp_path)) == forward(editable_place(local(), one))

    tell(tmp_path, {"url": "https://host/x.git", "dir_info": {"editable": True}})
    assert "https://host/x.git" == editable_place(local(), one)


@pytest.mark.parametrize(
    "told",
    [
        None, 1, [], {}, {"url": 3}, {"url": "file://[::x]/"}, {"archive_info": 1, "dir_info": []},
        {"archive_info": {"hashes": [1]}}, {"dir_info": {}}, {"dir_info": {"editable": False}},
    ],
)  # fmt: skip
def test_what_says_nothing_is_nothing(tmp_path: Path, one: Distribution, told: Any) -> None:
    """Contents of any kind, or none at all, are no place and no digest."""
    if told is not None:
        tell(tmp_path, told)

    assert (("", ""), "") == (archive_of(local(), one), editable_place(local(), one))
