"""A destination that joins a transaction: one change, the caller's steps included."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import installer
import pytest
from installer.sources import WheelFile

from linkinstall import Cache, CachedWheel, entry_check, looking
from linkinstall.destination import LinkDestination
from linkinstall.errors import ConflictError, TransactionError, UsageError
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from installer.sources import WheelContentElement

    from linkinstall.cache import Entry
    from linkinstall.entry_check import Inspection
    from linkinstall.fs.port import FileSystem
    from linkinstall.transaction import Transaction


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment of its own."""
    return Site(tmp_path)


def join(
    site: Site, wheel: Path, transaction: Transaction, schemes: dict[str, str] | None = None
) -> None:
    """Install a wheel by ``installer`` into a destination that joins a transaction."""
    destination = LinkDestination(
        schemes or dict(site.environment.schemes),
        "/usr/bin/python3",
        "posix",
        transaction=transaction,
    )
    with WheelFile.open(wheel) as source:
        installer.install(source, destination, {"INSTALLER": b"frontend"})


def installed(site: Site) -> list[str]:
    """Return the dist-info folders of the site."""
    return sorted(path.name for path in site.library.glob("*.dist-info"))


def test_an_environment_tells_a_destination_all_it_needs(site: Site) -> None:
    """Folders, interpreter and script kind can be passed on as they are, types included.

    ``script_kind`` was any string to a type checker: mypy refused the example in README.
    """
    env = site.environment
    destination = LinkDestination(env.scheme_for("app"), env.python, env.script_kind)

    assert env.script_kind == destination.script_kind


def test_installs_and_a_removal_are_one_change(site: Site) -> None:
    """Nothing is touched before the block ends; then both wheels are in and the old is out."""
    site.install(site.wheel("old"), compile_levels=())
    before = site.tree()
    with site.transaction(compile_levels=()) as transaction:
        transaction.uninstall("old")
        join(site, site.wheel("one"), transaction)
        join(site, site.wheel("two"), transaction)
        assert before == site.tree()

    assert ["one-1.0.dist-info", "two-1.0.dist-info"] == installed(site)
    record = site.library / "one-1.0.dist-info"
    assert "frontend" == (record / "INSTALLER").read_text()
    assert transaction.outcome is not None
    actions = {change.name: change.action for change in transaction.outcome.changes}
    assert {"old": "removed", "one": "installed", "two": "installed"} == actions


def test_what_a_destination_has_written_is_not_read_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files were compared while they were written: the look is at their sizes and times."""
    levels: list[str] = []

    def inspect(files: FileSystem, entry: Entry, level: str) -> Inspection:
        levels.append(level)
        return entry_check.inspect(files, entry, level)

    monkeypatch.setattr(looking, "inspect", inspect)
    with site.transaction(compile_levels=(), sync="normal") as transaction:
        join(site, site.wheel("one"), transaction)

    assert ["stat"] == levels


def test_a_failing_step_of_the_caller_rolls_everything_back(site: Site) -> None:
    """An exception after everything was put into place brings the old state back."""
    site.install(site.wheel("old"), compile_levels=())
    before = site.tree()
    transaction = site.transaction(compile_levels=())

    def change() -> None:
        with transaction:
            transaction.uninstall("old")
            join(site, site.wheel("one"), transaction)
            transaction.prepare()
            assert ["one-1.0.dist-info"] == installed(site)
            message = "the caller's step"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="caller"):
        change()
    assert before == site.tree()


def test_other_folders_are_refused(site: Site) -> None:
    """A destination of other folders than the transaction's is refused, nothing changed."""
    before = site.tree()
    transaction = site.transaction(compile_levels=())
    other = {name: f"{path}-other" for name, path in site.environment.schemes.items()}
    with pytest.raises(TransactionError, match="not those of the transaction"):
        join(site, site.wheel("one"), transaction, other)

    transaction.roll_back()
    assert before == site.tree()


def test_a_destination_that_comes_late_is_refused(site: Site) -> None:
    """Once a transaction is prepared, no destination can join it, and it goes on."""
    with site.transaction(compile_levels=()) as transaction:
        join(site, site.wheel("one"), transaction)
        transaction.prepare()
        with pytest.raises(TransactionError, match="prepared already"):
            join(site, site.wheel("two"), transaction)

    assert ["one-1.0.dist-info"] == installed(site)


def test_a_destination_that_is_refused_lets_the_cache_go(site: Site) -> None:
    """What came too late for a transaction holds nothing, however long that one lives.

    It waited for the end of a transaction that had ended: nobody could clean the cache up as
    long as the object was there.
    """
    transaction = site.transaction(compile_levels=())
    transaction.run()
    with pytest.raises(TransactionError, match="has ended"):
        join(site, site.wheel("two"), transaction)

    lock = site.cache.hold(alone=True, timeout=0)
    assert lock is not None
    lock.release()


def test_a_file_in_the_way_is_refused_before_anything_changes(site: Site) -> None:
    """A file of nobody in a wheel's place is a FileExistsError, and stays."""
    (site.library / "one").mkdir()
    (site.library / "one" / "__init__.py").write_text("mine\n")
    before = site.tree()
    transaction = site.transaction(compile_levels=())
    with pytest.raises(ConflictError, match="already exists"):
        join(site, site.wheel("one"), transaction)

    transaction.roll_back()
    assert before == site.tree()


