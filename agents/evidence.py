"""What speaks for letting an agent's answers go further by themselves, per category, over the last 28 days.

Counted are answers that it wrote and people decided about (drafts of its own accord, none that a colleague asked for),
and threads that it answered and that did not stay as it left them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Length
from django.utils import timezone

from agents.models import Agent, ModelCall
from audit.models import AuditEntry
from supportagent.shares import Share
from supportagent.tickets.models import Draft, Message, Ticket

PERIOD = timedelta(days=28)
ENOUGH = 20  # decided drafts
LEAST = 0.8  # lower bound of the interval
SAME = 50  # an edit of one character in so many (2 %) leaves it the agent's answer


@dataclass(frozen=True)
class Fared:
    """How the answers of one version of an agent fared, of conversations that it had last."""

    decided: int = 0
    agreed: int = 0
    answered: int = 0
    reversed: int = 0


@dataclass(frozen=True)
class Evidence:
    """One category of one agent: how its answers fared."""

    category: str
    level: str
    decided: int = 0
    agreed: int = 0
    discarded: int = 0
    mean_edit: float | None = None  # characters, of those that were sent
    answered: int = 0
    reversed: int = 0

    @property
    def label(self) -> str:
        return str(Ticket.Category(self.category).label)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between which shares the agreement lies; None where nothing was decided."""
        return Share(self.agreed, self.decided).interval if self.decided else None

    @property
    def supports(self) -> str:
        """The next step of the ladder, if the evidence carries it; empty otherwise, and at the top."""
        levels = Agent.Autonomy.values
        place = levels.index(self.level)
        interval = self.interval
        if self.decided < ENOUGH or interval is None or interval[0] < LEAST or place + 1 == len(levels):
            return ""
        return str(levels[place + 1])

    @property
    def figures(self) -> str:
        """In one line, as it stands beside the switch."""
        parts = []
        if self.interval is None:
            parts.append("no answer was decided about")
        else:
            low, high = self.interval
            parts.append(
                f"{self.agreed} of {self.decided} sent as written ({self.agreed / self.decided:.0%}, "
                f"95 % between {low:.0%} and {high:.0%})"
            )
            if self.mean_edit is not None:
                parts.append(f"{self.mean_edit:.1f} characters changed on average")
            parts.append(f"{self.discarded} discarded")
        parts.append(f"{self.reversed} of {self.answered} answered threads reversed")
        return ", ".join(parts)

    @property
    def verdict(self) -> str:
        """What follows for the ladder, in words."""
        if self.supports:
            return f"Supports the next step: {Agent.Autonomy(self.supports).label.partition(':')[0].lower()}."
        if self.level == Agent.Autonomy.AUTONOMOUS:
            return "At the top of the ladder."
        if self.decided < ENOUGH:
            return f"Not enough yet: {ENOUGH} decided answers are needed."
        return f"Does not support a next step: the lower bound is below {LEAST:.0%}."


def of(agent: Agent, now: datetime | None = None) -> dict[str, Evidence]:
    """By category, every one of them: three statements."""
    since = (now or timezone.now()) - PERIOD
    levels = dict(agent.autonomy_by_category.values_list("category", "level"))
    drafts = {row.pop("category"): row for row in _drafts(agent, since)}
    threads = {row.pop("category"): row for row in _threads(agent, since)}
    return {
        category: Evidence(
            category=category,
            level=levels.get(category, agent.autonomy),
            **drafts.get(category, {}),
            **threads.get(category, {}),
        )
        for category in Ticket.Category.values
    }


def by_version(agent: Agent, since: datetime, seen: Q) -> dict[int, Fared]:
    """The same by the version (history id) that had the conversation last, of tickets that `seen` names: two
    statements.
    """
    version = "interaction__agent_version"
    found: dict[int, Fared] = {}
    for row in _drafts(agent, since, by=f"ticket__{version}", tickets=Ticket.objects.filter(seen)):
        found[row[f"ticket__{version}"]] = Fared(row["decided"], row["agreed"])
    for row in _threads(agent, since, by=version).filter(seen):
        drafts = found.get(row[version], Fared())
        found[row[version]] = Fared(drafts.decided, drafts.agreed, row["answered"], row["reversed"])
    return found


def _drafts(
    agent: Agent, since: datetime, *, by: str = "category", tickets: QuerySet[Ticket] | None = None
) -> Iterable[Any]:
    """Its answers that somebody decided about. One sent with at most 2 % of its characters changed was agreed to."""
    sent = Q(state=Draft.State.SENT)
    # What was sent before distances were kept counts where it was not touched.
    as_written = Q(changed__lte=F("length")) | Q(edit_distance=None, sent_body=F("body"))
    drafts = Draft.objects.all() if tickets is None else Draft.objects.filter(ticket__in=tickets)
    return (
        drafts.filter(
            sent | Q(state=Draft.State.DISCARDED),
            author=agent.service_user_id,
            kind__in=[Draft.Kind.DRAFT, Draft.Kind.APPROVE],
            decided_at__gte=since,
        )
        .annotate(length=Length("body"), changed=F("edit_distance") * SAME)
        .order_by()
        .values(by)
        .annotate(
            decided=Count("pk"),
            agreed=Count("pk", filter=sent & as_written),
            discarded=Count("pk", filter=Q(state=Draft.State.DISCARDED)),
            mean_edit=Avg("edit_distance", filter=sent),
        )
    )


def _threads(agent: Agent, since: datetime, *, by: str = "category") -> Any:
    """Threads that it answered, and how many of them a person took over, the customer opened again, or had an answer
    of it withheld.
    """
    answers = Message.objects.filter(
        ticket=OuterRef("pk"),
        kind=Message.Kind.AGENT,
        author_type="agent",
        author_id=str(agent.service_user_id),
        created_at__gte=since,
    )
    taken = AuditEntry.objects.order_by().filter(
        ticket=OuterRef("number"), action="tickets.ticket.taken_over", at__gte=since
    )
    withheld = ModelCall.objects.filter(
        run__ticket=OuterRef("pk"), run__agent=agent, fate=ModelCall.Fate.WITHHELD, created_at__gte=since
    )
    again = Ticket.objects.filter(reopens=OuterRef("pk"))
    return (
        Ticket.objects.filter(Exists(answers))
        .annotate(turned=Exists(taken) | Exists(withheld) | Exists(again))
        .order_by()
        .values(by)
        .annotate(answered=Count("pk"), reversed=Count("pk", filter=Q(turned=True)))
    )
