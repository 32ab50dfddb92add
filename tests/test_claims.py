"""Who brings which file."""

from __future__ import annotations

import pytest

from linkinstall.claims import Claims, is_compiled_file
from linkinstall.requests import Request

Refusal = tuple[str, str, str | None, str]

ONE, TWO = (Request(name, number, (), {}, ()) for number, name in enumerate(("one", "two")))


def claims() -> tuple[Claims, list[Refusal]]:
    """Return empty claims and the list of what they refuse."""
    refused: list[Refusal] = []
    return Claims(lambda *told: refused.append(told), lambda *_: False), refused


def nothing(_path: str) -> bool:
    """Say that nothing stands there."""
    return False


def test_names_of_a_folder_nobody_claimed_are_free() -> None:
    """The first wheel of a folder gets all its names, with their sizes."""
    own, refused = claims()
    assert (("a.py", "b.py"), "1 2") == own.free(ONE, "/e/pkg", ("a.py", "b.py"), "1 2")
    assert [] == refused


def test_other_names_of_a_claimed_folder_are_free() -> None:
    """Two wheels may put different files into one folder."""
    own, refused = claims()
    own.free(ONE, "/e/pkg", ("a.py",), "1")
    assert (("b.py",), "2") == own.free(TWO, "/e/pkg", ("b.py",), "2")
    assert [] == refused


def test_a_name_claimed_by_two_wheels_is_refused_and_names_both() -> None:
    """A file that two wheels bring is refused, with the first one as its owner."""
    own, refused = claims()
    own.free(ONE, "/e/pkg", ("a.py",), "1")
    own.free(TWO, "/e/pkg", ("a.py",), "1")
    assert [("claimed-twice", "/e/pkg/a.py", "one", "is in both one and two")] == refused


def test_a_name_that_one_wheel_brings_twice_is_refused() -> None:
    """A file that comes twice in one wheel is refused."""
    own, refused = claims()
    own.free(ONE, "/e/pkg", ("a.py",), "1")
    own.free(ONE, "/e/pkg", ("a.py",), "1")
    assert [("claimed-twice", "/e/pkg/a.py", "one", "comes twice in one wheel")] == refused


def test_an_empty_init_is_shared() -> None:
    """An ``__init__.py`` that is empty in both wheels is the first one's, and no conflict."""
    own, refused = claims()
    own.free(ONE, "/e/ns", ("__init__.py",), "0")
    assert (("b.py",), "2") == own.free(TWO, "/e/ns", ("__init__.py", "b.py"), "0 2")
    assert [] == refused


def test_an_init_with_contents_is_not_shared() -> None:
    """An ``__init__.py`` that has contents in one of the wheels is a conflict."""
    own, refused = claims()
    own.free(ONE, "/e/ns", ("__init__.py",), "0")
    own.free(TWO, "/e/ns", ("__init__.py",), "7")
    assert ["claimed-twice"] == [code for code, *_ in refused]


def test_what_two_repairs_bring_alike_is_the_firsts() -> None:
    """Whether two wheels may share a path is asked of both, and where they may, one brings it."""
    asked = []

    def alike(*two: object) -> bool:
        asked.append(two)
        return True

    own = Claims(lambda *_: pytest.fail("nothing is in the way"), alike)
    own.free(ONE, "/e/pkg", ("a.py", "b.py"), "1 2")

    assert (("c.py",), "3") == own.free(TWO, "/e/pkg", ("b.py", "c.py"), "2 3")
    assert [(TWO, ONE, "/e/pkg/b.py")] == asked


def test_compiled_files_are_shared() -> None:
    """Compiled files of two wheels with one source are no conflict of their own."""
    own, refused = claims()
    own.free(ONE, "/e/ns/__pycache__", ("m.cpython-312.pyc",), "5")
    assert ((), "") == own.free(TWO, "/e/ns/__pycache__", ("m.cpython-312.pyc",), "6")
    assert [] == refused


def test_a_third_wheel_meets_what_the_second_claimed() -> None:
    """Claims add up: the second wheel's names are claimed for the third."""
    own, refused = claims()
    own.free(ONE, "/e/pkg", ("a.py",), "1")
    own.free(TWO, "/e/pkg", ("b.py",), "1")
    third = Request("three", 2, (), {}, ())
    own.free(third, "/e/pkg", ("b.py",), "1")
    assert [("/e/pkg/b.py", "two")] == [(path, owner) for _, path, owner, _ in refused]


def test_each_of_those_that_claim_a_name_is_told() -> None:
    """A third wheel collides with both others, in the order of its own names."""
    own, refused = claims()
    own.free(ONE, "/e/pkg", ("b.py", "a.py"), "1 1")
    own.free(TWO, "/e/pkg", ("a.py",), "1")
    refused.clear()
    third = Request("three", 2, (), {}, ())
    own.free(third, "/e/pkg", ("a.py", "c.py", "b.py"), "1 1 1")
    assert [("a.py", "one"), ("a.py", "two"), ("b.py", "one")] == [
        (path.rpartition("/")[2], owner) for _, path, owner, _ in refused
    ]


