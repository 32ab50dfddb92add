"""What a newcomer does first: the demonstration, and the pages that fetch real wheels."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.documents import REPOSITORY, blocks, pages, run_page

if TYPE_CHECKING:
    from pathlib import Path

FETCHING = [page for page in pages() if any(one.exception == "fetches" for one in blocks(page))]


@pytest.mark.network
def test_the_demonstration_holds() -> None:
    """``make demo`` shows a real project shared by two environments, and nothing left."""
    done = subprocess.run(
        [sys.executable, "-m", "integration.demo"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "are one file in both" in done.stdout
    assert 2 == done.stdout.count("files and folders as when it was new")


@pytest.mark.network
@pytest.mark.parametrize("page", FETCHING, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_pages_hold_for_real_wheels(page: Path, tmp_path: Path) -> None:
    """A page that fetches wheels does what it says with the real ones, too."""
    run_page(page, tmp_path / "session", online=True)
