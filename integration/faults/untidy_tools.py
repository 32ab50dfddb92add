"""What pip and uv do to an environment between two commands of ours.

Purpose: they install and uninstall the wheels that ours installs, over whatever is there, and
leave what they leave.

Calling sequence: as ``untidy_acts``.

Guarantees: as ``untidy_acts``; nothing is fetched, and no cache of theirs is linked into an
environment. They remove whatever a RECORD lists, the environment itself included: see
``Place.stands``.

Errors: ``FileNotFoundError`` if uv is missing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from integration.faults.projects import uv_program
from integration.faults.scenario import Command
from integration.faults.untidy_places import SITE

if TYPE_CHECKING:
    from integration.faults.untidy_acts import Act, Scene
    from integration.faults.untidy_places import Place

_UNINSTALL = 0.3
"""How often one of them uninstalls: people install more."""


def _uv(scene: Scene) -> str:
    place, chance = scene.place, scene.chance
    wheel = chance.choice(scene.wheels)
    again = chance.choice(((), ("--reinstall",)))
    if place.has_interpreter:
        words = ("install", "--no-deps", *again, "--python", place.environment, wheel.path)
        if chance.random() < _UNINSTALL:
            words = ("uninstall", "--python", place.environment, wheel.project)
    elif place.kind == "prefix":  # uv writes a prefix of its own layout
        return ""
    else:
        library = chance.choice(("lib", "lib64"))
        folder = f"{place.environment}/{library}/{SITE}"
        target = place.environment if place.kind == "target" else folder
        words = ("install", "--no-deps", *again, "--target", target, wheel.path)
    variables = {
        "UV_CACHE_DIR": os.path.join(place.sandbox.folder, "uv-cache"),
        "UV_OFFLINE": "1",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        # Its own cache is used again for each seed: no edit of a link may get into that.
        "UV_LINK_MODE": "copy",
    }
    return _tool(place, Command((uv_program(), "pip", *words), variables), *words)


def _pip(scene: Scene) -> str:
    place, chance = scene.place, scene.chance
    wheel = chance.choice(scene.wheels)
    options = ("install", "--no-deps", "--no-index", "--no-cache-dir")
    again = chance.choice(((), ("--upgrade",)))
    if place.has_interpreter:
        words = ("--python", place.environment, *options, *again, wheel.path)
        if chance.random() < _UNINSTALL:
            words = ("--python", place.environment, "uninstall", "--yes", wheel.project)
    elif place.kind == "schemes":  # it has no option for that
        return ""
    else:
        words = (*options, *again, f"--{place.kind}", place.environment, wheel.path)
    program = ("{harness}", "-B", "-m", "pip", "--isolated", "--disable-pip-version-check")
    return _tool(place, Command((*program, *words)), *words)


def _tool(place: Place, command: Command, *words: str) -> str:
    done = place.sandbox.run(command)
    told = " ".join(os.path.basename(word) for word in words)
    return f"{told} -> {done.status}"


ACTS: dict[str, tuple[Act, float]] = {"uv": (_uv, 5), "pip": (_pip, 1)}
"""The tool -> what it does, and how often: pip takes longer than all else."""
