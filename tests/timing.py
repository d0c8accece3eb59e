"""The one constant of which every time in the tests is a multiple."""

from __future__ import annotations

import os

MS = 0.001 * float(os.environ.get("MCP_SYNC_TEST_TIME_SCALE", "1"))
"""A millisecond in seconds; ``MCP_SYNC_TEST_TIME_SCALE`` stretches it on a slow machine."""
