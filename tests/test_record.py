"""RECORD: rows byte for byte as ``csv.writer`` gives them, and what other tools wrote."""

from __future__ import annotations

import csv
import io
import subprocess
import sys

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from linkinstall.record import (
    Row,
    is_compiled_of,
    is_sealed,
    parse,
    path_of,
    paths_in,
    render,
    row,
    seal,
    unsealed,
)

# What csv treats in its own way, among what it does not.
paths = st.text(st.sampled_from("ab.,/\" '\t\r\n;\\\u2028\x85é"), min_size=1)
hashes = st.sampled_from(["", "sha256=4jgRDHF_1eVcDeXC2lAQFfMLAXBz_yQVi2n0ncpdFXo", "md5=x"])
sizes = st.one_of(st.none(), st.integers(min_value=0, max_value=1 << 40))
rows = st.lists(st.builds(Row, paths, hashes, sizes))


def by_csv(written: list[Row], line_end: str) -> str:
    """Return rows as ``csv.writer`` gives them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end)
    for one in written:
        writer.writerow((one.path, one.hash, "" if one.size is None else one.size))
    return text.getvalue()


def size_text(one: Row) -> int | str:
    """Return a size as a row takes it."""
    return "" if one.size is None else one.size


@given(st.builds(Row, paths, hashes, sizes))
def test_a_row_is_what_csv_writes(one: Row) -> None:
    """Quotes, commas, blanks and line ends come out as the default dialect of ``csv`` has them."""
    assert by_csv([one], "\r\n") == row(one.path, one.hash, size_text(one)) + "\r\n"


@given(rows)
def test_rendered_rows_are_read_back(written: list[Row]) -> None:
    """What is rendered is parsed to the same rows, whatever the paths are."""
    data = render(row(one.path, one.hash, size_text(one)) for one in written)

    expected = [Row(one.path.replace("\\", "/"), one.hash, one.size) for one in written]
    assert expected == parse(data)


@given(rows, st.sampled_from(["\n", "\r\n"]))
@example([Row("a\u2028b.py", "", 3), Row("c.py", "", None)], "\r\n")
@example([Row('"quoted"\n', "", 3)], "\r\n")
def test_what_csv_wrote_is_read(written: list[Row], line_end: str) -> None:
    """A RECORD of any tool that uses ``csv`` is read, with either line end."""
    # With a bare line feed as its line end csv leaves carriage returns unquoted.
    if line_end == "\n":
        written = [Row(one.path.replace("\r", ""), one.hash, one.size) for one in written]
        written = [one for one in written if one.path]
    assume(not (written and written[0].path.startswith("\ufeff")))  # that is a mark there

    expected = [Row(one.path.replace("\\", "/"), one.hash, one.size) for one in written]
    assert expected == parse(by_csv(written, line_end).encode())


@given(paths, hashes, sizes)
def test_the_path_of_a_row_is_found(path: str, hash_: str, size: int | None) -> None:
    """The path is read out of a rendered row as it went in."""
    assert path == path_of(row(path, hash_, "" if size is None else size))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n\n", []),
        ("a,,\n\nb,,", [Row("a", "", None), Row("b", "", None)]),
        ("a\\b.py,md5=x,3\n", [Row("a/b.py", "md5=x", 3)]),
        ("a,b,,3\n", [Row("a,b", "", 3)]),
        ('"a,b",,3\r\n', [Row("a,b", "", 3)]),
        ("\ufeffa,,\nb,,", [Row("a", "", None), Row("b", "", None)]),
        ('\ufeff"a",,\n', [Row("a", "", None)]),
    ],
)
def test_what_tools_write_is_read(text: str, expected: list[Row]) -> None:
    """Empty lines, Windows separators, a byte order mark and bare commas are taken as meant.

    The mark was taken for a part of the first path: that file was called missing, and stayed.
    """
    assert expected == parse(text.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n",
        b"\xff,,\n",
        b"a,,many\n",
        b'"a",b\n',
        b'"' + b"a" * 200_000 + b'",,\n',
        b'"a\rb,,\n"c"\rd,,\n',
        b"a,," + b"9" * 5_000 + b"\n",
        b"a.py,,1\nb\0.py,,1\n",
    ],
)
def test_what_is_no_record_is_a_value_error(data: bytes) -> None:
    """Too few columns, no UTF-8, no number, no CSV: a ValueError, and nothing else."""
    with pytest.raises(ValueError):  # noqa: PT011 - its text comes from several codecs
        parse(data)


@given(st.binary())
def test_anything_is_parsed_or_refused(data: bytes) -> None:
    """Whatever the bytes, rows come back or a ValueError."""
    try:
        found = parse(data)
    except ValueError:
        return
    assert data.count(b"\n") + 1 >= len(found)


def test_plain_rows_need_no_csv() -> None:
    """A warm uninstall reads a RECORD without importing ``csv``."""
    code = (
        "import sys; from linkinstall.record import parse; parse(b'a,,1\\nb,,2\\n'); "
        "print('csv' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False" == done.stdout.strip()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"a/b.py,sha256=x,many", ["a/b.py"]),
        (b"a\\b.py,sha256=x,many\r", ["a/b.py"]),
        (b"a,b.py,,many", ["a,b.py"]),
        (b'"a,b.py",,many', ["a,b.py"]),
        (b"a/b.py", ["a/b.py"]),
        (b"a/b.py,", ["a/b.py"]),
        (b"caf\xe9.py,,", ["caf\udce9.py"]),
        (b"\0\0\0", []),
        (b"", []),
    ],
)
def test_paths_are_read_out_of_odd_rows(line: bytes, expected: list[str]) -> None:
    """One odd row hides no other, and its own path is told as far as it can be made out."""
    assert ["first.py", *expected, "last.py"] == paths_in(
        b"first.py,,1\n" + line + b"\nlast.py,sha256=y,2\n"
    )


@pytest.mark.parametrize("rows", [b"", b"a,,", b"a,,\n\tdata\tb,sha256=x,1"])
def test_rows_are_sealed(rows: bytes) -> None:
    """A seal is taken away again, and is whole for its own entry and all of its rows only."""
    sealed = seal(rows, "id")

    assert rows == unsealed(sealed)
    assert is_sealed(sealed, "id")
    assert not is_sealed(sealed, "other")
    assert not any(is_sealed(sealed[:end], "id") for end in range(len(sealed)))
    for index in range(len(sealed)):
        other = bytearray(sealed)
        other[index] ^= 1
        assert not is_sealed(bytes(other), "id")


def test_rows_without_a_seal_stay() -> None:
    """What was written without a seal is the rows themselves."""
    assert b"a,,\nb,," == unsealed(b"a,,\nb,,")
    assert not is_sealed(b"a,,\nb,,", "id")
    assert b"rows that are none\n" == unsealed(b"rows that are none\n")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.cpython-311.pyc", True),
        ("a.cpython-311.opt-1.pyc", True),
        ("a.b.cpython-311.pyc", True),
        ("ab.cpython-311.pyc", False),
        ("a.pyc", False),
        ("a.txt", False),
    ],
)
def test_compiled_files_are_known_by_their_module(name: str, *, expected: bool) -> None:
    """``MODULE.TAG[.opt-LEVEL].pyc`` belongs to ``MODULE.py`` beside it (:pep:`3147`)."""
    assert expected == is_compiled_of(name, {"a"})
