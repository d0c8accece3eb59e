"""Reader threads that stand aside: one of them looks for all, and nothing is left unread."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator

import attrs
import pytest

from mcp_sync import MCPClient
from mcp_sync.connection import lookout
from mcp_sync.connection.link import Link
from mcp_sync.connection.lookout import LOOKOUT, TICK_SECONDS, Lookout
from mcp_sync.testing import encode_frame
from mcp_sync.transports.readiness import Poll, SelectorPoll, make_poll
from peers_mcp import PATIENCE, Line, Switchboard
from scenes import FAST, Inbox, in_threads, until
from timing import MS

CLIENTS = 4
TEXT = 0x1


@attrs.frozen
class Party:
    """A client, its server's end of the link, and the notifications that it was told of."""

    client: MCPClient
    line: Line
    inbox: Inbox

    @property
    def link(self) -> Link:
        link = self.client._connection.gate.link
        assert link is not None
        return link

    def call(self) -> None:
        """One call, led by this thread."""

        def answer() -> None:
            self.line.answer(self.line.request("asked"))

        in_threads([answer, lambda: self.client.request("asked", timeout=PATIENCE) and None])


@pytest.fixture
def parties() -> Iterator[list[Party]]:
    with Switchboard() as board, contextlib.ExitStack() as stack:
        made = []
        for _ in range(CLIENTS):
            client = stack.enter_context(MCPClient(board.url, **FAST))
            party = Party(client, board.line(), Inbox())
            client.on_notification("*", party.inbox)
            made.append(party)
        yield made


def stand_aside(parties: list[Party]) -> None:
    """Call with all of them until each reader thread has left its link to callers."""
    while not all(party.link in LOOKOUT._aside for party in parties):
        for party in parties:
            party.call()


def test_what_comes_while_all_stand_aside_is_seen_on_every_link(parties: list[Party]) -> None:
    stand_aside(parties)
    for party in parties:
        party.line.notify("one")
        party.line.notify("two")
    for party in parties:
        assert party.inbox.wait_for(lambda items: len(items) == 2)


def test_what_a_caller_received_and_left_is_seen_while_its_reader_stands_aside(
    parties: list[Party],
) -> None:
    party = parties[0]
    stand_aside([party])

    def answer_and_notify() -> None:
        answer = {"jsonrpc": "2.0", "id": party.line.request("asked")["id"], "result": {}}
        notice = {"jsonrpc": "2.0", "method": "behind", "params": {}}
        frames = [encode_frame(TEXT, json.dumps(one).encode()) for one in (answer, notice)]
        party.line.connection.send(b"".join(frames))

    in_threads(
        [answer_and_notify, lambda: party.client.request("asked", timeout=PATIENCE) and None]
    )
    # Nothing more comes that would have anybody look.
    assert party.inbox.wait_for(lambda items: len(items) == 1)


def test_however_many_clients_stand_aside_one_thread_wakes(
    parties: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    look = Lookout._look

    def counted(self: Lookout) -> None:
        looks.append(threading.get_ident())
        look(self)

    monkeypatch.setattr(Lookout, "_look", counted)
    stand_aside(parties)
    begin = time.monotonic()
    looks.clear()
    while (lasted := time.monotonic() - begin) < 400 * MS:
        for party in parties:
            party.call()
    # A thread that has been quiet hands its duty on, which may cost a look.
    assert len(looks) < 2 * lasted / TICK_SECONDS


def test_the_duty_passes_on_when_its_client_is_closed(parties: list[Party]) -> None:
    stand_aside(parties)
    until(lambda: LOOKOUT._on_duty is not None)
    on_duty = next(party for party in parties if party.link is LOOKOUT._on_duty)
    on_duty.client.close()
    for party in parties:
        if party is not on_duty:
            party.line.notify("one")
            assert party.inbox.wait_for(lambda items: len(items) == 1)


def test_quiet_links_are_taken_back_and_nobody_stays_aside(parties: list[Party]) -> None:
    stand_aside(parties)
    until(lambda: not LOOKOUT._aside)
    until(lambda: all(party.link.reader_idles for party in parties))
    assert LOOKOUT._on_duty is None
    assert not LOOKOUT._called


def test_a_lost_link_is_left_at_once(parties: list[Party]) -> None:
    stand_aside(parties)
    links = [party.link for party in parties]
    for party in parties:
        party.line.reset()
    until(lambda: all(link.loss is not None and link not in LOOKOUT._aside for link in links))


def test_whatever_holds_up_a_look_holds_up_no_client_that_closes(
    parties: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collector may run a finalizer of the user's anywhere, and that may close a client."""
    closes, link = parties[0], parties[0].link
    leave: deque[None] = deque()
    released: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def close_meanwhile() -> Poll:
        if link in LOOKOUT._aside and LOOKOUT._on_duty is not link:
            with contextlib.suppress(IndexError):
                leave.pop()
                closes.client.close()
                released.put(link.released)
        return make_poll()

    monkeypatch.setattr(lookout, "make_poll", close_meanwhile)
    is_taken = False
    while not is_taken:
        stand_aside(parties)
        leave.append(None)  # From here on this thread leaves that client alone.
        for party in parties[1:]:
            party.call()
        try:
            leave.pop()
        except IndexError:
            is_taken = True
    assert released.get(timeout=PATIENCE)
    for party in parties[1:]:
        party.line.notify("one")
        assert party.inbox.wait_for(lambda items: len(items) == 1)


def test_where_the_links_cannot_be_polled_each_thread_looks_for_itself(
    parties: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoPoll(SelectorPoll):
        def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
            raise OSError("too many descriptors")

    monkeypatch.setattr(lookout, "make_poll", NoPoll)
    stand_aside(parties)
    for party in parties:
        party.line.notify("one")
        assert party.inbox.wait_for(lambda items: len(items) == 1)
