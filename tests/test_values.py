"""Value classes: immutable, compared by their fields, free to import."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest

from linkinstall.values import as_dict, replace, value


@value
class Size:
    """A value with a field that has a default."""

    width: int
    height: int = 0

    @property
    def area(self) -> int:
        """Members that are no fields stay."""
        return self.width * self.height


@value
class Named:
    """A value with a representation of its own."""

    name: str

    def __repr__(self) -> str:
        """Return the name alone."""
        return self.name


def test_fields_are_given_in_order_or_by_name() -> None:
    """A value is made by position, by keyword, and with defaults."""
    assert (3, 4) == (Size(3, 4).width, Size(3, 4).height)
    assert Size(3, 4) == Size(height=4, width=3)
    assert Size(3) == Size(3, 0)


@pytest.mark.parametrize("arguments", [(), (1, 2, 3)])
def test_wrong_arguments_are_refused(arguments: tuple[int, ...]) -> None:
    """Too few and too many arguments are a TypeError, as for any class."""
    with pytest.raises(TypeError):
        Size(*arguments)


def test_a_value_cannot_be_changed() -> None:
    """Setting, deleting and adding attributes is refused, and names the field."""
    size = Size(3)

    with pytest.raises(AttributeError, match=r"Size\.width cannot be changed"):
        size.width = 4  # type: ignore[misc]
    with pytest.raises(AttributeError, match=r"Size\.width cannot be changed"):
        del size.width
    with pytest.raises(AttributeError):
        size.depth = 1  # type: ignore[attr-defined]
    assert Size(3) == size


def test_values_compare_and_hash_by_their_fields() -> None:
    """Equal fields are equal values with one hash; another class is never equal."""
    assert Size(3, 4) == Size(3, 4)
    assert Size(3, 4) != Size(4, 3)
    other: object = (3, 4)
    assert Size(3, 4) != other
    assert {Size(3, 4)} == {Size(3, 4), Size(3, 4)}


def test_the_representation_can_be_read_back() -> None:
    """A value shows itself as the call that makes it, unless it has its own way."""
    assert "Size(width=3, height=0)" == repr(Size(3))
    assert "rich" == repr(Named("rich"))


def test_members_that_are_no_fields_stay() -> None:
    """Properties, methods and the docstring of the class survive."""
    assert 12 == Size(3, 4).area
    assert "A value with a field that has a default." == Size.__doc__


def test_a_value_matches_by_position() -> None:
    """The fields can be matched in their order."""
    match Size(3, 4):
        case Size(width, height):
            assert (3, 4) == (width, height)


def test_replace_makes_a_changed_copy() -> None:
    """A copy differs in the named fields, the original in none."""
    size = Size(3)

    assert Size(3, 4) == replace(size, height=4)
    assert Size(3) == size
    with pytest.raises(TypeError):
        replace(size, depth=1)


def test_as_dict_keeps_the_order() -> None:
    """The fields come in the order of the class."""
    assert [("width", 3), ("height", 4)] == list(as_dict(Size(3, 4)).items())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_value_can_be_pickled_and_copied(protocol: int) -> None:
    """What another process is sent, or a copy, is equal.

    Story: pickling worked and its inverse raised AttributeError, so that a pool of processes
    that had an outcome or an error to hand over waited for ever, or broke.
    """
    for one in (Size(3, 4), Named("a")):
        assert one == pickle.loads(pickle.dumps(one, protocol))  # noqa: S301 - our own
        assert one == copy.copy(one) == copy.deepcopy(one)


def test_importing_it_loads_no_other_module() -> None:
    """The module is on the way of a warm install, so it imports nothing but itself."""
    code = (
        "import sys; import linkinstall; before = set(sys.modules); import linkinstall.values; "
        "print(sorted(set(sys.modules) - before - {'__future__'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "['linkinstall.values']" == done.stdout.strip()
