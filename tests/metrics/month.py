"""Thirty tickets, written row by row as the verbs would have left them, so that every figure can be counted by hand."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from agents.models import HumanBaseline, HumanRate, Run, Spend, ToolCall
from approvals.models import ApprovalDecision, ApprovalRequest
from supportagent.periods import Period
from supportagent.tickets.models import Draft, HandOver, Message, Rating, Ticket, Triage, TriageLabel, WorkPeriod
from supportagent.tools.models import Tool
from tests.world import World

NOW = datetime(2026, 3, 15, tzinfo=UTC)
FORTNIGHT = Period(datetime(2026, 3, 1, tzinfo=UTC), NOW)
END = datetime(2026, 3, 5, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@dataclass
class Month:
    """Writes the tickets. Conversation number i (from 0) that ended took i + 1 hours, and i + 1 minutes to answer."""

    world: World
    ended: int = 0
    found: list[Ticket] = field(default_factory=list)

    def ticket(self, *, at: datetime | None = END, words: str = "", **changes: Any) -> Ticket:
        """`words` are who spoke, in order: a(gent), p(erson), b(rief of a person for the agent)."""
        usual = {"customer": self.world.customer, "team": self.world.agent.team, "subject": "x"}
        usual |= {"category": "order_status", "state": "RESOLVED" if at else "OPEN", "resolved_at": at}
        ticket = Ticket.objects.create(number=f"M-{len(self.found)}", **{**usual, **changes})
        opened = END if at is None else at - (self.ended + 1) * HOUR
        Ticket.objects.filter(pk=ticket.pk).update(created_at=opened)
        kinds = {"a": ("AGENT", "It is on its way."), "p": ("PERSON", "I looked."), "b": ("NOTE", "Tell them.")}
        for seq, who in enumerate(words, 1):
            kind, body = kinds[who]
            note = Message.objects.create(
                ticket=ticket, seq=seq, kind=kind, body=body, author_type="x", for_agents=who == "b"
            )
            at_that = opened + (self.ended + 1) * MINUTE + (seq - 1) * timedelta(seconds=1)
            Message.objects.filter(pk=note.pk).update(created_at=at_that)
        self.found.append(ticket)
        return ticket

    def conversation(self, words: str, *charged: int, score: int | None = None, **changes: Any) -> Ticket:
        """One that ended in the fortnight, with an agent's attempts where there were any; 0 was released."""
        ticket = self.ticket(words=words, **changes)
        self.ended += 1
        self.run(ticket, *charged)
        if score is not None:
            Rating.objects.create(ticket=ticket, score=score)
        return ticket

    def run(self, ticket: Ticket, *charged: int) -> None:
        if not charged:
            return
        run = Run.objects.create(ticket=ticket, agent=self.world.agent, state="COMPLETED", turns=1, assurance="x")
        for micros in charged:
            self.charge(run, micros)

    def charge(self, run: Run, micros: int, *, kind: str = "model") -> None:
        state = "settled" if micros else "released"
        usual = {"turn": 1, "budget_ids": [], "reserved": 0, "price_id": "p", "expires_at": NOW, "kind": kind}
        Spend.objects.create(run=run, state=state, charged=micros, **usual)

    def hand_over(self, ticket: Ticket) -> None:
        HandOver.objects.create(ticket=ticket, reason_code="other", summary="x", created_by_type="x", closed_at=END)

    def worked(self, ticket: Ticket, seconds: int) -> None:
        usual = {"started_at": END, "seen_at": END, "ended_at": END, "seconds": seconds}
        WorkPeriod.objects.create(ticket=ticket, user=self.world.rosa, **usual)

    def draft(self, ticket: Ticket) -> None:
        """An agent's answer that Ana, who does not hold the ticket, changed and sent."""
        usual = {"body": "It is.", "sent_body": "I looked.", "kind": "draft", "state": "SENT", "decided_at": END + HOUR}
        Draft.objects.create(ticket=ticket, author=self.world.agent.service_user, decided_by=self.world.ana, **usual)

    def request(self, ticket: Ticket, state: str, minutes: int, *, edited: bool = False, **changes: Any) -> None:
        usual: dict[str, Any] = {"tier": "T1", "rule_name": "Refunds", "rule_version": 1, "definition_hash": "x"}
        usual |= {"arguments": "{}", "bound_arguments": "{}", "action_key": "x", "digest": "x", "title": "Refund"}
        usual |= {"call_id": uuid4(), "expires_at": NOW, "requested_by": self.world.agent.service_user}
        reason, decisions = changes.pop("reason", ""), changes.pop("decisions", 1)
        request = ApprovalRequest.objects.create(
            tool=Tool.objects.get(qualified_name="store__issue_refund"),
            ticket=ticket,
            state=state,
            decided_at=END,
            **{**usual, **changes},
        )
        ApprovalRequest.objects.filter(pk=request.pk).update(created_at=END - minutes * MINUTE)
        if edited:
            request.editors.add(self.world.rosa)
        for by in (self.world.ana, self.world.finance)[:decisions]:
            verdict = "reject" if state == "REJECTED" else "approve"
            ApprovalDecision.objects.create(
                request=request, verdict=verdict, decided_by=by, digest="x", reason_code=reason
            )


