"""What many processes do at once: the contests of ``make race``.

Purpose: the same wheel, conflicting wheels, one cache that is cleaned meanwhile, one
distribution removed by many, holders of the lock and parents of workers killed, and uv
on the same environment.

Calling sequence: ``CONTESTS``; ``contest.draw(random.Random(7))`` gives the commands of
one round.

Guarantees: data only. What is drawn depends on the generator alone.

Errors: none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from integration.faults import peers
from integration.faults.forking import FORKING
from integration.faults.scenario import Command
from integration.faults.scenarios import RECOVER, install, run, uninstall

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

VENV = "venv"
ENVIRONMENT = "environment"
"""As a project in an effect: the environment itself, whose version is ``THERE``."""
THERE = "there"
CLEANERS: tuple[Command, ...] = (RECOVER, run("cache", "prune"), run("cache", "clean"))
"""Commands that clean a cache; a new one is put to the race here."""


def _spoilt_by(code: str) -> Command:
    """Return what runs code on a ``path``, that of a file of the cache."""
    begin = "import glob, os, sys; path = glob.glob(sys.argv[1])[0]"
    place = "{cache}/v1/entries/*/files/purelib/pluggy/_hooks.py"
    return Command(("{harness}", "-I", "-c", f"{begin}; {code}", place))


DAMAGE = _spoilt_by("open(path, 'a').write('# edited')")
"""Somebody edits it through a link."""
LOSS = _spoilt_by(
    "was = os.stat(path); open(path, 'r+b').write(bytes(was.st_size)); "
    "os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))"
)
"""A power cut has left zeros in it, with its size and its times."""


@dataclass(frozen=True)
class Contender:
    """One command of a contest.

    :param command: what it runs
    :param effect: project -> version it may leave behind; all that is known of a command
        that was killed, or of another tool's
    :param where: the environment: ``venv``, or the name of a folder for ``--target``
    :param ours: whether it is linkinstall, and reports in JSON
    :param losers: the error codes with which it may end, besides those of its contest
    """

    command: Command
    effect: Mapping[str, str | None]
    where: str = VENV
    ours: bool = True
    losers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Contest:
    """Many commands at once.

    :param name: one word or two, usable on a command line
    :param title: for the table
    :param prepare: what is done before, one after the other
    :param draw: returns the commands of one round
    :param losers: the error codes with which a command may end
    :param kill: whom to kill (see ``crowd``), and how many of them
    :param start: the state of the environment before
    :param width: a command begins when the one this many places before it has ended, and all
        before that
    :param changes: to the program (see ``runner.provisions``): pauses that leave it as right
        or wrong as it is, and thresholds, so that what takes moments can be met
    """

    name: str
    title: str
    draw: Callable[[random.Random], list[Contender]]
    prepare: tuple[Command, ...] = ()
    losers: frozenset[str] = frozenset()
    kill: tuple[str, int] | None = None
    start: Mapping[str, str] = field(default_factory=dict)
    width: int = 99
    changes: Sequence[tuple[str, str, str]] = ()


def _install(*wheels: str, mode: str = "hardlink", wait: float | None = None) -> Contender:
    command = install(mode, *wheels)
    more = () if wait is None else ("--lock-timeout", str(wait))
    pairs = [wheel.rpartition("-") for wheel in wheels]
    effect = {name: version for name, _, version in pairs}
    return Contender(Command((*command.arguments, *more, "--json"), command.variables), effect)


def _uninstall(*names: str) -> Contender:
    command = uninstall(*names)
    arguments = (*command.arguments, "--json")
    return Contender(Command(arguments, command.variables), dict.fromkeys(names))


def _target(number: int, wheel: str, mode: str) -> Contender:
    where = f"target{number}"
    options = ("--target", f"{{venv}}/../{where}", "--link-mode", mode, "--json")
    name, _, version = wheel.rpartition("-")
    return Contender(run("install", *options, f"{{{wheel}}}"), {name: version}, where)


def _same(_chance: random.Random) -> list[Contender]:
    return [_install("parts-1.0") for _ in range(32)]


def _conflicting(chance: random.Random) -> list[Contender]:
    found = [_install("pluggy-1.5.0") for _ in range(7)]
    found += [_install("pluggy-1.6.0") for _ in range(7)]
    found += [_install("clasha-1.0") for _ in range(5)] + [_install("clashb-1.0") for _ in range(5)]
    found += [_install("pluggy-1.6.0", "parts-1.0"), _install("parts-2.0"), _uninstall("parts")]
    found += [_uninstall("pluggy"), _uninstall("pluggy"), _uninstall("clasha")]
    found += [_install("pluggy-1.5.0", wait=0.02), _install("clashb-1.0", wait=0.02)]
    chance.shuffle(found)
    return found


def _one_cache(chance: random.Random) -> list[Contender]:
    wheels = ("pluggy-1.5.0", "pluggy-1.6.0", "parts-1.0", "wheel-0.45.1")
    modes = ("hardlink", "copy", "symlink")
    # Each wheel in each mode twice, and added twice: 32 that fill it. Those that clean it are more.
    found = [_target(i, wheels[i % 4], modes[i % 3]) for i in range(24)]
    found += [
        Contender(run("cache", "add", f"{{{wheel}}}", "--json"), {}, "") for wheel in wheels * 2
    ]
    found += [
        Contender(Command((*one.arguments, "--json"), one.variables), {}, losers=_IN_USE)
        for one in (*CLEANERS, *CLEANERS)
    ]
    chance.shuffle(found)
    return found


_IN_USE = frozenset({"cache"})
"""``cache clean`` is refused while an environment has symbolic links into the cache."""


def _new_target(chance: random.Random) -> list[Contender]:
    def one(*words: str, left: str | None) -> Contender:
        where = ("--target", "{venv}/../shared", "--json")
        return Contender(run(*words, *where), {"pluggy": left}, "shared")

    found = [one("install", "{pluggy-1.5.0}", left="1.5.0") for _ in range(4)]
    found += [one("install", "{pluggy-1.6.0}", left="1.6.0") for _ in range(2)]
    found += [one("uninstall", "pluggy", left=None) for _ in range(10)]
    chance.shuffle(found)
    return found


def _removals(_chance: random.Random) -> list[Contender]:
    return [_uninstall("pluggy") for _ in range(8)]


def _changes(chance: random.Random) -> list[Contender]:
    found = [_install("pluggy-1.5.0") for _ in range(6)]
    found += [_install("pluggy-1.6.0") for _ in range(6)] + [_uninstall("pluggy") for _ in range(4)]
    chance.shuffle(found)
    return found


def _compiling(_chance: random.Random) -> list[Contender]:
    return [_install("bulk-1.0") for _ in range(4)]


def _linking(chance: random.Random) -> list[Contender]:
    # The second one has files in a folder that is always there: whoever still links
    # after the lock has gone on is seen, though all folders of ours are gone by then.
    found = [_install("parts-1.0", "clasha-1.0") for _ in range(10)]
    found += [_uninstall("parts", "clasha") for _ in range(6)]
    chance.shuffle(found)
    return found


def _mending(_chance: random.Random) -> list[Contender]:
    return [_target(number, "pluggy-1.5.0", "hardlink") for number in range(12)]


def _readers(chance: random.Random) -> list[Contender]:
    found = [_install(name) for name in ("pluggy-1.5.0", "pluggy-1.6.0", "parts-1.0", "parts-2.0")]
    found += [_uninstall("pluggy"), _uninstall("parts"), _install("pluggy-1.5.0", "parts-1.0")]
    found += [Contender(run("cache", verb, "--json"), {}, "") for verb in ("clean", "prune")]
    here = ("--python", "{python}")
    looks: tuple[tuple[str, ...], ...] = (
        ("list", *here), ("check", *here), ("check", "--full", *here),
        ("install", "--dry-run", *here, "{pluggy-1.6.0}"),
        ("uninstall", "--dry-run", *here, "parts"), ("repair", "--all", "--dry-run", *here),
        ("cache", "info"), ("cache", "dir"), ("cache", "verify"), ("cache", "verify", "--full"),
        ("cache", "prune", "--dry-run"), ("cache", "clean", "--dry-run"),
    )  # fmt: skip
    found += [Contender(run(*words, "--json"), {}, "") for words in looks for _ in range(2)]
    chance.shuffle(found)
    return found


def _venvs(chance: random.Random) -> list[Contender]:
    here, names = ("--python", "{venv}"), ("iniconfig", "pluggy", "parts")
    wheels = [("pluggy", "1.5.0"), ("pluggy", "1.6.0"), ("parts", "1.0"), ("parts", "2.0")] * 3
    found = [
        Contender(run("install", *here, f"{{{name}-{version}}}", "--json"), {name: version})
        for name, version in wheels
    ]
    found += [Contender(run("uninstall", *here, "pluggy", "--json"), {"pluggy": None})] * 3
    looks = (("venv", "decouple", "{venv}", "--all"), ("list", *here), ("check", *here))
    found += [Contender(run(*words, "--json"), {}, "") for words in looks * 2]
    chance.shuffle(found)
    changing = [("remove", "{venv}"), ("clear", "{venv}"), ("create", "{venv}", "--clear")]
    chance.shuffle(changing)
    # In the first half, what makes one where none is last: so much is done to one that is there.
    places = sorted(chance.randrange(len(found) // 2) for _ in range(4))
    for place, words in reversed([*zip(places, (*changing, ("create", "{venv}")), strict=True)]):
        effect = {**dict.fromkeys(names), ENVIRONMENT: None if "remove" in words else THERE}
        found.insert(place, Contender(run("venv", *words, "--json"), effect))
    return found


def _with_uv(chance: random.Random) -> list[Contender]:
    uv = peers.uv_commands()
    found = _changes(chance)[:8]
    for number in range(8):
        removing = number % 4 == 3
        command = uv["uninstall" if removing else "install"]
        effect = {"pluggy": None if removing else peers.WHEEL.rpartition("-")[2]}
        found.append(Contender(command, effect, ours=False))
    chance.shuffle(found)
    return found


_LINK_SLOWLY = (
    # The helper comes first, and has all the links before it when its parent is killed.
    (
        "fs/crew.py",
        "            answers = dict(self._take())",
        "            __import__('time').sleep(0.1)\n            answers = dict(self._take())",
    ),
    (
        "fs/crew.py",
        "            yield number, self._do(number)",
        """\
            if os.getpid() != self._parent:
                __import__("time").sleep(0.3)
            yield number, self._do(number)
