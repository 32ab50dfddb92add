"""``LinkDestination``: one class changed in a build frontend, and what it leaves."""

from __future__ import annotations

import io
import os
import threading
from typing import TYPE_CHECKING

import pytest
from installer import install as install_wheel
from installer.exceptions import InstallerError
from installer.sources import WheelSource

from integration.support.frontend import (
    METADATA,
    PYTHON,
    by_installer,
    destination,
    install,
    library_of,
    schemes_below,
)
from integration.support.records import dist_info_of, read_record
from integration.support.samples import make_sample
from integration.support.trees import differences, files_of, snapshot
from linkinstall import Cache, Environment, LinkDestination, Transaction
from tests.support.wheels import make_wheel, record_hash

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from installer.records import RecordEntry


@pytest.mark.parametrize("mode", ["clone", "hardlink", "copy"])
def test_it_leaves_what_the_class_of_installer_leaves(
    mode: str, root: Path, cache: Cache, wheelhouse: Path, tmp_path: Path
) -> None:
    """Files, modes, scripts and RECORD rows are those of installer's class, byte for byte."""
    wheel = make_sample(wheelhouse, more={"sample/with,comma.txt": "x", "sample/.hidden": ""})
    by_installer(root, wheel)
    theirs, record = snapshot(root), dist_info_of(library_of(root), "sample") / "RECORD"
    expected = record.read_bytes()
    root.rename(tmp_path / "theirs")
    install(wheel, destination(root, cache, link_mode=mode))

    assert expected == record.read_bytes()
    assert [] == differences(theirs, snapshot(root))


def test_it_shares_inodes_with_the_cache(root: Path, cache: Cache, sample: Path) -> None:
    """The second environment of a wheel has the inodes of the first one."""
    install(sample, destination(root / "one", cache, link_mode="hardlink"))
    install(sample, destination(root / "two", cache, link_mode="hardlink"))
    data = [library_of(root / name) / "sample/data.txt" for name in ("one", "two")]

    assert os.path.samefile(*data)
    scripts = [root / name / "bin/sample-run" for name in ("one", "two")]
    assert [1, 1] == [path.stat().st_nlink for path in scripts]


def test_the_environment_is_untouched_until_finalize_installation(
    root: Path, cache: Cache, sample: Path
) -> None:
    """Before ``finalize_installation`` nothing of the wheel is in the environment."""
    seen: list[list[str]] = []

    class Watching(LinkDestination):
        def finalize_installation(self, *given: Any, **named: Any) -> None:
            seen.append(sorted(files_of(root)))
            super().finalize_installation(*given, **named)

    target = Watching(
        scheme_dict=schemes_below(root), interpreter=PYTHON, script_kind="posix", cache=cache
    )
    install(sample, target)

    assert [[]] == seen
    assert (library_of(root) / "sample/data.txt").exists()


class Failing(WheelSource):
    """A wheel source that fails after some files, and is no file on disk."""

    def __init__(self, files: dict[str, bytes], fail_after: int = -1) -> None:
        super().__init__("failing", "1.0")
        self.files = files | {
            "failing-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: failing\n"
            b"Version: 1.0\n",
            "failing-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n",
        }
        self.fail_after = fail_after

    @property
    def dist_info_filenames(self) -> list[str]:
        """Return the names of the dist-info files."""
        return ["METADATA", "WHEEL", "RECORD"]

    def read_dist_info(self, filename: str) -> str:
        """Return the text of a dist-info file."""
        return self.files[f"{self.dist_info_dir}/{filename}"].decode()

    def get_contents(self) -> Iterator[Any]:
        """Yield the files, and fail where the test wants it."""
        for number, (path, data) in enumerate(self.files.items()):
            if number == self.fail_after:
                raise OSError("the source is gone")
            row = (path, record_hash(data), str(len(data)))
            yield row, io.BytesIO(data), False


def test_any_wheel_source_can_be_installed(root: Path, cache: Cache) -> None:
    """A source that is no file is cached and placed like a wheel."""
    files = {"failing/__init__.py": b"A = 1\n", "failing/data.bin": bytes(100)}
    for name in ("one", "two"):
        target = destination(root / name, cache, link_mode="hardlink")
        install_wheel(Failing(files), target, METADATA)
    placed = [library_of(root / name) / "failing/data.bin" for name in ("one", "two")]

    assert os.path.samefile(*placed)
    rows = {row[0] for row in read_record(dist_info_of(library_of(root / "one"), "failing"))}
    assert "failing-1.0.dist-info/INSTALLER" in rows


def test_a_source_that_fails_leaves_nothing(root: Path, cache: Cache) -> None:
    """If the source fails half-way, the environment is as it was, and so is the next run."""
    files = {"failing/__init__.py": b"A = 1\n", "failing/data.bin": bytes(100)}
    with pytest.raises(OSError, match="the source is gone"):
        install_wheel(Failing(files, fail_after=1), destination(root, cache), METADATA)
    assert set() == files_of(root)

    install_wheel(Failing(files), destination(root, cache), METADATA)
    assert bytes(100) == (library_of(root) / "failing/data.bin").read_bytes()


def test_an_existing_file_is_a_file_exists_error_and_nothing_changes(
    root: Path, cache: Cache, sample: Path
) -> None:
    """Where installer's class raises FileExistsError, so does ours, with all else untouched."""
    path = root / "share/sample/readme.txt"
    path.parent.mkdir(parents=True)
    path.write_text("of the user")
    before = snapshot(root)
    with pytest.raises(FileExistsError) as caught:
        install(sample, destination(root, cache))
    assert isinstance(caught.value, InstallerError)
    assert [] == differences(before, snapshot(root))

    install(sample, destination(root, cache, overwrite_existing=True))
    assert "read me 1.0\n" == path.read_text()


