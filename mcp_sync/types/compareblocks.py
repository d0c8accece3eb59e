"""What goes to and comes from a compareblocks server, as frozen values.

Reading from the wire is tolerant: a key that is not known here is kept in ``extra``, an optional
one that is missing or null is None. Only a result that is no object, or whose required keys are
missing or of another type, is an ``MCPProtocolError``, which names the method and the key. Frozen,
so safe to share between threads. This room neither validates what a user sends nor talks to
anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Self, cast, get_args

import attrs

from .wire import (
    ANYTHING,
    INTEGER,
    NUMBER,
    OBJECT,
    OBJECTS,
    TEXT,
    TEXTS,
    WireValue,
    missing,
    nested,
    read_flag,
    read_object,
    structure,
)

__all__ = [
    "RESULTS_FORMATS",
    "UPDATE_EVENTS",
    "Analytics",
    "ExtractionResults",
    "QualityMetrics",
    "ResultsFormat",
    "ResultsSummary",
    "SessionStatus",
    "Statistics",
    "Submission",
    "Subscription",
    "SystemStatus",
    "UpdateEvent",
    "UpdateEventName",
    "Variation",
]

ResultsFormat = Literal["json", "ndjson", "summary"]
"""How ``get_results`` gives its results."""

RESULTS_FORMATS: Final[tuple[ResultsFormat, ...]] = get_args(ResultsFormat)
"""Every format that ``get_results`` knows."""

UpdateEventName = Literal["status_update", "processing_complete", "error"]
"""What the server announces to its subscribers."""

UPDATE_EVENTS: Final[tuple[UpdateEventName, ...]] = get_args(UpdateEventName)
"""Every event that can be subscribed to."""

Box = tuple[float, float, float, float]


def _frozen_box(value: Sequence[float] | None) -> Box | None:
    # Whatever is no box stays as it is, so that validation can show what was given.
    return cast("Box | None", tuple(value) if isinstance(value, list) else value)


@attrs.frozen(kw_only=True)
class Variation:
    """What one engine read in one block of a page.

    Nothing is checked here; a submission is, as a whole, before it is sent. None means absent: the
    server refuses null.

    Args:
        doc_id: the document.
        engine: the engine's name.
        raw_text: the text it read.
        page: the page, counted from 1.
        block_id: the block; None where the engine has no name for it.
        bbox: x, y, width and height of the block; None where unknown. Without a box the recorded
            server maps the variation to no block.
        confidence: the engine's confidence, 0 to 1; None where unknown.
        orientation: the text's orientation in degrees; None where unknown.
        metadata: any further facts, as a JSON object; None for none.
    """

    doc_id: str
    engine: str
    raw_text: str
    page: int
    block_id: str | None = None
    bbox: Box | None = attrs.field(default=None, converter=_frozen_box)
    confidence: float | None = None
    orientation: float | None = None
    metadata: Mapping[str, Any] | None = None

    def to_wire(self) -> dict[str, Any]:
        """Give the variation as the server wants it.

        Returns:
            A new dict with the keys whose value is not None; the values themselves are not copied.
        """
        facts = {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}
        return {key: value for key, value in facts.items() if value is not None}


@attrs.frozen(kw_only=True, repr=False)
class Submission(WireValue):
    """The server took a submission, which does not mean that it will succeed.

    Args:
        session_id: the session that now processes it.
        status: "accepted".
        message: the server's words.
        extra: keys that are not known here.
    """

    session_id: str = attrs.field(metadata=TEXT)
    status: str = attrs.field(metadata=TEXT)
    message: str | None = attrs.field(default=None, metadata=TEXT)


@attrs.frozen(kw_only=True, repr=False)
class Statistics(WireValue):
    """How the blocks of a session were decided, as counts.

    Args:
        auto_selected: blocks decided by the server.
        manual_review: blocks that a person should look at.
        merged: blocks put together from several variations.
        extra: keys that are not known here.
    """

    auto_selected: int = attrs.field(metadata=INTEGER)
    manual_review: int = attrs.field(metadata=INTEGER)
    merged: int = attrs.field(metadata=INTEGER)


@attrs.frozen(kw_only=True, repr=False)
class ResultsSummary(WireValue):
    """The results in short, within the status of a completed session.

    Args:
        total_blocks: how many blocks were decided.
        statistics: how.
        extra: keys that are not known here.
    """

    total_blocks: int = attrs.field(metadata=INTEGER)
    statistics: Statistics = attrs.field(metadata=nested(Statistics))


@attrs.frozen(kw_only=True, repr=False)
class SessionStatus(WireValue):
    """Where one session stands.

    Args:
        session_id: the session.
        status: "initialized", "processing", "completed" or "error"; others are kept as they come.
        pdf_path: the path as it was submitted.
        metadata: the metadata as they were submitted.
        created_at: when it was accepted, in the server's local time without a zone.
        updated_at: when it last changed, likewise.
        progress: 0 to 1; stays where it was when the session fails.
        error: why it failed; None unless it did.
        variation_count: how many variations were submitted.
        results_summary: None unless details were asked for and the session is completed.
        extra: keys that are not known here.
    """

    session_id: str = attrs.field(metadata=TEXT)
    status: str = attrs.field(metadata=TEXT)
    pdf_path: str | None = attrs.field(default=None, metadata=TEXT)
    metadata: Mapping[str, Any] | None = attrs.field(default=None, metadata=OBJECT)
    created_at: str | None = attrs.field(default=None, metadata=TEXT)
    updated_at: str | None = attrs.field(default=None, metadata=TEXT)
    progress: float | None = attrs.field(default=None, metadata=NUMBER)
    error: str | None = attrs.field(default=None, metadata=TEXT)
    variation_count: int | None = attrs.field(default=None, metadata=INTEGER)
    results_summary: ResultsSummary | None = attrs.field(
        default=None, metadata=nested(ResultsSummary)
    )

    @property
    def is_completed(self) -> bool:
        """Whether it ended well, so that it has results."""
        return self.status == "completed"

    @property
    def is_failed(self) -> bool:
        """Whether it ended with an error."""
        return self.status == "error"

    @property
    def is_finished(self) -> bool:
        """Whether it ended, one way or the other."""
        return self.is_completed or self.is_failed


@attrs.frozen(kw_only=True, repr=False)
class SystemStatus(WireValue):
    """Where the whole server stands.

    Args:
        system_status: "operational".
        total_sessions: all sessions since the process began.
        active_sessions: those being processed.
        completed_sessions: those that ended well.
        error_sessions: those that failed. The three need not add up to the total: a session that
            was accepted and not begun is in none of them.
        timestamp: when it was asked, in the server's local time without a zone.
        extra: keys that are not known here.
    """

    system_status: str = attrs.field(metadata=TEXT)
    total_sessions: int | None = attrs.field(default=None, metadata=INTEGER)
    active_sessions: int | None = attrs.field(default=None, metadata=INTEGER)
    completed_sessions: int | None = attrs.field(default=None, metadata=INTEGER)
    error_sessions: int | None = attrs.field(default=None, metadata=INTEGER)
    timestamp: str | None = attrs.field(default=None, metadata=TEXT)


@attrs.frozen(kw_only=True, repr=False)
class QualityMetrics(WireValue):
    """How sure the decisions are.

    Args:
        average_confidence: 0 to 1.
        high_confidence_blocks: how many blocks are sure.
        low_confidence_blocks: how many are not.
        extra: keys that are not known here.
    """

    average_confidence: float | None = attrs.field(default=None, metadata=NUMBER)
    high_confidence_blocks: int | None = attrs.field(default=None, metadata=INTEGER)
    low_confidence_blocks: int | None = attrs.field(default=None, metadata=INTEGER)


@attrs.frozen(kw_only=True, repr=False)
class Analytics(WireValue):
    """What ``include_analytics`` adds to the results.

    Args:
        quality_metrics: how sure the decisions are.
        engine_performance: per engine, as it came; the recorded server leaves it empty.
        processing_time: seconds the server worked.
        variation_count: how many variations were compared.
        extra: keys that are not known here.
    """

    quality_metrics: QualityMetrics | None = attrs.field(
        default=None, metadata=nested(QualityMetrics)
    )
    engine_performance: Mapping[str, Any] | None = attrs.field(default=None, metadata=OBJECT)
    processing_time: float | None = attrs.field(default=None, metadata=NUMBER)
    variation_count: int | None = attrs.field(default=None, metadata=INTEGER)


_KEYS_OF_FORMAT: Final[Mapping[ResultsFormat, tuple[str, ...]]] = {
    "json": ("consensus_decisions",),
    "ndjson": ("consensus_decisions", "ndjson_data"),
    "summary": ("session_id",),
}


@attrs.frozen(kw_only=True, repr=False)
class ExtractionResults(WireValue):
    """The results of a completed session.

    Args:
        format: the format that was asked for.
        total_blocks: how many blocks were decided.
        statistics: how.
        consensus_decisions: one object for each block, as it came; empty in the summary.
        session_id: the session; in the summary only.
        metadata: the metadata as they were submitted; None in the summary.
        processing_timestamp: when it was done, in the server's local time without a zone.
        analytics: None unless asked for, and in the summary.
        ndjson_data: one line for each decision; in ndjson only.
        extra: keys that are not known here.
    """

    format: ResultsFormat
    total_blocks: int = attrs.field(metadata=INTEGER)
    statistics: Statistics = attrs.field(metadata=nested(Statistics))
    consensus_decisions: tuple[Mapping[str, Any], ...] = attrs.field(default=(), metadata=OBJECTS)
    session_id: str | None = attrs.field(default=None, metadata=TEXT)
    metadata: Mapping[str, Any] | None = attrs.field(default=None, metadata=OBJECT)
    processing_timestamp: str | None = attrs.field(default=None, metadata=TEXT)
    analytics: Analytics | None = attrs.field(default=None, metadata=nested(Analytics))
    ndjson_data: str | None = attrs.field(default=None, metadata=TEXT)

    @classmethod
    def from_wire(
        cls, value: object, method: str = "get_results", format: ResultsFormat = "json"
    ) -> Self:
        """Read an answer.

        Args:
            value: the result as it came.
            method: the method that was called, for the error's sentence.
            format: the format that was asked for, which says what must be in it.

        Returns:
            The value, with every key that is not known here in ``extra``.

        Raises:
            MCPProtocolError: it is no object, or a required key is missing or of another type.
        """
        where = f"{method}: result"
        result = read_object(value, where)
        for key in _KEYS_OF_FORMAT[format]:
            if result.get(key) is None:
                raise missing(f"{where}.{key}", value)
        return structure(cls, result, where, format=format)


@attrs.frozen(kw_only=True, repr=False)
class Subscription(WireValue):
    """The server's answer to ``subscribe_updates`` or ``unsubscribe_updates``.

    Args:
        subscribed: whether the events are subscribed to from now on.
        event_types: the events, as they were sent.
        client_id: the server's name for the connection, which it reuses: not an identity.
        extra: keys that are not known here.
    """

    subscribed: bool
    event_types: tuple[str, ...] = attrs.field(metadata=TEXTS)
    client_id: str | None = attrs.field(default=None, metadata=TEXT)

    @classmethod
    def from_wire(cls, value: object, method: str) -> Self:
        """Read an answer.

        Args:
            value: the result as it came.
            method: "subscribe_updates" or "unsubscribe_updates".

        Returns:
            The value, with every key that is not known here in ``extra``.

        Raises:
            MCPProtocolError: it is no object, or a required key is missing or of another type.
        """
        where = f"{method}: result"
        rest = dict(read_object(value, where))
        withdrawn = method == "unsubscribe_updates"
        key = "unsubscribed" if withdrawn else "subscribed"
        done = read_flag(rest.pop(key, None), f"{where}.{key}")
        return structure(cls, rest, where, subscribed=done is not withdrawn)


@attrs.frozen(kw_only=True, repr=False)
class UpdateEvent(WireValue):
    """Something the server announced to its subscribers.

    Args:
        event: "status_update", "processing_complete" or "error".
        timestamp: when, in the server's local time without a zone.
        data: any JSON, null included.
        extra: keys that are not known here.
    """

    event: str
    timestamp: str | None = attrs.field(default=None, metadata=TEXT)
    data: Any = attrs.field(default=None, metadata=ANYTHING)

    @classmethod
    def from_wire(cls, value: object, method: str) -> Self:
        """Read a notification.

        Args:
            value: its params.
            method: its method, which is the event's name.

        Returns:
            The event.

        Raises:
            MCPProtocolError: the params are no object, or the timestamp is no string.
        """
        return structure(cls, value, f"{method}: params", event=method)

    @property
    def session_id(self) -> str | None:
        """The session that it is about; None where the server did not say."""
        session_id = self.data.get("session_id") if isinstance(self.data, Mapping) else None
        return session_id if isinstance(session_id, str) else None
