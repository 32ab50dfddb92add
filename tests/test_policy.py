"""The link policy: the whole table, platform by platform, as the brief has it."""

from __future__ import annotations

import sys
from itertools import product

import pytest

from linkinstall.policy import (
    COPY_BINARIES,
    MODES,
    Capabilities,
    chain,
    copies_binaries,
    is_binary_name,
)

CHOICES = ("auto", *MODES)
PLATFORMS = ("win32", "linux", "darwin")
EVERYTHING = Capabilities()
# What is tried where everything can be had: choice -> plain files, private binaries.
TABLE = {
    "auto": ("clone hardlink copy", "clone copy"),
    "clone": ("clone hardlink copy", "clone copy"),
    "hardlink": ("hardlink copy", "clone copy"),
    "symlink": ("symlink copy", "symlink copy"),
    "copy": ("copy", "copy"),
}
ALL_CAPABILITIES = [
    Capabilities(clone=clone, hardlink=hardlink, symlink=symlink)
    for clone, hardlink, symlink in product((True, False), repeat=3)
]


def capable(capabilities: Capabilities, mode: str) -> bool:
    """Return whether a mode can be had; a copy always can."""
    return mode == "copy" or bool(getattr(capabilities, mode))


def test_what_was_not_probed_can_be_had() -> None:
    """A capability is one until a probe says otherwise."""
    assert Capabilities(clone=True, hardlink=True, symlink=True) == Capabilities()


def test_the_table_has_every_choice() -> None:
    """``auto`` and each link mode are a choice."""
    assert set(CHOICES) == set(TABLE)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("capabilities", ALL_CAPABILITIES, ids=repr)
@pytest.mark.parametrize("private", [True, False], ids=["private", "shared"])
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "plain"])
def test_the_chain_is_the_one_of_the_table(
    choice: str, capabilities: Capabilities, *, private: bool, binary: bool
) -> None:
    """A chain is the table's, less what the volume cannot do, and ends with a copy."""
    expected = TABLE[choice][binary and private].split()

    modes = chain(choice, capabilities, binary=binary, private_binaries=private)

    assert [mode for mode in expected if capable(capabilities, mode)] == list(modes)
    assert "copy" == modes[-1]


@pytest.mark.parametrize(("platform", "option"), [*product(PLATFORMS, COPY_BINARIES)])
def test_binaries_are_copied_on_windows_or_when_asked(platform: str, option: str) -> None:
    """``auto`` means on Windows, ``always`` and ``never`` mean everywhere."""
    expected = {"always": True, "never": False, "auto": platform == "win32"}[option]

    assert expected == copies_binaries(option, platform)


def test_the_platform_is_the_running_one() -> None:
    """Unless it is told, the policy is that of this platform."""
    assert copies_binaries("auto", sys.platform) == copies_binaries("auto")


@pytest.mark.parametrize(
    ("platform", "option", "choice"), [*product(PLATFORMS, COPY_BINARIES, CHOICES)]
)
def test_a_binary_is_never_hard_linked_on_windows(platform: str, option: str, choice: str) -> None:
    """In no mode but on request does what Windows locks share an inode with the cache."""
    private = copies_binaries(option, platform)

    modes = chain(choice, EVERYTHING, binary=True, private_binaries=private)

    assert ("hardlink" in modes) == (
        choice in {"auto", "clone", "hardlink"}
        and (option == "never" or (option == "auto" and platform != "win32"))
    )


def test_a_binary_is_linked_unless_a_private_copy_is_asked_for() -> None:
    """Whoever says nothing of private copies gets links, for binaries, too."""
    assert ("clone", "hardlink", "copy") == chain("auto", EVERYTHING, binary=True)


@pytest.mark.parametrize("suffix", [".exe", ".dll", ".pyd", ".EXE", ".Dll", ".PYD", ".pYd"])
def test_binaries_are_known_by_their_names(suffix: str) -> None:
    """exe, dll and pyd in any case are binaries, with whatever name before it."""
    assert is_binary_name(f"pkg/module.cp311-win_amd64{suffix}")
    assert is_binary_name(suffix)


@pytest.mark.parametrize(
    "name", ["a.so", "a.py", "exe", "a.exe.py", "a.pydx", "pyd/a", "a.dll.txt", "lib.dylib", ""]
)
def test_other_files_are_not_taken_for_binaries(name: str) -> None:
    """Only the end of the name counts."""
    assert not is_binary_name(name)


@pytest.mark.parametrize("choice", ["", "reflink", "AUTO"])
def test_an_unknown_mode_is_refused(choice: str) -> None:
    """A mode that does not exist is a ValueError that names the ones that do."""
    with pytest.raises(ValueError, match="one of auto, clone, hardlink, symlink, copy"):
        chain(choice, EVERYTHING, binary=False)


def test_an_unknown_option_is_refused() -> None:
    """So is an option for binaries."""
    with pytest.raises(ValueError, match="one of auto, always, never"):
        copies_binaries("sometimes")
