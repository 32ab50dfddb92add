"""The manifest: what goes in comes out, damage is noticed, the id depends on files alone."""

from __future__ import annotations

from binascii import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkinstall.manifest import EntryPoint, Folder, Manifest, decode, encode, entry_id
from linkinstall.values import as_dict, replace
from tests.support.journals import manifests, sample_manifest

DAMAGED = "damaged|not a manifest"


def resealed(body: bytes) -> bytes:
    """Return a body with the checksum that it ought to have."""
    return body + b"\nend %08x\n" % crc32(body)


@pytest.mark.posix("names with a backslash or a colon lead out of their folder on Windows")
@settings(max_examples=60)
@given(manifests())
def test_a_manifest_is_read_back(manifest: Manifest) -> None:
    """Whatever the names are, what was written is read."""
    assert manifest == decode(encode(manifest))


def test_the_sample_has_no_empty_part() -> None:
    """The tests of damage go through every part of the text form."""
    parts = as_dict(sample_manifest())

    assert ["collisions"] == [name for name, part in parts.items() if not part]


def test_a_manifest_cut_off_anywhere_is_refused() -> None:
    """A torn manifest is told from a whole one at every length."""
    data = encode(sample_manifest())

    for length in range(len(data)):
        with pytest.raises(ValueError, match=DAMAGED):
            decode(data[:length])


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_a_manifest_altered_anywhere_is_refused(mask: int) -> None:
    """One altered byte is noticed wherever it is."""
    data = encode(sample_manifest())

    for at in range(len(data)):
        altered = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
        with pytest.raises(ValueError, match=DAMAGED):
            decode(altered)


@pytest.mark.parametrize("more", [b"\n", b"x", b"\0" * 512])
def test_a_manifest_with_more_at_its_end_is_refused(more: bytes) -> None:
    """What a disk appends to a file is noticed."""
    with pytest.raises(ValueError, match=DAMAGED):
        decode(encode(sample_manifest()) + more)


def test_a_manifest_that_lacks_a_line_is_refused() -> None:
    """A text form whose counts are wrong is refused, even with the right checksum."""
    lines = encode(sample_manifest()).rpartition(b"\nend ")[0].split(b"\n")
    with pytest.raises(ValueError, match="other lines than it says"):
        decode(resealed(b"\n".join([*lines, b"further"])))

    for at in range(len(lines)):
        for shorter in ([*lines[:at], *lines[at + 1 :]], lines[:at]):
            with pytest.raises(ValueError):  # noqa: PT011 - its text depends on the line
                decode(resealed(b"\n".join(shorter)))


@pytest.mark.parametrize("count", [b"-1", b"-2"])
def test_a_count_below_zero_is_refused(count: bytes) -> None:
    """Counts lead onwards only.

    One below zero led back to lines that were read already: with the right checksum, three
    folders of 0, 0 and -1 names could be read for ever.
    """
    lines = encode(Manifest("i", "d", "1", "d", "purelib", 1, 0, ())).split(b"\n")[:-2]
    whole = [*lines[:-1], b"3", b"0 purelib a", b"", b"", b"0 purelib b", b"", b""]
    assert 3 == len(decode(resealed(b"\n".join([*whole, b"0 purelib c", b"", b""]))).folders)

    with pytest.raises(ValueError, match="count below zero"):
        decode(resealed(b"\n".join([*whole, count + b" purelib c", b"", b""])))
    with pytest.raises(ValueError, match="count below zero"):
        decode(resealed(b"\n".join([*lines[:-1], count])))


def test_another_version_is_refused() -> None:
    """A manifest of another version is refused by name, whatever its checksum is."""
    body = encode(sample_manifest()).rpartition(b"\nend ")[0]

    with pytest.raises(
        ValueError, match="not a manifest of this version: 'linkinstall manifest 2'"
    ):
        decode(resealed(body.replace(b"manifest 1", b"manifest 2")))


@given(st.binary())
def test_anything_else_is_refused(data: bytes) -> None:
    """Bytes that no manifest consists of are a ValueError."""
    with pytest.raises(ValueError, match=DAMAGED):
        decode(data)


