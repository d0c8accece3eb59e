"""What to do about each error: the half that its docstring, which tells the cause, leaves open."""

from __future__ import annotations

from typing import Final

__all__ = ["CURES"]

CURES: Final = {
    "MCPError": "Catch it where any failure of a call is treated alike; otherwise catch its kinds.",
    "MCPConfigurationError": "Change the setting that it names; it quotes the rule. Nothing was "
    "dialed.",
    "MCPConnectionError": "Look at `last_error`: it has the reason of the last dial. Is the server "
    "running, is the address right, is a proxy or a firewall in the way? If it ended a call, "
    "`maybe_executed` says whether repeating that could do it twice.",
    "MCPConnectionRejected": "Dialing again would not help. Look at `status` (credentials, path), "
    "`tls_reason` (certificate) or the sentence (version), mend it, and call `connect()`.",
    "MCPConnectionLost": "With `maybe_executed=False` repeat the call. With True look at the "
    "server's state first, or mark calls that may run twice with `idempotent=True`: those are "
    "repeated for you.",
    "MCPOfflineError": 'Wait with `offline="wait"`, queue with `submit()`, or find out with '
    "`last_error` why the server is away.",
    "MCPClosedError": "Make the call before the client is closed, keep the `with` block open for "
    "as long as calls are made, or call `connect()` again. If it ended a call of yours with "
    "`maybe_executed=True`, look at the server's state before you repeat that.",
    "MCPTimeoutError": "Read `waiting_for`. Give the call more time, or have progress extend it; "
    "with `sent=True` the server may still be at work, so look before you repeat.",
    "MCPCancelledError": "Nothing, if you withdrew it; `reason` names who did. A handler that "
    "refused what a server asked for ends the call in this way, too.",
    "MCPQueueFullError": "Make fewer calls while the server is away, raise the limit that it "
    "names, or choose another `overflow`.",
    "MCPProtocolError": "Tell the maker of the server; `rule` says what it broke and `received` "
    "shows the place. For an output schema: call without having listed the tools.",
    "MCPMessageTooLarge": "Outbound: send less in one call. Inbound: raise `max_message_size`, or "
    "ask the server for less.",
    "MCPResponseError": "Look at `code` and `error_message`: the server says what it did not like. "
    "-32601 is a method that it lacks, -32602 arguments that it refuses.",
    "MCPToolError": "Look at `text` and `result`: the tool says what went wrong. It ran.",
    "InvalidArguments": "Change the argument at `path`. Nothing was sent.",
    "CompareblocksError": "Look at `detail`: the server's own words.",
    "SessionNotFound": "Submit again: a restart of the server forgets all sessions.",
    "SessionNotCompleted": "Use `wait_for_results()`, or look at `status`; a failed session tells "
    "its error in `get_status()`.",
    "InvalidPdfPath": "Give a path on the server, relative to its working directory, to a `.pdf` "
    "of at most 100 MiB.",
    "InvalidRequest": "Look at `violation` and change that argument.",
    "InvalidExtractionSubmission": "Look at `violation` and change that part of the submission.",
    "PdfNotFound": "Put the file onto the server, below its working directory, and name it by its "
    "path there.",
    "InvalidStatusRequest": "Look at `violation`.",
    "InvalidResultsRequest": "Look at `violation`.",
    "InvalidSubscriptionRequest": "Look at `violation`; the events are `status_update`, "
    "`processing_complete` and `error`.",
    "MethodNotFound": "Use a method that the server offers; `name` is the one it lacks.",
    "ExtractionFailed": "Look at `reason`, mend the document or the variations, and submit again.",
    "InvalidParams": "Change the argument in `key`; `rule` says what it must be. Nothing was sent.",
    "InvalidSubmission": "Change `key` of the variation with the number `index`. Nothing was sent.",
    "UnserialisableSubmission": "Put plain JSON values into the metadata; `key` is the path to the "
    "one that is none.",
    "InvalidVariationLine": "Mend the line `line_number` of the file; `rule` says what is wrong.",
}
"""By the name of the error, in Markdown."""
