"""Pictures, sounds and contents: shown as such where that is safe, as text or a note elsewhere."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest

from mcp_sync import (
    AudioContent,
    BlobResourceContents,
    EmbeddedResource,
    ImageContent,
    TextResourceContents,
)
from shown import Shown


def png() -> bytes:
    """A picture of one red point."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


PNG = png()
PNG_TEXT = base64.b64encode(PNG).decode()
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("image/png", "image/png"),
        ("IMAGE/PNG; charset=x", "image/png"),
        ("image/jpg", "image/jpeg"),
        ("image/webp", "image/webp"),
    ],
)
def test_a_raster_picture_is_shown_as_such(said: str, kind: str) -> None:
    bundle = ImageContent.from_bytes(PNG, said)._repr_mimebundle_()
    assert bundle[kind] == PNG_TEXT
    assert bundle["text/plain"].startswith("ImageContent(data=<")
    assert set(bundle) == {kind, "text/plain"}


def test_white_space_in_base64_does_not_reach_the_notebook() -> None:
    picture = ImageContent("\n".join(PNG_TEXT), "image/png")
    assert picture._repr_mimebundle_()["image/png"] == PNG_TEXT


def test_a_sound_is_a_player_that_does_not_begin_by_itself() -> None:
    bundle = AudioContent.from_bytes(b"RIFF", "audio/wav")._repr_mimebundle_()
    shown = Shown(bundle["text/html"])
    assert shown.sources == ["data:audio/wav;base64,UklGRg=="]
    assert "audio" in shown.tags
    assert "autoplay" not in bundle["text/html"]


@pytest.mark.parametrize(
    "kind",
    [
        "image/svg+xml",
        "text/html",
        "text/markdown",
        "application/javascript",
        "application/pdf",
        "application/vnd.plotly.v1+json",
        'image/png"><script>alert(1)</script>',
        'audio/wav" onerror="alert(1)',
        "image/*",
        "",
    ],
)
@pytest.mark.parametrize("value", [ImageContent, AudioContent, BlobResourceContents])
def test_any_other_type_is_a_note_of_type_and_size(kind: str, value: type) -> None:
    if value is BlobResourceContents:
        bundle = BlobResourceContents.from_bytes(
            "file:///a", SVG.encode(), kind
        )._repr_mimebundle_()
    else:
        bundle = value.from_bytes(SVG.encode(), kind)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    shown = Shown(bundle["text/html"])
    assert shown.sources == []
    assert f"{len(SVG)} bytes: not shown" in shown.text
    assert "alert(1)" not in shown.text.replace(kind, "")


@pytest.mark.parametrize("data", ["!!!", 'AA=="><script>', "AAA", "ä"])
def test_what_is_no_base64_is_a_note(data: str) -> None:
    shown = Shown(ImageContent(data, "image/png")._repr_mimebundle_()["text/html"])
    assert "no base64" in shown.text
    assert shown.sources == []


def test_what_is_too_large_is_a_note_and_is_not_decoded() -> None:
    shown = Shown(ImageContent("!" * 12_000_000, "image/png")._repr_mimebundle_()["text/html"])
    assert "image/png, 9,000,000 bytes: not shown" in shown.text


@pytest.mark.parametrize(
    "kind", ["text/html", "image/svg+xml", "text/markdown", "text/plain", None]
)
def test_text_is_shown_as_text_whatever_it_is_called(kind: str | None) -> None:
    part = TextResourceContents("file:///a<b>", SVG + "\x1b[31m", mime_type=kind)
    bundle = part._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == SVG + "\\x1b[31m"
    shown = Shown(bundle["text/html"])
    assert SVG in shown.text
    assert "file:///a<b>" in shown.text
    assert (kind or "") in shown.text


def test_a_picture_among_resources_is_a_picture() -> None:
    blob = BlobResourceContents.from_bytes("file:///dot.png", PNG, "image/png")
    assert blob._repr_mimebundle_()["image/png"] == PNG_TEXT
    assert EmbeddedResource(blob)._repr_mimebundle_() == blob._repr_mimebundle_()
    assert len(repr(BlobResourceContents.from_bytes("file:///a", bytes(100_000)))) < 200
