"""Whatever an imported server does with a write: one POST leaves, and we say only what is proved about it."""

import socket
import time
from pathlib import Path

import pytest

from agents.mcp.client import DefinitionChanged, NotExecuted, OutcomeUnknown
from supportagent.grants.server import Outcome
from tests.mcp import faulty_desk
from tests.mcp.bank import Bank
from tests.mcp.conftest import call, server_row, tool_row

UNKNOWN = [
    "closed_before",
    "closed_after",
    "cut_sse",
    "cut_sse_resumable",
    "truncated",
    "bad_gateway",
    "bad_gateway_before",
    "accepted",
    "not_found",
    "unauthorized",
    "garbage",
    "wrong_id",
    "wrong_id_sse",
    "id_null",
    "empty_object",
    "result_empty",
    "no_result",
    "is_error",
    "is_error_before",
    "rpc_error",
    "rpc_error_after",
    "bad_structured",
    "redirect",
    "redirect_away",
    "oversize",
    "deep",
    "duplicate_keys",
    "endless_flood",
    "gzip",
    "input_required",
]
SUCCESS = ["ok", "sse", "progress_flood", "rich", "nothing_done", "other_done"]


@pytest.mark.parametrize("mode", UNKNOWN)
def test_the_outcome_is_unknown_and_the_call_was_sent_once(bank: Bank, mode: str) -> None:
    bank.fault(mode)
    with pytest.raises(OutcomeUnknown) as caught:
        call(tool_row(server_row(url=bank.url)))
    assert len(bank.posts()) == 1
    assert len(bank.effects()) == int(faulty_desk.MODES[mode])
    assert not bank.lines("get"), "a lost stream was asked for again"
    assert not caught.value.late


@pytest.mark.parametrize("mode", SUCCESS)
def test_an_answer_is_a_success(bank: Bank, mode: str) -> None:
    bank.fault(mode)
    outcome = call(tool_row(server_row(url=bank.url)))
    assert outcome.ok
    assert outcome.data["amount_minor"] == 500
    assert len(bank.posts()) == 1


@pytest.mark.parametrize(
    "mode",
    ["closed_before", "closed_after", "cut_sse_resumable", "wrong_id_sse", "id_null", "redirect", "result_empty"],
)
def test_the_older_protocol_makes_no_difference(old_bank: Bank, mode: str) -> None:
    old_bank.fault(mode)
    with pytest.raises(OutcomeUnknown):
        call(tool_row(server_row(url=old_bank.url)))
    assert len(old_bank.posts()) == 1
    assert not old_bank.lines("get")
    old_bank.fault("ok")
    assert call(tool_row(server_row(url=old_bank.url)), key="another").ok


@pytest.mark.parametrize("mode", ["hang", "hang_before", "drip"])
def test_a_server_that_does_not_answer_in_time_leaves_the_outcome_unknown(bank: Bank, mode: str) -> None:
    bank.fault(mode)
    with pytest.raises(OutcomeUnknown, match=r"no answer within 0\.5 s") as caught:
        call(tool_row(server_row(url=bank.url), timeout_seconds=0.5))
    assert caught.value.late, "an answer may still come"
    assert len(bank.posts()) == 1


def test_a_late_answer_is_handed_over_with_the_key_of_the_call(
    bank: Bank, late_answers: list[tuple[str, Outcome]]
) -> None:
    bank.fault("slow", delay=0.8)
    with pytest.raises(OutcomeUnknown):
        call(tool_row(server_row(url=bank.url), timeout_seconds=0.5), key="call-7.1")
    assert bank.effects() == []
    (key, outcome) = bank.wait_for(lambda: late_answers)[0]
    assert (key, outcome.ok, outcome.data["amount_minor"]) == ("call-7.1", True, 500)
    assert len(bank.posts()) == len(bank.effects()) == 1


def test_an_answer_after_the_deadline_is_not_heard(bank: Bank, late_answers: list[tuple[str, Outcome]]) -> None:
    bank.fault("slow", delay=1.8)
    with pytest.raises(OutcomeUnknown):
        call(tool_row(server_row(url=bank.url), timeout_seconds=0.5))
    bank.wait_for(bank.effects)
    bank.fault("ok")
    call(tool_row(server_row(url=bank.url)), key="another")
    assert late_answers == []


# -- what proves that nothing was done --------------------------------------------------------------------------------


def test_a_port_that_closes_between_listing_and_call_means_not_executed(bank: Bank) -> None:
    bank.fault("refused")
    with pytest.raises(NotExecuted, match="refused"):
        call(tool_row(server_row(url=bank.url)))
    assert bank.posts() == []


def test_a_server_that_is_not_there_means_not_executed(bank: Bank) -> None:
    bank.kill()
    with pytest.raises(NotExecuted, match="the connection was refused"):
        call(tool_row(server_row(url=bank.url)))


def test_a_name_that_does_not_resolve_means_not_executed(settings: object) -> None:
    with pytest.raises(NotExecuted, match="cannot be resolved"):
        call(tool_row(server_row(url="https://no-such-host.invalid/mcp")))


def test_a_certificate_that_nobody_vouches_for_means_not_executed(impostor: tuple[int, list[bytes]]) -> None:
    port, received = impostor
    with pytest.raises(NotExecuted, match="no secure connection"):
        call(tool_row(server_row(url=f"https://127.0.0.1:{port}/mcp")))
    assert received == []


