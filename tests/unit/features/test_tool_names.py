"""The tools by name: from what was listed, never from the server."""

from __future__ import annotations

import copy
import inspect
import json
import weakref
from collections.abc import Iterator

import pytest

from mcp_sync import MCPClient, Tool
from mcp_sync.features.tool_names import NamedTool
from peers_tools import OWN, tools_command

MORE = ["add", "class", "get", "get-weather", "_hidden", "line\nfeed"]


@pytest.fixture
def client() -> Iterator[MCPClient]:
    with MCPClient(stdio=tools_command(*MORE), protocol_version="2025-11-25") as client:
        yield client


def test_before_the_tools_are_listed_none_is_known(client: MCPClient) -> None:
    assert list(client.tools) == []
    assert len(client.tools) == 0
    assert dir(client.tools) == []
    assert repr(client.tools) == "<tools: none listed; call list_tools()>"
    with pytest.raises(AttributeError, match=r"no tool 'add' was listed; call list_tools\(\)"):
        _ = client.tools.add
    with pytest.raises(KeyError, match="get-weather"):
        client.tools["get-weather"]


def test_what_was_listed_is_called_by_its_name(client: MCPClient) -> None:
    client.list_tools()
    assert client.tools.echo(text="hello").text == "hello"
    assert client.tools["get-weather"]().text == "get-weather"
    assert client.tools.get().text == "get"
    assert repr(client.tools["line\nfeed"]) == "<tool 'line\\nfeed'>"
    assert "add" in client.tools
    assert "sub" not in client.tools
    assert 1 not in client.tools


def test_only_names_that_can_be_typed_are_attributes_and_all_are_keys(client: MCPClient) -> None:
    client.list_tools()
    assert dir(client.tools) == sorted(["add", "get", *OWN])
    assert client.tools._ipython_key_completions_() == sorted([*MORE, *OWN])
    assert list(client.tools) == sorted([*MORE, *OWN])
    with pytest.raises(AttributeError):
        _ = client.tools._hidden
    assert client.tools["_hidden"]().text == "_hidden"


def test_looking_names_up_asks_the_server_nothing(client: MCPClient) -> None:
    client.list_tools()
    before = json.loads(client.tools.seen().text)
    dir(client.tools)
    client.tools._ipython_key_completions_()
    inspect.signature(client.tools.echo)
    repr(client.tools)
    assert json.loads(client.tools.seen().text) == [*before, "tools/call seen"]


def test_tools_that_were_read_lazily_are_known_too(client: MCPClient) -> None:
    next(client.iter_tools())
    assert "echo" in client.tools


def test_the_names_keep_no_client_alive_that_does_not_use_them() -> None:
    client = MCPClient()
    assert len(client.tools) == 0
    here = weakref.ref(client)
    del client
    assert here() is None


def test_copying_and_asking_for_odd_attributes_is_safe() -> None:
    client = MCPClient()
    assert list(copy.copy(client.tools)) == []
    assert not hasattr(client.tools, "_repr_html_")
    assert not hasattr(client.tools, "__array__")


def test_a_named_tool_has_the_signature_of_its_schema() -> None:
    schema = {
        "properties": {"b": {}, "self": {}, "a-b": {}, "class": {}, "_x": {}, "a": {}},
        "required": ["self", "missing"],
    }
    tool = NamedTool(Tool("add", schema, description="Adds."), lambda name, arguments: None)
    assert str(inspect.signature(tool)) == "(*, self, b=None, a=None)"
    assert tool.__doc__ == "Adds."


@pytest.mark.parametrize("schema", [{}, {"properties": 1, "required": 1}, {"properties": None}])
def test_a_schema_that_is_none_gives_an_empty_signature(schema: dict[str, object]) -> None:
    tool = NamedTool(Tool("odd", schema), lambda name, arguments: None)
    assert str(inspect.signature(tool)) == "()"


def test_an_argument_may_be_called_self() -> None:
    made = []
    NamedTool(Tool("t", {}), lambda *call: made.append(call))(self=1, name=2)
    assert made == [("t", {"self": 1, "name": 2})]


def test_of_the_class_it_is_what_it_says_it_is() -> None:
    assert "NamesOfTools" in repr(MCPClient.tools)
