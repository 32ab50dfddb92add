"""What mends a finding of ``cache verify``: a command that can be typed as it stands.

Calling sequence::

    advice = Advice(cache, full=True)
    advice.anew("six", "1.17.0")
    advice.repair()
    advice.unusable(stored)

Guarantees: pure. Where a wheel is needed, the command names ``WHEEL`` in place of its path,
and says behind ``#`` which wheel it has to be.

Errors: none.
"""

from __future__ import annotations

from linkinstall.cache_folder import default_folder
from linkinstall.paths import forward
from linkinstall.shell import joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linkinstall.cache import Cache
    from linkinstall.upkeep.inventory import Stored

__all__ = ["Advice"]


class Advice:
    """See the module docstring.

    :param full: whether files were read: what was found so is mended only so
    """

    def __init__(self, cache: Cache, *, full: bool) -> None:
        default = cache.path == forward(default_folder())
        self._where = () if default else ("--cache-dir", cache.path)
        self._full = ("--full",) if full else ()

    def repair(self) -> str:
        """Return what mends that for which no wheel is needed."""
        return self._command("verify", "--repair", *self._full)

    def anew(self, distribution: str, version: str) -> str:
        """Return what makes a damaged entry anew."""
        command = self._command("verify", "--repair", *self._full, "WHEEL")
        return f"{command}  # WHEEL: the wheel file of {distribution} {version}"

    def unusable(self, stored: Stored) -> str:
        """Return what takes away an entry that is not linked any more, or makes it anew.

        Symbolic links that lead there are made whole by making it anew alone.
        """
        if not stored.dependents:
            return self._command("prune")
        manifest = stored.manifest
        which = f"of {manifest.distribution} {manifest.version}" if manifest else "it is made from"
        return f"{self._command('add', 'WHEEL')}  # WHEEL: the wheel file {which}"

    def _command(self, *words: str) -> str:
        verb, *others = words
        return joined(["linkinstall", "cache", verb, *self._where, *others])