""",
    ),
)
_MEND_SLOWLY = (
    (
        "entry_writer.py",
        "        lock.acquire()\n",
        "        time.sleep(int.from_bytes(os.urandom(1), 'big') / 1000)\n        lock.acquire()\n",
    ),
    (
        "entry_writer.py",
        "                    self._set_aside(target, damaged)\n",
        """\
                    self._set_aside(target, damaged)
                    time.sleep(0.05)
""",
    ),
)
SLOWED = (
    (
        "fs/__init__.py",
        "            _chosen.append(PosixFileSystem())\n",
        """\
            import time

            class Slowed(PosixFileSystem):
                def __getattribute__(self, name: str) -> object:
                    if name[0] != "_" and os.urandom(1) < b"\\x1a":
                        time.sleep(os.urandom(1)[0] / 5000)
                    return super().__getattribute__(name)

            _chosen.append(Slowed())
""",
    ),
)
"""One call in ten of the file system waits for up to 0.05 s: between any two calls of one
process there is time enough for all that the others do."""
_REFUSED = frozenset({"conflict", "lock-timeout"})
_PLUGGY = install("hardlink", "pluggy-1.5.0")

CONTESTS = (
    Contest("same", "32 installers of one wheel, one environment, cold", _same),
    Contest(
        "conflicting",
        "32 installers and removers of conflicting wheels, one environment",
        _conflicting,
        losers=_REFUSED,
    ),
    Contest(
        "cache",
        "32 into one cache with a damaged entry, 6 that clean it, 3 of all killed",
        _one_cache,
        prepare=(run("cache", "add", "--sync", "off", "{pluggy-1.5.0}"), LOSS),
        kill=("any", 3),
    ),
    Contest("target", "16 that make, fill and empty one new --target", _new_target),
    Contest(
        "removals",
        "8 uninstalls of one distribution",
        _removals,
        prepare=(_PLUGGY,),
        start={"pluggy": "1.5.0"},
    ),
    Contest("holder", "4 of 16 killed while they hold the lock", _changes, kill=("holder", 4)),
    Contest("compiling", "2 of 4 killed while their workers compile", _compiling,
            kill=("compiling", 2)),
    Contest(
        "linking",
        "4 of 16 killed while their forked processes link",
        _linking,
        prepare=(run("cache", "add", "{parts-1.0}", "{clasha-1.0}"),),
        kill=("forked", 4),
        changes=(*FORKING, *_LINK_SLOWLY),
    ),
    Contest(
        "mending",
        "12 that find the same entry of the cache damaged",
        _mending,
        prepare=(run("cache", "add", "{pluggy-1.5.0}"), DAMAGE),
        changes=_MEND_SLOWLY,
    ),
    Contest("readers", "24 that look while 9 change what they look at", _readers, losers=_REFUSED),
    Contest(
        "venvs",
        "25 that make, fill, empty and remove one virtual environment",
        _venvs,
        # virtualenv's own data, made once.
        prepare=(run("venv", "create", "{temp}/venv"), run("venv", "remove", "{temp}/venv")),
        losers=frozenset({"conflict", "environment-not-found", "not-a-venv"}),
        # Where all begin at once, most find none: making one takes longest.
        width=6,
    ),
    Contest("uv", "8 of ours and 8 of uv, one environment", _with_uv),
)  # fmt: skip
