"""The 17 faults of the predecessor, each as the smallest change that puts it into this package.

``old`` stands exactly once in its file; a change that does not apply any more is an error.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FAULTS", "Change", "Fault"]


class Change(NamedTuple):
    """One replacement in one file of the package."""

    file: str
    old: str
    new: str


class Fault(NamedTuple):
    """A fault of the predecessor, by its number there."""

    number: int
    sentence: str
    changes: tuple[Change, ...]

    @property
    def prefix(self) -> str:
        """How the name of its test begins."""
        return f"test_fault_{self.number:02}_"


FAULTS = (
    Fault(
        1,
        "An answer with the key error counts as an error, also where that is null.",
        (
            Change(
                "protocol/messages.py",
                "    if error is not None:\n        if type(error) is not dict",
                '    if "error" in raw:\n        if type(error) is not dict',
            ),
        ),
    ),
    Fault(
        2,
        "An error answer becomes an invented result that says queued.",
        (
            Change(
                "client_calls.py",
                "OfflineResponse[dict[str, Any]] = self._perform(\n"
                "            method, params, {}, timeout, offline, idempotent\n"
                "        )\n"
                "        return result\n",
                "Any\n"
                "        try:\n"
                "            result = self._perform(method, params, {}, timeout)\n"
                "        except Exception:\n"
                '            return {"session_id": "offline_1", "status": "queued"}\n'
                "        return result\n",
            ),
        ),
    ),
    Fault(
        3,
        "A health check that finds no link calls that healthy.",
        (
            Change(
                "connection/health.py",
                'status, reasons = "unhealthy", (f"no ready link, the state is {state}"',
                'status, reasons = "healthy", (f"no ready link, the state is {state}"',
            ),
        ),
    ),
    Fault(
        4,
        "A ready link empties the queue, and nothing of it is sent.",
        (
            Change(
                "connection/life.py",
                "            self._link_ready(decision)\n",
                "            for call in list(self._calls.outbox):\n"
                "                self._calls.outbox.remove(call)\n",
            ),
        ),
    ),
    Fault(
        5,
        "A call that finds the queue full is dropped, and its caller is told that it is queued.",
        (
            Change(
                "connection/sending.py",
                "                calls.settle(call, error, decision)\n"
                "        if error is not None:\n            raise error\n",
                "                calls.settle(call, error, decision)\n",
            ),
        ),
    ),
    Fault(
        6,
        "A failed attempt is announced by the dial and once more by the retry.",
        (
            Change(
                "connection/life.py",
                "            self._announce_failed(error, delay, permanent=False)\n",
                "            self._announce_failed(error, delay, permanent=False)\n"
                "            self._announce_failed(error, delay, permanent=False)\n",
            ),
        ),
    ),
    Fault(
        7,
        "Closing forgets the attempt that is under way or planned.",
        (
            Change(
                "connection/life.py",
                "        link, gate.link = gate.link, None\n",
                "        if self._dial_at is not None:\n"
                "            return None, 0\n"
                "        link, gate.link = gate.link, None\n",
            ),
        ),
    ),
    Fault(
        8,
        "The reader ends with a regular close and tells nobody.",
        (
            Change(
                "connection/reader.py",
                "        except LinkDown as down:\n            self._life.down(link, down)\n",
                "        except LinkDown as down:\n"
                "            if down.close_code not in (1000, 1001):\n"
                "                self._life.down(link, down)\n",
            ),
        ),
    ),
    Fault(
        9,
        "A lost link leaves the calls that were written on it pending.",
        (
            Change(
                "connection/life.py",
                "        self._calls.link_lost(loss, decision)\n",
                "",
            ),
        ),
    ),
    Fault(
        10,
        "After a reconnect neither the handshake nor the subscriptions are done again.",
        (
            Change(
                "connection/reader.py",
                "if link.dialect.handshake_required or self._restorations.handshake:",
                "if link.dialect.handshake_required:",
            ),
            Change(
                "connection/reader.py",
                "for method, params in self._restorations.requests():",
                "for method, params in self._restorations.requests()[:0]:",
            ),
        ),
    ),
    Fault(
        11,
        "A connect() that finds a dial under way makes one of its own.",
        (
            Change(
                "connection/connection.py",
                "            is_connected = self.gate.state in _CONNECTED\n",
                "            is_connected = self.gate.state in _CONNECTED\n"
                "            if self.gate.state is _S.CONNECTING:\n"
                "                self.second = self._reader._make_transport(self.gate.config)\n"
                '                start_worker("second", lambda: self.second.open(Deadline(5.0)))\n',
            ),
        ),
    ),
    Fault(
        12,
        "The heartbeat asks the connection for an attribute that its library does not have.",
        (
            Change(
                "connection/heartbeat.py",
                "        pulse.count += 1\n",
                "        pulse.count += 1\n"
                "        if pulse.link.transport.closed:\n"
                "            return\n",
            ),
        ),
    ),
    Fault(
        13,
        "A URL is not looked at before it is dialed.",
        (
            Change(
                "config_validators.py",
                "    parse_websocket_url(value, attribute.name)\n",
                "    return\n",
            ),
            Change(
                "config.py",
                "        check_plain_authorization(self.server_url, headers, "
                "self.allow_insecure_auth, self.proxy)\n",
                "        del headers\n",
            ),
        ),
    ),
    Fault(
        14,
        "What cannot be serialised counts as a lost connection, and the call as queued.",
        (
            Change(
                "compareblocks.py",
                "        params = validate_submission(pdf_path, variations, metadata)\n",
                "        try:\n"
                "            params = validate_submission(pdf_path, variations, metadata)\n"
                "        except TypeError:\n"
                '            call = self.submit("submit_extraction", {})\n'
                "            return OfflineResponse(call, 1, _read_submission)\n",
            ),
        ),
    ),
    Fault(
        15,
        "The size of a message is left to the server to find out.",
        (
            Change(
                "protocol/compareblocks.py",
                "    max_request_size = MAX_REQUEST_SIZE\n",
                "    max_request_size = None\n",
            ),
            Change(
                "protocol/compareblocks_requests.py",
                "    if size > MAX_REQUEST_SIZE:\n",
                "    if False:\n",
            ),
        ),
    ),
    Fault(
        16,
        "A blocking call leaves behind a connection that nobody serves.",
        (
            Change(
                "client_calls.py",
                "        return result\n",
                "        self.close()\n        return result\n",
            ),
        ),
    ),
    Fault(
        17,
        "connect() says False, with the state failed, while dialing goes on.",
        (
            Change(
                "connection/connection.py",
                "given_up = gate.state is _S.FAILED and gate.rejection is not None",
                "given_up = gate.state is _S.FAILED",
            ),
            Change(
                "connection/connection.py",
                "            if gate.state is _S.OFFLINE:\n                return False\n",
                "            if gate.state in (_S.OFFLINE, _S.FAILED):\n"
                "                return False\n",
            ),
        ),
    ),
)
