"""Dialing: resolve, connect. Every wait is bounded by one deadline and ended by ``abort``.

Knows sockets; nothing of HTTP or WebSocket, and of TLS only that something may lie on top.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable
from typing import Protocol, TypeVar

from ..deadline import Deadline
from ..errors import MCPConnectionError, MCPError
from ..url import ProxyUrl, WebSocketUrl
from .base import LinkDown, Resolver
from .readiness import POLLIN, POLLOUT, SelfPipe, make_poll, poll_timeout
from .tls_errors import describe_tls_error, wanted_events

__all__ = [
    "DialWait",
    "connect_tcp",
    "describe_os_error",
    "is_connected_to_itself",
    "resolve_host",
]

Result = TypeVar("Result")
AddressRow = tuple[int, int, int, str, tuple[object, ...]]

ABORTED = "the link was aborted"

KEEPALIVE_IDLE_S = 30
KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_COUNT = 3
USER_TIMEOUT_MS = 30_000

_SOCKET_OPTIONS = (
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", KEEPALIVE_COUNT),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", USER_TIMEOUT_MS),
)

_UNDER_WAY = frozenset(
    {errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY, getattr(errno, "WSAEWOULDBLOCK", -1)}
)


class HasDescriptor(Protocol):
    """What can be polled."""

    def fileno(self) -> int:
        """The descriptor."""


class DialWait:
    """What every step of one dial waits with: its deadline, the self-pipe, and its name.

    Args:
        address: ``host:port``, and the proxy on the way, for the error texts.
        deadline: the end of the whole dial.
        pipe: the transport's self-pipe, open.
    """

    def __init__(self, address: str, deadline: Deadline, pipe: SelfPipe) -> None:
        self.address = address
        self.deadline = deadline
        self.step = "resolving the host name"
        """What is being done, as the rest of a sentence with "while"."""
        self._pipe = pipe

    def check(self) -> None:
        """Raise LinkDown when the transport was aborted, MCPConnectionError at the deadline."""
        if self._pipe.aborted:
            raise LinkDown(ABORTED)
        if self.deadline.is_over():
            raise self.timed_out()

    def timed_out(self) -> MCPConnectionError:
        """The error for a deadline that was over in the present step."""
        limit = self.deadline.timeout
        within = "in time" if limit is None else f"within {limit:g} s"
        return MCPConnectionError(
            f"could not connect to {self.address} {within}: timed out while {self.step}"
        )

    def failed(self, reason: str) -> MCPConnectionError:
        """The error for a failure in the present step that may pass."""
        return MCPConnectionError(
            f"could not connect to {self.address}: {reason} while {self.step}"
        )

    def is_ready(self, sock: HasDescriptor, events: int, until: Deadline) -> bool:
        """Wait for the socket; False when ``until`` was over first. Raises LinkDown on abort."""
        poll = make_poll()
        fd = sock.fileno()
        poll.register(fd, events)
        poll.register(self._pipe.fileno(), POLLIN)
        while not self._pipe.aborted:
            remaining = until.remaining()
            ready = poll.poll(poll_timeout(remaining))
            if any(ready_fd == fd for ready_fd, _ in ready) and not self._pipe.aborted:
                return True
            if not ready and remaining == 0:
                return False
            self._pipe.drain()
        raise LinkDown(ABORTED)

    def wait(self, sock: HasDescriptor, events: int) -> None:
        """Wait for the socket until the dial's deadline."""
        self.check()
        if not self.is_ready(sock, events, self.deadline):
            raise self.timed_out()

    def perform(self, sock: HasDescriptor, act: Callable[[], Result], events: int) -> Result:
        """Do something on the non-blocking socket, waiting for ``events`` when it would block."""
        while True:
            self.check()
            try:
                return act()
            except (BlockingIOError, InterruptedError):
                self.wait(sock, events)
            except OSError as error:
                wanted = wanted_events(error)
                if not wanted:
                    raise
                self.wait(sock, wanted)


def describe_os_error(error: OSError) -> str:
    """An OSError in words, without the file names and addresses it may carry."""
    of_tls = describe_tls_error(error)
    if of_tls is not None:
        return of_tls
    if isinstance(error, socket.gaierror) or error.errno is None:
        return error.strerror or str(error) or type(error).__name__
    return os.strerror(error.errno).lower()


def resolve_host(
    url: WebSocketUrl | ProxyUrl, resolve: Resolver, wait: DialWait
) -> list[AddressRow]:
    """Have the host name resolved.

    Raises:
        MCPConnectionError: there is no such name, no answer, or no address.
        LinkDown: the transport was aborted meanwhile.
    """
    wait.check()
    try:
        rows = resolve(url.host, url.port, wait.deadline)
    except TimeoutError as error:
        wait.check()
        raise wait.timed_out() from error
    except (MCPError, LinkDown):
        wait.check()
        raise
    except (OSError, UnicodeError) as error:
        wait.check()
        reason = describe_os_error(error) if isinstance(error, OSError) else "bad host name"
        raise wait.failed(reason) from error
    wait.check()
    if not rows:
        raise wait.failed("no address")
    return rows


def connect_tcp(rows: list[AddressRow], wait: DialWait) -> socket.socket:
    """Connect to the first address that answers.

    The addresses are tried in their order; each gets a fair share of the time that is left, so
    that a silent first address cannot use it up (RFC 8305 asks for no less).

    Returns:
        A connected, non-blocking socket with its options set.

    Raises:
        MCPConnectionError: no address answered.
        LinkDown: the transport was aborted meanwhile.
    """
    wait.step = "connecting"
    last: OSError | None = None
    for index, row in enumerate(rows):
        wait.check()
        remaining = wait.deadline.remaining()
        share = Deadline(None if remaining is None else remaining / (len(rows) - index))
        try:
            return _connect_one(row, share, wait)
        except OSError as error:
            last = error
    wait.check()
    tried = f" ({len(rows)} addresses tried)" if len(rows) > 1 else ""
    reason = describe_os_error(last) if last is not None else "no address"
    raise MCPConnectionError(f"could not connect to {wait.address}: {reason}{tried}") from last


def _connect_one(row: AddressRow, share: Deadline, wait: DialWait) -> socket.socket:
    family, kind, protocol, _, address = row
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        _set_options(sock)
        code = sock.connect_ex(address)
        if code in _UNDER_WAY:
            if not wait.is_ready(sock, POLLOUT, share):
                raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        if is_connected_to_itself(sock):
            raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    except BaseException:  # whatever it was, no descriptor may be left open
        sock.close()
        raise
    return sock


def is_connected_to_itself(sock: socket.socket) -> bool:
    """Whether both ends are one: dialing a closed port on loopback can open it by itself.

    TCP's simultaneous open does that when the system picks the dialed port as the local one.
    """
    return bool(sock.getsockname() == sock.getpeername())


def _set_options(sock: socket.socket) -> None:
    for level, name, value in _SOCKET_OPTIONS:
        option = getattr(socket, name, None)
        if option is not None:
            # A system that knows the name may still refuse it; the link works without.
            with contextlib.suppress(OSError):
                sock.setsockopt(level, option, value)
