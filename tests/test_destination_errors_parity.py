"""``LinkDestination`` refuses what ``installer``'s destination refuses, and changes nothing then.

The error is a ``FileExistsError`` or a ``ValueError`` where that class raises one; every test
also asserts that the environment is as it was (``test_destination_untouched_parity.py``).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from installer.utils import Scheme

from linkinstall import LinkInstallError
from tests.support.parity import (
    PLACES,
    Side,
    Twins,
    assert_refused_alike,
    finalize,
    flat_schemes,
    promised_kind,
    separate_schemes,
    tree,
    write,
)
from tests.support.parity_wheels import METADATA, everything
from tests.support.platforms import needs_symlinks
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from installer.destinations import SchemeDictionaryDestination


pytestmark = pytest.mark.usefixtures("apart")


# Files that are there


@pytest.mark.parametrize(("scheme", "name"), PLACES)
@pytest.mark.parametrize("kind", ["file", "folder", pytest.param("link", marks=needs_symlinks)])
def test_what_stands_in_the_way_is_a_file_exists_error(
    twins: Twins, tmp_path: Path, scheme: str, name: str, kind: str
) -> None:
    """Without ``overwrite_existing`` a path that is taken, by whatever, refuses the whole wheel."""
    for side in twins.sides:
        path = side.path(scheme, name)
        path.parent.mkdir(parents=True)
        if kind == "file":
            path.write_bytes(b"theirs")
        elif kind == "folder":
            path.mkdir()
        else:
            (path.parent / "target").write_bytes(b"target")
            path.symlink_to("target")
    wheel = everything(tmp_path)
    error = assert_refused_alike(twins, lambda side: side.install(wheel, METADATA))
    assert isinstance(error, FileExistsError)
    assert str(twins.ours.path(scheme, name)) in str(error)


def test_the_same_wheel_again_is_a_file_exists_error(twins: Twins, tmp_path: Path) -> None:
    """A destination is no upgrade: a distribution that stands is not installed over."""
    wheel = everything(tmp_path)
    twins.install(wheel, METADATA)
    assert_refused_alike(twins, lambda side: side.install(wheel, METADATA))
    twins.assert_same()


def test_an_equal_empty_file_of_another_distribution_is_in_the_way(
    twins: Twins, tmp_path: Path
) -> None:
    """The class does not ask whose file it is or whether it is equal, so neither does ours."""
    shared = {"shared/__init__.py": ""}
    first, second = (make_wheel(tmp_path, name, files=shared) for name in ("first", "second"))
    twins.install(first)
    error = assert_refused_alike(twins, lambda side: side.install(second))
    assert isinstance(error, FileExistsError)


@pytest.mark.parametrize("scheme", ["purelib", "scripts", "data"])
def test_writing_a_path_twice_is_a_file_exists_error_at_once(twins: Twins, scheme: str) -> None:
    """The second ``write_file`` of a path raises, as on a class that writes at once."""
    for side in twins.sides:
        destination = side.destination()
        write(destination, scheme, "folder/name", b"first")
        with pytest.raises(FileExistsError):
            write(destination, scheme, "folder/name", b"first")


def test_a_caller_may_go_on_after_a_refused_call(twins: Twins) -> None:
    """Who catches the error of one call and finalizes gets all the others, the first of twins."""

    def action(side: Side) -> None:
        destination = side.destination()
        rows = [write(destination, "purelib", "a.py", b"first")]
        with pytest.raises(FileExistsError):
            write(destination, "purelib", "a.py", b"second")
        with pytest.raises(ValueError, match=r"outside|leave|\.\."):
            write(destination, "purelib", "../a.py", b"third")
        rows.append(write(destination, "purelib", "b.py", b"fourth"))
        finalize(destination, rows)

    twins.each(action)
    twins.assert_same()


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"sample-1.0.data/scripts/tool": "#!/bin/sh\n"}, id="script, entry point"),
        pytest.param({"sample-1.0.data/purelib/a.py": "", "a.py": ""}, id="purelib twice"),
        pytest.param({"sample-1.0.dist-info/INSTALLER": "x"}, id="the caller's metadata"),
        pytest.param({"a": "", "a/b.py": ""}, id="a file that must be a folder"),
        pytest.param({"a/b.py": "", "a": ""}, id="a folder that must be a file"),
        pytest.param({"sample-1.0.data/unknown/a": ""}, id="unknown scheme"),
        pytest.param({"sample-1.0.data/a": ""}, id="no scheme"),
    ],
)
def test_a_wheel_against_itself_is_refused(
    twins: Twins, tmp_path: Path, files: dict[str, bytes | str]
) -> None:
    """Two members for one path, or for a path and a folder of that name, refuse the wheel."""
    entry_points = "[console_scripts]\ntool = sample:main\n"
    wheel = make_wheel(tmp_path, files=files, entry_points=entry_points)
    assert_refused_alike(twins, lambda side: side.install(wheel, METADATA))


def _write_in_two_schemes(side: Side, **arguments: Any) -> None:
    destination = side.destination(**arguments)
    files = (("purelib", b"pure"), ("platlib", b"plat"))
    finalize(destination, [write(destination, scheme, "a.py", data) for scheme, data in files])


def test_one_path_in_two_schemes_of_two_folders_is_two_files(tmp_path: Path) -> None:
    """Equal paths collide only where their schemes are one folder."""
    twins = Twins(tmp_path, layout=separate_schemes)
    twins.each(_write_in_two_schemes)
    twins.assert_same()


def test_one_path_in_two_schemes_of_one_folder_is_refused(tmp_path: Path) -> None:
    """Where purelib and platlib are one folder it is one file twice."""
    twins = Twins(tmp_path, layout=flat_schemes)
    assert isinstance(assert_refused_alike(twins, _write_in_two_schemes), FileExistsError)


def test_one_path_in_two_schemes_of_one_folder_is_overwritten_when_asked(tmp_path: Path) -> None:
    """With ``overwrite_existing`` the last contents win, as for one scheme, and both have a row."""
    twins = Twins(tmp_path, layout=flat_schemes)
    twins.each(lambda side: _write_in_two_schemes(side, overwrite_existing=True))
    twins.assert_same()


# Whatever is refused


def test_every_refusal_of_ours_is_of_our_family(twins: Twins, tmp_path: Path) -> None:
    """One ``except LinkInstallError`` catches what is in the way, and what leads out."""
    wheel = everything(tmp_path)
    twins.ours.install(wheel)
    side = twins.ours
    with pytest.raises(LinkInstallError) as in_the_way:
        side.install(wheel)
    destination = side.destination()
    write(destination, "purelib", "a.py")
    with pytest.raises(LinkInstallError) as twice:
        write(destination, "purelib", "a.py")
    with pytest.raises(LinkInstallError) as outside:
        write(side.destination(), "purelib", "../a.py")
    kinds = [FileExistsError, FileExistsError, ValueError]
    caught = [in_the_way.value, twice.value, outside.value]
    assert [True] * 3 == [isinstance(*pair) for pair in zip(caught, kinds, strict=True)]


def test_finalizing_again_is_a_file_exists_error(twins: Twins) -> None:
    """RECORD stands after the first time, and stays as it is."""

    def action(side: Side) -> None:
        destination = side.destination()
        rows = [write(destination, "purelib", "a.py")]
        finalize(destination, rows)
        before = tree(side.root)
        with pytest.raises(FileExistsError):
            finalize(destination, rows)
        assert before == tree(side.root)

    twins.each(action)
    twins.assert_same()


# Values

OUTSIDE = ("../a.py", "sub/../../a.py", "../purelib-evil/a.py", "/absolute/a.py", "..", "a/../../b")


@pytest.mark.parametrize("scheme", ["purelib", "scripts", "data"])
@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_that_leaves_its_scheme_is_a_value_error_at_once(
    tmp_path: Path, path: str, scheme: str
) -> None:
    """``write_file`` refuses it, before anything and whether the path exists or not."""
    twins = Twins(tmp_path, layout=separate_schemes)
    error = assert_refused_alike(
        twins, lambda side: write(side.destination(overwrite_existing=True), scheme, path)
    )
    assert isinstance(error, ValueError)


VALUES: dict[str, Callable[[SchemeDictionaryDestination], Any]] = {
    "NUL in a name": lambda to: write(to, "purelib", "a\0b.py"),
    "a name that is no UTF-8": lambda to: write(to, "purelib", "a\udc80.py"),
    "a name that is too long": lambda to: write(to, "purelib", "a" * 300),
    "a path that is too long": lambda to: write(to, "purelib", "a/" * 3_000 + "b"),
    "a script that leaves": lambda to: to.write_script("../x", "m", "f", "console"),
    "an absolute script": lambda to: to.write_script("/x", "m", "f", "console"),
    "an unknown scheme": lambda to: write(to, "nowhere", "a.py"),
}


@pytest.mark.parametrize("name", VALUES)
def test_an_impossible_value_is_refused(twins: Twins, name: str) -> None:
    """What cannot be a path, a name or a scheme is an error by the end, with nothing changed."""

    def action(side: Side) -> None:
        destination = side.destination()
        row = VALUES[name](destination)
        finalize(destination, [row] if isinstance(row, tuple) else [(Scheme("scripts"), row)])

    assert_refused_alike(twins, action)


@pytest.mark.parametrize(
    ("kind", "section"),
    [("win-amd64", "nonexist"), ("nonexist", "console"), ("nonexist", "nonexist"), ("", "gui")],
)
def test_an_unknown_script_kind_or_section_is_a_value_error(
    twins: Twins, tmp_path: Path, kind: Any, section: Any
) -> None:
    """``write_script`` refuses what there is no launcher for; so does a wheel with entry points."""

    def action(side: Side) -> None:
        side.destination(script_kind=kind).write_script("foo", "foo.bar", "baz", section)

    assert isinstance(assert_refused_alike(twins, action), ValueError)
    if kind != "win-amd64":
        wheel = everything(tmp_path)
        assert_refused_alike(twins, lambda side: side.install(wheel, script_kind=kind))


def test_an_unknown_section_is_taken_on_posix_as_there(twins: Twins) -> None:
    """A posix script looks the same in every section, and the class does not ask."""

    def action(side: Side) -> None:
        destination = side.destination()
        section: Any = "nonexist"
        entry = destination.write_script("foo", "foo.bar", "baz", section)
        finalize(destination, [(Scheme("scripts"), entry)])

    twins.each(action)
    twins.assert_same()


def test_an_unknown_hash_algorithm_is_a_value_error(twins: Twins, tmp_path: Path) -> None:
    """It is refused with the first file, before anything is left."""
    wheel = everything(tmp_path)
    error = assert_refused_alike(
        twins, lambda side: side.install(wheel, hash_algorithm="no-such-hash")
    )
    assert isinstance(error, ValueError)


# Chance: any calls, over any files that are there

NAMES = st.sampled_from(["a", "b", "a/a", "a/b", "b/a", "a/b/a", "./b", "a//b", "a/../b"])
SCHEMES = st.sampled_from(["purelib", "platlib", "scripts", "data"])
CALLS = st.lists(st.tuples(SCHEMES, NAMES, st.binary(max_size=3)), max_size=6)
# No file of these stands where a call needs a folder: overwriting takes files
# (docs/reference/command-line.md), where the class stops.
EXISTING = st.lists(st.tuples(SCHEMES, st.sampled_from(["a/b/a", "b/a", "a/b/", "c"])), max_size=2)


@settings(max_examples=80, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(calls=CALLS, existing=EXISTING, overwrite=st.booleans(), flat=st.booleans())
def test_any_calls_leave_the_same_or_fail_alike(
    tmp_path_factory: pytest.TempPathFactory,
    calls: list[tuple[str, str, bytes]],
    existing: list[tuple[str, str]],
    *,
    overwrite: bool,
    flat: bool,
) -> None:
    """Whatever is written over whatever is there: the same tree, or the same refusal."""
    folder = _new_folder(tmp_path_factory)
    twins = Twins(folder, layout=flat_schemes if flat else separate_schemes)
    for side in twins.sides:
        _stand(side, existing)
    before = tree(twins.ours.root)

    def action(side: Side) -> None:
        destination = side.destination(overwrite_existing=overwrite)
        finalize(destination, [write(destination, *call) for call in calls])

    theirs, ours = twins.attempt(action)
    if theirs is None:
        assert ours is None
        twins.assert_same()
    else:
        assert isinstance(ours, promised_kind(theirs))
        assert before == tree(twins.ours.root)


def _new_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # mktemp counts its folders by listing them, which is slow for hundreds.
    base = tmp_path_factory.getbasetemp() / "calls"
    return base / uuid.uuid4().hex


def _stand(side: Side, existing: list[tuple[str, str]]) -> None:
    for scheme, name in existing:
        path = side.path(scheme, name)
        try:
            if name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"before")
        except OSError:
            continue  # a file and a folder of one name: the first one stands
