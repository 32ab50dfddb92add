"""Each call of ``LinkDestination`` does by itself what it does on ``installer``'s destination.

As ``installer``'s own tests of its destinations do, the methods are called without a wheel and
without ``installer.install``: what they take, what they return, what is left once
``finalize_installation`` has run.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import fields, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

import installer
import pytest
from installer.destinations import SchemeDictionaryDestination, WheelDestination
from installer.scripts import Script
from installer.sources import WheelFile
from installer.utils import Scheme

from linkinstall import LinkDestination
from tests.support.parity import (
    INTERPRETER,
    KINDS,
    Side,
    Twins,
    finalize,
    prefix_schemes,
    tree,
    write,
)
from tests.support.parity_wheels import METADATA, everything
from tests.support.platforms import needs_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from installer.records import RecordEntry


pytestmark = pytest.mark.usefixtures("apart")


def test_it_is_the_class_it_stands_in_for() -> None:
    """It is a SchemeDictionaryDestination, its fields in their order, ours by keyword only."""
    theirs = [field.name for field in fields(SchemeDictionaryDestination)]
    ours = [field.name for field in fields(LinkDestination) if not field.kw_only]
    assert issubclass(LinkDestination, SchemeDictionaryDestination)
    assert issubclass(LinkDestination, WheelDestination)
    assert theirs == ours


def test_arguments_may_be_positional_and_are_readable(tmp_path: Path) -> None:
    """The positional form of ``SchemeDictionaryDestination`` works, and so do its attributes."""
    schemes = prefix_schemes(tmp_path)
    arguments: Any = (schemes, INTERPRETER, "posix", "sha512", (0,), str(tmp_path / "stage"), True)
    destination = LinkDestination(*arguments)
    names = [field.name for field in fields(SchemeDictionaryDestination)]
    assert arguments == tuple(getattr(destination, name) for name in names)


def test_defaults_are_those_of_the_class(tmp_path: Path) -> None:
    """What is not given means what it means there."""
    theirs = SchemeDictionaryDestination(prefix_schemes(tmp_path), INTERPRETER, "posix")
    ours = LinkDestination(prefix_schemes(tmp_path), INTERPRETER, "posix")
    names = [field.name for field in fields(theirs)]
    expected = {name: getattr(theirs, name) for name in names}
    assert expected == {name: getattr(ours, name) for name in names}


def test_fields_may_be_replaced_and_assigned(twins: Twins, tmp_path: Path) -> None:
    """``dataclasses.replace`` and assignment before the first file work as there."""
    wheel = everything(tmp_path)
    for side in twins.sides:
        destination = replace(side.destination(), hash_algorithm="sha512")
        destination.interpreter = "/usr/bin/python3"
        with WheelFile.open(wheel) as source:
            installer.install(source, destination, METADATA)
    twins.assert_same()


# write_file

FILES = {
    "data": ("data", "my_data.bin", b"my data"),
    "data in a folder": ("data", "data_folder/deeper/my_data.bin", b"my data"),
    "script": ("scripts", "my_script.py", b"#!python\nmy script"),
    "script in a folder": ("scripts", "script_folder/my_script.py", b"#!python\nmy script"),
    "script without a line end": ("scripts", "s", b"#!python"),
    "script of another": ("scripts", "s", b"#!py\nmy script"),
    "shebang outside scripts": ("purelib", "module.py", b"#!python\n"),
    "empty": ("purelib", "empty", b""),
    "comma": ("data", "a,b.bin", b"x"),
    "line separators": ("data", "a\u2028b\x85c\x1cd.bin", b"x"),
    "tab and controls": ("data", "a\tb\x01\x7f.bin", b"x"),
    "dot segments": ("purelib", "./a/./b/../c.py", b"x"),
    "double slash": ("purelib", "a//b.py", b"x"),
    "up and back": ("purelib", "sample/../sample/x.py", b"x"),
    "backslash": ("purelib", "a\\b.py", b"x"),
    "reserved on windows": ("purelib", "con/aux.py", b"x"),
    "trailing dot": ("purelib", "folder./name.", b"x"),
}
NOT_ON_WINDOWS = {"line separators", "tab and controls", "reserved on windows"}


@pytest.mark.parametrize("executable", [False, True], ids=["plain", "executable"])
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=needs_names) if name in NOT_ON_WINDOWS else name for name in FILES],
)
def test_a_file_written_directly_is_the_same(twins: Twins, name: str, *, executable: bool) -> None:
    """``write_file`` returns an equal entry and leaves an equal file, without a wheel around it."""
    scheme, path, contents = FILES[name]

    def action(side: Side) -> RecordEntry:
        destination = side.destination()
        row = write(destination, scheme, path, contents, executable=executable)
        finalize(destination, [row])
        return row[1]

    theirs, ours = twins.each(action)
    assert theirs == ours
    assert path == ours.path
    twins.assert_same()


@pytest.mark.parametrize("character", ["\n", "\r"])
def test_a_line_break_in_a_name_is_refused_where_the_class_takes_it(
    twins: Twins, character: str
) -> None:
    """No wheel can have one: who reads RECORD by lines, as ``installer`` does, gets half a row."""
    before = tree(twins.ours.root)
    with pytest.raises(ValueError, match="line break"):
        write(twins.ours.destination(), "data", f"a{character}b.bin")
    assert before == tree(twins.ours.root)


@pytest.mark.parametrize("path", ["x/" * 2_100 + "y", "x/" * 201 + "y", "x/" + "y" * 4_000])
def test_a_path_beyond_the_bounds_of_wheels_is_refused(twins: Twins, path: str) -> None:
    """2,100 folders in one path once ended in a RecursionError, their parents made one by one.

    The bounds are those of a wheel that is vetted (``PATH_DEPTH``, ``PATH_LENGTH``).
    """
    before = tree(twins.ours.root)
    with pytest.raises(ValueError, match="too long, or too deep"):
        write(twins.ours.destination(), "data", path)
    assert before == tree(twins.ours.root)


def test_a_pathlike_path_is_recorded_as_a_string(twins: Twins) -> None:
    """``write_file`` takes any os.PathLike, and its entry holds the string."""

    def action(side: Side) -> RecordEntry:
        destination = side.destination()
        row = write(destination, "purelib", PurePosixPath("sample") / "x.py")
        finalize(destination, [row])
        return row[1]

    theirs, ours = twins.each(action)
    assert theirs == ours
    assert "sample/x.py" == ours.path
    twins.assert_same()


class _Trickle(io.BytesIO):
    """A stream that gives few bytes at a time, as a socket or a decompressor does."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(4_000 if size is None or size < 0 else min(size, 4_000))


