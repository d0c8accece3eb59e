"""A bar that shows how far a tool is: ``call_tool(…, progress=True)``.

``tqdm``, of the extra ``notebook``, draws it; it is imported with the first bar. This
room knows no client.
"""

from __future__ import annotations

import contextvars
import importlib
import warnings
from typing import Any, Final

from ..errors import MCPConfigurationError
from ..events import ProgressHandler
from ..types.excerpt import excerpt

__all__ = ["ProgressBar"]

_NEEDS: Final = "needs the extra 'notebook': pip install 'mcp_sync[notebook]'"


class ProgressBar:
    """A handler of progress that draws a bar and tells another handler. One call uses it.

    It is made and closed by the thread that calls the tool; reports come from ``mcp-events``.

    Args:
        tool: the name of the tool, for the bar's label.
        also: who else is told of each report; None for nobody.

    Raises:
        MCPConfigurationError: ``tqdm`` is not installed.
    """

    def __init__(self, tool: str, also: ProgressHandler | None = None) -> None:
        self._also = also
        # A notebook finds the cell to draw in by the context of the cell's own thread.
        self._context = contextvars.copy_context()
        self._bar = _bar_class()(desc=_plain(tool), leave=True)

    def __call__(self, progress: float, total: float | None, message: str | None) -> Any:
        """Draw a report, and hand it on; what the other handler returns is returned."""
        self._context.run(self._draw, progress, total, message)
        return None if self._also is None else self._also(progress, total, message)

    def _draw(self, progress: float, total: float | None, message: str | None) -> None:
        bar = self._bar
        if bar.disable:  # closed: a report that comes late is none for the bar
            return
        # A server may lower or drop its total; tqdm takes any but shows nonsense below progress.
        bar.total = total if total is not None and total >= progress else None
        bar.n = progress
        bar.set_postfix_str(_plain(message or ""), refresh=False)
        bar.refresh()

    def close(self) -> None:
        """Leave the bar as the last report had it, and draw no more."""
        self._bar.close()


def _plain(text: str) -> str:
    """What a server says, on one line, for a terminal too."""
    return excerpt(text)[1:-1] if len(text) <= 60 else excerpt(text)


def _bar_class() -> Any:
    try:
        with warnings.catch_warnings():
            # Without widgets it draws a bar of text, and need not be sorry for that.
            warnings.simplefilter("ignore")
            tqdm = importlib.import_module("tqdm.auto").tqdm
    except ImportError:
        raise MCPConfigurationError("progress", True, _NEEDS) from None
    # No bar of ours is watched by tqdm's own thread: it is drawn when there is news.
    return type("Bar", (tqdm,), {"monitor_interval": 0})
