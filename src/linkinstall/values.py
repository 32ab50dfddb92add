"""Immutable value classes that cost nothing to import.

Purpose: what ``@dataclass(frozen=True, slots=True)`` gives, for modules that a
warm install imports. ``import dataclasses`` pulls in ``inspect`` and costs more
than a thousand links; this decorator needs no import at all. Type checkers
treat the classes as data classes (:pep:`681`).

Calling sequence::

    @value
    class Size:
        width: int
        height: int = 0

    Size(3)                      # Size(width=3, height=0)
    replace(Size(3), height=4)   # Size(width=3, height=4)

Guarantees: instances cannot be changed, compare and hash by their fields, and
are created in field order or by keyword. Defaults must be immutable. They can be copied and
pickled, if their fields can.

Errors: ``TypeError`` for wrong arguments, ``AttributeError`` on assignment.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn, TypeVar, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_options):
        """Stand in for ``typing.dataclass_transform``, which costs 12 ms to import."""
        return lambda decorator: decorator


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """Make ``cls`` an immutable value class of its annotated fields."""
    fields = tuple(cls.__annotations__)
    defaults = {name: vars(cls)[name] for name in fields if name in vars(cls)}

    def compile_and_init(self: T, *arguments: Any, **named: Any) -> None:
        # At the first instance: compiling costs 75 µs, and a run makes values of few classes.
        init = _make_init(made, fields, defaults)
        type.__setattr__(made, "__init__", init)
        init(self, *arguments, **named)

    skipped = {"__dict__", "__weakref__", *defaults}
    body = {name: member for name, member in vars(cls).items() if name not in skipped}
    body |= {
        "__slots__": fields,
        "__match_args__": fields,
        "__init__": compile_and_init,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__hash__": _hash,
        "__reduce__": _reduce,
    }
    body.setdefault("__repr__", _repr)
    if "__eq__" not in vars(cls):
        body["__eq__"] = _eq
    metaclass: Any = type(cls)
    made: type[T] = metaclass(cls.__name__, cls.__bases__, body)
    return made


def replace(instance: T, **changes: Any) -> T:
    """Return a copy of ``instance`` with some fields changed."""
    return type(instance)(**{**as_dict(instance), **changes})


def as_dict(instance: object) -> dict[str, Any]:
    """Return the fields of a value, in their order, not descending into them."""
    return {name: getattr(instance, name) for name in _fields(instance)}


def _fields(instance: object) -> tuple[str, ...]:
    return type(instance).__match_args__  # type: ignore[attr-defined, no-any-return]


def _make_init(owner: type[Any], fields: tuple[str, ...], defaults: dict[str, Any]) -> Any:
    # Compiled once per class, as dataclasses does: a generic __init__ over
    # *args and **kwargs is five times slower per instance. The slots' own setters
    # take half as long as object.__setattr__, which looks each of them up.
    arguments = [f"{name}=defaults[{name!r}]" if name in defaults else name for name in fields]
    store = "".join(f"    store_{name}(self, {name})\n" for name in fields)
    text = f"def __init__({', '.join(['self', *arguments])}):\n{store or '    pass'}"
    namespace: dict[str, Any] = {f"store_{name}": vars(owner)[name].__set__ for name in fields}
    namespace["defaults"] = defaults
    exec(text, namespace)
    init = namespace["__init__"]
    init.__qualname__ = f"{owner.__name__}.__init__"
    return init


def _refuse(self: object, name: str, *_value: object) -> NoReturn:
    message = f"{type(self).__name__}.{name} cannot be changed: values are immutable"
    raise AttributeError(message)


def _repr(self: object) -> str:
    inner = ", ".join(f"{name}={getattr(self, name)!r}" for name in _fields(self))
    return f"{type(self).__name__}({inner})"


def _eq(self: object, other: object) -> Any:
    if type(self) is not type(other):
        return NotImplemented
    return all(getattr(self, name) == getattr(other, name) for name in _fields(self))


def _reduce(self: object) -> tuple[Any, ...]:
    # The default one sets the fields of an instance that is there: a value refuses that.
    return type(self), tuple(as_dict(self).values())


def _hash(self: object) -> int:
    return hash(tuple(getattr(self, name) for name in _fields(self)))