def test_a_path_out_of_its_scheme_is_a_value_error_and_nothing_is_written(
    root: Path, cache: Cache, wheelhouse: Path
) -> None:
    """Where installer's class raises ValueError, so does ours, before any write."""
    wheel = make_wheel(wheelhouse, "sly", "1.0", {"sly.py": "", "../../../../escaped": "x"})
    with pytest.raises(ValueError, match="escaped"):
        install(wheel, destination(root, cache))

    assert set() == files_of(root)


def test_a_subclass_that_overrides_write_to_fs_is_told_about_placed(
    root: Path, cache: Cache
) -> None:
    """Overriding ``write_to_fs`` cannot work: a TypeError names the method that does."""

    class Overriding(LinkDestination):
        def write_to_fs(self, *given: Any, **named: Any) -> RecordEntry:
            return super().write_to_fs(*given, **named)

    with pytest.raises(TypeError, match="placed"):
        Overriding(
            scheme_dict=schemes_below(root), interpreter=PYTHON, script_kind="posix", cache=cache
        )


def test_placed_is_called_for_each_file_after_the_commit(
    root: Path, cache: Cache, sample: Path
) -> None:
    """``placed(path, record)`` is called once a file, when all files are in place."""
    calls: list[tuple[str, RecordEntry]] = []
    whole: list[bool] = []

    class Placed(LinkDestination):
        def placed(self, path: Any, record: RecordEntry) -> None:
            calls.append((str(path), record))
            whole.append((dist_info_of(library_of(root), "sample") / "RECORD").exists())

    target = Placed(
        scheme_dict=schemes_below(root), interpreter=PYTHON, script_kind="posix", cache=cache
    )
    install(sample, target)

    paths = [path for path, _record in calls]
    assert len(paths) == len(set(paths))
    assert {str(root / path) for path in files_of(root) if not path.endswith("RECORD")} <= set(
        paths
    )
    assert {True} == set(whole)


@pytest.mark.parametrize("levels", [(0,), (0, 1, 2), (-1,), ()])
def test_compiled_files_are_those_that_installer_makes(
    levels: tuple[int, ...], root: Path, cache: Cache, sample: Path, tmp_path: Path
) -> None:
    """The levels asked for are compiled, level -1 as well, and RECORD does not list them."""
    by_installer(root, sample, bytecode_optimization_levels=levels)
    expected = {path for path in files_of(root) if path.endswith(".pyc")}
    root.rename(tmp_path / "theirs")
    install(sample, destination(root, cache, bytecode_optimization_levels=levels))

    assert expected == {path for path in files_of(root) if path.endswith(".pyc")}
    rows = read_record(dist_info_of(library_of(root), "sample"))
    assert [] == [row for row in rows if row[0].endswith(".pyc")]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "blake2b", "md5"])
def test_other_hash_algorithms_are_accepted(
    algorithm: str, root: Path, cache: Cache, sample: Path, tmp_path: Path
) -> None:
    """RECORD is written with the algorithm asked for, as installer's class does."""
    by_installer(root, sample, hash_algorithm=algorithm)
    record = dist_info_of(library_of(root), "sample") / "RECORD"
    expected = record.read_bytes()
    root.rename(tmp_path / "theirs")
    install(sample, destination(root, cache, hash_algorithm=algorithm))

    assert expected == record.read_bytes()


def test_destdir_is_honoured(root: Path, cache: Cache, sample: Path, tmp_path: Path) -> None:
    """``destdir`` stages below it exactly what installer's class stages."""
    by_installer(root, sample, destdir=str(tmp_path / "theirs"))
    install(sample, destination(root, cache, destdir=str(tmp_path / "ours")))

    assert [] == differences(snapshot(tmp_path / "theirs"), snapshot(tmp_path / "ours"))
    assert set() == files_of(root)


def test_it_joins_a_transaction_that_is_given(venv: Any, cache: Cache, sample: Path) -> None:
    """With ``transaction`` nothing is placed before that one commits, or ever if it does not."""
    environment = Environment.of(venv.root)
    before = venv.snapshot()

    def change(*, fail: bool) -> None:
        with Transaction(environment, cache=cache) as transaction:
            target = LinkDestination(
                scheme_dict=schemes_below(venv.root),
                interpreter=str(venv.python),
                script_kind="posix",
                cache=cache,
                transaction=transaction,
            )
            install(sample, target)
            assert not (venv.library / "sample").exists()
            if fail:
                raise LookupError

    with pytest.raises(LookupError):
        change(fail=True)
    assert [] == differences(before, venv.snapshot())
    change(fail=False)
    assert (venv.library / "sample/data.txt").exists()


def test_finalizations_of_several_threads_queue(root: Path, cache: Cache, wheelhouse: Path) -> None:
    """Threads that install into one environment at once all succeed."""
    wheels = [make_wheel(wheelhouse, f"thread{number}") for number in range(6)]
    errors: list[BaseException] = []
    together = threading.Barrier(len(wheels))

    def work(wheel: Path) -> None:
        try:
            together.wait()
            install(wheel, destination(root, cache))
        except BaseException as error:  # noqa: BLE001 whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=work, args=(wheel,)) for wheel in wheels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == errors
    for number in range(6):
        assert (library_of(root) / f"thread{number}/data.txt").exists()
