"""Tokens, passwords and queries are sent where they belong and shown nowhere."""

from __future__ import annotations

import json
import logging
import pickle

import pytest

from mcp_sync import MCPClient, MCPConnectionError, MCPConnectionRejected
from mcp_sync.testing import RawPeer, UpgradeRequest, WebSocketConnection, WebSocketPeer
from scenes import FAST, Diary

SECRETS = ("s3cr3t-password", "s3cr3t-token", "s3cr3t-query", "s3cr3t-cookie")

HEADERS = {"Authorization": "Bearer s3cr3t-token", "Cookie": "session=s3cr3t-cookie"}


def with_secrets(port: int) -> str:
    return f"ws://user:s3cr3t-password@127.0.0.1:{port}/mcp?key=s3cr3t-query"


def shown_by(client: MCPClient, *more: object) -> str:
    """Everything that a client shows of itself."""
    statistics = client.get_connection_stats()
    return "\n".join(
        [
            repr(client),
            repr(client.config),
            str(client.config),
            repr(client.get_client_info()),
            repr(statistics),
            json.dumps(statistics.as_dict()),
            repr(client.health_check(timeout=0.05)),
            client.why(),
            *(f"{one!r} {one}" for one in more),
        ]
    )


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refused_client_shows_no_secret(status: int, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[UpgradeRequest] = []

    def refuse(connection: WebSocketConnection) -> None:
        seen.append(connection.read_request())
        connection.respond(status, {"WWW-Authenticate": "Bearer"})

    caplog.set_level(logging.DEBUG)
    with WebSocketPeer(refuse, upgrade=False) as peer:
        headers = {"Cookie": HEADERS["Cookie"]}
        client = MCPClient(with_secrets(peer.port), 0, headers=headers, **FAST)
        diary = Diary(client)
        error: Exception | None = None
        try:
            client.connect()
        except MCPConnectionRejected as rejected:
            error = rejected
        diary.wait_for("failed")
        shown = shown_by(client, error, *diary.events())
        client.close()
    assert "s3cr3t-query" in seen[0].target
    assert seen[0].headers["cookie"] == "session=s3cr3t-cookie"
    for secret in SECRETS:
        assert secret not in shown + caplog.text


def test_a_peer_that_echoes_the_request_puts_no_secret_into_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def echo(connection: object) -> None:
        head = connection.receive_until(b"\r\n\r\n")  # type: ignore[attr-defined]
        connection.send(b"HTTP/1.1 500 No\r\nX-Echo: " + head[:40] + b"\r\n\r\n" + head)  # type: ignore[attr-defined]

    caplog.set_level(logging.DEBUG)
    with RawPeer(echo) as peer:
        url = f"ws://127.0.0.1:{peer.port}/mcp?key=s3cr3t-query"
        client = MCPClient(url, 0, headers=HEADERS, offline_mode=False, **FAST)
        with pytest.raises(MCPConnectionError) as caught:
            client.connect()
        shown = shown_by(client, caught.value, caught.value.__cause__)
        client.close()
    for secret in SECRETS:
        assert secret not in shown + caplog.text


def test_headers_travel_with_a_pickled_client_and_stay_unseen() -> None:
    client = MCPClient("ws://127.0.0.1:1", headers=HEADERS)
    copy = pickle.loads(pickle.dumps(client))
    assert copy.config == client.config
    assert copy.config.headers == HEADERS
    assert "s3cr3t" not in shown_by(copy)
