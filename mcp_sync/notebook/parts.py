"""The parts of what a notebook shows: text made safe, marks, tables, cards and their style."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

__all__ = [
    "STYLE",
    "block",
    "card",
    "code",
    "count",
    "facts",
    "faint",
    "framed",
    "joined",
    "json_block",
    "mark",
    "milliseconds",
    "moment",
    "safe",
    "share",
    "table",
    "visible",
]

_MOST_CHARACTERS: Final = 5_000

# The class is named thrice where it meets rules of JupyterLab, which would win over one.
STYLE: Final = """<style>
.mcp-sync{--ms-ink:#1f2328;--ms-paper:#ffffff;--ms-line:#d0d7de;--ms-faint:#59636e;
--ms-good:#1a7f37;--ms-warn:#9a6700;--ms-bad:#cf222e}
@media (prefers-color-scheme:dark){.mcp-sync{--ms-ink:#e6edf3;--ms-paper:#15191f;
--ms-line:#3d444d;--ms-faint:#9198a1;--ms-good:#3fb950;--ms-warn:#d29922;--ms-bad:#f85149}}
.mcp-sync{color:var(--jp-content-font-color1,var(--vscode-editor-foreground,
var(--color-foreground-primary,var(--ms-ink))));
background:var(--jp-layout-color1,var(--vscode-editor-background,
var(--color-background-primary,var(--ms-paper))));
border:1px solid var(--jp-border-color2,var(--color-background-border,var(--ms-line)));
border-radius:4px;padding:.5em .75em;font-size:.9em;line-height:1.4;overflow-x:auto}
.mcp-sync .ms-faint{color:var(--jp-content-font-color2,var(--color-foreground-secondary,
var(--ms-faint)))}
.mcp-sync .ms-good{color:var(--jp-success-color1,var(--ms-good))}
.mcp-sync .ms-warn{color:var(--jp-warn-color1,var(--ms-warn))}
.mcp-sync .ms-bad{color:var(--jp-error-color1,var(--ms-bad))}
& table{border-collapse:collapse;margin:.4em 0 0;color:inherit;background:transparent;border:0}
& tr{background:transparent;color:inherit}
& th,& td{text-align:left;vertical-align:top;padding:.15em .8em .15em 0;
border:0;white-space:normal;max-width:none;color:inherit;background:transparent}
& th{font-weight:600;white-space:nowrap}
& pre,& code{color:inherit;background:transparent;border:0;padding:0;
font-family:var(--jp-code-font-family,ui-monospace,monospace);font-size:.95em}
& pre{margin:.3em 0 0;white-space:pre-wrap;overflow-wrap:anywhere;max-height:30em;
overflow-y:auto}
& img{max-width:100%}
</style>""".replace("&", ".mcp-sync" * 3)
"""The style of every card: colours of the notebook where it has any, else light and dark."""

_MARKS: Final = {
    **dict.fromkeys(("initialized", "healthy", "ok", "completed", "operational"), "ms-good"),
    **dict.fromkeys(("connected", "connecting", "reconnecting", "degraded", "queued"), "ms-warn"),
    **dict.fromkeys(("failed", "offline", "unhealthy", "error"), "ms-bad"),
}

# What a browser or a terminal would act on instead of showing it: controls, marks that turn the
# direction of text (they make a name look like another), and halves of surrogate pairs.
_UNSEEN: Final = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (
        *(code for code in range(32) if chr(code) not in "\t\n"),
        *range(0x7F, 0xA0),
        *(0x200E, 0x200F, 0x2028, 0x2029),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),
    )
}


def visible(text: object, limit: int = _MOST_CHARACTERS) -> str:
    """Cut a text and show in it what a terminal or a browser would obey.

    Args:
        text: anything; its ``str`` is taken.
        limit: the most characters of it to keep.

    Returns:
        The text, control characters and marks of direction written as escapes, line feeds and
        tabs kept; cut with a note of how long it was.
    """
    whole = str(text).replace("\r\n", "\n")
    cut = whole[:limit].translate(_UNSEEN)
    return cut if len(whole) <= limit else f"{cut}… ({len(whole):,} characters)"


def safe(text: object, limit: int = 300) -> str:
    """Make HTML of a text: escaped, ``visible``, and cut after ``limit`` characters."""
    return html.escape(visible(text, limit))


def code(text: object) -> str:
    """Show a name or an address; never a link, since a server may name any address."""
    return f"<code>{safe(text)}</code>"


def faint(text: object) -> str:
    """Show a remark."""
    return f'<span class="ms-faint">{safe(text)}</span>'


def block(text: object) -> str:
    """Show a longer text with its line feeds."""
    return f"<pre>{safe(text, _MOST_CHARACTERS)}</pre>"


def json_block(value: Any) -> str:
    """Show any JSON, indented."""
    try:
        return block(json.dumps(value, indent=2, ensure_ascii=False, default=str))
    except RecursionError:
        return f"<div>{faint('nested too deeply to be shown')}</div>"


def mark(word: str) -> str:
    """Show a state or a verdict, with a dot whose colour repeats the word."""
    return f'<span class="{_MARKS.get(word, "ms-faint")}">&#9679;</span> {safe(word)}'


def framed(body: str) -> str:
    """Put HTML into the frame of a card, with the style."""
    return f'{STYLE}<div class="mcp-sync">{body}</div>'


def card(title: str, *heads: str, body: str = "") -> str:
    """Make a whole card: a title, HTML beside it, HTML below it."""
    head = " ".join([f"<strong>{safe(title)}</strong>", *heads])
    return framed(f"<div>{head}</div>{body}")


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Make a table of names and values; the values are HTML, and empty ones are left out."""
    lines = [f"<tr><th>{safe(name)}</th><td>{value}</td></tr>" for name, value in rows if value]
    return f"<table><tbody>{''.join(lines)}</tbody></table>" if lines else ""


def table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Make a table of columns with these names; the cells are HTML."""
    head = "".join(f"<th>{safe(name)}</th>" for name in names)
    lines = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def moment(seconds: float) -> str:
    """Say when, in local time, of seconds since the epoch."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def milliseconds(seconds: float | None) -> str:
    """Say how long; "" where it was not measured."""
    return "" if seconds is None else f"{seconds * 1000:.1f} ms"


def share(part: float | None) -> str:
    """Say a share in per cent; "" where there is none."""
    return "" if part is None else f"{part:.1%}"


def joined(**values: object) -> str:
    """Make one line of names and values; those that are "" are left out."""
    known = [f"{name.replace('_', ' ')} {value}" for name, value in values.items() if value != ""]
    return safe(", ".join(known))


def count(number: int, noun: str) -> str:
    """Say how many there are of something."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
