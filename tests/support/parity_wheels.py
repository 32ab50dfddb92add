"""The wheels and sources that the parity tests install: one of every shape.

Calling sequence::

    wheel = SHAPES["scripts"](tmp_path)      # a path
    source = ListedSource("fancy", "1.0", {"fancy.py": b""})     # any other WheelSource
"""

from __future__ import annotations

import random
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

from installer.sources import WheelSource

from tests.support.platforms import WINDOWS
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from installer.sources import WheelContentElement

ENTRY_POINTS = """\
[console_scripts]
sample = sample.cli:main
sample-2.0_x = sample.cli:Group.run [extra]
Прим = sample.cli:main

[gui_scripts]
sample-gui = sample.cli:main

[sample.plugins]
ignored = sample.cli:main
"""
METADATA = {
    "INSTALLER": b"frontend\n",
    "direct_url.json": b'{"url": "file:///x"}',
    "REQUESTED": b"",
}
CHUNK = 1 << 20
DATA = "sample-1.0.data"


def pure(folder: Path) -> Path:
    """Make a package with subpackages, empty files and several files in one folder."""
    files = {
        "sample/__init__.py": "",
        "sample/cli.py": "class Group:\n    @staticmethod\n    def run(): ...\ndef main(): ...\n",
        "sample/py.typed": "",
        "sample/deep/er/still/__init__.py": "",
        "sample/deep/er/still/module.py": "VALUE = 1\n",
        "sample_single.py": "VALUE = 2\n",
        "sample.pth": "import sys\n",
    }
    return make_wheel(folder, files=files, entry_points=ENTRY_POINTS)


def platform(folder: Path) -> Path:
    """Make a wheel for platlib, with libraries and Windows binaries, some of them executable."""
    files: dict[str, bytes | str] = {
        "sample/__init__.py": "",
        "sample/_native.cpython-311-x86_64-linux-gnu.so": b"\x7fELF native",
        "sample/lib.dll": b"MZ lib",
        "sample/_native.PYD": b"MZ native",
        "sample/tool.exe": b"MZ tool",
        "sample/hidden-pe": b"MZ\x90\x00",
    }
    executable = [name for name in files if name.endswith((".so", ".exe"))]
    return make_wheel(folder, files=files, executable=executable, purelib=False)


def schemes(folder: Path) -> Path:
    """Make a wheel with files for every scheme, some executable outside scripts."""
    files = {
        "sample/__init__.py": "",
        f"{DATA}/purelib/sample/pure.py": "VALUE = 'pure'\n",
        f"{DATA}/platlib/sample/plat.py": "VALUE = 'plat'\n",
        f"{DATA}/headers/sample.h": "#define SAMPLE 1\n",
        f"{DATA}/headers/deep/sample.h": "#define DEEP 1\n",
        f"{DATA}/scripts/sample-tool": "#!python\nprint('tool')\n",
        f"{DATA}/scripts/folder/sample-inner.py": "#!python\nprint('inner')\n",
        f"{DATA}/data/etc/sample.conf": "key = value\n",
        f"{DATA}/data/share/sample/run.sh": "#!/bin/sh\n",
        f"{DATA}/data/share/sample/data.py": "VALUE = 'data'\n",
    }
    executable = [f"{DATA}/data/share/sample/run.sh", f"{DATA}/scripts/sample-tool"]
    return make_wheel(folder, files=files, executable=executable)


def scripts(folder: Path) -> Path:
    """Make a wheel of scripts whose first lines differ, executable and not."""
    first_lines = {
        "plain": b"#!python\nprint()\n",
        "windowed": b"#!pythonw\nprint()\n",
        "arguments": b"#!python -E -s\nprint()\n",
        "three": b"#!python3\nprint()\n",
        "alone": b"#!python",
        "dos": b"#!python\r\nprint()\r\n",
        "shell": b"#!/bin/sh\nexit\n",
        "short": b"#!py\nprint()\n",
        "spaced": b"#! python\nprint()\n",
        "later": b"\n#!python\n",
        "binary": b"\x7fELF\x00\xff",
        "launcher.exe": b"MZ launcher",
        "empty": b"",
        "big": b"#!python\n" + b"# padding\n" * 20_000,
    }
    files = {f"{DATA}/scripts/{name}": text for name, text in first_lines.items()}
    executable = [name for number, name in enumerate(files) if number % 3]
    return make_wheel(folder, files=files, executable=executable)


def namespace(folder: Path) -> Path:
    """Make a distribution with a name to normalise, in a namespace without ``__init__.py``."""
    files = {"zope/sample/__init__.py": "", "zope/sample/deep/data.json": "{}"}
    return make_wheel(folder, "Zope.Sample", files=files, dist_info="Zope.Sample-1.0.dist-info")


def odd_names(folder: Path) -> Path:
    """Make a wheel whose names need quoting somewhere."""
    quoted = ["a,b.txt", "sp ace.txt", " lead.txt", "trail .txt"]
    letters = ["unié.txt", "日本語.txt", "a" * 255]
    if not WINDOWS:  # no name there, and one name there
        quoted.append('quo"te.txt')
        letters.append("unie\u0301.txt")
    signs = ["per%20cent.txt", "~tilde", "#hash", "-dash", ".hidden", "..dots", "x=y;z&'", "$A@+"]
    names = quoted + letters + signs
    files = {f"sample/{name}": name for name in names}
    files |= {"sample/fol, der/in side.txt": "x", "sample/日本/本.py": "VALUE = 3\n"}
    return make_wheel(folder, files=files)


