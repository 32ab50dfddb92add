"""``linkinstall.vetting.rows``: RECORD and the archive, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from installer.records import InvalidRecordEntry, RecordEntry, parse_record_file

from linkinstall.vetting.problems import Problems
from linkinstall.vetting.rows import RecordRow, check_rows, comparable, read_rows
from tests.support.wheels import record_hash

if TYPE_CHECKING:
    from linkinstall.outcome import Warn

RECORD = "a-1.dist-info/RECORD"
GOOD = record_hash(b"x")
DIGEST = GOOD.removeprefix("sha256=")


def read(text: str, *, strict: bool = True) -> tuple[dict[str, RecordRow], list[str]]:
    """Return rows, and codes of problems."""
    problems = Problems()
    rows = read_rows(text.encode(), problems, strict=strict)
    return rows, [problem.code for problem in problems.found]


def check(
    text: str, sizes: dict[str, int], *, compare_sizes: bool = True
) -> tuple[list[tuple[str, str]], list[Warn]]:
    """Return (code, path) of the problems of a RECORD with these members, and warnings."""
    problems = Problems()
    warnings: list[Warn] = []
    rows = read_rows(text.encode(), problems, strict=True)
    check_rows(rows, sizes, RECORD, problems, warnings, compare_sizes=compare_sizes)
    return [(problem.code, problem.path) for problem in problems.found], warnings


def test_a_sound_record() -> None:
    """Rows with hash and size for each member, and RECORD's own without, are fine."""
    text = f"a.py,{GOOD},1\n{RECORD},,\n"

    assert ([], []) == check(text, {"a.py": 1, RECORD: 9})
    assert RecordRow("sha256", DIGEST, 1) == read(text)[0]["a.py"]


@pytest.mark.parametrize(
    "text",
    [
        f'"a,b.py",{GOOD},1\r\n{RECORD},,\r\n',
        f'"a,b.py",{GOOD},1\n{RECORD},,',
        f'"a,b.py","{GOOD}","1"\n"{RECORD}","",""\n',
    ],
)
def test_quotes_and_line_ends(text: str) -> None:
    """RECORD is CSV with any line end."""
    assert ([], []) == check(text, {"a,b.py": 1, RECORD: 9})


def test_backslashes_are_separators() -> None:
    """Old tools on Windows wrote backslashes; installer reads them as slashes."""
    assert ([], []) == check(f"p\\a.py,{GOOD},1\n{RECORD},,\n", {"p/a.py": 1, RECORD: 9})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a.py\n", "record-damaged"),
        ("a.py,,,\n", "record-damaged"),
        ("a.py,,\n\nb.py,,\n", "record-damaged"),
        ('"a.py\n', "record-damaged"),
        ("x" * 200_000 + ",,\n", "record-damaged"),
        ("a.py,sha256,1\n", "record-hash"),
        ("a.py,fancy=abc,1\n", "record-hash"),
        ("a.py,=abc,1\n", "record-hash"),
        (f"a.py,{GOOD},one\n", "record-size"),
        (f"a.py,{GOOD},-1\n", "record-size"),
        (f"a.py,{GOOD}, 1\n", "record-size"),
        (f"a.py,{GOOD},1_0\n", "record-size"),
        (f"a.py,{GOOD},\u0661\n", "record-size"),
        (f"a.py,{GOOD},{'9' * 5000}\n", "record-size"),
        ("a.py,,1\na.py,,2\n", "record-duplicate"),
    ],
)
def test_rows_that_cannot_be_read(text: str, code: str) -> None:
    """Rows that no installer can use are refused at every level."""
    assert code in read(text, strict=True)[1]
    assert code in read(text, strict=False)[1]


def test_not_utf8() -> None:
    """RECORD is UTF-8."""
    problems = Problems()

    assert {} == read_rows(b"\xff\xfe,,\n", problems, strict=False)
    assert ["record-damaged"] == [problem.code for problem in problems.found]


def test_the_same_row_twice() -> None:
    """An equal row twice is a problem where RECORD is validated."""
    text = f"a.py,{GOOD},1\n" * 2

    assert ["record-duplicate"] == read(text)[1]
    assert [] == read(text, strict=False)[1]


