"""Installations that somebody else manages (PEP 668)."""

from __future__ import annotations

import locale
import os
from typing import TYPE_CHECKING

import pytest

from linkinstall import limits
from linkinstall.errors import ExternallyManagedError
from linkinstall.externally_managed import MARKER, refuse_if_managed
from tests.support.pace import keeps, processor_seconds

if TYPE_CHECKING:
    from pathlib import Path

SAID = """[externally-managed]
Error=Ask 100% of your
 distributor.
Error-de=Fragen Sie Ihren Distributor.
Error-de_AT=Fragen S' Ihren Distributor.
Error-fr-CA=Demandez.
"""


def message(folder: Path, text: str | bytes) -> str:
    """Return what a person is told about an installation with this marker."""
    data = text if isinstance(text, bytes) else text.encode()
    (folder / MARKER).write_bytes(data)
    with pytest.raises(ExternallyManagedError) as caught:
        refuse_if_managed(str(folder), "/usr/bin/python3")
    first, _, rest = caught.value.message.partition("\n")
    assert "The environment of /usr/bin/python3 is externally managed:" == first
    return rest


@pytest.fixture(autouse=True)
def _no_language(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(locale, "getlocale", lambda _category: (None, None))


def test_an_unmarked_installation_is_not_refused(tmp_path: Path) -> None:
    """Where nobody claims the installation, there is nothing to say."""
    refuse_if_managed(str(tmp_path), "/usr/bin/python3")


def test_the_distributors_message_is_told(tmp_path: Path) -> None:
    """The message is told as it stands, lines, per cent signs and all."""
    assert "Ask 100% of your\ndistributor." == message(tmp_path, SAID)


def test_what_to_do_is_told(tmp_path: Path) -> None:
    """The next step names a venv and the way to do it anyway."""
    (tmp_path / MARKER).write_text(SAID)

    with pytest.raises(ExternallyManagedError) as caught:
        refuse_if_managed(str(tmp_path), "/usr/bin/python3")

    assert "/usr/bin/python3 -m venv" in caught.value.next_step
    assert "--break-system-packages" in caught.value.next_step
    assert ("externally-managed", 1, "refused") == (
        caught.value.code,
        caught.value.exit_status,
        caught.value.status,
    )


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de_AT", "Fragen S' Ihren Distributor."),
        ("de_DE", "Fragen Sie Ihren Distributor."),
        ("de-CH", "Fragen Sie Ihren Distributor."),
        ("de", "Fragen Sie Ihren Distributor."),
        ("fr-CA", "Demandez."),
        ("fr_CH", "Ask 100% of your\ndistributor."),
        (None, "Ask 100% of your\ndistributor."),
    ],
)
def test_the_message_is_in_the_language_of_the_process(
    language: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole language code is looked for, then what stands before its separator."""
    monkeypatch.setattr(locale, "getlocale", lambda _category: (language, "UTF-8"))

    assert said == message(tmp_path, SAID)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"LANG": "de_AT.UTF-8"}, "Fragen S' Ihren Distributor."),
        ({"LANG": "de_DE@euro"}, "Fragen Sie Ihren Distributor."),
        ({"LANG": "fr_FR", "LC_MESSAGES": "de_DE"}, "Fragen Sie Ihren Distributor."),
        ({"LANG": "de_DE", "LC_ALL": "C.UTF-8"}, "Ask 100% of your\ndistributor."),
        ({"LANG": "de_DE", "LC_MESSAGES": "POSIX"}, "Ask 100% of your\ndistributor."),
    ],
)
def test_the_message_is_in_the_language_of_the_person(
    variables: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that never called setlocale takes what that call would take."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert said == message(tmp_path, SAID)


def test_a_locale_that_python_does_not_know_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal is told whatever the locale is."""

    def unknown(_category: int) -> tuple[str | None, str | None]:
        raise ValueError("unknown locale: x")

    monkeypatch.setattr(locale, "getlocale", unknown)

    assert "Ask 100% of your\ndistributor." == message(tmp_path, SAID)


@pytest.mark.parametrize(
    "text",
    ["", "no section", "[other]\nError=x\n", "[externally-managed]\n", b"\xff\xfe", "[a]\n[a]\n"],
)
def test_a_marker_that_says_nothing_counts(text: str | bytes, tmp_path: Path) -> None:
    """An empty or unreadable marker refuses all the same, without a reason."""
    marker = os.path.join(tmp_path, MARKER)
    assert f"(The file {marker} says so without a reason.)" == message(tmp_path, text)


def test_a_marker_without_end_says_nothing(tmp_path: Path) -> None:
    """A marker is read up to a bound: the parser takes seconds for some of 256 KiB."""
    marker = os.path.join(tmp_path, MARKER)
    text = SAID + " \n" * limits.MARKER_SIZE

    assert f"(The file {marker} says so without a reason.)" == message(tmp_path, text)


def test_a_wide_gap_in_a_marker_costs_nothing(tmp_path: Path) -> None:
    """A line that is mostly space once took configparser 25 seconds; now it says nothing."""
    marker = os.path.join(tmp_path, MARKER)
    text = "[externally-managed]\nError" + " " * (limits.MARKER_SIZE - 100) + "x\n"

    assert f"(The file {marker} says so without a reason.)" == message(tmp_path, text)
    assert keeps(1, lambda: processor_seconds(lambda: message(tmp_path, text)))
