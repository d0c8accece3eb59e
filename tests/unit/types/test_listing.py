"""A list that a notebook shows: a list in everything else."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from mcp_sync import Tool
from mcp_sync.types.excerpt import excerpt
from mcp_sync.types.listing import Listing

TOOLS = [Tool("echo", {}), Tool("line\nfeed", {})]


def test_it_is_a_list() -> None:
    listing = Listing(TOOLS)
    assert listing == TOOLS
    assert not listing != TOOLS  # noqa: SIM202 - the operator is what is tried
    assert listing + TOOLS == TOOLS + TOOLS
    assert listing[:1] == TOOLS[:1]
    assert [*reversed(listing)] == [*reversed(TOOLS)]
    listing.append(TOOLS[0])
    assert len(listing) == 3
    assert json.dumps(Listing([1, 2])) == "[1, 2]"
    with pytest.raises(TypeError):
        hash(listing)


def test_a_slice_of_it_is_shown_as_it_is_itself() -> None:
    part = Listing(TOOLS)[1:]
    assert type(part) is Listing
    assert part == TOOLS[1:]
    assert repr(part) == "<Listing of 1: 'line\\nfeed'>"
    assert Listing(TOOLS)[-1] is TOOLS[1]
    with pytest.raises(IndexError):
        Listing(TOOLS)[2]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_it_travels(protocol: int) -> None:
    there = pickle.loads(pickle.dumps(Listing(TOOLS), protocol))
    assert there == TOOLS
    assert type(there) is Listing
    assert copy.deepcopy(Listing(TOOLS)) == TOOLS


def test_it_names_what_is_in_it_on_one_line() -> None:
    assert repr(Listing(TOOLS)) == "<Listing of 2: 'echo', 'line\\nfeed'>"
    assert repr(Listing()) == "<Listing of 0>"
    many = repr(Listing([Tool("x" * 1000, {})] * 1000))
    assert many.startswith("<Listing of 1000: 'xxx")
    assert many.endswith(", …>")
    assert len(many) < 1000


def test_an_excerpt_is_one_line_and_short() -> None:
    assert excerpt("it's") == '"it\'s"'
    assert excerpt("a\n\x1b\ud800") == "'a\\n\\x1b\\ud800'"
    assert excerpt("abc", 3) == "'abc'"
    assert excerpt("abcd", 3) == "'abc'… (4 characters)"
