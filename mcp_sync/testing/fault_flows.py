"""The moving parts of the fault proxy: two sockets, and the bytes on their way between them.

For the proxy's thread alone; only the counts are read by others.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections import deque
from collections.abc import Iterator
from typing import Literal

import attrs

from ..transports.readiness import POLLIN, POLLOUT

__all__ = ["BOTH", "Bridge", "Cut", "Direction", "Flow", "How", "reset"]

How = Literal["fin", "rst", "blackhole"]
"""How a connection is broken."""

Direction = Literal["to_server", "to_client", "both"]
"""Which way bytes go."""

BOTH: frozenset[Direction] = frozenset({"to_server", "to_client"})
"""What "both" stands for."""

RECEIVE_SIZE = 65_536
BUFFER_LIMIT = 262_144


@attrs.frozen
class Cut:
    """An order to break a connection; see ``FaultProxy.cut``."""

    how: How
    direction: Direction
    after_bytes: int

    def touches(self, direction: Direction) -> bool:
        """Whether it is about this direction."""
        return self.direction in (direction, "both")


class Flow:
    """The bytes of one direction, from one socket to the other."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.passed = 0
        """Bytes that were handed to the sink."""
        self.allowance: int | None = None
        """Bytes that may still pass before the cut; None without one."""
        self.is_swallowing = False
        self.has_ended = False
        """The source has sent its FIN, or is gone."""
        self.was_reset = False
        """The source ended by a reset."""
        self.is_finished = False
        """The sink has got its FIN, or is gone."""
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._held = 0

    @property
    def wants_input(self) -> bool:
        """Whether there is room for more."""
        return not self.has_ended and self._held < BUFFER_LIMIT

    @property
    def next_due(self) -> float | None:
        """When the next bytes, or the end after them, may be passed on; None if none wait."""
        if self.is_finished:
            return None
        return self._chunks[0][0] if self._chunks else None

    def read(self, due: float) -> None:
        """Take what the source has sent, to be passed on at a time."""
        try:
            data = self.source.recv(RECEIVE_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data, self.was_reset = b"", True
        if not data:
            self.has_ended = True
        elif not self.is_swallowing:
            self._chunks.append((due, data))
            self._held += len(data)

    def write(self, now: float) -> None:
        """Pass on what is due, as far as the sink takes it and the allowance goes."""
        while self._chunks and self._chunks[0][0] <= now and self.allowance != 0:
            due, data = self._chunks.popleft()
            part = data if self.allowance is None else data[: self.allowance]
            try:
                count = self.sink.send(part)
            except (BlockingIOError, InterruptedError):
                count = 0
            except OSError:
                self.is_finished = self.has_ended = True
                self.swallow()
                return
            self._count(count)
            if count < len(data):
                self._chunks.appendleft((due, data[count:]))
                return

    def _count(self, count: int) -> None:
        self.passed += count
        self._held -= count
        if self.allowance is not None:
            self.allowance -= count

    def pass_end(self) -> None:
        """Pass the source's FIN or reset on, once all before it has gone."""
        if self.has_ended and not (self._chunks or self.is_finished or self.is_swallowing):
            if self.was_reset:
                self.is_finished = True
                reset(self.sink)
            else:
                self.finish()

    def finish(self) -> None:
        """Send the sink a FIN."""
        self.is_finished = True
        with contextlib.suppress(OSError):
            self.sink.shutdown(socket.SHUT_WR)

    def swallow(self) -> None:
        """Lose what is on its way and all that follows."""
        self.is_swallowing = True
        self._chunks.clear()
        self._held = 0


class Bridge:
    """One proxied connection.

    Args:
        client: the accepted socket.
        target: where the other side is.
    """

    def __init__(self, client: socket.socket, target: tuple[str, int]) -> None:
        self.is_open = True
        self._cut: Cut | None = None
        self._is_connecting = True
        self._client = client
        self._server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        for sock in (self._client, self._server):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.to_server = Flow(self._client, self._server)
        self.to_client = Flow(self._server, self._client)
        if self._server.connect_ex(target) not in (0, errno.EINPROGRESS):
            self._refuse()

    def cut(self, cut: Cut) -> None:
        """Break the connection, at once or after so many bytes."""
        if not self.is_open:
            return
        self._cut = cut
        for direction, flow in self._flows():
            flow.allowance = cut.after_bytes if cut.touches(direction) else None
        self._cut_when_due()

    def interest(self, paused: frozenset[Direction], now: float) -> Iterator[tuple[int, int]]:
        """The descriptors to poll, and for what."""
        if not self.is_open:
            return
        if self._is_connecting:
            yield self._server.fileno(), POLLOUT
            return
        for sock in (self._client, self._server):
            events = 0
            for direction, flow in self._flows():
                if direction in paused:
                    continue
                if flow.source is sock and flow.wants_input:
                    events |= POLLIN
                due = flow.next_due
                if flow.sink is sock and due is not None and due <= now:
                    events |= POLLOUT
            if events:
                yield sock.fileno(), events

    def next_due(self, paused: frozenset[Direction], now: float) -> float | None:
        """When delayed bytes are next to be passed on; None if none wait."""
        dues = [flow.next_due for direction, flow in self._flows() if direction not in paused]
        return min((due for due in dues if due is not None and due > now), default=None)

    def move(
        self, ready: dict[int, int], paused: frozenset[Direction], now: float, delay: float
    ) -> None:
        """Do what the descriptors are ready for."""
        if not self.is_open:
            return
        if self._is_connecting:
            self._finish_connecting(ready)
            return
        for direction, flow in self._flows():
            if direction in paused or not self.is_open:
                continue
            if flow.wants_input and flow.source.fileno() in ready:
                flow.read(now + delay)
            flow.write(now)
            flow.pass_end()
            self._cut_when_due()
        finished = [flow for _, flow in self._flows() if flow.is_finished]
        if len(finished) == len(self._flows()) or any(flow.was_reset for flow in finished):
            self.close()

    def close(self) -> None:
        """Close both sockets; idempotent."""
        self.is_open = False
        self._client.close()
        self._server.close()

    def _flows(self) -> tuple[tuple[Direction, Flow], tuple[Direction, Flow]]:
        return ("to_server", self.to_server), ("to_client", self.to_client)

    def _finish_connecting(self, ready: dict[int, int]) -> None:
        if self._server.fileno() not in ready:
            return
        self._is_connecting = False
        if self._server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._refuse()

    def _refuse(self) -> None:
        """Pass it on that the target cannot be reached."""
        reset(self._client)
        self.close()

    def _cut_when_due(self) -> None:
        cut = self._cut
        if cut is None or all(flow.allowance != 0 for _, flow in self._flows()):
            return
        self._cut = None
        for direction, flow in self._flows():
            flow.allowance = None
            if cut.touches(direction):
                flow.swallow()
                if cut.how == "fin":
                    flow.finish()
                elif cut.how == "rst":
                    reset(flow.sink)
        if cut.how == "rst" or (cut.how == "fin" and cut.direction == "both"):
            self.close()


def reset(sock: socket.socket) -> None:
    """Close with a TCP reset."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
