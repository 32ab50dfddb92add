"""``linkinstall.wheel``: file names, and the identity that needs no payload."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from installer.utils import parse_wheel_filename as installer_parse
from packaging.utils import InvalidWheelFilename, canonicalize_name
from packaging.utils import parse_wheel_filename as packaging_parse
from packaging.version import Version

from linkinstall import limits
from linkinstall.errors import InvalidWheelError
from linkinstall.fs import local
from linkinstall.wheel import (
    WheelIdentity,
    WheelName,
    belongs,
    canonicalize,
    check_dist_info,
    identify,
    identify_file,
    parse_filename,
    same_version,
)
from tests.support.archives import WIDE, Raw, raw_archive, raw_wheel
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"sample/__init__.py": b"x = 1\n", "sample/data.bin": b"\0" * 500}

names = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?", fullmatch=True)
versions = st.from_regex(
    r"v?(?:[1-9]!)?[0-9]{1,3}(?:\.[0-9]{1,3}){0,3}(?:(?:a|b|rc)[0-9])?(?:\.?_?post[0-9])?"
    r"(?:\.dev[0-9])?(?:\+[a-z0-9]{1,4}(?:[._][a-z0-9]{1,4})?)?",
    fullmatch=True,
)
builds = st.from_regex(r"(?:-[0-9][A-Za-z0-9_]{0,5})?", fullmatch=True)
tags = st.from_regex(
    r"(?:py3|py2\.py3|cp31[0-9])-(?:none|abi3|cp311)-(?:any|win_amd64|linux_x86_64\.linux_aarch64)",
    fullmatch=True,
)


def identity_of(data: bytes) -> WheelIdentity:
    """Return the identity of a wheel in memory."""
    return identify(io.BytesIO(data), len(data))


def refusal(data: bytes) -> str:
    """Return the sentence with which a wheel is not identified."""
    with pytest.raises(InvalidWheelError) as caught:
        identity_of(data)
    return caught.value.message


# ------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("basename", "expected"),
    [
        ("rich-15.0.0-py3-none-any.whl", ("rich", "15.0.0", "", "py3-none-any", "")),
        ("a-1-2b-py3-none-any.whl", ("a", "1", "2b", "py3-none-any", "")),
        # Old tools normalise neither name nor version.
        ("Zope.Interface-7.0.DEV1-py3-none-any.whl",
         ("Zope.Interface", "7.0.DEV1", "", "py3-none-any", "")),
        ("my__pkg-v1.0_1-py2.py3-none-any.whl",
         ("my__pkg", "v1.0_1", "", "py2.py3-none-any", "")),
        ("_private-1!2.0+cu12.1-cp313-cp313t-win_arm64.whl",
         ("_private", "1!2.0+cu12.1", "", "cp313-cp313t-win_arm64", "")),
        # A label more: a variant (PEP 825), with and without a build tag.
        ("torch-2.0-cp313-cp313-linux_x86_64-cu126.whl",
         ("torch", "2.0", "", "cp313-cp313-linux_x86_64", "cu126")),
        ("torch-2.0-1-cp313-cp313-linux_x86_64-x86_64_v3.whl",
         ("torch", "2.0", "1", "cp313-cp313-linux_x86_64", "x86_64_v3")),
    ],
)  # fmt: skip
def test_file_names(basename: str, expected: tuple[str, ...]) -> None:
    """A file name comes apart into its parts as they are written."""
    assert WheelName(*expected) == parse_filename(basename)


@pytest.mark.parametrize(
    "basename",
    [
        "",
        ".whl",
        "rich",
        "rich-15.0.0.tar.gz",
        "rich-15.0.0-py3-none-any.WHL",
        "rich-15.0.0-py3-none-any.whl.part",
        "rich-15.0.0-py3-none-any (1).whl",
        "rich-15.0.0.whl",
        "rich-py3-none-any.whl",
        "rich-15.0.0-any.whl",
        "my-project-1.0-py3-none-any.whl",
        "rich-latest-py3-none-any.whl",
        "rich--py3-none-any.whl",
        "rich-1.0-x-py3-none-any-linux.whl",
        "rich-1.0-1-py3-none-any-cu126-more.whl",
        "-1.0-py3-none-any.whl",
        "rich-1.0-py3--any.whl",
        "rich-1.0--py3-none-any.whl",
        "..-1.0-py3-none-any.whl",
        ".rich-1.0-py3-none-any.whl",
        "rich.-1.0-py3-none-any.whl",
        "__-1.0-py3-none-any.whl",
        "../rich-1.0-py3-none-any.whl",
        "a/rich-1.0-py3-none-any.whl",
        "ri\\ch-1.0-py3-none-any.whl",
        "ri ch-1.0-py3-none-any.whl",
        "rich-1.0%2Bcu-py3-none-any.whl",
        "rich-1.0\n-py3-none-any.whl",
        "r\x1b[31mich-1.0-py3-none-any.whl",
        "r\u0131ch-1.0-py3-none-any.whl",
        "rich-\u0661.0-py3-none-any.whl",
        "rich-1.0-py3-none-any\0.whl",
    ],
)
def test_no_file_names(basename: str) -> None:
    """What is not the name of a wheel is refused, quoted, with its path and one problem."""
    with pytest.raises(InvalidWheelError) as caught:
        parse_filename(basename)

    assert basename == caught.value.path
    assert ["file-name"] == [problem.code for problem in caught.value.problems]
    assert repr(basename) in caught.value.message


@given(names, versions, builds, tags)
def test_agrees_with_packaging_and_installer(name: str, version: str, build: str, tag: str) -> None:
    """What packaging or installer accept is accepted, with the same parts."""
    basename = f"{name}-{version}{build}-{tag}.whl"

    ours = parse_filename(basename)

    theirs = installer_parse(basename)
    assert (theirs.distribution, theirs.version) == (ours.distribution, ours.version)
    assert (theirs.build_tag or "", theirs.tag) == (ours.build, ours.tags)
    try:
        project, parsed, _, _ = packaging_parse(basename)
    except InvalidWheelFilename:
        assume("__" in name or "_" in version)
    else:
        assert project == ours.name
        assert same_version(str(parsed), ours.version)


@given(st.text("aB1-_.+!/ \u0130", max_size=30))
def test_never_more_than_installer(text: str) -> None:
    """A name that is accepted is accepted by installer, too."""
    for basename in (text, f"{text}-py3-none-any.whl", f"a-1{text}-py3-none-any.whl"):
        try:
            ours = parse_filename(basename)
        except InvalidWheelError:
            continue
        assert installer_parse(basename).distribution == ours.distribution


@given(st.one_of(names, st.text("aZ09-_. \u0130\u00e9", max_size=12)))
def test_canonicalize(name: str) -> None:
    """Canonical names are those of PEP 503, as packaging and pip have them."""
    assert canonicalize_name(name) == canonicalize(name)
    assert canonicalize(name) == canonicalize(canonicalize(name).upper()) or not name.isascii()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1.0", "1.0", True),
        ("1.0", "1.0.0", True),
        ("1.0_post1", "1.0.post1", True),
        ("1.0_1", "1.0-1", True),
        ("1.0+Local_1", "1.0+local.1", True),
        ("v2", "2", True),
        ("2004d", "2004d", True),
        ("1.0", "1.1", False),
        ("1.0", "1.0+local", False),
        ("2004d", "2004e", False),
        ("2004d", "1.0", False),
    ],
)
def test_same_version(one: str, other: str, *, expected: bool) -> None:
    """Versions are the same by PEP 440, however they are escaped."""
    assert expected == same_version(one, other)
    assert expected == same_version(other, one)


@given(versions, versions)
def test_same_version_agrees_with_packaging(one: str, other: str) -> None:
    """Two versions are the same when packaging says so."""
    assume("_" not in one + other)

    assert (Version(one) == Version(other)) == same_version(one, other)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("Foo_Bar-1.0.dist-info", True),
        ("foo_bar-1.0.dist-info", True),
        ("foo-bar-1.0.dist-info", True),
        ("Foo.Bar-1.0.0.dist-info", True),
        ("foo_bar-1.1.dist-info", False),
        ("foo-1.0.dist-info", False),
        ("foo_bar.dist-info", False),
        ("-1.0.dist-info", False),
        ("foo_bar-1.0-1.dist-info", False),
    ],
)
def test_folders_of_the_project(folder: str, *, expected: bool) -> None:
    """A dist-info folder belongs to a file name by canonical name and equal version."""
    name = parse_filename("Foo_Bar-1.0-py3-none-any.whl")

    assert expected == belongs(folder.removesuffix(".dist-info"), name)
    if expected:
        check_dist_info(name, folder)
    else:
        with pytest.raises(InvalidWheelError, match="another project or version"):
            check_dist_info(name, folder)


def test_an_old_version_with_a_dash() -> None:
    """A version that was not escaped in the folder's name is found behind its first dash."""
    assert belongs("foo-bar-1.0-1", parse_filename("foo_bar-1.0_1-py3-none-any.whl"))


