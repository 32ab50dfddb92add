"""Builds of linkinstall that are known to be bad: tests of the tests.

Purpose: each lacks one thing that a promise hangs on, and the gate named for it has to
find out. A gate that passes a bad build proves nothing about the good one.

Calling sequence: ``provisions(folder, BAD["never flushed"])``, or ``spoil=`` of ``run_all``.

Guarantees: data only. A build that no longer fits the source is an error when it is
made, not a build that is good again.

Errors: none here; ``provisions`` raises ``ValueError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Spoil = tuple[str, str, str]

_FLUSH = "            self._flush()\n            if placements.link"
_LINK = "            if placements.link"
_RECORD = "            self._record()\n"
_JUST_FLUSH = "            self._flush()\n"
_SWITCH = "        self.staging.switch()\n"
_SETTLED = "    pending += settlement.pending\n    return Report((done,)"
_RETURN = "    return Report((done,)"
_FOREIGN = (
    "        foreign = {index for index in changes if self._identity.settled_by_others(index)}\n"
)
_COMMITTED = '        self._move("commit")\n'
_FOUND = "import glob; found = [path for name in {} for path in glob.glob(self.origin.root + name)]"
_VOLUMES = "(*folders, *(entry.folder for entry in unflushed))"

BAD: Mapping[str, Sequence[Spoil]] = {
    "never flushed": [("application.py", _FLUSH, _LINK)],
    "flushed after the changes": [
        ("application.py", _FLUSH, _LINK),
        (
            "application.py",
            _SWITCH,
            f"{_SWITCH}        self._flush()\n",
        ),
    ],
    "journal not flushed": [("application.py", _RECORD + _JUST_FLUSH, _JUST_FLUSH + _RECORD)],
    "cache not flushed": [("flushing.py", _VOLUMES, "folders")],
    "pointer not flushed": [
        ("staging.py", "            self._flush_volume(state)\n", "            pass\n")
    ],
    "venv not flushed": [("venvs/aside.py", 'if self.change.what != "remove":', "if False:")],
    "lost entries kept": [
        (
            "transaction.py",
            "            give_up_unflushed(self._preparation.cache)",
            "            pass",
        )
    ],
    "unflushed entries looked at by size": [
        ("looking.py", "doubted = self._doubts and", "doubted = False and")
    ],
    "full not flushed": [("fs/volumes.py", 'if self.sync == "full":', "if False:")],
    "no lock": [
        (
            "fs/lock.py",
            "            fcntl.flock(handle, how | fcntl.LOCK_NB)",
            "            pass",
        )
    ],
    "lock not inherited": [
        (
            "fs/forks.py",
            "        os.close(reader)\n",
            # A lock file of ours is told by its contents.
            """\
        os.close(reader)
        for number in range(3, 99):
            try:
                if os.pread(number, 99, 0) == b"linkinstall\\n":
                    os.close(number)
            except OSError:
                pass
""",
        )
    ],
    "no second look": [
        (
            "entry_writer.py",
            "            if self._sound(target, damaged) is None and self._temporary is not None:",
            "            if self._temporary is not None:",
        )
    ],
    "cache cleaned by many": [("cache.py", "shared=not alone", "shared=True")],
    "neighbour removed": [
        (
            "application.py",
            _COMMITTED,
            f"""\
{_COMMITTED}
        {_FOUND.format(["/lib/python*/site-packages/iniconfig*"])}
        for path in found:
            __import__("shutil").rmtree(path)
""",
        )
    ],
    "installed in part": [
        (
            "application.py",
            _COMMITTED,
            f"""\
{_COMMITTED}
        {_FOUND.format(["/lib/python*/site-packages/p*-*.dist-info/METADATA"])}
        for path in found:
            os.unlink(path)
""",
        )
    ],
    "check that compares nothing": [
        (
            "health.py",
            "    health = unfinished or _judge(one, rows, findings)\n",
            "    findings.clear()\n    health = unfinished or _judge(one, rows, findings)\n",
        )
    ],
    "no recovery": [("recovery.py", "_settle_home(files, homes[0], folders, volumes)", "Report()")],
    "journal dropped before all is back": [
        (
            "settle.py",
            _FOREIGN,
            f'{_FOREIGN}        self.files.unlink_all(self.journal.home, ["journal"])\n',
        )
    ],
    "entry lost by the recovery": [
        (
            "recovery.py",
            _SETTLED,
            _SETTLED.replace(
                _RETURN,
                """\
    import glob, shutil
    for new in glob.glob(os.environ["LINKINSTALL_CACHE_DIR"] + "/v1/entries/*/files/*/parts-2.0.*"):
        shutil.rmtree(new.partition("/files/")[0])
"""
                + _RETURN,
            ),
        )
    ],
    "helper may not die": [
        (
            "deletion.py",
            "    Crew(delete, len(parts)).finish()\n",
            """\
    if None in Crew(lambda number: delete(number) or 1, len(parts)).finish():
        raise RuntimeError("a helper has died")
""",
        )
    ],
    "empty journal": [("application.py", "encode(journal, plan.texts))", 'b"")')],
}
"""What is wrong -> module, text, other text."""
