"""What mends a finding: a command that can be typed as it stands, and works.

Purpose: the ``fix`` of each finding.

Calling sequence::

    remedies = Remedies(world, cache, words_of(environment))
    findings = remedies.of(examined)

Guarantees: reads only. Where nothing is at hand to install from, the command names
``WHEEL`` in place of the wheel's path, and says behind ``#`` which wheel it has to be.

Errors: ``OSError`` where something cannot be read.
"""

from __future__ import annotations

import os
from itertools import chain, count

from linkinstall.distribution import WHOLE, library_path, read_rows
from linkinstall.evidence import Evidence
from linkinstall.origin import editable_place
from linkinstall.twins import foremost
from linkinstall.values import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linkinstall.cache import Cache
    from linkinstall.distribution import Distribution
    from linkinstall.environment import Environment
    from linkinstall.errors import JournalError
    from linkinstall.health import Examined
    from linkinstall.outcome import Finding
    from linkinstall.world import World

__all__ = ["Remedies", "words_of"]

_PROGRAM = "linkinstall"


def words_of(environment: Environment) -> list[str]:
    """Return the words of the command line that name an environment."""
    if environment.destdir is not None or environment.kind == "schemes":
        schemes = environment.schemes
        return [word for name in sorted(schemes) for word in (f"--{name}", schemes[name])]
    if environment.kind in ("target", "prefix"):
        return [f"--{environment.kind}", environment.root]
    return ["--python", environment.root if environment.kind == "venv" else environment.python]


