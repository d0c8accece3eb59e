"""How this floor logs: what a record says beside its text, and what a raising handler may harm.

``call_id`` and ``method`` stand on records about a call, ``state`` on those about a change of the
connection's state, as attributes for a handler that writes fields. This room knows no lock.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any

from ..states import ConnectionState

if TYPE_CHECKING:
    from .call import Call

__all__ = ["GuardedLog", "about", "log_change"]


class GuardedLog(logging.LoggerAdapter[logging.Logger]):
    """A logger whose handlers may raise: they are user code, and no thread of ours ends for them.

    What they raise is shown on stderr, as ``logging`` does with its own handlers.
    """

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log as ``Logger.log`` does."""
        try:
            # 2, for the line that logs, and not this one, stands in the record.
            self.logger.log(level, msg, *args, **{"stacklevel": 2, **kwargs})
        except Exception:  # noqa: BLE001 - a user's handler or filter may raise anything
            if logging.raiseExceptions and sys.stderr is not None:
                traceback.print_exc()


def about(call: Call) -> dict[str, object]:
    """The ``extra`` of a record about a call."""
    return {"call_id": call.call_id, "method": call.method}


def log_change(
    logger: GuardedLog, level: int, state: ConnectionState, text: str, *args: object
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
