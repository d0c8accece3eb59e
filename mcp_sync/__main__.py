"""`python -m mcp_sync`: the command line, as `mcp-sync` runs it."""

from __future__ import annotations

import sys

from mcp_sync.cli import main

if __name__ == "__main__":
    sys.exit(main())
