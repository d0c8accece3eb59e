"""What a log record says beside its text, as attributes for a handler that writes fields.

``call_id`` and ``method`` stand on records about a call, ``state`` on those about a change of the
connection's state. This room knows no lock.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..states import ConnectionState

if TYPE_CHECKING:
    from .call import Call

__all__ = ["about", "log_change"]


def about(call: Call) -> dict[str, object]:
    """The ``extra`` of a record about a call."""
    return {"call_id": call.call_id, "method": call.method}


def log_change(
    logger: logging.Logger, level: int, state: ConnectionState, text: str, *args: object
) -> None:
    """Log a change of the connection's state.

    Args:
        logger: whose record it is.
        level: how grave.
        state: the state since then.
        text: what happened, formatted with ``args`` where the record is wanted.
        *args: what the text names.
    """
    if logger.isEnabledFor(level):
        logger.log(level, text, *args, extra={"state": str(state)})
