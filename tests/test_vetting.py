"""``linkinstall.vetting``: every evil wheel is refused, whole, before anything is unpacked.

The table follows the list of evil wheels that installer 1.1 was tried on: of 66 it let
40 pass its validation and installed them, and 12 of the 21 it refused left files behind.
Here each is refused with all its problems, or accepted on purpose; which, and why, says
``docs/reference/refused-wheels.md``.
"""

from __future__ import annotations

import io
import random
import re
import struct
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from installer import install
from installer.destinations import WheelDestination
from installer.records import RecordEntry
from installer.sources import WheelFile

from linkinstall import limits
from linkinstall.errors import InvalidWheelError
from linkinstall.vetting import VettedWheel, open_archive, reading, vet
from linkinstall.wheel import identify
from tests.support.archives import Raw, raw_archive, raw_wheel
from tests.support.hostile_wheels import (
    ALLOWED,
    BASENAME,
    DATA,
    FILES,
    INFO,
    METADATA,
    REFUSED,
    WHEEL,
    points,
)
from tests.support.wheels import make_record, make_wheel, record_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

    from installer.scripts import ScriptSection
    from installer.utils import Scheme


def passed(data: bytes, basename: str = BASENAME, **options: Any) -> VettedWheel:
    """Vet a wheel in memory."""
    stream = io.BytesIO(data)
    with open_archive(stream, basename) as archive:
        return vet(archive, stream, basename, **options)


def refused(data: bytes, basename: str = BASENAME, **options: Any) -> list[tuple[str, str]]:
    """Return (code, path) of the problems with which a wheel is refused."""
    with pytest.raises(InvalidWheelError) as caught:
        passed(data, basename, **options)
    assert basename == caught.value.path
    assert caught.value.next_step
    assert re.sub(r"[\n]", "", str(caught.value)).isprintable()
    return [(problem.code, problem.path) for problem in caught.value.problems]


def codes(data: bytes, **options: Any) -> set[str]:
    """Return the codes of the problems with which a wheel is refused."""
    return {code for code, _ in refused(data, **options)}


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("name", REFUSED)
def test_evil_wheels(name: str) -> None:
    """Each evil wheel is refused for exactly its reasons, in a printable message."""
    case = REFUSED[name]

    assert set(case.codes) == codes(case.wheel())


@pytest.mark.parametrize("name", ALLOWED)
def test_odd_wheels(name: str) -> None:
    """Each wheel that only looks evil passes."""
    passed(ALLOWED[name].wheel())


def test_a_bomb() -> None:
    """A wheel that unpacks to a thousand times its size is refused."""
    assert {"archive-size"} == codes(raw_wheel({"a": b"\0" * (64 << 20)}))


def test_all_problems_come_together() -> None:
    """One wheel with many problems is refused once, with each of them."""
    data = raw_wheel(
        [Raw("../x", b""), Raw("a", b"x", mode=0o120777), Raw(f"{DATA}/evil/x", b"")],
        extra=[Raw("unlisted", b"")],
        replaced={
            "METADATA": METADATA.replace(b"sample", b"other"),
            "WHEEL": b"Wheel-Version: 3.0\nRoot-Is-Purelib: true\n",
            "entry_points.txt": b"[console_scripts]\npython = x\n",
            "INSTALLER": b"evil",
        },
    )

    expected = [
        ("member-type", "a"),
        ("member-path", "../x"),
        ("installer-file", f"{INFO}/INSTALLER"),
        ("wheel-version", "WHEEL"),
        ("metadata-name", "METADATA"),
        ("record-missing-row", "unlisted"),
        ("reserved-name", "entry_points.txt: python"),
        ("entry-point-object", "entry_points.txt: python"),
        ("data-scheme", f"{DATA}/evil/x"),
    ]
    assert expected == refused(data)