# ------------------------------------------------------------------ identity


def test_identity_of_an_ordinary_wheel(tmp_path: Path) -> None:
    """The alias is a sha256 over size, offset, raw directory and raw RECORD."""
    path = make_wheel(tmp_path)
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
        record = archive.getinfo("sample-1.0.dist-info/RECORD")
    body = record.header_offset + 30 + len(record.filename)
    packed = data[body : body + record.compress_size]
    numbers = b"".join(n.to_bytes(8, "little") for n in (len(data), start, len(data) - 22 - start))

    with path.open("rb", buffering=0) as stream:
        identity = identify(stream, len(data))

    expected = hashlib.sha256(b"linkinstall wheel 1\n" + numbers + data[start:-22] + packed)
    assert expected.hexdigest() == identity.alias
    assert "sample-1.0.dist-info" == identity.dist_info
    assert identity.directory.data[identity.record_header :].startswith(b"PK\1\2")


def test_large_directories_take_the_other_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which implementation of sha256 is taken does not show in the alias."""
    data = raw_wheel(FILES)
    first = identity_of(data)
    monkeypatch.setattr("linkinstall.wheel._LARGE", 0)
    monkeypatch.delitem(sys.modules, "hashlib")

    assert first == identity_of(data)


@pytest.mark.parametrize(
    "other",
    [
        raw_wheel({**FILES, "sample/data.bin": b"\1" * 500}),
        raw_wheel({**FILES, "sample/more.py": b""}),
        raw_wheel(dict(reversed(FILES.items()))),
        raw_wheel([Raw(name, data, mode=0o100755) for name, data in FILES.items()]),
        raw_wheel(FILES, version="1.1"),
        raw_wheel(FILES, comment=b"x"),
        raw_wheel(FILES, record=b"sample/__init__.py,,\n"),
    ],
)
def test_another_wheel_has_another_alias(other: bytes) -> None:
    """Other contents, members, order, modes, names or rows give another alias."""
    assert identity_of(raw_wheel(FILES)).alias != identity_of(other).alias


def test_rows_alone_make_a_difference() -> None:
    """Two wheels whose directories are equal differ by the raw bytes of RECORD."""
    rows = [b"sample/__init__.py,sha256=%c,1\n" % letter for letter in b"ab"]
    wheels = [
        raw_archive([Raw("s-1.dist-info/RECORD", row, method=0, central={"crc": 7})])
        for row in rows
    ]
    first, second = (identity_of(wheel) for wheel in wheels)

    assert first.directory == second.directory
    assert first.alias != second.alias


def test_record_among_vendored_ones() -> None:
    """The RECORD of the wheel is found before and behind those of vendored projects."""
    vendored = Raw("sample/_vendor/other-2.0.dist-info/RECORD", b"other")
    deep = Raw("sample/" + "x" * 240 + "/" + "y" * 200 + ".dist-info/RECORD", b"deep")
    longer = Raw("sample-1.0.dist-info/RECORD.jws", b"{}")
    before = raw_wheel([vendored, deep])
    members = [Raw("sample-1.0.dist-info/RECORD", b"rows"), vendored, deep, longer]
    behind = raw_archive(members)

    assert "sample-1.0.dist-info" == identity_of(before).dist_info
    assert "sample-1.0.dist-info" == identity_of(behind).dist_info
    assert 0 == identity_of(behind).record_header


def test_a_name_that_holds_the_mark_of_a_header() -> None:
    """Bytes in a name that look like the start of a header do not lead astray."""
    name = b"odd-PK\1\2.dist-info/RECORD"

    assert "odd-PK\1\2.dist-info" == identity_of(raw_archive([Raw(name, b"rows")])).dist_info


def test_record_with_a_long_extra_field() -> None:
    """RECORD is read whole behind an extra field longer than the first read allows for."""
    extra = b"\x99\x99\xf0\0" + b"e" * 240
    data = raw_wheel({}, record=b"rows" * 9)
    padded = raw_archive(
        [Raw("s-1.dist-info/RECORD", b"a" * 900, method=0, local={"extra": extra}), Raw("z", b"z")]
    )

    assert "sample-1.0.dist-info" == identity_of(data).dist_info
    assert "s-1.dist-info" == identity_of(padded).dist_info


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (raw_archive([]), "has no RECORD"),
        (raw_archive([Raw("a.txt", b"a")]), "has no RECORD"),
        (raw_archive([Raw("s-1.dist-info/RECORD.p7s", b"a")]), "has no RECORD"),
        (raw_archive([Raw("v/s-1.dist-info/RECORD", b"a")]), "has no RECORD"),
        (raw_archive([Raw("s-\u00e9.dist-info/RECORD", b"a")]), "has no RECORD"),
        (raw_archive([Raw("s-1.DIST-INFO/RECORD", b"a")]), "has no RECORD"),
        (raw_archive([Raw("a", b"b" * 50), Raw("s-1.dist-info/RECORD", b"a", at=0)]), "not where"),
        (raw_archive([Raw("a", b"b" * 50), Raw("s-1.dist-info/RECORD", b"a", at=9)]), "not where"),
        (raw_archive([Raw("s-1.dist-info/RECORD", b"a", at=10**6)]), "outside of the file"),
        (raw_archive([Raw("s-1.dist-info/RECORD", b"a", central={"packed": 10**5})]), "outside"),
        (raw_archive([Raw("s-1.dist-info/RECORD", b"a", central={"packed": WIDE - 1})]), "larger"),
        (raw_archive([Raw("s-1.dist-info/RECORD", b"a", central={"packed": WIDE})]), "missing"),
        (raw_archive([Raw("s-1.dist-info/RECORD", b"a", local={"name": b"t-1.dist-info/RECORD"})]),
         "not where the central"),
    ],
)  # fmt: skip
def test_no_identity(data: bytes, words: str) -> None:
    """An archive without a RECORD that can be read has no identity."""
    with pytest.raises(InvalidWheelError, match=words):
        identity_of(data)


def test_a_local_header_that_claims_a_long_extra_field() -> None:
    """RECORD's contents must end before the central directory, whatever its header says."""
    member = Raw("s-1.dist-info/RECORD", b"rows")
    data = bytearray(raw_archive([member]))
    data[28:30] = b"\xff\xff"

    assert "outside of the file" in refusal(bytes(data))


