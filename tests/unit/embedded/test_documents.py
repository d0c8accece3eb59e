from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcp_sync.embedded.documents import (
    MAX_PDF_BYTES,
    PathRefused,
    locate,
    open_document,
    refuse_unless_allowed,
)


@pytest.mark.parametrize("name", ["sample.pdf", "./sample.pdf", "UPPER.PDF", "sub/../sample.pdf"])
def test_a_pdf_in_the_working_directory_is_allowed(workspace: Path, name: str) -> None:
    (workspace / "sub").mkdir()
    (workspace / "UPPER.PDF").touch()
    refuse_unless_allowed(name, workspace)
    refuse_unless_allowed(str(workspace / name), workspace)


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("missing.pdf", "Invalid extraction submission: PDF file not found: missing.pdf"),
        ("a\0b.pdf", "Invalid extraction submission: PDF file not found: "),
        ("\ud800.pdf", "Invalid extraction submission: PDF file not found: "),
        ("x" * 5000, "Invalid extraction submission: PDF file not found: "),
        ("~/sample.pdf", "Invalid extraction submission: PDF file not found: "),
        ("", "Invalid PDF path: Path is not a file: "),
        ("../outside.txt", "Invalid PDF path: File is not a PDF: "),
        ("huge.pdf", "Invalid PDF path: PDF file too large: 104857601 bytes (max 100MB)"),
        ("../outside.pdf", "Invalid PDF path: PDF path outside working directory: "),
        ("link.pdf", "Invalid PDF path: PDF path outside working directory: "),
    ],
)
def test_any_other_path_is_refused_by_the_first_rule_it_breaks(
    tmp_path: Path, name: str, refusal: str
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside.pdf").touch()
    (tmp_path / "outside.txt").touch()
    (root / "link.pdf").symlink_to(tmp_path / "outside.pdf")
    with (root / "huge.pdf").open("wb") as sparse:
        sparse.truncate(MAX_PDF_BYTES + 1)
    with pytest.raises(PathRefused) as refused:
        refuse_unless_allowed(name, root)
    assert str(refused.value).startswith(refusal)


def test_the_rule_compares_texts_so_that_a_sibling_whose_name_extends_the_directorys_passes(
    tmp_path: Path,
) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root-2").mkdir()
    (tmp_path / "root-2" / "other.pdf").touch()
    refuse_unless_allowed("../root-2/other.pdf", tmp_path / "root")


def test_a_file_is_located_relative_to_the_working_directory(workspace: Path) -> None:
    assert locate("sample.pdf", workspace) == workspace / "sample.pdf"
    assert locate("missing.pdf", workspace) is None


def test_a_pdf_opens(workspace: Path) -> None:
    open_document(workspace / "sample.pdf", "sample.pdf")


@pytest.mark.parametrize(
    ("content", "failure"),
    [
        (b"", "Cannot open empty file: filename='its name'."),
        (b"text", "Failed to open file 'its name' as type pdf."),
        (b"%PDF-1.4 trailer << /Encrypt 3 0 R >>", "document closed or encrypted"),
        (
            b"%PDF-1.4" + b" " * 200_000 + b"<< /Encrypt 3 0 R >>",
            "document closed or encrypted",
        ),
    ],
)
def test_a_file_that_is_no_readable_pdf_fails_to_open(
    tmp_path: Path, content: bytes, failure: str
) -> None:
    path = tmp_path / "file.pdf"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(failure)}$"):
        open_document(path, "its name")