@pytest.mark.parametrize("before", ["\r\n ", "\x0b", "\u00a0"])
def test_what_stands_before_a_version_is_part_of_it(before: str) -> None:
    """What ``installer`` does not take for version 1 is refused here, before it sees it.

    A folded line passed, and ``installer`` ended the run with an error of its own, after the
    first write to the cache (found by ``make fuzz SEED=1``).
    """
    wheel = f"Wheel-Version:{before}1.0\nRoot-Is-Purelib: true\n"

    assert [("wheel-version", "WHEEL")] == refused(
        raw_wheel({}, replaced={"WHEEL": wheel.encode()})
    )


def test_a_name_in_an_extra_field() -> None:
    """A second name in an extra field, which some tools believe, is refused where they do."""
    name = b"sample/a.py"
    content = struct.pack("<BL", 1, zlib.crc32(name)) + b"sample/evil.py"
    extra = struct.pack("<HH", 0x7075, len(content)) + content
    data = raw_wheel([Raw(name, b"", central={"extra": extra})])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        believed = "sample/evil.py" in archive.namelist()

    if believed:
        assert "member-name" in codes(data)
    else:
        assert "sample/a.py" in [file.member for file in passed(data).files]


def test_a_second_record_in_a_comment() -> None:
    """A header hidden in a member's comment does not become the identity of the wheel."""
    hidden = raw_archive([Raw("other-1.dist-info/RECORD", b"rows")])
    header = hidden[hidden.index(b"PK\1\2") : -22]
    data = raw_wheel(FILES)
    start = data.rindex(f"{INFO}/RECORD".encode()) - 46
    end = data[start:-22] + b""
    directory = struct.unpack_from("<LL", data, len(data) - 10)
    forged = (
        data[:start]
        + end[:32]
        + struct.pack("<H", len(header))
        + end[34:]
        + header
        + data[-22:-10]
        + struct.pack("<LLH", directory[0] + len(header), directory[1], 0)
    )

    assert "archive" in codes(forged)


def test_windows_names() -> None:
    """Names that Windows cannot have are refused where they would be written to Windows."""
    names = ["con.py", "sample/aux", "sample/a:b", "sample/a ", "sample/COM\u00b9", "sample/b."]
    data = raw_wheel(dict.fromkeys(names, b""))

    assert len(names) + 3 == len(passed(data).files) + 1
    assert [("member-windows", name) for name in names] == refused(data, windows=True)


@pytest.mark.parametrize("level", ["all", "entries", "none"])
def test_levels_of_validation(level: str) -> None:
    """How much of RECORD must be right is the caller's choice."""
    rows = make_record({**FILES, f"{INFO}/METADATA": METADATA, f"{INFO}/WHEEL": WHEEL}, INFO)
    wrong_size = rows.replace(",300\n", ",301\n")
    missing = rows.replace("sample/data.bin", "sample/gone.bin")
    weak = rows.replace("sha256=", "md5=")
    own = {"METADATA": METADATA, "WHEEL": WHEEL}
    allowed = {
        "all": [rows],
        "entries": [rows, wrong_size],
        "none": [rows, wrong_size, missing, weak, "", f"a,,\na,,\n{INFO}/RECORD,,\n"],
    }[level]

    for text in [rows, wrong_size, missing, weak, ""]:
        data = raw_wheel(FILES, replaced=own, record=text.encode())
        if text in allowed:
            vetted = passed(data, validate_record=level)
            assert (text in (rows, wrong_size)) == vetted.covered
            assert vetted.covered == (vetted.alias is not None)
        else:
            assert codes(data, validate_record=level)


