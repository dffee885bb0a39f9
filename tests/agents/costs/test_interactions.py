"""One row per conversation follows what happened to it, and says what plain reading of the records says."""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.costs import budgets, interactions
from agents.models import Interaction, RollupMark, Run, Spend
from approvals import services as approvals
from approvals.errors import DecisionRefused
from approvals.models import ApprovalDecision, ApprovalRequest
from audit.models import AuditEntry
from supportagent.tickets import services as tickets
from supportagent.tickets.errors import TicketError
from supportagent.tickets.models import Customer, Draft, Message, Ticket, WorkPeriod
from tests.world import ASK_REFUND, DONE, HELD, READ_ORDER, World

HOUR = timedelta(hours=1)
ANSWER = [{"text": "It arrives tomorrow."}]
SAID = {"by_ai": "unassisted", "with_help": "assisted", "by_person": "escalated", "not_resolved": "abandoned"}
COLUMNS = [field.attname for field in Interaction._meta.concrete_fields if field.name != "computed_at"]


def row(ticket: Ticket) -> Interaction:
    return Interaction.objects.get(ticket=ticket)


def written() -> dict[int, tuple[Any, ...]]:
    return {each[0]: each for each in Interaction.objects.order_by("pk").values_list(*COLUMNS)}


def reading(now: datetime) -> dict[int, tuple[Any, ...]]:
    """The same rows, by reading one ticket after the other."""
    found = {}
    for ticket in Ticket.objects.filter(merged_into=None).exclude(channel="internal"):
        threads = [ticket]
        for each in threads:
            threads += each.merged.all()
        replies = [each for each in ticket.messages.order_by("seq") if each.kind in ("AGENT", "PERSON")]
        runs = [run for thread in threads for run in thread.runs.all()]
        of_agents = [
            r for r in ticket.runs.order_by("created_at", "pk") if r.agent and (r.state, r.turns) != ("CANCELLED", 0)
        ]
        spends = [spend for run in runs for spend in run.spends.all() if spend.kind == "model"]
        calls = [call for run in runs for call in run.tool_calls.all() if call.sent_at]
        tools = sorted({call.tool.qualified_name for call in calls if call.tool})
        periods = [period for thread in threads for period in thread.work_periods.all()]
        decided = [(d.request.ticket_id, d.decided_by_id, d.decided_at) for d in ApprovalDecision.objects.all()]
        decided += [
            (d.ticket_id, d.decided_by_id, d.decided_at)
            for d in Draft.objects.exclude(decided_by=None)
            if d.author.is_service
        ]
        mine = [
            (who, at)
            for where, who, at in decided
            if where in {thread.pk for thread in threads}
            and not any(
                p.ticket_id == where and p.user_id == who and p.started_at <= at and (p.ended_at or at) >= at
                for p in periods
            )
        ]
        end = ticket.resolved_at if ticket.state in ("RESOLVED", "CLOSED") else None
        again = sorted(each.created_at for each in ticket.reopened_as.all())
        reopened = again[0] if end and again and again[0] - end <= 72 * HOUR else None
        busy = any(r.state in Run.LIVE for r in runs) or any(p.ended_at is None for p in periods)
        busy = busy or any(spend.state == "reserved" for spend in spends)
        found[ticket.pk] = (
            ticket.pk,
            ticket.team_id,
            ticket.category,
            ticket.channel,
            ticket.language,
            of_agents[-1].agent_id if of_agents else None,
            of_agents[-1].configuration.get("agent") if of_agents else None,
            who_solved(ticket, bool(of_agents), replies) if end else "open",
            ticket.hand_overs.exists(),
            ticket.created_at,
            end,
            reopened,
            int((replies[0].created_at - ticket.created_at).total_seconds()) if replies else None,
            int((end - ticket.created_at).total_seconds()) if end else None,
            sum(spend.charged for spend in spends if spend.kind == "model"),
            sum(spend.charged for spend in spends if spend.kind == "tool"),
            sum(spend.state in ("settled", "forfeited") for spend in spends if spend.kind == "model"),
            len(calls),
            f" {' '.join(tools)} " if tools else "",
            sum(period.seconds for period in periods),
            len(mine),
            ticket.rating.score if hasattr(ticket, "rating") else None,
            bool(end) and now - end >= 96 * HOUR and not busy,
        )
    return found


def who_solved(ticket: Ticket, has_agent: bool, replies: list[Message]) -> str:
    if not has_agent:
        return "by_person"
    return SAID[ticket.outcome or tickets.suggested_outcome(ticket)]


