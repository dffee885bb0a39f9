"""Calls to a server that is not ours: what is known is stored, what is not goes to a person, nothing happens twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from agents import abandoned, outcomes
from agents.lease import claim
from agents.loop.runner import AgentRunner
from agents.loop.transcript import UNKNOWN, Transcript
from agents.models import KillSwitch, Resolution, Run, Tally, ToolCall
from agents.providers.base import HostNote
from approvals.models import ApprovalRequest
from audit import verification
from audit.models import AuditEntry
from supportagent.grants.server import Outcome
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Ticket
from supportagent.tools.models import Tool
from tests.agents.imported import PAYMENT, import_bank, pay_back
from tests.broker import eventually
from tests.mcp.bank import Bank
from tests.world import World, build_world

CHECKING = "We are checking what became of your refund."
LONG_AGO = "2020-01-01T00:00:00Z"
LOOKED = "The bank's own list shows it."


@pytest.fixture
def bank(settings: Any, tmp_path: Path) -> Iterator[Bank]:
    settings.INTERNAL_HOSTS = ["127.0.0.1"]
    with Bank(tmp_path) as server:
        yield server


@pytest.fixture
def world(transactional_db: None, settings: Any, tmp_path: Path) -> World:
    """Committed, because late answers come on a thread of their own."""
    return build_world(settings, tmp_path)


def work(world: World, tool: Tool, *turns: dict[str, Any]) -> Run:
    """A message whose answer needs the tool; the run as its worker left it."""
    world.script([{"calls": [pay_back(tool)]}, *turns, {"text": CHECKING}])
    return world.advance(world.write("Please refund PAY-0001."))


def the_call() -> ToolCall:
    return ToolCall.objects.filter(tool__effect="WRITE").latest("created_at")


def counted() -> int:
    return sum(row.count for row in Tally.objects.filter(scope="agent"))


def notes_for_the_model(run: Run) -> str:
    transcript = Transcript(run)
    items = transcript.items(transcript.news())
    return "\n".join(item.text for item in items if isinstance(item, HostNote))


def test_a_plain_answer_is_a_success_and_one_effect(world: World, bank: Bank) -> None:
    tool = import_bank(bank, Tool.Repeat.OPAQUE)
    work(world, tool)
    assert the_call().state == ToolCall.State.SUCCEEDED
    assert len(bank.effects()) == 1
    assert the_call().deadline is not None


@pytest.mark.parametrize("mode", ["closed_before", "closed_after", "hang", "garbage", "is_error", "bad_gateway"])
def test_an_opaque_call_is_sent_once_and_its_outcome_left_to_a_person(world: World, bank: Bank, mode: str) -> None:
    tool = import_bank(bank, Tool.Repeat.OPAQUE, timeout_seconds=1 if mode == "hang" else 3)
    bank.fault(mode)
    run = work(world, tool)
    call = the_call()
    assert (call.state, call.attempt) == (ToolCall.State.OUTCOME_UNKNOWN, 1)
    assert len(bank.posts(tool=tool.name)) == 1
    assert run.state == Run.State.AWAITING_APPROVAL, "it waits for whoever finds out"
    assert world.replies(run.ticket) == [CHECKING]
    assert counted() == 1, "unknown counts as spent"
    assert AuditEntry.objects.filter(action="agents.tool_call.outcome_unknown", target_id=str(call.pk)).exists()
    assert verification.verify().findings == ()


def test_a_call_that_certainly_did_not_leave_has_failed(world: World, bank: Bank) -> None:
    tool = import_bank(bank, Tool.Repeat.OPAQUE)
    bank.fault("refused")
    work(world, tool)
    assert (the_call().state, the_call().code, the_call().attempt) == (ToolCall.State.FAILED, "unreachable", 1)
    assert bank.effects() == []
    assert counted() == 0


def test_a_keyed_call_is_sent_again_under_the_same_key_and_happens_once(world: World, bank: Bank) -> None:
    tool = import_bank(bank, Tool.Repeat.KEYED)
    bank.fault("closed_after", times=1)
    work(world, tool)
    call = the_call()
    assert (call.state, call.attempt) == (ToolCall.State.SUCCEEDED, 2)
    assert {post["key"] for post in bank.posts(tool=tool.name)} == {str(call.pk)}
    assert (len(bank.posts(tool=tool.name)), len(bank.effects())) == (2, 1)
    assert counted() == 1
    assert AuditEntry.objects.filter(action="agents.tool_call.repeated").count() == 1


def test_a_keyed_call_that_is_never_answered_ends_with_a_person(world: World, bank: Bank) -> None:
    tool = import_bank(bank, Tool.Repeat.KEYED)
    bank.fault("closed_after")
    work(world, tool)
    assert (the_call().state, the_call().attempt) == (ToolCall.State.OUTCOME_UNKNOWN, 3)
    assert len(bank.effects()) == 1


def test_a_kill_switch_stops_the_repetition_of_a_keyed_call(world: World, bank: Bank, settings: Any) -> None:
    tool = import_bank(bank, Tool.Repeat.KEYED)
    bank.fault("closed_after")
    world.script([{"calls": [pay_back(tool)]}, {"text": CHECKING}])
    ticket = world.write("Please refund PAY-0001.")
    run = ticket.runs.get()
    held = claim(run.pk)
    assert held is not None
    Run.objects.filter(pk=run.pk).update(state=Run.State.QUEUED)
    world.advance(ticket)
    call = the_call()
    ToolCall.objects.filter(pk=call.pk).update(state=ToolCall.State.SENDING, attempt=1)
    KillSwitch.objects.update(engaged=True)
    posts = len(bank.posts(tool=tool.name))
    Run.objects.filter(pk=run.pk).update(state=Run.State.QUEUED)
    world.advance(ticket)
    assert len(bank.posts(tool=tool.name)) == posts
    assert the_call().state == ToolCall.State.OUTCOME_UNKNOWN


@pytest.mark.parametrize(("mode", "state"), [("closed_after", "SUCCEEDED"), ("closed_before", "OUTCOME_UNKNOWN")])
def test_a_reconcilable_call_is_looked_up_before_a_person_is_asked(
    world: World, bank: Bank, mode: str, state: str
) -> None:
    tool = import_bank(bank, Tool.Repeat.RECONCILABLE)
    bank.fault(mode)
    work(world, tool)
    call = the_call()
    assert call.state == state
    assert call.reconciliation["before"]["refunded_minor"] == 0
    assert len(bank.posts(tool=tool.name)) == 1
    if state == "SUCCEEDED":
        assert (call.resolution.verdict, call.resolution.resolved_by) == ("happened", None)
        assert call.reconciliation["after"]["refunded_minor"] == 500


def test_a_record_that_stays_as_it_was_settles_the_call_when_no_answer_can_come_any_more(
    world: World, bank: Bank
) -> None:
    tool = import_bank(bank, Tool.Repeat.RECONCILABLE)
    bank.fault("closed_before")
    run = work(world, tool)
    assert outcomes.reconcile_open() == 0, "it was looked at a moment ago"
    look_now()
    assert outcomes.reconcile_open() == 0, "an answer may still come"
    look_now()
    ToolCall.objects.update(deadline=LONG_AGO)
    assert outcomes.reconcile_open() == 1
    call = the_call()
    assert (call.state, call.code) == (ToolCall.State.FAILED, "not_happened")
    assert call.resolution.verdict == Resolution.Verdict.NOT_HAPPENED
    assert counted() == 0
    run.refresh_from_db()
    assert run.state == Run.State.QUEUED, "the run hears of it"


def look_now() -> None:
    for call in ToolCall.objects.filter(state=ToolCall.State.OUTCOME_UNKNOWN):
        ToolCall.objects.filter(pk=call.pk).update(reconciliation=call.reconciliation | {"next": LONG_AGO})


def test_an_effect_that_shows_later_is_found_by_the_next_look(world: World, bank: Bank) -> None:
    tool = import_bank(bank, Tool.Repeat.RECONCILABLE, timeout_seconds=1)
    bank.fault("slow", delay=3.5)  # longer than anybody listens
    work(world, tool)
    assert the_call().state == ToolCall.State.OUTCOME_UNKNOWN
    eventually(bank.effects)
    look_now()
    eventually(lambda: outcomes.reconcile_open() or the_call().state == ToolCall.State.SUCCEEDED)
    assert the_call().state == ToolCall.State.SUCCEEDED


@pytest.mark.parametrize("mode", ["nothing_done", "other_done"])
def test_a_server_that_says_it_paid_and_did_not_or_paid_another_sum_is_not_believed(
    world: World, bank: Bank, mode: str
) -> None:
    tool = import_bank(bank, Tool.Repeat.RECONCILABLE)
    bank.fault(mode)
    work(world, tool)
    assert the_call().state == ToolCall.State.OUTCOME_UNKNOWN
    assert "the record does not show it" in the_call().reconciliation["error"]


def test_nothing_is_sent_when_the_record_before_it_cannot_be_read(world: World, bank: Bank) -> None:
    tool = import_bank(bank, Tool.Repeat.RECONCILABLE, facts_tool="")
    bank.fault("is_error", tool="get_payment")
    work(world, tool)
    assert the_call().code == "no_snapshot"
    assert bank.posts(tool=tool.name) == []


def test_a_late_answer_is_evidence_and_settles_the_call(world: World, bank: Bank) -> None:
    tool = import_bank(bank, Tool.Repeat.OPAQUE, timeout_seconds=1)
    bank.fault("slow", delay=1.5)
    run = work(world, tool)
    eventually(lambda: the_call().state == ToolCall.State.SUCCEEDED, within=20)
    assert AuditEntry.objects.filter(action="agents.tool_call.outcome_unknown").exists()
    call = the_call()
    assert call.reconciliation["late"]["ok"] is True
    assert call.result["amount_minor"] == 500
    assert call.resolution.evidence == "The server answered late that it was carried out."
    assert len(bank.effects()) == 1
    assert verification.verify().findings == ()
    assert "done. Result" in notes_for_the_model(Run.objects.get(pk=run.pk))


def test_a_late_answer_that_overtakes_the_worker_is_not_lost(world: World, bank: Bank) -> None:
    tool = import_bank(bank, Tool.Repeat.OPAQUE)
    bank.fault("closed_after")
    work(world, tool)
    call = the_call()
    ToolCall.objects.filter(pk=call.pk).update(state=ToolCall.State.SENDING, reconciliation={})
    outcomes.note_late(call.key, Outcome(ok=True, data={"refund_id": "RF-1"}))
    assert the_call().state == ToolCall.State.SENDING
    wake(call.run)
    world.advance(call.run.ticket)
    assert the_call().state == ToolCall.State.SUCCEEDED


def wake(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(state=Run.State.QUEUED)


def test_an_answer_that_contradicts_what_was_settled_is_an_alarm_and_the_truth(world: World, bank: Bank) -> None:
    tool = import_bank(bank, Tool.Repeat.OPAQUE, timeout_seconds=1)
    bank.fault("hang_before")
    work(world, tool)
    call = the_call()
    outcomes.resolve(call=call, by=world.ana, verdict="not_happened", evidence=LOOKED)
    assert counted() == 0
    outcomes.note_late(call.key, Outcome(ok=True, data={"refund_id": "RF-1"}))
    assert the_call().state == ToolCall.State.SUCCEEDED
    assert counted() == 1
    assert AuditEntry.objects.filter(action="agents.outcome.contradicted").exists()
    assert verification.verify().findings == ()


@pytest.mark.parametrize(
    ("tool_class", "state", "effects"),
    [("opaque", "OUTCOME_UNKNOWN", 1), ("keyed", "SUCCEEDED", 1), ("reconcilable", "SUCCEEDED", 1)],
)
def test_after_a_crash_in_the_middle_of_a_call_its_class_decides(
    world: World, bank: Bank, tool_class: str, state: str, effects: int
) -> None:
    tool = import_bank(bank, tool_class)
    bank.fault("closed_after", times=3)
    run = work(world, tool)
    call = the_call()
    Resolution.objects.all().delete()
    ToolCall.objects.filter(pk=call.pk).update(state=ToolCall.State.SENDING, attempt=1, result=None)
    wake(run)
    bank.fault("ok")
    posts = len(bank.posts(tool=tool.name))
    world.advance(run.ticket)
    assert the_call().state == state
    assert len(bank.effects()) == effects
    assert len(bank.posts(tool=tool.name)) == posts + (tool_class == "keyed")


def test_a_call_whose_run_a_person_ended_is_unknown_once_no_answer_can_come(world: World, bank: Bank) -> None:
    tool = import_bank(bank, Tool.Repeat.OPAQUE)
    bank.fault("closed_after")
    run = work(world, tool)
    ToolCall.objects.update(state=ToolCall.State.SENDING, sent_at=LONG_AGO)
    tickets.take_over(ticket=run.ticket, by=world.rosa)
    assert abandoned.settle_abandoned() == 0, "its answer may still come"
    ToolCall.objects.update(deadline=LONG_AGO)
    assert abandoned.settle_abandoned() == 1
    call = the_call()
    assert call.state == ToolCall.State.OUTCOME_UNKNOWN
    outcomes.resolve(call=call, by=world.ana, verdict="happened", evidence=LOOKED)
    assert run.ticket.messages.filter(kind="NOTE", body__contains="it was carried out").exists()
    assert verification.verify().findings == ()


@pytest.mark.parametrize(("verdict", "state"), [("happened", "SUCCEEDED"), ("not_happened", "FAILED")])
def test_a_person_settles_it_and_the_customer_hears_of_it(world: World, bank: Bank, verdict: str, state: str) -> None:
    tool = import_bank(bank, Tool.Repeat.OPAQUE)
    bank.fault("closed_after")
    run = work(world, tool, {"text": CHECKING}, {"text": "Now we know."})
    ticket = run.ticket
    outcomes.resolve(call=the_call(), by=world.ana, verdict=verdict, evidence=LOOKED)
    call = the_call()
    assert (call.state, call.resolution.resolved_by, call.resolution.evidence) == (state, world.ana, LOOKED)
    assert counted() == (verdict == "happened")
    assert ("done." if verdict == "happened" else "failed.") in notes_for_the_model(Run.objects.get(pk=run.pk))
    run = world.advance(ticket)
    assert run.state == Run.State.COMPLETED
    assert len(world.replies(ticket)) == 2
    entry = AuditEntry.objects.get(action="agents.outcome.resolved")
    assert entry.actor_id == str(world.ana.pk)


def test_the_model_is_told_that_nobody_knows_and_not_to_ask_again(world: World, bank: Bank) -> None:
    tool = import_bank(bank, Tool.Repeat.OPAQUE, needs_person=True)
    bank.fault("closed_after")
    run = work(world, tool, {"text": "I asked a colleague."}, {"text": CHECKING})
    world.approve(ApprovalRequest.objects.pending().get())
    run = world.advance(run.ticket)
    assert UNKNOWN in "\n".join(item.text for item in Transcript(run).items([]) if isinstance(item, HostNote))
    world.script([{"calls": [pay_back(tool)]}, {"text": CHECKING}])
    world.write("Is it there? PAY-0001")
    world.advance(run.ticket)
    assert the_call().code == "already_under_way"
    assert len(bank.effects()) == 1


def test_unknown_money_counts_as_paid_back(world: World, bank: Bank) -> None:
    tool = import_bank(bank, Tool.Repeat.OPAQUE, timeout_seconds=1)
    bank.fault("hang_before")
    world.script([{"calls": [pay_back(tool, 8000)]}, {"text": CHECKING}])
    world.advance(world.write("Please refund PAY-0001."))
    ToolCall.objects.update(effect_key="")  # as if the second were another kind of effect on the same payment
    bank.fault("ok")
    other = Ticket.objects.create(
        number="T-900001", customer=world.customer, team=Ticket.objects.get().team, subject="Again", last_seq=0
    )
    assert other.pk
    world.script([{"calls": [pay_back(tool, 500)]}, {"text": CHECKING}])
    world.write("Again PAY-0001.")
    run = Run.objects.latest("created_at")
    AgentRunner(run.pk).advance()
    assert the_call().code == "above_captured"


def test_only_who_may_settle_outcomes_of_his_teams_does_and_only_once(world: World, bank: Bank) -> None:
    tool = import_bank(bank, Tool.Repeat.OPAQUE)
    bank.fault("closed_after")
    work(world, tool)
    call = the_call()
    for person in (world.rosa, world.admin):
        with pytest.raises(PermissionDenied):
            outcomes.resolve(call=call, by=person, verdict="happened", evidence=LOOKED)
    with pytest.raises(outcomes.AlreadySettled, match="no such"):
        outcomes.resolve(call=call, by=world.piet, verdict="happened", evidence=LOOKED)
    for verdict, evidence in (("maybe", LOOKED), ("happened", "yes"), ("happened", " " * 50)):
        with pytest.raises(outcomes.EvidenceMissing):
            outcomes.resolve(call=call, by=world.ana, verdict=verdict, evidence=evidence)
    outcomes.resolve(call=call, by=world.ana, verdict="happened", evidence=LOOKED)
    with pytest.raises(outcomes.AlreadySettled, match="by Ana Ruiz"):
        outcomes.resolve(call=call, by=world.ana, verdict="not_happened", evidence=LOOKED)
    assert PAYMENT in call.bound_arguments
