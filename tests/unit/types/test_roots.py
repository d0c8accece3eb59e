"""The directories and files that a client lets a server know of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcp_sync.errors import MCPConfigurationError, MCPProtocolError
from mcp_sync.types.roots import Root


def test_a_root_goes_out_as_its_uri_and_its_name() -> None:
    assert Root("file:///p").to_wire() == {"uri": "file:///p"}
    assert Root("file:///p", "P").to_wire() == {"uri": "file:///p", "name": "P"}
    assert Root("FILE:///p", meta={"a": 1}).to_wire() == {"uri": "FILE:///p", "_meta": {"a": 1}}


@pytest.mark.parametrize(
    "wire",
    [
        {"uri": "file:///p", "name": "P"},
        {"uri": "file:///p", "name": None, "newer": [1], "_meta": {}},
    ],
)
def test_a_root_survives_a_round_trip(wire: dict[str, Any]) -> None:
    assert Root.from_wire(wire).to_wire() == wire


@pytest.mark.parametrize("uri", ["https://example.org/p", "/p", "", "file:p", "xfile:///p", None])
def test_a_root_that_is_no_file_uri_is_refused(uri: Any) -> None:
    with pytest.raises(MCPConfigurationError, match="must begin with file://") as caught:
        Root(uri)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("uri", ["https://example.org/p", ""])
def test_a_root_from_the_wire_that_is_no_file_uri_breaks_the_protocol(uri: str) -> None:
    with pytest.raises(MCPProtocolError, match=r"roots\[0\]\.uri must begin with file://"):
        Root.from_wire({"uri": uri}, "roots[0]")


def test_a_root_without_a_uri_is_refused() -> None:
    with pytest.raises(MCPProtocolError, match="Root.uri is missing"):
        Root.from_wire({"name": "P"})


def test_a_root_of_a_path_has_the_absolute_uri(tmp_path: Path) -> None:
    base = tmp_path.resolve()
    assert Root.from_path(base / "a b" / "é%").uri == f"{base.as_uri()}/a%20b/%C3%A9%25"
    assert Root.from_path(str(base), "here") == Root(base.as_uri(), "here")
    assert Root.from_path(base / "a" / ".." / "b").uri == f"{base.as_uri()}/b"


def test_a_root_of_a_relative_path_starts_at_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Root.from_path("sub").uri == f"{tmp_path.resolve().as_uri()}/sub"
    assert Root.from_path(".").uri == tmp_path.resolve().as_uri()


def test_a_root_of_a_link_names_what_the_link_means(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    link = tmp_path / "link"
    link.symlink_to(target)
    assert Root.from_path(link).uri == target.resolve().as_uri()
