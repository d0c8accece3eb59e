"""The pytest fixtures, seen from a user's tests: each runs in a pytest of its own."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from house import PROJECT

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["mcp_sync.testing.fixtures"]\n'

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(pytester: pytest.Pytester, tests: str, *, conftest: str = CONFTEST) -> pytest.RunResult:
    pytester.makeconftest(conftest)
    pytester.makepyfile(tests)
    return pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", timeout=50)


def test_the_example_of_the_page_runs(pytester: pytest.Pytester) -> None:
    page = (PROJECT / "docs" / "testing.md").read_text(encoding="utf-8")
    conftest, tests = BLOCK.findall(page[page.index("## pytest fixtures") :])
    assert conftest == CONFTEST
    run(pytester, tests, conftest=conftest).assert_outcomes(passed=tests.count("def test_"))


def test_a_failing_test_of_a_user_fails_and_its_server_is_gone(pytester: pytest.Pytester) -> None:
    tests = """
        import socket, threading
        import pytest

        ports = []

        def test_the_client_is_connected(mcp_client, mcp_server, mcp_server_url, fault_proxy):
            assert mcp_client.is_initialized()
            assert mcp_client.config.server_url == mcp_server_url == mcp_server.url
            ports.extend([mcp_server.port, fault_proxy.port])
            raise RuntimeError("a fault of the user's")

        def test_nothing_is_left():
            running = [thread.name for thread in threading.enumerate() if thread.is_alive()]
            assert running == ["MainThread"]
            assert len(ports) == 2
            for port in ports:
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", port), 5)

        def test_the_next_test_has_a_server_of_its_own(mcp_server):
            assert mcp_server.ledger == []
    """
    result = run(pytester, tests)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*RuntimeError: a fault of the user's*"])


def test_the_settings_are_the_users_to_override(pytester: pytest.Pytester) -> None:
    tests = """
        import pytest

        @pytest.fixture
        def mcp_client_settings(mcp_client_settings):
            return {**mcp_client_settings, "request_timeout": 7}

        @pytest.fixture
        def mcp_server_settings(tmp_path):
            return {"ledger_path": tmp_path / "ledger"}

        def test_settings(mcp_client, tmp_path):
            assert mcp_client.config.request_timeout == 7
            assert mcp_client.config.reconnect_delay == 0.05
            mcp_client.request("tools/call", {"name": "echo", "arguments": {"text": "a"}})
            assert (tmp_path / "ledger").read_text()
    """
    run(pytester, tests).assert_outcomes(passed=1)


def test_every_fixture_is_listed_with_its_docstring(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    shown = pytester.runpytest_subprocess("--fixtures", timeout=50)
    from mcp_sync.testing import fixtures

    for name in fixtures.__all__:
        shown.stdout.fnmatch_lines([f"{name} -- *mcp_sync/testing/fixtures.py:*"])
    assert "no docstring available" not in str(shown.stdout)


def without_pytest(statement: str) -> subprocess.CompletedProcess[str]:
    program = f"import sys\nsys.modules['pytest'] = None\n{statement}\n"
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_without_pytest_the_fixtures_say_what_to_install() -> None:
    done = without_pytest("import mcp_sync.testing.fixtures")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        "ImportError: mcp_sync.testing.fixtures needs pytest: "
        "run pip install pytest 'mcp_sync[embedded]'"
    )


def test_the_rest_of_the_room_needs_no_pytest() -> None:
    done = without_pytest("from mcp_sync.testing import FaultProxy, RawPeer")
    assert done.returncode == 0, done.stderr