class _OneWay(io.RawIOBase):
    """A stream that can only be read onward."""

    def __init__(self, contents: bytes) -> None:
        self._inner = io.BytesIO(contents)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._inner.readinto(buffer)


STREAMED = b"#!python\n" + b"0123456789" * 30_000


def _file(folder: Path, buffering: int) -> Any:
    (folder / "file").write_bytes(STREAMED)
    return (folder / "file").open("rb", buffering=buffering)


def _member(folder: Path) -> Any:
    with zipfile.ZipFile(folder / "zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member", STREAMED)
    with zipfile.ZipFile(folder / "zip") as archive:
        return archive.open("member")  # keeps the archive's file open until it is closed itself


def _halfway(_folder: Path) -> io.BytesIO:
    stream = io.BytesIO(STREAMED)
    stream.seek(100)
    return stream


STREAMS: dict[str, Callable[[Path], Any]] = {
    "bytes": lambda _folder: io.BytesIO(STREAMED),
    "file": lambda folder: _file(folder, -1),
    "raw file": lambda folder: _file(folder, 0),
    "zip member": _member,
    "trickle": lambda _folder: _Trickle(STREAMED),
    "halfway": _halfway,
    "one way": lambda _folder: _OneWay(STREAMED),
}
# A script is read from its start, so its stream has to seek: with installer as well.
STREAM_USES = [(name, "purelib") for name in STREAMS]
STREAM_USES += [(name, "scripts") for name in STREAMS if name != "one way"]


@pytest.mark.parametrize(("name", "scheme"), STREAM_USES)
def test_any_stream_will_do_and_is_left_open(
    twins: Twins, tmp_path: Path, name: str, scheme: str
) -> None:
    """A stream is read from where it stands, a script from its start; the caller closes it."""

    def action(side: Side) -> RecordEntry:
        destination = side.destination()
        with STREAMS[name](tmp_path) as stream:
            entry = destination.write_file(Scheme(scheme), "x", stream, is_executable=False)
            assert not stream.closed
        finalize(destination, [(Scheme(scheme), entry)])
        return entry

    theirs, ours = twins.each(action)
    assert theirs == ours
    twins.assert_same()


# write_script


