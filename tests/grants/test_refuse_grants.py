"""Calls without a grant that covers exactly them, at both doors of every built-in server."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from supportagent.grants import receipts
from supportagent.grants.models import Receipt
from supportagent.grants.server import DomainServer, ServerTool
from supportagent.staff.models import User
from supportagent.store.models import Refund
from supportagent.tools.registry import get_server
from tests.grants.doors import Caller, every_tool, over_protocol, rows

REFUND = {"order_id": "ORD-1042", "amount_minor": 100, "currency": "EUR"}
TOOLS = [pytest.param(*pair, id=f"{pair[0].name}.{pair[1].name}") for pair in every_tool()]
Forge = Callable[[Caller, Any], str]


def tampered(token: str, **changes: Any) -> str:
    """The grant with another content under the old signature."""
    body, signature = token.split(".")
    content = {**json.loads(base64.urlsafe_b64decode(body)), **changes}
    forged = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return f"{base64.urlsafe_b64encode(forged).decode()}.{signature}"


def of_another_key(caller: Caller, settings: Any) -> str:
    ours, settings.GRANT_KEY = settings.GRANT_KEY, "somebody else's key"
    token = caller.grant("store", "issue_refund", REFUND)
    settings.GRANT_KEY = ours
    return token


def long_ago(caller: Caller, settings: Any) -> str:
    valid, settings.GRANT_SECONDS = settings.GRANT_SECONDS, -2
    token = caller.grant("store", "issue_refund", REFUND)
    settings.GRANT_SECONDS = valid
    return token


FORGED: dict[str, tuple[str, Forge]] = {
    "none": ("grant_missing", lambda *_: ""),
    "no grant at all": ("grant_malformed", lambda *_: "let me in"),
    "no text": ("grant_malformed", lambda *_: "ÿ.ÿ"),
    "without a signature": (
        "grant_signature",
        lambda caller, _: caller.grant("store", "issue_refund", REFUND).split(".")[0] + ".",
    ),
    "for more money": (
        "grant_for_other_arguments",
        lambda caller, _: caller.grant("store", "issue_refund", {**REFUND, "amount_minor": 1}),
    ),
    "for a float of the same size": (
        "grant_for_other_arguments",
        lambda caller, _: caller.grant("store", "issue_refund", {**REFUND, "amount_minor": 100.0}),
    ),
    "for another tool": (
        "grant_for_another_tool",
        lambda caller, _: caller.grant("store", "cancel_order", REFUND),
    ),
    "for another server": (
        "grant_for_another_tool",
        lambda caller, _: caller.grant("tickets", "issue_refund", REFUND),
    ),
    "signed with another key": ("grant_signature", of_another_key),
    "expired": ("grant_expired", long_ago),
    "with another customer written in": (
        "grant_signature",
        lambda caller, _: tampered(caller.grant("store", "issue_refund", REFUND), customer="CUS-1002"),
    ),
    "with a later expiry written in": (
        "grant_signature",
        lambda caller, settings: tampered(long_ago(caller, settings), expires_at=2**40),
    ),
    "with another key written in": (
        "grant_signature",
        lambda caller, _: tampered(caller.grant("store", "issue_refund", REFUND), key="call-9.9"),
    ),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_grant_that_does_not_cover_the_call_is_refused(caller: Caller, settings: Any, case: str) -> None:
    code, forge = FORGED[case]
    token = forge(caller, settings)
    before = rows()
    outcome = get_server("store").call("issue_refund", REFUND, grant_token=token)
    assert (outcome.ok, outcome.code) == (False, code)
    assert rows() == before


def test_the_protocol_refuses_every_one_of_them_too(committed_caller: Caller, settings: Any) -> None:
    calls = [("issue_refund", REFUND, forge(committed_caller, settings)) for _, forge in FORGED.values()]
    before = rows()
    results = over_protocol(get_server("store"), [*calls, ("issue_refund", REFUND, None)])
    codes = [result.structured_content["error"]["code"] for result in results]
    assert codes == [*(code for code, _ in FORGED.values()), "grant_missing"]
    assert all(result.is_error for result in results)
    assert rows() == before


@pytest.mark.parametrize(("server", "tool"), TOOLS)
def test_no_tool_answers_without_a_grant(caller: Caller, server: DomainServer, tool: ServerTool) -> None:
    arguments = caller.good(server.name, tool)
    before = rows()
    assert server.call(tool.name, arguments, grant_token="").code == "grant_missing"
    assert rows() == before


@pytest.mark.parametrize(("server", "tool"), [param for param in TOOLS if param.values[1].bound])
def test_what_the_host_bound_cannot_be_changed_after_it_signed(
    caller: Caller, server: DomainServer, tool: ServerTool
) -> None:
    arguments = caller.good(server.name, tool)
    token = caller.grant(server.name, tool.name, arguments)
    before = rows()
    for name in tool.bound:
        outcome = server.call(tool.name, {**arguments, name: "T-9999"}, grant_token=token)
        assert outcome.code == "grant_for_other_arguments"
    assert rows() == before


def test_a_grant_says_who_asks_and_never_that_they_may(caller: Caller) -> None:
    server, before = get_server("store"), rows()
    assert caller.call(server, "issue_refund", REFUND, actor=caller.other.pk).code == "permission_denied"
    assert caller.call(server, "issue_refund", REFUND, actor=10**9).code == "permission_denied"
    assert caller.call(server, "issue_refund", REFUND, customer="").code == "identity_required"
    assert caller.call(server, "issue_refund", REFUND, customer="CUS-1002").code == "not_found"
    assert rows() == before
    User.objects.filter(pk=caller.actor.pk).update(is_active=False)
    assert caller.call(server, "issue_refund", REFUND).code == "permission_denied"


def test_a_closed_key_stops_a_call_that_arrives_late(caller: Caller) -> None:
    receipts.close("late.1")
    outcome = caller.call(get_server("store"), "issue_refund", REFUND, key="late.1")
    assert (outcome.ok, outcome.code) == (False, "key_closed")
    assert not Refund.objects.exists()


def test_a_key_is_used_once_and_gives_its_result_again(caller: Caller) -> None:
    server = get_server("store")
    token = caller.grant("store", "issue_refund", REFUND, key="once.1")
    first, second = (server.call("issue_refund", REFUND, grant_token=token) for _ in range(2))
    assert first == second
    assert first.ok
    assert Refund.objects.count() == Receipt.objects.count() == 1


def test_a_key_with_other_arguments_is_an_alarm_and_moves_nothing(caller: Caller) -> None:
    server = get_server("store")
    assert caller.call(server, "issue_refund", REFUND, key="once.1").ok
    with pytest.raises(receipts.KeyReused):
        caller.call(server, "issue_refund", {**REFUND, "amount_minor": 200}, key="once.1")
    assert Refund.objects.count() == 1


def test_only_the_exact_name_of_a_tool_is_known(caller: Caller) -> None:
    server = get_server("store")
    for name in ("Issue_Refund", "issue_refund ", "store__issue_refund", "issue_refսnd", "__init__", "call"):
        assert server.call(name, REFUND, grant_token=caller.grant("store", name, REFUND)).code == "unknown_tool"