def test_names_longer_than_file_systems_take_are_not_searched() -> None:
    """A dist-info folder whose name no file system takes is not found."""
    name = "x" * limits.NAME_LENGTH + "-1.dist-info/RECORD"

    assert "has no RECORD" in refusal(raw_archive([Raw(name, b"rows")]))


def test_what_a_warm_install_imports() -> None:
    """Neither zipfile nor re, installer, packaging, typing or hashlib is loaded for an identity."""
    code = (
        "import io, sys\n"
        "import linkinstall.wheel as wheel\n"
        "data = sys.stdin.buffer.read()\n"
        "name = wheel.parse_filename('sample-1.0-py3-none-any.whl')\n"
        "identity = wheel.identify(io.BytesIO(data), len(data))\n"
        "wheel.check_dist_info(name, identity.dist_info)\n"
        "heavy = {'zipfile', 're', 'installer', 'packaging', 'typing', 'hashlib', 'dataclasses',\n"
        "         'struct', 'linkinstall.errors', 'pathlib'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )

    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        input=raw_wheel(FILES),
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )

    assert b"[]" == done.stdout.strip()


@given(st.data())
def test_no_damage_makes_it_fail_otherwise(data: st.DataObject) -> None:
    """A wheel with any bytes changed is identified or refused."""
    wheel = bytearray(raw_wheel({"a.py": b"x"}))
    for _ in range(data.draw(st.integers(1, 4))):
        wheel[data.draw(st.integers(0, len(wheel) - 1))] = data.draw(st.integers(0, 255))
    try:
        identity_of(bytes(wheel))
    except InvalidWheelError:
        return


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing-1.0-py3-none-any.whl", "unreadable"),
        ("noname.whl", "file-name"),
        ("empty-1.0-py3-none-any.whl", "archive"),
    ],
)
def test_a_problem_has_the_whole_path_and_the_message_what_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: str
) -> None:
    """Story: programs were told ``x.whl``, and had to know where it was that somebody stood."""
    (tmp_path / "empty-1.0-py3-none-any.whl").write_bytes(b"")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InvalidWheelError) as caught:
        identify_file(local(), name)

    (problem,) = caught.value.problems
    assert (code, (tmp_path / name).as_posix()) == (problem.code, problem.path)
    assert name in caught.value.message
    assert tmp_path.name not in caught.value.message