class Remedies:
    """See the module docstring.

    :param words: words of the command line that name the environment and the cache
    """

    def __init__(self, world: World, cache: Cache, words: Sequence[str]) -> None:
        self.world = world
        self.words = tuple(words)
        self._evidence = Evidence(world, cache)
        self._others: dict[str, list[tuple[str, str]]] | None = None

    def command(self, *words: str) -> str:
        """Return a command of linkinstall on this environment, quoted for a shell."""
        from linkinstall.shell import joined

        first, *others = words
        return joined([_PROGRAM, first, *self.words, *others])

    @property
    def recover(self) -> str:
        """What settles an unfinished transaction and empties the trash."""
        return self.command("recover")

    def settle(self, place: str) -> str:
        """Return what settles a killed ``venv`` command, and keeps what is there then."""
        from linkinstall.shell import joined

        return joined([_PROGRAM, "venv", "create", place])

    def of_state(self, error: JournalError) -> str:
        """Return what lets other commands go on where the state folder was refused.

        One that nobody understands is kept aside: what had been taken out of place lies in it.
        """
        from linkinstall.recovery import OTHER_FOLDERS
        from linkinstall.shell import joined

        if all(one.code != OTHER_FOLDERS for one in error.problems):
            return self.aside(self.world.home)
        root = self.world.libraries[0]
        while not self.world.files.status(f"{root}/pyvenv.cfg") and root != os.path.dirname(root):
            root = os.path.dirname(root)
        if root != os.path.dirname(root) and root not in self.words:
            return joined([_PROGRAM, "recover", "--python", root])
        return f"{_PROGRAM} recover OPTIONS  # OPTIONS: those that the change was begun with"

    def aside(self, folder: str) -> str:
        """Return what lets other commands go on beside a folder that is not to be lost."""
        from linkinstall.shell import moved

        return moved(folder, self._free(folder))

    @property
    def leftovers(self) -> str:
        """What takes away what other tools left behind."""
        return self.command("repair", "--leftovers")

    def of(
        self,
        examined: Examined,
        found: Iterable[Distribution],
        twins: Sequence[Examined] = (),
        *,
        unfinished: bool = False,
    ) -> list[Finding]:
        """Return the findings of a distribution, each with what mends it.

        :param found: all distributions of the environment
        :param twins: the project's other dist-infos, but for those that are strays
        :param unfinished: whether a transaction on it is unfinished
        """
        if not examined.findings:
            return []
        if unfinished:
            return [replace(one, fix=self.recover) for one in examined.findings]
        if examined.stray and (twins or not self._evidence.source(examined).usable):
            # Tools take it for an installed version, and what is in it is somebody's.
            fix = self.aside(examined.distribution.path)
            return [replace(one, fix=fix) for one in examined.findings]
        # It is repaired as a whole, so each of its findings takes all that is in the way. What
        # cannot be repaired from anything yet must not cost another project its place.
        lead, usable = self._lead(examined, twins)
        first = self._first(lead, found) if usable else []
        fix = " && ".join([*first, self._repair(examined, lead, usable=usable)])
        return [replace(one, fix=fix) for one in examined.findings]

    def of_duplicate(self, examined: Examined, twins: Iterable[Examined]) -> str:
        """Return what leaves one of several dist-infos of one project."""
        lead, usable = self._lead(examined, twins)
        if usable:
            return self.command("repair", lead.distribution.name)
        return self._from_wheel(lead.distribution)

    def _lead(self, examined: Examined, twins: Iterable[Examined]) -> tuple[Examined, bool]:
        """Return the dist-info that a repair keeps or renews, and whether nothing lacks for it."""
        seen = [examined, *twins]
        whole = [one for one in seen if one.health == WHOLE]
        lead = foremost(self.world.files, whole or seen)
        return lead, bool(whole) or self._evidence.source(lead).usable

    def _repair(self, examined: Examined, lead: Examined, *, usable: bool) -> str:
        one = lead.distribution
        if usable:
            return self.command("repair", one.name)
        if any(finding.code == "empty-dist-info" for finding in examined.findings):
            return self.leftovers
        return self._from_wheel(one)

    def _from_wheel(self, one: Distribution) -> str:
        command = self.command("repair", one.name, "--from", "WHEEL")
        comment = f"  # WHEEL: the wheel file of {one.name} {one.version}"
        if place := editable_place(self.world.files, one):
            # It ends the line: no line break in it may end the comment.
            place = " ".join(place.split())
            comment += f", an editable install of {place}: better install it anew from there"
        return command + comment

    def _first(self, examined: Examined, found: Iterable[Distribution]) -> list[str]:
        """Return what has to be done before a repair: somebody's things moved away, then others."""
        from linkinstall.shell import moved

        one = examined.distribution
        infos = (one.path, f"{one.base}/{one.folder}")
        ways = {self._in_the_way(finding) for finding in examined.findings} - {""}
        tops = sorted(way for way in ways if not any(way.startswith(f"{top}/") for top in ways))
        moves = [moved(path, self._free(_beside(path, infos))) for path in tops]
        owners = {self._shared(finding, found) for finding in examined.findings} - {""}
        return [*moves, *(self.command("uninstall", owner) for owner in sorted(owners))]

    def _free(self, path: str) -> str:
        """Return a name beside a path, at which nothing is yet that a move would replace."""
        names = chain((f"{path}.aside",), (f"{path}.aside-{number}" for number in count(2)))
        return next(name for name in names if self.world.files.status(name) is None)

    def _in_the_way(self, finding: Finding) -> str:
        """Return what a repair would not take away: a folder there, or none above."""
        there = finding.code in ("changed", "record-missing")
        if there and self.world.kind(finding.path) == "folder":
            return finding.path
        folder = os.path.dirname(finding.path)
        if finding.code != "missing" or self.world.kind(folder) == "folder":
            return ""
        while not self.world.keeps_folder(folder):
            kind = self.world.kind(folder)
            real = self.world.real_folder(folder)
            out = kind == "link" and not self.world.inside(real + "/")
            if kind == "file" or out:
                return folder
            folder = os.path.dirname(folder)
        return ""

    def _shared(self, finding: Finding, found: Iterable[Distribution]) -> str:
        """Return whose a file is that two distributions list, where it is the other's own."""
        if finding.code != "changed" or finding.actual is None:
            return ""
        if self._others is None:
            self._others = self._listed(found)
        for owner, hash_ in self._others.get(finding.path, ()):
            if owner != finding.distribution and hash_ == finding.actual:
                return owner
        return ""

    def _listed(self, found: Iterable[Distribution]) -> dict[str, list[tuple[str, str]]]:
        listed: dict[str, list[tuple[str, str]]] = {}
        for one in found:
            for row in read_rows(self.world.files, one) or ():
                path = library_path(one.base, row.path)
                listed.setdefault(path, []).append((one.name, row.hash))
        return listed


def _beside(path: str, infos: Iterable[str]) -> str:
    """Return beside what goes what is in the way: itself, or the dist-info that it is in.

    :param infos: the names of the dist-info folder
    """
    for info in infos:
        if path.startswith(f"{info}/"):
            return f"{info}.{path.removeprefix(f'{info}/').replace('/', '.')}"
    return path
