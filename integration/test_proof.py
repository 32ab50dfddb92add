"""``make proof``: a run that was stopped goes on, and nothing that has ended is lost."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integration import ledger, pieces, promises, proof
from integration.faults import figures
from integration.faults.figures import Figure
from integration.ledger import Ended
from integration.pieces import Piece, content
from integration.proof import plan, share, table

if TYPE_CHECKING:
    from pathlib import Path

NOTE = (
    '@echo $@ >>ran; echo \'{"gate": "R1", "what": "kills: $@", "count": 1000, "unit": "runs", '
    '"broken": 0, "missed": 0, "seconds": 1.0}\' >>$$PROOF_FIGURES'
)
MAKEFILE = f"""
first second:
\t{NOTE}
broken:
\t{NOTE}; exit 1
telling:
\t@echo it broke >>$$PROOF_DETAILS; exit 1
silent:
\t@echo $@ >>ran
idle:
\t{NOTE.replace("1000", "0")}
meddling:
\t{NOTE}; echo more >>src/module
stopped:
\t@echo $@ >>ran; kill -INT $$(cut -d' ' -f4 /proc/$$PPID/stat); exec sleep 600
"""
PASSED = Ended(
    "content", "source", "1234567", 0, 600.0, 360.0, "2026-11-21 10:00",
    (Figure("R1", "kills: this", 1000, "runs", 0, 0, 60.0),),
)  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let ``make proof`` run targets that note that they ran."""
    (tmp_path / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "module").write_text("one\n", encoding="utf-8")
    subprocess.run(("git", "init", "-q", "."), cwd=tmp_path, check=True)
    subprocess.run(("git", "add", "src"), cwd=tmp_path, check=True)
    page = tmp_path / "docs" / "explanation" / "promises.md"
    monkeypatch.setattr(proof, "PAGE", page)
    monkeypatch.setattr(proof, "OUTPUT", tmp_path / "output")
    monkeypatch.setattr(ledger, "PATH", tmp_path / "ledger.json")
    monkeypatch.setattr(ledger, "KEPT", tmp_path / "kept.jsonl")
    monkeypatch.setattr(pieces, "ROOT", tmp_path)
    monkeypatch.setattr(proof, "SOURCE", "src")
    return tmp_path


def choose(monkeypatch: pytest.MonkeyPatch, *targets: str) -> None:
    """Let the proof consist of these targets."""
    found = [Piece("kill", ("make", target), ("src",)) for target in targets]
    monkeypatch.setattr(proof, "pieces", lambda: found)


def ran(checkout: Path) -> list[str]:
    """Return the targets that were run since last asked."""
    told = checkout / "ran"
    lines = told.read_text(encoding="utf-8").split() if told.exists() else []
    told.unlink(missing_ok=True)
    return lines


