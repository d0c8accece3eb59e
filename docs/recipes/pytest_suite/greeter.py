"""The code under test: an application that greets by a tool of an MCP server."""

from __future__ import annotations

from mcp_sync import MCPClient, MCPConnectionLost


def greet(client: MCPClient, name: str) -> str:
    """Greet; say so when it cannot be known whether the greeting was delivered."""
    try:
        return client.call_tool("echo", {"text": f"Hello {name}", "key": name}).text
    except MCPConnectionLost as error:
        return "perhaps" if error.maybe_executed else "no"
