"""The token of an imported server is in the environment and in one header, and nowhere else."""

import logging
from pathlib import Path
from typing import Any

import pytest

from agents.mcp.client import NotExecuted, OutcomeUnknown
from agents.mcp.endpoint import Endpoint
from tests.mcp.bank import Bank, StdioBank
from tests.mcp.conftest import TOKEN, call, server_row, tool_row

MODES = ["ok", "garbage", "closed_after", "rpc_error", "is_error", "bad_structured", "redirect", "hang", "echo_secret"]


@pytest.fixture
def every_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Every logger of every library, at its most talkative."""
    caplog.set_level(logging.DEBUG)
    for name in ("mcp", "httpx2", "httpcore2", "client", "agents"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


@pytest.mark.parametrize("mode", MODES)
def test_the_token_is_in_no_log_line_no_exception_and_no_result(
    bank: Bank, mode: str, monkeypatch: pytest.MonkeyPatch, every_log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MCP_BANK", TOKEN)
    bank.fault(mode)
    server = server_row(url=bank.url, credential="MCP_BANK")
    try:
        said = repr(call(tool_row(server, timeout_seconds=1)))
    except (NotExecuted, OutcomeUnknown) as error:
        said = f"{error!r} {vars(error)} {error.__cause__!r} {error.__context__!r}"
    assert len(bank.posts()) == 1
    assert TOKEN not in said
    assert TOKEN not in every_log.text
    if mode == "echo_secret":
        assert "[hidden]" in said
    assert TOKEN not in repr(Endpoint.of(server))


def test_the_token_is_sent_as_a_bearer_token(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_BANK", TOKEN)
    bank.fault("echo_secret")
    outcome = call(tool_row(server_row(url=bank.url, credential="MCP_BANK")))
    assert outcome.data["note"] == "Bearer [hidden]"


def test_the_token_can_stand_in_a_file(bank: Bank, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    monkeypatch.setenv("MCP_BANK_FILE", str(tmp_path / "token"))
    bank.fault("echo_secret")
    assert call(tool_row(server_row(url=bank.url, credential="MCP_BANK"))).data["note"] == "Bearer [hidden]"


@pytest.mark.parametrize("name", ["MCP_NOBODY", "SUPPORTAGENT_SECRET_KEY", "DATABASE_URL", "MCP_../etc"])
def test_a_reference_that_names_nothing_or_a_secret_of_ours_is_refused_before_anything_is_sent(
    bank: Bank, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPPORTAGENT_SECRET_KEY", TOKEN)
    with pytest.raises(NotExecuted, match="credential") as caught:
        call(tool_row(server_row(url=bank.url, credential=name)))
    assert TOKEN not in str(caught.value)
    assert bank.lines() == []


def test_a_token_that_would_break_a_header_is_refused(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_BANK", "a\r\nHost: elsewhere")
    with pytest.raises(NotExecuted, match="credential_refused"):
        call(tool_row(server_row(url=bank.url, credential="MCP_BANK")))


def test_a_process_sees_its_own_token_and_nothing_else_of_ours(
    stdio_bank: StdioBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SUPPORTAGENT_SECRET_KEY", "OPENAI_API_KEY", "DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "HOME"):
        monkeypatch.setenv(name, TOKEN)
    monkeypatch.setenv("MCP_BANK", TOKEN)
    server = server_row(transport="stdio", command=stdio_bank.command, credential="MCP_BANK")
    assert call(tool_row(server)).ok
    seen: list[Any] = stdio_bank.lines("start")[0]["environment"]
    assert set(seen) <= {"MCP_BANK", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ"}
