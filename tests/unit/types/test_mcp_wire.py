"""What every value of standard MCP does: it reads leniently and loses nothing."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from mcp_sync.errors import MCPProtocolError
from mcp_sync.types.mcp_wire import ABSENT, META, REQUIRED, MCPValue
from mcp_sync.types.wire import FLAG, INTEGER, TEXT, list_of


@attrs.frozen(eq=False)
class Leaf(MCPValue):
    max_count: int = attrs.field(metadata=INTEGER)


@attrs.frozen(eq=False)
class Tree(MCPValue):
    TYPE = "tree"

    name: str = attrs.field(metadata=TEXT)
    is_old: bool = attrs.field(default=False, metadata=FLAG)
    leaf: Leaf | None = attrs.field(default=None, metadata={"read": Leaf.from_wire})
    leaves: tuple[Leaf, ...] = attrs.field(default=(), metadata={"read": list_of(Leaf.from_wire)})
    kind: str = attrs.field(default="oak", metadata={**TEXT, REQUIRED: True})
    why: str | None = attrs.field(default="rain", metadata={**TEXT, ABSENT: None})
    meta: Any = attrs.field(factory=dict, metadata=META)
    here: str = attrs.field(default="not on the wire")


WIRE: dict[str, Any] = {
    "type": "tree",
    "name": "n",
    "isOld": True,
    "leaf": {"maxCount": 1, "hue": None},
    "leaves": [{"maxCount": 2}, {"maxCount": 3.0}],
    "kind": "elm",
    "why": "sun",
    "_meta": {"a/b": [1]},
    "birds": [{"x": None}],
}
LEAST: dict[str, Any] = {"type": "tree", "name": "n", "kind": "elm"}


def test_a_value_has_the_fields_of_its_object_in_snake_case() -> None:
    tree = Tree.from_wire(WIRE)
    assert (tree.name, tree.is_old, tree.kind, tree.why) == ("n", True, "elm", "sun")
    assert tree.leaf is not None
    assert tree.leaf.max_count == 1
    assert [leaf.max_count for leaf in tree.leaves] == [2, 3]
    assert tree.meta == {"a/b": [1]}
    assert tree.extra == {"birds": [{"x": None}]}
    assert tree.raw is WIRE


@pytest.mark.parametrize(
    "wire",
    [
        WIRE,
        LEAST,
        {**WIRE, "leaf": None, "why": None, "isOld": None, "_meta": None},
        {**LEAST, "leaf": {"maxCount": "many"}, "leaves": [{}], "isOld": "yes", "_meta": 7},
        {**LEAST, "isOld": False, "leaves": [], "_meta": {}},
    ],
)
def test_nothing_is_lost_and_nothing_added_on_a_round_trip(wire: dict[str, Any]) -> None:
    before = copy.deepcopy(wire)
    assert Tree.from_wire(wire).to_wire() == before
    assert wire == before


@pytest.mark.parametrize("bad", [None, 7, "x", {"maxCount": "many"}, []])
def test_an_optional_field_of_a_wrong_type_counts_as_absent(bad: Any) -> None:
    tree = Tree.from_wire({**LEAST, "leaf": bad, "leaves": bad, "isOld": bad, "why": 5})
    assert (tree.leaf, tree.is_old, tree.why) == (None, False, None)
    assert tree.leaves == ()
    assert tree.raw["leaf"] == bad


def test_a_field_may_be_something_else_when_absent_than_when_left_out_by_its_maker() -> None:
    assert Tree.from_wire(LEAST).why is None
    assert Tree("n").why == "rain"


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        ({"kind": "elm"}, "Tree.name is missing"),
        ({"name": "n"}, "Tree.kind is missing"),
        ({"name": None, "kind": "elm"}, "Tree.name must be a string"),
        ({"name": 7, "kind": "elm"}, "Tree.name must be a string"),
        ([], "Tree must be an object"),
        (None, "Tree must be an object"),
    ],
)
def test_a_required_field_that_is_missing_or_wrong_is_named(wire: Any, words: str) -> None:
    with pytest.raises(MCPProtocolError, match=words):
        Tree.from_wire(wire)


def test_the_path_in_an_error_is_the_one_that_was_given() -> None:
    with pytest.raises(MCPProtocolError, match=r"x/list: result\.trees\[3\]\.name is missing"):
        Tree.from_wire({}, "x/list: result.trees[3]")


def test_a_value_made_here_goes_out_without_what_it_leaves_out() -> None:
    assert Tree("n").to_wire() == {"type": "tree", "name": "n", "kind": "oak", "why": "rain"}
    assert Tree("n", why=None, leaf=Leaf(4), leaves=(Leaf(5),), meta={"m": 1}).to_wire() == {
        "type": "tree",
        "name": "n",
        "kind": "oak",
        "leaf": {"maxCount": 4},
        "leaves": [{"maxCount": 5}],
        "_meta": {"m": 1},
    }


def test_a_changed_value_differs_on_the_wire_in_that_field_alone() -> None:
    tree = Tree.from_wire(WIRE)
    assert attrs.evolve(tree, name="other").to_wire() == {**WIRE, "name": "other"}
    assert attrs.evolve(tree, leaves=(Leaf(9),)).to_wire() == {
        **WIRE,
        "leaves": [{"maxCount": 9}],
    }
    without = {key: value for key, value in WIRE.items() if key != "leaf"}
    assert attrs.evolve(tree, leaf=None).to_wire() == without


def test_values_are_equal_when_they_are_the_same_on_the_wire() -> None:
    made = Tree("n", kind="elm", why=None)
    assert Tree.from_wire(LEAST) == made
    assert hash(Tree.from_wire(LEAST)) == hash(made)
    assert Tree.from_wire({**LEAST, "new": 1}) != made
    assert Tree.from_wire({**LEAST, "leaf": None}) != made
    assert Leaf(1) != LEAST
    assert len({Tree.from_wire(WIRE), Tree.from_wire(copy.deepcopy(WIRE)), made}) == 2


def test_values_are_frozen_and_can_be_pickled_and_copied() -> None:
    tree = Tree.from_wire(WIRE)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        tree.name = "other"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(tree)) == tree
    assert copy.deepcopy(tree).to_wire() == WIRE
