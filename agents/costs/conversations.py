"""What a conversation came to, worked out from the rows that verbs wrote: one set of statements for many tickets.

docs/measures.md defines every figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum

from agents.costs.hours import COUNTED
from agents.models import Interaction, Run, Spend, ToolCall
from approvals.models import ApprovalDecision
from supportagent.staff.models import User
from supportagent.tickets.models import Draft, HandOver, Message, Ticket, WorkPeriod

Resolution = Interaction.Resolution
Outcome = Ticket.Outcome

SETTLING = timedelta(hours=72)  # in which a customer who comes back opens a conversation again
EXPECTED = timedelta(hours=96)  # after its end something may still happen to a conversation
_REPLIES = [Message.Kind.AGENT, Message.Kind.PERSON]
# What the one who ended it says, of a conversation on which an agent worked.
_SAID = {
    Outcome.BY_AI: Resolution.UNASSISTED,
    Outcome.WITH_HELP: Resolution.ASSISTED,
    Outcome.BY_PERSON: Resolution.ESCALATED,
    Outcome.NOT_RESOLVED: Resolution.ABANDONED,
}


@dataclass
class Work:
    """What was spent on the threads of one conversation."""

    model_micros: int = 0
    model_calls: int = 0
    tool_micros: int = 0
    tool_calls: int = 0
    tools: set[str] = field(default_factory=set)
    human_seconds: int = 0
    decisions: int = 0
    is_under_way: bool = False


def figures(pks: Sequence[int], now: datetime) -> list[Interaction]:
    """The rows of those of these tickets that are conversations, as of now; not saved."""
    found = list(_tickets(pks))
    roots = _threads([ticket.pk for ticket in found])
    work = _work(roots)
    last_runs = Run.objects.only("agent", "configuration").in_bulk([ticket.last_run for ticket in found])
    return [_row(ticket, work[ticket.pk], last_runs.get(ticket.last_run), now) for ticket in found]


def settled(at: datetime) -> Q:
    """Conversations that ended and can no longer be opened again at that moment, and those that were."""
    return Q(ended_at__lt=at - SETTLING) | Q(reopened_at__isnull=False)


def named(*tools: str) -> str:
    """Tools as a row names them: a part of this text that `named` gives for one of them is that one, and no other."""
    return f" {' '.join(tools)} " if tools else ""


def worked_on() -> QuerySet[Run]:
    """Runs of agents, without those that were cancelled before they did anything."""
    return Run.objects.of_agents().exclude(state=Run.State.CANCELLED, turns=0)


def _tickets(pks: Sequence[int]) -> Any:
    """Conversations with what decides how they ended; one statement."""
    here = OuterRef("pk")
    replies = Message.objects.filter(ticket=here, kind__in=_REPLIES).order_by("-seq")
    sent = Draft.objects.filter(ticket=here, state=Draft.State.SENT).order_by()
    runs = worked_on().filter(ticket=here).order_by("-created_at", "-pk")
    again = Ticket.objects.filter(reopens=here).order_by("created_at")
    return (
        Ticket.objects.filter(pk__in=pks, merged_into=None)
        .exclude(channel=Ticket.Channel.INTERNAL)
        .select_related("rating")
        .order_by("pk")
        .annotate(
            last_kind=Subquery(replies.values("kind")[:1]),
            last_body=Subquery(replies.values("body")[:1]),
            answered_at=Subquery(replies.order_by("seq").values("created_at")[:1]),
            person_spoke=Exists(Message.objects.filter(ticket=here, kind=Message.Kind.PERSON)),
            briefed=Exists(Message.objects.filter(ticket=here, for_agents=True)),
            handed=Exists(HandOver.objects.filter(ticket=here)),
            draft_sent=Exists(sent),
            agents_words=Exists(sent.filter(author__kind=User.Kind.SERVICE, sent_body=OuterRef("last_body"))),
            last_run=Subquery(runs.values("pk")[:1]),
            came_back_at=Subquery(again.values("created_at")[:1]),
        )
    )


def _threads(pks: Iterable[int]) -> dict[int, int]:
    """To which conversation a thread belongs: itself, or the one that it was merged into, however often."""
    roots = {pk: pk for pk in pks}
    merged = dict(roots)
    while merged:
        links = Ticket.objects.filter(merged_into__in=merged).order_by().values_list("pk", "merged_into")
        merged = {pk: roots[into] for pk, into in links if into is not None}
        roots |= merged
    return roots


def _work(roots: Mapping[int, int]) -> dict[int, Work]:
    """What was spent on each conversation, that on threads which were merged into it included."""
    work = {root: Work() for root in roots.values()}
    of_model, of_tool = Q(kind=Spend.Kind.MODEL), Q(kind=Spend.Kind.TOOL)
    closed, held = Q(state__in=COUNTED), Q(state=Spend.State.RESERVED)
    sums = (
        Spend.objects.filter(run__ticket__in=roots)
        .order_by()
        .values_list("run__ticket")
        .annotate(
            models=Sum("charged", filter=of_model, default=0),
            tools=Sum("charged", filter=of_tool, default=0),
            attempts=Count("pk", filter=of_model & closed),
            held=Count("pk", filter=held),
        )
    )
    for thread, models, tools, attempts, reserved in sums:
        it = work[roots[thread]]
        it.model_micros += models
        it.tool_micros += tools
        it.model_calls += attempts
        it.is_under_way |= reserved > 0
    sent = ToolCall.objects.filter(run__ticket__in=roots, sent_at__isnull=False).order_by()
    for thread, tool, calls in sent.values_list("run__ticket", "tool__qualified_name").annotate(Count("pk")):
        it = work[roots[thread]]
        it.tool_calls += calls
        it.tools |= {tool} - {None}
    for thread in Run.objects.live().filter(ticket__in=roots).order_by().values_list("ticket", flat=True):
        work[roots[thread]].is_under_way = True
    periods = WorkPeriod.objects.filter(ticket__in=roots).order_by().values_list("ticket")
    for thread, seconds, still in periods.annotate(Sum("seconds"), still=Count("pk", filter=Q(ended_at=None))):
        it = work[roots[thread]]
        it.human_seconds += seconds
        it.is_under_way |= still > 0
    for thread, decisions in _decisions(roots).items():
        work[roots[thread]].decisions += decisions
    return work


def _decisions(tickets: Iterable[int]) -> Counter[int]:
    """How often people decided about what agents asked for, by ticket, while they did not hold it: two statements.

    What the holder of a ticket decides takes time that is counted as their work on it.
    """
    held = WorkPeriod.objects.filter(Q(ended_at=None) | Q(ended_at__gte=OuterRef("decided_at"))).filter(
        user=OuterRef("decided_by"), started_at__lte=OuterRef("decided_at")
    )
    requests = ApprovalDecision.objects.filter(~Exists(held.filter(ticket=OuterRef("request__ticket"))))
    drafts = Draft.objects.filter(
        ~Exists(held.filter(ticket=OuterRef("ticket"))),
        state__in=[Draft.State.SENT, Draft.State.DISCARDED],
        author__kind=User.Kind.SERVICE,
        decided_by__isnull=False,
    )
    counts: Counter[int] = Counter()
    for found, column in ((requests, "request__ticket"), (drafts, "ticket")):
        rows = found.filter(**{f"{column}__in": list(tickets)}).order_by().values_list(column)
        counts.update(dict(rows.annotate(n=Count("pk"))))
    return counts


def _row(ticket: Any, work: Work, run: Run | None, now: datetime) -> Interaction:
    ended_at = (ticket.resolved_at or ticket.updated_at) if ticket.is_over else None
    came_back_at = ticket.came_back_at
    is_reopened = ended_at is not None and came_back_at is not None and came_back_at <= ended_at + SETTLING
    return Interaction(
        ticket_id=ticket.pk,
        team_id=ticket.team_id,
        category=ticket.category,
        channel=ticket.channel,
        language=ticket.language,
        agent_id=None if run is None else run.agent_id,
        agent_version=None if run is None else run.configuration.get("agent"),
        resolution=Resolution.OPEN if ended_at is None else _resolution(ticket),
        handed_over=ticket.handed,
        opened_at=ticket.created_at,
        ended_at=ended_at,
        reopened_at=came_back_at if is_reopened else None,
        first_answer_seconds=_seconds(ticket.created_at, ticket.answered_at),
        resolution_seconds=_seconds(ticket.created_at, ended_at),
        model_micros=work.model_micros,
        model_calls=work.model_calls,
        tool_micros=work.tool_micros,
        tool_calls=work.tool_calls,
        tools=named(*sorted(work.tools)),
        human_seconds=work.human_seconds,
        decisions=work.decisions,
        score=ticket.rating.score if hasattr(ticket, "rating") else None,
        final=ended_at is not None and now >= ended_at + EXPECTED and not work.is_under_way,
        computed_at=now,
    )


def _resolution(ticket: Any) -> Resolution:
    """Who solved an ended conversation: what was said at its end, else what the records say."""
    if ticket.last_run is None:
        return Resolution.BY_PERSON
    if ticket.outcome:
        return _SAID[Outcome(ticket.outcome)]
    if ticket.last_kind is None:
        return Resolution.ABANDONED
    if ticket.last_kind == Message.Kind.PERSON:
        return Resolution.ASSISTED if ticket.agents_words else Resolution.ESCALATED
    if ticket.handed and not ticket.person_spoke and not ticket.briefed:
        return Resolution.ABANDONED  # the agent gave up, and nobody took it from there
    is_helped = ticket.handed or ticket.person_spoke or ticket.briefed or ticket.draft_sent
    return Resolution.ASSISTED if is_helped else Resolution.UNASSISTED


def _seconds(start: datetime, end: datetime | None) -> int | None:
    """Whole seconds; never less than none, whatever the clocks said."""
    return None if end is None else max(int((end - start).total_seconds()), 0)
