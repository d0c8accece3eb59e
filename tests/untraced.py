"""What interrupts strike at any moment must not be measured: measuring has locks of its own."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def untraced() -> Iterator[None]:
    """Measure no coverage of this thread in the block.

    An exception that strikes inside coverage's own functions would leave its lock taken for good.
    """
    trace = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(trace)
