"""A synchronous, thread-based MCP client: blocking calls, no event loop.

>>> from mcp_sync import MCPClient
>>> client = MCPClient("ws://localhost:8765")
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, Final

from ._version import __version__

if TYPE_CHECKING:
    from .base_client import (
        BaseClient,
    )
    from .client import (
        MCPClient,
    )
    from .client_calls import (
        UNSET,
    )
    from .compareblocks import (
        CompareblocksClient,
    )
    from .config import (
        ClientConfig,
    )
    from .connection.call import (
        Call,
    )
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
    from .events import (
        EVENT_NAMES,
        ConnectionEvent,
        ProgressHandler,
    )
    from .features.answering import (
        ElicitationHandler,
        RootsHandler,
        SamplingHandler,
    )
    from .features.schemas import (
        InvalidArguments,
    )
    from .features.subscriptions import (
        EventSubscription,
    )
    from .offline import (
        OfflineResponse,
    )
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
    from .states import (
        ConnectionState,
    )
    from .types.client_description import (
        ClientDescription,
    )
    from .types.compareblocks import (
        ExtractionResults,
        SessionStatus,
        Submission,
        Subscription,
        SystemStatus,
        UpdateEvent,
        Variation,
    )
    from .types.completion import (
        Completion,
        PromptReference,
        ResourceReference,
    )
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
    from .types.elicitation import (
        ElicitationRequest,
        ElicitationResult,
    )
    from .types.health import (
        Health,
    )
    from .types.journal import (
        JournalSettings,
    )
    from .types.logging import LOG_LEVELS, LogHandler, LogLevel, LogMessage
    from .types.notifications import (
        NotificationEvent,
        Progress,
    )
    from .types.prompts import (
        GetPromptResult,
        Prompt,
        PromptArgument,
        PromptMessage,
    )
    from .types.resource_contents import (
        ResourceDescription,
    )
    from .types.resources import (
        ReadResourceResult,
        Resource,
        ResourceTemplate,
    )
    from .types.roots import (
        Root,
    )
    from .types.sampling import (
        ModelPreferences,
        SamplingMessage,
        SamplingRequest,
        SamplingResult,
    )
    from .types.session import (
        InitializeResult,
        ServerInfo,
    )
    from .types.statistics import (
        ConnectionStatistics,
    )
    from .types.subscriptions import (
        MaybeMissed,
        PromptsChanged,
        ResourcesChanged,
        ResourceUpdated,
        SubscriptionEvent,
        ToolsChanged,
    )
    from .types.tools import (
        CallToolResult,
        Tool,
        ToolAnnotations,
    )
    from .variations_file import (
        read_variations,
    )

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

_ROOM_OF: Final = {
    "BaseClient": "base_client",
    "MCPClient": "client",
    "UNSET": "client_calls",
    "CompareblocksClient": "compareblocks",
    "ClientConfig": "config",
    "Call": "connection.call",
    "MCPCancelledError": "errors",
    "MCPClosedError": "errors",
    "MCPConfigurationError": "errors",
    "MCPConnectionError": "errors",
    "MCPConnectionLost": "errors",
    "MCPConnectionRejected": "errors",
    "MCPError": "errors",
    "MCPMessageTooLarge": "errors",
    "MCPOfflineError": "errors",
    "MCPProtocolError": "errors",
    "MCPQueueFullError": "errors",
    "MCPResponseError": "errors",
    "MCPTimeoutError": "errors",
    "MCPToolError": "errors",
    "ConnectionEvent": "events",
    "EVENT_NAMES": "events",
    "ProgressHandler": "events",
    "ElicitationHandler": "features.answering",
    "RootsHandler": "features.answering",
    "SamplingHandler": "features.answering",
    "LogHandler": "types.logging",
    "InvalidArguments": "features.schemas",
    "EventSubscription": "features.subscriptions",
    "OfflineResponse": "offline",
    "CompareblocksError": "protocol.compareblocks_errors",
    "ExtractionFailed": "protocol.compareblocks_errors",
    "InvalidExtractionSubmission": "protocol.compareblocks_errors",
    "InvalidParams": "protocol.compareblocks_errors",
    "InvalidPdfPath": "protocol.compareblocks_errors",
    "InvalidRequest": "protocol.compareblocks_errors",
    "InvalidResultsRequest": "protocol.compareblocks_errors",
    "InvalidStatusRequest": "protocol.compareblocks_errors",
    "InvalidSubmission": "protocol.compareblocks_errors",
    "InvalidSubscriptionRequest": "protocol.compareblocks_errors",
    "InvalidVariationLine": "protocol.compareblocks_errors",
    "MethodNotFound": "protocol.compareblocks_errors",
    "PdfNotFound": "protocol.compareblocks_errors",
    "SessionNotCompleted": "protocol.compareblocks_errors",
    "SessionNotFound": "protocol.compareblocks_errors",
    "UnserialisableSubmission": "protocol.compareblocks_errors",
    "ConnectionState": "states",
    "ExtractionResults": "types.compareblocks",
    "SessionStatus": "types.compareblocks",
    "Submission": "types.compareblocks",
    "Subscription": "types.compareblocks",
    "SystemStatus": "types.compareblocks",
    "UpdateEvent": "types.compareblocks",
    "Variation": "types.compareblocks",
    "ClientDescription": "types.client_description",
    "Completion": "types.completion",
    "PromptReference": "types.completion",
    "ResourceReference": "types.completion",
    "Annotations": "types.content",
    "AudioContent": "types.content",
    "BlobResourceContents": "types.content",
    "Content": "types.content",
    "EmbeddedResource": "types.content",
    "Icon": "types.content",
    "ImageContent": "types.content",
    "ResourceContents": "types.content",
    "ResourceLink": "types.content",
    "TextContent": "types.content",
    "TextResourceContents": "types.content",
    "ToolResultContent": "types.content",
    "ToolUseContent": "types.content",
    "UnknownContent": "types.content",
    "ElicitationRequest": "types.elicitation",
    "ElicitationResult": "types.elicitation",
    "Health": "types.health",
    "JournalSettings": "types.journal",
    "LOG_LEVELS": "types.logging",
    "LogLevel": "types.logging",
    "LogMessage": "types.logging",
    "NotificationEvent": "types.notifications",
    "Progress": "types.notifications",
    "GetPromptResult": "types.prompts",
    "Prompt": "types.prompts",
    "PromptArgument": "types.prompts",
    "PromptMessage": "types.prompts",
    "ResourceDescription": "types.resource_contents",
    "ReadResourceResult": "types.resources",
    "Resource": "types.resources",
    "ResourceTemplate": "types.resources",
    "Root": "types.roots",
    "ModelPreferences": "types.sampling",
    "SamplingMessage": "types.sampling",
    "SamplingRequest": "types.sampling",
    "SamplingResult": "types.sampling",
    "InitializeResult": "types.session",
    "ServerInfo": "types.session",
    "ConnectionStatistics": "types.statistics",
    "MaybeMissed": "types.subscriptions",
    "PromptsChanged": "types.subscriptions",
    "ResourceUpdated": "types.subscriptions",
    "ResourcesChanged": "types.subscriptions",
    "SubscriptionEvent": "types.subscriptions",
    "ToolsChanged": "types.subscriptions",
    "CallToolResult": "types.tools",
    "Tool": "types.tools",
    "ToolAnnotations": "types.tools",
    "read_variations": "variations_file",
}
"""Where each public name is at home. Rooms are entered when their names are wanted, so that a
program pays for what it uses alone."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    room = _ROOM_OF.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{room}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted({*globals(), *__all__})


if "MCP_SYNC_LOG" in os.environ:
    importlib.import_module(".log_setup", __name__).set_up_logging()