def test_the_page_lists_every_code() -> None:
    """The page on refused wheels has the codes that the source gives, and no others."""
    repository = Path(__file__).resolve().parents[1]
    sources = [repository / "src/linkinstall" / name for name in ("archive.py", "wheel.py")]
    sources += (repository / "src/linkinstall/vetting").glob("*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    given = set(re.findall(r'(?:problems\.add\(|yield |Problem\()\s*"([a-z-]+)"', text))
    page = (repository / "docs/reference/refused-wheels.md").read_text(encoding="utf-8")

    assert given == set(re.findall(r"\| `([a-z-]+)` \|", page)) | {"more"}
    assert f"the first {limits.WHEEL_PROBLEMS} are listed" in page


# ------------------------------------------------------------------ what is accepted


def test_a_sound_wheel(tmp_path: Path) -> None:
    """What a wheel holds is told completely."""
    path = make_wheel(
        tmp_path,
        files={"sample/a.py": "a", "sample/b": "#!", f"{DATA}/scripts/s": "#!python\n"},
        entry_points="[console_scripts]\nx = sample:m\n",
        executable=["sample/b"],
    )
    data = path.read_bytes()

    vetted = passed(data)

    assert ("sample", "1.0", INFO, DATA, "purelib") == (
        vetted.distribution, vetted.version, vetted.dist_info, vetted.data_dir, vetted.root,
    )  # fmt: skip
    assert [
        ("sample/a.py", "purelib", "sample/a.py", False, 1),
        ("sample/b", "purelib", "sample/b", True, 2),
        (f"{DATA}/scripts/s", "scripts", "s", False, 9),
    ] == [
        (file.member, file.scheme, file.path, file.executable, file.size)
        for file in vetted.files[:3]
    ]
    assert (("x", "sample", "m", "console"),) == vetted.entry_points
    assert ("sha256", record_hash(b"a").removeprefix("sha256="), 1) == vetted.record["sample/a.py"]
    assert {file.member for file in vetted.files} == vetted.record.keys()
    assert vetted.covered
    assert identify(io.BytesIO(data), len(data)).alias == vetted.alias
    assert ((), (), ()) == (vetted.skipped, vetted.warnings, vetted.case_collisions)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (raw_wheel({"sample/__pycache__/a.cpython-311.pyc": b"x"}), ["pycache"]),
        (raw_wheel({"sample.pth": b"import os"}), ["pth"]),
        (raw_wheel({f"{DATA}/purelib/sample.pth": b"import os"}), ["pth"]),
        (raw_wheel({"sample/a.pth": b"", f"{DATA}/data/a.pth": b""}), []),
        (
            raw_wheel({}, replaced={"WHEEL": b"Wheel-Version: 1.7\nRoot-Is-Purelib: true\n"}),
            ["wheel-version"],
        ),
        (raw_wheel({}, replaced={"WHEEL": b"Wheel-Version: 1.0 \n"}), ["root-is-purelib"]),
        (raw_wheel({}, replaced={"METADATA": METADATA + b"Author: \xff\n"}), ["metadata"]),
        (raw_wheel({"a.py": b"", "A.py": b""}), []),
    ],
)
def test_warnings(data: bytes, expected: list[str]) -> None:
    """What is legal but worth a word is told, once."""
    assert expected == [warning.code for warning in passed(data).warnings]


def test_what_is_left_out() -> None:
    """Compiled files and setuptools' scripts are named as left out, and not among the files."""
    compiled = "sample/__pycache__/a.cpython-311.pyc"
    data = raw_wheel(
        {compiled: b"x", f"{DATA}/scripts/tool": b"#!python"},
        replaced={"entry_points.txt": b"[console_scripts]\ntool = sample:main\n"},
    )

    vetted = passed(data)

    assert (compiled, f"{DATA}/scripts/tool") == vetted.skipped
    assert not set(vetted.skipped) & {file.member for file in vetted.files}
    assert vetted.covered


def test_a_signature_has_no_alias() -> None:
    """RECORD does not pin a signature of itself, so such a wheel is not known by an alias."""
    data = raw_wheel(FILES, extra=[Raw(f"{INFO}/RECORD.jws", b"{}")])

    vetted = passed(data)

    assert f"{INFO}/RECORD.jws" in [file.member for file in vetted.files]
    assert (False, None) == (vetted.covered, vetted.alias)


