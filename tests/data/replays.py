"""Replays of what is said: requests, answers, notifications, several clients, the server's life."""

from __future__ import annotations

import json
import re
import socket

from data.recording import Exchange
from data.stage import (
    WAIT,
    Stage,
    answers,
    connect,
    each,
    first,
    named_failure,
    request,
    session_of,
    submission,
    together,
    watching,
)
from mcp_sync.embedded import EmbeddedServer, ServerProcess
from scenes import freeze


def plain(stage: Stage, exchange: Exchange) -> list[str]:
    """Send the texts as they were recorded, on a fresh connection."""
    with connect(stage.server) as client:
        for text in exchange.requests:
            client.send(stage.here(text))
        return answers(client)


def submitted(stage: Stage, exchanges: list[Exchange]) -> list[list[str]]:
    """A submission, and questions about its session once that has come to its end."""
    with connect(stage.server) as client, watching(stage.server) as wait:
        client.send(stage.here(exchanges[0].requests[0]))
        accepted = answers(client)
        stage.know(exchanges[0].recv[0], accepted[0])
        wait(session_of(accepted[0]))
        return [accepted, *(plain(stage, exchange) for exchange in exchanges[1:])]


@together(
    "without-primary-pdf/valid",
    "without-primary-pdf/valid/status",
    "without-primary-pdf/valid/results",
)
@together(
    "without-primary-pdf/not-a-pdf",
    "without-primary-pdf/not-a-pdf/status",
    "without-primary-pdf/not-a-pdf/results",
)
@together("wrong-cwd/submit", "wrong-cwd/status")
def _fails_at_once(stage: Stage, exchanges: list[Exchange]) -> list[list[str]]:
    """The recorded server lacked a file of its installation; here the submitted file is removed."""
    name = json.loads(exchanges[0].requests[0])["params"]["pdf_path"]
    file = stage.root / "short-lived" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes((stage.root / name).read_bytes())
    with EmbeddedServer(working_directory=file.parent) as server:
        own = Stage(server, file.parent, stage.names)
        with connect(server) as client, watching(server) as wait:
            with server.hold():
                client.send(exchanges[0].requests[0])
                accepted = first(client)
                file.unlink()
            own.know(exchanges[0].recv[0], accepted)
            wait(session_of(accepted))
        return [[accepted], *(plain(own, exchange) for exchange in exchanges[1:])]


@each("submit-valid/identical-three-times")
def _identical(stage: Stage, exchange: Exchange) -> list[str]:
    with connect(stage.server) as client:
        for _ in range(3):
            client.send(submission())
        accepted = answers(client)
    assert len({session_of(answer) for answer in accepted}) == 3
    return accepted


@each("submit-invalid/message-echoes-the-whole-value")
def _echo(stage: Stage, exchange: Exchange) -> list[str]:
    with connect(stage.server) as client:
        params = {"pdf_path": "sample.pdf", "variations": "v" * 300_000}
        client.send(request("submit_extraction", params, "echo"))
        found = answers(client)
    assert len(found[0]) == 300_169
    return found


BROADCASTS = (
    "broadcast/status_update",
    "broadcast/error",
    "broadcast/processing_complete",
    "broadcast/processing_error",
    "broadcast/arbitrary-name",
    "broadcast/data-null",
    "broadcast/data-list",
    "subscribe/again-same-event",
    "broadcast/after-double-subscribe",
    "unsubscribe/status_update",
    "broadcast/after-unsubscribe",
    "broadcast/after-unsubscribe-other-event",
)