def test_a_server_that_takes_no_connection_means_not_executed() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        held = [socket.socket() for _ in range(4)]
        for one in held:  # the queue of connections is full now
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        began = time.monotonic()
        with pytest.raises(NotExecuted):
            call(tool_row(server_row(url=f"http://127.0.0.1:{full.getsockname()[1]}/mcp"), timeout_seconds=0.5))
        assert time.monotonic() - began < 10
        for one in held:
            one.close()


@pytest.mark.parametrize("mode", ["list_hang", "list_bad_gateway", "list_loop", "list_huge"])
def test_a_listing_that_goes_wrong_means_that_nothing_was_sent(bank: Bank, mode: str) -> None:
    bank.fault(mode)
    with pytest.raises(NotExecuted):
        call(tool_row(server_row(url=bank.url), timeout_seconds=0.5))
    assert bank.posts() == []


@pytest.mark.parametrize(
    "mode", ["list_changed", "list_schema_changed", "list_gone", "list_duplicate", "list_invisible"]
)
@pytest.mark.django_db
def test_a_definition_that_changed_is_not_called(bank: Bank, mode: str) -> None:
    bank.fault(mode)
    with pytest.raises(DefinitionChanged):
        call(tool_row(server_row(url=bank.url), "issue_refund"))
    assert bank.posts() == []


def test_a_trusted_server_proves_with_a_parameter_error_that_nothing_was_done(bank: Bank) -> None:
    bank.fault("rpc_error")
    with pytest.raises(NotExecuted, match="amount is wrong"):
        call(tool_row(server_row(url=bank.url, trusted_for_errors=True)))


@pytest.mark.parametrize(
    "mode", ["rpc_error_after", "not_found", "unauthorized", "id_null", "closed_before", "garbage"]
)
def test_trust_covers_nothing_but_parameter_and_method_errors(bank: Bank, mode: str) -> None:
    bank.fault(mode)
    with pytest.raises(OutcomeUnknown):
        call(tool_row(server_row(url=bank.url, trusted_for_errors=True)))


def test_a_trusted_server_may_report_a_failure(bank: Bank) -> None:
    bank.fault("is_error_before")
    outcome = call(tool_row(server_row(url=bank.url, trusted_for_errors=True)))
    assert (outcome.ok, outcome.code) == (False, "tool_error")
    assert outcome.data["error"]["message"] == "The bank declined."


# -- keys and reads ---------------------------------------------------------------------------------------------------


def test_a_keyed_call_that_is_sent_again_moves_money_once(bank: Bank) -> None:
    bank.fault("closed_after", times=1)
    tool = tool_row(server_row(url=bank.url), "issue_refund")
    with pytest.raises(OutcomeUnknown):
        call(tool, key="call-1")
    assert call(tool, key="call-1").ok
    assert (len(bank.posts()), len(bank.effects())) == (2, 1)


def test_other_arguments_under_a_used_key_are_refused_by_the_server(bank: Bank) -> None:
    tool = tool_row(server_row(url=bank.url), "issue_refund")
    call(tool, key="call-1")
    with pytest.raises(OutcomeUnknown, match="other arguments"):
        call(tool, key="call-1", amount_minor=501)
    assert len(bank.effects()) == len(bank.lines("alarm")) == 1


def test_a_read_is_tried_again(bank: Bank) -> None:
    bank.fault("closed_before", times=2, tool="get_payment")
    outcome = call(tool_row(server_row(url=bank.url), "get_payment"))
    assert outcome.data["captured_minor"] == 8400
    assert len(bank.posts(tool="get_payment")) == 3


def test_a_read_is_given_up_after_three_tries_and_was_never_unknown(bank: Bank) -> None:
    bank.fault("garbage", tool="get_payment")
    with pytest.raises(NotExecuted, match="no_answer"):
        call(tool_row(server_row(url=bank.url), "get_payment"))
    assert len(bank.posts()) == 3


def test_a_read_keeps_one_deadline_however_often_it_is_tried(bank: Bank) -> None:
    bank.fault("hang_before", tool="get_payment")
    with pytest.raises(NotExecuted):
        call(tool_row(server_row(url=bank.url), "get_payment", timeout_seconds=0.5))
    assert len(bank.posts()) == 1


def test_a_read_that_fails_tells_the_model_why(bank: Bank) -> None:
    bank.fault("is_error_before", tool="get_payment")
    outcome = call(tool_row(server_row(url=bank.url), "get_payment"))
    assert (outcome.code, outcome.data["error"]["message"]) == ("tool_error", "The bank declined.")
    assert len(bank.posts()) == 1


def test_images_sounds_and_links_are_named_and_not_opened(bank: Bank) -> None:
    bank.fault("rich", tool="get_payment")
    data = call(tool_row(server_row(url=bank.url), "get_payment")).data
    assert data["text"] == "done\na note"
    assert data["not_shown"] == [
        "image (image/png, 8 characters of base64)",
        "audio (audio/wav, 8 characters of base64)",
        "link, not opened: file:///etc/passwd (accounts)",
        "link, not opened: http://169.254.169.254/latest (metadata)",
    ]


def test_environment_proxies_are_not_used(bank: Bank, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Bank(tmp_path, "proxy") as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert call(tool_row(server_row(url=bank.url))).ok
        assert len(proxy.lines()) == 1, "only its own start"
