"""An interpreter that has imported linkinstall, and forks for each command: see ``ready``.

Purpose: the program that ``Ready`` starts. It is run by its path, with the linkinstall that is
put to the test on its module path, and imports nothing of this package.

Calling sequence: ``python -P -s -B ready_server.py NUMBER``, where NUMBER is the descriptor of
a socket. Each message on it is a JSON object and the descriptor that the command prints to;
answered are the process number once the child has stopped itself, and its status when it
has ended.

Guarantees: a child is the leader of a session of its own, has no descriptor but the standard
ones, and has made no call that touches the disk when it stops.

Errors: none; it ends when nobody holds the other end of the socket any more.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
from typing import Any

_ALSO = ("csv", "hashlib", "json", "random", "subprocess", "zipfile", "email.parser")
"""What linkinstall imports in functions only, beside what its modules import at their top."""


def main() -> None:
    """Import, and fork for each message."""
    # What is imported may need a name that is not there on this system: it is not used here.
    import linkinstall

    for module in pkgutil.walk_packages(linkinstall.__path__, "linkinstall."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in _ALSO:
        importlib.import_module(name)
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        while True:
            message, received, _, _ = socket.recv_fds(channel, 1 << 20, 1)
            if not message:
                return
            child = os.fork()
            if not child:
                channel.close()
                _become(json.loads(message), received[0])
            os.close(received[0])
            os.waitpid(child, os.WUNTRACED)
            channel.send(b"%d" % child)
            _, status = os.waitpid(child, 0)
            channel.send(b"%d" % os.waitstatus_to_exitcode(status))


def _become(command: dict[str, Any], output: int) -> None:
    """Be the command; return never."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, source in enumerate((nothing, output, output)):
        os.dup2(source, number)
    os.closerange(3, 64)
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["variables"])
    if command["processors"]:
        usable = os.sched_getaffinity(0)
        os.sched_setaffinity(0, command["processors"])
        os.sched_getaffinity = lambda _process: usable
    import linkinstall

    sys.argv = [os.path.join(linkinstall.__path__[0], "__main__.py"), *command["words"]]
    os.kill(os.getpid(), signal.SIGSTOP)
    runpy.run_module("linkinstall", run_name="__main__")


if __name__ == "__main__":
    main()
