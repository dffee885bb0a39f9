"""How imported servers do, the circuit that leaves a broken one alone, and the others that go on meanwhile."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.mcp import remote, watch
from agents.mcp.background import background
from agents.mcp.client import NotExecuted, OutcomeUnknown
from agents.models import ToolCall
from audit.context import Actor
from audit.models import AuditEntry
from supportagent.console.health import Unhealthy
from supportagent.metrics.collectors import exposition
from supportagent.staff.models import User
from supportagent.tools import health
from supportagent.tools.access import USE
from supportagent.tools.models import MCPServer, ServerHealth, ServerMinute, Tool, ToolGrant
from tests.mcp.bank import Bank
from tests.mcp.conftest import call, tool_row
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = {"text": "I looked into it."}


@pytest.fixture(autouse=True)
def quick_circuit(settings: Any) -> Iterator[None]:
    settings.MCP_CIRCUIT_FAILURES, settings.MCP_CIRCUIT_SECONDS, settings.MCP_CIRCUIT_LIMIT_SECONDS = 3, 60, 200
    watch._slots.clear()
    yield
    watch._slots.clear()


@pytest.fixture
def other_bank(tmp_path: Path) -> Iterator[Bank]:
    with Bank(tmp_path, "other", modern=True) as bank:
        yield bank


def saved(bank: Bank, name: str = "bank", tool: str = "get_payment", **fields: Any) -> Tool:
    """The tool of a server that is registered, reviewed and granted to the agent's role where there is one."""
    server, _ = MCPServer.objects.get_or_create(
        name=name, defaults={"title": name.title(), "transport": MCPServer.Transport.HTTP, "url": bank.url}
    )
    usual = {"tool_class": "read", "ownership": "nobody", "impact": "none"} if tool == "get_payment" else {}
    row = tool_row(server, tool, **{**usual, "enabled": True, "timeout_seconds": 1, **fields})
    row.save()
    for role in Group.objects.filter(name="Billing specialist"):
        right = Permission.objects.get(content_type__app_label="tools", codename=USE)
        ToolGrant.objects.create(group=role, permission=right, content_object=row)
    return row


def row_of(tool: Tool) -> ServerHealth:
    return ServerHealth.objects.get(pk=tool.server_id)


def refusal(tool: Tool, **changes: Any) -> str:
    """The code of a call that is certainly not executed."""
    with pytest.raises(NotExecuted) as refused:
        call(tool, **changes)
    return refused.value.code


def pause_is_over(tool: Tool) -> None:
    ServerHealth.objects.filter(pk=tool.server_id).update(retry_at=timezone.now() - timedelta(seconds=1))


def opened(bank: Bank, **fields: Any) -> Tool:
    """A tool whose server failed often enough."""
    tool = saved(bank, **fields)
    bank.kill()
    for _ in range(3):
        assert refusal(tool) == "unreachable"
    return tool


# -- what is counted -------------------------------------------------------------------------------------------------


def test_every_call_is_counted_with_its_time(bank: Bank) -> None:
    tool = saved(bank)
    for _ in range(3):
        assert call(tool).ok
    row, figures = row_of(tool), health.figures(tool.server_id, health.HOUR)
    assert (row.calls, row.failures, row.unknown, row.failures_in_a_row) == (3, 0, 0, 0)
    assert row.answered_at and row.failed_at is None and row.retry_at is None
    assert figures.calls == 3 and figures.p50 and figures.p95 and 0 < figures.p50 <= figures.p95


def test_several_workers_do_not_overwrite_what_others_count(bank: Bank) -> None:
    tool = saved(bank)

    def note(number: int) -> None:
        try:
            health.note(health.Admission(tool.server_id), seconds=0.02, problem="no answer" if number % 2 else "")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(note, range(40)))
    row, figures = row_of(tool), health.figures(tool.server_id, health.HOUR)
    assert (row.calls, row.failures, row.took_ms) == (40, 20, 800)
    assert (figures.calls, figures.failures, figures.p50) == (40, 20, 20.0)


