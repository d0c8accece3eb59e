"""A small PDF of our own, and how three engines read it: input for the demo and for tests.

The files are committed under `sample/`. `python -m mcp_sync.embedded.sample DIRECTORY` makes them
anew from the table in this module, byte for byte.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import attrs

__all__ = ["SamplePaths", "copy_sample", "main", "make_sample", "sample_directory"]

_PDF_NAME = "tide-gauge.pdf"
_VARIATIONS_NAME = "variations.ndjson"
_PAGE_WIDTH, _PAGE_HEIGHT = 612, 792


@attrs.frozen
class SamplePaths:
    """Where a copy of the sample lies: the PDF, and the variations as JSON lines."""

    pdf: Path
    variations: Path


@attrs.frozen
class _Block:
    """One block of text on a page, and what the engines make of it where they misread it."""

    block_id: str
    page: int
    y: float  # points from the top of the page
    size: float  # of the font, in points
    lines: Sequence[str]
    misread: Mapping[str, str] = attrs.field(factory=dict)

    def bbox(self, shift: float) -> list[float]:
        """[x, y, width, height] in points; Helvetica is about half as wide as it is high."""
        width = max(map(len, self.lines)) * self.size * 0.5
        height = len(self.lines) * self.size * 1.2
        return [round(value, 1) for value in (72 + shift, self.y - shift, width, height + shift)]


# Each engine with its usual confidence, and how far its boxes are off, in points.
_ENGINES = {"pymupdf": (0.98, 0.0), "tesseract": (0.91, 0.6), "easyocr": (0.84, 1.3)}

_BLOCKS = (
    _Block(
        "title",
        1,
        72,
        18,
        ["Tide Gauge 14: Report for the Year"],
        {"easyocr": "Tide Gauge l4: Report for the Year"},
    ),
    _Block("place", 1, 112, 11, ["The gauge stands at the end of the north pier."]),
    _Block(
        "level",
        1,
        140,
        11,
        ["Mean sea level was 2.41 m above the datum of the chart,", "0.02 m more than last year."],
        {
            "tesseract": "Mean sea level was 2.41 rn above the datum of the chart, 0.02 m more than"
            " last year.",
            "easyocr": "Mean sea level was 2.41 m above the datum of the chart 0.O2 m more than"
            " last year.",
        },
    ),
    _Block(
        "float",
        1,
        184,
        11,
        [
            "In March the float was replaced, because mussels had settled",
            "on it and made it heavy.",
        ],
        {
            "tesseract": "In March the float was replaced, because rnussels had settled on it and"
            " made it heavy.",
        },
    ),
    _Block(
        "table",
        1,
        230,
        10,
        ["Jan 2.44   Feb 2.39   Mar ----   Apr 2.35   May 2.37   Jun 2.40"],
        {
            "tesseract": "Jan 2.44 Feb 2.39 Mar — Apr 2.35 | May 2.37 Jun 2.40",
            "easyocr": "2.44 2.39 2.35 2.37 2.40 Jan Feb Mar Apr May Jun",
        },
    ),
    _Block(
        "storm",
        2,
        72,
        11,
        ["The storm of 9 November raised the water to 4.87 m, the highest", "level since 1962."],
        {
            "pymupdf": "The storm of 9 Novem ber raised the wa ter to 4.87 m, the high est level"
            " since 1962.",
            "easyocr": "The storm of 9 November raised the water to 4.87 m, the highest level"
            " since I962.",
        },
    ),
    _Block("next", 2, 118, 11, ["The next levelling is planned for the second week of May."]),
    _Block(
        "note",
        2,
        730,
        6,
        ["* Heights refer to the benchmark in the wall of the harbour office."],
        {
            "tesseract": "” Heigts reter to tne bencnmark in tne wali ot tne narbour ottice,",
            "easyocr": "Hciehts rofer lo thc bcnclimarl< iri tlic wafl o/ lhc liarbour olficc",
        },
    ),
)


def sample_directory() -> Traversable:
    """The committed sample, wherever the package is installed: a PDF and its variations."""
    return importlib.resources.files("mcp_sync.embedded").joinpath("sample")


def copy_sample(directory: str | os.PathLike[str]) -> SamplePaths:
    """Copy the sample into a directory, where a server with that working directory finds it.

    Args:
        directory: an existing directory; files of the same names are overwritten.

    Returns:
        The paths of the copies.

    Raises:
        OSError: the copies cannot be written.
    """
    source = sample_directory()
    paths = _paths(directory)
    for path in (paths.pdf, paths.variations):
        path.write_bytes(source.joinpath(path.name).read_bytes())
    return paths


def make_sample(directory: str | os.PathLike[str]) -> SamplePaths:
    """Make the sample anew from the table in this module, the same bytes each time.

    Args:
        directory: an existing directory; files of the same names are overwritten.

    Returns:
        The paths of the files.

    Raises:
        OSError: the files cannot be written.
    """
    paths = _paths(directory)
    paths.pdf.write_bytes(_pdf(_BLOCKS))
    lines = [json.dumps(variation, ensure_ascii=False) + "\n" for variation in _variations(_BLOCKS)]
    paths.variations.write_bytes("".join(lines).encode())
    return paths


def _paths(directory: str | os.PathLike[str]) -> SamplePaths:
    return SamplePaths(Path(directory, _PDF_NAME), Path(directory, _VARIATIONS_NAME))


def _variations(blocks: Sequence[_Block]) -> list[dict[str, Any]]:
    return [
        {
            "doc_id": "tide-gauge",
            "page": block.page,
            "engine": engine,
            "raw_text": block.misread.get(engine, " ".join(block.lines)),
            "block_id": block.block_id,
            "bbox": block.bbox(shift),
            "confidence": round(confidence - (0.3 if engine in block.misread else 0.0), 2),
        }
        for block in blocks
        for engine, (confidence, shift) in _ENGINES.items()
    ]


def _pdf(blocks: Sequence[_Block]) -> bytes:
    """A PDF 1.4 file of uncompressed text in Helvetica (ISO 32000-1, 7.5)."""
    pages = sorted({block.page for block in blocks})
    first_page = 4  # after the catalog, the page tree and the font
    kids = " ".join(f"{first_page + 2 * index} 0 R" for index in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index, page in enumerate(pages):
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_PAGE_WIDTH} {_PAGE_HEIGHT}] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {first_page + 2 * index + 1} 0 R >>",
            _content([block for block in blocks if block.page == page]),
        ]
    return _assemble(objects)


def _content(blocks: Sequence[_Block]) -> str:
    """The content stream of one page."""
    lines = []
    for block in blocks:
        leading = block.size * 1.2
        baseline = _PAGE_HEIGHT - block.y - block.size
        lines.append(f"BT /F1 {block.size} Tf {leading:.1f} TL 72 {baseline:.1f} Td")
        lines += [f"({_escape(line)}) Tj T*" for line in block.lines]
        lines.append("ET")
    stream = "\n".join(lines) + "\n"
    return f"<< /Length {len(stream)} >>\nstream\n{stream}endstream"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _assemble(objects: Sequence[str]) -> bytes:
    """Header, numbered objects, the table of their places, trailer."""
    file = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(file))
        file += f"{number} 0 obj\n{content}\nendobj\n".encode("ascii")
    start = len(file)
    entries = "".join(f"{place:010} 00000 n \n" for place in places)
    file += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{entries}".encode("ascii")
    file += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n".encode("ascii")
    file += f"startxref\n{start}\n%%EOF\n".encode("ascii")
    return bytes(file)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the sample in the directory named on the command line.

    Args:
        arguments: the command line; None for this process's own.

    Returns:
        0, or 2 when the command line is not one directory that exists.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.stderr.write("usage: python -m mcp_sync.embedded.sample DIRECTORY\n")
        return 2
    make_sample(arguments[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
