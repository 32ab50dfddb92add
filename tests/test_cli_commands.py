"""From words to arguments of the Python functions."""

from __future__ import annotations

import errno
import os
import sys
from inspect import signature
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from linkinstall import cache
from linkinstall.cli.commands import LOCATIONS, Verbs, perform
from linkinstall.cli.parse import parse
from linkinstall.errors import DistributionError, ExternallyManagedError, UsageError
from linkinstall.outcome import DistributionState, Finding, Outcome, PlannedChange
from tests.support.venvs import make_venv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


A = DistributionState("a", "1", "whole", "/e/lib/a")
B = DistributionState("b", "2", "half-removed", "/e/lib/b")


class Environment:
    """An environment that is managed by somebody else, if ``managed`` says so."""

    root, python, library = "/e", "/e/bin/python", "/e/lib"
    kind, destdir = "venv", None
    managed = False

    @classmethod
    def current(cls, **_options: str) -> Environment:
        """Return an environment."""
        return cls()

    def with_destdir(self, _folder: str) -> Environment:
        """Return a staged environment."""
        return self

    def refuse_if_managed(self) -> None:
        """Refuse where it is managed."""
        if self.managed:
            raise ExternallyManagedError("Managed.")


class Managed(Environment):
    """An environment that must be left alone."""

    managed = True


class Cache:
    """A cache in memory."""

    distrust = ""

    def __init__(self, path: str | None = None) -> None:
        self.path = path or "/default"

    def sweep(self) -> None:
        """Find nothing."""

    @classmethod
    def none(cls) -> str:
        """Return a stand-in for no cache."""
        return "no cache"


class Recorder:
    """Verbs that write down how they were called."""

    def __init__(self, environment: type[Environment] = Environment) -> None:
        self.arguments: dict[str, Any] = {}
        self.positional: tuple[Any, ...] = ()
        self.distributions = [B, A]
        self.findings: list[Finding] = []
        self.environment = environment

    def __getitem__(self, name: str) -> Any:
        """Return a verb or a class."""
        if name in {"environment", "cache"}:
            return {"environment": self.environment, "cache": Cache}[name]

        def verb(*places: Any, **options: Any) -> Any:
            self.positional, self.arguments = places, options
            return {"list": self.distributions, "check": self.findings}.get(name, Outcome(name))

        return verb


class Failing(Recorder):
    """Verbs that fail."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def __getitem__(self, name: str) -> Any:
        """Return the environment's class, or a verb that fails."""

        def verb(*_places: Any, **_options: Any) -> Any:
            raise self.error

        return super().__getitem__(name) if name == "environment" else verb


def run(
    *words: str, verbs: Recorder | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Recorder, Outcome]:
    """Perform a call with verbs that write down, and return both."""
    recorder = verbs or Recorder()
    return recorder, perform(parse(words, environ or {}), recorder)  # type: ignore[arg-type]


