"""Values made without attrs: whatever can be seen of them is as attrs makes it."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest

from mcp_sync import values


def positive(_: Any, attribute: Any, value: Any) -> None:
    if value <= 0:
        raise ValueError(f"{attribute.name} is {value}")


def small(instance: Any, _: Any, value: Any) -> None:
    if value > instance.most:
        raise ValueError(f"{value} is over {instance.most}")


def classes_of(words: Any) -> list[type]:
    """The same classes, in the words of attrs or of ours."""

    @words.frozen
    class Plain:
        name: str
        size: int = 1

    @words.frozen(kw_only=True)
    class Named:
        name: str
        facts: Mapping[str, Any] = words.field(factory=dict, hash=False)

    @words.frozen
    class Whole:
        size: int = words.field(default="3", converter=int, validator=small)
        most: int = words.field(default=9, validator=positive, kw_only=True)
        secret: str = words.field(default="hunter2", repr=lambda text: "*" * len(text))
        hidden: int = words.field(factory=int, repr=False, kw_only=True)

        def __attrs_post_init__(self) -> None:
            if self.size == 7:
                raise ValueError("seven")

        @property
        def area(self) -> int:
            return self.size**2

    @words.frozen(repr=False)
    class Quiet:
        name: str = "x"

    @words.frozen
    class Own:
        name: str = "x"

        def __repr__(self) -> str:
            return "my own"

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own)

        def __hash__(self) -> int:
            return 5

    return [Plain, Named, Whole, Quiet, Own]


OURS, THEIRS = classes_of(values), classes_of(attrs)
PAIRS = list(zip(OURS, THEIRS, strict=True))
ours_and_theirs = pytest.mark.parametrize("kinds", PAIRS, ids=lambda pair: pair[0].__name__)

CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    (("2",), {}),
    (("2", 3), {}),
    (("2", 3, 4), {}),
    (("2", 3, 4, 5), {}),
    (("2",), {"name": "b"}),
    (("2",), {"size": "b"}),
    ((), {"name": "b"}),
    ((), {"name": "b", "facts": {1: 2}}),
    ((), {"name": "b", "unknown": 5}),
    ((), {"unknown": 5}),
    ((), {"size": "7"}),
    ((), {"size": "10"}),
    ((), {"size": "10", "most": 11}),
    ((), {"size": "-3", "most": 0}),
    ((), {"size": "five"}),
    ((), {"size": "five", "unknown": 5}),
    ((), {"secret": "", "hidden": 3}),
]


def outcome(kind: type, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    try:
        value = kind(*args, **named)
    except (TypeError, ValueError) as error:
        return type(error), str(error)
    return {name: getattr(value, name) for name in kind.__annotations__}


@ours_and_theirs
@pytest.mark.parametrize(("args", "named"), CALLS, ids=str)
def test_a_call_makes_the_same_or_fails_in_the_same_words(
    kinds: tuple[type, type], args: tuple[Any, ...], named: dict[str, Any]
) -> None:
    assert outcome(kinds[0], args, named) == outcome(kinds[1], args, named)


def test_calls_differ_in_what_comes_of_them() -> None:
    seen = {str(outcome(kind, *call)) for kind in OURS for call in CALLS}
    for part in ("missing 1 required", "unexpected keyword", "multiple values", "positional"):
        assert any(part in one for one in seen), part
    assert "(<class 'ValueError'>, 'seven')" in seen
    assert "(<class 'ValueError'>, '10 is over 9')" in seen
    assert "(<class 'ValueError'>, 'most is 0')" in seen
    assert len(seen) > 15


@ours_and_theirs
def test_signature_and_patterns_are_the_same(kinds: tuple[type, type]) -> None:
    ours, theirs = kinds
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    assert ours.__match_args__ == theirs.__match_args__  # type: ignore[attr-defined]


@ours_and_theirs
def test_fields_are_the_same(kinds: tuple[type, type]) -> None:
    ours, theirs = (attrs.fields(kind) for kind in kinds)
    told = ("name", "default", "type", "repr", "hash", "kw_only", "converter", "validator")
    for one, other in zip(ours, theirs, strict=True):
        for fact in told:
            assert bare(getattr(one, fact)) == bare(getattr(other, fact)), fact


def bare(fact: Any) -> Any:
    """What can be compared of a fact about a field: functions are made anew for each class."""
    function = getattr(fact, "factory", fact)
    return getattr(function, "__code__", function)


def pairs_of_values() -> list[tuple[Any, Any]]:
    given: list[dict[str, Any]] = [
        {"name": "a"},
        {"name": "a", "facts": {"b": 1}},
        {"size": 5, "secret": "s"},
        {},
        {"name": "y"},
    ]
    return [(ours(**one), theirs(**one)) for (ours, theirs), one in zip(PAIRS, given, strict=True)]


both_values = pytest.mark.parametrize("both", pairs_of_values(), ids=lambda one: repr(type(one[0])))


@both_values
def test_a_value_is_shown_alike(both: tuple[Any, Any]) -> None:
    if type(both[0]).__name__ == "Quiet":
        assert type(both[0]).__repr__ is object.__repr__
    else:
        assert repr(both[0]) == repr(both[1])


def test_a_mask_is_shown_and_what_is_hidden_is_not() -> None:
    assert repr(OURS[2](secret="abc")) == "Whole(size=3, most=9, secret=***)"


def test_the_class_of_a_function_is_shown_by_its_name() -> None:
    @values.frozen
    class Inner:
        pass

    assert repr(Inner()) == "Inner()"


@both_values
def test_a_value_is_frozen(both: tuple[Any, Any]) -> None:
    for value in both:
        for name in (*type(value).__annotations__, "other"):
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                setattr(value, name, None)
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                delattr(value, name)
    assert both[0] == copy.copy(both[0])


def test_values_are_equal_by_class_and_fields() -> None:
    plain, named, *_ = OURS
    assert plain("a") == plain("a") != plain("b")
    assert plain("a") != plain("a", 2)
    assert plain("a") != named(name="a")
    assert plain("a").__eq__("a") is NotImplemented
    assert named(name="a", facts={1: 2}) != named(name="a")


def test_values_are_hashed_by_all_fields_but_those_left_out() -> None:
    plain, named, whole, *_ = OURS
    assert len({plain("a"), plain("a"), plain("b"), plain("a", 2)}) == 3
    assert hash(named(name="a", facts={})) == hash(named(name="a", facts={1: 2}))
    assert hash(whole(hidden=1)) != hash(whole(hidden=2))
    assert hash(plain("a")) != hash(("a", 1))
    with pytest.raises(TypeError, match="unhashable"):
        hash(plain([]))


def test_what_a_class_defines_of_its_own_stays() -> None:
    own = OURS[4]
    assert (repr(own()), hash(own()), own("a") == own("b")) == ("my own", 5, True)


def test_a_factory_is_asked_for_each_value() -> None:
    named = OURS[1]
    assert named(name="a").facts is not named(name="a").facts


def test_a_property_is_no_field() -> None:
    assert OURS[2](4).area == 16


def test_a_copy_may_change_and_is_checked() -> None:
    whole = OURS[2]
    value = whole(4, secret="s", hidden=5)
    for evolve in (values.evolve, attrs.evolve):
        assert evolve(value) == value
        assert evolve(value, size="6") == whole(6, secret="s", hidden=5)
        with pytest.raises(ValueError, match="10 is over 9"):
            evolve(value, size=10)
        with pytest.raises(TypeError, match="unexpected keyword argument 'unknown'"):
            evolve(value, unknown=1)


def test_attrs_takes_them_for_its_own() -> None:
    plain = OURS[0]
    assert attrs.has(plain)
    assert attrs.asdict(plain("a")) == {"name": "a", "size": 1}
    assert attrs.astuple(plain("a")) == ("a", 1)
    assert attrs.fields(plain).size.default == 1


@ours_and_theirs
def test_a_class_lists_its_fields(kinds: tuple[type, type]) -> None:
    for kind in kinds:
        assert set(kind.__annotations__) <= set(dir(kind))


@pytest.mark.parametrize("made", [attrs.frozen, attrs.define, attrs.mutable])
def test_a_class_of_attrs_may_derive_from_one(made: Callable[[type], type]) -> None:
    @made
    class More(OURS[0]):  # type: ignore[misc]
        colour: str = "red"

    value = More("a", 2, "blue")
    assert (value.name, value.size, value.colour) == ("a", 2, "blue")
    assert attrs.evolve(value, name="b") == More("b", 2, "blue")
    assert list(inspect.signature(More).parameters) == ["name", "size", "colour"]


def test_a_value_is_frozen_also_once_a_class_of_attrs_has_derived_from_it() -> None:
    @attrs.define
    class _More(OURS[0]):  # type: ignore[misc]
        colour: str = "red"

    value = OURS[0]("a", 2)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        value.name = "b"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del value.name


@pytest.mark.skipif(sys.version_info < (3, 13), reason="copy.replace is new in Python 3.13")
def test_the_standard_library_makes_a_changed_copy() -> None:
    assert copy.replace(OURS[0]("a", 2), name="b") == OURS[0]("b", 2)


def test_a_subclass_has_the_signature_of_its_own_constructor() -> None:
    class Same(OURS[0]):  # type: ignore[misc]
        pass

    class Other(OURS[0]):  # type: ignore[misc]
        def __init__(self, first: str) -> None:
            super().__init__(first)

    assert str(inspect.signature(Same)) == str(inspect.signature(OURS[0]))
    assert list(inspect.signature(Other).parameters) == ["first"]
    assert Other("a").name == "a"
    assert Other("a") != OURS[0]("a")


@values.frozen
class Kept:
    """A value that pickle finds."""

    name: str
    facts: Mapping[str, Any] = values.field(factory=dict, hash=False)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_value_pickles(protocol: int) -> None:
    value = Kept("a", {"b": [1]})
    assert pickle.loads(pickle.dumps(value, protocol)) == value


def test_a_value_is_copied_and_referred_to_weakly() -> None:
    value = Kept("a", {"b": [1]})
    deep = copy.deepcopy(value)
    assert copy.copy(value) == deep == value
    assert deep.facts["b"] is not value.facts["b"]
    assert weakref.ref(value)() is value


@pytest.mark.parametrize("word", ["eq", "init", "metadata", "alias", "defualt"])
def test_a_word_that_is_not_known_here_is_refused(word: str) -> None:
    with pytest.raises(TypeError, match=f"^only attrs knows {word}$"):
        values.field(**{word: None})
    frozen: Callable[..., Any] = values.frozen
    with pytest.raises(TypeError):
        frozen(**{word: None})


def test_fields_are_not_inherited() -> None:
    with pytest.raises(TypeError, match="Child would inherit fields, which only attrs can do"):

        @values.frozen
        class Child(Kept):
            more: int = 1


USES = """
import sys
from mcp_sync.values import evolve, field, frozen

@frozen
class Value:
    name: str
    facts: dict = field(factory=dict, hash=False)

value = Value("a", facts={1: 2})
assert evolve(value, name="b") != value
assert value in {value}
assert repr(value) == "Value(name='a', facts={1: 2})"
before = "attr" in sys.modules
value.__attrs_attrs__
print(before, "attr" in sys.modules)
"""


def test_only_who_asks_for_fields_loads_attrs() -> None:
    run = subprocess.run(
        [sys.executable, "-c", USES], capture_output=True, text=True, check=True, timeout=30
    )
    assert run.stdout.split() == ["False", "True"]