def test_names_that_are_not_normalised() -> None:
    """File name, dist-info, .data and METADATA may each spell name and version their way."""
    data = raw_archive(
        [
            Raw("sample-pkg-1.0.0.data/scripts/x", b""),
            Raw("Sample.Pkg-1.0.dist-info/METADATA", b"Name: sample_PKG\nVersion: v1\n"),
            Raw("Sample.Pkg-1.0.dist-info/WHEEL", WHEEL),
            Raw("Sample.Pkg-1.0.dist-info/RECORD", b""),
        ]
    )

    vetted = passed(data, "SAMPLE_pkg-1.0.0-py3-none-any.whl", validate_record="none")

    assert "Sample.Pkg-1.0.dist-info" == vetted.dist_info
    assert "sample-pkg-1.0.0.data" == vetted.data_dir
    assert ("scripts", "x") == (vetted.files[0].scheme, vetted.files[0].path)


def test_case_collisions_are_told() -> None:
    """Paths that differ by case only are left to the plan, which knows the file system."""
    vetted = passed(raw_wheel({"sample/a.py": b"", "sample/A.py": b""}))

    assert (("purelib/sample/A.py", "purelib/sample/a.py"),) == vetted.case_collisions


def test_case_collisions_are_refused_on_windows() -> None:
    """Where the system itself takes two paths for one, nothing is unpacked of such a wheel."""
    data = raw_wheel({"sample/a.py": b"", "sample/A.py": b""})

    assert {"member-case"} == codes(data, windows=True)


class Source(WheelFile):
    """A wheel whose .data folder is the one that was found in it."""

    found_data_dir = DATA

    @property
    def data_dir(self) -> str:
        """Name of the folder."""
        return self.found_data_dir


class Recorder(WheelDestination):
    """A destination that notes what installer hands over."""

    def __init__(self) -> None:
        self.scripts: list[tuple[str, ...]] = []
        self.files: list[tuple[str, str, bool]] = []
        self.root = ""

    def write_script(
        self, name: str, module: str, attr: str, section: ScriptSection
    ) -> RecordEntry:
        """Note a script."""
        self.scripts.append((name, module, attr, section))
        return RecordEntry(name, None, None)

    def write_file(
        self,
        scheme: Scheme,
        path: Any,
        stream: Any,
        is_executable: bool,  # noqa: FBT001 - installer's signature
    ) -> RecordEntry:
        """Note a file."""
        assert stream is not None
        self.files.append((scheme, path, is_executable))
        return RecordEntry(path, None, None)

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[Any]
    ) -> None:
        """Note the root scheme."""
        assert record_file_path.endswith(".dist-info/RECORD")
        assert list(records)
        self.root = scheme


@pytest.mark.parametrize(
    "data",
    [
        raw_wheel(FILES),
        raw_wheel({}, replaced={"WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: True\n"}),
        raw_wheel({}, replaced={"WHEEL": b"Wheel-Version: 1.1\nRoot-Is-Purelib: false\n"}),
        raw_wheel({f"{DATA}/{scheme}/a/b": b"" for scheme in
                   ("purelib", "platlib", "headers", "scripts", "data")}),
        raw_wheel({"a/__pycache__/x.pyc": b"", "__pycache__/y.pyc": b"", "__pycache__.py": b""}),
        raw_wheel([Raw("p/", mode=0o040755), Raw("p/x", b"", mode=0o100711), Raw("y", mode=0o755)]),
        raw_wheel([Raw("z", b"1"), Raw("\u00e9/a b,c", b"2"), Raw('q"uote', b"3", method=0)]),
        raw_wheel({"a.data/x": b"", "sample-1.0.dataset/y": b"", ".hidden": b""}),
        points("[gui_scripts]\nb = p:m\n[other]\nx = a%b\n[console_scripts]\na=p.q:r.s [t]\n"),
        raw_wheel(FILES, comment=b"comment", zip64={}),
        raw_wheel(FILES, extra=[Raw(f"{INFO}/RECORD.jws", b"")]),
    ],
)  # fmt: skip
def test_installer_does_the_same(data: bytes) -> None:
    """For an accepted wheel installer hands over exactly the files and scripts told here."""
    stream = io.BytesIO(data)
    destination = Recorder()
    with open_archive(stream, BASENAME) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vetted = vet(archive, stream, BASENAME)
        archive.filename = BASENAME
        install(WheelFile(archive), destination, {})

    assert destination.root == vetted.root
    assert destination.scripts == list(vetted.entry_points)
    assert destination.files == [(one.scheme, one.path, one.executable) for one in vetted.files]


