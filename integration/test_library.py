"""The verbs as functions: what they return, what they raise, and that the CLI says the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from installer.exceptions import InstallerError

from integration.support.locks import held
from integration.support.records import dist_info_of, record_problems
from integration.support.samples import make_broken, make_sample
from integration.support.trees import differences
from linkinstall import Cache, Environment, LinkMode, check, install, recover, uninstall
from linkinstall.errors import LinkInstallError
from tests.support.forms import FINDING, assert_form
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from integration.support.command import Command
    from integration.support.environments import Venv
    from integration.support.trees import Tree


def test_install_and_uninstall_return_outcomes_that_equal_the_json(
    linkinstall: Command,
    venv: Venv,
    bare: Tree,
    environment: Environment,
    cache: Cache,
    sample: Path,
) -> None:
    """``Outcome.to_dict()`` is what --json prints for the same change."""
    python = ("--python", venv.root)
    linkinstall.run("cache", "add", sample)
    linkinstall.run("install", *python, sample)
    linkinstall.run("uninstall", *python, "sample")
    forms = [
        install([sample], environment=environment, cache=cache).to_dict(),
        install([sample], environment=environment, cache=cache).to_dict(),
        uninstall(["sample"], environment=environment).to_dict(),
        uninstall(["sample"], environment=environment).to_dict(),
        recover(environment).to_dict(),
    ]
    printed = [
        linkinstall.json("install", *python, sample),
        linkinstall.json("install", *python, sample),
        linkinstall.json("uninstall", *python, "sample"),
        linkinstall.json("uninstall", *python, "sample"),
        linkinstall.json("recover", *python),
    ]

    assert printed == json.loads(json.dumps(forms))
    commands = ["install", "install", "uninstall", "uninstall", "recover"]
    for form, command in zip(forms, commands, strict=True):
        assert_form(form, command, 0)
    assert ["done", "unchanged", "done"] == [form["status"] for form in forms[:3]]
    assert [] == differences(bare, venv.snapshot())


def test_a_refusal_carries_the_outcome_that_the_json_prints(
    linkinstall: Command,
    venv: Venv,
    environment: Environment,
    cache: Cache,
    wheelhouse: Path,
) -> None:
    """A refusal is a typed error whose outcome equals the JSON of the same refusal."""
    wheel = make_wheel(wheelhouse, "lonely", "1.0", {"lonely.py": ""})
    linkinstall.run("install", "--python", venv.root, wheel)
    linkinstall.run("uninstall", "--python", venv.root, "lonely")
    (venv.library / "lonely.py").write_text("of the user")
    with pytest.raises(FileExistsError) as caught:
        install([wheel], environment=environment, cache=cache)
    error = caught.value

    assert isinstance(error, LinkInstallError)
    assert isinstance(error, InstallerError)
    assert error.outcome is not None
    printed = linkinstall.json("install", "--python", venv.root, wheel, status=1)
    assert printed == json.loads(json.dumps(error.outcome.to_dict()))


def test_an_invalid_wheel_is_a_value_error(
    environment: Environment, cache: Cache, wheelhouse: Path
) -> None:
    """A damaged wheel raises an error that is a ValueError and a LinkInstallError."""
    with pytest.raises(ValueError, match="broken") as caught:
        install([make_broken(wheelhouse)], environment=environment, cache=cache)

    assert isinstance(caught.value, LinkInstallError)


@pytest.mark.parametrize("mode", ["hardlink", "copy", "symlink"])
def test_link_modes_are_words_or_members(
    mode: str, venv: Venv, environment: Environment, cache: Cache, sample: Path
) -> None:
    """``link_mode`` takes the word and the member of ``LinkMode``, to the same effect."""
    forms = []
    for given in (mode, LinkMode(mode)):
        options: dict[str, Any] = {"link_mode": given, "reinstall": True}
        outcome = install([sample], environment=environment, cache=cache, **options)
        forms.append(outcome.to_dict()["files"])

    assert forms[0] == forms[1]
    assert forms[0][mode] >= 4
    assert (venv.library / "sample/data.txt").is_symlink() == (mode == "symlink")


def test_check_returns_findings_like_the_command(
    linkinstall: Command, venv: Venv, environment: Environment, cache: Cache, sample: Path
) -> None:
    """``check`` returns a list of findings with the fields of the contract."""
    install([sample], environment=environment, cache=cache, link_mode="copy")
    assert [] == check(environment=environment)
    assert [] == check(["sample"], environment=environment)
    (venv.library / "sample/data.txt").write_text("changed")
    (finding,) = check(["sample"], environment=environment)
    (printed,) = linkinstall.json("check", "--python", venv.root, status=1)["findings"]

    assert printed == {key: getattr(finding, key) for key in FINDING}
    assert ("sample", "modified", "changed") == (
        finding.distribution,
        finding.health,
        finding.code,
    )


def test_paths_may_be_text_or_paths(
    venv: Venv, environment: Environment, cache: Cache, wheelhouse: Path
) -> None:
    """Wheels may be given as text or as path objects, environments by folder or interpreter."""
    one, two = make_wheel(wheelhouse, "one"), make_wheel(wheelhouse, "two")
    install([str(one)], environment=environment, cache=cache)
    install([two], environment=Environment.of(venv.python), cache=cache)

    for name in ("one", "two"):
        assert [] == record_problems(venv.library, dist_info_of(venv.library, name))


def test_levels_of_compiled_files_can_be_chosen(
    venv: Venv, environment: Environment, cache: Cache, sample: Path
) -> None:
    """``compile_levels`` chooses the levels; none at all is an empty collection."""
    install([sample], environment=environment, cache=cache, compile_levels=())
    assert [] == list(venv.library.rglob("*.pyc"))

    install([sample], environment=environment, cache=cache, compile_levels=(0, 2), reinstall=True)
    assert 4 == len(list(venv.library.rglob("*.pyc")))


def test_an_environment_from_schemes(tmp_path: Path, cache: Cache, sample: Path) -> None:
    """``Environment.from_schemes`` installs into folders given one by one."""
    keys = ("purelib", "platlib", "scripts", "data", "headers")
    schemes = {key: str(tmp_path / "s" / key) for key in keys}
    environment = Environment.from_schemes(schemes, interpreter="/usr/bin/python3")
    install([sample], environment=environment, cache=cache)

    assert "#!/usr/bin/python3" == (tmp_path / "s/scripts/sample").read_text().splitlines()[0]
    library = tmp_path / "s/purelib"
    assert [] == record_problems(library, dist_info_of(library, "sample"))
    uninstall(["sample"], environment=environment)
    assert [] == [path for path in (tmp_path / "s").rglob("*") if path.is_file()]


def test_a_lock_that_is_held_is_a_typed_error(
    linkinstall: Command, venv: Venv, environment: Environment, cache: Cache, sample: Path
) -> None:
    """The functions wait as the command line does, and raise a typed error that names the lock."""
    install([sample], environment=environment, cache=cache)
    with held(venv.root / ".lock"):
        given = ["uninstall", "--python", venv.root, "--lock-timeout", "0.1", "sample"]
        form = linkinstall.json(*given, status=1)

    assert str(venv.root / ".lock") in str(form["error"])
    assert (venv.library / "sample").exists()


def test_recover_policies_are_checked(environment: Environment) -> None:
    """A policy that does not exist is an error at once."""
    with pytest.raises((ValueError, LinkInstallError)):
        recover(environment, policy="perhaps")


def test_several_wheels_are_one_outcome(
    environment: Environment, cache: Cache, venv: Venv, wheelhouse: Path
) -> None:
    """A set of wheels gives one outcome with a change for each of them."""
    wheels = [make_sample(wheelhouse), make_wheel(wheelhouse, "one"), make_wheel(wheelhouse, "two")]
    outcome = install(wheels, environment=environment, cache=cache)

    assert ["one", "sample", "two"] == sorted(change.name for change in outcome.changes)
    assert {"installed"} == {change.action for change in outcome.changes}
    assert ["one", "sample", "two"] == sorted(
        path.name for path in venv.library.iterdir() if "-" not in path.name
    )


def test_two_versions_of_one_project_in_one_command_are_refused(
    environment: Environment, cache: Cache, venv: Venv, wheelhouse: Path
) -> None:
    """Two wheels of one project in one command are a typed error with nothing changed."""
    old, new = make_sample(wheelhouse), make_sample(wheelhouse, "2.0")
    before = venv.snapshot()
    with pytest.raises(LinkInstallError):
        install([old, new], environment=environment, cache=cache)
    assert [] == differences(before, venv.snapshot())
