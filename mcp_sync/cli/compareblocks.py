"""`mcp-sync compareblocks`: submit an extraction, ask for its status, fetch its results."""

from __future__ import annotations

import sys
from argparse import Namespace

from mcp_sync import (
    CompareblocksClient,
    ExtractionResults,
    SessionStatus,
    Variation,
    read_variations,
)
from mcp_sync.cli.connecting import connected
from mcp_sync.cli.decisions import decision_lines, statistics_sentence
from mcp_sync.cli.exits import OK, BadInput
from mcp_sync.cli.output import (
    facts,
    line_width,
    plain,
    print_json,
    printable,
    standard_input,
)

__all__ = ["results", "status", "submit"]


def submit(options: Namespace) -> int:
    """Submit a document's variations and, if asked, wait for the results.

    Args:
        options: ``pdf``, ``variations``, ``metadata``, ``wait`` and those of a server.

    Returns:
        The exit code.
    """
    variations = _read(options.variations)
    with connected(CompareblocksClient, options) as (client, deadline):
        submission = client.submit_extraction(
            options.pdf,
            variations,
            options.metadata,
            timeout=deadline.remaining(),
            offline="raise",
        )
        if not options.wait:
            _print(submission, options)
            return OK
        session = submission.session_id
        # On standard error, so that it is known whatever becomes of the waiting.
        print(f"session {printable(session)}", file=sys.stderr)
        found = client.wait_for_results(session, deadline.remaining(), _show_progress)
    if options.json:
        print_json(plain(found) | {"session_id": session})
    else:
        _print_results(found)
    return OK


def status(options: Namespace) -> int:
    """Print the status of a session, or of the server.

    Args:
        options: ``session`` (None for the server), ``details`` and those of a server.

    Returns:
        The exit code.
    """
    with connected(CompareblocksClient, options) as (client, deadline):
        left = deadline.remaining()
        if options.session is None:
            _print(client.get_status(timeout=left), options)
        else:
            _print(client.get_status(options.session, options.details, timeout=left), options)
    return OK


def results(options: Namespace) -> int:
    """Print the results of a session.

    Args:
        options: ``session``, ``format`` (None for a table), ``analytics`` and those of a server.

    Returns:
        The exit code.
    """
    with connected(CompareblocksClient, options) as (client, deadline):
        found = client.get_results(
            options.session,
            options.format or "json",
            options.analytics,
            timeout=deadline.remaining(),
        )
    if options.json or options.format == "json":
        print_json(found)
    elif options.format == "ndjson":
        if found.ndjson_data:
            print(found.ndjson_data)
    else:
        _print_results(found)
    return OK


def _read(path: str) -> list[Variation]:
    try:
        source = standard_input() if path == "-" else path
        return list(read_variations(source))
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error


def _show_progress(status: SessionStatus) -> None:
    share = "" if status.progress is None else f" {status.progress:4.0%}"
    print(f"{printable(status.status)}{share}", file=sys.stderr)


def _print(value: object, options: Namespace) -> None:
    if options.json:
        print_json(value)
    else:
        print(*facts(_flat(plain(value))), sep="\n")


def _flat(value: dict[str, object], prefix: str = "") -> dict[str, object]:
    """Nested objects as one, their keys joined with dots; what is None or empty is left out."""
    flat: dict[str, object] = {}
    for key, one in value.items():
        if isinstance(one, dict):
            flat |= _flat(one, f"{prefix}{key}.")
        elif one is not None:
            flat[prefix + key] = one
    return flat


def _print_results(found: ExtractionResults) -> None:
    lines = decision_lines(found.consensus_decisions, line_width())
    if lines:
        lines.append("")
    lines.append(statistics_sentence(found))
    if found.analytics is not None:
        lines += ["", *facts(_flat(plain(found.analytics)))]
    print(*lines, sep="\n")
