"""A real IPython kernel in the hands of a test."""

from __future__ import annotations

import queue
from types import TracebackType
from typing import Any, Self

import attrs
from jupyter_client import BlockingKernelClient, KernelManager

from mcp_sync.deadline import Deadline
from timing import MS

PATIENCE = 30_000 * MS
"""The bound of everything that a kernel is to do."""


@attrs.define
class Ran:
    """What came of a cell.

    Args:
        cell: the id of its request, which its outputs name as their parent.
        status: "ok" or "error".
        error: the name of the exception; "" without one.
        outputs: (id of the cell they belong to, message content) of all that came meanwhile.
    """

    cell: str
    status: str = ""
    error: str = ""
    outputs: list[tuple[str, dict[str, Any]]] = attrs.field(factory=list)

    def printed(self, *, anywhere: bool = False) -> str:
        """What was written to its output, or to that of any cell."""
        return "".join(
            content["text"]
            for parent, content in self.outputs
            if "text" in content and (anywhere or parent == self.cell)
        )

    def shown(self) -> dict[str, str]:
        """The last value that it displayed, by MIME type."""
        data = [content["data"] for _, content in self.outputs if "data" in content]
        return data[-1] if data else {}


class Kernel:
    """A kernel and a client of it. Use it as a context manager."""

    def __init__(self) -> None:
        self._manager = KernelManager()
        self._client: BlockingKernelClient = self._manager.blocking_client()

    def __enter__(self) -> Self:
        self._manager.start_kernel()
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel()

    def start(self, code: str) -> Ran:
        """Send a cell, and do not wait for it."""
        return Ran(self._client.execute(code))

    def run(self, code: str) -> Ran:
        """Run a cell to its end, which must be a good one."""
        ran = self.finish(self.start(code))
        assert ran.status == "ok", ran
        return ran

    def wait_for(self, ran: Ran, text: str) -> None:
        """Wait until a text was printed, whichever cell it was printed in."""
        deadline = Deadline(PATIENCE)
        while text not in ran.printed(anywhere=True):
            self._take(ran, deadline)

    def finish(self, ran: Ran) -> Ran:
        """Wait until a cell has ended and all its output has come."""
        deadline = Deadline(PATIENCE)
        while not self._take(ran, deadline):
            pass
        while (reply := self._client.get_shell_msg(timeout=deadline.remaining())) is not None:
            if reply["parent_header"].get("msg_id") == ran.cell:
                break
        ran.status = reply["content"]["status"]
        ran.error = reply["content"].get("ename", "")
        return ran

    def _take(self, ran: Ran, deadline: Deadline) -> bool:
        """Take the next message; whether it says that the cell has ended."""
        try:
            message = self._client.get_iopub_msg(timeout=deadline.remaining())
        except queue.Empty:
            raise AssertionError(f"nothing more came of {ran}") from None
        parent, content = message["parent_header"].get("msg_id", ""), message["content"]
        ran.outputs.append((parent, content))
        return parent == ran.cell and content.get("execution_state") == "idle"

    def interrupt(self) -> None:
        """Do what the stop button does."""
        self._manager.interrupt_kernel()

    def complete(self, code: str) -> list[str]:
        """What Tab offers at the end of a line."""
        cell = self._client.complete(code, len(code))
        while True:
            reply = self._client.get_shell_msg(timeout=PATIENCE)
            if reply["parent_header"].get("msg_id") == cell:
                return list(reply["content"]["matches"])
