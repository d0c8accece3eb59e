from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_sync.embedded.documents import open_document
from mcp_sync.embedded.sample import copy_sample, main, make_sample, sample_directory
from mcp_sync.embedded.schema import SUBMISSION, first_violation


def test_the_committed_files_are_made_again_byte_for_byte(tmp_path: Path) -> None:
    paths = make_sample(tmp_path)
    for path in (paths.pdf, paths.variations):
        assert path.read_bytes() == sample_directory().joinpath(path.name).read_bytes()
    assert len(list(sample_directory().iterdir())) == 2


def test_a_copy_is_the_committed_sample(tmp_path: Path) -> None:
    paths = copy_sample(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([paths.pdf, paths.variations])
    open_document(paths.pdf, "the sample")


def test_the_variations_are_valid_and_three_engines_read_each_block(tmp_path: Path) -> None:
    lines = copy_sample(tmp_path).variations.read_text("utf-8").splitlines()
    variations = [json.loads(line) for line in lines]
    assert first_violation({"pdf_path": "", "variations": variations}, SUBMISSION) is None
    read = {(variation["block_id"], variation["engine"]) for variation in variations}
    assert len(read) == len(variations) == 24
    assert len({engine for _, engine in read}) == 3
    assert all("bbox" in variation and "confidence" in variation for variation in variations)


def test_the_places_of_the_objects_in_the_pdf_are_right(tmp_path: Path) -> None:
    """ISO 32000-1, 7.5.4 and 7.5.5: a reader finds the table from the end, the objects from it."""
    file = copy_sample(tmp_path).pdf.read_bytes()
    trailer = re.search(rb"/Size (\d+) /Root 1 0 R >>\nstartxref\n(\d+)\n%%EOF\n\Z", file)
    assert trailer is not None
    size, start = map(int, trailer.groups())
    table = file[start:].split(b"\n")
    assert table[:2] == [b"xref", b"0 %d" % size]
    for number in range(1, size):
        entry = table[2 + number]
        assert len(entry) == 19
        place = int(entry[:10])
        assert file[place:].startswith(b"%d 0 obj\n" % number)
    for length, stream in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)endstream", file, re.DOTALL):
        assert len(stream) == int(length)
    assert b"(The gauge stands at the end of the north pier.) Tj" in file


def test_the_module_makes_the_sample_where_it_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "mcp_sync.embedded.sample", str(tmp_path)]
    subprocess.run(command, check=True, timeout=30)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("arguments", [[], ["/no/such/directory"], [".", "."]])
def test_a_wrong_command_line_is_exit_code_2(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "usage" in capfd.readouterr().err
