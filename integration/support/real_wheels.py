"""Real wheels, pinned by version and digest, fetched once.

Purpose: ``wheel("rich==13.9.4")`` is a file with exactly the pinned contents.

Calling sequence: :func:`wheel` for the one that suits the running interpreter. They are
listed in ``integration/wheels.lock`` and kept in ``.cache/wheels``; the index is asked
only for what is not there yet.

Guarantees: the digest is compared each time a process first asks for a wheel.

Errors: without a network the test is skipped, and fails where ``CI=true``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from integration.support.trees import digest_of
from tests.support.gates import require, suited

HERE = Path(__file__).resolve().parents[1]
LOCK = HERE / "wheels.lock"
KEPT = HERE.parent / ".cache" / "wheels"


@cache
def pinned(lock: Path = LOCK) -> list[tuple[str, str, str]]:
    """Return the rows of a lock: requirement, sha256, filename."""
    rows = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement, digest, filename = line.split()
            rows.append((requirement, digest, filename))
    return rows


@cache
def wheel(requirement: str, lock: Path = LOCK) -> Path:
    """Return the pinned wheel of ``name==version`` that suits the running interpreter."""
    rows = [row for row in pinned(lock) if row[0] == requirement]
    assert rows, f"{requirement} is not in {lock.name}"
    supported = frozenset(sys_tags())
    for _requirement, digest, filename in rows:
        if parse_wheel_filename(filename)[3] & supported:
            return _fetched(requirement, digest, filename)
    suited(suits=False, what=f"its interpreter suits a pinned wheel of {requirement}")
    raise AssertionError


def wheels(*requirements: str) -> list[Path]:
    """Return several pinned wheels."""
    return [wheel(one) for one in requirements]


def _fetched(requirement: str, digest: str, filename: str) -> Path:
    kept = KEPT / filename
    if not kept.exists() or digest_of(kept) != digest:
        _fetch(requirement, digest, filename)
    assert digest == digest_of(kept), filename
    return kept


def _fetch(requirement: str, digest: str, filename: str) -> None:
    """Let pip fetch one wheel, and put it in place by a rename: others may fetch it too."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT) as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(f"{requirement} --hash=sha256:{digest}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--require-hashes", "--disable-pip-version-check"]
        done = subprocess.run(
            [*command, "--dest", folder, "--requirement", str(wanted)],
            capture_output=True,
            text=True,
            check=False,
        )
        found = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or len(found) != 1:
            reason = done.stderr.strip()[-500:]
            require(available=False, what=f"{requirement} can be fetched: {reason}")
        shutil.move(found[0], KEPT / f".{filename}.{os.getpid()}")
        os.replace(KEPT / f".{filename}.{os.getpid()}", KEPT / filename)
