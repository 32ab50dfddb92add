"""A sample of ``make fuzz``: whatever stands in a file, its reader answers or refuses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration.faults import fuzz
from integration.faults.fuzz import run
from integration.faults.fuzz_targets import TARGETS, Target
from integration.faults.mutations import LARGEST, chance_of, mutated
from linkinstall import record

if TYPE_CHECKING:
    import random

CASES = 100_000
"""Some 20 seconds of processor time."""
SEEDS = (b"a,sha256=x,17\n", b"b,,\n")


def test_spoilt_files_are_read_or_refused() -> None:
    """No reader fails otherwise than its docstring says, hangs, or fills the memory."""
    done = run(CASES, 0)

    assert [] == [f"{one.target}, case {one.case}: {one.what}" for one in done.findings.values()]
    assert CASES == done.cases.total()
    # Where nothing is accepted, or nothing is refused, a reader was hardly put to the test.
    assert [] == [name for name in TARGETS if done.refused[name] == done.cases[name]]
    assert [] == [name for name, one in TARGETS.items() if one.allowed and not done.refused[name]]


def test_a_build_that_is_known_to_be_bad_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A RECORD's reader that does not count the columns is found out."""
    monkeypatch.setattr(record, "_COLUMNS", 1)
    target = {"RECORD": TARGETS["RECORD"]}

    done = run(300, 0, target)

    assert {("RECORD", "IndexError", "record.py")} <= {
        (name, error, where.split(":")[0]) for name, error, where in done.findings
    }
    first = next(iter(done.findings.values()))
    again = run(1, 0, target, only=first.case)
    assert [first.data] == [one.data for one in again.findings.values()]


def _for_ever(data: bytes) -> None:
    while data.startswith(b"a"):
        try:
            len(data)
        except Exception:  # noqa: BLE001, S112 - as a reader's that takes everything for damage
            continue


def _without_bound(data: bytes) -> None:
    bytearray(len(data) << 40)


@pytest.mark.parametrize(
    ("read", "error"), [(_for_ever, "TooSlowError"), (_without_bound, "MemoryError")]
)
def test_a_reader_without_a_bound_is_caught(
    read: object, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes for ever, or all memory, went wrong, and the next case is made."""
    monkeypatch.setattr(fuzz, "SECONDS", 0.1)

    def make(chance: random.Random) -> bytes:
        return chance.choice(SEEDS)

    done = run(20, 0, {"bad": Target(make, read, (Exception,) if read is _for_ever else ())})  # type: ignore[arg-type]

    assert {error} == {kind for _name, kind, _where in done.findings}
    assert 20 == done.cases["bad"]
    assert 0 < done.broken


def test_the_same_seed_makes_the_same_cases() -> None:
    """A case is known by seed, target and number; others make other cases."""

    def cases(seed: int) -> list[bytes]:
        return [mutated(chance_of(seed, "x", number), SEEDS) for number in range(200)]

    assert cases(1) == cases(1)
    assert 100 < len(set(cases(1)) - set(cases(2)))
    assert LARGEST >= max(len(case) for case in cases(1))


def test_the_command_tells_how_to_see_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What went wrong is told with the command that repeats it, and is exit status 1."""
    monkeypatch.setattr(record, "_COLUMNS", 1)
    arguments = ["--target", "RECORD", "--seed", "3"]

    assert 1 == fuzz.main([*arguments, "--cases", "300"])
    told = capsys.readouterr().out
    number = told.split("--case ")[1].split()[0]
    assert 1 == fuzz.main([*arguments, "--case", number])
    monkeypatch.undo()
    assert 0 == fuzz.main([*arguments, "--case", number])