def test_after_any_verbs_the_rows_are_those_of_a_rebuild_and_of_plain_reading(world: World) -> None:
    dice = random.Random(7)
    world.script({"turns": [{"calls": [READ_ORDER]}, {"calls": [ASK_REFUND]}, {"text": HELD}, {"text": DONE}]})
    people = [world.ana, world.rosa]
    customers = list(Customer.objects.order_by("pk"))

    def some() -> Ticket:
        return dice.choice(list(Ticket.objects.order_by("pk")))

    def answer() -> None:
        run = Run.objects.filter(state="QUEUED").first()
        if run is not None:
            world.advance(run.ticket)

    def decide() -> None:
        request = ApprovalRequest.objects.pending().first()
        if request is not None:
            approvals.approve(request=request, by=world.ana, shown_digest=request.digest)

    def draft() -> None:
        body = dice.choice(["Here it is.", "It is late."])
        agent = world.agent.service_user
        kept = tickets.save_draft(
            ticket=some(), body=body, actor=agent, kind=dice.choice(["proposed", "draft", "approve"])
        )
        dice.choice(
            [
                lambda: tickets.send_draft(draft=kept, by=dice.choice(people), body="Here it is."),
                lambda: tickets.approve_draft(draft=kept, by=world.ana),
                lambda: tickets.discard_draft(draft=kept, by=world.ana),
            ]
        )()

    def rate() -> None:
        ticket = some()
        tickets.rate(ticket=ticket, customer=ticket.customer, score=dice.randint(1, 5))

    def merge() -> None:
        one, other = some(), some()
        if one.pk != other.pk:
            tickets.merge(ticket=one, into=other, by=world.ana)

    verbs: list[Callable[[], Any]] = [
        lambda: world.write(customer=dice.choice(customers), channel=dice.choice(["widget", "email"])),
        lambda: world.write(customer=dice.choice(customers)),
        answer,
        answer,
        decide,
        draft,
        merge,
        lambda: tickets.take_over(ticket=some(), by=dice.choice(people)),
        lambda: tickets.post_reply(ticket=some(), body="Hello", actor=dice.choice(people), kind="PERSON"),
        lambda: tickets.hand_back(ticket=some(), by=dice.choice(people), brief="Go on"),
        lambda: tickets.hand_over(ticket=some(), reason_code="other", summary="No idea", actor=world.ana),
        lambda: tickets.close(ticket=some(), by=world.ana, outcome=dice.choice(list(SAID))),
        lambda: tickets.set_state(ticket=some(), state=dice.choice(["RESOLVED", "OPEN"]), actor=world.ana),
        rate,
        lambda: tickets.categorise(ticket=some(), category="payment", priority="low", actor=world.ana),
        interactions.refresh,
    ]
    world.write()
    for _ in range(90):
        with suppress(TicketError, DecisionRefused):
            dice.choice(verbs)()
    now = timezone.now()
    interactions.refresh(now)
    followed = written()
    assert followed == reading(now)
    assert len({each[COLUMNS.index("resolution")] for each in followed.values()}) >= 4, "the verbs reach what they test"
    Interaction.objects.update(model_micros=1, resolution="open", final=True)
    assert interactions.rebuild(now) == len(followed)
    assert written() == followed


def test_what_leaves_no_entry_is_found_and_what_is_settled_is_left_alone_until_something_happens(world: World) -> None:
    world.script(ANSWER)
    ticket = world.write()
    run = world.advance(ticket)
    interactions.refresh()
    assert row(ticket).model_calls == 1
    # The reaper charges an attempt whose worker is gone.
    spend = budgets.reserve(run=run, amount=500, price_id="p")
    Spend.objects.filter(pk=spend.pk).update(expires_at=timezone.now() - HOUR / 4)
    budgets.forfeit_expired()
    assert interactions.refresh() == 1
    assert (row(ticket).model_calls, Spend.objects.get(pk=spend.pk).state) == (2, "forfeited")
    Spend.objects.filter(pk=spend.pk).update(expires_at=timezone.now() - 3 * HOUR)
    # Somebody has it open before them: the beats are no deeds.
    tickets.take_over(ticket=ticket, by=world.rosa)
    interactions.refresh()
    WorkPeriod.objects.update(seconds=40)
    assert interactions.refresh() == 1
    assert row(ticket).human_seconds == 40
    tickets.close(ticket=ticket, by=world.rosa, outcome="by_person")
    now = timezone.now()
    interactions.refresh(now)
    assert not row(ticket).final
    # Once an hour what may still change is counted again, until the time for it is over.
    later = now + 97 * HOUR
    assert interactions.refresh(later) == 1
    assert row(ticket).final
    assert interactions.refresh(later + 2 * HOUR) == 0
    tickets.rate(ticket=ticket, customer=ticket.customer, score=4)
    assert interactions.refresh(later + 2 * HOUR) == 1
    assert row(ticket).score == 4


def test_a_batch_takes_as_many_statements_for_many_tickets_as_for_few(world: World) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            interactions.refresh()
        return len(captured)

    statements()
    world.write()
    few = statements()
    for number in range(12):
        world.write(customer=Customer.objects.create(reference=f"CUS-{number}"))
    assert statements() == few
    assert Interaction.objects.count() == 13


def test_entries_are_taken_once_and_a_call_takes_a_bounded_number_of_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        world.write(customer=Customer.objects.create(reference=f"CUS-{number}"))
    monkeypatch.setattr(interactions, "BATCH", 1)
    monkeypatch.setattr(interactions, "BATCHES", 2)
    written = [interactions.refresh() for _ in range(5)]
    assert max(written) <= 3 and Interaction.objects.count() == 4
    mark = RollupMark.objects.get()
    assert mark.position == AuditEntry.objects.latest("seq").seq
    # Another process has taken the entries between our look at the mark and our turn.
    world.write(body="And now?")
    entries = interactions._next_entries
    Interaction.objects.all().delete()

    def meanwhile(position: int) -> Any:
        found = entries(position)
        RollupMark.objects.update(position=found[1])
        return found

    monkeypatch.setattr(interactions, "_next_entries", meanwhile)
    assert interactions.refresh() == 0
