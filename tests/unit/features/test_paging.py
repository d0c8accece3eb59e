"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mcp_sync.errors import MCPConnectionLost, MCPProtocolError, MCPResponseError
from mcp_sync.features.paging import pages, whole_list


class Server:
    """Answers each fetch with the next of what it was given, and keeps the cursors."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str | None] = []

    def __call__(self, cursor: str | None) -> Mapping[str, Any]:
        self.asked.append(cursor)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Endless:
    """Has always another page, under another cursor."""

    fetched = 0

    def __call__(self, _cursor: str | None) -> Mapping[str, Any]:
        self.fetched += 1
        return {"tools": [{"name": "a"}], "nextCursor": str(self.fetched)}


def page(*names: str, **rest: Any) -> dict[str, Any]:
    return {"tools": [{"name": name} for name in names], **rest}


def names(entries: Any) -> list[str]:
    return [entry["name"] for entry in entries]


def invalid_cursor() -> MCPResponseError:
    return MCPResponseError(-32602, "invalid cursor", None, "tools/list")


def test_cursors_are_sent_back_as_they_came_until_none_comes() -> None:
    server = Server(
        page("a", nextCursor="{opaque}\n"), page(nextCursor="2"), page("b", nextCursor=None)
    )
    assert [names(entries) for entries in pages(server, "tools", "tools/list")] == [
        ["a"],
        [],
        ["b"],
    ]
    assert server.asked == [None, "{opaque}\n", "2"]


def test_a_page_is_fetched_when_it_is_asked_for() -> None:
    server = Server(page("a", nextCursor="2"), page("b"))
    following = pages(server, "tools", "tools/list")
    assert server.asked == []
    next(following)
    assert server.asked == [None]


def test_the_empty_string_is_a_cursor() -> None:
    server = Server(page("a", nextCursor=""), page("b"))
    assert names(whole_list(server, "tools", "tools/list")) == ["a", "b"]
    assert server.asked == [None, ""]


def test_the_empty_string_ends_the_list_where_the_caller_says_so() -> None:
    server = Server(page("a", nextCursor=""))
    assert names(whole_list(server, "tools", "tools/list", empty_cursor_ends=lambda: True)) == ["a"]


def test_a_cursor_that_comes_again_is_a_fault_after_its_page_was_given() -> None:
    server = Server(*(page("a", nextCursor=cursor) for cursor in "xyx"))
    following = pages(server, "tools", "tools/list")
    assert [len(next(following)) for _ in range(3)] == [1, 1, 1]
    with pytest.raises(MCPProtocolError, match="tools/list: nextCursor came a second time"):
        next(following)
    assert server.asked == [None, "x", "y"]


def test_pages_without_end_are_a_fault_that_names_the_cap_and_the_way_out() -> None:
    server = Endless()
    with pytest.raises(MCPProtocolError, match=r"after 7 pages.*iterate and stop"):
        whole_list(server, "tools", "tools/list", most_pages=7)
    assert server.fetched == 7


def test_a_list_of_as_many_pages_as_are_allowed_is_whole() -> None:
    server = Server(page("a", nextCursor="2"), page("b"))
    assert names(whole_list(server, "tools", "tools/list", most_pages=2)) == ["a", "b"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({}, "must have an array tools"),
        ({"tools": {}}, "must have an array tools"),
        ([], "must have an array tools"),
        ({"tools": [{}, "a"]}, r"tools\[1\] must be an object"),
        ({"tools": [], "nextCursor": 3}, "nextCursor must be a string"),
        ({"tools": [], "nextCursor": {"a": 1}}, "nextCursor must be a string"),
    ],
)
def test_what_is_no_page_is_a_fault(answer: Any, message: str) -> None:
    with pytest.raises(MCPProtocolError, match=f"tools/list: .*{message}"):
        whole_list(Server(answer), "tools", "tools/list")


def test_a_whole_list_begins_once_more_when_its_cursor_became_invalid() -> None:
    server = Server(
        page("old", nextCursor="2"), invalid_cursor(), page("a", nextCursor="3"), page("b")
    )
    assert names(whole_list(server, "tools", "tools/list")) == ["a", "b"]
    assert server.asked == [None, "2", None, "3"]


def test_a_cursor_may_come_again_after_the_list_began_once_more() -> None:
    server = Server(page("a", nextCursor="2"), invalid_cursor(), page("a", nextCursor="2"), page())
    assert names(whole_list(server, "tools", "tools/list")) == ["a"]


def test_a_cursor_that_becomes_invalid_twice_is_the_server_s_error() -> None:
    server = Server(*[page(nextCursor="2"), invalid_cursor()] * 2)
    with pytest.raises(MCPResponseError, match="invalid cursor"):
        whole_list(server, "tools", "tools/list")


@pytest.mark.parametrize(
    "answers",
    [
        [invalid_cursor()],
        [page(nextCursor="2"), MCPResponseError(-32603, "broken", None, "tools/list")],
        [page(nextCursor="2"), MCPConnectionLost("cut", False)],
    ],
)
def test_another_error_goes_through_at_once(answers: list[Any]) -> None:
    server = Server(*answers)
    with pytest.raises(type(answers[-1])):
        whole_list(server, "tools", "tools/list")
    assert len(server.asked) == len(answers)


def test_the_lazy_pages_raise_an_invalid_cursor() -> None:
    following = pages(Server(page("a", nextCursor="2"), invalid_cursor()), "tools", "tools/list")
    next(following)
    with pytest.raises(MCPResponseError):
        next(following)
