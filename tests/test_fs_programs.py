"""Our programs, as texts for other interpreters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import linkinstall
from linkinstall import interpreter_report
from linkinstall.fs.programs import text_of


def test_a_module_s_text_is_what_its_file_holds() -> None:
    """A module that lies in a folder is read from there."""
    path = interpreter_report.__file__

    assert Path(path).read_text("utf-8") == text_of(path)


def test_a_module_in_an_archive_has_a_text(tmp_path: Path) -> None:
    """In a zipapp, where a module has a path that is none, its text is read out of the archive."""
    package = Path(linkinstall.__file__).parent
    with ZipFile(tmp_path / "app.zip", "w") as archive:
        for name in ("__init__.py", "limits.py", "fs/__init__.py", "fs/programs.py"):
            archive.write(package / name, f"linkinstall/{name}")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'app.zip')!r}); "
        "from linkinstall import limits; from linkinstall.fs.programs import text_of; "
        "sys.stdout.write(text_of(limits.__file__).splitlines()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    first = (package / "limits.py").read_text("utf-8").splitlines()[0]

    assert ("", first) == (done.stderr, done.stdout)
