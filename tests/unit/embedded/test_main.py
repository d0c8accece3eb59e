from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mcp_sync.embedded import EmbeddedServer
from mcp_sync.embedded.__main__ import main


def test_a_taken_port_is_one_sentence_and_exit_code_2(capfd: pytest.CaptureFixture[str]) -> None:
    with EmbeddedServer() as taken:
        assert main(["--port", str(taken.port)]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"127.0.0.1:{taken.port}" in err
    assert "in use" in err


@pytest.mark.parametrize(
    "arguments", [["--port", "65536"], ["--processing-delay", "-1"], ["--ledger", __file__]]
)
def test_an_impossible_setting_is_one_sentence_and_exit_code_2(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--port", "0", *arguments]) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_a_wrong_command_line_is_exit_code_2(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["--port", "http"])
    assert exited.value.code == 2
    assert "--port" in capfd.readouterr().err


def test_without_websockets_the_import_names_the_command_that_installs_it(tmp_path: Path) -> None:
    script = "import sys; sys.modules['websockets'] = None; import mcp_sync.embedded"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert "pip install 'mcp_sync[embedded]'" in last