def big(folder: Path) -> Path:
    """Make a wheel with files around the sizes at which reading in pieces goes wrong."""
    noise = random.Random(1).randbytes(3 * CHUNK + 17)  # noqa: S311 - contents, not a secret
    sizes = (1, 65_535, 65_536, 65_537, CHUNK - 1, CHUNK, CHUNK + 1, len(noise))
    return make_wheel(folder, files={f"sample/{size}.bin": noise[:size] for size in sizes})


def sources(folder: Path) -> Path:
    """Make a wheel of Python files, of which some do not compile and some are not compiled."""
    files: dict[str, bytes | str] = {
        "sample/__init__.py": "def where():\n    return where.__code__.co_filename\n",
        "sample/asserts.py": "'''Doc.'''\nassert True\n",
        "sample/template.py": "print 'python 2'\n",
        "sample/latin.py": b"text = '\xe9'\n",
        "sample/declared.py": b"# coding: latin-1\ntext = '\xe9'\n",
        "sample/zero.py": b"text = 1\x00\n",
        "sample/empty.py": "",
        "sample/windowed.pyw": "VALUE = 1\n",
        "sample_top.py": "VALUE = 1\n",
        f"{DATA}/platlib/sample_plat.py": "VALUE = 1\n",
        f"{DATA}/data/share/data.py": "VALUE = 1\n",
        f"{DATA}/scripts/script.py": "#!python\n",
        f"{DATA}/headers/header.py": "VALUE = 1\n",
    }
    return make_wheel(folder, files=files)


def metadata(folder: Path) -> Path:
    """Make a wheel with licences, signatures and folders of its own in the archive."""
    dist_info = "sample-1.0.dist-info"
    files = {
        "sample/__init__.py": "",
        f"{dist_info}/licenses/LICENSE": "MIT\n",
        f"{dist_info}/licenses/vendor/deep/LICENSE": "BSD\n",
        f"{dist_info}/sboms/sample.cdx.json": "{}",
        f"{dist_info}/top_level.txt": "sample\n",
    }
    wheel = make_wheel(folder, files=files)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(f"{dist_info}/RECORD.jws", "{}")
        archive.writestr("sample/empty folder/", b"")
    return wheel


SHAPES: dict[str, Callable[[Path], Path]] = {
    shape.__name__: shape
    for shape in (
        pure,
        platform,
        schemes,
        scripts,
        namespace,
        odd_names,
        big,
        sources,
        metadata,
    )
}


def everything(folder: Path, name: str = "sample", **changes: str) -> Path:
    """Make one small wheel with files for every scheme, scripts and entry points of both kinds."""
    stem = name.replace("-", "_")
    data = f"{stem}-1.0.data"
    files = {
        f"{stem}/__init__.py": "def where():\n    return where.__code__.co_filename\n",
        f"{stem}/cli.py": "def main():\n    '''Doc.'''\n    assert True\n",
        f"{stem}/empty.txt": "",
        f"{data}/platlib/{stem}_plat.py": "VALUE = 'plat'\n",
        f"{data}/headers/{stem}.h": "#define SAMPLE 1\n",
        f"{data}/scripts/{stem}-tool": "#!python\nprint('tool')\n",
        f"{data}/data/etc/{stem}.conf": "key = value\n",
        f"{data}/data/share/{stem}/data.py": "VALUE = 'data'\n",
    }
    entry_points = f"[console_scripts]\n{name} = {stem}.cli:main\n"
    entry_points += f"[gui_scripts]\n{name}-gui = {stem}.cli:main\n"
    return make_wheel(
        folder,
        name,
        files=files | changes,
        executable=[f"{data}/scripts/{stem}-tool"],
        entry_points=entry_points,
    )


class ListedSource(WheelSource):
    """A wheel that is no archive: its files are listed, its RECORD rows hold no digests.

    :param files: path in the wheel -> contents
    :param executable: the paths that are executable; all of them, dist-info too, for None
    :param wheel: the contents of the WHEEL file
    """

    def __init__(
        self,
        distribution: str,
        version: str,
        files: Mapping[str, bytes],
        *,
        executable: Collection[str] | None = (),
        entry_points: str | None = None,
        wheel: str = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    ) -> None:
        super().__init__(distribution, version)
        head = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        own = {"METADATA": head, "WHEEL": wheel, "RECORD": ""}
        if entry_points is not None:
            own["entry_points.txt"] = entry_points
        self._own = own
        self._files = {
            **files,
            **{f"{self.dist_info_dir}/{name}": text.encode() for name, text in own.items()},
        }
        self._executable = self._files if executable is None else executable

    @property
    def dist_info_filenames(self) -> list[str]:
        """Name the files in the dist-info folder."""
        return list(self._own)

    def read_dist_info(self, filename: str) -> str:
        """Return the text of a file in the dist-info folder."""
        return self._own[filename]

    def get_contents(self) -> Iterator[WheelContentElement]:
        """Give each file; a stream is closed before the next one is given."""
        for path, contents in self._files.items():
            with BytesIO(contents) as stream:
                yield (path, "", ""), stream, path in self._executable
