"""What is said again on every new link: the handshake, subscriptions, the log level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..protocol.offer import Offer
from .gate import Gate

__all__ = ["Restorations"]


class Restorations:
    """Requests to repeat on every new link, by key. Replaced as a whole, so safe to read."""

    def __init__(self) -> None:
        self.handshake = False
        """Whether a handshake was done once, so that it runs again where it is optional."""
        self.given_client_info: Mapping[str, Any] | None = None
        self.capabilities: Mapping[str, Any] = {}
        """What the server may ask for; replaced as a whole."""
        self.log_level: str | None = None
        self._requests: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def client_info(self, gate: Gate) -> Mapping[str, Any]:
        """Who the client says it is: what ``initialize`` was given, else the setting."""
        given = self.given_client_info
        return gate.config.client_info if given is None else given

    def offer(self, gate: Gate) -> Offer:
        """What the client declares now."""
        return Offer(
            client_info=self.client_info(gate),
            capabilities=self.capabilities,
            log_level=self.log_level,
        )

    def remember(self, key: str, method: str, params: Mapping[str, Any]) -> None:
        """Repeat this request on every new link, instead of an earlier one with the same key."""
        self._requests = {**self._requests, key: (method, params)}

    def forget(self, key: str) -> None:
        """Repeat the request with this key no more."""
        self._requests = {name: row for name, row in self._requests.items() if name != key}

    def requests(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What to repeat, in the order in which it was first remembered."""
        return list(self._requests.values())

    def clear(self) -> None:
        """Repeat nothing any more: the client was closed."""
        self.handshake = False
        self.log_level = None
        self._requests = {}
