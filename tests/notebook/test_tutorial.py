"""The tutorial, run as a reader runs it; ``MCP_SYNC_RECORD=1`` writes its outputs anew."""

from __future__ import annotations

import os
import re
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from house import PROJECT
from shown import Shown

TUTORIAL = PROJECT / "docs" / "tutorial-notebook.ipynb"
_LAST_ERROR = re.compile(r", last error: [^'\n]*")


def read() -> Any:
    return nbformat.read(TUTORIAL, as_version=4)


@pytest.fixture(scope="module")
def executed() -> Any:
    """The tutorial after every cell was run, from the first to the last."""
    notebook = read()
    client = NotebookClient(notebook, timeout=60, record_timing=False)
    client.execute(cwd=str(PROJECT / "docs"))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            # Warnings of a lost link come when they come, in whichever cell is running.
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    notebook.metadata.language_info = {"name": "python"}
    if os.environ.get("MCP_SYNC_RECORD"):
        nbformat.write(notebook, TUTORIAL)
    return notebook


def outline(notebook: Any) -> list[list[Any]]:
    """What each cell shows, without what differs from run to run."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [[_outline(output) for output in cell.outputs] for cell in cells]


def _outline(output: Any) -> Any:
    if output.output_type == "stream":
        return output.name, _lasting(output.text)
    return output.output_type, sorted(output.data), _lasting(output.data["text/plain"])


def _lasting(text: str) -> str:
    """Without the numbers, and the states and errors of a client that dials."""
    return re.sub(r"\d[\d.e-]*|failed|reconnecting|offline", "#", _LAST_ERROR.sub("", text))


def test_the_tutorial_runs_and_shows_what_is_stored(executed: Any) -> None:
    assert outline(read()) == outline(executed)


def test_no_output_of_it_is_an_error(executed: Any) -> None:
    kinds = {output.output_type for cell in executed.cells for output in cell.get("outputs", [])}
    assert kinds <= {"stream", "display_data", "execute_result"}
    assert "execute_result" in kinds


def test_what_is_stored_is_static_and_says_nothing_of_the_machine() -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    assert PROJECT.as_posix() not in text
    shown = [
        Shown(output.data["text/html"]).text
        for cell in read().cells
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    assert len(shown) >= 6
    assert any("<b onclick='alert(1)'>not bold</b>" in text for text in shown)


def test_the_tutorial_is_read_in_ten_minutes() -> None:
    words = sum(len(cell.source.split()) for cell in read().cells)
    assert words / 200 < 10