@pytest.mark.parametrize(
    "change",
    [
        {"distribution": "a\nb"},
        {"executables": frozenset({"a\nb"})},
        {"folders": (Folder("purelib", "a\nb", (), "", ""),)},
        {"folders": (Folder("purelib", "", ("a\nb",), "1", "d"),)},
        {"entry_points": (EntryPoint("a\nb", "m", "a", "gui", ""),)},
    ],
)
def test_a_line_feed_in_a_name_is_refused(change: dict[str, object]) -> None:
    """What could not be read back is not written."""
    with pytest.raises(ValueError, match="line feed"):
        encode(replace(sample_manifest(), **change))


@pytest.mark.parametrize("path", ["..", "../lib", "a/../../b", "/etc", "a//b", "a/."])
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    """Whoever can write into a cache cannot have it lead elsewhere by a path in a manifest.

    The checksum is none against an edit: a manifest that named ``../../..`` was followed,
    out of the cache for what is read and out of the environment for what is placed.
    """
    manifest = sample_manifest()
    folder, point = manifest.folders[0], manifest.entry_points[0]
    changes: list[dict[str, object]] = [
        {"dist_info": path},
        {"folders": (replace(folder, path=path),)},
        {"folders": (replace(folder, names=(path, *folder.names[1:])),)},
        {"entry_points": (replace(point, name=path),)},
    ]

    for change in changes:
        with pytest.raises(ValueError, match="leads out of"):
            decode(encode(replace(manifest, **change)))


def test_what_no_wheel_gives_a_manifest_is_refused() -> None:
    """Schemes are those of an environment, names have no null, scripts are text.

    With the right checksum, such a manifest had every install of its wheel end with a
    traceback.
    """
    manifest = sample_manifest()
    folder, point = manifest.folders[0], manifest.entry_points[0]
    changes: dict[str, list[dict[str, object]]] = {
        "no scheme": [
            {"root": "stdlib"},
            {"folders": (replace(folder, scheme=".."),)},
            {"folders": (replace(folder, scheme=""),)},
        ],
        "null character": [
            {"distribution": "a\0b"},
            {"binaries": frozenset({"purelib/a\0b"})},
            {"folders": (replace(folder, path="a\0b"),)},
        ],
        "no text": [
            {"entry_points": (replace(point, **{part: "\udcff"}),)}
            for part in ("name", "module", "attr", "body")
        ],
    }

    for reason, damage in changes.items():
        for change in damage:
            with pytest.raises(ValueError, match=reason):
                decode(encode(replace(manifest, **change)))


@pytest.mark.parametrize("name", ["a/b", "", "."])
def test_what_is_no_name_of_a_file_is_refused(name: str) -> None:
    """A folder's files have plain names; a path among them would pass by its folder."""
    manifest = sample_manifest()
    folder = manifest.folders[0]
    changed = replace(folder, names=(*folder.names[:-1], name))

    with pytest.raises(ValueError, match="leads out of"):
        decode(encode(replace(manifest, folders=(changed,))))


@pytest.mark.parametrize("size", ["many", "", "-1", "1.5", "\u00b2", "9" * 5000])
def test_a_size_that_is_no_number_is_refused(size: str) -> None:
    """Sizes are decimal numbers, and so are read as such wherever they are used.

    A manifest that was edited had every install of its wheel, and ``cache info``, end with a
    traceback.
    """
    manifest = sample_manifest()
    folder = manifest.folders[0]
    changed = replace(folder, sizes=" ".join([*folder.sizes.split()[:-1], size]))

    with pytest.raises(ValueError, match="no number"):
        decode(encode(replace(manifest, folders=(changed,))))


@pytest.mark.parametrize("column", ["sizes", "digests"])
@pytest.mark.parametrize("more", [" 7", None])
def test_a_folder_of_other_numbers_of_names_and_sizes_is_refused(
    column: str, more: str | None
) -> None:
    """Each file has one size and one digest; whoever reads them goes through them in step."""
    manifest = sample_manifest()
    for index, folder in enumerate(manifest.folders):
        if more is None and not folder.names:
            continue
        changed = replace(folder, **{column: getattr(folder, column) + more if more else ""})
        folders = (*manifest.folders[:index], changed, *manifest.folders[index + 1 :])

        with pytest.raises(ValueError, match=r"other numbers of names|no number"):
            decode(encode(replace(manifest, folders=folders)))


