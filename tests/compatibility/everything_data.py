"""The checks of the reference server of all features: its resources, its prompts, being lost."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from typing import Final

import pytest

from compatibility.case import PATIENCE, Case
from compatibility.peers import children
from mcp_sync import MCPResponseError
from mcp_sync.types.completion import PromptReference, ResourceReference
from mcp_sync.types.content import EmbeddedResource
from mcp_sync.types.subscriptions import MaybeMissed, ResourcesChanged, ResourceUpdated

__all__ = ["CHECKS"]


PROMPTS: Final = {"simple-prompt", "args-prompt", "completable-prompt", "resource-prompt"}

TEXT_URI: Final = "demo://resource/dynamic/text/{resourceId}"
BLOB_URI: Final = "demo://resource/dynamic/blob/{resourceId}"


def list_resources(case: Case) -> None:
    resources = case.client.list_resources()
    names = {resource.name for resource in resources}
    assert {"architecture.md", "features.md", "instructions.md"} <= names
    assert {resource.mime_type for resource in resources} >= {"text/markdown"}


def read_resource(case: Case) -> None:
    document = case.client.read_resource("demo://resource/static/document/features.md")
    assert document.text.startswith("# Everything Server - Features")
    number = "demo://resource/dynamic/text/7"
    assert case.client.read_resource(number).text.startswith("Resource 7")
    assert b"Resource 7" in case.client.read_resource("demo://resource/dynamic/blob/7").blob


def missing_resource(case: Case) -> None:
    with pytest.raises(MCPResponseError, match="nothing"):
        case.client.read_resource("demo://nothing")


def templates(case: Case) -> None:
    found = {template.uri_template for template in case.client.list_resource_templates()}
    assert found == {TEXT_URI, BLOB_URI}


def subscribe(case: Case) -> None:
    uri = "demo://resource/dynamic/text/1"
    with case.client.subscribe_resource(uri) as changes:
        case.client.call_tool("toggle-subscriber-updates")
        try:
            assert changes.get(timeout=PATIENCE) == ResourceUpdated(uri)
        finally:
            case.client.call_tool("toggle-subscriber-updates")


def list_changed(case: Case) -> None:
    arguments = {"name": "new.gz", "data": "data:text/plain,hi", "outputType": "resourceLink"}
    with case.client.listen(resources=True) as changes:
        (link,) = case.client.call_tool("gzip-file-as-resource", arguments).content
        assert changes.get(timeout=PATIENCE) == ResourcesChanged()
    assert link.uri in {resource.uri for resource in case.client.list_resources()}
    assert gzip.decompress(case.client.read_resource(link.uri).blob) == b"hi"


def prompts(case: Case) -> None:
    found = {prompt.name: prompt for prompt in case.client.list_prompts()}
    assert {*found} == PROMPTS
    assert [one.required for one in found["args-prompt"].arguments] == [True, False]
    client = case.client
    assert client.get_prompt("simple-prompt").text.startswith("This is a simple prompt")
    asked = client.get_prompt("args-prompt", {"city": "Oslo", "state": "Norway"})
    assert asked.text == "What's weather in Oslo, Norway?"
    arguments = {"department": "Sales", "name": "Eve"}
    assert "promote Eve" in client.get_prompt("completable-prompt", arguments).text
    arguments = {"resourceType": "Text", "resourceId": "2"}
    _, message = client.get_prompt("resource-prompt", arguments).messages
    assert isinstance(message.content, EmbeddedResource)
    assert message.content.resource.uri == "demo://resource/dynamic/text/2"
    with pytest.raises(MCPResponseError):
        client.get_prompt("args-prompt", {})


def complete(case: Case) -> None:
    team = PromptReference("completable-prompt")
    assert case.client.complete(team, "department", "S").values == ("Sales", "Support")
    found = case.client.complete(team, "name", "", context={"department": "Engineering"})
    assert found.values == ("Alice", "Bob", "Charlie")
    assert case.client.complete(ResourceReference(TEXT_URI), "resourceId", "5").values == ("5",)


def ping(case: Case) -> None:
    assert 0 < case.client.ping() < PATIENCE


def reconnect(case: Case) -> None:
    (before,) = children(case.running.settings["stdio"])
    uri = "demo://resource/dynamic/text/2"
    with case.client.subscribe_resource(uri) as changes:
        case.running.kill_and_restart()
        call = case.client.submit_tool("echo", {"message": "again"}, idempotent=True)
        wait([call], timeout=PATIENCE)
        assert call.result(0).text == "Echo: again"
        (after,) = children(case.running.settings["stdio"])
        assert after != before
        assert isinstance(changes.get(timeout=PATIENCE), MaybeMissed)
        case.client.call_tool("toggle-subscriber-updates")
        assert changes.get(timeout=PATIENCE) == ResourceUpdated(uri)


CHECKS: Final[Mapping[str, Callable[[Case], None]]] = {
    check.__name__: check
    for check in (
        list_resources,
        read_resource,
        missing_resource,
        templates,
        subscribe,
        list_changed,
        prompts,
        complete,
        ping,
        reconnect,
    )
}
"""The checks of this room, by feature."""
