"""The first half of a transaction: what can be asked of it, until it is prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linkinstall import Transaction, check, install, repair, uninstall
from linkinstall.asking import NEW, Asking
from linkinstall.errors import TransactionError, UsageError
from linkinstall.fs import local
from linkinstall.requests import Generated
from linkinstall.wishes import Exactly, Wish, Wishes
from tests.support.sites import Site, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linkinstall.cache import Entry
    from linkinstall.plan import Plan


class Asked(Asking):
    """A transaction that is asked and carries nothing out."""

    def noted(self) -> Wishes:
        """Return what was noted."""
        return self._wishes

    def prepare(self) -> None:
        """Be prepared."""
        assert NEW == self._phase
        self._phase = "prepared"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an environment of its own."""
    return Site(tmp_path)


@pytest.fixture
def asked(site: Site) -> Asked:
    """Return a transaction on the site, asked for nothing yet."""
    return Asked(site.environment, local())


def entry_of(site: Site) -> Entry:
    """Return an entry that has files in its library and in ``data``."""
    files = {"app/a.py": "", "app-1.0.data/data/share/app.txt": "shared\n"}
    return site.cache.add(site.wheel(files=files)).entry


def test_a_plan_is_shown_before_it_is_carried_out(site: Site) -> None:
    """Who reviews a plan sees the whole of it, and nothing of it is done where they raise."""
    plans = []

    def refuse(plan: Plan) -> None:
        plans.append(plan)
        raise UsageError("no")

    before = snapshot(site.root)
    transaction = site.transaction()
    transaction.install(site.wheel())
    transaction.review(refuse)

    with pytest.raises(UsageError, match="no"):
        transaction.run()

    assert [["app"]] == [[change.name for change in plan.changes] for plan in plans]
    assert before == snapshot(site.root)


def test_what_is_asked_is_noted_in_order(site: Site, asked: Asked) -> None:
    """Wheels, entries and removals are noted as they come, with what was said of each."""
    entry = entry_of(site)
    wheel = site.folder / "wheels" / "b.whl"
    asked.install(wheel, metadata={"A": b"a"}, requested=False, direct_url="none")
    asked.install_entry(entry, metadata={"INSTALLER": b"other\n"})
    asked.uninstall("Some.Name")

    assert [
        Wish(str(wheel), None, {"A": b"a"}, requested=False, direct_url="none"),
        Wish(None, entry, {"INSTALLER": b"other\n"}),
    ] == asked.noted().incoming
    assert ["some-name"] == asked.noted().outgoing


def test_asking_touches_nothing(site: Site, asked: Asked) -> None:
    """Whatever is asked for, neither the environment nor the cache is looked at or changed."""
    before = snapshot(site.folder)
    asked.install(site.folder / "there-is-none.whl")
    asked.uninstall("not-installed")

    assert before == snapshot(site.folder)


def test_a_destination_of_the_same_folders_may_join(site: Site, asked: Asked) -> None:
    """The folders of a destination may be named by other links to the same folders."""
    entry, exactly = entry_of(site), Exactly((Generated("purelib", "a/RECORD", b""),))
    schemes = site.environment.scheme_for("app")
    asked.install_exactly(entry, exactly, {**schemes, "purelib": schemes["platlib"]})

    assert [Wish(None, entry, exactly=exactly)] == asked.noted().incoming


@pytest.mark.parametrize("scheme", ["purelib", "data", "scripts"])
def test_a_destination_of_other_folders_may_not_join(site: Site, asked: Asked, scheme: str) -> None:
    """A folder that the files or the generated ones go to has to be the transaction's."""
    exactly = Exactly((Generated("scripts", "app", b"#!python\n", executable=True),))
    schemes = {**site.environment.scheme_for("app"), scheme: str(site.folder / "elsewhere")}

    with pytest.raises(TransactionError, match="not those of the transaction"):
        asked.install_exactly(entry_of(site), exactly, schemes)
    assert [] == asked.noted().incoming


def test_folders_that_take_no_file_do_not_count(site: Site, asked: Asked) -> None:
    """A destination may have other folders for schemes that nothing goes to, or lack them."""
    schemes = {**site.environment.scheme_for("app"), "headers": "/elsewhere"}
    del schemes["scripts"]
    asked.install_exactly(entry_of(site), Exactly(()), schemes)

    assert 1 == len(asked.noted().incoming)


