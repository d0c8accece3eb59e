"""The fixtures of mcp_sync for a suite of one's own."""

from __future__ import annotations

pytest_plugins = ["mcp_sync.testing.fixtures"]
