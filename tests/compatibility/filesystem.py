"""The checks of the reference server of files, over stdio: it lists, reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

import pytest

from compatibility.case import PATIENCE, Case
from compatibility.peers import children
from mcp_sync import MCPError
from mcp_sync.errors import MCPToolError

__all__ = ["CHECKS"]

TOOLS: Final = {
    "create_directory",
    "directory_tree",
    "edit_file",
    "get_file_info",
    "list_allowed_directories",
    "list_directory",
    "list_directory_with_sizes",
    "move_file",
    "read_file",
    "read_media_file",
    "read_multiple_files",
    "read_text_file",
    "search_files",
    "write_file",
}


def _call(case: Case, tool: str, **arguments: Any) -> str:
    return case.client.call_tool(tool, arguments, raise_on_error=True).text


def connect(case: Case) -> None:
    session = case.client.initialize()
    assert session.protocol_version == case.peer.speaks
    assert session.server_info.name == "secure-filesystem-server"
    assert session.instructions is None
    assert {*session.capabilities} == {"tools"}


def list_tools(case: Case) -> None:
    tools = {tool.name: tool for tool in case.client.list_tools()}
    assert {*tools} == TOOLS
    read, write = tools["read_text_file"].annotations, tools["write_file"].annotations
    assert read is not None
    assert write is not None
    assert (read.read_only_hint, write.read_only_hint) == (True, False)


def call_text(case: Case) -> None:
    written = case.directory / "written.txt"
    text = "line one\nΩmega 世界\n"
    _call(case, "write_file", path=str(written), content=text)
    assert written.read_text(encoding="utf-8") == text
    assert _call(case, "read_text_file", path=str(written)) == text
    assert _call(case, "read_text_file", path=str(written), head=1) == "line one"
    assert "[FILE] written.txt" in _call(case, "list_directory", path=str(case.directory))
    edits = [{"oldText": "line one", "newText": "line 1"}]
    _call(case, "edit_file", path=str(written), edits=edits)
    moved = case.directory / "new" / "moved.txt"
    _call(case, "create_directory", path=str(moved.parent))
    _call(case, "move_file", source=str(written), destination=str(moved))
    assert moved.read_text(encoding="utf-8").startswith("line 1\n")
    found = _call(case, "search_files", path=str(case.directory), pattern="**/*.txt")
    assert str(moved) in found


def call_structured(case: Case) -> None:
    (case.directory / "note.txt").write_text("structured", encoding="utf-8")
    path = str(case.directory / "note.txt")
    result = case.client.call_tool("read_text_file", {"path": path})
    assert result.data == {"content": "structured"}


def call_error(case: Case) -> None:
    result = case.client.call_tool("read_text_file", {"path": "/etc/passwd"})
    assert result.is_error
    assert "Access denied" in result.text
    with pytest.raises(MCPToolError, match="Access denied"):
        result.raise_for_error()


def unknown_tool(case: Case) -> None:
    result = case.client.call_tool("nothing")
    assert result.is_error
    assert "Tool nothing not found" in result.text


def wrong_arguments(case: Case) -> None:
    with pytest.raises((MCPError, ValueError), match="path"):
        case.client.call_tool("read_text_file", {"path": 7}, validate_arguments=True)


def roots(case: Case) -> None:
    other = case.directory / "other"
    other.mkdir()
    (other / "here.txt").write_text("here", encoding="utf-8")
    case.roots = [Path(other)]
    with case.make_client() as client:
        # It asks for them by itself after the handshake; until then it keeps to its argument.
        assert client.wait_until_ready(PATIENCE)
        _until_allowed(client, str(other))
        inside = client.call_tool("list_directory", {"path": str(other)}, raise_on_error=True)
        assert inside.text == "[FILE] here.txt"
        outside = client.call_tool("list_directory", {"path": str(case.directory)})
    assert outside.is_error


def _until_allowed(client: Any, directory: str) -> None:
    for _ in range(100):
        text = client.call_tool("list_allowed_directories").text
        if text.splitlines()[1:] == [directory]:
            return
    pytest.fail(f"the roots did not arrive: {text}")


def concurrent(case: Case) -> None:
    paths = [str(case.directory / f"file {number}") for number in range(50)]
    for path in paths:
        Path(path).write_text(path, encoding="utf-8")
    with ThreadPoolExecutor(8) as threads:
        calls = list(
            threads.map(
                lambda path: case.client.submit_tool("read_text_file", {"path": path}), paths
            )
        )
    _, left = wait(calls, timeout=PATIENCE)
    assert not left
    assert [call.result().text for call in calls] == paths


def ping(case: Case) -> None:
    assert 0 < case.client.ping() < PATIENCE


def reconnect(case: Case) -> None:
    path = case.directory / "after.txt"
    path.write_text("after", encoding="utf-8")
    (before,) = children(case.running.settings["stdio"])
    case.running.kill_and_restart()
    call = case.client.submit_tool("read_text_file", {"path": str(path)}, idempotent=True)
    wait([call], timeout=PATIENCE)
    assert call.result(0).text == "after"
    (after,) = children(case.running.settings["stdio"])
    assert after != before


CHECKS: Final[Mapping[str, Callable[[Case], None]]] = {
    check.__name__: check
    for check in (
        connect,
        list_tools,
        call_text,
        call_structured,
        call_error,
        unknown_tool,
        wrong_arguments,
        roots,
        concurrent,
        ping,
        reconnect,
    )
}
"""The checks of this server, by feature."""
