"""`mcp-sync resources` and `mcp-sync read`: what a server has, and what one resource holds."""

from __future__ import annotations

from argparse import Namespace

from mcp_sync import MCPClient, MCPResponseError, ResourceTemplate
from mcp_sync.cli.connecting import connected
from mcp_sync.cli.contents import open_store, show_pieces
from mcp_sync.cli.exits import METHOD_NOT_FOUND, OK
from mcp_sync.cli.output import print_json
from mcp_sync.cli.screen import show_table
from mcp_sync.deadline import Deadline

__all__ = ["list_", "read"]


def list_(options: Namespace) -> int:
    """List the resources and the templates.

    Args:
        options: those of a server.

    Returns:
        The exit code.
    """
    with connected(MCPClient, options) as (client, deadline):
        resources = client.list_resources(timeout=deadline.remaining())
        templates = _templates(client, deadline)
    if options.json:
        print_json(
            {
                "resources": [one.raw for one in resources],
                "resourceTemplates": [one.raw for one in templates],
            }
        )
        return OK
    rows = [
        (one.uri, one.display_name, one.mime_type or "", "" if one.size is None else one.size)
        for one in resources
    ]
    rows += [(one.uri_template, one.display_name, one.mime_type or "", "") for one in templates]
    if rows:
        show_table(("URI", "name", "type", "bytes"), rows)
    else:
        print("the server has no resources")
    return OK


def _templates(client: MCPClient, deadline: Deadline) -> list[ResourceTemplate]:
    try:
        return client.list_resource_templates(timeout=deadline.remaining())
    except MCPResponseError as error:
        if error.code != METHOD_NOT_FOUND:  # many servers have resources and no templates
            raise
        return []


def read(options: Namespace) -> int:
    """Print what a resource holds.

    Args:
        options: ``uri``, ``output`` (None, or a file) and those of a server.

    Returns:
        The exit code.

    Raises:
        Failed: it is printed, because it cannot be saved.
    """
    store = open_store(options)
    with connected(MCPClient, options) as (client, deadline):
        result = client.read_resource(options.uri, timeout=deadline.remaining())
    if options.json:
        print_json(result.raw)
    else:
        show_pieces(result.contents, store)
    store.check()
    return OK
