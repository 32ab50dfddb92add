"""From an entry to a request: RECORD, scripts and ``direct_url.json`` of one environment."""

from __future__ import annotations

import csv
import json
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from installer.records import RecordEntry
from installer.utils import construct_record_file

from linkinstall.fs import local
from linkinstall.requests import Wanted, direct_url, direct_url_of, make_request, prefix_of
from tests.support.platforms import needs_symlinks
from tests.support.sites import Site
from tests.support.wheels import record_hash

if TYPE_CHECKING:
    from installer.utils import Scheme

    from linkinstall.requests import Generated, Request

INFO = "app-1.0.dist-info"
FILES: dict[str, bytes | str] = {
    "app/__init__.py": "value = 1\n",
    "app/a,b.txt": "a comma\n",
    'app/"quoted".txt': "quotes\n",
    "app/größe.txt": "not ASCII\n",
    "app.py": "a module beside the package\n",
    "app-1.0.data/scripts/tool": "#!python\nprint(1)\n",
    "app-1.0.data/data/share/x,y": "shared\n",
    "app-1.0.data/headers/app.h": "int app;\n",
}
POINTS = "[console_scripts]\nzz = app:main\naa = app:main\n"
METADATA = {"INSTALLER": b"linkinstall\n", "REQUESTED": b""}


def request_of(site: Site, wheel: Path) -> Request:
    """Return the request for a wheel with the usual metadata."""
    wanted = Wanted("app", site.cache.add(wheel).entry, METADATA)
    return make_request(local(), site.environment, wanted, 0, bool)


def generated(request: Request, path: str) -> Generated:
    """Return the one generated file at a path."""
    (found,) = [one for one in request.generated if one.path == path]
    return found


def rows_installer_gets(request: Request) -> list[tuple[Scheme, RecordEntry]]:
    """Return what ``installer`` would be told of every file that the request leads to."""
    entry = request.entries[0]
    rows: list[tuple[str, str, bytes]] = []
    for scheme, path, _, _ in entry.manifest.files():
        if f"{scheme}/{path}" not in request.skipped:
            folder, name = posixpath.split(path)
            rows.append((scheme, path, local().read(f"{entry.files(scheme, folder)}/{name}")))
    rows += [(one.scheme, one.path, one.data) for one in request.generated]
    assert len(rows) == len({(scheme, path) for scheme, path, _ in rows})
    return [
        (cast("Scheme", scheme), RecordEntry.from_elements(path, "", ""))
        if path == f"{INFO}/RECORD"
        else (
            cast("Scheme", scheme),
            RecordEntry.from_elements(path, record_hash(data), str(len(data))),
        )
        for scheme, path, data in rows
    ]


@pytest.mark.posix("the wheel has a name that Windows does not take")
def test_record_is_what_installer_writes(tmp_path: Path) -> None:
    """RECORD has the bytes of ``construct_record_file``: order, quoting and prefixes."""
    site = Site(tmp_path)
    request = request_of(site, site.wheel(files=FILES, entry_points=POINTS))

    def prefix(scheme: Scheme) -> str | None:
        folders = request.schemes
        return None if scheme == "purelib" else prefix_of(folders[scheme], folders["purelib"])

    with construct_record_file(rows_installer_gets(request), prefix) as stream:
        expected = stream.read()
    assert expected.count(b"\n") == len(FILES) + 3 + 2 + 2 + 1
    assert expected == generated(request, f"{INFO}/RECORD").data


@pytest.mark.posix("the wheel has a name that Windows does not take")
def test_scripts_name_the_interpreter(tmp_path: Path) -> None:
    """Entry points and ``#!python`` scripts begin with the environment's interpreter."""
    site = Site(tmp_path)
    request = request_of(site, site.wheel(files=FILES, entry_points=POINTS))
    first = f"#!{site.environment.python}\n".encode()

    for name in ("aa", "zz", "tool"):
        one = generated(request, name)
        assert ("scripts", True) == (one.scheme, one.executable)
        assert first == one.data.splitlines(keepends=True)[0]
    assert frozenset({"scripts/tool"}) == request.skipped


@pytest.mark.posix("the wheel has a name that Windows does not take")
@pytest.mark.parametrize("rows", [b"no row", b"\tno scheme,,\n", b'"a quote,,\n'])
def test_rows_that_are_none_are_made_of_the_manifest(tmp_path: Path, rows: bytes) -> None:
    """What an entry keeps may be anything where nobody looks at it (``--verify-cache off``).

    It once ended in a ValueError (``make fuzz``).
    """
    site = Site(tmp_path)
    entry = site.cache.add(site.wheel(files=FILES, entry_points=POINTS)).entry
    wanted = Wanted("app", entry, METADATA)
    right = make_request(local(), site.environment, wanted, 0, bool)
    kept = Path(entry.folder, "record")
    kept.unlink()
    kept.write_bytes(rows)

    assert right.generated == make_request(local(), site.environment, wanted, 0, bool).generated