# ------------------------------------------------------------------ damage


def test_no_archive_is_opened() -> None:
    """What zipfile cannot open is refused with the wheel's name."""
    for data in (b"", b"PK", b"junk" * 100, raw_wheel(FILES)[:200]):
        with pytest.raises(InvalidWheelError, match=r"'sample-1\.0-py3-none-any\.whl'"):
            open_archive(io.BytesIO(data), BASENAME)


def test_what_zipfile_cannot_open() -> None:
    """A directory that zipfile stumbles over is refused, not raised."""
    data = raw_wheel([Raw(b"\xff\xfe", b"", flags=0x0800)])

    with pytest.raises(InvalidWheelError, match="cannot be read"):
        open_archive(io.BytesIO(data), BASENAME)


def test_damaged_contents() -> None:
    """Contents that do not unpack, or not to what they should, are refused while reading."""
    for payload in (b"\xff\xff\xff", b"", b"\x03"):
        member = Raw("a.py", b"text", payload=payload)
        stream = io.BytesIO(raw_wheel([member]))
        with open_archive(stream, BASENAME) as archive:
            vet(archive, stream, BASENAME)
            with (
                pytest.raises(InvalidWheelError, match="contents are damaged") as caught,
                reading(BASENAME),
            ):
                archive.read("a.py")
        assert BASENAME == caught.value.path


def test_damaged_metadata() -> None:
    """Metadata that does not unpack is one of the problems."""
    member = Raw(f"{INFO}/WHEEL", WHEEL, payload=b"\xff\xff\xff")

    assert "member-damaged" in codes(raw_wheel([member], replaced={"WHEEL": None}))


@pytest.mark.parametrize("method", [9, 12, 14, 93])
def test_metadata_of_another_compression(method: int) -> None:
    """Metadata that is packed in another way is refused, and not unpacked to find out."""
    member = Raw(f"{INFO}/WHEEL", WHEEL, method=method)

    assert {"member-compression"} == codes(raw_wheel([member], replaced={"WHEEL": None}))


def test_errors_of_the_disk_pass_through() -> None:
    """A disk that fails is not a wheel that is damaged."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error", size)

    with pytest.raises(OSError, match="Input/output"):
        open_archive(Failing(raw_wheel(FILES)), BASENAME)


def test_a_directory_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile number of problems is counted, and a hostile number of members refused."""
    data = raw_wheel({f"../{number}": b"" for number in range(500)})

    found = refused(data)

    assert limits.WHEEL_PROBLEMS + 1 == len(found)
    assert ("more", "") == found[-1]
    monkeypatch.setattr(limits, "WHEEL_MEMBERS", 100)
    with pytest.raises(InvalidWheelError, match="503 members"):
        open_archive(io.BytesIO(data), BASENAME)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return a wheel with some bytes changed, moved, doubled, lost or added."""
    result = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(result))
        match chance.randrange(7):
            case 0:
                result[at] = chance.randrange(256)
            case 1:
                result[at] ^= 1 << chance.randrange(8)
            case 2:
                del result[at : at + chance.randint(1, 30)]
            case 3:
                result[at:at] = result[at : at + chance.randint(1, 60)]
            case 4:
                mark = chance.choice([b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\7", b"PK\7\x08"])
                result[at : at + 4] = mark
            case 5:
                number = chance.choice([0, 1, 0xFFFF, 0xFFFF_FFFF, len(result)])
                result[at : at + 4] = number.to_bytes(4, "little")
            case _:
                # Where the structure is: the second half holds directory and end record.
                late = chance.randrange(len(result) // 2, len(result))
                result[late] = chance.randrange(256)
        if not result:
            return b""
    return bytes(result)


SEEDS = [
    raw_wheel(FILES),
    raw_wheel(FILES, zip64={}, comment=b"comment"),
    raw_wheel(
        [Raw("sample/a.py", b"text", flags=8), Raw("d/", mode=0o040755), Raw("\u00e9", b"x")],
        replaced={"entry_points.txt": b"[console_scripts]\nx = p:m\n"},
    ),
    raw_wheel([Raw(name, data, method=0) for name, data in FILES.items()]),
]


@pytest.mark.parametrize("seed", range(8))
def test_no_mutation_makes_it_fail_otherwise(seed: int) -> None:
    """A wheel damaged anywhere is accepted or refused; no other error gets out."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    outcomes = {"accepted": 0, "refused": 0}
    for _ in range(500):
        data = mutated(chance.choice(SEEDS), chance)
        level = chance.choice(["all", "entries", "none"])
        try:
            vetted = passed(data, validate_record=level, windows=chance.random() < 0.5)
            stream = io.BytesIO(data)
            with open_archive(stream, BASENAME) as archive, reading(BASENAME):
                for file in vetted.files:
                    archive.read(file.member)
        except InvalidWheelError:
            outcomes["refused"] += 1
        else:
            outcomes["accepted"] += 1

    assert outcomes["refused"] > 300