def installed(*words: str, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the keyword arguments of ``install``."""
    return run(*words, "a.whl", environ=environ)[0].arguments


def test_a_plain_install() -> None:
    """Without options every argument has the default of the brief."""
    recorder, outcome = run("a.whl", "b.whl")
    environment = recorder.arguments.pop("environment")

    assert Outcome("install") == outcome
    assert (["a.whl", "b.whl"],) == recorder.positional
    assert isinstance(environment, Environment)
    assert {
        "cache": None,
        "link_mode": "auto",
        "copy_binaries": "auto",
        "compile_levels": (0,),
        "overwrite_existing": False,
        "reinstall": False,
        "requested": True,
        "metadata": None,
        "direct_url": None,
        "validate_record": "all",
        "verify_cache": "stat",
        "sync": "normal",
        "lock_timeout": None,
        "dry_run": False,
        "notify": None,
        "progress": None,
        "processes": True,
    } == recorder.arguments


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("--link-mode=copy", "link_mode", "copy"),
        ("--copy-binaries=always", "copy_binaries", "always"),
        ("--overwrite-existing", "overwrite_existing", True),
        ("--reinstall", "reinstall", True),
        ("--no-requested", "requested", False),
        ("--direct-url=none", "direct_url", "none"),
        ("--direct-url=https://example.org/a", "direct_url", "https://example.org/a"),
        ("--validate-record=none", "validate_record", "none"),
        ("--verify-cache=full", "verify_cache", "full"),
        ("--sync=full", "sync", "full"),
        ("--lock-timeout=1.5", "lock_timeout", 1.5),
        ("--dry-run", "dry_run", True),
    ],
)
def test_each_option_of_install_arrives(word: str, name: str, value: object) -> None:
    """What an option says reaches the verb."""
    assert value == installed(word)[name]


@pytest.mark.parametrize(
    ("words", "levels"),
    [
        ([], (0,)),
        (["--compile-bytecode=2", "--compile-bytecode=0", "--compile-bytecode=2"], (0, 2)),
        (["--no-compile-bytecode"], ()),
        (["--compile-bytecode=1", "--no-compile-bytecode"], ()),
        (["--destdir=d"], (0, 1)),
        (["--destdir=d", "--compile-bytecode=0"], (0,)),
        (["--destdir=d", "--no-compile-bytecode"], ()),
    ],
)
def test_levels(words: list[str], levels: tuple[int, ...]) -> None:
    """Level 0 by default, 0 and 1 when staging; what is asked for counts, and none wins."""
    assert levels == installed(*words)["compile_levels"]


@pytest.mark.parametrize(
    ("words", "variable", "expected"),
    [
        ([], "", None),
        (["--cache-dir=c"], "", "c"),
        ([], "c", "c"),
        (["--cache-dir=c"], "v", "c"),
        (["--no-cache"], "c", "no cache"),
        (["--no-cache", "--cache-dir=c"], "", "no cache"),
        (["--destdir=d"], "", "no cache"),
        (["--destdir=d"], "c", "no cache"),
        (["--destdir=d", "--cache-dir=c"], "", "c"),
    ],
)
def test_which_cache(words: list[str], variable: str, expected: str | None) -> None:
    """Staging uses no cache unless the call names one; --no-cache always wins."""
    cache = installed(*words, environ={"LINKINSTALL_CACHE_DIR": variable})["cache"]

    assert expected == (cache.path if isinstance(cache, Cache) else cache)


def test_staging_is_linked_only_where_the_call_says_so() -> None:
    """Under --destdir the variable for environments does not lead to shared files."""
    environ = {"LINKINSTALL_LINK_MODE": "hardlink"}

    assert "auto" == installed("--destdir=d", environ=environ)["link_mode"]
    assert "copy" == installed("--destdir=d", "--link-mode=copy", environ=environ)["link_mode"]
    assert "hardlink" == installed(environ=environ)["link_mode"]


def test_staging_writes_no_metadata() -> None:
    """Under --destdir no INSTALLER, REQUESTED or direct_url.json is written."""
    arguments = installed("--destdir=d")

    assert ({}, False, "none") == tuple(
        arguments[name] for name in ("metadata", "requested", "direct_url")
    )


def test_staging_with_an_explicit_direct_url_obeys() -> None:
    """A direct URL that the call names is written even when staging."""
    assert "file:///a" == installed("--destdir=d", "--direct-url=file:///a")["direct_url"]


@pytest.mark.parametrize("words", [["uninstall", "a"], ["recover"]])
def test_leftovers_of_the_cache_that_the_call_names_are_swept(words: list[str]) -> None:
    """Commands that only sweep a cache are told which one."""
    assert "c" == run(*words, "--cache-dir=c")[0].arguments["cache"].path
    assert "no cache" == run(*words, "--destdir=d")[0].arguments["cache"]


@pytest.mark.parametrize(
    "words",
    [["a.whl"], ["uninstall", "a"], ["recover"], ["list"], ["check", "a"], ["repair", "a"]],
)
def test_the_real_verbs_take_what_the_command_line_passes(words: list[str]) -> None:
    """The stand-ins of these tests do not hide an argument that a verb does not know."""
    recorder, _ = run(*words)
    name = parse(words, {}).command

    signature(Verbs()[name]).bind(*recorder.positional, **recorder.arguments)


def test_repair_passes_names_and_options() -> None:
    """``repair`` hands over names, wheels, and what is done with them."""
    recorder, _ = run(
        "repair", "A_b", "--from=a.whl", "--from", "b.whl", "--remove", "--all", "--leftovers",
        "--full", "--link-mode=copy", "--no-compile-bytecode", "--sync=off", "--dry-run",
    )  # fmt: skip
    del recorder.arguments["environment"]

    assert (["A_b"],) == recorder.positional
    assert {
        "cache": None,
        "wheels": ("a.whl", "b.whl"),
        "remove": True,
        "every": True,
        "leftovers": True,
        "full": True,
        "link_mode": "copy",
        "copy_binaries": "auto",
        "compile_levels": (),
        "sync": "off",
        "lock_timeout": None,
        "dry_run": True,
        "notify": None,
        "processes": True,
    } == recorder.arguments


def test_repair_needs_to_be_told_what() -> None:
    """A call that names nothing to repair is refused."""
    with pytest.raises(UsageError, match="repair needs a NAME"):
        run("repair")


def test_uninstall_passes_names_and_options() -> None:
    """``uninstall`` hands over the names as they were typed."""
    recorder, _ = run("uninstall", "A_b", "c", "--sync=off", "--lock-timeout=0", "--dry-run")
    del recorder.arguments["environment"]

    assert (["A_b", "c"],) == recorder.positional
    assert {
        "cache": None,
        "sync": "off",
        "lock_timeout": 0.0,
        "dry_run": True,
        "notify": None,
        "processes": True,
    } == recorder.arguments


@pytest.mark.parametrize(
    ("words", "policy"), [([], "auto"), (["--rollback"], "rollback"), (["--finish"], "finish")]
)
def test_recover_has_a_policy(words: list[str], policy: str) -> None:
    """``recover`` settles as the journal says, or the way that is asked for."""
    recorder, _ = run("recover", *words)

    assert isinstance(recorder.positional[0], Environment)
    assert {
        "policy": policy,
        "cache": None,
        "sync": "normal",
        "lock_timeout": None,
        "notify": None,
    } == recorder.arguments


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["install", "a.whl"], ["not counted: compiled files, of 2 modules"]),
        (["repair", "a"], ["not counted: compiled files, of 2 modules"]),
        (["install", "a.whl", "--no-compile-bytecode"], []),
        (["uninstall", "a"], []),
    ],
)
def test_a_plan_says_what_it_does_not_count(words: Sequence[str], expected: list[str]) -> None:
    """What is compiled besides is told with a plan.

    A dry run counted 17 files, and the install then told of 25.
    """
    added = () if words[0] == "uninstall" else ("/e/a.py", "/e/b.py", "/e/py.typed")
    planned = PlannedChange("a", "1", None, "install", {}, added, ())

    class Planning(Recorder):
        def __getitem__(self, name: str) -> Any:
            verb = super().__getitem__(name)
            return (
                verb if name == "environment" else lambda *_, **__: Outcome(name, plan=(planned,))
            )

    told: list[str] = []
    perform(parse([*words, "--dry-run"], {}), Planning(), notify=told.append)  # type: ignore[arg-type]

    assert expected == told


def test_a_url_is_of_one_wheel() -> None:
    """Of several wheels no single URL is where they came from; each of them got it."""
    with pytest.raises(UsageError, match="one wheel came from, and 2 are named"):
        run("--direct-url=https://e/a.whl", "a.whl", "b.whl")

    assert "none" == run("--direct-url=none", "a.whl", "b.whl")[0].arguments["direct_url"]


def test_recover_goes_one_way() -> None:
    """Both ways at once are a usage error."""
    with pytest.raises(UsageError, match="contradict"):
        run("recover", "--finish", "--rollback")


@pytest.mark.parametrize("words", [["a.whl"], ["uninstall", "a"], ["a.whl", "--dry-run"]])
def test_a_managed_environment_is_left_alone(words: Sequence[str]) -> None:
    """Changing an environment that somebody else manages is refused, unless asked for."""
    with pytest.raises(ExternallyManagedError) as caught:
        run(*words, verbs=Recorder(Managed))
    assert caught.value.outcome is not None
    assert "/e" == caught.value.outcome.environment_root

    recorder, _ = run(*words, "--break-system-packages", verbs=Recorder(Managed))
    assert isinstance(recorder.arguments["environment"], Managed)


@pytest.mark.parametrize("word", ["list", "check", "recover"])
def test_looking_at_a_managed_environment_is_free(word: str) -> None:
    """Commands that install and remove nothing do not ask who manages it."""
    assert 0 == run(word, verbs=Recorder(Managed))[1].exit


def test_an_outcome_of_the_verb_is_kept() -> None:
    """What a verb attached to its error is not replaced; what has none gets the environment."""
    mine = DistributionError("Gone.")
    mine.outcome = Outcome("uninstall", exit=1)
    for error, root in ((mine, None), (KeyboardInterrupt(), "/e"), (ZeroDivisionError(), "/e")):
        with pytest.raises(type(error)) as caught:
            run("uninstall", "a", verbs=Failing(error))
        assert root == caught.value.outcome.environment_root  # type: ignore[attr-defined]


def test_list_makes_an_outcome() -> None:
    """``list`` tells the environment and its distributions by name, and always succeeds."""
    _, outcome = run("list")

    assert (
        Outcome(
            "list",
            environment_root="/e",
            environment_python="/e/bin/python",
            environment_library="/e/lib",
            distributions=(A, B),
        )
        == outcome
    )


@pytest.mark.parametrize("count", [0, 1])
def test_check_fails_with_findings(count: int) -> None:
    """``check`` ends with 1 where something was found, and with 0 where nothing was."""
    verbs = Recorder()
    verbs.findings = [Finding("a", "modified", "changed", "/e/lib/a.py")] * count
    recorder, outcome = run("check", "a", verbs=verbs)

    assert (["a"],) == recorder.positional
    assert ["--python", "/e"] == recorder.arguments["words"]
    assert (count, tuple(verbs.findings), "done") == (
        outcome.exit,
        outcome.findings,
        outcome.status,
    )


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (
            ["venv", "create", "v", "--python=3.12", "--prompt=p", "--clear", "--force"],
            {
                "python": "3.12",
                "prompt": "p",
                "system_site_packages": False,
                "force": True,
                "cache_dir": None,
                "clear": True,
            },
        ),
        (
            ["venv", "clear", "v", "--system-site-packages"],
            {
                "python": "",
                "prompt": "",
                "system_site_packages": True,
                "force": False,
                "cache_dir": None,
            },
        ),
        (
            ["venv", "remove", "v", "--follow", "--cache-dir=c"],
            {"follow": True, "force": False, "cache_dir": "c", "processes": True},
        ),
        (["venv", "decouple", "v", "--all"], {"every": True, "cache_dir": None}),
        (["venv", "decouple", "v", "--cache-dir=c"], {"every": False, "cache_dir": "c"}),
    ],
)
def test_venv_commands_pass_their_own_options(words: list[str], options: dict[str, Any]) -> None:
    """A command of virtual environments gets its path, its own options and the common ones.

    ``venv decouple --cache-dir`` remembered what the interpreter had said in the default cache.
    """
    recorder, outcome = run(*words, "--sync=off", "--lock-timeout=3")

    common = {"sync": "off", "lock_timeout": 3.0, "notify": None}
    assert (("v",), {**options, **common}) == (recorder.positional, recorder.arguments)
    assert " ".join(words[:2]) == outcome.command


@pytest.mark.parametrize("refused", [False, True])
def test_a_venv_command_leaves_nothing_of_a_killed_unpacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, refused: bool
) -> None:
    """Whatever the next run is, it takes that away; a cache that refuses it is no fault of the run.

    Story: a killed install was followed by ``venv remove``, and what it had been unpacking stayed.
    """
    left = tmp_path / "cache" / "v1" / "tmp" / "0123456789abcdef"
    left.mkdir(parents=True)
    monkeypatch.setenv("LINKINSTALL_CACHE_DIR", str(tmp_path / "cache"))
    place = make_venv(tmp_path / "v")
    if refused:
        error = OSError(errno.EIO, os.strerror(errno.EIO), str(left))
        monkeypatch.setattr(cache.Cache, "sweep", Raising(error))
    arguments = parse(["venv", "remove", str(place), "--sync=off"], {})

    outcome = perform(arguments, Verbs())

    assert ("done", refused) == (outcome.status, left.exists())
    assert not place.exists()


class Raising:
    """Something that fails when it is called."""

    def __init__(self, error: OSError) -> None:
        self.error = error

    def __call__(self) -> None:
        """Fail."""
        raise self.error


def test_verbs_are_imported_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command imports its own verb and no other."""
    module = ModuleType("linkinstall.verbs.recover")
    module.recover = len  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "linkinstall.verbs", ModuleType("linkinstall.verbs"))
    monkeypatch.setitem(sys.modules, "linkinstall.verbs.recover", module)

    assert ("linkinstall.verbs.recover", "recover") == LOCATIONS["recover"]
    assert len is Verbs()["recover"]