def test_what_has_passed_is_not_run_again(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What failed is taken up again; all is where what is put to the test is another."""
    choose(monkeypatch, "first", "broken", "second")
    words = ["--workers", "1"]

    assert 1 == proof.main(words)
    assert ["first", "broken", "second"] == ran(checkout)
    assert "FAILED: make broken" in capsys.readouterr().out
    assert 1 == proof.main(words)
    assert ["broken"] == ran(checkout)
    assert 1 == proof.main([*words, "--anew"])
    assert ["first", "broken", "second"] == ran(checkout)
    (checkout / "README").write_text("nothing that is put to the test\n", encoding="utf-8")
    assert 1 == proof.main(words)
    assert ["broken"] == ran(checkout)
    (checkout / "src" / "module").write_text("two\n", encoding="utf-8")
    assert 1 == proof.main(words)
    assert ["first", "broken", "second"] == ran(checkout)


def test_all_that_passed_is_a_proof(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status is 0 only if each piece has passed on what is there now."""
    choose(monkeypatch, "first", "second")

    assert 1 == proof.main(["--figures"])
    assert 0 == proof.main([])
    assert 0 == proof.main(["--figures"])
    assert ["first", "second"] == sorted(ran(checkout))
    proof.main(["--minutes", "0.000001", "--anew"])
    assert [] == ran(checkout)
    assert 0 == proof.main(["--like", "se.*d$", "--anew"])
    assert ["second"] == ran(checkout)


@pytest.mark.parametrize("target", ["silent", "idle"])
def test_what_puts_nothing_to_the_test_has_failed(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """A gate that could not run and said so with status 0 is none that has passed.

    The pieces of R3 with clones noted a figure of no runs where there is no xfs, and passed.
    """
    choose(monkeypatch, target)

    assert 1 == proof.main([])
    assert [target] == ran(checkout)


def test_each_piece_tells_in_a_file_of_its_own_what_broke(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What broke in one piece is not lost because another one runs at the same time.

    Two points of 20,000 broke in pieces that ran side by side; both wrote into one file, which
    a third one emptied.
    """
    choose(monkeypatch, "telling", "first")

    proof.main([])

    assert "it broke\n" == (checkout / "output" / "make_telling.md").read_text(encoding="utf-8")


def test_what_changes_in_between_does_not_count(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece during which somebody edited the source is not entered."""
    choose(monkeypatch, "meddling")

    assert 1 == proof.main([])
    assert ["meddling"] == ran(checkout)
    assert {} == ledger.read()


def test_what_has_ended_is_kept_where_a_run_is_stopped(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever stops it sees the table, and goes on later behind the last piece that ended."""
    choose(monkeypatch, "first", "stopped", "second")

    with pytest.raises(KeyboardInterrupt):
        proof.main(["--workers", "1"])

    assert "| R1 | kills |" in capsys.readouterr().out
    assert ["make first"] == list(ledger.read())
    assert "second" not in ran(checkout)


def test_another_machine_goes_on(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is in the history counts wherever it is checked out, and the table names the machines.

    Each session of work on this project has another machine, and none had ten hours.
    """
    page = checkout / "docs" / "explanation" / "promises.md"
    page.parent.mkdir(parents=True)
    row = "| promise | gate | figure |\n| --- | --- | --- |\n| It holds. | R1 `make kill` | old |"
    marks = (*proof.MARKS, promises.MARKS[0], row, promises.MARKS[1])
    page.write_text("before\n{}\n{}\n{}\n{}\n{}\nafter\n".format(*marks), encoding="utf-8")
    choose(monkeypatch, "first", "second")
    monkeypatch.setattr(proof, "machine", lambda: "one machine")
    proof.main(["--like", "first", "--write"])
    (checkout / "ledger.json").unlink()
    ran(checkout)
    monkeypatch.setattr(proof, "machine", lambda: "another one")

    assert 0 == proof.main(["--write"])
    assert ["second"] == ran(checkout)
    assert "| R1: 2,000 runs, none went wrong |" in page.read_text(encoding="utf-8")
    assert "| 2 of 2 |" in page.read_text(encoding="utf-8")
    assert "\n\none machine; another one.\n" in capsys.readouterr().out
    assert ["make first", "make second"] == list(ledger.read())


def test_the_last_end_of_a_piece_counts(checkout: Path) -> None:
    """What was run here stands above an older end in the history, and below a newer one."""
    assert {} == ledger.read()
    ledger.enter("make first", PASSED)
    ledger.publish(["make first", "make never"])
    later = replace(PASSED, at="2026-11-22 10:00", status=1)
    ledger.enter("make first", later)
    assert {"make first": later} == ledger.read()
    ledger.publish(["make first"])
    ledger.enter("make first", PASSED)
    assert {"make first": later} == ledger.read()
    assert checkout.joinpath("kept.jsonl").read_text(encoding="utf-8").count("\n") == 1


def test_it_is_told_before_how_long_it_took() -> None:
    """The plan tells how much of each gate is left, and how long that took."""
    known, new, other = (
        Piece(gate, ("make", target), ("src",))
        for gate, target in (("kill", "one"), ("kill", "two"), ("race", "three"))
    )

    told = plan([known, new, other], [known, new], {known.name: PASSED})

    assert "| kill | 2 of 2 | 10 | 1 |" in told
    assert "| race | 0 of 1 | 0 | 0 |" in told


def test_each_content_has_a_row() -> None:
    """Pieces that were put to the test on the same source are one row, others another one."""
    chosen = [Piece("kill", ("make", target), ("src",)) for target in ("one", "two", "three")]
    kept = {
        "make one": PASSED,
        "make two": replace(PASSED, commit="89abcde"),
        "make three": replace(PASSED, source="other", status=1),
    }

    found = table(chosen, kept).splitlines()[2:]

    assert [
        "| R1 | kills | source | 1234567, 89abcde | 2 of 3 | 2,000 runs | 0 | 0 | 0.20 |",
        "| R1 | kills | other | 1234567 | 1 of 3 | 1,000 runs | 0 | 0 | 0.10 |",
    ] == found


def test_one_content_or_more_is_told() -> None:
    """Below the table stands whether all has passed on what is there now, package and runners."""
    chosen = [Piece("kill", ("make", target), ("src",)) for target in ("one", "two")]
    kept = {"make one": PASSED, "make two": replace(PASSED, content="older")}
    here = content((pieces.SOURCE,))

    assert "All 1 pieces have passed on one content of the package, " + here in share(
        chosen[:1], kept, {("src",): "content"}
    )
    assert "1 of 2 pieces have passed on what is there now, " + here in share(
        chosen, kept, {("src",): "content"}
    )


def test_what_led_to_the_same_is_told_beside_what_was_put_to_the_test() -> None:
    """The sum of what was not judged anew stands in words: it is none of what was judged."""
    chosen = [Piece("compound", ("make", target), ("src",)) for target in ("one", "two")]
    chains = Figure("R5", "struck twice", 1000, "chains", 0, 0, 60.0, same=2500)
    kept = dict.fromkeys(("make one", "make two"), replace(PASSED, figures=(chains,)))

    told = "struck twice; 5,000 more chains led to what another had led to"
    row = f"| R5 | {told} | source | 1234567 | 2 of 2 | 2,000 chains | 0 | 0 | 0.20 |"
    assert row == table(chosen, kept).splitlines()[2]


def test_content_is_what_is_there(checkout: Path) -> None:
    """Committed or not, the same bytes have the same name; nothing is staged by asking."""
    first = content(("src",), checkout)
    (checkout / "src" / "new").write_text("new\n", encoding="utf-8")
    second = content(("src",), checkout)
    subprocess.run(("git", "add", "src"), cwd=checkout, check=True)
    third = content(("src",), checkout)
    (checkout / "src" / "new").unlink()

    assert first != second
    assert second == third
    assert first == content(("src",), checkout)


def test_pieces_are_what_can_be_run() -> None:
    """Each piece has a name of its own, and each gate has pieces."""
    found = pieces.pieces()

    assert len(found) == len({one.name for one in found})
    assert set(pieces.GATES) == {one.gate for one in found}


def test_a_gate_tells_the_proof_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a piece notes does not take the place of the last figure of the whole gate."""
    monkeypatch.setattr(figures, "commit", lambda: "1234567")
    figure = Figure("R1", "kills", 1000, "runs", 0, 0, 60.0)

    figures.note(figure, tmp_path, whole=False)
    assert [] == figures.read(tmp_path)
    monkeypatch.setenv(figures.VARIABLE, str(tmp_path / "noted"))
    figures.note(figure, tmp_path)
    figures.note(figure, tmp_path, whole=False)

    assert [] == figures.read(tmp_path)
    assert (figure, figure) == figures.noted(str(tmp_path / "noted"))
    monkeypatch.delenv(figures.VARIABLE)
    figures.note(figure, tmp_path)
    assert [replace(figure, commit="1234567")] == figures.read(tmp_path)