@together(*BROADCASTS)
def _broadcasts(stage: Stage, exchanges: list[Exchange]) -> list[list[str]]:
    """One client subscribed to status_update and error, one to nothing."""
    found = []
    with connect(stage.server) as subscriber, connect(stage.server) as bystander:
        subscriber.send(request("subscribe_updates", {"event_types": ["status_update", "error"]}))
        first(subscriber)
        for exchange in exchanges:
            call = re.fullmatch(
                r"\[driver calls broadcast_notification\('(.*?)', (.*)\)\]", exchange.requests[0]
            )
            if call:
                stage.server.broadcast(call[1], json.loads(call[2]))
            else:
                subscriber.send(exchange.requests[0])
            found.append(answers(subscriber))
        assert answers(bystander) == []
    return found


ENDS = ("processing_complete", "error")


@together(
    "subscribe/all-before-submit",
    "notifications/real-submission-completing",
    "notifications/real-submission-failing",
)
def _notifications(stage: Stage, exchanges: list[Exchange]) -> list[list[str]]:
    found = []
    with connect(stage.server) as client:
        for exchange in exchanges:
            client.send(exchange.requests[0])
            received = [first(client)]
            if exchange.case.startswith("notifications/"):
                # Its own last one: of two clients, either may be told first.
                while json.loads(received[-1]).get("method") not in ENDS:
                    received.append(first(client))
            found.append(received + answers(client))
    return found


@together("subscribe/one-good-one-bad-effect", "subscribe/one-good-one-bad-table")
def _refused_as_a_whole(stage: Stage, exchanges: list[Exchange]) -> list[list[str]]:
    """The recording shows an empty table; here nobody is reached by what would be in it."""
    with connect(stage.server) as client:
        client.send(exchanges[0].requests[0])
        refused = answers(client)
        assert stage.server.broadcast("error", {}) == 0
    return [refused, ["{}"]]


@each("concurrency/20-in-flight")
def _mixed(stage: Stage, exchange: Exchange) -> list[str]:
    methods = ("get_status", "initialize", "nope", "get_results")
    return _in_flight(
        stage,
        [
            request(methods[n % 4], {"session_id": "x"} if n % 4 == 3 else None, n)
            for n in range(20)
        ],
    )


@each("concurrency/20-submissions-in-flight")
def _submissions(stage: Stage, exchange: Exchange) -> list[str]:
    return _in_flight(stage, [submission(request_id=f"q{n}") for n in range(20)])


@each("concurrency/500-in-flight")
def _many(stage: Stage, exchange: Exchange) -> list[str]:
    return _in_flight(stage, [request("get_status", None, n) for n in range(500)])


@each("concurrency/same-id-three-times")
def _same_id(stage: Stage, exchange: Exchange) -> list[str]:
    return _in_flight(stage, [request("initialize", None, "same")] * 3)


def _in_flight(stage: Stage, texts: list[str]) -> list[str]:
    """All are sent before any answer is read; the answers must come in the order of the ids."""
    with connect(stage.server) as client:
        for text in texts:
            client.send(text)
        found = answers(client)
    assert [json.loads(text)["id"] for text in found] == [json.loads(text)["id"] for text in texts]
    return found


@each("two-clients/other-client-reads-session", "longblock/result-after-reconnect")
@each("two-clients/submitter-disconnects")
def _other_client(stage: Stage, exchange: Exchange) -> list[str]:
    """One client submits and goes; another asks about the session."""
    with watching(stage.server) as wait:
        with connect(stage.server) as client:
            client.send(submission("big60.pdf"))
            accepted = first(client)
        wait(session_of(accepted))
    question = exchange.requests[0]
    if question.startswith("["):
        question = request("get_status", {"session_id": session_of(accepted)}, "after")
    else:
        stage.names[json.loads(question)["params"]["session_id"]] = session_of(accepted)
    return plain(stage, Exchange(exchange.case, question, []))


@each("two-clients/same-ids-do-not-clash")
def _same_ids(stage: Stage, exchange: Exchange) -> list[str]:
    with connect(stage.server) as one, connect(stage.server) as other:
        one.send(request("initialize"))
        other.send(request("get_status"))
        return [first(one), first(other)]


