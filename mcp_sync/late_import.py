"""Imports that wait until they are needed, and that a fork cannot strike in the middle of."""

from __future__ import annotations

import os
import threading
from typing import Final

__all__ = ["importing"]

importing: Final = threading.RLock()
"""Held around an import that a thread of ours makes; a fork waits for it.

A fork in the middle of an import would leave the child with half a module.
"""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=importing.acquire,
        after_in_parent=importing.release,
        after_in_child=importing.release,
    )