def test_metadata_goes_into_dist_info(tmp_path: Path) -> None:
    """Each file of metadata is generated in dist-info with the bytes that were given."""
    request = request_of(site := Site(tmp_path), site.wheel(files={"app.py": ""}))

    found = {one.path: one.data for one in request.generated if not one.path.endswith("RECORD")}

    assert found == {f"{INFO}/{name}": data for name, data in METADATA.items()}


def test_what_a_destination_says_is_taken_exactly(tmp_path: Path) -> None:
    """Where a caller gives what is generated, nothing is added to it."""
    site = Site(tmp_path)
    entry = site.cache.add(site.wheel(entry_points=POINTS)).entry
    wanted = Wanted("app", entry, METADATA, generated=())

    request = make_request(local(), site.environment, wanted, 7, bool)

    assert ((), True, 7) == (request.generated, request.exact, request.change)


def test_a_local_wheel_has_a_file_url(tmp_path: Path) -> None:
    """``direct_url.json`` of a file is an absolute ``file:`` URL that leads back to it."""
    path = tmp_path / "a b#c%é?.whl"

    data = json.loads(direct_url(str(path), "ab" * 32, local()))

    parts = urlsplit(data["url"])
    assert ("file", "", "", "") == (parts.scheme, parts.netloc, parts.query, parts.fragment)
    assert path == Path(url2pathname(parts.path))
    assert {"hash": "sha256=" + "ab" * 32, "hashes": {"sha256": "ab" * 32}} == data["archive_info"]


@needs_symlinks
def test_the_url_of_a_wheel_behind_a_link_leads_to_it(tmp_path: Path) -> None:
    """A ``..`` after a link is that of its target: the URL led to a file that is not there."""
    (tmp_path / "far/sub").mkdir(parents=True)
    (tmp_path / "s").symlink_to("far/sub")

    data = json.loads(direct_url(f"{tmp_path}/s/../a.whl", None, local()))
    assert tmp_path.resolve() / "far/a.whl" == Path(url2pathname(urlsplit(data["url"]).path))


def test_a_given_url_is_kept_and_json_is_sound() -> None:
    """A given URL is told as it is, quotes and backslashes too; no hash is made up."""
    url = 'https://example.invalid/a"b\\c-1.0.whl'

    assert {"archive_info": {}, "url": url} == json.loads(direct_url_of(url, None))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://me:secret@e/a.whl?x=@y", "https://e/a.whl?x=@y"),
        ("https://token@e:8080", "https://e:8080"),
        ("https://a@b:c@e#d@f", "https://e#d@f"),
        ("https://${USER}:secret@e/a", "https://e/a"),
        ("https://${}@e/a", "https://e/a"),
        ("https://${USER}:${PASS-WORD}@e/a", "https://${USER}:${PASS-WORD}@e/a"),
        ("ssh://git@e/a", "ssh://git@e/a"),
        ("https://e/a@b", "https://e/a@b"),
        ("file:///a@b", "file:///a@b"),
    ],
)
def test_no_password_is_written(url: str, expected: str) -> None:
    """User and password of a URL are taken out, as the "direct URL" specification demands.

    What ``--direct-url`` named was written as it is, for everybody who can read the
    environment, and into every image that it is copied to.
    """
    assert expected == json.loads(direct_url_of(url, None))["url"]


def test_a_url_of_any_letters_is_sound_json() -> None:
    """A URL with quotes, letters beyond ASCII or a line break is escaped."""
    for url in ('http://e/"a', "http://e/\u00e9", "http://e/\n", "http://e/\\"):
        assert url == json.loads(direct_url_of(url, None))["url"]


@pytest.mark.parametrize("more", ["app/z.txt", "app/x,y.txt", "app-1.0.data/data/share/app"])
def test_rows_stay_sorted_by_path_with_compiled_files(tmp_path: Path, more: str) -> None:
    """The order is that of paths, not of whole rows, with whatever sorts before a comma."""
    site = Site(tmp_path, compiler=True)
    names = ("app/a.py", "app/a+b.py", "app/a b.txt", "app/a!.txt", "app/a", "app/B.py", more)

    site.install(site.wheel("app", "1.0", dict.fromkeys(names, "x = 1\n")), compile_levels=(0, 1))

    record = Path(site.environment.library, INFO, "RECORD").read_text(encoding="utf-8")
    paths = [row[0] for row in csv.reader(record.splitlines())]
    root = site.root.as_posix() + "/"  # on Windows such a path is a whole one
    inner = [path.rpartition("../")[2].removeprefix(root) for path in paths]
    assert len(names) < len([path for path in paths if path.endswith(".pyc") or path in names])
    assert sorted(inner) == inner
