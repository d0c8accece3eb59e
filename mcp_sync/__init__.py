"""A synchronous, thread-based MCP client: blocking calls, no event loop.

>>> from mcp_sync import MCPClient
>>> client = MCPClient("ws://localhost:8765")
"""

from __future__ import annotations

from ._version import __version__
from .base_client import BaseClient
from .client import MCPClient
from .client_calls import UNSET
from .compareblocks import CompareblocksClient
from .config import ClientConfig
from .connection.call import Call
from .errors import (
    MCPCancelledError,
    MCPClosedError,
    MCPConfigurationError,
    MCPConnectionError,
    MCPConnectionLost,
    MCPConnectionRejected,
    MCPError,
    MCPMessageTooLarge,
    MCPOfflineError,
    MCPProtocolError,
    MCPQueueFullError,
    MCPResponseError,
    MCPTimeoutError,
    MCPToolError,
)
from .events import EVENT_NAMES, ConnectionEvent, NotificationEvent
from .offline import OfflineResponse
from .protocol.compareblocks_errors import (
    CompareblocksError,
    ExtractionFailed,
    InvalidExtractionSubmission,
    InvalidParams,
    InvalidPdfPath,
    InvalidRequest,
    InvalidResultsRequest,
    InvalidStatusRequest,
    InvalidSubmission,
    InvalidSubscriptionRequest,
    InvalidVariationLine,
    MethodNotFound,
    PdfNotFound,
    SessionNotCompleted,
    SessionNotFound,
    UnserialisableSubmission,
)
from .states import ConnectionState
from .types.compareblocks import (
    ExtractionResults,
    SessionStatus,
    Submission,
    Subscription,
    SystemStatus,
    UpdateEvent,
    Variation,
)
from .types.health import Health
from .types.journal import JournalSettings
from .types.session import ClientDescription, InitializeResult, ServerInfo
from .types.statistics import ConnectionStatistics
from .variations_file import read_variations

__all__ = [
    "EVENT_NAMES",
    "UNSET",
    "BaseClient",
    "Call",
    "ClientConfig",
    "ClientDescription",
    "CompareblocksClient",
    "CompareblocksError",
    "ConnectionEvent",
    "ConnectionState",
    "ConnectionStatistics",
    "ExtractionFailed",
    "ExtractionResults",
    "Health",
    "InitializeResult",
    "InvalidExtractionSubmission",
    "InvalidParams",
    "InvalidPdfPath",
    "InvalidRequest",
    "InvalidResultsRequest",
    "InvalidStatusRequest",
    "InvalidSubmission",
    "InvalidSubscriptionRequest",
    "InvalidVariationLine",
    "JournalSettings",
    "MCPCancelledError",
    "MCPClient",
    "MCPClosedError",
    "MCPConfigurationError",
    "MCPConnectionError",
    "MCPConnectionLost",
    "MCPConnectionRejected",
    "MCPError",
    "MCPMessageTooLarge",
    "MCPOfflineError",
    "MCPProtocolError",
    "MCPQueueFullError",
    "MCPResponseError",
    "MCPTimeoutError",
    "MCPToolError",
    "MethodNotFound",
    "NotificationEvent",
    "OfflineResponse",
    "PdfNotFound",
    "ServerInfo",
    "SessionNotCompleted",
    "SessionNotFound",
    "SessionStatus",
    "Submission",
    "Subscription",
    "SystemStatus",
    "UnserialisableSubmission",
    "UpdateEvent",
    "Variation",
    "__version__",
    "read_variations",
]