def test_a_folder_is_made_of_rows_in_any_order() -> None:
    """Files stand in the order of their names, each with what belongs to it."""
    rows = [("b", "20", "y"), ("a", "1", "x")]

    folder = Folder.of("data", "share", rows)

    assert (("a", "b"), "1 20", "x y") == (folder.names, folder.sizes, folder.digests)
    assert sorted(rows) == list(folder.rows())
    assert [] == list(Folder.of("data", "", []).rows())


@pytest.mark.parametrize("row", [("a", "", "d"), ("a", "1", ""), ("a", "1", "d d")])
def test_a_folder_has_sizes_and_digests_that_can_be_told_apart(row: tuple[str, str, str]) -> None:
    """What would not come out as it went in is refused."""
    with pytest.raises(ValueError, match="a size or a digest in data/share is none"):
        Folder.of("data", "share", [("b", "1", "x"), row])


def test_the_files_are_told_in_order() -> None:
    """Files come with scheme, path, size and digest, and are counted."""
    manifest = sample_manifest()

    found = list(manifest.files())

    assert manifest.count == len(found) == 4
    assert ("purelib", "pkg/a b/x.py", "1", "a" * 43) == found[0]
    assert ("purelib", "end", "3", "e" * 43) == found[-1]


def test_the_id_is_stable() -> None:
    """The id of given rows is what it has always been: caches outlive versions."""
    expected = "5374d4ec15bc7d2537cabc39d197e59cf353077d89a10cf060339d8b0ebc48ab"

    assert expected == sample_manifest().id == entry_id(sample_manifest())


def test_the_id_depends_on_files_and_entry_points_only() -> None:
    """Neither time nor umask nor the name of the wheel, nor any order, enters the id."""
    manifest = sample_manifest()
    point = manifest.entry_points[0]
    moved = replace(
        manifest,
        id="", distribution="other", version="2", dist_info="other-2.dist-info", root="platlib",
        mtime=1, umask=0o077, folders=manifest.folders[::-1], binaries=frozenset(),
        rewritten=frozenset(), collisions=frozenset({"x"}),
        entry_points=(replace(point, body="rendered otherwise"),),
    )  # fmt: skip

    assert manifest.id == entry_id(moved)


@pytest.mark.parametrize(
    "change",
    [
        {"folders": (Folder("data", "pkg", ("x",), "1", "a"),)},
        {"folders": (Folder("purelib", "pkg", ("y",), "1", "a"),)},
        {"folders": (Folder("purelib", "pkg", ("x",), "2", "a"),)},
        {"folders": (Folder("purelib", "pkg", ("x",), "1", "b"),)},
        {"folders": (Folder("purelib", "", ("pkg/x",), "1", "a"),)},
        {"executables": frozenset({"purelib/pkg/x"})},
        {"entry_points": (EntryPoint("x", "m", "a", "gui", ""),)},
        {"entry_points": (EntryPoint("x", "m", "a", "console", ""),)},
        {"entry_points": (EntryPoint("x", "m", "b", "gui", ""),)},
        {"entry_points": (EntryPoint("x", "n", "a", "gui", ""),)},
        {"entry_points": (EntryPoint("y", "m", "a", "gui", ""),)},
    ],
)
def test_each_part_of_a_row_enters_the_id(change: dict[str, object]) -> None:
    """Scheme, path, size, digest, executable bit and each part of an entry point count."""
    one = Manifest(
        "", "pkg", "1", "pkg-1.dist-info", "purelib", 1, 0o022,
        (Folder("purelib", "pkg", ("x",), "1", "a"),),
    )  # fmt: skip
    same_path_elsewhere = change == {"folders": (Folder("purelib", "", ("pkg/x",), "1", "a"),)}

    assert same_path_elsewhere == (entry_id(one) == entry_id(replace(one, **change)))


def test_a_folder_joins_its_names() -> None:
    """Paths are relative to the scheme, with forward slashes."""
    assert "a/b" == Folder("purelib", "a", (), "", "").join("b")
    assert "b" == Folder("purelib", "", (), "", "").join("b")
