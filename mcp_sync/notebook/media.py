"""Pictures, sounds and the contents of resources, as a notebook shows them."""

from __future__ import annotations

from typing import Final

from ..types.resource_contents import (
    BlobResourceContents,
    TextResourceContents,
    decode_base64,
    encode_base64,
)
from .parts import block, code, faint, framed, visible

__all__ = ["contents_bundle", "contents_html", "media_bundle", "media_html"]

_MOST_BYTES: Final = 10_000_000

_PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
_SOUNDS: Final = frozenset(
    f"audio/{kind}"
    for kind in ("aac", "flac", "mp3", "mp4", "mpeg", "ogg", "wav", "wave", "webm", "x-wav")
)


def media_html(mime_type: str, data: str) -> str:
    """Show a picture or a sound; a note of anything else.

    Args:
        mime_type: what the server says it is.
        data: its bytes as base64 text.

    Returns:
        HTML: the picture, a player without autoplay, or the note.
    """
    kind, encoded, size = _checked(mime_type, data)
    source = f"data:{kind};base64,{encoded}"
    if kind in _PICTURES and encoded:
        return f'<div><img alt="{kind}, {size:,} bytes" src="{source}"></div>'
    if kind in _SOUNDS and encoded:
        return f'<div><audio controls src="{source}"></audio></div>'
    return f"<div>{faint(_note(mime_type, size))}</div>"


def _note(mime_type: str, size: int) -> str:
    shown = visible(mime_type, 60) or "bytes of no type"
    if size < 0:
        return f"{shown}: no base64, and not shown"
    return f"{shown}, {size:,} bytes: not shown; .decoded has them"


def _checked(mime_type: str, data: str) -> tuple[str, str, int]:
    """The type in the words of this room, the data to show ("" for none), and its bytes.

    The size is -1 where the data is no base64; the data is encoded anew, so nothing else is in it.
    """
    kind = mime_type.partition(";")[0].strip().lower()
    kind = {"image/jpg": "image/jpeg"}.get(kind, kind)
    if len(data) > _MOST_BYTES:
        return kind, "", len(data) * 3 // 4
    try:
        content = decode_base64(data, kind)
    except ValueError:
        return kind, "", -1
    return kind, encode_base64(content), len(content)


def media_bundle(mime_type: str, data: str, shown: str) -> dict[str, str]:
    """Give a picture or a sound as notebooks take it: text by MIME type.

    Args:
        mime_type: what the server says it is.
        data: its bytes as base64 text.
        shown: what a terminal shows instead.

    Returns:
        A raster picture under its own type; a sound as a player without autoplay; of anything
        else, what is too large (10 MB) and what is no base64, a note of its type and size.
    """
    kind, encoded, _ = _checked(mime_type, data)
    if kind in _PICTURES and encoded:
        return {"text/plain": shown, kind: encoded}
    return {"text/plain": shown, "text/html": framed(media_html(mime_type, data))}


def contents_bundle(part: TextResourceContents | BlobResourceContents) -> dict[str, str]:
    """Give what a resource holds as notebooks take it: text by MIME type.

    Args:
        part: text, or bytes.

    Returns:
        Of text, whatever type the server gives it, the text itself, escaped; of bytes as
        ``media_bundle`` gives them.
    """
    if isinstance(part, BlobResourceContents):
        return media_bundle(part.mime_type or "", part.blob, repr(part))
    return {"text/plain": visible(part.text), "text/html": framed(contents_html(part))}


def contents_html(part: TextResourceContents | BlobResourceContents) -> str:
    """Show what a resource holds, below its URI and its type; text always as text."""
    head = f"<div>{code(part.uri)} {faint(part.mime_type or '')}</div>"
    if isinstance(part, TextResourceContents):
        return head + block(part.text)
    return head + media_html(part.mime_type or "", part.blob)