def test_no_record() -> None:
    """Without a RECORD there are no rows; that it is missing is noted elsewhere."""
    problems = Problems()

    assert {} == read_rows(None, problems, strict=True)
    assert [] == problems.found


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("a.py,,", "record-hash"),
        ("a.py,,1", "record-hash"),
        (f"a.py,{record_hash(b'x', 'md5')},1", "record-hash"),
        (f"a.py,{record_hash(b'x', 'sha1')},1", "record-hash"),
        (f"a.py,{record_hash(b'x', 'sha224')},1", "record-hash"),
        (f"a.py,{GOOD[:-1]},1", "record-hash"),
        (f"a.py,{GOOD}A,1", "record-hash"),
        (f"a.py,{GOOD[:-1]}+,1", "record-hash"),
        ("a.py,sha256=,1", "record-hash"),
        (f"a.py,{GOOD},", "record-size"),
        (f"a.py,{GOOD},2", "record-size"),
        (f"b.py,{GOOD},1", "record-missing-row"),
        (f"b.py,{GOOD},1", "record-missing-file"),
        (f"../b.py,{GOOD},1", "record-missing-file"),
        (f"a.py/,{GOOD},1", "record-missing-file"),
    ],
)
def test_rows_that_do_not_fit(row: str, code: str) -> None:
    """Missing, superfluous, weak and wrong rows are refused."""
    found, _ = check(f"{row}\n{RECORD},,\n", {"a.py": 1, RECORD: 9})

    assert code in [one for one, _ in found]


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512", "sha3_256", "blake2b"])
def test_strong_algorithms(algorithm: str) -> None:
    """Sha256 and everything better is accepted."""
    text = f"a.py,{record_hash(b'x', algorithm)},1\n{RECORD},,\n"

    assert ([], []) == check(text, {"a.py": 1, RECORD: 9})


@pytest.mark.parametrize(
    "digest", [bytes.fromhex("2d" * 32).hex(), "LS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0="]
)
def test_other_spellings_of_a_hash(digest: str) -> None:
    """A hash in hexadecimal digits, or padded, pins a file as well, and is rewritten."""
    text = f"a.py,sha256={digest},1\n{RECORD},,\n"

    assert ([], []) == check(text, {"a.py": 1, RECORD: 9})
    assert "LS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0tLS0" == read(text)[0]["a.py"].digest


def test_sizes_are_compared_only_when_asked() -> None:
    """A wrong size passes where contents are not validated."""
    text = f"a.py,{GOOD},2\n{RECORD},,\n"

    assert ([], []) == check(text, {"a.py": 1, RECORD: 9}, compare_sizes=False)


@pytest.mark.parametrize("row", ["", f"{RECORD},{GOOD},9\n", f"{RECORD},,9\n"])
def test_the_row_of_record_itself(row: str) -> None:
    """RECORD's own row, missing or with a hash, is only worth a warning."""
    found, warnings = check(f"a.py,{GOOD},1\n{row}", {"a.py": 1, RECORD: 9})

    assert [] == found
    assert ["record"] == [warning.code for warning in warnings]


@pytest.mark.parametrize("name", ["RECORD.jws", "RECORD.p7s"])
def test_signatures(name: str) -> None:
    """Signatures of RECORD are in the archive and never in RECORD."""
    path = f"a-1.dist-info/{name}"
    sizes = {path: 5, RECORD: 9}

    assert ([], []) == check(f"{RECORD},,\n", sizes)
    assert [("record-signature", path)] == check(f"{path},{GOOD},5\n{RECORD},,\n", sizes)[0]
    deeper = {f"a-1.dist-info/sub/{name}": 5, RECORD: 9}
    assert "record-missing-row" == check(f"{RECORD},,\n", deeper)[0][0][0]


def test_rows_of_folders() -> None:
    """Some builders list folders, without a hash; that says nothing."""
    assert ([], []) == check(f"p/,,\np/a,{GOOD},1\n{RECORD},,\n", {"p/a": 1, RECORD: 9})


def test_comparable() -> None:
    """Only rows that pin the contents of a file that is installed are compared later."""
    rows = {
        "good": RecordRow("sha256", DIGEST, 1),
        "weak": RecordRow("md5", "x", 1),
        "none": RecordRow("", "", None),
        "other": RecordRow("sha256", DIGEST, 1),
    }

    assert {"good": rows["good"]} == comparable(rows, {"good", "weak", "none", "missing"})


@given(
    st.text(st.sampled_from('ab,"\n\r\\=1\u2028\x0b\u00e9'), max_size=40)
    | st.text("shamd5126=,a\n", max_size=60)
)
def test_accepted_rows_never_trouble_installer(text: str) -> None:
    """Rows without problems are read by installer without an error, and alike."""
    rows, found = read(text, strict=False)
    if found:
        return
    theirs = {
        path: (path, hash_, size) for path, hash_, size in parse_record_file(text.splitlines())
    }

    assert theirs.keys() == rows.keys()
    for path, columns in theirs.items():
        try:
            entry = RecordEntry.from_elements(*columns)
        except InvalidRecordEntry:
            assert not path  # a row without a path never has a member
            continue
        assert entry.size == rows[path].size
