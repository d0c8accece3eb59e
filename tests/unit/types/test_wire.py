"""How an object of an answer becomes a frozen value, whatever the value."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from mcp_sync.errors import MCPProtocolError
from mcp_sync.types.wire import (
    ANYTHING,
    INTEGER,
    NUMBER,
    OBJECT,
    OBJECTS,
    TEXT,
    TEXTS,
    WireValue,
    nested,
    read_flag,
    structure,
)


@attrs.frozen(kw_only=True)
class Inner(WireValue):
    count: int = attrs.field(metadata=INTEGER)


@attrs.frozen(kw_only=True)
class Outer(WireValue):
    known: str = "not on the wire"
    name: str = attrs.field(metadata=TEXT)
    number: float | None = attrs.field(default=None, metadata=NUMBER)
    facts: Any = attrs.field(default=None, metadata=OBJECT)
    items: tuple[Any, ...] = attrs.field(default=(), metadata=OBJECTS)
    names: tuple[str, ...] = attrs.field(default=(), metadata=TEXTS)
    inner: Inner | None = attrs.field(default=None, metadata=nested(Inner))
    any: Any = attrs.field(default=None, metadata=ANYTHING)


def test_known_keys_become_fields_and_the_rest_is_kept() -> None:
    value = Outer.from_wire(
        {
            "name": "n",
            "number": 1,
            "facts": {"a": 1},
            "items": [{"b": 2}],
            "names": ["c"],
            "inner": {"count": 3, "more": 4},
            "any": [None],
            "known": "from the wire",
            "new": {"x": 5},
        },
        "m",
    )
    assert value == Outer(
        name="n",
        number=1.0,
        facts={"a": 1},
        items=({"b": 2},),
        names=("c",),
        inner=Inner(count=3, extra={"more": 4}),
        any=[None],
        extra={"known": "from the wire", "new": {"x": 5}},
    )
    assert type(value.number) is float
    assert value.known == "not on the wire"


def test_optional_keys_that_are_missing_or_null_take_their_default() -> None:
    assert Outer.from_wire({"name": "n"}, "m") == Outer(name="n")
    nulls = dict.fromkeys(("number", "facts", "items", "names", "inner", "any"))
    assert Outer.from_wire({"name": "n", **nulls}, "m") == Outer(name="n")


@pytest.mark.parametrize("value", [None, [], "x", 5, True])
def test_what_is_no_object_is_named_with_its_method(value: Any) -> None:
    with pytest.raises(MCPProtocolError, match=r"^m: result must be an object: received") as caught:
        Outer.from_wire(value, "m")
    assert caught.value.received == repr(value)


@pytest.mark.parametrize("value", [{}, {"name": None}])
def test_a_required_key_that_is_missing_or_null_is_named(value: Any) -> None:
    with pytest.raises(MCPProtocolError, match=r"^m: result\.name is missing or null: received"):
        Outer.from_wire(value, "m")


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("name", 5, "name must be a string"),
        ("number", "5", "number must be a number"),
        ("number", True, "number must be a number"),
        ("number", 10**400, "number must be a number within the range of a double"),
        ("facts", [], "facts must be an object"),
        ("items", {}, "items must be an array"),
        ("items", [{}, 5], "items[1] must be an object"),
        ("names", "abc", "names must be an array"),
        ("names", ["a", 5], "names[1] must be a string"),
        ("inner", "x", "inner must be an object"),
        ("inner", {}, "inner.count is missing or null"),
        ("inner", {"count": 1.5}, "inner.count must be an integer"),
        ("inner", {"count": True}, "inner.count must be an integer"),
        ("inner", {"count": "1"}, "inner.count must be an integer"),
    ],
)
def test_a_key_of_another_type_is_named_with_its_path(key: str, value: Any, problem: str) -> None:
    with pytest.raises(MCPProtocolError) as caught:
        Outer.from_wire({"name": "n", key: value}, "m")
    assert caught.value.rule == f"m: result.{problem}"


def test_an_integer_may_come_as_a_float_without_a_fraction() -> None:
    value = Inner.from_wire({"count": 3.0}, "m")
    assert value.count == 3
    assert type(value.count) is int


def test_the_object_that_was_read_is_left_as_it_was() -> None:
    given = {"name": "n", "new": 1}
    structure(Outer, given, "m")
    assert given == {"name": "n", "new": 1}


def test_facts_that_are_not_on_the_wire_can_be_added() -> None:
    assert structure(Outer, {"name": "n"}, "m", known="added").known == "added"


def test_a_flag_is_true_or_false_and_no_number() -> None:
    assert read_flag(True, "m") is True
    assert read_flag(False, "m") is False
    for value in (1, "true", None):
        with pytest.raises(MCPProtocolError, match=r"^m must be true or false"):
            read_flag(value, "m")


def test_a_huge_answer_is_cut_short_in_the_error() -> None:
    with pytest.raises(MCPProtocolError) as caught:
        Outer.from_wire({"text": "x" * 10**6}, "m")
    assert len(str(caught.value)) < 400