@pytest.mark.parametrize(
    "ask",
    [
        lambda one, _: one.install("/a.whl"),
        lambda one, entry: one.install_entry(entry, metadata={}),
        lambda one, entry: one.install_exactly(entry, Exactly(()), {}),
        lambda one, _: one.uninstall("app"),
    ],
    ids=["install", "install_entry", "install_exactly", "uninstall"],
)
def test_nothing_is_added_once_it_is_prepared(
    site: Site, asked: Asked, ask: Callable[[Asking, Entry], None]
) -> None:
    """A wish that comes after the preparation is refused, and not noted."""
    entry = entry_of(site)
    asked.prepare()

    with pytest.raises(TransactionError, match="prepared already"):
        ask(asked, entry)
    assert ([], []) == (asked.noted().incoming, asked.noted().outgoing)


def calling(site: Site, calls: list[str]) -> Transaction:
    """Return a transaction that installs a wheel and tells of its end."""
    transaction = site.transaction()
    transaction.on_commit(lambda: calls.append("commit"))
    transaction.on_end(lambda: calls.append("end"))
    transaction.install(site.wheel())
    return transaction


def test_a_commit_is_told_once_to_both(site: Site) -> None:
    """After a commit, and not before, ``on_commit`` and ``on_end`` are called, each once."""
    calls: list[str] = []
    with calling(site, calls):
        assert [] == calls

    assert ["commit", "end"] == sorted(calls)


def test_a_rollback_is_no_commit(site: Site) -> None:
    """After a caller's step that failed only ``on_end`` is called, once."""
    calls: list[str] = []
    with pytest.raises(KeyError), calling(site, calls):
        raise KeyError

    assert ["end"] == calls


@pytest.mark.parametrize("several", ["names", "wheels", "of check", "of repair", "to repair from"])
def test_one_text_in_the_place_of_several_is_refused(site: Site, several: str) -> None:
    """A text that should have been in a list is refused before anything is done.

    It was taken letter by letter: ``uninstall("attrs")`` removed a distribution called
    ``a``, or said that nothing was to be done.
    """
    site.install(site.wheel("a"))
    before = snapshot(site.root, exact=True)
    where: Any = {"environment": site.environment}
    calls: dict[str, Callable[[], object]] = {
        "names": lambda: uninstall("attrs", **where),
        "wheels": lambda: install(site.wheel("b"), **where),  # type: ignore[arg-type]
        "of check": lambda: check("a", **where),
        "of repair": lambda: repair("a", **where),
        "to repair from": lambda: repair([], wheels="a.whl", **where),
    }

    with pytest.raises(UsageError, match="is one text, and not a list of them"):
        calls[several]()

    assert before == snapshot(site.root, exact=True)


@pytest.mark.parametrize("what", ["environment", "cache"])
def test_a_path_in_the_place_of_an_object_is_refused(site: Site, what: str) -> None:
    """An environment or a cache that is given as its path is refused with what to give instead.

    Story: that ended with an AttributeError, from within.
    """
    given: Any = {"environment": site.environment, what: str(site.root)}
    for call in (install, check, uninstall):
        with pytest.raises(UsageError, match=f"{what} is a path") as caught:
            call([], **given)
        assert "(path)" in caught.value.next_step


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("sync", "never"),
        ("validate_record", "some"),
        ("verify_cache", "twice"),
        ("compile_levels", (7,)),
        ("compile_levels", "0"),
        ("link_mode", "sideways"),
        ("copy_binaries", True),
    ],
)
def test_a_value_that_an_option_has_not_is_refused(site: Site, option: str, value: object) -> None:
    """A value that means nothing is refused when it is given, with an error of ours.

    Of ``validate_record`` and ``verify_cache`` any text passed, as did any level, with
    which no module was compiled; the modes ended in a plain ValueError.
    """
    chosen: Any = {option: value}

    with pytest.raises(UsageError) as caught:
        Transaction(site.environment, cache=site.cache, **chosen)

    assert isinstance(caught.value, ValueError)  # as installer's own destination raises


@pytest.mark.parametrize(
    "metadata",
    [
        {"../evil.py": b""}, {"..": b""}, {"": b""}, {"/evil": b""}, {"a//b": b""},
        {"C:evil": b""}, {"..\\evil": b""}, {"a\0b": b""}, {"INSTALLER": "text"},
    ],
)  # fmt: skip
def test_metadata_that_are_no_files_of_a_dist_info_are_refused(
    site: Site, asked: Asked, metadata: Any
) -> None:
    """A caller's metadata cannot lead out of the dist-info, and are bytes.

    ``../x`` failed in the middle of the change, with "File exists" and the advice to mend
    the cause; a text, in a digest's TypeError.
    """
    with pytest.raises(UsageError, match="The metadata"):
        asked.install(site.wheel(), metadata=metadata)

    asked.install(site.wheel(), metadata={"INSTALLER": b"x", "sboms/app.json": b"{}"})
    assert 1 == len(asked.noted().incoming)