class Broken(WheelFile):
    """A wheel whose second file cannot be read."""

    def get_contents(self) -> Iterator[WheelContentElement]:
        """Yield one file, and fail."""
        yield from islice(super().get_contents(), 1)
        raise ConnectionError("the source is lost")


@pytest.mark.parametrize("lost", [True, False])
def test_a_wheel_that_failed_does_not_come_with_the_next(site: Site, *, lost: bool) -> None:
    """A destination that serves several wheels installs nothing of one that it was told in part.

    What it had been told was dropped at the end of a finalization alone: the files and scripts of
    a wheel that was refused, or could not be read to its end, came into the environment with the
    next wheel, listed in no RECORD.
    """
    files = {"first/a.py": "", "first/b.py": "", "taken.py": "theirs\n"}
    first = site.wheel("first", files=files, entry_points="[console_scripts]\nfirst = first.a:f\n")
    (site.library / "taken.py").write_text("mine\n")
    before = set(site.tree())
    destination = LinkDestination(
        dict(site.environment.schemes), "/usr/bin/python3", "posix", cache=site.cache
    )
    expected: type[Exception] = ConnectionError if lost else ConflictError
    with (Broken if lost else WheelFile).open(first) as source, pytest.raises(expected):
        installer.install(source, destination, {"INSTALLER": b"frontend"})
    with WheelFile.open(site.wheel("second")) as source:
        installer.install(source, destination, {"INSTALLER": b"frontend"})

    came = set(site.tree()) - before
    assert ["second-1.0.dist-info"] == installed(site)
    assert [] == [path for path in came if "first" in path]
    (entry,) = Path(site.cache.root, "entries").iterdir()
    assert not [path for path in entry.glob("files/*/first*/*") if path.is_file()]


def test_write_to_fs_cannot_be_overridden(site: Site) -> None:
    """A subclass whose write_to_fs would never be called is refused when it is made."""

    class Overriding(LinkDestination):
        def write_to_fs(self, *_: object, **__: object) -> None:  # type: ignore[override]
            """Do nothing."""

    with pytest.raises(TypeError, match="override placed"):
        Overriding(dict(site.environment.schemes), "/usr/bin/python3", "posix", cache=site.cache)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("script_kind", "zz"),
        ("hash_algorithm", "nope"),
        ("hash_algorithm", "shake_128"),
        ("cache", "folder"),
    ],
)
def test_a_value_that_means_nothing_is_refused_at_once(site: Site, option: str, value: str) -> None:
    """What cannot work is an error of ours, before a file is written.

    Story: kinds of scripts and hash algorithms that there are not ended with errors of others,
    when the first file came, a cache that was a path with an AttributeError, and a scheme
    without a folder with a KeyError.
    """
    chosen: Any = {
        "scheme_dict": dict(site.environment.schemes),
        "interpreter": "/usr/bin/python3",
        "script_kind": "posix",
        option: value,
    }
    with pytest.raises(UsageError, match=option):
        LinkDestination(**chosen)


def test_a_scheme_without_a_folder_is_refused_where_it_is_needed(site: Site) -> None:
    """A file of a scheme that the destination was given no folder for is a UsageError."""
    schemes = {"purelib": str(site.library)}
    join(site, site.wheel("one"), site.transaction(), schemes)
    with pytest.raises(UsageError, match="scheme_dict has no 'data'"):
        join(
            site, site.wheel("two", files={"two-1.0.data/data/x": "1"}), site.transaction(), schemes
        )


@needs_symlinks
@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("passing", [True, False])
def test_symbolic_links_lead_into_the_cache_of_the_destination(
    site: Site, tmp_path: Path, *, joined: bool, passing: bool
) -> None:
    """What a wheel has in another cache is copied first, and the environment is noted there.

    The links led into the other cache: a temporary one was gone when the wheel was closed, and
    in one that stays nothing told `cache clean` who links into it.
    """
    other = Cache.none() if passing else Cache(tmp_path / "other")
    how: dict[str, Any] = {"link_mode": "symlink", "cache": site.cache}
    transaction = site.transaction(compile_levels=(), link_mode="symlink")
    if joined:
        how = {"transaction": transaction, "cache": other}
    destination = LinkDestination(
        dict(site.environment.schemes), "/usr/bin/python3", "posix", **how
    )
    with CachedWheel.open(site.wheel("one"), other) as source:
        installer.install(source, destination, {})
    transaction.run()

    module = site.library / "one" / "__init__.py"
    assert module.is_symlink()
    assert module.resolve().is_relative_to(Path(site.cache.path).resolve())
    assert list(Path(site.cache.root, "dependents").iterdir())


@pytest.mark.parametrize("levels", [(), (0,)])
def test_a_transaction_without_a_cache_is_joined(site: Site, levels: tuple[int, ...]) -> None:
    """What is missing by its commit is unpacked and compiled in a folder of the target.

    Where nothing but a destination had joined, no such folder was chosen: "/dev/null: it is no
    folder", for a file to be compiled and for a wheel whose temporary cache had been closed.
    """
    with site.transaction(compile_levels=(), cache=Cache.none()) as transaction:
        destination = LinkDestination(
            dict(site.environment.schemes),
            sys.executable,
            "posix",
            bytecode_optimization_levels=levels,
            transaction=transaction,
        )
        with CachedWheel.open(site.wheel("one"), Cache.none()) as source:
            installer.install(source, destination, {})

    assert ["one-1.0.dist-info"] == installed(site)
    assert (site.library / "one" / "__init__.py").is_file()
    assert not (site.library / ".linkinstall").exists()
