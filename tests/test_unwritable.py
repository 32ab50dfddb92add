"""Where the shared cache cannot be written."""

from __future__ import annotations

import errno
import os
import re
from typing import TYPE_CHECKING

import pytest

from linkinstall.cache import Cache
from linkinstall.errors import CacheError
from linkinstall.unwritable import stand_in

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Return a cache that is not there yet."""
    return Cache(tmp_path / "above" / "cache")


def refusal(number: int, path: object = None) -> OSError:
    """Return what the operating system says."""
    named = () if path is None else (str(path),)
    return OSError(number, os.strerror(number), *named)


@pytest.mark.parametrize("inner", ["v1/entries", "v1", ".", "..", "../.."])
def test_what_is_refused_in_the_cache_or_above_it_is_the_caches(cache: Cache, inner: str) -> None:
    """One warning names the cache and the reason."""
    path = os.path.normpath(os.path.join(cache.path, inner))

    warning = stand_in(cache, refusal(errno.EROFS, path), symlinks=False)

    assert "cache-unwritable" == warning.code
    assert cache.path in warning.message
    assert os.strerror(errno.EROFS) in warning.message


@pytest.mark.parametrize(
    ("number", "path"),
    [
        (errno.EPERM, None),
        (errno.EACCES, "elsewhere/app-1.0-py3-none-any.whl"),
        (errno.EACCES, "above/cache-of-another"),
        (errno.ENOSPC, "above/cache/v1"),
        (errno.EIO, "above/cache/v1"),
    ],
)
def test_what_is_not_the_caches_is_raised_as_it_is(
    cache: Cache, tmp_path: Path, number: int, path: str | None
) -> None:
    """No path, another path, and what another cache would not mend: nothing stands in."""
    error = refusal(number, None if path is None else tmp_path / path)

    with pytest.raises(OSError, match=re.escape(os.strerror(number))) as caught:
        stand_in(cache, error, symlinks=False)

    assert error is caught.value


def test_our_own_errors_are_not_taken_for_the_caches(cache: Cache) -> None:
    """A refusal that has its type already keeps it."""
    error = CacheError("The cache is full of sand.")

    with pytest.raises(CacheError, match="sand"):
        stand_in(cache, error, symlinks=False)  # type: ignore[arg-type]


def test_links_need_a_cache_that_stays(cache: Cache) -> None:
    """With symbolic links the error is about the cache, with its reason and what to do."""
    with pytest.raises(CacheError, match=os.strerror(errno.EROFS)) as caught:
        stand_in(cache, refusal(errno.EROFS, cache.path), symlinks=True)

    assert "--link-mode" in caught.value.next_step