@pytest.mark.parametrize("section", ["console", "gui"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_script_written_directly_is_the_same(twins: Twins, kind: Any, section: Any) -> None:
    """``write_script`` returns the entry of what ``Script.generate`` makes, and leaves that."""

    def action(side: Side) -> RecordEntry:
        destination = side.destination(script_kind=kind)
        entry = destination.write_script("my_entry", "my_module", "my.function", section)
        finalize(destination, [(Scheme("scripts"), entry)])
        return entry

    theirs, ours = twins.each(action)
    script = Script("my_entry", "my_module", "my.function", section)
    name, contents = script.generate(INTERPRETER, kind)
    assert theirs == ours
    assert (name, contents) == (ours.path, twins.ours.path("scripts", name).read_bytes())
    twins.assert_same()


def test_arguments_may_be_keywords(twins: Twins) -> None:
    """Every parameter has the name it has there: ``installer.install`` calls by keyword."""
    for side in twins.sides:
        destination = side.destination()
        script = destination.write_script(name="x", module="m", attr="f", section="console")
        file = destination.write_file(
            scheme=Scheme("purelib"), path="x.py", stream=io.BytesIO(b"x"), is_executable=True
        )
        rows = [(Scheme("scripts"), script), (Scheme("purelib"), file)]
        destination.finalize_installation(
            scheme=Scheme("purelib"), record_file_path="RECORD", records=rows
        )
    twins.assert_same()


# Subclasses


def _install_with(destination: SchemeDictionaryDestination, wheel: Path) -> None:
    with WheelFile.open(wheel) as source:
        installer.install(source, destination, METADATA)


def test_a_subclass_may_add_to_the_methods(tmp_path: Path) -> None:
    """Overridden methods are called as there, and what they change on the way is what is left."""

    def subclass(base: Any) -> Any:
        class Upper(base):  # type: ignore[misc]
            def write_file(
                self,
                scheme: Scheme,
                path: Any,
                stream: BinaryIO,
                is_executable: bool,  # noqa: FBT001 - its signature
            ) -> RecordEntry:
                if str(path).endswith(".txt"):
                    stream = io.BytesIO(b"UPPER")
                entry: RecordEntry = super().write_file(scheme, path, stream, is_executable)
                return entry

            def write_script(self, name: str, module: str, attr: str, section: Any) -> RecordEntry:
                entry: RecordEntry = super().write_script(f"my-{name}", module, attr, section)
                return entry

            def finalize_installation(
                self, scheme: Scheme, record_file_path: str, records: Any
            ) -> None:
                kept = [row for row in records if not row[1].path.endswith(".conf")]
                super().finalize_installation(scheme, record_file_path, kept)

        return Upper

    wheel = everything(tmp_path)
    twins = Twins(tmp_path)
    for side in twins.sides:
        side.destination_class = subclass(side.destination_class)
        side.install(wheel, METADATA)
    twins.assert_same()


def test_a_subclass_that_writes_by_itself_is_told_of_placed(tmp_path: Path) -> None:
    """Nothing is written file by file any more: ``write_to_fs`` has no place, ``placed`` has."""

    def use() -> None:
        class Writer(LinkDestination):  # type: ignore[misc,unused-ignore]
            def write_to_fs(self, *_arguments: Any, **_more: Any) -> RecordEntry:  # type: ignore[override,unused-ignore]
                raise AssertionError("never called")

        _install_with(
            Writer(prefix_schemes(tmp_path / "env"), INTERPRETER, "posix"), everything(tmp_path)
        )

    with pytest.raises(TypeError, match="placed"):
        use()
    assert not (tmp_path / "env").exists()


def test_placed_is_called_for_every_file_once_all_are_there(tmp_path: Path) -> None:
    """``placed(path, record)`` runs after the commit, once a file, with the path on disk."""
    schemes = prefix_schemes(tmp_path / "env")
    seen: dict[str, tuple[RecordEntry, int]] = {}

    class Seeing(LinkDestination):  # type: ignore[misc,unused-ignore]
        def placed(self, path: Any, record: RecordEntry) -> None:
            standing = sum(found.is_file() for found in (tmp_path / "env").rglob("*"))
            assert str(path) not in seen
            seen[str(path)] = (record, standing)

    _install_with(Seeing(schemes, INTERPRETER, "posix"), everything(tmp_path))
    files = {path.as_posix() for path in (tmp_path / "env").rglob("*") if path.is_file()}
    record = f"{schemes['purelib']}/sample-1.0.dist-info/RECORD"
    assert files - {record} == {Path(path).as_posix() for path in seen} - {record}
    assert {len(files)} == {standing for _, standing in seen.values()}
    assert all(Path(path).match(entry.path) for path, (entry, _) in seen.items())