def test_a_file_where_another_wheel_has_a_folder_is_refused() -> None:
    """A path that would be a file and a folder at once is refused, in either order."""
    for first, second in ((("/e", "pkg"), ("/e/pkg", "a.py")), (("/e/pkg", "a.py"), ("/e", "pkg"))):
        own, refused = claims()
        own.free(ONE, first[0], (first[1],), "1")
        own.free(TWO, second[0], (second[1],), "1")
        own.check_files_against_folders()
        assert [("claimed-twice", "/e/pkg")] == [(code, path) for code, path, *_ in refused]


def test_folders_beside_files_pass() -> None:
    """Files and folders with different names are in nobody's way."""
    own, refused = claims()
    own.free(ONE, "/e", ("pkg.py",), "1")
    own.free(ONE, "/e/pkg", ("a.py",), "1")
    own.check_files_against_folders()
    assert [] == refused


def test_compiled_files_are_known_by_folder_and_suffix() -> None:
    """Only a ``.pyc`` in a ``__pycache__`` folder counts as compiled from a source."""
    assert is_compiled_file("/e/__pycache__", "m.cpython-312.pyc")
    assert not is_compiled_file("/e", "m.pyc")
    assert not is_compiled_file("/e/__pycache__", "m.py")


def test_a_file_above_a_folder_of_another_wheel_is_refused() -> None:
    """However deep the folder lies, the file in its way is found before anything is written."""
    own, refused = claims()
    own.free(ONE, "/e/ns", ("foo",), "1")
    own.free(TWO, "/e/ns/foo/bar/deep", ("b.py",), "1")

    own.check_files_against_folders()

    reason = "would be a file and a folder at once"
    assert [("claimed-twice", "/e/ns/foo", "one", reason)] == refused


def test_spellings_of_one_name_are_refused_once() -> None:
    """A folder that two wheels spell in two ways is told, and not each file in it again."""
    own, refused = claims()
    own.free(ONE, "/e/ns/Foo", ("a.py", "b.py"), "1 1")
    own.free(TWO, "/e/ns/foo", ("a.py", "c.py"), "1 1")

    own.check_spellings(nothing)

    reason = "differs only by case or Unicode form from /e/ns/Foo"
    assert [("case-collision", "/e/ns/foo", None, reason)] == refused


def test_spellings_of_a_file_are_refused() -> None:
    """Two wheels bring one file under two spellings, by case or by Unicode form."""
    own, refused = claims()
    own.free(ONE, "/e/ns", ("README", "caf\xe9"), "1 1")
    own.free(TWO, "/e/ns", ("Readme", "cafe\u0301"), "1 1")
    own.free(TWO, "/e/ns/inner", ("README",), "1")

    own.check_spellings(nothing)

    assert [
        ("case-collision", "/e/ns/Readme", "/e/ns/README"),
        ("case-collision", "/e/ns/cafe\u0301", "/e/ns/caf\xe9"),
    ] == [(code, path, reason.rpartition(" ")[2]) for code, path, _, reason in refused]


def test_a_folder_that_is_there_has_every_spelling() -> None:
    """A wheel for ``Lib`` of the data folder is no collision with ``lib``, which stands."""
    own, refused = claims()
    own.free(ONE, "/e/lib/site/one", ("a.py",), "1")
    own.free(ONE, "/e/Lib", ("x.txt",), "1")

    own.check_spellings(lambda path: path.lower() in {"/e", "/e/lib", "/e/lib/site"})

    assert [] == refused


def test_one_spelling_is_no_collision() -> None:
    """What two wheels spell alike may be shared, and other names have nothing in common."""
    own, refused = claims()
    own.free(ONE, "/e/ns", ("__init__.py",), "0")
    own.free(TWO, "/e/ns", ("__init__.py", "b.py"), "0 1")

    own.check_spellings(nothing)

    assert [] == refused


def test_a_folder_that_only_holds_folders_has_one_spelling() -> None:
    """Two wheels spell a folder in two ways, and neither has a file right in it: it is told."""
    own, refused = claims()
    own.free(ONE, "/e/Ns/one", ("a.py",), "1")
    own.free(TWO, "/e/ns/two", ("b.py",), "1")

    own.check_spellings(nothing)

    assert [("case-collision", "/e/ns")] == [(code, path) for code, path, *_ in refused]


def test_spellings_of_a_file_are_refused_whatever_stands() -> None:
    """A folder that stands, or a file of the version that goes, leaves two files of one name."""
    own, refused = claims()
    own.free(ONE, "/e/lib", ("README",), "1")
    own.free(TWO, "/e/lib", ("Readme",), "1")

    own.check_spellings(lambda _path: True)

    assert [("case-collision", "/e/lib/Readme")] == [(code, path) for code, path, *_ in refused]
