"""Which PDF files a submission may name, and whether a file is one that can be worked on.

Knows the working directory and nothing else of the server. The rules, their order and their texts
are the recorded server's.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

__all__ = ["MAX_PDF_BYTES", "PathRefused", "locate", "open_document", "refuse_unless_allowed"]

MAX_PDF_BYTES = 100 * 1024 * 1024
"""The largest PDF that may be submitted; one byte more is refused."""

_HEADER_WITHIN = 1024  # readers accept the header anywhere in the first 1024 bytes
_TRAILER_WITHIN = 64 * 1024


class PathRefused(Exception):
    """A submission named a path that it may not name; the message is the server's whole answer."""


def locate(pdf_path: str, working_directory: Path) -> Path | None:
    """Find what a submission's path names on this machine.

    Args:
        pdf_path: the path as the client sent it.
        working_directory: what a relative path is relative to.

    Returns:
        The path, links not yet resolved; None when nothing exists there.
    """
    path = working_directory / pdf_path
    try:
        path.stat()
    except (OSError, ValueError):  # ValueError: a NUL, or a lone surrogate, in the path
        return None
    return path


def refuse_unless_allowed(pdf_path: str, working_directory: Path) -> None:
    """Apply the path rule of `submit_extraction`, in the recorded order: size before location.

    Args:
        pdf_path: the path as the client sent it.
        working_directory: the directory whose files may be named, absolute and resolved.

    Raises:
        PathRefused: the path breaks the rule.
    """
    path = locate(pdf_path, working_directory)
    if path is None:
        raise PathRefused(f"Invalid extraction submission: PDF file not found: {pdf_path}")
    if not path.is_file():
        raise PathRefused(f"Invalid PDF path: Path is not a file: {pdf_path}")
    if path.suffix.lower() != ".pdf":
        raise PathRefused(f"Invalid PDF path: File is not a PDF: {pdf_path}")
    size = path.stat().st_size
    if size > MAX_PDF_BYTES:
        raise PathRefused(f"Invalid PDF path: PDF file too large: {size} bytes (max 100MB)")
    # A comparison of texts, as recorded: a sibling whose name extends the directory's name passes.
    if not str(path.resolve()).startswith(str(working_directory)):
        raise PathRefused(f"Invalid PDF path: PDF path outside working directory: {pdf_path}")


def open_document(path: Path, pdf_path: str) -> None:
    """See whether a file is a PDF that can be read.

    Args:
        path: the file.
        pdf_path: its name as the client sent it, for the texts of the errors.

    Raises:
        ValueError: it is empty, not a PDF, or encrypted.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER_WITHIN)
        tail = _read_tail(file)
    if not head:
        raise ValueError(f"Cannot open empty file: filename={pdf_path!r}.")
    if b"%PDF-" not in head:
        raise ValueError(f"Failed to open file {pdf_path!r} as type pdf.")
    if b"/Encrypt" in head + tail:
        raise ValueError("document closed or encrypted")


def _read_tail(file: BinaryIO) -> bytes:
    size = file.seek(0, 2)
    file.seek(max(0, size - _TRAILER_WITHIN))
    return file.read()
