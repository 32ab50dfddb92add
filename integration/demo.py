"""The demonstration: a real wheel into two environments, shared, used and removed.

Purpose: show on real wheels what linkinstall does, with every command it runs and
what can be seen on the disk afterwards. Plain standard library, no test framework.

Calling sequence::

    python -m integration.demo                 # fetches rich and what it needs
    python -m integration.demo a.whl b.whl     # your own

Guarantees: everything is made below ``.cache/demo``; each claim is checked, not only
printed.

Errors: exit status 1 as soon as a claim does not hold, with the claim.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import NoReturn

REPOSITORY = Path(__file__).resolve().parents[1]
WORK = REPOSITORY / ".cache" / "demo"
PROJECT = "rich"
# An environment's lock, the one file of ours that may stay (uv makes the same one).
LOCK = ".lock"


def main(wheels: list[str]) -> int:
    """Run the demonstration and return the exit status."""
    for name in ("first", "second", "cache"):
        shutil.rmtree(WORK / name, ignore_errors=True)
    WORK.mkdir(parents=True, exist_ok=True)
    paths = [Path(wheel).resolve() for wheel in wheels] or fetch()

    title("Two new environments, nothing in them")
    fresh = {}
    for name in ("first", "second"):
        venv.create(WORK / name, with_pip=False)
        fresh[name] = listing(WORK / name)
        print(f"{name}: {len(fresh[name])} files and folders")

    title("Into the first: the wheels are unpacked into the cache, checked, and linked")
    install(paths, "first")
    title("Into the second: the wheels are in the cache already, so only links are made")
    install(paths, "second")

    title("What the two environments share on the disk")
    show_shared(fresh)

    title("It runs")
    show_import(paths, fresh["second"])

    title("Out again")
    names = [distribution_name(path) for path in paths]
    for name in ("first", "second"):
        linkinstall("uninstall", "--python", shown(WORK / name), *names)
    for name in ("first", "second"):
        show_left(name, fresh[name])
    return 0


def fetch() -> list[Path]:
    """Fetch a small real project and its dependencies once, and return their wheels."""
    folder = WORK / "wheels"
    if not list(folder.glob("*.whl")):
        title(f"Fetching {PROJECT} and what it needs")
        options = ["-qq", "--only-binary", ":all:", "--dest", shown(folder)]
        run([sys.executable, "-m", "pip", "download", *options, PROJECT], "python -m pip")
    return sorted(folder.glob("*.whl"))


def install(paths: list[Path], name: str) -> None:
    """Install the wheels into one of the environments."""
    # Hard links are asked for because their inodes show what is shared; without the option
    # it would be clones where the volume has them.
    where = ["--python", shown(WORK / name), "--link-mode", "hardlink"]
    linkinstall(*where, *(shown(path) for path in paths))


def linkinstall(*arguments: str) -> None:
    """Run ``python -m linkinstall``, with the demonstration's own cache."""
    run(
        [sys.executable, "-m", "linkinstall", *arguments],
        "python -m linkinstall",
        LINKINSTALL_CACHE_DIR=str(WORK / "cache"),
    )


def run(command: list[str], spoken: str, **variables: str) -> None:
    """Run a command, show it and its time, and stop if it fails."""
    print("$ " + " ".join([spoken, *command[3:]]), flush=True)
    started = time.perf_counter()
    environment = {**os.environ, **variables}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        fail(f"{spoken} ended with exit status {done.returncode}")
    print(f"({(time.perf_counter() - started) * 1000:.0f} ms)", flush=True)


def show_shared(fresh: dict[str, dict[str, int]]) -> None:
    """Count the files of the second environment that are the first one's, and show some."""
    first, second = (
        {path: inode for path, inode in listing(WORK / name).items() if path not in fresh[name]}
        for name in ("first", "second")
    )
    files = [path for path in second if (WORK / "second" / path).is_file()]
    shared = [path for path in files if first.get(path) == second[path]]
    size = sum((WORK / "second" / path).stat().st_size for path in shared)
    print(f"{len(shared)} of {len(files)} files are one file in both, {size / 1e6:.1f} MB")
    for path in shared[:: max(1, len(shared) // 3)][:3]:
        links = (WORK / "second" / path).stat().st_nlink
        print(f"  inode {second[path]}, {links} links: {path}")
    own = [path for path in files if path not in shared]
    print(f"{len(own)} are the environment's own (RECORD and the like):")
    for path in own[:5]:
        print(f"  {path}")
    if not shared:
        fail("the second environment shares no file with the first")


def show_import(paths: list[Path], fresh: dict[str, int]) -> None:
    """Import every top-level module of the wheels with the second environment's Python."""
    modules = sorted(set(top_level_modules(fresh)))
    python = WORK / "second" / ("Scripts" if os.name == "nt" else "bin") / "python"
    for name in modules:
        code = f"import {name}; print({name!r}, 'from', {name}.__file__)"
        done = subprocess.run(
            [python, "-I", "-B", "-c", code], capture_output=True, text=True, check=False
        )
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1]
            print(f"  {name}: {reason}")
            # A person's own wheels may need others that were not named.
            if paths[0].parent == WORK / "wheels":
                fail(f"{name} cannot be imported")
        else:
            print("  " + done.stdout.strip().replace(f"{REPOSITORY}{os.sep}", ""))


def top_level_modules(fresh: dict[str, int]) -> list[str]:
    """Return the public modules that the second environment has got."""
    found = []
    for path in listing(WORK / "second"):
        parts = Path(path).parts
        if path in fresh or "site-packages" not in parts:
            continue
        inner = parts[parts.index("site-packages") + 1 :]
        if len(inner) == 1 and inner[0].endswith(".py"):
            found.append(inner[0].removesuffix(".py"))
        if len(inner) == 2 and inner[1] == "__init__.py":
            found.append(inner[0])
    return [name for name in found if name.isidentifier() and not name.startswith("_")]


def show_left(name: str, fresh: dict[str, int]) -> None:
    """Show that an environment holds again what it held when it was new."""
    now = listing(WORK / name)
    left = sorted(set(now) - set(fresh) - {LOCK})
    lost = sorted(set(fresh) - set(now))
    lock = f", and the lock ({LOCK})" if LOCK in now else ""
    print(f"{name}: {len(set(now) - {LOCK})} files and folders as when it was new{lock}")
    if left or lost:
        fail(f"left in {name}: {left}; lost from it: {lost}")


def listing(folder: Path) -> dict[str, int]:
    """Return every path below a folder with its inode, links not followed."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(parent, name)
            found[str(path.relative_to(folder))] = path.lstat().st_ino
    return found


def distribution_name(wheel: Path) -> str:
    """Return the project's name from a wheel's file name."""
    return wheel.name.split("-")[0].replace("_", "-").lower()


def shown(path: Path) -> str:
    """Return a path as a person in the repository's folder would type it."""
    return os.path.relpath(path, REPOSITORY) if path.is_relative_to(REPOSITORY) else str(path)


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n== {text}", flush=True)


def fail(claim: str) -> NoReturn:
    """Stop with the claim that does not hold."""
    print(f"demonstration failed: {claim}", file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
