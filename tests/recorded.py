"""What the real compareblocks server was seen to answer, from ``data/compareblocks-wire.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

RECORDING = Path(__file__).resolve().parent / "data" / "compareblocks-wire.jsonl"


@attrs.frozen
class Exchange:
    """One recorded request and the server's answer to it."""

    case: str
    request: dict[str, Any] = attrs.field(repr=False)
    answer: dict[str, Any] = attrs.field(repr=False)

    @property
    def params(self) -> Any:
        return self.request.get("params")

    @property
    def result(self) -> Any:
        return self.answer.get("result")

    @property
    def error_message(self) -> str:
        return self.answer.get("error", {}).get("message", "")


def by_case(exchange: Exchange) -> str:
    return exchange.case


def exchanges(method: str | None = None) -> list[Exchange]:
    """All requests that are written down whole and were answered, or those of one method."""
    return [
        exchange
        for exchange in _all_exchanges()
        if method is None or exchange.request.get("method") == method
    ]


def notifications() -> list[dict[str, Any]]:
    """All messages with a method that the server sent."""
    sent = [message for line in _lines() for message in _objects(line["recv"])]
    return [message for message in sent if "method" in message]


def _all_exchanges() -> Iterator[Exchange]:
    for line in _lines():
        answers = _objects(line["recv"])
        for request in _objects(line["send"]):
            for answer in answers:
                if answer.get("id") == request.get("id", "") and "method" not in answer:
                    yield Exchange(line["case"], request, answer)


def _lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDING.read_text(encoding="utf-8").splitlines()]


def _objects(texts: str | list[str]) -> list[dict[str, Any]]:
    """The JSON objects among texts that may also be words in brackets or raw HTTP."""
    found = []
    for text in [texts] if isinstance(texts, str) else texts:
        try:
            value = json.loads(text)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found
