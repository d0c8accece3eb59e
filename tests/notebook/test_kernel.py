"""A client in a notebook: shown, completed, interrupted, made again, and beside a running loop."""

from __future__ import annotations

import json

import pytest
from kernels import Kernel

from mcp_sync.embedded import ServerProcess
from peers_tools import tools_command
from shown import Shown

MAKE = f"client = MCPClient(stdio={tools_command('get-weather')!r}, protocol_version='2025-11-25')"
BEGIN = f"from mcp_sync import MCPClient\n{MAKE}\nclient.connect()\nNone"
SEEN = "print(client.call_tool('seen').text)"
LEFT = """
import os, threading
def left():
    sockets = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
               if os.path.exists(f"/proc/self/fd/{fd}")]
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("mcp-")]
    return threads, {name for name in sockets if name.startswith(("socket:", "pipe:"))}
def ended(threads):
    for thread in threads:
        thread.join(10)
    return not any(thread.is_alive() for thread in threads)
"""


def test_values_are_shown_as_html_and_as_one_line(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    for expression in (
        "display(client)",
        "client.list_tools()",
        "client.tools.echo(text='hello')",
        "client.get_connection_stats()",
        "client.health_check()",
    ):
        shown = kernel.run(expression).shown()
        assert set(shown) == {"text/html", "text/plain"}, expression
        assert "\n" not in shown["text/plain"]
        assert Shown(shown["text/html"]).text


def test_a_picture_is_shown_as_such(kernel: Kernel) -> None:
    kernel.run("from mcp_sync import ImageContent")
    shown = kernel.run("ImageContent('eA==', 'image/png')").shown()
    assert shown["image/png"].strip() == "eA=="
    shown = kernel.run("ImageContent('eA==', 'image/svg+xml')").shown()
    assert set(shown) == {"text/html", "text/plain"}


def test_tab_completes_tools_from_what_was_listed_and_asks_nothing(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    assert "echo" not in kernel.complete("client.tools.")
    kernel.run("client.list_tools()")
    before = json.loads(kernel.run(SEEN).printed())
    assert {"echo", "count", "wait", "seen"} <= set(kernel.complete("client.tools."))
    assert kernel.complete("client.tools.ec") == ["echo"]
    assert "get-weather" in kernel.complete("client.tools['")
    assert "text=" in kernel.complete("client.tools.echo(te")
    assert json.loads(kernel.run(SEEN).printed()) == [*before, "tools/call seen"]


def test_an_interrupt_withdraws_that_call_alone(kernel: Kernel) -> None:
    kernel.run(BEGIN + "\nother = client.submit_tool('wait', timeout=60)")
    cell = kernel.start("client.call_tool('wait', timeout=60, on_progress=lambda *_: print('in'))")
    kernel.wait_for(cell, "in\n")
    kernel.interrupt()
    assert kernel.finish(cell).error == "KeyboardInterrupt"
    seen = json.loads(kernel.run(SEEN).printed())
    waits = [line for line in seen if line == "tools/call wait"]
    cancelled = [line for line in seen if line.startswith("notifications/cancelled")]
    assert (len(waits), len(cancelled)) == (2, 1)
    said = kernel.run("print([call.call_id for call in client.pending_requests()], other.call_id)")
    listed, _, other = said.printed().rpartition(" ")
    assert listed == f"['{other.strip()}']"
    assert kernel.run("print(client.call_tool('echo', {'text': 'on'}).text)").printed() == "on\n"


def test_a_server_that_is_to_survive_an_interrupt_does(kernel: Kernel) -> None:
    kernel.run(
        "from mcp_sync import MCPClient\nfrom mcp_sync.embedded import ServerProcess\n"
        "server = ServerProcess(processing_delay=60, survive_interrupt=True); server.start()\n"
        "client = MCPClient(server.url); client.connect(); client.initialize()"
    )
    try:
        cell = kernel.start("print('in', flush=True)\nclient.call_tool('echo', {'text': 'never'})")
        kernel.wait_for(cell, "in\n")
        kernel.interrupt()
        assert kernel.finish(cell).error == "KeyboardInterrupt"
        kernel.run("assert client.ping() < 10")
        said = kernel.run(
            "print(client.pending_requests(), client.get_connection_stats().losses.count)"
        )
        assert said.printed() == "[] 0\n"
    finally:
        kernel.run("client.close(); server.kill()")


@pytest.mark.parametrize("look", ["", "display(client)", "client.list_tools()", "print(client)"])
def test_making_a_client_anew_leaves_nothing_of_the_old_one(kernel: Kernel, look: str) -> None:
    with ServerProcess() as server:
        make = f"client = MCPClient({server.url!r})\nclient.connect()\nclient.initialize()\n{look}"
        kernel.run(f"{LEFT}\nfrom mcp_sync import MCPClient\nbase, sockets = left()")
        kernel.run(make)
        kernel.run("threads, before = left()\nbefore -= sockets\nassert threads and before")
        kernel.run(make)
        kernel.run("assert ended(threads)\nnow, after = left()\nassert not after & before, after")
        kernel.run("assert {thread.name for thread in now} == {thread.name for thread in threads}")
        kernel.run("client.close()\nassert ended(now)")


@pytest.mark.parametrize("keeper", ["client", "client.call_tool('echo', timeout=-1)"])
def test_a_client_that_out_or_a_traceback_keeps_is_ended_by_close(
    kernel: Kernel, keeper: str
) -> None:
    with ServerProcess() as server:
        make = f"client = MCPClient({server.url!r})\nclient.connect()\nNone"
        kernel.run(f"{LEFT}\nfrom mcp_sync import MCPClient")
        kernel.run(make)
        kernel.run("threads, _ = left()")
        kernel.finish(kernel.start(keeper))
        kernel.run(make)
        kernel.run("assert all(thread.is_alive() for thread in threads)")
        kernel.run(
            "import gc\nfor one in gc.get_objects():\n"
            "    if isinstance(one, MCPClient): one.close()\n"
            "assert ended(left()[0])"
        )


def test_calls_need_no_loop_and_leave_the_running_one_alone(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    said = kernel.run(
        "import asyncio\n"
        "async def work():\n"
        "    loop = asyncio.get_running_loop()\n"
        "    before = len(asyncio.all_tasks())\n"
        "    text = client.call_tool('echo', {'text': 'inside'}).text\n"
        "    assert asyncio.get_running_loop() is loop\n"
        "    assert len(asyncio.all_tasks()) == before\n"
        "    await asyncio.sleep(0)\n"
        "    return text\n"
        "print(await work())\n"
        "beside = asyncio.to_thread(client.call_tool, 'echo', {'text': 'beside'})\n"
        "print((await beside).text)"
    )
    assert said.printed() == "inside\nbeside\n"


def test_a_bar_is_drawn_in_the_cell_that_calls(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    # The thread that hears of progress is of this cell; the bar must not be drawn here later.
    kernel.run("client.call_tool('count', {'steps': 1}, on_progress=print).text")
    ran = kernel.run("client.call_tool('count', {'steps': 4}, progress=True).text")
    assert "count: 100%" in ran.printed()
    assert "4/4" in ran.printed()
