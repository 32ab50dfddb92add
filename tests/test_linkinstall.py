"""The package itself: its public names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import linkinstall

HEAVY = (
    "installer zipfile pathlib dataclasses typing inspect json tempfile filelock packaging "
    "importlib.metadata platformdirs python_discovery argparse csv email subprocess shutil "
    "threading"
).split()


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded once it ran ``statement``.

    Without ``site``, which loads what the ``.pth`` files of an installation ask for.
    """
    code = f"import sys; sys.path[:] = {sys.path!r}; {statement}; print('\\n'.join(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    return set(answer.stdout.split())


@pytest.mark.parametrize("name", linkinstall.__all__)
def test_every_public_name_is_importable(name: str) -> None:
    """A name of ``__all__`` is the object of that name in the module it lives in."""
    found = getattr(linkinstall, name)

    assert name == found.__name__
    assert found.__module__.startswith("linkinstall.")
    assert found is getattr(linkinstall, name)


def test_a_star_import_gives_the_public_names() -> None:
    """``from linkinstall import *`` gives the names of ``__all__``, and no more."""
    names: dict[str, object] = {}
    exec("from linkinstall import *", names)  # noqa: S102 - allowed at a module's top only
    del names["__builtins__"]

    assert set(linkinstall.__all__) == set(names)


def test_importing_the_package_imports_nothing_else() -> None:
    """``import linkinstall`` loads no module but itself."""
    before = loaded_by("import __future__")

    assert {"linkinstall"} == loaded_by("import linkinstall") - before


def test_a_name_brings_only_its_own_modules() -> None:
    """What a warm install uses brings nothing that costs more than the links."""
    loaded = loaded_by("import linkinstall; linkinstall.install; linkinstall.Cache")

    assert "linkinstall.transaction" in loaded
    assert set() == loaded & set(HEAVY)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """What the package does not have raises ``AttributeError``, as of any module."""
    with pytest.raises(AttributeError, match="module 'linkinstall' has no attribute 'nothing'"):
        _ = linkinstall.nothing
    assert not hasattr(linkinstall, "_values")


def test_the_names_are_listed() -> None:
    """``dir`` gives the public names, imported yet or not."""
    assert sorted(linkinstall.__all__) == dir(linkinstall)
