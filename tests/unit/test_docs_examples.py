"""The examples of the pages, run as they stand: against a real server, in the order of the page.

The blocks of a page share one namespace, as in one session of an interpreter. A block of text that
follows one of Python is what it prints; ``…`` in it stands for anything. A comment of the page,
``<!-- server: killed -->`` or ``<!-- server: started -->``, does what the page tells the reader to
do there. ``tox -e docs`` writes what is printed into a page that shows something else.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import logging
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trustme

import mcp_sync
from house import PROJECT
from mcp_sync import BaseClient
from mcp_sync.embedded import ServerProcess
from mcp_sync.embedded.sample import copy_sample

ADDRESS = "ws://localhost:8765"
"""Where the pages say that the server is."""

PATIENCE = 10.0

RECORDING = "MCP_SYNC_RECORD" in os.environ
"""Whether a page is to be written anew instead of being held to what its examples print."""

STEP = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?"
    r"|^<!-- server: (?P<act>\w+) -->$",
    re.MULTILINE | re.DOTALL,
)

PAGES = {
    path.relative_to(PROJECT).as_posix(): path
    for path in [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
    if "```python\n" in path.read_text(encoding="utf-8")
}


EVENTFUL = [
    name for name, path in PAGES.items() if "\n<!-- server: " in path.read_text(encoding="utf-8")
]
"""Where the server is killed on the way."""


@attrs.frozen
class Session:
    """A reader who does what a page says."""

    server: ServerProcess
    names: dict[str, Any]

    def follow(self, page: str) -> str:
        """Do what the page says; the page with what was printed where it shows something else."""
        pieces, end = [], 0
        for step in STEP.finditer(page):
            if step["act"]:
                self.act(step["act"])
                continue
            # As many lines before it as in the page, so that a traceback tells the right one.
            before = "\n" * page[: step.start("code")].count("\n")
            printed = self.run(before + step["code"])
            if step["output"] is not None and not is_like(printed, step["output"]):
                pieces += [page[end : step.start("output")], printed]
                end = step.end("output")
        return "".join([*pieces, page[end:]])

    def run(self, code: str) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code.replace(ADDRESS, self.server.url), "page", "exec"), self.names)
        return printed.getvalue().replace(self.server.url, ADDRESS)

    def act(self, what: str) -> None:
        if what == "started":
            self.server.restart()
            return
        assert what == "killed"
        assert all(client.wait_until_ready(PATIENCE) for client in self.clients())
        noticed = [threading.Event() for _ in self.clients()]
        for client, event in zip(self.clients(), noticed, strict=True):
            client.once("disconnected", lambda _, event=event: event.set())
        self.server.kill()
        assert all(event.wait(PATIENCE) for event in noticed)

    def clients(self) -> list[BaseClient]:
        return [value for value in self.names.values() if isinstance(value, BaseClient)]

    def close(self) -> None:
        for client in self.clients():
            client.close()


def is_like(printed: str, shown: str) -> bool:
    pattern = ".*?".join(map(re.escape, shown.split("…")))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None


def hold(path: Path, session: Session) -> None:
    """Hold a page to what its examples print, or the other way round when recording."""
    page = path.read_text(encoding="utf-8")
    true = session.follow(page)
    if RECORDING and true != page:
        path.write_text(true, encoding="utf-8")
    else:
        assert page == true


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages take for there."""
    here = tmp_path_factory.mktemp("reader")
    shutil.copy(PROJECT / "docs" / "examples" / "notes_server.py", here)
    copy_sample(here)
    (here / "mcp.json").write_text(servers_file(), encoding="utf-8")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(here / "ca.pem"))
    mine = authority.issue_cert("me@example.org")
    mine.private_key_and_cert_chain_pem.write_to_path(str(here / "client.pem"))
    return here


def servers_file() -> str:
    """The file of servers that the page on standard MCP has its reader write."""
    page = PAGES["docs/standard-mcp.md"].read_text(encoding="utf-8")
    return page.partition("\nWith this in `mcp.json`")[2].split("```")[1].removeprefix("json\n")


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[ServerProcess]:
    with ServerProcess(working_directory=directory) as process:
        yield process


@pytest.fixture
def session(
    directory: Path, server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    monkeypatch.chdir(directory)
    session = Session(server, {"__name__": "__page__"})
    yield session
    session.close()


@pytest.fixture
def session_of_its_own(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.chdir(directory)
    with ServerProcess(working_directory=directory) as server:
        session = Session(server, {"__name__": "__page__"})
        yield session
        session.close()


@pytest.fixture(autouse=True)
def own_log_levels() -> Iterator[None]:
    logger = logging.getLogger("mcp_sync")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.mark.parametrize("page", [name for name in PAGES if name not in EVENTFUL])
def test_the_examples_of_a_page_run_and_print_what_it_shows(page: str, session: Session) -> None:
    hold(PAGES[page], session)


@pytest.mark.parametrize("page", EVENTFUL)
def test_the_examples_of_a_page_outlive_the_end_of_the_server(
    page: str, session_of_its_own: Session
) -> None:
    hold(PAGES[page], session_of_its_own)


PAGE = """Before.

```python
print("one", server_is)
```

```text
{}
```

Between.

```python
print("two")
print("three")
```

```text
tw…ee
```
"""


@pytest.mark.parametrize("shown", ["one ws://localhost:8765", "one …"])
def test_a_page_that_shows_what_is_printed_stays_as_it_is(shown: str, session: Session) -> None:
    session.names["server_is"] = session.server.url
    assert session.follow(PAGE.format(shown)) == PAGE.format(shown)


@pytest.mark.parametrize("shown", ["two", "one", "one …\nmore"])
def test_a_page_that_shows_something_else_is_made_true(shown: str, session: Session) -> None:
    session.names["server_is"] = session.server.url
    assert session.follow(PAGE.format(shown)) == PAGE.format("one ws://localhost:8765")


def test_a_page_is_written_anew_when_recording_alone(
    tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.md"
    path.write_text(PAGE.format("two"), encoding="utf-8")
    session.names["server_is"] = "there"
    for recording in (False, True):
        monkeypatch.setitem(globals(), "RECORDING", recording)
        with contextlib.nullcontext() if recording else pytest.raises(AssertionError):
            hold(path, session)
    assert path.read_text(encoding="utf-8") == PAGE.format("one there")
    written = path.stat().st_mtime_ns
    hold(path, session)
    assert path.stat().st_mtime_ns == written


def test_the_examples_in_the_docstring_of_the_package_run() -> None:
    outcome = doctest.testmod(mcp_sync)
    assert outcome.failed == 0
    assert outcome.attempted > 0


def test_a_block_that_fails_is_noticed(session: Session) -> None:
    with pytest.raises(ZeroDivisionError):
        session.follow("```python\n1 / 0\n```\n")
