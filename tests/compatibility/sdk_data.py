"""The checks of a server of the official SDK: resources, prompts, changes, and being lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from typing import Final

import pytest

from compatibility.case import PATIENCE, Case
from compatibility.peers import MODERN
from compatibility.servers import offered
from mcp_sync import MCPConnectionLost, MCPResponseError
from mcp_sync.types.completion import PromptReference, ResourceReference
from mcp_sync.types.content import EmbeddedResource, ImageContent
from mcp_sync.types.subscriptions import (
    MaybeMissed,
    PromptsChanged,
    ResourcesChanged,
    ResourceUpdated,
    ToolsChanged,
)

__all__ = ["CHECKS"]


def list_resources(case: Case) -> None:
    resources = case.client.list_resources()
    assert [resource.raw for resource in resources] == offered.RESOURCES
    assert len(resources) > 2 * offered.PAGE, "two pages have one cursor between them"
    text = resources[0]
    assert (text.title, text.size, text.mime_type) == ("A text", 12, "text/plain")
    assert text.annotations is not None
    assert text.annotations.priority == 0.5
    assert [one.uri for one in case.client.iter_resources()] == [one.uri for one in resources]


def read_resource(case: Case) -> None:
    text = case.client.read_resource("test://text")
    assert text.text == "héllo wörld"
    assert [one.uri for one in text.contents] == ["test://text"]
    assert case.client.read_resource("test://pixel").blob == offered.PIXEL
    assert case.client.read_resource("test://notes/7").text == "notes 7"


def missing_resource(case: Case) -> None:
    with pytest.raises(MCPResponseError) as caught:
        case.client.read_resource("test://nothing")
    assert caught.value.code == (-32602 if case.peer.era == MODERN else -32002)


def templates(case: Case) -> None:
    found = case.client.list_resource_templates()
    assert [template.raw for template in found] == offered.TEMPLATES
    assert found[0].uri_template == "test://notes/{number}"


def result_cache(case: Case) -> None:
    uri = "test://counter"
    first = int(case.client.read_resource(uri).text)
    case.client.call_tool("touch", {"uri": "test://elsewhere"})
    assert int(case.client.read_resource(uri).text) == first, "not kept for its minute"
    with case.client.subscribe_resource(uri) as changes:
        case.client.call_tool("touch", {"uri": uri})
        assert changes.get(timeout=PATIENCE) == ResourceUpdated(uri)
    assert int(case.client.read_resource(uri).text) == first + 2, "kept though it changed"


def subscribe(case: Case) -> None:
    with case.client.subscribe_resource("test://text") as changes:
        case.client.call_tool("touch", {"uri": "test://pixel"})
        case.client.call_tool("touch", {"uri": "test://text"})
        assert changes.get(timeout=PATIENCE) == ResourceUpdated("test://text")
    uris = ("test://text", "test://pixel")
    with case.client.listen(uris=uris) as changes:
        for uri in uris:
            case.client.call_tool("touch", {"uri": uri})
        assert [changes.get(timeout=PATIENCE) for _ in uris] == [ResourceUpdated(u) for u in uris]


def list_changed(case: Case) -> None:
    client = case.client
    lists = {
        "tools": (ToolsChanged(), client.list_tools),
        "prompts": (PromptsChanged(), client.list_prompts),
        "resources": (ResourcesChanged(), client.list_resources),
    }
    with client.listen(tools=True, prompts=True, resources=True) as changes:
        for name, (event, list_them) in lists.items():
            for is_there in (True, False):
                client.call_tool("change", {"list": name})
                assert changes.get(timeout=PATIENCE) == event
                assert ("added" in [one.name for one in list_them()]) is is_there


def prompts(case: Case) -> None:
    found = case.client.list_prompts()
    assert [prompt.raw for prompt in found] == offered.PROMPTS
    name, language = found[0].arguments
    assert (name.required, language.required) == (True, False)
    greeting = case.client.get_prompt("greet", {"name": "Ada", "language": "french"})
    assert greeting.description == "A greeting"
    assert [message.role for message in greeting.messages] == ["user", "assistant"]
    assert greeting.text == "Greet Ada in french.\nGladly."
    picture, resource = (
        message.content for message in case.client.get_prompt("illustrated").messages
    )
    assert isinstance(picture, ImageContent)
    assert picture.decoded == offered.PIXEL
    assert isinstance(resource, EmbeddedResource)
    assert resource.resource.text == "héllo wörld"
    with pytest.raises(MCPResponseError) as caught:
        case.client.get_prompt("nothing")
    assert caught.value.code == -32602


def complete(case: Case) -> None:
    language = PromptReference("greet")
    found = case.client.complete(language, "language", "es")
    assert (found.values, found.total, found.has_more) == (("esperanto", "estonian"), 2, False)
    found = case.client.complete(language, "language", "f", context={"name": "Ada"})
    assert found.values == ("french for Ada",)
    found = case.client.complete(ResourceReference("test://notes/{number}"), "number", "")
    assert (len(found.values), found.total, found.has_more) == (100, 499, True)


def ping(case: Case) -> None:
    assert 0 < case.client.ping() < PATIENCE


def reconnect(case: Case) -> None:
    began = threading.Event()
    before = case.client.call_tool("pid").text
    case.client.set_log_level("error")
    with case.client.listen(uris=("test://text",)) as changes:
        slow = case.client.submit_tool(
            "slow", {"seconds": 600}, on_progress=lambda *report: began.set()
        )
        assert began.wait(PATIENCE)
        case.running.kill_and_restart()
        with pytest.raises(MCPConnectionLost) as caught:
            slow.result(PATIENCE)
        assert caught.value.maybe_executed
        call = case.client.submit_tool("pid", idempotent=True)
        wait([call], timeout=PATIENCE)
        assert call.result(0).text != before
        assert isinstance(changes.get(timeout=PATIENCE), MaybeMissed)
        case.client.call_tool("touch", {"uri": "test://text"})
        assert changes.get(timeout=PATIENCE) == ResourceUpdated("test://text")
    case.client.call_tool("log")
    assert case.logs.get(timeout=PATIENCE).level == "error"


CHECKS: Final[Mapping[str, Callable[[Case], None]]] = {
    check.__name__: check
    for check in (
        list_resources,
        read_resource,
        missing_resource,
        templates,
        result_cache,
        subscribe,
        list_changed,
        prompts,
        complete,
        ping,
        reconnect,
    )
}
"""The checks of this room, by feature."""