def test_a_write_without_an_answer_is_a_failure_and_an_unknown_outcome(bank: Bank) -> None:
    tool = saved(bank, tool="refund_payment")
    bank.fault("closed_after", times=1)
    with pytest.raises(OutcomeUnknown):
        call(tool)
    row = row_of(tool)
    assert (row.failures, row.unknown, row.failures_in_a_row) == (1, 1, 1)
    assert "without an answer" in row.problem


def test_an_error_that_the_server_gives_is_no_failure_of_the_server(bank: Bank) -> None:
    tool = saved(bank, tool="refund_payment")
    bank.fault("rpc_error")
    for _ in range(4):
        with pytest.raises(OutcomeUnknown):
            call(tool)
    row = row_of(tool)
    assert (row.calls, row.failures, row.unknown, row.retry_at) == (4, 0, 4, None)
    tool.server.trusted_for_errors = True
    assert refusal(tool) == "rejected"
    assert row_of(tool).failures == 0


def test_the_words_of_a_failure_are_ours_and_hold_no_secret(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_BANK_TOKEN", "s3cret-token-of-the-bank")
    tool = saved(bank, tool="refund_payment")
    tool.server.credential = "MCP_BANK_TOKEN"
    bank.fault("garbage")
    with pytest.raises(OutcomeUnknown):
        call(tool)
    problem = row_of(tool).problem
    assert problem and "s3cret" not in problem and "nice day" not in problem


def test_calls_are_counted_outside_of_transactions_and_built_in_ones_not_at_all(
    settings: Any, tmp_path: Path, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, inside = build_world(settings, tmp_path), []
    saved(bank, timeout_seconds=5)
    note = health.note
    watching = lambda *args, **named: (inside.append(connection.in_atomic_block), note(*args, **named))  # noqa: E731
    monkeypatch.setattr(health, "note", watching)
    world.script([reads("store__get_order", order_id="ORD-1042"), reads("bank__get_payment"), TEXT])
    world.advance(world.write())
    assert inside == [False]
    assert list(ServerHealth.objects.values_list("server__name", "calls")) == [("bank", 1)]


def test_old_minutes_are_dropped(bank: Bank) -> None:
    tool = saved(bank)
    health.note(health.Admission(tool.server_id), seconds=1)
    assert health.prune() == 0
    ServerMinute.objects.update(minute=timezone.now() - timedelta(days=3))
    assert health.prune() == 1


# -- the circuit -----------------------------------------------------------------------------------------------------


def test_a_server_that_fails_so_often_in_a_row_is_not_called_any_more(bank: Bank) -> None:
    tool = opened(bank)
    bank.start()
    assert refusal(tool) == "circuit_open"
    write = saved(bank, tool="refund_payment")
    assert refusal(write) == "circuit_open"
    assert bank.posts() == [], "neither a read nor a write left"
    row = row_of(tool)
    assert (row.calls, row.failures) == (3, 3), "what was not sent is not counted"
    assert row.retry_at is not None and 50 < (row.retry_at - timezone.now()).total_seconds() <= 60


def test_an_answer_in_between_begins_the_count_anew(bank: Bank) -> None:
    tool = saved(bank)
    for _ in range(2):
        bank.kill()
        refusal(tool)
        refusal(tool)
        bank.start()
        assert call(tool).ok
    assert row_of(tool).retry_at is None and row_of(tool).failures == 4


def test_of_many_calls_after_the_pause_exactly_one_tries_and_its_answer_closes_the_circuit(bank: Bank) -> None:
    tool = opened(bank)
    bank.start()
    pause_is_over(tool)
    bank.fault("slow", times=1, tool="get_payment", delay=0.6)
    begin = threading.Barrier(6)

    def ask(_: int) -> str:
        begin.wait()
        try:
            return "ok" if call(tool).ok else "declined"
        except NotExecuted as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as workers:
        told = sorted(workers.map(ask, range(6)))
    assert told == ["circuit_open"] * 5 + ["ok"]
    assert len(bank.posts()) == 1
    assert (row_of(tool).retry_at, row_of(tool).openings) == (None, 0)
    assert call(tool).ok


def test_a_probe_that_fails_doubles_the_pause_up_to_the_limit(bank: Bank) -> None:
    tool, pauses = opened(bank), []
    for _ in range(3):
        pause_is_over(tool)
        assert refusal(tool) == "unreachable"
        assert refusal(tool) == "circuit_open"
        until = row_of(tool).retry_at
        assert until is not None
        pauses.append(round((until - timezone.now()).total_seconds(), -1))
    assert pauses == [120, 200, 200]


def test_a_probe_whose_worker_died_is_followed_by_another(bank: Bank) -> None:
    tool = opened(bank)
    bank.start()
    pause_is_over(tool)
    health.admit(tool.server_id, seconds=30)  # and nothing more is heard of it
    assert refusal(tool) == "circuit_open"
    pause_is_over(tool)
    assert call(tool).ok


def test_a_probe_that_we_refuse_ourselves_leaves_its_place_to_the_next_call(bank: Bank, settings: Any) -> None:
    tool = opened(bank)
    bank.start()
    pause_is_over(tool)
    settings.INTERNAL_HOSTS = []
    assert refusal(tool) == "refused"
    settings.INTERNAL_HOSTS = ["127.0.0.1"]
    assert call(tool).ok


def test_a_call_that_began_before_does_not_open_what_a_person_closed(bank: Bank) -> None:
    tool = opened(bank)
    pause_is_over(tool)
    probe = health.admit(tool.server_id, seconds=30)
    assert health.close(tool.server, actor=Actor.system("test"))
    health.note(probe, seconds=1, problem="no answer")
    assert row_of(tool).retry_at is None


def test_a_call_under_an_open_circuit_has_a_definite_outcome(settings: Any, tmp_path: Path, bank: Bank) -> None:
    world = build_world(settings, tmp_path)
    tool = opened(bank, timeout_seconds=1)
    world.script([reads(tool.qualified_name), TEXT])
    world.advance(world.write())
    found = ToolCall.objects.get(name=tool.qualified_name)
    assert (found.state, found.code) == (ToolCall.State.FAILED, "circuit_open")


# -- the others go on ------------------------------------------------------------------------------------------------


def reads(*names: str, **arguments: Any) -> dict[str, Any]:
    asked = {**(arguments or {"payment_id": "PAY-0001"}), "stated_reason": "to see what was paid"}
    return {"calls": [{"name": name, "arguments": asked} for name in names]}


def test_a_server_that_hangs_does_not_keep_the_same_run_from_another(
    settings: Any, tmp_path: Path, bank: Bank, other_bank: Bank
) -> None:
    world: World = build_world(settings, tmp_path)
    hanging, other = saved(bank), saved(other_bank, "other", timeout_seconds=5)
    bank.fault("hang_before", tool="get_payment")
    world.script([reads(hanging.qualified_name, other.qualified_name), TEXT])
    began = time.monotonic()
    world.advance(world.write())
    codes = dict(ToolCall.objects.values_list("name", "code"))
    assert codes == {hanging.qualified_name: "no_answer", other.qualified_name: ""}
    assert time.monotonic() - began < 6, "the timeout of the one, not more"


def test_a_server_that_hangs_holds_a_bounded_number_of_threads_and_tasks_and_others_answer_meanwhile(
    settings: Any, bank: Bank, other_bank: Bank
) -> None:
    settings.MCP_CALLS_PER_SERVER = 3
    hanging, other = saved(bank, timeout_seconds=3), saved(other_bank, "other", timeout_seconds=5)
    call(other)  # the loop and its helpers are there
    bank.fault("hang_before", tool="get_payment")
    threads = threading.active_count()

    def ask(_: int) -> str:
        try:
            call(hanging)
            return "answered"
        except NotExecuted as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as workers:
        asked = [workers.submit(ask, number) for number in range(8)]
        bank.wait_for(lambda: len(bank.posts()) == 3)
        began = time.monotonic()
        assert all(call(other).ok for _ in range(5))
        assert time.monotonic() - began < 2
        bank.wait_for(lambda: sum(one.done() for one in asked) >= 5)  # the others were told
        assert sum(one.done() for one in asked) == 5
        tasks = background.start(_tasks()).result(5)
        assert tasks <= 3 * 6 + 1, "three conversations of a few tasks each"
        helpers = 3  # each call that left has its address resolved by one
        assert threading.active_count() <= threads + 8 + helpers, "no thread beyond those that call"
        told = sorted(one.result() for one in asked)
    assert told == ["no_answer"] * 3 + ["server_busy"] * 5
    assert len(bank.posts()) == 3
    assert refusal(hanging) == "circuit_open", "three failures opened it: from now on nobody waits"


async def _tasks() -> int:
    return len(asyncio.all_tasks())


def test_planning_a_turn_asks_no_server(
    settings: Any, tmp_path: Path, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build_world(settings, tmp_path)
    tool = saved(bank)
    bank.kill()
    conversations: list[object] = []
    wait = remote._wait
    monkeypatch.setattr(remote, "_wait", lambda attempt, **named: (conversations.append(1), wait(attempt, **named))[1])
    world.script([TEXT])
    world.advance(world.write())
    assert conversations == [] and not ServerHealth.objects.filter(pk=tool.server_id).exists()


# -- what is shown ---------------------------------------------------------------------------------------------------


@pytest.fixture
def root(client: Client, settings: Any) -> Client:
    settings.SECOND_ADMIN = False
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_the_page_of_a_server_shows_its_health_and_closes_its_circuit_by_hand_audited(root: Client, bank: Bank) -> None:
    tool = opened(bank)
    page = reverse("admin:tools_mcpserver_change", args=[tool.server_id])
    shown = root.get(page).content.decode()
    for words in ("circuit open", "3 (100.0 %)", "the connection was refused", "Close the circuit now", "kill switch"):
        assert words in shown
    assert "circuit open" in root.get(reverse("admin:tools_mcpserver_changelist")).content.decode()
    closing = reverse("admin:mcpserver_close", args=[tool.server_id])
    assert root.get(closing).status_code == 405
    assert root.post(closing).status_code == 302
    assert row_of(tool).retry_at is None
    entry = AuditEntry.objects.get(action="tools.server.circuit_closed")
    assert (entry.actor_type, entry.actor_id) == ("user", str(User.objects.get(username="root").pk))
    assert entry.target_id == "bank"
    assert "Close the circuit now" not in root.get(page).content.decode()


def test_who_may_not_change_a_server_does_not_close_its_circuit(
    settings: Any, tmp_path: Path, bank: Bank, client: Client
) -> None:
    world = build_world(settings, tmp_path)
    tool = opened(bank)
    client.force_login(world.rosa)
    assert client.post(reverse("admin:mcpserver_close", args=[tool.server_id])).status_code == 403
    assert row_of(tool).retry_at is not None


def test_the_figures_of_prometheus_name_the_server_and_nothing_else(bank: Bank) -> None:
    opened(bank)
    text = exposition().decode()
    assert 'supportagent_mcp_calls_total{server="bank"} 3.0' in text
    assert 'supportagent_mcp_failures_total{server="bank"} 3.0' in text
    assert 'supportagent_mcp_circuit_open{server="bank"} 1.0' in text


def test_the_doctor_names_a_server_whose_circuit_is_open(bank: Bank) -> None:
    assert health.circuits() == "no circuit is open"
    tool = opened(bank)
    with pytest.raises(Unhealthy, match="bank"):
        health.circuits()
    MCPServer.objects.filter(pk=tool.server_id).update(enabled=False)
    assert health.circuits() == "no circuit is open", "nobody expects calls of a server that is switched off"
