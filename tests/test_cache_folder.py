"""Where the cache is, where nobody says."""

from __future__ import annotations

import sys

import platformdirs
import pytest

from linkinstall.cache_folder import default_folder


def test_the_variable_names_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """``LINKINSTALL_CACHE_DIR`` is taken as it is."""
    monkeypatch.setenv("LINKINSTALL_CACHE_DIR", "/named")

    assert "/named" == default_folder()


@pytest.mark.parametrize("base", [None, "", " ", "/somewhere/caches"])
def test_the_default_folder_is_that_of_the_platform(
    monkeypatch: pytest.MonkeyPatch, base: str | None
) -> None:
    """The quick way to the user's cache folder and platformdirs agree."""
    monkeypatch.delenv("LINKINSTALL_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if base is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", base)

    assert platformdirs.user_cache_dir("linkinstall", appauthor=False) == default_folder()


@pytest.mark.skipif(sys.platform != "linux", reason="the XDG rule is that of Linux")
def test_a_relative_xdg_folder_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The XDG rule has relative paths ignored; each working folder got a cache of its own."""
    monkeypatch.delenv("LINKINSTALL_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", "caches")

    assert "/home/me/.cache/linkinstall" == default_folder()
