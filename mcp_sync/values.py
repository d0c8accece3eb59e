"""Frozen values that are made without attrs, and are attrs values to everybody who looks.

Loading attrs takes longer than most of what a client does before its first result. So the few
classes that every program meets until then are made here, in those words of attrs that they need.
Type checkers read the words of attrs itself. Whoever asks such a class for its fields or its
signature is answered by its twin, the same class made by attrs, which is loaded for that.

Every other value is made by attrs: this room is to learn no more of its words.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .late_import import importing

__all__ = ["evolve", "field", "frozen"]

_NOTHING: Final = object()


class _Field:
    """What ``field`` was told; what it was not told has its default from the class."""

    name: str
    default: Any = _NOTHING
    factory: Callable[[], Any] | None = None
    converter: Callable[[Any], Any] | None = None
    validator: Callable[[Any, Any, Any], None] | None = None
    repr: bool | Callable[[Any], str] = True
    hash: bool | None = None
    kw_only: bool = False

    def __init__(self, **options: Any) -> None:
        if unknown := options.keys() - _Field.__annotations__.keys():
            raise TypeError(f"only attrs knows {', '.join(sorted(unknown))}")
        self.options = options
        vars(self).update(options)

    def make(self, given: dict[str, Any]) -> Any:
        """The value of the field, of what the constructor was given."""
        if self.name in given:
            value = given[self.name]
        else:
            value = self.default if self.factory is None else self.factory()
        return value if self.converter is None else self.converter(value)

    def shown(self, value: Any) -> str:
        """What a ``repr`` says of the field."""
        return f"{self.name}={self.repr(value) if callable(self.repr) else repr(value)}"


class _Plan:
    """What a class is made of, and its twin once somebody has asked for that."""

    def __init__(self, cls: type, fields: list[_Field]) -> None:
        self.cls = cls
        self.fields = fields
        self.names = {one.name for one in fields}
        self.positional = tuple(one.name for one in fields if not one.kw_only)
        self.required = {
            one.name for one in fields if one.default is _NOTHING and one.factory is None
        }
        self._twin: Any = None

    @property
    def twin(self) -> Any:
        """The same class, made by attrs."""
        if self._twin is None:
            self._twin = self._make_twin()
        return self._twin

    def _make_twin(self) -> Any:
        with importing:
            import attrs  # noqa: PLC0415 - what this room is for

        like = ("__annotations__", "__module__", "__qualname__")
        body: dict[str, Any] = {name: getattr(self.cls, name) for name in like}
        body.update((one.name, attrs.field(**one.options)) for one in self.fields)
        return attrs.frozen(type(self.cls.__name__, (), body))


class _Fields:
    """``__attrs_attrs__``, where attrs keeps the fields of a class."""

    def __get__(self, _: object, owner: Any) -> Any:
        return owner.__plan__.twin.__attrs_attrs__


class _Signature:
    """``__signature__``, where ``inspect`` looks before it looks at the constructor."""

    def __get__(self, _: object, owner: Any) -> Any:
        if owner.__init__ is not _Methods.__init__:
            raise AttributeError("a subclass has a constructor of its own")
        import inspect  # noqa: PLC0415 - loaded already, by whoever asks

        return inspect.signature(owner.__plan__.twin)


class _Methods:
    """What every class that is made here is given, unless it has it of its own."""

    __plan__: _Plan
    __attrs_attrs__ = _Fields()
    __signature__ = _Signature()

    def __init__(self, /, *args: Any, **named: Any) -> None:
        plan = self.__plan__
        given = {**named, **dict(zip(plan.positional, args, strict=False))}
        # One positional argument too many, or one that is named as well, is not in it.
        is_whole = len(given) == len(args) + len(named)
        if not (is_whole and plan.required <= given.keys() <= plan.names):
            plan.twin(*args, **named)  # raises what Python says of such a call
        values = vars(self)
        for one in plan.fields:
            values[one.name] = one.make(given)
        for one in plan.fields:
            if one.validator is not None:
                one.validator(self, one, values[one.name])
        check = getattr(self, "__attrs_post_init__", None)
        if check is not None:
            check()

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        values, fields = vars(self), self.__plan__.fields
        return hash((type(self), *(values[one.name] for one in fields if one.hash is not False)))

    def __repr__(self) -> str:
        fields = [one for one in self.__plan__.fields if one.repr is not False]
        told = ", ".join(one.shown(getattr(self, one.name)) for one in fields)
        return f"{type(self).__qualname__.rpartition('>.')[2]}({told})"

    def __replace__(self, /, **changes: Any) -> Any:
        return _evolve(self, **changes)

    def __init_subclass__(cls, **options: Any) -> None:
        made: Any = cls.__plan__.cls
        super(made, cls).__init_subclass__(**options)
        if "attr" in sys.modules:
            # attrs lets a class that derives from a frozen one set its own fields, if it finds
            # its own methods there.
            for name in ("__setattr__", "__delattr__"):
                setattr(made, name, getattr(cls.__plan__.twin, name))

    def __setattr__(self, name: str, value: object) -> None:
        _refuse()

    def __delattr__(self, name: str) -> None:
        _refuse()


_GIVEN: Final = (
    "__init__",
    "__eq__",
    "__hash__",
    "__repr__",
    "__replace__",
    "__init_subclass__",
    "__setattr__",
    "__delattr__",
    "__attrs_attrs__",
    "__signature__",
)


def _refuse() -> None:
    with importing:
        from attrs.exceptions import FrozenInstanceError  # noqa: PLC0415 - few meet it

    raise FrozenInstanceError


def _frozen(cls: Any = None, *, kw_only: bool = False, repr: bool = True) -> Any:
    """``attrs.frozen``, with or without these arguments."""
    if cls is None:
        return partial(_frozen, kw_only=kw_only, repr=repr)
    if hasattr(cls, "__plan__"):
        raise TypeError(f"{cls.__name__} would inherit fields, which only attrs can do")
    fields = []
    for name in cls.__annotations__:
        one = vars(cls).get(name, _NOTHING)
        if not isinstance(one, _Field):
            one = _Field() if one is _NOTHING else _Field(default=one)
        one.name = name
        if kw_only:
            one.options["kw_only"] = one.kw_only = True
        setattr(cls, name, one)
        fields.append(one)
    plan = _Plan(cls, fields)
    given = {name: one for name, one in vars(_Methods).items() if name in _GIVEN}
    if not repr:
        del given["__repr__"]
    for name, one in {"__match_args__": plan.positional, **given}.items():
        if name not in vars(cls):
            setattr(cls, name, one)
    cls.__plan__ = plan
    return cls


def _evolve(value: Any, /, **changes: Any) -> Any:
    """``attrs.evolve``: a copy with some fields changed, checked as any other."""
    return type(value)(**{**vars(value), **changes})


if TYPE_CHECKING:
    from attrs import evolve, field, frozen
else:
    evolve, field, frozen = _evolve, _Field, _frozen
