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
from .events import EVENT_NAMES, ConnectionEvent, NotificationEvent, Progress, ProgressHandler
from .features.asked import ElicitationHandler, RootsHandler, SamplingHandler
from .features.logs import LogHandler
from .features.schemas import InvalidArguments
from .features.subscriptions import EventSubscription
from .log_setup import set_up_logging as _set_up_logging
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
from .types.completion import Completion, PromptReference, ResourceReference
from .types.content import (
    Annotations,
    AudioContent,
    BlobResourceContents,
    Content,
    EmbeddedResource,
    Icon,
    ImageContent,
    ResourceContents,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolResultContent,
    ToolUseContent,
    UnknownContent,
)
from .types.elicitation import ElicitationRequest, ElicitationResult
from .types.health import Health
from .types.journal import JournalSettings
from .types.logging import LOG_LEVELS, LogLevel, LogMessage
from .types.prompts import GetPromptResult, Prompt, PromptArgument, PromptMessage
from .types.resource_contents import ResourceDescription
from .types.resources import ReadResourceResult, Resource, ResourceTemplate
from .types.roots import Root
from .types.sampling import ModelPreferences, SamplingMessage, SamplingRequest, SamplingResult
from .types.session import ClientDescription, InitializeResult, ServerInfo
from .types.statistics import ConnectionStatistics
from .types.subscriptions import (
    MaybeMissed,
    PromptsChanged,
    ResourcesChanged,
    ResourceUpdated,
    SubscriptionEvent,
    ToolsChanged,
)
from .types.tools import CallToolResult, Tool, ToolAnnotations
from .variations_file import read_variations

__all__ = [
    "EVENT_NAMES",
    "LOG_LEVELS",
    "UNSET",
    "Annotations",
    "AudioContent",
    "BaseClient",
    "BlobResourceContents",
    "Call",
    "CallToolResult",
    "ClientConfig",
    "ClientDescription",
    "CompareblocksClient",
    "CompareblocksError",
    "Completion",
    "ConnectionEvent",
    "ConnectionState",
    "ConnectionStatistics",
    "Content",
    "ElicitationHandler",
    "ElicitationRequest",
    "ElicitationResult",
    "EmbeddedResource",
    "EventSubscription",
    "ExtractionFailed",
    "ExtractionResults",
    "GetPromptResult",
    "Health",
    "Icon",
    "ImageContent",
    "InitializeResult",
    "InvalidArguments",
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
    "LogHandler",
    "LogLevel",
    "LogMessage",
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
    "MaybeMissed",
    "MethodNotFound",
    "ModelPreferences",
    "NotificationEvent",
    "OfflineResponse",
    "PdfNotFound",
    "Progress",
    "ProgressHandler",
    "Prompt",
    "PromptArgument",
    "PromptMessage",
    "PromptReference",
    "PromptsChanged",
    "ReadResourceResult",
    "Resource",
    "ResourceContents",
    "ResourceDescription",
    "ResourceLink",
    "ResourceReference",
    "ResourceTemplate",
    "ResourceUpdated",
    "ResourcesChanged",
    "Root",
    "RootsHandler",
    "SamplingHandler",
    "SamplingMessage",
    "SamplingRequest",
    "SamplingResult",
    "ServerInfo",
    "SessionNotCompleted",
    "SessionNotFound",
    "SessionStatus",
    "Submission",
    "Subscription",
    "SubscriptionEvent",
    "SystemStatus",
    "TextContent",
    "TextResourceContents",
    "Tool",
    "ToolAnnotations",
    "ToolResultContent",
    "ToolUseContent",
    "ToolsChanged",
    "UnknownContent",
    "UnserialisableSubmission",
    "UpdateEvent",
    "Variation",
    "__version__",
    "read_variations",
]

_set_up_logging()
