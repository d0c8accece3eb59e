"""What a notebook would show of a value, read as a browser reads it."""

from __future__ import annotations

from html.parser import HTMLParser

TAGS = frozenset(
    (
        *("audio", "br", "code", "div", "img", "pre", "span", "strong", "style"),
        *("table", "tbody", "td", "th", "thead", "tr"),
    )
)
VOID = frozenset({"br", "img"})
ATTRIBUTES = frozenset({"alt", "class", "controls", "src"})


class Shown(HTMLParser):
    """Reads HTML that must be static, closed and without anything that a server could smuggle in.

    Raises:
        AssertionError: a tag or an attribute is none of those that are known to be harmless, an
            address is no ``data:`` of a picture or a sound, or the nesting is broken.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []
        self._pieces: list[str] = []
        self.tags: list[str] = []
        self.sources: list[str] = []
        html.encode()  # no half of a surrogate pair
        self.feed(html)
        self.close()
        assert self._open == [], f"not closed: {self._open}"

    @property
    def text(self) -> str:
        """All that is to be read, without the style."""
        return "\n".join(self._pieces)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, (tag, name)
            if name == "src":
                assert (value or "").startswith(("data:image/", "data:audio/")), value
                self.sources.append(value or "")
        self.tags.append(tag)
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            assert "url(" not in data
            assert "@import" not in data
        else:
            self._pieces.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")