def write_month(world: World) -> None:
    """The thirty tickets. 26 conversations ended in the fortnight, agents worked on 22 of them."""
    HumanRate.objects.create(
        effective_from=datetime(2026, 1, 1, tzinfo=UTC), hourly_micros=36_000_000, decision_seconds=30
    )
    HumanBaseline.objects.create(category="", minutes=5)
    month = Month(world)
    # Ten by agents alone: the first was opened again, the last ended a day ago.
    alone = [month.conversation("a", 1000, score=score) for score in (5, 5, 4, 2, *[None] * 5)]
    alone.append(month.conversation("a", 1000, at=NOW - 24 * HOUR))
    # Five with help: two drafts that a person changed, one handed over and given back, two by what a person said.
    for score in (3, None):
        month.draft(month.conversation("p", 2000, 500, score=score))
    returned = month.conversation("apba", 2000, 500)
    month.hand_over(returned)
    month.worked(returned, 120)
    month.conversation("a", 2000, 500, score=5, outcome="with_help")
    month.conversation("p", 2000, 500, outcome="with_help")
    # Four that people ended.
    escalated = []
    for seconds, score in ((300, 2), (600, 4), (900, None), (1200, None)):
        escalated.append(month.conversation("ap", 1500, 0, score=score))
        month.hand_over(escalated[-1])
        month.worked(escalated[-1], seconds)
    # Three that nobody solved: two were handed over and not taken, one was closed as not resolved, without any answer.
    for _ in range(2):
        month.hand_over(month.conversation("a", 400))
    month.conversation("", 400, state="CLOSED", outcome="not_resolved")
    # Four by people alone.
    for score in (5, None, None, None):
        month.worked(month.conversation("p", score=score, category="payment"), 600)
    # Four more that are none of the 26: internal, merged into the first of those that people ended, the one that goes
    # on with the first of all, and one of the fortnight before.
    month.ticket(channel="internal")
    month.run(month.ticket(state="CLOSED", merged_into=escalated[0]), 700)
    again = month.ticket(at=None, reopens=alone[0])
    Ticket.objects.filter(pk=again.pk).update(created_at=END + 71 * HOUR)
    Rating.objects.create(ticket=(old := month.ticket(at=datetime(2026, 2, 20, tzinfo=UTC), words="a")), score=3)
    month.run(old, 999)
    assert len(month.found) == 30

    refund = Tool.objects.get(qualified_name="store__issue_refund")
    for ticket in alone[:2]:
        run = ticket.runs.get()
        call = {"turn": 1, "index": 0, "provider_call_id": "x", "name": "x", "sent_at": END, "price_micros": 250}
        ToolCall.objects.create(run=run, tool=refund, **call)
        month.charge(run, 250, kind="tool")
    # Seven requests were decided after 1 to 7 minutes, the eighth ended by itself.
    for minutes in (1, 2, 3):
        month.request(alone[1], "APPROVED", minutes)
    month.request(alone[1], "APPROVED", 4, tier="T3", decisions=2)
    month.request(alone[2], "APPROVED", 5, edited=True)
    month.request(alone[2], "REJECTED", 6, reason="policy", rule_name="Large refunds")
    month.request(alone[2], "REJECTED", 7, reason="evidence", rule_name="Large refunds")
    month.request(alone[3], "EXPIRED", 60, decisions=0)
    # Thirty labels: an agent sorted all of them as order status, six were about a payment.
    said = {"priority": "normal", "language": "en", "sentiment": "calm", "team": world.agent.team}
    for number, ticket in enumerate(month.found):
        sorted_as = Triage.objects.create(
            ticket=ticket, category="order_status", author=world.agent.service_user, confidence=90, threshold=60, **said
        )
        truth = "payment" if number < 6 else "order_status"
        TriageLabel.objects.create(triage=sorted_as, by=world.ana, category=truth, **said)
    Triage.objects.update(created_at=END)