PIECES = [piece.encode() for piece in ', / .. \\ " = : % [ ] - 1 A sha1 python .data'.split()]
PIECES += [b"", b"\0", b"\xff", b" ", b"\r", b"\n", b".dist-info", b"__pycache__", b"[DEFAULT]\n"]
PIECES += ["\x85".encode(), "\u2028".encode(), "\u202e".encode()]


def rewritten(text: bytes, chance: random.Random) -> bytes:
    """Return text with a few small pieces put in, doubled or taken out."""
    result = bytearray(text)
    for _ in range(chance.choice([0, 0, 0, 1, 1, 2])):
        at = chance.randint(0, len(result))
        length = chance.randint(0, 6)
        match chance.randrange(3):
            case 0:
                result[at:at] = chance.choice(PIECES)
            case 1:
                del result[at : at + length]
            case _:
                result[at : at + length] = result[at : at + length] * 2
    return bytes(result)


def sound_but_odd(chance: random.Random) -> bytes:
    """Return a sound archive whose names and metadata were rewritten."""
    names = [b"sample/a.py", b"sample/b/c", b"sample-1.0.data/scripts/x", b"sample-1.0.data/data/d",
             b"sample/__pycache__/a.pyc", "sample/\u00e9".encode()]  # fmt: skip
    members = [
        Raw(name.decode("utf-8", "replace"), b"x", mode=chance.choice([0o100644, 0o100755, 0]))
        for name in (rewritten(name, chance) for name in names)
    ]
    scripts = b"[console_scripts]\nx = p.q:m\n[gui_scripts]\ny = p:c.d [z]\n"
    own = {"METADATA": METADATA, "WHEEL": WHEEL, "entry_points.txt": scripts}
    replaced = {name: rewritten(text, chance) for name, text in own.items()}
    listed = {str(member.name): member.data for member in members}
    listed |= {f"{INFO}/{name}": text for name, text in replaced.items()}
    record = rewritten(make_record(listed, INFO).encode("utf-8", "replace"), chance)
    return raw_wheel(members, replaced=replaced, record=record)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_accepted_never_troubles_installer(seed: int) -> None:
    """Whatever names and metadata say, an accepted wheel is installed as it was told."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    accepted = 0
    for _ in range(200):
        stream = io.BytesIO(sound_but_odd(chance))
        try:
            with open_archive(stream, BASENAME) as archive:
                vetted = vet(
                    archive, stream, BASENAME, validate_record=chance.choice(["all", "none"])
                )
                archive.filename = BASENAME
                destination = Recorder()
                source = Source(archive)
                source.found_data_dir = vetted.data_dir
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    install(source, destination, {})
        except InvalidWheelError:
            continue
        accepted += 1
        told = {(file.scheme, file.path, file.executable) for file in vetted.files}
        left_out = {("scripts", name.rpartition("/")[2]) for name in vetted.skipped}
        assert told == {one for one in destination.files if one[:2] not in left_out}
        assert destination.scripts == list(vetted.entry_points)
        assert destination.root == vetted.root

    assert accepted > 10