@each("two-clients/states-seen-by-polling")
def _polling(stage: Stage, exchange: Exchange) -> list[str]:
    """Ten submissions, each polled until it is completed; any of the states may be seen."""
    found = []
    with connect(stage.server) as client:
        for _ in range(10):
            client.send(submission())
            question = request("get_status", {"session_id": session_of(first(client))})
            status = ""
            while status != "completed":
                client.send(question)
                found.append(first(client))
                status = json.loads(found[-1])["result"]["status"]
                assert status in {"initialized", "processing", "completed"}
    return found


@each("jsonrpc/nested-100000")
def _nested(stage: Stage, exchange: Exchange) -> list[str]:
    with connect(stage.server) as client:
        client.send(
            request("initialize", {"deep": 0}).replace("0}", "[" * 100_000 + "]" * 100_000 + "}")
        )
        return answers(client)


@together("lifecycle/server-stop", "lifecycle/connect-after-stop", "lifecycle/start-again")
def _stop_and_start(stage: Stage, exchanges: list[Exchange]) -> list[list[str]]:
    server = EmbeddedServer(working_directory=stage.root)
    with server, connect(server) as one, connect(server) as other, watching(server) as wait:
        one.send(submission())
        session = session_of(first(one))
        wait(session)
        server.stop()
        closed = first(one)
        assert first(other) == closed
    with named_failure() as refused, connect(server):
        pass
    stage.names[json.loads(exchanges[2].requests[1])["params"]["session_id"]] = session
    with server, connect(server) as client:
        client.send(stage.here(exchanges[2].requests[1]))
        return [[closed], refused, answers(client)]


@each("lifecycle/stop-during-processing")
def _stop_in_work(stage: Stage, exchange: Exchange) -> list[str]:
    server = EmbeddedServer(working_directory=stage.root, processing_delay=WAIT)
    with server, connect(server) as client:
        client.send(submission("big60.pdf", "x"))
        accepted = first(client)
        server.stop()
        return [accepted, first(client)]


@each("lifecycle/kill-9-idle")
def _killed(stage: Stage, exchange: Exchange) -> list[str]:
    with ServerProcess(working_directory=stage.root) as server, connect(server) as client:
        server.kill()
        return [first(client)]


@each("lifecycle/kill-9-with-a-request-in-flight")
def _killed_in_work(stage: Stage, exchange: Exchange) -> list[str]:
    """The recorded server was blocked by its work; here the process is stopped (SIGSTOP)."""
    with ServerProcess(working_directory=stage.root) as server, connect(server) as client:
        client.send(submission("big60.pdf", "x"))
        accepted = first(client)
        freeze(server.pid)
        client.send(exchange.requests[1])
        server.kill()
        return [accepted, first(client)]


@each("lifecycle/session-after-process-restart")
def _restarted(stage: Stage, exchange: Exchange) -> list[str]:
    with ServerProcess(working_directory=stage.root) as server:
        with connect(server) as client:
            client.send(submission())
            session = session_of(first(client))
        server.kill()
        server.restart()
        stage.names[json.loads(exchange.requests[0])["params"]["session_id"]] = session
        with connect(server) as client:
            client.send(stage.here(exchange.requests[0]))
            return answers(client)


@each("lifecycle/sigterm")
def _sigterm(stage: Stage, exchange: Exchange) -> list[str]:
    with ServerProcess(working_directory=stage.root) as server, connect(server) as client:
        server.terminate()
        return [first(client)]


@each("lifecycle/default-host-localhost")
def _localhost(stage: Stage, exchange: Exchange) -> list[str]:
    with EmbeddedServer("localhost") as server:
        socket.create_connection(("127.0.0.1", server.port), WAIT).close()
        try:
            socket.create_connection(("::1", server.port), WAIT).close()
        except OSError as error:
            return ["IPv4 loopback: connected", f"IPv6 loopback: {type(error).__name__}: {error}"]
    return ["IPv4 loopback: connected", "IPv6 loopback: connected"]
