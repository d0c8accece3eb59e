"""The trace a call belongs to, for its ``_meta`` (MCP 2026-07-28, basic: reserved keys).

OpenTelemetry is never imported first: a program without it pays one look into ``sys.modules``.
This room knows no call; it makes the three keys of the W3C formats and checks them.
"""

from __future__ import annotations

import functools
import logging
import re
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["current_trace"]

_logger = logging.getLogger("mcp_sync.client")

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

# W3C Trace Context, 3.2.2: version 00; all-zero ids are invalid.
_TRACEPARENT: Final = re.compile(
    r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII
)
# W3C Trace Context, 3.3.1.3: a member of tracestate.
_STATE_MEMBER: Final = re.compile(
    r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}"
    r"[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_MOST_STATE_MEMBERS: Final = 32
_MOST_STATE_CHARACTERS: Final = 512

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_OCTETS: Final = r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*"
# W3C Baggage, 3.2.1: a list member with its properties.
_BAGGAGE_MEMBER: Final = re.compile(
    rf"{_TOKEN}[ \t]*=[ \t]*{_OCTETS}[ \t]*(?:;[ \t]*{_TOKEN}[ \t]*(?:=[ \t]*{_OCTETS}[ \t]*)?)*"
)
_MOST_BAGGAGE_MEMBERS: Final = 180
_MOST_BAGGAGE_CHARACTERS: Final = 8192


def current_trace() -> Mapping[str, str]:
    """Say which trace the calling code is in.

    The keys are those of the propagators that the program has set up in OpenTelemetry, as far as
    the protocol reserves them; a value that breaks its W3C format is left out.

    Returns:
        ``traceparent`` and, where there are any, ``tracestate`` and ``baggage``; empty where
        OpenTelemetry is not imported by the program or no span is being recorded. Not to be
        changed.
    """
    if "opentelemetry.trace" not in sys.modules:
        return _NOTHING
    inject = _injector()
    carrier = None if inject is None else inject()
    return _checked(carrier) if carrier else _NOTHING


@functools.cache
def _injector() -> Callable[[], dict[str, str]] | None:
    """What fills a carrier from the current span; None where OpenTelemetry cannot be used."""
    try:
        from opentelemetry import propagate, trace
    except Exception:  # its import reads settings and plug-ins, which raise anything
        _logger.warning("calls carry no trace: OpenTelemetry cannot be used", exc_info=True)
        return None

    def inject() -> dict[str, str]:
        carrier: dict[str, str] = {}
        if trace.get_current_span().is_recording():
            propagate.inject(carrier)
        return carrier

    return inject


def _checked(carrier: Mapping[str, str]) -> Mapping[str, str]:
    """What of a carrier the protocol reserves and the W3C formats allow."""
    kept: dict[str, str] = {}
    if _TRACEPARENT.fullmatch(carrier.get("traceparent", "")):
        kept["traceparent"] = carrier["traceparent"]
        # A tracestate without its traceparent means nothing (W3C Trace Context, 4.2).
        if _is_list(
            carrier.get("tracestate", ""),
            _STATE_MEMBER,
            _MOST_STATE_MEMBERS,
            _MOST_STATE_CHARACTERS,
        ):
            kept["tracestate"] = carrier["tracestate"]
    if _is_list(
        carrier.get("baggage", ""),
        _BAGGAGE_MEMBER,
        _MOST_BAGGAGE_MEMBERS,
        _MOST_BAGGAGE_CHARACTERS,
    ):
        kept["baggage"] = carrier["baggage"]
    return kept


def _is_list(text: str, member: re.Pattern[str], most: int, most_characters: int) -> bool:
    if not text or len(text) > most_characters:
        return False
    members = text.split(",")
    return len(members) <= most and all(member.fullmatch(one.strip(" \t")) for one in members)
