"""Content of tools, resources and prompts, as text to read, and what is not text as files."""

from __future__ import annotations

import base64
import json
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mcp_sync import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    Content,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)
from mcp_sync.cli.exits import BadInput, Failed
from mcp_sync.cli.output import print_json, print_text

__all__ = ["Piece", "Store", "open_store", "show_pieces", "show_result", "text_of"]

Piece = Content | TextResourceContents | BlobResourceContents
"""What is shown as one: a block, or a part of a resource."""


class Store:
    """Saves what is shown where the user wants it saved.

    Args:
        path: the file; None saves nothing.

    Raises:
        BadInput: its directory does not exist, or it is a directory itself.
    """

    def __init__(self, path: str | None) -> None:
        self._path = None if path is None else Path(path)
        self._count = 0
        self._fault: str | None = None
        if self._path is not None and (self._path.is_dir() or not self._path.parent.is_dir()):
            raise BadInput(f"--output {path} is no file that could be written")

    @property
    def is_wanted(self) -> bool:
        """Whether anything is to be saved."""
        return self._path is not None

    def save(self, data: bytes) -> str | None:
        """Save bytes, the second ones beside the first.

        Returns:
            The file's name; None where it cannot be written, of which ``check`` tells.
        """
        path = self._path
        assert path is not None
        self._count += 1
        if self._count > 1:
            path = path.with_name(f"{path.stem}-{self._count}{path.suffix}")
        try:
            path.write_bytes(data)
        except OSError as error:
            self._fault = f"cannot write {path}: {error.strerror}"
            return None
        return str(path)

    def check(self) -> None:
        """See whether all was saved, once all is shown.

        Raises:
            Failed: something was not.
        """
        if self._fault is not None:
            raise Failed(self._fault, "what it was to hold is printed in its place")


def open_store(options: Namespace) -> Store:
    """The store that the options ask for.

    Args:
        options: ``output`` (None, or a file) and ``json``.

    Raises:
        BadInput: nothing could be saved there, or nothing would be, since JSON shows it all.
    """
    if options.json and options.output is not None:
        raise BadInput("--json prints the whole result, and leaves nothing for --output to save")
    return Store(options.output)


def _pieces_of_result(result: CallToolResult) -> list[Piece]:
    """The blocks of a tool's answer, but for texts that repeat its structured content.

    MCP has servers give both, for clients that know no structured content (2025-11-25, tools).
    """
    if not result.has_structured_content:
        return list(result.content)
    data = result.structured_content
    return [block for block in result.content if not _repeats(block, data)]


def _repeats(block: Content, data: Any) -> bool:
    if not isinstance(block, TextContent):
        return False
    try:
        return bool(json.loads(block.text) == data)
    except (ValueError, RecursionError):
        return False


def show_pieces(pieces: Iterable[Piece], store: Store) -> None:
    """Print each piece, and save those that are no text; where all are, the text is saved.

    What cannot be saved is printed: a tool has run, and must not have to run again for it.

    Args:
        pieces: in their order.
        store: where to save.
    """
    shown = list(pieces)
    if store.is_wanted and shown and all(_bytes_of(piece) is None for piece in shown):
        text = "\n".join(map(text_of, shown))
        name = store.save(text.encode("utf-8", "surrogatepass"))
        saved = f"[text, {len(text)} characters] saved as {name}"
        print_text(text if name is None else saved)
        return
    for piece in shown:
        data = _bytes_of(piece)
        note = "" if data is None or not store.is_wanted else _note(data, store.save(data))
        print_text(text_of(piece) + note)


def _note(data: bytes, name: str | None) -> str:
    return f":\n{base64.b64encode(data).decode()}" if name is None else f" saved as {name}"


def text_of(piece: Piece) -> str:
    """The text of a piece; of any other, one line in brackets that says what it is."""
    match piece:
        case TextContent() | TextResourceContents():
            return piece.text
        case EmbeddedResource():
            return text_of(piece.resource)
        case ResourceLink():
            return f"[resource {piece.uri}, {piece.display_name}]"
        case ImageContent() | AudioContent() | BlobResourceContents():
            data = _bytes_of(piece)
            size = "which cannot be decoded" if data is None else f"{len(data)} bytes"
            return f"[{piece.mime_type or 'bytes'}, {size}]"
    return f"[{piece.type}]"


def _bytes_of(piece: Piece) -> bytes | None:
    """The bytes of a piece; None where it is text, or no base64."""
    if isinstance(piece, EmbeddedResource):
        return _bytes_of(piece.resource)
    if not isinstance(piece, ImageContent | AudioContent | BlobResourceContents):
        return None
    try:
        return piece.decoded
    except ValueError:
        return None


def show_result(result: CallToolResult, store: Store) -> None:
    """Print a tool's answer: its blocks, then its structured content as JSON."""
    show_pieces(_pieces_of_result(result), store)
    if result.has_structured_content:
        print_json(result.structured_content)
